//! Where the lines go.

use std::io::{self, Write};
use std::ops::ControlFlow;

use super::progress::Bar;
use super::report::Report;
use super::stats::Stats;
use crate::stream::format::{Format, Printer};
use crate::stream::{Block, Notes, Position, RecordRef, Route, Status, Visitor};

/// Bytes that are written at once.
const BLOCK: usize = 64 << 10;

/// Records between two looks at the clock for the progress.
const LOOK: u64 = 1_024;

/// What is printed.
pub(super) enum Mode {
    /// Lines of elems, or of records, or both.
    Lines {
        /// Their form.
        format: Format,
        /// Whether each record has a line.
        records: bool,
    },
    /// Only how many.
    Count,
    /// Lists of what there is most of, each of this length.
    Stats(usize),
}

/// Prints what it is lent.
pub(super) struct Output {
    printer: Printer,
    mode: Mode,
    buffer: Vec<u8>,
    sink: Box<dyn Write + Send>,
    failure: Option<io::Error>,
    progress: Bar,
    stats: Stats,
    records: u64,
    elems: u64,
    report: Report,
    /// Most records that are read.
    pub(super) limit: u64,
    /// Whether each record is written at once.
    pub(super) flush_each: bool,
    /// Whether damage is described at once.
    pub(super) warn_each: bool,
}

impl Output {
    pub(super) fn new(mode: Mode, sink: Box<dyn Write + Send>, progress: Bar) -> Self {
        let format = match mode {
            Mode::Lines { format, .. } => format,
            Mode::Count | Mode::Stats(_) => Format::Elems,
        };
        Self {
            printer: Printer::new(format),
            mode,
            buffer: Vec::with_capacity(BLOCK * 2),
            sink,
            failure: None,
            progress,
            stats: Stats::default(),
            records: 0,
            elems: 0,
            report: Report::default(),
            limit: u64::MAX,
            flush_each: false,
            warn_each: false,
        }
    }

    /// Explains the formats of the lines. Counts and lists need no explanation.
    pub(super) fn explain(&mut self) {
        let Mode::Lines { format, records } = self.mode else {
            return;
        };
        if records && format != Format::Records {
            Printer::new(Format::Records).explain(&mut self.buffer);
        }
        self.printer.explain(&mut self.buffer);
    }

    fn flush(&mut self) {
        if self.failure.is_none()
            && let Err(error) = self.sink.write_all(&self.buffer)
        {
            self.failure = Some(error);
        }
        self.buffer.clear();
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// When the lines could not be written.
    pub(super) fn finish(mut self) -> io::Result<Report> {
        self.progress.clear();
        match self.mode {
            Mode::Lines { .. } => {}
            Mode::Count => {
                let line = format!("{} records, {} elems\n", self.records, self.elems);
                self.buffer.extend_from_slice(line.as_bytes());
            }
            Mode::Stats(top) => {
                let text = self.stats.text(top);
                self.buffer.extend_from_slice(text.as_bytes());
            }
        }
        self.flush();
        match self.failure {
            Some(error) => Err(error),
            None => {
                self.sink.flush()?;
                Ok(self.report)
            }
        }
    }
}

impl Visitor for Output {
    fn wants_position(&self) -> bool {
        // Whether a record is the last one shows when the next one comes, for which no line is held back.
        matches!(self.mode, Mode::Lines { records: true, .. }) && !self.flush_each
    }

    fn wants_elems(&self) -> bool {
        !matches!(
            self.mode,
            Mode::Lines {
                format: Format::Records,
                ..
            }
        )
    }

    fn wants_ruled_out(&self) -> bool {
        matches!(
            self.mode,
            Mode::Lines { records: true, .. }
                | Mode::Lines {
                    format: Format::Paragraphs,
                    ..
                }
        )
    }

    fn ruled_out(&mut self) -> ControlFlow<()> {
        if self.records >= self.limit {
            return ControlFlow::Break(());
        }
        self.records += 1;
        if self.records.is_multiple_of(LOOK) {
            self.progress.update();
        }
        if self.records >= self.limit {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn record(&mut self, record: &RecordRef<'_>, position: Position) -> ControlFlow<()> {
        if self.records >= self.limit {
            return ControlFlow::Break(());
        }
        match record.status {
            Status::EmptySource | Status::FilteredSource => {}
            _ => self.records += 1,
        }
        self.report.note(record);
        if self.warn_each {
            self.report.print_descriptions();
        }
        if let Mode::Lines { records: true, .. } = self.mode {
            self.printer.record(&mut self.buffer, record, position);
        }
        if self.records.is_multiple_of(LOOK) {
            self.progress.update();
        }
        ControlFlow::Continue(())
    }

    fn block<'b>(
        &mut self,
        record: &RecordRef<'_>,
        block: &Block<'_>,
        routes: impl Iterator<Item = Route<'b>>,
    ) {
        self.elems += match self.mode {
            Mode::Lines { .. } => self.printer.block(&mut self.buffer, record, block, routes),
            Mode::Count if block.states.is_some() => 1,
            Mode::Count => routes.count() as u64,
            Mode::Stats(_) => self.stats.add(block, routes),
        };
        if self.buffer.len() >= BLOCK {
            self.flush();
        }
    }

    fn end(&mut self, record: &RecordRef<'_>, notes: Notes) -> ControlFlow<()> {
        if let Mode::Lines { .. } = self.mode {
            self.printer.end(&mut self.buffer, record);
        }
        if notes.is_malformed() {
            self.report.note_part(record, notes);
            if self.warn_each {
                self.report.print_descriptions();
            }
        }
        if self.flush_each && !self.buffer.is_empty() {
            self.flush();
        }
        if self.failure.is_some() || self.records >= self.limit {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}
