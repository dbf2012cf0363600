//! A configured station with its connections.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bytes::Bytes;
use tokio::sync::Notify;

use super::link::Link;
use super::peer::Table;
use crate::config::BmpConfig;
use crate::daemon::neighbor::Neighbor;
use crate::fsm::CloseReason;
use crate::rib::PeerId;

/// Most connections of stations to one address.
pub(crate) const LINKS: usize = 8;

/// A station.
pub(crate) struct Station {
    pub(crate) config: BmpConfig,
    links: RefCell<Vec<Rc<Link>>>,
    /// Connections so far.
    connections: Cell<u64>,
    /// Messages of connections that have ended.
    messages: Cell<u64>,
    /// Connections that were closed because the station was too slow.
    overflows: Cell<u64>,
    closing: Cell<bool>,
    pub(crate) closed: Notify,
}

/// A station, as operators see it.
pub(crate) struct Shown {
    pub(crate) name: String,
    /// Connections now.
    pub(crate) links: usize,
    /// The following since the station was configured.
    pub(crate) connections: u64,
    pub(crate) messages: u64,
    /// Connections that were closed because the station was too slow.
    pub(crate) overflows: u64,
}

impl Station {
    pub(crate) fn new(config: BmpConfig) -> Self {
        Self {
            config,
            links: RefCell::default(),
            connections: Cell::new(0),
            messages: Cell::new(0),
            overflows: Cell::new(0),
            closing: Cell::new(false),
            closed: Notify::new(),
        }
    }

    /// Has all connections end with a Termination.
    pub(crate) fn close(&self) {
        self.closing.set(true);
        self.closed.notify_waiters();
    }

    /// Waits for [`close`](Self::close).
    pub(crate) async fn closing(&self) {
        // Registered before the flag is looked at.
        let closed = self.closed.notified();
        if !self.closing.get() {
            closed.await;
        }
    }

    /// Returns `true` if it was closed.
    pub(crate) const fn is_closing(&self) -> bool {
        self.closing.get()
    }

    /// A new connection's queue; `None` if there are too many.
    pub(crate) fn open(&self) -> Option<Rc<Link>> {
        let mut links = self.links.borrow_mut();
        if links.len() >= LINKS {
            return None;
        }
        let link = Rc::new(Link::new((self.config.buffer as usize) << 20));
        links.push(Rc::clone(&link));
        self.connections.set(self.connections.get() + 1);
        Some(link)
    }

    /// Removes the queue of a connection that has ended.
    pub(crate) fn remove(&self, link: &Rc<Link>) {
        self.messages.set(self.messages.get() + link.messages.get());
        self.overflows
            .set(self.overflows.get() + u64::from(link.is_over()));
        self.links
            .borrow_mut()
            .retain(|other| !Rc::ptr_eq(other, link));
    }

    /// What operators see.
    pub(crate) fn shown(&self) -> Shown {
        let links = self.links.borrow();
        let messages = links.iter().map(|link| link.messages.get()).sum::<u64>();
        Shown {
            name: self.config.name.clone(),
            links: links.len(),
            connections: self.connections.get(),
            messages: self.messages.get() + messages,
            overflows: self.overflows.get(),
        }
    }

    /// Number of connections.
    fn links(&self) -> usize {
        self.links.borrow().len()
    }

    /// Returns `true` if it monitors a neighbor.
    pub(crate) fn selects(&self, neighbor: &Neighbor) -> bool {
        self.config.neighbors.selects(neighbor.address())
    }

    /// Returns `true` if UPDATEs that are sent to a neighbor are reported now.
    pub(crate) fn wants_sent_updates(&self, neighbor: &Neighbor) -> bool {
        self.config.rib_out && self.links() > 0 && self.selects(neighbor)
    }

    /// Returns `true` if UPDATEs that a neighbor sends are reported now.
    pub(crate) fn wants_received_updates(&self, neighbor: &Neighbor) -> bool {
        self.config.rib_in && self.links() > 0 && self.selects(neighbor)
    }

    /// Reports an established session. Its routes follow as they come.
    pub(crate) fn up(&self, neighbor: &Neighbor) {
        if self.selects(neighbor) {
            self.each(|link| {
                link.up(neighbor, (false, false));
            });
        }
    }

    /// Reports the end of a session.
    pub(crate) fn down(&self, neighbor: &Neighbor, reason: &CloseReason) {
        self.each(|link| link.down(neighbor, reason));
    }

    /// Reports that a neighbor is gone without the end of its session having been seen.
    pub(crate) fn forget(&self, peer: PeerId) {
        self.each(|link| link.forget(peer));
    }

    /// Reports an UPDATE.
    pub(crate) fn update(&self, peer: PeerId, table: Table, update: &Bytes) {
        self.each(|link| link.live(peer, table, update.clone()));
    }

    fn each(&self, act: impl Fn(&Link)) {
        let links = self.links.borrow();
        links.iter().for_each(|link| act(link));
    }
}
