//! A change to the Adj-RIB-Out, as requested by configuration and commands.

use std::rc::Rc;

use super::PeerSet;
use crate::bgp::{AttributeSet, Nlri};

/// The action on a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Announce it with these attributes, next hop included.
    Announce(Rc<AttributeSet>),
    /// Withdraw it. If given, the attributes are sent with MP_UNREACH_NLRI in the families where ExaBGP sends them.
    Withdraw(Option<Rc<AttributeSet>>),
}

/// A route to announce or withdraw, and the peers it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The route.
    pub nlri: Nlri,
    /// The action.
    pub action: Action,
    /// The peers to announce it to or withdraw it from.
    pub peers: PeerSet,
}
