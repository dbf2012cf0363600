//! FlowSpec rules (RFC 8955, RFC 8956), also with a route distinguisher for VPNs.
//!
//! ```text
//! +-------------------------------+
//! |    length (1 or 2 octets)     |   0xFnnn when 240 or more
//! +-------------------------------+
//! |    route distinguisher (8)    |   SAFI 134 only
//! +-------------------------------+
//! |    components, ascending      |
//! +-------------------------------+
//! ```
//!
//! `component` defines the components and the names of their values, `operator` the operators; `rule` parses
//! rules.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::inet::{next_hop_text, path_json, path_text, prefix_text};
use super::{NlriCodec, NlriKey, NlriRef, push_sentence};
use crate::bgp::error::Severity;
use crate::bgp::family::{Afi, Family, Safi};
use crate::bgp::nexthop::NextHop;
use crate::bgp::rd::RouteDistinguisher;
use crate::json::{JsonWriter, hex};
use crate::wire::{Reader, WireError};

mod component;
pub mod operator;
pub mod rule;
mod services;

use component::Component;
use operator::Term;
pub use rule::RuleBuilder;

/// FlowSpec rules.
#[derive(Clone, Copy, Debug)]
pub struct Flow;

impl NlriCodec for Flow {
    const FAMILIES: &'static [Family] = &[
        Family::IPV4_FLOW,
        Family::IPV6_FLOW,
        Family::IPV4_FLOW_VPN,
        Family::IPV6_FLOW_VPN,
    ];
    // RFC 8955 10: a malformed rule is treated as withdrawn.
    const MALFORMED: Option<Severity> = Some(Severity::TreatAsWithdraw);

    fn frame<'a>(_: Family, r: &mut Reader<'a>) -> Result<&'a [u8], WireError> {
        let all = r.peek();
        let before = r.remaining();
        let length = length(r)?;
        r.take(length, "a rule of its declared length")?;
        Ok(&all[..before - r.remaining()])
    }

    fn check(family: Family, bytes: &[u8]) -> Result<(), WireError> {
        match Rule::decode(family, bytes, Style::Events)? {
            Some(_) => Ok(()),
            // RFC 8955 10 lists extensions that the receiver does not know among the errors.
            None => Err(WireError {
                what: "a known component",
                offset: 0,
            }),
        }
    }

    /// Without the length, which has two forms, and without the bits after prefixes, which have no meaning.
    fn key(family: Family, bytes: &[u8], key: &mut NlriKey) {
        let mut r = Reader::new(bytes);
        // Framed bytes begin with one.
        let _ = length(&mut r);
        if family.safi == Safi::FLOW_VPN
            && let Ok(rd) = r.take(8, "a route distinguisher")
        {
            key.extend_from_slice(rd);
        }
        // Prefixes come first: components stand in the order of their types.
        while let Some((bits, length)) = prefix_size(family.afi, r.peek())
            && let Ok(prefix) = r.take(length, "a prefix")
        {
            key.extend_from_slice(prefix);
            let spare = (8 - bits % 8) % 8;
            if let Some(last) = key.last_mut().filter(|_| spare > 0) {
                *last &= 0xFF << spare;
            }
        }
        key.extend_from_slice(r.rest());
    }

    fn json(nlri: NlriRef<'_>, next_hop: Option<NextHop>, w: &mut JsonWriter) {
        let Ok(Some(rule)) = Rule::decode(nlri.family, nlri.bytes, Style::Events) else {
            w.raw("{ \"parsed\": false, \"raw\": ")
                .string(&hex(nlri.bytes));
            path_json(nlri.path_id, w);
            w.raw(" }");
            return;
        };
        w.raw("{ ");
        for part in &rule.parts {
            w.key(part.component.name(nlri.family.afi)).raw("[ ");
            w.list(part.joined(), |w, term| {
                w.string(&term);
            });
            w.raw(" ], ");
        }
        if let Some(rd) = rule.rd {
            w.raw("\"rd\": ").display(rd).raw(", ");
        }
        if let Some(path_id) = nlri.path_id {
            w.raw("\"path-information\": ")
                .display(Ipv4Addr::from(path_id))
                .raw(", ");
        }
        if let Some(next_hop) = next_hop {
            w.raw("\"next-hop\": ").display(next_hop).raw(", ");
        }
        let mut text = String::new();
        rule.text(nlri, next_hop, &mut text);
        w.raw("\"string\": ").string(&text).raw(" }");
    }

    fn text(nlri: NlriRef<'_>, next_hop: Option<NextHop>, out: &mut String) {
        print(nlri, next_hop, Style::Events, out);
    }

    fn show(nlri: NlriRef<'_>, next_hop: Option<NextHop>, out: &mut String) {
        print(nlri, next_hop, Style::Lists, out);
    }

    fn grammar(nlri: NlriRef<'_>, out: &mut String) {
        let rule = Rule::decode(nlri.family, nlri.bytes, Style::Exact)
            .ok()
            .flatten();
        let words = rule.map(|rule| rule.words(nlri.family.afi));
        push_sentence(nlri, "flow", words, |c| rule::read(nlri.family, c), out);
        path_text(nlri.path_id, out);
    }
}

/// How values are rendered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// As in events: ports are numbers.
    Events,
    /// As in lists: ports are service names.
    Lists,
    /// So that parsing gives the same bytes.
    Exact,
}

fn print(nlri: NlriRef<'_>, next_hop: Option<NextHop>, style: Style, out: &mut String) {
    match Rule::decode(nlri.family, nlri.bytes, style) {
        Ok(Some(rule)) => rule.text(nlri, next_hop, out),
        _ => {
            out.push_str(&format!("flow raw 0x{}", hex(nlri.bytes)));
            path_text(nlri.path_id, out);
        }
    }
}

fn length(r: &mut Reader<'_>) -> Result<usize, WireError> {
    const WHAT: &str = "the length of a rule";
    let first = usize::from(r.u8(WHAT)?);
    if first < 0xF0 {
        return Ok(first);
    }
    Ok((first & 0x0F) << 8 | usize::from(r.u8(WHAT)?))
}

/// The bits of the pattern and the octets of the prefix component that `bytes` begin with, if they do.
fn prefix_size(afi: Afi, bytes: &[u8]) -> Option<(u8, usize)> {
    let (bits, head) = match (afi, bytes) {
        (Afi::IPV4, [1 | 2, bits, ..]) => (*bits, 2),
        (Afi::IPV6, [1 | 2, length, offset, ..]) => (length.checked_sub(*offset)?, 3),
        _ => return None,
    };
    Some((bits, head + usize::from(bits.div_ceil(8))))
}

/// A component of a rule: the text of each term, and whether it is joined to the preceding one with AND.
struct Part {
    component: &'static Component,
    terms: Vec<(bool, String)>,
}

impl Part {
    /// The alternatives, each with the terms joined to it by AND.
    fn joined(&self) -> Vec<String> {
        let mut list: Vec<String> = Vec::new();
        for (and, text) in &self.terms {
            match list.last_mut() {
                Some(last) if *and => last.push_str(text),
                _ => list.push(text.clone()),
            }
        }
        list
    }
}

/// A decoded rule for rendering.
struct Rule {
    rd: Option<RouteDistinguisher>,
    parts: Vec<Part>,
}

impl Rule {
    /// Decodes a framed NLRI. Returns `None` for a rule with an unknown component, whose end cannot be determined.
    ///
    /// # Errors
    /// Returns an error if it is malformed: RFC 8955 section 4.2 requires ascending order, each component at most
    /// once.
    fn decode(family: Family, bytes: &[u8], style: Style) -> Result<Option<Self>, WireError> {
        let mut r = Reader::new(bytes);
        length(&mut r)?;
        let rd = if family.safi == Safi::FLOW_VPN {
            Some(RouteDistinguisher(r.array("a route distinguisher")?))
        } else {
            None
        };
        let mut parts: Vec<Part> = Vec::new();
        while !r.is_empty() {
            let code = r.u8("a component")?;
            if parts.last().is_some_and(|last| last.component.code >= code) {
                return Err(r.error("components in ascending order, each once"));
            }
            let Some(component) = Component::of(family.afi, code) else {
                return Ok(None);
            };
            let terms = match component.kind {
                None => vec![(false, prefix(family.afi, &mut r)?)],
                Some(kind) => Term::list(kind, component.max, &mut r)?
                    .into_iter()
                    .map(|term| {
                        let value = |value| match style {
                            Style::Lists if component.is_port() => services::name(value),
                            _ => component.value_text(family.afi, value),
                        };
                        let text = match style {
                            Style::Exact => term.words(kind, value),
                            Style::Events | Style::Lists => term.text(kind, value),
                        };
                        (term.is_and(), text)
                    })
                    .collect(),
            };
            parts.push(Part { component, terms });
        }
        if parts.is_empty() {
            return Err(r.error("at least one component"));
        }
        Ok(Some(Self { rd, parts }))
    }

    fn text(&self, nlri: NlriRef<'_>, next_hop: Option<NextHop>, out: &mut String) {
        out.push_str("flow ");
        out.push_str(&self.matches(nlri.family.afi));
        if let Some(rd) = self.rd {
            out.push_str(&format!(" rd {rd}"));
        }
        path_text(nlri.path_id, out);
        next_hop_text(next_hop, out);
    }

    /// The components: `destination-ipv4 10.0.0.0/8 protocol =tcp`.
    fn matches(&self, afi: Afi) -> String {
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|part| {
                let list = part.joined().join(" ");
                let name = part.component.name(afi);
                if part.terms.len() > 1 {
                    format!("{name} [ {list} ]")
                } else {
                    format!("{name} {list}")
                }
            })
            .collect();
        parts.join(" ")
    }

    /// The text that [`rule::read`] reads back.
    fn words(&self, afi: Afi) -> String {
        let rd = self
            .rd
            .map_or_else(String::new, |rd| format!(" rd {}", rd.word()));
        self.matches(afi) + &rd
    }
}

/// The text of a prefix component: `10.0.0.0/8`, or `2001:db8::/32/0` with its offset.
fn prefix(afi: Afi, r: &mut Reader<'_>) -> Result<String, WireError> {
    let mut text = String::new();
    if afi == Afi::IPV4 {
        let bytes = super::inet::Inet::frame(Family::IPV4_UNICAST, r)?;
        prefix_text(afi, bytes, &mut text);
        return Ok(text);
    }
    let length = r.u8("the length of a prefix")?;
    let offset = r.u8("the offset of a prefix")?;
    let whole = length == 0 && offset == 0;
    if length > 128 || (offset >= length && !whole) {
        return Err(r.error("an offset below the length of the prefix"));
    }
    // RFC 8956 3.1: "The encoded pattern contains enough octets for the bits used in matching (length minus offset bits)."
    let bits = length - offset;
    let octets = r.take(usize::from(bits.div_ceil(8)), "the pattern of a prefix")?;
    let pattern = octets
        .iter()
        .fold(0u128, |sum, octet| sum << 8 | u128::from(*octet));
    let spare = u32::from((8 - bits % 8) % 8);
    let address = (pattern >> spare)
        .checked_shl(128 - u32::from(length))
        .unwrap_or(0);
    Ok(format!("{}/{length}/{offset}", Ipv6Addr::from(address)))
}
