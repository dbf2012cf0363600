//! An established session as data.

use std::time::Duration;

use super::initiator::Initiator;
use crate::bgp::message::open::Open;

/// An established session without its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSnapshot {
    /// Who opened the connection.
    pub initiator: Initiator,
    /// Our OPEN.
    pub local: Open,
    /// The peer's OPEN.
    pub remote: Open,
    /// Whether our OPEN had the extended form of RFC 9072.
    pub extended: bool,
    /// How long the session has been established.
    pub age: Duration,
    /// How long the hold timer still runs; `None` if it is stopped, as are the others.
    pub hold: Option<Duration>,
    /// The same of the keepalive timer.
    pub keepalive: Option<Duration>,
    /// The same of the send hold timer (RFC 9687).
    pub send_hold: Option<Duration>,
}
