//! The process of a helper, or of a command: started here, or by the process that this one has replaced, whose children are
//! ours.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use tokio::process::Child;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The process of a helper.
pub(crate) enum HelperChild {
    /// Started here.
    Own(Child),
    /// Started before.
    Inherited(InheritedChild),
}

/// A child that was started before.
pub(crate) struct InheritedChild {
    pid: Pid,
    /// Some child has ended.
    ended: Signal,
    status: Option<ExitStatus>,
}

impl HelperChild {
    /// A child of the process that this one has replaced.
    ///
    /// # Errors
    /// When the kernel refuses the handler of SIGCHLD.
    pub(crate) fn inherited(pid: Pid) -> io::Result<Self> {
        Ok(Self::Inherited(InheritedChild {
            pid,
            ended: signal(SignalKind::child())?,
            status: None,
        }))
    }

    /// Its process ID, until it has ended.
    pub(super) fn id(&self) -> Option<Pid> {
        match self {
            Self::Own(child) => child
                .id()
                .and_then(|id| i32::try_from(id).ok())
                .map(Pid::from_raw),
            Self::Inherited(child) => child.status.is_none().then_some(child.pid),
        }
    }

    /// Waits until it has ended. It is safe to cancel.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        match self {
            Self::Own(child) => child.wait().await,
            Self::Inherited(child) => child.wait().await,
        }
    }
}

impl InheritedChild {
    async fn wait(&mut self) -> io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.status {
                return Ok(status);
            }
            self.status = status_of(waitpid(self.pid, Some(WaitPidFlag::WNOHANG))?);
            if self.status.is_none() {
                self.ended.recv().await;
            }
        }
    }
}

/// Waits until a child has ended. Its status can still be waited for, so that its process ID is not another's by then.
pub(super) async fn exited(pid: Pid) -> io::Result<ExitStatus> {
    let mut ended = signal(SignalKind::child())?;
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    loop {
        if let Some(status) = status_of(waitid(Id::Pid(pid), flags)?) {
            return Ok(status);
        }
        ended.recv().await;
    }
}

fn status_of(status: WaitStatus) -> Option<ExitStatus> {
    match status {
        WaitStatus::Exited(_, code) => Some(ExitStatus::from_raw(code << 8)),
        WaitStatus::Signaled(_, signal, _) => Some(ExitStatus::from_raw(signal as i32)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_status_of_a_child_that_was_started_elsewhere_is_reported() {
        for (script, expected) in [("exit 7", "exit status: 7"), ("kill -9 $$", "signal: 9")] {
            // What is tested waits for it.
            #[expect(clippy::zombie_processes)]
            let child = std::process::Command::new("sh")
                .args(["-c", script])
                .spawn()
                .expect("a shell");
            let pid = i32::try_from(child.id()).expect("a process ID");
            let pid = Pid::from_raw(pid);
            let seen = exited(pid).await.expect("it is our child");
            let mut inherited = HelperChild::inherited(pid).expect("a handler");
            let status = inherited.wait().await.expect("it is our child");
            assert!(status.to_string().starts_with(expected), "{status}");
            assert_eq!(seen, status);
            assert_eq!(inherited.wait().await.expect("known"), status);
        }
    }
}
