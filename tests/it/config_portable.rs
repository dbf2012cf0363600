//! Which words ExaBGP does not know: `validate` marks them, all from one table.

use std::collections::BTreeSet;
use std::path::Path;

use oxabgp::config::{Config, Env, reference, words_of_our_own};

/// The words of each section that ExaBGP 5.0.15 reads, as `tests/differential/words.py` finds them.
const EXABGP: &[(&str, &str)] = &[
    ("process", "run encoder respawn"),
    (
        "neighbor",
        "description peer-address local-address router-id local-as peer-as host-name domain-name hold-time rate-limit passive \
         listen connect source-interface outgoing-ttl incoming-ttl md5-password md5-base64 md5-ip group-updates auto-flush \
         adj-rib-in adj-rib-out manual-eor inherit",
    ),
    (
        "neighbor/capability",
        "asn4 route-refresh graceful-restart add-path nexthop extended-message software-version multi-session operational aigp",
    ),
    (
        "neighbor/api",
        "processes processes-match neighbor-changes negotiated fsm signal",
    ),
    (
        "neighbor/api/send",
        "parsed packets consolidate open update notification keepalive refresh operational",
    ),
    (
        "neighbor/api/receive",
        "parsed packets consolidate open update notification keepalive refresh operational",
    ),
];

#[test]
fn the_table_has_every_word_of_our_own() {
    let own: BTreeSet<(&str, &str)> = words_of_our_own().collect();
    for row in reference() {
        // Inside of a section of our own, every word is.
        let top = row.section.split('/').next().unwrap_or_default();
        let parent = row.section.rsplit_once('/');
        if own.contains(&("", top)) || parent.is_some_and(|parent| own.contains(&parent)) {
            continue;
        }
        let known = EXABGP.iter().any(|(section, words)| {
            *section == row.section && words.split(' ').any(|word| word == row.word)
        });
        let ours = own.contains(&(row.section, row.word));
        assert!(
            known != ours,
            "{} {}: known to ExaBGP: {known}, in the table: {ours}",
            row.section,
            row.word
        );
    }
}

#[test]
fn each_is_marked_where_it_stands() {
    let text = "process p {\n run /bin/cat;\n encoder json;\n on-death withdraw-after 3;\n guard { max-routes 3; }\n}\n\
        template { neighbor t {\n prefix-limit 3;\n capability {\n role customer; } } }\n\
        neighbor 192.0.2.1 {\n inherit t; router-id 192.0.2.2; local-address 192.0.2.2; local-as 1; peer-as 2;\n\
        family { ipv4 unicast; ipv4 sr-policy; }\n\
        announce-limit { total 9; }\n\
        static { route 10.0.0.0/8 next-hop 192.0.2.2 otc 5; }\n}\n";
    let (_, warnings) =
        Config::parse("a.conf", text, Path::new("."), &Env::default()).expect("valid");
    let notes: Vec<String> = warnings.extensions().collect();
    let places: Vec<&str> = notes
        .iter()
        .filter_map(|note| {
            note.strip_prefix("a.conf:")?
                .split(" is an extension")
                .next()
        })
        .collect();
    assert_eq!(
        places,
        [
            "4:2: note: `on-death`",
            "5:2: note: `guard`",
            "8:2: note: `prefix-limit`",
            "10:2: note: `role`",
            "13:29: note: `sr-policy`",
            "14:1: note: `announce-limit`",
            "15:46: note: `otc`",
        ],
        "{notes:?}"
    );
}
