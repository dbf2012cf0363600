//! Prints archives as lines without copying a record: `lines [bgpdump|elems|json|csv] [-f FILTER] FILE…`.
//!
//! This is the fast way: a visitor is lent each record and each block of routes, and a printer appends to one buffer.

#![expect(clippy::print_stderr, reason = "an example talks to its user")]

use std::io::{self, Write};
use std::ops::ControlFlow;

use oxabgp::stream::format::{Format, Printer};
use oxabgp::stream::{Block, Position, RecordRef, Route, Sent, Status, Stream, Visitor};

struct Lines {
    printer: Printer,
    buffer: Vec<u8>,
}

impl Visitor for Lines {
    fn record(&mut self, record: &RecordRef<'_>, _: Position) -> ControlFlow<()> {
        if record.status != Status::Valid {
            let reason = record.damage.map(|reason| reason.to_string());
            let reason = reason.unwrap_or_default();
            eprintln!("{} {} {reason}", record.origin.name, record.status.as_str());
        }
        ControlFlow::Continue(())
    }

    fn block<'b>(
        &mut self,
        record: &RecordRef<'_>,
        block: &Block<'_>,
        routes: impl Iterator<Item = Route<'b>>,
    ) {
        self.printer.block(&mut self.buffer, record, block, routes);
        if self.buffer.len() > 65_536 {
            if io::stdout().write_all(&self.buffer).is_err() {
                std::process::exit(0);
            }
            self.buffer.clear();
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let format = match arguments.next().as_deref() {
        Some("bgpdump") => Format::Bgpdump(oxabgp::stream::format::Bgpdump::default()),
        Some("json") => Format::Json,
        Some("csv") => Format::Csv,
        _ => Format::Elems,
    };
    let mut builder = Stream::builder().sent(Sent::Include);
    while let Some(argument) = arguments.next() {
        builder = match argument.as_str() {
            "-f" => builder.filter(&arguments.next().unwrap_or_default())?,
            path => builder.path(path)?,
        };
    }
    let mut lines = Lines {
        printer: Printer::new(format),
        buffer: Vec::new(),
    };
    builder.build()?.visit(&mut lines);
    io::stdout().write_all(&lines.buffer)?;
    Ok(())
}
