//! Reads words and comments of a configuration file.

use super::diagnostic::{Diagnostic, Report};
use super::word_text::{Escaped, Mode, WordText};
use crate::text::{Span, Token};

/// A position in a text.
pub(super) struct WordLexer<'a, 'r> {
    pub(super) text: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    /// The line has a quote that is never closed: further errors at its end follow from that.
    pub(super) unclosed: bool,
    pub(super) report: &'r mut Report,
}

impl<'a, 'r> WordLexer<'a, 'r> {
    /// The position `at`; errors go to `report`.
    pub(super) const fn new(text: &'a str, at: usize, report: &'r mut Report) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at,
            unclosed: false,
            report,
        }
    }

    /// Reads to the end of the line, or of the last line that a backslash joins to it.
    pub(super) fn comment(&mut self) {
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

    /// Reads a word: unquoted, quoted, or the one followed by the other. Returns `None` if it is empty.
    pub(super) fn word(&mut self) -> Option<Token<'a>> {
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
        let span = Span::new(start, end);
        (!text.is_empty() || quoted).then_some(Token { text, span, quoted })
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
