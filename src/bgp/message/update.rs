//! UPDATE (RFC 4271 section 4.3): a view of its parts, and what they mean after RFC 7606.
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

use std::rc::Rc;

use smallvec::SmallVec;

use crate::bgp::attribute::decode::{AttributeSource, split};
use crate::bgp::attribute::mp_reach::MpReach;
use crate::bgp::attribute::mp_unreach::MpUnreach;
use crate::bgp::attribute::{AttributeSet, mp_unreach};
use crate::bgp::error::{Severity, UpdateError};
use crate::bgp::family::Family;
use crate::bgp::negotiated::Codec;
use crate::bgp::nexthop::NextHop;
use crate::bgp::nlri::Routes;
use crate::wire::{Reader, WireError};

/// The three fields of an UPDATE's body, not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update<'a> {
    /// Withdrawn IPv4 unicast routes.
    pub withdrawn: &'a [u8],
    /// Path attributes.
    pub attributes: &'a [u8],
    /// Announced IPv4 unicast routes.
    pub nlri: &'a [u8],
}

/// What an UPDATE says: attributes once, then the routes.
#[derive(Clone, Debug)]
pub struct Content<'a> {
    /// The attributes of the announced routes.
    pub attributes: Rc<AttributeSet>,
    /// Announced routes with their next hop: IPv4 unicast of the body first, then those of MP_REACH_NLRI.
    pub announced: SmallVec<[(Option<NextHop>, Routes<'a>); 2]>,
    /// Withdrawn routes: of the body, of MP_UNREACH_NLRI, then announced ones that an error turned into withdrawals.
    pub withdrawn: SmallVec<[Routes<'a>; 4]>,
}

impl<'a> Update<'a> {
    /// Splits a body into its fields.
    ///
    /// # Errors
    /// A reset (3/1) when a length runs past the end (RFC 4271 section 6.3).
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
            })
        };
        read().map_err(UpdateError::from)
    }

    /// The family whose End-of-RIB this is (RFC 4724 section 2).
    pub fn end_of_rib(&self) -> Option<Family> {
        if !self.withdrawn.is_empty() || !self.nlri.is_empty() {
            return None;
        }
        if self.attributes.is_empty() {
            return Some(Family::IPV4_UNICAST);
        }
        let envelopes = split(self.attributes, &mut Vec::new()).ok()?;
        let unreach = MpUnreach::decode(envelopes.unreach?).ok()?;
        let only = envelopes.reach.is_none() && self.attributes.get(1) == Some(&mp_unreach::CODE);
        (only && unreach.nlri.is_empty()).then_some(unreach.family)
    }

    /// Decodes it as far as events and tables need: attributes through `source`, routes framed but not looked into.
    ///
    /// # Errors
    /// Only what resets the session; milder errors are in the attribute set and have moved routes to `withdrawn`.
    pub fn content(
        &self,
        cx: &Codec,
        source: &mut impl AttributeSource,
    ) -> Result<Content<'a>, UpdateError> {
        let mut rest = Vec::new();
        let envelopes = split(self.attributes, &mut rest)?;
        let raw = if rest.len() == self.attributes.len() {
            self.attributes
        } else {
            &rest
        };
        let mut announced = SmallVec::new();
        let mut withdrawn = SmallVec::new();
        if !self.withdrawn.is_empty() {
            withdrawn.push(checked(Routes::new(
                Family::IPV4_UNICAST,
                cx.add_path_receive.contains(Family::IPV4_UNICAST),
                self.withdrawn,
            ))?);
        }
        if let Some(value) = envelopes.unreach {
            let unreach = MpUnreach::decode(value)?;
            withdrawn.push(checked(Routes::new(
                unreach.family,
                cx.add_path_receive.contains(unreach.family),
                unreach.nlri,
            ))?);
        }
        let attributes = source.attributes(raw, cx)?;
        if !self.nlri.is_empty() {
            let routes = checked(Routes::new(
                Family::IPV4_UNICAST,
                cx.add_path_receive.contains(Family::IPV4_UNICAST),
                self.nlri,
            ))?;
            announced.push((attributes.next_hop(), routes));
        }
        if let Some(value) = envelopes.reach {
            let reach = MpReach::decode(value)?;
            let next_hop = NextHop::decode(reach.next_hop, reach.family)
                .map_err(|error| UpdateError::reset(9, error.what))?;
            announced.push((
                next_hop,
                checked(Routes::new(
                    reach.family,
                    cx.add_path_receive.contains(reach.family),
                    reach.nlri,
                ))?,
            ));
        }
        if attributes
            .error()
            .is_some_and(|error| error.severity >= Severity::TreatAsWithdraw)
        {
            withdrawn.extend(announced.drain(..).map(|(_, routes)| routes));
        }
        Ok(Content {
            attributes,
            announced,
            withdrawn,
        })
    }
}

/// Routes that are known to frame: RFC 7606 5.3 makes an error in the NLRI syntax a reset (3/10).
fn checked(routes: Routes<'_>) -> Result<Routes<'_>, UpdateError> {
    routes
        .check()
        .map_err(|error| UpdateError::reset(10, error.what))?;
    Ok(routes)
}
