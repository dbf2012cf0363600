//! In the place of bgpreader and bgpdump: their command lines in our words.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::cli::USAGE;

/// What `bgpdump -h` prints.
const BGPDUMP: &str = "\
MRT files as text: oxabgp in the place of bgpdump, with its options.

Usage: bgpdump [-H|-m|-M] [-t dump|-t change] [-plu] [-O FILE] [-v|-q|-s] FILE...

Form:
  -H         a paragraph for each record, the default
  -m         a line for each route, with times in seconds since 1970
  -M         a line for each route, with times as dates, and fewer fields

Lines of -m and -M:
  -t dump    routes of a table have the time of the table, the default
  -t change  routes of a table have the time when they were received
  -p         the number of the record is the second column
  -l         large communities follow the communities
  -u         unknown attributes follow

Other options:
  -O FILE    write to this file
  -v         report damage on standard error
  -q, -s     report nothing, the default
  -h         show this

`oxabgp stream --help` tells what else the program can do.
";

/// Options of ours that bgpreader's abbreviations hide, and those that need them.
const HIDDEN: [&str; 9] = [
    "peer",
    "local_as",
    "peer_as",
    "local_address",
    "router_id",
    "family",
    "hold_time",
    "md5",
    "listen",
];

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

/// One of the two, whose command line was given.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Reader {
    pub(in crate::cli) name: &'static str,
    /// How the user has called it.
    pub(in crate::cli) shown: &'static str,
}

/// A command line of one of them in our words.
///
/// # Errors
/// The exit code, when it asks for help or is wrong.
pub(in crate::cli) fn translated(
    reader: Reader,
    given: impl Iterator<Item = OsString>,
) -> Result<Vec<OsString>, ExitCode> {
    match reader.name {
        "bgpdump" => bgpdump(given).map_err(|other| other.explain(reader.shown)),
        _ => Ok(bgpreader(given)),
    }
}

/// bgpreader's command line. Its options are ours, but `--count` always has a number, and what abbreviates one of its long
/// options is that one, whatever options of our own begin like it.
fn bgpreader(mut given: impl Iterator<Item = OsString>) -> Vec<OsString> {
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

/// The help of `bgpreader`: without options that mean something else on its command line.
pub(super) fn bgpreaders(mut command: clap::Command, shown: &str) -> clap::Command {
    for option in HIDDEN {
        command = command.mut_arg(option, |arg| arg.hide(true));
    }
    let after = command.get_after_help().map(ToString::to_string);
    let after = after.unwrap_or_default().replace("oxabgp stream", shown);
    command.after_help(after).mut_arg("count_only", |arg| {
        arg.help("Print how many records and elems there are instead of them")
    })
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

/// Why a command line of bgpdump is none of `oxabgp stream`.
#[derive(Debug, PartialEq, Eq)]
enum Dump {
    /// It asks for help.
    Help,
    /// It is wrong.
    Wrong(String),
}

impl Dump {
    /// Prints the help, or what is wrong. Returns the exit code.
    fn explain(&self, shown: &str) -> ExitCode {
        match self {
            Self::Help => {
                let usage = format!("Usage: {shown}");
                out!("{}", BGPDUMP.replace("Usage: bgpdump", &usage));
                ExitCode::SUCCESS
            }
            Self::Wrong(reason) => {
                errln!("error: {reason}\n\nFor more information, try `{shown} -h`.");
                ExitCode::from(USAGE)
            }
        }
    }
}

/// bgpdump's command line. As in getopt, the last one of several options counts, and after `--` there are only files.
///
/// # Errors
/// When it asks for help, or is wrong.
fn bgpdump(mut given: impl Iterator<Item = OsString>) -> Result<Vec<OsString>, Dump> {
    let mut words: Vec<OsString> = vec!["stream".into(), "--no-progress".into()];
    let mut files: Vec<OsString> = Vec::new();
    let mut style = None;
    let mut quiet = true;
    while let Some(word) = given.next() {
        let text = word.to_string_lossy().into_owned();
        let letters = match text.strip_prefix('-') {
            Some("-") => {
                files.extend(given);
                break;
            }
            Some("-help") => return Err(Dump::Help),
            Some(letters) if letters.starts_with('-') => {
                return Err(Dump::Wrong(format!("bgpdump has no option `{text}`")));
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
                'h' => return Err(Dump::Help),
                't' | 'O' => {
                    let attached: String = rest.by_ref().collect();
                    let value = match attached.is_empty() {
                        true => given.next(),
                        false => Some(attached.into()),
                    };
                    let missing = || Dump::Wrong(format!("the option `-{letter}` needs a value"));
                    let value = value.ok_or_else(missing)?;
                    if letter == 't' && value != "dump" && value != "change" {
                        let reason = "expected `-t dump` or `-t change`";
                        return Err(Dump::Wrong(reason.to_owned()));
                    }
                    let option = match letter {
                        't' => "--route-time",
                        _ => "--output",
                    };
                    words.extend([option.into(), value]);
                }
                other => {
                    return Err(Dump::Wrong(format!("bgpdump has no option `-{other}`")));
                }
            }
        }
    }
    if quiet {
        words.push("--quiet".into());
    }
    words.push(style.unwrap_or("-H").into());
    if !files.is_empty() {
        words.push("--".into());
    }
    words.extend(files);
    Ok(words)
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
        let line = |words: &str| text(bgpdump(given(words)).expect("good"));
        assert_eq!(
            line("-mp -tchange -O out file.gz"),
            "stream --no-progress --packet-index --route-time change --output out --quiet -m -- file.gz"
        );
        assert_eq!(
            line("-v -M -t dump -"),
            "stream --no-progress --route-time dump -M -- -"
        );
        assert_eq!(
            line("-m a -- -b -p"),
            "stream --no-progress --quiet -m -- a -b -p"
        );
        for words in ["-mh", "--help", "-h x"] {
            assert_eq!(bgpdump(given(words)), Err(Dump::Help));
        }
        for words in ["--json x", "-O", "-t", "-t now x", "-T", "--filter x y"] {
            let refused = bgpdump(given(words));
            assert!(matches!(refused, Err(Dump::Wrong(_))), "{words}");
        }
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
