//! Neighbors of a range: `neighbor 192.0.2.0/24 { passive; … }`.
//!
//! Each address that connects becomes a neighbor of its own, whose Adj-RIB-Out starts with the routes of the range; it is
//! removed when its session ends. The range itself has no session, but a selector that matches it selects its connected
//! neighbors as well, and neighbors that connect later get what it has, with the leases. A reload that changes the range changes
//! its connected neighbors, too; if it lowers `dynamic-limit`, the youngest above it are closed.

use std::net::IpAddr;
use std::rc::Rc;

use tracing::{info, warn};

use crate::bgp::Notification;
use crate::config::{DYNAMIC_LIMIT, NeighborConfig, SessionConfig};
use crate::fsm::ConnInfo;
use crate::grammar::RouteList;
use crate::speaker::admission::Reports;
use crate::speaker::{Answer, Server};

use super::clock;
use super::core::Core;
use super::neighbors::Listed;
use super::plugin::NeighborPlugin;
use super::session;

/// Returns `true` if the configuration is for more than one address.
pub(crate) fn is_range(session: &SessionConfig) -> bool {
    session.peer_prefix
        < if session.peer_address.is_ipv4() {
            32
        } else {
            128
        }
}

/// Returns `true` if `address` is within the range, which starts at the configured address, not at that of the network.
fn contains(session: &SessionConfig, address: IpAddr) -> bool {
    match (session.peer_address, address) {
        (IpAddr::V4(first), IpAddr::V4(address)) => {
            let size = 1u64 << (32 - u32::from(session.peer_prefix.min(32)));
            let first = u64::from(u32::from(first));
            (first..first + size).contains(&u64::from(u32::from(address)))
        }
        (IpAddr::V6(first), IpAddr::V6(address)) => {
            let last = 1u128
                .checked_shl(128 - u32::from(session.peer_prefix.min(128)))
                .map_or(u128::MAX, |size| u128::from(first).saturating_add(size - 1));
            (u128::from(first)..=last).contains(&u128::from(address))
        }
        _ => false,
    }
}

/// Handles connections from addresses without a neighbor.
pub(crate) fn install(core: &Rc<Core>, server: &Server) {
    let core = Rc::downgrade(core);
    let mut reports = Reports::default();
    server.on_unknown(move |ends| match core.upgrade() {
        Some(core) => decide(&core, ends, &mut reports),
        None => refuse(
            Notification::DE_CONFIGURED,
            "no session configured for the peer",
        ),
    });
}

fn refuse(subcode: u8, text: &str) -> Answer {
    Answer::Refuse(Notification::new(
        Notification::CEASE,
        subcode,
        text.as_bytes().to_vec(),
    ))
}

/// Logs that a connection is refused, unless there were too many such lines; `more` is the number of those left out.
fn report(reports: &mut Reports, ends: ConnInfo, (range, reason): (&str, &str)) {
    let (remote, local) = (ends.remote.ip(), ends.local.ip());
    if let Some(more) = reports.next(clock::now()) {
        warn!(remote = %remote.to_canonical(), local = %local.to_canonical(), range, more, "a connection is refused: {reason}");
    }
}

fn decide(core: &Rc<Core>, ends: ConnInfo, reports: &mut Reports) -> Answer {
    let (remote, local) = (
        ends.remote.ip().to_canonical(),
        ends.local.ip().to_canonical(),
    );
    let ranges: Vec<Rc<Listed>> = core
        .neighbors
        .all()
        .into_iter()
        .filter(|listed| {
            let config = listed.neighbor.config.borrow();
            let session = &config.session;
            is_range(session)
                && contains(session, remote)
                && session.local_address.is_none_or(|address| address == local)
        })
        .collect();
    let [range] = &ranges[..] else {
        return if ranges.is_empty() {
            report(reports, ends, ("", "no neighbor has this address"));
            refuse(
                Notification::DE_CONFIGURED,
                "no session configured for the peer",
            )
        } else {
            report(reports, ends, ("", "several ranges have this address"));
            refuse(
                Notification::REJECTED,
                "could not accept the connection (more than one neighbor match)",
            )
        };
    };
    let template = range.neighbor.config.borrow().clone();
    let config = Rc::new(clone_for(&template, remote, local));
    let name = config.name();
    if core
        .neighbors
        .all()
        .iter()
        .any(|listed| *listed.neighbor.name() == *name)
    {
        let reason = "the dynamic neighbor of this address has one already";
        report(reports, ends, (&range.neighbor.name(), reason));
        return refuse(
            Notification::COLLISION,
            "there is a session with this peer already",
        );
    }
    let most = template.dynamic_limit.unwrap_or(DYNAMIC_LIMIT);
    if instances(core, range).len() >= most as usize {
        let reason = format!("the range has its {most} neighbors (`dynamic-limit`)");
        report(reports, ends, (&range.neighbor.name(), &reason));
        // RFC 4486 4: "If a BGP speaker decides to disallow a BGP connection […] Connection Rejected".
        return refuse(
            Notification::REJECTED,
            "the range has all neighbors that it may have",
        );
    }
    info!(%remote, range = %range.neighbor.name(), "a dynamic neighbor connects");
    let listed = core.add(&name, Rc::clone(&config), Some(range.neighbor.id));
    let taken = |name: &str| {
        core.server()
            .is_some_and(|server| server.find(name).is_some())
    };
    let logged = session::log_name(&name, &config.session, taken);
    let peer = session::peer(&logged, &config.session, &core.env);
    let plugin = NeighborPlugin::dynamic(Rc::clone(core), Rc::clone(&listed.neighbor));
    Answer::Accept(Box::new(peer), Box::new(plugin))
}

/// Adds the instance of a range that another process had a session with; `None` if the range has no such address any more.
pub(crate) fn resume(
    (core, server): (&Rc<Core>, &Server),
    range: &Listed,
    (remote, local): (IpAddr, IpAddr),
) -> Option<Rc<Listed>> {
    let template = range.neighbor.config.borrow().clone();
    if !contains(&template.session, remote) {
        return None;
    }
    let config = Rc::new(clone_for(&template, remote, local));
    let name = config.name();
    let listed = core.add(&name, Rc::clone(&config), Some(range.neighbor.id));
    let taken = |name: &str| server.find(name).is_some();
    let logged = session::log_name(&name, &config.session, taken);
    let peer = session::peer(&logged, &config.session, &core.env);
    let plugin = NeighborPlugin::dynamic(Rc::clone(core), Rc::clone(&listed.neighbor));
    match server.add_dynamic_peer(peer, plugin) {
        Ok(key) => listed.key.set(Some(key)),
        Err(cause) => warn!(neighbor = %name, %cause, "the neighbor could not be added"),
    }
    Some(listed)
}

/// The neighbors that were created from a range and are not being removed.
pub(crate) fn instances(core: &Core, range: &Listed) -> Vec<Rc<Listed>> {
    let mut all = core.neighbors.all();
    all.retain(|listed| listed.template == Some(range.neighbor.id));
    all
}

/// The configuration that an instance of a range has once the range has the configuration `range`.
pub(crate) fn adapted(range: &NeighborConfig, instance: &SessionConfig) -> NeighborConfig {
    let remote = instance.peer_address;
    // An instance always has the local address of its connection.
    let local = instance.local_address.or(range.session.local_address);
    let unspecified = match remote {
        IpAddr::V4(_) => IpAddr::from([0; 4]),
        IpAddr::V6(_) => IpAddr::from([0; 16]),
    };
    clone_for(range, remote, local.unwrap_or(unspecified))
}

/// Looks up an instance in the speaker. Its plugin does so, too, but only once its task has run.
pub(crate) fn identify(core: &Core, instance: &Listed) {
    let neighbor = &instance.neighbor;
    let address = session::log_name(&neighbor.name(), &neighbor.config.borrow().session, |_| {
        false
    });
    core.identify(neighbor.id, &neighbor.name());
    core.identify(neighbor.id, &address);
}

/// The configuration of one address of a range.
fn clone_for(range: &NeighborConfig, remote: IpAddr, local: IpAddr) -> NeighborConfig {
    let mut config = range.clone();
    config.session.peer_address = remote;
    config.session.peer_prefix = if remote.is_ipv4() { 32 } else { 128 };
    config.session.local_address = Some(local);
    config.session.router_id = range.session.router_id.or(match remote {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    });
    // The routes are copied from the Adj-RIB-Out of the range, which has those of helpers, too.
    config.routes = RouteList::default();
    config
}
