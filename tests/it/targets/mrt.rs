//! MRT archives. Oracles: each byte of the file is in one item of the reader; records that a filter rules out are those of which
//! nothing passes; lines of JSON are JSON.

use oxabgp::mrt::{Content, Item, Reader};

use super::stream;

pub(crate) fn check(data: &[u8]) {
    if stream::is_compressed(data) {
        return;
    }
    items(data);
    stream::print(data);
    stream::filtered(data);
}

fn items(data: &[u8]) {
    let mut reader = Reader::new(data);
    let mut at = 0;
    while reader.advance() {
        match reader.item() {
            Some(Item::Frame(frame)) => {
                assert_eq!(frame.offset, at, "bytes are passed over");
                let _ = Content::parse(&frame.header, frame.body);
                let _ = frame.message();
            }
            Some(Item::Damage(damage)) => {
                assert_eq!(damage.offset, at, "bytes are passed over");
                assert!(!damage.reason.is_empty());
            }
            None => panic!("an item that is none"),
        }
        let end = reader.position();
        assert!(end >= at && end <= data.len() as u64, "{end} after {at}");
        at = end;
    }
    assert_eq!(at, data.len() as u64, "the end is missing");
}
