//! The configuration that is in force, and the one to return to unless a reload is confirmed.
//!
//! While a reload waits for its confirmation, the fallback is the last configuration that needed none. Another reload, by a
//! command or by a signal, changes what is in force but neither the fallback nor the deadline; only another `reload confirm`
//! moves the deadline.

use std::cell::{Cell, OnceCell, RefCell};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::config::{Config, NeighborConfig};

use super::requests::Done;

/// A configuration whose neighbors are shared with the tables.
pub(crate) struct Running {
    /// Everything except the neighbors.
    pub(crate) config: Config,
    pub(crate) neighbors: Vec<Rc<NeighborConfig>>,
}

impl Running {
    pub(crate) fn new(mut config: Config) -> Rc<Self> {
        let neighbors = std::mem::take(&mut config.neighbors);
        let mut neighbors: Vec<_> = neighbors.into_iter().map(Rc::new).collect();
        // They are collected in the memory of the larger ones.
        neighbors.shrink_to_fit();
        Rc::new(Self { config, neighbors })
    }

    /// A copy with the neighbors.
    pub(crate) fn whole(&self) -> Config {
        let neighbors = self.neighbors.iter();
        Config {
            neighbors: neighbors.map(|neighbor| (**neighbor).clone()).collect(),
            ..self.config.clone()
        }
    }
}

/// What a reload replaces, and may return to.
#[derive(Default)]
pub(crate) struct Reloads {
    current: RefCell<Option<Rc<Running>>>,
    pending: RefCell<Option<Pending>>,
    /// The file of the configuration, if there is one.
    path: OnceCell<PathBuf>,
    changed: Notify,
    /// What could not be applied.
    failures: RefCell<Vec<String>>,
    /// What is to be known of what was applied.
    remarks: RefCell<Vec<String>>,
    /// The file when it was read last.
    read: Cell<Option<Version>>,
}

/// What tells a file from what it was before: device, inode, size, and the time of the last change.
type Version = (u64, u64, u64, (i64, i64));

/// A reload that is not confirmed.
struct Pending {
    previous: Rc<Running>,
    deadline: Instant,
}

impl Reloads {
    /// Sets the file that is read. Later calls have no effect.
    pub(crate) fn set_path(&self, path: &Path) {
        let _ = self.path.set(path.to_owned());
    }

    /// The file that is read.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.get().map(PathBuf::as_path)
    }

    /// Notes that the file is about to be read.
    pub(crate) fn reading(&self) {
        self.read.set(self.version());
    }

    /// Returns `true` if the file is the one that was read last.
    pub(crate) fn is_read(&self) -> bool {
        let now = self.version();
        now.is_some() && now == self.read.get()
    }

    fn version(&self) -> Option<Version> {
        let file = std::fs::metadata(self.path()?).ok()?;
        let changed = (file.mtime(), file.mtime_nsec());
        Some((file.dev(), file.ino(), file.size(), changed))
    }

    /// The configuration in force.
    pub(crate) fn current(&self) -> Option<Rc<Running>> {
        self.current.borrow().clone()
    }

    /// Notes the configuration in force. Returns the one before.
    pub(crate) fn replace(&self, new: Rc<Running>) -> Option<Rc<Running>> {
        self.current.replace(Some(new))
    }

    /// Waits for a confirmation: without one, `previous` comes back, or what an earlier call has named.
    pub(crate) fn arm(&self, previous: Rc<Running>, within: Duration) {
        let deadline = Instant::now() + within;
        let mut pending = self.pending.borrow_mut();
        match &mut *pending {
            Some(pending) => pending.deadline = deadline,
            None => {
                *pending = Some(Pending { previous, deadline });
            }
        }
        self.changed.notify_one();
    }

    /// The names of the neighbors that would come back without a confirmation; none if no reload waits for one.
    pub(crate) fn awaited(&self) -> Vec<String> {
        let pending = self.pending.borrow();
        let previous = pending
            .iter()
            .flat_map(|pending| &pending.previous.neighbors);
        previous.map(|neighbor| neighbor.name()).collect()
    }

    /// Ends the wait. Returns the configuration that would have come back.
    pub(crate) fn settle(&self) -> Option<Rc<Running>> {
        self.changed.notify_one();
        self.pending.take().map(|pending| pending.previous)
    }

    /// Notes a part of the new configuration that could not be applied.
    pub(crate) fn fail(&self, what: String) {
        self.failures.borrow_mut().push(what);
    }

    /// Notes something that is to be known of the new configuration.
    pub(crate) fn remark(&self, what: String) {
        self.remarks.borrow_mut().push(what);
    }

    /// Takes what was noted since the last call.
    ///
    /// # Errors
    /// When a part could not be applied.
    pub(crate) fn result(&self) -> Done {
        let (failures, remarks) = (self.failures.take(), self.remarks.take());
        let remarks = (!remarks.is_empty()).then(|| remarks.join("; "));
        if failures.is_empty() {
            return Ok(remarks);
        }
        let all: Vec<String> = failures.into_iter().chain(remarks).collect();
        Err(format!(
            "the configuration is in force, but not all of it: {}",
            all.join("; ")
        ))
    }

    /// How long a reload still waits for its confirmation.
    pub(crate) fn left(&self) -> Option<Duration> {
        let pending = self.pending.borrow();
        let deadline = pending.as_ref()?.deadline;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    /// Waits until a reload was not confirmed in time.
    pub(crate) async fn unconfirmed(&self) {
        loop {
            match self.left() {
                None => self.changed.notified().await,
                Some(left) if left.is_zero() => return,
                // Whichever comes first.
                Some(left) => {
                    let _ = tokio::time::timeout(left, self.changed.notified()).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_fallback_is_the_last_confirmed_configuration() {
        let reloads = Reloads::default();
        let (first, second) = (
            Running::new(Config::default()),
            Running::new(Config::default()),
        );
        reloads.replace(Rc::clone(&first));
        reloads.arm(Rc::clone(&first), Duration::from_secs(60));
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(reloads.left(), Some(Duration::from_secs(1)));
        // A second one moves the deadline only.
        reloads.arm(second, Duration::from_secs(10));
        assert_eq!(reloads.left(), Some(Duration::from_secs(10)));
        reloads.unconfirmed().await;
        assert!(
            reloads
                .settle()
                .is_some_and(|back| Rc::ptr_eq(&back, &first))
        );
        assert_eq!(reloads.left(), None);
        assert!(reloads.settle().is_none());
        // Nothing is due any more.
        let wait = tokio::time::timeout(Duration::from_secs(1_000), reloads.unconfirmed());
        assert!(wait.await.is_err());
    }
}
