//! The terms of the filter language, and how their values are read.

use std::str::FromStr;

use ipnet::IpNet;

use crate::bgp::attribute::PathAttribute;
use crate::bgp::attribute::community::Communities;
use crate::bgp::attribute::ext_community::ExtCommunities;
use crate::text::{Cursor, Span, SyntaxError, tokenize, value};

use super::block::{ElemKind, RibView};
use super::filter::{CommunityPattern, Expression, Numbers, Test};
use super::pattern::PathPattern;
use super::prefixes::{Match, PrefixSet};
use super::record::RecordKind;

/// The terms and their short forms.
pub(super) const TERMS: &[(&str, &str, Term)] = &[
    ("project", "proj", Term::Project),
    ("collector", "coll", Term::Collector),
    ("router", "rout", Term::Router),
    ("type", "type", Term::Type),
    ("resourcetype", "restype", Term::ResourceType),
    ("peer", "peer", Term::Peer),
    ("origin", "orig", Term::Origin),
    ("prefix", "pref", Term::Prefix),
    ("community", "comm", Term::Community),
    ("extcommunity", "extc", Term::ExtCommunity),
    ("aspath", "path", Term::AsPath),
    ("ipversion", "ipv", Term::IpVersion),
    ("elemtype", "elemtype", Term::ElemType),
    ("rib", "rib", Term::Rib),
];

/// What a clause is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Term {
    Project,
    Collector,
    Router,
    Type,
    ResourceType,
    Peer,
    Origin,
    Prefix,
    Community,
    ExtCommunity,
    AsPath,
    IpVersion,
    ElemType,
    Rib,
}

/// A word of a filter.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) span: Span,
    pub(super) quoted: bool,
}

impl Word {
    pub(super) fn is(&self, text: &str) -> bool {
        !self.quoted && self.text == text
    }

    pub(super) fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError::new(self.span, message)
    }
}

/// Makes the test of a clause.
pub(super) fn build(term: Term, values: &[Word]) -> Result<Expression, SyntaxError> {
    let names = || values.iter().map(|word| word.text.clone()).collect();
    let each = |read: &dyn Fn(&str) -> Option<CommunityPattern>| {
        values
            .iter()
            .map(|word| {
                read(&word.text).ok_or_else(|| {
                    word.error(format!("expected a community, found `{}`", word.text))
                })
            })
            .collect::<Result<Vec<_>, _>>()
    };
    Ok(Expression::Test(match term {
        Term::Project => Test::Project(names()),
        Term::Collector => Test::Collector(names()),
        Term::Router => Test::Router(names()),
        Term::Type => Test::Kind(kinds(values)?),
        Term::ResourceType => {
            one_of(values, &["stream", "batch"])?;
            return Ok(Expression::default());
        }
        Term::Peer => Test::Peer(numbers(values)?),
        Term::Origin => Test::Origin(numbers(values)?),
        Term::Prefix => Test::Prefix(Box::new(prefixes(values)?)),
        Term::Community => Test::Community(each(&community)?),
        Term::ExtCommunity => Test::Community(each(&extended)?),
        Term::AsPath => match values {
            [word] => Test::Path(Box::new(
                PathPattern::new(&word.text).map_err(|reason| word.error(reason))?,
            )),
            [_, word, ..] => {
                return Err(word
                    .error("the term `aspath` takes one pattern")
                    .with_help("use it several times, or quote a pattern with spaces"));
            }
            [] => return Ok(Expression::default()),
        },
        Term::IpVersion => {
            one_of(values, &["4", "6"])?;
            let version = |word: &Word| if word.text == "4" { 4 } else { 6 };
            Test::IpVersion(values.iter().map(version).collect())
        }
        Term::ElemType => Test::Elem(elem_kinds(values)?),
        Term::Rib => Test::Rib(ribs(values)?),
    }))
}

fn one_of(values: &[Word], known: &[&str]) -> Result<(), SyntaxError> {
    match values
        .iter()
        .find(|word| !known.contains(&word.text.as_str()))
    {
        None => Ok(()),
        Some(word) => {
            let list = known
                .iter()
                .map(|one| format!("`{one}`"))
                .collect::<Vec<_>>()
                .join(", ");
            Err(word
                .error(format!("expected one of {list}, found `{}`", word.text))
                .with_near_miss(&word.text, known.iter().copied()))
        }
    }
}

fn kinds(values: &[Word]) -> Result<Vec<RecordKind>, SyntaxError> {
    one_of(values, &["ribs", "updates"])?;
    let kind = |word: &Word| match word.text.as_str() {
        "ribs" => RecordKind::Rib,
        _ => RecordKind::Update,
    };
    Ok(values.iter().map(kind).collect())
}

fn ribs(values: &[Word]) -> Result<Vec<RibView>, SyntaxError> {
    one_of(values, &RibView::ALL.map(RibView::as_str))?;
    let all = RibView::ALL.into_iter();
    Ok(all
        .filter(|rib| values.iter().any(|word| word.text == rib.as_str()))
        .collect())
}

fn elem_kinds(values: &[Word]) -> Result<Vec<ElemKind>, SyntaxError> {
    one_of(
        values,
        &["ribs", "announcements", "withdrawals", "peerstates"],
    )?;
    let kind = |word: &Word| match word.text.as_str() {
        "ribs" => ElemKind::Rib,
        "announcements" => ElemKind::Announcement,
        "withdrawals" => ElemKind::Withdrawal,
        _ => ElemKind::PeerState,
    };
    Ok(values.iter().map(kind).collect())
}

fn numbers(values: &[Word]) -> Result<Numbers, SyntaxError> {
    let asn = |text: &str| {
        let text = text.strip_prefix("AS").unwrap_or(text);
        value::asn(text).filter(|_| text.starts_with(|one: char| one.is_ascii_digit()))
    };
    let range = |word: &Word| {
        let text = word.text.as_str();
        let (from, to) = match text.split_once('-') {
            Some((from, to)) => (asn(from), asn(to)),
            None => (asn(text), asn(text)),
        };
        match (from, to) {
            (Some(from), Some(to)) if from <= to => Ok((from, to)),
            _ => Err(word.error(format!("expected an AS number or a range, found `{text}`"))),
        }
    };
    values
        .iter()
        .map(range)
        .collect::<Result<_, _>>()
        .map(Numbers)
}

fn prefixes(values: &[Word]) -> Result<PrefixSet, SyntaxError> {
    let mut set = PrefixSet::new();
    let mut how = Match::MORE;
    let mut pending = None;
    for word in values {
        let keyword = match word.text.as_str() {
            "exact" => Some(Match::EXACT),
            "more" => Some(Match::MORE),
            "less" => Some(Match::LESS),
            "any" => Some(Match::ANY),
            _ => None,
        };
        if let Some(keyword) = keyword.filter(|_| !word.quoted) {
            how = keyword;
            pending = Some(word);
            continue;
        }
        let prefix = word
            .text
            .parse::<IpNet>()
            .map_err(|_| word.error(format!("expected a prefix, found `{}`", word.text)))?;
        set.insert(prefix, how);
        pending = None;
    }
    match pending {
        Some(word) => Err(word.error(format!("expected a prefix after `{}`", word.text))),
        None => Ok(set),
    }
}

impl FromStr for CommunityPattern {
    type Err = SyntaxError;

    /// Reads `A:B` with `*` for either, a name, `lc:A:B:C`, `ext:…`.
    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        community(text).ok_or_else(|| {
            let span = Span::new(0, text.len());
            SyntaxError::new(span, format!("expected a community, found `{text}`"))
        })
    }
}

/// Reads `A:B` with `*` for either, a name, `lc:A:B:C`, `ext:…`.
fn community(text: &str) -> Option<CommunityPattern> {
    if let Some(text) = text.strip_prefix("lc:") {
        let mut parts = text.split(':').map(part::<u32>);
        let all = [parts.next()??, parts.next()??, parts.next()??];
        return parts
            .next()
            .is_none()
            .then_some(CommunityPattern::Large(all));
    }
    if let Some(text) = text.strip_prefix("ext:") {
        return extended(text);
    }
    if let Some((high, low)) = text.split_once(':') {
        return Some(CommunityPattern::Plain(part(high)?, part(low)?));
    }
    if text.starts_with(|one: char| one.is_ascii_digit()) {
        return None;
    }
    let tokens = tokenize(text);
    let mut cursor = Cursor::new(&tokens, text.len());
    let named = Communities::parse("community", &mut cursor).ok()?;
    match named.0[..] {
        [one] if cursor.is_empty() => {
            let [a, b, c, d] = one.0.to_be_bytes();
            Some(CommunityPattern::Plain(
                Some(u16::from_be_bytes([a, b])),
                Some(u16::from_be_bytes([c, d])),
            ))
        }
        _ => None,
    }
}

/// A number, or `*`; `None` if it is neither.
#[expect(
    clippy::option_option,
    reason = "not a number, any number, this number"
)]
fn part<T: FromStr>(text: &str) -> Option<Option<T>> {
    if text == "*" {
        return Some(None);
    }
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().map(Some)
}

fn extended(text: &str) -> Option<CommunityPattern> {
    let tokens = tokenize(text);
    let mut cursor = Cursor::new(&tokens, text.len());
    let list = ExtCommunities::parse("extended-community", &mut cursor).ok()?;
    match list.0[..] {
        [one] if cursor.is_empty() => Some(CommunityPattern::Extended(one.0)),
        _ => None,
    }
}
