//! Messages of a session, counted.

use std::cell::Cell;

use crate::bgp::message::MessageType;

/// Messages counted by type: OPEN, UPDATE, NOTIFICATION, KEEPALIVE, ROUTE-REFRESH, OPERATIONAL, others.
#[derive(Debug, Default)]
pub(crate) struct Tally([Cell<u64>; 7]);

impl Tally {
    /// Counts some more.
    pub(crate) fn add(&self, kind: MessageType, count: u64) {
        let cell = &self.0[usize::from(kind.0.clamp(1, 7) - 1)];
        cell.set(cell.get() + count);
    }

    /// How many of that type there were.
    pub(crate) fn of(&self, kind: MessageType) -> u64 {
        self.0[usize::from(kind.0.clamp(1, 7) - 1)].get()
    }

    /// Starts over.
    pub(crate) fn clear(&self) {
        self.0.iter().for_each(|cell| cell.set(0));
    }
}
