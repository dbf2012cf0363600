//! FlowSpec actions on matching packets (RFC 8955 section 7, draft-ietf-idr-flowspec-redirect-ip,
//! draft-ietf-idr-flowspec-interfaceset), as extended communities.

use std::net::{IpAddr, Ipv4Addr};

use super::{ExtCommunities, ExtCommunity};
use crate::bgp::attribute::Attribute;
use crate::bgp::attribute::ext_community_ipv6::{ExtCommunitiesIpv6, ExtCommunityIpv6};
use crate::bgp::attribute::next_hop::NextHopAttribute;
use crate::text::{Cursor, SyntaxError, near_miss, value};

/// The direction in which a rule applies to the interfaces of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InterfaceDirection {
    /// Incoming packets.
    Input,
    /// Outgoing packets.
    Output,
    /// Both.
    Both,
}

impl ExtCommunity {
    /// traffic-rate-bytes: at most `rate` bytes per second; 0 discards.
    pub fn rate_bytes(rate: f32) -> Self {
        let [a, b, c, d] = rate.to_be_bytes();
        Self([0x80, 0x06, 0, 0, a, b, c, d])
    }

    /// traffic-rate-packets: at most `rate` packets per second.
    pub fn rate_packets(rate: f32) -> Self {
        let [a, b, c, d] = rate.to_be_bytes();
        Self([0x80, 0x0C, 0, 0, a, b, c, d])
    }

    /// traffic-action: sample the packets, or stop at this rule (if set, the bit that RFC 8955 calls terminal means
    /// to continue).
    pub fn traffic_action(sample: bool, terminal: bool) -> Self {
        Self([
            0x80,
            0x07,
            0,
            0,
            0,
            0,
            0,
            u8::from(sample) << 1 | u8::from(terminal),
        ])
    }

    /// traffic-marking: set the DSCP to the low six bits of `dscp`.
    pub const fn mark(dscp: u8) -> Self {
        Self([0x80, 0x09, 0, 0, 0, 0, 0, dscp & 0x3F])
    }

    /// rt-redirect: into the VRF with that route target, in the two-octet or four-octet form depending on the AS
    /// number. Returns `None` if the AS number needs four octets and `number` does not fit in two.
    pub fn redirect(asn: u32, number: u32) -> Option<Self> {
        let [c, d, e, f] = number.to_be_bytes();
        if let Ok(asn) = u16::try_from(asn) {
            let [a, b] = asn.to_be_bytes();
            return Some(Self([0x80, 0x08, a, b, c, d, e, f]));
        }
        let [a, b, x, y] = asn.to_be_bytes();
        (c == 0 && d == 0).then_some(Self([0x82, 0x08, a, b, x, y, e, f]))
    }

    /// rt-redirect-ipv4: into the VRF with that route target (RFC 8955 section 7.4).
    pub fn redirect_to_vrf(address: Ipv4Addr, number: u16) -> Self {
        let [a, b, c, d] = address.octets();
        let [e, f] = number.to_be_bytes();
        Self([0x81, 0x08, a, b, c, d, e, f])
    }

    /// Redirects the packets, or a copy of them, to the next hop of the route (draft-simpson-idr-flowspec-redirect).
    pub fn redirect_to_next_hop(copy: bool) -> Self {
        Self([0x08, 0x00, 0, 0, 0, 0, 0, u8::from(copy)])
    }

    /// Redirects the packets, or a copy of them, to that IPv4 address (draft-ietf-idr-flowspec-redirect-ip).
    pub fn redirect_ipv4(address: Ipv4Addr, copy: bool) -> Self {
        let [a, b, c, d] = address.octets();
        Self([0x01, 0x0C, a, b, c, d, 0, u8::from(copy)])
    }

    /// interface-set: only on the interfaces of a group with a 14-bit number.
    pub fn interface_set(
        transitive: bool,
        direction: InterfaceDirection,
        asn: u32,
        group: u16,
    ) -> Self {
        let bits = match direction {
            InterfaceDirection::Input => 0x4000,
            InterfaceDirection::Output => 0x8000,
            InterfaceDirection::Both => 0xC000,
        };
        let [a, b, c, d] = asn.to_be_bytes();
        let [e, f] = (bits | group & 0x3FFF).to_be_bytes();
        Self([if transitive { 0x07 } else { 0x47 }, 0x02, a, b, c, d, e, f])
    }
}

/// The actions of a rule in configuration syntax: `discard`, `rate-limit 9600`, `redirect 65000:1` and so on.
#[derive(Clone, Debug, Default)]
pub struct FlowActions {
    communities: Vec<ExtCommunity>,
    communities_ipv6: Vec<ExtCommunityIpv6>,
    next_hop: Option<Option<IpAddr>>,
}

impl FlowActions {
    /// The keywords that [`keyword`](Self::keyword) accepts.
    pub const KEYWORDS: &'static [&'static str] = &[
        "accept",
        "discard",
        "rate-limit",
        "redirect",
        "redirect-to-nexthop",
        "redirect-to-nexthop-ietf",
        "copy",
        "copy-to-nexthop",
        "copy-to-nexthop-ietf",
        "mark",
        "action",
        "interface-set",
    ];

    /// Parses the value of `keyword`. Returns `None` if that is not an action.
    ///
    /// # Errors
    /// Returns an error if the text is not a valid value for that action.
    pub fn keyword(
        &mut self,
        keyword: &str,
        c: &mut Cursor<'_>,
    ) -> Option<Result<(), SyntaxError>> {
        Some(match keyword {
            "accept" => Ok(()),
            "discard" => self.add(Ok(ExtCommunity::rate_bytes(0.0))),
            "rate-limit" => self.add(rate_limit(c)),
            "redirect" => self.redirect(c),
            "redirect-to-nexthop" => self.add(Ok(ExtCommunity::redirect_to_next_hop(false))),
            "copy-to-nexthop" => self.add(Ok(ExtCommunity::redirect_to_next_hop(true))),
            "redirect-to-nexthop-ietf" => self.redirect_ietf(c, false),
            "copy-to-nexthop-ietf" => self.redirect_ietf(c, true),
            "copy" => c.value("an IP address", value::ip).and_then(|address| {
                self.next_hop = Some(Some(address));
                self.add(Ok(ExtCommunity::redirect_to_next_hop(true)))
            }),
            "mark" => {
                let dscp = |word: &str| value::u8(word).filter(|dscp| *dscp <= 63);
                self.add(c.value("a DSCP from 0 to 63", dscp).map(ExtCommunity::mark))
            }
            "action" => self.add(traffic_action(c)),
            "interface-set" => c
                .list(interface_set)
                .map(|list| self.communities.extend(list)),
            _ => return None,
        })
    }

    /// Takes the next hop of the last action: `Some(None)` if it needs none and takes the place of one that does.
    pub fn take_next_hop(&mut self) -> Option<Option<IpAddr>> {
        self.next_hop.take()
    }

    /// The attributes that carry the actions.
    pub fn attributes(self) -> impl Iterator<Item = Attribute> {
        let hop = self
            .next_hop
            .flatten()
            .map(|hop| Attribute::NextHop(NextHopAttribute::new(hop.into())));
        let communities = ExtCommunities::new(self.communities);
        let narrow = (!communities.0.is_empty()).then_some(Attribute::ExtCommunities(communities));
        let communities = ExtCommunitiesIpv6::new(self.communities_ipv6);
        let wide =
            (!communities.0.is_empty()).then_some(Attribute::ExtCommunitiesIpv6(communities));
        hop.into_iter().chain(narrow).chain(wide)
    }

    fn add(&mut self, community: Result<ExtCommunity, SyntaxError>) -> Result<(), SyntaxError> {
        self.communities.push(community?);
        Ok(())
    }

    fn redirect_ietf(&mut self, c: &mut Cursor<'_>, copy: bool) -> Result<(), SyntaxError> {
        match c.value("an IP address", value::ip)? {
            IpAddr::V4(address) => {
                self.communities
                    .push(ExtCommunity::redirect_ipv4(address, copy));
            }
            IpAddr::V6(address) => {
                self.communities_ipv6
                    .push(ExtCommunityIpv6::redirect(address, copy));
            }
        }
        Ok(())
    }

    /// `ASN:N`, `IPv4:N`, an address, `[v6]` or `[v6]:N`.
    fn redirect(&mut self, c: &mut Cursor<'_>) -> Result<(), SyntaxError> {
        const EXPECTED: &str = "`AS:N`, `IPv4:N`, an IP address, or `[IPv6]:N`";
        let span = c.span();
        let mut word = c.word(EXPECTED)?.to_owned();
        if word == "[" {
            word.push_str(c.word("an IPv6 address")?);
            c.expect("]")?;
            word.push(']');
            if c.peek().starts_with(':') {
                word.push_str(c.word("`:N`")?);
            }
        }
        let wrong = || SyntaxError::expected(span, EXPECTED, &word);
        let bare = word
            .strip_prefix('[')
            .and_then(|word| word.strip_suffix(']'));
        if let Some(address) = value::ip(bare.unwrap_or(&word)) {
            self.next_hop = Some(Some(address));
            return self.add(Ok(ExtCommunity::redirect_to_next_hop(false)));
        }
        self.next_hop = Some(None);
        if let Some((address, number)) = word
            .strip_prefix('[')
            .and_then(|word| word.split_once("]:"))
        {
            let address = value::ipv6(address).ok_or_else(wrong)?;
            let number = value::u16(number).ok_or_else(wrong)?;
            // RFC 8956 6.1: rt-redirect-ipv6.
            self.communities_ipv6
                .push(ExtCommunityIpv6::new([0x00, 0x0D], address, number));
            return Ok(());
        }
        let (asn, number) = word.split_once(':').ok_or_else(wrong)?;
        if let Some(address) = value::ipv4(asn) {
            let number = value::u16(number).ok_or_else(wrong)?;
            return self.add(Ok(ExtCommunity::redirect_to_vrf(address, number)));
        }
        let asn = value::u32(asn).ok_or_else(wrong)?;
        let number = value::u32(number).ok_or_else(wrong)?;
        self.add(ExtCommunity::redirect(asn, number).ok_or_else(|| {
            SyntaxError::new(
                span,
                format!("with an AS above 65535, the number in `{word}` must be at most 65535"),
            )
        }))
    }
}

/// `N`, `N bytes` or `N packets`.
fn rate_limit(c: &mut Cursor<'_>) -> Result<ExtCommunity, SyntaxError> {
    /// ExaBGP's limit: a terabyte per second.
    const MOST: u64 = 1_000_000_000_000;
    let rate = c.value(
        "a rate: a number, then `bytes` (the default) or `packets`",
        value::u64,
    )?;
    if c.accept("packets") {
        return Ok(ExtCommunity::rate_packets(rate as f32));
    }
    c.accept("bytes");
    Ok(ExtCommunity::rate_bytes(rate.min(MOST) as f32))
}

fn traffic_action(c: &mut Cursor<'_>) -> Result<ExtCommunity, SyntaxError> {
    c.value("`sample`, `terminal` or `sample-terminal`", |word| {
        let (sample, terminal) = (word.contains("sample"), word.contains("terminal"));
        (sample || terminal).then(|| ExtCommunity::traffic_action(sample, terminal))
    })
}

/// `transitive:input:ASN:GROUP`.
fn interface_set(c: &mut Cursor<'_>) -> Result<ExtCommunity, SyntaxError> {
    const EXPECTED: &str =
        "`transitive:DIRECTION:AS:GROUP` (or `non-transitive`), GROUP from 0 to 16383";
    let word = c.peek().to_owned();
    c.value(EXPECTED, |word| {
        let mut parts = word.split(':');
        let transitive = match parts.next()? {
            "transitive" => true,
            "non-transitive" => false,
            _ => return None,
        };
        let direction = match parts.next()? {
            "input" => InterfaceDirection::Input,
            "output" => InterfaceDirection::Output,
            "input-output" => InterfaceDirection::Both,
            _ => return None,
        };
        let asn = value::asn(parts.next()?)?;
        let group = value::u16(parts.next()?).filter(|group| *group < 1 << 14)?;
        parts
            .next()
            .is_none()
            .then(|| ExtCommunity::interface_set(transitive, direction, asn, group))
    })
    .map_err(|error| {
        let words = [
            "transitive",
            "non-transitive",
            "input",
            "output",
            "input-output",
        ];
        match word.split(':').find_map(|part| near_miss(part, words)) {
            Some(near) => error.with_help(format!("did you mean `{near}`?")),
            None => error,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tokenize;

    fn actions(text: &str) -> Result<String, String> {
        let tokens = tokenize(text);
        let mut c = Cursor::new(&tokens, text.len());
        let mut actions = FlowActions::default();
        while !c.is_empty() {
            let keyword = c.word("a keyword").map_err(|error| error.to_string())?;
            let read = actions
                .keyword(keyword, &mut c)
                .ok_or_else(|| format!("no {keyword}"))?;
            read.map_err(|error| error.to_string())?;
        }
        let mut out = String::new();
        for attribute in actions.attributes() {
            attribute.text(&mut out);
            out.push(' ');
        }
        Ok(out.trim_end().to_owned())
    }

    #[test]
    fn every_action_becomes_its_community() {
        for (text, wanted) in [
            ("accept", ""),
            ("discard", "extended-community rate-limit:0"),
            ("rate-limit 9600", "extended-community rate-limit:9600"),
            (
                "rate-limit 1000 packets",
                "extended-community rate-limit:1000:packets",
            ),
            (
                "rate-limit 2000000000000 bytes",
                "extended-community rate-limit:999999995904",
            ),
            (
                "redirect 65500:12345",
                "extended-community redirect:65500:12345",
            ),
            ("redirect 70000:5", "extended-community redirect:70000:5"),
            (
                "redirect 1.2.3.4:5",
                "extended-community redirect:1.2.3.4:5",
            ),
            (
                "redirect 1.2.3.4",
                "next-hop 1.2.3.4 extended-community redirect-to-nexthop",
            ),
            (
                "redirect 2001:db8::1",
                "next-hop 2001:db8::1 extended-community redirect-to-nexthop",
            ),
            (
                "redirect [2001:db8::1]:7",
                "extended-community-ipv6 redirect:2001:db8::1:7",
            ),
            (
                "copy 1.2.3.4",
                "next-hop 1.2.3.4 extended-community copy-to-nexthop",
            ),
            (
                "mark 10 rate-limit 9600",
                "extended-community [ rate-limit:9600 mark 10 ]",
            ),
            (
                "action sample-terminal",
                "extended-community action sample-terminal",
            ),
            (
                "interface-set [ transitive:input:1:2 non-transitive:output:3:4 ]",
                "extended-community [ interface-set:input:1:2 interface-set:non-transitive:output:3:4 ]",
            ),
            (
                "redirect-to-nexthop-ietf 1.2.3.4",
                "extended-community redirect-to-nexthop-ietf 1.2.3.4",
            ),
        ] {
            assert_eq!(actions(text).as_deref(), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn errors_are_refused() {
        for text in [
            "mark 64",
            "redirect foo",
            "redirect 1.2.3.4:65536",
            "redirect 1.2.3.4:",
            "redirect 70000:65536",
            "action foo",
            "rate-limit foo",
            "interface-set transitive:in:1:2",
            "interface-set transitive:input:1:16384",
            "copy",
        ] {
            assert!(actions(text).is_err(), "{text}");
        }
    }
}
