//! The metrics of health checks, and their table on the status page.

use std::fmt::Write as _;
use std::time::Duration;

use super::encoder::{Encoder, Format, Kind, with_zeros};
use super::text::{Escaped, span};
use crate::api::control::CheckStatus;
use crate::daemon::core::Core;
use crate::daemon::status::snapshot::clean;
use crate::health::Cause;

/// Name, kind, help and samples of each.
type Row = (
    &'static str,
    Kind,
    &'static str,
    fn(&CheckStatus<'_>, &mut Encoder<'_>),
);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("oxabgp_check_up", Kind::Gauge, "Whether the routes of the health check are those of a service that is up.", |check, e| {
        e.sample(&[("check", check.name)], u8::from(check.side == Some("up")));
    }),
    ("oxabgp_check_state", Kind::Gauge, "1 for the current state of the health check.", |check, e| {
        let state = check.state.to_ascii_lowercase();
        e.sample(&[("check", check.name), ("state", &state)], 1);
    }),
    ("oxabgp_check_held", Kind::Gauge, "Whether a change is held back, by flap-hold or fail-static.", |check, e| {
        e.sample(&[("check", check.name)], u8::from(check.held.is_some()));
    }),
    ("oxabgp_check_refused", Kind::Gauge, "Whether routes of the health check are refused.", |check, e| {
        e.sample(&[("check", check.name)], u8::from(check.refused.is_some()));
    }),
    ("oxabgp_check_routes", Kind::Gauge, "Routes that the health check announces.", |check, e| {
        e.sample(&[("check", check.name)], check.routes);
    }),
    ("oxabgp_check_seconds", Kind::Gauge, "How long the last check took.", |check, e| {
        e.sample(&[("check", check.name)], check.took.as_secs_f64());
    }),
    ("oxabgp_check_success_total", Kind::Counter, "Checks that succeeded.", |check, e| {
        e.sample(&[("check", check.name)], check.good);
    }),
    ("oxabgp_check_failures_total", Kind::Counter, "Checks that failed, by cause.", |check, e| {
        for (cause, count) in with_zeros(Cause::ALL.map(Cause::name), check.failures) {
            e.sample(&[("check", check.name), ("cause", cause)], count);
        }
    }),
    ("oxabgp_check_changes_total", Kind::Counter, "How often the routes of the health check have changed.", |check, e| {
        e.sample(&[("check", check.name)], check.changes);
    }),
    ("oxabgp_check_holds_total", Kind::Counter, "How often a change was held back.", |check, e| {
        e.sample(&[("check", check.name)], check.holds);
    }),
];

/// Writes them, if there are health checks.
pub(super) fn write(core: &Core, format: Format, out: &mut String) {
    if core.checks.all().is_empty() {
        return;
    }
    for (name, kind, help, sample) in ROWS {
        let mut encoder = Encoder::new(out, format, name);
        encoder.head(*kind, help);
        core.checks
            .show(&core.routes, &mut |check| sample(check, &mut encoder));
    }
}

/// The table of the status page. Writing to a string cannot fail.
pub(super) fn table(core: &Core, out: &mut String) {
    if core.checks.all().is_empty() {
        return;
    }
    out.push_str("<h2>Health checks</h2>\n<div class=\"scroll\"><table id=\"checks\">\n<thead><tr><th>Check</th><th>State</th><th class=\"n\">For</th><th class=\"n\">Routes</th><th class=\"n\">Failures</th><th class=\"n\">Changes</th><th>Last check</th></tr></thead>\n<tbody>\n");
    core.checks.show(&core.routes, &mut |check| row(check, out));
    out.push_str("</tbody></table></div>\n");
}

fn row(check: &CheckStatus<'_>, out: &mut String) {
    let class = match check.state {
        "UP" => "up",
        "DOWN" | "DISABLED" => "down",
        _ => "wait",
    };
    let held = check
        .held
        .map_or_else(String::new, |held| format!("<small>held by {held}</small>"));
    let failures: u64 = check.failures.iter().map(|(_, count)| count).sum();
    let last = match (check.refused, check.reason, check.last) {
        (Some(refused), ..) => format!("routes refused: {refused}"),
        (None, Some(reason), _) => reason.to_owned(),
        (None, None, None) => "not yet".to_owned(),
        (None, None, Some(_)) => format!("ok, {} ms", check.took.as_millis()),
    };
    let _ = writeln!(
        out,
        "<tr><td class=\"t\">{}<small>{} {}</small></td><td class=\"t\"><span class=\"{class}\">{}</span>{held}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{failures}</td><td class=\"n\">{}</td><td class=\"e\">{}</td></tr>",
        Escaped(check.name),
        check.kind,
        Escaped(&clean(check.target)),
        check.state.to_ascii_lowercase(),
        check
            .since
            .map_or_else(|| "–".to_owned(), |since: Duration| span(since)),
        check.routes,
        check.changes,
        Escaped(&clean(&last)),
    );
}
