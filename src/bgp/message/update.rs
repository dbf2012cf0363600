//! UPDATE (RFC 4271 section 4.3): a view of its fields, and their interpretation by RFC 7606.
//!
//! ```text
//! +-----------------------------------------------------+
//! |   Withdrawn Routes Length (2 octets)                |
//! +-----------------------------------------------------+
//! |   Withdrawn Routes (variable)                       |
//! +-----------------------------------------------------+
//! |   Total Path Attribute Length (2 octets)            |
//! +-----------------------------------------------------+
//! |   Path Attributes (variable)                        |
//! +-----------------------------------------------------+
//! |   Network Layer Reachability Information (variable) |
//! +-----------------------------------------------------+
//! ```

use std::collections::HashSet;
use std::rc::Rc;

use crate::bgp::attribute::decode::{AttributeSource, Envelopes, split};
use crate::bgp::attribute::mp_reach::MpReach;
use crate::bgp::attribute::mp_unreach::MpUnreach;
use crate::bgp::attribute::walk::{Reachable, Walk};
use crate::bgp::attribute::{AttributeSet, mp_unreach, tunnel_encap};
use crate::bgp::error::{Severity, UpdateError};
use crate::bgp::family::{Family, Safi};
use crate::bgp::iana::notification::update::OPTIONAL_ATTRIBUTE_ERROR;
use crate::bgp::negotiated::Codec;
use crate::bgp::next_hop_rule::{is_unnegotiated_ipv4, is_unnegotiated_ipv6};
use crate::bgp::nexthop::{self, NextHop};
use crate::bgp::nlri::{self, NlriRef, Routes, is_known};
use crate::bgp::role::LocalRole;
use crate::wire::{Reader, WireError};

/// The fields of an UPDATE's body, not decoded.
///
/// ```
/// use oxabgp::bgp::attribute::decode::DecodeEach;
/// use oxabgp::bgp::message::update::Update;
/// use oxabgp::bgp::{Codec, Family};
///
/// # fn main() -> Result<(), oxabgp::bgp::UpdateError> {
/// let body = [
///     0, 0, // length of the withdrawn routes
///     0, 20, // length of the attributes
///     0x40, 1, 1, 0, // ORIGIN: IGP
///     0x40, 2, 6, 2, 1, 0, 0, 0xFD, 0xEA, // AS_PATH: 65002
///     0x40, 3, 4, 192, 0, 2, 1, // NEXT_HOP
///     24, 198, 51, 100, // 198.51.100.0/24
/// ];
/// let codec = Codec {
///     asn4: true,
///     families: [Family::IPV4_UNICAST].into_iter().collect(),
///     ..Codec::default()
/// };
/// let content = Update::new(&body)?.content(&codec, &mut DecodeEach)?;
/// for field in content.announced() {
///     for nlri in field.routes.flatten() {
///         assert_eq!(nlri.to_string(), "198.51.100.0/24");
///     }
/// }
/// assert_eq!(content.attributes.list().len(), 3);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update<'a> {
    /// Withdrawn IPv4 unicast routes.
    pub withdrawn: &'a [u8],
    /// Path attributes.
    pub attributes: &'a [u8],
    /// Announced IPv4 unicast routes.
    pub nlri: &'a [u8],
    /// The whole body.
    pub body: &'a [u8],
}

/// The decoded content of an UPDATE: the attributes, then the routes.
#[derive(Clone, Debug)]
pub struct Content<'a> {
    /// The attributes of the announced routes.
    pub attributes: Rc<AttributeSet>,
    /// The routes, field by field in the order of events: withdrawn and announced routes of the body, then those of
    /// MP_UNREACH_NLRI and MP_REACH_NLRI. Empty fields are left out.
    pub fields: Vec<Field<'a>>,
    /// Families whose routes are ignored because the session does not exchange them.
    pub ignored: Vec<Family>,
}

/// What happens to the routes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// They are reachable.
    Announce,
    /// They are no longer reachable, or were announced with an error that makes them count as withdrawn (RFC 7606
    /// section 2).
    Withdraw,
}

/// A field of an UPDATE that contains routes.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// What happens to the routes.
    pub direction: Direction,
    /// Their next hop. Routes that an error turned into withdrawals keep theirs, because ExaBGP's text events show
    /// it.
    pub next_hop: Option<NextHop>,
    /// The routes, already checked for valid framing.
    pub routes: Routes<'a>,
}

impl<'a> Content<'a> {
    /// The fields with announced routes.
    pub fn announced(&self) -> impl Iterator<Item = &Field<'a>> {
        self.of(Direction::Announce)
    }

    /// The fields with withdrawn routes.
    pub fn withdrawn(&self) -> impl Iterator<Item = &Field<'a>> {
        self.of(Direction::Withdraw)
    }

    fn of(&self, direction: Direction) -> impl Iterator<Item = &Field<'a>> {
        self.fields
            .iter()
            .filter(move |field| field.direction == direction)
    }
}

impl<'a> Update<'a> {
    /// Splits a body into its fields.
    ///
    /// # Errors
    /// Returns a reset (3/1) if a length field exceeds the body (RFC 4271 section 6.3).
    pub fn new(body: &'a [u8]) -> Result<Self, UpdateError> {
        let mut r = Reader::new(body);
        let mut read = || -> Result<Self, WireError> {
            let length = r.u16("the length of the withdrawn routes")?;
            let withdrawn = r.take(length.into(), "the withdrawn routes")?;
            let length = r.u16("the length of the path attributes")?;
            let attributes = r.take(length.into(), "the path attributes")?;
            Ok(Self {
                withdrawn,
                attributes,
                nlri: r.rest(),
                body,
            })
        };
        read().map_err(UpdateError::from)
    }

    /// The family, if this is an End-of-RIB marker (RFC 4724 section 2).
    pub fn end_of_rib(&self) -> Option<Family> {
        if !self.withdrawn.is_empty() || !self.nlri.is_empty() {
            return None;
        }
        if self.attributes.is_empty() {
            return Some(Family::IPV4_UNICAST);
        }
        let codec = Codec::default();
        let only = Walk::new(self.attributes, &codec).next()?.ok()?;
        if only.code != mp_unreach::CODE || only.bytes().len() != self.attributes.len() {
            return None;
        }
        let unreach = MpUnreach::decode(only.value).ok()?;
        unreach.nlri.is_empty().then_some(unreach.family)
    }

    /// Decodes what events and tables need: attributes through `source`, and the framing of the routes.
    ///
    /// # Errors
    /// Returns only errors that reset the session. Milder errors are kept in the attribute set and have turned
    /// announcements into withdrawals.
    pub fn content(
        &self,
        cx: &Codec,
        source: &mut impl AttributeSource,
    ) -> Result<Content<'a>, UpdateError> {
        let envelopes = split(self.attributes, cx)?;
        let mut attributes = source.attributes(&envelopes.rest, &self.roles(&envelopes, cx))?;
        let reachable = Reachable::new(self.nlri, envelopes.seen);
        if let Some(error) = reachable.missing(envelopes.seen)
            && !cx.sent
        {
            attributes = Rc::new(attributes.spoiled(error));
        }
        let mut fields = Vec::with_capacity(4);
        let mut ignored = Vec::new();
        let mut add = |direction, next_hop, family, bytes| -> Result<(), UpdateError> {
            if !<[u8]>::is_empty(bytes) {
                if !is_exchanged(family, cx) {
                    ignored.push(family);
                    return Ok(());
                }
                let add_path = cx.add_path_receive.contains(family);
                let routes = match direction {
                    Direction::Announce => Routes::new(family, add_path, bytes),
                    Direction::Withdraw => Routes::new(family, add_path, bytes).withdrawn(),
                };
                let routes = checked(routes)?;
                fields.push(Field {
                    direction,
                    next_hop,
                    routes,
                });
            }
            Ok(())
        };
        let native = Family::IPV4_UNICAST;
        add(Direction::Withdraw, None, native, self.withdrawn)?;
        add(
            Direction::Announce,
            attributes.next_hop(),
            native,
            self.nlri,
        )?;
        if let Some(value) = envelopes.unreach {
            let unreach = MpUnreach::decode(value)?;
            add(Direction::Withdraw, None, unreach.family, unreach.nlri)?;
        }
        if let Some(value) = envelopes.reach {
            let (reach, next_hop) = reach(value, cx)?;
            add(Direction::Announce, next_hop, reach.family, reach.nlri)?;
        }
        let has_policies = fields.iter().any(|field| {
            field.direction == Direction::Announce && field.routes.family.safi == Safi::SR_POLICY
        });
        if has_policies
            && !cx.sent
            && let Err(error) = tunnel_encap::check_policy(&attributes)
        {
            attributes = Rc::new(attributes.spoiled(error));
        }
        if let Some(error) = attributes.error()
            && error.severity >= Severity::TreatAsWithdraw
            && !cx.sent
        {
            if reachable.escalate(error.severity) == Severity::Reset {
                return Err(UpdateError {
                    severity: Severity::Reset,
                    ..error.clone()
                });
            }
            for field in &mut fields {
                field.direction = Direction::Withdraw;
            }
        }
        announcements_stand(&mut fields);
        // Our own are shown as they are, also those that a command gives byte for byte.
        let (fields, error) = match cx.sent {
            true => (fields, None),
            false => sifted(fields),
        };
        if let Some(error) = error {
            attributes = Rc::new(attributes.spoiled(error));
        }
        Ok(Content {
            attributes,
            fields,
            ignored,
        })
    }

    /// The codec for the attributes, without our role if RFC 9234 does not apply to any of the routes.
    fn roles(&self, envelopes: &Envelopes<'_>, cx: &Codec) -> Codec {
        let covered = |value: &[u8]| {
            MpReach::decode(value).is_ok_and(|reach| LocalRole::covers(reach.family))
        };
        let any = !self.nlri.is_empty() || envelopes.reach.is_some_and(covered);
        Codec {
            role: cx.role.filter(|_| any),
            ..*cx
        }
    }
}

/// Removes from the withdrawn fields the routes that the same UPDATE announces, so that events and tables agree.
///
/// RFC 4271 4.3: "A BGP speaker SHOULD treat an UPDATE message of this form as though the WITHDRAWN ROUTES do not
/// contain the address prefix." RFC 7606 5.1 extends this to MP_UNREACH_NLRI.
fn announcements_stand(fields: &mut Vec<Field<'_>>) {
    let both = |field: &Field<'_>| {
        field.direction == Direction::Withdraw
            && fields.iter().any(|other| {
                other.direction == Direction::Announce && other.routes.family == field.routes.family
            })
    };
    if !fields.iter().any(both) {
        return;
    }
    let announced: HashSet<_> = fields
        .iter()
        .filter(|field| field.direction == Direction::Announce)
        .flat_map(|field| field.routes.flatten())
        .map(|nlri| (nlri.family, nlri.path_id, nlri.key()))
        .collect();
    for field in std::mem::take(fields) {
        if field.direction == Direction::Announce {
            fields.push(field);
            continue;
        }
        without(&field, fields, |nlri| {
            announced.contains(&(nlri.family, nlri.path_id, nlri.key()))
        });
    }
}

/// Appends `field` without the `gone` routes, as one field for each run of remaining routes.
fn without<'a>(field: &Field<'a>, out: &mut Vec<Field<'a>>, gone: impl Fn(NlriRef<'a>) -> bool) {
    let bytes = field.routes.bytes();
    let mut keep = |from: usize, to: usize| {
        if from < to {
            let routes = field.routes.part(&bytes[from..to]);
            out.push(Field { routes, ..*field });
        }
    };
    let (mut start, mut at, mut rest) = (0, 0, field.routes);
    while let Some(next) = rest.next() {
        let end = bytes.len() - rest.bytes().len();
        if next.is_ok_and(&gone) {
            keep(start, at);
            start = end;
        }
        at = end;
    }
    keep(start, bytes.len());
}

/// Removes malformed NLRI from `fields` one by one; other NLRI of the UPDATE are not affected. Returns the error of
/// the first one.
fn sifted(fields: Vec<Field<'_>>) -> (Vec<Field<'_>>, Option<UpdateError>) {
    let mut first = None;
    let mut kept = Vec::with_capacity(fields.len());
    for field in fields {
        // The families of plain prefixes have no check, so their NLRI are not read once more.
        let malformed = nlri::malformed(field.routes.family)
            .and_then(|severity| Some((severity, field.routes.malformed()?)));
        let Some((severity, error)) = malformed else {
            kept.push(field);
            continue;
        };
        first.get_or_insert_with(|| UpdateError {
            attribute: None,
            ..UpdateError::attribute(severity, 0, error.what)
        });
        let (sound, malformed) = field.routes.sifted();
        let with = |direction, routes| Field {
            direction,
            routes,
            ..field
        };
        match (severity, field.direction) {
            // RFC 7606 5.4: such NLRI are ignored, whether they are announced or withdrawn.
            (Severity::Discard, direction) => kept.push(with(direction, sound)),
            (_, Direction::Announce) => {
                kept.push(with(Direction::Announce, sound));
                kept.push(with(Direction::Withdraw, malformed));
            }
            (_, Direction::Withdraw) => kept.push(field),
        }
    }
    kept.retain(|field| !field.routes.is_empty());
    (kept, first)
}

/// Returns `true` if the session exchanges routes of a family. Routes of a family that was not negotiated are
/// ignored, including IPv4 unicast in the body: RFC 4760 section 7 allows a speaker to ignore all routes of a family,
/// and section 8 makes IPv4 unicast negotiable like any other; a reset would also end the families that both sides
/// have. A family without a codec is carried opaquely. An empty set of families means that there is no session: then
/// everything is decoded.
pub(crate) fn is_exchanged(family: Family, cx: &Codec) -> bool {
    !is_known(family) || cx.families.is_empty() || cx.families.contains(family)
}

/// MP_REACH_NLRI and its next hop, by the rules of every decoder.
///
/// # Errors
/// Returns only errors that reset the session.
pub(crate) fn reach<'a>(
    value: &'a [u8],
    cx: &Codec,
) -> Result<(MpReach<'a>, Option<NextHop>), UpdateError> {
    let reach = MpReach::decode(value)?;
    let next_hop = match is_exchanged(reach.family, cx) {
        true => reach_next_hop(&reach, cx)?,
        false => None,
    };
    if reach.nlri.is_empty() && !cx.sent {
        return Err(UpdateError::reset(
            OPTIONAL_ATTRIBUTE_ERROR,
            "MP_REACH_NLRI without any NLRI",
        ));
    }
    Ok((reach, next_hop))
}

/// The next hop of MP_REACH_NLRI, if it has a form that is valid for the family on this session.
///
/// RFC 7606 7.11: "If the Length of Next Hop Network Address field of the MP_REACH attribute is inconsistent with
/// that which was expected, the attribute is considered malformed. […] 'session reset' or 'AFI/SAFI disable'".
fn reach_next_hop(reach: &MpReach<'_>, cx: &Codec) -> Result<Option<NextHop>, UpdateError> {
    let family = reach.family;
    let wrong = || {
        let length = reach.next_hop.len();
        UpdateError {
            data: format!("invalid {family} next-hop length {length}").into_bytes(),
            ..UpdateError::reset(
                OPTIONAL_ATTRIBUTE_ERROR,
                "a next hop of a length that the family does not have",
            )
        }
    };
    if cx.sent || !is_known(family) {
        return Ok(NextHop::decode(reach.next_hop, family).unwrap_or_default());
    }
    let hop = NextHop::decode(reach.next_hop, family).map_err(|error| match error.what {
        nexthop::ZERO_RD => UpdateError {
            data: b"MP_REACH_NLRI next-hop's route-distinguisher must be zero".to_vec(),
            ..UpdateError::reset(OPTIONAL_ATTRIBUTE_ERROR, nexthop::ZERO_RD)
        },
        _ => wrong(),
    })?;
    let flow = matches!(family.safi, Safi::FLOW | Safi::FLOW_VPN);
    match hop {
        None if !flow => Err(wrong()),
        Some(hop) if is_unnegotiated_ipv4(family, hop, cx.ipv4_nexthop) => Err(wrong()),
        // Without a session nothing could be negotiated.
        Some(hop)
            if !cx.families.is_empty()
                && is_unnegotiated_ipv6(family, hop, cx.extended_nexthop) =>
        {
            Err(wrong())
        }
        hop => Ok(hop),
    }
}

/// Checks the framing of routes: RFC 7606 5.3 makes an error in the NLRI syntax a session reset.
fn checked(routes: Routes<'_>) -> Result<Routes<'_>, UpdateError> {
    match routes.check() {
        Ok(()) => Ok(routes),
        Err(error) => Err(UpdateError::reset(nlri::subcode(&error), error.what)),
    }
}
