//! The `neighbor` section and its settings, as written: what is absent stays open until [`validate`](super::validate) puts all
//! together. Templates and groups are read into the same draft, before the neighbor's own block.

use super::context::Context;
use super::diagnostic::{Diagnostic, Report};
use super::draft::{Draft, KEYWORDS};
use super::schema::{self, Origin, Seen};
use super::tree::{Block, Statement};
use super::vocabulary::SECTIONS;
use super::{
    announce, announce_limit_section, capability, family, legacy, recovery, subscription, tcp_ao,
};
use crate::grammar::Operational;
use crate::text::{Cursor, Span, SyntaxError, Token};

/// Reads the statements of a neighbor, a template or a group into `draft`.
pub(crate) fn read(
    cx: &mut Context<'_>,
    draft: &mut Draft,
    seen: &mut Seen,
    statements: &[Statement],
    origin: Origin,
) {
    for statement in statements {
        if cx.report.is_full() {
            // No further errors are kept; a file with nothing but errors must not take long.
            return;
        }
        let tree = cx.tree;
        let words = tree.words(statement);
        let (word, c) = words.cursor();
        if word.is_empty() && statement.block.is_some() {
            // The missing name was reported when the file was cut into sections.
            continue;
        }
        if let Some(block) = &statement.block {
            if matches!(word, "neighbor" | "template" | "group")
                && recovery::outside(cx, statement, "a `neighbor` section")
            {
                return;
            }
            section(cx, draft, seen, (statement, block), origin);
            continue;
        }
        match KEYWORDS.iter().find(|keyword| keyword.word == word) {
            Some(keyword) => {
                if word != "inherit" {
                    seen.note(
                        ("neighbor", keyword.word),
                        (&*words, statement.span()),
                        origin,
                        &mut cx.report,
                    );
                }
                schema::setting(keyword, draft, c, &mut cx.report);
            }
            None if legacy::neighbor(cx, draft, word, c) => {}
            None if SECTIONS.contains(&word) => cx.report.add(
                Diagnostic::error(c.last_span(), format!("`{word}` is a section"))
                    .with_help(format!("write `{word} {{ … }}`")),
            ),
            None if recovery::piece(cx, statement, "a `neighbor` section") => {}
            None => recovery::unknown(cx, seen, word, c),
        }
    }
}

/// Reads one section of a neighbor.
fn section(
    cx: &mut Context<'_>,
    draft: &mut Draft,
    seen: &mut Seen,
    (statement, block): (&Statement, &Block),
    origin: Origin,
) {
    let words = cx.tree.words(statement);
    let (word, c) = words.cursor();
    match word {
        "family" => {
            draft.families.before = draft.families.named.len();
            lines(
                cx,
                block,
                "a `family` section",
                |draft_line, c, report, _| draft.families.read(draft_line, c, report).map(drop),
            );
        }
        "add-path" => lines(cx, block, "an `add-path` section", |head, c, report, _| {
            family::add_path(&mut draft.add_path, &mut draft.paths_limit, head, c, report)
        }),
        "nexthop" => {
            let list = draft.nexthops.get_or_insert_default();
            lines(cx, block, "a `nexthop` section", |head, c, report, _| {
                let pair = family::nexthop(head, c, report)?;
                if !list.contains(&pair) {
                    list.push(pair);
                }
                Ok(())
            });
        }
        "capability" => capabilities(cx, draft, seen, block, origin),
        "api" => {
            let found = subscription::read(cx, statement);
            draft.subscriptions.push(found);
            return;
        }
        "static" | "announce" | "flow" | "l2vpn" => announce::read(cx, draft, word, block, origin),
        "operational" => lines(cx, block, "an `operational` section", |head, c, _, _| {
            let span = c.last_span();
            let found = Operational::parse(head, c)?;
            draft.operational.push((found, span));
            Ok(())
        }),
        // The neighbor's own values replace those of a template silently: ExaBGP, which would use the template's, does not have
        // this section.
        "announce-limit" => lines(
            cx,
            block,
            "an `announce-limit` section",
            |head, c, report, place| {
                let limit = &mut draft.announce_limit;
                let name = announce_limit_section::line(limit, head, c, report)?;
                if origin == Origin::Own {
                    seen.note(("announce-limit", name), place, origin, report);
                }
                Ok(())
            },
        ),
        "tcp-ao" => {
            let key = tcp_ao::read(cx, statement, block);
            if origin == Origin::Own {
                if seen.has("neighbor", "tcp-ao") && draft.tcp_ao != key {
                    let text = "`tcp-ao` is set twice: this section is used";
                    cx.report.add(Diagnostic::warning(c.last_span(), text));
                }
                let place = (&*words, c.last_span());
                seen.note(("neighbor", "tcp-ao"), place, origin, &mut cx.report);
            }
            draft.tcp_ao = key;
        }
        _ if legacy::section(cx, draft, statement, word) => return,
        _ if recovery::piece(cx, statement, "a `neighbor` section") => return,
        _ => {
            cx.report.add(schema::unknown(
                word,
                c.last_span(),
                "a `neighbor` section",
                SECTIONS.iter().copied(),
            ));
            return;
        }
    }
    schema::spare(&c, &mut cx.report);
}

/// Reads a section whose lines are all alike. Besides its first word and what follows that, `read` is given all words and the
/// place of each line.
pub(crate) fn lines(
    cx: &mut Context<'_>,
    block: &Block,
    place: &str,
    mut read: impl FnMut(
        &str,
        &mut Cursor<'_>,
        &mut Report,
        (&[Token<'_>], Span),
    ) -> Result<(), SyntaxError>,
) {
    for statement in &block.statements {
        let words = cx.tree.words(statement);
        let (head, mut c) = words.cursor();
        if recovery::outside(cx, statement, place) {
            return;
        }
        let line = (&*words, statement.span());
        match read(head, &mut c, &mut cx.report, line) {
            Ok(()) => schema::spare(&c, &mut cx.report),
            Err(error) => cx.report.add(error),
        }
    }
}

/// Reads the `capability` section.
fn capabilities(
    cx: &mut Context<'_>,
    draft: &mut Draft,
    seen: &mut Seen,
    block: &Block,
    origin: Origin,
) {
    for statement in &block.statements {
        let tree = cx.tree;
        let words = tree.words(statement);
        let (word, c) = words.cursor();
        let found = capability::KEYWORDS
            .iter()
            .find(|keyword| keyword.word == word);
        match found {
            Some(keyword) => {
                seen.note(
                    ("capability", keyword.word),
                    (&*words, statement.span()),
                    origin,
                    &mut cx.report,
                );
                schema::setting(keyword, &mut draft.capability, c, &mut cx.report);
            }
            None if legacy::capability(cx, draft, word, c) => {}
            None if recovery::outside(cx, statement, "a `capability` section") => return,
            None => cx.report.add(schema::unknown(
                word,
                c.last_span(),
                "a `capability` section",
                capability::KEYWORDS.iter().map(|keyword| keyword.word),
            )),
        }
    }
}
