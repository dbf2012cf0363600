//! In the place of bgpreader and bgpdump: their command lines in our words.

use std::ffi::OsString;

/// bgpreader's long options.
const BGPREADER: [&str; 25] = [
    "data-interface",
    "filter",
    "interval",
    "data-interface-option",
    "project",
    "collector",
    "router",
    "record-type",
    "resource-type",
    "peer-asn",
    "not-peer-asn",
    "origin-asn",
    "prefix",
    "community",
    "aspath",
    "time-window",
    "rib-period",
    "count",
    "live",
    "output-elems",
    "output-bgpdump",
    "output-records",
    "output-headers",
    "version",
    "help",
];

/// bgpreader's command line. Its options are ours, but `--count` always has a number, and what abbreviates one of its long
/// options is that one, whatever options of our own begin like it.
pub(in crate::cli) fn bgpreader(mut given: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec!["stream".into()];
    while let Some(word) = given.next() {
        match word.to_str() {
            Some("--") => {
                words.push(word);
                words.extend(given);
                break;
            }
            // `-o?` asks for the options of an interface.
            Some("-o?") => words.extend(["-o".into(), "?".into()]),
            Some(text) => words.push(expand(text).map_or(word, OsString::from)),
            None => words.push(word),
        }
    }
    words
}

/// A long option of bgpreader's in full, its value included, if `word` abbreviates one.
fn expand(word: &str) -> Option<String> {
    let text = word.strip_prefix("--")?;
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, format!("={value}")),
        None => (text, String::new()),
    };
    if BGPREADER.contains(&name) {
        return None;
    }
    let mut matches = BGPREADER.iter().filter(|known| known.starts_with(name));
    match (matches.next(), matches.next()) {
        (Some(known), None) => Some(format!("--{known}{value}")),
        _ => None,
    }
}

/// bgpdump's command line. As in getopt, the last one of several options counts, and after `--` there are only files.
pub(in crate::cli) fn bgpdump(mut given: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec!["stream".into(), "--no-progress".into()];
    let mut files: Vec<OsString> = Vec::new();
    let mut style = None;
    let mut quiet = true;
    while let Some(word) = given.next() {
        let text = word.to_string_lossy().into_owned();
        let letters = match text.strip_prefix('-') {
            Some("-") => {
                files.push(word);
                files.extend(given);
                break;
            }
            Some(letters) if letters.starts_with('-') => {
                words.push(word);
                continue;
            }
            Some(letters) if !letters.is_empty() => letters,
            _ => {
                files.push(word);
                continue;
            }
        };
        let mut rest = letters.chars();
        while let Some(letter) = rest.next() {
            match letter {
                'H' => style = Some("-H"),
                'm' => style = Some("-m"),
                'M' => style = Some("-M"),
                'p' => words.push("--packet-index".into()),
                'l' => words.push("--large-communities".into()),
                'u' => words.push("--unknown-attributes".into()),
                'v' => quiet = false,
                's' | 'q' => quiet = true,
                't' | 'O' => {
                    let option = match letter {
                        't' => "--route-time",
                        _ => "--output",
                    };
                    words.push(option.into());
                    let value: String = rest.by_ref().collect();
                    if value.is_empty() {
                        words.extend(given.next());
                    } else {
                        words.push(value.into());
                    }
                }
                // Not known: clap tells what is.
                other => words.push(format!("-{other}").into()),
            }
        }
    }
    if quiet {
        words.push("--quiet".into());
    }
    words.push(style.unwrap_or("-H").into());
    words.extend(files);
    words
}

/// `--count` without a number prints how many elems there are; with one it is bgpreader's.
pub(in crate::cli) fn count(mut words: Vec<OsString>) -> Vec<OsString> {
    let number = |word: Option<&OsString>| {
        word.and_then(|word| word.to_str())
            .is_some_and(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if words.iter().any(|word| word == "stream") {
        let end = words.iter().position(|word| word == "--");
        for at in 0..end.unwrap_or(words.len()) {
            if words[at] == "--count" && !number(words.get(at + 1)) {
                words[at] = "--count-only".into();
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(words: Vec<OsString>) -> String {
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }

    fn given(line: &str) -> impl Iterator<Item = OsString> {
        line.split(' ')
            .map(OsString::from)
            .collect::<Vec<_>>()
            .into_iter()
    }

    #[test]
    fn bgpdump_is_translated() {
        assert_eq!(
            text(bgpdump(given("-mp -tchange -O out file.gz"))),
            "stream --no-progress --packet-index --route-time change --output out --quiet -m file.gz"
        );
        assert_eq!(
            text(bgpdump(given("-v -M -t dump -"))),
            "stream --no-progress --route-time dump -M -"
        );
        assert_eq!(
            text(bgpdump(given("-m a -- -b -p"))),
            "stream --no-progress --quiet -m a -- -b -p"
        );
    }

    #[test]
    fn bgpreader_s_abbreviations_are_its_own() {
        assert_eq!(
            text(bgpreader(given(
                "--peer 1 --cou=2 --count x --int 3 -- --peer"
            ))),
            "stream --peer-asn 1 --count=2 --count x --interval 3 -- --peer"
        );
        // Ambiguous, or not its own.
        assert_eq!(
            text(bgpreader(given("--co 1 --json -e"))),
            "stream --co 1 --json -e"
        );
    }

    #[test]
    fn count_has_two_meanings() {
        let line = |text: &str| given(text).collect::<Vec<_>>();
        assert_eq!(
            text(count(line("oxabgp stream --count 5 x"))),
            "oxabgp stream --count 5 x"
        );
        assert_eq!(
            text(count(line("oxabgp stream --count x"))),
            "oxabgp stream --count-only x"
        );
        assert_eq!(
            text(count(line("oxabgp stream x -- --count"))),
            "oxabgp stream x -- --count"
        );
    }
}
