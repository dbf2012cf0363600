//! Words of ExaBGP's command line in the form that clap understands: `-sF` is an option of its own, a value may start with a
//! dash if it contains a space, and abbreviations are those of ExaBGP.

use std::ffi::{OsStr, OsString};

/// The long options of ExaBGP, which may be abbreviated as there whatever other options there are now.
const EXABGP: [&str; 50] = [
    "as-path",
    "cmd",
    "command",
    "community",
    "config",
    "deaggregate-networks",
    "debounce",
    "debug",
    "disable",
    "disabled-as-path",
    "disabled-community",
    "disabled-execute",
    "disabled-metric",
    "down-as-path",
    "down-execute",
    "down-metric",
    "dynamic-ip-setup",
    "execute",
    "extended-community",
    "fall",
    "fast-interval",
    "group",
    "help",
    "increase",
    "interval",
    "ip",
    "ip-ifname",
    "label",
    "label-exact-match",
    "large-community",
    "local-preference",
    "name",
    "neighbor",
    "next-hop",
    "no-ack",
    "no-ip-setup",
    "no-syslog",
    "path-id",
    "pid",
    "rise",
    "silent",
    "start-ip",
    "sudo",
    "syslog-facility",
    "timeout",
    "up-as-path",
    "up-execute",
    "up-metric",
    "user",
    "withdraw-on-down",
];

/// An abbreviation that is unique among the options of ExaBGP, spelt out.
fn spelt_out(text: &str) -> Option<String> {
    let word = text.strip_prefix("--")?;
    let (part, value) = match word.split_once('=') {
        Some((part, value)) => (part, Some(value)),
        None => (word, None),
    };
    let mut fitting = EXABGP.iter().filter(|name| name.starts_with(part));
    let name = fitting.next().filter(|_| !part.is_empty())?;
    let is_unique = fitting.next().is_none() && *name != part;
    is_unique.then(|| match value {
        Some(value) => format!("--{name}={value}"),
        None => format!("--{name}"),
    })
}

/// The words of the command line in the form that clap understands.
pub(super) fn words(given: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = Vec::new();
    for word in given {
        let text = word.to_str().unwrap_or_default();
        let option = words.last().and_then(|word: &OsString| word.to_str());
        let has_blank = text.starts_with('-')
            && text
                .split('=')
                .next()
                .is_some_and(|name| name.contains(' '));
        // The separator between the option and its value.
        let glue = option
            .filter(|_| has_blank)
            .and_then(|option| match option {
                "-s" | "-d" | "-a" | "-h" => None,
                long if long.starts_with("--") && !long.contains('=') => Some("="),
                short if short.len() == 2 && short.starts_with('-') => Some(""),
                _ => None,
            });
        if let Some(facility) = text.strip_prefix("-sF") {
            let long = OsStr::new("--syslog-facility");
            words.push(match facility.strip_prefix('=').unwrap_or(facility) {
                "" => long.to_owned(),
                facility => [long, OsStr::new(&format!("={facility}"))]
                    .into_iter()
                    .collect(),
            });
        } else if let Some((glue, last)) = glue.zip(words.last_mut()) {
            last.push(glue);
            last.push(&word);
        } else {
            words.push(spelt_out(text).map_or(word, OsString::from));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_begin_with_a_dash_if_there_is_a_blank_in_it() {
        let given = [
            "--command",
            "-x y",
            "-c",
            "-x y",
            "-sF",
            "-sFuser",
            "-sF=user",
            "--execute",
            "-z",
        ];
        let words: Vec<String> = words(given.map(OsString::from))
            .into_iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        assert_eq!(
            words,
            [
                "--command=-x y",
                "-c-x y",
                "--syslog-facility",
                "--syslog-facility=user",
                "--syslog-facility=user",
                "--execute",
                "-z"
            ]
        );
    }

    #[test]
    fn abbreviations_are_spelt_out_if_they_are_unique_in_exabgp() {
        for (word, wanted) in [
            ("--h", Some("--help")),
            ("--timeout", None),
            // Two options, there as well.
            ("--c", None),
            ("--", None),
            ("-t", None),
            ("--ip", None),
            ("--cm=x=y", Some("--cmd=x=y")),
        ] {
            assert_eq!(spelt_out(word).as_deref(), wanted, "{word}");
        }
    }
}
