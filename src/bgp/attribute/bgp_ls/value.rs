//! Decoded TLV values, before they are rendered.
//!
//! ExaBGP's text events show Python's notation of its values, so values can be rendered as JSON or in that notation.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::json::{JsonWriter, hex};

/// A value of a TLV.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Number(u64),
    Float(f32),
    Double(f64),
    Boolean(bool),
    /// Text.
    Text(String),
    /// Bytes that JSON shows as text.
    Bytes(Vec<u8>),
    /// Bytes without a known meaning, which JSON shows in hexadecimal, as ExaBGP 6.0 does.
    Opaque(Vec<u8>),
    List(Vec<Self>),
    /// A list that texts show in parentheses.
    Tuple(Vec<Self>),
    Object(Vec<(Cow<'static, str>, Self)>),
}

impl Value {
    pub(super) fn text(text: impl ToString) -> Self {
        Self::Text(text.to_string())
    }

    pub(super) fn numbers(numbers: impl IntoIterator<Item = impl Into<u64>>) -> Self {
        Self::List(
            numbers
                .into_iter()
                .map(|number| Self::Number(number.into()))
                .collect(),
        )
    }

    pub(super) fn object(members: impl IntoIterator<Item = (&'static str, Self)>) -> Self {
        Self::Object(
            members
                .into_iter()
                .map(|(name, value)| (name.into(), value))
                .collect(),
        )
    }

    /// Appends the JSON.
    pub(super) fn json(&self, w: &mut JsonWriter) {
        match self {
            Self::Number(number) => drop(w.number(*number)),
            // JSON has no notation for infinities and NaN.
            Self::Float(number) if number.is_finite() => drop(w.raw(&float((*number).into()))),
            Self::Double(number) => drop(w.raw(&float(*number))),
            Self::Boolean(value) => drop(w.boolean(*value)),
            Self::Float(_) => drop(w.raw("null")),
            Self::Text(text) => drop(w.string(text)),
            Self::Bytes(bytes) => drop(w.string(&name(bytes))),
            Self::Opaque(bytes) => drop(w.raw("\"").hex_lower(bytes).raw("\"")),
            Self::List(list) | Self::Tuple(list) => {
                w.raw("[");
                w.list(list, |w, value| value.json(w));
                w.raw("]");
            }
            Self::Object(members) => {
                w.raw("{");
                w.list(members, |w, (name, value)| {
                    w.key(name);
                    value.json(w);
                });
                w.raw("}");
            }
        }
    }

    /// Appends Python's notation, in which strings are quoted.
    pub(super) fn repr(&self, out: &mut String) {
        let list = |open: char, list: &[Self], close: char, out: &mut String| {
            out.push(open);
            for (index, value) in list.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                value.repr(out);
            }
            out.push(close);
        };
        match self {
            Self::Number(number) => out.push_str(&number.to_string()),
            Self::Float(number) => out.push_str(&float((*number).into())),
            Self::Double(number) => out.push_str(&float(*number)),
            Self::Boolean(value) => out.push_str(if *value { "True" } else { "False" }),
            Self::Text(text) => {
                out.push('\'');
                printable(text, out);
                out.push('\'');
            }
            Self::Bytes(bytes) | Self::Opaque(bytes) => bytes_repr(bytes, out),
            Self::List(values) => list('[', values, ']', out),
            Self::Tuple(values) => list('(', values, ')', out),
            Self::Object(members) => {
                out.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    out.push_str(&format!("'{name}': "));
                    value.repr(out);
                }
                out.push('}');
            }
        }
    }

    /// Appends the text without quotes.
    pub(super) fn plain(&self, out: &mut String) {
        match self {
            Self::Text(text) => printable(text, out),
            _ => self.repr(out),
        }
    }
}

/// Decodes a name that should be UTF-8. Otherwise it becomes `0x…`, since replacement characters would make different
/// names equal.
pub(super) fn name(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => format!("0x{}", hex(bytes)).into(),
    }
}

/// Appends text received from a peer, escaped so that it stays on one line.
fn printable(text: &str, out: &mut String) {
    for character in text.chars() {
        if character.is_control() {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
}

fn bytes_repr(bytes: &[u8], out: &mut String) {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') {
        '"'
    } else {
        '\''
    };
    out.push('b');
    out.push(quote);
    for byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'\'' if quote == '\'' => out.push_str("\\'"),
            b' '..=b'~' => out.push(char::from(*byte)),
            // Writing to a String cannot fail.
            _ => drop(write!(out, "\\x{byte:02x}")),
        }
    }
    out.push(quote);
}

/// Python's shortest notation of a number: `125000000.0`, `1e+16`, `1e-05`.
fn float(number: f64) -> String {
    let text = format!("{number:?}");
    if !number.is_finite() {
        return text.to_ascii_lowercase();
    }
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, ""));
    let places = digits.split_once('.').map_or(0, |(_, places)| places.len());
    // If two shortest notations are equally near, Python uses the even one, like formatting with a fixed number of
    // digits.
    if exponent.is_empty() {
        return format!("{number:.places$}");
    }
    let text = format!("{number:.places$e}");
    let Some((digits, exponent)) = text.split_once('e') else {
        return text;
    };
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_like_pythons() {
        for (number, text) in [
            (125_000_000.0f32, "125000000.0"),
            (907.285_7, "907.2857055664062"),
            (1e-5, "9.999999747378752e-06"),
            (0.0, "0.0"),
            (1.5, "1.5"),
            (1e20, "1.0000000200408773e+20"),
            (f32::NAN, "nan"),
        ] {
            assert_eq!(float(number.into()), text);
        }
    }

    #[test]
    fn bytes_are_distinguished_in_json() {
        let json = |value: Value| {
            let mut w = JsonWriter::new();
            value.json(&mut w);
            w.into_string()
        };
        assert_eq!(json(Value::Bytes(b"link-1".to_vec())), "\"link-1\"");
        assert_eq!(json(Value::Bytes(vec![0xFF, b'a'])), "\"0xFF61\"");
        assert_eq!(json(Value::Opaque(vec![0xAB, 0xCD])), "\"abcd\"");
        assert_ne!(
            json(Value::Opaque(vec![0xFF])),
            json(Value::Opaque(vec![0xFE]))
        );
    }

    #[test]
    fn bytes_look_like_pythons() {
        for (bytes, text) in [
            (&b"link-1"[..], "b'link-1'"),
            (b"\x01\x02\xff", "b'\\x01\\x02\\xff'"),
            (b"it's\n", "b\"it's\\n\""),
            (b"'\"\\", "b'\\'\"\\\\'"),
        ] {
            let mut out = String::new();
            Value::Bytes(bytes.to_vec()).repr(&mut out);
            assert_eq!(out, text);
        }
    }
}
