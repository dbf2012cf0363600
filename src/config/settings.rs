//! Sections that consist of settings only.

use super::context::Context;
use super::recovery;
use super::schema::{self, Keyword, Origin, Seen};
use super::tree::Statement;

/// What a section is called, and its settings.
pub(crate) struct Settings<T: 'static> {
    /// Its path in the reference: `process/guard`.
    pub(crate) section: &'static str,
    /// Its name in errors: "a `guard` section".
    pub(crate) shown: &'static str,
    /// Its settings.
    pub(crate) keywords: &'static [Keyword<T>],
    /// Those that add to what was set before.
    pub(crate) lists: &'static [&'static str],
    /// Whether it stands outside of all sections, so that a statement of others shows that its brace is missing.
    pub(crate) is_outermost: bool,
}

impl<T> Settings<T> {
    /// Reads a section into `target`. Returns what was set, or `None` if its brace is missing.
    pub(crate) fn read(
        &self,
        cx: &mut Context<'_>,
        section: &Statement,
        target: &mut T,
    ) -> Option<Seen> {
        let tree = cx.tree;
        let words = tree.words(section);
        let (_, c) = words.cursor();
        schema::spare(&c, &mut cx.report);
        let mut seen = Seen::default();
        for statement in section.statements() {
            let words = tree.words(statement);
            let (word, c) = words.cursor();
            let mut keywords = self.keywords.iter();
            match keywords.find(|keyword| keyword.word == word) {
                Some(keyword) if statement.block.is_none() => {
                    if !self.lists.contains(&word) {
                        seen.note(
                            (self.section, keyword.word),
                            (&*words, statement.span()),
                            Origin::Own,
                            &mut cx.report,
                        );
                    }
                    schema::setting(keyword, target, c, &mut cx.report);
                }
                _ if self.is_outermost && recovery::outside(cx, statement, self.shown) => {
                    return None;
                }
                _ => cx.report.add(schema::unknown(
                    word,
                    c.last_span(),
                    self.shown,
                    self.keywords.iter().map(|keyword| keyword.word),
                )),
            }
        }
        Some(seen)
    }
}
