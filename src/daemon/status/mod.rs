//! What the daemon does now: a snapshot, and the same as JSON, for `/status.json` and `system status`.

use std::rc::Rc;

use super::clock::unix;
use super::core::Core;
use super::rates;
use crate::api::command::write_check;
use crate::api::control::Occurrence;
use crate::bgp::Family;
use crate::json::JsonWriter;

pub(crate) mod snapshot;

use snapshot::{HelperState, PeerState, Sampler, Snapshot, clean};

/// Neighbors that are written in one turn.
const STEP: usize = 64;

/// The status as one JSON object, written in parts.
pub(crate) struct Status {
    core: Rc<Core>,
    sampler: Option<Sampler>,
    snapshot: Snapshot,
    at: usize,
}

impl Status {
    pub(crate) fn new(core: &Rc<Core>) -> Self {
        Self {
            sampler: Some(Sampler::new(core)),
            core: Rc::clone(core),
            snapshot: Snapshot::default(),
            at: 0,
        }
    }

    /// Appends the next part. Returns `true` if there are more.
    pub(crate) fn next(&mut self, out: &mut String) -> bool {
        if let Some(sampler) = &mut self.sampler {
            if !sampler.step(&self.core, &mut self.snapshot) {
                self.sampler = None;
                out.push_str(&self.head());
            }
            return true;
        }
        let mut w = JsonWriter::new();
        let end = self.snapshot.peers.len().min(self.at + STEP);
        for at in self.at..end {
            w.raw(if at == 0 { "\n" } else { ",\n" });
            self.peer(&self.snapshot.peers[at], &mut w);
        }
        self.at = end;
        let more = end < self.snapshot.peers.len();
        if !more {
            w.raw("\n], \"processes\": [ ");
            w.list(&self.snapshot.helpers, helper);
            w.raw(" ]");
            self.checks(&mut w);
            self.monitors(&mut w);
            w.raw(" }\n");
        }
        out.push_str(w.as_str());
        more
    }

    /// The health checks, if there are any.
    fn checks(&self, w: &mut JsonWriter) {
        let mut before = ", \"checks\": [ ";
        let core = &self.core;
        core.checks.show(&core.routes, &mut |check| {
            w.raw(before);
            write_check(w, check);
            before = ", ";
        });
        if before == ", " {
            w.raw(" ]");
        }
    }

    /// The monitoring stations and archives, if there are any.
    fn monitors(&self, w: &mut JsonWriter) {
        let stations = self.core.taps.shown_stations();
        if !stations.is_empty() {
            w.raw(", \"monitoring-stations\": [ ");
            w.list(&stations, |w, station| {
                w.raw("{ ");
                w.key("name").string(&clean(&station.name));
                w.raw(", ");
                w.key("up").boolean(station.links > 0);
                let numbers = [
                    ("connections", station.connections),
                    ("messages", station.messages),
                    ("too-slow", station.overflows),
                ];
                for (key, number) in numbers {
                    w.raw(", ");
                    w.key(key).number(number);
                }
                w.raw(" }");
            });
            w.raw(" ]");
        }
        let archives = self.core.taps.shown_archives();
        if !archives.is_empty() {
            w.raw(", \"archives\": [ ");
            w.list(&archives, |w, archive| {
                w.raw("{ ");
                w.key("file").string(&clean(&archive.file));
                let numbers = [
                    ("records", archive.records),
                    ("lost", archive.lost),
                    ("queue-bytes", archive.waiting as u64),
                ];
                for (key, number) in numbers {
                    w.raw(", ");
                    w.key(key).number(number);
                }
                w.raw(" }");
            });
            w.raw(" ]");
        }
    }

    fn head(&self) -> String {
        let (core, mut w) = (&self.core, JsonWriter::new());
        w.raw("{ ");
        w.key("version").string(env!("CARGO_PKG_VERSION"));
        w.raw(", ");
        w.key("pid").number(std::process::id());
        w.raw(", ");
        w.key("started")
            .raw(&format!("{:.3}", unix(core.started.1)));
        w.raw(", ");
        w.key("uptime").number(core.started.0.elapsed().as_secs());
        w.raw(", ");
        let longest = core.stats.turns.durations.longest().as_secs_f64();
        w.key("longest-turn").raw(&format!("{longest:.6}"));
        w.raw(", \"longest-turns\": [ ");
        w.list(core.stats.turns.longest(), |w, turn| {
            let took = turn.took.as_secs_f64();
            w.raw("{ ");
            w.key("seconds").raw(&format!("{took:.6}"));
            w.raw(", ");
            w.key("work").string(&turn.work);
            w.raw(", ");
            w.key("ago").number(turn.at.elapsed().as_secs());
            w.raw(" }");
        });
        w.raw(" ], ");
        w.key("leases").number(core.leases.len());
        w.raw(", ");
        if let Some(journal) = core.journal.shown() {
            w.raw("\"journal\": { ");
            for (key, number) in journal.numbers() {
                w.key(key).number(number);
                w.raw(", ");
            }
            w.key("complete").boolean(journal.complete);
            w.raw(" }, ");
        }
        w.key("watchers").number(core.events.watchers());
        w.raw(", ");
        w.key("interval").number(rates::INTERVAL.as_secs());
        w.raw(", \"neighbors\": [");
        w.as_str().to_owned()
    }

    fn peer(&self, peer: &PeerState, w: &mut JsonWriter) {
        w.raw("{ ");
        w.key("peer").string(&peer.address);
        if let Some(name) = &peer.full_name {
            w.raw(", ");
            w.key("neighbor").string(name);
        }
        let texts = [
            ("description", peer.description.as_str()),
            ("local-address", &peer.local_address),
            ("local-as", &peer.local_as),
            ("peer-as", &peer.peer_as),
            ("state", peer.state),
        ];
        for (key, text) in texts {
            w.raw(", ");
            w.key(key).string(text);
        }
        w.raw(", ");
        w.key("up").boolean(peer.up);
        let numbers = [
            ("since", peer.age.as_secs()),
            ("established", peer.history.established),
            ("flaps", peer.history.lost),
            ("messages-received", peer.received.total()),
            ("messages-sent", peer.sent.total()),
        ];
        for (key, number) in numbers {
            w.raw(", ");
            w.key(key).number(number);
        }
        if let Some(retry) = peer.retry {
            w.raw(", ");
            w.key("retry").number(retry.as_secs());
        }
        if let Some(last) = last_error(peer) {
            w.raw(", \"last-error\": { ");
            w.key("text").string(&last.text);
            w.raw(", ");
            w.key("ago").number(last.seconds);
            w.raw(", ");
            w.key("count").number(last.count);
            w.raw(" }");
        }
        w.raw(", \"routes\": { \"out\": ");
        counts(&peer.routes_out, w);
        if let Some(received) = &peer.routes_in {
            w.raw(", \"in\": ");
            counts(received, w);
            w.raw(", ");
            w.key("stale").number(peer.stale);
        }
        w.raw(" }, \"recent-messages\": [ ");
        let recent = peer.key.map(|key| self.core.rates.of(key));
        w.list(recent.unwrap_or_default(), |w, count| {
            w.number(count);
        });
        w.raw(" ] }");
    }
}

/// What ended the last connection of a neighbor: the newest of the recorded causes.
pub(crate) fn last_error(peer: &PeerState) -> Option<&Occurrence> {
    let history = &peer.history;
    // The text of a NOTIFICATION says more than that the connection was closed by it.
    [
        &history.notification_received,
        &history.notification_sent,
        &history.connect_failed,
        &history.closed,
    ]
    .into_iter()
    .flatten()
    .min_by_key(|occurrence| occurrence.seconds)
}

fn counts(counts: &[(Family, u64)], w: &mut JsonWriter) {
    w.raw("{ ");
    w.list(counts, |w, (family, count)| {
        w.key(&family.to_string()).number(*count);
    });
    w.raw(" }");
}

fn helper(w: &mut JsonWriter, helper: &HelperState) {
    w.raw("{ ");
    w.key("name").string(&helper.name);
    w.raw(", ");
    w.key("up").boolean(helper.pid.is_some());
    if let Some(pid) = helper.pid {
        w.raw(", ");
        w.key("pid").number(u64::try_from(pid).unwrap_or_default());
    }
    let numbers = [
        ("restarts", helper.starts.saturating_sub(1)),
        ("queue-bytes", helper.queued as u64),
        ("commands-done", helper.commands.done),
        ("commands-refused", helper.commands.refused),
        ("events-dropped", helper.dropped),
    ];
    for (key, number) in numbers {
        w.raw(", ");
        w.key(key).number(number);
    }
    w.raw(", ");
    w.key("pauses-neighbors").boolean(!helper.has_room);
    w.raw(", \"guard-rejections\": { ");
    w.list(&helper.rejections, |w, (rule, count)| {
        w.key(rule).number(*count);
    });
    w.raw(" } }");
}
