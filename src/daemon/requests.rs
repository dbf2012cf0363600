//! Requests to the daemon as a whole, and wake-ups at a later time.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Notify;

use super::clock;
use super::signal::Request;

/// The result of a request: a remark, or why it failed.
pub(crate) type Done = Result<Option<String>, String>;

/// Receives the result of a request.
pub(crate) type Waiter = Box<dyn FnOnce(Result<Option<&str>, &str>)>;

/// A request, and who waits for its result.
pub(crate) struct Pending {
    pub(crate) request: Request,
    /// The exit code of a shutdown.
    pub(crate) code: u8,
    waiter: Option<Waiter>,
}

impl Pending {
    /// A request whose result nobody waits for.
    pub(crate) const fn new(request: Request) -> Self {
        Self {
            request,
            code: 0,
            waiter: None,
        }
    }

    /// Reports the result.
    pub(crate) fn settle(self, result: &Done) {
        if let Some(waiter) = self.waiter {
            let remark = result.as_ref().map(Option::as_deref);
            waiter(remark.map_err(String::as_str));
        }
    }
}

/// Requests in the order in which they came. None is lost.
#[derive(Default)]
pub(crate) struct Requests {
    list: RefCell<VecDeque<Pending>>,
    added: Notify,
}

impl Requests {
    /// Adds a request.
    pub(crate) fn add(&self, request: Request, code: u8) {
        let pending = Pending {
            code,
            ..Pending::new(request)
        };
        self.list.borrow_mut().push_back(pending);
        self.added.notify_one();
    }

    /// Reports the result of the request that was added last, which must not have been taken yet.
    pub(crate) fn wait_for_last(&self, waiter: Waiter) {
        match self.list.borrow_mut().back_mut() {
            Some(last) => last.waiter = Some(waiter),
            None => waiter(Ok(None)),
        }
    }

    /// Waits for the next request.
    pub(crate) async fn next(&self) -> Pending {
        loop {
            if let Some(request) = self.list.borrow_mut().pop_front() {
                return request;
            }
            self.added.notified().await;
        }
    }
}

/// Tasks to wake at a later time.
#[derive(Default)]
pub(crate) struct Alarms {
    list: RefCell<Vec<(Instant, Arc<Notify>)>>,
    added: Notify,
}

impl Alarms {
    /// Wakes a task at a time.
    pub(crate) fn add(&self, at: Instant, wake: &Arc<Notify>) {
        self.list.borrow_mut().push((at, Arc::clone(wake)));
        self.added.notify_one();
    }

    /// Wakes tasks when their time has come. Never returns.
    pub(crate) async fn run(&self) {
        loop {
            let next = self.list.borrow().iter().map(|(at, _)| *at).min();
            match next {
                None => self.added.notified().await,
                Some(at) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(at.into()) => {}
                        () = self.added.notified() => {}
                    }
                    let now = clock::now();
                    self.list.borrow_mut().retain(|(at, wake)| {
                        if *at <= now {
                            wake.notify_one();
                        }
                        *at > now
                    });
                }
            }
        }
    }
}
