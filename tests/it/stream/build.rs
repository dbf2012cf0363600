//! MRT records, made by hand.

/// A record.
pub(super) fn record(seconds: u32, kind: u16, subtype: u16, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(seconds.to_be_bytes());
    out.extend(kind.to_be_bytes());
    out.extend(subtype.to_be_bytes());
    out.extend(u32::try_from(body.len()).expect("short").to_be_bytes());
    out.extend(body);
    out
}

/// An attribute, of extended length if it has to be.
pub(super) fn attribute(flags: u8, code: u8, value: &[u8]) -> Vec<u8> {
    match u8::try_from(value.len()) {
        Ok(length) => [&[flags, code, length], value].concat(),
        Err(_) => {
            let length = u16::try_from(value.len()).expect("short").to_be_bytes();
            [&[flags | 0x10, code], &length[..], value].concat()
        }
    }
}

/// ORIGIN IGP, AS_PATH with four-octet numbers, NEXT_HOP 192.0.2.1.
pub(super) fn common(path: &[u32]) -> Vec<u8> {
    [
        attribute(0x40, 1, &[0]),
        attribute(0x40, 2, &sequence(path)),
        attribute(0x40, 3, &[192, 0, 2, 1]),
    ]
    .concat()
}

/// An AS_SEQUENCE with four-octet numbers.
pub(super) fn sequence(path: &[u32]) -> Vec<u8> {
    let mut out = vec![2, u8::try_from(path.len()).expect("a short path")];
    out.extend(path.iter().flat_map(|asn| asn.to_be_bytes()));
    out
}

/// The same with two-octet numbers.
pub(super) fn sequence2(path: &[u16]) -> Vec<u8> {
    let mut out = vec![2, u8::try_from(path.len()).expect("a short path")];
    out.extend(path.iter().flat_map(|asn| asn.to_be_bytes()));
    out
}

/// The body of an UPDATE.
pub(super) fn update(withdrawn: &[u8], attributes: &[u8], nlri: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| u16::try_from(bytes.len()).expect("short").to_be_bytes();
    [
        &length(withdrawn)[..],
        withdrawn,
        &length(attributes),
        attributes,
        nlri,
    ]
    .concat()
}

/// A BGP message with its header.
pub(super) fn bgp(message_type: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(19 + body.len()).expect("short");
    [
        &[0xFF; 16][..],
        &length.to_be_bytes(),
        &[message_type],
        body,
    ]
    .concat()
}

/// What precedes a message in BGP4MP: four-octet AS numbers, IPv4 addresses. The peer is AS 65001, 192.0.2.2.
pub(super) fn peer4() -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(65_001u32.to_be_bytes());
    out.extend(64_999u32.to_be_bytes());
    out.extend([0, 0, 0, 1, 192, 0, 2, 2, 192, 0, 2, 9]);
    out
}

/// The same with two-octet AS numbers.
pub(super) fn peer2() -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(65_001u16.to_be_bytes());
    out.extend(64_999u16.to_be_bytes());
    out.extend([0, 0, 0, 1, 192, 0, 2, 2, 192, 0, 2, 9]);
    out
}

/// A record with an UPDATE under a subtype of BGP4MP with four-octet AS numbers.
pub(super) fn message(seconds: u32, subtype: u16, body: &[u8]) -> Vec<u8> {
    record(seconds, 16, subtype, &[peer4(), bgp(2, body)].concat())
}

/// A record that announces one prefix, 10.N.0.0/16.
pub(super) fn announce(seconds: u32, n: u8) -> Vec<u8> {
    message(
        seconds,
        4,
        &update(&[], &common(&[65_001, 64_500]), &[16, 10, n]),
    )
}

/// A PEER_INDEX_TABLE of IPv4 peers with these AS numbers; their addresses are 192.0.2.N.
pub(super) fn peers(seconds: u32, asns: &[u32]) -> Vec<u8> {
    let mut body = vec![192, 0, 2, 9, 0, 0];
    body.extend(u16::try_from(asns.len()).expect("few").to_be_bytes());
    for (index, asn) in asns.iter().enumerate() {
        let last = u8::try_from(index + 1).expect("few");
        body.extend([2, 0, 0, 0, last, 192, 0, 2, last]);
        body.extend(asn.to_be_bytes());
    }
    record(seconds, 13, 1, &body)
}

/// An entry of a RIB record.
pub(super) fn entry(peer: u16, path_id: Option<u32>, attributes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(peer.to_be_bytes());
    out.extend(1_000_000u32.to_be_bytes());
    out.extend(path_id.into_iter().flat_map(u32::to_be_bytes));
    out.extend(
        u16::try_from(attributes.len())
            .expect("short")
            .to_be_bytes(),
    );
    out.extend(attributes);
    out
}

/// A RIB record.
pub(super) fn rib(seconds: u32, subtype: u16, nlri: &[u8], entries: &[Vec<u8>]) -> Vec<u8> {
    let count = u16::try_from(entries.len()).expect("few").to_be_bytes();
    let body = [&[0, 0, 0, 0], nlri, &count, &entries.concat()].concat();
    record(seconds, 13, subtype, &body)
}
