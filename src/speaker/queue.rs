//! A queue from the server's thread to one receiver in any thread: async, blocking or polled.
//!
//! Bounds are the producer's: it sees the items and decides what to do when there are many. A channel of tokio was rejected
//! because its sender cannot look at what waits, so that it could neither coalesce nor learn that there is room again.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Items on their way to one receiver.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    /// There will be no more.
    ended: bool,
    /// The receiver is gone.
    abandoned: bool,
    waker: Option<Waker>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                items: VecDeque::new(),
                ended: false,
                abandoned: false,
                waker: None,
            }),
            arrived: Condvar::new(),
        }
    }
}

impl<T> Queue<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Nothing that holds the lock can panic halfway through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, mut state: MutexGuard<'_, State<T>>) {
        let waker = state.waker.take();
        drop(state);
        self.arrived.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Changes what waits, and wakes the receiver. Nothing happens once the receiver is gone.
    pub(crate) fn edit(&self, edit: impl FnOnce(&mut VecDeque<T>)) {
        let mut state = self.state();
        if !state.abandoned && !state.ended {
            edit(&mut state.items);
            self.wake(state);
        }
    }

    /// How many items wait.
    pub(crate) fn len(&self) -> usize {
        self.state().items.len()
    }

    /// Returns `true` once the receiver is gone.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.state().abandoned
    }

    /// The receiver gets what waits, then `None`.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        self.wake(state);
    }

    /// The receiver is gone.
    pub(crate) fn abandon(&self) {
        let mut state = self.state();
        state.abandoned = true;
        state.items.clear();
    }

    /// The next item, if one waits.
    pub(crate) fn try_next(&self) -> Option<T> {
        self.state().items.pop_front()
    }

    /// The next item; `None` at the end.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = self.state();
        match state.items.pop_front() {
            Some(item) => Poll::Ready(Some(item)),
            None if state.ended => Poll::Ready(None),
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// The same for a thread without async.
    pub(crate) fn blocking_next(&self) -> Option<T> {
        let mut state = self.state();
        loop {
            if let Some(item) = state.items.pop_front() {
                return Some(item);
            }
            if state.ended {
                return None;
            }
            state = self
                .arrived
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}
