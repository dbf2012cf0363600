//! The operators of FlowSpec components (RFC 8955 section 4.2.1).
//!
//! ```text
//!   numeric                               bitmask
//!   0   1   2   3   4   5   6   7         0   1   2   3   4   5   6   7
//! +---+---+---+---+---+---+---+---+     +---+---+---+---+---+---+---+---+
//! | e | a |  len  | 0 |lt |gt |eq |     | e | a |  len  | 0 | 0 |not| m |
//! +---+---+---+---+---+---+---+---+     +---+---+---+---+---+---+---+---+
//! ```
//!
//! `e` marks the last pair of a component, `a` joins it to the preceding one with AND, `len` means that the value has
//! 1, 2, 4 or 8 octets.

use crate::wire::{Reader, WireError, Writer};

const END: u8 = 0x80;
const AND: u8 = 0x40;
const LENGTH: u8 = 0x30;

/// The type of a component's operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Comparisons.
    Numeric,
    /// Bits.
    Bitmask,
}

impl Kind {
    /// The defined bits of the operator byte, except end and length.
    const fn mask(self) -> u8 {
        match self {
            Self::Numeric => AND | 0x07,
            Self::Bitmask => AND | 0x03,
        }
    }

    /// The symbol before a value.
    const fn sign(self, operator: u8) -> &'static str {
        match (self, operator & 0x07) {
            (Self::Numeric, 0) => "false",
            (Self::Numeric, 1) => "=",
            (Self::Numeric, 2) => ">",
            (Self::Numeric, 3) => ">=",
            (Self::Numeric, 4) => "<",
            (Self::Numeric, 5) => "<=",
            (Self::Numeric, 6) => "!=",
            (Self::Numeric, _) => "true",
            (Self::Bitmask, 0) => "",
            (Self::Bitmask, 1) => "=",
            (Self::Bitmask, 2) => "!",
            (Self::Bitmask, _) => "!=",
        }
    }
}

/// An operator and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    /// The operator byte without end and length.
    operator: u8,
    /// The value.
    pub value: u64,
    /// The minimum number of octets for the value.
    octets: u8,
}

impl Term {
    /// Returns `true` if it is joined to the preceding one with AND.
    pub const fn is_and(self) -> bool {
        self.operator & AND != 0
    }

    /// Reads the pairs of one component.
    ///
    /// # Errors
    /// Returns an error if the last pair is not marked, or a value exceeds `max`.
    pub(super) fn list(kind: Kind, max: u64, r: &mut Reader<'_>) -> Result<Vec<Self>, WireError> {
        let mut terms = Vec::new();
        loop {
            let byte = r.u8("an operator")?;
            let octets = r.take(
                1 << ((byte & LENGTH) >> 4),
                "a value of the length in its operator",
            )?;
            let value = octets
                .iter()
                .fold(0, |sum, octet| sum << 8 | u64::from(*octet));
            if value > max {
                return Err(r.error("a value that the component can have"));
            }
            let mut operator = byte & kind.mask();
            if terms.is_empty() {
                // RFC 8955 4.2.1.1: "the AND bit in the first operator byte of a sequence MUST be treated as unset".
                operator &= !AND;
            }
            terms.push(Self {
                operator,
                value,
                octets: 1 << ((byte & LENGTH) >> 4),
            });
            if byte & END != 0 {
                return Ok(terms);
            }
        }
    }

    /// The number of octets that the value needs.
    const fn needed(self) -> u8 {
        match self.value {
            0..=0xFF => 1,
            0x100..=0xFFFF => 2,
            0x1_0000..=0xFFFF_FFFF => 4,
            _ => 8,
        }
    }

    /// Appends the pairs of one component. Values use as few octets as possible, unless more were requested.
    pub(super) fn write(terms: &[Self], w: &mut Writer<'_>) {
        for (index, term) in terms.iter().enumerate() {
            let end = if index + 1 == terms.len() { END } else { 0 };
            let (length, skip) = match term.needed().max(term.octets) {
                1 => (0, 7),
                2 => (1, 6),
                4 => (2, 4),
                _ => (3, 0),
            };
            w.u8(end | term.operator | length << 4);
            w.bytes(&term.value.to_be_bytes()[skip..]);
        }
    }

    /// The text including `&`: `>=80`, `&<=443`; `value` renders the value.
    pub(super) fn text(self, kind: Kind, value: impl FnOnce(u64) -> String) -> String {
        let sign = kind.sign(self.operator);
        // True and false have no value, unless something is joined to them.
        if kind == Kind::Numeric && matches!(self.operator, 0 | 7) {
            return sign.to_owned();
        }
        let and = if self.is_and() { "&" } else { "" };
        format!("{and}{sign}{}", value(self.value))
    }

    /// The text that [`parse`](Self::parse) reads back as the same bytes: `=80/2` for a value in more octets than
    /// needed.
    pub(super) fn words(self, kind: Kind, value: impl FnOnce(u64) -> String) -> String {
        let plain = kind == Kind::Numeric && matches!(self.operator, 0 | 7) && self.value != 0;
        let mut text = self.text(kind, value);
        if plain {
            text.push_str(&self.value.to_string());
        }
        if self.octets > self.needed() {
            text.push_str(&format!("/{}", self.octets));
        }
        text
    }

    /// Parses one word, which may join several terms with `&`: `>=80&<=443`.
    ///
    /// # Errors
    /// Returns the invalid part.
    pub(super) fn parse(
        kind: Kind,
        word: &str,
        value: impl Fn(&str) -> Option<u64>,
    ) -> Result<Vec<Self>, &str> {
        let mut terms = Vec::new();
        for (index, part) in word.split('&').enumerate() {
            let (short, octets) = octets(part).ok_or(part)?;
            let (bits, rest) = match kind {
                Kind::Numeric => numeric(short),
                Kind::Bitmask => bitmask(short),
            };
            let and = if index > 0 { AND } else { 0 };
            let value = match (bits, rest) {
                (0 | 7, "") if kind == Kind::Numeric => 0,
                _ => value(rest).ok_or(part)?,
            };
            terms.push(Self {
                operator: bits | and,
                value,
                octets,
            });
        }
        Ok(terms)
    }
}

/// Splits the number of octets off a part such as `=80/2`.
fn octets(part: &str) -> Option<(&str, u8)> {
    match part.split_once('/') {
        None => Some((part, 1)),
        Some((short, octets)) => {
            let octets = octets
                .parse()
                .ok()
                .filter(|octets| matches!(octets, 1 | 2 | 4 | 8))?;
            Some((short, octets))
        }
    }
}

fn numeric(part: &str) -> (u8, &str) {
    const SIGNS: [(&str, u8); 8] = [
        ("!=", 6),
        (">=", 3),
        ("<=", 5),
        (">", 2),
        ("<", 4),
        ("=", 1),
        ("true", 7),
        ("false", 0),
    ];
    SIGNS
        .into_iter()
        .find_map(|(sign, bits)| part.strip_prefix(sign).map(|rest| (bits, rest)))
        .unwrap_or((1, part))
}

fn bitmask(part: &str) -> (u8, &str) {
    const SIGNS: [(&str, u8); 3] = [("!=", 3), ("!", 2), ("=", 1)];
    SIGNS
        .into_iter()
        .find_map(|(sign, bits)| part.strip_prefix(sign).map(|rest| (bits, rest)))
        .unwrap_or((0, part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(word: &str) -> Option<u64> {
        word.parse().ok()
    }

    #[test]
    fn expressions_are_read_and_printed() {
        for word in [
            "=80",
            ">80",
            ">=80&<=90",
            "<1",
            "<=1",
            "!=6",
            "true",
            "false",
        ] {
            let terms = Term::parse(Kind::Numeric, word, number).expect(word);
            let text: String = terms
                .iter()
                .map(|term| term.text(Kind::Numeric, |value| value.to_string()))
                .collect();
            assert_eq!(text, word);
        }
        assert_eq!(
            Term::parse(Kind::Numeric, "80", number),
            Term::parse(Kind::Numeric, "=80", number)
        );
        for (word, wrong) in [("80&", ""), (">", ">"), ("=x&1", "=x"), ("", "")] {
            assert_eq!(
                Term::parse(Kind::Numeric, word, number),
                Err(wrong),
                "{word}"
            );
        }
    }

    #[test]
    fn more_octets_are_written_and_read() {
        let bytes = [0x11, 0, 80, 0x50, 0, 1, 0xA7, 0, 0, 0, 0];
        let terms = Term::list(Kind::Numeric, u64::MAX, &mut Reader::new(&bytes)).expect("terms");
        let words: Vec<String> = terms
            .iter()
            .map(|term| term.words(Kind::Numeric, |value| value.to_string()))
            .collect();
        assert_eq!(words, ["=80/2", "&false1/2", "true/4"]);
        let mut back = Term::parse(Kind::Numeric, &words[..2].concat(), number).expect("two");
        back.extend(Term::parse(Kind::Numeric, &words[2], number).expect("one"));
        let mut out = Vec::new();
        Term::write(&back, &mut Writer::new(&mut out));
        assert_eq!(out, bytes);
        assert_eq!(Term::parse(Kind::Numeric, "=80/3", number), Err("=80/3"));
    }

    #[test]
    fn values_take_as_few_octets_as_they_need() {
        let terms = Term::parse(Kind::Numeric, ">=80&<=70000", number).expect("terms");
        let mut bytes = Vec::new();
        Term::write(&terms, &mut Writer::new(&mut bytes));
        assert_eq!(bytes, [0x03, 80, 0xE5, 0, 1, 0x11, 0x70]);
        let read = Term::list(Kind::Numeric, u64::MAX, &mut Reader::new(&bytes));
        let back = read.expect("the same terms");
        let text = |terms: &[Term]| -> Vec<String> {
            terms
                .iter()
                .map(|term| term.words(Kind::Numeric, |value| value.to_string()))
                .collect()
        };
        assert_eq!(text(&back), text(&terms));
        assert!(Term::list(Kind::Numeric, 0xFFFF, &mut Reader::new(&bytes)).is_err());
    }
}
