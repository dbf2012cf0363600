//! Journals. The first byte chooses: a file as it is, the payload of a frame, or an attribute set.
//!
//! Oracles: nothing is read beyond damage; attributes that are read are written and read again as the same set.

use oxabgp::journal::{FrameReader, Record, Records, decode_attributes, encode_attributes};

pub(crate) fn check(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    match kind % 3 {
        0 => file(data),
        1 => records(data),
        _ => attributes(data),
    }
}

fn file(data: &[u8]) {
    let Ok(mut reader) = FrameReader::new(data) else {
        return;
    };
    let mut end = reader.offset();
    while let Ok(Some(payload)) = reader.next_frame() {
        assert!(reader.offset() > end && reader.offset() <= data.len() as u64);
        end = reader.offset();
        records(&payload);
    }
    assert_eq!(reader.offset(), end, "damage is not passed over");
}

fn records(payload: &[u8]) {
    for record in Records::new(payload) {
        match record {
            Ok(Record::Announce {
                attributes: set,
                routes,
                ..
            }) => {
                attributes(set);
                routes.for_each(|route| drop(route.map(|nlri| nlri.key())));
            }
            Ok(Record::Withdraw { routes, .. }) => {
                routes.for_each(|route| drop(route.map(|nlri| nlri.to_string())));
            }
            Ok(other) => drop(format!("{other:?}")),
            Err(_) => {}
        }
    }
}

fn attributes(bytes: &[u8]) {
    let Ok(set) = decode_attributes(bytes) else {
        return;
    };
    let mut written = Vec::new();
    // A set that has no form is refused whole.
    if !encode_attributes(&set, &mut written) {
        assert!(written.is_empty());
        return;
    }
    assert_eq!(
        decode_attributes(&written).as_ref(),
        Ok(&set),
        "written as {written:02x?}"
    );
}
