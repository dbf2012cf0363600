//! Regular expressions over AS paths, in the Cisco form that bgpreader takes.
//!
//! `_` stands for a delimiter: an end of the path, a space, a comma, or a bracket. bgpreader leaves out the brackets of confederations,
//! and translates `_`, `{` and `}` inside bracket expressions, too, which then match nothing; here `[0-9_]` means what it
//! seems to. Back-references are refused: the matcher takes linear time.
//!
//! Patterns such as `_3356_`, `^174_3356_` or `_64500$` are compared as numbers, without any text.

use std::hash::BuildHasher as _;
use std::iter::Peekable;
use std::str::Chars;

use regex::bytes::{Regex, RegexBuilder};

use super::aspath::{PathRef, Separator};
use super::attributes::Attributes;

/// Longest pattern, in bytes.
const LONGEST: usize = 4_096;

/// Largest compiled pattern, in bytes.
const LARGEST: usize = 4 << 20;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct PathPattern {
    /// As it was written.
    source: String,
    negated: bool,
    matcher: Matcher,
}

#[derive(Clone, Debug)]
enum Matcher {
    Numbers {
        numbers: Vec<u32>,
        at_start: bool,
        at_end: bool,
    },
    Regex(Regex),
}

impl PathPattern {
    /// Compiles a pattern; a leading `!` negates it.
    ///
    /// # Errors
    /// A text that tells what is wrong with the pattern.
    pub fn new(source: &str) -> Result<Self, String> {
        let (negated, pattern) = match source.strip_prefix('!') {
            Some(pattern) => (true, pattern),
            None => (false, source),
        };
        if pattern.len() > LONGEST {
            return Err(format!("a pattern of more than {LONGEST} characters"));
        }
        let matcher = match numbers(pattern) {
            Some(matcher) => matcher,
            None => RegexBuilder::new(&translate(pattern)?)
                .unicode(false)
                .size_limit(LARGEST)
                .dfa_size_limit(LARGEST)
                .build()
                .map(Matcher::Regex)
                .map_err(|error| reason(&error))?,
        };
        Ok(Self {
            source: source.to_owned(),
            negated,
            matcher,
        })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// AS numbers that every path that matches contains.
    pub(super) fn numbers(&self) -> &[u32] {
        match &self.matcher {
            Matcher::Numbers { numbers, .. } if !self.negated => numbers,
            Matcher::Numbers { .. } | Matcher::Regex(_) => &[],
        }
    }

    /// Returns whether the path of a route matches. The answers about the last paths are kept by their bytes, since routes repeat
    /// paths.
    pub(super) fn matches(
        &self,
        attributes: &Attributes<'_>,
        text: &mut Vec<u8>,
        memo: &mut Memo,
    ) -> bool {
        match (&self.matcher, attributes.as_path, attributes.as4_path) {
            (Matcher::Regex(_), Some(bytes), None) => memo.answer(bytes, attributes.asn4, || {
                self.is_match(attributes.path().as_ref(), text)
            }),
            _ => self.is_match(attributes.path().as_ref(), text),
        }
    }

    /// Returns whether a path matches, or, if the pattern is negated, does not. `text` is a buffer that is used again.
    pub fn is_match(&self, path: Option<&PathRef<'_>>, text: &mut Vec<u8>) -> bool {
        let found = match &self.matcher {
            Matcher::Numbers {
                numbers,
                at_start,
                at_end,
            } => path.is_some_and(|path| find(path, numbers, *at_start, *at_end)),
            Matcher::Regex(regex) => {
                text.clear();
                if let Some(path) = path {
                    path.write(text, Separator::Space);
                }
                regex.is_match(text)
            }
        };
        found != self.negated
    }
}

/// Answers that are kept; a power of two.
const ANSWERS: usize = 2_048;

/// Longest path whose answer is kept, in bytes.
const LONGEST_KEPT: usize = 128;

/// Answers about paths, by their bytes on the wire.
#[derive(Clone, Debug, Default)]
pub(super) struct Memo {
    slots: Vec<Slot>,
    hasher: foldhash::fast::FixedState,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    key: Vec<u8>,
    asn4: bool,
    answer: Option<bool>,
}

impl Memo {
    fn answer(&mut self, bytes: &[u8], asn4: bool, ask: impl FnOnce() -> bool) -> bool {
        if bytes.len() > LONGEST_KEPT {
            return ask();
        }
        if self.slots.is_empty() {
            self.slots = vec![Slot::default(); ANSWERS];
        }
        let hash = self.hasher.hash_one(bytes);
        let index = usize::try_from(hash & (ANSWERS as u64 - 1)).unwrap_or_default();
        let slot = &mut self.slots[index];
        if let Some(answer) = slot.answer
            && slot.asn4 == asn4
            && slot.key == bytes
        {
            return answer;
        }
        let answer = ask();
        slot.key.clear();
        slot.key.extend_from_slice(bytes);
        slot.asn4 = asn4;
        slot.answer = Some(answer);
        answer
    }
}

fn reason(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "a pattern that is too complex".to_owned(),
        // The last line of the multi-line text is the reason.
        _ => error
            .to_string()
            .lines()
            .last()
            .unwrap_or_default()
            .trim()
            .trim_start_matches("error: ")
            .to_owned(),
    }
}

/// A pattern of numbers between delimiters.
fn numbers(pattern: &str) -> Option<Matcher> {
    let (at_start, rest) = match pattern.strip_prefix('^') {
        Some(rest) => (true, rest),
        None => (false, pattern.strip_prefix('_')?),
    };
    let (at_end, rest) = match rest.strip_suffix('$') {
        Some(rest) => (true, rest),
        None => (false, rest.strip_suffix('_')?),
    };
    let numbers = rest
        .split('_')
        .map(|word| {
            let canonical = word.bytes().all(|byte| byte.is_ascii_digit())
                && (word == "0" || !word.starts_with('0'));
            word.parse().ok().filter(|_| canonical)
        })
        .collect::<Option<Vec<u32>>>()?;
    Some(Matcher::Numbers {
        numbers,
        at_start,
        at_end,
    })
}

/// Whether `wanted` stands in a row in the text of `path`, one delimiter between each two.
fn find(path: &PathRef<'_>, wanted: &[u32], at_start: bool, at_end: bool) -> bool {
    const SEQUENCE: u8 = 2;
    let Some(&first) = wanted.first() else {
        return false;
    };
    // Number, whether one delimiter precedes it, whether the text starts with it. A set or confederation has a bracket beside
    // its space.
    let mut flat = [(0u32, false); 64];
    let mut count = 0;
    let mut overflow = Vec::new();
    let mut open = true;
    let mut last_is_plain = false;
    let mut begins_plain = None;
    for segment in path.segments() {
        let plain = segment.kind == SEQUENCE;
        let mut start = true;
        for asn in segment.asns() {
            let joined = if start { plain && !open } else { true };
            let one = (asn, joined);
            if count < flat.len() {
                flat[count] = one;
            } else {
                overflow.push(one);
            }
            count += 1;
            start = false;
        }
        if !plain || !start {
            begins_plain = begins_plain.or(Some(plain));
            open = !plain;
            last_is_plain = plain;
        }
    }
    let at = |index: usize| {
        if index < flat.len() {
            flat[index]
        } else {
            overflow[index - flat.len()]
        }
    };
    if at_start && begins_plain != Some(true) || at_end && !last_is_plain {
        return false;
    }
    let Some(last) = count.checked_sub(wanted.len()) else {
        return false;
    };
    let range = match (at_start, at_end) {
        (true, true) if last != 0 => return false,
        (true, _) => 0..=0,
        (false, true) => last..=last,
        (false, false) => 0..=last,
    };
    range.into_iter().any(|index| {
        at(index).0 == first
            && (1..wanted.len()).all(|step| at(index + step) == (wanted[step], true))
    })
}

/// What `_` stands for. `<` and `>` enclose segments of unknown types.
const DELIMITERS: &str = r" {},()\[\]<>";

/// Writes a Cisco pattern in the syntax of the regex crate.
fn translate(pattern: &str) -> Result<String, String> {
    let mut out = String::with_capacity(pattern.len() * 2);
    let mut chars = pattern.chars().peekable();
    // The quantifier that was taken last, if nothing followed it.
    let mut before = None;
    while let Some(one) = chars.next() {
        match one {
            '_' => {
                out.push_str("(?:^|$|[");
                out.push_str(DELIMITERS);
                out.push_str("])");
            }
            '{' | '}' => {
                out.push('\\');
                out.push(one);
            }
            // In POSIX a question mark after a quantifier is another one, not a sign of laziness.
            '?' if matches!(before, Some('*' | '?')) => continue,
            '?' if before == Some('+') => {
                out.pop();
                out.push('*');
                before = Some('*');
                continue;
            }
            '[' => bracket(&mut chars, &mut out)?,
            '\\' => match chars.next() {
                None => return Err("a pattern that ends with a backslash".to_owned()),
                Some('1'..='9') => return Err("back-references are not supported".to_owned()),
                Some(escaped @ ('w' | 'W' | 's' | 'S' | 'b' | 'B' | '<' | '>')) => {
                    out.push('\\');
                    out.push(escaped);
                }
                Some(literal) => out.push_str(&regex::escape(literal.encode_utf8(&mut [0; 4]))),
            },
            // In POSIX there is neither a lazy nor a flag group.
            '(' if chars.peek() == Some(&'?') => {
                return Err("`(?` is not a part of these patterns".to_owned());
            }
            _ => out.push(one),
        }
        before = matches!(one, '*' | '+' | '?').then_some(one);
    }
    Ok(out)
}

/// Translates a bracket expression, whose `[` was taken, by the rules of POSIX (XBD section 9.3.5): hyphens at the ends, closing
/// brackets at the start and backslashes stand for themselves.
fn bracket(chars: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), String> {
    out.push('[');
    if chars.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut is_first = true;
    loop {
        let one = element(chars)?;
        match one {
            Element::End if !is_first => {
                out.push(']');
                return Ok(());
            }
            Element::Class(name) => {
                out.push_str("[:");
                out.push_str(name);
                out.push_str(":]");
                is_first = false;
                continue;
            }
            // A range is over, and its end cannot begin another one.
            Element::Plain('-') if !is_first && chars.peek().is_some_and(|after| *after != ']') => {
                return Err("a hyphen between the parts of a bracket expression".to_owned());
            }
            Element::End | Element::Plain(_) | Element::Symbol(_) => {}
        }
        is_first = false;
        let from = one.character();
        if is_range(chars) {
            chars.next();
            let to = match element(chars)? {
                Element::Class(_) => {
                    return Err("a character class as the end of a range".to_owned());
                }
                to => to.character(),
            };
            if to < from {
                return Err(format!(
                    "the range `{from}-{to}`, which ends before it begins"
                ));
            }
            literal(out, from);
            out.push('-');
            literal(out, to);
        } else if let Element::Plain('_') = one {
            out.push_str(DELIMITERS);
        } else {
            literal(out, from);
        }
    }
}

/// Whether a hyphen follows that does not end the bracket expression.
fn is_range(chars: &Peekable<Chars<'_>>) -> bool {
    let mut ahead = chars.clone();
    ahead.next() == Some('-') && ahead.next().is_some_and(|after| after != ']')
}

/// Appends a character of a bracket expression. The characters of paths are ASCII, and the only ones that may need escaping.
fn literal(out: &mut String, one: char) {
    // `\<` and `\>` are assertions.
    if one.is_ascii_punctuation() && !matches!(one, '<' | '>') {
        out.push('\\');
    }
    out.push(one);
}

/// A part of a bracket expression.
#[derive(Clone, Copy)]
enum Element {
    /// A closing bracket.
    End,
    /// A character.
    Plain(char),
    /// A character as `[.x.]` or `[=x=]`.
    Symbol(char),
    /// `[:name:]`.
    Class(&'static str),
}

impl Element {
    const fn character(self) -> char {
        match self {
            Self::Plain(one) | Self::Symbol(one) => one,
            Self::End | Self::Class(_) => ']',
        }
    }
}

/// Names of character classes (POSIX XBD section 7.3.1).
const CLASSES: [&str; 12] = [
    "alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "xdigit",
];

const UNCLOSED: &str = "a bracket expression that is never closed";

/// Takes the next part of a bracket expression.
fn element(chars: &mut Peekable<Chars<'_>>) -> Result<Element, String> {
    match chars.next().ok_or(UNCLOSED)? {
        ']' => return Ok(Element::End),
        '[' => {}
        one => return Ok(Element::Plain(one)),
    }
    let Some(kind) = chars.next_if(|next| matches!(next, ':' | '.' | '=')) else {
        return Ok(Element::Plain('['));
    };
    let mut name = String::new();
    loop {
        let one = chars.next().ok_or(UNCLOSED)?;
        if one == kind && chars.next_if_eq(&']').is_some() {
            break;
        }
        name.push(one);
    }
    let mut characters = name.chars();
    match (kind, characters.next(), characters.next()) {
        (':', ..) => CLASSES
            .into_iter()
            .find(|known| *known == name)
            .map(Element::Class)
            .ok_or_else(|| format!("an unknown character class `[:{name}:]`")),
        (_, Some(one), None) => Ok(Element::Symbol(one)),
        _ => Err(format!(
            "`[{kind}{name}{kind}]`, which is not a single character"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &[u8]) -> bool {
        let path = PathRef::new(path, 2).expect("a path");
        let pattern = PathPattern::new(pattern).expect(pattern);
        pattern.is_match(Some(&path), &mut Vec::new())
    }

    /// `1 2 3 {4,5}`
    const SET: &[u8] = &[2, 3, 0, 1, 0, 2, 0, 3, 1, 2, 0, 4, 0, 5];
    /// `(7 8) 1 2`
    const CONFEDERATION: &[u8] = &[3, 2, 0, 7, 0, 8, 2, 2, 0, 1, 0, 2];
    /// `7 <1 2>`
    const UNKNOWN: &[u8] = &[2, 1, 0, 7, 5, 2, 0, 1, 0, 2];
    /// `1 2 {}`
    const EMPTY_SET: &[u8] = &[2, 2, 0, 1, 0, 2, 1, 0];

    #[test]
    fn numbers_and_expressions_agree() {
        let short = [&[2, 1, 0, 1][..], &[1, 1, 0, 1]];
        for path in [[SET, CONFEDERATION], [UNKNOWN, EMPTY_SET], short].concat() {
            for pattern in [
                "_1_", "_2_3_", "^1_", "^1_2_", "_5$", "_4_5_", "_3_4_", "_2$", "_7_8_", "_8_1_",
                "^7_", "^1$", "_12_",
            ] {
                let with_text = format!("{}()", pattern);
                assert!(numbers(pattern).is_some() && numbers(&with_text).is_none());
                assert_eq!(
                    matches(pattern, path),
                    matches(&with_text, path),
                    "{pattern} {path:?}"
                );
            }
        }
    }

    #[test]
    fn the_rules_of_the_dialect() {
        assert!(matches("{4,5}", SET));
        assert!(matches("[0-9_]4", SET));
        assert!(matches("!_9_", SET) && !matches("!_1_", SET));
        assert!(matches("", SET));
        assert!(matches("3 .4", SET));
        assert!(matches("_8_", CONFEDERATION) && matches("^_7", CONFEDERATION));
        assert!(!matches(r"\d", SET));
        for wrong in [r"(1)\1", "[1", "(1", "\\", "(?i)1"] {
            assert!(PathPattern::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn bracket_expressions_are_those_of_posix() {
        for (pattern, path, wanted) in [
            ("^[--9]$", &[2, 1, 0, 4][..], true),
            ("^[+--]*$", &[2, 1, 0, 4], false),
            ("^[0-9-]+$", &[2, 1, 0, 4], true),
            ("^[]4]$", &[2, 1, 0, 4], true),
            ("^[^]4]$", &[2, 1, 0, 4], false),
            ("^[[.4.]]$", &[2, 1, 0, 4], true),
            ("^[[=4=]]$", &[2, 1, 0, 4], true),
            ("^[[.0.]-9]$", &[2, 1, 0, 4], true),
            ("^[[:digit:]]$", &[2, 1, 0, 4], true),
            ("^[[:alpha:][:digit:]]$", &[2, 1, 0, 4], true),
            ("^[^[:digit:]]$", &[2, 1, 0, 4], false),
            ("^[4&&5]$", &[2, 1, 0, 4], true),
            ("^[4~~]$", &[2, 1, 0, 4], true),
            (r"^[\d]$", &[2, 1, 0, 4], false),
            ("[{]", SET, true),
            ("[_]4", SET, true),
            ("[[(]7", CONFEDERATION, true),
            // A question mark after a quantifier is no sign of laziness.
            ("^4+5+?$", &[2, 1, 0, 4], true),
            ("^4??$", &[2, 1, 0, 4], true),
            ("^4*?$", &[2, 1, 0, 4], true),
        ] {
            assert_eq!(matches(pattern, path), wanted, "{pattern}");
        }
        for (wrong, reason) in [
            ("[0--]", "ends before it begins"),
            ("[9-0]", "ends before it begins"),
            ("[0-9-z]", "a hyphen"),
            ("[a-[:digit:]]", "a character class"),
            ("[[:foo:]]", "[:foo:]"),
            ("[[:digit]", "never closed"),
            ("[[.hyphen.]]", "[.hyphen.]"),
            ("[[=ab=]]", "[=ab=]"),
            ("[1-", "never closed"),
            ("[]", "never closed"),
        ] {
            let error = PathPattern::new(wrong).expect_err(wrong);
            assert!(error.contains(reason), "{wrong}: {error}");
        }
    }
}
