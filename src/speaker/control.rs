//! Commands to a neighbor's task, and what it shares with the server.
//!
//! Commands are rare and few: a bounded queue of our own instead of a channel, so that the one that must never be lost, the
//! end, can take the place of all others.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;

use super::config::PeerConfig;
use super::connect::Stream;
use super::handed::{Adopted, Suspension};
use super::status::{Counters, PeerKey, PeerStatus};
use super::watch::{ChangeKind, Subscribers};
use super::writer::UpdateWriter;
use crate::bgp::{Negotiated, Notification};
use crate::fsm::{Cease, ConnInfo, State};

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
    #[cfg_attr(
        not(feature = "daemon"),
        expect(dead_code, reason = "only the daemon is upgraded")
    )]
    /// Do nothing until that is over: the session is described there.
    Suspend(Rc<Suspension>),
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

/// What a neighbor's task shares with its server.
pub(crate) struct Shared {
    pub(crate) status: RefCell<PeerStatus>,
    pub(crate) session: RefCell<Option<Rc<Negotiated>>>,
    /// The writer of the session that is up.
    pub(crate) writer: RefCell<Option<UpdateWriter>>,
    /// A session that another process has established, until the task runs.
    pub(crate) adopted: RefCell<Option<Box<Adopted>>>,
    /// How soon the first attempt is due and how many failed before, if another process has left that.
    pub(crate) postponed: Cell<Option<(Duration, u32)>>,
    /// Connections that another process has tried or accepted.
    pub(crate) attempted: Cell<u32>,
    /// The configuration that the task works with.
    pub(crate) config: RefCell<Rc<PeerConfig>>,
    /// What the last command asked for.
    pub(crate) wanted: Cell<Wanted>,
    subscribers: Rc<Subscribers>,
    /// Whether subscribers know that it was removed.
    removed: Cell<bool>,
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
    pub(crate) fn new(
        key: PeerKey,
        config: &Rc<PeerConfig>,
        subscribers: Rc<Subscribers>,
    ) -> Rc<Self> {
        Rc::new(Self {
            status: RefCell::new(PeerStatus {
                key,
                name: config.name.clone(),
                remote_address: config.remote_address,
                zone: config.zone,
                state: State::Idle,
                ends: None,
                established: None,
                hold_time: None,
                sessions: 0,
                last_close: None,
                retry_at: None,
                failures: 0,
                attempts: 0,
                connect_retry_counter: 0,
                received: Counters::default(),
                sent: Counters::default(),
                received_total: Counters::default(),
                sent_total: Counters::default(),
            }),
            session: RefCell::new(None),
            writer: RefCell::new(None),
            adopted: RefCell::new(None),
            postponed: Cell::new(None),
            attempted: Cell::new(0),
            config: RefCell::new(Rc::clone(config)),
            wanted: Cell::default(),
            subscribers,
            removed: Cell::new(false),
        })
    }

    /// Reports a change to subscribers; `from` is the state before. The removal is the last one.
    pub(crate) fn report(&self, kind: ChangeKind, from: State) {
        if self.removed.replace(kind == ChangeKind::Removed) {
            return self.removed.set(true);
        }
        let status = || self.status.borrow().clone();
        self.subscribers.report(kind, from, status);
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
}
