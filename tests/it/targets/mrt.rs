//! MRT archives. Oracles: each byte of the file is in one item of the reader; what is skipped to find framing again holds no records
//! that follow each other; records that a filter rules out are those of which nothing passes; lines of JSON are JSON.

use oxabgp::mrt::{Content, Header, Item, Reader, kind};

use super::stream;

pub(crate) fn check(data: &[u8]) {
    if stream::is_compressed(data) {
        return;
    }
    items(data);
    stream::print(data);
    stream::filtered(data);
}

/// Longest archive whose damage is searched, in bytes: in longer ones the reader may have looked at too much in vain.
const SHORT: usize = 1 << 10;

/// Finds no records that follow each other after a header that is none and within what was skipped for it.
fn search(data: &[u8], skipped: usize) {
    if data
        .first_chunk()
        .is_some_and(|head| Header::parse(*head).is_known())
    {
        // The fields of a record may hold records, and tell where it ends.
        return;
    }
    for at in 1..skipped {
        assert!(!is_run(&data[at..]), "records are skipped at {at}");
    }
}

/// Whether three records of KEEPALIVEs or states follow each other within a day.
fn is_run(mut data: &[u8]) -> bool {
    let mut first = None;
    for _ in 0..3 {
        let Some(header) = data.first_chunk().map(|head| Header::parse(*head)) else {
            return false;
        };
        let length = usize::try_from(header.length).expect("32 bits");
        let Some(body) = data.get(Header::SIZE..).and_then(|rest| rest.get(..length)) else {
            return false;
        };
        let whole = header.kind == kind::BGP4MP
            && match Content::parse(&header, body) {
                Ok(Content::Message(message)) => message.message_type == 4 && message.trailing == 0,
                Ok(Content::State(_)) => true,
                _ => false,
            };
        if !whole
            || header
                .seconds
                .abs_diff(*first.get_or_insert(header.seconds))
                > 86_400
        {
            return false;
        }
        data = &data[Header::SIZE + length..];
    }
    true
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
                let length = usize::try_from(damage.length).expect("short");
                let from = usize::try_from(at).expect("short");
                if data.len() <= SHORT {
                    search(&data[from..], length);
                }
            }
            None => panic!("an item that is none"),
        }
        let end = reader.position();
        assert!(end >= at && end <= data.len() as u64, "{end} after {at}");
        at = end;
    }
    assert_eq!(at, data.len() as u64, "the end is missing");
}
