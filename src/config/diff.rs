//! What a reload would do: the difference between two configurations, one change for each thing that happens.
//!
//! A pure function, so that a reload can be previewed. A session is reset only if something that its OPEN or its TCP
//! connection depends on has changed; routes are announced and withdrawn by difference; a helper is restarted only if its
//! command line or its encoder changed.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::model::{Config, NeighborConfig, ProcessConfig};
use super::notation::as_before;
use super::show::{Secrets, statement};
use crate::grammar::RouteList;

/// One change of a reload. `Display` is one line, or several if it lists settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigChange {
    /// A helper is started.
    ProcessAdded(String),
    /// A helper is ended.
    ProcessRemoved(String),
    /// A helper is ended and started, with another command line or encoder.
    ProcessRestarted(String),
    /// A helper goes on with other settings.
    ProcessChanged(String),
    /// The routes that a helper, or without a name operators, announced before are not known as theirs: a new `on-death` or
    /// `max-routes` does not cover them until they are announced again.
    EarlierRoutes(Option<String>),
    /// The guard of a helper, or without a name one that is for operators, too, would refuse routes that are announced: they stay.
    /// A running daemon knows that, not the comparison of two files.
    RoutesRefused {
        /// The helper's name.
        process: Option<String>,
        /// How many routes.
        routes: usize,
    },
    /// Metrics are served elsewhere, or with other contents.
    MetricsChanged,
    /// The journal is kept elsewhere or otherwise, from the next start on.
    StateChanged,
    /// A health check is begun.
    CheckAdded(String),
    /// It is ended, and its routes are withdrawn.
    CheckRemoved(String),
    /// It goes on with other settings, in the state that it has.
    CheckChanged(String),
    /// A session is started.
    NeighborAdded(String),
    /// A session is ended.
    NeighborRemoved(String),
    /// A session is reset; the settings that it depends on, as they were and as they are.
    SessionReset {
        /// The neighbor's name.
        neighbor: String,
        /// Removed and added lines of the file.
        settings: Settings,
    },
    /// The settings of a neighbor change; its session is kept.
    SettingsChanged {
        /// The neighbor's name.
        neighbor: String,
        /// Removed and added lines of the file.
        settings: Settings,
    },
    /// An archive or a monitoring station is begun: its section, and its file or name.
    MonitorAdded(String),
    /// It is ended.
    MonitorRemoved(String),
    /// It is ended, and begun with other settings.
    MonitorChanged(String),
    /// A route is announced, or announced with other attributes.
    RouteAnnounced {
        /// The neighbor's name.
        neighbor: String,
        /// The route as the file would have it.
        route: String,
    },
    /// A route is withdrawn.
    RouteWithdrawn {
        /// The neighbor's name.
        neighbor: String,
        /// The route as the file would have it.
        route: String,
    },
}

/// Lines of a configuration that differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Those that only the old one has.
    pub gone: Vec<String>,
    /// Those that only the new one has.
    pub new: Vec<String>,
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.gone {
            write!(f, "\n    - {line}")?;
        }
        for line in &self.new {
            write!(f, "\n    + {line}")?;
        }
        Ok(())
    }
}

/// What is said of [`ConfigChange::EarlierRoutes`].
const UNCOVERED: &str = "routes announced before are not covered by `on-death` and `max-routes` until they are announced again";

impl fmt::Display for ConfigChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ProcessAdded(name) => write!(f, "+ process {name}: is started"),
            Self::ProcessRemoved(name) => write!(f, "- process {name}: is ended"),
            Self::ProcessRestarted(name) => write!(f, "! process {name}: is restarted"),
            Self::ProcessChanged(name) => {
                write!(
                    f,
                    "~ process {name}: goes on with the settings of the new file"
                )
            }
            Self::EarlierRoutes(Some(name)) => {
                write!(f, "~ process {name}: {UNCOVERED}")
            }
            Self::EarlierRoutes(None) => write!(f, "~ operators: {UNCOVERED}"),
            Self::RoutesRefused { process, routes } => {
                match process {
                    Some(name) => write!(f, "~ process {name}: ")?,
                    None => f.write_str("~ operators: ")?,
                }
                write!(
                    f,
                    "{routes} of the routes that are announced would be refused by the new guard: they stay, but are not renewed, and the next start does not announce them"
                )
            }
            Self::MetricsChanged => write!(f, "~ metrics: are served as the new file has it"),
            Self::StateChanged => write!(f, "~ state: applies from the next start on"),
            Self::CheckAdded(name) => write!(f, "+ check {name}: is begun"),
            Self::CheckRemoved(name) => {
                write!(f, "- check {name}: is ended, its routes are withdrawn")
            }
            Self::CheckChanged(name) => {
                write!(
                    f,
                    "~ check {name}: goes on with the settings of the new file"
                )
            }
            Self::NeighborAdded(name) => write!(f, "+ {name}: the session is started"),
            Self::NeighborRemoved(name) => write!(f, "- {name}: the session is ended"),
            Self::SessionReset { neighbor, settings } => {
                write!(f, "! {neighbor}: the session is reset{settings}")
            }
            Self::SettingsChanged { neighbor, settings } => {
                write!(f, "~ {neighbor}: the session stays{settings}")
            }
            Self::MonitorAdded(name) => write!(f, "+ {name}: is begun"),
            Self::MonitorRemoved(name) => write!(f, "- {name}: is ended"),
            Self::MonitorChanged(name) => write!(f, "! {name}: is begun again"),
            Self::RouteAnnounced { neighbor, route } => {
                write!(f, "+ {neighbor}: announces {route}")
            }
            Self::RouteWithdrawn { neighbor, route } => {
                write!(f, "- {neighbor}: withdraws {route}")
            }
        }
    }
}

/// The changes that lead from `old` to `new`, in the order of the new file; removals come first.
pub fn diff(old: &Config, new: &Config) -> Vec<ConfigChange> {
    let mut changes = Vec::new();
    processes(old, new, &mut changes);
    if old.metrics != new.metrics {
        changes.push(ConfigChange::MetricsChanged);
    }
    if old.state != new.state {
        changes.push(ConfigChange::StateChanged);
    }
    checks(old, new, &mut changes);
    monitors(old, new, &mut changes);
    let named = |config: &Config| -> Vec<String> {
        config.neighbors.iter().map(NeighborConfig::name).collect()
    };
    let (old_names, names) = (named(old), named(new));
    let new_names = numbered(as_before(&old_names, &names).into_iter());
    let old_names = numbered(old_names.into_iter());
    let wanted: HashSet<_> = new_names.iter().collect();
    let gone = old_names.iter().filter(|name| !wanted.contains(name));
    changes.extend(gone.map(|(name, _)| ConfigChange::NeighborRemoved(name.clone())));
    let before: HashMap<_, _> = old_names.iter().zip(&old.neighbors).collect();
    for ((numbered, name), neighbor) in new_names.iter().zip(&names).zip(&new.neighbors) {
        match before.get(numbered) {
            Some(old) => compare(name, old, neighbor, &mut changes),
            None => {
                changes.push(ConfigChange::NeighborAdded(name.clone()));
                routes(name, None, neighbor, &mut changes);
            }
        }
    }
    changes
}

fn checks(old: &Config, new: &Config, changes: &mut Vec<ConfigChange>) {
    let find = |config: &'_ Config, name: &str| {
        let mut all = config.checks.iter();
        all.find(|check| check.name == name).cloned()
    };
    for check in &old.checks {
        if find(new, &check.name).is_none() {
            changes.push(ConfigChange::CheckRemoved(check.name.clone()));
        }
    }
    for check in &new.checks {
        match find(old, &check.name) {
            None => changes.push(ConfigChange::CheckAdded(check.name.clone())),
            Some(before) if before != *check => {
                changes.push(ConfigChange::CheckChanged(check.name.clone()));
            }
            Some(_) => {}
        }
    }
}

/// Names, each with a number that tells it apart from the same ones before: neighbors of one name differ only in a setting such
/// as the port.
pub(crate) fn numbered(names: impl Iterator<Item = String>) -> Vec<(String, usize)> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let number = |name: String| {
        let count = counts.entry(name.clone()).or_default();
        *count += 1;
        (name, *count)
    };
    names.map(number).collect()
}

fn processes(old: &Config, new: &Config, changes: &mut Vec<ConfigChange>) {
    let find = |config: &Config, name: &str| {
        let mut all = config.processes.iter();
        all.find(|process| process.name == name).cloned()
    };
    for process in &old.processes {
        if find(new, &process.name).is_none() {
            changes.push(ConfigChange::ProcessRemoved(process.name.clone()));
        }
    }
    for process in &new.processes {
        match find(old, &process.name) {
            None => changes.push(ConfigChange::ProcessAdded(process.name.clone())),
            Some(before) if before.starts_differently(process) => {
                changes.push(ConfigChange::ProcessRestarted(process.name.clone()));
            }
            Some(before) if before != *process => {
                changes.push(ConfigChange::ProcessChanged(process.name.clone()));
            }
            Some(_) => {}
        }
    }
    if old.state.is_none() {
        let owners = uncovered(old, new).into_iter();
        changes.extend(owners.map(ConfigChange::EarlierRoutes));
    }
}

/// The helpers, and with `None` operators, whose routes are recorded from now on, and were not before unless there is a journal.
pub(crate) fn uncovered(old: &Config, new: &Config) -> Vec<Option<String>> {
    let counts_operators = |config: &Config| {
        let mut all = config.processes.iter();
        all.any(ProcessConfig::records_operators)
    };
    let mut owners = Vec::new();
    for process in new.processes.iter().filter(|one| one.records_routes()) {
        let before = old.processes.iter().find(|one| one.name == process.name);
        if before.is_some_and(|before| !before.records_routes()) {
            owners.push(Some(process.name.clone()));
        }
    }
    if counts_operators(new) && !counts_operators(old) {
        owners.push(None);
    }
    owners
}

/// Archives and monitoring stations by their section and name, with their settings.
fn monitored(config: &Config) -> Vec<(String, String)> {
    let mrt = &config.mrt;
    let updates = mrt.updates.iter().map(|one| {
        let name = format!("mrt updates {}", one.file.pattern());
        (name, format!("{one:?}"))
    });
    let tables = mrt.tables.iter().map(|one| {
        let name = format!("mrt table {}", one.file.pattern());
        (name, format!("{one:?}"))
    });
    let stations = config.bmp.iter();
    let stations = stations.map(|one| (format!("bmp {}", one.name), format!("{one:?}")));
    updates.chain(tables).chain(stations).collect()
}

fn monitors(old: &Config, new: &Config, changes: &mut Vec<ConfigChange>) {
    let (before, after) = (monitored(old), monitored(new));
    let find = |all: &[(String, String)], name: &str| {
        let mut found = all.iter().filter(|(other, _)| other == name);
        found.next().map(|(_, settings)| settings.clone())
    };
    for (name, _) in &before {
        if find(&after, name).is_none() {
            changes.push(ConfigChange::MonitorRemoved(name.clone()));
        }
    }
    for (name, settings) in after {
        match find(&before, &name) {
            None => changes.push(ConfigChange::MonitorAdded(name)),
            Some(earlier) if earlier != settings => {
                changes.push(ConfigChange::MonitorChanged(name));
            }
            Some(_) => {}
        }
    }
}

fn compare(
    name: &str,
    old: &NeighborConfig,
    new: &NeighborConfig,
    changes: &mut Vec<ConfigChange>,
) {
    let neighbor = name.to_owned();
    if old.session.needs_reset(&new.session) {
        let settings = settings(old, new);
        changes.push(ConfigChange::SessionReset { neighbor, settings });
    } else {
        let bare = |config: &NeighborConfig| NeighborConfig {
            routes: RouteList::default(),
            ..config.clone()
        };
        if bare(old) != bare(new) {
            let settings = settings(old, new);
            changes.push(ConfigChange::SettingsChanged { neighbor, settings });
        }
    }
    routes(name, Some(old), new, changes);
}

/// The lines of both that differ, routes aside. Keys are never among them: a changed key is only reported as changed.
fn settings(old: &NeighborConfig, new: &NeighborConfig) -> Settings {
    let lines = |config: &NeighborConfig| -> Vec<String> {
        let bare = NeighborConfig {
            routes: RouteList::default(),
            ..config.clone()
        };
        let text = bare.render(Secrets::Hidden);
        // A word that occurs in several sections is qualified by its section.
        let mut sections: Vec<&str> = Vec::new();
        let mut lines = Vec::new();
        for line in text.lines().skip(1).map(str::trim) {
            if let Some(head) = line.strip_suffix(" {") {
                sections.push(head);
            } else if line == "}" {
                sections.pop();
            } else {
                lines.push(format!(
                    "{}{line}",
                    sections
                        .iter()
                        .fold(String::new(), |path, head| path + head + ": ")
                ));
            }
        }
        lines
    };
    let (before, after) = (lines(old), lines(new));
    let mut settings = Settings {
        gone: before
            .iter()
            .filter(|line| !after.contains(line))
            .cloned()
            .collect(),
        new: after
            .iter()
            .filter(|line| !before.contains(line))
            .cloned()
            .collect(),
    };
    let (before, after) = (old.peer(), new.peer());
    if before != after {
        settings.gone.insert(0, format!("neighbor {before}"));
        settings.new.insert(0, format!("neighbor {after}"));
    }
    if old.session.md5_password != new.session.md5_password
        || old.session.tcp_ao != new.session.tcp_ao
    {
        settings.new.push("another key".to_owned());
    }
    settings
}

fn routes(
    name: &str,
    old: Option<&NeighborConfig>,
    new: &NeighborConfig,
    changes: &mut Vec<ConfigChange>,
) {
    fn all(config: &NeighborConfig) -> impl Iterator<Item = (String, bool)> {
        config.routes.iter().flat_map(|route| {
            let off = route.watchdog.is_some() && route.withdraw;
            let attributes = route.attributes;
            let nlri = route.nlri.into_iter();
            nlri.map(move |nlri| (statement(&nlri, &attributes), off))
        })
    }
    let key = |config: &NeighborConfig| -> HashMap<_, usize> {
        let mut keys = HashMap::new();
        let nlri = config.routes.iter().flat_map(|route| route.nlri);
        for (index, nlri) in nlri.enumerate() {
            keys.insert((nlri.family, nlri.path_id, nlri.as_ref().key()), index);
        }
        keys
    };
    let (before, after) = (old.map(key).unwrap_or_default(), key(new));
    let old_texts: Vec<_> = old.map(|old| all(old).collect()).unwrap_or_default();
    let new_texts: Vec<_> = all(new).collect();
    let neighbor = || name.to_owned();
    let mut gone: Vec<usize> = before
        .iter()
        .filter(|(key, _)| !after.contains_key(*key))
        .map(|(_, index)| *index)
        .collect();
    gone.sort_unstable();
    changes.extend(gone.into_iter().map(|index| ConfigChange::RouteWithdrawn {
        neighbor: neighbor(),
        route: old_texts[index].0.clone(),
    }));
    let mut fresh: Vec<usize> = after
        .iter()
        .filter(|(key, index)| {
            let earlier = before.get(*key).map(|index| &old_texts[*index].0);
            earlier != Some(&new_texts[**index].0) && !new_texts[**index].1
        })
        .map(|(_, index)| *index)
        .collect();
    fresh.sort_unstable();
    changes.extend(fresh.into_iter().map(|index| ConfigChange::RouteAnnounced {
        neighbor: neighbor(),
        route: new_texts[index].0.clone(),
    }));
}
