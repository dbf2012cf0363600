//! Routes of ExaBGP 3.4 that mean something else, or less, in the current syntax.
//!
//! - A numeric match took several values without brackets: `destination-port =3128 >8080&<8088;`. Today only the first of
//!   them counts.
//! - `tcp-flags syn` and `fragment first-fragment` were sent with the match bit of RFC 8955 4.2.1.2, which is `=syn`
//!   today; without it a packet needs only one of the flags.
//! - A prefix could have bits set beyond its length.

use super::Migration;
use crate::config::tree::{Block, Statement};
use crate::grammar::prefix::mask;
use crate::text::value;

/// The matches that are lists of flags.
const FLAGS: [&str; 2] = ["tcp-flags", "fragment"];

impl Migration<'_> {
    /// The routes of a neighbor or group.
    pub(super) fn routes(&mut self, block: &Block) {
        for section in &block.statements {
            for route in section.statements() {
                match &*self.head(section) {
                    "flow" => self.rule(route),
                    "static" => self.prefix(route),
                    _ => {}
                }
            }
        }
    }

    /// A route of `flow`.
    fn rule(&mut self, route: &Statement) {
        let tree = self.tree;
        let blocks = route.statements().iter();
        for condition in blocks
            .filter(|inner| tree.head(inner) == "match")
            .flat_map(Statement::statements)
        {
            let words = tree.words(condition);
            let [head, values @ ..] = &*words else {
                continue;
            };
            if FLAGS.contains(&&*head.text) {
                if self.old {
                    let bare = values
                        .iter()
                        .filter(|word| word.text.starts_with(|c: char| c.is_ascii_alphabetic()));
                    bare.for_each(|word| self.insert(word.span.start, "="));
                }
            } else if let [first, _, ..] = values
                && first.text.starts_with(['=', '<', '>'])
            {
                self.insert(first.span.start, "[ ");
                self.insert(condition.span().end, " ]");
            }
        }
    }

    /// The prefix of a route of `static`.
    fn prefix(&mut self, route: &Statement) {
        let Some(word) = self.tree.words(route).into_word(1) else {
            return;
        };
        if let Some((address, bits)) = value::prefix(&word.text) {
            let network = mask(address, bits);
            if network != address {
                self.edit(word.span, format!("{network}/{bits}"));
            }
        }
    }

    /// Returns `true` if the file has syntax of ExaBGP 3.4, so that the rest is to be read as 3.4 did.
    pub(super) fn is_of_3_4(&self) -> bool {
        self.tree.statements.iter().any(|statement| {
            let head = self.head(statement);
            head == "group"
                || head == "neighbor"
                    && statement
                        .statements()
                        .iter()
                        .any(|inner| self.is_old(inner))
        })
    }

    /// Returns `true` if a statement of a neighbor is one of ExaBGP 3.4.
    fn is_old(&self, statement: &Statement) -> bool {
        let several = |condition: &Statement| match &*self.tree.words(condition) {
            [_, first, _, ..] => first.text.starts_with(['=', '<', '>']),
            _ => false,
        };
        match (&*self.head(statement), &statement.block) {
            ("process", Some(_)) => true,
            ("family", Some(block)) => block
                .statements
                .iter()
                .any(|inner| matches!(&*self.head(inner), "inet" | "inet4" | "inet6" | "minimal")),
            ("flow", Some(block)) => {
                let parts = block.statements.iter().flat_map(Statement::statements);
                let matches = parts.filter(|part| self.head(part) == "match");
                matches.flat_map(Statement::statements).any(several)
            }
            (word, None) => super::capability::KEYWORDS
                .iter()
                .any(|keyword| keyword.word == word),
            _ => false,
        }
    }

    /// What follows the last neighbor of a group, which ExaBGP 3.4 applied to none: as comments.
    pub(super) fn comment_out(text: &str) -> String {
        let mut out = String::from(
            "\n\n# These stood behind every neighbor of their group: ExaBGP 3.4 gave them to none of them.\n",
        );
        for line in text.trim().lines() {
            out.push_str("# ");
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out.truncate(out.trim_end().len());
        out
    }
}
