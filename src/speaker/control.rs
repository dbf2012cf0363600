//! Commands to a neighbor's task, and its status.
//!
//! Commands are rare and few: a bounded queue of our own instead of a channel, so that the one that must never be lost, the
//! end, can take the place of all others.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Instant, SystemTime};

use tokio::sync::Notify;

use super::config::PeerConfig;
use super::connect::Stream;
use super::writer::UpdateWriter;
use crate::bgp::message::{Direction, MessageType};
use crate::bgp::{Negotiated, Notification};
use crate::fsm::{Cease, CloseReason, ConnInfo, State};

/// Commands that may wait for one task.
const WAITING: usize = 16;

/// A command to a neighbor's task.
pub(crate) enum PeerCommand {
    /// The peer has connected to us.
    Incoming(Box<dyn Stream>, ConnInfo),
    /// Connect now, forget the back-off.
    Start,
    /// End the session and stay down.
    Stop(Cease),
    /// End the session, start again at once.
    Bounce(Notification),
    /// End the session, start again at once with this configuration.
    Replace(Rc<PeerConfig>, Notification),
    /// Use this configuration from the next session on.
    Update(Rc<PeerConfig>),
    /// End the session, then the task.
    Remove(Cease),
}

/// The commands that wait for one task.
#[derive(Default)]
pub(crate) struct Mailbox {
    queue: RefCell<VecDeque<PeerCommand>>,
    arrived: Notify,
}

impl Mailbox {
    /// Adds a command; `false` when too many wait.
    pub(crate) fn push(&self, command: PeerCommand) -> bool {
        let mut queue = self.queue.borrow_mut();
        match command {
            PeerCommand::Remove(_) => queue.clear(),
            _ if queue.len() >= WAITING => return false,
            _ => {}
        }
        queue.push_back(command);
        self.arrived.notify_one();
        true
    }

    /// Takes the connections that wait; all other commands are forgotten.
    pub(crate) fn arrivals(&self) -> Vec<(Box<dyn Stream>, ConnInfo)> {
        let waiting = self.queue.take();
        let arrival = |command| match command {
            PeerCommand::Incoming(stream, ends) => Some((stream, ends)),
            _ => None,
        };
        waiting.into_iter().filter_map(arrival).collect()
    }

    /// Waits for [`PeerCommand::Remove`], and leaves it there.
    pub(crate) async fn removal(&self) {
        while !matches!(self.queue.borrow().front(), Some(PeerCommand::Remove(_))) {
            self.arrived.notified().await;
        }
    }

    /// The next command. May be dropped and called again: nothing is lost.
    pub(crate) async fn next(&self) -> PeerCommand {
        loop {
            if let Some(command) = self.queue.borrow_mut().pop_front() {
                return command;
            }
            self.arrived.notified().await;
        }
    }
}

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
        self.0[Self::index(kind)] += 1;
    }

    const fn index(kind: MessageType) -> usize {
        match kind.0 {
            known @ 1..=7 => known as usize,
            _ => 0,
        }
    }
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
}

/// What a neighbor's task shares with its server.
pub(crate) struct Shared {
    pub(crate) status: RefCell<PeerStatus>,
    pub(crate) session: RefCell<Option<Rc<Negotiated>>>,
    /// The writer of the session that is up.
    pub(crate) writer: RefCell<Option<UpdateWriter>>,
    /// The configuration that the task works with.
    pub(crate) config: RefCell<Rc<PeerConfig>>,
    /// What the last command asked for.
    pub(crate) wanted: Cell<Wanted>,
}

/// What a neighbor's task is to do, also after a panic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Have a session.
    #[default]
    Running,
    /// Stay down until it is started.
    Stopped,
    /// End.
    Removed,
}

impl Shared {
    pub(crate) fn new(key: PeerKey, config: &Rc<PeerConfig>) -> Rc<Self> {
        Rc::new(Self {
            status: RefCell::new(PeerStatus {
                key,
                name: config.name.clone(),
                remote_address: config.remote_address,
                state: State::Idle,
                ends: None,
                established: None,
                hold_time: None,
                sessions: 0,
                last_close: None,
                retry_at: None,
                failures: 0,
                connect_retry_counter: 0,
                received: Counters::default(),
                sent: Counters::default(),
                received_total: Counters::default(),
                sent_total: Counters::default(),
            }),
            session: RefCell::new(None),
            writer: RefCell::new(None),
            config: RefCell::new(Rc::clone(config)),
            wanted: Cell::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_takes_the_place_of_all_that_waits() {
        let mailbox = Mailbox::default();
        for _ in 0..WAITING {
            assert!(mailbox.push(PeerCommand::Start));
        }
        assert!(!mailbox.push(PeerCommand::Start));
        assert!(mailbox.push(PeerCommand::Remove(Cease::Removed)));
        let queue = mailbox.queue.borrow();
        assert!(matches!(queue.front(), Some(PeerCommand::Remove(_))) && queue.len() == 1);
    }

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
