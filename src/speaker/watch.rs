//! Changes of neighbors, for subscribers in any thread.
//!
//! A subscriber that does not keep up costs a bounded amount of memory: beyond [`WAITING`] changes, a new one of a neighbor
//! takes the place of the last one of the same neighbor that waits. So the newest state of every neighbor always arrives.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use super::queue::Queue;
use super::status::PeerStatus;
use crate::fsm::State;

/// Changes that wait for a slow subscriber before changes of one neighbor are merged.
pub const WAITING: usize = 1_024;

/// A change of a neighbor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerChange {
    /// What has changed.
    pub kind: ChangeKind,
    /// The neighbor's state before; after it is in `status`.
    pub from: State,
    /// The neighbor after the change.
    pub status: PeerStatus,
    /// Changes of this neighbor that were merged into this one because the subscriber was slow.
    pub merged: u64,
}

/// What has changed of a neighbor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChangeKind {
    /// It was added.
    Added,
    /// Its state.
    State,
    /// It was removed, or a neighbor that was there for one session is gone.
    Removed,
}

/// The changes of all neighbors of a server from the subscription on: see [`Server::subscribe`](super::Server::subscribe)
/// and [`Handle::subscribe`](super::Handle::subscribe). It ends with the server.
#[derive(Debug)]
pub struct PeerChanges(Arc<Queue<PeerChange>>);

impl PeerChanges {
    /// Waits for the next change, in any async runtime; `None` once the server has shut down. May be cancelled: nothing is
    /// lost.
    pub async fn next(&mut self) -> Option<PeerChange> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The next change, if one waits.
    pub fn try_next(&mut self) -> Option<PeerChange> {
        self.0.try_next()
    }

    /// [`PeerChanges::next`] for a thread without async.
    pub fn blocking_next(&mut self) -> Option<PeerChange> {
        self.0.blocking_next()
    }

    /// [`PeerChanges::next`] for implementations of [`Future`].
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<PeerChange>> {
        self.0.poll_next(cx)
    }
}

impl futures_core::Stream for PeerChanges {
    type Item = PeerChange;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<PeerChange>> {
        Self::poll_next(&mut self, cx)
    }
}

impl Drop for PeerChanges {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// All subscribers of a server.
#[derive(Debug, Default)]
pub(crate) struct Subscribers(RefCell<Vec<Weak<Queue<PeerChange>>>>);

impl Subscribers {
    pub(crate) fn add(&self) -> PeerChanges {
        let queue = Arc::new(Queue::default());
        let mut list = self.0.borrow_mut();
        list.retain(|one| one.strong_count() > 0);
        list.push(Arc::downgrade(&queue));
        PeerChanges(queue)
    }

    /// Reports a change; `status` is asked for only if there are subscribers.
    pub(crate) fn report(
        &self,
        kind: ChangeKind,
        from: State,
        status: impl FnOnce() -> PeerStatus,
    ) {
        let list = self.0.borrow();
        if list.is_empty() {
            return;
        }
        let change = PeerChange {
            kind,
            from,
            status: status(),
            merged: 0,
        };
        for queue in list.iter().filter_map(Weak::upgrade) {
            queue.edit(|waiting| add(waiting, change.clone()));
        }
    }

    /// There will be no more changes.
    pub(crate) fn end(&self) {
        for queue in self.0.take().iter().filter_map(Weak::upgrade) {
            queue.end();
        }
    }
}

impl Drop for Subscribers {
    fn drop(&mut self) {
        self.end();
    }
}

fn add(waiting: &mut VecDeque<PeerChange>, change: PeerChange) {
    if waiting.len() < WAITING {
        return waiting.push_back(change);
    }
    let same = |known: &&mut PeerChange| known.status.key == change.status.key;
    match waiting.iter_mut().rev().find(same) {
        Some(known) => {
            known.kind = change.kind;
            known.status = change.status;
            known.merged += 1;
        }
        // At most one more for each neighbor.
        None => waiting.push_back(change),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::Asn;
    use crate::speaker::PeerConfig;
    use crate::speaker::status::{PeerKey, Record};

    #[test]
    fn a_slow_subscriber_gets_the_newest_state_of_every_neighbor() {
        let config = PeerConfig::new([192, 0, 2, 1].into(), Asn(65001));
        let subscribers = Subscribers::default();
        let mut changes = subscribers.add();
        let status = |key: u64, state| {
            let mut status = Record::default().status(PeerKey::new(key), &config);
            status.state = state;
            status
        };
        for _ in 0..WAITING {
            subscribers.report(ChangeKind::State, State::Idle, || status(1, State::Connect));
        }
        subscribers.report(ChangeKind::State, State::Idle, || status(2, State::Connect));
        subscribers.report(ChangeKind::State, State::Connect, || {
            status(1, State::OpenSent)
        });
        subscribers.end();
        let all: Vec<PeerChange> = std::iter::from_fn(|| changes.blocking_next()).collect();
        assert_eq!(all.len(), WAITING + 1);
        let last = &all[WAITING - 1];
        assert_eq!((last.status.state, last.merged), (State::OpenSent, 1));
        assert_eq!(all[WAITING].status.key, PeerKey::new(2));
    }
}
