//! Ctrl-C, or SIGTERM, while a feed that never ends is counted: what was counted so far is printed.

use std::io;
use std::ops::ControlFlow;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::signal::Signal;
use tokio::runtime::Runtime;

use super::output::Output;
use crate::cli::ends::Ends;
use crate::stream::{Block, Notes, Position, RecordRef, Route, Stream, Visitor};

/// The signals, caught from the time on that this is made.
pub(super) struct Interrupts {
    runtime: Runtime,
    ends: Ends,
}

impl Interrupts {
    /// Catches the signals, except those that are ignored.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub(super) fn new() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        let ends = {
            let _guard = runtime.enter();
            Ends::new(&[Signal::SIGINT])?
        };
        Ok(Self { runtime, ends })
    }

    /// Lends the records of a stream to `output` until they end, or a signal comes. The stream may wait for a record then: its
    /// thread is left behind.
    ///
    /// # Errors
    /// When there can be no thread.
    pub(super) fn visit(self, mut stream: Stream, output: Output) -> io::Result<Option<Output>> {
        let (ended, end) = channel();
        let interrupted = ended.clone();
        let Self { runtime, mut ends } = self;
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                runtime.block_on(ends.next());
                // If the records have ended as well, nothing waits for this.
                let _ = interrupted.send(());
            })?;
        let shared = Shared(Arc::new(Mutex::new(Some(output))));
        let mut visitor = shared.clone();
        std::thread::Builder::new()
            .name("records".into())
            .spawn(move || {
                stream.visit(&mut visitor);
                let _ = ended.send(());
            })?;
        // Neither thread ends without sending, unless it panics.
        let _ = end.recv();
        Ok(shared.lock().take())
    }
}

/// An output that is taken away when a signal comes.
#[derive(Clone)]
struct Shared(Arc<Mutex<Option<Output>>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Option<Output>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn each(&self, visit: impl FnOnce(&mut Output) -> ControlFlow<()>) -> ControlFlow<()> {
        self.lock().as_mut().map_or(ControlFlow::Break(()), visit)
    }
}

impl Visitor for Shared {
    fn wants_position(&self) -> bool {
        self.lock().as_ref().is_some_and(Output::wants_position)
    }

    fn wants_elems(&self) -> bool {
        self.lock().as_ref().is_some_and(Output::wants_elems)
    }

    fn wants_ruled_out(&self) -> bool {
        self.lock().as_ref().is_some_and(Output::wants_ruled_out)
    }

    fn ruled_out(&mut self) -> ControlFlow<()> {
        self.each(Output::ruled_out)
    }

    fn record(&mut self, record: &RecordRef<'_>, position: Position) -> ControlFlow<()> {
        self.each(|output| output.record(record, position))
    }

    fn block<'b>(
        &mut self,
        record: &RecordRef<'_>,
        block: &Block<'_>,
        routes: impl Iterator<Item = Route<'b>>,
    ) {
        if let Some(output) = self.lock().as_mut() {
            output.block(record, block, routes);
        }
    }

    fn end(&mut self, record: &RecordRef<'_>, notes: Notes) -> ControlFlow<()> {
        self.each(|output| output.end(record, notes))
    }
}
