//! The body of an answer, written in turns: as much as the connection can take, and never for long at once.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::body::{Body, Bytes, Frame, SizeHint};

use super::super::queue::Make;

/// A piece is sent once it has this many bytes.
const PIECE: usize = 256 * 1024;
/// Parts are written for so long in one turn. With a thousand busy sessions the next turn may come a second later, so that a
/// turn for each part would make a scrape take longer than the time until the next.
const TURN: Duration = Duration::from_millis(2);

/// A body that is written while it is sent.
pub(super) struct Written {
    /// Appends the next part; returns `true` if there are more. `None` at the end.
    make: Option<Make>,
    text: String,
    /// Other tasks have run since the last part was written.
    rested: bool,
}

impl Written {
    /// A body of several parts.
    pub(super) fn new(make: Make) -> Self {
        Self {
            make: Some(make),
            text: String::new(),
            rested: true,
        }
    }

    /// A body that is known already.
    pub(super) const fn whole(text: String) -> Self {
        Self {
            make: None,
            text,
            rested: true,
        }
    }
}

impl Body for Written {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.make.is_some() && !std::mem::replace(&mut self.rested, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(mut make) = self.make.take() {
            self.rested = false;
            let begun = Instant::now();
            let mut more = true;
            while more && self.text.len() < PIECE && begun.elapsed() < TURN {
                more = make(&mut self.text);
            }
            if more {
                self.make = Some(make);
            }
            if more && self.text.len() < PIECE {
                cx.waker().wake_by_ref();
                self.rested = true;
                return Poll::Pending;
            }
        }
        if self.text.is_empty() {
            return Poll::Ready(None);
        }
        let piece = Bytes::from(std::mem::take(&mut self.text));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.make.is_none() && self.text.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match self.make {
            Some(_) => SizeHint::default(),
            None => SizeHint::with_exact(self.text.len() as u64),
        }
    }
}
