//! Statements in a section that does not have them: what was meant, or which brace is missing before them.

use super::context::Context;
use super::diagnostic::Diagnostic;
use super::schema::{self, Seen};
use super::tree::Statement;
use super::vocabulary::{SECTIONS, SETTINGS};
use crate::text::Cursor;

/// Reports a statement that belongs to an outer section, because a brace before it is missing. Returns `false` if it is not one.
pub(crate) fn outside(cx: &mut Context<'_>, statement: &Statement, place: &str) -> bool {
    let tree = cx.tree;
    let words = tree.words(statement);
    let (word, c) = words.cursor();
    let is_section = statement.block.is_some();
    let home = if is_section
        && matches!(
            word,
            "neighbor" | "template" | "group" | "check" | "metrics" | "state"
        ) {
        "belongs outside of all sections"
    } else if SETTINGS.contains(&word) || is_section && SECTIONS.contains(&word) {
        "belongs in a `neighbor` section"
    } else {
        return false;
    };
    cx.lost = true;
    cx.report.add(
        Diagnostic::error(c.last_span(), format!("`{word}` {home}, not in {place}"))
            .with_help("a `}` is missing before it"),
    );
    true
}

/// Reports a word that is not a setting.
pub(crate) fn unknown(cx: &mut Context<'_>, seen: &mut Seen, word: &str, mut c: Cursor<'_>) {
    let settings = SETTINGS.iter().copied();
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

/// Reports a part of a route outside of one, only once if more of them follow. Returns `false` if it is not one.
pub(crate) fn piece(cx: &mut Context<'_>, statement: &Statement, place: &str) -> bool {
    let words = cx.tree.words(statement);
    let (word, c) = words.cursor();
    let home = match word {
        "route" | "attributes" | "attribute" => "a `static` or `flow` section",
        "unicast" | "multicast" | "nlri-mpls" | "mpls-vpn" | "flow-vpn" | "mcast-vpn" | "mup" => {
            "`announce { ipv4 { … } }` or `announce { ipv6 { … } }`"
        }
        "ipv4" | "ipv6" => "a `family` or `announce` section",
        "match" | "then" | "next-hop" | "med" | "community" | "label" | "rd" | "as-path"
        | "local-preference" | "extended-community" | "large-community" | "origin" => "a `route`",
        _ => return false,
    };
    let span = c.last_span();
    let between = cx.text.get(cx.last_piece..span.start).unwrap_or("-");
    cx.last_piece = statement.span().end;
    let first = !between
        .trim_matches([' ', '\t', '\r', '\n', ';', '}'])
        .is_empty();
    if first {
        cx.report.add(
            Diagnostic::error(span, format!("`{word}` belongs in {home}, not in {place}"))
                .with_help("a `{` is missing before it, or there is an extra `}`"),
        );
    }
    cx.lost = true;
    true
}
