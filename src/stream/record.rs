//! Records: what a source gives, in order.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::mrt::{Content, Header, Timestamp, kind};

use super::Elem;
use super::address::ip_text;
use super::attributes::Notes;
use super::block::View;

/// Where records come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Project: `ris`, `routeviews`; empty if unknown.
    pub project: String,
    /// Collector: `rrc06`, `route-views.sg`; empty if unknown.
    pub collector: String,
    /// Router, which only BMP and OpenBMP tell.
    pub router: String,
    /// Address of the router.
    pub router_ip: Option<IpAddr>,
    /// When the dump was begun, by its name or by an index; 0 if unknown.
    pub dump_time: u32,
    /// What the file was opened as, for messages.
    pub name: String,
}

/// Longest name that is kept, in bytes.
const LONGEST_NAME: usize = 255;

impl Origin {
    /// The same with names that fit a column of a line: see [`printable`].
    pub(super) fn printable(self) -> Self {
        Self {
            project: printable(&self.project),
            collector: printable(&self.collector),
            router: printable(&self.router),
            ..self
        }
    }
}

/// A name that a line format can hold: no bars, no control characters, not too long.
pub(super) fn printable(text: &str) -> String {
    let mut out: String = text
        .chars()
        .map(|one| {
            if one == '|' || one.is_control() {
                '_'
            } else {
                one
            }
        })
        .collect();
    let mut end = out.len().min(LONGEST_NAME);
    while !out.is_char_boundary(end) {
        end -= 1;
    }
    out.truncate(end);
    out
}

/// Whether a record is part of a table or of the messages that change it. `Display` is bgpreader's letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordKind {
    /// Messages and states.
    Update,
    /// A table.
    Rib,
}

impl RecordKind {
    /// bgpreader's letter.
    pub const fn letter(self) -> char {
        match self {
            Self::Update => 'U',
            Self::Rib => 'R',
        }
    }

    /// The word: `update` or `rib`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Rib => "rib",
        }
    }

    /// The kind of the records of an MRT type.
    pub const fn of(header: &Header) -> Self {
        match (header.kind, header.subtype) {
            (kind::TABLE_DUMP | kind::TABLE_DUMP_V2, _)
            | (kind::BGP4MP | kind::BGP4MP_ET, 2 | 3) => Self::Rib,
            _ => Self::Update,
        }
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.letter())
    }
}

/// Whether a record can be used. `Display` is bgpreader's letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Status {
    /// It can.
    #[default]
    Valid,
    /// No record of the source lies in the interval.
    FilteredSource,
    /// The source has no record.
    EmptySource,
    /// Outside the interval.
    OutsideTimeInterval,
    /// The source can't be read.
    CorruptedSource,
    /// This record can't be read.
    CorruptedRecord,
    /// A type of record without routes.
    UnsupportedRecord,
}

impl Status {
    /// bgpreader's letter.
    pub const fn letter(self) -> char {
        match self {
            Self::Valid => 'V',
            Self::FilteredSource => 'F',
            Self::EmptySource => 'E',
            Self::OutsideTimeInterval => 'O',
            Self::CorruptedSource => 'S',
            Self::CorruptedRecord => 'R',
            Self::UnsupportedRecord => 'U',
        }
    }

    /// pybgpstream's word; unlike it, every status has one.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::FilteredSource => "filtered-source",
            Self::EmptySource => "empty-source",
            Self::OutsideTimeInterval => "outside-time-interval",
            Self::CorruptedSource => "corrupted-source",
            Self::CorruptedRecord => "corrupted-record",
            Self::UnsupportedRecord => "unsupported-record",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.letter())
    }
}

/// Why a record can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason<'a> {
    /// A description.
    Text(&'a str),
    /// What was expected where something else was found.
    Expected(&'static str),
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Expected(what) => write!(f, "expected {what}"),
        }
    }
}

/// Where in its dump a record stands. Peer tables are no records. `Display` is bgpreader's letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Position {
    /// The first, and not the last.
    Start,
    /// Neither.
    #[default]
    Middle,
    /// The last.
    End,
}

impl Position {
    /// bgpreader's letter.
    pub const fn letter(self) -> char {
        match self {
            Self::Start => 'B',
            Self::Middle => 'M',
            Self::End => 'E',
        }
    }

    /// The word: `start`, `middle`, `end`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.letter())
    }
}

/// A record, borrowed from its source.
#[derive(Clone, Copy, Debug)]
pub struct RecordRef<'a> {
    /// Where it comes from.
    pub origin: &'a Arc<Origin>,
    /// Of a table or of messages.
    pub kind: RecordKind,
    /// Its time.
    pub time: Timestamp,
    /// Whether it can be used.
    pub status: Status,
    /// Its MRT header; `None` if it was not MRT, or damaged.
    pub header: Option<Header>,
    /// What follows the header.
    pub body: &'a [u8],
    /// What it holds.
    pub content: Content<'a>,
    /// Why it can't be used.
    pub damage: Option<Reason<'a>>,
    /// What the source knows of its messages besides their bytes.
    pub view: View,
    /// Its number among the records of its dump, from 0.
    pub index: u64,
    /// How many records before it could be read: bgpdump's packet index.
    pub parsed: u64,
    /// Its offset in the decompressed file, and how many bytes it has.
    pub extent: Option<(u64, u64)>,
    /// What is odd about it before its routes are looked at.
    pub notes: Notes,
}

impl RecordRef<'_> {
    /// Returns `true` if bgpdump would count the record: it could be read, and is no ROUTE-REFRESH or message of an unknown
    /// type.
    pub(crate) const fn is_parsed(&self) -> bool {
        match (self.status, &self.content) {
            (Status::Valid, Content::Message(message)) => matches!(message.message_type, 1..=4),
            (status, _) => matches!(status, Status::Valid),
        }
    }
}

/// A record that owns its data.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where it comes from.
    pub origin: Arc<Origin>,
    /// Of a table or of messages.
    pub kind: RecordKind,
    /// Its time.
    pub time: Timestamp,
    /// Whether it can be used.
    pub status: Status,
    /// Where in its dump it stands.
    pub position: Position,
    /// Its MRT header; `None` if it was not MRT, or damaged.
    pub header: Option<Header>,
    /// What follows the header and the microseconds.
    pub body: Bytes,
    /// Why it can't be used.
    pub damage: Option<String>,
    /// What is odd about it.
    pub notes: Notes,
    elems: Vec<Elem>,
}

impl Record {
    /// A copy of `record`, without elems yet.
    pub(crate) fn new(record: &RecordRef<'_>, position: Position) -> Self {
        Self {
            origin: record.origin.clone(),
            kind: record.kind,
            time: record.time,
            status: record.status,
            position,
            header: record.header,
            body: Bytes::copy_from_slice(record.body),
            damage: record.damage.map(|reason| reason.to_string()),
            notes: Notes::NONE,
            elems: Vec::new(),
        }
    }

    pub(crate) fn set_elems(&mut self, elems: Vec<Elem>) {
        self.elems = elems;
    }

    /// The elems that pass the stream's filter. Records that can't be used have none.
    pub fn elems(&self) -> &[Elem] {
        &self.elems
    }

    /// The elems, moved out.
    pub fn into_elems(self) -> Vec<Elem> {
        self.elems
    }
}

impl fmt::Display for Record {
    /// pybgpstream's text: fields between bars, words for values, `None` where there is none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_none = |text: &str| {
            if text.is_empty() {
                "None".to_owned()
            } else {
                text.to_owned()
            }
        };
        write!(
            f,
            "{}|{}|{}|{}|{}|{}|{}|{}|{}",
            self.kind.as_str(),
            self.position.as_str(),
            self.time,
            or_none(&self.origin.project),
            or_none(&self.origin.collector),
            or_none(&self.origin.router),
            self.origin
                .router_ip
                .map_or_else(|| "None".to_owned(), ip_text),
            self.status.as_str(),
            self.origin.dump_time,
        )
    }
}
