//! The state of a neighbor as ExaBGP's `fsm` events and `show neighbor` report it.
//!
//! It follows from what a session reports about the neighbor as a whole, of which the state machine of RFC 4271 knows
//! nothing: with two connections, only one of them counts.

/// A state of a neighbor.
///
/// The order is ExaBGP's, not the RFC's: it reports ACTIVE and IDLE when an attempt begins, and CONNECT once TCP is up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No connection, or a dial in progress.
    #[default]
    Idle,
    /// An attempt begins.
    Active,
    /// TCP is up.
    Connect,
    /// Our OPEN was sent.
    OpenSent,
    /// The peer's OPEN was accepted.
    OpenConfirm,
    /// The session is established.
    Established,
}

impl Phase {
    /// The word of `fsm` events.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Idle => "IDLE",
            Self::Active => "ACTIVE",
            Self::Connect => "CONNECT",
            Self::OpenSent => "OPENSENT",
            Self::OpenConfirm => "OPENCONFIRM",
            Self::Established => "ESTABLISHED",
        }
    }
}
