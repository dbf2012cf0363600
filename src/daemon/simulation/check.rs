//! What must be true once everything has calmed down.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::peer::Pace;
use super::world::World;
use crate::rib::RouteFilter;

/// What must be true.
impl World {
    /// Ends all faults, waits, and compares everything.
    pub(super) async fn settle(&mut self) -> Result<(), String> {
        let limit = Instant::now() + Duration::from_secs(1_200);
        self.daemon.helper.busy_until.set(None);
        for peer in &self.peers {
            peer.read_at(Pace::Full, Duration::ZERO);
        }
        // The longest lifetime is 60 s.
        sleep(Duration::from_secs(70)).await;
        loop {
            for expected in self.expected.iter_mut().flatten() {
                expected.expire();
            }
            let Err(difference) = self.compare() else {
                break;
            };
            if Instant::now() > limit {
                let refused = self.daemon.helper.refused.borrow().join("\n");
                return Err(format!("{difference}\n{refused}"));
            }
            sleep(Duration::from_secs(5)).await;
        }
        self.upgrade_in_calm().await?;
        let of_peers = self.peers.iter();
        let of_peers = of_peers.flat_map(|peer| peer.faults.borrow().clone());
        let faults: Vec<String> = self.faults.iter().cloned().chain(of_peers).collect();
        if !faults.is_empty() {
            return Err(faults.join("\n"));
        }
        let refused = self.daemon.helper.refused.borrow();
        match refused.first() {
            Some(line) => Err(format!("refused: {line}")),
            None => Ok(()),
        }
    }

    pub(super) fn compare(&self) -> Result<(), String> {
        let helper = &self.daemon.helper;
        for (peer, expected) in self.peers.iter().zip(&self.expected) {
            let Some(expected) = expected else {
                if peer.established.get() {
                    return Err(format!("{} is established", peer.address));
                }
                continue;
            };
            if !peer.established.get() {
                return Err(format!("{} is not established", peer.address));
            }
            let about = |what| format!("{}: {what}: ", peer.address);
            same(
                &expected.at_peer(peer.takes_paths),
                &peer.held.borrow().table,
                &about("at the peer"),
            )?;
            if !peer.held.borrow().is_complete() {
                return Err(about("without End-of-RIB"));
            }
            let known = helper.tables.borrow().get(&peer.address).cloned();
            let known = known.unwrap_or_default();
            same(&peer.own.borrow(), &known, &about("at the helper"))?;
            let received = self.daemon.received(peer.address);
            if received != peer.own.borrow().len() {
                return Err(about(&format!("{received} received routes")));
            }
        }
        match (helper.sent.get(), helper.answered.get()) {
            (sent, answered) if sent != answered => {
                Err(format!("{sent} commands, {answered} answers"))
            }
            _ => Ok(()),
        }
    }
}

/// For a report.
impl World {
    /// The routes of the daemon's table for the prefix in a difference.
    pub(super) fn in_table(&self, difference: &str) -> String {
        let mut text = String::new();
        let rib = self.daemon.core.routes.rib();
        for route in rib.routes(RouteFilter::default()) {
            let shown = route.nlri.to_string();
            if prefix_of(difference).is_some_and(|prefix| shown.contains(prefix)) {
                let _ = writeln!(
                    text,
                    "in the table: {shown} {:?}: {:?}",
                    route.attributes, route.peers
                );
            }
        }
        text
    }

    /// What the peers received of the prefix in a difference, and where their sessions began and ended.
    pub(super) fn histories(&self, difference: &str) -> String {
        let mut text = String::new();
        for peer in &self.peers {
            if !difference.starts_with(&format!("{}:", peer.address)) {
                continue;
            }
            let prefix = prefix_of(difference);
            for (at, what) in &*peer.history.borrow() {
                let of_prefix = prefix.is_some_and(|prefix| what.contains(&format!(" {prefix}")));
                if of_prefix || what.starts_with("e") || what.starts_with("c") {
                    let _ = writeln!(text, "{:?} at {}: {what}", *at - self.started, peer.address);
                }
            }
        }
        text
    }
}

fn prefix_of(difference: &str) -> Option<&str> {
    let word = difference
        .split_whitespace()
        .find(|word| word.contains('/'));
    word.map(|word| word.trim_matches(['(', ',']))
}

fn same<K: Debug + Ord>(
    wanted: &BTreeMap<K, u32>,
    found: &BTreeMap<K, u32>,
    about: &str,
) -> Result<(), String> {
    for (prefix, med) in wanted {
        match found.get(prefix) {
            Some(known) if known == med => {}
            other => return Err(format!("{about}{prefix:?} med {other:?} instead of {med}")),
        }
    }
    match found.keys().find(|prefix| !wanted.contains_key(prefix)) {
        Some(prefix) => Err(format!("{about}{prefix:?} is too much")),
        None => Ok(()),
    }
}
