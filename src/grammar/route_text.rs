//! Routes as written, and the context that their readers need.

use std::rc::Rc;

use crate::bgp::{AttributeSet, Family, Nlri};

/// What to do with the routes of a sentence: a withdrawal needs neither next hop nor labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Announce them.
    Announce,
    /// Withdraw them.
    Withdraw,
}

/// The context of a sentence, which determines the words that it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// After `route` or `attributes`: the words of the sentence itself determine the family.
    Route,
    /// After `announce ipv4 mpls-vpn` and the like: the family is given.
    Family(Family),
}

/// Routes as written: one sentence with `split`, or with several prefixes after `nlri`, makes several NLRI that share
/// their attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteText {
    /// The routes.
    pub nlri: Vec<Nlri>,
    /// Their attributes, next hop included.
    pub attributes: Rc<AttributeSet>,
    /// The group that `announce watchdog NAME` and `withdraw watchdog NAME` switch.
    pub watchdog: Option<Box<str>>,
    /// With a watchdog: start withdrawn.
    pub withdraw: bool,
    /// A name chosen by the user, never sent.
    pub name: Option<Box<str>>,
}
