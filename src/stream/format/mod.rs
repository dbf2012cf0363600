//! Output formats: bgpreader's elems and records, bgpdump's lines, JSON lines, CSV.
//!
//! A format gets blocks, so that what the routes of a block share is rendered once, and appends to one buffer; nothing is
//! allocated per elem and `fmt` is not used.
//!
//! CSV has a column for every key that JSON lines can have, named as the key with `_` for `-`: `next_hop` is `next-hop`. The value
//! is that of JSON; lists are joined by spaces, `atomic_aggregate` is `true` or empty, and what JSON leaves out is empty. Only
//! `origin_asn` has more: the AS set that a path ends with, which bgpreader prints as well. New columns are appended: those
//! that there are keep their positions.

mod bgpdump;
mod cache;
mod csv;
mod elems;
pub(super) mod field;
mod human;
mod json;
pub(super) mod route;

pub use bgpdump::{Bgpdump, Clock, Columns, TimeStyle};

use super::block::{Block, Route};
use super::record::{Position, RecordRef};
use cache::Cache;
use elems::Head;
use human::Paragraph;

/// What is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// bgpreader's 16 columns, one elem a line.
    #[default]
    Elems,
    /// bgpreader's records.
    Records,
    /// bgpdump's lines.
    Bgpdump(Bgpdump),
    /// bgpdump's paragraphs, `-H`. [`Printer::end`] has to be called after each record.
    Paragraphs,
    /// One JSON object per elem.
    Json,
    /// Comma-separated values with a head line: a column for every key of [`Json`](Self::Json).
    Csv,
}

/// Renders records and blocks.
#[derive(Debug)]
pub struct Printer {
    format: Format,
    cache: Cache,
    /// What the lines of elems begin with.
    elems: Head,
    /// What bgpdump's lines begin with.
    head: Vec<u8>,
    paragraph: Paragraph,
}

impl Printer {
    /// A printer of a format.
    pub fn new(format: Format) -> Self {
        Self {
            format,
            cache: Cache::new(),
            elems: Head::default(),
            head: Vec::new(),
            paragraph: Paragraph::default(),
        }
    }

    /// The format.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Appends what explains the format: bgpreader's `-i`, the head line of CSV.
    pub fn explain(&self, out: &mut Vec<u8>) {
        match self.format {
            Format::Elems => out.extend_from_slice(elems::EXPLANATION.as_bytes()),
            Format::Records => out.extend_from_slice(elems::RECORD_EXPLANATION.as_bytes()),
            Format::Csv => csv::head(out),
            Format::Bgpdump(_) | Format::Paragraphs | Format::Json => {}
        }
    }

    /// Appends the line of a record.
    pub fn record(&self, out: &mut Vec<u8>, record: &RecordRef<'_>, position: Position) {
        elems::record(out, record, position);
    }

    /// Appends what could not be printed before the record was over.
    pub fn end(&mut self, out: &mut Vec<u8>, record: &RecordRef<'_>) {
        if self.format == Format::Paragraphs {
            self.paragraph.end(out, record);
        }
    }

    /// Appends the lines of some routes of a block, or of its state change. Returns how many.
    pub fn block<'b>(
        &mut self,
        out: &mut Vec<u8>,
        record: &RecordRef<'_>,
        block: &Block<'_>,
        routes: impl Iterator<Item = Route<'b>>,
    ) -> u64 {
        match self.format {
            Format::Elems | Format::Records => {
                let known = (&mut self.elems, &mut self.cache);
                elems::lines(out, known, record, block, routes)
            }
            Format::Bgpdump(bgpdump) => {
                bgpdump.head(&mut self.head, record, block);
                bgpdump.lines(out, &self.head, block, &mut self.cache, routes)
            }
            Format::Paragraphs => self.paragraph.block(out, record, block, routes),
            Format::Json => json::lines(out, record, block, routes),
            Format::Csv => csv::lines(out, record, block, routes),
        }
    }
}
