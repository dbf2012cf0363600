//! Builds FlowSpec rules from configurations and commands.
//!
//! The caller handles the overall syntax (`match { … }` blocks or one line) and passes each keyword to
//! [`RuleBuilder::keyword`]; [`RuleBuilder::build`] returns the NLRI.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::component::Component;
use super::operator::Term;
use crate::bgp::family::{Afi, Family, Safi};
use crate::bgp::nlri::inet::prefix_bytes;
use crate::bgp::nlri::{Nlri, NlriBytes};
use crate::bgp::rd::RouteDistinguisher;
use crate::text::{Cursor, SyntaxError, value};
use crate::wire::Writer;

/// A component as written.
#[derive(Clone, Debug)]
enum Part {
    Prefix {
        address: IpAddr,
        bits: u8,
        offset: u8,
    },
    Terms(Vec<Term>),
}

/// Builds a rule.
#[derive(Clone, Debug, Default)]
pub struct RuleBuilder {
    parts: BTreeMap<u8, Part>,
    rd: Option<RouteDistinguisher>,
    afi: Option<Afi>,
}

impl RuleBuilder {
    /// The keywords that [`keyword`](Self::keyword) accepts.
    pub const KEYWORDS: &'static [&'static str] = &[
        "source",
        "source-ipv4",
        "source-ipv6",
        "destination",
        "destination-ipv4",
        "destination-ipv6",
        "protocol",
        "next-header",
        "port",
        "destination-port",
        "source-port",
        "icmp-type",
        "icmp-code",
        "tcp-flags",
        "packet-length",
        "dscp",
        "traffic-class",
        "fragment",
        "flow-label",
    ];

    /// Parses the value of `keyword`. Returns `None` if that is not a component.
    ///
    /// # Errors
    /// Returns an error if the text is not a valid value for that component, a prefix is of another family than an
    /// earlier one, or the component is repeated: RFC 8955 section 4.2 allows each at most once.
    pub fn keyword(
        &mut self,
        keyword: &str,
        c: &mut Cursor<'_>,
    ) -> Option<Result<(), SyntaxError>> {
        let component = Component::named(keyword)?;
        if self.parts.contains_key(&component.code) {
            let error = SyntaxError::new(
                c.last_span(),
                format!("`{keyword}` appears twice in the flow route"),
            );
            return Some(Err(match component.kind {
                Some(_) => error.with_help(format!(
                    "write the alternatives as a list: `{keyword} [ … ]`"
                )),
                None => error.with_help("announce a route for each prefix"),
            }));
        }
        Some(match component.kind {
            None => self.prefix(component, keyword, c),
            Some(_) => self.terms(component, keyword, c),
        })
    }

    /// Makes this a rule of a VPN.
    pub fn set_rd(&mut self, rd: RouteDistinguisher) {
        self.rd = Some(rd);
    }

    /// Returns `true` if it has no components: such a rule would match every packet.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The family of the prefixes; without prefixes, the `afi` of the section that contains the rule; without that,
    /// IPv6 if a component exists only there.
    pub fn family(&self, afi: Option<Afi>) -> Family {
        let only_ipv6 = self.parts.contains_key(&13);
        let fallback = if only_ipv6 { Afi::IPV6 } else { Afi::IPV4 };
        Family {
            afi: self.afi.or(afi).unwrap_or(fallback),
            safi: if self.rd.is_some() {
                Safi::FLOW_VPN
            } else {
                Safi::FLOW
            },
        }
    }

    /// Builds the NLRI.
    ///
    /// # Errors
    /// Returns a description of the problem for a [`SyntaxError`]: no component, one of the other family, or a rule
    /// of more than 4,095 bytes.
    pub fn build(&self, afi: Option<Afi>) -> Result<Nlri, &'static str> {
        let family = self.family(afi);
        if self.parts.is_empty() {
            return Err("a flow route needs at least one match, or it matches every packet");
        }
        if afi.is_some_and(|afi| afi != family.afi) {
            return Err("the prefixes of the flow route are not of its address family");
        }
        let mut body = Vec::new();
        if let Some(rd) = self.rd {
            body.extend_from_slice(&rd.0);
        }
        for (code, part) in &self.parts {
            if Component::of(family.afi, *code).is_none() {
                return Err("`flow-label` needs an IPv6 flow route");
            }
            body.push(*code);
            part.check(family.afi, *code)?;
            part.write(&mut body);
        }
        let mut bytes = NlriBytes::new();
        match u16::try_from(body.len()) {
            Ok(short @ 0..=0xEF) => bytes.push(short.to_be_bytes()[1]),
            Ok(long @ 0xF0..=0xFFF) => bytes.extend_from_slice(&(0xF000 | long).to_be_bytes()),
            _ => return Err("the flow route takes more than 4095 bytes"),
        }
        bytes.extend_from_slice(&body);
        Ok(Nlri {
            family,
            path_id: None,
            bytes,
        })
    }

    fn prefix(
        &mut self,
        component: &Component,
        keyword: &str,
        c: &mut Cursor<'_>,
    ) -> Result<(), SyntaxError> {
        let span = c.span();
        let (address, bits, offset) = c.value(
            "a prefix: `a.b.c.d/length`, `v6/length` or `v6/length/offset`",
            prefix,
        )?;
        let afi = if address.is_ipv4() {
            Afi::IPV4
        } else {
            Afi::IPV6
        };
        let wanted = if keyword.ends_with("-ipv4") {
            Some(Afi::IPV4)
        } else if keyword.ends_with("-ipv6") {
            Some(Afi::IPV6)
        } else {
            None
        };
        // ExaBGP accepts both keywords for both families; only a mixture is an error.
        if self.afi.is_some_and(|known| known != afi) {
            return Err(SyntaxError::new(
                span,
                format!("`{keyword}` is of another family than the prefix before it"),
            ));
        }
        if wanted == Some(Afi::IPV4) && afi == Afi::IPV6
            || wanted == Some(Afi::IPV6) && afi == Afi::IPV4
        {
            return Err(SyntaxError::new(
                span,
                format!("`{keyword}` needs a prefix of its own family"),
            ));
        }
        self.afi = Some(afi);
        self.parts.insert(
            component.code,
            Part::Prefix {
                address,
                bits,
                offset,
            },
        );
        Ok(())
    }

    fn terms(
        &mut self,
        component: &Component,
        keyword: &str,
        c: &mut Cursor<'_>,
    ) -> Result<(), SyntaxError> {
        let Some(kind) = component.kind else {
            return Ok(());
        };
        let value = |word: &str| {
            component
                .value(word)
                .filter(|found| *found <= component.limit_of(keyword))
        };
        let terms = c.list(|c| {
            let span = c.span();
            let word = c.word(&component.expected(keyword))?;
            Term::parse(kind, word, value).map_err(|part| {
                let what = format!(
                    "an operator and {} for `{keyword}`",
                    component.expected(keyword)
                );
                SyntaxError::expected(span, what, if part.is_empty() { word } else { part })
            })
        })?;
        let terms: Vec<Term> = terms.into_iter().flatten().collect();
        if terms.is_empty() {
            return Err(c.error(component.expected(keyword)));
        }
        self.parts.insert(component.code, Part::Terms(terms));
        Ok(())
    }
}

impl Part {
    /// Rejects values that are invalid in rules of that family.
    fn check(&self, afi: Afi, code: u8) -> Result<(), &'static str> {
        let Self::Terms(terms) = self else {
            return Ok(());
        };
        let component = Component::of(afi, code);
        match terms
            .iter()
            .all(|term| component.is_some_and(|one| one.may_have(afi, term.value)))
        {
            true => Ok(()),
            // RFC 8956 3.6: that bit "MUST be set to 0 on NLRI encoding".
            false => {
                Err("an IPv6 flow route has no `dont-fragment`: IPv6 packets have no such bit")
            }
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Terms(terms) => Term::write(terms, &mut Writer::new(out)),
            Self::Prefix {
                address: address @ IpAddr::V4(_),
                bits,
                ..
            } => {
                out.extend_from_slice(&prefix_bytes(*address, *bits));
            }
            Self::Prefix {
                address: IpAddr::V6(address),
                bits,
                offset,
            } => {
                out.extend_from_slice(&[*bits, *offset]);
                let count = bits - offset;
                // The bits between offset and length, left-aligned.
                let kept = u128::from(*address)
                    .checked_shl((*offset).into())
                    .unwrap_or(0);
                let mask = u128::MAX.checked_shl(128 - u32::from(count)).unwrap_or(0);
                out.extend_from_slice(
                    &(kept & mask).to_be_bytes()[..usize::from(count.div_ceil(8))],
                );
            }
        }
    }
}

/// Parses the keywords of [`RuleBuilder::KEYWORDS`] and `rd` up to the end of `c` as a rule of `family`.
///
/// # Errors
/// Returns an error if a word is not one of these, or the rule is invalid.
pub(super) fn read(family: Family, c: &mut Cursor<'_>) -> Result<Nlri, SyntaxError> {
    let mut rule = RuleBuilder::default();
    while !c.is_empty() {
        match c.word("a keyword")? {
            "rd" => rule.set_rd(c.value(RouteDistinguisher::EXPECTED, RouteDistinguisher::parse)?),
            keyword => rule
                .keyword(keyword, c)
                .unwrap_or_else(|| Err(c.error("a keyword")))?,
        }
    }
    rule.build(Some(family.afi))
        .map_err(|message| SyntaxError::new(c.span(), message))
}

/// Parses an address, a length and an optional offset.
fn prefix(word: &str) -> Option<(IpAddr, u8, u8)> {
    let (address, rest) = word.split_once('/')?;
    let address = value::ip(address)?;
    let (bits, offset) = match rest.split_once('/') {
        Some((bits, offset)) if address.is_ipv6() => (bits, offset),
        Some(_) => return None,
        None => (rest, "0"),
    };
    let (bits, offset) = (value::u8(bits)?, value::u8(offset)?);
    let fits = bits <= if address.is_ipv4() { 32 } else { 128 };
    (fits && (offset < bits || offset == 0)).then_some((address, bits, offset))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tokenize;

    fn build(text: &str) -> Result<Nlri, String> {
        let tokens = tokenize(text);
        let mut c = Cursor::new(&tokens, text.len());
        let mut rule = RuleBuilder::default();
        while !c.is_empty() {
            let keyword = c.word("a keyword").map_err(|error| error.to_string())?;
            rule.keyword(keyword, &mut c)
                .ok_or_else(|| format!("no keyword {keyword}"))?
                .map_err(|error| error.to_string())?;
        }
        rule.build(None).map_err(str::to_owned)
    }

    #[test]
    fn rules_are_printed_as_they_were_written() {
        for text in [
            "source-ipv4 10.0.0.0/24 protocol [ =tcp =udp ] destination-port [ >8080&<8088 =443 ]",
            "tcp-flags [ ack+cwr&!fin ] packet-length [ >200&<300 >400&<500 ] dscp =10 fragment is-fragment",
            "destination-ipv6 2001:db8::/32/0 source-ipv6 0:0:1:2::/64/32 next-header =tcp flow-label =100",
            "destination-ipv6 ::/0/0",
            "icmp-type =echo-request icmp-code =3",
        ] {
            let nlri = build(text).expect(text);
            assert_eq!(nlri.to_string(), format!("flow {}", text));
        }
    }

    #[test]
    fn long_rules_have_a_long_length() {
        let text = format!("port [ {} ]", "=80 ".repeat(200));
        let nlri = build(&text).expect("a long rule");
        assert_eq!(nlri.bytes[..2], [0xF1, 0x91]);
        assert!(build(&format!("port [ {} ]", "=80 ".repeat(2100))).is_err());
    }

    #[test]
    fn errors_are_named() {
        for (text, wanted) in [
            (
                "",
                "a flow route needs at least one match, or it matches every packet",
            ),
            (
                "source 10.0.0.0",
                "expected a prefix: `a.b.c.d/length`, `v6/length` or `v6/length/offset`, found `10.0.0.0`",
            ),
            (
                "source 10.0.0.0/8 destination ::/0",
                "`destination` is of another family than the prefix before it",
            ),
            (
                "source 10.0.0.0/8 flow-label 1",
                "`flow-label` needs an IPv6 flow route",
            ),
            (
                "dscp 64",
                "expected an operator and a number from 0 to 63 for `dscp`, found `64`",
            ),
            (
                "destination 10.0.0.0/8 destination 11.0.0.0/8",
                "`destination` appears twice in the flow route (announce a route for each prefix)",
            ),
            (
                "source 10.0.0.0/8 source-ipv4 11.0.0.0/8",
                "`source-ipv4` appears twice in the flow route (announce a route for each prefix)",
            ),
            (
                "port 80 port 443",
                "`port` appears twice in the flow route (write the alternatives as a list: `port [ … ]`)",
            ),
            (
                "dscp 1 traffic-class 2",
                "`traffic-class` appears twice in the flow route (write the alternatives as a list: `traffic-class [ … ]`)",
            ),
            (
                "destination 2001:db8::/32 fragment dont-fragment",
                "an IPv6 flow route has no `dont-fragment`: IPv6 packets have no such bit",
            ),
            (
                "fragment 0x10",
                "expected an operator and a number from 0 to 15, or bits like `is-fragment` for `fragment`, found `0x10`",
            ),
            (
                "port [ =80& ]",
                "expected an operator and a number from 0 to 65535 or the name of a service for `port`, found `=80&`",
            ),
        ] {
            assert_eq!(
                build(text).map(|nlri| nlri.to_string()),
                Err(wanted.to_owned()),
                "{text}"
            );
        }
    }
}
