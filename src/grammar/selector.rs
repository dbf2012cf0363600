//! Which neighbors a command is for: `neighbor 192.0.2.1 local-as 65000, neighbor 192.0.2.2 announce …`.
//!
//! All terms of a definition must match; of several definitions separated by commas one is enough. A neighbor is matched by
//! its name, a text of `key value` pairs (`neighbor 192.0.2.1 local-ip … local-as … peer-as … router-id …
//! family-allowed …`): that is what users see in logs and copy into scripts. `neighbor *` holds for every neighbor;
//! unlike in ExaBGP the terms beside it are applied. ExaBGP 6.0's form `peer [ 192.0.2.1 peer-as 65001, 192.0.2.2 ] …` is read
//! too.

use std::net::IpAddr;

use crate::bgp::zone;
use crate::text::{Span, SyntaxError};

/// The keys that may follow an address.
pub const FILTERS: [&str; 5] = [
    "local-ip",
    "local-as",
    "peer-as",
    "router-id",
    "family-allowed",
];

/// Which neighbors are selected. Without definitions: all that the source of the command may address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Selector {
    definitions: Vec<Definition>,
}

/// Terms that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Definition(Vec<(Box<str>, Box<str>)>);

impl Selector {
    /// Takes the selector off the front of `line`: the selector and the rest of the line, which is the command. A line that
    /// starts with another word has no selector.
    ///
    /// # Errors
    /// When an address, or a value of a filter, is missing.
    pub fn split(line: &str) -> Result<(Self, &str), SyntaxError> {
        let mut words = Words { line, at: 0 };
        let mut selector = Self::default();
        let head = words.peek();
        if !matches!(head, "neighbor" | "peer") {
            return Ok((selector, words.rest()));
        }
        words.next();
        let list = head == "peer" && words.accept("[");
        loop {
            selector.definitions.push(words.definition()?);
            if !words.accept(",") {
                break;
            }
            if words.peek() == head {
                words.next();
            } else if head == "neighbor" {
                // As in ExaBGP, a comma may also end the list; an address needs its `neighbor`.
                match words.peek().chars().next() {
                    None | Some('a'..='z' | '#') => break,
                    _ => return Err(words.expected("`neighbor` and an address")),
                }
            }
        }
        if list && !words.accept("]") {
            return Err(words.expected("`,` or `]`"));
        }
        Ok((selector, words.rest()))
    }

    /// Returns `true` if it has no definitions, and so selects all.
    pub const fn is_empty(&self) -> bool {
        self.definitions.is_empty()
    }

    /// Returns `true` if it selects the neighbor of that name.
    pub fn matches(&self, name: &str) -> bool {
        self.is_empty()
            || self
                .definitions
                .iter()
                .any(|definition| definition.matches(name))
    }
}

impl Definition {
    fn matches(&self, name: &str) -> bool {
        self.0.iter().all(|(key, wanted)| {
            let mut words = name.split_ascii_whitespace();
            std::iter::from_fn(|| Some((words.next()?, words.next()?)))
                .any(|(found, value)| found == &**key && same_value(wanted, value))
        })
    }
}

fn same_value(wanted: &str, value: &str) -> bool {
    wanted == "*" || same_address(wanted, value)
}

/// Returns `true` if both are equal as text or, in whatever notation, as addresses or ranges of addresses. A `wanted`
/// link-local address without a zone is that address on any link.
pub fn same_address(wanted: &str, value: &str) -> bool {
    let zoned = |text: &str| {
        let (range, zone) = zone::split(text)?;
        let (address, length) = match range.split_once('/') {
            Some((address, length)) => (address, Some(length.parse::<u8>().ok()?)),
            None => (range, None),
        };
        Some(((address.parse::<IpAddr>().ok()?, length), zone))
    };
    wanted == value
        || matches!(
            (zoned(wanted), zoned(value)),
            (Some((a, wanted)), Some((b, zone))) if a == b && (wanted.is_none() || wanted == zone)
        )
}

/// The words of a command line; a comma or bracket is a word of its own.
struct Words<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Words<'a> {
    fn definition(&mut self) -> Result<Definition, SyntaxError> {
        let mut terms = vec![("neighbor".into(), self.value("an address, or `*`")?)];
        loop {
            let key = self.peek();
            if key == "neighbor" {
                self.next();
                terms.push((key.into(), self.value("an address, or `*`")?));
            } else if FILTERS.contains(&key) {
                self.next();
                terms.push((key.into(), self.value("a value")?));
            } else {
                return Ok(Definition(terms));
            }
        }
    }

    fn value(&mut self, expected: &str) -> Result<Box<str>, SyntaxError> {
        match self.peek() {
            "" | "," | "[" | "]" => Err(self.expected(expected)),
            word => {
                self.next();
                Ok(word.into())
            }
        }
    }

    fn rest(&self) -> &'a str {
        self.line[self.at..].trim_start()
    }

    fn peek(&self) -> &'a str {
        let rest = self.rest();
        let end = rest
            .find(|c: char| c.is_ascii_whitespace() || matches!(c, ',' | '[' | ']'))
            .unwrap_or(rest.len());
        if end > 0 {
            &rest[..end]
        } else {
            // A mark, one byte long, or the end.
            &rest[..rest.len().min(1)]
        }
    }

    fn next(&mut self) {
        self.at = self.line.len() - self.rest().len() + self.peek().len();
    }

    fn accept(&mut self, word: &str) -> bool {
        let found = self.peek() == word;
        if found {
            self.next();
        }
        found
    }

    fn expected(&self, what: &str) -> SyntaxError {
        let start = self.line.len() - self.rest().len();
        let word = self.peek();
        SyntaxError::expected(Span::new(start, start + word.len()), what, word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "neighbor 127.0.0.2 local-ip 127.0.0.1 local-as 65000 peer-as 65001 router-id 10.0.0.1 family-allowed in-open";

    fn hit(text: &str) -> bool {
        let line = format!("{text} announce route");
        let (selector, command) = Selector::split(&line).expect(text);
        assert_eq!(command, "announce route", "{text}");
        selector.matches(NAME)
    }

    #[test]
    fn terms_and_alternatives() {
        for text in [
            "",
            "neighbor 127.0.0.2",
            "neighbor *",
            "neighbor 127.0.0.2 peer-as 65001 local-as 65000",
            "neighbor 127.0.0.9, neighbor 127.0.0.2",
            "neighbor 127.0.0.9 ,neighbor * local-ip 127.0.0.1",
            "neighbor 127.0.0.2,",
            "neighbor 127.0.0.2 family-allowed in-open router-id 10.0.0.1",
            "peer *",
            "peer [127.0.0.9, 127.0.0.2 peer-as 65001]",
            "peer 127.0.0.2 local-ip 127.0.0.1",
        ] {
            assert!(hit(text), "{text}");
        }
        for text in [
            "neighbor 127.0.0.20",
            "neighbor 127.0.0.*",
            "neighbor 127.0.0.2 peer-as 65002",
            "neighbor 127.0.0.9 neighbor 127.0.0.2",
            "neighbor * peer-as 65002",
            "neighbor 127.0.0.2 family-allowed ipv4/unicast",
            "neighbor 127.0.0.1 local-ip 127.0.0.1",
        ] {
            assert!(!hit(text), "{text}");
        }
    }

    #[test]
    fn addresses_match_however_they_are_written() {
        let (selector, _) = Selector::split("neighbor 2001:DB8:0::1 x").expect("a selector");
        assert!(selector.matches("neighbor 2001:db8::1 local-ip ::1"));
    }

    #[test]
    fn what_is_missing_is_reported() {
        for line in [
            "neighbor",
            "neighbor , x",
            "neighbor 1.1.1.1, 2.2.2.2 announce",
            "neighbor 1.1.1.1 peer-as",
            "peer [ 1.1.1.1 announce",
        ] {
            assert!(Selector::split(line).is_err(), "{line}");
        }
        assert_eq!(
            Selector::split("peer-as 65001 announce").map(|(_, rest)| rest),
            Ok("peer-as 65001 announce")
        );
    }
}
