//! A neighbor's key and status.

use std::fmt;
use std::net::IpAddr;
use std::time::{Instant, SystemTime};

use crate::bgp::Zone;
use crate::bgp::message::{Direction, MessageType};
use crate::fsm::{CloseReason, ConnInfo, State};

/// A neighbor of one server. Never used again after the neighbor is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerKey(u64);

impl PeerKey {
    pub(crate) const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Where the neighbor's jitter starts.
    pub(crate) const fn seed(self) -> u64 {
        // Any odd constant with many bits: neighboring keys get distant seeds.
        self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

impl fmt::Display for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What there is to know of a neighbor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerStatus {
    /// Its key in the server.
    pub key: PeerKey,
    /// Its name.
    pub name: String,
    /// Its address.
    pub remote_address: IpAddr,
    /// The interface that a link-local address belongs to: [`PeerConfig::zone`](super::PeerConfig::zone).
    pub zone: Option<Zone>,
    /// Its state: the furthest of its connections.
    pub state: State,
    /// The addresses of the current connection.
    pub ends: Option<ConnInfo>,
    /// When the session came up, while it is up.
    pub established: Option<SystemTime>,
    /// The negotiated hold time in seconds, while the session is up.
    pub hold_time: Option<u16>,
    /// Sessions that came up so far.
    pub sessions: u64,
    /// Why the last connection ended.
    pub last_close: Option<CloseReason>,
    /// When the next connection attempt is due; `None` while there is a connection or an attempt, and when none will be made.
    pub retry_at: Option<Instant>,
    /// Attempts that failed, and sessions that ended too soon, since the last session that lasted: longer than the wait
    /// before it, and at least 30 seconds.
    pub failures: u32,
    /// Connections that were tried or accepted since the neighbor was started, without those that are coming up.
    pub attempts: u32,
    /// RFC 4271's ConnectRetryCounter: how often a connection has failed or ended since the last manual start or stop.
    pub connect_retry_counter: u32,
    /// Messages received since the connection was made.
    pub received: Counters,
    /// Messages sent since the connection was made: handed to the outbox.
    pub sent: Counters,
    /// Messages received since the neighbor was added.
    pub received_total: Counters,
    /// Messages sent since the neighbor was added.
    pub sent_total: Counters,
}

impl PeerStatus {
    /// Counts a message.
    pub(crate) const fn count(&mut self, direction: Direction, kind: MessageType) {
        let (session, total) = match direction {
            Direction::Send => (&mut self.sent, &mut self.sent_total),
            Direction::Receive => (&mut self.received, &mut self.received_total),
        };
        session.count(kind);
        total.count(kind);
    }

    /// Counts UPDATE messages that were sent.
    pub(crate) const fn count_updates_sent(&mut self, count: usize) {
        self.sent.add(MessageType::UPDATE, count);
        self.sent_total.add(MessageType::UPDATE, count);
    }
}

/// Messages by type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters([u64; 8]);

impl Counters {
    /// How many there were of a type; all unknown types are one.
    pub const fn of(&self, kind: MessageType) -> u64 {
        self.0[Self::index(kind)]
    }

    /// How many there were.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    pub(crate) const fn count(&mut self, kind: MessageType) {
        self.add(kind, 1);
    }

    const fn add(&mut self, kind: MessageType, count: usize) {
        self.0[Self::index(kind)] += count as u64;
    }

    /// The numbers, to be read with [`from_numbers`](Self::from_numbers).
    #[cfg(feature = "daemon")]
    pub(crate) const fn numbers(&self) -> [u64; 8] {
        self.0
    }

    /// Counters with these numbers.
    #[cfg(feature = "daemon")]
    pub(crate) const fn from_numbers(numbers: [u64; 8]) -> Self {
        Self(numbers)
    }

    const fn index(kind: MessageType) -> usize {
        match kind.0 {
            known @ 1..=7 => known as usize,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_by_type() {
        let mut counters = Counters::default();
        counters.count(MessageType::UPDATE);
        counters.count(MessageType::UPDATE);
        counters.count(MessageType(99));
        assert_eq!(counters.of(MessageType::UPDATE), 2);
        assert_eq!(counters.of(MessageType(200)), 1);
        assert_eq!(counters.total(), 3);
    }
}
