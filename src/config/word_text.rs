//! The text of a word while it is read.

use std::borrow::Cow;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Bare,
    Quoted,
}

#[derive(PartialEq, Eq)]
pub(super) enum Escaped {
    Character,
    /// Outside of quotes: the word ends.
    Blank,
}

/// The text of a word: a slice of the source as long as it has no escapes.
pub(super) struct WordText<'a> {
    source: &'a str,
    owned: Option<String>,
    /// Where what is not yet copied begins.
    pub(super) from: usize,
    start: usize,
    /// Where the word ended, if that is before the position of the reader.
    pub(super) end: Option<usize>,
}

impl<'a> WordText<'a> {
    pub(super) const fn new(source: &'a str, start: usize) -> Self {
        Self {
            source,
            owned: None,
            from: start,
            start,
            end: None,
        }
    }

    pub(super) fn own(&mut self) -> &mut String {
        self.owned.get_or_insert_with(String::new)
    }

    pub(super) fn flush(&mut self, to: usize) {
        let piece = &self.source[self.from..to];
        self.own().push_str(piece);
        self.from = to;
    }

    pub(super) fn blank_at(&mut self, at: usize, mode: Mode) -> Escaped {
        if mode == Mode::Quoted {
            return Escaped::Character;
        }
        self.end = Some(at);
        Escaped::Blank
    }

    pub(super) fn finish(mut self, end: usize) -> Cow<'a, str> {
        match self.owned.take() {
            None => Cow::Borrowed(&self.source[self.start..end]),
            Some(mut owned) => {
                if self.from < end {
                    owned.push_str(&self.source[self.from..end]);
                }
                Cow::Owned(owned)
            }
        }
    }
}
