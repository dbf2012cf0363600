//! A session on its way to another process of this program: what of it is in this process, and how its task is held.

use std::cell::{Cell, RefCell};
use std::os::fd::RawFd;
use std::time::SystemTime;

use tokio::sync::Notify;

use super::connect::Stream;
use super::status::Counters;
use crate::fsm::{ConnId, ConnInfo, Peer, SessionSnapshot};

/// An established session as data. The socket itself stays open.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(feature = "daemon"),
    expect(dead_code, reason = "only the daemon is upgraded")
)]
pub(crate) struct Handed {
    /// The socket.
    pub(crate) socket: RawFd,
    pub(crate) ends: ConnInfo,
    pub(crate) session: SessionSnapshot,
    /// When it was established.
    pub(crate) established: SystemTime,
    /// Bytes that were read and not acted on.
    pub(crate) input: Vec<u8>,
    /// Bytes that are to be written.
    pub(crate) output: Vec<u8>,
    /// Sessions so far.
    pub(crate) sessions: u64,
    /// Received and sent on this session, then in all.
    pub(crate) counters: [Counters; 4],
}

/// A session that was handed to this process.
pub(crate) struct Adopted {
    pub(crate) peer: Peer,
    pub(crate) id: ConnId,
    pub(crate) stream: Box<dyn Stream>,
    pub(crate) input: Vec<u8>,
    pub(crate) output: Vec<u8>,
}

/// Holds a neighbor's task.
#[derive(Default)]
pub(crate) struct Suspension {
    /// The session, once the task is held; without an established session nothing is handed over.
    session: RefCell<Option<Option<Handed>>>,
    held: Notify,
    over: Cell<bool>,
    ended: Notify,
    /// The rest of a message of which the peer was sent the beginning meanwhile.
    owed: RefCell<Vec<u8>>,
}

impl Suspension {
    /// Reports that the task is held.
    pub(crate) fn hold(&self, session: Option<Handed>) {
        self.session.replace(Some(session));
        self.held.notify_one();
    }

    /// Waits until it is over.
    pub(crate) async fn wait(&self) {
        while !self.over.get() {
            self.ended.notified().await;
        }
    }

    /// Waits until the task is held. Returns the session.
    #[cfg(feature = "daemon")]
    pub(crate) async fn session(&self) -> Option<Handed> {
        loop {
            if let Some(session) = &*self.session.borrow() {
                return session.clone();
            }
            self.held.notified().await;
        }
    }

    /// Notes the rest of a message of which the peer was sent the beginning on the session, whose outbox was empty.
    #[cfg(feature = "daemon")]
    pub(crate) fn owe(&self, rest: &[u8]) {
        self.owed.borrow_mut().extend_from_slice(rest);
    }

    /// What the task has to send before anything else.
    pub(crate) fn owed(&self) -> Vec<u8> {
        self.owed.take()
    }

    /// Lets the task continue.
    #[cfg(feature = "daemon")]
    pub(crate) fn end(&self) {
        self.over.set(true);
        self.ended.notify_one();
    }
}
