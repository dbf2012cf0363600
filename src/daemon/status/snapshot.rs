//! The state of the daemon at one time, taken in turns: what metrics and the status page are written from.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

use crate::api::control::SessionHistory;
use crate::bgp::Family;
use crate::daemon::clock::{self, unix};
use crate::daemon::core::Core;
use crate::daemon::dynamic;
use crate::daemon::history::LastError;
use crate::daemon::neighbors::Listed;
use crate::daemon::process::Process;
use crate::daemon::session::unique;
use crate::daemon::stats::CommandCounts;
use crate::rib::PeerId;
use crate::speaker::{Counters, PeerKey};

/// Neighbors in one step.
const STEP: usize = 64;
/// Sets of peers in one step, times their members.
const COUNTS: usize = 50_000;
/// The longest text of a peer or a file in a label or on the page, in characters.
const LONGEST: usize = 128;

/// All that is shown.
#[derive(Default)]
pub(crate) struct Snapshot {
    pub(crate) peers: Vec<PeerState>,
    pub(crate) helpers: Vec<HelperState>,
}

/// One neighbor.
pub(crate) struct PeerState {
    pub(crate) id: PeerId,
    pub(crate) key: Option<PeerKey>,
    /// The address: what its series are joined by.
    pub(crate) address: String,
    /// The full name, if another neighbor has the same address, with a number if another one has that name.
    pub(crate) full_name: Option<String>,
    pub(crate) description: String,
    pub(crate) local_address: String,
    pub(crate) local_as: String,
    pub(crate) peer_as: String,
    pub(crate) up: bool,
    pub(crate) state: &'static str,
    /// How long it has been up or down.
    pub(crate) age: Duration,
    /// When the session was established, in seconds since 1970.
    pub(crate) established: Option<f64>,
    pub(crate) last_error: Option<LastError>,
    pub(crate) history: SessionHistory,
    /// Seconds until the next connection attempt.
    pub(crate) retry: Option<Duration>,
    /// Messages of the current or last session.
    pub(crate) session_received: u64,
    pub(crate) session_sent: u64,
    /// Since the neighbor was added.
    pub(crate) received: Counters,
    /// Since the neighbor was added.
    pub(crate) sent: Counters,
    pub(crate) routes_out: Vec<(Family, u64)>,
    /// `None` if what is received is not kept.
    pub(crate) routes_in: Option<Vec<(Family, u64)>>,
    pub(crate) stale: u64,
}

/// One helper.
pub(crate) struct HelperState {
    pub(crate) name: String,
    pub(crate) pid: Option<i32>,
    pub(crate) starts: u64,
    pub(crate) queued: usize,
    pub(crate) has_room: bool,
    pub(crate) commands: CommandCounts,
    pub(crate) dropped: u64,
    /// Commands that its guard refused, by rule.
    pub(crate) rejections: Vec<(&'static str, u64)>,
}

/// Takes a snapshot step by step.
pub(crate) struct Sampler {
    list: Vec<Rc<Listed>>,
    at: usize,
    /// Where to continue counting routes.
    counting: Option<u32>,
    counts: HashMap<PeerId, Vec<(Family, u64)>>,
}

impl Sampler {
    /// Starts with the neighbors that there are now.
    pub(crate) fn new(core: &Core) -> Self {
        let mut list = core.neighbors.all();
        // A range has no session of its own; its neighbors are listed once they are connected.
        list.retain(|listed| !dynamic::is_range(&listed.neighbor.config.borrow().session));
        Self {
            list,
            at: 0,
            counting: Some(0),
            counts: HashMap::new(),
        }
    }

    /// Takes the next part. Returns `true` if there is more.
    pub(crate) fn step(&mut self, core: &Core, snapshot: &mut Snapshot) -> bool {
        if let Some(from) = self.counting {
            let counts = &mut self.counts;
            self.counting = core
                .routes
                .count(from, COUNTS, &mut |peer, family, routes| {
                    let families = counts.entry(peer).or_default();
                    match families.iter_mut().find(|(other, _)| *other == family) {
                        Some((_, count)) => *count += routes,
                        None => families.push((family, routes)),
                    }
                });
            return true;
        }
        let end = self.list.len().min(self.at + STEP);
        for listed in &self.list[self.at..end] {
            let out = self.counts.remove(&listed.neighbor.id).unwrap_or_default();
            snapshot.peers.push(peer(core, listed, out));
        }
        self.at = end;
        if end < self.list.len() {
            return true;
        }
        let helpers = core.events.helpers().active();
        snapshot.helpers = helpers.iter().map(|process| helper(process)).collect();
        tell_apart(&mut snapshot.peers, &self.list);
        false
    }
}

/// Sets the full names of neighbors with the same address.
fn tell_apart(peers: &mut [PeerState], list: &[Rc<Listed>]) {
    let mut count: HashMap<String, usize> = HashMap::new();
    for peer in &*peers {
        *count.entry(peer.address.clone()).or_default() += 1;
    }
    let mut taken = HashSet::new();
    for (peer, listed) in peers.iter_mut().zip(list) {
        if count.get(&peer.address).is_some_and(|count| *count > 1) {
            let name = unique(&listed.neighbor.name(), |name| taken.contains(name));
            taken.insert(name.clone());
            peer.full_name = Some(name);
        }
    }
}

fn peer(core: &Core, listed: &Listed, mut routes_out: Vec<(Family, u64)>) -> PeerState {
    let neighbor = &listed.neighbor;
    let config = neighbor.config.borrow();
    let session = &config.session;
    let negotiated = neighbor.negotiated();
    let status = core.status(neighbor.id);
    let number =
        |value: Option<crate::bgp::Asn>| value.map_or_else(String::new, |asn| asn.to_string());
    // A family without routes has a series as well, or the last value would stay on graphs.
    let families = match session.unwritten.families {
        true => &[Family::IPV4_UNICAST, Family::IPV6_UNICAST],
        false => session.families.as_slice(),
    };
    add_zeros(&mut routes_out, families);
    let routes_in = config.adj_rib_in.then(|| {
        let rib = neighbor.received.rib();
        let counts = rib.iter().flat_map(|rib| rib.count_routes());
        let mut counts = counts
            .map(|(family, routes)| (family, routes as u64))
            .collect();
        add_zeros(&mut counts, families);
        counts
    });
    PeerState {
        id: neighbor.id,
        key: listed.key.get(),
        address: session.shown_peer().to_string(),
        full_name: None,
        description: clean(&config.description),
        local_address: neighbor
            .local_address()
            .map_or_else(String::new, |address| address.to_string()),
        local_as: number(
            negotiated
                .as_ref()
                .map(|both| both.local_as)
                .or(session.local_as),
        ),
        peer_as: number(
            negotiated
                .as_ref()
                .map(|both| both.peer_as)
                .or(session.peer_as),
        ),
        up: neighbor.is_established(),
        state: neighbor.phase.get().name(),
        age: neighbor.age(),
        established: status
            .as_ref()
            .and_then(|status| status.established)
            .map(unix),
        last_error: neighbor.history.last_error(),
        history: neighbor.history.shown(),
        retry: status
            .as_ref()
            .and_then(|status| status.retry_at)
            .map(|at| at.saturating_duration_since(clock::now())),
        session_received: status.as_ref().map_or(0, |status| status.received.total()),
        session_sent: status.as_ref().map_or(0, |status| status.sent.total()),
        received: status
            .as_ref()
            .map(|status| status.received_total)
            .unwrap_or_default(),
        sent: status
            .as_ref()
            .map(|status| status.sent_total)
            .unwrap_or_default(),
        routes_out,
        routes_in,
        stale: neighbor.received.stale() as u64,
    }
}

/// Adds a zero for each family that has no count.
fn add_zeros(counts: &mut Vec<(Family, u64)>, families: &[Family]) {
    for family in families {
        if !counts.iter().any(|(other, _)| other == family) {
            counts.push((*family, 0));
        }
    }
}

fn helper(process: &Process) -> HelperState {
    HelperState {
        name: clean(&process.name),
        pid: process.pid(),
        starts: process.starts.get(),
        queued: process.queue.bytes(),
        has_room: process.queue.has_room(),
        commands: process.counts.get(),
        dropped: process.queue.dropped(),
        rejections: process.guarded.rejections(),
    }
}

/// A text that peers or files chose, as it may be shown: short, and without control characters or those that change the
/// direction of text.
pub(crate) fn clean(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let mut clean: String = text
        .chars()
        .take(LONGEST)
        .map(|c| if hidden(c) { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        clean.push('…');
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn texts_of_others_are_short_and_visible() {
        assert_eq!(clean("a\nb\u{202e}c\u{0}"), "a\u{fffd}b\u{fffd}c\u{fffd}");
        assert_eq!(clean(&"é".repeat(200)).chars().count(), 129);
        assert_eq!(clean("plain <b>"), "plain <b>");
    }
}
