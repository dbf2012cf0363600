//! A file of several checks, as ExaBGP's wiki documents it on the page "Health Checks": a section each.
//!
//! ```ini
//! [check-web-http]
//! type = http
//! url = http://127.0.0.1:80/health
//! method = GET
//! timeout = 5
//! interval = 10
//! rise = 2
//! fall = 3
//! announce = 198.51.100.10/32
//! next-hop = 192.0.2.10
//! withdraw-on-down = true
//! ```
//!
//! ExaBGP itself has no such file (its issues 1355 and 1356). Whatever is not in the wiki is an option of the command line:
//! `community = 65000:1`. Addresses of the machine are not changed, and routes are announced only when a state changes.

use super::file::Entry;

/// Options without a value.
const FLAGS: [&str; 10] = [
    "withdraw-on-down",
    "debounce",
    "deaggregate-networks",
    "dynamic-ip-setup",
    "no-ip-setup",
    "label-exact-match",
    "sudo",
    "silent",
    "debug",
    "no-verify",
];
/// Options of the whole process, which a section cannot have.
const PROCESS: [&str; 7] = [
    "config",
    "pid",
    "user",
    "group",
    "no-ack",
    "no-syslog",
    "syslog-facility",
];

/// Options of the whole process, which stand before the first section or on the command line.
const COMMON: [&str; 3] = ["debug", "silent", "name"];

/// One section.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) name: String,
    /// The line of its name, starting at 1.
    pub(super) line: usize,
    /// Its lines, with the words of the command line that they stand for.
    pub(super) entries: Vec<Entry>,
}

/// An error, and its line.
pub(super) type Wrong = (usize, String);

/// One line: a key and its value.
struct Line<'a> {
    number: usize,
    key: String,
    value: &'a str,
}

/// Splits a file into its sections; `None` if it has none. What stands before the first one is for all of them.
///
/// # Errors
/// When a section is not complete, or a line has no meaning.
pub(super) fn sections(text: &str) -> Option<Result<Vec<Section>, Wrong>> {
    let mut found: Vec<(String, usize, Vec<Line<'_>>)> = Vec::new();
    let mut common = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            found.push((name.trim().to_owned(), number, Vec::new()));
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, "true"));
        let line = Line {
            number,
            key: key.trim().to_ascii_lowercase().replace('_', "-"),
            value: value.trim(),
        };
        match found.last_mut() {
            Some((.., lines)) => lines.push(line),
            None => common.push(line),
        }
    }
    if found.is_empty() {
        return None;
    }
    let common: Result<Vec<Entry>, Wrong> = common.iter().map(option).collect();
    let common = match common {
        Ok(common) => common,
        Err(wrong) => return Some(Err(wrong)),
    };
    let mut names: Vec<&str> = found.iter().map(|(name, ..)| name.as_str()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        let twin = found.iter().rev().find(|(name, ..)| *name == pair[0]);
        let line = twin.map_or(1, |(_, line, _)| *line);
        return Some(Err((
            line,
            format!("the section [{}] is there twice", pair[0]),
        )));
    }
    let sections = found.into_iter().map(|(name, line, lines)| {
        let mut entries: Vec<Entry> = common.iter().map(Entry::copy).collect();
        entries.extend(section(&name, line, &lines)?);
        Ok(Section {
            name,
            line,
            entries,
        })
    });
    Some(sections.collect())
}

/// The words of one section.
fn section(name: &str, line: usize, lines: &[Line<'_>]) -> Result<Vec<Entry>, Wrong> {
    let wrong = |text: &str| Err((line, format!("the section [{name}] {text}")));
    let find = |key: &str| lines.iter().rev().find(|line| line.key == key);
    let kind = match find("type") {
        Some(line) => line.value.to_ascii_lowercase(),
        None if find("url").is_some() => "http".to_owned(),
        None if find("command").is_some() => "command".to_owned(),
        None => return wrong("has no `type`: `http`, `tcp`, `dns` or `command`"),
    };
    let needed: &[&str] = match kind.as_str() {
        "http" | "https" => &["url"],
        "tcp" => &["host", "port"],
        "dns" => &["server", "query"],
        "command" | "exec" | "script" => &["command"],
        _ => {
            let text = format!("`{kind}` is not a type: `http`, `tcp`, `dns` or `command`");
            return Err((find("type").map_or(line, |line| line.number), text));
        }
    };
    for key in needed {
        if find(key).is_none() {
            return wrong(&format!("has no `{key}`"));
        }
    }
    if find("announce").is_none() {
        return wrong("has no `announce`");
    }
    let mut entries = vec![
        entry(line, &["--no-ip-setup"]),
        entry(line, &["--debounce"]),
    ];
    for line in lines {
        if COMMON.contains(&line.key.as_str()) {
            let text = format!(
                "`{}` is an option of the whole process: write it before the first section",
                line.key
            );
            return Err((line.number, text));
        }
        if line.key == "dynamic-ip-setup" || line.key == "ip-setup" {
            entries.retain(|entry| entry.words != ["--no-ip-setup"]);
        }
        entries.extend(words(line, &kind, &find)?);
    }
    Ok(entries)
}

fn entry(line: usize, words: &[&str]) -> Entry {
    Entry {
        line,
        words: words.iter().map(|&word| word.to_owned()).collect(),
    }
}

/// The words of one line.
fn words<'a>(
    line: &Line<'_>,
    kind: &str,
    find: &dyn Fn(&str) -> Option<&'a Line<'a>>,
) -> Result<Vec<Entry>, Wrong> {
    let (at, value) = (line.number, line.value);
    let one = |word: &str, value: &str| Ok(vec![entry(at, &[word, value])]);
    let each = |word: &str| {
        let values = value
            .split([',', ' ', '\t'])
            .filter(|value| !value.is_empty());
        Ok(values.map(|value| entry(at, &[word, value])).collect())
    };
    match (kind, line.key.as_str()) {
        (_, "type") | ("tcp" | "dns", "port") => Ok(Vec::new()),
        ("http" | "https", "url") => one("--http", value),
        ("http" | "https", "method") => one("--http-method", &value.to_ascii_uppercase()),
        ("http" | "https", "status" | "expected-status") => each("--http-status"),
        ("http" | "https", "body" | "expected-body") => one("--http-body", value),
        ("http" | "https", "header") => one("--http-header", value),
        ("http" | "https", "verify" | "verify-ssl" | "verify-tls") => Ok(match truth(line)? {
            true => Vec::new(),
            false => vec![entry(at, &["--no-verify"])],
        }),
        ("tcp", "host") => one("--tcp", &with_port(value, find("port"))),
        ("dns", "server") => one("--dns", &with_port(value, find("port"))),
        ("dns", "query") => {
            let mut parts = value.split_ascii_whitespace();
            let mut entries = vec![entry(
                at,
                &["--dns-query", parts.next().unwrap_or_default()],
            )];
            entries.extend(parts.map(|kind| entry(at, &["--dns-type", kind])));
            Ok(entries)
        }
        ("dns", "query-type" | "record-type") => one("--dns-type", value),
        (_, "announce") => each("--ip"),
        (_, "metric") => one("--up-metric", value),
        (_, "ip-setup") => Ok(Vec::new()),
        _ => option(line).map(|entry| vec![entry]).map(|mut entries| {
            entries.retain(|entry| !entry.words.is_empty());
            entries
        }),
    }
}

/// An address with the port of another line.
fn with_port(address: &str, port: Option<&Line<'_>>) -> String {
    let Some(port) = port else {
        return address.to_owned();
    };
    match address.contains(':') {
        true => format!("[{address}]:{}", port.value),
        false => format!("{address}:{}", port.value),
    }
}

/// An option of the command line; without words if it is a flag that is off.
fn option(line: &Line<'_>) -> Result<Entry, Wrong> {
    let key = line.key.as_str();
    if PROCESS.contains(&key) {
        let text =
            format!("`{key}` is an option of the whole process: write it on the command line");
        return Err((line.number, text));
    }
    let option = format!("--{key}");
    let words: &[&str] = match FLAGS.contains(&key) {
        true if truth(line)? => &[&option],
        true => &[],
        false => &[&option, line.value],
    };
    Ok(entry(line.number, words))
}

fn truth(line: &Line<'_>) -> Result<bool, Wrong> {
    match line.value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" | "enable" => Ok(true),
        "false" | "no" | "off" | "0" | "disable" => Ok(false),
        other => {
            let text = format!("`{}` is `true` or `false`, not `{other}`", line.key);
            Err((line.number, text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<Vec<String>, Wrong> {
        let sections = sections(text).expect("sections")?;
        let shown = sections.iter().map(|section| {
            let words = section.entries.iter().flat_map(|entry| entry.words.clone());
            format!("{}: {}", section.name, words.collect::<Vec<_>>().join(" "))
        });
        Ok(shown.collect())
    }

    #[test]
    fn sections_are_options() {
        let text = "\
rise = 2
; two services
[check-web-http]
type = http
url = http://127.0.0.1:80/health
method = get
announce = 198.51.100.10/32, 2001:db8::1
next-hop = 192.0.2.10
withdraw-on-down = true
verify_ssl = no

[dns]
type = dns
server = ::1
port = 54
query = example.net AAAA
announce = 198.51.100.11
withdraw_on_down = false
[mail]
type=tcp
host = 127.0.0.1
port = 25
announce=198.51.100.12
";
        let common = "--rise 2 --no-ip-setup --debounce";
        assert_eq!(
            shown(text).expect("good"),
            [
                format!(
                    "check-web-http: {common} --http http://127.0.0.1:80/health --http-method GET --ip 198.51.100.10/32 --ip 2001:db8::1 --next-hop 192.0.2.10 --withdraw-on-down --no-verify"
                ),
                format!(
                    "dns: {common} --dns [::1]:54 --dns-query example.net --dns-type AAAA --ip 198.51.100.11"
                ),
                format!("mail: {common} --tcp 127.0.0.1:25 --ip 198.51.100.12"),
            ]
        );
        assert!(sections("interval = 5\nip = 192.0.2.1\n").is_none());
    }

    #[test]
    fn what_is_missing_or_wrong_has_its_line() {
        for (text, line, part) in [
            ("\n[a]\nannounce = 192.0.2.1\n", 2, "no `type`"),
            ("[a]\ntype = http\nannounce = 192.0.2.1", 1, "no `url`"),
            ("[a]\ntype = icmp\n", 2, "`icmp` is not a type"),
            ("[a]\ntype = command\ncommand = true", 1, "no `announce`"),
            (
                "[a]\ncommand = true\nannounce = ::1\nwithdraw-on-down = maybe",
                4,
                "`true` or `false`",
            ),
            (
                "[a]\ncommand = true\nannounce = ::1\nuser = x",
                4,
                "whole process",
            ),
            (
                "debug\n[a]\ncommand = true\nannounce = ::1\ndebug",
                5,
                "before the first section",
            ),
            ("[a]\ncommand = true\nannounce = ::1\n[a]\n", 4, "twice"),
        ] {
            let wrong = shown(text).expect_err(text);
            assert!(
                wrong.0 == line && wrong.1.contains(part),
                "{text}: {wrong:?}"
            );
        }
    }
}
