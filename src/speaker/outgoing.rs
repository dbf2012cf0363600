//! What may be sent on a session: routes by prefix and attributes, markers, requests, and messages made by the caller.
//!
//! An [`Outgoing`] becomes whole messages only when the facts of the session are known: AS numbers of two or four octets,
//! families, next hops, ADD-PATH, the largest message. So the same [`RouteUpdate`] can be written to many peers, and what a
//! session cannot carry is an error of the write, never a malformed message.

use std::collections::HashMap;
use std::rc::Rc;

use bytes::Bytes;

use super::attributes::Attributes;
use super::error::WriteError;
use crate::bgp::attribute::next_hop::NextHopAttribute;
use crate::bgp::message::refresh::RouteRefresh;
use crate::bgp::message::{self, HEADER, MessageType};
use crate::bgp::negotiated::Refresh;
use crate::bgp::next_hop_rule::is_unnegotiated_ipv6;
use crate::bgp::nlri::NlriKey;
use crate::bgp::{Attribute, AttributeSet, Family, NextHop, Nlri, Sender};
use crate::rib::pack;
use crate::rib::{Action, Change, PeerSet};

/// What a session allows us to send.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendTerms {
    /// What the encoding of routes depends on.
    pub sender: Sender,
    /// The families of the session.
    pub families: Vec<Family>,
    /// Whether the peer answers requests for its routes.
    pub refresh: Refresh,
}

impl SendTerms {
    /// The terms of a session, or of a test without one.
    pub const fn new(sender: Sender, families: Vec<Family>, refresh: Refresh) -> Self {
        Self {
            sender,
            families,
            refresh,
        }
    }

    fn negotiated(&self, family: Family) -> Result<(), WriteError> {
        if self.families.contains(&family) {
            Ok(())
        } else {
            Err(WriteError::Family(family))
        }
    }
}

/// Something that a session can send.
pub trait Outgoing {
    /// Appends it to `out`: chunks of whole messages, headers included.
    ///
    /// # Errors
    /// Why this session cannot carry it; `out` is then of no use.
    fn encode(&self, terms: &SendTerms, out: &mut Vec<Bytes>) -> Result<(), WriteError>;
}

impl<T: Outgoing + ?Sized> Outgoing for &T {
    fn encode(&self, terms: &SendTerms, out: &mut Vec<Bytes>) -> Result<(), WriteError> {
        (**self).encode(terms, out)
    }
}

/// The body of an UPDATE: all after the header.
impl Outgoing for [u8] {
    fn encode(&self, terms: &SendTerms, out: &mut Vec<Bytes>) -> Result<(), WriteError> {
        out.push(whole(terms, MessageType::UPDATE, self)?);
        Ok(())
    }
}

/// The body of an UPDATE: all after the header.
impl<const N: usize> Outgoing for [u8; N] {
    fn encode(&self, terms: &SendTerms, out: &mut Vec<Bytes>) -> Result<(), WriteError> {
        self[..].encode(terms, out)
    }
}

/// The body of an UPDATE: all after the header.
impl Outgoing for Vec<u8> {
    fn encode(&self, terms: &SendTerms, out: &mut Vec<Bytes>) -> Result<(), WriteError> {
        self[..].encode(terms, out)
    }
}

/// A request for the peer's routes of a family (RFC 2918), or a mark of RFC 7313.
impl Outgoing for RouteRefresh {
    fn encode(&self, terms: &SendTerms, out: &mut Vec<Bytes>) -> Result<(), WriteError> {
        terms.negotiated(self.family)?;
        let allowed = match self.subtype {
            Self::REQUEST => terms.refresh != Refresh::Absent,
            // RFC 7313 4: BoRR and EoRR are sent only to a peer that sent the capability.
            _ => terms.refresh == Refresh::Enhanced,
        };
        if !allowed {
            return Err(WriteError::Refresh);
        }
        let mut bytes = Vec::new();
        Self::encode(self, &mut bytes);
        out.push(bytes.into());
        Ok(())
    }
}

/// A message of any type with a body made by the caller.
pub(crate) struct Raw<'a>(pub(crate) MessageType, pub(crate) &'a [u8]);

impl Outgoing for Raw<'_> {
    fn encode(&self, terms: &SendTerms, out: &mut Vec<Bytes>) -> Result<(), WriteError> {
        out.push(whole(terms, self.0, self.1)?);
        Ok(())
    }
}

fn whole(terms: &SendTerms, kind: MessageType, body: &[u8]) -> Result<Bytes, WriteError> {
    if HEADER + body.len() > terms.sender.codec.message_size() {
        return Err(WriteError::TooLong);
    }
    let mut out = Vec::with_capacity(HEADER + body.len());
    message::encode(&mut out, kind, |w| w.bytes(body));
    Ok(out.into())
}

/// Routes to announce and to withdraw, in as few UPDATEs as the session allows, and End-of-RIB markers.
///
/// Of several calls for one route the last counts. Withdrawals are sent first, then announcements, grouped by attributes,
/// then markers.
///
/// ```no_run
/// # fn write(writer: &oxabgp::speaker::UpdateWriter) -> Result<(), Box<dyn std::error::Error>> {
/// use ipnet::IpNet;
/// use oxabgp::bgp::Family;
/// use oxabgp::speaker::{Attributes, RouteUpdate};
///
/// let update = RouteUpdate::new()
///     .announce("203.0.113.0/24".parse::<IpNet>()?, &Attributes::new().communities([(65001, 100)]))
///     .withdraw("198.51.100.0/24".parse::<IpNet>()?)
///     .end_of_rib(Family::IPV4_UNICAST);
/// writer.try_write(&update)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteUpdate {
    attributes: Vec<Attributes>,
    /// Routes, and the index of their attributes; `None` withdraws.
    routes: Vec<(Nlri, Option<usize>)>,
    end_of_rib: Vec<Family>,
}

impl RouteUpdate {
    /// Nothing to send.
    pub const fn new() -> Self {
        Self {
            attributes: Vec::new(),
            routes: Vec::new(),
            end_of_rib: Vec::new(),
        }
    }

    /// Announces a route: a unicast prefix, or an [`Nlri`] of any family.
    #[must_use]
    pub fn announce(self, route: impl Into<Nlri>, attributes: &Attributes) -> Self {
        self.announce_all([route], attributes)
    }

    /// Announces routes with the same attributes.
    #[must_use]
    pub fn announce_all(
        mut self,
        routes: impl IntoIterator<Item = impl Into<Nlri>>,
        attributes: &Attributes,
    ) -> Self {
        if self.attributes.last() != Some(attributes) {
            self.attributes.push(attributes.clone());
        }
        let at = self.attributes.len() - 1;
        let routes = routes.into_iter().map(|route| (route.into(), Some(at)));
        self.routes.extend(routes);
        self
    }

    /// Withdraws a route.
    #[must_use]
    pub fn withdraw(self, route: impl Into<Nlri>) -> Self {
        self.withdraw_all([route])
    }

    /// Withdraws routes.
    #[must_use]
    pub fn withdraw_all(mut self, routes: impl IntoIterator<Item = impl Into<Nlri>>) -> Self {
        let routes = routes.into_iter().map(|route| (route.into(), None));
        self.routes.extend(routes);
        self
    }

    /// Marks the end of the first routes of a family (RFC 4724 section 2).
    #[must_use]
    pub fn end_of_rib(mut self, family: Family) -> Self {
        if !self.end_of_rib.contains(&family) {
            self.end_of_rib.push(family);
        }
        self
    }

    /// Returns `true` if there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty() && self.end_of_rib.is_empty()
    }

    /// The last call for each route, in the order of those calls.
    fn last_of_each(&self, sender: &Sender) -> Vec<&(Nlri, Option<usize>)> {
        if self.routes.len() == 1 {
            return self.routes.iter().collect();
        }
        let mut last: HashMap<(Family, Option<u32>, NlriKey), usize> = HashMap::new();
        for (at, (nlri, _)) in self.routes.iter().enumerate() {
            // Without ADD-PATH, paths of a prefix replace each other.
            let add_path = sender.codec.add_path_send.contains(nlri.family);
            let path_id = add_path.then(|| nlri.path_id.unwrap_or_default());
            last.insert((nlri.family, path_id, nlri.as_ref().key()), at);
        }
        let mut kept: Vec<usize> = last.into_values().collect();
        kept.sort_unstable();
        kept.into_iter().map(|at| &self.routes[at]).collect()
    }
}

impl Outgoing for RouteUpdate {
    fn encode(&self, terms: &SendTerms, out: &mut Vec<Bytes>) -> Result<(), WriteError> {
        let mut sets: HashMap<(usize, Family), Rc<AttributeSet>> = HashMap::new();
        let mut changes = Vec::with_capacity(self.routes.len());
        for (nlri, attributes) in self.last_of_each(&terms.sender) {
            terms.negotiated(nlri.family)?;
            let action = match attributes {
                None => Action::Withdraw(None),
                Some(at) => Action::Announce(match sets.get(&(*at, nlri.family)) {
                    Some(set) => Rc::clone(set),
                    None => {
                        let set = resolved(&self.attributes[*at], nlri.family, &terms.sender)?;
                        sets.insert((*at, nlri.family), Rc::clone(&set));
                        set
                    }
                }),
            };
            changes.push(Change {
                nlri: nlri.clone(),
                action,
                peers: PeerSet::default(),
            });
        }
        let messages = pack::messages(&terms.sender, &changes);
        out.extend(messages.map_err(|(_, refusal)| WriteError::from(refusal))?);
        for family in &self.end_of_rib {
            terms.negotiated(*family)?;
            out.push(pack::end_of_rib(*family));
        }
        Ok(())
    }
}

/// The attributes with a next hop that the session can carry.
fn resolved(
    attributes: &Attributes,
    family: Family,
    sender: &Sender,
) -> Result<Rc<AttributeSet>, WriteError> {
    let mut list = attributes.list().to_vec();
    let at = list
        .iter()
        .position(|one| matches!(one, Attribute::NextHop(_)));
    let hop = match at.map(|at| &list[at]) {
        Some(Attribute::NextHop(hop)) => hop.get(),
        _ => NextHop::SelfAddress,
    };
    let extended = sender.codec.extended_nexthop;
    if is_unnegotiated_ipv6(family, hop, extended) {
        return Err(WriteError::NextHop(family));
    }
    let hop = match (hop, sender.local_address) {
        (NextHop::SelfAddress, address @ std::net::IpAddr::V6(_)) if extended.contains(family) => {
            address.into()
        }
        (hop, _) => hop,
    };
    let hop = Attribute::NextHop(NextHopAttribute::new(hop));
    match at {
        Some(at) => list[at] = hop,
        None => list.push(hop),
    }
    Ok(Rc::new(AttributeSet::new(list)))
}
