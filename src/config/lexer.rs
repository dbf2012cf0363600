//! Reads the text of a configuration file into a [`Tree`].
//!
//! The rules are those of ExaBGP's files: `;` ends a statement, `{` opens a section and `}` closes it; `#` starts a comment;
//! quotes hold words together; a backslash escapes the next character, and joins two lines at the end of one. Where
//! ExaBGP silently loses text, the evident meaning is applied with a warning: a missing `;` before `}`, a stray `}`,
//! a section that is never closed. The reader walks the bytes once and never gives up: an error becomes a diagnostic,
//! and reading continues after it.

use std::ops::Range;

use super::diagnostic::{Diagnostic, Report};
use super::tree::{Block, Statement, Tree};
use super::vocabulary;
use super::word_text::{Escaped, Mode, WordText};
use crate::text::{Span, Token};

/// The most nested sections, which bounds hostile files.
const DEPTH: usize = 32;

impl<'a> Tree<'a> {
    /// Reads `text`; errors go to `report`.
    pub(crate) fn parse(text: &'a str, report: &mut Report) -> Self {
        let mut lexer = Lexer {
            text,
            bytes: text.as_bytes(),
            at: usize::from(text.starts_with('\u{feff}')) * '\u{feff}'.len_utf8(),
            tokens: Vec::new(),
            pending: 0,
            open: vec![Section::default()],
            unclosed: false,
            strays: Vec::new(),
            report,
        };
        lexer.run();
        let statements = std::mem::take(&mut lexer.open[0].statements);
        Self {
            tokens: lexer.tokens,
            strays: lexer.strays,
            statements,
        }
    }
}

/// A section that is not closed yet.
#[derive(Default)]
struct Section {
    head: Range<usize>,
    span: Span,
    brace: Span,
    statements: Vec<Statement>,
}

struct Lexer<'a, 'r> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    tokens: Vec<Token<'a>>,
    /// The first token of the statement that is being read.
    pending: usize,
    /// The file, and the sections that are open. Never empty.
    open: Vec<Section>,
    /// The line has a quote that is never closed: further errors at its end follow from that.
    unclosed: bool,
    strays: Vec<Span>,
    report: &'r mut Report,
}

impl<'a> Lexer<'a, '_> {
    fn run(&mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            let span = Span::new(self.at, self.at + 1);
            match byte {
                b'\n' => {
                    self.at += 1;
                    self.line_end();
                }
                byte if byte.is_ascii_whitespace() => self.at += 1,
                b'#' => self.comment(),
                b';' | b'{' | b'}' => {
                    self.at += 1;
                    match byte {
                        b';' => self.semicolon(span),
                        b'{' => self.open_section(span),
                        _ => self.close_section(span),
                    }
                }
                b',' | b'[' | b']' => {
                    self.at += 1;
                    let text = &self.text[span.start..span.end];
                    self.tokens.push(Token::new(text, span));
                }
                _ => self.word(),
            }
        }
        self.end();
    }

    fn words(&mut self) -> Range<usize> {
        let words = self.pending..self.tokens.len();
        self.pending = self.tokens.len();
        words
    }

    fn span_of(&self, words: &Range<usize>) -> Span {
        match (
            self.tokens.get(words.start),
            self.tokens[..words.end].last(),
        ) {
            (Some(first), Some(last)) if !words.is_empty() => first.span.to(last.span),
            _ => Span::new(self.at, self.at),
        }
    }

    fn push(&mut self, statement: Statement) {
        // The file itself is never closed: there is always a last one.
        if let Some(section) = self.open.last_mut() {
            section.statements.push(statement);
        }
    }

    fn end_statement(&mut self) {
        let words = self.words();
        let span = self.span_of(&words);
        self.push(Statement {
            words,
            span,
            block: None,
        });
    }

    fn semicolon(&mut self, span: Span) {
        if self.pending == self.tokens.len() {
            self.strays.push(span);
            self.report.add(
                Diagnostic::warning(span, "there is no statement before this `;`")
                    .with_help("remove it"),
            );
        } else {
            self.end_statement();
        }
    }

    fn open_section(&mut self, span: Span) {
        let head = self.words();
        if head.is_empty() {
            self.report.add(Diagnostic::error(
                span,
                "expected the name of a section before `{`",
            ));
        }
        if self.open.len() > DEPTH {
            self.report.add(Diagnostic::error(
                span,
                format!("more than {DEPTH} sections within each other"),
            ));
            self.at = self.bytes.len();
            return;
        }
        let brace = span;
        let span = if head.is_empty() {
            span
        } else {
            self.span_of(&head)
        };
        self.open.push(Section {
            head,
            span,
            brace,
            statements: Vec::new(),
        });
    }

    fn close_section(&mut self, span: Span) {
        if self.pending < self.tokens.len() {
            let words = self.pending..self.tokens.len();
            let words = self.span_of(&words);
            self.report.add(
                Diagnostic::warning(
                    Span::new(words.end, words.end),
                    "expected `;` before `}`: the statement is used anyway",
                )
                .with_label("add `;` here")
                .with_help("ExaBGP silently drops such a statement"),
            );
            self.end_statement();
        }
        if self.open.len() == 1 {
            self.strays.push(span);
            self.report.add(
                Diagnostic::warning(span, "this `}` closes no section and is ignored")
                    .with_help("ExaBGP ignores the rest of the file from here on"),
            );
            return;
        }
        self.close(span);
    }

    fn close(&mut self, close: Span) {
        if let Some(section) = self.open.pop() {
            self.push(Statement {
                words: section.head,
                span: section.span,
                block: Some(Block {
                    open: section.brace,
                    statements: section.statements,
                    close,
                }),
            });
        }
    }

    /// A statement ends on the line that it began on, unless a backslash joins the lines.
    fn line_end(&mut self) {
        let unclosed = std::mem::take(&mut self.unclosed);
        if self.pending == self.tokens.len() {
            return;
        }
        let rest = self.text[self.at..].trim_start();
        if rest.starts_with('{') {
            self.at = self.text.len() - rest.len();
            return;
        }
        if unclosed {
            self.end_statement();
            return;
        }
        let words = self.pending..self.tokens.len();
        let opens = vocabulary::opens_section(&self.tokens[words.clone()]);
        let words = self.span_of(&words);
        if opens && self.at < self.text.len() {
            let end = Span::new(words.end, words.end);
            self.report.add(
                Diagnostic::error(end, "expected `{` at the end of the line")
                    .with_label("add `{` here"),
            );
            self.open_section(end);
            return;
        }
        self.report.add(
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
        let end = Span::new(self.text.len(), self.text.len());
        while self.open.len() > 1 {
            if let Some(section) = self.open.last() {
                self.report.add(
                    Diagnostic::warning(section.span, "this section is never closed")
                        .with_help("add `}` at its end"),
                );
            }
            self.close(end);
        }
    }

    /// To the end of the line, or of the last line that a backslash joins to it.
    fn comment(&mut self) {
        let start = self.at;
        loop {
            let line_end = memchr::memchr(b'\n', &self.bytes[self.at..])
                .map_or(self.bytes.len(), |length| self.at + length);
            let joined = self.text[self.at..line_end].trim_end().ends_with('\\');
            self.at = line_end;
            if !joined || line_end == self.bytes.len() {
                return;
            }
            self.report.add(
                Diagnostic::warning(
                    Span::new(start, line_end),
                    "this comment ends in `\\`, so the next line is part of it",
                )
                .with_help("end the comment with something else"),
            );
            self.at += 1;
        }
    }

    /// A comment of other languages, where a statement would begin: reported once, and skipped.
    fn foreign_comment(&mut self) -> bool {
        let rest = &self.text[self.at..];
        let marks = ["//", "/*", "--", "!"];
        let Some(mark) = marks.iter().find(|mark| rest.starts_with(**mark)) else {
            return false;
        };
        let line = rest.find('\n').unwrap_or(rest.len());
        let closed = if *mark == "/*" { rest.find("*/") } else { None };
        let end = closed.map_or(line, |end| end + 2);
        self.report.add(
            Diagnostic::error(
                Span::new(self.at, self.at + mark.len()),
                format!("`{mark}` does not start a comment"),
            )
            .with_help("write `#`"),
        );
        self.at += end;
        true
    }

    /// A word: unquoted, quoted, or the one followed by the other.
    fn word(&mut self) {
        if self.pending == self.tokens.len() && self.foreign_comment() {
            return;
        }
        let start = self.at;
        let mut text = WordText::new(self.text, start);
        let mut quoted = false;
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b';' | b'{' | b'}' | b',' | b'[' | b']' => break,
                byte if byte.is_ascii_whitespace() => break,
                b'#' => {
                    let span = Span::new(self.at, self.at + 1);
                    self.report.add(
                        Diagnostic::error(span, "a `#` within a word does not start a comment")
                            .with_help("put a space before a comment, or quote the word"),
                    );
                    self.comment();
                    break;
                }
                b'\\' => {
                    if self.escape(&mut text, Mode::Bare) == Escaped::Blank {
                        break;
                    }
                }
                b'"' | b'\'' => {
                    quoted = true;
                    self.quoted(byte, &mut text);
                    break;
                }
                _ => self.at += 1,
            }
        }
        let end = text.end.unwrap_or(self.at);
        let text = text.finish(end);
        if !text.is_empty() || quoted {
            self.tokens.push(Token {
                text,
                span: Span::new(start, end),
                quoted,
            });
        }
    }

    /// A quoted part; the quotes are not part of the value.
    fn quoted(&mut self, quote: u8, text: &mut WordText<'a>) {
        let open = self.at;
        text.flush(self.at);
        self.at += 1;
        text.from = self.at;
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                byte if byte == quote => {
                    text.flush(self.at);
                    self.at += 1;
                    text.from = self.at;
                    return;
                }
                b'\n' => break,
                b'\\' => {
                    self.escape(text, Mode::Quoted);
                }
                _ => self.at += 1,
            }
        }
        self.unclosed = true;
        let mut error = Diagnostic::error(
            Span::new(open, open + 1),
            "this quote is not closed on its line",
        )
        .with_help("a quoted text ends on the line that it began on");
        if let Some(end) = self.closed_later(quote) {
            // A text of several lines was meant: its contents are not statements, and not further errors.
            error.help = Some("write the text on one line, with `\\n` for each line end".into());
            self.at = end;
            text.from = end;
        }
        self.report.add(error);
    }

    /// Where a quote that spans several lines ends, if that is clear: after the next such quote, if punctuation follows.
    fn closed_later(&self, quote: u8) -> Option<usize> {
        let end = self.at + memchr::memchr(quote, &self.bytes[self.at..])? + 1;
        let mut rest = self.bytes[end..].iter().copied();
        let next = rest.find(|byte| !matches!(byte, b' ' | b'\t' | b'\r'))?;
        matches!(next, b';' | b'{').then_some(end)
    }

    /// A backslash: joins lines at the end of one, else escapes a character.
    fn escape(&mut self, text: &mut WordText<'a>, mode: Mode) -> Escaped {
        let start = self.at;
        text.flush(start);
        let rest = &self.text[start + 1..];
        let blanks = rest
            .bytes()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
            .count();
        if rest.as_bytes().get(blanks) == Some(&b'\n') {
            self.at = start + 1 + blanks + 1;
            text.from = self.at;
            return text.blank_at(start, mode);
        }
        let Some(found) = rest.chars().next() else {
            self.report.add(Diagnostic::error(
                Span::new(start, start + 1),
                "there is nothing after this `\\`",
            ));
            self.at = self.bytes.len();
            text.from = self.at;
            return text.blank_at(start, mode);
        };
        self.at = start + 1 + found.len_utf8();
        let made = match found {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => match self.unicode() {
                Some(made) => made,
                None => {
                    self.report.add(Diagnostic::error(
                        Span::new(start, self.at),
                        "expected four hexadecimal digits after `\\u`",
                    ));
                    '?'
                }
            },
            other => other,
        };
        text.from = self.at;
        if mode == Mode::Bare && made.is_ascii_whitespace() {
            return text.blank_at(start, mode);
        }
        text.own().push(made);
        Escaped::Character
    }

    fn unicode(&mut self) -> Option<char> {
        let digits = self.text.get(self.at..self.at + 4)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        self.at += 4;
        char::from_u32(u32::from_str_radix(digits, 16).ok()?)
    }
}
