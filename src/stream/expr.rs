//! The filter language of bgpreader and pybgpstream, and what is added to it.
//!
//! ```text
//! filter = and *( "or" and )
//! and    = unary *( "and" unary )
//! unary  = "not" unary / "(" filter ")" / term value *( value )
//! ```
//!
//! The values of a term are alternatives. `or`, `not`, parentheses, ranges (`peer 64512-65534`), `AS64500`, asdot, names of communities,
//! `lc:A:B:C`, `ext:…` and the term `rib`, the table of a router that BMP reported, are additions. Unlike the original, any white space separates, a prefix given twice with different
//! keywords matches by both, several IP versions are alternatives, and empty numbers and prefixes with blanks are refused.
//!
//! [`Builder::filter`](super::Builder::filter) tells how several filters are joined.

use std::str::FromStr;

use crate::text::{Span, SyntaxError};

use super::filter::{Expression, Test};
use super::terms::{TERMS, Term, Word, build};

/// The names of the terms.
pub fn terms() -> impl Iterator<Item = &'static str> + Clone {
    TERMS.iter().map(|(name, _, _)| *name)
}

/// Deepest nesting of parentheses and `not`.
const DEEPEST: usize = 64;

impl FromStr for Expression {
    type Err = SyntaxError;

    /// Reads a filter.
    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let mut parser = Parser {
            words: words(text)?,
            at: 0,
            end: text.len(),
            depth: 0,
        };
        let expression = parser.or()?;
        match parser.peek() {
            None => Ok(expression),
            Some(word) => Err(word.error(format!("expected `and` or `or`, found `{}`", word.text))),
        }
    }
}

impl FromStr for Test {
    type Err = SyntaxError;

    /// Reads a filter of one term: `peer 1 2`.
    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        match text.parse()? {
            Expression::Test(test) => Ok(test),
            _ => Err(several(text)),
        }
    }
}

fn several(text: &str) -> SyntaxError {
    let span = Span::new(0, text.len());
    SyntaxError::new(span, format!("expected one test, found `{text}`"))
        .with_help("an `Expression` holds any filter")
}

impl Expression {
    /// A term with alternatives that are not text of the language: a quote in a value stands for itself, and no value is a keyword.
    ///
    /// # Errors
    /// The mistake, with the text of a filter that shows its place.
    pub fn of_term(term: &str, values: &[String]) -> Result<Self, (String, SyntaxError)> {
        let mut text = String::new();
        let mut words = Vec::new();
        let pieces = term.split(' ').map(|word| (word, false));
        for (word, quoted) in pieces.chain(values.iter().map(|value| (value.as_str(), true))) {
            if !text.is_empty() {
                text.push(' ');
            }
            let start = text.len();
            if quoted {
                text.push('"');
            }
            text.push_str(word);
            if quoted {
                text.push('"');
            }
            words.push(Word {
                text: word.to_owned(),
                span: Span::new(start, text.len()),
                quoted,
            });
        }
        let end = text.len();
        let mut parser = Parser {
            words,
            at: 0,
            end,
            depth: 0,
        };
        parser.or().map_err(|mistake| (text, mistake))
    }
}

/// Splits a filter into words. Parentheses stand alone at the start of a word where a term is expected, and at the end of one
/// where they are not balanced, so that those of patterns stay.
fn words(text: &str) -> Result<Vec<Word>, SyntaxError> {
    let mut words: Vec<Word> = Vec::new();
    let mut at = 0;
    while let Some(skip) = text[at..].find(|one: char| !one.is_whitespace()) {
        at += skip;
        if text[at..].starts_with('"') {
            let Some(length) = text[at + 1..].find('"') else {
                return Err(SyntaxError::new(
                    Span::new(at, text.len()),
                    "a quote that is never closed",
                ));
            };
            let end = at + length + 2;
            if let Some(one) = text[end..].chars().next()
                && !one.is_whitespace()
                && one != ')'
            {
                return Err(SyntaxError::new(
                    Span::new(end, end + one.len_utf8()),
                    "expected white space after a quoted value",
                ));
            }
            words.push(Word {
                text: text[at + 1..end - 1].to_owned(),
                span: Span::new(at, end),
                quoted: true,
            });
            at = end;
            continue;
        }
        let term = words
            .last()
            .is_none_or(|last| ["and", "or", "not", "("].iter().any(|word| last.is(word)));
        let end = text[at..]
            .find(char::is_whitespace)
            .map_or(text.len(), |length| at + length);
        let end = if term && text[at..].starts_with('(') {
            at + 1
        } else {
            at + word_length(&text[at..end])
        };
        words.push(Word {
            text: text[at..end].to_owned(),
            span: Span::new(at, end),
            quoted: false,
        });
        at = end;
    }
    Ok(words)
}

/// Length of a word up to a closing parenthesis without an opening one.
fn word_length(word: &str) -> usize {
    let mut depth = 0;
    for (at, one) in word.bytes().enumerate() {
        match one {
            b'(' => depth += 1,
            b')' if depth == 0 => return at.max(1),
            b')' => depth -= 1,
            _ => {}
        }
    }
    word.len()
}

struct Parser {
    words: Vec<Word>,
    at: usize,
    end: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Word> {
        self.words.get(self.at)
    }

    fn accept(&mut self, text: &str) -> bool {
        let found = self.peek().is_some_and(|word| word.is(text));
        self.at += usize::from(found);
        found
    }

    fn or(&mut self) -> Result<Expression, SyntaxError> {
        let mut all = vec![self.and()?];
        while self.accept("or") {
            all.push(self.and()?);
        }
        Ok(match all.pop() {
            Some(one) if all.is_empty() => one,
            last => {
                all.extend(last);
                Expression::Or(all)
            }
        })
    }

    fn and(&mut self) -> Result<Expression, SyntaxError> {
        let mut used = Vec::new();
        let mut all = vec![self.unary(&mut used)?];
        while self.accept("and") {
            all.push(self.unary(&mut used)?);
        }
        Ok(match all.pop() {
            Some(one) if all.is_empty() => one,
            last => {
                all.extend(last);
                Expression::And(all)
            }
        })
    }

    fn unary(&mut self, used: &mut Vec<Term>) -> Result<Expression, SyntaxError> {
        let Some(word) = self.peek().cloned() else {
            return Err(SyntaxError::new(
                Span::new(self.end, self.end),
                "expected a term, found the end of the filter",
            ));
        };
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(word.error("a filter that is nested too deeply"));
        }
        let found = if self.accept("not") {
            Expression::Not(Box::new(self.unary(&mut Vec::new())?))
        } else if self.accept("(") {
            let inner = self.or()?;
            if !self.accept(")") {
                let span = self
                    .peek()
                    .map_or_else(|| Span::new(self.end, self.end), |word| word.span);
                return Err(SyntaxError::new(span, "expected `)`"));
            }
            inner
        } else {
            self.clause(&word, used)?
        };
        self.depth -= 1;
        Ok(found)
    }

    fn clause(&mut self, word: &Word, used: &mut Vec<Term>) -> Result<Expression, SyntaxError> {
        let found = TERMS
            .iter()
            .find(|(name, short, _)| word.is(name) || word.is(short));
        let Some((name, _, term)) = found else {
            return Err(word
                .error(format!("expected a term, found `{}`", word.text))
                .with_near_miss(&word.text, TERMS.iter().map(|(name, _, _)| *name)));
        };
        self.at += 1;
        if *term != Term::AsPath && used.contains(term) {
            return Err(word
                .error(format!("the term `{name}` is used more than once"))
                .with_help("values after one term are alternatives: `peer 1 2`"));
        }
        used.push(*term);
        let values = self.values(name)?;
        build(*term, &values)
    }

    fn values(&mut self, term: &str) -> Result<Vec<Word>, SyntaxError> {
        let mut values = Vec::new();
        while let Some(word) = self.peek() {
            if ["and", "or", ")"].iter().any(|stop| word.is(stop)) {
                break;
            }
            values.push(word.clone());
            self.at += 1;
        }
        if values.is_empty() {
            let span = self
                .peek()
                .map_or_else(|| Span::new(self.end, self.end), |word| word.span);
            return Err(SyntaxError::new(
                span,
                format!("expected a value of `{term}`"),
            ));
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_read() {
        for text in [
            "peer 1",
            "peer 1 2 AS3 1.5 64512-65534",
            "prefix exact 10.0.0.0/8 more 192.0.2.0/24 and elemtype announcements withdrawals",
            "aspath \"^1 2$\" and aspath !_3_ and path _(4|5)_",
            "(peer 1 or peer 2) and not community 65535:666",
            "not (peer 1 and (origin 2 or origin 3))",
            "comm *:* blackhole lc:1:*:3 ext:target:65000:1",
            "ipv 4 6 and coll rrc00 and proj ris and type ribs",
            "extcommunity target:65000:1",
            "peer 1\tand\norigin 2",
        ] {
            if let Err(error) = text.parse::<Expression>() {
                panic!("{text}: {error} at {:?}", error.span);
            }
        }
    }

    #[test]
    fn tests_and_communities_are_read_alone() {
        for (text, wanted) in [
            ("peer 1 2", true),
            ("ipversion 4", true),
            ("ipversion 4 6", true),
            ("not peer 1", false),
            ("peer 1 and origin 2", false),
            ("resourcetype batch", false),
            ("", false),
        ] {
            assert_eq!(text.parse::<Test>().is_ok(), wanted, "{text}");
        }
        use super::super::filter::CommunityPattern::{self, Large, Plain};
        for (text, wanted) in [
            ("2914:*", Some(Plain(Some(2914), None))),
            ("no-export", Some(Plain(Some(65_535), Some(65_281)))),
            ("lc:1:*:3", Some(Large([Some(1), None, Some(3)]))),
            ("2914:", None),
            (":420", None),
        ] {
            assert_eq!(text.parse::<CommunityPattern>().ok(), wanted, "{text}");
        }
    }

    #[test]
    fn mistakes_have_their_place() {
        for (text, at, message) in [
            ("", 0, "expected a term"),
            ("peer 1 and", 10, "expected a term"),
            ("peer", 4, "expected a value of `peer`"),
            ("pear 1", 0, "expected a term, found `pear`"),
            ("peer 1 and peer 2", 11, "more than once"),
            ("peer \"\"", 5, "an AS number"),
            ("peer -1", 5, "an AS number"),
            ("peer 4294967296", 5, "an AS number"),
            ("community :420", 10, "a community"),
            ("community 65536:1", 10, "a community"),
            ("prefix \"0.0.0.0/ 0\"", 7, "a prefix"),
            ("prefix 10.0.0.0", 7, "a prefix"),
            ("prefix exact", 7, "after `exact`"),
            ("aspath 1 2", 9, "one pattern"),
            ("aspath (1)\\1", 7, "back-references"),
            ("(peer 1", 7, "`)`"),
            ("peer 1)", 6, "expected `and`"),
            ("peer \"1", 5, "never closed"),
            ("peer \"1\"2", 8, "white space"),
            ("peer \"1\"é", 8, "white space"),
            ("elemtype rib", 9, "`ribs`"),
            ("ipversion 5", 10, "`4`"),
        ] {
            let error = text.parse::<Expression>().expect_err(text);
            assert_eq!(error.span.start, at, "{text}: {error}");
            assert!(error.to_string().contains(message), "{text}: {error}");
        }
    }
}
