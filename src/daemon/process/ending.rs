//! How a run of a helper ends.

use std::io;
use std::os::fd::AsFd;
use std::process::ExitStatus;
use std::time::Duration;

use bytes::BytesMut;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, read};
use tokio::net::unix::pipe;
use tokio::time::timeout;
use tracing::warn;

use super::child::HelperChild;
use super::respawn::Endings;
use crate::daemon::queue::Queue;
use crate::daemon::until_closed::until_closed;

/// How long a helper may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(2);

/// What is ended of a helper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Its own process. What it has left in the background goes on, as in ExaBGP.
    Process,
    /// Its process group.
    Group,
}

/// Logs the exit status of a helper, or the signal that killed it.
pub(super) fn report_end(name: &str, status: io::Result<ExitStatus>) {
    match status {
        Ok(status) => warn!(process = %name, "the helper ended: {status}"),
        Err(cause) => warn!(process = %name, "the helper ended: {cause}"),
    }
}

/// Waits until a helper that was killed has exited; what it left behind may keep its stdout open.
pub(super) async fn killed(endings: &Endings, child: &mut HelperChild) -> io::Result<ExitStatus> {
    endings.until_killed().await;
    child.wait().await
}

/// Returns `true` if some process may still write to this pipe.
pub(super) fn is_open(stdout: &pipe::Receiver) -> bool {
    let mut polled = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
    let is_known = poll(&mut polled, PollTimeout::ZERO).is_ok();
    let found = polled[0].revents().filter(|_| is_known);
    found.is_some_and(|found| !found.contains(PollFlags::POLLHUP))
}

/// Reads what the pipe has, whether or not the runtime was told of it: the end of a process may be known earlier.
pub(super) fn read_now(stdout: &pipe::Receiver, buffer: &mut BytesMut) -> io::Result<usize> {
    let mut bytes = [0; 16 * 1024];
    let count = read(stdout, &mut bytes)?;
    buffer.extend_from_slice(&bytes[..count]);
    Ok(count)
}

/// Writes as much of the queue as fits into the pipe, without waiting: the `shutdown` event must be written even if the
/// writing task has not run before the helper is stopped. Returns `true` if all was written, and there was something.
pub(super) fn flush(queue: &Queue, stdin: &pipe::Sender) -> bool {
    let told = !queue.is_empty();
    while !queue.is_empty() {
        let written = queue.write(|slices| stdin.try_write_vectored(slices));
        // The pipe is full or broken: the helper does not read it.
        if written.is_err() {
            return false;
        }
    }
    told
}

/// Ends the helper with SIGTERM, and with SIGKILL after a while.
pub(super) async fn terminate(
    (name, group): (&str, Pid),
    child: &mut HelperChild,
    stdout: &pipe::Receiver,
    reach: Reach,
) {
    let send = |signal, child: &HelperChild| {
        // They may be gone already.
        let _ = match reach {
            Reach::Group => killpg(group, signal),
            // A process ID may be another's once its status is known.
            Reach::Process => child.id().map_or(Ok(()), |pid| kill(pid, signal)),
        };
    };
    send(Signal::SIGTERM, child);
    let gone = async {
        let _ = child.wait().await;
        if reach == Reach::Group {
            // What it left in the background has its time, too.
            until_closed(
                async || stdout.readable().await,
                |bytes| stdout.try_read(bytes),
            )
            .await;
        }
    };
    if timeout(GRACE, gone).await.is_err() {
        warn!(process = %name, "the helper did not end within 2 seconds and is killed");
    }
    send(Signal::SIGKILL, child);
    let _ = child.wait().await;
}
