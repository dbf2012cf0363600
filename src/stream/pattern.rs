//! Regular expressions over AS paths, in the Cisco form that bgpreader takes.
//!
//! `_` stands for a delimiter: an end of the path, a space, a comma, or a bracket. bgpreader leaves out the brackets of confederations,
//! and translates `_`, `{` and `}` inside bracket expressions, too, which then match nothing; here `[0-9_]` means what it
//! seems to. Back-references are refused: the matcher takes linear time.
//!
//! Patterns such as `_3356_`, `^174_3356_` or `_64500$` are compared as numbers, without any text.

use std::hash::BuildHasher as _;

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

/// What `_` stands for.
const DELIMITERS: &str = r" {},()\[\]";

/// Writes a Cisco pattern in the syntax of the regex crate.
fn translate(pattern: &str) -> Result<String, String> {
    let mut out = String::with_capacity(pattern.len() * 2);
    let mut chars = pattern.chars().peekable();
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
    }
    Ok(out)
}

/// Copies a bracket expression, whose `[` was taken.
fn bracket(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    out: &mut String,
) -> Result<(), String> {
    out.push('[');
    if chars.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut first = true;
    while let Some(one) = chars.next() {
        match one {
            ']' if !first => {
                out.push(']');
                return Ok(());
            }
            '_' => out.push_str(DELIMITERS),
            '[' if chars.peek() == Some(&':') => {
                out.push('[');
                for inner in chars.by_ref() {
                    out.push(inner);
                    if inner == ']' {
                        break;
                    }
                }
            }
            '[' | ']' | '\\' | '&' | '~' => {
                out.push('\\');
                out.push(one);
            }
            _ => out.push(one),
        }
        first = false;
    }
    Err("a bracket expression that is never closed".to_owned())
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

    #[test]
    fn numbers_and_expressions_agree() {
        for path in [SET, CONFEDERATION, &[2, 1, 0, 1], &[1, 1, 0, 1]] {
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
}
