//! Texts of others in lines of the log. Characters that can't be seen are written as `\x0a`: no text forges a line, speaks to
//! the terminal, or hides what follows it.

use std::fmt::{self, Debug, Write};

use tracing::field::Field;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

/// Writes characters that can't be seen as numbers.
pub(crate) struct Printable<'a> {
    out: &'a mut dyn Write,
    /// A text may have several lines.
    has_lines: bool,
}

impl<'a> Printable<'a> {
    /// For texts of one line.
    pub(crate) fn line(out: &'a mut dyn Write) -> Self {
        Self {
            out,
            has_lines: false,
        }
    }

    /// For texts that may have several lines.
    pub(crate) fn lines(out: &'a mut dyn Write) -> Self {
        Self {
            out,
            has_lines: true,
        }
    }

    fn hides(&self, character: char) -> bool {
        is_hidden(character) && !(self.has_lines && character == '\n')
    }
}

impl Write for Printable<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, character)) = rest.char_indices().find(|(_, c)| self.hides(*c)) {
            self.out.write_str(&rest[..at])?;
            let number = u32::from(character);
            match number {
                0..0x100 => write!(self.out, "\\x{number:02x}")?,
                _ => write!(self.out, "\\u{{{number:x}}}")?,
            }
            rest = &rest[at + character.len_utf8()..];
        }
        self.out.write_str(rest)
    }
}

/// Control characters other than the tabulator, and those that change the direction of text or separate lines.
fn is_hidden(character: char) -> bool {
    (character.is_control() && character != '\t')
        || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The message of a line, and its fields as `name=value`.
pub(super) fn fields() -> impl for<'a> FormatFields<'a> + 'static {
    debug_fn(field).delimited(" ")
}

fn field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    let name = field.name();
    if name != "message" {
        match writer.has_ansi_escapes() {
            true => write!(writer, "\x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m")?,
            false => write!(writer, "{name}=")?,
        }
    }
    write!(Printable::line(writer), "{value:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_seen_is_a_number() {
        let mut out = String::new();
        let text = "a\tb\r\nERROR \x1b[31mé\u{9b}ü\u{202e}z";
        write!(Printable::line(&mut out), "{text}").expect("memory");
        let mut lines = String::new();
        write!(Printable::lines(&mut lines), "a\r\nb").expect("memory");
        assert_eq!(lines, "a\\x0d\nb");
        assert_eq!(out, "a\tb\\x0d\\x0aERROR \\x1b[31mé\\x9bü\\u{202e}z");
    }
}
