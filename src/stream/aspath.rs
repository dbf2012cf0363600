//! AS paths: segments, and the text of bgpreader and bgpdump, which is not ExaBGP's.
//!
//! Sequences are spaced numbers, and consecutive ones join; sets are `{1,2}`; confederation sequences `(1 2)` and sets `[1,2]`; other
//! types `<1 2>`.

use std::borrow::Cow;
use std::fmt;

use crate::bgp::asn::Asn;
use crate::bgp::attribute::as_path::AsPath;
use crate::mrt::detect;
use crate::wire::{Reader, Writer};

use super::address::number;

/// Segment types (RFC 4271 section 4.3, RFC 5065 section 3).
const SET: u8 = 1;
const SEQUENCE: u8 = 2;
const CONFED_SEQUENCE: u8 = 3;
const CONFED_SET: u8 = 4;

/// An AS path on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathRef<'a> {
    /// Its segments.
    bytes: Cow<'a, [u8]>,
    /// Octets of an AS number: 2 or 4.
    width: u8,
}

/// A segment of a path on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentRef<'a> {
    /// Its type: 1 set, 2 sequence, 3 and 4 the same of a confederation.
    pub kind: u8,
    numbers: &'a [u8],
    width: u8,
}

impl<'a> PathRef<'a> {
    /// The path in the value of an AS_PATH attribute, whose AS numbers should have `promised` octets.
    ///
    /// If only the other width ends where the path does, that is taken; `None` if neither does.
    pub fn new(bytes: &'a [u8], promised: u8) -> Option<Self> {
        Some(Self {
            bytes: Cow::Borrowed(bytes),
            width: detect::width(bytes, promised)?,
        })
    }

    /// The path that this two-octet path and an AS4_PATH stand for (RFC 6793 section 4.2.3).
    #[must_use]
    pub fn merge(self, as4: &[u8]) -> Self {
        if self.width == 4 {
            return self;
        }
        let own = AsPath::decode_octets(&mut Reader::new(&self.bytes), false);
        let long = AsPath::decode_octets(&mut Reader::new(as4), true);
        let (Ok(own), Ok(long)) = (own, long) else {
            return self;
        };
        let mut merged = Vec::with_capacity(self.bytes.len() * 2);
        own.merge_as4(long)
            .encode_octets(&mut Writer::new(&mut merged), true);
        Self {
            bytes: Cow::Owned(merged),
            width: 4,
        }
    }

    /// Octets of an AS number on the wire: 2 or 4.
    pub const fn width(&self) -> u8 {
        self.width
    }

    /// The segments.
    pub fn segments(&self) -> Segments<'_> {
        Segments {
            rest: &self.bytes,
            width: self.width,
        }
    }

    /// The AS that originated the route, if the path ends with a plain one.
    pub fn origin(&self) -> Option<u32> {
        let last = self.last_printed()?;
        (last.kind == SEQUENCE)
            .then(|| last.asns().last())
            .flatten()
    }

    /// The last segment that has a text: an empty sequence has none, an empty set is `{}`.
    fn last_printed(&self) -> Option<SegmentRef<'_>> {
        self.segments()
            .filter(|one| one.kind != SEQUENCE || !one.numbers.is_empty())
            .last()
    }

    /// Appends the text.
    pub fn write(&self, out: &mut Vec<u8>, empty: Separator) {
        write_segments(out, self.segments(), empty);
    }

    /// Appends the text up to and including the first AS number after which it is longer than `limit` bytes, then `...`: as
    /// bgpdump cuts long paths, without the closing bracket of a set.
    pub(crate) fn write_cut(&self, out: &mut Vec<u8>, empty: Separator, limit: usize) {
        let start = out.len();
        self.write(out, empty);
        if out.len() - start <= limit {
            return;
        }
        // The limit may fall on brackets alone, after which no number follows.
        let number_ends = |at: &usize| {
            let next = out.get(start + at).copied();
            out[start + at - 1].is_ascii_digit() && !next.is_some_and(|byte| byte.is_ascii_digit())
        };
        if let Some(end) = (limit + 1..=out.len() - start).find(number_ends) {
            out.truncate(start + end);
            out.extend_from_slice(b"...");
        }
    }

    /// Appends the origin column: the last segment's text, or the last AS of a sequence.
    pub fn write_origin(&self, out: &mut Vec<u8>) {
        match self.last_printed() {
            Some(last) if last.kind == SEQUENCE => {
                if let Some(asn) = last.asns().last() {
                    number(out, asn);
                }
            }
            Some(last) => last.write(out),
            None => {}
        }
    }
}

/// What separates an empty set from what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Separator {
    /// A space: bgpreader.
    Space,
    /// Nothing: bgpdump.
    Nothing,
}

fn write_segments<'a>(
    out: &mut Vec<u8>,
    segments: impl Iterator<Item = SegmentRef<'a>>,
    empty: Separator,
) {
    let start = out.len();
    let mut glue = true;
    for segment in segments {
        if segment.kind == SEQUENCE && segment.numbers.is_empty() {
            continue;
        }
        if out.len() > start && glue {
            out.push(b' ');
        }
        segment.write(out);
        glue = !segment.numbers.is_empty() || empty == Separator::Space;
    }
}

impl<'a> SegmentRef<'a> {
    /// The AS numbers.
    pub fn asns(&self) -> impl Iterator<Item = u32> + use<'a> {
        let two = self.width == 2;
        self.numbers
            .chunks_exact(self.width.into())
            .map(move |bytes| match bytes {
                [a, b, c, d] if !two => u32::from_be_bytes([*a, *b, *c, *d]),
                [a, b, ..] => u16::from_be_bytes([*a, *b]).into(),
                _ => 0,
            })
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        let (open, between, close) = match self.kind {
            SEQUENCE => (None, b' ', None),
            SET => (Some(b'{'), b',', Some(b'}')),
            CONFED_SEQUENCE => (Some(b'('), b' ', Some(b')')),
            CONFED_SET => (Some(b'['), b',', Some(b']')),
            _ => (Some(b'<'), b' ', Some(b'>')),
        };
        out.extend(open);
        for (index, asn) in self.asns().enumerate() {
            if index > 0 {
                out.push(between);
            }
            number(out, asn);
        }
        out.extend(close);
    }
}

/// The segments of a path.
#[derive(Clone, Copy, Debug)]
pub struct Segments<'a> {
    rest: &'a [u8],
    width: u8,
}

impl<'a> Iterator for Segments<'a> {
    type Item = SegmentRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<SegmentRef<'a>> {
        let [kind, count, rest @ ..] = self.rest else {
            return None;
        };
        let length = usize::from(*count) * usize::from(self.width);
        let (numbers, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(SegmentRef {
            kind: *kind,
            numbers,
            width: self.width,
        })
    }
}

/// A segment of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Segment {
    /// One AS of an AS_SEQUENCE.
    Asn(Asn),
    /// AS_SET: `{1,2}`.
    Set(Vec<Asn>),
    /// AS_CONFED_SEQUENCE: `(1 2)`.
    ConfedSequence(Vec<Asn>),
    /// AS_CONFED_SET: `[1,2]`.
    ConfedSet(Vec<Asn>),
    /// One of an unknown type: `<1 2>`.
    Other(u8, Vec<Asn>),
}

/// An AS path as a list of segments, each AS of a sequence being one, as pybgpstream has it.
///
/// `Display` is the text of bgpreader.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path {
    segments: Vec<Segment>,
}

impl Path {
    /// The segments.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Number of segments; an AS of a sequence counts as one.
    pub const fn len(&self) -> usize {
        self.segments.len()
    }

    /// Returns `true` if there is no segment.
    pub const fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// The last segment: the origin.
    pub fn origin(&self) -> Option<&Segment> {
        self.segments.last()
    }

    /// All AS numbers, in the order of the wire, members of sets included.
    pub fn asns(&self) -> impl Iterator<Item = Asn> {
        self.segments.iter().flat_map(|segment| match segment {
            Segment::Asn(asn) => std::slice::from_ref(asn).iter().copied(),
            Segment::Set(asns)
            | Segment::ConfedSequence(asns)
            | Segment::ConfedSet(asns)
            | Segment::Other(_, asns) => asns.iter().copied(),
        })
    }
}

impl From<&PathRef<'_>> for Path {
    fn from(path: &PathRef<'_>) -> Self {
        let mut segments = Vec::new();
        for segment in path.segments() {
            let asns = segment.asns().map(Asn);
            match segment.kind {
                SEQUENCE => segments.extend(asns.map(Segment::Asn)),
                SET => segments.push(Segment::Set(asns.collect())),
                CONFED_SEQUENCE => segments.push(Segment::ConfedSequence(asns.collect())),
                CONFED_SET => segments.push(Segment::ConfedSet(asns.collect())),
                kind => segments.push(Segment::Other(kind, asns.collect())),
            }
        }
        Self { segments }
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, asns, between, close) = match self {
            Self::Asn(asn) => return write!(f, "{}", asn.0),
            Self::Set(asns) => ("{", asns, ",", "}"),
            Self::ConfedSequence(asns) => ("(", asns, " ", ")"),
            Self::ConfedSet(asns) => ("[", asns, ",", "]"),
            Self::Other(_, asns) => ("<", asns, " ", ">"),
        };
        f.write_str(open)?;
        for (index, asn) in asns.iter().enumerate() {
            write!(f, "{}{}", if index > 0 { between } else { "" }, asn.0)?;
        }
        f.write_str(close)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.segments.iter().enumerate() {
            write!(f, "{}{segment}", if index > 0 { " " } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> (String, String) {
        let path = PathRef::new(bytes, 2).expect("a path");
        let (mut whole, mut origin) = (Vec::new(), Vec::new());
        path.write(&mut whole, Separator::Space);
        path.write_origin(&mut origin);
        let text = |bytes| String::from_utf8(bytes).expect("text");
        assert_eq!(Path::from(&path).to_string(), text(whole.clone()));
        (text(whole), text(origin))
    }

    #[test]
    fn segments_print_as_bgpreader_prints_them() {
        for (bytes, whole, origin) in [
            (&[2, 2, 0, 1, 0, 2, 2, 1, 0, 3][..], "1 2 3", "3"),
            (&[2, 1, 0, 1, 1, 2, 0, 3, 0, 4], "1 {3,4}", "{3,4}"),
            (&[3, 2, 0, 7, 0, 8, 2, 1, 0, 1], "(7 8) 1", "1"),
            (&[3, 2, 0, 7, 0, 8], "(7 8)", "(7 8)"),
            (&[4, 2, 0, 7, 0, 8], "[7,8]", "[7,8]"),
            (&[1, 0, 2, 1, 0, 1], "{} 1", "1"),
            (&[2, 0, 2, 1, 0, 1], "1", "1"),
            (&[5, 2, 0, 1, 0, 2], "<1 2>", "<1 2>"),
            (&[], "", ""),
        ] {
            assert_eq!(text(bytes), (whole.to_owned(), origin.to_owned()));
        }
    }
}
