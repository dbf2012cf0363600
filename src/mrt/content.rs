//! What a record holds, by its type and subtype.

use crate::bgp::family::Family;
use crate::bgp::message::update::Update;
use crate::wire::{Reader, WireError};

use super::bgp4mp::{self, Entry, Message, StateChange};
use super::detect::{self, Evidence};
use super::table_dump::{self, PeerTable, Rib, TableDump};
use super::{Header, kind, legacy};

/// A record's body, borrowed.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Content<'a> {
    /// PEER_INDEX_TABLE; [`PeerTable::parse`] reads it.
    PeerTable(&'a [u8]),
    /// A RIB record of TABLE_DUMP_V2.
    Rib(Rib<'a>),
    /// TABLE_DUMP.
    TableDump(TableDump<'a>),
    /// BGP4MP_ENTRY.
    Entry(Entry<'a>),
    /// A BGP message.
    Message(Message<'a>),
    /// A state change.
    State(StateChange),
    /// A type or subtype without routes, messages or states in it.
    Unsupported,
}

impl<'a> Content<'a> {
    /// Reads `body`, which follows the header and, in BGP4MP_ET, the microseconds.
    ///
    /// # Errors
    /// When it is not what type and subtype promise. Errors deeper inside (an entry, an attribute, an NLRI) show when those are
    /// read.
    pub fn parse(header: &Header, body: &'a [u8]) -> Result<Self, WireError> {
        match (header.kind, header.subtype) {
            (kind::BGP, legacy::STATE_CHANGE) => legacy::state_change(body).map(Self::State),
            (kind::BGP, subtype) => match legacy::message_type(subtype) {
                Some(message_type) => legacy::message(message_type, body).map(Self::Message),
                None => Ok(Self::Unsupported),
            },
            (kind::TABLE_DUMP, subtype @ 1..=4) => {
                TableDump::parse(subtype, body).map(Self::TableDump)
            }
            (kind::TABLE_DUMP_V2, 1) => Ok(Self::PeerTable(body)),
            (kind::TABLE_DUMP_V2, 6 | 12) if !table_dump::is_family_known(body) => {
                Ok(Self::Unsupported)
            }
            (kind::TABLE_DUMP_V2, subtype @ (2..=6 | 8..=12)) => {
                Rib::parse(subtype, body).map(Self::Rib)
            }
            (kind::BGP4MP | kind::BGP4MP_ET, subtype) => match subtype {
                0 | 5 => bgp4mp::state_change(subtype, body).map(Self::State),
                1 | 4 | 6..=11 => bgp4mp::message(subtype, body).map(Self::Message),
                2 if !bgp4mp::is_family_known(body) => Ok(Self::Unsupported),
                2 => bgp4mp::entry(body).map(Self::Entry),
                _ => Ok(Self::Unsupported),
            },
            _ => Ok(Self::Unsupported),
        }
    }
}

/// Where the fields of a body end by their own lengths and counts; `None` if they have none.
///
/// # Errors
/// When they run past the end.
pub(super) fn end(header: &Header, body: &[u8]) -> Result<Option<usize>, WireError> {
    let end = match (header.kind, header.subtype) {
        (kind::BGP4MP | kind::BGP4MP_ET, subtype @ (1 | 4 | 6..=11)) => {
            bgp4mp::message_end(subtype, body)
        }
        (kind::BGP4MP | kind::BGP4MP_ET, subtype @ (0 | 5)) => bgp4mp::state_end(subtype, body),
        (kind::BGP4MP | kind::BGP4MP_ET, 2) => bgp4mp::entry_end(body),
        (kind::TABLE_DUMP_V2, 1) => PeerTable::end(body),
        (kind::TABLE_DUMP_V2, subtype @ (2..=6 | 8..=12)) => table_dump::rib_end(subtype, body),
        (kind::TABLE_DUMP, subtype @ 1..=4) => table_dump::end(subtype, body),
        _ => return Ok(None),
    };
    end.map(Some)
}

/// Checks a body to its last byte, except the values of attributes: is this a record, or bytes that a wrong length
/// swallowed?
///
/// # Errors
/// With the place up to which it is one.
pub(super) fn check(header: &Header, body: &[u8]) -> Result<(), WireError> {
    match Content::parse(header, body)? {
        Content::TableDump(dump) => return dump.check(),
        Content::Message(message) if header.kind == kind::BGP => return check_bare(&message),
        Content::Message(message) if message.message_type == 2 => {
            check_update(message.body)?;
        }
        Content::Unsupported => return Err(Reader::new(body).error("a record to be read")),
        _ => {}
    }
    match end(header, body)? {
        Some(end) if end < body.len() => Err(WireError {
            what: "the end of the record",
            offset: end,
        }),
        _ => Ok(()),
    }
}

fn check_update(body: &[u8]) -> Result<Update<'_>, WireError> {
    let Ok(update) = Update::new(body) else {
        return Err(Reader::new(body).error("the fields of an UPDATE"));
    };
    let mut r = Reader::new(update.attributes);
    while !r.is_empty() {
        attribute(&mut r)?;
    }
    Ok(update)
}

/// Checks a message of which no header tells where it ends.
fn check_bare(message: &Message<'_>) -> Result<(), WireError> {
    let mut r = Reader::new(message.body);
    match message.message_type {
        1 => {
            r.take(9, "the fields of an OPEN")?;
            let length = r.u8("the length of the optional parameters")?;
            r.take(length.into(), "the optional parameters")?;
            r.finish("the end of an OPEN")
        }
        2 => {
            let nlri = check_update(message.body)?.nlri;
            match detect::evidence(Family::IPV4_UNICAST, nlri) {
                Evidence::Broken => Err(r.error("prefixes up to the end of an UPDATE")),
                _ => Ok(()),
            }
        }
        4 => r.finish("the end of a KEEPALIVE"),
        _ => Ok(()),
    }
}

/// An attribute as framed, with nothing checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framed<'a> {
    /// Flags.
    pub flags: u8,
    /// Type code.
    pub code: u8,
    /// Value.
    pub value: &'a [u8],
}

/// Takes the next attribute (RFC 4271 section 4.3).
///
/// # Errors
/// When it runs past the end; the reader stands anywhere then.
#[inline]
pub fn attribute<'a>(r: &mut Reader<'a>) -> Result<Framed<'a>, WireError> {
    let (flags, code, skip, length) = match *r.peek() {
        [flags, code, length, ..] if flags & 0x10 == 0 => (flags, code, 3, usize::from(length)),
        [flags, code, a, b, ..] => (flags, code, 4, usize::from(u16::from_be_bytes([a, b]))),
        _ => return cut_attribute(r),
    };
    if r.remaining() < skip + length {
        return cut_attribute(r);
    }
    let bytes = r.take(skip + length, "an attribute")?;
    Ok(Framed {
        flags,
        code,
        value: bytes.get(skip..).unwrap_or_default(),
    })
}

/// Takes an attribute field by field, to name the one that runs past the end.
#[cold]
fn cut_attribute<'a>(r: &mut Reader<'a>) -> Result<Framed<'a>, WireError> {
    let [flags, code] = r.array::<2>("attribute flags and type code")?;
    let length = if flags & 0x10 == 0 {
        usize::from(r.u8("the length of an attribute")?)
    } else {
        usize::from(r.u16("the length of an attribute")?)
    };
    Ok(Framed {
        flags,
        code,
        value: r.take(length, "the value of an attribute")?,
    })
}
