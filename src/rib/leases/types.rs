//! What is recorded of a route, and under which terms.

use std::rc::Rc;
use std::time::Duration;

use crate::bgp::{AttributeSet, Nlri};
use crate::rib::PeerSet;

/// How long an announced route is to stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lifetime {
    /// Nothing is said about it: a lease that the route has from the same owner is renewed.
    #[default]
    Unchanged,
    /// Until it is withdrawn.
    Forever,
    /// For that long, unless it is announced again.
    For(Duration),
}

/// Who announces, and for how long.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The helper or operator.
    pub owner: Rc<str>,
    /// Which run of the owner: routes of earlier runs end with [`Leases::doom`](super::Leases::doom).
    pub run: u64,
    /// Whether routes without a lifetime are recorded as well, since they may end with their owner.
    pub tracked: bool,
    /// How long the route is to stay.
    pub lifetime: Lifetime,
    /// How long a route is to stay that has no lease of this owner, if nothing is said about it.
    pub default: Option<Duration>,
    /// The longest time that a lease may be renewed for.
    pub longest: Option<Duration>,
    /// How much of that time is left, if part of it has passed.
    pub left: Option<Duration>,
    /// The selector that selected the peers, if it is to be remembered.
    pub selector: Option<Rc<str>>,
    /// Whether [`Leases::visit_owner`](super::Leases::visit_owner) is to find the routes of this owner, who has few.
    pub indexed: bool,
}

impl Terms {
    /// How long a route stays that has a lease of this owner of that length.
    pub(super) fn length(&self, known: Option<Duration>) -> Option<Duration> {
        match self.lifetime {
            Lifetime::Unchanged => {
                let length = known.or(self.default)?;
                Some(self.longest.map_or(length, |most| length.min(most)))
            }
            Lifetime::Forever => None,
            Lifetime::For(length) => Some(length),
        }
    }
}

/// A recorded route.
#[derive(Clone, Debug)]
pub struct Leased<'a> {
    /// The route.
    pub nlri: &'a Nlri,
    /// Its attributes, if they were given.
    pub attributes: Option<&'a Rc<AttributeSet>>,
    /// The peers that it is announced to.
    pub peers: &'a PeerSet,
    /// Who announced it.
    pub owner: &'a Rc<str>,
    /// In which run of the owner.
    pub run: u64,
    /// The selector, as long as the peers are those that it selected.
    pub selector: Option<&'a Rc<str>>,
    /// How long it stays when it is announced.
    pub length: Option<Duration>,
    /// When it ends.
    pub deadline: Option<Duration>,
}

/// A route that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The route.
    pub nlri: Nlri,
    /// The peers that it was announced to.
    pub peers: PeerSet,
    /// Who announced it.
    pub owner: Rc<str>,
}
