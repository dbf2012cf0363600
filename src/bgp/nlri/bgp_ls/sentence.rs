//! Syntax for announcing BGP-LS objects. ExaBGP 5.0 and 6.0 can only receive them, so this syntax follows that of its
//! other families and uses the keys of its JSON:
//!
//! ```text
//! node         [rd R] protocol-id P [identifier N] local-node ( … )
//! link         [rd R] protocol-id P [identifier N] local-node ( … ) remote-node ( … ) [link-local-id N link-remote-id N]
//!              [interface-address A] [neighbor-address A] [multi-topology-id N]
//! prefix P/LEN [rd R] protocol-id P [identifier N] local-node ( … ) [multi-topology-id N] [ospf-route-type N]
//! srv6-sid     [rd R] protocol-id P [identifier N] local-node ( … ) [multi-topology-id N] sid A
//!
//! ( autonomous-system N  bgp-ls-identifier N  ospf-area-id A  router-id 0000.0000.0001 [psn N] | A [designated-router-id A] )
//! ```
//!
//! The pairs may be in any order, `tlv CODE 0xHEX` stands for any other TLV, and attributes follow. TLVs are sent in
//! the order of RFC 9552 section 5.1.

use std::net::{IpAddr, Ipv4Addr};

use super::{LINK, NODE, Object, PREFIX_V4, PREFIX_V6, SRV6_SID};
use crate::bgp::family::{Afi, Family, Safi};
use crate::bgp::nlri::{Nlri, NlriBytes};
use crate::bgp::rd::RouteDistinguisher;
use crate::json::hex;
use crate::text::{Cursor, Span, SyntaxError, near_miss, value};
use crate::wire::{Reader, Writer};

const HEADS: &[&str] = &["node", "link", "prefix", "srv6-sid"];

/// IANA's BGP-LS protocol identifiers.
pub(super) const PROTOCOLS: &[(u8, &str)] = &[
    (1, "isis-l1"),
    (2, "isis-l2"),
    (3, "ospfv2"),
    (4, "direct"),
    (5, "static"),
    (6, "ospfv3"),
    (7, "bgp"),
    (8, "rsvp-te"),
    (9, "segment-routing"),
];

/// A type and a value.
type Tlv = (u16, Vec<u8>);

/// The pairs of an announcement.
#[derive(Default)]
struct Pairs {
    rd: Option<RouteDistinguisher>,
    protocol: Option<u8>,
    identifier: u64,
    link: Option<(u32, u32)>,
    tlvs: Vec<Tlv>,
}

/// Parses an object from its keyword on, and stops at the first word that does not belong to it.
///
/// # Errors
/// Returns an error if a value is invalid, or one that the type requires is missing.
pub fn parse(safi: Safi, c: &mut Cursor<'_>) -> Result<Nlri, SyntaxError> {
    let span = c.span();
    let head = c.word("a type of BGP-LS object, like `node` or `link`")?;
    if !HEADS.contains(&head) {
        let error = SyntaxError::expected(span, "a type of BGP-LS object", head);
        return Err(match near_miss(head, HEADS.iter().copied()) {
            Some(near) => error.with_help(format!("did you mean `{near}`?")),
            None => error.with_help(format!("there are {}", HEADS.join(", "))),
        });
    }
    let mut pairs = Pairs::default();
    let code = match head {
        "node" => NODE,
        "link" => LINK,
        "srv6-sid" => SRV6_SID,
        _ => {
            let (address, bits) = c.value("a prefix", network)?;
            pairs.tlvs.push((265, prefix(address, bits)));
            if address.is_ipv4() {
                PREFIX_V4
            } else {
                PREFIX_V6
            }
        }
    };
    while pairs.take(c)? {}
    pairs.build(
        Family {
            afi: Afi::BGP_LS,
            safi,
        },
        code,
        head,
        span.to(c.last_span()),
    )
}

impl Pairs {
    /// Parses the next pair, if the next word starts one. Returns `true` if it does.
    fn take(&mut self, c: &mut Cursor<'_>) -> Result<bool, SyntaxError> {
        let at = *c;
        match c.word("").unwrap_or_default() {
            "rd" | "route-distinguisher" => {
                self.rd = Some(c.value(RouteDistinguisher::EXPECTED, RouteDistinguisher::parse)?);
            }
            "protocol-id" => self.protocol = Some(protocol(c)?),
            "identifier" => {
                self.identifier = c.value("a number from 0 to 18446744073709551615", value::u64)?;
            }
            "local-node" => self.tlvs.push((256, node(c)?)),
            "remote-node" => self.tlvs.push((257, node(c)?)),
            "link-local-id" => self.link.get_or_insert_default().0 = number(c)?,
            "link-remote-id" => self.link.get_or_insert_default().1 = number(c)?,
            "interface-address" => self.addresses((259, 261), c)?,
            "neighbor-address" => self.addresses((260, 262), c)?,
            "multi-topology-id" => {
                let id = c.value("a number from 0 to 4095", |word| {
                    value::u16(word).filter(|id| *id < 1 << 12)
                })?;
                self.tlvs.push((263, id.to_be_bytes().to_vec()));
            }
            "ospf-route-type" => {
                self.tlvs
                    .push((264, vec![c.value("a number from 0 to 255", value::u8)?]));
            }
            "sid" => {
                let sid = c.value("a SID, an IPv6 address", value::ipv6)?;
                self.tlvs.push((518, sid.octets().to_vec()));
            }
            "tlv" => self.tlvs.push(tlv(c)?),
            _ => {
                *c = at;
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn addresses(&mut self, (v4, v6): (u16, u16), c: &mut Cursor<'_>) -> Result<(), SyntaxError> {
        for address in c.list(|c| c.value("an IP address", value::ip))? {
            self.tlvs.push(match address {
                IpAddr::V4(address) => (v4, address.octets().to_vec()),
                IpAddr::V6(address) => (v6, address.octets().to_vec()),
            });
        }
        Ok(())
    }

    fn build(
        mut self,
        family: Family,
        code: u16,
        head: &str,
        span: Span,
    ) -> Result<Nlri, SyntaxError> {
        let wrong = |message: String| Err(SyntaxError::new(span, message));
        let missing = |what: &str| wrong(format!("`{head}` needs `{what}`"));
        let Some(protocol) = self.protocol else {
            return missing("protocol-id");
        };
        let count = |kind| self.tlvs.iter().filter(|tlv| tlv.0 == kind).count();
        if count(256) != 1 {
            return missing("local-node");
        }
        if code == LINK && count(257) != 1 {
            return missing("remote-node");
        }
        if code == SRV6_SID && count(518) != 1 {
            return missing("sid");
        }
        if let Some((local, remote)) = self.link {
            self.tlvs
                .push((258, [local.to_be_bytes(), remote.to_be_bytes()].concat()));
        }
        // RFC 9552 5.1: "the TLVs within the NLRI MUST be ordered in ascending order by TLV type", equal ones by length and value.
        self.tlvs.sort_by(|one, other| {
            (one.0, one.1.len(), &one.1).cmp(&(other.0, other.1.len(), &other.1))
        });
        let mut value = Vec::with_capacity(64);
        let mut w = Writer::new(&mut value);
        match (family.safi == Safi::BGP_LS_VPN, self.rd) {
            (true, None) => return missing("rd"),
            (true, Some(rd)) => w.bytes(&rd.0),
            (false, None) => {}
            (false, Some(_)) => return wrong("`rd` is for routes of `bgp-ls-vpn`".to_owned()),
        }
        w.u8(protocol);
        w.u64(self.identifier);
        write(&mut w, &self.tlvs);
        let mut bytes = Vec::with_capacity(value.len() + 4);
        let mut w = Writer::new(&mut bytes);
        w.u16(code);
        w.len16(|w| w.bytes(&value));
        if w.finish().is_err() {
            return wrong("an object cannot have more than 65535 octets".to_owned());
        }
        if let Err(error) = Object::decode(family, code, Reader::new(&value)) {
            return wrong(format!(
                "the descriptors are not those of `{head}` in protocol {protocol}: {error}"
            ));
        }
        Ok(Nlri {
            family,
            path_id: None,
            bytes: NlriBytes::from_vec(bytes),
        })
    }
}

fn write(w: &mut Writer<'_>, tlvs: &[Tlv]) {
    for (kind, value) in tlvs {
        w.u16(*kind);
        w.len16(|w| w.bytes(value));
    }
}

fn number(c: &mut Cursor<'_>) -> Result<u32, SyntaxError> {
    c.value("a number from 0 to 4294967295", value::u32)
}

/// Parses `CODE 0xHEX`, a TLV that has no keyword.
pub(crate) fn tlv(c: &mut Cursor<'_>) -> Result<(u16, Vec<u8>), SyntaxError> {
    let kind = c.value("the type of a TLV, from 0 to 65535", value::u16)?;
    let value = c.value(
        "the value of a TLV, `0x` and at most 65535 octets",
        |word| {
            value::hex(word)
                .filter(|value| word.starts_with("0x") && u16::try_from(value.len()).is_ok())
        },
    )?;
    Ok((kind, value))
}

fn protocol(c: &mut Cursor<'_>) -> Result<u8, SyntaxError> {
    let names = || PROTOCOLS.iter().map(|(_, name)| *name);
    let span = c.span();
    let word = c.word("a protocol such as `isis-l2`")?;
    let known = PROTOCOLS.iter().find(|(_, name)| *name == word);
    known
        .map(|(number, _)| *number)
        .or_else(|| value::u8(word))
        .ok_or_else(|| {
            let error = SyntaxError::expected(span, "a protocol", word);
            match near_miss(word, names()) {
                Some(near) => error.with_help(format!("did you mean `{near}`?")),
                None => error.with_help(format!(
                    "there are {}, or a number from 0 to 255",
                    names().collect::<Vec<_>>().join(", ")
                )),
            }
        })
}

/// Parses the descriptors of a node in parentheses. RFC 9552 5.2.1: each once, in the order of their types.
fn node(c: &mut Cursor<'_>) -> Result<Vec<u8>, SyntaxError> {
    const EXPECTED: &str = "a node descriptor, or `)`";
    c.expect("(")?;
    let mut tlvs: Vec<Tlv> = Vec::new();
    while !c.accept(")") {
        let span = c.span();
        let (kind, value) = match c.word(EXPECTED)? {
            "autonomous-system" => {
                let asn = c.value("an AS number", value::asn)?;
                (512, asn.to_be_bytes().to_vec())
            }
            "bgp-ls-identifier" => {
                let number = c.value("a number, or an IPv4 address", |word| {
                    value::u32(word).or_else(|| value::ipv4(word).map(u32::from))
                })?;
                (513, number.to_be_bytes().to_vec())
            }
            "ospf-area-id" => {
                let area = c.value("a number, or an IPv4 address", |word| {
                    value::ipv4(word).or_else(|| value::u32(word).map(Ipv4Addr::from))
                })?;
                (514, area.octets().to_vec())
            }
            "router-id" => (515, router(c)?),
            "tlv" => tlv(c)?,
            word => {
                let words = [
                    "autonomous-system",
                    "bgp-ls-identifier",
                    "ospf-area-id",
                    "router-id",
                    "tlv",
                ];
                return Err(SyntaxError::expected(span, EXPECTED, word).with_near_miss(word, words));
            }
        };
        if tlvs.iter().any(|(other, _)| *other == kind) {
            let message = "a node has each descriptor once";
            return Err(SyntaxError::new(span, message));
        }
        tlvs.push((kind, value));
    }
    tlvs.sort();
    let mut out = Vec::new();
    write(&mut Writer::new(&mut out), &tlvs);
    Ok(out)
}

/// Parses the identifier of a router, and of the pseudonode after it.
fn router(c: &mut Cursor<'_>) -> Result<Vec<u8>, SyntaxError> {
    if let Some(address) = value::ipv4(c.peek()) {
        c.next_token();
        let mut octets = address.octets().to_vec();
        if c.accept("designated-router-id") {
            octets.extend(c.value("an IPv4 address", value::ipv4)?.octets());
        }
        return Ok(octets);
    }
    let mut octets = c
        .value("an IPv4 address, or a system like `0000.0000.0001`", system)?
        .to_vec();
    if c.accept("psn") {
        octets.push(c.value("a number from 0 to 255", value::u8)?);
    }
    Ok(octets)
}

/// The six octets of `0000.0000.0001` or `000000000001`.
pub(crate) fn system(word: &str) -> Option<[u8; 6]> {
    let digits = match word.len() {
        14 if word.split('.').all(|part| part.len() == 4) => word.replace('.', ""),
        12 => word.to_owned(),
        _ => return None,
    };
    value::hex(&digits)?.try_into().ok()
}

/// `0000.0000.0001`.
pub(crate) fn system_text(octets: &[u8]) -> String {
    let parts: Vec<String> = octets
        .chunks(2)
        .map(|part| hex(part).to_ascii_lowercase())
        .collect();
    parts.join(".")
}

/// A prefix without bits beyond its length.
fn network(word: &str) -> Option<(IpAddr, u8)> {
    value::prefix(word).filter(|(address, bits)| {
        let octets = octets(*address);
        let host = octets.iter().enumerate().any(|(index, octet)| {
            let kept = usize::from(*bits).saturating_sub(index * 8).min(8);
            // At most eight bits are shifted out of nine or more.
            u16::from(*octet) << kept & 0xFF != 0
        });
        !host
    })
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// RFC 9552 5.2.3.2: the length in bits, and as many octets as it needs.
fn prefix(address: IpAddr, bits: u8) -> Vec<u8> {
    let used = usize::from(bits.div_ceil(8));
    std::iter::once(bits)
        .chain(octets(address).into_iter().take(used))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::words::words;
    use super::*;
    use crate::text::tokenize;

    fn read(safi: Safi, text: &str) -> Result<Nlri, String> {
        let tokens = tokenize(text);
        let mut c = Cursor::new(&tokens, text.len());
        parse(safi, &mut c)
            .and_then(|nlri| c.finish().map(|()| nlri))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn sentences_are_read_back_and_make_the_bytes() {
        for (safi, text, bytes) in [
            (
                Safi::BGP_LS,
                "node protocol-id isis-l2 identifier 0 local-node ( autonomous-system 65000 bgp-ls-identifier 0 router-id 0000.0000.0001 )",
                "00010027020000000000000000 0100001A 020000040000FDE8 0201000400000000 02030006000000000001",
            ),
            (
                Safi::BGP_LS_VPN,
                "node rd 65000:1 protocol-id ospfv2 identifier 7 local-node ( router-id 10.0.0.1 designated-router-id 10.0.0.2 )",
                "00010021 0000FDE800000001 030000000000000007 0100000C 020300080A0000010A000002",
            ),
            (
                Safi::BGP_LS,
                "link protocol-id isis-l1 identifier 0 local-node ( router-id 0000.0000.0001 psn 3 ) remote-node ( router-id 0000.0000.0002 ) \
                 link-local-id 16 link-remote-id 0 interface-address 10.0.0.1 neighbor-address 2001:db8::1 multi-topology-id 2",
                "00020054 010000000000000000 0100000B 0203000700000000000103 0101000A 02030006000000000002 010200080000001000000000 \
                 010300040A000001 0106001020010DB8000000000000000000000001 010700020002",
            ),
            (
                Safi::BGP_LS,
                "prefix 10.1.0.0/20 protocol-id ospfv2 identifier 0 local-node ( ospf-area-id 0.0.0.0 router-id 10.0.0.1 ) ospf-route-type 1",
                "0003002A 030000000000000000 01000010 0202000400000000 020300040A000001 0108000101 01090004140A0100",
            ),
            (
                Safi::BGP_LS,
                "prefix 2001:db8::/32 protocol-id isis-l2 identifier 0 local-node ( router-id 0000.0000.0001 )",
                "00040020 020000000000000000 0100000A 02030006000000000001 010900052020010DB8",
            ),
            (
                Safi::BGP_LS,
                "srv6-sid protocol-id isis-l2 identifier 0 local-node ( router-id 0000.0000.0001 ) sid fc00::1",
                "0006002B 020000000000000000 0100000A 02030006000000000001 02060010FC000000000000000000000000000001",
            ),
            (
                Safi::BGP_LS,
                "node protocol-id direct identifier 0 local-node ( tlv 516 0x0A000001 ) tlv 999 0xAB",
                "0001001A 040000000000000000 01000008 020400040A000001 03E70001AB",
            ),
        ] {
            let nlri = read(safi, text).expect(text);
            assert_eq!(hex(&nlri.bytes), bytes.replace(' ', ""), "{text}");
            let plain = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(words(nlri.family, &nlri.bytes), Some(plain));
        }
    }

    #[test]
    fn errors_are_refused() {
        let node = "node protocol-id isis-l2 local-node ( router-id 0000.0000.0001 )";
        for (safi, text, wanted) in [
            (
                Safi::BGP_LS,
                "nod",
                "expected a type of BGP-LS object, found `nod` (did you mean `node`?)",
            ),
            (Safi::BGP_LS, "node", "`node` needs `protocol-id`"),
            (
                Safi::BGP_LS,
                "node protocol-id isis",
                "expected a protocol, found `isis`",
            ),
            (
                Safi::BGP_LS,
                "node protocol-id 2",
                "`node` needs `local-node`",
            ),
            (
                Safi::BGP_LS,
                "link protocol-id 2 local-node ( )",
                "`link` needs `remote-node`",
            ),
            (
                Safi::BGP_LS,
                "prefix 10.0.0.1/8",
                "expected a prefix, found `10.0.0.1/8`",
            ),
            (
                Safi::BGP_LS,
                "node protocol-id 2 local-node ( area 1 )",
                "expected a node descriptor, or `)`, found `area`",
            ),
            (
                Safi::BGP_LS,
                "node protocol-id 2 local-node ( router-id 10.0.0.1 )",
                "the descriptors are not those of `node`",
            ),
            (Safi::BGP_LS_VPN, node, "`node` needs `rd`"),
        ] {
            let error = read(safi, text).expect_err(text);
            assert!(error.starts_with(wanted), "{text}: {error}");
        }
        assert!(read(Safi::BGP_LS, &format!("{node} rd 1:1")).is_err());
        assert!(read(Safi::BGP_LS, node).is_ok());
    }
}
