//! A neighbor's key and status.

use std::fmt;
use std::net::IpAddr;
use std::time::{Instant, SystemTime};

use super::config::PeerConfig;
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

/// What of a status changes, as it is kept for each neighbor.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) state: State,
    pub(crate) ends: Option<ConnInfo>,
    pub(crate) established: Option<SystemTime>,
    pub(crate) hold_time: Option<u16>,
    pub(crate) sessions: u64,
    /// Boxed: most sessions stay.
    pub(crate) last_close: Option<Box<CloseReason>>,
    pub(crate) retry_at: Option<Instant>,
    pub(crate) failures: u32,
    pub(crate) attempts: u32,
    pub(crate) connect_retry_counter: u32,
    received: Counters,
    sent: Counters,
    /// What was received and sent on earlier connections, once there are any.
    earlier: Option<Box<[Counters; 2]>>,
}

impl Record {
    /// Notes a new connection.
    pub(crate) fn connected(&mut self, ends: ConnInfo) {
        self.ends = Some(ends);
        let last = [
            std::mem::take(&mut self.received),
            std::mem::take(&mut self.sent),
        ];
        if last != <[Counters; 2]>::default() {
            let earlier = self.earlier.get_or_insert_default();
            earlier
                .iter_mut()
                .zip(last)
                .for_each(|(all, last)| *all = all.plus(&last));
        }
    }

    /// Counts a message.
    pub(crate) const fn count(&mut self, direction: Direction, kind: MessageType) {
        match direction {
            Direction::Send => self.sent.count(kind),
            Direction::Receive => self.received.count(kind),
        }
    }

    /// Counts UPDATE messages that were sent.
    pub(crate) const fn count_updates_sent(&mut self, count: usize) {
        self.sent.add(MessageType::UPDATE, count);
    }

    /// Received and sent on this connection, then in all.
    pub(crate) fn counters(&self) -> [Counters; 4] {
        let now = [self.received, self.sent];
        let [received, sent] = match &self.earlier {
            Some(earlier) => [earlier[0].plus(&now[0]), earlier[1].plus(&now[1])],
            None => now,
        };
        [now[0], now[1], received, sent]
    }

    /// Continues with the [`counters`](Self::counters) of another one.
    #[cfg(feature = "daemon")]
    pub(crate) fn resume_counters(&mut self, counters: [Counters; 4]) {
        let [received, sent, received_total, sent_total] = counters;
        (self.received, self.sent) = (received, sent);
        let earlier = [received_total.minus(&received), sent_total.minus(&sent)];
        self.earlier = (earlier != <[Counters; 2]>::default()).then(|| Box::new(earlier));
    }

    /// The status of the neighbor with that key and configuration.
    pub(crate) fn status(&self, key: PeerKey, config: &PeerConfig) -> PeerStatus {
        let [received, sent, received_total, sent_total] = self.counters();
        PeerStatus {
            key,
            name: config.name.clone(),
            remote_address: config.remote_address,
            zone: config.zone,
            state: self.state,
            ends: self.ends,
            established: self.established,
            hold_time: self.hold_time,
            sessions: self.sessions,
            last_close: self.last_close.as_deref().cloned(),
            retry_at: self.retry_at,
            failures: self.failures,
            attempts: self.attempts,
            connect_retry_counter: self.connect_retry_counter,
            received,
            sent,
            received_total,
            sent_total,
        }
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

    fn plus(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] + other.0[at]))
    }

    #[cfg(feature = "daemon")]
    fn minus(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|at| {
            self.0[at].saturating_sub(other.0[at])
        }))
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
    use std::net::SocketAddr;

    use super::*;
    use crate::bgp::Asn;

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

    #[test]
    fn totals_are_those_of_all_connections() {
        let localhost = SocketAddr::from(([127, 0, 0, 1], 179));
        let ends = ConnInfo {
            local: localhost,
            remote: localhost,
        };
        let config = PeerConfig::new(localhost.ip(), Asn(65001));
        let mut record = Record::default();
        let sent = |record: &Record| {
            let status = record.status(PeerKey::new(1), &config);
            let of = |counters: Counters| counters.of(MessageType::UPDATE);
            (of(status.sent), of(status.sent_total))
        };
        record.connected(ends);
        record.count_updates_sent(5);
        assert_eq!(sent(&record), (5, 5));
        record.connected(ends);
        record.count(Direction::Send, MessageType::UPDATE);
        record.connected(ends);
        assert_eq!(sent(&record), (0, 6));
        record.count_updates_sent(2);
        assert_eq!(sent(&record), (2, 8));
        let status = record.status(PeerKey::new(1), &config);
        assert_eq!(
            (status.received.total(), status.received_total.total()),
            (0, 0)
        );
        #[cfg(feature = "daemon")]
        {
            let mut resumed = Record::default();
            resumed.resume_counters(record.counters());
            assert_eq!(resumed.counters(), record.counters());
            resumed.connected(ends);
            assert_eq!(sent(&resumed), (0, 8));
        }
    }
}
