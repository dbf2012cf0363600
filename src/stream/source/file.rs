//! Files and standard input: MRT, BMP or RIS Live, recognized by their first bytes.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::mrt::compression::{self, Compression};
use crate::mrt::sniff::Peeked;
use crate::mrt::table_dump::PeerTable;
use crate::mrt::{Content, Frame, Item, Reader, Timestamp, kind, reader};

use super::ahead::{Threads, ahead};
use super::arrival::{Arrivals, Produce};
use super::bmp_file::{BmpFile, is_bmp};
use super::contract::Source;
use super::lines::{RisLines, is_json};
use crate::stream::attributes::Notes;
use crate::stream::block::View;
use crate::stream::decoder::{Decoder, Detection};
use crate::stream::filter::Filter;
use crate::stream::names::Named;
use crate::stream::record::{Origin, Reason, RecordKind, RecordRef, Status};

/// Bytes that tell BMP.
const HEAD: usize = 6;

/// Where the bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Feed {
    /// A file.
    Path(PathBuf),
    /// Standard input.
    Stdin,
}

/// How far the reading of all files got, in compressed bytes.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<AtomicU64>);

impl Progress {
    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many files of a stream are open.
#[derive(Clone, Debug, Default)]
pub struct OpenFiles(Arc<AtomicUsize>);

/// One of them, until it is dropped.
struct OpenFile(OpenFiles);

/// Bytes that are read from a file, and of what it holds, at once.
struct Blocks {
    compressed: usize,
    records: usize,
}

impl OpenFiles {
    /// Counts one more. The first ones are read in large blocks; hundreds of files that overlap are all open at once, and what
    /// each of them holds in memory counts.
    fn enter(&self) -> (OpenFile, Blocks) {
        const FEW: usize = 32;
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        let blocks = match before < FEW {
            true => Blocks {
                compressed: compression::BLOCK,
                records: reader::BLOCK,
            },
            false => Blocks {
                compressed: 8 << 10,
                records: 16 << 10,
            },
        };
        (OpenFile(self.clone()), blocks)
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How files are read.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether path identifiers are looked for.
    pub detection: Detection,
    /// Whether decompression runs on threads of its own, of which there are at most 16 at once.
    pub ahead: bool,
    /// Counts those threads.
    pub threads: Threads,
    /// Counts the files that are open.
    pub open: OpenFiles,
    /// What counts the bytes.
    pub progress: Progress,
}

/// A file, opened when its first record is needed.
pub struct File {
    feed: Feed,
    origin: Arc<Origin>,
    options: Options,
    state: State,
    decoder: Decoder,
    /// Number of the current record.
    index: u64,
    /// Number of the records before it that could be read.
    parsed: u64,
    /// Whether the current one could be.
    is_parsed: bool,
    /// What the file is known to hold; otherwise what the last record told.
    kind: Option<RecordKind>,
    last_kind: RecordKind,
}

enum State {
    /// Not opened yet, or closed again after a look at the time of its first record.
    Closed(Option<(Timestamp, RecordKind)>),
    /// At a record of the reader.
    Open(Box<Reader<Box<dyn Read + Send>>>),
    /// At a record that is not MRT.
    Other(Box<Arrivals<Box<dyn Produce>>>),
    /// At a record that tells that there is none: an empty or unreadable source.
    Told(Status, Option<String>),
    /// Past the last record.
    Ended,
}

/// Counts what is read from a file.
struct Counted<R> {
    input: R,
    progress: Progress,
    _open: OpenFile,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(out)?;
        self.progress.0.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl File {
    /// A file, with project, collector and time understood from its name.
    pub fn new(path: &Path, options: Options) -> Self {
        let named = Named::of(path);
        let kind = named.kind;
        let origin = Origin {
            project: named.project,
            collector: named.collector,
            dump_time: named.time.unwrap_or_default(),
            name: path.display().to_string(),
            ..Origin::default()
        };
        let mut file = Self::with_origin(Feed::Path(path.to_path_buf()), origin, options);
        file.set_kind(kind);
        file
    }

    /// A feed whose origin is known.
    pub fn with_origin(feed: Feed, origin: Origin, options: Options) -> Self {
        Self {
            feed,
            origin: Arc::new(origin.printable()),
            decoder: Decoder::new(options.detection),
            options,
            state: State::Closed(None),
            index: 0,
            parsed: 0,
            is_parsed: false,
            kind: None,
            last_kind: RecordKind::Update,
        }
    }

    /// What the file holds according to its name or to a list. That is the kind of records that report damage, or that there is
    /// no record.
    pub const fn set_kind(&mut self, kind: Option<RecordKind>) {
        self.kind = kind;
    }

    /// Where the records come from.
    pub const fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    /// Reads up to the first record, remembers its time, and closes the file again: so that hundreds of files that follow each
    /// other are not all open at once. Standard input and pipes stay open, since what was read from them is gone.
    pub fn peek(&mut self) {
        // A thread would decompress more than is looked at.
        let ahead = std::mem::take(&mut self.options.ahead);
        self.advance();
        self.options.ahead = ahead;
        let again = match &self.feed {
            Feed::Path(path) => fs::metadata(path).is_ok_and(|facts| facts.is_file()),
            Feed::Stdin => false,
        };
        if !again {
            return;
        }
        if let State::Open(_) | State::Other(_) = self.state {
            self.state = State::Closed(self.time());
            self.decoder = Decoder::new(self.options.detection);
        }
    }

    /// The kind of records that hold nothing.
    fn kind(&self) -> RecordKind {
        self.kind.unwrap_or(self.last_kind)
    }

    fn open(&self) -> io::Result<State> {
        let (open, blocks) = self.options.open.enter();
        let source: Box<dyn Read + Send> = match &self.feed {
            Feed::Path(path) => Box::new(fs::File::open(path)?),
            Feed::Stdin => Box::new(io::stdin()),
        };
        let counted = Counted {
            input: source,
            progress: self.options.progress.clone(),
            _open: open,
        };
        let (compression, input) = compression::open_with(counted, blocks.compressed)?;
        // A thread that fills blocks would hold back what a live feed has given, and only copy what is not compressed.
        let wanted =
            self.options.ahead && self.feed != Feed::Stdin && compression != Compression::None;
        let input = if wanted {
            ahead(input, &self.options.threads)?
        } else {
            input
        };
        let mut input = Peeked::new(input);
        let origin = || Origin::clone(&self.origin);
        let bmp = is_bmp(input.peek(HEAD));
        let other: Box<dyn Produce> = if !(bmp || is_json(&mut input)) || input.is_mrt() {
            let input: Box<dyn Read + Send> = Box::new(input);
            let reader = Reader::with_block(input, blocks.records);
            return Ok(State::Open(Box::new(reader)));
        } else if bmp {
            Box::new(BmpFile::new(input, origin()))
        } else {
            Box::new(RisLines::new(input, origin()))
        };
        Ok(State::Other(Box::new(Arrivals::new(
            other,
            self.options.detection,
        ))))
    }

    /// Steps to the next frame that is a record.
    fn step(&mut self) -> bool {
        self.parsed += u64::from(std::mem::take(&mut self.is_parsed));
        if let State::Open(reader) = &self.state
            && let Some(Item::Frame(frame)) = reader.item()
        {
            self.last_kind = RecordKind::of(&frame.header);
        }
        let reader = match &mut self.state {
            State::Open(reader) => reader,
            State::Other(other) => return other.advance(),
            _ => return false,
        };
        while reader.advance() {
            let Some(Item::Frame(frame)) = reader.item() else {
                return true;
            };
            if (frame.header.kind, frame.header.subtype) != (kind::TABLE_DUMP_V2, 1) {
                return true;
            }
            match PeerTable::parse(frame.body) {
                Ok(table) => self.decoder.set_peers(Some(Arc::new(table))),
                // A record that can't be read.
                Err(_) => return true,
            }
        }
        false
    }
}

impl Source for File {
    fn advance(&mut self) -> bool {
        match &self.state {
            State::Closed(_) => match self.open() {
                Ok(state) => {
                    self.state = state;
                    (self.index, self.parsed, self.is_parsed) = (0, 0, false);
                    if !self.step() {
                        self.state = State::Told(Status::EmptySource, None);
                    }
                    true
                }
                Err(error) => {
                    self.state = State::Told(Status::CorruptedSource, Some(error.to_string()));
                    true
                }
            },
            State::Open(_) | State::Other(_) => {
                self.index += 1;
                let more = self.step();
                if !more {
                    self.state = State::Ended;
                }
                more
            }
            State::Told(..) | State::Ended => {
                self.state = State::Ended;
                false
            }
        }
    }

    fn time(&self) -> Option<(Timestamp, RecordKind)> {
        match &self.state {
            State::Closed(known) => *known,
            State::Open(reader) => match reader.item()? {
                Item::Frame(frame) => Some((frame.time, RecordKind::of(&frame.header))),
                Item::Damage(damage) => Some((damage.time, self.kind())),
            },
            State::Other(other) => other.time(),
            State::Told(..) => Some((Timestamp::from_seconds(self.origin.dump_time), self.kind())),
            State::Ended => None,
        }
    }

    fn current(&mut self) -> Option<(RecordRef<'_>, &mut Decoder)> {
        if let State::Closed(_) = self.state {
            self.advance();
        }
        // In two steps, since the borrow checker takes a borrow that is returned to last for the whole function.
        if let State::Other(_) = self.state {
            return match &mut self.state {
                State::Other(other) => other.current(),
                _ => None,
            };
        }
        let record = blank(&self.origin, self.kind(), (self.index, self.parsed));
        let record = match &self.state {
            State::Open(reader) => match reader.item()? {
                Item::Frame(frame) => of_frame(record, frame),
                Item::Damage(damage) => RecordRef {
                    time: damage.time,
                    status: match damage.unreadable {
                        true => Status::CorruptedSource,
                        false => Status::CorruptedRecord,
                    },
                    damage: Some(Reason::Text(&damage.reason)),
                    extent: Some((damage.offset, damage.length)),
                    ..record
                },
            },
            State::Told(status, reason) => RecordRef {
                status: *status,
                damage: reason.as_deref().map(Reason::Text),
                ..record
            },
            State::Other(_) | State::Closed(_) | State::Ended => return None,
        };
        self.is_parsed = record.is_parsed();
        Some((record, &mut self.decoder))
    }

    fn rule_out(&mut self, filter: &Filter) -> bool {
        let State::Open(reader) = &self.state else {
            return false;
        };
        let Some(Item::Frame(frame)) = reader.item() else {
            return false;
        };
        // A message that can't be read is reported, and may look like anything.
        let Some(message) = frame.message() else {
            return false;
        };
        if !filter.rules_out_message(&message) && !filter.rules_out(frame.body) {
            return false;
        }
        self.is_parsed = matches!(message.message_type, 1..=4);
        self.decoder.view = View::default();
        self.decoder.observe(&message);
        true
    }

    fn is_last(&mut self) -> bool {
        if let State::Closed(_) = self.state {
            self.advance();
        }
        match &mut self.state {
            // A table of peers is no record.
            State::Open(reader) => reader.is_last() || reader.is_last_but_table(),
            State::Other(other) => other.is_last(),
            _ => true,
        }
    }

    fn is_told(&self) -> bool {
        match &self.state {
            State::Told(..) => true,
            // That a file can't be read matters whatever the interval is.
            State::Open(reader) => {
                matches!(reader.item(), Some(Item::Damage(damage)) if damage.unreadable)
            }
            _ => false,
        }
    }

    fn filtered(&self, visit: &mut dyn FnMut(&RecordRef<'_>)) {
        visit(&RecordRef {
            status: Status::FilteredSource,
            ..blank(&self.origin, self.kind(), (self.index, self.parsed))
        });
    }
}

/// A record with nothing in it, with its number and that among those that could be read.
fn blank(origin: &Arc<Origin>, kind: RecordKind, (index, parsed): (u64, u64)) -> RecordRef<'_> {
    RecordRef {
        origin,
        kind,
        time: Timestamp::from_seconds(origin.dump_time),
        status: Status::Valid,
        header: None,
        body: &[],
        content: Content::Unsupported,
        damage: None,
        view: View::default(),
        index,
        parsed,
        extent: None,
        notes: Notes::NONE,
    }
}

fn of_frame<'a>(record: RecordRef<'a>, frame: Frame<'a>) -> RecordRef<'a> {
    let record = RecordRef {
        kind: RecordKind::of(&frame.header),
        time: frame.time,
        header: Some(frame.header),
        body: frame.body,
        extent: Some((frame.offset, 12 + u64::from(frame.header.length))),
        ..record
    };
    match Content::parse(&frame.header, frame.body) {
        // A peer table that gets here could not be read.
        Ok(Content::PeerTable(_)) => RecordRef {
            status: Status::CorruptedRecord,
            damage: Some(Reason::Text("a peer runs past the end of the record")),
            ..record
        },
        Ok(Content::Unsupported) => RecordRef {
            status: Status::UnsupportedRecord,
            ..record
        },
        Ok(content) => RecordRef { content, ..record },
        Err(error) => RecordRef {
            status: Status::CorruptedRecord,
            damage: Some(Reason::Expected(error.what)),
            ..record
        },
    }
}
