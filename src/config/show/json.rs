//! A configuration as JSON, for programs that read it: the words are those of the file.

use std::time::Duration;

use super::checks::check_json;
use super::monitors::{bmp_json, mrt_json};
use super::object::Object;
use super::{Secrets, statement, switches, words};
use crate::config::announce_limit::AnnounceLimit;
use crate::config::confinement::Limits;
use crate::config::guard::GuardConfig;
use crate::config::metrics::MetricsConfig;
use crate::config::model::{
    Config, Encoder, Messages, NeighborConfig, ProcessConfig, Subscription,
};
use crate::config::monitor::MrtConfig;
use crate::config::session::{CapabilityConfig, TcpAo};
use crate::config::state::StateConfig;
use crate::json::JsonWriter;

impl Config {
    /// The configuration as one JSON object.
    pub fn json(&self, secrets: Secrets) -> String {
        let mut w = JsonWriter::new();
        w.raw("{ \"processes\": [ ");
        w.list(&self.processes, process);
        w.raw(" ], \"neighbors\": [ ");
        w.list(&self.neighbors, |w, one| neighbor(one, secrets, w));
        w.raw(" ]");
        if let Some(state) = &self.state {
            w.raw(", \"state\": ");
            state_json(state, &mut w);
        }
        if let Some(served) = &self.metrics {
            w.raw(", \"metrics\": ");
            metrics(served, &mut w);
        }
        if !self.checks.is_empty() {
            w.raw(", \"checks\": [ ");
            w.list(&self.checks, check_json);
            w.raw(" ]");
        }
        if self.mrt != MrtConfig::default() {
            w.raw(", \"mrt\": ");
            mrt_json(&self.mrt, &mut w);
        }
        if !self.bmp.is_empty() {
            w.raw(", \"bmp\": [ ");
            w.list(&self.bmp, bmp_json);
            w.raw(" ]");
        }
        w.raw(" }");
        w.into_string()
    }
}

fn state_json(state: &StateConfig, w: &mut JsonWriter) {
    let mut object = Object::new(w);
    object.text("directory", state.directory.to_string_lossy());
    object.text("sync", state.sync.to_string());
    object.number("claim-time", state.claim_time.as_secs());
    object.text("unclaimed", state.unclaimed.name());
    object.end();
}

fn metrics(metrics: &MetricsConfig, w: &mut JsonWriter) {
    let mut object = Object::new(w);
    object.texts("listen", metrics.listen.iter().map(ToString::to_string));
    object.texts("routes", metrics.routes.iter().map(ToString::to_string));
    object.yes("page", metrics.page);
    object.yes("exabgp-exporter", metrics.exabgp_exporter);
    object.end();
}

fn announce_limit(limit: &AnnounceLimit, w: &mut JsonWriter) {
    let mut object = Object::new(w);
    let list = object.key("families");
    list.raw("[ ");
    list.list(&limit.families, |w, (family, most)| {
        let mut one = Object::new(w);
        one.text("family", family);
        one.number("routes", *most);
        one.end();
    });
    list.raw(" ]");
    for (key, number) in [
        ("total", limit.total),
        ("warn-at", limit.warn_at.map(u32::from)),
    ] {
        if let Some(number) = number {
            object.number(key, number);
        }
    }
    object.end();
}

fn guard(guard: &GuardConfig, w: &mut JsonWriter) {
    let mut object = Object::new(w);
    object.texts("prefixes", guard.prefixes.iter().map(ToString::to_string));
    object.texts("families", guard.families.iter().map(ToString::to_string));
    let communities = guard.communities.iter().map(ToString::to_string);
    object.texts("communities", communities);
    let actions = guard.actions.iter().map(|action| action.name().to_owned());
    object.texts("actions", actions);
    let seconds = |time: Duration| time.as_secs();
    for (key, number) in [
        ("max-routes", guard.max_routes.map(u64::from)),
        ("warn-at", guard.warn_at.map(u64::from)),
        ("max-rate", guard.max_rate.map(u64::from)),
        ("max-remove", guard.max_remove.map(u64::from)),
        ("lifetime", guard.lifetime.map(seconds)),
        ("max-lifetime", guard.max_lifetime.map(seconds)),
    ] {
        if let Some(number) = number {
            object.number(key, number);
        }
    }
    if guard.operators {
        object.yes("operators", true);
    }
    object.end();
}

fn process(w: &mut JsonWriter, process: &ProcessConfig) {
    let mut object = Object::new(w);
    object.text("name", &process.name);
    object.texts("run", process.run.iter().cloned());
    object.text(
        "encoder",
        match process.encoder {
            Encoder::Json => "json",
            Encoder::Text => "text",
        },
    );
    object.yes("respawn", process.respawn);
    object.number("api-version", process.api_version.number());
    if let Some(size) = process.queue_size {
        object.number("queue-size", size as u64);
    }
    object.text("queue-full", process.queue_full.name());
    if let Some(wait) = process.withdraw_after {
        object.number("withdraw-after", wait.as_secs());
    }
    if let Some(unclaimed) = process.unclaimed {
        object.text("unclaimed", unclaimed.name());
    }
    let confinement = &process.confinement;
    object.some("user", confinement.user.as_deref());
    if confinement.no_new_privileges {
        object.yes("no-new-privileges", true);
    }
    if confinement.limits != Limits::default() {
        let mut inner = Object::new(object.key("limit"));
        for (word, most) in confinement.limits.entries() {
            inner.number(word, most);
        }
        inner.end();
    }
    if let Some(rules) = &process.guard {
        guard(rules, object.key("guard"));
    }
    object.end();
}

fn neighbor(neighbor: &NeighborConfig, secrets: Secrets, w: &mut JsonWriter) {
    let mut object = Object::new(w);
    object.text("name", neighbor.name());
    scalars(neighbor, secrets, &mut object);
    let capabilities = &neighbor.session.capabilities;
    capability(capabilities, object.key("capability"));
    object.texts(
        "family",
        neighbor.session.families.iter().map(ToString::to_string),
    );
    let pairs = capabilities.nexthop.iter().flatten();
    object.texts(
        "nexthop",
        pairs.map(|(family, afi)| format!("{family} {afi}")),
    );
    object.texts(
        "add-path",
        capabilities
            .add_path_families
            .iter()
            .map(ToString::to_string),
    );
    let w = object.key("api");
    w.raw("[ ");
    w.list(&neighbor.subscriptions, subscription);
    w.raw(" ]");
    object.texts(
        "operational",
        neighbor.operational.iter().map(super::operational),
    );
    let w = object.key("routes");
    w.raw("[ ");
    let routes = neighbor.routes.iter().flat_map(|mut route| {
        let nlri = std::mem::take(&mut route.nlri).into_iter();
        nlri.map(move |nlri| (nlri, route.clone()))
    });
    w.list(routes, |w, (nlri, route)| {
        let mut inner = Object::new(w);
        inner.text("family", nlri.family);
        inner.text("route", statement(&nlri, &route.attributes));
        inner.some("watchdog", route.watchdog.as_deref());
        inner.some("name", route.name.as_deref());
        if route.withdraw {
            inner.yes("withdraw", true);
        }
        inner.end();
    });
    w.raw(" ]");
    object.end();
}

fn capability(capabilities: &CapabilityConfig, w: &mut JsonWriter) {
    let mut inner = Object::new(w);
    for (word, on) in switches(capabilities) {
        inner.yes(word, on);
    }
    if let Some(seconds) = capabilities.graceful_restart {
        inner.number("graceful-restart", seconds);
    }
    if capabilities.graceful_restart_notification {
        inner.yes("graceful-restart-notification", true);
    }
    if let Some(seconds) = capabilities.long_lived_graceful_restart {
        inner.number("long-lived-graceful-restart", seconds);
    }
    inner.text("add-path", super::add_path(capabilities.add_path));
    inner.some("role", capabilities.role.map(super::role));
    if capabilities.role_strict {
        inner.yes("role-strict", true);
    }
    inner.end();
}

fn scalars(neighbor: &NeighborConfig, secrets: Secrets, object: &mut Object<'_>) {
    let session = &neighbor.session;
    object.text("peer-address", neighbor.peer());
    object.text("local-address", super::or_auto(session.shown_local()));
    object.some("local-link-local", session.local_link_local);
    object.some("router-id", session.router_id);
    object.text("local-as", super::or_auto(session.local_as));
    object.text("peer-as", super::or_auto(session.peer_as));
    object.text("description", &neighbor.description);
    object.some("host-name", session.host_name.as_deref());
    object.some("domain-name", session.domain_name.as_deref());
    object.number("hold-time", session.hold_time);
    if let Some(rate) = neighbor.rate_limit {
        object.number("rate-limit", rate);
    }
    if let Some(limit) = &neighbor.announce_limit {
        announce_limit(limit, object.key("announce-limit"));
    }
    if let Some(most) = neighbor.dynamic_limit {
        object.number("dynamic-limit", most);
    }
    if let Some(limit) = neighbor.prefix_limit {
        object.number("prefix-limit", limit.routes);
        object.yes("prefix-limit-warning-only", limit.warning_only);
    }
    if neighbor.stale_path_time != crate::config::STALE_PATH_TIME {
        object.number("stale-path-time", neighbor.stale_path_time);
    }
    object.yes("passive", session.passive);
    object.number("listen", session.listen);
    if let Some(port) = session.connect {
        object.number("connect", port);
    }
    object.some("source-interface", session.source_interface.as_deref());
    for (key, ttl) in [
        ("outgoing-ttl", session.outgoing_ttl),
        ("incoming-ttl", session.incoming_ttl),
    ] {
        if let Some(ttl) = ttl {
            object.number(key, ttl);
        }
    }
    keys(neighbor, secrets, object);
    object.yes("group-updates", session.group_updates);
    object.yes("auto-flush", neighbor.auto_flush);
    object.yes("adj-rib-in", neighbor.adj_rib_in);
    object.yes("adj-rib-out", neighbor.adj_rib_out);
    object.yes("manual-eor", neighbor.manual_eor);
    if let Some(seconds) = neighbor.eor_deferral {
        object.number("eor-deferral", seconds);
    }
}

fn keys(neighbor: &NeighborConfig, secrets: Secrets, object: &mut Object<'_>) {
    let session = &neighbor.session;
    if let Some((password, _)) = &neighbor.md5 {
        object.text("md5-password", shown(password, secrets));
    }
    object.some("md5-ip", session.md5_ip);
    if let Some(key) = &session.tcp_ao {
        tcp_ao(key, secrets, object.key("tcp-ao"));
    }
}

fn tcp_ao(key: &TcpAo, secrets: Secrets, w: &mut JsonWriter) {
    let mut object = Object::new(w);
    object.number("keyid", key.key_id);
    object.text("algorithm", key.algorithm.name());
    object.text(
        "password",
        shown(&String::from_utf8_lossy(&key.password), secrets),
    );
    if !key.next.is_empty() {
        let w = object.key("next-keys");
        w.raw("[ ");
        w.list(&key.next, |w, next| tcp_ao(next, secrets, w));
        w.raw(" ]");
    }
    object.end();
}

fn shown(text: &str, secrets: Secrets) -> String {
    match secrets {
        Secrets::Shown => text.to_owned(),
        Secrets::Hidden => "***".to_owned(),
    }
}

fn subscription(w: &mut JsonWriter, subscription: &Subscription) {
    let mut object = Object::new(w);
    object.text("name", &subscription.name);
    object.texts("processes", subscription.processes.iter().cloned());
    object.yes("neighbor-changes", subscription.neighbor_changes);
    object.yes("negotiated", subscription.negotiated);
    object.yes("fsm", subscription.fsm);
    object.yes("signal", subscription.signal);
    object.texts("receive", named(subscription.receive));
    object.texts("send", named(subscription.send));
    object.end();
}

/// The words that are on.
fn named(messages: Messages) -> impl Iterator<Item = String> {
    words(messages)
        .into_iter()
        .filter(|(_, on)| *on)
        .map(|(word, _)| word.to_owned())
}
