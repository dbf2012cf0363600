//! Syntax of ExaBGP 3.4 and 4.2, which is still accepted: each use is a warning that shows the current form.
//!
//! Everything old is here; the readers of current sections only consult it about words that they do not know.

use super::capability;
use super::context::Context;
use super::diagnostic::Diagnostic;
use super::draft::{self, Draft};
use super::model::Encoder;
use super::process::{self, ProcessDraft};
use super::schema;
use super::subscription::{self, SubscriptionDraft};
use super::tree::{Statement, Tree};
use crate::text::Cursor;

pub(crate) mod words;

use words::{is_nameless, renamed, renamed_capability, warn};

/// Reads an old setting of a neighbor. Returns `false` if `word` is not one.
pub(crate) fn neighbor(cx: &mut Context<'_>, draft: &mut Draft, word: &str, c: Cursor<'_>) -> bool {
    let span = c.last_span();
    if let Some(keyword) = capability::KEYWORDS
        .iter()
        .find(|keyword| keyword.word == word)
    {
        warn(
            cx,
            span,
            &format!("`{word}` directly in a neighbor is a setting of ExaBGP 3.4"),
            &format!("write `capability {{ {word} …; }}`"),
        );
        schema::setting(keyword, &mut draft.capability, c, &mut cx.report);
        return true;
    }
    let Some(today) = renamed(word) else {
        return false;
    };
    warn(
        cx,
        span,
        &format!("`{word}` is a setting of older versions of ExaBGP"),
        &match word {
            "ttl-security" if c.is_empty() => "write `outgoing-ttl 255`".to_owned(),
            _ => format!("write `{today}`"),
        },
    );
    if word == "ttl-security" && c.is_empty() {
        // ExaBGP 3.4 took the maximum for a bare word.
        draft.outgoing_ttl = Some(255);
        return true;
    }
    if let Some(keyword) = draft::KEYWORDS.iter().find(|keyword| keyword.word == today) {
        schema::setting(keyword, draft, c, &mut cx.report);
    }
    true
}

/// Reads an old capability. Returns `false` if `word` is not one.
pub(crate) fn capability(
    cx: &mut Context<'_>,
    draft: &mut Draft,
    word: &str,
    c: Cursor<'_>,
) -> bool {
    let Some(today) = renamed_capability(word) else {
        return false;
    };
    warn(
        cx,
        c.last_span(),
        &format!("`{word}` is an old name of a capability"),
        &format!("write `{today}`"),
    );
    if let Some(keyword) = capability::KEYWORDS
        .iter()
        .find(|keyword| keyword.word == today)
    {
        schema::setting(keyword, &mut draft.capability, c, &mut cx.report);
    }
    true
}

/// An old section of a neighbor: `process NAME { … }`, a helper and its subscription in one.
pub(crate) fn section(
    cx: &mut Context<'_>,
    draft: &mut Draft,
    statement: &Statement,
    word: &str,
) -> bool {
    if word != "process" {
        return false;
    }
    let words = cx.tree.words(statement);
    let (_, mut c) = words.cursor();
    let Some(name) = c.next_token() else {
        // One that runs a program was reported when the programs were read.
        warn(
            cx,
            statement.span(),
            "a `process` section without a name runs nothing: ExaBGP 3.4 gives its events to no helper",
            "write `api { processes [ NAME ]; … }` with the helper that gets them",
        );
        let mut found = SubscriptionDraft::default();
        subscription::settings(cx, statement, &mut found);
        draft.subscriptions.push(found);
        return true;
    };
    warn(
        cx,
        statement.span(),
        "`process` within a neighbor is a section of ExaBGP 3.4",
        "write it outside, and `api { processes [ NAME ]; … }` here",
    );
    let mut found = SubscriptionDraft {
        processes: vec![(name.text.clone().into_owned(), name.span)],
        ..SubscriptionDraft::default()
    };
    subscription::settings(cx, statement, &mut found);
    draft.subscriptions.push(found);
    true
}

/// Reads the programs of all `process` sections within neighbors and groups.
pub(crate) fn collect_processes(cx: &mut Context<'_>) {
    let tree = cx.tree;
    let mut found = Vec::new();
    for statement in &tree.statements {
        match (&*tree.head(statement), statement.block.is_some()) {
            ("neighbor", true) => inner(tree, statement, &mut found),
            ("group", true) => {
                inner(tree, statement, &mut found);
                for neighbor in statement.statements() {
                    if tree.head(neighbor) == "neighbor" {
                        inner(tree, neighbor, &mut found);
                    }
                }
            }
            _ => {}
        }
    }
    for statement in found {
        let words = tree.words(statement);
        let (_, mut c) = words.cursor();
        let Some(name) = c.next_token() else {
            let block = statement.block.as_ref();
            if block.is_none_or(|block| is_nameless(tree, statement, block)) {
                continue;
            }
            cx.report.add(
                Diagnostic::error(statement.span(), "the process has no name")
                    .with_help("write `process NAME { … }`"),
            );
            continue;
        };
        let mut draft = ProcessDraft::default();
        process::settings(cx, statement, &mut draft, |_| true);
        // ExaBGP 3.4 defaulted to text.
        draft.encoder.get_or_insert(Encoder::Text);
        let known = cx.inner_processes.iter();
        let same = known
            .filter(|process| process.name == name.text)
            .any(|process| process.run == draft.run);
        if !same {
            let process = process::finish(cx, name.text.clone().into_owned(), name.span, draft);
            cx.inner_processes.extend(process);
        }
    }
}

fn inner<'t>(tree: &Tree<'_>, section: &'t Statement, found: &mut Vec<&'t Statement>) {
    found.extend(
        section
            .statements()
            .iter()
            .filter(|inner| tree.head(inner) == "process" && inner.block.is_some()),
    );
}
