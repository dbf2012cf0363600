//! The per-peer header (RFC 7854 section 4.2), and what its flags mean for the table that a route is in.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |   Peer Type   |  Peer Flags   |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |         Peer Distinguisher (present based on peer type)       |
//! |                                                               |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                 Peer Address (16 bytes)                       |
//! ~                                                               ~
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                           Peer AS                             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                         Peer BGP ID                           |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                    Timestamp (seconds)                        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                  Timestamp (microseconds)                     |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::bgp::Asn;
use crate::bgp::rd::RouteDistinguisher;
use crate::wire::{Reader, WireError, Writer};

/// What kind of peer a message is about (IANA registry "BMP Peer Types").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerType(pub u8);

impl PeerType {
    /// A peer of the global instance.
    pub const GLOBAL: Self = Self(0);
    /// A peer of an instance with a route distinguisher.
    pub const RD: Self = Self(1);
    /// A peer of an instance with a number of local meaning only.
    pub const LOCAL: Self = Self(2);
    /// The router's own Loc-RIB (RFC 9069 section 4.1); the peer is the router itself.
    pub const LOC_RIB: Self = Self(3);
}

/// The table that a route was reported from. `Display` is the stream's word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rib {
    /// Adj-RIB-In before policy.
    InPre,
    /// Adj-RIB-In after policy.
    InPost,
    /// Adj-RIB-Out before policy (RFC 8671).
    OutPre,
    /// Adj-RIB-Out after policy (RFC 8671).
    OutPost,
    /// Loc-RIB (RFC 9069).
    Loc,
}

impl Rib {
    /// The stream's word: `adj-in-pre`, `adj-in-post`, `adj-out-pre`, `adj-out-post` or `loc`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InPre => "adj-in-pre",
            Self::InPost => "adj-in-post",
            Self::OutPre => "adj-out-pre",
            Self::OutPost => "adj-out-post",
            Self::Loc => "loc",
        }
    }

    /// Returns `true` for an Adj-RIB-Out: the router sent these routes, so that ADD-PATH and the AS width are those of its
    /// sending direction.
    pub const fn is_out(self) -> bool {
        matches!(self, Self::OutPre | Self::OutPost)
    }
}

impl fmt::Display for Rib {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The per-peer header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerHeader {
    /// What kind of peer it is.
    pub kind: PeerType,
    /// The flags, with those that have no meaning here.
    pub flags: u8,
    /// Which instance of the router; zero in the global one.
    pub distinguisher: RouteDistinguisher,
    /// The address of the peer; unspecified for [`PeerType::LOC_RIB`].
    pub address: IpAddr,
    /// The AS of the peer.
    pub asn: Asn,
    /// The BGP identifier of the peer.
    pub bgp_id: Ipv4Addr,
    /// When the router learned of it, in seconds since 1970; 0 if unknown.
    pub seconds: u32,
    /// Microseconds of that second.
    pub microseconds: u32,
}

impl PeerHeader {
    /// Bytes of the header.
    pub const SIZE: usize = 42;
    /// V: the address is of IPv6 (types 0 to 2).
    pub const IPV6: u8 = 0x80;
    /// L: after policy (types 0 to 2).
    pub const POST_POLICY: u8 = 0x40;
    /// A: AS_PATH has two-octet AS numbers (types 0 to 2).
    pub const AS2: u8 = 0x20;
    /// O: Adj-RIB-Out (RFC 8671, types 0 to 2).
    pub const ADJ_RIB_OUT: u8 = 0x10;
    /// F: the Loc-RIB is filtered (RFC 9069, type 3).
    pub const FILTERED: u8 = 0x80;

    /// The table that a route in a message with this header is in.
    pub const fn rib(&self) -> Rib {
        if self.kind.0 == PeerType::LOC_RIB.0 {
            return Rib::Loc;
        }
        match (
            self.flags & Self::ADJ_RIB_OUT != 0,
            self.flags & Self::POST_POLICY != 0,
        ) {
            (false, false) => Rib::InPre,
            (false, true) => Rib::InPost,
            (true, false) => Rib::OutPre,
            (true, true) => Rib::OutPost,
        }
    }

    /// Returns `true` if, by the header, AS_PATH has two-octet AS numbers. RFC 9069 section 4.2 has no such flag for
    /// a Loc-RIB.
    pub const fn has_as2(&self) -> bool {
        self.kind.0 != PeerType::LOC_RIB.0 && self.flags & Self::AS2 != 0
    }

    /// Returns `true` if addresses of this peer are of IPv6.
    pub(super) const fn is_ipv6(&self) -> bool {
        self.kind.0 != PeerType::LOC_RIB.0 && self.flags & Self::IPV6 != 0
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let kind = PeerType(reader.u8("a peer type")?);
        let flags = reader.u8("peer flags")?;
        let distinguisher = RouteDistinguisher(reader.array("a peer distinguisher")?);
        let mut header = Self {
            kind,
            flags,
            distinguisher,
            address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            asn: Asn(0),
            bgp_id: Ipv4Addr::UNSPECIFIED,
            seconds: 0,
            microseconds: 0,
        };
        header.address = decode_address(reader, header.is_ipv6())?;
        header.asn = Asn(reader.u32("a peer AS")?);
        header.bgp_id = reader.array::<4>("a peer BGP identifier")?.into();
        header.seconds = reader.u32("seconds")?;
        header.microseconds = reader.u32("microseconds")?;
        Ok(header)
    }

    pub(super) fn encode(&self, w: &mut Writer<'_>) {
        w.u8(self.kind.0);
        w.u8(self.flags);
        w.bytes(&self.distinguisher.0);
        encode_address(w, self.address);
        w.u32(self.asn.0);
        w.bytes(&self.bgp_id.octets());
        w.u32(self.seconds);
        w.u32(self.microseconds);
    }
}

/// Sixteen bytes: an IPv6 address, or twelve that are ignored and an IPv4 address.
pub(super) fn decode_address(reader: &mut Reader<'_>, ipv6: bool) -> Result<IpAddr, WireError> {
    let bytes: [u8; 16] = reader.array("an address of 16 bytes")?;
    if ipv6 {
        return Ok(Ipv6Addr::from(bytes).into());
    }
    let [.., a, b, c, d] = bytes;
    Ok(Ipv4Addr::new(a, b, c, d).into())
}

pub(super) fn encode_address(w: &mut Writer<'_>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            w.bytes(&[0; 12]);
            w.bytes(&address.octets());
        }
        IpAddr::V6(address) => w.bytes(&address.octets()),
    }
}
