//! Type-length-value lists: information about the router, statistics, mirrored messages.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |             Type              |            Length             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                       Value (variable)                        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use std::borrow::Cow;

use crate::bgp::{Afi, Family, Safi};
use crate::wire::{Reader, WireError, Writer};

/// One type-length-value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tlv<'a> {
    /// Its type; the registry depends on the message.
    pub kind: u16,
    /// Its value.
    pub value: &'a [u8],
}

impl<'a> Tlv<'a> {
    /// The value as text. Bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.value)
    }
}

/// A list of type-length-values whose framing is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tlvs<'a>(&'a [u8]);

impl<'a> Tlvs<'a> {
    /// Checks that `reader` holds whole values up to its end, and takes them.
    pub fn decode(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        let list = reader.peek();
        while !reader.is_empty() {
            take(reader)?;
        }
        Ok(Self(list))
    }

    /// A list of what [`Tlvs::write`] wrote.
    ///
    /// # Errors
    /// When `bytes` are not whole values.
    pub fn new(bytes: &'a [u8]) -> Result<Self, WireError> {
        Self::decode(&mut Reader::new(bytes))
    }

    /// The values in their order.
    pub fn iter(&self) -> impl Iterator<Item = Tlv<'a>> + use<'a> {
        let mut reader = Reader::new(self.0);
        std::iter::from_fn(move || take(&mut reader).ok())
    }

    /// The first value of a type.
    pub fn find(&self, kind: u16) -> Option<Tlv<'a>> {
        self.iter().find(|tlv| tlv.kind == kind)
    }

    /// The encoded list.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Appends one value to an encoded list. What does not fit its length field (65,535 bytes) is cut.
    pub fn write(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
        let value = &value[..value.len().min(usize::from(u16::MAX))];
        let mut w = Writer::new(out);
        w.u16(kind);
        w.len16(|w| w.bytes(value));
    }
}

fn take<'a>(reader: &mut Reader<'a>) -> Result<Tlv<'a>, WireError> {
    let kind = reader.u16("the type of a TLV")?;
    let length = reader.u16("the length of a TLV")?;
    let value = reader.take(length.into(), "the value of a TLV")?;
    Ok(Tlv { kind, value })
}

/// Types of the information TLVs of Initiation and Peer Up (IANA registry "BMP Initiation and Peer Up Information TLVs").
pub struct Information;

impl Information {
    /// Free text.
    pub const STRING: u16 = 0;
    /// sysDescr of the router's MIB-II (Initiation).
    pub const SYS_DESCR: u16 = 1;
    /// sysName of the router's MIB-II (Initiation).
    pub const SYS_NAME: u16 = 2;
    /// The name of the VRF or table (Peer Up, RFC 9069 section 4.4 and RFC 9736).
    pub const TABLE_NAME: u16 = 3;
    /// The administrator's label of the peer (Peer Up, RFC 9736).
    pub const ADMIN_LABEL: u16 = 4;
    /// Text of a Termination.
    pub const TERMINATION_STRING: u16 = 0;
    /// The reason of a Termination, two bytes.
    pub const TERMINATION_REASON: u16 = 1;
}

/// Types of the values of Route Mirroring (RFC 7854 section 4.7).
pub struct Mirrored;

impl Mirrored {
    /// A whole BGP message.
    pub const MESSAGE: u16 = 0;
    /// Further information, two bytes: 0 the message in error, 1 messages were lost.
    pub const INFORMATION: u16 = 1;
}

/// One value of a Statistics Report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistic {
    /// What is counted (IANA registry "BMP Statistics Types").
    pub kind: u16,
    /// The family that it is counted for, if it is counted by family.
    pub family: Option<Family>,
    /// The number.
    pub value: u64,
}

impl Statistic {
    /// Routes rejected by inbound policy.
    pub const REJECTED: u16 = 0;
    /// Prefixes advertised again.
    pub const DUPLICATE_PREFIXES: u16 = 1;
    /// Withdrawals of what was not there.
    pub const DUPLICATE_WITHDRAWALS: u16 = 2;
    /// Routes in Adj-RIB-In.
    pub const ADJ_RIB_IN: u16 = 7;
    /// Routes in Loc-RIB.
    pub const LOC_RIB: u16 = 8;
    /// Routes in Adj-RIB-In, by family.
    pub const ADJ_RIB_IN_BY_FAMILY: u16 = 9;
    /// UPDATEs treated as withdrawals (RFC 7606).
    pub const TREATED_AS_WITHDRAW: u16 = 11;
    /// Routes in Adj-RIB-Out before policy (RFC 8671).
    pub const ADJ_RIB_OUT_PRE: u16 = 14;
    /// Routes in Adj-RIB-Out after policy (RFC 8671).
    pub const ADJ_RIB_OUT_POST: u16 = 15;
    /// Routes in Adj-RIB-Out before policy, by family (RFC 8671).
    pub const ADJ_RIB_OUT_PRE_BY_FAMILY: u16 = 16;
    /// Routes in Adj-RIB-Out after policy, by family (RFC 8671).
    pub const ADJ_RIB_OUT_POST_BY_FAMILY: u16 = 17;

    /// Reads a value by its length: 4 bytes a counter, 8 a gauge, 11 a gauge with its family. `None` for any other.
    pub fn decode(tlv: Tlv<'_>) -> Option<Self> {
        let mut reader = Reader::new(tlv.value);
        let mut family = None;
        let value = match tlv.value.len() {
            4 => reader.u32("a counter").ok()?.into(),
            8 => reader.u64("a gauge").ok()?,
            11 => {
                let afi = Afi(reader.u16("an AFI").ok()?);
                family = Some(Family {
                    afi,
                    safi: Safi(reader.u8("a SAFI").ok()?),
                });
                reader.u64("a gauge").ok()?
            }
            _ => return None,
        };
        Some(Self {
            kind: tlv.kind,
            family,
            value,
        })
    }

    /// Appends it to an encoded list: a counter of 4 bytes for the types that RFC 7854 defines as such, else a gauge.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut value = Vec::with_capacity(11);
        let mut w = Writer::new(&mut value);
        if let Some(family) = self.family {
            w.u16(family.afi.0);
            w.u8(family.safi.0);
            w.u64(self.value);
        } else if matches!(self.kind, 0..=6 | 11..=13) {
            // A counter of 32 bits wraps (RFC 7854 section 4.8).
            let [.., a, b, c, d] = self.value.to_be_bytes();
            w.bytes(&[a, b, c, d]);
        } else {
            w.u64(self.value);
        }
        Tlvs::write(out, self.kind, &value);
    }
}
