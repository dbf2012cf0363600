//! The difference between two configurations as JSON.

use super::diff::{ConfigChange, Settings};
use crate::json::JsonWriter;

/// The changes as an array of objects, on one line: each has `change`, what happens, and `process`, `check`, `neighbor`, `monitor`,
/// `route`, the number of `routes`, `removed` and `added` lines of settings where they apply.
pub fn changes_json(changes: &[ConfigChange]) -> String {
    let mut w = JsonWriter::default();
    w.raw("[ ");
    w.list(changes, one);
    w.raw(" ]");
    w.into_string()
}

fn one(w: &mut JsonWriter, change: &ConfigChange) {
    use ConfigChange as C;
    let (kind, subject, text): (&str, &str, &str) = match change {
        C::ProcessAdded(name) => ("process-added", "process", name),
        C::ProcessRemoved(name) => ("process-removed", "process", name),
        C::ProcessRestarted(name) => ("process-restarted", "process", name),
        C::ProcessChanged(name) => ("process-changed", "process", name),
        C::EarlierRoutes(Some(name)) => ("earlier-routes-uncovered", "process", name),
        C::EarlierRoutes(None) => ("earlier-routes-uncovered", "", ""),
        C::RoutesRefused {
            process: Some(name),
            ..
        } => ("routes-refused", "process", name),
        C::RoutesRefused { process: None, .. } => ("routes-refused", "", ""),
        C::MetricsChanged => ("metrics-changed", "", ""),
        C::StateChanged => ("state-changed", "", ""),
        C::CheckAdded(name) => ("check-added", "check", name),
        C::CheckRemoved(name) => ("check-removed", "check", name),
        C::CheckChanged(name) => ("check-changed", "check", name),
        C::NeighborAdded(name) => ("neighbor-added", "neighbor", name),
        C::NeighborRemoved(name) => ("neighbor-removed", "neighbor", name),
        C::SessionReset { neighbor, .. } => ("session-reset", "neighbor", neighbor),
        C::SettingsChanged { neighbor, .. } => ("settings-changed", "neighbor", neighbor),
        C::MonitorAdded(name) => ("monitor-added", "monitor", name),
        C::MonitorRemoved(name) => ("monitor-removed", "monitor", name),
        C::MonitorChanged(name) => ("monitor-changed", "monitor", name),
        C::RouteAnnounced { neighbor, .. } => ("route-announced", "neighbor", neighbor),
        C::RouteWithdrawn { neighbor, .. } => ("route-withdrawn", "neighbor", neighbor),
    };
    w.raw("{ ");
    w.key("change").string(kind);
    if !subject.is_empty() {
        w.raw(", ");
        w.key(subject).string(text);
    }
    match change {
        C::SessionReset { settings, .. } | C::SettingsChanged { settings, .. } => {
            lines(w, settings)
        }
        C::RouteAnnounced { route, .. } | C::RouteWithdrawn { route, .. } => {
            w.raw(", ");
            w.key("route").string(route);
        }
        C::RoutesRefused { routes, .. } => {
            w.raw(", ");
            w.key("routes").number(*routes);
        }
        _ => {}
    }
    w.raw(" }");
}

fn lines(w: &mut JsonWriter, settings: &Settings) {
    for (key, lines) in [("removed", &settings.gone), ("added", &settings.new)] {
        w.raw(", ");
        w.key(key).raw("[ ");
        w.list(lines, |w, line| {
            w.string(line);
        });
        w.raw(" ]");
    }
}
