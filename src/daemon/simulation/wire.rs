//! What a peer writes and reads, apart from the daemon's own codecs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::model::OURS;

/// Takes a whole message off the input.
pub(super) fn take(input: &mut Vec<u8>) -> Option<Vec<u8>> {
    let length = usize::from(u16::from_be_bytes([*input.get(16)?, *input.get(17)?]));
    (input.len() >= length).then(|| input.drain(..length).collect())
}

/// The capability of graceful restart in an OPEN: whether it has the N bit, and which families the F bit (RFC 8538).
pub(super) fn graceful_restart(open: &[u8]) -> Option<(bool, [bool; 2])> {
    let mut parameters = &open[10..];
    while let [_, length, rest @ ..] = parameters {
        let (mut capabilities, rest) = rest.split_at(usize::from(*length));
        while let [code, length, rest @ ..] = capabilities {
            let (value, rest) = rest.split_at(usize::from(*length));
            if let (64, [flags, _, families @ ..]) = (*code, value) {
                let has = |afi| {
                    families
                        .chunks(4)
                        .any(|one| one[1] == afi && one[3] & 0x80 != 0)
                };
                return Some((flags & 0x40 != 0, [has(1), has(2)]));
            }
            capabilities = rest;
        }
        parameters = rest;
    }
    None
}

/// The family of an End-of-RIB (RFC 4724 section 2): 0 for IPv4, 1 for IPv6.
pub(super) fn end_of_rib(update: &[u8]) -> Option<usize> {
    match update {
        [0, 0, 0, 0] => Some(0),
        [0, 0, 0, _, _, 15, 3, 0, 2, 1] | [0, 0, 0, _, _, 15, 0, 3, 0, 2, 1] => Some(1),
        _ => None,
    }
}

/// What follows two octets of length, and the rest.
pub(super) fn field(bytes: &[u8]) -> (&[u8], &[u8]) {
    let length = usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
    bytes[2..].split_at(length)
}

/// The prefixes of a family, each with a path identifier if `paths`.
pub(super) fn prefixes(mut bytes: &[u8], (six, paths): (bool, bool)) -> Vec<(IpNet, u32)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let mut id = 0;
        if paths {
            let (number, rest) = bytes.split_first_chunk().expect("an identifier");
            (id, bytes) = (u32::from_be_bytes(*number), rest);
        }
        let (length, rest) = bytes.split_first().expect("a length");
        let octets = usize::from(length.div_ceil(8));
        let mut address = [0; 16];
        address[..octets].copy_from_slice(&rest[..octets]);
        bytes = &rest[octets..];
        let prefix = if six {
            IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::from(address), *length))
        } else {
            let four: [u8; 4] = [address[0], address[1], address[2], address[3]];
            IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::from(four), *length))
        };
        found.push((prefix, id));
    }
    found
}

/// The body of an UPDATE that announces, or withdraws, prefixes of one family.
pub(super) fn update(asn: u32, list: &[IpNet], med: Option<u32>) -> Vec<u8> {
    let six = matches!(list[0], IpNet::V6(_));
    let mut nlri = Vec::new();
    for prefix in list {
        nlri.push(prefix.prefix_len());
        let octets = match prefix.addr() {
            IpAddr::V4(four) => four.octets().to_vec(),
            IpAddr::V6(six) => six.octets().to_vec(),
        };
        nlri.extend(&octets[..usize::from(prefix.prefix_len().div_ceil(8))]);
    }
    let short = |length: usize| u8::try_from(length).expect("short");
    let framed = |withdrawn: &[u8], attributes: &[u8], nlri: &[u8]| {
        [
            &[0, short(withdrawn.len())],
            withdrawn,
            &[0, short(attributes.len())],
            attributes,
            nlri,
        ]
        .concat()
    };
    let Some(med) = med else {
        if !six {
            return framed(&nlri, &[], &[]);
        }
        let mut attribute = vec![0x80, 15, short(nlri.len() + 3), 0, 2, 1];
        attribute.extend(&nlri);
        return framed(&[], &attribute, &[]);
    };
    let mut attributes = vec![0x40, 1, 1, 0];
    // An internal peer originates its routes: an empty path.
    if asn == OURS {
        attributes.extend([0x40, 2, 0, 0x40, 5, 4, 0, 0, 0, 100]);
    } else {
        attributes.extend([0x40, 2, 6, 2, 1]);
        attributes.extend(asn.to_be_bytes());
    }
    attributes.extend([0x80, 4, 4]);
    attributes.extend(med.to_be_bytes());
    if !six {
        attributes.extend([0x40, 3, 4, 192, 0, 2, 99]);
        return framed(&[], &attributes, &nlri);
    }
    let mut next_hop = [0; 16];
    next_hop[..4].copy_from_slice(&[0x20, 1, 0x0d, 0xb8]);
    attributes.extend([0x80, 14, short(21 + nlri.len()), 0, 2, 1, 16]);
    attributes.extend(next_hop);
    attributes.push(0);
    attributes.extend(&nlri);
    framed(&[], &attributes, &[])
}
