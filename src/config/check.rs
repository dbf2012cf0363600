//! Health checks that the daemon carries out itself, and what is announced because of them.

use std::fmt::{self, Write as _};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use super::monitor::Monitored;
use super::quoting::argument;
use super::show::statement;
use crate::bgp::attribute::Attribute;
use crate::bgp::{AttributeSet, Nlri};
use crate::health::dns::{self, Expected};
use crate::health::{HttpCheck, Pace, Target};

/// A health check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckConfig {
    /// Its name, unique in the file.
    pub name: String,
    /// What is checked.
    pub target: Target,
    /// How often.
    pub pace: Pace,
    /// While this file exists, the service is disabled and not checked.
    pub disable: Option<PathBuf>,
    /// What is announced while the service is up.
    pub routes: Vec<(Nlri, Rc<AttributeSet>)>,
    /// What becomes of the routes while it is down or disabled.
    pub down: Down,
    /// The group that it belongs to.
    pub group: Option<CheckGroup>,
    /// The neighbors that are sent the routes.
    pub neighbors: Monitored,
    /// How long after its routes were withdrawn `down-execute` is run, and the daemon stops.
    pub drain: Duration,
    /// A command that is run before the routes are announced.
    pub up_execute: Option<String>,
    /// A command that is run after they were withdrawn.
    pub down_execute: Option<String>,
}

/// What becomes of the routes of a service that is down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Down {
    /// They are withdrawn.
    Withdraw,
    /// They are announced with these attributes in place of their own.
    Change(Vec<Attribute>),
}

/// The group of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckGroup {
    /// Its name.
    pub name: String,
    /// If all checks of the group fail at once, each keeps its state.
    pub fail_static: bool,
}

impl CheckConfig {
    /// What is announced while the service is down.
    pub fn down_routes(&self) -> Vec<(Nlri, Rc<AttributeSet>)> {
        let Down::Change(changed) = &self.down else {
            return Vec::new();
        };
        let routes = self.routes.iter().map(|(nlri, attributes)| {
            let kept = attributes
                .list()
                .iter()
                .filter(|attribute| changed.iter().all(|other| other.code() != attribute.code()));
            let list = kept.chain(changed).cloned().collect();
            (nlri.clone(), Rc::new(AttributeSet::new(list)))
        });
        routes.collect()
    }

    /// The kind of check: `http`, `tcp`, `dns` or `command`.
    pub const fn kind(&self) -> &'static str {
        match self.target {
            Target::Http(_) => "http",
            Target::Tcp(_) => "tcp",
            Target::Dns(_) => "dns",
            Target::Command(_) => "command",
        }
    }

    /// What is checked, in words of the file.
    pub fn shown_target(&self) -> String {
        match &self.target {
            Target::Http(check) => argument(&check.url.to_string()),
            Target::Tcp(end) => {
                let host = end.host.to_string();
                let host = host.trim_matches(['[', ']']);
                format!("{host} port {}", end.port)
            }
            Target::Dns(query) => dns_words(query),
            Target::Command(command) => argument(command),
        }
    }
}

fn dns_words(query: &dns::Query) -> String {
    let mut out = query.server.ip().to_string();
    // Writing to a String cannot fail, here and below.
    if query.server.port() != dns::PORT {
        let _ = write!(out, " port {}", query.server.port());
    }
    let question = format!("{} {}", query.name, query.kind);
    let _ = write!(out, " query {}", argument(&question));
    match query.expects {
        Expected::Record => {}
        Expected::Address(address) => {
            let _ = write!(out, " answer {address}");
        }
        Expected::NoName => out.push_str(" answer nxdomain"),
    }
    out
}

/// The time that routes have to drain, unless set: some if a command follows.
pub(crate) const fn default_drain(is_followed: bool) -> Duration {
    Duration::from_secs(if is_followed { 5 } else { 0 })
}

/// Seconds as the file has them.
fn seconds(time: Duration) -> String {
    time.as_secs_f64().to_string()
}

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Change(attributes) = self else {
            return f.write_str("withdraw");
        };
        for (at, attribute) in attributes.iter().enumerate() {
            let blank = if at > 0 { " " } else { "" };
            match attribute {
                Attribute::Med(med) => write!(f, "{blank}metric {}", med.0)?,
                other => write!(f, "{blank}{other}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for CheckGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = if self.fail_static { " fail-static" } else { "" };
        write!(f, "{}{policy}", self.name)
    }
}

/// The section as a file has it.
impl fmt::Display for CheckConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "check {} {{", self.name)?;
        write!(f, "  {} {}", self.kind(), self.shown_target())?;
        match &self.target {
            Target::Http(check) => http(check, f)?,
            _ => writeln!(f, ";")?,
        }
        let pace = &self.pace;
        writeln!(f, "  interval {};", seconds(pace.interval))?;
        writeln!(f, "  fast-interval {};", seconds(pace.fast_interval))?;
        writeln!(f, "  timeout {};", seconds(pace.timeout))?;
        writeln!(f, "  rise {};", pace.rise)?;
        writeln!(f, "  fall {};", pace.fall)?;
        if !pace.flap_hold.is_zero() {
            writeln!(f, "  flap-hold {};", seconds(pace.flap_hold))?;
        }
        if let Some(path) = &self.disable {
            writeln!(f, "  disable {};", argument(&path.to_string_lossy()))?;
        }
        for (nlri, attributes) in &self.routes {
            writeln!(f, "  route {};", statement(nlri, attributes))?;
        }
        writeln!(f, "  down {};", self.down)?;
        if let Some(group) = &self.group {
            writeln!(f, "  group {group};")?;
        }
        let neighbors: Vec<String> = self.neighbors.words().collect();
        if !neighbors.is_empty() {
            writeln!(f, "  neighbors [ {} ];", neighbors.join(" "))?;
        }
        if self.drain != default_drain(self.down_execute.is_some()) {
            writeln!(f, "  drain {};", seconds(self.drain))?;
        }
        for (word, command) in [
            ("up-execute", &self.up_execute),
            ("down-execute", &self.down_execute),
        ] {
            if let Some(command) = command {
                writeln!(f, "  {word} {};", argument(command))?;
            }
        }
        writeln!(f, "}}")
    }
}

fn http(check: &HttpCheck, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, " {{")?;
    if check.method != "GET" {
        writeln!(f, "    method {};", check.method)?;
    }
    if !check.status.is_empty() {
        let codes: Vec<String> = check.status.iter().map(u16::to_string).collect();
        writeln!(f, "    status [ {} ];", codes.join(" "))?;
    }
    if let Some(body) = &check.body {
        writeln!(f, "    body {};", argument(body))?;
    }
    for (name, value) in &check.headers {
        writeln!(f, "    header {};", argument(&format!("{name}: {value}")))?;
    }
    if check.tls.unverified {
        writeln!(f, "    verify disable;")?;
    }
    if let Some(path) = &check.tls.ca {
        writeln!(f, "    ca {};", argument(&path.to_string_lossy()))?;
    }
    writeln!(f, "  }}")
}
