//! The `tcp-ao` section: the key of the TCP authentication option (RFC 5925), as ExaBGP 6.0 writes it, and our own `next-key`:
//! keys that a running session changes to once the peer asks for them (RFC 5925 7.5.2.e, RNextKeyID).

use super::base64;
use super::context::Context;
use super::diagnostic::Diagnostic;
use super::schema::{self, Keyword, Origin, Seen, boolean};
use super::session::{TcpAo, TcpAoAlgorithm};
use super::tree::{Block, Statement};
use crate::text::{Span, value};

/// The section as written.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    key_id: Option<u8>,
    algorithm: Option<TcpAoAlgorithm>,
    password: Option<(String, Span)>,
    base64: bool,
    next: Vec<TcpAo>,
}

/// Most keys of a neighbor: with many, it is rarely clear which one is in use.
const MOST_KEYS: usize = 8;

/// The settings of the section.
pub(crate) const KEYWORDS: &[Keyword<Draft>] = &[
    Keyword {
        word: "keyid",
        value: "<0-255>",
        doc: "the number of the key, the same on both sides",
        read: |draft, c, _| {
            c.value("a number, 0 to 255", value::u8)
                .map(|value| draft.key_id = Some(value))
        },
    },
    Keyword {
        word: "algorithm",
        value: "<hmac-sha-1-96|aes-128-cmac-96|hmac-sha-256>",
        doc: "how segments are signed",
        read: |draft, c, _| {
            const ALL: [TcpAoAlgorithm; 3] = [
                TcpAoAlgorithm::HmacSha1,
                TcpAoAlgorithm::Aes128Cmac,
                TcpAoAlgorithm::HmacSha256,
            ];
            c.value(
                "`hmac-sha-1-96`, `aes-128-cmac-96` or `hmac-sha-256`",
                |word| ALL.into_iter().find(|algorithm| algorithm.name() == word),
            )
            .map(|value| draft.algorithm = Some(value))
        },
    },
    Keyword {
        word: "password",
        value: "\"<key>\"",
        doc: "the master key, at most 80 bytes",
        read: |draft, c, _| {
            let span = c.span();
            draft.password = Some((c.word("a key")?.to_owned(), span));
            Ok(())
        },
    },
    Keyword {
        word: "base64",
        value: "<true|false>",
        doc: "whether the key is written in base64",
        read: |draft, c, _| boolean(c, true).map(|value| draft.base64 = value),
    },
];

/// Reads `tcp-ao { … }`.
pub(crate) fn read(cx: &mut Context<'_>, section: &Statement, block: &Block) -> Option<TcpAo> {
    read_key(cx, section, block, Place::First)
}

/// Which key is being read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    First,
    Next,
}

fn read_key(
    cx: &mut Context<'_>,
    section: &Statement,
    block: &Block,
    place: Place,
) -> Option<TcpAo> {
    let mut draft = Draft::default();
    let mut seen = Seen::default();
    for statement in &block.statements {
        let words = cx.tree.words(statement);
        let (word, c) = words.cursor();
        if let ("next-key", Some(inner), Place::First) = (word, &statement.block, place) {
            draft
                .next
                .extend(read_key(cx, statement, inner, Place::Next));
            continue;
        }
        match KEYWORDS.iter().find(|keyword| keyword.word == word) {
            Some(keyword) => {
                let place = (&*words, statement.span());
                let setting = ("tcp-ao", keyword.word);
                seen.note(setting, place, Origin::Own, &mut cx.report);
                schema::setting(keyword, &mut draft, c, &mut cx.report);
            }
            None => cx.report.add(schema::unknown(
                word,
                c.last_span(),
                "a `tcp-ao` section",
                KEYWORDS.iter().map(|keyword| keyword.word),
            )),
        }
    }
    let (Some(key_id), Some(algorithm), Some((text, span))) =
        (draft.key_id, draft.algorithm, draft.password)
    else {
        cx.report.add(
            Diagnostic::error(section.span(), "the key of `tcp-ao` is not complete")
                .with_help("it has `keyid`, `algorithm` and `password`"),
        );
        return None;
    };
    let password = if draft.base64 {
        base64::decode(&text).unwrap_or_default()
    } else {
        text.into_bytes()
    };
    if password.is_empty() || password.len() > 80 {
        cx.report.add(Diagnostic::error(
            span,
            "a key has 1 to 80 bytes, and must be base64 if `base64` is set",
        ));
    }
    let mut taken = vec![key_id];
    for next in &draft.next {
        if taken.contains(&next.key_id) {
            let text = format!("two keys of `tcp-ao` have the number {}", next.key_id);
            cx.report.add(Diagnostic::error(section.span(), text));
        }
        taken.push(next.key_id);
    }
    if taken.len() > MOST_KEYS {
        let text = format!("`tcp-ao` has at most {MOST_KEYS} keys");
        cx.report.add(Diagnostic::error(section.span(), text));
    }
    Some(TcpAo {
        key_id,
        algorithm,
        password,
        next: draft.next,
    })
}
