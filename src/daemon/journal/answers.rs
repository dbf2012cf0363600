//! Answers to commands wait until the file has what the commands have changed: who has read `done` may rely on it.
//!
//! An empty answer that is not known yet is put before those of a turn, and is given once the thread has written the frame of the
//! turn. Writing in the thread of the sessions instead would need no such queue, and would have all sessions wait for a slow disk.

use std::rc::Rc;
use std::sync::atomic::Ordering;

use super::{Active, Journal};
use crate::daemon::core::Core;
use crate::daemon::queue::{Promise, Queue};

/// Answers that are held back while commands are executed.
pub(crate) struct Hold {
    promise: Promise,
    /// The frames before those of the commands.
    before: u64,
}

impl Journal {
    /// Holds back the answers that are put into a queue from now on.
    pub(crate) fn hold(&self, queue: &Queue) -> Option<Hold> {
        let writes = |active: &&Active| !active.shared.ended.load(Ordering::Acquire);
        self.active().filter(writes).map(|active| Hold {
            promise: queue.promise(),
            before: active.appended.get(),
        })
    }

    /// Lets them go once all that was recorded since is written.
    pub(crate) fn let_go(&self, hold: Hold, queue: &Rc<Queue>) {
        let Some(active) = self.active() else { return };
        let frames = active.appended.get();
        if frames == hold.before || active.shared.recorded.load(Ordering::Acquire) >= frames {
            hold.promise.replace(Some(String::new()));
            queue.settle();
            return;
        }
        let mut held = active.held.borrow_mut();
        held.push_back((frames, hold.promise, Rc::clone(queue)));
    }

    /// Waits until all that was recorded so far is written.
    pub(crate) async fn written(&self) {
        if let Some(active) = self.active() {
            let (shared, frames) = (&active.shared, active.appended.get());
            let is_written = || shared.recorded.load(Ordering::Acquire) >= frames;
            shared.until(is_written).await;
        }
    }
}

/// Lets answers go as long as the daemon runs.
pub(crate) async fn run(core: &Core) {
    let Some(active) = core.journal.active() else {
        return;
    };
    let shared = &active.shared;
    let is_next = || {
        let recorded = shared.recorded.load(Ordering::Acquire);
        let held = active.held.borrow();
        held.front().is_some_and(|(frames, ..)| *frames <= recorded)
    };
    loop {
        shared.until(is_next).await;
        let next = active.held.borrow_mut().pop_front();
        if let Some((_, promise, queue)) = next {
            promise.replace(Some(String::new()));
            queue.settle();
        }
    }
}
