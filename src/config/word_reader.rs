//! The words of one statement, read from its text when they are needed.

use super::diagnostic::Report;
use super::word_lexer::WordLexer;
use crate::text::{Span, Token};

/// Reads the words of a statement that the lexer has found. It yields what the lexer found.
pub(crate) struct WordReader<'a> {
    text: &'a str,
    at: usize,
    end: usize,
}

impl<'a> WordReader<'a> {
    /// Reads the words in `span`, which begins with the first and ends with the last of them.
    pub(super) const fn new(text: &'a str, span: Span) -> Self {
        Self {
            text,
            at: span.start,
            end: span.end,
        }
    }

    /// A word that ends before any quote, escape or comment.
    fn plain(&self) -> Option<Token<'a>> {
        let rest = &self.text.as_bytes()[self.at..self.end];
        let class = |at: usize| CLASSES[usize::from(rest[at])];
        let length = match (0..rest.len()).find(|at| class(*at) != Class::Word) {
            None => rest.len(),
            Some(at) if class(at) == Class::Special => return None,
            Some(at) => at.max(1),
        };
        let span = Span::new(self.at, self.at + length);
        Some(Token::new(&self.text[span.start..span.end], span))
    }
}

impl<'a> Iterator for WordReader<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        while self.at < self.end {
            if self.text.as_bytes()[self.at].is_ascii_whitespace() {
                self.at += 1;
                continue;
            }
            if let Some(token) = self.plain() {
                self.at = token.span.end;
                return Some(token);
            }
            // Its errors are reported already.
            let mut report = Report::default();
            let mut lexer = WordLexer::new(self.text, self.at, &mut report);
            let token = lexer.word();
            // The brace of a section without a name is no word.
            self.at = lexer.at.max(self.at + 1);
            if token.is_some() {
                return token;
            }
        }
        None
    }
}

/// The role of a byte in a statement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Word,
    Blank,
    /// A word of its own.
    Mark,
    /// Begins or ends a quote, an escape, a comment or a section.
    Special,
}

/// The class of each byte.
const CLASSES: [Class; 256] = {
    let mut classes = [Class::Word; 256];
    let mut byte = 0u8;
    loop {
        classes[byte as usize] = match byte {
            b',' | b'[' | b']' => Class::Mark,
            b'"' | b'\'' | b'\\' | b'#' | b';' | b'{' | b'}' => Class::Special,
            _ if byte.is_ascii_whitespace() => Class::Blank,
            _ => Class::Word,
        };
        if byte == u8::MAX {
            break classes;
        }
        byte += 1;
    }
};
