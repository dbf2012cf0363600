//! MRT archives (RFC 6396, RFC 6397, RFC 8050): framing, the meaning of each record type, and writing.
//!
//! | module | what |
//! |---|---|
//! | [`reader`] | a byte stream → records; damage is reported and framing is found again |
//! | `item` | what the reader gives |
//! | `compression` | gzip, bzip2, xz and zstd, recognized by their first bytes |
//! | `xz`, `zstd` | two of them, up to the last byte before damage |
//! | `sniff` | the first bytes of a stream: is it MRT, or do they only look like another format? |
//! | [`content`] | what a record holds, by type and subtype |
//! | [`bgp4mp`] | BGP4MP and BGP4MP_ET: messages, state changes, the deprecated ENTRY, the forms of old Zebra |
//! | [`table_dump`] | TABLE_DUMP and TABLE_DUMP_V2 |
//! | [`legacy`] | type 5 of 1999 |
//! | [`detect`] | ADD-PATH and the width of AS numbers, where the subtype is wrong |
//! | [`writer`] | messages and RIB snapshots, rotated files |
//! | [`file_name`] | names of files with the time in them |
//! | `whole` | where a file ends that may be half written |
//! | `window` | the bytes of a stream that are in memory |
//!
//! Everything is borrowed from the reader's buffer; nothing here allocates per record.
//!
//! ```
//! use oxabgp::mrt::{Content, Item, Reader};
//!
//! let archive = [
//!     0, 0, 0, 7, // seconds since 1970
//!     0, 16, 0, 0, // BGP4MP, STATE_CHANGE
//!     0, 0, 0, 20, // length
//!     0xFD, 0xEA, 0xFD, 0xE9, // AS 65002, AS 65001
//!     0, 0, 0, 1, // interface, IPv4
//!     192, 0, 2, 2, 192, 0, 2, 1, // addresses
//!     0, 5, 0, 6, // OpenConfirm, Established
//! ];
//! let mut reader = Reader::new(&archive[..]);
//! while reader.advance() {
//!     match reader.item() {
//!         Some(Item::Frame(frame)) => match Content::parse(&frame.header, frame.body) {
//!             Ok(Content::State(change)) => assert_eq!((change.old, change.new), (5, 6)),
//!             other => panic!("{other:?}"),
//!         },
//!         Some(Item::Damage(damage)) => panic!("{}", damage.reason),
//!         None => {}
//!     }
//! }
//! ```

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

pub mod bgp4mp;
#[cfg(feature = "stream")]
pub mod compression;
pub mod content;
pub mod detect;
pub mod file_name;
mod item;
pub mod legacy;
pub mod reader;
#[cfg(feature = "stream")]
pub mod sniff;
pub mod table_dump;
#[cfg(any(feature = "daemon", feature = "stream"))]
pub(crate) mod whole;
mod window;
pub mod writer;
#[cfg(feature = "stream")]
mod xz;
#[cfg(feature = "stream")]
mod zstd;

pub use content::Content;
pub use reader::{Damage, Frame, Item, Reader};

/// MRT types (RFC 6396 section 4 and the IANA registry).
pub mod kind {
    /// I_AM_DEAD, deprecated: the writer of a stream ends; text follows.
    pub const I_AM_DEAD: u16 = 3;
    /// BGP, the first form, of 1999: messages without their header.
    pub const BGP: u16 = 5;
    /// TABLE_DUMP.
    pub const TABLE_DUMP: u16 = 12;
    /// TABLE_DUMP_V2.
    pub const TABLE_DUMP_V2: u16 = 13;
    /// BGP4MP.
    pub const BGP4MP: u16 = 16;
    /// BGP4MP_ET: with microseconds.
    pub const BGP4MP_ET: u16 = 17;
}

/// Seconds since 1970 and microseconds, UTC. `Display` is `seconds.microseconds` with six digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Seconds since 1970-01-01 00:00:00 UTC.
    pub seconds: u32,
    /// Microseconds, 0 to 999,999.
    pub micros: u32,
}

impl Timestamp {
    /// A time on the second.
    pub const fn from_seconds(seconds: u32) -> Self {
        Self { seconds, micros: 0 }
    }

    /// The time of a record with a microseconds field; a million or more carries into the seconds.
    pub const fn new(seconds: u32, micros: u32) -> Self {
        Self {
            seconds: seconds.saturating_add(micros / 1_000_000),
            micros: micros % 1_000_000,
        }
    }

    /// The time as a floating-point number of seconds, as pybgpstream gives it.
    pub fn as_f64(self) -> f64 {
        f64::from(self.seconds) + f64::from(self.micros) / 1e6
    }
}

/// Times before 1970 become 1970, and those after 2106 the last one that a record can have.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            seconds: u32::try_from(since.as_secs()).unwrap_or(u32::MAX),
            micros: since.subsec_micros(),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.seconds, self.micros)
    }
}

/// The common header (RFC 6396 section 2).
///
/// ```text
/// +---------------------------------------------------------------+
/// |                           Timestamp                           |
/// +-------------------------------+-------------------------------+
/// |             Type              |            Subtype            |
/// +-------------------------------+-------------------------------+
/// |                             Length                            |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// Seconds since 1970.
    pub seconds: u32,
    /// Type: one of [`kind`].
    pub kind: u16,
    /// Subtype.
    pub subtype: u16,
    /// Bytes after the header, the microseconds of BGP4MP_ET included.
    pub length: u32,
}

impl Header {
    /// Bytes of a header.
    pub const SIZE: usize = 12;

    /// Longest TABLE_DUMP or TABLE_DUMP_V2 record that is accepted, in bytes. RFC 6396 has no limit; records of more than
    /// 1 MiB exist.
    pub const MOST: u32 = 64 << 20;

    /// Reads a header.
    pub fn parse(bytes: [u8; Self::SIZE]) -> Self {
        let [a, b, c, d, k0, k1, s0, s1, l0, l1, l2, l3] = bytes;
        Self {
            seconds: u32::from_be_bytes([a, b, c, d]),
            kind: u16::from_be_bytes([k0, k1]),
            subtype: u16::from_be_bytes([s0, s1]),
            length: u32::from_be_bytes([l0, l1, l2, l3]),
        }
    }

    /// The wire form.
    pub fn to_bytes(self) -> [u8; Self::SIZE] {
        let mut out = [0; Self::SIZE];
        out[..4].copy_from_slice(&self.seconds.to_be_bytes());
        out[4..6].copy_from_slice(&self.kind.to_be_bytes());
        out[6..8].copy_from_slice(&self.subtype.to_be_bytes());
        out[8..].copy_from_slice(&self.length.to_be_bytes());
        out
    }

    /// Returns `true` if the type and subtype are known to hold BGP data.
    pub const fn is_known(&self) -> bool {
        match self.kind {
            kind::BGP => self.subtype <= 7,
            kind::TABLE_DUMP => self.subtype >= 1 && self.subtype <= 4,
            kind::TABLE_DUMP_V2 => self.subtype >= 1 && self.subtype <= 12,
            kind::BGP4MP | kind::BGP4MP_ET => self.subtype <= 11,
            _ => false,
        }
    }

    /// Returns `true` if the type is registered for another protocol, or is I_AM_DEAD, and the length is one that such a record
    /// can have.
    pub const fn is_foreign(&self) -> bool {
        // RIP, IDRP, RIPng, BGP4PLUS in two forms, OSPFv2; IS-IS and OSPFv3, each also with microseconds.
        matches!(self.kind, kind::I_AM_DEAD | 6..=11 | 32 | 33 | 48 | 49)
            && self.length > 0
            && self.length <= 65_600
    }

    /// Longest body of this type, in bytes: one BGP message and what precedes it, or [`Header::MOST`].
    pub const fn most(&self) -> u32 {
        match self.kind {
            kind::BGP => 4_120,
            kind::BGP4MP | kind::BGP4MP_ET => 65_600,
            _ => Self::MOST,
        }
    }

    /// Returns `true` if this can be the header of a record with BGP data.
    pub const fn is_plausible(&self) -> bool {
        self.is_known() && self.length <= self.most()
    }
}

/// Year, month and day of a day since 1970-01-01, in the proleptic Gregorian calendar.
pub(crate) const fn civil(days: u32) -> (u32, u32, u32) {
    // Years start in March, eras have 400 years of 146,097 days.
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_carry_into_seconds() {
        assert_eq!(
            Timestamp::new(1_700_000_000, 1_999_999).to_string(),
            "1700000001.999999"
        );
        assert_eq!(Timestamp::from_seconds(7).to_string(), "7.000000");
    }

    #[test]
    fn headers_are_read_and_written() {
        let header = Header {
            seconds: 1,
            kind: kind::BGP4MP,
            subtype: 4,
            length: 70_000,
        };
        assert_eq!(Header::parse(header.to_bytes()), header);
        assert!(!header.is_plausible());
    }
}
