//! The parsed text after the prefix of a route: together with a prefix, it makes routes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use smallvec::SmallVec;

use super::prefix::Prefix;
use super::route_text::RouteText;
use crate::bgp::nlri::NlriBytes;
use crate::bgp::{Afi, AttributeSet, Family, NextHop, Nlri, RouteDistinguisher, Safi};
use crate::text::{Span, SyntaxError};

/// The most routes that one `split` may make; a longer list is most likely a typo, and would exhaust the memory.
pub const MAX_SPLIT: u32 = 1 << 20;

/// Everything that follows the prefix and is independent of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The family, where the place of the sentence gives it.
    pub family: Option<Family>,
    /// The attributes, next hop included.
    pub attributes: Rc<AttributeSet>,
    /// The path identifier (RFC 7911).
    pub path_id: Option<u32>,
    /// The label stack in wire form, three octets a label, the bottom marked (RFC 8277 section 2).
    pub labels: SmallVec<[u8; 6]>,
    /// The route distinguisher.
    pub rd: Option<RouteDistinguisher>,
    /// Announce the parts of this length instead of the prefix.
    pub split: Option<u8>,
    /// The group that `announce watchdog NAME` and `withdraw watchdog NAME` switch.
    pub watchdog: Option<Box<str>>,
    /// With a watchdog: start withdrawn.
    pub withdraw: bool,
    /// A name chosen by the user, never sent.
    pub name: Option<Box<str>>,
    /// Where the last next hop stands, counted from the start of the tail.
    pub(super) hop: Option<Span>,
    /// The words that were written twice.
    pub repeated: Vec<Repeated>,
}

/// A word that a route has twice; for which one of its values counts, see [`TailBuilder::keyword`](super::TailBuilder::keyword).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeated {
    /// The word.
    pub word: Box<str>,
    /// Where its second value stands.
    pub span: Span,
    /// Which value counts.
    pub kept: Kept,
}

/// Which value of a word that stands twice counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The first one.
    First,
    /// The last one.
    Last,
    /// The first one in the NEXT_HOP attribute, the last one in MP_REACH_NLRI.
    Both,
}

impl Repeated {
    /// The message for the user.
    pub fn message(&self) -> String {
        let kept = match self.kept {
            Kept::First => "the first one is used",
            Kept::Last => "the last one is used",
            Kept::Both => {
                "NEXT_HOP is the first one, and the next hop of MP_REACH_NLRI the last one"
            }
        };
        format!("the route has `{}` twice: {kept}", self.word)
    }
}

impl Tail {
    /// The route of `prefix`; [`Tail::routes`] where the tail has a `split`.
    ///
    /// # Errors
    /// When the place gives another address family than that of `prefix`.
    pub fn nlri(&self, prefix: Prefix, span: Span) -> Result<Nlri, SyntaxError> {
        let family = self.family_of(prefix);
        if family.afi != prefix.afi() {
            return Err(SyntaxError::expected(
                span,
                format_args!("an {} prefix", family.afi),
                &prefix.to_string(),
            ));
        }
        self.fits(family, prefix.bits, span)?;
        Ok(self.build(family, prefix))
    }

    /// Returns `true` if the NLRI of a prefix is the prefix itself, perhaps with a path identifier: there are no labels, no
    /// route distinguisher and no parts.
    pub fn is_plain(&self) -> bool {
        self.split.is_none() && self.family.is_none() && self.labels.is_empty() && self.rd.is_none()
    }

    /// A tail that has attributes and nothing else.
    pub(crate) fn of_attributes(attributes: Rc<AttributeSet>) -> Self {
        Self {
            family: None,
            attributes,
            path_id: None,
            labels: SmallVec::new(),
            rd: None,
            split: None,
            watchdog: None,
            withdraw: false,
            name: None,
            hop: None,
            repeated: Vec::new(),
        }
    }

    /// Returns `true` if the routes of this tail are those of [`Tail::of_attributes`].
    #[cfg(feature = "daemon")]
    pub(crate) fn has_only_attributes(&self) -> bool {
        self.is_plain()
            && self.path_id.is_none()
            && !self.withdraw
            && (&self.watchdog, &self.name) == (&None, &None)
    }

    /// The error for a route of `family` at `prefix` whose next hop of the other address family no session accepts
    /// ([`NextHopError::Ipv4`](crate::bgp::next_hop_rule::NextHopError::Ipv4) and `Ipv6`). In configuration files such routes
    /// are no error, since files of ExaBGP have them.
    pub fn next_hop_error(&self, family: Family, prefix: Span) -> SyntaxError {
        let span = match self.hop {
            // One space follows the prefix.
            Some(hop) => Span::new(prefix.end + 1 + hop.start, prefix.end + 1 + hop.end),
            None => prefix,
        };
        if family.afi == Afi::IPV4 {
            return SyntaxError::new(
                span,
                "no session has negotiated IPv6 next hops of IPv4 routes",
            )
            .with_help(format!(
                "`nexthop {{ {family} ipv6; }}` in the neighbor offers them (RFC 8950)"
            ));
        }
        let error = SyntaxError::new(span, "an IPv6 route needs an IPv6 next hop");
        match self.attributes.next_hop() {
            Some(NextHop::V4(address)) => {
                let mapped = address.to_ipv6_mapped();
                error.with_help(format!(
                    "write an IPv6 address, or `{mapped}` if the peer knows how to reach that; `nexthop {{ {family} ipv4; }}` in the neighbor offers IPv4 ones"
                ))
            }
            _ => error,
        }
    }

    /// One octet counts the bits of labels, route distinguisher and prefix together.
    fn fits(&self, family: Family, bits: u8, span: Span) -> Result<(), SyntaxError> {
        let rd = if family.safi == Safi::MPLS_VPN { 64 } else { 0 };
        if self.labels.len() * 8 + rd + usize::from(bits) > 255 {
            return Err(SyntaxError::new(
                span,
                "the labels and the prefix take more than 255 bits",
            ));
        }
        Ok(())
    }

    /// The routes of `prefix`: itself, or its parts.
    ///
    /// # Errors
    /// As [`Tail::nlri`], and when the split would make more than [`MAX_SPLIT`] routes.
    pub fn routes(&self, prefix: Prefix, span: Span) -> Result<Vec<Nlri>, SyntaxError> {
        let whole = self.nlri(prefix, span)?;
        let Some(cut) = self.split.filter(|cut| *cut > prefix.bits) else {
            return Ok(vec![whole]);
        };
        let width = if prefix.address.is_ipv4() { 32 } else { 128 };
        if cut > width {
            return Err(SyntaxError::new(
                span,
                format!("`split /{cut}` is longer than an {} address", prefix.afi()),
            ));
        }
        self.fits(whole.family, cut, span)?;
        let count = 1u32
            .checked_shl((cut - prefix.bits).into())
            .filter(|count| *count <= MAX_SPLIT);
        let Some(count) = count else {
            return Err(SyntaxError::new(
                span,
                format!("`split /{cut}` of `{prefix}` makes too many routes"),
            )
            .with_help(format!("one route may be split into at most {MAX_SPLIT}")));
        };
        Ok((0..count)
            .map(|index| {
                let address = match prefix.address {
                    IpAddr::V4(base) => IpAddr::V4(Ipv4Addr::from(
                        u32::from(base) | index.checked_shl((32 - cut).into()).unwrap_or(0),
                    )),
                    IpAddr::V6(base) => IpAddr::V6(Ipv6Addr::from(
                        u128::from(base)
                            | u128::from(index)
                                .checked_shl((128 - cut).into())
                                .unwrap_or(0),
                    )),
                };
                self.build(whole.family, Prefix { address, bits: cut })
            })
            .collect())
    }

    /// The sentence of `prefix` and this tail.
    ///
    /// # Errors
    /// As [`Tail::routes`].
    pub fn apply(&self, prefix: Prefix, span: Span) -> Result<RouteText, SyntaxError> {
        Ok(self.text(self.routes(prefix, span)?))
    }

    /// The routes `nlri` with the attributes of this tail.
    pub(super) fn text(&self, nlri: Vec<Nlri>) -> RouteText {
        RouteText {
            nlri,
            attributes: Rc::clone(&self.attributes),
            watchdog: self.watchdog.clone(),
            withdraw: self.withdraw,
            name: self.name.clone(),
        }
    }

    /// The family of the route of `prefix`.
    pub fn family_of(&self, prefix: Prefix) -> Family {
        if let Some(family) = self.family {
            return family;
        }
        let safi = match prefix.address {
            _ if self.rd.is_some() => Safi::MPLS_VPN,
            _ if !self.labels.is_empty() => Safi::NLRI_MPLS,
            IpAddr::V4(address) if address.octets()[0] & 0xF0 == 0xE0 => Safi::MULTICAST,
            _ => Safi::UNICAST,
        };
        Family {
            afi: prefix.afi(),
            safi,
        }
    }

    /// RFC 8277 section 2.2 and RFC 4364 section 4.3.4: length in bits, labels, route distinguisher, prefix.
    fn build(&self, family: Family, prefix: Prefix) -> Nlri {
        let mut bytes = NlriBytes::new();
        bytes.push(0);
        if matches!(family.safi, Safi::NLRI_MPLS | Safi::MPLS_VPN) {
            if self.labels.is_empty() {
                // RFC 8277 2.4: "the Compatibility field […] SHOULD be set to 0x800000" in a withdrawal
                bytes.extend_from_slice(&[0x80, 0, 0]);
            }
            bytes.extend_from_slice(&self.labels);
        }
        if family.safi == Safi::MPLS_VPN {
            bytes.extend_from_slice(&self.rd.unwrap_or_default().0);
        }
        let ahead = u8::try_from((bytes.len() - 1) * 8).unwrap_or(u8::MAX);
        bytes[0] = ahead.saturating_add(prefix.bits);
        bytes.extend_from_slice(&prefix.octets());
        Nlri {
            family,
            path_id: self.path_id,
            bytes,
        }
    }
}
