//! A configuration file as statements and sections, each word with its place.

use std::ops::Range;

use crate::text::{Span, Token};

/// A file's statements.
#[derive(Debug, Default)]
pub(crate) struct Tree<'a> {
    pub(super) tokens: Vec<Token<'a>>,
    /// Stray punctuation: `}` that closes no section, `;` after no statement.
    pub(super) strays: Vec<Span>,
    /// Those outside of any section, and the sections.
    pub(crate) statements: Vec<Statement>,
}

/// One statement: its words and, if it opens a section, what that holds.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(super) words: Range<usize>,
    /// From the first word to the end of its head.
    pub(crate) span: Span,
    /// The section that it opens.
    pub(crate) block: Option<Block>,
}

/// What stands between `{` and `}`.
#[derive(Debug)]
pub(crate) struct Block {
    /// The opening brace.
    pub(crate) open: Span,
    /// Its statements.
    pub(crate) statements: Vec<Statement>,
    /// The closing brace, or the end of the file.
    pub(crate) close: Span,
}

impl<'a> Tree<'a> {
    /// Stray punctuation.
    pub(crate) fn strays(&self) -> &[Span] {
        &self.strays
    }

    /// The words of a statement; those before `{` if it opens a section.
    pub(crate) fn words(&self, statement: &Statement) -> &[Token<'a>] {
        &self.tokens[statement.words.clone()]
    }

    /// The first word of a statement; empty for a section without name.
    pub(crate) fn head(&self, statement: &Statement) -> &str {
        self.words(statement)
            .first()
            .map_or("", |token| &*token.text)
    }
}

impl Statement {
    /// What stands in the section that it opens.
    pub(crate) fn statements(&self) -> &[Self] {
        self.block.as_ref().map_or(&[], |block| &block.statements)
    }
}
