//! Malformed parts of records: what is whole is given, and a note reports the rest.

use oxabgp::bmp::Message;
use oxabgp::stream::{Notes, Status};

use super::build::{announce, attribute, bgp, common, entry, message, peers, record, rib, update};
use super::feeds::{bytes, peer, route};
use super::{columns, elems, records};

/// The notes on the only record, and how many elems it has.
fn noted(bytes: &[u8]) -> (Notes, usize) {
    let found = records(bytes);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].status, Status::Valid);
    (found[0].notes, found[0].elems().len())
}

#[test]
fn a_malformed_attribute_is_noted() {
    for (code, value, wanted) in [
        (1u8, &[0, 0][..], Notes::BAD_ATTRIBUTE),
        (1, &[3], Notes::BAD_ATTRIBUTE),
        (2, &[2, 3, 0], Notes::BAD_PATH),
        (3, &[1, 2, 3], Notes::BAD_NEXT_HOP),
        (4, &[0, 0, 1], Notes::BAD_ATTRIBUTE),
        (5, &[], Notes::BAD_ATTRIBUTE),
        (6, &[1], Notes::BAD_ATTRIBUTE),
        (7, &[0, 0, 1], Notes::BAD_ATTRIBUTE),
        (8, &[0, 1, 0, 2, 0], Notes::BAD_ATTRIBUTE),
        (9, &[1], Notes::BAD_ATTRIBUTE),
        (10, &[1, 2, 3, 4, 5], Notes::BAD_ATTRIBUTE),
        (16, &[0; 9], Notes::BAD_ATTRIBUTE),
        (32, &[0; 11], Notes::BAD_ATTRIBUTE),
        (35, &[0; 5], Notes::BAD_ATTRIBUTE),
    ] {
        let mut attributes = attribute(0x40, code, value);
        attributes.extend(common(&[65_001]));
        let update = message(1, 4, &update(&[], &attributes, &[8, 10]));
        let (notes, elems) = noted(&update);
        assert!(
            notes.contains(wanted) && notes.is_malformed(),
            "{code} {notes}"
        );
        assert_eq!(elems, 1, "{code}");
        let table = [
            peers(1, &[65_001]),
            rib(1, 2, &[8, 10], &[entry(0, None, &attributes)]),
        ]
        .concat();
        let (notes, elems) = noted(&table);
        assert!(notes.contains(wanted), "{code} {notes}");
        assert_eq!(elems, 1, "{code}");
    }
    let whole = message(1, 4, &update(&[], &common(&[65_001]), &[8, 10]));
    assert_eq!(noted(&whole), (Notes::NONE, 1));
}

#[test]
fn a_malformed_mp_attribute_is_noted() {
    // A next hop past the end of the value, and a family without its third octet.
    let reach = attribute(0x80, 14, &[0, 2, 1, 32, 1, 2, 3]);
    let unreach = attribute(0x80, 15, &[0, 2]);
    for (bad, nlri) in [
        (&reach, &[][..]),
        (&reach, &[8, 10]),
        (&unreach, &[]),
        (&unreach, &[8, 10]),
    ] {
        let attributes = [common(&[65_001]), bad.clone()].concat();
        let (notes, elems) = noted(&message(1, 4, &update(&[], &attributes, nlri)));
        assert!(notes.contains(Notes::BAD_MP) && notes.is_malformed());
        assert_eq!(elems, usize::from(!nlri.is_empty()));
    }
}

/// A Route Monitoring with these bytes as its UPDATE.
fn monitoring(update: &[u8]) -> Vec<u8> {
    bytes(&Message::RouteMonitoring {
        peer: peer(0),
        update,
    })
}

#[test]
fn an_update_that_does_not_fit_its_bmp_message_is_read_as_far_as_it_goes() {
    let whole = bgp(2, &update(&[], &common(&[65_001]), &[8, 10, 16, 11, 1]));
    let trailing = [&whole[..], &[0]].concat();
    let cut = &whole[..whole.len() - 1];
    for (update, note, routes) in [
        (&trailing[..], Notes::TRAILING_BYTES, 2),
        (cut, Notes::MESSAGE_CUT, 1),
    ] {
        let input = [monitoring(update), route(peer(0), &[8, 12])].concat();
        let found = records(&input);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].status, Status::Valid);
        assert!(found[0].notes.contains(note), "{}", found[0].notes);
        assert_eq!(found[0].elems().len(), routes);
        assert_eq!(found[1].elems().len(), 1);
    }
    // Not an UPDATE, or less than a header.
    for other in [&bgp(4, &[])[..], &whole[..18]] {
        let input = [
            monitoring(&[other, &[0]].concat()),
            route(peer(0), &[8, 12]),
        ]
        .concat();
        let statuses: String = records(&input)
            .iter()
            .map(|one| one.status.letter())
            .collect();
        assert_eq!(statuses, "RV");
    }
}

#[test]
fn a_bmp_length_that_swallows_good_messages_is_the_damage() {
    let each: Vec<Vec<u8>> = (1..=8).map(|n| route(peer(0), &[16, 10, n])).collect();
    for length in [1u16, 60, 512] {
        let mut input = each.concat();
        let second = each[0].len();
        let stated = u16::try_from(each[1].len()).expect("short") + length;
        input[second + 3..second + 5].copy_from_slice(&stated.to_be_bytes());
        let prefixes = columns(&elems(&input), &[10]);
        let wanted: Vec<_> = [1, 3, 4, 5, 6, 7, 8]
            .map(|n| format!("10.{n}.0.0/16"))
            .to_vec();
        assert_eq!(prefixes, wanted, "{length}");
    }
}

#[test]
fn a_raw_message_that_is_cut_is_noted() {
    let whole = bgp(2, &update(&[], &common(&[65_001]), &[8, 10, 16, 11, 1]));
    let hex: String = whole[..whole.len() - 1]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let line = format!(
        r#"{{"type":"ris_message","data":{{"timestamp":1,"peer":"192.0.2.1","peer_asn":"1","host":"rrc00","type":"UPDATE","raw":"{hex}"}}}}"#
    );
    let (notes, elems) = noted(line.as_bytes());
    assert!(notes.contains(Notes::MESSAGE_CUT) && notes.is_malformed());
    assert_eq!(elems, 1);
}

#[test]
fn a_table_of_an_unknown_family_is_unsupported() {
    // AFI 16397, SAFI 99.
    let generic = record(2, 13, 6, &[0, 0, 0, 0, 0x40, 0x0D, 99, 8, 10, 0, 0]);
    let session = [0, 1, 0, 2, 0, 0, 0, 1, 192, 0, 2, 2, 192, 0, 2, 9];
    let body = [&session[..], &[0, 0, 0, 0, 0, 0, 0, 1, 0x40, 0x0D, 99, 0]].concat();
    let old = record(3, 16, 2, &body);
    let cut = record(4, 13, 6, &[0, 0, 0, 0, 0x40]);
    let input = [announce(1, 1), generic, old, cut, announce(5, 2)].concat();
    let found = records(&input);
    let statuses: String = found.iter().map(|one| one.status.letter()).collect();
    assert_eq!(statuses, "VUURV");
    let reason = found[3].damage.as_deref().expect("a reason");
    assert!(reason.starts_with("expected "), "{reason}");
}
