//! Log lines as JSON, one object each: `oxabgp server --log-format json`.
//!
//! ```json
//! {"time":"2026-01-01T00:00:00.000Z","level":"info","target":"oxabgp::fsm","event":"session.state","message":"state","fields":{"neighbor":"192.0.2.1"}}
//! ```
//!
//! `event` is a name that stays the same when the message is worded differently: [`EVENTS`](super::events::EVENTS) lists all of
//! them. Lines without a name have no such member: messages of other programs, and details for people.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::events::name;
use crate::json::JsonWriter;

/// What is before the level.
const LEVEL: &str = ",\"level\":";

/// Formats lines.
pub(super) struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let facts = event.metadata();
        let level = facts.level().as_str().to_ascii_lowercase();
        let mut w = begin(&level, facts.target(), &fields.message);
        if !fields.others.is_empty() {
            w.raw(",\"fields\":{").raw(fields.others.as_str()).raw("}");
        }
        w.raw("}\n");
        out.write_str(w.as_str())
    }
}

/// The level of a line.
pub(super) fn level(line: &str) -> Option<&str> {
    // Quotes in texts are escaped, and the level is before all of them.
    let (_, rest) = line.split_once(LEVEL)?;
    rest.strip_prefix('"')?.split('"').next()
}

/// A line up to its fields.
fn begin(level: &str, target: &str, message: &str) -> JsonWriter {
    let mut w = JsonWriter::new();
    w.raw("{\"time\":").string(&now());
    w.raw(LEVEL).string(level);
    w.raw(",\"target\":").string(target);
    if let Some(name) = name(message) {
        w.raw(",\"event\":").string(name);
    }
    w.raw(",\"message\":").string(message);
    w
}

/// What the command line prints to standard error, as a line: `error: …`, `warning: …`, or anything else.
pub(crate) fn complaint(text: &str) -> String {
    let text = text.trim();
    let levels = [("error: ", "error"), ("warning: ", "warn"), ("", "info")];
    let found = levels
        .iter()
        .find_map(|(prefix, level)| Some((*level, text.strip_prefix(prefix)?)));
    let (level, message) = found.unwrap_or(("info", text));
    let mut w = begin(level, "oxabgp", message);
    w.raw("}\n");
    w.as_str().to_owned()
}

/// The fields of an event.
#[derive(Default)]
struct Fields {
    message: String,
    /// All but the message, as members of an object.
    others: JsonWriter,
}

impl Fields {
    fn key(&mut self, field: &Field) -> &mut JsonWriter {
        if !self.others.is_empty() {
            self.others.raw(",");
        }
        self.others.string(field.name()).raw(":")
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.key(field).string(&text);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.key(field).string(value);
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.key(field).number(value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.key(field).number(value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.key(field).boolean(value);
    }
}

/// The time as in RFC 3339, in UTC.
fn now() -> String {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:06}Z",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60,
        since.subsec_micros()
    )
}

/// The date of a day, counted from 1970-01-01.
const fn date(days: u64) -> (u64, u64, u64) {
    // Years that begin with March have their leap day at the end; an era has 400 of them.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(11_016), (2000, 2, 29));
        assert_eq!(date(20_786), (2026, 11, 29));
        assert_eq!(date(47_540), (2100, 2, 28));
        assert_eq!(date(47_541), (2100, 3, 1));
    }

    #[test]
    fn events_have_names_whatever_follows() {
        assert_eq!(name("the helper is started"), Some("process.started"));
        assert_eq!(
            name("the helper is started again"),
            Some("process.restarted")
        );
        assert_eq!(name("the helper is started in vain"), None);
        assert_eq!(
            name("the helper ended: exit status: 1"),
            Some("process.ended")
        );
        assert_eq!(name("oxabgp 0.1.0 is running"), Some("daemon.started"));
        assert_eq!(name("something else"), None);
    }
}
