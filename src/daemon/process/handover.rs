//! A helper on its way from one process of this program to the next.

use std::io;
use std::os::fd::RawFd;

use nix::unistd::Pid;

use super::{Inherited, Process, Running, Wish};
use crate::daemon::stats::CommandCounts;

/// What is known of a helper besides its configuration and its queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HelperParts {
    /// Its process ID, and its stdin, stdout and stderr; `None` if it is not started again.
    pub(crate) running: Option<(i32, [RawFd; 3])>,
    /// What it wrote and was not executed.
    pub(crate) input: Vec<u8>,
    pub(crate) starts: u64,
    /// Its recent deaths: in which minute, and how many.
    pub(crate) deaths: (u64, u32),
    pub(crate) counts: CommandCounts,
}

impl Process {
    /// What another process needs to continue with it; `None` while it is started or stopped.
    pub(crate) fn parts(&self) -> Option<HelperParts> {
        let running = match (self.pid(), self.pipes.get()) {
            (Some(pid), Some(pipes)) if self.wish.get() == Wish::Run => Some((pid, pipes)),
            (None, None) if self.lost.get() => None,
            _ => return None,
        };
        Some(HelperParts {
            running,
            input: self.input.borrow().to_vec(),
            starts: self.starts.get(),
            deaths: self.endings.deaths.get(),
            counts: self.counts.get(),
        })
    }

    /// Continues with a helper that another process has started, once it is supervised. `adopt` takes its pipes, unless other
    /// code runs it.
    ///
    /// # Errors
    /// When its pipes are gone. It is started again then.
    pub(crate) fn resume(
        &self,
        parts: &HelperParts,
        adopt: impl FnOnce(i32, [RawFd; 3]) -> io::Result<Option<Running>>,
    ) -> io::Result<()> {
        self.starts.set(parts.starts);
        self.endings.deaths.set(parts.deaths);
        self.counts.set(parts.counts);
        let Some((pid, pipes)) = parts.running else {
            self.inherited.replace(Inherited::Lost);
            return Ok(());
        };
        let running = adopt(pid, pipes)?;
        self.input.borrow_mut().extend_from_slice(&parts.input);
        self.pid.set(Some(Pid::from_raw(pid)));
        self.pipes.set(Some(pipes));
        self.queue.open();
        if let Some(running) = running {
            self.inherited
                .replace(Inherited::Running(Box::new(running)));
        }
        Ok(())
    }
}

/// A helper that is run by a test.
#[cfg(test)]
impl Process {
    /// Gives it what [`parts`](Self::parts) expects of one that runs.
    pub(crate) fn pretend(&self, pid: i32, pipes: [RawFd; 3]) {
        self.pid.set(Some(Pid::from_raw(pid)));
        self.pipes.set(Some(pipes));
        self.starts.set(self.starts.get() + 1);
    }

    /// Adds to what it wrote and was not executed.
    pub(crate) fn hold_back(&self, text: &[u8]) {
        self.input.borrow_mut().extend_from_slice(text);
    }
}
