//! How a run of a helper ends.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use tokio::net::unix::pipe;
use tokio::time::timeout;
use tracing::warn;

use super::child::HelperChild;
use super::{Ended, Process};
use crate::daemon::until_closed::until_closed;

/// How long a helper may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(2);

/// Logs the exit status of a helper, or the signal that killed it.
pub(super) fn report_end(process: &Process, status: io::Result<ExitStatus>) {
    match status {
        Ok(status) => warn!(process = %process.name, "the helper ended: {status}"),
        Err(cause) => warn!(process = %process.name, "the helper ended: {cause}"),
    }
}

/// Waits until a helper that was killed has exited; what it left behind may keep its stdout open.
pub(super) async fn killed(process: &Process, child: &mut HelperChild) -> io::Result<ExitStatus> {
    process.endings.until_killed().await;
    child.wait().await
}

/// Ends the helper with SIGTERM, and with SIGKILL after a while: its whole group if that is wished. When it has died, what it
/// has left in the background goes on, as in ExaBGP.
pub(super) async fn terminate(
    process: &Process,
    child: &mut HelperChild,
    (ended, stdout): (Ended, &pipe::Receiver),
) {
    let Some(group) = process.pid.get() else {
        return;
    };
    let send = |signal, child: &HelperChild| {
        // They may be gone already.
        let _ = match ended {
            Ended::Wished => killpg(group, signal),
            // A process ID may be another's once its status is known.
            Ended::Died => child.id().map_or(Ok(()), |pid| kill(pid, signal)),
        };
    };
    send(Signal::SIGTERM, child);
    let gone = async {
        let _ = child.wait().await;
        if ended == Ended::Wished {
            // What it left in the background has its time, too.
            until_closed(
                async || stdout.readable().await,
                |bytes| stdout.try_read(bytes),
            )
            .await;
        }
    };
    if timeout(GRACE, gone).await.is_err() {
        warn!(process = %process.name, "the helper did not end within 2 seconds and is killed");
    }
    send(Signal::SIGKILL, child);
    let _ = child.wait().await;
}
