//! The connections that are served at a time. When all places are taken, a new connection takes that of a client that
//! does nothing: half-open requests can delay neither a scrape nor the page.

use std::cell::{Cell, OnceCell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tracing::debug;

use crate::daemon::urgent::UrgentHandle;

/// How long an answer may make no progress before its connection may be closed for a new one.
const STALLED: Duration = Duration::from_secs(1);
/// How often to look for such a connection.
const LOOK: Duration = Duration::from_millis(250);

/// One connection.
pub(super) struct Place {
    began: Instant,
    /// When bytes were last read or written.
    progress: Cell<Instant>,
    /// Its request is complete.
    is_requested: Cell<bool>,
    task: OnceCell<UrgentHandle>,
}

impl Place {
    fn new(now: Instant) -> Self {
        Self {
            began: now,
            progress: Cell::new(now),
            is_requested: Cell::new(false),
            task: OnceCell::new(),
        }
    }

    /// Notes that its request is complete.
    pub(super) fn requested(&self) {
        self.is_requested.set(true);
    }

    /// Sets the task that serves it.
    pub(super) fn served_by(&self, task: UrgentHandle) {
        // It is set once.
        let _ = self.task.set(task);
    }
}

/// The connections.
pub(super) struct Places {
    most: usize,
    taken: RefCell<Vec<Rc<Place>>>,
    freed: Notify,
}

/// A place, until it is dropped.
pub(super) struct Seat {
    pub(super) place: Rc<Place>,
    places: Rc<Places>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.places.free(&self.place);
    }
}

impl Places {
    /// So many places.
    pub(super) fn new(most: usize) -> Rc<Self> {
        Rc::new(Self {
            most,
            taken: RefCell::default(),
            freed: Notify::new(),
        })
    }

    /// Takes a place. If there is none, closes the connection that has waited for its request for the longest time, or
    /// one whose answer is not read; waits if all are active.
    pub(super) async fn take(self: &Rc<Self>) -> Seat {
        while self.taken.borrow().len() >= self.most {
            match self.idlest(Instant::now()) {
                Some(idle) => {
                    debug!("a connection for metrics is closed for a new one");
                    self.free(&idle);
                    if let Some(task) = idle.task.get() {
                        task.abort();
                    }
                }
                // Whichever comes first.
                None => {
                    let _ = tokio::time::timeout(LOOK, self.freed.notified()).await;
                }
            }
        }
        let place = Rc::new(Place::new(Instant::now()));
        self.taken.borrow_mut().push(Rc::clone(&place));
        Seat {
            place,
            places: Rc::clone(self),
        }
    }

    fn free(&self, place: &Rc<Place>) {
        let mut taken = self.taken.borrow_mut();
        taken.retain(|other| !Rc::ptr_eq(other, place));
        self.freed.notify_one();
    }

    /// The connection that is closed for a new one.
    fn idlest(&self, now: Instant) -> Option<Rc<Place>> {
        let taken = self.taken.borrow();
        let stalled = |place: &Place| now.saturating_duration_since(place.progress.get()) > STALLED;
        let idle = taken
            .iter()
            .filter(|place| !place.is_requested.get() || stalled(place));
        // A request that comes byte by byte is not any better than none.
        let rank = |place: &Place| match place.is_requested.get() {
            false => (false, place.began),
            true => (true, place.progress.get()),
        };
        idle.min_by_key(|place| rank(place)).cloned()
    }
}

/// A stream whose progress is noted.
pub(super) struct Noted<S> {
    pub(super) stream: S,
    pub(super) place: Rc<Place>,
}

impl<S> Noted<S> {
    fn note(&self) {
        self.place.progress.set(Instant::now());
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Noted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if result.is_ready() {
            self.note();
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Noted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if result.is_ready() {
            self.note();
        }
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        if result.is_ready() {
            self.note();
        }
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_request_goes_first_then_what_is_not_read() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let places = Places::new(4);
        let add = |began, progress, is_requested| {
            let place = Rc::new(Place::new(at(began)));
            place.progress.set(at(progress));
            place.is_requested.set(is_requested);
            places.taken.borrow_mut().push(Rc::clone(&place));
            place
        };
        let unread = add(0, 4, true);
        let active = add(1, 9, true);
        let dripping = add(2, 9, false);
        let fresh = add(8, 8, false);
        for wanted in [dripping, fresh, unread] {
            let found = places.idlest(at(9)).expect("an idle connection");
            assert!(Rc::ptr_eq(&found, &wanted));
            places.free(&found);
        }
        assert!(places.idlest(at(9)).is_none());
        assert_eq!(places.taken.borrow().len(), 1);
        places.free(&active);
    }
}
