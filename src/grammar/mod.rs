//! The route sentence: one grammar for configuration files and helper commands, so that neither needs to know the other.

use crate::bgp::{AttributeSet, Nlri};

/// Routes as written: one sentence with `split`, or with several prefixes after `nlri`, makes several NLRI that share
/// their attributes.
#[derive(Debug)]
pub struct RouteText {
    /// The routes.
    pub nlri: Vec<Nlri>,
    /// Their attributes, next hop included.
    pub attributes: AttributeSet,
    /// The group that `announce watchdog NAME` and `withdraw watchdog NAME` switch.
    pub watchdog: Option<Box<str>>,
    /// With a watchdog: start withdrawn.
    pub withdraw: bool,
    /// A name of the user's, never sent.
    pub name: Option<Box<str>>,
}
