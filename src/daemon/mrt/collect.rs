//! Copies the tables of the daemon into a [`Snapshot`], in steps, and has it written on another thread.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use tracing::{info, warn};

use crate::api::command::Dump;
use crate::api::control::RibSide;
use crate::bgp::attribute::{self, flags, mp_reach};
use crate::bgp::next_hop_rule::resolve;
use crate::bgp::{AttributeSet, Family, NextHop, Sender};
use crate::config::{Monitored, MrtSide, MrtTable};
use crate::mrt::table_dump::Peer;
use crate::rib::{PeerId, PeerSet, ReceivedRoute, RouteFilter};
use crate::wire::Writer;

use super::archive::{ago, now};
use super::snapshot::{Known, Snapshot, Target, Written};
use crate::daemon::core::Core;
use crate::daemon::neighbor::Neighbor;
use crate::daemon::{reencode, session};

/// How many slots of a table one step visits.
const STEP: u32 = 4_096;
/// How many attribute sets are remembered, so that equal ones are copied once.
const MOST: usize = 1 << 20;

/// Which routes to write, and where.
pub(crate) struct Job {
    pub(crate) side: MrtSide,
    pub(crate) peers: PeerSet,
    pub(crate) target: Target,
}

/// The job of a configured archive; `start` is the time in its name, in seconds since 1970.
fn configured(core: &Core, table: &MrtTable, start: u32) -> Job {
    Job {
        side: table.table,
        peers: selected(core, &table.neighbors),
        target: Target {
            path: PathBuf::from(table.file.at(start)),
            gzip: table.gzip,
            portable: table.portable,
        },
    }
}

/// The neighbors that an archive is about.
fn selected(core: &Core, neighbors: &Monitored) -> PeerSet {
    let all = core.neighbors.all();
    let selected = all
        .iter()
        .map(|listed| &listed.neighbor)
        .filter(|neighbor| neighbors.selects(neighbor.address()));
    selected.map(|neighbor| neighbor.id).collect()
}

/// Writes an archive of a table at each full multiple of its interval.
pub(crate) async fn periodically(core: Rc<Core>, table: MrtTable) {
    let every = table.every.max(1);
    let mut last = 0;
    loop {
        let time = now();
        let next = time.seconds / every + 1;
        // The clock may have been set back by a little since the last one.
        last = if next == last { next + 1 } else { next };
        let start = last.saturating_mul(every);
        let wait = Duration::from_secs(start.saturating_sub(time.seconds).into());
        let wait = wait.saturating_sub(Duration::from_micros(time.micros.into()));
        tokio::time::sleep(wait).await;
        // An error is logged; the next file may be written.
        let _ = dump(&core, configured(&core, &table, start)).await;
    }
}

/// Writes what a command asks for: one file, or all archives of the configuration.
///
/// # Errors
/// Why something could not be written.
pub(crate) async fn requested(core: &Rc<Core>, dump: &Dump) -> Result<(), String> {
    let jobs = match &dump.file {
        Some(file) => vec![Job {
            side: match file.side {
                RibSide::In => MrtSide::AdjRibIn,
                RibSide::Out => MrtSide::AdjRibOut,
            },
            peers: dump.peers.clone(),
            target: Target {
                gzip: file.path.extension().is_some_and(|end| end == "gz"),
                path: file.path.clone(),
                portable: file.portable,
            },
        }],
        None => {
            let tasks = core.taps.tasks.borrow();
            let tables = tasks.tables.iter().map(|(table, _)| table);
            let start = now().seconds;
            let jobs = tables.map(|table| configured(core, table, start));
            jobs.collect()
        }
    };
    if jobs.is_empty() {
        return Err("the configuration has no `mrt table`: name a file".to_owned());
    }
    for job in jobs {
        self::dump(core, job).await?;
    }
    Ok(())
}

/// Copies routes and writes them.
///
/// # Errors
/// Why the file could not be written. It is logged as well.
pub(crate) async fn dump(core: &Rc<Core>, job: Job) -> Result<Written, String> {
    let snapshot = snapshot(core, job.side, &job.peers).await;
    let path = job.target.path.clone();
    let written = tokio::task::spawn_blocking(move || snapshot.write(&job.target)).await;
    let written = written
        .map_err(|cause| cause.to_string())
        .and_then(|written| written.map_err(|cause| cause.to_string()));
    match written {
        Ok(written) => {
            let Written {
                peers,
                routes,
                left_out,
            } = written;
            info!(file = %path.display(), peers, routes, left_out, "a table is written");
            Ok(written)
        }
        Err(cause) => {
            warn!(file = %path.display(), %cause, "a table cannot be written");
            Err(format!("`{}`: {cause}", path.display()))
        }
    }
}

/// Copies the routes of one side.
async fn snapshot(core: &Rc<Core>, side: MrtSide, peers: &PeerSet) -> Snapshot {
    let mut neighbors: Vec<Rc<Neighbor>> = Vec::new();
    let mut list = Vec::new();
    let mut collector = Ipv4Addr::UNSPECIFIED;
    for listed in core.neighbors.all() {
        let neighbor = &listed.neighbor;
        // The index of a peer has sixteen bits.
        if !peers.contains(neighbor.id) || list.len() >= usize::from(u16::MAX) {
            continue;
        }
        if collector.is_unspecified() {
            let config = neighbor.config.borrow();
            collector = session::router_id(&config.session).unwrap_or(collector);
        }
        list.push(entry_of(neighbor));
        neighbors.push(Rc::clone(neighbor));
    }
    let mut copy = Copy {
        out: Snapshot::new(now(), (collector, side.name()), list),
        known: Known::default(),
        kept: Vec::new(),
        buffer: Vec::new(),
    };
    match side {
        MrtSide::AdjRibIn => received(&neighbors, &mut copy).await,
        MrtSide::AdjRibOut => sent(core, &neighbors, &mut copy).await,
    }
    copy.out
}

/// The entry of a neighbor in the table of peers.
pub(super) fn entry_of(neighbor: &Neighbor) -> Peer {
    let negotiated = neighbor.negotiated();
    let config = neighbor.config.borrow();
    let asn = negotiated
        .as_ref()
        .map(|session| session.peer_as)
        .or(config.session.peer_as);
    Peer {
        id: negotiated.map_or(Ipv4Addr::UNSPECIFIED, |session| session.remote.router_id),
        address: config.session.peer_address,
        asn: asn.map_or(0, |asn| asn.0),
    }
}

/// A snapshot that is being made.
struct Copy {
    out: Snapshot,
    /// The numbers of attribute sets, by their place in memory, and by what else their bytes depend on.
    known: Known<(usize, Family, Option<NextHop>, usize)>,
    /// Keeps the places above in use.
    kept: Vec<Rc<AttributeSet>>,
    buffer: Vec<u8>,
}

impl Copy {
    /// The number of an attribute set as it is encoded by `sender`, whose number is `class`. `None` if it can't be.
    fn attributes(
        &mut self,
        attributes: &Rc<AttributeSet>,
        (family, next_hop): (Family, Option<NextHop>),
        (class, sender): (usize, &Sender),
    ) -> Option<u32> {
        let key = (Rc::as_ptr(attributes) as usize, family, next_hop, class);
        if let Some(number) = self.known.get(&key) {
            return Some(*number);
        }
        self.buffer.clear();
        let whole = match next_hop {
            Some(NextHop::SelfAddress) | None => Rc::clone(attributes),
            next_hop => reencode::with_next_hop(attributes, next_hop),
        };
        encode(&whole, sender, family, &mut self.buffer)?;
        let number = self.out.attributes(&self.buffer);
        if self.kept.len() < MOST {
            self.kept.push(Rc::clone(attributes));
            self.known.insert(key, number);
        }
        Some(number)
    }
}

/// The attributes of a route in a table, with the next hop of MP_REACH_NLRI (RFC 6396 section 4.3.4).
pub(super) fn encode(
    attributes: &AttributeSet,
    sender: &Sender,
    family: Family,
    out: &mut Vec<u8>,
) -> Option<()> {
    attributes.encode(out, sender, family).ok()?;
    let hop = resolve(family, attributes.next_hops(), sender).ok();
    if let Some(field) = hop.and_then(|hop| hop.field) {
        let mut w = Writer::new(out);
        attribute::encode(&mut w, flags::OPTIONAL, mp_reach::CODE, |w| {
            w.len8(|w| w.bytes(&field));
        });
    }
    Some(())
}

/// RFC 6396 section 4.3.4: AS numbers of a table have four octets.
pub(super) const fn wide(mut sender: Sender) -> Sender {
    sender.codec.asn4 = true;
    sender
}

/// When the session of a neighbor came up: its routes were sent after that.
pub(super) fn since(neighbor: &Neighbor) -> u32 {
    ago(neighbor.age()).seconds
}

/// The next hop of a received route.
pub(super) fn received_next_hop(route: &ReceivedRoute<'_>) -> Option<NextHop> {
    route.next_hop.or_else(|| route.attributes.next_hop())
}

async fn received(neighbors: &[Rc<Neighbor>], copy: &mut Copy) {
    for (index, neighbor) in (0..=u16::MAX).zip(neighbors) {
        let sender = wide(reencode::received(neighbor));
        let mut at = 0;
        loop {
            let end = {
                let Some(rib) = neighbor.received.rib() else {
                    break;
                };
                for route in rib.routes_in(at..at.saturating_add(STEP), None) {
                    let about = (route.nlri.family, received_next_hop(&route));
                    let class = (index.into(), &sender);
                    if let Some(number) = copy.attributes(route.attributes, about, class) {
                        let nlri = route.nlri.as_ref();
                        copy.out.route(index, nlri, (number, route.since));
                    }
                }
                rib.end()
            };
            at = at.saturating_add(STEP);
            tokio::task::yield_now().await;
            if at >= end {
                break;
            }
        }
    }
}

/// A neighbor that routes are sent to.
struct Receiver {
    index: u16,
    /// The number of the first neighbor with an equal `sender`.
    class: usize,
    sender: Sender,
    since: u32,
}

async fn sent(core: &Core, neighbors: &[Rc<Neighbor>], copy: &mut Copy) {
    let mut classes: Vec<Sender> = Vec::new();
    let mut receivers: Vec<Option<Receiver>> = Vec::new();
    for (index, neighbor) in (0..=u16::MAX).zip(neighbors) {
        let Some(sender) = core.routes.rib().sender(neighbor.id).map(wide) else {
            continue;
        };
        let known = classes.iter().position(|known| *known == sender);
        let class = known.unwrap_or_else(|| {
            classes.push(sender);
            classes.len() - 1
        });
        let place = neighbor.id.index();
        if receivers.len() <= place {
            receivers.resize_with(place + 1, || None);
        }
        receivers[place] = Some(Receiver {
            index,
            class,
            sender,
            since: since(neighbor),
        });
    }
    // A turn costs as much as the routes that it copies.
    let step = STEP / u32::try_from(neighbors.len().clamp(1, 64)).unwrap_or(1);
    let of = |id: PeerId| receivers.get(id.index()).and_then(Option::as_ref);
    let mut at = 0_u32;
    loop {
        let end = {
            let rib = core.routes.rib();
            let range = at..at.saturating_add(step);
            for route in rib.routes_in(range, RouteFilter::default()) {
                let family = route.nlri.family;
                for receiver in route.peers.iter().filter_map(of) {
                    let codec = &receiver.sender.codec;
                    let class = (receiver.class, &receiver.sender);
                    let number = match codec.families.contains(family) {
                        true => copy.attributes(route.attributes, (family, None), class),
                        false => None,
                    };
                    if let Some(number) = number {
                        let mut nlri = route.nlri.as_ref();
                        let ids = codec.add_path_send.contains(family);
                        nlri.path_id = ids.then(|| nlri.path_id.unwrap_or_default());
                        let about = (number, receiver.since);
                        copy.out.route(receiver.index, nlri, about);
                    }
                }
            }
            rib.end()
        };
        at = at.saturating_add(step);
        tokio::task::yield_now().await;
        if at >= end {
            break;
        }
    }
}
