//! A configuration written back: as a file that reads as the same configuration, and as JSON.
//!
//! The order of the settings is that of ExaBGP's `show neighbor configuration`. Unlike there, what is not set is left out
//! (`host-name None;` could not be read again), and keys of MD5 and TCP-AO are shown only on request.

use std::fmt::Write as _;

use super::base64;
use super::confinement::{Confinement, Limits};
use super::model::{
    self, ApiVersion, Config, Encoder, Messages, NeighborConfig, ProcessConfig, QueueFull,
    Subscription,
};
use super::quoting::{argument, quoted};
use super::session::{AddPath, Base64, CapabilityConfig, TcpAo};
use super::state::Unclaimed;
use crate::grammar::operational::Kind;
use crate::grammar::{Operational, RouteList};

mod checks;
mod json;
mod monitors;
mod object;
mod routes;

pub(crate) use routes::{command, statement};
use routes::{is_fixed, place};

/// Whether secret keys are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// As they are: the text can be read again.
    Shown,
    /// As `***`.
    Hidden,
}

impl Config {
    /// The configuration as a file.
    pub fn render(&self, secrets: Secrets) -> String {
        let mut text = Text::default();
        for process in &self.processes {
            text.process(process);
        }
        if let Some(state) = &self.state {
            text.line(state);
        }
        if let Some(metrics) = &self.metrics {
            text.line(metrics);
        }
        for neighbor in &self.neighbors {
            text.neighbor(neighbor, secrets);
        }
        for check in &self.checks {
            text.line(check);
        }
        text.mrt(&self.mrt);
        for station in &self.bmp {
            text.bmp(station);
        }
        text.out
    }
}

impl NeighborConfig {
    /// The neighbor as a section of a file, without final newline.
    pub fn render(&self, secrets: Secrets) -> String {
        let mut text = Text::default();
        text.neighbor(self, secrets);
        text.out.truncate(text.out.trim_end().len());
        text.out
    }
}

/// Text with its indentation.
#[derive(Default)]
pub(crate) struct Text {
    pub(crate) out: String,
    level: usize,
}

impl Text {
    fn line(&mut self, line: impl std::fmt::Display) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.out, "{:1$}{line}", "", self.level * 2);
    }

    fn open(&mut self, head: impl std::fmt::Display) {
        self.line(format_args!("{head} {{"));
        self.level += 1;
    }

    fn close(&mut self) {
        self.level = self.level.saturating_sub(1);
        self.line("}");
    }

    fn set(&mut self, word: &str, value: impl std::fmt::Display) {
        self.line(format_args!("{word} {value};"));
    }

    fn some(&mut self, word: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.set(word, value);
        }
    }

    fn process(&mut self, process: &ProcessConfig) {
        self.open(format_args!("process {}", process.name));
        let run: Vec<String> = process.run.iter().map(|word| argument(word)).collect();
        self.set("run", run.join(" "));
        self.set(
            "encoder",
            match process.encoder {
                Encoder::Json => "json",
                Encoder::Text => "text",
            },
        );
        self.set("respawn", process.respawn);
        let version = process.api_version;
        self.some(
            "api-version",
            (version != ApiVersion::V5).then(|| version.number()),
        );
        self.some("queue-size", process.queue_size);
        let full = process.queue_full;
        self.some(
            "queue-full",
            (full != QueueFull::Pause).then(|| full.name()),
        );
        let wait = process.withdraw_after;
        self.some("on-death withdraw-after", wait.map(|wait| wait.as_secs()));
        let unclaimed = process.unclaimed;
        self.some("unclaimed", unclaimed.map(Unclaimed::name));
        self.confinement(&process.confinement);
        if let Some(guard) = &process.guard {
            guard.to_string().lines().for_each(|line| self.line(line));
        }
        self.close();
        self.out.push('\n');
    }

    fn confinement(&mut self, confinement: &Confinement) {
        self.some("user", confinement.user.as_deref().map(argument));
        let forbidden = confinement.no_new_privileges;
        self.some("no-new-privileges", forbidden.then_some(true));
        if confinement.limits != Limits::default() {
            self.open("limit");
            for (word, most) in confinement.limits.entries() {
                self.set(word, most);
            }
            self.close();
        }
    }

    fn neighbor(&mut self, neighbor: &NeighborConfig, secrets: Secrets) {
        self.open(format_args!("neighbor {}", neighbor.peer()));
        self.scalars(neighbor, secrets);
        self.capabilities(neighbor);
        self.families(neighbor);
        for subscription in &neighbor.subscriptions {
            self.subscription(subscription);
        }
        if !neighbor.operational.is_empty() {
            self.open("operational");
            for message in &neighbor.operational {
                self.line(format_args!("{};", operational(message)));
            }
            self.close();
        }
        self.routes(&neighbor.routes);
        self.close();
        self.out.push('\n');
    }

    fn scalars(&mut self, neighbor: &NeighborConfig, secrets: Secrets) {
        let session = &neighbor.session;
        self.set("description", quoted(&neighbor.description));
        self.some("router-id", session.router_id);
        self.some("host-name", session.host_name.as_deref());
        self.some("domain-name", session.domain_name.as_deref());
        self.set("local-address", or_auto(session.shown_local()));
        self.some("local-link-local", session.local_link_local);
        self.some(
            "source-interface",
            session.source_interface.as_deref().map(argument),
        );
        self.set("local-as", or_auto(session.local_as));
        self.set("peer-as", or_auto(session.peer_as));
        self.set("hold-time", session.hold_time);
        let rate = neighbor.rate_limit;
        self.set(
            "rate-limit",
            rate.map_or_else(|| "disable".to_owned(), |rate| rate.to_string()),
        );
        self.some("prefix-limit", neighbor.prefix_limit);
        self.some("dynamic-limit", neighbor.dynamic_limit);
        if let Some(limit) = &neighbor.announce_limit {
            limit.to_string().lines().for_each(|line| self.line(line));
        }
        let stale = neighbor.stale_path_time;
        self.some(
            "stale-path-time",
            (stale != model::STALE_PATH_TIME).then_some(stale),
        );
        self.set("manual-eor", neighbor.manual_eor);
        self.some("eor-deferral", neighbor.eor_deferral);
        self.set("passive", session.passive);
        self.some("listen", (session.listen > 0).then_some(session.listen));
        self.some("connect", session.connect);
        self.set("group-updates", session.group_updates);
        self.set("auto-flush", neighbor.auto_flush);
        self.set("adj-rib-in", neighbor.adj_rib_in);
        self.set("adj-rib-out", neighbor.adj_rib_out);
        self.keys(neighbor, secrets);
    }

    /// MD5 and TCP-AO, and what stands between them.
    fn keys(&mut self, neighbor: &NeighborConfig, secrets: Secrets) {
        let session = &neighbor.session;
        if let Some((password, base64)) = &neighbor.md5 {
            self.set("md5-password", secret(password, secrets));
            self.set(
                "md5-base64",
                match base64 {
                    Base64::No => "false",
                    Base64::Yes => "true",
                    Base64::Auto => "auto",
                },
            );
        }
        self.some("md5-ip", session.md5_ip);
        self.some("outgoing-ttl", session.outgoing_ttl);
        self.some("incoming-ttl", session.incoming_ttl);
        if let Some(key) = &session.tcp_ao {
            self.tcp_ao("tcp-ao", key, secrets);
        }
    }

    fn tcp_ao(&mut self, head: &str, key: &TcpAo, secrets: Secrets) {
        self.open(head);
        self.set("keyid", key.key_id);
        self.set("algorithm", key.algorithm.name());
        match std::str::from_utf8(&key.password) {
            Ok(text) => self.set("password", secret(text, secrets)),
            Err(_) => {
                self.set("password", secret(&base64::encode(&key.password), secrets));
                self.set("base64", true);
            }
        }
        for next in &key.next {
            self.tcp_ao("next-key", next, secrets);
        }
        self.close();
    }

    fn capabilities(&mut self, neighbor: &NeighborConfig) {
        let capabilities = &neighbor.session.capabilities;
        self.open("capability");
        for (word, value) in switches(capabilities) {
            if word == "software-version" {
                let time = capabilities.graceful_restart;
                self.set(
                    "graceful-restart",
                    time.map_or_else(|| "disable".to_owned(), |time| time.to_string()),
                );
            }
            self.set(word, if value { "enable" } else { "disable" });
            if word == "nexthop" {
                self.set("add-path", add_path(capabilities.add_path));
            }
        }
        let notification = capabilities.graceful_restart_notification;
        self.some(
            "graceful-restart-notification",
            notification.then_some("enable"),
        );
        self.some(
            "long-lived-graceful-restart",
            capabilities.long_lived_graceful_restart,
        );
        let strict = if capabilities.role_strict {
            " strict"
        } else {
            ""
        };
        self.some(
            "role",
            capabilities
                .role
                .map(|code| format!("{}{strict}", role(code))),
        );
        self.close();
    }

    fn families(&mut self, neighbor: &NeighborConfig) {
        let session = &neighbor.session;
        self.open("family");
        for family in &session.families {
            self.line(format_args!("{family};"));
        }
        self.close();
        if let Some(pairs) = &session.capabilities.nexthop {
            self.open("nexthop");
            for (family, afi) in pairs {
                self.line(format_args!("{family} {afi};"));
            }
            self.close();
        }
        let capabilities = &session.capabilities;
        if !capabilities.add_path_families.is_empty() || !capabilities.paths_limit.is_empty() {
            self.open("add-path");
            for family in &capabilities.add_path_families {
                let mut limits = capabilities.paths_limit.iter();
                match limits.find(|(other, _)| other == family) {
                    Some((_, limit)) => self.line(format_args!("{family} limit {limit};")),
                    None => self.line(format_args!("{family};")),
                }
            }
            self.close();
        }
    }

    fn subscription(&mut self, subscription: &Subscription) {
        self.open(format_args!("api {}", subscription.name));
        if !subscription.processes.is_empty() {
            let names = subscription.processes.join(" ");
            self.set("processes", format_args!("[ {names} ]"));
        }
        for (word, on) in [
            ("neighbor-changes", subscription.neighbor_changes),
            ("negotiated", subscription.negotiated),
            ("fsm", subscription.fsm),
            ("signal", subscription.signal),
        ] {
            if on {
                self.line(format_args!("{word};"));
            }
        }
        for (head, messages) in [
            ("receive", subscription.receive),
            ("send", subscription.send),
        ] {
            if messages != Messages::default() {
                self.open(head);
                for (word, on) in words(messages) {
                    if on {
                        self.line(format_args!("{word};"));
                    }
                }
                self.close();
            }
        }
        self.close();
    }

    /// Routes in their order; each run that belongs in one section shares it. `static` has only some families, and
    /// what stands in `announce` is announced before it: so all are written there, or none.
    fn routes(&mut self, routes: &RouteList) {
        let mut section: &[&str] = &[];
        let fixed = routes
            .iter()
            .flat_map(|route| route.nlri)
            .all(|nlri| is_fixed(&nlri));
        for route in routes {
            for nlri in &route.nlri {
                let (place, word) = if fixed {
                    (&["static"][..], "route ".to_owned())
                } else {
                    place(nlri)
                };
                if place != section {
                    section.iter().for_each(|_| self.close());
                    place.iter().for_each(|head| self.open(head));
                    section = place;
                }
                let text = statement(nlri, &route.attributes);
                let mut more = String::new();
                for (word, value) in [("watchdog", &route.watchdog), ("name", &route.name)] {
                    if let Some(value) = value {
                        // Writing to a String cannot fail.
                        let _ = write!(more, " {word} {}", argument(value));
                    }
                }
                if route.withdraw {
                    more.push_str(" withdraw");
                }
                self.line(format_args!("{word}{text}{more};"));
            }
        }
        section.iter().for_each(|_| self.close());
    }
}

/// Capabilities that are on or off, in ExaBGP's order, then those that it does not show.
pub(crate) fn switches(capabilities: &CapabilityConfig) -> [(&'static str, bool); 10] {
    [
        ("asn4", capabilities.asn4),
        ("route-refresh", capabilities.route_refresh),
        ("software-version", capabilities.software_version),
        ("nexthop", capabilities.nexthop.is_some()),
        ("multi-session", capabilities.multi_session),
        ("operational", capabilities.operational),
        ("aigp", capabilities.aigp),
        ("extended-message", capabilities.extended_message),
        ("link-local-nexthop", capabilities.link_local_nexthop),
        ("link-local-prefer", capabilities.link_local_prefer),
    ]
}

/// The contents of a `send` or `receive` section.
pub(crate) const fn words(messages: Messages) -> [(&'static str, bool); 9] {
    [
        ("packets", messages.packets),
        ("parsed", messages.parsed),
        ("consolidate", messages.consolidate),
        ("notification", messages.notification),
        ("open", messages.open),
        ("keepalive", messages.keepalive),
        ("update", messages.update),
        ("refresh", messages.refresh),
        ("operational", messages.operational),
    ]
}

/// The word of the `add-path` setting.
pub(crate) const fn add_path(value: AddPath) -> &'static str {
    match (value.send, value.receive) {
        (true, true) => "send/receive",
        (true, false) => "send",
        (false, true) => "receive",
        (false, false) => "disable",
    }
}

/// RFC 9234 section 4.1, table 1.
const fn role(code: u8) -> &'static str {
    match code {
        0 => "provider",
        1 => "rs",
        2 => "rs-client",
        3 => "customer",
        _ => "peer",
    }
}

/// The text of an operational message.
fn operational(message: &Operational) -> String {
    let mut out = format!(
        "{} afi {} safi {}",
        message.kind.name(),
        message.family.afi,
        message.family.safi
    );
    if let Some(router_id) = message.router_id {
        out.push_str(&format!(" router-id {router_id}"));
    }
    match &message.kind {
        Kind::Adm(text) | Kind::Asm(text) => {
            out.push_str(&format!(" advisory {}", quoted(text)));
        }
        Kind::Rpcq(sequence) | Kind::Apcq(sequence) | Kind::Lpcq(sequence) => {
            out.push_str(&format!(" sequence {sequence}"));
        }
        Kind::Rpcp(sequence, counter)
        | Kind::Apcp(sequence, counter)
        | Kind::Lpcp(sequence, counter) => {
            out.push_str(&format!(" sequence {sequence} counter {counter}"));
        }
    }
    out
}

fn or_auto(value: Option<impl std::fmt::Display>) -> String {
    value.map_or_else(|| "auto".to_owned(), |value| value.to_string())
}

fn secret(text: &str, secrets: Secrets) -> String {
    match secrets {
        Secrets::Shown => quoted(text),
        Secrets::Hidden => "\"***\"".to_owned(),
    }
}
