//! Commands that another process has started and this one continues for: it reads what they write, ends them at their time
//! limit, and takes note of their end.

use std::os::fd::RawFd;
use std::rc::Rc;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::net::unix::pipe;
use tokio::time::{Instant, timeout};
use tracing::warn;

use crate::daemon::core::Core;
use crate::daemon::process::HelperChild;
use crate::probe::command::Noted;
use crate::speaker::sockopt::inherit;

/// A command that runs: its process ID, the pipe of its output, and the rest of its time.
pub(crate) type Orphan = (i32, RawFd, Duration);

/// Goes on with commands of another process.
pub(crate) fn adopt(core: &Rc<Core>, orphans: Vec<Orphan>) {
    for (pid, number, left) in orphans {
        let pid = Pid::from_raw(pid);
        let output = inherit(number).and_then(pipe::Receiver::from_owned_fd);
        let (mut child, output) = match (HelperChild::inherited(pid), output) {
            (Ok(child), Ok(output)) => (child, output),
            (Err(cause), _) | (_, Err(cause)) => {
                warn!(%pid, %cause, "a command of a check is lost");
                continue;
            }
        };
        // There may be another upgrade.
        let noted = Noted::new(pid.as_raw(), number, Some(Instant::now() + left));
        core.spawn(async move {
            let _noted = noted;
            let end = async { tokio::join!(read(&output), child.wait()) };
            if timeout(left, end).await.is_err() {
                // It may have exited already.
                let _ = killpg(pid, Signal::SIGKILL);
                let _ = child.wait().await;
            }
        });
    }
}

/// Reads until all processes have closed the other end.
async fn read(output: &pipe::Receiver) {
    let mut buffer = [0; 4096];
    while output.readable().await.is_ok() {
        match output.try_read(&mut buffer) {
            Ok(0) => return,
            Err(cause) if cause.kind() != std::io::ErrorKind::WouldBlock => return,
            _ => {}
        }
    }
}
