//! A configuration file as statements and sections, each with its place in the text.
//!
//! Files may have millions of routes: a statement is 16 bytes, and its words are read from the text when they are needed.

use std::borrow::Cow;
use std::ops::Deref;

use super::word_reader::WordReader;
use crate::text::{Cursor, Span, Token};

/// A file's statements.
#[derive(Debug, Default)]
pub(crate) struct Tree<'a> {
    pub(super) text: &'a str,
    /// Stray punctuation: `}` that closes no section, `;` after no statement.
    pub(super) strays: Vec<Span>,
    /// Those outside of any section, and the sections.
    pub(crate) statements: Vec<Statement>,
}

/// A [`Span`] of a text of at most 4 GiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShortSpan {
    start: u32,
    end: u32,
}

impl From<Span> for ShortSpan {
    fn from(span: Span) -> Self {
        // Larger texts are not read.
        let short = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            start: short(span.start),
            end: short(span.end),
        }
    }
}

impl From<ShortSpan> for Span {
    fn from(span: ShortSpan) -> Self {
        Self::new(span.start as usize, span.end as usize)
    }
}

/// One statement: its words and, if it opens a section, what that holds.
#[derive(Debug)]
pub(crate) struct Statement {
    span: ShortSpan,
    /// The section that it opens.
    pub(crate) block: Option<Box<Block>>,
}

/// What stands between `{` and `}`.
#[derive(Debug)]
pub(crate) struct Block {
    open: ShortSpan,
    /// Its statements.
    pub(crate) statements: Box<[Statement]>,
    close: ShortSpan,
}

impl<'a> Tree<'a> {
    /// Stray punctuation.
    pub(crate) fn strays(&self) -> &[Span] {
        &self.strays
    }

    /// A reader of the words of a statement; of those before `{` if it opens a section.
    pub(crate) fn reader(&self, statement: &Statement) -> WordReader<'a> {
        WordReader::new(self.text, statement.span())
    }

    /// The words of a statement; those before `{` if it opens a section.
    pub(crate) fn words(&self, statement: &Statement) -> Words<'a> {
        Words {
            tokens: self.reader(statement).collect(),
            end: statement.span().end,
        }
    }

    /// The first word of a statement; empty for a section without name.
    pub(crate) fn head(&self, statement: &Statement) -> Cow<'a, str> {
        let first = self.reader(statement).next();
        first.map_or(Cow::Borrowed(""), |token| token.text)
    }

    /// The place of the first word of a statement; of its brace for a section without name.
    pub(crate) fn head_span(&self, statement: &Statement) -> Span {
        let first = self.reader(statement).next();
        first.map_or_else(
            || {
                let end = statement.span().end;
                Span::new(end, end)
            },
            |token| token.span,
        )
    }
}

/// The words of a statement.
#[derive(Debug)]
pub(crate) struct Words<'a> {
    tokens: Vec<Token<'a>>,
    end: usize,
}

impl<'a> Words<'a> {
    /// The first word, and a cursor after it.
    pub(crate) fn cursor(&self) -> (&str, Cursor<'_>) {
        let mut cursor = Cursor::new(&self.tokens, self.end);
        let head = cursor.next_token().map_or("", |token| &*token.text);
        (head, cursor)
    }

    /// The word at `index`, counted from 0.
    pub(crate) fn into_word(mut self, index: usize) -> Option<Token<'a>> {
        (index < self.tokens.len()).then(|| self.tokens.swap_remove(index))
    }
}

impl<'a> Deref for Words<'a> {
    type Target = [Token<'a>];

    fn deref(&self) -> &Self::Target {
        &self.tokens
    }
}

impl Statement {
    /// A statement with its words in `span`, and the section that it opens.
    pub(super) fn new(span: Span, block: Option<Box<Block>>) -> Self {
        Self {
            span: span.into(),
            block,
        }
    }

    /// From the first word to the end of its head.
    pub(crate) fn span(&self) -> Span {
        self.span.into()
    }

    /// What stands in the section that it opens.
    pub(crate) fn statements(&self) -> &[Self] {
        self.block.as_ref().map_or(&[], |block| &block.statements)
    }
}

impl Block {
    /// A section with its braces.
    pub(super) fn new(
        open: Span,
        statements: impl Iterator<Item = Statement>,
        close: Span,
    ) -> Self {
        Self {
            open: open.into(),
            statements: statements.collect(),
            close: close.into(),
        }
    }

    /// The opening brace.
    pub(crate) fn open(&self) -> Span {
        self.open.into()
    }

    /// The closing brace, or the end of the file.
    pub(crate) fn close(&self) -> Span {
        self.close.into()
    }
}
