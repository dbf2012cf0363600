//! A partition of a topic: where it is read, and until when.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use crate::mrt::Timestamp;

use super::protocol::Entry;

/// The time that stands for the next message that will be stored.
pub(super) const LATEST: i64 = -1;
/// The time that stands for the oldest message that is stored.
pub(super) const EARLIEST: i64 = -2;

/// How much later than it happened a message may be stored, in seconds.
const DELAY: u32 = 10;

/// What is read of each partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// Where to begin: a time in milliseconds, [`LATEST`] or [`EARLIEST`].
    pub(super) start: i64,
    /// The last time that matters, in seconds.
    pub(super) until: Option<u32>,
}

impl Window {
    /// Returns `true` if nothing that is stored from now on can be of this window.
    pub(super) fn is_over(&self) -> bool {
        self.ends_before(Timestamp::from(SystemTime::now()).seconds)
    }

    /// Returns `true` if what is stored at a time can't be of this window.
    pub(super) fn ends_before(&self, seconds: u32) -> bool {
        self.until
            .is_some_and(|until| seconds > until.saturating_add(DELAY))
    }
}

/// Where a partition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Its offset is still to be found, by a time.
    Find(i64),
    /// The offset that is fetched next.
    At(i64),
    /// The interval is over.
    Done,
}

#[derive(Debug)]
pub(super) struct Partition {
    pub(super) topic: Arc<str>,
    pub(super) number: i32,
    pub(super) leader: i32,
    pub(super) state: State,
    /// The offset behind the last message whose records were given.
    pub(super) given: Option<i64>,
    pub(super) committed: Option<i64>,
    /// An offset that is not stored any more, until it is known where to go on.
    pub(super) lost: Option<i64>,
    /// The offset behind the last message when the interval was over.
    pub(super) end: Option<i64>,
    /// Whether its leader answered in this round.
    pub(super) answered: bool,
    /// Since when it does not, and why.
    pub(super) failing: Option<(Instant, String)>,
    /// Whether that was reported.
    pub(super) reported: bool,
}

impl Partition {
    /// One that begins at a time.
    pub(super) const fn new(topic: Arc<str>, (number, leader): (i32, i32), start: i64) -> Self {
        Self {
            topic,
            number,
            leader,
            state: State::Find(start),
            given: None,
            committed: None,
            lost: None,
            end: None,
            answered: false,
            failing: None,
            reported: false,
        }
    }

    /// What the partition is called in reports.
    pub(super) fn place(&self) -> String {
        format!("topic {} partition {}", self.topic, self.number)
    }
}

/// Partitions by topic, each with a value; those without one are left out.
pub(super) fn by_topic(
    partitions: &[Partition],
    value: impl Fn(&Partition) -> Option<i64>,
) -> Vec<(&str, Vec<Entry>)> {
    let mut found: BTreeMap<&str, Vec<Entry>> = BTreeMap::new();
    for partition in partitions {
        if let Some(value) = value(partition) {
            let entries = found.entry(&partition.topic).or_default();
            entries.push((partition.number, value));
        }
    }
    found.into_iter().collect()
}
