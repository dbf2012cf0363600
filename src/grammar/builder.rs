//! Builds a tail from keywords, one after the other.

use std::net::IpAddr;
use std::rc::Rc;

use smallvec::SmallVec;

use super::route_text::{Place, Verb};
use super::tail::{Kept, Repeated, Tail};
use crate::bgp::attribute::Attribute;
use crate::bgp::attribute::next_hop::NextHopAttribute;
use crate::bgp::{AttributeSet, NextHop, RouteDistinguisher, Safi};
use crate::text::{Cursor, Span, SyntaxError, value};

/// The words of a sentence that are not path attributes.
const OWN_WORDS: [&str; 8] = [
    "path-information",
    "label",
    "rd",
    "route-distinguisher",
    "name",
    "split",
    "watchdog",
    "withdraw",
];

/// The option of commands that is no part of a route.
pub(super) const LIFETIME: &str = "lifetime";

// The codes in `TailBuilder::seen` of words that are not attributes; type codes that IANA reserves for experiments and the like.
const PATH: u8 = 249;
const LABEL: u8 = 250;
const RD: u8 = 251;
const SPLIT: u8 = 252;
const WATCHDOG: u8 = 253;
const NAME: u8 = 254;

/// A tail being built, one keyword after the other.
#[derive(Debug)]
pub struct TailBuilder {
    place: Place,
    attributes: Vec<Attribute>,
    path_id: Option<u32>,
    labels: SmallVec<[u8; 6]>,
    rd: Option<RouteDistinguisher>,
    split: Option<u8>,
    watchdog: Option<Box<str>>,
    withdraw: bool,
    name: Option<Box<str>>,
    start: Option<usize>,
    hop: Option<Span>,
    seen: SmallVec<[u8; 16]>,
    repeated: Vec<Repeated>,
    whole: bool,
}

impl TailBuilder {
    /// For a sentence at `place`.
    pub fn new(place: Place) -> Self {
        Self {
            place,
            attributes: Vec::with_capacity(8),
            path_id: None,
            labels: SmallVec::new(),
            rd: None,
            split: None,
            watchdog: None,
            withdraw: false,
            name: None,
            start: None,
            hop: None,
            seen: SmallVec::new(),
            repeated: Vec::new(),
            whole: false,
        }
    }

    /// For an NLRI that is given in full: labels and route distinguisher are in its bytes.
    #[must_use]
    pub(super) fn of_whole_nlri(mut self) -> Self {
        self.whole = true;
        self
    }

    /// Sets where the text after the prefix begins.
    pub(super) fn starts(&mut self, span: Span) {
        self.start = Some(span.start);
    }

    /// Reads a keyword and its value. If a word is repeated, ExaBGP keeps the first value if it is an attribute, and the
    /// last if it is part of the NLRI; extended communities are merged, and for two next hops see
    /// [`NextHops`](crate::bgp::next_hop_rule::NextHops). The repetition is noted for [`Tail::repeated`].
    ///
    /// # Errors
    /// When the keyword is unknown or not allowed here, or its value is invalid.
    pub fn keyword(&mut self, c: &mut Cursor<'_>) -> Result<(), SyntaxError> {
        let at = *c;
        let keyword = c.word("a keyword")?;
        if let Some(attribute) = Attribute::parse(keyword, c) {
            let attribute = attribute?;
            let kept = match &attribute {
                Attribute::NextHop(_) => {
                    self.hop = Some(c.last_span());
                    Some(Kept::Both)
                }
                Attribute::ExtCommunities(_) | Attribute::ExtCommunitiesIpv6(_) => None,
                _ => Some(Kept::First),
            };
            if let Some(kept) = kept {
                self.note(attribute.code(), keyword, c.last_span(), kept);
            }
            add(&mut self.attributes, attribute);
            return Ok(());
        }
        if !self.allows(keyword) {
            return Err(unknown(&at, keyword, |word| self.allows(word)));
        }
        self.own_word(keyword, c)
    }

    /// Reads the value of one of [`OWN_WORDS`].
    fn own_word(&mut self, keyword: &str, c: &mut Cursor<'_>) -> Result<(), SyntaxError> {
        match keyword {
            "path-information" => {
                let path_id = c.value("a number or an IPv4 address", |word| {
                    value::u32(word).or_else(|| value::ipv4(word).map(u32::from))
                })?;
                self.note(PATH, keyword, c.last_span(), Kept::Last);
                self.path_id = Some(path_id);
            }
            "label" => {
                self.labels = parse_labels(c)?;
                self.note(LABEL, keyword, c.last_span(), Kept::Last);
            }
            "rd" | "route-distinguisher" => {
                let rd = c.value(RouteDistinguisher::EXPECTED, RouteDistinguisher::parse)?;
                self.note(RD, keyword, c.last_span(), Kept::Last);
                self.rd = Some(rd);
            }
            "split" => {
                let split = c.value("`/` and a length, such as `/24`", |word| {
                    word.strip_prefix('/')
                        .and_then(value::u8)
                        .filter(|bits| *bits <= 128)
                })?;
                self.note(SPLIT, keyword, c.last_span(), Kept::First);
                self.split.get_or_insert(split);
            }
            "watchdog" => {
                let name = c.value("a name, other than `announce` and `withdraw`", |word| {
                    (!matches!(word, "announce" | "withdraw")).then(|| word.into())
                })?;
                self.note(WATCHDOG, keyword, c.last_span(), Kept::First);
                self.watchdog.get_or_insert(name);
            }
            "withdraw" => self.withdraw = true,
            // `allows` knows no other word.
            _ => {
                let name = c.word("a name")?;
                self.note(NAME, keyword, c.last_span(), Kept::First);
                self.name.get_or_insert_with(|| name.into());
            }
        }
        Ok(())
    }

    /// Records that a word was read: `code` is that of an attribute, or one of those reserved above.
    fn note(&mut self, code: u8, word: &str, span: Span, kept: Kept) {
        if !self.seen.contains(&code) {
            self.seen.push(code);
        } else {
            self.repeated.push(Repeated {
                word: word.into(),
                span,
                kept,
            });
        }
    }

    /// The path identifier that was given (RFC 7911).
    pub(super) const fn path_id(&self) -> Option<u32> {
        self.path_id
    }

    /// Replaces the next hops.
    pub(super) fn replace_next_hop(&mut self, hop: Option<IpAddr>) {
        self.attributes
            .retain(|attribute| !matches!(attribute, Attribute::NextHop(_)));
        let hop = hop.map(|hop| Attribute::NextHop(NextHopAttribute::new(hop.into())));
        self.attributes.extend(hop);
    }

    /// Returns `true` if there is a next hop.
    pub fn has_next_hop(&self) -> bool {
        self.attributes
            .iter()
            .any(|attribute| matches!(attribute, Attribute::NextHop(_)))
    }

    /// Checks that everything that `verb` requires is present; `end` is where the sentence ends.
    ///
    /// # Errors
    /// When an announcement has no next hop, or a family with labels or route distinguishers lacks them.
    pub fn finish(self, verb: Verb, end: Span) -> Result<Tail, SyntaxError> {
        let missing = |what: &str, help: &str| {
            Err(SyntaxError::new(end, format!("the route has no {what}")).with_help(help))
        };
        let attributes = AttributeSet::new(self.attributes);
        let safi = match self.place {
            Place::Family(family) => Some(family.safi),
            Place::Route => self.rd.map(|_| Safi::MPLS_VPN),
        };
        if safi == Some(Safi::MPLS_VPN) && self.rd.is_none() && !self.whole {
            return missing("route distinguisher", "add `rd 65000:1`");
        }
        if verb == Verb::Announce {
            let flow = matches!(safi, Some(Safi::FLOW | Safi::FLOW_VPN));
            if attributes.next_hop().is_none() && !flow {
                return missing(
                    "next hop",
                    "add `next-hop` and an address, or `next-hop self`",
                );
            }
            let labeled = matches!(safi, Some(Safi::MPLS_VPN | Safi::NLRI_MPLS)) && !self.whole;
            if labeled && self.labels.is_empty() {
                return missing("label", "add `label` and a number up to 1048575");
            }
        }
        let at = self.start.zip(self.hop);
        let hop = at.and_then(|(start, hop)| {
            let first = hop.start.checked_sub(start)?;
            Some(Span::new(first, hop.end.checked_sub(start)?))
        });
        Ok(Tail {
            hop,
            family: match self.place {
                Place::Family(family) => Some(family),
                Place::Route => None,
            },
            attributes: Rc::new(attributes),
            path_id: self.path_id,
            labels: self.labels,
            rd: self.rd,
            split: self.split,
            watchdog: self.watchdog,
            withdraw: self.withdraw,
            name: self.name,
            repeated: self.repeated,
        })
    }

    /// Writes an IPv4 next hop as an IPv4-mapped IPv6 address.
    pub(super) fn map_next_hop(&mut self) {
        for attribute in &mut self.attributes {
            if let Attribute::NextHop(hop) = attribute
                && let NextHop::V4(address) = hop.get()
            {
                *hop = NextHopAttribute::new(NextHop::V6(address.to_ipv6_mapped()));
            }
        }
    }

    fn allows(&self, word: &str) -> bool {
        let safi = match self.place {
            Place::Route => return OWN_WORDS.contains(&word),
            Place::Family(family) => family.safi,
        };
        if self.whole && matches!(word, "label" | "rd" | "route-distinguisher" | "split") {
            return false;
        }
        match word {
            "path-information" => {
                matches!(
                    safi,
                    Safi::UNICAST | Safi::NLRI_MPLS | Safi::MPLS_VPN | Safi::FLOW | Safi::FLOW_VPN
                )
            }
            "label" => matches!(safi, Safi::NLRI_MPLS | Safi::MPLS_VPN),
            "rd" | "route-distinguisher" => safi == Safi::MPLS_VPN,
            _ => OWN_WORDS.contains(&word),
        }
    }
}

/// Adds attributes that other words of the sentence made.
pub(super) fn add_all(tail: &mut TailBuilder, attributes: impl Iterator<Item = Attribute>) {
    for attribute in attributes {
        add(&mut tail.attributes, attribute);
    }
}

/// Adds `attribute`, or merges it into the one with the same code.
fn add(attributes: &mut Vec<Attribute>, attribute: Attribute) {
    match attributes
        .iter_mut()
        .find(|earlier| earlier.code() == attribute.code())
    {
        // The set keeps the first and the last one.
        Some(Attribute::NextHop(_)) => {
            let hops = attributes
                .iter()
                .filter(|one| matches!(one, Attribute::NextHop(_)));
            if hops.count() > 1 {
                attributes.retain({
                    let mut seen = 0;
                    move |one| {
                        seen += usize::from(matches!(one, Attribute::NextHop(_)));
                        seen < 2 || !matches!(one, Attribute::NextHop(_))
                    }
                });
            }
            attributes.push(attribute);
        }
        Some(earlier) => earlier.merge(attribute),
        None => attributes.push(attribute),
    }
}

/// What most routes have, for the help of an error.
const COMMON: [&str; 8] = [
    "next-hop",
    "origin",
    "as-path",
    "med",
    "local-preference",
    "community",
    "large-community",
    "label",
];

/// The error about an unknown keyword; `at` stands before it.
fn unknown(at: &Cursor<'_>, keyword: &str, own: impl Fn(&str) -> bool) -> SyntaxError {
    let words = || {
        Attribute::KEYWORDS
            .iter()
            .flat_map(|words| words.iter().copied())
            .chain(OWN_WORDS.into_iter().filter(|word| own(word)))
    };
    if keyword == LIFETIME {
        return SyntaxError::new(at.span(), "a lifetime cannot stand here").with_help(
            "only a route that a command announces has a lifetime, once and at the end: `… next-hop self lifetime 10m`",
        );
    }
    let error = SyntaxError::new(at.span(), format!("unknown keyword `{keyword}`"));
    match crate::text::near_miss(keyword, words()) {
        Some(near) => error.with_help(format!("did you mean `{near}`?")),
        None => {
            let common: Vec<&str> = COMMON
                .into_iter()
                .filter(|word| words().any(|known| known == *word))
                .collect();
            error.with_help(format!(
                "a route may have `{}` and other attributes",
                common.join("`, `")
            ))
        }
    }
}

/// Reads `100` or `[ 100 200 ]` as a label stack in wire form.
fn parse_labels(c: &mut Cursor<'_>) -> Result<SmallVec<[u8; 6]>, SyntaxError> {
    let start = *c;
    let labels = c.list(|c| {
        c.value("a label up to 1048575", |word| {
            value::u32(word).filter(|label| *label < 1 << 20)
        })
    })?;
    let Some(last) = labels.len().checked_sub(1) else {
        return Err(start.error("at least one label"));
    };
    let mut stack = SmallVec::new();
    for (index, label) in labels.into_iter().enumerate() {
        // RFC 3032 2.1: label (20 bits), experimental use (3), bottom of stack (1)
        let entry = label << 4 | u32::from(index == last);
        stack.extend_from_slice(&entry.to_be_bytes()[1..]);
    }
    Ok(stack)
}
