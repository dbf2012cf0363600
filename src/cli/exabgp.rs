//! Accepts ExaBGP's command lines when started under one of its names.
//!
//! `exabgp` accepts the command line of 5.0 (sub-commands, or a configuration) and that of 4.x, which consists of
//! options: `exabgp [-e ENV] [-d] [--validate] FILE`. Options of 4.x are translated; those without a meaning here are
//! ignored.

use std::ffi::{OsStr, OsString};
#[cfg(feature = "stream")]
use std::ops::Range;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

#[cfg(feature = "stream")]
use super::stream::names::{Reader, translated};
use crate::daemon::control::paths;

/// The sub-commands of 5.0.
const COMMANDS: &[&str] = &[
    "version",
    "cli",
    "healthcheck",
    "decode",
    "server",
    "env",
    "validate",
];

/// The readers of archives whose command lines we take, and what they are called as sub-commands.
#[cfg(feature = "stream")]
pub(super) const READERS: [(&str, &str); 2] = [
    ("bgpreader", "oxabgp bgpreader"),
    ("bgpdump", "oxabgp bgpdump"),
];

/// The file name that we were started as.
fn called() -> String {
    let program = std::env::args_os().next().unwrap_or_default();
    Path::new(&program)
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Returns `true` if we were started as the command-line client of 4.2, whose answers have another format.
pub(super) fn is_client_42() -> bool {
    called() == "exabgpcli"
}

/// The reader of archives that we were started as, by a link of its name, or by its name in the place of a sub-command; and the
/// words that say so. `help` before the name is one of them.
#[cfg(feature = "stream")]
pub(super) fn reader(given: &[OsString]) -> Option<(Reader, Range<usize>)> {
    let of = |word: &OsStr| READERS.into_iter().find(|(name, _)| word == *name);
    if let Some((name, _)) = of(called().as_ref()) {
        return Some((Reader { name, shown: name }, 1..1));
    }
    if is_exabgp() {
        return None;
    }
    let first = super::first_word(given);
    let at = match given.get(first) {
        Some(word) if word == "help" => first + 1,
        _ => first,
    };
    let (name, shown) = of(given.get(at)?)?;
    Some((Reader { name, shown }, first..at + 1))
}

/// Returns `true` if we were started as ExaBGP.
pub(super) fn is_exabgp() -> bool {
    matches!(
        called().as_str(),
        "exabgp" | "exabgp-cli" | "exabgpcli" | "exabgp-healthcheck"
    )
}

/// Translates the command line, if we were started as ExaBGP.
///
/// # Errors
/// Returns the exit code if the program has to exit.
pub(super) fn arguments(given: Vec<OsString>) -> Result<Vec<OsString>, ExitCode> {
    #[cfg(feature = "stream")]
    if let Some((reader, place)) = reader(&given) {
        let mut words = given;
        let rest = match place.len() {
            2 => vec!["--help".into()],
            _ => words.split_off(place.end),
        };
        words.truncate(place.start);
        words.extend(translated(reader, rest.into_iter())?);
        return Ok(words);
    }
    let name = called();
    let mut rest = given.into_iter();
    let program = rest.next().unwrap_or_default();
    let line = match name.as_str() {
        "exabgp-cli" => Line::plain(std::iter::once("cli".into()).chain(rest)),
        "exabgpcli" => client(rest),
        "exabgp-healthcheck" => Line::plain(std::iter::once("healthcheck".into()).chain(rest)),
        "exabgp" => translate(rest.collect()),
        _ => Line::plain(rest),
    };
    for option in &line.idle {
        super::warn_without_effect(&[(true, option)]);
    }
    if let Some(root) = line.root {
        // Everything that looks for files below the root uses the environment.
        let cause = again(&program, &line.words, &root);
        errln!("error: `--root {}`: {cause}", root.display());
        return Err(ExitCode::from(super::REFUSED));
    }
    Ok(std::iter::once(program).chain(line.words).collect())
}

/// Restarts this program with another root. Returns only if that fails.
fn again(program: &OsStr, words: &[OsString], root: &Path) -> std::io::Error {
    match std::env::current_exe() {
        Ok(path) => Command::new(path)
            .arg0(program)
            .args(words)
            .env("EXABGP_ROOT", root)
            .exec(),
        Err(cause) => cause,
    }
}

/// A translated command line of 5.0 or 4.x.
#[derive(Debug, Default, PartialEq, Eq)]
struct Line {
    words: Vec<OsString>,
    /// `--root`: the directory that contains ExaBGP's files.
    root: Option<PathBuf>,
    /// Options without a meaning here.
    idle: Vec<&'static str>,
}

impl Line {
    /// Words that need no translation.
    fn plain(words: impl IntoIterator<Item = OsString>) -> Self {
        Self {
            words: words.into_iter().collect(),
            ..Self::default()
        }
    }
}

/// The command line of 4.2's `exabgpcli`: `--root DIR` and `--env FILE`, anywhere and abbreviated, around the
/// command. The short forms are documented in its help text, but 4.2.22 itself rejects them.
fn client(given: impl Iterator<Item = OsString>) -> Line {
    const LONG: [&str; 5] = ["--root", "--env", "--help", "--pipename", "--socket"];
    let (mut root, mut file): (Option<PathBuf>, Option<OsString>) = (None, None);
    let mut words: Vec<OsString> = Vec::new();
    let mut given = given;
    while let Some(word) = given.next() {
        let text = word.to_string_lossy().into_owned();
        let (option, inside) = match text.split_once('=') {
            Some((option, value)) if option.starts_with("--") => (option, Some(value.into())),
            _ if text.len() > 2 && (text.starts_with("-f") || text.starts_with("-e")) => text
                .split_at_checked(2)
                .map_or((&*text, None), |(option, value)| {
                    (option, Some(OsString::from(value)))
                }),
            _ => (text.as_str(), None),
        };
        let mut value = || inside.clone().or_else(|| given.next());
        match unique(option, &LONG) {
            "--root" | "-f" => match value() {
                Some(value) => root = Some(value.into()),
                None => words.push("--root".into()),
            },
            "--env" | "-e" | "--env-file" => match value() {
                Some(value) => file = Some(value),
                None => words.push("--env-file".into()),
            },
            // Restarted for the root, with words that are already translated.
            "cli" if words.is_empty() => {}
            _ => words.push(word),
        }
    }
    if words.is_empty() {
        words.push("--help".into());
    }
    let mut all: Vec<OsString> = Vec::new();
    if let Some(name) = file {
        let root = root.clone().or_else(paths::root);
        let path = root.map(|root| root.join("etc/exabgp").join(&name));
        let path = path.filter(|path| path.is_file());
        all.extend([
            "--env-file".into(),
            path.map_or(name, PathBuf::into_os_string),
        ]);
    }
    all.push("cli".into());
    all.append(&mut words);
    Line {
        words: all,
        root,
        idle: vec![],
    }
}

/// The meaning of a command line of 4.x.
#[derive(Default)]
struct Wish {
    validate: bool,
    /// Options of `env`, if the settings are to be shown.
    env: Option<Vec<&'static str>>,
    decode: Vec<OsString>,
    version: bool,
    env_file: Option<OsString>,
    root: Option<PathBuf>,
    idle: Vec<&'static str>,
    /// Options of `server`.
    options: Vec<OsString>,
    files: Vec<OsString>,
}

fn translate(given: Vec<OsString>) -> Line {
    let is = |word: &OsString, wanted: &[&str]| wanted.iter().any(|wanted| word == wanted);
    if let Some(at) = given.iter().position(|word| word == "--run") {
        return Line::plain(given[at + 1..].to_vec());
    }
    // `--env-file` and its value may precede the sub-command.
    let skip = match given.first().map(|word| word.to_string_lossy()) {
        Some(word) if word == "--env-file" => 2,
        Some(word) if word.starts_with("--env-file=") => 1,
        _ => 0,
    };
    let first = given.get(skip);
    if given.is_empty()
        || first.is_some_and(|word| is(word, COMMANDS))
        || given.iter().any(|word| is(word, &["-h", "--help"]))
    {
        return Line::plain(given);
    }
    let alone = given.len() == 1;
    let mut wish = Wish::default();
    let mut words = given.into_iter().peekable();
    while let Some(word) = words.next() {
        let text = word.to_string_lossy().into_owned();
        let (option, value) = match text.split_once('=') {
            Some((option, value)) if option.starts_with("--") => (option, Some(value.into())),
            _ => (text.as_str(), None),
        };
        let mut value = || value.clone().or_else(|| words.next()).unwrap_or_default();
        match full(option) {
            "--version" => wish.version = true,
            "-v" if alone => wish.version = true,
            "--root" | "--folder" | "-f" => wish.root = Some(value().into()),
            "--env" | "-e" | "--env-file" => wish.env_file = Some(value()),
            "--full-ini" | "--fi" => wish.env = Some(vec![]),
            "--diff-ini" | "--di" => wish.env = Some(vec!["--diff"]),
            "--full-env" | "--fe" => wish.env = Some(vec!["--env"]),
            "--diff-env" | "--de" => wish.env = Some(vec!["--diff", "--env"]),
            "--validate" | "--test" | "-t" => wish.validate = true,
            "--decode" | "-x" => wish.decode.push(value()),
            "--memory" | "-m" => wish.idle.push("--memory"),
            "--pdb" | "-p" => wish.idle.push("--pdb"),
            "--profile" => {
                wish.idle.push("--profile");
                value();
            }
            "--signal" => wish.options.extend(["--signal".into(), value()]),
            "-s" => {
                // `--memory` in 4.x, `--signal N` in 5.0.
                let number = |word: &OsString| word.to_string_lossy().parse::<u64>().is_ok();
                match words.next_if(number) {
                    Some(seconds) => wish.options.extend(["--signal".into(), seconds]),
                    None => wish.idle.push("--memory"),
                }
            }
            _ if option.starts_with('-') => wish.options.push(word),
            _ => wish.files.push(word),
        }
    }
    wish.line()
}

/// The full name of a long option of 4.x that may be abbreviated to any unique prefix.
fn full(option: &str) -> &str {
    const LONG: [&str; 22] = [
        "--version",
        "--root",
        "--folder",
        "--env",
        "--env-file",
        "--full-ini",
        "--fi",
        "--diff-ini",
        "--di",
        "--full-env",
        "--fe",
        "--diff-env",
        "--de",
        "--validate",
        "--test",
        "--decode",
        "--memory",
        "--pdb",
        "--profile",
        "--signal",
        "--debug",
        "--once",
    ];
    unique(option, &LONG)
}

/// The only long option that starts with `option`, or `option` itself if there is not exactly one.
fn unique<'a>(option: &'a str, long: &[&'static str]) -> &'a str {
    let mut fits = long.iter().filter(|long| long.starts_with(option));
    match (
        option.len() > 2 && !long.contains(&option),
        fits.next(),
        fits.next(),
    ) {
        (true, Some(only), None) => only,
        _ => option,
    }
}

impl Wish {
    fn line(self) -> Line {
        let root = self.root.clone().or_else(paths::root);
        let below = |name: &OsString| root.as_ref().map(|root| root.join("etc/exabgp").join(name));
        let mut words: Vec<OsString> = Vec::new();
        if let Some(name) = &self.env_file {
            // 4.x looks for it in its configuration directory.
            let file = below(name).filter(|path| path.is_file());
            words.extend([
                "--env-file".into(),
                file.map_or_else(|| name.clone(), PathBuf::into_os_string),
            ]);
        }
        let files = self.files.iter().map(|name| {
            let inside = Path::new(name).strip_prefix("etc/exabgp").ok();
            let moved = inside.and_then(|inside| below(&inside.into()));
            moved
                .filter(|path| path.is_file() && !Path::new(name).is_file())
                .map_or_else(|| name.clone(), PathBuf::into_os_string)
        });
        if self.version {
            words.push("version".into());
        } else if let Some(options) = &self.env {
            words.push("env".into());
            words.extend(options.iter().map(OsString::from));
        } else if !self.decode.is_empty() {
            words.push("decode".into());
            for file in files.take(1) {
                words.extend(["--configuration".into(), file]);
            }
            words.extend(self.decode.iter().cloned());
        } else if self.validate {
            words.push("validate".into());
            words.extend(files);
        } else {
            words.push("server".into());
            words.extend(self.options.iter().cloned());
            words.extend(files);
        }
        Line {
            words,
            root: self.root,
            idle: self.idle,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_of_both_versions_mean_what_they_meant() {
        for (given, wanted) in [
            ("x.conf", "server x.conf"),
            ("-d x.conf", "server -d x.conf"),
            ("x.conf --debug", "server --debug x.conf"),
            ("-e /e x.conf", "--env-file /e server x.conf"),
            ("--env=/e x.conf", "--env-file /e server x.conf"),
            ("--env-file /e x.conf", "--env-file /e server x.conf"),
            ("--validate x.conf", "validate x.conf"),
            ("-d -t x.conf", "validate x.conf"),
            (
                "--decode 001E --decode 02 x.conf",
                "decode --configuration x.conf 001E 02",
            ),
            ("-x 001E", "decode 001E"),
            ("--valid x.conf", "validate x.conf"),
            ("--diff-e", "env --diff --env"),
            ("--deb x.conf", "server --deb x.conf"),
            ("--fi", "env"),
            ("--di", "env --diff"),
            ("--full-env", "env --env"),
            ("--de", "env --diff --env"),
            ("--version", "version"),
            ("-v", "version"),
            ("-v x.conf", "server -v x.conf"),
            ("--run healthcheck --cmd true", "healthcheck --cmd true"),
            ("--run cli show neighbor", "cli show neighbor"),
            ("-s x.conf", "server x.conf"),
            ("-s 5 x.conf", "server --signal 5 x.conf"),
            ("-m --pdb --profile p -1 x.conf", "server -1 x.conf"),
            ("cli show neighbor", "cli show neighbor"),
            ("--env-file=/e env -d", "--env-file=/e env -d"),
            ("--env-file /e env -d", "--env-file /e env -d"),
            ("validate -n x.conf", "validate -n x.conf"),
            ("--help", "--help"),
        ] {
            let line = translate(given.split(' ').map(OsString::from).collect());
            let words: Vec<_> = line
                .words
                .iter()
                .map(|word| word.to_string_lossy())
                .collect();
            assert_eq!(words.join(" "), wanted, "{given}");
        }
    }

    #[test]
    fn the_client_of_4_2_takes_a_root_and_an_environment_anywhere() {
        for (given, wanted, root) in [
            ("show neighbor", "cli show neighbor", None),
            ("--root /r show neighbor", "cli show neighbor", Some("/r")),
            ("show --root=/r neighbor", "cli show neighbor", Some("/r")),
            ("show neighbor --ro /r", "cli show neighbor", Some("/r")),
            ("-f /r version", "cli version", Some("/r")),
            ("-f/r version", "cli version", Some("/r")),
            ("-e e.env version", "--env-file e.env cli version", None),
            ("version --en=e.env", "--env-file e.env cli version", None),
            ("--pipename x version", "cli --pipename x version", None),
            (
                "--env-file e.env cli version",
                "--env-file e.env cli version",
                None,
            ),
            ("cli version", "cli version", None),
            ("--root", "cli --root", None),
            ("--help", "cli --help", None),
        ] {
            let line = client(given.split(' ').map(OsString::from));
            let words: Vec<_> = line
                .words
                .iter()
                .map(|word| word.to_string_lossy())
                .collect();
            assert_eq!(words.join(" "), wanted, "{given}");
            assert_eq!(line.root, root.map(PathBuf::from), "{given}");
        }
        assert_eq!(client(std::iter::empty()).words, ["cli", "--help"]);
    }

    #[test]
    fn a_root_is_where_files_are_looked_for() {
        let directory = tempfile::tempdir().expect("a directory");
        let etc = directory.path().join("etc/exabgp");
        std::fs::create_dir_all(&etc).expect("a directory");
        std::fs::write(etc.join("x.conf"), "").expect("a file");
        let root = directory.path().display().to_string();
        let given = ["-f", &root, "etc/exabgp/x.conf"];
        let line = translate(given.iter().map(OsString::from).collect());
        assert_eq!(
            line.words,
            ["server".into(), etc.join("x.conf").into_os_string()]
        );
        assert_eq!(line.root, Some(directory.path().to_owned()));
    }
}
