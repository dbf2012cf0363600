//! What a peer holds of the daemon, also between two sessions (RFC 4724 section 4.2, the receiving speaker).

use std::time::Duration;

use ipnet::IpNet;
use tokio::time::Instant;

use super::model::{Paths, Zone};

/// A family by its place: IPv4 unicast, IPv6 unicast.
pub(super) type Place = usize;

/// The restart time that the daemon offers.
const RESTART: Duration = Duration::from_secs(120);

/// The place of a prefix.
fn place(prefix: IpNet) -> Place {
    usize::from(matches!(prefix, IpNet::V6(_)))
}

/// The Adj-RIB-In of a peer.
#[derive(Default)]
pub(super) struct Held {
    pub(super) table: Paths,
    /// What the last session had and this one has not mentioned. If the peer keeps it, it is in the table, stale.
    before: Paths,
    /// What was in `before` at the End-of-RIB.
    missing: Paths,
    /// Whether the session has had its End-of-RIB.
    complete: [bool; 2],
    /// When stale routes go.
    until: Option<Instant>,
}

impl Held {
    /// A session begins in which the peer may keep stale routes of some families.
    pub(super) fn begin(&mut self, kept: [bool; 2]) {
        self.complete = [false; 2];
        self.missing.clear();
        let over = self.until.is_none_or(|until| until < Instant::now());
        let before = &self.before;
        self.table.retain(|(prefix, id), _| {
            let stale = before.contains_key(&(*prefix, *id));
            !stale || (kept[place(*prefix)] && !over)
        });
    }

    /// A session ends, and the peer keeps what it had, or not.
    pub(super) fn lost(&mut self, keeps: bool) {
        self.before.extend(&self.table);
        self.until = keeps.then(|| Instant::now() + RESTART);
        if !keeps {
            self.table.clear();
        }
    }

    /// # Errors
    /// The route was in the table of the daemon all the time, and comes after the End-of-RIB.
    pub(super) fn announce(&mut self, key: (IpNet, u32), med: u32) -> Result<(), String> {
        self.before.remove(&key);
        self.table.insert(key, med);
        match self.missing.remove(&key) {
            Some(earlier) if earlier == med && Zone::has_new_values(key.0) => Err(format!(
                "{} path {} med {med} comes after End-of-RIB",
                key.0, key.1
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn withdraw(&mut self, key: (IpNet, u32)) {
        self.before.remove(&key);
        self.missing.remove(&key);
        self.table.remove(&key);
    }

    /// Nothing of the family is stale any more.
    pub(super) fn end_of_rib(&mut self, family: Place) {
        self.complete[family] = true;
        let stale = std::mem::take(&mut self.before);
        for (key, med) in stale {
            if place(key.0) == family {
                self.table.remove(&key);
                self.missing.insert(key, med);
            } else {
                self.before.insert(key, med);
            }
        }
    }

    /// Whether the session has had every End-of-RIB.
    pub(super) fn is_complete(&self) -> bool {
        self.complete == [true; 2]
    }
}
