//! AS_PATH (RFC 4271 section 5.1.2) in its two-octet and four-octet forms (RFC 6793), with confederations (RFC 5065).
//!
//! ```text
//! +---------------+---------------+-----------------------------+
//! | Segment type  | Count         | AS numbers, 2 or 4 octets   |   …
//! +---------------+---------------+-----------------------------+
//! ```
//!
//! ExaBGP prints a sequence as `( … )` and a set as `[ … ]`, the reverse of what its parser accepts. Scripts depend
//! on the events, so [`text`](PathAttribute::text) does the same; [`grammar`](PathAttribute::grammar) writes the form
//! that can be parsed.

use std::fmt::Write as _;

use smallvec::SmallVec;

use super::{PathAttribute, flags};
use crate::bgp::asn::Asn;
use crate::bgp::error::Severity;
use crate::bgp::iana;
use crate::bgp::negotiated::Codec;
use crate::json::JsonWriter;
use crate::text::{Cursor, SyntaxError, tokenize, value};
use crate::wire::{Reader, WireError, Writer};

/// The type of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SegmentKind {
    /// AS_SET: unordered.
    Set,
    /// AS_SEQUENCE: ordered.
    Sequence,
    /// AS_CONFED_SEQUENCE (RFC 5065).
    ConfedSequence,
    /// AS_CONFED_SET (RFC 5065).
    ConfedSet,
}

impl SegmentKind {
    const ALL: [Self; 4] = [
        Self::Set,
        Self::Sequence,
        Self::ConfedSequence,
        Self::ConfedSet,
    ];

    const fn code(self) -> u8 {
        match self {
            Self::Set => 1,
            Self::Sequence => 2,
            Self::ConfedSequence => 3,
            Self::ConfedSet => 4,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Set => "as-set",
            Self::Sequence => "as-sequence",
            Self::ConfedSequence => "as-confed-sequence",
            Self::ConfedSet => "as-confed-set",
        }
    }

    /// Brackets in events.
    const fn shown(self) -> (&'static str, &'static str) {
        match self {
            Self::Set => ("[", "]"),
            Self::Sequence => ("(", ")"),
            Self::ConfedSequence => ("{(", ")}"),
            Self::ConfedSet => ("{[", "]}"),
        }
    }

    /// Brackets in configurations.
    const fn written(self) -> (&'static str, &'static str) {
        match self {
            Self::Set => ("(", ")"),
            Self::Sequence => ("[", "]"),
            Self::ConfedSequence => ("[{", "}]"),
            Self::ConfedSet => ("({", "})"),
        }
    }

    /// Returns `true` for confederation segments.
    pub const fn is_confederation(self) -> bool {
        matches!(self, Self::ConfedSequence | Self::ConfedSet)
    }

    /// Its contribution to the length of the path (RFC 4271 section 9.1.2.2, RFC 5065 section 5.3).
    fn length(self, asns: usize) -> usize {
        match self {
            Self::Set => usize::from(asns > 0),
            Self::Sequence => asns,
            Self::ConfedSequence | Self::ConfedSet => 0,
        }
    }
}

/// A segment of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Segment {
    /// Its type.
    pub kind: SegmentKind,
    /// Its AS numbers.
    pub asns: Box<[Asn]>,
}

/// The ASes that the route passed through, the nearest first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AsPath(Segments);

/// The segments of a path. Nearly all paths have one, which needs no list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Segments {
    One(Segment),
    /// None, or more than one.
    Others(Box<[Segment]>),
}

impl Default for AsPath {
    fn default() -> Self {
        Self(Segments::Others(Box::default()))
    }
}

impl FromIterator<Segment> for AsPath {
    fn from_iter<T: IntoIterator<Item = Segment>>(segments: T) -> Self {
        Self::of(segments.into_iter().collect())
    }
}

impl AsPath {
    fn of(list: SmallVec<[Segment; 1]>) -> Self {
        Self(match list.into_inner() {
            Ok([segment]) => Segments::One(segment),
            Err(list) => Segments::Others(list.into_vec().into_boxed_slice()),
        })
    }

    /// A path of one AS_SEQUENCE.
    pub fn sequence(asns: impl IntoIterator<Item = Asn>) -> Self {
        Self(Segments::One(Segment {
            kind: SegmentKind::Sequence,
            asns: asns.into_iter().collect(),
        }))
    }

    /// The segments, the nearest first.
    pub fn segments(&self) -> &[Segment] {
        match &self.0 {
            Segments::One(segment) => std::slice::from_ref(segment),
            Segments::Others(list) => list,
        }
    }

    /// The segments of a path that is taken apart.
    pub fn into_segments(self) -> Vec<Segment> {
        match self.0 {
            Segments::One(segment) => vec![segment],
            Segments::Others(list) => list.into_vec(),
        }
    }

    /// Returns `true` if an AS number needs four octets.
    pub fn needs_four_octets(&self) -> bool {
        self.segments()
            .iter()
            .flat_map(|segment| &segment.asns)
            .any(|asn| asn.0 > 0xFFFF)
    }

    /// The path length used in route selection: a set counts once, confederation segments do not count.
    pub fn length(&self) -> usize {
        self.segments()
            .iter()
            .map(|segment| segment.kind.length(segment.asns.len()))
            .sum()
    }

    /// Reads segments with AS numbers of four octets if `four`, otherwise two.
    ///
    /// # Errors
    /// Returns an error on a segment that is of unknown type, is empty, or exceeds the attribute (RFC 7606 section
    /// 7.2).
    pub fn decode_octets(r: &mut Reader<'_>, four: bool) -> Result<Self, WireError> {
        const WHAT: &str = "as many AS numbers as the segment counts";
        let mut segments: SmallVec<[Segment; 1]> = SmallVec::new();
        while !r.is_empty() {
            let code = r.u8("a kind of segment")?;
            let Some(kind) = SegmentKind::ALL
                .into_iter()
                .find(|kind| kind.code() == code)
            else {
                return Err(r.error("a kind of segment from 1 to 4"));
            };
            let count = usize::from(r.u8("a count of AS numbers")?);
            // RFC 7606 7.2: malformed if "the Path Segment Length field […] is zero".
            if count == 0 {
                return Err(r.error("a segment with at least one AS number"));
            }
            let mut numbers = r.sub(count * if four { 4 } else { 2 }, WHAT)?;
            let mut asns = Vec::with_capacity(count);
            while !numbers.is_empty() {
                asns.push(if four {
                    numbers.u32(WHAT)?.into()
                } else {
                    numbers.u16(WHAT)?.into()
                });
            }
            segments.push(Segment {
                kind,
                asns: asns.into_boxed_slice(),
            });
        }
        Ok(Self::of(segments))
    }

    /// Appends segments with AS numbers of four octets if `four`, otherwise two, where [`Asn::TRANS`] replaces a
    /// number that does not fit.
    pub fn encode_octets(&self, w: &mut Writer<'_>, four: bool) {
        for segment in self.segments() {
            // RFC 4271 5.1.2 b 1: a sequence of more than 255 ASes continues in another segment. An empty segment has
            // no wire form.
            for chunk in segment.asns.chunks(255) {
                w.u8(segment.kind.code());
                w.u8(u8::try_from(chunk.len()).unwrap_or(u8::MAX));
                for asn in chunk {
                    if four {
                        w.u32(asn.0);
                    } else {
                        w.u16(asn.to_u16());
                    }
                }
            }
        }
    }

    /// Returns `true` if the path contains AS 0, which is not allowed (RFC 7607 section 2).
    pub(crate) fn has_as_zero(&self) -> bool {
        let mut asns = self.segments().iter().flat_map(|segment| &segment.asns);
        asns.any(|asn| asn.0 == 0)
    }

    /// Returns `true` if the path has segments of confederations.
    fn has_confederations(&self) -> bool {
        let mut segments = self.segments().iter();
        segments.any(|segment| segment.kind.is_confederation())
    }

    /// Merges a two-octet AS_PATH with the AS4_PATH next to it (RFC 6793 section 4.2.3).
    #[must_use]
    pub fn merge_as4(self, as4: Self) -> Self {
        // RFC 6793 6: confederation segments in an AS4_PATH are discarded, and the rest of it is used.
        let as4 = as4.without_confederations();
        let (length, known) = (self.length(), as4.length());
        // "if the number of AS numbers in the AS_PATH attribute is less than [in] the AS4_PATH, […] ignored".
        if length < known {
            return self;
        }
        let mut keep = length - known;
        let mut merged: Vec<Segment> = Vec::new();
        for segment in self.into_segments() {
            let own = segment.kind.length(segment.asns.len());
            if keep == 0 && !segment.kind.is_confederation() {
                break;
            }
            if own <= keep {
                keep -= own;
                merged.push(segment);
            } else {
                let asns = segment.asns.into_iter().take(keep).collect();
                merged.push(Segment {
                    kind: segment.kind,
                    asns,
                });
                keep = 0;
            }
        }
        for segment in as4.into_segments() {
            match merged.last_mut() {
                Some(last)
                    if last.kind == SegmentKind::Sequence
                        && segment.kind == SegmentKind::Sequence =>
                {
                    let asns = last.asns.iter().chain(&segment.asns);
                    last.asns = asns.copied().collect();
                }
                _ => merged.push(segment),
            }
        }
        merged.into_iter().collect()
    }

    /// The path without confederation segments, for AS4_PATH (RFC 6793 section 3).
    #[must_use]
    pub fn without_confederations(&self) -> Self {
        let segments = self.segments().iter();
        let kept = segments.filter(|segment| !segment.kind.is_confederation());
        kept.cloned().collect()
    }

    fn print(&self, out: &mut String, brackets: fn(SegmentKind) -> (&'static str, &'static str)) {
        for (index, segment) in self.segments().iter().enumerate() {
            let (open, close) = brackets(segment.kind);
            out.push_str(if index > 0 { " " } else { "" });
            out.push_str(open);
            out.push(' ');
            for (index, asn) in segment.asns.iter().enumerate() {
                out.push_str(if index > 0 { " " } else { "" });
                // Writing to a String cannot fail.
                let _ = write!(out, "{asn}");
            }
            out.push(' ');
            out.push_str(close);
        }
    }

    fn parse_segments(c: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        let mut segments = Vec::new();
        loop {
            if c.accept("[") {
                bracket(c, "]", SegmentKind::Sequence, &mut segments)?;
            } else if c.accept("(") {
                bracket(c, ")", SegmentKind::Set, &mut segments)?;
            } else {
                break;
            }
            c.accept(",");
        }
        Ok(segments.into_iter().collect())
    }
}

/// Reads the rest after an opening bracket. Inside, braces enclose a confederation segment, and parentheses a set
/// within a path in one pair of square brackets (`[ 1 2 ( 3 4 ) ]`, ExaBGP 3 and 4).
fn bracket(
    c: &mut Cursor<'_>,
    close: &str,
    kind: SegmentKind,
    segments: &mut Vec<Segment>,
) -> Result<(), SyntaxError> {
    if c.accept("{") {
        let kind = match kind {
            SegmentKind::Set => SegmentKind::ConfedSet,
            _ => SegmentKind::ConfedSequence,
        };
        let mut asns = Vec::new();
        while !c.accept("}") {
            asns.push(number(c)?);
            c.accept(",");
        }
        push(segments, kind, asns);
        return c.expect(close);
    }
    let mut asns = Vec::with_capacity(c.count_until(close));
    while !c.accept(close) {
        if kind == SegmentKind::Sequence && c.accept("(") {
            push(segments, kind, std::mem::take(&mut asns));
            bracket(c, ")", SegmentKind::Set, segments)?;
        } else {
            asns.push(number(c)?);
        }
        c.accept(",");
    }
    push(segments, kind, asns);
    Ok(())
}

/// Adds a segment, unless it is empty: `[ ]` is an empty path.
fn push(segments: &mut Vec<Segment>, kind: SegmentKind, asns: Vec<Asn>) {
    if !asns.is_empty() {
        let asns = asns.into_boxed_slice();
        segments.push(Segment { kind, asns });
    }
}

fn number(c: &mut Cursor<'_>) -> Result<Asn, SyntaxError> {
    c.value("an AS number or a closing bracket", value::asn)
        .map(Asn)
}

impl PathAttribute for AsPath {
    const CODE: u8 = iana::attribute::AS_PATH;
    const FLAGS: u8 = flags::WELL_KNOWN;
    const NAME: &'static str = "as-path";
    // RFC 7606 7.2: "An UPDATE message with a malformed AS_PATH attribute SHALL be handled using treat-as-withdraw."
    const MALFORMED: Severity = Severity::TreatAsWithdraw;
    const MAY_BE_EMPTY: bool = true;

    fn decode(r: &mut Reader<'_>, cx: &Codec) -> Result<Self, WireError> {
        Self::decode_octets(r, cx.asn4)
    }

    fn check(&self, cx: &Codec) -> Result<(), (Severity, &'static str)> {
        if self.has_as_zero() {
            return Err((Severity::TreatAsWithdraw, "AS 0 in a path"));
        }
        // RFC 5065 5: "It is an error for a BGP speaker to receive an UPDATE message with an AS_PATH attribute that contains
        // AS_CONFED_SEQUENCE or AS_CONFED_SET segments from a neighbor that is not located in the same confederation."
        if cx.external && self.has_confederations() {
            let what = "a segment of a confederation from outside of it";
            return Err((Severity::TreatAsWithdraw, what));
        }
        Ok(())
    }

    fn encode(&self, w: &mut Writer<'_>, cx: &Codec) {
        self.encode_octets(w, cx.asn4);
    }

    fn parse(_: &str, c: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        match c.peek_token() {
            Some(token) if token.quoted => {
                // Quotes keep the braces of a confederation segment from ending a statement of a configuration file.
                let span = token.span;
                let tokens = tokenize(&token.text);
                let mut inner = Cursor::new(&tokens, token.text.len());
                let path =
                    Self::parse_segments(&mut inner).and_then(|path| inner.finish().map(|()| path));
                c.next_token();
                path.map_err(|error| SyntaxError { span, ..error })
            }
            Some(token) if matches!(&*token.text, "[" | "(") => {
                let start = c.span();
                let path = Self::parse_segments(c)?;
                // In a file the braces would end the statement, and ExaBGP refuses them in commands as well.
                if path.has_confederations() {
                    let span = start.to(c.last_span());
                    let message = "a segment of a confederation has to be written in quotes";
                    return Err(SyntaxError::new(span, message)
                        .with_help("write `as-path \"[{ 65001 }]\"`"));
                }
                Ok(path)
            }
            _ => c
                .value(
                    "`[ AS … ]` for a sequence, `( AS … )` for a set, or one AS number",
                    value::asn,
                )
                .map(|asn| Self::sequence([Asn(asn)])),
        }
    }

    fn json(&self, w: &mut JsonWriter) {
        w.raw("{");
        w.list(self.segments().iter().enumerate(), |w, (index, segment)| {
            w.raw("\"").number(index).raw("\": {\"element\": ");
            w.string(segment.kind.name()).raw(", \"value\": [");
            w.list(&segment.asns, |w, asn| {
                w.number(asn.0);
            });
            w.raw("]}");
        });
        w.raw("}");
    }

    fn text(&self, out: &mut String) {
        out.push_str("as-path ");
        self.print(out, SegmentKind::shown);
    }

    fn grammar(&self, out: &mut String) {
        out.push_str("as-path ");
        if self.segments().is_empty() {
            out.push_str("[ ]");
        } else if self.has_confederations() {
            out.push('"');
            self.print(out, SegmentKind::written);
            out.push('"');
        } else {
            self.print(out, SegmentKind::written);
        }
    }

    fn is_shown(&self) -> bool {
        !self.segments().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<AsPath, String> {
        let tokens = tokenize(text);
        let mut c = Cursor::new(&tokens, text.len());
        let path = AsPath::parse("as-path", &mut c).map_err(|error| error.to_string())?;
        c.finish().map_err(|error| error.to_string())?;
        Ok(path)
    }

    #[test]
    fn every_form_is_read_and_written_back() {
        for (text, wanted) in [
            ("[ 1 2 3 ]", "as-path [ 1 2 3 ]"),
            ("[1,2] (3 4)", "as-path [ 1 2 ] ( 3 4 )"),
            ("[ 1 2 ( 3 4 ) 5 ]", "as-path [ 1 2 ] ( 3 4 ) [ 5 ]"),
            ("[ 1.1 ]", "as-path [ 65537 ]"),
            ("65000", "as-path [ 65000 ]"),
            ("[ ]", "as-path [ ]"),
            ("\"[{ 1 2 }] ({ 3 })\"", "as-path \"[{ 1 2 }] ({ 3 })\""),
            ("\"[{1 2}] [ 3 ]\"", "as-path \"[{ 1 2 }] [ 3 ]\""),
        ] {
            let path = parse(text).expect(text);
            let mut out = String::new();
            path.grammar(&mut out);
            assert_eq!(out, wanted);
            assert_eq!(parse(&out[8..]), Ok(path), "{text}");
        }
        for text in [
            "",
            "[ 1",
            "[ x ]",
            "foo",
            "( 1 [ 2 ] )",
            "[{ 1 2 }]",
            "[ 1 ] ({ 2 })",
            "\"[ 1\"",
            "[ 4294967296 ]",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn events_show_the_reverse_brackets() {
        let path = parse("\"[{ 65100 }] [ 1 2 ] ( 3 )\"").expect("a path");
        let mut out = String::new();
        path.text(&mut out);
        assert_eq!(out, "as-path {( 65100 )} ( 1 2 ) [ 3 ]");
    }

    #[test]
    fn long_sequences_are_split_and_two_octets_hold_as_trans() {
        let path = AsPath::sequence((0..300).map(|n| Asn(65_500 + n)));
        for four in [true, false] {
            let mut bytes = Vec::new();
            path.encode_octets(&mut Writer::new(&mut bytes), four);
            assert_eq!(bytes[..2], [2, 255]);
            let back = AsPath::decode_octets(&mut Reader::new(&bytes), four).expect("decodes");
            assert_eq!(back.length(), 300);
            assert_eq!(
                back.segments()[1].asns[0],
                if four { Asn(65_755) } else { Asn::TRANS }
            );
        }
    }

    #[test]
    fn a_path_of_one_segment_takes_one_block_of_memory() {
        assert_eq!(size_of::<AsPath>(), 24);
        let path = parse("[ 1 2 ]").expect("a path");
        assert!(matches!(&path.0, Segments::One(_)));
        assert_eq!(path, AsPath::sequence([Asn(1), Asn(2)]));
        for text in ["[ ]", "[ 1 ]", "( 1 2 )", "[ 1 ] ( 2 )"] {
            let path = parse(text).expect(text);
            assert_eq!(path, path.segments().iter().cloned().collect());
            assert_eq!(path.segments(), path.clone().into_segments());
        }
    }

    #[test]
    fn two_and_four_octets_are_merged() {
        let old = parse("[ 65001 23456 23456 ]").expect("a path");
        let merged = |as4: &str| old.clone().merge_as4(parse(as4).expect("a path"));
        assert_eq!(
            merged("[ 70000 80000 ]"),
            parse("[ 65001 70000 80000 ]").expect("a path")
        );
        assert_eq!(merged("[ 1 2 3 4 ]"), old);
        assert_eq!(
            merged("[ 7 ] ( 8 9 )"),
            parse("[ 65001 7 ] ( 8 9 )").expect("a path")
        );
    }
}
