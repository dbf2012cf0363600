//! The cache never changes the meaning of a line: a client with a long history and a new one get the same answers.

use proptest::prelude::*;

use super::fake::Talk;

const LINES: [&str; 8] = [
    "announce route 10.0.0.0/8 next-hop 1.2.3.4 med 5 community [ 1:1 2:2 ]",
    "neighbor 127.0.0.2 announce route 10.0.0.0/8 next-hop self origin igp",
    "neighbor 127.0.0.2, neighbor 127.0.0.3 withdraw route 10.0.0.0/8 next-hop 1.2.3.4",
    "withdraw route 2001:db8::/32",
    "announce ipv4 unicast 10.0.0.0/8 next-hop 1.2.3.4 med 5 community [ 1:1 2:2 ]",
    "announce ipv4 nlri-mpls 10.0.0.0/8 next-hop 1.2.3.4 label 100",
    "announce route 10.0.0.0/8 { next-hop 1.2.3.4; path-information 1.2.3.4; rd 1:1; label 3; }",
    "announce attributes next-hop 1.2.3.4 med 5 nlri 10.0.0.0/8 11.0.0.0/8",
];

/// A line with some words or bytes changed.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&'static str> = LINES
        .iter()
        .flat_map(|line| line.split(' '))
        .chain(["", " ", ";", "sync"])
        .collect();
    let word = prop::sample::select(words);
    (
        prop::sample::select(&LINES[..]),
        prop::collection::vec((any::<prop::sample::Index>(), word), 0..4),
        prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
    )
        .prop_map(|(line, changes, byte)| {
            let mut parts: Vec<&str> = line.split(' ').collect();
            for (at, word) in changes {
                let at = at.index(parts.len());
                parts[at] = word;
            }
            let mut bytes = parts.join(" ").into_bytes();
            if let (Some((at, byte)), false) = (byte, bytes.is_empty()) {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_history_changes_no_answer(lines in prop::collection::vec(mutated(), 1..20)) {
        let mut old = Talk::new();
        for line in LINES {
            old.submit(line);
        }
        for line in lines {
            let mut new = Talk::new();
            old.calls();
            prop_assert_eq!(old.submit(&line), new.submit(&line));
            prop_assert_eq!(&old.last, &new.last);
            prop_assert_eq!(old.calls(), new.calls());
        }
    }
}
