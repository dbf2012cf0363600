//! `/metrics`: the table of all families, and how they are written in turns.

use std::rc::Rc;

use smallvec::SmallVec;

use super::encoder::{Encoder, Format, Kind, with_zeros};
use super::exporter::Exporter;
use super::{checks, journal, monitors, proc};
use crate::bgp::message::{Direction, MessageType};
use crate::bgp::{Family as RouteFamily, Nlri};
use crate::config::MetricsConfig;
use crate::daemon::clock::unix;
use crate::daemon::core::Core;
use crate::daemon::guard::RULES;
use crate::daemon::histogram::Histogram;
use crate::daemon::neighbors::Listed;
use crate::daemon::stats::CommandCounts;
use crate::daemon::status::snapshot::{HelperState, PeerState, Sampler, Snapshot};
use crate::grammar::Prefix;
use crate::rib::PeerSet;
use crate::speaker::Counters;

/// Neighbors whose samples are written in one turn.
const STEP: usize = 128;

type Labels<'a> = SmallVec<[(&'a str, &'a str); 6]>;

/// A family of samples.
struct Family {
    name: &'static str,
    kind: Kind,
    help: &'static str,
    write: Write,
}

/// What there are samples of.
enum Write {
    /// Each neighbor.
    Peers(fn(&PeerState, &mut Encoder<'_>)),
    /// Each helper.
    Helpers(fn(&HelperState, &mut Encoder<'_>)),
    /// The daemon.
    Daemon(fn(&Core, &MetricsConfig, &mut Encoder<'_>)),
}

impl Family {
    const fn new(name: &'static str, kind: Kind, help: &'static str, write: Write) -> Self {
        Self {
            name,
            kind,
            help,
            write,
        }
    }
}

/// The labels of a neighbor, with more.
fn labels<'a>(peer: &'a PeerState, more: &[(&'a str, &'a str)]) -> Labels<'a> {
    let mut labels = Labels::new();
    labels.push(("peer", &peer.address));
    if let Some(name) = &peer.full_name {
        labels.push(("neighbor", name));
    }
    labels.extend_from_slice(more);
    labels
}

/// The types of messages with their labels.
const TYPES: [(MessageType, &str); 5] = [
    (MessageType::OPEN, "open"),
    (MessageType::UPDATE, "update"),
    (MessageType::NOTIFICATION, "notification"),
    (MessageType::KEEPALIVE, "keepalive"),
    (MessageType::ROUTE_REFRESH, "route-refresh"),
];

/// Every family but those of other programs, in the order in which they are written.
const FAMILIES: &[Family] = &[
    Family::new(
        "oxabgp_build_info",
        Kind::Info,
        "The running program.",
        Write::Daemon(|_, _, e| e.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1)),
    ),
    Family::new(
        "oxabgp_peer_info",
        Kind::Info,
        "What is configured of each neighbor, to be joined on peer.",
        Write::Peers(|peer, e| {
            let more = [
                ("local_as", peer.local_as.as_str()),
                ("peer_as", &peer.peer_as),
                ("local_address", &peer.local_address),
                ("description", &peer.description),
            ];
            e.sample(&labels(peer, &more), 1);
        }),
    ),
    Family::new(
        "oxabgp_session_up",
        Kind::Gauge,
        "Whether the session is established.",
        Write::Peers(|peer, e| e.sample(&labels(peer, &[]), u8::from(peer.up))),
    ),
    Family::new(
        "oxabgp_session_state",
        Kind::Gauge,
        "1 for the current state of the session.",
        Write::Peers(|peer, e| {
            let state = peer.state.to_ascii_lowercase();
            e.sample(&labels(peer, &[("state", &state)]), 1);
        }),
    ),
    Family::new(
        "oxabgp_session_established_timestamp_seconds",
        Kind::Gauge,
        "When the session was established, while it is.",
        Write::Peers(|peer, e| {
            if let Some(at) = peer.established {
                e.sample(&labels(peer, &[]), at);
            }
        }),
    ),
    Family::new(
        "oxabgp_session_flaps_total",
        Kind::Counter,
        "Established sessions that ended.",
        Write::Peers(|peer, e| e.sample(&labels(peer, &[]), peer.history.lost)),
    ),
    Family::new(
        "oxabgp_session_last_error",
        Kind::Gauge,
        "1 for the last NOTIFICATION sent or received.",
        Write::Peers(|peer, e| {
            if let Some(error) = peer.last_error {
                let direction = match error.direction {
                    Direction::Send => "sent",
                    Direction::Receive => "received",
                };
                let (code, subcode) = (error.code.to_string(), error.subcode.to_string());
                let more = [
                    ("direction", direction),
                    ("code", &code),
                    ("subcode", &subcode),
                ];
                e.sample(&labels(peer, &more), 1);
            }
        }),
    ),
    Family::new(
        "oxabgp_messages_total",
        Kind::Counter,
        "Messages since the neighbor was configured, over all sessions.",
        Write::Peers(|peer, e| {
            messages(peer, "received", &peer.received, e);
            messages(peer, "sent", &peer.sent, e);
        }),
    ),
    Family::new(
        "oxabgp_session_messages_total",
        Kind::Counter,
        "Messages of the current or last session.",
        Write::Peers(|peer, e| {
            e.sample(
                &labels(peer, &[("direction", "received")]),
                peer.session_received,
            );
            e.sample(&labels(peer, &[("direction", "sent")]), peer.session_sent);
        }),
    ),
    Family::new(
        "oxabgp_routes",
        Kind::Gauge,
        "Routes in Adj-RIB-Out (out), whether the session is established or not, and received (in) if adj-rib-in is configured.",
        Write::Peers(|peer, e| {
            routes(peer, "out", &peer.routes_out, e);
            routes(peer, "in", peer.routes_in.as_deref().unwrap_or_default(), e);
        }),
    ),
    Family::new(
        "oxabgp_routes_stale",
        Kind::Gauge,
        "Received routes that are kept from an earlier session.",
        Write::Peers(|peer, e| {
            if peer.routes_in.is_some() {
                e.sample(&labels(peer, &[]), peer.stale);
            }
        }),
    ),
    Family::new(
        "oxabgp_route_neighbors",
        Kind::Gauge,
        "To how many neighbors with an established session a prefix is announced, for prefixes named in the configuration.",
        Write::Daemon(|core, metrics, e| {
            // Once for all prefixes, of which there may be many, as of neighbors.
            let reached = [RouteFamily::IPV4_UNICAST, RouteFamily::IPV6_UNICAST].map(|family| {
                let peers: PeerSet = core.neighbors.select(|listed| takes(listed, family));
                (family, peers)
            });
            for prefix in &metrics.routes {
                let nlri = nlri(*prefix);
                let mut peers = core.routes.announced_to(&nlri);
                for (_, reached) in reached.iter().filter(|(family, _)| *family == nlri.family) {
                    peers.intersect(reached);
                }
                e.sample(&[("prefix", &prefix.to_string())], peers.len());
            }
        }),
    ),
    Family::new(
        "oxabgp_process_up",
        Kind::Gauge,
        "Whether the helper process runs.",
        Write::Helpers(|helper, e| {
            e.sample(&[("process", &helper.name)], u8::from(helper.pid.is_some()));
        }),
    ),
    Family::new(
        "oxabgp_process_restarts_total",
        Kind::Counter,
        "How often the helper process was started again.",
        Write::Helpers(|helper, e| {
            e.sample(
                &[("process", &helper.name)],
                helper.starts.saturating_sub(1),
            );
        }),
    ),
    Family::new(
        "oxabgp_process_queue_bytes",
        Kind::Gauge,
        "Events and answers that the helper has not read.",
        Write::Helpers(|helper, e| e.sample(&[("process", &helper.name)], helper.queued)),
    ),
    Family::new(
        "oxabgp_process_pauses_peers",
        Kind::Gauge,
        "Whether neighbors are not read because the queue of the helper is full.",
        Write::Helpers(|helper, e| {
            e.sample(&[("process", &helper.name)], u8::from(!helper.has_room));
        }),
    ),
    Family::new(
        "oxabgp_process_commands_total",
        Kind::Counter,
        "Commands of the helper.",
        Write::Helpers(|helper, e| results(&[("process", &helper.name)], helper.commands, e)),
    ),
    Family::new(
        "oxabgp_process_events_dropped_total",
        Kind::Counter,
        "Events that the helper did not get because its queue was full.",
        Write::Helpers(|helper, e| e.sample(&[("process", &helper.name)], helper.dropped)),
    ),
    Family::new(
        "oxabgp_guard_rejections_total",
        Kind::Counter,
        "Commands that the guard of a helper refused, by rule.",
        Write::Helpers(|helper, e| {
            for (rule, count) in with_zeros(RULES, &helper.rejections) {
                e.sample(&[("process", &helper.name), ("reason", rule)], count);
            }
        }),
    ),
    Family::new(
        "oxabgp_announce_limit_rejections_total",
        Kind::Counter,
        "Announcements that the limit of a neighbor refused and that no helper made: commands of operators, and routes of the configuration.",
        Write::Daemon(|core, _, e| {
            let limits = &core.limits;
            for (source, state) in [
                ("operators", &limits.operators),
                ("configuration", &limits.configured),
            ] {
                let count: u64 = state.rejections().iter().map(|(_, count)| count).sum();
                e.sample(&[("source", source)], count);
            }
        }),
    ),
    Family::new(
        "oxabgp_leases",
        Kind::Gauge,
        "Routes that end by themselves.",
        Write::Daemon(|core, _, e| e.sample(&[], core.leases.len())),
    ),
    Family::new(
        "oxabgp_leases_expired_total",
        Kind::Counter,
        "Routes that have ended by themselves.",
        Write::Daemon(|core, _, e| e.sample(&[], core.leases.ended.get())),
    ),
    Family::new(
        "oxabgp_operator_commands_total",
        Kind::Counter,
        "Commands of operators.",
        Write::Daemon(|core, _, e| results(&[], core.stats.operators.get(), e)),
    ),
    Family::new(
        "oxabgp_reloads_total",
        Kind::Counter,
        "Reloads of the configuration.",
        Write::Daemon(|core, _, e| results(&[], core.stats.reloads.get(), e)),
    ),
    Family::new(
        "oxabgp_http_requests_total",
        Kind::Counter,
        "Requests for metrics and the status page.",
        Write::Daemon(|core, _, e| e.sample(&[], core.stats.http_requests.get())),
    ),
    Family::new(
        "oxabgp_turn_seconds",
        Kind::Histogram,
        "How long tasks kept the only thread.",
        Write::Daemon(|core, _, e| histogram(&core.stats.turns.durations, e)),
    ),
    Family::new(
        "oxabgp_turn_longest_seconds",
        Kind::Gauge,
        "The longest time that a task kept the only thread.",
        Write::Daemon(|core, _, e| {
            e.sample(&[], core.stats.turns.durations.longest().as_secs_f64())
        }),
    ),
    Family::new(
        "oxabgp_keepalive_late_seconds",
        Kind::Histogram,
        "How late KEEPALIVEs were sent.",
        Write::Daemon(|core, _, e| histogram(&core.stats.keepalive_late, e)),
    ),
    Family::new(
        "process_start_time_seconds",
        Kind::Gauge,
        "When the process was started, in seconds since 1970.",
        Write::Daemon(|core, _, e| e.sample(&[], unix(core.started.1))),
    ),
    Family::new(
        "process_cpu_seconds_total",
        Kind::Counter,
        "CPU time of user and system.",
        Write::Daemon(|_, _, e| some(proc::cpu_seconds(), e)),
    ),
    Family::new(
        "process_resident_memory_bytes",
        Kind::Gauge,
        "Resident memory.",
        Write::Daemon(|_, _, e| some(proc::memory().map(|memory| memory.resident), e)),
    ),
    Family::new(
        "process_virtual_memory_bytes",
        Kind::Gauge,
        "Virtual memory.",
        Write::Daemon(|_, _, e| some(proc::memory().map(|memory| memory.total), e)),
    ),
    Family::new(
        "process_open_fds",
        Kind::Gauge,
        "Open file descriptors.",
        Write::Daemon(|_, _, e| some(proc::open_files(), e)),
    ),
    Family::new(
        "process_max_fds",
        Kind::Gauge,
        "The most file descriptors that may be open.",
        Write::Daemon(|_, _, e| some(proc::most_files(), e)),
    ),
];

fn some(value: Option<impl std::fmt::Display>, e: &mut Encoder<'_>) {
    if let Some(value) = value {
        e.sample(&[], value);
    }
}

fn messages(peer: &PeerState, direction: &str, counters: &Counters, e: &mut Encoder<'_>) {
    for (kind, name) in TYPES {
        let labels = labels(peer, &[("direction", direction), ("type", name)]);
        e.sample(&labels, counters.of(kind));
    }
}

fn routes(peer: &PeerState, direction: &str, counts: &[(RouteFamily, u64)], e: &mut Encoder<'_>) {
    for (family, count) in counts {
        let family = family.to_string();
        let more = [("direction", direction), ("family", family.as_str())];
        e.sample(&labels(peer, &more), count);
    }
}

fn results(labels: &[(&str, &str)], counts: CommandCounts, e: &mut Encoder<'_>) {
    for (result, count) in [("done", counts.done), ("refused", counts.refused)] {
        let mut labels = Labels::from_slice(labels);
        labels.push(("result", result));
        e.sample(&labels, count);
    }
}

fn histogram(histogram: &Histogram, e: &mut Encoder<'_>) {
    let mut count = 0;
    for (bound, total) in histogram.buckets() {
        let bound = match bound.is_finite() {
            true => format!("{bound:?}"),
            false => "+Inf".to_owned(),
        };
        e.suffixed("_bucket", &[("le", &bound)], total);
        count = total;
    }
    e.suffixed("_sum", &[], histogram.sum().as_secs_f64());
    e.suffixed("_count", &[], count);
}

/// Whether routes of a family reach the neighbor now.
fn takes(listed: &Listed, family: RouteFamily) -> bool {
    let negotiated = listed.neighbor.negotiated();
    listed.neighbor.is_established()
        && negotiated.is_some_and(|both| both.families.contains(&family))
}

/// The unicast route of a prefix.
fn nlri(prefix: Prefix) -> Nlri {
    let family = match prefix.address.is_ipv4() {
        true => RouteFamily::IPV4_UNICAST,
        false => RouteFamily::IPV6_UNICAST,
    };
    let bytes = crate::bgp::nlri::inet::prefix_bytes(prefix.address, prefix.bits);
    Nlri::new(family, None, &bytes)
}

/// One answer, in parts.
pub(super) struct Scrape {
    core: Rc<Core>,
    metrics: Rc<MetricsConfig>,
    format: Format,
    sampler: Option<Sampler>,
    snapshot: Snapshot,
    /// The next family, and its next neighbor.
    family: usize,
    peer: usize,
    exporter: Option<Exporter>,
}

impl Scrape {
    pub(super) fn new(core: &Rc<Core>, metrics: Rc<MetricsConfig>, format: Format) -> Self {
        Self {
            sampler: Some(Sampler::new(core)),
            core: Rc::clone(core),
            exporter: metrics.exabgp_exporter.then(Exporter::default),
            metrics,
            format,
            snapshot: Snapshot::default(),
            family: 0,
            peer: 0,
        }
    }

    /// Appends the next part. Returns `true` if there are more.
    pub(super) fn next(&mut self, out: &mut String) -> bool {
        if let Some(sampler) = &mut self.sampler {
            if !sampler.step(&self.core, &mut self.snapshot) {
                self.sampler = None;
            }
            return true;
        }
        if let Some(family) = FAMILIES.get(self.family) {
            if self.write(family, out) {
                self.family += 1;
                self.peer = 0;
                if self.family == FAMILIES.len() {
                    journal::write(&self.core, self.format, out);
                    checks::write(&self.core, self.format, out);
                    monitors::write(&self.core, self.format, out);
                }
            }
            return true;
        }
        if let Some(exporter) = &mut self.exporter
            && exporter.next(&self.core, &self.snapshot, self.format, out)
        {
            return true;
        }
        if self.format == Format::OpenMetrics {
            out.push_str("# EOF\n");
        }
        false
    }

    /// Writes the next part of a family. Returns `true` at its end.
    fn write(&mut self, family: &Family, out: &mut String) -> bool {
        let mut encoder = Encoder::new(out, self.format, family.name);
        if self.peer == 0 {
            encoder.head(family.kind, family.help);
        }
        match family.write {
            Write::Daemon(write) => write(&self.core, &self.metrics, &mut encoder),
            Write::Helpers(write) => {
                for helper in &self.snapshot.helpers {
                    write(helper, &mut encoder);
                }
            }
            Write::Peers(write) => {
                let end = self.snapshot.peers.len().min(self.peer + STEP);
                for peer in &self.snapshot.peers[self.peer..end] {
                    write(peer, &mut encoder);
                }
                self.peer = end;
                return end == self.snapshot.peers.len();
            }
        }
        true
    }
}
