//! How long the tasks of the one thread take: each poll of a task is a turn, in which no other task runs. And what those
//! share that are written by hand.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// A future whose turns are timed.
pub(crate) struct Timed<F, O> {
    future: Pin<Box<F>>,
    observe: O,
}

impl<F: Future, O: Fn(Duration) + Unpin> Timed<F, O> {
    /// Calls `observe` with the duration of each poll of `future`.
    pub(crate) fn new(future: F, observe: O) -> Self {
        let future = Box::pin(future);
        Self { future, observe }
    }
}

impl<F: Future, O: Fn(Duration) + Unpin> Future for Timed<F, O> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let start = Instant::now();
        let result = self.future.as_mut().poll(cx);
        (self.observe)(start.elapsed());
        result
    }
}

/// A future of which a panic ends only itself, though it is not a task of its own, which would take more memory.
pub(crate) struct Caught<F>(pub(crate) F);

/// A poll has panicked. The report is on standard error already.
pub(crate) struct Panicked;

impl<F: Future + Unpin> Future for Caught<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // It is dropped after a panic; what it shares with others is changed in whole steps.
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut self.0).poll(cx)));
        polled.map_or(Poll::Ready(Err(Panicked)), |poll| poll.map(Ok))
    }
}

/// Keeps the waker of the task that waits, unless it is kept already.
pub(crate) fn keep_waker(kept: &mut Option<Waker>, cx: &Context<'_>) {
    match kept {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *kept = Some(cx.waker().clone()),
    }
}
