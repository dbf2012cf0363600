//! Statements in a section that knows no such word: what was meant, or which brace is missing before them.

use super::diagnostic::Diagnostic;
use super::load::Context;
use super::neighbor::{KEYWORDS, SECTIONS};
use super::schema::{self, Seen};
use super::tree::Statement;
use crate::text::Cursor;

/// Whether a neighbour may have a setting or section called `word`.
pub(crate) fn has(word: &str) -> bool {
    SECTIONS.contains(&word) || KEYWORDS.iter().any(|keyword| keyword.word == word)
}

/// Tells of a statement that belongs further outside, as a brace before it is missing. Tells whether it is one.
pub(crate) fn outside(cx: &mut Context<'_>, statement: &Statement, place: &str) -> bool {
    let tree = cx.tree;
    let (word, c) = schema::cursor(tree, statement);
    let is_section = statement.block.is_some();
    let home = if is_section && matches!(word, "neighbor" | "template" | "group") {
        "belongs outside of all sections"
    } else if KEYWORDS.iter().any(|keyword| keyword.word == word)
        || is_section && SECTIONS.contains(&word)
    {
        "belongs into a `neighbor` section"
    } else {
        return false;
    };
    cx.lost = true;
    cx.report.add(
        Diagnostic::error(c.last_span(), format!("`{word}` {home}, not into {place}"))
            .with_help("a `}` is missing before it"),
    );
    true
}

/// Tells of a word that no setting has.
pub(crate) fn unknown(cx: &mut Context<'_>, seen: &mut Seen, word: &str, mut c: Cursor<'_>) {
    let settings = KEYWORDS.iter().map(|keyword| keyword.word);
    let span = c.last_span();
    let next = c.next_token().map_or("", |token| &*token.text);
    if let Some(meant) = schema::meant(word, next, settings.clone()) {
        seen.misspelt("neighbor", meant, span);
        cx.report.add(
            Diagnostic::error(
                span,
                format!("unknown keyword `{word}` in a `neighbor` section"),
            )
            .with_help(format!("did you mean `{meant}`?")),
        );
        return;
    }
    let words = settings.chain(SECTIONS.iter().copied());
    cx.report
        .add(schema::unknown(word, span, "a `neighbor` section", words));
}
