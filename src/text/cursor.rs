//! Tokens with their position, and the cursor that parsers read them with.
//!
//! [`tokenize`] splits a helper's command; `config::tree` splits a configuration file, with quotes, escapes and
//! sections. Both result in a slice of [`Token`]s, so that both share one grammar.

use std::borrow::Cow;

use super::error::SyntaxError;
use super::span::Span;

/// One word or punctuation mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// The word without quotes, with escapes resolved.
    pub text: Cow<'a, str>,
    /// Its position.
    pub span: Span,
    /// Whether it was quoted, in which case it is never punctuation.
    pub quoted: bool,
}

impl<'a> Token<'a> {
    /// Creates an unquoted token.
    pub const fn new(text: &'a str, span: Span) -> Self {
        Self {
            text: Cow::Borrowed(text),
            span,
            quoted: false,
        }
    }
}

/// Splits a command line into tokens, which are separated by blanks. `[ ] ( ) ,` are tokens of their own, and so are
/// braces and semicolons (`announce route 10.0.0.0/8 { next-hop 1.2.3.4; }`). A token that starts with a quote ends
/// at the matching one.
pub fn tokenize(line: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::with_capacity(24);
    tokenize_into(line, 0, &mut tokens);
    tokens
}

/// The role of a byte in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Word,
    Blank,
    /// A token of its own.
    Mark,
    /// Starts a quoted token; inside a word, it is a part of the word.
    Quote,
}

/// The class of each byte: one load instead of a dozen comparisons.
const CLASSES: [Class; 256] = {
    let mut classes = [Class::Word; 256];
    let mut byte = 0u8;
    loop {
        classes[byte as usize] = match byte {
            b'[' | b']' | b'(' | b')' | b',' | b'{' | b'}' | b';' => Class::Mark,
            b'"' | b'\'' => Class::Quote,
            _ if byte.is_ascii_whitespace() => Class::Blank,
            _ => Class::Word,
        };
        if byte == u8::MAX {
            break classes;
        }
        byte += 1;
    }
};

/// Does the same into an existing vector. Spans start at `base`.
pub fn tokenize_into<'a>(line: &'a str, base: usize, tokens: &mut Vec<Token<'a>>) {
    let bytes = line.as_bytes();
    let mut at = 0;
    while let Some(first) = bytes.get(at) {
        let start = at;
        at += 1;
        match CLASSES[usize::from(*first)] {
            Class::Blank => continue,
            Class::Mark => {}
            Class::Quote => {
                if let Some(found) = memchr::memchr(*first, &bytes[at..]) {
                    let end = at + found;
                    at = end + 1;
                    tokens.push(Token {
                        text: Cow::Borrowed(&line[start + 1..end]),
                        span: Span::new(base + start, base + at),
                        quoted: true,
                    });
                    continue;
                }
                // Not terminated: then it is not a quote, and the word will not be accepted as a value.
                at = bytes.len();
            }
            Class::Word => {
                while bytes.get(at).is_some_and(|byte| {
                    matches!(CLASSES[usize::from(*byte)], Class::Word | Class::Quote)
                }) {
                    at += 1;
                }
            }
        }
        tokens.push(Token::new(
            &line[start..at],
            Span::new(base + start, base + at),
        ));
    }
}

/// A word without the quotes that it may stand in.
pub fn unquoted(word: &str) -> &str {
    let inner = |quote: char| word.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(word)
}

/// A position in a slice of tokens.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    end: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at the first of `tokens`. `end` is the byte offset reported by errors about missing tokens.
    pub const fn new(tokens: &'a [Token<'a>], end: usize) -> Self {
        Self { tokens, at: 0, end }
    }

    /// The next word, without consuming it; the empty string at the end.
    pub fn peek(&self) -> &'a str {
        self.tokens.get(self.at).map_or("", |token| &token.text)
    }

    /// The next token, without consuming it.
    pub fn peek_token(&self) -> Option<&'a Token<'a>> {
        self.tokens.get(self.at)
    }

    /// Consumes and returns the next token, if there is one.
    pub fn next_token(&mut self) -> Option<&'a Token<'a>> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        Some(token)
    }

    /// Consumes and returns the next word.
    ///
    /// # Errors
    /// Returns an error at the end; `expected` is the description of the missing word.
    pub fn word(&mut self, expected: &str) -> Result<&'a str, SyntaxError> {
        match self.next_token() {
            Some(token) => Ok(&token.text),
            None => Err(self.error(expected)),
        }
    }

    /// Consumes the next word if it is `word`, unquoted. Returns `true` if it was.
    pub fn accept(&mut self, word: &str) -> bool {
        let found = self
            .peek_token()
            .is_some_and(|token| !token.quoted && token.text == word);
        if found {
            self.at += 1;
        }
        found
    }

    /// Consumes `word`.
    ///
    /// # Errors
    /// Returns an error if the next word is a different one.
    pub fn expect(&mut self, word: &str) -> Result<(), SyntaxError> {
        if self.accept(word) {
            Ok(())
        } else {
            Err(self.error(format_args!("`{word}`")))
        }
    }

    /// Consumes and parses the next word; `expected` is the description of valid values.
    ///
    /// # Errors
    /// Returns an error if `parse` rejects the word, or at the end.
    pub fn value<T>(
        &mut self,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, SyntaxError> {
        match parse(self.peek()) {
            Some(value) if !self.is_empty() => {
                self.at += 1;
                Ok(value)
            }
            _ => Err(self.error(expected)),
        }
    }

    /// Parses either one item or `[ item item … ]`, without commas, as in ExaBGP.
    ///
    /// # Errors
    /// Returns the errors of `item`, and an error if the list is not terminated.
    pub fn list<T>(
        &mut self,
        item: impl FnMut(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<Vec<T>, SyntaxError> {
        self.items(item, false)
    }

    /// [`Self::list`] with commas allowed between the items.
    ///
    /// # Errors
    /// Returns the errors of `item`, and an error if the list is not terminated.
    pub fn comma_list<T>(
        &mut self,
        item: impl FnMut(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<Vec<T>, SyntaxError> {
        self.items(item, true)
    }

    fn items<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, SyntaxError>,
        commas: bool,
    ) -> Result<Vec<T>, SyntaxError> {
        if !self.accept("[") {
            return Ok(vec![item(self)?]);
        }
        let mut items = Vec::with_capacity(self.count_until("]"));
        while !self.accept("]") {
            if self.is_empty() {
                return Err(self.error("`]`"));
            }
            items.push(item(self)?);
            if commas {
                self.accept(",");
            }
        }
        Ok(items)
    }

    /// The number of tokens before the next `close`, an upper bound of the number of items of a list; 0 without `close`.
    pub(crate) fn count_until(&self, close: &str) -> usize {
        let mut tokens = self.remaining().iter();
        tokens.position(|token| token.text == close).unwrap_or(0)
    }

    /// Returns `true` if all tokens are consumed.
    pub const fn is_empty(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// The remaining tokens.
    pub fn remaining(&self) -> &'a [Token<'a>] {
        self.tokens.get(self.at..).unwrap_or_default()
    }

    /// The position of the next token, or the end.
    pub fn span(&self) -> Span {
        self.tokens
            .get(self.at)
            .map_or_else(|| Span::new(self.end, self.end), |token| token.span)
    }

    /// The position of the last consumed token.
    pub fn last_span(&self) -> Span {
        self.at
            .checked_sub(1)
            .and_then(|last| self.tokens.get(last))
            .map_or_else(|| self.span(), |token| token.span)
    }

    /// An error `expected …, found …` at the next token.
    pub fn error(&self, expected: impl std::fmt::Display) -> SyntaxError {
        SyntaxError::expected(self.span(), expected, self.peek())
    }

    /// Checks that no tokens remain.
    ///
    /// # Errors
    /// Returns an error if tokens remain.
    pub fn finish(&self) -> Result<(), SyntaxError> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(self.error("the end of the statement"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        tokenize(line)
            .into_iter()
            .map(|token| token.text.into_owned())
            .collect()
    }

    #[test]
    fn brackets_stand_alone_and_quotes_hold_together() {
        assert_eq!(
            words("as-path [1 2](3,4)\tx"),
            ["as-path", "[", "1", "2", "]", "(", "3", ",", "4", ")", "x"]
        );
        assert_eq!(words("a \"b [c] d\" e"), ["a", "b [c] d", "e"]);
        assert_eq!(words("a \"never closed"), ["a", "\"never closed"]);
        assert_eq!(words("a \""), ["a", "\""]);
        assert_eq!(words("  "), Vec::<String>::new());
    }

    #[test]
    fn spans_point_into_the_line() {
        let tokens = tokenize("med  50");
        assert_eq!(tokens[1].span, Span::new(5, 7));
    }

    #[test]
    fn lists_take_one_or_many() {
        for (line, wanted) in [
            ("7", vec![7]),
            ("[ 7 8 ]", vec![7, 8]),
            ("[7,8]", vec![7, 8]),
            ("[ ]", vec![]),
        ] {
            let tokens = tokenize(line);
            let mut cursor = Cursor::new(&tokens, line.len());
            let items = cursor.comma_list(|c| c.value("a number", |word| word.parse::<u32>().ok()));
            assert_eq!(items, Ok(wanted), "{line}");
        }
        let tokens = tokenize("[ 7");
        let items =
            Cursor::new(&tokens, 3).list(|c| c.value("a number", |word| word.parse::<u32>().ok()));
        assert_eq!(
            items.map_err(|error| error.message),
            Err("expected `]`, found the end of the statement".into())
        );
    }
}
