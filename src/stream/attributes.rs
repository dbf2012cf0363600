//! The path attributes of a route, indexed but not decoded: what text formats and filters need is a few slices.
//!
//! Typed values come from the one decoder of [`bgp`](crate::bgp); see [`Attributes::decode`]. Rendering from the slices is a
//! third of the time of decoding first, and archives hold malformed attributes that a session would refuse but a reader has to show.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::bgp::attribute::decode::{self, split};
use crate::bgp::attribute::{AttributeSet, mp_reach, mp_unreach};
use crate::bgp::error::UpdateError;
use crate::bgp::family::Family;
use crate::bgp::negotiated::Codec;
use crate::mrt::content::attribute;
use crate::mrt::{detect, table_dump};
use crate::wire::Reader;

use super::aspath::PathRef;

/// AS_TRANS (RFC 6793 section 9).
const TRANS: u32 = 23_456;

/// What was odd about a route; `Display` lists the reasons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Notes(u16);

impl Notes {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// An attribute runs past the end; those before it count.
    pub const ATTRIBUTES_CUT: Self = Self(1);
    /// An attribute comes more than once; the first counts (RFC 7606 section 3 (g)).
    pub const DUPLICATE_ATTRIBUTE: Self = Self(2);
    /// A next hop has a length that means nothing.
    pub const BAD_NEXT_HOP: Self = Self(4);
    /// A prefix is malformed; those before it count.
    pub const BAD_PREFIX: Self = Self(8);
    /// MP_REACH_NLRI or MP_UNREACH_NLRI come more than once; all count.
    pub const SEVERAL_MP: Self = Self(16);
    /// A RIB entry refers to a peer that is not in the table, or there is no table; it is left out.
    pub const UNKNOWN_PEER: Self = Self(32);
    /// A RIB entry runs past the end; those before it count.
    pub const ENTRIES_CUT: Self = Self(64);
    /// Path identifiers stand under a subtype without.
    pub const ADD_PATH_FOUND: Self = Self(128);
    /// Bytes follow the BGP message, or the entries of a table.
    pub const TRAILING_BYTES: Self = Self(256);
    /// An AS path ends neither with four-octet nor with two-octet AS numbers.
    pub const BAD_PATH: Self = Self(512);
    /// The JSON fields of a RIS Live message describe other routes than its bytes; the bytes count.
    pub const DISAGREES: Self = Self(1024);
    /// An attribute has a length or value that its type does not allow. It counts as absent; of a list, the members that are
    /// whole count.
    pub const BAD_ATTRIBUTE: Self = Self(2048);
    /// MP_REACH_NLRI or MP_UNREACH_NLRI ends before its routes begin; it has none.
    pub const BAD_MP: Self = Self(4096);
    /// A BGP message is longer, by its header, than what holds it; the fields that are whole count.
    pub const MESSAGE_CUT: Self = Self(8192);

    const TEXTS: [(Self, &'static str); 14] = [
        (Self::ATTRIBUTES_CUT, "an attribute runs past the end"),
        (Self::DUPLICATE_ATTRIBUTE, "an attribute comes twice"),
        (Self::BAD_NEXT_HOP, "a next hop of unknown length"),
        (Self::BAD_PREFIX, "a malformed prefix"),
        (Self::SEVERAL_MP, "several MP attributes"),
        (Self::UNKNOWN_PEER, "an unknown peer index"),
        (Self::ENTRIES_CUT, "a RIB entry runs past the end"),
        (
            Self::ADD_PATH_FOUND,
            "path identifiers under a subtype without",
        ),
        (Self::TRAILING_BYTES, "bytes after the end"),
        (Self::BAD_PATH, "a malformed AS path"),
        (Self::DISAGREES, "JSON fields that differ from the message"),
        (Self::BAD_ATTRIBUTE, "a malformed attribute"),
        (Self::BAD_MP, "a malformed MP attribute"),
        (Self::MESSAGE_CUT, "a message cut short"),
    ];

    /// Adds `other`.
    pub const fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Returns `true` if `other` is noted.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Returns `true` if something is noted that means that a part could not be read.
    pub const fn is_malformed(self) -> bool {
        const MILD: u16 = Notes::ADD_PATH_FOUND.0
            | Notes::DUPLICATE_ATTRIBUTE.0
            | Notes::SEVERAL_MP.0
            | Notes::DISAGREES.0;
        self.0 & !MILD != 0
    }

    /// Returns `true` if nothing is noted.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl std::fmt::Display for Notes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut first = true;
        for (note, text) in Self::TEXTS {
            if self.contains(note) {
                f.write_str(if first { "" } else { ", " })?;
                f.write_str(text)?;
                first = false;
            }
        }
        Ok(())
    }
}

/// A next hop: an address, and for IPv6 the link-local one beside it (RFC 2545 section 3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hop {
    /// The (global) address.
    pub address: Option<IpAddr>,
    /// The link-local address.
    pub link_local: Option<Ipv6Addr>,
}

impl Hop {
    /// Reads a next hop by its length alone: 4, 16 or 32 octets, each address after a route distinguisher in VPN families (RFC
    /// 4364, 4659, 8950). `None` for another length.
    pub fn parse(field: &[u8]) -> Option<Self> {
        fn v4(bytes: &[u8]) -> Option<IpAddr> {
            Some(Ipv4Addr::from(*bytes.first_chunk::<4>()?).into())
        }
        fn v6(bytes: &[u8]) -> Option<Ipv6Addr> {
            Some((*bytes.first_chunk::<16>()?).into())
        }
        let (address, link_local) = match field.len() {
            0 => (None, None),
            4 => (v4(field), None),
            12 => (v4(&field[8..]), None),
            16 => (v6(field).map(IpAddr::from), None),
            24 => (v6(&field[8..]).map(IpAddr::from), None),
            32 => (v6(field).map(IpAddr::from), v6(&field[16..])),
            48 => (v6(&field[8..]).map(IpAddr::from), v6(&field[32..])),
            _ => return None,
        };
        Some(Self {
            address,
            link_local,
        })
    }
}

/// MP_REACH_NLRI, whole or abbreviated to its next hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach<'a> {
    /// Family; `None` if abbreviated.
    pub family: Option<Family>,
    /// The next hop field.
    pub next_hop: &'a [u8],
    /// NLRI.
    pub nlri: &'a [u8],
}

impl<'a> Reach<'a> {
    /// Reads the whole form (RFC 4760 section 3).
    pub fn whole(value: &'a [u8]) -> Option<Self> {
        let mut r = Reader::new(value);
        let afi = r.u16("AFI").ok()?;
        let family = Family::new(afi, r.u8("SAFI").ok()?);
        let length = r.u8("next hop length").ok()?;
        let next_hop = r.take(length.into(), "next hop").ok()?;
        // "Reserved", once a count of SNPAs; real files end here.
        let _ = r.u8("reserved");
        Some(Self {
            family: Some(family),
            next_hop,
            nlri: r.rest(),
        })
    }

    /// Reads either form, as they stand in tables (RFC 6396 section 4.3.4 and what many write instead).
    pub fn of_table(value: &'a [u8]) -> Option<Self> {
        if let Some(next_hop) = table_dump::abbreviated_hop(value) {
            return Some(Self {
                family: None,
                next_hop,
                nlri: &[],
            });
        }
        let mut reach = Self::whole(value)?;
        reach.nlri = &[];
        Some(reach)
    }
}

/// The attributes of a route on the wire, by type.
#[derive(Clone, Debug, Default)]
pub struct Attributes<'a> {
    /// All of them.
    pub raw: &'a [u8],
    /// Whether AS numbers should have four octets.
    pub asn4: bool,
    /// ORIGIN.
    pub origin: Option<&'a [u8]>,
    /// AS_PATH.
    pub as_path: Option<&'a [u8]>,
    /// NEXT_HOP.
    pub next_hop: Option<&'a [u8]>,
    /// MULTI_EXIT_DISC.
    pub med: Option<&'a [u8]>,
    /// LOCAL_PREF.
    pub local_pref: Option<&'a [u8]>,
    /// ATOMIC_AGGREGATE.
    pub atomic_aggregate: bool,
    /// AGGREGATOR.
    pub aggregator: Option<&'a [u8]>,
    /// COMMUNITIES.
    pub communities: Option<&'a [u8]>,
    /// ORIGINATOR_ID.
    pub originator_id: Option<&'a [u8]>,
    /// CLUSTER_LIST.
    pub cluster_list: Option<&'a [u8]>,
    /// The first MP_REACH_NLRI.
    pub reach: Option<&'a [u8]>,
    /// The first MP_UNREACH_NLRI.
    pub unreach: Option<&'a [u8]>,
    /// EXTENDED COMMUNITIES.
    pub ext_communities: Option<&'a [u8]>,
    /// AS4_PATH.
    pub as4_path: Option<&'a [u8]>,
    /// AS4_AGGREGATOR.
    pub as4_aggregator: Option<&'a [u8]>,
    /// LARGE_COMMUNITY.
    pub large_communities: Option<&'a [u8]>,
    /// ONLY_TO_CUSTOMER.
    pub otc: Option<&'a [u8]>,
    /// What is odd.
    pub notes: Notes,
}

impl<'a> Attributes<'a> {
    /// Indexes `raw`. What comes before an attribute that runs past the end counts.
    pub fn new(raw: &'a [u8], asn4: bool) -> Self {
        let mut found = Self {
            raw,
            asn4,
            ..Self::default()
        };
        let mut r = Reader::new(raw);
        while !r.is_empty() {
            let Ok(one) = attribute(&mut r) else {
                found.notes.add(Notes::ATTRIBUTES_CUT);
                break;
            };
            found.insert(one.code, one.value);
        }
        found
    }

    fn insert(&mut self, code: u8, value: &'a [u8]) {
        let slot = match code {
            1 => &mut self.origin,
            2 => &mut self.as_path,
            3 => &mut self.next_hop,
            4 => &mut self.med,
            5 => &mut self.local_pref,
            6 => {
                self.atomic_aggregate = true;
                self.notes.add(odd(code, value, self.asn4));
                return;
            }
            7 => &mut self.aggregator,
            8 => &mut self.communities,
            9 => &mut self.originator_id,
            10 => &mut self.cluster_list,
            mp_reach::CODE => &mut self.reach,
            mp_unreach::CODE => &mut self.unreach,
            16 => &mut self.ext_communities,
            17 => &mut self.as4_path,
            18 => &mut self.as4_aggregator,
            32 => &mut self.large_communities,
            35 => &mut self.otc,
            _ => return,
        };
        if slot.is_some() {
            self.notes.add(match code {
                mp_reach::CODE | mp_unreach::CODE => Notes::SEVERAL_MP,
                _ => Notes::DUPLICATE_ATTRIBUTE,
            });
        } else {
            *slot = Some(value);
            self.notes.add(odd(code, value, self.asn4));
        }
    }

    /// Whether AS4_PATH and AS4_AGGREGATOR count: not in records with four-octet AS numbers, nor if an aggregator that knows
    /// only two octets is newer than them (RFC 6793 section 4.2.3).
    fn as4_counts(&self) -> bool {
        if self.asn4 {
            return false;
        }
        match (self.aggregator.and_then(aggregator), self.as4_aggregator) {
            (Some((asn, _)), Some(_)) => asn == TRANS,
            _ => true,
        }
    }

    /// The AS path, AS4_PATH merged into it; `None` if there is none or it ends with no width of AS numbers.
    pub fn path(&self) -> Option<PathRef<'a>> {
        let path = PathRef::new(self.as_path?, if self.asn4 { 4 } else { 2 })?;
        match self.as4_path {
            Some(as4) if path.width() == 2 && self.as4_counts() => Some(path.merge(as4)),
            _ => Some(path),
        }
    }

    /// The value of ORIGIN: 0 IGP, 1 EGP, 2 INCOMPLETE.
    pub fn origin(&self) -> Option<u8> {
        match self.origin? {
            [value] => Some(*value),
            _ => None,
        }
    }

    /// MULTI_EXIT_DISC.
    pub fn med(&self) -> Option<u32> {
        number(self.med)
    }

    /// LOCAL_PREF.
    pub fn local_pref(&self) -> Option<u32> {
        number(self.local_pref)
    }

    /// ONLY_TO_CUSTOMER (RFC 9234).
    pub fn otc(&self) -> Option<u32> {
        number(self.otc)
    }

    /// ORIGINATOR_ID (RFC 4456).
    pub fn originator_id(&self) -> Option<Ipv4Addr> {
        number(self.originator_id).map(Ipv4Addr::from)
    }

    /// The aggregator's AS and address. The width of the AS number is that of the attribute.
    pub fn aggregator(&self) -> Option<(u32, Ipv4Addr)> {
        let own = self.aggregator.and_then(aggregator);
        match (own, self.as4_aggregator.and_then(aggregator)) {
            // RFC 6793 4.2.3 uses AS4_AGGREGATOR only next to an AGGREGATOR.
            (Some((TRANS, _)), Some(as4)) if self.as4_counts() => Some(as4),
            _ => own,
        }
    }

    /// COMMUNITIES, in the order of the wire.
    pub fn communities(&self) -> impl Iterator<Item = (u16, u16)> + use<'a> {
        let value = self.communities.unwrap_or_default();
        value.chunks_exact(4).map(|one| {
            (
                u16::from_be_bytes([one[0], one[1]]),
                u16::from_be_bytes([one[2], one[3]]),
            )
        })
    }

    /// LARGE_COMMUNITY (RFC 8092), in the order of the wire.
    pub fn large_communities(&self) -> impl Iterator<Item = [u32; 3]> + use<'a> {
        let value = self.large_communities.unwrap_or_default();
        value.chunks_exact(12).map(|one| {
            let part =
                |at: usize| u32::from_be_bytes([one[at], one[at + 1], one[at + 2], one[at + 3]]);
            [part(0), part(4), part(8)]
        })
    }

    /// EXTENDED COMMUNITIES (RFC 4360), in the order of the wire.
    pub fn ext_communities(&self) -> impl Iterator<Item = [u8; 8]> + use<'a> {
        let value = self.ext_communities.unwrap_or_default();
        value
            .chunks_exact(8)
            .filter_map(|one| one.first_chunk().copied())
    }

    /// CLUSTER_LIST (RFC 4456), in the order of the wire.
    pub fn cluster_list(&self) -> impl Iterator<Item = Ipv4Addr> + use<'a> {
        let value = self.cluster_list.unwrap_or_default();
        value
            .chunks_exact(4)
            .map(|one| Ipv4Addr::new(one[0], one[1], one[2], one[3]))
    }

    /// The next hop of NEXT_HOP.
    pub fn next_hop(&self) -> Hop {
        match self.next_hop {
            Some(field @ [_, _, _, _]) => Hop::parse(field).unwrap_or_default(),
            _ => Hop::default(),
        }
    }

    /// Every MP_REACH_NLRI: RFC 7606 3 (g) forbids several, but archives hold them.
    pub fn reaches(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.several(mp_reach::CODE, self.reach)
    }

    /// Every MP_UNREACH_NLRI.
    pub fn unreaches(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.several(mp_unreach::CODE, self.unreach)
    }

    fn several(
        &self,
        code: u8,
        first: Option<&'a [u8]>,
    ) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let several = self.notes.contains(Notes::SEVERAL_MP);
        let (first, raw) = if several {
            (None, self.raw)
        } else {
            (first, &[][..])
        };
        let all = Self {
            raw,
            ..Self::default()
        };
        let all = all.iter().filter(move |(_, one, _)| *one == code);
        first.into_iter().chain(all.map(|(_, _, value)| value))
    }

    /// All attributes as framed: flags, code, value.
    pub fn iter(&self) -> impl Iterator<Item = (u8, u8, &'a [u8])> + use<'a> {
        let mut r = Reader::new(self.raw);
        std::iter::from_fn(move || {
            let one = attribute(&mut r).ok()?;
            Some((one.flags, one.code, one.value))
        })
    }

    /// The attributes as typed values, by the decoder that sessions use.
    ///
    /// # Errors
    /// When a session would have to be reset because of them.
    pub fn decode(&self) -> Result<AttributeSet, UpdateError> {
        let width = self
            .as_path
            .and_then(|path| detect::width(path, if self.asn4 { 4 } else { 2 }));
        let codec = Codec {
            asn4: width.map_or(self.asn4, |width| width == 4),
            ibgp: true,
            aigp: true,
            ..Codec::default()
        };
        let envelopes = split(self.raw, &codec)?;
        decode::attributes(&envelopes.rest, &codec)
    }
}

/// What is wrong with the value of an attribute (RFC 7606 section 7). MP attributes are checked where they are read, since
/// tables abbreviate them.
#[inline]
fn odd(code: u8, value: &[u8], asn4: bool) -> Notes {
    let length = value.len();
    let fits = match code {
        1 => matches!(value, [0..=2]),
        2 => {
            return match detect::width(value, if asn4 { 4 } else { 2 }) {
                Some(_) => Notes::NONE,
                None => Notes::BAD_PATH,
            };
        }
        3 if length != 4 => return Notes::BAD_NEXT_HOP,
        4 | 5 | 9 | 35 => length == 4,
        6 => length == 0,
        7 => matches!(length, 6 | 8),
        8 | 10 => length.is_multiple_of(4),
        16 => length.is_multiple_of(8),
        // Ignored next to four-octet AS numbers.
        17 if !asn4 && detect::width(value, 4) != Some(4) => return Notes::BAD_PATH,
        18 => asn4 || length == 8,
        32 => length.is_multiple_of(12),
        _ => true,
    };
    if fits {
        Notes::NONE
    } else {
        Notes::BAD_ATTRIBUTE
    }
}

/// The AS and address of an aggregator, whose length tells the width of the AS number.
fn aggregator(value: &[u8]) -> Option<(u32, Ipv4Addr)> {
    match *value {
        [a, b, c, d, e, f] => Some((u16::from_be_bytes([a, b]).into(), Ipv4Addr::new(c, d, e, f))),
        [a, b, c, d, e, f, g, h] => {
            Some((u32::from_be_bytes([a, b, c, d]), Ipv4Addr::new(e, f, g, h)))
        }
        _ => None,
    }
}

fn number(value: Option<&[u8]>) -> Option<u32> {
    value?.try_into().ok().map(u32::from_be_bytes)
}
