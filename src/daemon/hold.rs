//! What is held while another process of this program takes over, and who has asked for that.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;

use tokio::sync::Notify;

use super::queue::Queue;
use super::sync_acks::Promise;
use crate::api::command::Deferred;

/// An upgrade that was requested: the answer, and where it goes.
pub(crate) struct Upgrade {
    pub(crate) answer: Deferred,
    pub(crate) promise: Promise,
    pub(crate) queue: Rc<Queue>,
}

impl Upgrade {
    /// Answers the request.
    pub(crate) fn settle(&self, result: Result<(), &str>) {
        self.promise.replace(Some(self.answer.answer(result)));
        self.queue.settle();
    }
}

/// Work of earlier commands that takes several turns, and that the next commands wait for.
#[derive(Clone, Default)]
pub(crate) struct Works(Rc<(Cell<usize>, Notify)>);

/// One such work, until it is dropped.
pub(crate) struct Work(Works);

impl Works {
    /// Begins one.
    pub(crate) fn begin(&self) -> Work {
        let (count, _) = &*self.0;
        count.set(count.get() + 1);
        Work(self.clone())
    }

    /// Returns `true` if there is any.
    pub(crate) fn is_any(&self) -> bool {
        self.0.0.get() > 0
    }

    /// Waits until there is none.
    pub(crate) async fn finished(&self) {
        while self.is_any() {
            self.0.1.notified().await;
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let (count, finished) = &*self.0.0;
        count.set(count.get() - 1);
        finished.notify_waiters();
    }
}

/// The state of handing over.
#[derive(Default)]
pub(crate) struct Handover {
    /// The tables are being filled with what another process has handed over.
    pub(crate) is_resuming: Cell<bool>,
    /// No commands are executed.
    held: Cell<bool>,
    released: Notify,
    /// The request that is being carried out.
    request: RefCell<Option<Upgrade>>,
}

impl Handover {
    /// Notes a request. Returns it again if there is one already.
    pub(crate) fn ask(&self, upgrade: Upgrade) -> Option<Upgrade> {
        let mut request = self.request.borrow_mut();
        if request.is_some() {
            return Some(upgrade);
        }
        *request = Some(upgrade);
        None
    }

    /// Takes the request.
    pub(crate) fn take(&self) -> Option<Upgrade> {
        self.request.take()
    }

    /// The answer that waits for the outcome.
    pub(crate) fn promise(&self) -> Option<Promise> {
        let request = self.request.borrow();
        request.as_ref().map(|request| Rc::clone(&request.promise))
    }

    /// The program that is asked for.
    pub(crate) fn program(&self) -> Option<PathBuf> {
        self.request.borrow().as_ref()?.answer.program.clone()
    }

    /// The answer if all goes well.
    pub(crate) fn success(&self) -> String {
        let request = self.request.borrow();
        let answer = request
            .as_ref()
            .map(|request| request.answer.answer(Ok(())));
        answer.unwrap_or_default()
    }

    /// Executes no commands from now on.
    pub(crate) fn hold(&self) {
        self.held.set(true);
    }

    /// Executes commands again.
    pub(crate) fn release(&self) {
        self.held.set(false);
        self.released.notify_waiters();
    }

    /// Waits until commands may be executed.
    pub(crate) async fn commands_allowed(&self) {
        while self.held.get() {
            self.released.notified().await;
        }
    }
}
