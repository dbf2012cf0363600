//! Routes as written, and what the sentence around them tells its readers.

use std::rc::Rc;

use crate::bgp::{AttributeSet, Family, Nlri};

/// What is to be done with the routes of a sentence: a withdrawal needs neither next hop nor labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Announce them.
    Announce,
    /// Withdraw them.
    Withdraw,
}

/// Where a sentence stands: that decides which words it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// After `route` or `attributes`: the words of the sentence itself tell the family.
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
    /// A name of the user's, never sent.
    pub name: Option<Box<str>>,
}
