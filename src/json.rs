//! An append-only JSON writer for events.
//!
//! The format of ExaBGP's events is fixed to the byte, including key order and irregular spaces, so the caller writes
//! the punctuation and this type only escapes and formats. serde would take twenty times as long per event and could
//! not reproduce the spacing. The output is a single line of ASCII (escapes as in RFC 8259 section 7).

use std::fmt;

/// Appends JSON text to a string.
#[derive(Clone, Debug, Default)]
pub struct JsonWriter {
    out: String,
}

impl JsonWriter {
    /// An empty writer.
    pub const fn new() -> Self {
        Self { out: String::new() }
    }

    /// An empty writer with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            out: String::with_capacity(capacity),
        }
    }

    /// Appends `text` unchanged: punctuation, keys, cached fragments.
    #[inline]
    pub fn raw(&mut self, text: &str) -> &mut Self {
        self.out.push_str(text);
        self
    }

    /// Appends an integer.
    #[inline]
    pub fn number(&mut self, value: impl itoa::Integer) -> &mut Self {
        self.out.push_str(itoa::Buffer::new().format(value));
        self
    }

    /// Appends `true` or `false`.
    pub fn boolean(&mut self, value: bool) -> &mut Self {
        self.raw(if value { "true" } else { "false" })
    }

    /// Appends `text` as a string: quoted, escaped, ASCII only.
    pub fn string(&mut self, text: &str) -> &mut Self {
        self.out.push('"');
        self.escaped(text);
        self.out.push('"');
        self
    }

    /// Appends `value` as a string. Its text must not need escapes: addresses, numbers, fixed names.
    pub fn display(&mut self, value: impl fmt::Display) -> &mut Self {
        use fmt::Write as _;
        // Writing to a String cannot fail.
        let _ = write!(self.out, "\"{value}\"");
        self
    }

    /// Appends `"key": `.
    pub fn key(&mut self, key: &str) -> &mut Self {
        self.string(key);
        self.raw(": ")
    }

    /// Appends formatted text without quotes, for numbers with a specific format.
    pub fn format(&mut self, arguments: fmt::Arguments<'_>) -> &mut Self {
        use fmt::Write as _;
        // Writing to a String cannot fail.
        let _ = self.out.write_fmt(arguments);
        self
    }

    /// Appends the upper-case hexadecimal digits of `bytes`, without quotes and prefix.
    pub fn hex(&mut self, bytes: &[u8]) -> &mut Self {
        push_hex(&mut self.out, bytes, b"0123456789ABCDEF");
        self
    }

    /// Appends the lower-case hexadecimal digits of `bytes`, without quotes and prefix.
    pub fn hex_lower(&mut self, bytes: &[u8]) -> &mut Self {
        push_hex(&mut self.out, bytes, b"0123456789abcdef");
        self
    }

    /// Appends `items` with `, ` between them, each written by `write`.
    #[inline]
    pub fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.raw(", ");
            }
            write(self, item);
        }
        self
    }

    /// The text written so far.
    pub fn as_str(&self) -> &str {
        &self.out
    }

    /// The underlying string, for appending plain text.
    #[inline]
    pub const fn buffer(&mut self) -> &mut String {
        &mut self.out
    }

    /// Clears the text, but keeps the allocation.
    #[inline]
    pub fn clear(&mut self) {
        self.out.clear();
    }

    /// Number of bytes written so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Returns `true` if nothing was written.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Returns the text.
    pub fn into_string(self) -> String {
        self.out
    }

    fn escaped(&mut self, text: &str) {
        let is_plain = |byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        if text.bytes().all(is_plain) {
            self.out.push_str(text);
            return;
        }
        for character in text.chars() {
            match character {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                ' '..='~' => self.out.push(character),
                _ => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        self.format(format_args!("\\u{unit:04x}"));
                    }
                }
            }
        }
    }
}

/// Appends the hexadecimal digits of `bytes`, using `digits`.
fn push_hex(out: &mut String, bytes: &[u8], digits: &[u8; 16]) {
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        out.push(char::from(digits[usize::from(byte >> 4)]));
        out.push(char::from(digits[usize::from(byte & 15)]));
    }
}

/// The upper-case hexadecimal digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    let mut out = String::new();
    push_hex(&mut out, bytes, b"0123456789ABCDEF");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_to_ascii() {
        let mut writer = JsonWriter::new();
        writer.string("a\"b\\c\n\u{1}\u{e9}\u{1f600}\u{7f}");
        assert_eq!(
            writer.as_str(),
            r#""a\"b\\c\n\u0001\u00e9\ud83d\ude00\u007f""#
        );
        let back: String = serde_json::from_str(writer.as_str()).expect("valid JSON");
        assert_eq!(back, "a\"b\\c\n\u{1}\u{e9}\u{1f600}\u{7f}");
    }

    #[test]
    fn numbers_hex_and_lists() {
        let mut writer = JsonWriter::new();
        writer.raw("[ ").list([1u8, 2], |w, n| {
            w.number(n);
        });
        writer
            .raw(" ]")
            .hex(&[0xAB, 1])
            .hex_lower(&[0xAB])
            .display(7);
        assert_eq!(writer.as_str(), "[ 1, 2 ]AB01ab\"7\"");
    }
}
