//! The `process` section: a helper program, looked up and checked when the file is read.
//!
//! A program that is not an absolute path is searched in `/etc/exabgp`, beside the configuration file and in every directory of
//! `PATH`; the last match is used. That is ExaBGP's order, and existing setups depend on it.
//!
//! ExaBGP's health check is part of the running program: `python -m exabgp healthcheck` and its other spellings run it, and so does
//! `exabgp-healthcheck` if ExaBGP is not installed any more.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::{AccessFlags, access};

use super::confinement::Confinement;
use super::context::Context;
use super::diagnostic::Diagnostic;
use super::env::Search;
use super::executable::obstacle;
use super::guard::GuardConfig;
use super::guard_section;
use super::limit_section;
use super::model::{ApiVersion, Encoder, ProcessConfig, QueueFull};
use super::recovery;
use super::schema::{self, Keyword, Origin, Seen, boolean};
use super::stand_in::{needs_exabgp, stand_in};
use super::state::Unclaimed;
use super::tree::Statement;
use crate::journal::is_helper;
use crate::text::{Span, Token, value};

/// The section as written.
#[derive(Debug, Default)]
pub(crate) struct ProcessDraft {
    pub(crate) run: Vec<String>,
    pub(crate) run_span: Span,
    pub(crate) encoder: Option<Encoder>,
    pub(crate) respawn: Option<bool>,
    pub(crate) api_version: Option<ApiVersion>,
    pub(crate) queue_size: Option<usize>,
    pub(crate) queue_full: QueueFull,
    pub(crate) withdraw_after: Option<Duration>,
    pub(crate) unclaimed: Option<Unclaimed>,
    pub(crate) guard: Option<GuardConfig>,
    pub(crate) confinement: Confinement,
}

/// The settings of the section.
pub(crate) const KEYWORDS: &[Keyword<ProcessDraft>] = &[
    Keyword {
        word: "run",
        value: "<program> <argument> …",
        doc: "the program and its arguments, passed unchanged: no shell, no variables",
        read: |draft, c, report| {
            let span = c.span();
            c.word("a program")?;
            let words = c.remaining();
            // The program was consumed already; it is the word before the remaining ones.
            let mut run = vec![String::new()];
            run.extend(words.iter().map(|token| token.text.clone().into_owned()));
            if let Some(split) = glued(words) {
                report.add(
                    Diagnostic::warning(split, "commas and brackets are arguments of their own")
                        .with_help("put the argument in quotes to pass it as one"),
                );
            }
            draft.run = run;
            draft.run_span = span;
            while c.next_token().is_some() {}
            Ok(())
        },
    },
    Keyword {
        word: "encoder",
        value: "<json|text>",
        doc: "the form of the events that the program reads",
        read: |draft, c, _| {
            c.value("`json` or `text`", |word| match word {
                "json" => Some(Encoder::Json),
                "text" => Some(Encoder::Text),
                _ => None,
            })
            .map(|encoder| draft.encoder = Some(encoder))
        },
    },
    Keyword {
        word: "respawn",
        value: "<true|false>",
        doc: "start the program again when it ends; on unless disabled",
        read: |draft, c, _| boolean(c, true).map(|value| draft.respawn = Some(value)),
    },
    Keyword {
        word: "api-version",
        value: "<4|5|6>",
        doc: "the version of ExaBGP whose events the program expects; 5 unless set. ExaBGP has this for all programs at once",
        read: |draft, c, _| {
            c.value("`4`, `5` or `6`", ApiVersion::from_word)
                .map(|value| draft.api_version = Some(value))
        },
    },
    Keyword {
        word: "queue-size",
        value: "<bytes>",
        doc: "the most bytes of events to queue for a program that does not read; 16 MiB unless set. ExaBGP has no such setting",
        read: |draft, c, _| {
            c.value("a number of bytes, 4096 or more", |word| {
                let size = value::number(word, 1 << 40)?;
                usize::try_from(size).ok().filter(|size| *size >= 4096)
            })
            .map(|value| draft.queue_size = Some(value))
        },
    },
    Keyword {
        word: "queue-full",
        value: "<pause|drop|kill>",
        doc: "what to do when the queue is full: pause the sessions, drop and count events, or kill the program; `pause` unless set",
        read: |draft, c, _| {
            c.value("`pause`, `drop` or `kill`", |word| {
                [QueueFull::Pause, QueueFull::Drop, QueueFull::Kill]
                    .into_iter()
                    .find(|policy| policy.name() == word)
            })
            .map(|value| draft.queue_full = value)
        },
    },
    Keyword {
        word: "on-death",
        value: "withdraw-after <seconds>",
        doc: "when the program ends, withdraw its routes after this time, unless it has announced them again; a unit may follow: `10m`. Without it they stay, as with ExaBGP. Without a `state` section, a reload that adds it does not cover routes that were announced before",
        read: |draft, c, _| {
            c.expect("withdraw-after")?;
            c.value("a time such as `30` or `10m`", value::seconds)
                .map(|seconds| draft.withdraw_after = Some(Duration::from_secs(seconds)))
        },
    },
    Keyword {
        word: "unclaimed",
        value: "withdraw | keep",
        doc: "with a `state` section, what happens to the program's routes of the journal that it has not announced again within `claim-time`; as in the `state` section unless set",
        read: |draft, c, _| {
            c.value("`withdraw` or `keep`", Unclaimed::from_word)
                .map(|unclaimed| draft.unclaimed = Some(unclaimed))
        },
    },
    Keyword {
        word: "user",
        value: "<name>",
        doc: "run the program as this user, with its groups; the daemon must run as root (`daemon.user`). ExaBGP has no such setting",
        read: |draft, c, _| {
            let name = c.word("the name of a user")?.to_owned();
            draft.confinement.user = Some(name);
            Ok(())
        },
    },
    Keyword {
        word: "no-new-privileges",
        value: "<true|false>",
        doc: "neither the program nor what it starts gains rights from setuid programs such as sudo; off unless enabled. ExaBGP has no such setting",
        read: |draft, c, _| {
            boolean(c, true).map(|value| draft.confinement.no_new_privileges = value)
        },
    },
];

/// The place where a punctuation character splits an argument.
fn glued(words: &[Token<'_>]) -> Option<Span> {
    words
        .windows(2)
        .find(|pair| pair[0].span.end == pair[1].span.start && (!pair[0].quoted || !pair[1].quoted))
        .map(|pair| pair[0].span.to(pair[1].span))
}

/// Reads `process NAME { … }`.
pub(crate) fn read(cx: &mut Context<'_>, statement: &Statement) -> Option<ProcessConfig> {
    let words = cx.tree.words(statement);
    let (_, mut c) = words.cursor();
    let Some(name) = c.next_token() else {
        cx.report.add(
            Diagnostic::error(statement.span(), "the process has no name")
                .with_help("write `process NAME { … }`"),
        );
        return None;
    };
    let (name, span) = (name.text.clone().into_owned(), name.span);
    schema::spare(&c, &mut cx.report);
    let mut draft = ProcessDraft::default();
    settings(cx, statement, &mut draft, |_| false);
    finish(cx, name, span, draft)
}

/// Reads the settings of the section; `skip` returns `true` for unknown words that another reader handles.
pub(crate) fn settings(
    cx: &mut Context<'_>,
    statement: &Statement,
    draft: &mut ProcessDraft,
    skip: fn(&str) -> bool,
) {
    let mut seen = Seen::default();
    for inner in statement.statements() {
        let tree = cx.tree;
        let words = tree.words(inner);
        let (word, c) = words.cursor();
        match KEYWORDS.iter().find(|keyword| keyword.word == word) {
            Some(keyword) if inner.block.is_none() => {
                seen.note(
                    ("process", keyword.word),
                    (&*words, inner.span()),
                    Origin::Own,
                    &mut cx.report,
                );
                schema::setting(keyword, draft, c, &mut cx.report);
                if word == "run" {
                    program(cx, draft, inner, skip(""));
                }
                fill_in(word, draft);
                if let ("user", Some(user)) = (word, &draft.confinement.user) {
                    limit_section::check_user(cx, inner, user);
                }
            }
            None if word == "limit" && inner.block.is_some() => {
                limit_section::read(cx, inner, &mut draft.confinement.limits);
            }
            None if word == "guard" && inner.block.is_some() => {
                let guard = guard_section::read(cx, inner);
                if draft.guard.replace(guard).is_some() {
                    let text = "a process has one `guard` section";
                    cx.report.add(Diagnostic::error(inner.span(), text));
                }
            }
            _ if skip(word) => {}
            _ if recovery::outside(cx, inner, "a `process` section") => return,
            _ => cx.report.add(schema::unknown(
                word,
                c.last_span(),
                "a `process` section",
                KEYWORDS.iter().map(|keyword| keyword.word),
            )),
        }
    }
}

/// Sets a setting that could not be read: its error is reported, and it must not be reported as missing as well.
fn fill_in(word: &str, draft: &mut ProcessDraft) {
    match word {
        "encoder" => {
            draft.encoder.get_or_insert(Encoder::Json);
        }
        "run" if draft.run.is_empty() => draft.run.push(String::new()),
        _ => {}
    }
}

/// Fills in the program, for which the reader of `run` left a slot; `old` in a section of ExaBGP 3.4.
fn program(cx: &mut Context<'_>, draft: &mut ProcessDraft, statement: &Statement, old: bool) {
    let words = cx.tree.words(statement);
    let Some(word) = words.get(1) else {
        return;
    };
    let located = locate(&word.text, &cx.directory, &cx.env.search);
    let words: Vec<&str> = words[1..].iter().map(|token| &*token.text).collect();
    let own = cx.env.search.program.as_ref();
    const HELP: &str = "write `oxabgp healthcheck …`; it takes the same options";
    if let Some((own, (before, arguments))) = own.zip(stand_in(&words, located.is_ok())) {
        let shown = own.to_string_lossy().into_owned();
        if !word.text.ends_with("oxabgp") {
            let text = "ExaBGP's health check is built in and runs instead";
            cx.report
                .add(Diagnostic::warning(word.span, text).with_help(HELP));
        }
        draft.run = before.into_iter().chain([shown]).chain(arguments).collect();
        return;
    }
    if needs_exabgp(&words, |program| {
        locate(program, &cx.directory, &cx.env.search).is_ok()
    }) {
        let text = "this runs ExaBGP's own health check, which needs ExaBGP and Python";
        cx.report
            .add(Diagnostic::warning(word.span, text).with_help(HELP));
    }
    match located {
        Ok(path) => {
            if let Some(why) = obstacle(&path) {
                let text = format!("`{}` can't be executed: {why}", path.display());
                cx.report.add(Diagnostic::warning(word.span, text));
            }
            draft.run[0] = path.to_string_lossy().into_owned();
        }
        Err(message) => {
            let mut error = Diagnostic::error(word.span, message.text);
            if let Some(help) = message.help {
                error = error.with_help(help);
            }
            if let Some((program, _)) = word.text.split_once(' ') {
                if old && let Ok(path) = locate(program, &cx.directory, &cx.env.search) {
                    // ExaBGP 3.4 split a quoted command at its spaces.
                    let mut parts = word.text.split(' ').skip(1).map(str::to_owned);
                    draft.run[0] = path.to_string_lossy().into_owned();
                    let rest = draft.run.split_off(1);
                    draft.run.extend(parts.by_ref());
                    draft.run.extend(rest);
                    return;
                }
                error = error.with_help("the arguments of a program stand outside of its quotes");
            }
            cx.report.add(error);
        }
    }
}

/// Checks that all required settings are present.
pub(crate) fn finish(
    cx: &mut Context<'_>,
    name: String,
    span: Span,
    draft: ProcessDraft,
) -> Option<ProcessConfig> {
    let mut missing = Vec::new();
    if draft.run.is_empty() {
        missing.push("`run <program>;`");
    }
    let api_version = draft.api_version.unwrap_or(cx.env.api.version);
    // ExaBGP 6.0 has only JSON, and its files may omit the encoder.
    let encoder = draft
        .encoder
        .or_else(|| (api_version == ApiVersion::V6).then_some(Encoder::Json));
    if encoder.is_none() {
        missing.push("`encoder json;` or `encoder text;`");
    }
    if !missing.is_empty() {
        cx.report.add(
            Diagnostic::error(span, format!("the process `{name}` is not complete"))
                .with_help(format!("add {}", missing.join(" and "))),
        );
    }
    if let Some((_, other)) = cx.processes.iter().find(|(other, _)| *other == name) {
        cx.report.add(
            Diagnostic::error(span, format!("the process `{name}` is already defined"))
                .with_other(*other, "here"),
        );
        return None;
    }
    cx.processes.push((name.clone(), span));
    if !is_helper(&name) {
        cx.report.add(
            Diagnostic::error(span, format!("a process can't be named `{name}`"))
                .with_help("`operator`, `set NAME` and `check NAME` are other owners of routes: give it another name"),
        );
        return None;
    }
    let guard = draft.guard.clone();
    cx.guards.extend(guard.map(|guard| (name.clone(), guard)));
    Some(ProcessConfig {
        name,
        run: draft.run,
        encoder: encoder?,
        respawn: draft.respawn.unwrap_or(true),
        api_version,
        queue_size: draft.queue_size,
        queue_full: draft.queue_full,
        withdraw_after: draft.withdraw_after,
        unclaimed: draft.unclaimed,
        guard: draft.guard,
        confinement: Confinement {
            launcher: cx.env.search.program.clone(),
            ..draft.confinement
        },
    })
}

/// Why a program can't be run.
struct Unusable {
    text: String,
    help: Option<String>,
}

impl From<String> for Unusable {
    fn from(text: String) -> Self {
        Self { text, help: None }
    }
}

/// The program's path, absolute.
fn locate(program: &str, directory: &Path, search: &Search) -> Result<PathBuf, Unusable> {
    let path = if program.starts_with('/') {
        PathBuf::from(program)
    } else {
        candidates(program, directory, search)
            .into_iter()
            .rfind(|path| path.is_file())
            .ok_or_else(|| format!("can not locate the program `{program}`"))?
    };
    let shown = path.display();
    let facts = std::fs::metadata(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("can not locate the program `{shown}`"),
        _ => format!("can not access the program `{shown}`: {error}"),
    })?;
    if facts.is_dir() {
        return Err(format!("`{shown}` is a directory, not a program").into());
    }
    if !facts.is_file() {
        return Err(format!("`{shown}` is not a regular file").into());
    }
    let mode = facts.permissions().mode();
    if mode & 0o6000 != 0 {
        let bit = if mode & 0o4000 != 0 {
            "setuid"
        } else {
            "setgid"
        };
        return Err(format!("refusing to run the {bit} program `{shown}`").into());
    }
    if access(&path, AccessFlags::X_OK).is_err() {
        let help = match mode & 0o111 {
            0 => format!("`chmod +x {shown}` makes it executable"),
            _ => format!(
                "mode {:04o} does not allow it, or that of a directory above",
                mode & 0o7777
            ),
        };
        return Err(Unusable {
            text: format!("`{shown}` may not be executed by this user"),
            help: Some(help),
        });
    }
    Ok(path)
}

/// The candidates for a program that is not an absolute path; the last that exists is used.
fn candidates(program: &str, directory: &Path, search: &Search) -> Vec<PathBuf> {
    if let Some(inside) = program.strip_prefix("etc/exabgp/") {
        return match &search.etc {
            Some(etc) => vec![etc.join(inside)],
            None => vec![
                search.pwd.join(program),
                Path::new("/etc/exabgp").join(inside),
            ],
        };
    }
    let mut found = vec![
        Path::new("/etc/exabgp").join(program),
        search.pwd.join(directory).join(program),
    ];
    found.extend(search.path.iter().map(|path| path.join(program)));
    found
}
