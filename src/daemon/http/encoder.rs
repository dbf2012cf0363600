//! The exposition formats of Prometheus: text 0.0.4 and OpenMetrics 1.0.
//!
//! Written by hand, since a family of a thousand neighbors is written in several turns; the `prometheus-client` crate
//! writes a registry at once.

use std::fmt::{Display, Write as _};

/// Which format is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// The text format 0.0.4: what is sent unless something else is asked for.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// The format for a request with that `Accept` header: OpenMetrics if it is accepted and nothing of the plain text
    /// is preferred.
    pub(super) fn accepted(header: &str) -> Self {
        let (mut open, mut plain) = (0, 0);
        for range in header.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
            let (mut weight, mut version) = (1_000, None);
            for parameter in parts {
                let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
                match name.trim().to_ascii_lowercase().as_str() {
                    "q" => weight = thousandths(value.trim()),
                    "version" => version = Some(value.trim().trim_matches('"')),
                    _ => {}
                }
            }
            match kind.as_str() {
                "application/openmetrics-text" if matches!(version, None | Some("1.0.0")) => {
                    open = open.max(weight);
                }
                "text/plain" => plain = plain.max(weight),
                _ => {}
            }
        }
        if open > 0 && open >= plain {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }

    /// Its media type.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// A weight of an `Accept` header, 0 to 1, in thousandths.
fn thousandths(text: &str) -> u32 {
    let weight: f64 = text.parse().unwrap_or(0.0);
    // Between 0 and 1000.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "in range"
    )]
    let weight = (weight.clamp(0.0, 1.0) * 1_000.0) as u32;
    weight
}

/// The type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A value that only grows, with `_total` at the end of its name.
    Counter,
    /// Labels with the value 1, with `_info` at the end of its name.
    Info,
    /// Durations by size.
    Histogram,
    /// A counter whose name does not end in `_total`, which the checks of both formats refuse.
    Untyped,
}

/// Writes families of samples.
pub(super) struct Encoder<'a> {
    pub(super) out: &'a mut String,
    pub(super) format: Format,
    /// The name of the current family.
    name: &'a str,
}

impl<'a> Encoder<'a> {
    /// Writes samples of the family `name`.
    pub(super) const fn new(out: &'a mut String, format: Format, name: &'a str) -> Self {
        Self { out, format, name }
    }

    /// Writes the head of the family. Writing to a string cannot fail, here and below.
    pub(super) fn head(&mut self, kind: Kind, help: &str) {
        let open = self.format == Format::OpenMetrics;
        // OpenMetrics names a family without the suffix of its samples.
        let name = match kind {
            Kind::Counter if open => self.name.trim_end_matches("_total"),
            Kind::Info if open => self.name.trim_end_matches("_info"),
            _ => self.name,
        };
        let kind = match kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Info if open => "info",
            Kind::Info => "gauge",
            Kind::Histogram => "histogram",
            Kind::Untyped if open => "unknown",
            Kind::Untyped => "untyped",
        };
        let _ = write!(self.out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// Writes a sample.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.suffixed("", labels, value);
    }

    /// Writes a sample whose name is longer than that of the family.
    pub(super) fn suffixed(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        self.out.push_str(self.name);
        self.out.push_str(suffix);
        let mut open = false;
        for (name, value) in labels {
            self.out.push(if open { ',' } else { '{' });
            open = true;
            self.out.push_str(name);
            self.out.push_str("=\"");
            escape(self.out, value);
            self.out.push('"');
        }
        if open {
            self.out.push('}');
        }
        let _ = writeln!(self.out, " {value}");
    }
}

/// Appends the value of a label: both formats escape the same three characters.
fn escape(out: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}

/// A count for each of the names, 0 where none is known: a series that begins with its first event hides that event from `increase`.
pub(super) fn with_zeros<'a, const N: usize>(
    names: [&'a str; N],
    counts: &[(&str, u64)],
) -> [(&'a str, u64); N] {
    names.map(|name| {
        let found = counts.iter().find(|(known, _)| *known == name);
        (name, found.map_or(0, |(_, count)| *count))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_is_sent_only_if_it_is_preferred() {
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for (header, wanted) in [
            ("", Format::Text),
            ("*/*", Format::Text),
            (prometheus, Format::OpenMetrics),
            ("application/openmetrics-text", Format::OpenMetrics),
            (
                "Application/OpenMetrics-Text ; Version=\"1.0.0\" ; Q=0.2",
                Format::OpenMetrics,
            ),
            ("application/openmetrics-text;q=0", Format::Text),
            (
                "application/openmetrics-text;q=0.3, text/plain",
                Format::Text,
            ),
            ("application/openmetrics-text;version=2.0.0", Format::Text),
            ("text/html,*/*;q=0.8", Format::Text),
            (";;;,,,=", Format::Text),
        ] {
            assert_eq!(Format::accepted(header), wanted, "{header}");
        }
    }

    #[test]
    fn labels_are_escaped() {
        let mut out = String::new();
        let mut encoder = Encoder::new(&mut out, Format::Text, "oxabgp_x");
        encoder.sample(&[("a", "q\"b\\n\nz"), ("b", "")], 3);
        assert_eq!(out, "oxabgp_x{a=\"q\\\"b\\\\n\\nz\",b=\"\"} 3\n");
    }
}
