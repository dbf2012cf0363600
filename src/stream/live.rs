//! Records for asynchronous programs.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::mpsc;

use super::record::Record;

/// Records that wait for the program at most.
const WAITING: usize = 64;

/// A [`Stream`](super::Stream) that runs on a thread of its own, so that a program can await its records.
///
/// Dropping it ends the thread as soon as its source gives the next record.
#[derive(Debug)]
pub struct AsyncStream(mpsc::Receiver<Record>);

impl AsyncStream {
    pub(super) fn start(
        stream: impl Iterator<Item = Record> + Send + 'static,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel(WAITING);
        std::thread::Builder::new()
            .name("stream".into())
            .spawn(move || {
                for record in stream {
                    if sender.blocking_send(record).is_err() {
                        return;
                    }
                }
            })?;
        Ok(Self(receiver))
    }

    /// The next record; `None` at the end. Can be cancelled without losing a record.
    pub async fn next(&mut self) -> Option<Record> {
        self.0.recv().await
    }

    /// The next record, for implementations of [`Future`].
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Record>> {
        self.0.poll_recv(context)
    }
}

impl futures_core::Stream for AsyncStream {
    type Item = Record;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Record>> {
        self.0.poll_recv(context)
    }
}
