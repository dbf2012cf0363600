//! The `api` section: which helpers may send commands for a neighbor, and which events they receive.
//!
//! Differences from ExaBGP 5.0, on purpose: the name of a section is unique within its neighbor, not in the whole file,
//! and helpers found by `processes-match` receive events like the others.

use regex::Regex;

use super::context::Context;
use super::diagnostic::{Diagnostic, Report};
use super::legacy::words;
use super::model::{Direction, Messages, Subscription};
use super::recovery;
use super::schema::{self, Keyword, Origin, Seen, boolean};
use super::tree::Statement;
use crate::text::{Cursor, Span, SyntaxError, near_miss};

/// The section as written.
#[derive(Clone, Debug, Default)]
pub(crate) struct SubscriptionDraft {
    pub(crate) subscription: Subscription,
    /// Names of `processes`.
    pub(crate) processes: Vec<(String, Span)>,
    /// Expressions of `processes-match`.
    pub(crate) matches: Vec<(String, Span)>,
    /// The places of its `send` and `receive` blocks.
    pub(crate) directions: Vec<(Span, Direction)>,
    /// The place of its name, if it has one.
    pub(crate) named: Option<Span>,
}

/// The settings of the section besides `send` and `receive`.
pub(crate) const KEYWORDS: &[Keyword<SubscriptionDraft>] = &[
    Keyword {
        word: "processes",
        value: "[ <name> … ]",
        doc: "the helpers that may send commands for this neighbor and receive its events",
        read: |draft, c, report| names(c, report).map(|names| draft.processes.extend(names)),
    },
    Keyword {
        word: "processes-match",
        value: "[ \"<expression>\" … ]",
        doc: "the same for all helpers whose name starts with a match of the regular expression",
        read: |draft, c, report| {
            let names = names(c, report)?;
            for (text, span) in &names {
                if let Err(error) = anchored(text) {
                    return Err(SyntaxError::new(
                        *span,
                        format!("`{text}` is not a regular expression: {}", reason(&error)),
                    ));
                }
            }
            draft.matches.extend(names);
            Ok(())
        },
    },
    Keyword {
        word: "neighbor-changes",
        value: "<true|false>",
        doc: "report when the session connects, comes up or goes down",
        read: |draft, c, _| {
            boolean(c, true).map(|value| draft.subscription.neighbor_changes = value)
        },
    },
    Keyword {
        word: "negotiated",
        value: "<true|false>",
        doc: "report what the session negotiated",
        read: |draft, c, _| boolean(c, true).map(|value| draft.subscription.negotiated = value),
    },
    Keyword {
        word: "fsm",
        value: "<true|false>",
        doc: "report every state change of the session",
        read: |draft, c, _| boolean(c, true).map(|value| draft.subscription.fsm = value),
    },
    Keyword {
        word: "signal",
        value: "<true|false>",
        doc: "report the signals that the daemon receives",
        read: |draft, c, _| boolean(c, true).map(|value| draft.subscription.signal = value),
    },
];

/// The settings of `send` and `receive`.
pub(crate) const MESSAGES: &[Keyword<Messages>] = &[
    Keyword {
        word: "parsed",
        value: "<true|false>",
        doc: "messages decoded",
        read: |draft, c, _| boolean(c, true).map(|value| draft.parsed = value),
    },
    Keyword {
        word: "packets",
        value: "<true|false>",
        doc: "messages as hexadecimal digits",
        read: |draft, c, _| boolean(c, true).map(|value| draft.packets = value),
    },
    Keyword {
        word: "consolidate",
        value: "<true|false>",
        doc: "both in one event",
        read: |draft, c, _| boolean(c, true).map(|value| draft.consolidate = value),
    },
    Keyword {
        word: "open",
        value: "<true|false>",
        doc: "OPEN messages",
        read: |draft, c, _| boolean(c, true).map(|value| draft.open = value),
    },
    Keyword {
        word: "update",
        value: "<true|false>",
        doc: "UPDATE messages",
        read: |draft, c, _| boolean(c, true).map(|value| draft.update = value),
    },
    Keyword {
        word: "notification",
        value: "<true|false>",
        doc: "NOTIFICATION messages",
        read: |draft, c, _| boolean(c, true).map(|value| draft.notification = value),
    },
    Keyword {
        word: "keepalive",
        value: "<true|false>",
        doc: "KEEPALIVE messages",
        read: |draft, c, _| boolean(c, true).map(|value| draft.keepalive = value),
    },
    Keyword {
        word: "refresh",
        value: "<true|false>",
        doc: "ROUTE-REFRESH messages",
        read: |draft, c, _| boolean(c, true).map(|value| draft.refresh = value),
    },
    Keyword {
        word: "operational",
        value: "<true|false>",
        doc: "OPERATIONAL messages",
        read: |draft, c, _| boolean(c, true).map(|value| draft.operational = value),
    },
];

/// Reads `[ a b ]` or `[ a, b ]`.
fn names(c: &mut Cursor<'_>, report: &mut Report) -> Result<Vec<(String, Span)>, SyntaxError> {
    let start = c.span();
    let bare = c.peek() != "[";
    let names = c.comma_list(|c| {
        let span = c.span();
        c.value("a name", |word| {
            (!matches!(word, "[" | "," | "]")).then(|| word.to_owned())
        })
        .map(|name| (name, span))
    })?;
    if bare {
        report.add(
            Diagnostic::warning(start, "ExaBGP asks for brackets around this name")
                .with_help("write `[ NAME ]`"),
        );
    }
    Ok(names)
}

/// Matches at the start of a name, as Python's `re.match` does.
fn anchored(text: &str) -> Result<Regex, regex::Error> {
    Regex::new(&format!("^(?:{text})"))
}

/// The last line of a message, which names the error; those before it quote the expression.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines()
        .last()
        .unwrap_or_default()
        .trim_start_matches("error: ")
        .to_owned()
}

/// Reads `api [NAME] { … }`.
pub(crate) fn read(cx: &mut Context<'_>, statement: &Statement) -> SubscriptionDraft {
    let mut draft = SubscriptionDraft::default();
    let words = cx.tree.words(statement);
    let (_, mut c) = words.cursor();
    if let Some(name) = c.next_token() {
        draft.named = Some(name.span);
        draft.subscription.name = name.text.clone().into_owned();
        check_name(cx, &name.text, name.span);
    }
    schema::spare(&c, &mut cx.report);
    settings(cx, statement, &mut draft);
    draft
}

/// Reads the contents of the section.
pub(crate) fn settings(cx: &mut Context<'_>, statement: &Statement, draft: &mut SubscriptionDraft) {
    let mut seen = Seen::default();
    for inner in statement.statements() {
        let tree = cx.tree;
        let words = tree.words(inner);
        let (word, c) = words.cursor();
        match (word, &inner.block) {
            ("send", Some(_)) => messages(cx, inner, draft, Direction::Send),
            ("receive", Some(_)) => messages(cx, inner, draft, Direction::Receive),
            _ => match KEYWORDS.iter().find(|keyword| keyword.word == word) {
                Some(keyword) if inner.block.is_none() => {
                    let span = inner.span();
                    seen.note(
                        ("api", keyword.word),
                        (&*words, span),
                        Origin::Own,
                        &mut cx.report,
                    );
                    schema::setting(keyword, draft, c, &mut cx.report);
                }
                _ if words::subscription(cx, word, c, &mut draft.subscription) => {}
                _ if tree.head(statement) == "process" && words::is_process_word(word) => {}
                _ if recovery::outside(cx, inner, "an `api` section") => return,
                _ => cx.report.add(schema::unknown(
                    word,
                    c.last_span(),
                    "an `api` section",
                    KEYWORDS
                        .iter()
                        .map(|keyword| keyword.word)
                        .chain(["send", "receive"]),
                )),
            },
        }
    }
}

/// Reads `send { … }` or `receive { … }`.
fn messages(
    cx: &mut Context<'_>,
    statement: &Statement,
    draft: &mut SubscriptionDraft,
    direction: Direction,
) {
    draft.directions.push((statement.span(), direction));
    for inner in statement.statements() {
        let words = cx.tree.words(inner);
        let (word, c) = words.cursor();
        match MESSAGES.iter().find(|keyword| keyword.word == word) {
            Some(keyword) if inner.block.is_none() => {
                let messages = direction.of(&mut draft.subscription);
                schema::setting(keyword, messages, c, &mut cx.report);
            }
            _ if words::message(cx, word, c.last_span(), &mut draft.subscription, direction) => {}
            _ if recovery::outside(cx, inner, "a `send` or `receive` section") => return,
            _ => cx.report.add(schema::unknown(
                word,
                c.last_span(),
                "a `send` or `receive` section",
                MESSAGES.iter().map(|keyword| keyword.word),
            )),
        }
    }
}

/// Letters, digits, dots, dashes and underscores.
pub(crate) fn check_name(cx: &mut Context<'_>, name: &str, span: Span) {
    let odd = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.contains(odd) {
        cx.report.add(
            Diagnostic::error(span, format!("`{name}` is not a name"))
                .with_help("a name has letters, digits, `.`, `-` and `_`"),
        );
    }
}

/// Resolves the names of helpers.
pub(crate) fn resolve(cx: &mut Context<'_>, drafts: Vec<SubscriptionDraft>) -> Vec<Subscription> {
    formless(cx, &drafts);
    let mut taken: Vec<(String, Span)> = Vec::new();
    let mut unnamed = 0;
    let mut list = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let mut subscription = draft.subscription;
        match draft.named {
            Some(span) => {
                let earlier = taken.iter().find(|(name, _)| *name == subscription.name);
                if let Some((name, other)) = earlier.filter(|(_, other)| *other != span) {
                    cx.report.add(
                        Diagnostic::error(
                            span,
                            format!("the name `{name}` is used twice in this neighbor"),
                        )
                        .with_other(*other, "here"),
                    );
                }
                taken.push((subscription.name.clone(), span));
            }
            None => {
                unnamed += 1;
                subscription.name = format!("auto-named-{unnamed}");
            }
        }
        for (name, span) in draft.processes {
            if !cx.processes.iter().any(|(known, _)| *known == name) {
                let known = cx.processes.iter().map(|(known, _)| known.as_str());
                let help = near_miss(&name, known).map_or_else(
                    || format!("add `process {name} {{ … }}`"),
                    |near| format!("did you mean `{near}`?"),
                );
                let message = format!("there is no process `{name}`");
                cx.report
                    .add(Diagnostic::error(span, message).with_help(help));
            }
            push(&mut subscription.processes, name);
        }
        matched(cx, draft.matches, &mut subscription.processes);
        list.push(subscription);
    }
    list
}

/// Warns about messages for which no section of the neighbor selects a form: no helper receives them.
fn formless(cx: &mut Context<'_>, drafts: &[SubscriptionDraft]) {
    let of = |draft: &SubscriptionDraft, direction| match direction {
        Direction::Send => draft.subscription.send,
        Direction::Receive => draft.subscription.receive,
    };
    let places = drafts
        .iter()
        .flat_map(|draft| draft.directions.iter().map(move |place| (draft, place)));
    for (draft, (span, direction)) in places {
        let own = of(draft, *direction);
        let kinds = [
            own.open,
            own.update,
            own.notification,
            own.keepalive,
            own.refresh,
            own.operational,
        ];
        let formless = drafts
            .iter()
            .map(|draft| of(draft, *direction))
            .all(|messages| !messages.parsed && !messages.packets && !messages.consolidate);
        if formless && kinds.contains(&true) {
            cx.report.add(
                Diagnostic::warning(
                    *span,
                    "no form of messages is selected, so none are reported",
                )
                .with_help("add `parsed;`, `packets;` or `consolidate;`"),
            );
        }
    }
}

/// Adds the helpers that expressions match. An expression that matches no helper is a warning; if none of them does, that
/// is an error.
fn matched(cx: &mut Context<'_>, matches: Vec<(String, Span)>, names: &mut Vec<String>) {
    let mut empty = Vec::new();
    let all = matches.len();
    for (text, span) in matches {
        let Ok(expression) = anchored(&text) else {
            continue;
        };
        let before = cx.processes.iter().map(|(name, _)| name);
        let found: Vec<String> = before
            .filter(|name| expression.is_match(name))
            .cloned()
            .collect();
        if found.is_empty() {
            empty.push((text, span));
        }
        found.into_iter().for_each(|name| push(names, name));
    }
    let none = empty.len() == all;
    for (text, span) in empty {
        let message = format!("no process has a name that starts with `{text}`");
        cx.report.add(if none {
            Diagnostic::error(span, message)
        } else {
            Diagnostic::warning(span, message)
        });
    }
}

fn push(names: &mut Vec<String>, name: String) {
    if !names.contains(&name) {
        names.push(name);
    }
}
