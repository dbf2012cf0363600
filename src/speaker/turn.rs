//! How long the tasks of the one thread take: each poll of a task is a turn, in which no other task runs.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
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
