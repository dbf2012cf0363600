//! Labeled unicast (RFC 8277): a label stack before the prefix. ExaBGP's `nlri-mpls`.
//!
//! ```text
//! +---------------------------+
//! |   Length (1 octet)        |   in bits, labels included
//! +---------------------------+
//! |   Labels (3 octets each)  |
//! +---------------------------+
//! |   Prefix (variable)       |
//! +---------------------------+
//! ```
//!
//! [`vpn`](super::vpn) adds a route distinguisher between labels and prefix and shares the code below.

use std::net::IpAddr;

use super::inet::{max_bits, next_hop_text, path_json, path_text, prefix_bytes, prefix_text};
use super::{Nlri, NlriBytes, NlriCodec, NlriKey, NlriRef};
use crate::bgp::family::{Family, Safi};
use crate::bgp::label;
use crate::bgp::nexthop::NextHop;
use crate::bgp::rd::RouteDistinguisher;
use crate::json::{JsonWriter, hex};
use crate::wire::{Reader, WireError};

/// Prefixes with labels.
#[derive(Clone, Copy, Debug)]
pub struct Labeled;

impl NlriCodec for Labeled {
    const FAMILIES: &'static [Family] = &[Family::IPV4_NLRI_MPLS, Family::IPV6_NLRI_MPLS];

    fn frame<'a>(family: Family, r: &mut Reader<'a>) -> Result<&'a [u8], WireError> {
        frame(family, r)
    }

    fn key(family: Family, bytes: &[u8], key: &mut NlriKey) {
        self::key(family, bytes, key);
    }

    fn json(nlri: NlriRef<'_>, _: Option<NextHop>, w: &mut JsonWriter) {
        json(nlri, w);
    }

    fn text(nlri: NlriRef<'_>, next_hop: Option<NextHop>, out: &mut String) {
        text(nlri, next_hop, out);
    }

    fn grammar(nlri: NlriRef<'_>, out: &mut String) {
        grammar(nlri, out);
    }
}

/// A withdrawn route with `0x000000` in place of labels, as some routers write it, with a stack that ends there: explicit null.
/// `None` for all others. Announced, that value is an explicit null that other labels follow (RFC 4182).
pub(super) fn without_marker(nlri: NlriRef<'_>) -> Option<Nlri> {
    let is_marked = nlri.withdrawn && matches!(nlri.bytes, [_, 0, 0, 0, ..]);
    if !is_marked || !matches!(nlri.family.safi, Safi::NLRI_MPLS | Safi::MPLS_VPN) {
        return None;
    }
    let mut bytes = NlriBytes::from_slice(nlri.bytes);
    bytes[3] = 1;
    // Unless that is longer than a prefix of the family.
    parts(nlri.family, &mut Reader::new(&bytes)).ok()?;
    Some(Nlri {
        family: nlri.family,
        path_id: nlri.path_id,
        bytes,
    })
}

/// A route as its withdrawal is written, with `0x800000` in place of a stack that starts with explicit null and goes on: those
/// who take `0x000000` for the end of the labels would withdraw another prefix (RFC 8277 section 2.4: the field "SHOULD be set to
/// 0x800000"). `None` for all others, which are withdrawn as they were announced.
pub(crate) fn withdrawal(family: Family, bytes: &[u8]) -> Option<NlriBytes> {
    let is_labeled = matches!(family.safi, Safi::NLRI_MPLS | Safi::MPLS_VPN);
    let (true, &[length, 0, 0, 0, ..]) = (is_labeled, bytes) else {
        return None;
    };
    let labels = parts(family, &mut Reader::new(bytes)).ok()?.labels.len();
    let others = labels.checked_sub(3).filter(|others| *others > 0)?;
    let mut short = NlriBytes::new();
    short.push(length.checked_sub(u8::try_from(others * 8).ok()?)?);
    short.extend_from_slice(&label::WITHDRAW.to_be_bytes()[1..]);
    short.extend_from_slice(&bytes[1 + labels..]);
    Some(short)
}

/// The parts of a framed NLRI.
struct Parts<'a> {
    labels: &'a [u8],
    rd: Option<RouteDistinguisher>,
    /// Length of the prefix in bits.
    bits: u8,
    prefix: &'a [u8],
}

/// Number of bits of a route distinguisher in NLRI of that family.
const fn rd_bits(family: Family) -> usize {
    if family.safi.0 == Safi::MPLS_VPN.0 {
        64
    } else {
        0
    }
}

/// Splits an NLRI into its parts. Fails exactly when [`frame`] does.
fn parts<'a>(family: Family, r: &mut Reader<'a>) -> Result<Parts<'a>, WireError> {
    let total = usize::from(r.u8("the length of a prefix")?);
    let mut r = r.sub(total.div_ceil(8), "labels and a prefix")?;
    let most = usize::from(max_bits(family.afi));
    let left = |taken: usize| {
        total
            .checked_sub(taken * 8 + rd_bits(family))
            .filter(|bits| *bits <= most)
    };
    let labels = label::take(&mut r, left)?;
    let rd = if rd_bits(family) == 0 {
        None
    } else {
        Some(RouteDistinguisher(r.array("a route distinguisher")?))
    };
    let bits = left(labels.len()).and_then(|bits| u8::try_from(bits).ok());
    let Some(bits) = bits else {
        return Err(r.error("a prefix length of the family"));
    };
    Ok(Parts {
        labels,
        rd,
        bits,
        prefix: r.rest(),
    })
}

pub(super) fn frame<'a>(family: Family, r: &mut Reader<'a>) -> Result<&'a [u8], WireError> {
    let all = r.peek();
    let before = r.remaining();
    parts(family, r)?;
    Ok(&all[..before - r.remaining()])
}

/// Route distinguisher and prefix, without labels and host bits.
pub(super) fn key(family: Family, bytes: &[u8], key: &mut NlriKey) {
    let Ok(parts) = parts(family, &mut Reader::new(bytes)) else {
        // Only called with framed bytes.
        key.extend_from_slice(bytes);
        return;
    };
    if let Some(rd) = parts.rd {
        key.extend_from_slice(&rd.0);
    }
    key.push(parts.bits);
    key.extend_from_slice(parts.prefix);
    let spare = (8 - parts.bits % 8) % 8;
    if let Some(last) = key.last_mut().filter(|_| spare > 0) {
        *last &= 0xFF << spare;
    }
}

pub(super) fn json(nlri: NlriRef<'_>, w: &mut JsonWriter) {
    let Ok(parts) = parts(nlri.family, &mut Reader::new(nlri.bytes)) else {
        return;
    };
    let mut prefix = String::new();
    prefix_text(nlri.family.afi, &with_length(&parts), &mut prefix);
    w.raw("{ \"nlri\": \"").raw(&prefix).raw("\"");
    path_json(nlri.path_id, w);
    label::json(parts.labels, w);
    if let Some(rd) = parts.rd {
        w.raw(", \"rd\": ").display(rd);
    }
    w.raw(" }");
}

pub(super) fn text(nlri: NlriRef<'_>, next_hop: Option<NextHop>, out: &mut String) {
    let Ok(parts) = parts(nlri.family, &mut Reader::new(nlri.bytes)) else {
        return;
    };
    prefix_text(nlri.family.afi, &with_length(&parts), out);
    path_text(nlri.path_id, out);
    label::text(parts.labels, out);
    next_hop_text(next_hop, out);
    if let Some(rd) = parts.rd {
        out.push_str(&format!(" rd {rd}"));
    }
}

/// The stack of withdrawals is left out; a stack that cannot be made from labels is written as `raw 0x…`.
pub(super) fn grammar(nlri: NlriRef<'_>, out: &mut String) {
    let Ok(parts) = parts(nlri.family, &mut Reader::new(nlri.bytes)) else {
        return;
    };
    let withdrawal = parts.labels == &label::WITHDRAW.to_be_bytes()[1..];
    let labels: Vec<u32> = label::labels(parts.labels).collect();
    if !withdrawal && label::stack(&labels) != parts.labels {
        out.push_str(&format!("raw 0x{}", hex(nlri.bytes)));
        path_text(nlri.path_id, out);
        return;
    }
    prefix_text(nlri.family.afi, &with_length(&parts), out);
    path_text(nlri.path_id, out);
    if !withdrawal {
        label::text(parts.labels, out);
    }
    if let Some(rd) = parts.rd {
        out.push_str(&format!(" rd {}", rd.word()));
    }
}

/// The prefix in the form of unicast NLRI.
fn with_length(parts: &Parts<'_>) -> NlriBytes {
    let mut bytes = NlriBytes::new();
    bytes.push(parts.bits);
    bytes.extend_from_slice(parts.prefix);
    bytes
}

/// The wire form of a prefix with `labels`, each below 2^20, and a route distinguisher for the VPN family. Host bits
/// are cleared. Without labels, the stack is the one for withdrawals. Returns `None` if the length in bits does not
/// fit in its octet.
pub fn bytes(
    labels: &[u32],
    rd: Option<RouteDistinguisher>,
    address: IpAddr,
    bits: u8,
) -> Option<NlriBytes> {
    let stack = if labels.is_empty() {
        label::WITHDRAW.to_be_bytes()[1..].to_vec()
    } else {
        label::stack(labels)
    };
    let rd = rd.map(|rd| rd.0);
    let rd: &[u8] = rd.as_ref().map_or(&[], |rd| &rd[..]);
    let prefix = prefix_bytes(address, bits);
    let mut bytes = NlriBytes::new();
    bytes.push(u8::try_from((stack.len() + rd.len()) * 8 + usize::from(bits)).ok()?);
    bytes.extend_from_slice(&stack);
    bytes.extend_from_slice(rd);
    bytes.extend_from_slice(&prefix[1..]);
    Some(bytes)
}

/// Labels, route distinguisher, address and length of a framed NLRI of a labeled or VPN family.
pub fn decode(
    family: Family,
    bytes: &[u8],
) -> Option<(Vec<u32>, Option<RouteDistinguisher>, IpAddr, u8)> {
    let parts = parts(family, &mut Reader::new(bytes)).ok()?;
    let (address, bits) = super::inet::prefix_of(family.afi, &with_length(&parts));
    Some((
        label::labels(parts.labels).collect(),
        parts.rd,
        address,
        bits,
    ))
}

#[cfg(test)]
mod tests {
    use super::super::Nlri;
    use super::*;

    #[test]
    fn labels_are_not_part_of_the_key() {
        let make = |labels: &[u32], rd: Option<&str>| {
            let family = Family::new(1, if rd.is_some() { 128 } else { 4 });
            let rd = rd.and_then(RouteDistinguisher::parse);
            let address = "10.1.1.0".parse().expect("an address");
            Nlri::new(family, None, &bytes(labels, rd, address, 24).expect("fits"))
        };
        let one = make(&[100], None);
        assert!(one.same_route(make(&[200, 300], None).as_ref()));
        assert!(one.same_route(make(&[], None).as_ref()));
        assert_eq!(one.to_string(), "10.1.1.0/24 label 100");
        let vpn = make(&[100], Some("65000:1"));
        assert!(vpn.same_route(make(&[7], Some("65000:1")).as_ref()));
        assert!(!vpn.same_route(make(&[100], Some("65000:2")).as_ref()));
        assert_eq!(vpn.to_string(), "10.1.1.0/24 label 100 rd 65000:1");
    }

    #[test]
    fn a_stack_without_bottom_is_no_prefix() {
        let family = Family::IPV4_NLRI_MPLS;
        assert!(
            frame(
                family,
                &mut Reader::new(&[72, 0, 6, 0x40, 10, 1, 2, 3, 4, 4])
            )
            .is_err()
        );
        // RFC 8277 2.2: the S bit "MUST be ignored" where one label is expected; this is the label of 0.0.0.0/0.
        assert!(frame(family, &mut Reader::new(&[24, 0, 6, 0x40])).is_ok());
        assert!(frame(family, &mut Reader::new(&[20, 0, 6, 0x41])).is_err());
        assert!(frame(family, &mut Reader::new(&[57, 0, 6, 0x41, 10, 1, 2, 3, 4])).is_err());
        let stack = [0; 30].map(|_| 100);
        assert_eq!(
            bytes(&stack, None, "10.0.0.0".parse().expect("an address"), 8),
            None
        );
    }
}
