//! The `mrt` section: archives of messages (`updates`) and of tables (`table`).
//!
//! `mrt { updates { … } table { … } }` and `mrt updates { … }` are the same; each may come several times, with other files.

use std::path::Path;

use super::context::{Claim, Context};
use super::diagnostic::Diagnostic;
use super::monitor::{Monitored, MrtConfig, MrtSide, MrtTable, MrtUpdates};
use super::schema::{self, Keyword, boolean};
use super::section::{self, Section};
use super::tree::Statement;
use crate::bgp::message::MessageType;
use crate::mrt::file_name::FileName;
use crate::text::{Cursor, Span, SyntaxError, value};

/// All types of messages, in the order of their numbers.
pub(crate) const TYPES: [MessageType; 6] = [
    MessageType::OPEN,
    MessageType::UPDATE,
    MessageType::NOTIFICATION,
    MessageType::KEEPALIVE,
    MessageType::ROUTE_REFRESH,
    MessageType::OPERATIONAL,
];

/// The word for a type of message.
pub(crate) fn type_word(kind: MessageType) -> &'static str {
    // As in `send` and `receive` sections.
    if kind == MessageType::ROUTE_REFRESH {
        "refresh"
    } else {
        kind.name()
    }
}

/// The default of `rotate`, in seconds.
pub(crate) const ROTATE: u32 = 900;
/// The default of `buffer`, in MiB.
pub(crate) const BUFFER: u32 = 16;

/// An `updates` section as written.
#[derive(Debug)]
pub(crate) struct UpdatesDraft {
    file: Option<(FileName, Span)>,
    rest: MrtUpdates,
}

/// A `table` section as written.
#[derive(Debug)]
pub(crate) struct TableDraft {
    file: Option<(FileName, Span)>,
    rest: MrtTable,
}

const FILE: &str = "\"<path with %Y%m%d.%H%M>\"";
const NEIGHBORS: &str = "[ <address> … ]";

/// The settings of `updates`.
pub(crate) const UPDATES: &[Keyword<UpdatesDraft>] = &[
    Keyword {
        word: "file",
        value: FILE,
        doc: "the files, with `%Y %y %m %d %H %M %S %s` for the time (UTC) that each begins at; `.tmp` is appended until it is whole. ExaBGP has no such section",
        read: |draft, c, _| file(c).map(|file| draft.file = Some(file)),
    },
    Keyword {
        word: "rotate",
        value: "<seconds>",
        doc: "begin a new file at each full multiple of this; 900 unless set, 0 for never",
        read: |draft, c, _| seconds(c).map(|value| draft.rest.rotate = value),
    },
    Keyword {
        word: "messages",
        value: "[ received sent ]",
        doc: "write the messages that are received, those that are sent, or both; both unless set",
        read: |draft, c, _| {
            let (mut received, mut sent) = (false, false);
            c.comma_list(|c| {
                let side = c.value("`received` or `sent`", |word| match word {
                    "received" => Some(&mut received),
                    "sent" => Some(&mut sent),
                    _ => None,
                })?;
                *side = true;
                Ok(())
            })?;
            (draft.rest.received, draft.rest.sent) = (received, sent);
            Ok(())
        },
    },
    Keyword {
        word: "types",
        value: "[ open update notification keepalive refresh operational state ]",
        doc: "the types of messages to write, and `state` for state changes; all unless set",
        read: |draft, c, _| {
            let (mut types, mut states) = (Vec::new(), false);
            c.comma_list(|c| {
                let kind = c.value("a type of message, or `state`", |word| {
                    let kind = TYPES.into_iter().find(|kind| type_word(*kind) == word);
                    (kind.is_some() || word == "state").then_some(kind)
                })?;
                match kind {
                    Some(kind) if !types.contains(&kind) => types.push(kind),
                    Some(_) => {}
                    None => states = true,
                }
                Ok(())
            })?;
            (draft.rest.types, draft.rest.states) = (types, states);
            Ok(())
        },
    },
    Keyword {
        word: "compress",
        value: "<gzip|none>",
        doc: "compress the files; not unless set",
        read: |draft, c, _| gzip(c).map(|value| draft.rest.gzip = value),
    },
    Keyword {
        word: "portable",
        value: "<true|false>",
        doc: "leave out what libbgpstream and older tools cannot read: all but UPDATEs and states, and messages with path identifiers",
        read: |draft, c, _| boolean(c, true).map(|value| draft.rest.portable = value),
    },
    Keyword {
        word: "neighbors",
        value: NEIGHBORS,
        doc: "only these neighbors, by address or range; all unless set",
        read: |draft, c, _| section::monitored(c).map(|value| draft.rest.neighbors = value),
    },
    Keyword {
        word: "buffer",
        value: "<MiB>",
        doc: "what may wait for a slow disk before records are dropped and counted; 16 unless set",
        read: |draft, c, _| buffer(c).map(|value| draft.rest.buffer = value),
    },
];

/// The settings of `table`.
pub(crate) const TABLE: &[Keyword<TableDraft>] = &[
    Keyword {
        word: "file",
        value: FILE,
        doc: "the files, with `%Y %y %m %d %H %M %S %s` for the time (UTC); `.tmp` is appended until it is whole. ExaBGP has no such section",
        read: |draft, c, _| file(c).map(|file| draft.file = Some(file)),
    },
    Keyword {
        word: "every",
        value: "<seconds>",
        doc: "write a file at each full multiple of this; only on `mrt dump` unless set",
        read: |draft, c, _| seconds(c).map(|value| draft.rest.every = value),
    },
    Keyword {
        word: "table",
        value: "<adj-rib-in|adj-rib-out>",
        doc: "the routes that were received, or those that were sent; `adj-rib-in` unless set",
        read: |draft, c, _| {
            c.value("`adj-rib-in` or `adj-rib-out`", MrtSide::from_word)
                .map(|value| draft.rest.table = value)
        },
    },
    Keyword {
        word: "compress",
        value: "<gzip|none>",
        doc: "compress the files; not unless set",
        read: |draft, c, _| gzip(c).map(|value| draft.rest.gzip = value),
    },
    Keyword {
        word: "portable",
        value: "<true|false>",
        doc: "leave out what libbgpstream and older tools cannot read: path identifiers, families other than IPv4 and IPv6 unicast",
        read: |draft, c, _| boolean(c, true).map(|value| draft.rest.portable = value),
    },
    Keyword {
        word: "neighbors",
        value: NEIGHBORS,
        doc: "only these neighbors, by address or range; all unless set",
        read: |draft, c, _| section::monitored(c).map(|value| draft.rest.neighbors = value),
    },
];

fn file(c: &mut Cursor<'_>) -> Result<(FileName, Span), SyntaxError> {
    let (span, found) = (c.span(), c.peek());
    let name = c.word("an absolute path")?;
    if !Path::new(name).is_absolute() || name.ends_with('/') {
        let expected = "an absolute path of a file";
        return Err(SyntaxError::expected(span, expected, found));
    }
    match FileName::new(name) {
        Ok(name) => Ok((name, span)),
        Err(field) => Err(SyntaxError::expected(
            span,
            format_args!("a known field instead of `{field}`"),
            found,
        )
        .with_help("the fields are `%Y %y %m %d %H %M %S %s` and `%%`")),
    }
}

/// At most about a year, which fits a day's arithmetic of 32 bits.
fn seconds(c: &mut Cursor<'_>) -> Result<u32, SyntaxError> {
    c.value("a number of seconds", |word| {
        value::u32(word).filter(|seconds| *seconds <= 31_622_400)
    })
}

fn gzip(c: &mut Cursor<'_>) -> Result<bool, SyntaxError> {
    c.value("`gzip` or `none`", |word| match word {
        "gzip" => Some(true),
        "none" => Some(false),
        _ => None,
    })
}

/// A number of MiB, from 1 to 65,536.
pub(crate) fn buffer(c: &mut Cursor<'_>) -> Result<u32, SyntaxError> {
    c.value("a number of MiB, 1 to 65536", |word| {
        value::u32(word).filter(|mib| (1..=65_536).contains(mib))
    })
}

/// Reads an `mrt` section, or `mrt updates` and `mrt table`.
pub(crate) fn read(cx: &mut Context<'_>, statement: &Statement, all: &mut MrtConfig) {
    let words = cx.tree.words(statement);
    let (_, mut c) = words.cursor();
    if let Some(word) = c.next_token() {
        let (name, span) = (word.text.clone(), word.span);
        schema::spare(&c, &mut cx.report);
        return kind(cx, (&name, span), statement, all);
    }
    for inner in statement.statements() {
        let words = cx.tree.words(inner);
        let (word, c) = words.cursor();
        let span = c.last_span();
        if inner.block.is_some() {
            schema::spare(&c, &mut cx.report);
            kind(cx, (word, span), inner, all);
        } else {
            unknown(cx, (word, span));
        }
    }
}

/// Reads one archive.
fn kind(
    cx: &mut Context<'_>,
    (word, span): (&str, Span),
    statement: &Statement,
    all: &mut MrtConfig,
) {
    let errors = cx.report.errors;
    match word {
        "updates" => {
            let mut draft = UpdatesDraft::default();
            section::read(cx, statement, &UPDATES_SECTION, &mut draft);
            let period = draft.rest.rotate;
            cx.claims.push(Claim {
                who: "`mrt updates`".to_owned(),
                span,
                neighbors: draft.rest.neighbors.clone(),
                adj_rib_in: false,
            });
            if let Some(file) = finish(cx, (draft.file, period, span), errors, all) {
                all.updates.push(MrtUpdates { file, ..draft.rest });
            }
        }
        "table" => {
            let mut draft = TableDraft::default();
            section::read(cx, statement, &TABLE_SECTION, &mut draft);
            let period = draft.rest.every;
            cx.claims.push(Claim {
                who: "`mrt table`".to_owned(),
                span,
                neighbors: draft.rest.neighbors.clone(),
                adj_rib_in: draft.rest.table == MrtSide::AdjRibIn,
            });
            if let Some(file) = finish(cx, (draft.file, period, span), errors, all) {
                all.tables.push(MrtTable { file, ..draft.rest });
            }
        }
        _ => unknown(cx, (word, span)),
    }
}

fn unknown(cx: &mut Context<'_>, (word, span): (&str, Span)) {
    let known = ["updates", "table"];
    cx.report.add(if known.contains(&word) {
        Diagnostic::error(span, format!("`{word}` is a section"))
            .with_help(format!("write `{word} {{ file …; }}`"))
    } else {
        schema::unknown(word, span, "an `mrt` section", known)
    });
}

/// Checks the name of the files of an archive.
fn finish(
    cx: &mut Context<'_>,
    (file, period, span): (Option<(FileName, Span)>, u32, Span),
    errors: usize,
    all: &MrtConfig,
) -> Option<FileName> {
    let Some((file, place)) = file else {
        if cx.report.errors == errors {
            cx.report.add(
                Diagnostic::error(span, "the archive has no file")
                    .with_help("add `file \"/var/lib/oxabgp/NAME.%Y%m%d.%H%M.mrt\";`"),
            );
        }
        return None;
    };
    if period > 0 && !file.distinguishes(period) {
        cx.report.add(
            Diagnostic::error(
                place,
                format!("the files that begin every {period} s would have the same name"),
            )
            .with_help("put the time into the name: `%Y%m%d.%H%M`, with `%S` below a minute"),
        );
    }
    let updates = all.updates.iter().map(|one| &one.file);
    let mut others = updates.chain(all.tables.iter().map(|one| &one.file));
    if others.any(|other| *other == file) {
        cx.report.add(
            Diagnostic::error(place, "another archive has the same file")
                .with_help("each archive needs files of its own"),
        );
    }
    (cx.report.errors == errors).then_some(file)
}

const UPDATES_SECTION: Section<UpdatesDraft> = Section {
    name: "mrt/updates",
    place: "an `mrt updates` section",
    table: UPDATES,
};

const TABLE_SECTION: Section<TableDraft> = Section {
    name: "mrt/table",
    place: "an `mrt table` section",
    table: TABLE,
};

impl Default for UpdatesDraft {
    fn default() -> Self {
        Self {
            file: None,
            rest: MrtUpdates {
                file: FileName::default(),
                rotate: ROTATE,
                received: true,
                sent: true,
                types: TYPES.to_vec(),
                states: true,
                gzip: false,
                portable: false,
                neighbors: Monitored::default(),
                buffer: BUFFER,
            },
        }
    }
}

impl Default for TableDraft {
    fn default() -> Self {
        Self {
            file: None,
            rest: MrtTable {
                file: FileName::default(),
                every: 0,
                table: MrtSide::default(),
                gzip: false,
                portable: false,
                neighbors: Monitored::default(),
            },
        }
    }
}
