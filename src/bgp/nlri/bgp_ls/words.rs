//! BGP-LS objects written as the text that [`parse`] reads. An NLRI that cannot be expressed exactly is printed as `raw 0x…`.

use std::net::{IpAddr, Ipv4Addr};

use super::sentence::{PROTOCOLS, parse, system_text};
use super::{LINK, NODE, PREFIX_V4, PREFIX_V6, SRV6_SID, head};
use crate::bgp::family::{Afi, Family, Safi};
use crate::bgp::rd::RouteDistinguisher;
use crate::json::hex;
use crate::text::{Cursor, tokenize};
use crate::wire::Reader;

/// The text that [`parse`] reads back as the same bytes, if there is one.
pub(super) fn words(family: Family, bytes: &[u8]) -> Option<String> {
    let out = print(family, bytes)?;
    let tokens = tokenize(&out);
    let mut c = Cursor::new(&tokens, out.len());
    let back = parse(family.safi, &mut c).ok()?;
    (c.is_empty() && back.bytes[..] == *bytes).then_some(out)
}

fn print(family: Family, bytes: &[u8]) -> Option<String> {
    const WHAT: &str = "a BGP-LS NLRI";
    let (code, mut r) = head(bytes)?;
    let rd = match family.safi {
        Safi::BGP_LS_VPN => Some(RouteDistinguisher(r.array(WHAT).ok()?)),
        _ => None,
    };
    let protocol = r.u8(WHAT).ok()?;
    let identifier = r.u64(WHAT).ok()?;
    let tlvs = tlvs(&mut r)?;
    let mut out = match code {
        NODE => "node".to_owned(),
        LINK => "link".to_owned(),
        SRV6_SID => "srv6-sid".to_owned(),
        PREFIX_V4 | PREFIX_V6 => {
            let (_, value) = tlvs.iter().find(|(kind, _)| *kind == 265)?;
            let (bits, octets) = value.split_first()?;
            let afi = if code == PREFIX_V4 {
                Afi::IPV4
            } else {
                Afi::IPV6
            };
            format!("prefix {}/{bits}", super::address_of(afi, octets))
        }
        _ => return None,
    };
    if let Some(rd) = rd {
        out.push_str(&format!(" rd {}", rd.word()));
    }
    match PROTOCOLS.iter().find(|(number, _)| *number == protocol) {
        Some((_, name)) => out.push_str(&format!(" protocol-id {name}")),
        None => out.push_str(&format!(" protocol-id {protocol}")),
    }
    out.push_str(&format!(" identifier {identifier}"));
    for (kind, value) in &tlvs {
        if *kind != 265 || !matches!(code, PREFIX_V4 | PREFIX_V6) {
            out.push(' ');
            out.push_str(&descriptor(*kind, value)?);
        }
    }
    Some(out)
}

fn tlvs<'a>(r: &mut Reader<'a>) -> Option<Vec<(u16, &'a [u8])>> {
    let mut list = Vec::new();
    while !r.is_empty() {
        let kind = r.u16("a type of TLV").ok()?;
        let length = usize::from(r.u16("a length of TLV").ok()?);
        list.push((kind, r.take(length, "a TLV").ok()?));
    }
    Some(list)
}

fn address(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => Some(IpAddr::from(<[u8; 4]>::try_from(value).ok()?)),
        16 => Some(IpAddr::from(<[u8; 16]>::try_from(value).ok()?)),
        _ => None,
    }
}

/// The text of one TLV. The caller parses it back to verify it.
fn descriptor(kind: u16, value: &[u8]) -> Option<String> {
    let mut r = Reader::new(value);
    let plain = match kind {
        256 => Some(format!("local-node {}", node_text(value)?)),
        257 => Some(format!("remote-node {}", node_text(value)?)),
        258 if value.len() == 8 => {
            let (local, remote) = (r.u32("a number").ok()?, r.u32("a number").ok()?);
            Some(format!("link-local-id {local} link-remote-id {remote}"))
        }
        259 | 261 => address(value).map(|address| format!("interface-address {address}")),
        260 | 262 => address(value).map(|address| format!("neighbor-address {address}")),
        263 if value.len() == 2 && value[0] < 16 => {
            Some(format!("multi-topology-id {}", r.u16("a number").ok()?))
        }
        264 if value.len() == 1 => Some(format!("ospf-route-type {}", value[0])),
        518 if value.len() == 16 => address(value).map(|sid| format!("sid {sid}")),
        _ => None,
    };
    Some(plain.unwrap_or_else(|| format!("tlv {kind} 0x{}", hex(value))))
}

fn node_text(value: &[u8]) -> Option<String> {
    let mut out = "(".to_owned();
    for (kind, value) in tlvs(&mut Reader::new(value))? {
        let number = || <[u8; 4]>::try_from(value).ok().map(u32::from_be_bytes);
        let ipv4 = |octets: &[u8]| <[u8; 4]>::try_from(octets).ok().map(Ipv4Addr::from);
        let plain = match kind {
            512 => number().map(|asn| format!("autonomous-system {asn}")),
            513 => number().map(|id| format!("bgp-ls-identifier {id}")),
            514 => ipv4(value).map(|area| format!("ospf-area-id {area}")),
            515 => match *value {
                [_, _, _, _] => ipv4(value).map(|router| format!("router-id {router}")),
                [ref router @ .., _, _, _, _] if value.len() == 8 => {
                    let (router, designated) = (ipv4(router)?, ipv4(&value[4..])?);
                    Some(format!(
                        "router-id {router} designated-router-id {designated}"
                    ))
                }
                [_, _, _, _, _, _] => Some(format!("router-id {}", system_text(value))),
                [ref system @ .., psn] if value.len() == 7 => {
                    Some(format!("router-id {} psn {psn}", system_text(system)))
                }
                _ => None,
            },
            _ => None,
        };
        out.push(' ');
        out.push_str(&plain.unwrap_or_else(|| format!("tlv {kind} 0x{}", hex(value))));
    }
    out.push_str(" )");
    Some(out)
}
