//! The fast path of [`Tail::from_text`]: the words that nearly all announcements consist of, read without tokens.
//!
//! ```text
//! next-hop A.B.C.D | next-hop self | origin igp | med N | local-preference N
//! as-path [ N N … ] | community [ A:B … ] | large-community [ A:B:C … ]
//! ```
//!
//! Each at most once, in any order, separated by spaces. Everything else, which includes every mistake, is left to the
//! general path: [`read`] returns `None`.

use std::net::Ipv4Addr;
use std::rc::Rc;

use super::route_text::Verb;
use super::tail::Tail;
use crate::bgp::attribute::as_path::AsPath;
use crate::bgp::attribute::community::{Communities, Community};
use crate::bgp::attribute::large_community::{LargeCommunities, LargeCommunity};
use crate::bgp::attribute::local_pref::LocalPref;
use crate::bgp::attribute::med::Med;
use crate::bgp::attribute::next_hop::NextHopAttribute;
use crate::bgp::attribute::origin::Origin;
use crate::bgp::{Asn, Attribute, AttributeSet, NextHop};
use crate::text::Span;

/// Most attributes of a tail that is read here.
const ATTRIBUTES: usize = 8;

/// Reads the tail of `announce route` or `withdraw route`, if it consists of the usual words.
pub(super) fn read(text: &str, verb: Verb) -> Option<Tail> {
    let mut reader = Reader {
        text: text.as_bytes(),
        at: 0,
        attributes: Vec::with_capacity(ATTRIBUTES),
        hop: None,
    };
    // Spans count from the first word.
    if reader.text.first()? == &b' ' {
        return None;
    }
    loop {
        let attribute = reader.attribute()?;
        let code = attribute.code();
        if reader.attributes.len() == ATTRIBUTES
            || reader.attributes.iter().any(|other| other.code() == code)
        {
            return None;
        }
        reader.attributes.push(attribute);
        match reader.peek() {
            None => break,
            Some(b' ') => reader.spaces(),
            Some(_) => return None,
        }
    }
    if verb == Verb::Announce && reader.hop.is_none() {
        return None;
    }
    let set = AttributeSet::new(reader.attributes);
    Some(Tail {
        hop: reader.hop,
        ..Tail::of_attributes(Rc::new(set))
    })
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    attributes: Vec<Attribute>,
    /// Where the next hop stands.
    hop: Option<Span>,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn spaces(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    /// The bytes up to the next space or the end.
    fn word(&mut self) -> &'a [u8] {
        let rest = &self.text[self.at..];
        let length = rest.iter().position(|byte| *byte == b' ');
        let word = &rest[..length.unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    /// A decimal number of at most ten digits.
    fn number(&mut self) -> Option<u32> {
        let start = self.at;
        let mut number = 0u64;
        while let Some(digit) = self.peek().map(|byte| byte.wrapping_sub(b'0')) {
            if digit > 9 {
                break;
            }
            number = number * 10 + u64::from(digit);
            self.at += 1;
            if self.at - start > 10 {
                return None;
            }
        }
        (self.at > start).then(|| u32::try_from(number).ok())?
    }

    fn accept(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    /// A keyword and its value.
    fn attribute(&mut self) -> Option<Attribute> {
        let keyword = self.word();
        self.accept(b' ')?;
        self.spaces();
        Some(match keyword {
            b"next-hop" => self.next_hop()?,
            b"as-path" => Attribute::AsPath(self.as_path()?),
            b"community" => Attribute::Communities(Communities::new(self.list(Self::community)?)),
            b"large-community" => {
                let list = self.list(Self::large_community)?;
                Attribute::LargeCommunities(LargeCommunities::new(list))
            }
            b"med" => Attribute::Med(Med(self.number()?)),
            b"local-preference" => Attribute::LocalPref(LocalPref(self.number()?)),
            b"origin" => Attribute::Origin(match self.word() {
                b"igp" => Origin::Igp,
                b"egp" => Origin::Egp,
                b"incomplete" => Origin::Incomplete,
                _ => return None,
            }),
            _ => return None,
        })
    }

    fn next_hop(&mut self) -> Option<Attribute> {
        let start = self.at;
        let hop = match self.word() {
            b"self" => NextHop::SelfAddress,
            // A link-local address may follow an IPv6 address: that is left to the general path.
            word => NextHop::V4(str::from_utf8(word).ok()?.parse::<Ipv4Addr>().ok()?),
        };
        self.hop = Some(Span::new(start, self.at));
        Some(Attribute::NextHop(NextHopAttribute::new(hop)))
    }

    /// One sequence of plain AS numbers, which no other segment follows.
    fn as_path(&mut self) -> Option<AsPath> {
        let asns = self.list(|reader| reader.number().map(Asn))?;
        let mut ahead = self.text[self.at..].iter();
        if matches!(ahead.find(|byte| **byte != b' '), Some(b'[' | b'(' | b',')) {
            return None;
        }
        Some(AsPath::sequence(asns))
    }

    fn community(&mut self) -> Option<Community> {
        let high = self.number().filter(|half| *half <= 0xFFFF)?;
        self.accept(b':')?;
        let low = self.number().filter(|half| *half <= 0xFFFF)?;
        Some(Community(high << 16 | low))
    }

    fn large_community(&mut self) -> Option<LargeCommunity> {
        let first = self.number()?;
        self.accept(b':')?;
        let second = self.number()?;
        self.accept(b':')?;
        Some(LargeCommunity([first, second, self.number()?]))
    }

    /// `[ item item … ]` with at least one item.
    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.accept(b'[')?;
        let rest = &self.text[self.at..];
        let length = memchr::memchr(b']', rest)?;
        // One space between items, as it is usually written.
        let items = rest[..length].trim_ascii().iter();
        let spaces = items.filter(|byte| **byte == b' ').count();
        let mut list = Vec::with_capacity((spaces + 1).min(256));
        loop {
            self.spaces();
            if self.accept(b']').is_some() {
                break;
            }
            list.push(item(self)?);
            if !matches!(self.peek(), Some(b' ' | b']')) {
                return None;
            }
        }
        (!list.is_empty()).then_some(list)
    }
}
