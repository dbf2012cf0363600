//! The tables of the daemon for a new connection, in steps, and statistics.
//!
//! What happens meanwhile is reported at once, so that a route may be reported twice or with its newer attributes first. The
//! last report of each route is right, because a change that a walk has missed is reported when it is received or sent.
//!
//! Received routes have the time when they were received (RFC 7854 section 4.2): those of one step and second share messages. At
//! worst each route of a step has its own. When routes were sent is not known, and their time is zero: "If zero, the time is
//! unavailable."

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use super::link::{Link, SessionMark};
use super::peer::{Table, stamped};
use super::station::Station;
use crate::bgp::{Family, Sender};
use crate::bmp::{Message, Statistic, Tlvs};
use crate::daemon::core::Core;
use crate::daemon::mrt::archive::now;
use crate::daemon::neighbor::Neighbor;
use crate::daemon::reencode;
use crate::mrt::Timestamp;
use crate::rib::{Action, Change, PeerId, PeerSet, RouteFilter, pack};

/// How many slots of a table one step visits.
const STEP: u32 = 2_048;

/// Reports all sessions and their tables, then waits for ever.
pub(crate) async fn tables(core: &Core, station: &Station, link: &Link) {
    let config = &station.config;
    let mut sessions = Vec::new();
    for listed in core.neighbors.all() {
        let neighbor = &listed.neighbor;
        if neighbor.is_established() && station.selects(neighbor) {
            let dumping = (config.rib_in, config.rib_out);
            sessions.extend(link.up(neighbor, dumping));
        }
    }
    if config.rib_in {
        for mark in &sessions {
            received(core, link, *mark).await;
        }
    }
    if config.rib_out {
        sent(core, link, &sessions).await;
    }
}

/// The neighbor of a session that has not ended.
fn neighbor_of(core: &Core, link: &Link, mark: SessionMark) -> Option<Rc<Neighbor>> {
    let listed = core.neighbors.get(mark.peer)?;
    link.is_current(mark).then(|| Rc::clone(&listed.neighbor))
}

/// Reports the Adj-RIB-In of a session.
async fn received(core: &Core, link: &Link, mark: SessionMark) {
    let mut at = 0;
    loop {
        if !link.room().await {
            return;
        }
        let Some(neighbor) = neighbor_of(core, link, mark) else {
            return;
        };
        let mut routes: Vec<(u32, Change)> = Vec::new();
        let end = {
            let rib = neighbor.received.rib();
            let fresh = rib
                .iter()
                .flat_map(|rib| rib.routes_in(at..at.saturating_add(STEP), None))
                .filter(|route| !route.stale);
            routes.extend(fresh.map(|route| {
                let whole = reencode::with_next_hop(route.attributes, route.next_hop);
                let change = Change {
                    action: Action::Announce(whole),
                    nlri: route.nlri,
                    peers: PeerSet::new(),
                };
                (route.since, change)
            }));
            rib.map_or(0, |rib| rib.end())
        };
        let sender = reencode::received(&neighbor);
        routes.sort_by_key(|(since, _)| *since);
        let (times, changes): (Vec<u32>, Vec<Change>) = routes.into_iter().unzip();
        let mut rest = changes.as_slice();
        for same in times.chunk_by(|left, right| left == right) {
            let (changes, others) = rest.split_at(same.len());
            rest = others;
            let about = (Table::In, Timestamp::new(same[0], 0));
            report(link, mark, about, &sender, changes);
        }
        at = at.saturating_add(STEP);
        if at >= end {
            end_of_rib(link, (mark, Table::In), &neighbor);
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Reports the Adj-RIB-Out of all sessions in one walk.
async fn sent(core: &Core, link: &Link, sessions: &[SessionMark]) {
    let step = STEP / u32::try_from(sessions.len().clamp(1, 64)).unwrap_or(1);
    let mut at = 0;
    loop {
        if !link.room().await {
            return;
        }
        let mut current: HashMap<PeerId, (SessionMark, Sender, Vec<Change>)> = HashMap::new();
        for mark in sessions {
            let neighbor = neighbor_of(core, link, *mark);
            let sender = neighbor.and_then(|neighbor| core.routes.rib().sender(neighbor.id));
            if let Some(sender) = sender {
                current.insert(mark.peer, (*mark, sender, Vec::new()));
            }
        }
        let end = {
            let rib = core.routes.rib();
            for route in rib.routes_in(at..at.saturating_add(step), RouteFilter::default()) {
                for peer in route.peers.iter() {
                    let Some((_, sender, changes)) = current.get_mut(&peer) else {
                        continue;
                    };
                    if sender.codec.families.contains(route.nlri.family) {
                        changes.push(Change {
                            nlri: route.nlri.clone(),
                            action: Action::Announce(Rc::clone(route.attributes)),
                            peers: PeerSet::new(),
                        });
                    }
                }
            }
            rib.end()
        };
        for (mark, sender, changes) in current.values() {
            let about = (Table::Out, Timestamp::new(0, 0));
            report(link, *mark, about, sender, changes);
        }
        at = at.saturating_add(step);
        if at >= end {
            for mark in sessions {
                if let Some(neighbor) = neighbor_of(core, link, *mark) {
                    end_of_rib(link, (*mark, Table::Out), &neighbor);
                }
            }
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Reports routes. One that cannot be encoded is left out: it was not on the wire, either.
fn report(
    link: &Link,
    mark: SessionMark,
    about: (Table, Timestamp),
    sender: &Sender,
    changes: &[Change],
) {
    let Some(header) = link.header(mark) else {
        return;
    };
    let add = |chunks: Vec<Bytes>| {
        for chunk in chunks {
            link.routes(&header, about, chunk);
        }
    };
    match pack::messages(sender, changes) {
        Ok(chunks) => add(chunks),
        Err(_) => changes
            .iter()
            .filter_map(|change| pack::messages(sender, std::slice::from_ref(change)).ok())
            .for_each(add),
    }
}

/// Reports the end of a table, for each family of the session.
fn end_of_rib(link: &Link, (mark, table): (SessionMark, Table), neighbor: &Neighbor) {
    link.dumped(mark, table);
    let (Some(header), Some(session)) = (link.header(mark), neighbor.negotiated()) else {
        return;
    };
    for family in &session.families {
        link.routes(&header, (table, now()), pack::end_of_rib(*family));
    }
}

/// Sends Statistics Reports (RFC 7854 section 4.8, RFC 8671 section 6.2), then waits for ever.
pub(crate) async fn statistics(core: &Core, station: &Station, link: &Link) {
    if station.config.stats == 0 {
        return;
    }
    let interval = Duration::from_secs(station.config.stats.into());
    loop {
        tokio::time::sleep(interval).await;
        let sent = match station.config.rib_out {
            true => count_sent(core).await,
            false => HashMap::new(),
        };
        for mark in link.sessions() {
            let Some(neighbor) = neighbor_of(core, link, mark) else {
                continue;
            };
            let mut values = Vec::new();
            if station.config.rib_in {
                let rib = neighbor.received.rib();
                add(
                    &mut values,
                    (Statistic::ADJ_RIB_IN, Statistic::ADJ_RIB_IN_BY_FAMILY),
                    rib.iter()
                        .flat_map(|rib| rib.counts())
                        .map(|(family, count)| (family, count as u64)),
                );
            }
            if station.config.rib_out {
                let mut counts: Vec<(Family, u64)> = sent
                    .iter()
                    .filter(|((peer, _), _)| *peer == mark.peer)
                    .map(|((_, family), count)| (*family, *count))
                    .collect();
                counts.sort_unstable();
                add(
                    &mut values,
                    (
                        Statistic::ADJ_RIB_OUT_POST,
                        Statistic::ADJ_RIB_OUT_POST_BY_FAMILY,
                    ),
                    counts.into_iter(),
                );
            }
            if let (Some(header), Ok(statistics)) = (link.header(mark), Tlvs::new(&values)) {
                let peer = stamped(&header, None, now());
                link.message(&Message::StatisticsReport { peer, statistics });
            }
        }
    }
}

/// Adds the number of all routes and those by family.
fn add(
    values: &mut Vec<u8>,
    (all, by_family): (u16, u16),
    counts: impl Iterator<Item = (Family, u64)>,
) {
    let counts: Vec<(Family, u64)> = counts.collect();
    Statistic {
        kind: all,
        family: None,
        value: counts.iter().map(|(_, count)| count).sum(),
    }
    .write(values);
    for (family, value) in counts {
        Statistic {
            kind: by_family,
            family: Some(family),
            value,
        }
        .write(values);
    }
}

/// Counts the routes that each neighbor is sent. Routes of the same neighbors, which usually follow each other, are counted
/// at once.
async fn count_sent(core: &Core) -> HashMap<(PeerId, Family), u64> {
    let mut counts = HashMap::new();
    let mut run: Option<(PeerSet, Family, u64)> = None;
    let mut note = |run: Option<(PeerSet, Family, u64)>| {
        let Some((peers, family, count)) = run else {
            return;
        };
        for peer in peers.iter() {
            *counts.entry((peer, family)).or_default() += count;
        }
    };
    let mut at = 0;
    loop {
        let end = {
            let rib = core.routes.rib();
            for route in rib.routes_in(at..at.saturating_add(STEP), RouteFilter::default()) {
                match &mut run {
                    Some((peers, family, count))
                        if *family == route.nlri.family && *peers == route.peers =>
                    {
                        *count += 1;
                    }
                    _ => note(run.replace((route.peers, route.nlri.family, 1))),
                }
            }
            rib.end()
        };
        at = at.saturating_add(STEP);
        if at >= end {
            note(run.take());
            return counts;
        }
        tokio::task::yield_now().await;
    }
}
