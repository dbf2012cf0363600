//! The status page: one HTML document without other files, which needs no scripts to be read, and with them refreshes
//! itself.
//!
//! Texts of peers and files are escaped, and the policy of the page allows no script but its own.

use std::collections::hash_map::RandomState;
use std::fmt::{Display, Write as _};
use std::hash::{BuildHasher, Hasher};
use std::rc::Rc;
use std::time::Duration;

use super::text::{Escaped, span};
use super::{checks, monitors};
use crate::bgp::Family;
use crate::daemon::core::Core;
use crate::daemon::rates;
use crate::daemon::status::last_error;
use crate::daemon::status::snapshot::{HelperState, PeerState, Sampler, Snapshot, clean};

/// Neighbors that are written in one turn.
const STEP: usize = 64;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// One answer, in parts.
pub(super) struct Page {
    core: Rc<Core>,
    sampler: Option<Sampler>,
    snapshot: Snapshot,
    at: usize,
    /// What marks our own style and script: unknown to whoever may have put text into the page.
    nonce: String,
}

impl Page {
    pub(super) fn new(core: &Rc<Core>) -> Self {
        // Each state has other random keys.
        let random = || RandomState::new().build_hasher().finish();
        Self {
            sampler: Some(Sampler::new(core)),
            core: Rc::clone(core),
            snapshot: Snapshot::default(),
            at: 0,
            nonce: format!("{:016x}{:016x}", random(), random()),
        }
    }

    /// The content security policy of the page.
    pub(super) fn policy(&self) -> String {
        let nonce = &self.nonce;
        format!(
            "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    }

    /// Appends the next part. Returns `true` if there are more.
    pub(super) fn next(&mut self, out: &mut String) -> bool {
        if let Some(sampler) = &mut self.sampler {
            if !sampler.step(&self.core, &mut self.snapshot) {
                self.sampler = None;
                // What needs attention comes first; otherwise the order of the file is kept.
                self.snapshot.peers.sort_by_key(|peer| peer.up);
                self.head(out);
            }
            return true;
        }
        let end = self.snapshot.peers.len().min(self.at + STEP);
        for peer in &self.snapshot.peers[self.at..end] {
            let recent = peer.key.map(|key| self.core.rates.of(key));
            row(peer, &recent.unwrap_or_default(), out);
        }
        self.at = end;
        let more = end < self.snapshot.peers.len();
        if !more {
            self.tail(out);
        }
        more
    }

    /// All up to the first neighbor. Writing to a string cannot fail, here and below.
    fn head(&self, out: &mut String) {
        let (core, peers) = (&self.core, &self.snapshot.peers);
        let host = nix::unistd::gethostname().unwrap_or_default();
        let host = clean(&host.to_string_lossy());
        let (host, nonce) = (Escaped(&host), &self.nonce);
        let _ = write!(
            out,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>oxabgp on {host}</title>\n<link rel=\"icon\" href=\"data:,\">\n<noscript><meta http-equiv=\"refresh\" content=\"10\"></noscript>\n<style nonce=\"{nonce}\">{STYLE}</style>\n</head>\n<body>\n<header><h1>oxabgp</h1> <p>{} on {host}</p></header>\n<p id=\"lost\" role=\"status\">The speaker does not answer: what is shown is old.<span id=\"since\"></span></p>\n<p id=\"tools\"><input id=\"filter\" type=\"search\" placeholder=\"Filter neighbors\" aria-label=\"Filter neighbors\"></p>\n<main>\n<ul class=\"cards\">\n",
            env!("CARGO_PKG_VERSION"),
        );
        let up = peers.iter().filter(|peer| peer.up).count();
        let announced = peers.iter().filter(|peer| peer.up);
        let announced = announced.map(|peer| total(&peer.routes_out)).sum::<u64>();
        let received = peers.iter().filter_map(|peer| peer.routes_in.as_deref());
        let received = received.map(total).sum::<u64>();
        let mut card = |name: &str, value: &dyn Display| {
            let _ = writeln!(out, "<li><b>{value}</b> {name}</li>");
        };
        let established = format!("{up} of {}", peers.len());
        card("sessions established", &established);
        card("routes announced", &announced);
        card("routes received", &received);
        let leases = core.leases.len();
        if leases > 0 {
            card("routes with a lifetime", &leases);
        }
        if let Some(journal) = core.journal.shown() {
            let state = match journal.complete {
                true => "complete",
                false => "not writable",
            };
            card("journal", &state);
        }
        card("uptime", &span(core.started.0.elapsed()));
        out.push_str("</ul>\n<h2>Neighbors</h2>\n");
        if peers.is_empty() {
            out.push_str("<p class=\"none\">No neighbor is configured or connected.</p>\n");
        } else {
            out.push_str("<div class=\"scroll\"><table id=\"neighbors\">\n<thead><tr><th>Neighbor</th><th class=\"n\">AS</th><th>State</th><th class=\"n\">For</th><th class=\"n\">Routes out</th><th class=\"n\">Routes in</th><th>Messages, 5 min</th><th class=\"n\">Flaps</th><th>Last error</th></tr></thead>\n<tbody>\n");
        }
    }

    /// All after the last neighbor.
    fn tail(&self, out: &mut String) {
        if !self.snapshot.peers.is_empty() {
            out.push_str("</tbody></table></div>\n");
        }
        checks::table(&self.core, out);
        if !self.snapshot.helpers.is_empty() {
            out.push_str("<h2>Helpers</h2>\n<div class=\"scroll\"><table id=\"helpers\">\n<thead><tr><th>Process</th><th>State</th><th class=\"n\">Restarts</th><th class=\"n\">Queue</th><th class=\"n\">Commands</th><th class=\"n\">Refused</th><th>By its guard</th><th class=\"n\">Events dropped</th></tr></thead>\n<tbody>\n");
            for process in &self.snapshot.helpers {
                helper(process, out);
            }
            out.push_str("</tbody></table></div>\n");
        }
        monitors::tables(&self.core, out);
        let nonce = &self.nonce;
        let _ = write!(
            out,
            "</main>\n<footer><p>The same as data: <a href=\"/status.json\">status.json</a>; metrics: <a href=\"/metrics\">metrics</a></p></footer>\n<script nonce=\"{nonce}\">{SCRIPT}</script>\n</body>\n</html>\n"
        );
    }
}

/// Routes of all families.
fn total(counts: &[(Family, u64)]) -> u64 {
    counts.iter().map(|(_, count)| count).sum()
}

fn row(peer: &PeerState, recent: &[u64], out: &mut String) {
    let mut about = peer.description.clone();
    if let Some(name) = &peer.full_name {
        about = format!("{about} {name}");
    }
    let state = match (peer.up, peer.retry) {
        (true, _) => "<span class=\"up\">up</span>".to_owned(),
        (false, Some(retry)) => format!(
            "<span class=\"down\">{}</span><small>next attempt in {}</small>",
            Escaped(peer.state),
            span(retry)
        ),
        (false, None) => format!("<span class=\"wait\">{}</span>", Escaped(peer.state)),
    };
    let held = total(&peer.routes_out);
    let announced = match (peer.up, held) {
        (true, _) | (false, 0) => held.to_string(),
        (false, _) => format!("0<small>{held} when up</small>"),
    };
    let received = peer.routes_in.as_deref().map(total);
    let received = received.map_or_else(|| "–".to_owned(), |count| count.to_string());
    let _ = write!(
        out,
        "<tr><td class=\"t\">{}<small>{}</small></td><td class=\"n\">{}</td><td class=\"t\">{state}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{received}{}</td><td>",
        Escaped(&peer.address),
        Escaped(about.trim()),
        Escaped(&peer.peer_as),
        span(peer.age),
        announced,
        if peer.stale > 0 {
            format!("<small>{} stale</small>", peer.stale)
        } else {
            String::new()
        },
    );
    sparkline(recent, out);
    let _ = write!(
        out,
        "</td><td class=\"n\">{}</td><td class=\"e\">",
        peer.history.lost
    );
    if let Some(last) = last_error(peer) {
        let often = match last.count {
            1 => String::new(),
            count => format!(", {count} times"),
        };
        let _ = write!(
            out,
            "{}<small>{} ago{often}</small>",
            Escaped(&clean(&last.text)),
            span(Duration::from_secs(last.seconds))
        );
    }
    out.push_str("</td></tr>\n");
}

fn helper(helper: &HelperState, out: &mut String) {
    let state = match (helper.pid, helper.has_room) {
        (None, _) => "<span class=\"down\">down</span>".to_owned(),
        (Some(pid), true) => {
            format!("<span class=\"up\">up</span> <span class=\"dim\">pid {pid}</span>")
        }
        (Some(_), false) => "<span class=\"wait\">full, neighbors wait</span>".to_owned(),
    };
    let rejections = helper.rejections.iter();
    let rejections: Vec<String> = rejections
        .map(|(rule, count)| format!("{rule} {count}"))
        .collect();
    let _ = writeln!(
        out,
        "<tr><td>{}</td><td class=\"t\">{state}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td><td class=\"n\">{}</td></tr>",
        Escaped(&helper.name),
        helper.starts.saturating_sub(1),
        bytes(helper.queued),
        helper.commands.done,
        helper.commands.refused,
        rejections.join(", "),
        helper.dropped,
    );
}

/// A small graph, if there is anything to show.
fn sparkline(counts: &[u64], out: &mut String) {
    let most = counts.iter().copied().max().unwrap_or(0);
    if counts.len() < 2 {
        return;
    }
    let seconds = rates::INTERVAL.as_secs();
    let _ = write!(
        out,
        "<svg viewBox=\"0 0 96 20\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"at most {most} messages in {seconds} s\"><title>at most {most} messages in {seconds} s</title><polyline points=\""
    );
    let last = counts.len() - 1;
    for (at, count) in counts.iter().enumerate() {
        // In integers: the exact place does not matter.
        let x = at * 960 / last;
        let y = 190 - u128::from(*count) * 180 / u128::from(most.max(1));
        let _ = write!(out, "{}.{},{}.{} ", x / 10, x % 10, y / 10, y % 10);
    }
    out.push_str("\"/></svg>");
}

fn bytes(count: usize) -> String {
    match count {
        0..1_024 => format!("{count} B"),
        1_024..1_048_576 => format!("{} KiB", count / 1_024),
        _ => format!("{} MiB", count / 1_048_576),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_fits_its_box() {
        let mut out = String::new();
        sparkline(&[0, 5, 10], &mut out);
        assert!(
            out.contains("points=\"0.0,19.0 48.0,10.0 96.0,1.0 \""),
            "{out}"
        );
        let mut none = String::new();
        sparkline(&[7], &mut none);
        assert!(none.is_empty());
    }
}
