//! Commands to a neighbor's task, and what it shares with the server.
//!
//! Commands are rare and few: a bounded queue of our own instead of a channel, so that the one that must never be lost, the
//! end, can take the place of all others.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::config::PeerConfig;
use super::connect::{Stream, Transport};
use super::handed::{Adopted, Suspension};
use super::plugin::Plugin;
use super::status::{PeerKey, PeerStatus, Record};
use super::turn::keep_waker;
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
    /// The task, or its supervisor, while it waits.
    waiting: Cell<Option<Waker>>,
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
        drop(queue);
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
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
        poll_fn(|cx| match self.queue.borrow().front() {
            Some(PeerCommand::Remove(_)) => Poll::Ready(()),
            _ => self.wait(cx),
        })
        .await;
    }

    /// The next command, for one task at a time.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<PeerCommand> {
        let next = self.queue.borrow_mut().pop_front();
        next.map_or_else(|| self.wait(cx), Poll::Ready)
    }

    /// Has the task woken by the next command.
    fn wait<T>(&self, cx: &Context<'_>) -> Poll<T> {
        let mut waiting = self.waiting.take();
        keep_waker(&mut waiting, cx);
        self.waiting.set(waiting);
        Poll::Pending
    }

    /// Frees the memory of the queue if it is empty.
    pub(crate) fn trim(&self) {
        let mut queue = self.queue.borrow_mut();
        if queue.is_empty() {
            *queue = VecDeque::new();
        }
    }
}

/// What a neighbor's task, its supervisor and the server share.
pub(crate) struct Shared {
    pub(crate) key: PeerKey,
    /// The newest configuration.
    pub(crate) newest: RefCell<Rc<PeerConfig>>,
    pub(crate) plugin: RefCell<Box<dyn Plugin>>,
    pub(crate) mailbox: Mailbox,
    pub(crate) transport: Rc<dyn Transport>,
    /// The server's BGP identifier.
    pub(crate) router_id: Ipv4Addr,
    /// Whether the neighbor is gone when its session ends.
    pub(crate) dynamic: bool,
    pub(crate) record: RefCell<Record>,
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
        (key, config): (PeerKey, Rc<PeerConfig>),
        (plugin, dynamic): (Box<dyn Plugin>, bool),
        (transport, router_id): (Rc<dyn Transport>, Ipv4Addr),
        subscribers: Rc<Subscribers>,
    ) -> Rc<Self> {
        Rc::new(Self {
            key,
            newest: RefCell::new(Rc::clone(&config)),
            plugin: RefCell::new(plugin),
            mailbox: Mailbox::default(),
            transport,
            router_id,
            dynamic,
            record: RefCell::default(),
            session: RefCell::new(None),
            writer: RefCell::new(None),
            adopted: RefCell::new(None),
            postponed: Cell::new(None),
            attempted: Cell::new(0),
            config: RefCell::new(config),
            wanted: Cell::default(),
            subscribers,
            removed: Cell::new(false),
        })
    }

    /// What there is to know of the neighbor.
    pub(crate) fn status(&self) -> PeerStatus {
        self.record.borrow().status(self.key, &self.newest.borrow())
    }

    /// Waits for something to be written to the session that is up.
    pub(crate) fn poll_pushed(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &*self.writer.borrow() {
            Some(writer) => writer.poll_work(cx),
            None => Poll::Pending,
        }
    }

    /// Reports a change to subscribers; `from` is the state before. The removal is the last one.
    pub(crate) fn report(&self, kind: ChangeKind, from: State) {
        if self.removed.replace(kind == ChangeKind::Removed) {
            return self.removed.set(true);
        }
        self.subscribers.report(kind, from, || self.status());
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
