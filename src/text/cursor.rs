//! Tokens with their place, and the cursor that grammars walk them with.
//!
//! A helper's command is tokenised by [`tokenize`]; a configuration file by `config::tree`, which knows quotes, escapes
//! and sections. Both end as a slice of [`Token`], so one grammar serves both.

use std::borrow::Cow;

use super::SyntaxError;

/// A range of bytes in a source text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// From `start` to `end`.
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// From the start of this to the end of `other`.
    pub const fn to(self, other: Self) -> Self {
        Self {
            start: self.start,
            end: other.end,
        }
    }
}

/// One word or punctuation mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// The word without quotes, escapes resolved.
    pub text: Cow<'a, str>,
    /// Where it stood.
    pub span: Span,
    /// Whether it was quoted: then it is never punctuation.
    pub quoted: bool,
}

impl<'a> Token<'a> {
    /// An unquoted token.
    pub const fn new(text: &'a str, span: Span) -> Self {
        Self {
            text: Cow::Borrowed(text),
            span,
            quoted: false,
        }
    }
}

/// Splits one command line into tokens: blanks separate; `[ ] ( ) ,` stand alone; a token that starts with a quote runs
/// to the matching one. Braces and semicolons stand alone too (`announce route 10.0.0.0/8 { next-hop 1.2.3.4; }`).
pub fn tokenize(line: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::with_capacity(24);
    tokenize_into(line, 0, &mut tokens);
    tokens
}

/// The same into a vector that is used again; spans count from `base`.
pub fn tokenize_into<'a>(line: &'a str, base: usize, tokens: &mut Vec<Token<'a>>) {
    let bytes = line.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        match bytes[at] {
            byte if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            b'[' | b']' | b'(' | b')' | b',' | b'{' | b'}' | b';' => {
                at += 1;
                tokens.push(Token::new(
                    &line[start..at],
                    Span::new(base + start, base + at),
                ));
            }
            quote @ (b'"' | b'\'') => {
                let Some(found) = memchr::memchr(quote, &bytes[at + 1..]) else {
                    // Never closed: then it is no quote, and the word won't be taken for a value.
                    at = bytes.len();
                    tokens.push(Token::new(
                        &line[start..],
                        Span::new(base + start, base + at),
                    ));
                    continue;
                };
                let end = at + 1 + found;
                at = end + 1;
                tokens.push(Token {
                    text: Cow::Borrowed(&line[start + 1..end]),
                    span: Span::new(base + start, base + at),
                    quoted: true,
                });
            }
            _ => {
                while at < bytes.len()
                    && !bytes[at].is_ascii_whitespace()
                    && !matches!(
                        bytes[at],
                        b'[' | b']' | b'(' | b')' | b',' | b'{' | b'}' | b';'
                    )
                {
                    at += 1;
                }
                tokens.push(Token::new(
                    &line[start..at],
                    Span::new(base + start, base + at),
                ));
            }
        }
    }
}

/// A place in a slice of tokens.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    end: usize,
}

impl<'a> Cursor<'a> {
    /// At the first of `tokens`; `end` is the byte offset shown by errors about something missing.
    pub const fn new(tokens: &'a [Token<'a>], end: usize) -> Self {
        Self { tokens, at: 0, end }
    }

    /// The next word without taking it; the empty string at the end.
    pub fn peek(&self) -> &'a str {
        self.tokens.get(self.at).map_or("", |token| &token.text)
    }

    /// The next token without taking it.
    pub fn peek_token(&self) -> Option<&'a Token<'a>> {
        self.tokens.get(self.at)
    }

    /// Takes the next token, if there is one.
    pub fn next_token(&mut self) -> Option<&'a Token<'a>> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        Some(token)
    }

    /// Takes the next word.
    ///
    /// # Errors
    /// At the end; `expected` is what should have stood there.
    pub fn word(&mut self, expected: &str) -> Result<&'a str, SyntaxError> {
        match self.next_token() {
            Some(token) => Ok(&token.text),
            None => Err(self.error(expected)),
        }
    }

    /// Takes the next word if it is `word`, unquoted.
    pub fn accept(&mut self, word: &str) -> bool {
        let found = self
            .peek_token()
            .is_some_and(|token| !token.quoted && token.text == word);
        if found {
            self.at += 1;
        }
        found
    }

    /// Takes `word`.
    ///
    /// # Errors
    /// When another stands there.
    pub fn expect(&mut self, word: &str) -> Result<(), SyntaxError> {
        if self.accept(word) {
            Ok(())
        } else {
            Err(self.error(format_args!("`{word}`")))
        }
    }

    /// Takes the next word as a value; `expected` says what it should be.
    ///
    /// # Errors
    /// When `parse` refuses the word, or at the end.
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

    /// Takes either one item or `[ item item … ]`, without commas, as ExaBGP.
    ///
    /// # Errors
    /// Those of `item`, or when the list does not end.
    pub fn list<T>(
        &mut self,
        item: impl FnMut(&mut Self) -> Result<T, SyntaxError>,
    ) -> Result<Vec<T>, SyntaxError> {
        self.items(item, false)
    }

    /// [`Self::list`] with commas allowed between the items.
    ///
    /// # Errors
    /// Those of `item`, or when the list does not end.
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
        let mut items = Vec::new();
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

    /// Whether all tokens are taken.
    pub const fn is_empty(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// Tokens that remain.
    pub fn remaining(&self) -> &'a [Token<'a>] {
        self.tokens.get(self.at..).unwrap_or_default()
    }

    /// Where the next token stands, or the end.
    pub fn span(&self) -> Span {
        self.tokens
            .get(self.at)
            .map_or_else(|| Span::new(self.end, self.end), |token| token.span)
    }

    /// Where the token taken last stood.
    pub fn last_span(&self) -> Span {
        self.at
            .checked_sub(1)
            .and_then(|last| self.tokens.get(last))
            .map_or_else(|| self.span(), |token| token.span)
    }

    /// `expected …, found …` at the next token.
    pub fn error(&self, expected: impl std::fmt::Display) -> SyntaxError {
        SyntaxError::expected(self.span(), expected, self.peek())
    }

    /// Refuses what remains.
    ///
    /// # Errors
    /// When tokens remain.
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
