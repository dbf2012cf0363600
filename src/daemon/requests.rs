//! Requests to the daemon as a whole, and wake-ups at a later time.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Notify;

use super::clock;
use super::signal::Request;

/// Requests in the order in which they came, each with the exit code of a shutdown. None is lost.
#[derive(Default)]
pub(crate) struct Requests {
    list: RefCell<VecDeque<(Request, u8)>>,
    added: Notify,
}

impl Requests {
    /// Adds a request.
    pub(crate) fn add(&self, request: Request, code: u8) {
        self.list.borrow_mut().push_back((request, code));
        self.added.notify_one();
    }

    /// Waits for the next request.
    pub(crate) async fn next(&self) -> (Request, u8) {
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
