//! Sections that have settings only.

use std::net::IpAddr;

use ipnet::IpNet;

use super::context::Context;
use super::monitor::Monitored;
use super::recovery;
use super::schema::{self, Keyword, Origin, Seen};
use super::tree::Statement;
use crate::text::{Cursor, SyntaxError, value};

/// A kind of section: its name, how texts refer to it, and its settings.
pub(crate) struct Section<T: 'static> {
    pub(crate) name: &'static str,
    pub(crate) place: &'static str,
    pub(crate) table: &'static [Keyword<T>],
}

/// Reads the settings of a section.
pub(crate) fn read<T>(
    cx: &mut Context<'_>,
    statement: &Statement,
    section: &Section<T>,
    draft: &mut T,
) {
    let mut seen = Seen::default();
    let tree = cx.tree;
    for inner in statement.statements() {
        let words = tree.words(inner);
        let (word, c) = words.cursor();
        match section.table.iter().find(|keyword| keyword.word == word) {
            Some(keyword) if inner.block.is_none() => {
                seen.note(
                    (section.name, keyword.word),
                    (&*words, inner.span()),
                    Origin::Own,
                    &mut cx.report,
                );
                schema::setting(keyword, draft, c, &mut cx.report);
            }
            _ if recovery::outside(cx, inner, section.place) => return,
            _ => cx.report.add(schema::unknown(
                word,
                c.last_span(),
                section.place,
                section.table.iter().map(|keyword| keyword.word),
            )),
        }
    }
}

/// Reads which neighbors a section is about: `[ ADDRESS[/BITS] … ]`.
pub(crate) fn monitored(c: &mut Cursor<'_>) -> Result<Monitored, SyntaxError> {
    c.comma_list(|c| {
        c.value("the address of a neighbor, or a range", |word| {
            let (address, bits) = value::prefix(word)
                .or_else(|| value::ip(word).map(|address| (address, width(address))))?;
            Some(IpNet::new(address, bits).ok()?.trunc())
        })
    })
    .map(Monitored::new)
}

const fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}
