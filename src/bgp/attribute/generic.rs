//! An unknown attribute: kept, shown and sent byte for byte (RFC 4271 section 9, last paragraphs).

use super::flags;
use crate::json::JsonWriter;
use crate::text::{Cursor, SyntaxError, value};

/// Flags, code and value of an unknown attribute.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Generic {
    /// Type code.
    pub code: u8,
    /// Flags as received or configured.
    pub flags: u8,
    /// The value.
    pub value: Box<[u8]>,
}

impl Generic {
    /// The keywords in configurations.
    pub const KEYWORDS: &'static [&'static str] = &["attribute"];

    /// Reads `[ 0xCODE 0xFLAGS 0xVALUE ]`.
    ///
    /// # Errors
    /// Returns an error if one of the three is not hexadecimal or too large.
    pub fn parse(c: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        fn byte(word: &str) -> Option<u8> {
            let digits = word
                .strip_prefix("0x")
                .or_else(|| word.strip_prefix("0X"))?;
            u8::from_str_radix(digits, 16).ok()
        }
        c.expect("[")?;
        let code = c.value("the attribute's code, `0x00` to `0xff`", byte)?;
        let flags = c.value("the attribute's flags, `0x00` to `0xff`", byte)?;
        let value = c.value("the attribute's value in hexadecimal, `0x…`", |word| {
            if word.starts_with("0x") || word.starts_with("0X") {
                value::hex(word)
            } else {
                None
            }
        })?;
        c.expect("]")?;
        Ok(Self {
            code,
            flags,
            value: value.into(),
        })
    }

    /// Returns `true` if events show it: ExaBGP leaves out unknown attributes that are not transitive.
    pub const fn shown(&self) -> bool {
        self.flags & flags::TRANSITIVE != 0
    }

    /// Flags as events show them: with the Partial bit, as set by a speaker that passes it on.
    const fn shown_flags(&self) -> u8 {
        self.flags | flags::PARTIAL
    }

    /// Appends `"attribute-0x63-0xE0": "0xdead"`.
    pub fn json(&self, w: &mut JsonWriter) {
        w.format(format_args!(
            "\"attribute-0x{:02X}-0x{:02X}\": \"0x",
            self.code,
            self.shown_flags()
        ));
        w.hex_lower(&self.value).raw("\"");
    }

    /// Appends `attribute [ 0x63 0xE0 0xdead ]`.
    pub fn text(&self, out: &mut String) {
        self.write(self.shown_flags(), out);
    }

    /// Appends the same text with the actual flags.
    pub fn grammar(&self, out: &mut String) {
        self.write(self.flags, out);
    }

    fn write(&self, flags: u8, out: &mut String) {
        let mut value = JsonWriter::new();
        value.hex_lower(&self.value);
        out.push_str(&format!(
            "attribute [ 0x{:02X} 0x{flags:02X} 0x{} ]",
            self.code,
            value.as_str()
        ));
    }
}
