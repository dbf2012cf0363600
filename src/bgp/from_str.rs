//! Values from their texts: those of configurations, which most of them are also printed as.

use std::fmt;
use std::str::FromStr;

use super::asn::Asn;
use super::attribute::PathAttribute;
use super::attribute::as_path::AsPath;
use super::attribute::community::Community;
use super::attribute::ext_community::{self, ExtCommunity};
use super::attribute::large_community::LargeCommunity;
use super::family::{Afi, Family, Safi};
use super::rd::RouteDistinguisher;
use crate::text::{Cursor, Span, SyntaxError, tokenize, value};

/// A text that is not what it should be. `Display` says what was expected, and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError(String);

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for ParseError {}

/// `65001`, or `1.10` (RFC 5396).
///
/// ```
/// use oxabgp::bgp::Asn;
///
/// assert_eq!("1.10".parse(), Ok(Asn(65546)));
/// let error = "AS1".parse::<Asn>().expect_err("no number");
/// assert_eq!(error.to_string(), "expected an AS number, found `AS1`");
/// ```
impl FromStr for Asn {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        word(text, "an AS number", |text| value::asn(text).map(Self))
    }
}

impl From<Asn> for u32 {
    fn from(asn: Asn) -> Self {
        asn.0
    }
}

/// `ipv4 unicast`, or `ipv4/unicast`.
impl FromStr for Family {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        word(text, "a family such as `ipv4 unicast`", |text| {
            let (afi, safi) = text.split_once([' ', '/'])?;
            let (afi, safi) = (Afi::from_name(afi)?, Safi::from_name(safi)?);
            Some(Self { afi, safi })
        })
    }
}

/// `65000:1`, `192.0.2.1:1`, or 16 hexadecimal digits after `0x`.
impl FromStr for RouteDistinguisher {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        word(text, Self::EXPECTED, Self::parse)
    }
}

/// `65001:100`, a number, or a name such as `no-export`.
impl FromStr for Community {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        sentence(text, Self::parse)
    }
}

/// `65001:1:2`, or all twelve octets as a number.
impl FromStr for LargeCommunity {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        word(text, "a large community such as `65001:1:2`", Self::parse)
    }
}

/// `target:65001:1` and the other forms of configurations, or 16 hexadecimal digits after `0x`.
impl FromStr for ExtCommunity {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        sentence(text, ext_community::parse::community)
    }
}

/// `[ 65001 65002 ]`, with sets `( … )` as in configurations, or AS numbers alone: `65001 65002`.
///
/// ```
/// use oxabgp::bgp::Asn;
/// use oxabgp::bgp::attribute::as_path::AsPath;
///
/// let path = AsPath::sequence([Asn(65001), Asn(65002)]);
/// assert_eq!("65001 65002".parse(), Ok(path.clone()));
/// assert_eq!("[ 65001 65002 ]".parse(), Ok(path));
/// ```
impl FromStr for AsPath {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let is_plain = !text.trim_start().starts_with(['[', '(', '"']);
        let path = |text: &str| sentence(text, |c| Self::parse("as-path", c));
        match is_plain {
            true => path(&format!("[ {text} ]")),
            false => path(text),
        }
    }
}

/// A text that a function reads as a whole.
fn word<T>(
    text: &str,
    expected: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, ParseError> {
    parse(text).ok_or_else(|| {
        let error = SyntaxError::expected(Span::new(0, text.len()), expected, text);
        ParseError(error.to_string())
    })
}

/// A text that the grammar of configurations reads, and nothing after it.
fn sentence<T>(
    text: &str,
    parse: impl FnOnce(&mut Cursor<'_>) -> Result<T, SyntaxError>,
) -> Result<T, ParseError> {
    let tokens = tokenize(text);
    let mut c = Cursor::new(&tokens, text.len());
    parse(&mut c)
        .and_then(|value| c.finish().map(|()| value))
        .map_err(|error| ParseError(error.to_string()))
}
