//! What a reader of archives gives: records, and bytes that are none.

use super::bgp4mp::{self, Message};
use super::{Header, Timestamp, kind};

/// A record.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Its header.
    pub header: Header,
    /// Its time; with microseconds if the type has them.
    pub time: Timestamp,
    /// Offset of the header in the decompressed stream.
    pub offset: u64,
    /// What follows the header and the microseconds.
    pub body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The BGP message in the record; `None` if it is a record of another kind, or can't be read.
    #[inline]
    pub fn message(&self) -> Option<Message<'a>> {
        match (self.header.kind, self.header.subtype) {
            (kind::BGP4MP | kind::BGP4MP_ET, subtype @ (1 | 4 | 6..=11)) => {
                bgp4mp::message(subtype, self.body).ok()
            }
            _ => None,
        }
    }
}

/// Bytes that are no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The time of the damaged record if its header can be believed, or else of the last good one.
    pub time: Timestamp,
    /// Offset of the first byte in the decompressed stream.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
    /// What is wrong.
    pub reason: String,
    /// `true` if the stream could not be read to its end, or if it ended without a single record: then it is hardly MRT.
    pub unreadable: bool,
}

/// What [`Reader::advance`](super::Reader::advance) found.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// A record.
    Frame(Frame<'a>),
    /// Bytes that are no record.
    Damage(&'a Damage),
}
