//! What the targets of the stream reader share: bytes as a file, and its lines.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{Seek as _, Write as _};
use std::ops::ControlFlow;

use oxabgp::bgp::message::update::{Content as Decoded, Direction};
use oxabgp::bgp::{Codec, Family};
use oxabgp::mrt::Content;
use oxabgp::mrt::bgp4mp::{self, Message, Session};
use oxabgp::stream::format::{Bgpdump, Format, Printer};
use oxabgp::stream::{
    Block, Builder, Decoder, Detection, ElemKind, Notes, Position, RecordRef, Route, Stream,
    Visitor,
};
use serde_json::{Map, Value};

use super::update::routes;

thread_local! {
    static FILE: RefCell<tempfile::NamedTempFile> = RefCell::new(tempfile::NamedTempFile::new().expect("a temporary file"));
}

/// All forms.
fn formats() -> [Format; 6] {
    [
        Format::Elems,
        Format::Records,
        Format::Bgpdump(Bgpdump::default()),
        Format::Paragraphs,
        Format::Json,
        Format::Csv,
    ]
}

/// What is done with records that a filter rules out before they are decoded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum RuledOut {
    /// All records are decoded.
    Decode,
    /// They are lent without their routes.
    Lend,
    /// They are only counted.
    Count,
}

/// Prints what passes, and counts records.
pub(crate) struct Lines {
    printer: Printer,
    pub(crate) text: Vec<u8>,
    mode: RuledOut,
    pub(crate) visited: usize,
    pub(crate) ruled_out: usize,
}

impl Lines {
    /// What a stream prints.
    pub(crate) fn of(builder: Builder, format: Format, mode: RuledOut) -> Self {
        let mut lines = Self {
            printer: Printer::new(format),
            text: Vec::new(),
            mode,
            visited: 0,
            ruled_out: 0,
        };
        builder.build().expect("a stream").visit(&mut lines);
        lines
    }

    fn has_records(&self) -> bool {
        self.printer.format() == Format::Records
    }
}

impl Visitor for Lines {
    fn wants_position(&self) -> bool {
        self.has_records()
    }

    fn wants_notes(&self) -> bool {
        self.mode == RuledOut::Decode
    }

    fn wants_ruled_out(&self) -> bool {
        self.mode != RuledOut::Count
    }

    fn ruled_out(&mut self) -> ControlFlow<()> {
        self.ruled_out += 1;
        ControlFlow::Continue(())
    }

    fn record(&mut self, record: &RecordRef<'_>, position: Position) -> ControlFlow<()> {
        self.visited += 1;
        if self.has_records() {
            self.printer.record(&mut self.text, record, position);
        }
        ControlFlow::Continue(())
    }

    fn block<'b>(
        &mut self,
        record: &RecordRef<'_>,
        block: &Block<'_>,
        routes: impl Iterator<Item = Route<'b>>,
    ) {
        if !self.has_records() {
            self.printer.block(&mut self.text, record, block, routes);
        }
    }

    fn end(&mut self, record: &RecordRef<'_>, _: Notes) -> ControlFlow<()> {
        self.printer.end(&mut self.text, record);
        ControlFlow::Continue(())
    }
}

/// Returns `true` for files that would be decompressed: that is the work of other libraries, and a few bytes can become millions.
pub(crate) fn is_compressed(bytes: &[u8]) -> bool {
    use oxabgp::mrt::compression::Compression;
    Compression::of(bytes) != Compression::None
}

/// What the reader prints of these bytes.
fn read(bytes: &[u8], format: Format, filter: Option<&str>, mode: RuledOut) -> Lines {
    FILE.with_borrow_mut(|file| {
        let handle = file.as_file_mut();
        handle
            .set_len(0)
            .and_then(|()| handle.rewind())
            .expect("an empty file");
        handle.write_all(bytes).expect("written");
        let mut builder = Stream::builder().path(file.path()).expect("a file");
        if let Some(filter) = filter {
            builder = builder.filter(filter).expect("a filter");
        }
        Lines::of(builder, format, mode)
    })
}

/// The lines of all records.
pub(crate) fn lines(bytes: &[u8], format: Format) -> String {
    String::from_utf8(read(bytes, format, None, RuledOut::Decode).text).expect("text")
}

/// One of several, by the sum of the bytes: to try all of them with each input would take too long.
fn chosen<T: Copy>(all: &[T], bytes: &[u8]) -> T {
    let sum = bytes.iter().fold(0, |sum, byte| sum + usize::from(*byte));
    all[sum % all.len()]
}

/// Two forms of these bytes; those of JSON are JSON, and those in columns have all of them.
pub(crate) fn print(bytes: &[u8]) {
    for format in [Format::Json, chosen(&formats(), bytes)] {
        let text = lines(bytes, format);
        for line in text.lines() {
            match format {
                Format::Json => {
                    if let Err(error) = serde_json::from_str::<Value>(line) {
                        panic!("{error}: {line}");
                    }
                }
                Format::Elems => assert_eq!(line.matches('|').count(), 15, "{line}"),
                _ => {}
            }
        }
        if format == Format::Csv {
            csv_agrees(&lines(bytes, Format::Json), &text);
        }
    }
}

/// The columns of a line of CSV (RFC 4180).
fn csv_columns(line: &str) -> Vec<String> {
    let mut columns = vec![String::new()];
    let mut quoted = false;
    let mut last = None;
    for one in line.chars() {
        match one {
            '"' if quoted => quoted = false,
            '"' => {
                quoted = true;
                // A quote in quotes stands there twice.
                if last == Some('"') {
                    columns.last_mut().expect("a column").push('"');
                }
            }
            ',' if !quoted => columns.push(String::new()),
            _ => columns.last_mut().expect("a column").push(one),
        }
        last = Some(one);
    }
    columns
}

/// The names of the columns of CSV.
pub(crate) fn csv_names() -> Vec<String> {
    let mut head = Vec::new();
    Printer::new(Format::Csv).explain(&mut head);
    csv_columns(String::from_utf8(head).expect("text").trim_end())
}

/// Lines of CSV say what the JSON lines of the same elems say, and no more. Returns the keys that there were.
pub(crate) fn csv_agrees(json: &str, csv: &str) -> BTreeSet<String> {
    let names = csv_names();
    let mut keys = BTreeSet::new();
    assert_eq!(json.lines().count(), csv.lines().count(), "{csv}");
    for (json, line) in json.lines().zip(csv.lines()) {
        let mut object: Map<String, Value> = serde_json::from_str(json).expect("an object");
        let columns = csv_columns(line);
        assert_eq!(columns.len(), names.len(), "{line}");
        for (name, column) in names.iter().zip(columns) {
            let key = match name.as_str() {
                known if object.contains_key(known) => known.to_owned(),
                _ => name.replace('_', "-"),
            };
            let expected = match object.remove(&key) {
                // A path that ends with a set has no AS of origin, but bgpreader prints the set.
                None if key == "origin-asn" => continue,
                None => String::new(),
                Some(Value::Array(list)) => {
                    let words = list.iter().map(|one| one.as_str().expect("a string"));
                    words.collect::<Vec<_>>().join(" ")
                }
                Some(Value::String(text)) => text,
                Some(value @ Value::Number(_)) => {
                    assert_eq!(column.parse().ok(), value.as_f64(), "{key}: {line}");
                    keys.insert(key);
                    continue;
                }
                Some(other) => other.to_string(),
            };
            assert_eq!(column, expected, "{key}: {line}");
            if !expected.is_empty() {
                keys.insert(key);
            }
        }
        assert!(object.is_empty(), "without a column: {object:?}");
    }
    keys
}

const FILTERS: [&str; 5] = [
    "peer 65001",
    "prefix more 10.0.0.0/8",
    "elemtype withdrawals",
    "aspath _64500_",
    "not peer 65001 or ipversion 6",
];

/// Records that are ruled out by a look at them are those of which nothing passes.
pub(crate) fn filtered(bytes: &[u8]) {
    let filter = chosen(&FILTERS, bytes);
    let thorough = read(bytes, Format::Elems, Some(filter), RuledOut::Decode);
    let quick = read(bytes, Format::Elems, Some(filter), RuledOut::Count);
    assert_eq!(
        String::from_utf8_lossy(&thorough.text),
        String::from_utf8_lossy(&quick.text),
        "{filter}"
    );
    let records = |lines: &Lines| lines.visited + lines.ruled_out;
    assert_eq!(records(&thorough), records(&quick), "{filter}");
}

/// The stream reader finds the routes of an UPDATE that the decoder of the daemon finds.
pub(crate) fn agrees(body: &[u8], cx: &Codec, content: &Decoded<'_>) {
    // A reader of archives has no session that could refuse a family, and keeps what was withdrawn and announced at once.
    if !cx.families.is_empty() || content.attributes.error().is_some() || body.len() > 60_000 {
        return;
    }
    let add_path = !cx.add_path_receive.is_empty();
    let message = Message {
        session: Session {
            peer_asn: 65_001,
            local_asn: 65_000,
            interface: 0,
            peer: None,
            local: None,
        },
        direction: bgp4mp::Direction::Received,
        asn4: cx.asn4,
        add_path,
        message_type: 2,
        body,
        trailing: 0,
    };
    let mut decoder = Decoder::new(Detection::Off);
    type Routes = Vec<(Family, Option<u32>, Vec<u8>)>;
    let mut found: [Routes; 2] = Default::default();
    decoder.blocks(&Content::Message(message), &mut |block| {
        let announced = block.kind == ElemKind::Announcement;
        let list = &mut found[usize::from(announced)];
        list.extend(
            block
                .routes
                .map(|route| (block.family, route.path_id, route.nlri.to_vec())),
        );
    });
    // A family without a codec is one opaque route in one reader, and left out in the other.
    let known = |route: &(Family, Option<u32>, Vec<u8>)| route.0.index().is_some();
    let announced = routes(content, Direction::Announce);
    for route in announced.iter().filter(|route| known(route)) {
        assert!(
            found[1].contains(route),
            "{route:?} is announced, but not in {found:?}"
        );
    }
    let withdrawn = routes(content, Direction::Withdraw);
    for route in withdrawn.iter().filter(|route| known(route)) {
        assert!(
            found[0].contains(route),
            "{route:?} is withdrawn, but not in {found:?}"
        );
    }
}
