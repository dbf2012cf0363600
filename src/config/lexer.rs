//! Reads the text of a configuration file into a [`Tree`].
//!
//! The rules are those of ExaBGP's files: `;` ends a statement, `{` opens a section and `}` closes it; `#` starts a comment;
//! quotes hold words together; a backslash escapes the next character, and joins two lines at the end of one. Where
//! ExaBGP silently loses text, the evident meaning is applied with a warning: a missing `;` before `}`, a stray `}`,
//! a section that is never closed. The reader never gives up: an error becomes a diagnostic, and reading continues after it.
//!
//! A file may have millions of routes, so a [`Statement`] only records where its words are. The words of the statement that
//! is being read are dropped at its end; `WordReader` reads them again from the text, without diagnostics, when they are
//! needed. A statement without quotes, escapes and comments needs no words to find its end ([`Lexer::plain`]).

use super::diagnostic::{Diagnostic, Report};
use super::tree::{Block, Statement, Tree};
use super::vocabulary;
use super::word_lexer::WordLexer;
use crate::text::{Span, Token};

/// The most nested sections, which bounds hostile files.
const DEPTH: usize = 32;

impl<'a> Tree<'a> {
    /// Reads `text`; errors go to `report`.
    pub(crate) fn parse(text: &'a str, report: &mut Report) -> Self {
        Lexer::new(text, report).tree()
    }
}

/// What looks like a comment of other languages where a statement would begin.
const FOREIGN_COMMENTS: [&str; 4] = ["//", "/*", "--", "!"];

/// The longest statement that [`Lexer::plain`] reads, in bytes, so that what is not of that kind is not looked at very often.
const PLAIN: usize = 4096;

/// A section that is not closed yet.
struct Section {
    span: Span,
    brace: Span,
    /// The first of its statements in [`Lexer::statements`].
    first: usize,
}

struct Lexer<'a, 'r> {
    input: WordLexer<'a, 'r>,
    /// The words of the statement that is being read.
    tokens: Vec<Token<'a>>,
    /// Those outside of any section, followed by those of the sections that are open.
    statements: Vec<Statement>,
    /// The sections that are open.
    open: Vec<Section>,
    strays: Vec<Span>,
}

impl<'a, 'r> Lexer<'a, 'r> {
    fn new(text: &'a str, report: &'r mut Report) -> Self {
        let start = usize::from(text.starts_with('\u{feff}')) * '\u{feff}'.len_utf8();
        Self {
            input: WordLexer::new(text, start, report),
            tokens: Vec::new(),
            statements: Vec::new(),
            open: Vec::new(),
            strays: Vec::new(),
        }
    }

    fn tree(mut self) -> Tree<'a> {
        if u32::try_from(self.input.text.len()).is_ok() {
            self.run();
        } else {
            let text = "the text is larger than 4 GiB";
            self.input
                .report
                .add(Diagnostic::error(Span::default(), text));
        }
        self.finish()
    }

    fn finish(mut self) -> Tree<'a> {
        self.statements.shrink_to_fit();
        Tree {
            text: self.input.text,
            strays: self.strays,
            statements: self.statements,
        }
    }

    fn run(&mut self) {
        while let Some(&byte) = self.input.bytes.get(self.input.at) {
            if self.tokens.is_empty() && !byte.is_ascii_whitespace() && self.plain() {
                continue;
            }
            self.step(byte);
        }
        self.end();
    }

    /// Reads one word or sign, which begins with `byte`.
    fn step(&mut self, byte: u8) {
        let span = Span::new(self.input.at, self.input.at + 1);
        match byte {
            b'\n' => {
                self.input.at += 1;
                self.line_end();
            }
            byte if byte.is_ascii_whitespace() => self.input.at += 1,
            b'#' => self.input.comment(),
            b';' | b'{' | b'}' => {
                self.input.at += 1;
                match byte {
                    b';' => self.semicolon(span),
                    b'{' => self.open_section(span),
                    _ => self.close_section(span),
                }
            }
            b',' | b'[' | b']' => {
                self.input.at += 1;
                let text = &self.input.text[span.start..span.end];
                self.tokens.push(Token::new(text, span));
            }
            _ if self.tokens.is_empty() && self.foreign_comment() => {}
            _ => self.tokens.extend(self.input.word()),
        }
    }

    /// Reads a whole statement that ends in `;` on its line and has no quotes, escapes and comments: then only its ends matter.
    /// Returns `false`, having read nothing, if it is not of that kind.
    fn plain(&mut self) -> bool {
        let rest = &self.input.bytes[self.input.at..];
        let rest = &rest[..rest.len().min(PLAIN)];
        let is_special = |byte: &u8| matches!(byte, b'"' | b'\'' | b'\\' | b'#' | b'{' | b'}');
        if is_special(&rest[0]) {
            return false;
        }
        let is_foreign = || {
            FOREIGN_COMMENTS
                .iter()
                .any(|mark| rest.starts_with(mark.as_bytes()))
        };
        if is_foreign() {
            return false;
        }
        let end = memchr::memchr2(b';', b'\n', rest).filter(|end| rest[*end] == b';');
        let Some(end) = end else {
            return false;
        };
        let words = rest[..end].trim_ascii_end();
        // Without a branch for each byte, the compiler compares many at a time.
        let has_special = words.iter().fold(false, |any, byte| any | is_special(byte));
        if words.is_empty() || has_special {
            return false;
        }
        let span = Span::new(self.input.at, self.input.at + words.len());
        self.statements.push(Statement::new(span, None));
        self.input.at += end + 1;
        true
    }

    /// From the first word of the statement to its last; an empty span without words.
    fn span(&self) -> Span {
        match (self.tokens.first(), self.tokens.last()) {
            (Some(first), Some(last)) => first.span.to(last.span),
            _ => Span::new(self.input.at, self.input.at),
        }
    }

    fn end_statement(&mut self) {
        self.statements.push(Statement::new(self.span(), None));
        self.tokens.clear();
    }

    fn semicolon(&mut self, span: Span) {
        if self.tokens.is_empty() {
            self.strays.push(span);
            self.input.report.add(
                Diagnostic::warning(span, "there is no statement before this `;`")
                    .with_help("remove it"),
            );
        } else {
            self.end_statement();
        }
    }

    fn open_section(&mut self, span: Span) {
        if self.tokens.is_empty() {
            self.input.report.add(Diagnostic::error(
                span,
                "expected the name of a section before `{`",
            ));
        }
        if self.open.len() >= DEPTH {
            self.input.report.add(Diagnostic::error(
                span,
                format!("more than {DEPTH} sections within each other"),
            ));
            self.tokens.clear();
            self.input.at = self.input.bytes.len();
            return;
        }
        let brace = span;
        let span = if self.tokens.is_empty() {
            brace
        } else {
            self.span()
        };
        self.tokens.clear();
        self.open.push(Section {
            span,
            brace,
            first: self.statements.len(),
        });
    }

    fn close_section(&mut self, span: Span) {
        if !self.tokens.is_empty() {
            let words = self.span();
            self.input.report.add(
                Diagnostic::warning(
                    Span::new(words.end, words.end),
                    "expected `;` before `}`: the statement is used anyway",
                )
                .with_label("add `;` here")
                .with_help("ExaBGP silently drops such a statement"),
            );
            self.end_statement();
        }
        if self.open.is_empty() {
            self.strays.push(span);
            self.input.report.add(
                Diagnostic::warning(span, "this `}` closes no section and is ignored")
                    .with_help("ExaBGP ignores the rest of the file from here on"),
            );
            return;
        }
        self.close(span);
    }

    fn close(&mut self, close: Span) {
        if let Some(section) = self.open.pop() {
            let block = Block::new(section.brace, self.statements.drain(section.first..), close);
            self.statements
                .push(Statement::new(section.span, Some(Box::new(block))));
        }
    }

    /// A statement ends on the line that it began on, unless a backslash joins the lines.
    fn line_end(&mut self) {
        let unclosed = std::mem::take(&mut self.input.unclosed);
        if self.tokens.is_empty() {
            return;
        }
        let rest = self.input.text[self.input.at..].trim_start();
        if rest.starts_with('{') {
            self.input.at = self.input.text.len() - rest.len();
            return;
        }
        if unclosed {
            self.end_statement();
            return;
        }
        let opens = vocabulary::opens_section(&self.tokens);
        let words = self.span();
        if opens && self.input.at < self.input.text.len() {
            let end = Span::new(words.end, words.end);
            self.input.report.add(
                Diagnostic::error(end, "expected `{` at the end of the line")
                    .with_label("add `{` here"),
            );
            self.open_section(end);
            return;
        }
        self.input.report.add(
            Diagnostic::error(
                Span::new(words.end, words.end),
                "expected `;` or `{` at the end of the line",
            )
            .with_label("add `;` here")
            .with_help("a statement may go on over the next line after a `\\`"),
        );
        self.end_statement();
    }

    fn end(&mut self) {
        self.line_end();
        let end = Span::new(self.input.text.len(), self.input.text.len());
        while !self.open.is_empty() {
            if let Some(section) = self.open.last() {
                self.input.report.add(
                    Diagnostic::warning(section.span, "this section is never closed")
                        .with_help("add `}` at its end"),
                );
            }
            self.close(end);
        }
    }

    /// A comment of other languages, where a statement would begin: reported once, and skipped.
    fn foreign_comment(&mut self) -> bool {
        let rest = &self.input.text[self.input.at..];
        let Some(mark) = FOREIGN_COMMENTS
            .iter()
            .find(|mark| rest.starts_with(**mark))
        else {
            return false;
        };
        let line = rest.find('\n').unwrap_or(rest.len());
        let closed = if *mark == "/*" { rest.find("*/") } else { None };
        let end = closed.map_or(line, |end| end + 2);
        self.input.report.add(
            Diagnostic::error(
                Span::new(self.input.at, self.input.at + mark.len()),
                format!("`{mark}` does not start a comment"),
            )
            .with_help("write `#`"),
        );
        self.input.at += end;
        true
    }
}

#[cfg(test)]
mod tests;
