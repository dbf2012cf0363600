//! What `top` shows: a table of lines that fit the width of the terminal.

use std::collections::HashMap;

use crossterm::style::Color;
use serde_json::Value;

/// Lines of the view that stay when the others are scrolled: the title, an empty line, the head of the table.
pub(super) const HEAD: usize = 3;
/// What a line has besides the address of a neighbor and its last error.
const COLUMNS: usize = 65;

/// A line of the view.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) color: Option<Color>,
    /// It is the head of a table.
    pub(super) head: bool,
}

impl Line {
    pub(super) fn new(text: String, width: usize) -> Self {
        Self {
            text: fit(&text, width),
            color: None,
            head: false,
        }
    }
}

/// A text cut to a width, without control characters.
fn fit(text: &str, width: usize) -> String {
    let clean = text.chars().map(|c| if c.is_control() { '?' } else { c });
    let mut fitted: String = clean.take(width).collect();
    if text.chars().count() > width && width > 0 {
        fitted.pop();
        fitted.push('…');
    }
    fitted.truncate(fitted.trim_end().len());
    fitted
}

/// An address cut in its middle to a width: its end is what distinguishes it from others.
fn shorten(address: &str, width: usize) -> String {
    let count = address.chars().count();
    if count <= width {
        return address.to_owned();
    }
    let start = width.saturating_sub(1) / 2;
    let end = count - (width.saturating_sub(1) - start);
    let kept = address.chars().take(start).chain(['…']);
    kept.chain(address.chars().skip(end)).collect()
}

/// The view of a status; rates are the difference to an earlier one, with the seconds between both.
pub(super) fn lines(status: &Value, before: Option<(&Value, f64)>, width: usize) -> Vec<Line> {
    let empty = Vec::new();
    let list = |key: &str| status[key].as_array().unwrap_or(&empty).clone();
    let (mut neighbors, helpers) = (list("neighbors"), list("processes"));
    let is_up = |neighbor: &Value| neighbor["up"] == true;
    let up = neighbors.iter().filter(|neighbor| is_up(neighbor)).count();
    let mut all = Vec::new();
    let mut plain = |text: String| all.push(Line::new(text, width));
    plain(format!(
        "oxabgp {}  up {}  {up} of {} established  longest turn {} ms{}",
        status["version"].as_str().unwrap_or_default(),
        span(number(&status["uptime"])),
        neighbors.len(),
        (status["longest-turn"].as_f64().unwrap_or(0.0) * 1_000.0).round(),
        match status["longest-turns"][0]["work"].as_str() {
            Some(work) => format!(" ({work})"),
            None => String::new(),
        }
    ));
    plain(String::new());
    let address = neighbors
        .iter()
        .filter_map(|neighbor| neighbor["peer"].as_str())
        .map(|address| address.chars().count())
        .max()
        .unwrap_or(0)
        // An IPv4 address has at most 15 characters, an IPv6 address 39.
        .min(width.saturating_sub(COLUMNS).max(15))
        .clamp(8, 39);
    all.push(Line {
        head: true,
        ..Line::new(
            format!(
                "{:address$} {:>10} {:11} {:>9} {:>8} {:>8} {:>6} {:>5}  LAST ERROR",
                "NEIGHBOR", "AS", "STATE", "FOR", "OUT", "IN", "MSG/S", "FLAPS"
            ),
            width,
        )
    });
    neighbors.sort_by_key(is_up);
    let before = before.map(Earlier::new);
    for neighbor in &neighbors {
        let rate = before.as_ref().and_then(|before| before.rate(neighbor));
        all.push(row(neighbor, (address, width), rate));
    }
    if !helpers.is_empty() {
        all.push(Line::new(String::new(), width));
        all.push(Line {
            head: true,
            ..Line::new(
                format!(
                    "{:16} {:>8} {:>8} {:>10} {:>10} {:>8} {:>8}",
                    "HELPER", "PID", "RESTARTS", "QUEUE", "COMMANDS", "REFUSED", "DROPPED"
                ),
                width,
            )
        });
        all.extend(helpers.iter().map(|helper| self::helper(helper, width)));
    }
    all
}

/// A neighbor, with a column for its address and its rate.
fn row(neighbor: &Value, (address, width): (usize, usize), rate: Option<f64>) -> Line {
    let text = format!(
        "{:address$} {:>10} {:11} {:>9} {:>8} {:>8} {:>6} {:>5}  {}",
        shorten(neighbor["peer"].as_str().unwrap_or_default(), address),
        neighbor["peer-as"].as_str().unwrap_or_default(),
        neighbor["state"]
            .as_str()
            .unwrap_or_default()
            .to_lowercase(),
        span(number(&neighbor["since"])),
        sum(&neighbor["routes"]["out"]),
        match &neighbor["routes"]["in"] {
            Value::Object(_) => sum(&neighbor["routes"]["in"]).to_string(),
            _ => "-".to_owned(),
        },
        rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.0}")),
        number(&neighbor["flaps"]),
        neighbor["last-error"]["text"].as_str().unwrap_or_default(),
    );
    Line {
        color: (neighbor["up"] != true).then_some(Color::Red),
        ..Line::new(text, width)
    }
}

fn helper(helper: &Value, width: usize) -> Line {
    let up = helper["up"] == true;
    let text = format!(
        "{:16} {:>8} {:>8} {:>10} {:>10} {:>8} {:>8}",
        helper["name"].as_str().unwrap_or_default(),
        helper["pid"]
            .as_u64()
            .map_or_else(|| "down".to_owned(), |pid| pid.to_string()),
        number(&helper["restarts"]),
        number(&helper["queue-bytes"]),
        number(&helper["commands-done"]),
        number(&helper["commands-refused"]),
        number(&helper["events-dropped"]),
    );
    Line {
        color: (!up).then_some(Color::Red),
        ..Line::new(text, width)
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn sum(counts: &Value) -> u64 {
    let counts = counts
        .as_object()
        .into_iter()
        .flat_map(|counts| counts.values());
    counts.map(number).sum()
}

/// The neighbors of an earlier status, and the seconds since.
struct Earlier<'a> {
    neighbors: HashMap<(&'a str, &'a str), &'a Value>,
    seconds: f64,
}

impl<'a> Earlier<'a> {
    fn new((status, seconds): (&'a Value, f64)) -> Self {
        let neighbors = status["neighbors"].as_array().into_iter().flatten();
        Self {
            neighbors: neighbors
                .map(|neighbor| (name(neighbor), neighbor))
                .collect(),
            seconds,
        }
    }

    /// Messages per second of a neighbor since then.
    fn rate(&self, neighbor: &Value) -> Option<f64> {
        let old = self.neighbors.get(&name(neighbor))?;
        let total = |neighbor: &Value| {
            number(&neighbor["messages-received"]) + number(&neighbor["messages-sent"])
        };
        let count = total(neighbor).saturating_sub(total(old));
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        (self.seconds > 0.0).then(|| f64::from(count) / self.seconds)
    }
}

/// What distinguishes a neighbor from others.
fn name(neighbor: &Value) -> (&str, &str) {
    let text = |key: &str| neighbor[key].as_str().unwrap_or_default();
    (text("peer"), text("neighbor"))
}

/// A duration in at most nine characters.
fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match days {
        0 => format!("{hours:02}:{minutes:02}:{:02}", seconds % 60),
        _ => format!("{days}d{hours:02}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_fits_the_terminal() {
        let status = serde_json::json!({
            "version": "0.1.0", "uptime": 90_061, "longest-turn": 0.0123,
            "neighbors": [
                { "peer": "192.0.2.1", "peer-as": "65000", "state": "ESTABLISHED", "up": true, "since": 61,
                  "flaps": 2, "messages-received": 100, "messages-sent": 20, "routes": { "out": { "ipv4 unicast": 7 } } },
                { "peer": "2001:db8::1", "peer-as": "4200000000", "state": "IDLE", "up": false, "since": 5,
                  "flaps": 0, "routes": { "out": {}, "in": { "ipv4 unicast": 1, "ipv6 unicast": 2 } },
                  "last-error": { "text": "Cease \u{1b}[31m, a long text that does not fit into a narrow terminal" } },
            ],
            "processes": [ { "name": "helper", "up": true, "pid": 7, "restarts": 1 } ],
        });
        assert_eq!(shorten("2001:db8::1234:5678", 11), "2001:…:5678");
        assert_eq!(shorten("192.0.2.1", 9), "192.0.2.1");
        for width in [0, 10, 40, 80, 200] {
            for line in lines(&status, None, width) {
                assert!(line.text.chars().count() <= width, "{width}: {}", line.text);
                assert!(!line.text.contains('\u{1b}'));
            }
        }
        let mut old = status.clone();
        old["neighbors"][0]["messages-received"] = 80.into();
        let all = lines(&status, Some((&old, 2.0)), 200);
        // The one that is down comes first.
        assert!(
            all[3].text.starts_with("2001:db8::1 4200000000 idle"),
            "{}",
            all[3].text
        );
        assert_eq!(all[3].color, Some(Color::Red));
        let words: Vec<&str> = all[4].text.split_whitespace().collect();
        assert_eq!(
            words,
            [
                "192.0.2.1",
                "65000",
                "established",
                "00:01:01",
                "7",
                "-",
                "10",
                "2"
            ]
        );
        assert!(all[7].text.starts_with("helper"), "{}", all[7].text);
    }
}
