//! A change of the Adj-RIB-Out: what configuration and commands ask for.

use std::rc::Rc;

use super::PeerSet;
use crate::bgp::{AttributeSet, Nlri};

/// What to do with a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Announce it with these attributes, next hop included.
    Announce(Rc<AttributeSet>),
    /// Withdraw it. The attributes, if given, ride along with MP_UNREACH_NLRI in the families where ExaBGP sends them.
    Withdraw(Option<Rc<AttributeSet>>),
}

/// A route to announce or withdraw, and the peers it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The route.
    pub nlri: Nlri,
    /// What to do with it.
    pub action: Action,
    /// For whom.
    pub peers: PeerSet,
}
