//! Blocks: the routes of one field of a record, which share their attributes.
//!
//! An UPDATE has up to four of them (more if it has several MP_REACH_NLRI), a RIB record one per entry. Formats and filters work
//! by block, so that what the routes share is looked at once; [`Elem`](super::Elem) is one route of a block.

use std::fmt;
use std::net::IpAddr;

use crate::bgp::family::{Family, FamilySet, Safi};
use crate::bgp::nlri;
use crate::bgp::{NlriRef, RouteDistinguisher};
use crate::bmp;
use crate::mrt::Timestamp;
use crate::mrt::bgp4mp::Direction;
use crate::wire::Reader;

use super::attributes::{Attributes, Hop, Notes};

/// What an elem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ElemKind {
    /// A route of a table.
    Rib,
    /// An announcement.
    Announcement,
    /// A withdrawal.
    Withdrawal,
    /// A change of a session's state.
    PeerState,
}

impl ElemKind {
    /// bgpreader's letter.
    pub const fn letter(self) -> char {
        match self {
            Self::Rib => 'R',
            Self::Announcement => 'A',
            Self::Withdrawal => 'W',
            Self::PeerState => 'S',
        }
    }

    /// The word: `rib`, `announcement`, `withdrawal`, `peerstate`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rib => "rib",
            Self::Announcement => "announcement",
            Self::Withdrawal => "withdrawal",
            Self::PeerState => "peerstate",
        }
    }
}

impl fmt::Display for ElemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.letter())
    }
}

/// A state of a session (RFC 4271 section 8.2.2, and two of Quagga's).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct State(pub u16);

impl State {
    /// bgpreader's name; empty for 0 and above 8.
    pub const fn name(self) -> &'static str {
        match self.0 {
            1 => "IDLE",
            2 => "CONNECT",
            3 => "ACTIVE",
            4 => "OPENSENT",
            5 => "OPENCONFIRM",
            6 => "ESTABLISHED",
            7 => "CLEARING",
            8 => "DELETED",
            _ => "",
        }
    }

    /// The word: `idle`, `open-sent`, `established`; empty for 0 and above 8.
    pub const fn as_str(self) -> &'static str {
        match self.0 {
            1 => "idle",
            2 => "connect",
            3 => "active",
            4 => "open-sent",
            5 => "open-confirm",
            6 => "established",
            7 => "clearing",
            8 => "deleted",
            _ => "",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which of a router's tables a route belongs to (RFC 4271 section 3.2, RFC 7854, 8671, 9069).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RibView {
    /// Adj-RIB-In before policy: what MRT archives hold.
    #[default]
    AdjInPre,
    /// Adj-RIB-In after policy.
    AdjInPost,
    /// Adj-RIB-Out before policy.
    AdjOutPre,
    /// Adj-RIB-Out after policy.
    AdjOutPost,
    /// Loc-RIB.
    Loc,
}

impl RibView {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::AdjInPre,
        Self::AdjInPost,
        Self::AdjOutPre,
        Self::AdjOutPost,
        Self::Loc,
    ];

    /// The word: `adj-in-pre`, `loc`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AdjInPre => "adj-in-pre",
            Self::AdjInPost => "adj-in-post",
            Self::AdjOutPre => "adj-out-pre",
            Self::AdjOutPost => "adj-out-post",
            Self::Loc => "loc",
        }
    }
}

impl From<bmp::Rib> for RibView {
    fn from(rib: bmp::Rib) -> Self {
        match rib {
            bmp::Rib::InPre => Self::AdjInPre,
            bmp::Rib::InPost => Self::AdjInPost,
            bmp::Rib::OutPre => Self::AdjOutPre,
            bmp::Rib::OutPost => Self::AdjOutPost,
            bmp::Rib::Loc => Self::Loc,
        }
    }
}

/// What the source of a message knows about it that the message itself does not contain. MRT archives know none of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Which table of the router the routes are in.
    pub rib: RibView,
    /// The routing instance of the router (RFC 7854 section 4.2); `None` for the global one.
    pub distinguisher: Option<RouteDistinguisher>,
    /// When the router learned of the routes.
    pub originated: Option<Timestamp>,
    /// Families whose routes have path identifiers. `None` if the OPENs of the session are unknown: then the form of each
    /// field decides.
    pub add_path: Option<FamilySet>,
}

/// Routes that share all but their NLRI; or a state change.
#[derive(Clone, Debug)]
pub struct Block<'a> {
    /// What its elems are.
    pub kind: ElemKind,
    /// AS number of the peer.
    pub peer_asn: u32,
    /// Address of the peer, if it is known.
    pub peer: Option<IpAddr>,
    /// When the route was received, if that is told apart from the record's time.
    pub originated: Option<Timestamp>,
    /// Whether the routes stand in an MP attribute of an UPDATE.
    pub multiprotocol: bool,
    /// Family.
    pub family: Family,
    /// The routes.
    pub routes: Routes<'a>,
    /// Their next hop.
    pub next_hop: Hop,
    /// Their attributes.
    pub attributes: Option<&'a Attributes<'a>>,
    /// Old and new state.
    pub states: Option<(State, State)>,
    /// Whose message it is.
    pub direction: Direction,
    /// Which table it is about.
    pub rib: RibView,
    /// The routing instance of the router that reported it over BMP; `None` for the global one.
    pub distinguisher: Option<RouteDistinguisher>,
    /// What is odd about it.
    pub notes: Notes,
}

impl Block<'_> {
    /// Returns `true` unless it is about a message that the collector sent or a router mirrored. What a router reports of
    /// its own Adj-RIB-Out counts as received.
    pub const fn is_received(&self) -> bool {
        matches!(self.direction, Direction::Received)
            || matches!(self.rib, RibView::AdjOutPre | RibView::AdjOutPost)
    }

    /// The NLRI of one of its routes.
    pub fn nlri<'r>(&self, route: &Route<'r>) -> NlriRef<'r> {
        NlriRef {
            family: self.family,
            path_id: route.path_id,
            bytes: route.nlri,
            withdrawn: self.kind == ElemKind::Withdrawal,
        }
    }
}

/// A route: its NLRI, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// Path identifier (RFC 7911).
    pub path_id: Option<u32>,
    /// NLRI without path identifier.
    pub nlri: &'a [u8],
}

/// The routes of a block. The walk ends before a malformed one.
#[derive(Clone, Copy, Debug)]
pub enum Routes<'a> {
    /// None.
    Empty,
    /// One.
    One(Route<'a>),
    /// Prefixes of a unicast or multicast family.
    Prefixes {
        /// Bytes.
        bytes: &'a [u8],
        /// Bits of an address.
        bits: u8,
        /// Whether path identifiers stand before the prefixes.
        add_path: bool,
    },
    /// NLRI of another family.
    Other(nlri::Routes<'a>),
}

impl<'a> Routes<'a> {
    /// The routes in a field.
    pub const fn new(family: Family, add_path: bool, bytes: &'a [u8]) -> Self {
        match family_bits(family) {
            Some(bits) => Self::Prefixes {
                bytes,
                bits,
                add_path,
            },
            None => Self::Other(nlri::Routes::new(family, add_path, bytes)),
        }
    }

    /// Returns `true` if there is none.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::One(_) => false,
            Self::Prefixes { bytes, .. } => bytes.is_empty(),
            Self::Other(routes) => routes.is_empty(),
        }
    }

    /// Returns `true` if each can be read.
    pub fn is_whole(mut self) -> bool {
        match self {
            Self::Empty | Self::One(_) => true,
            Self::Prefixes { .. } => {
                while self.next().is_some() {}
                self.is_empty()
            }
            Self::Other(routes) => routes.check().is_ok(),
        }
    }
}

/// Bits of an address of a family of plain prefixes.
pub(crate) const fn family_bits(family: Family) -> Option<u8> {
    let safi = match family.safi {
        // Unicast and multicast at once, in use before RFC 4760.
        Safi(3) => Safi::UNICAST,
        safi => safi,
    };
    Family { safi, ..family }.prefix_bits()
}

impl<'a> Iterator for Routes<'a> {
    type Item = Route<'a>;

    #[inline]
    fn next(&mut self) -> Option<Route<'a>> {
        match self {
            Self::Empty => None,
            Self::One(route) => {
                let route = *route;
                *self = Self::Empty;
                Some(route)
            }
            Self::Prefixes {
                bytes,
                bits,
                add_path,
            } => {
                let mut rest = *bytes;
                let mut path_id = None;
                if *add_path {
                    let (id, after) = rest.split_first_chunk::<4>()?;
                    path_id = Some(u32::from_be_bytes(*id));
                    rest = after;
                }
                let length = *rest.first()?;
                let (nlri, after) = rest.split_at_checked(1 + usize::from(length).div_ceil(8))?;
                if length > *bits {
                    return None;
                }
                *bytes = after;
                Some(Route { path_id, nlri })
            }
            Self::Other(routes) => {
                let one = routes.next()?.ok()?;
                Some(Route {
                    path_id: one.path_id,
                    nlri: one.bytes,
                })
            }
        }
    }
}

/// The NLRI of a TABLE_DUMP prefix in `room`: length, then the bytes that count.
pub(crate) fn nlri_of(address: IpAddr, length: u8, room: &mut [u8; 17]) -> usize {
    room[0] = length;
    match address {
        IpAddr::V4(address) => room[1..5].copy_from_slice(&address.octets()),
        IpAddr::V6(address) => room[1..].copy_from_slice(&address.octets()),
    }
    1 + usize::from(length).div_ceil(8).min(16)
}

/// Reads MP_UNREACH_NLRI: family and NLRI.
pub(crate) fn unreach(value: &[u8]) -> Option<(Family, &[u8])> {
    let mut r = Reader::new(value);
    let afi = r.u16("AFI").ok()?;
    let family = Family::new(afi, r.u8("SAFI").ok()?);
    Some((family, r.rest()))
}
