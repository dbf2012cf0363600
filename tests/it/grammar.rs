//! The grammar of routes: a cached tail has the same meaning as the whole text, and nothing that a helper prints can
//! crash the parser.

use oxabgp::bgp::{Afi, Family, Safi};
use oxabgp::grammar::route::{attributes, route, split_sentence};
use oxabgp::grammar::{Place, Prefix, RouteText, Selector, Tail, Verb, family, flow, sentence};
use oxabgp::text::{Cursor, Span, SyntaxError, tokenize};

const SENTENCES: &[&str] = &[
    "10.0.0.0/8 next-hop 1.2.3.4",
    "10.0.0.1 next-hop self med 5",
    "2001:db8::/32 next-hop ::1 local-preference 5 origin egp",
    "10.0.0.0/8 next-hop 1.2.3.4 community [ 1:1 no-export ] large-community 1:2:3",
    "10.0.0.0/8 next-hop 1.2.3.4 as-path [ 1 2 ] ( 3 4 ) aggregator ( 65000:1.2.3.4 )",
    "10.0.0.0/8 next-hop 1.2.3.4 path-information 0.0.0.7 name x watchdog y withdraw",
    "10.0.0.0/8 rd 65000:1 label [ 100 200 ] next-hop 1.2.3.4 extended-community target:1:1",
    "10.0.0.0/8 { next-hop 1.2.3.4; med 5; }",
    "10.0.0.0/16 next-hop 1.2.3.4 split /18;",
    "224.0.0.0/4 next-hop 1.2.3.4 attribute [ 0x63 0xC0 0xDEAD ]",
];

fn read<T>(
    text: &str,
    read: impl FnOnce(&mut Cursor<'_>) -> Result<T, SyntaxError>,
) -> Result<T, String> {
    let tokens = tokenize(text);
    let mut c = Cursor::new(&tokens, text.len());
    read(&mut c)
        .and_then(|found| c.finish().map(|()| found))
        .map_err(|error| error.to_string())
}

/// The same, by way of a tail that could have been cached.
fn by_tail(text: &str, verb: Verb, place: Place) -> Result<RouteText, String> {
    let (prefix, tail) = split_sentence(text);
    let tail = Tail::from_text(tail, 0, verb, place).map_err(|error| error.to_string())?;
    Prefix::parse(prefix, Span::default())
        .and_then(|prefix| tail.apply(prefix, Span::default()))
        .map_err(|error| error.to_string())
}

/// Calls `check` with typos of each text, the same ones in every run.
fn slips(texts: &[&str], mut check: impl FnMut(&str)) {
    let words = [
        "{",
        "}",
        ";",
        "[",
        "]",
        "(",
        ")",
        ",",
        "\"",
        "'",
        "#",
        "é",
        "/",
        ":",
        "0x",
        "-1",
        "next-hop",
        "self",
        "4294967296",
        "match",
        "then",
    ];
    let mut state = 42u32;
    let mut random = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    for text in texts {
        check(text);
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            check(&text[..end]);
        }
        for _ in 0..50 {
            let mut parts: Vec<&str> = text.split(' ').collect();
            for _ in 0..=random(2) {
                let at = random(parts.len());
                match random(3) {
                    0 => drop(parts.remove(at)),
                    1 => parts.insert(at, words[random(words.len())]),
                    _ => parts[at] = words[random(words.len())],
                }
                if parts.is_empty() {
                    parts.push("");
                }
            }
            check(&parts.join(" "));
        }
    }
}

#[test]
fn a_kept_tail_means_what_the_sentence_means() {
    let unicast = Place::Family(Family::IPV4_UNICAST);
    slips(SENTENCES, |text| {
        for verb in [Verb::Announce, Verb::Withdraw] {
            for place in [Place::Route, unicast] {
                let whole = read(text, |c| route(c, verb, place));
                let kept = by_tail(text, verb, place);
                assert_eq!(whole.is_ok(), kept.is_ok(), "{text}: {whole:?} {kept:?}");
                if whole.is_ok() {
                    assert_eq!(whole, kept, "{text}");
                }
            }
        }
    });
}

#[test]
fn what_is_written_is_read_again() {
    for text in SENTENCES {
        let found = read(text, |c| route(c, Verb::Announce, Place::Route)).expect(text);
        for nlri in &found.nlri {
            let mut again = String::new();
            nlri.as_ref().grammar(&mut again);
            for attribute in found.attributes.list() {
                again.push_str(&format!(" {attribute}"));
            }
            let read = read(&again, |c| route(c, Verb::Announce, Place::Route)).expect(&again);
            assert_eq!(
                (&read.nlri[0], &read.attributes),
                (nlri, &found.attributes),
                "{again}"
            );
        }
    }
}

#[test]
fn no_sentence_of_another_family_makes_it_panic() {
    let texts = [
        "{ rd 1:1; match { source 10.0.0.0/8; destination-port [ =80 >8080&<8088 ]; } then { redirect 65000:1; } }",
        "source 10.0.0.0/8 protocol tcp rate-limit 9600",
        "rd 1:1 endpoint 5 base 10702 offset 1 size 8 next-hop 1.2.3.4",
        "mac rd 1:1 mac 00:00:5e:00:53:01 ip 10.0.0.1 label 100 next-hop 1.2.3.4",
        "source-ad source 10.0.0.1 group 239.0.0.1 rd 1:1 next-hop 1.2.3.4",
        "mup-t1st 192.168.0.1/32 rd 100:100 teid 12345 qfi 9 endpoint 10.0.0.1 next-hop 10.0.0.2",
        "origin 65000 target 65000:1 next-hop 1.2.3.4",
        "next-hop 1.2.3.4 med 5 nlri 10.0.0.0/8 11.0.0.0/8",
    ];
    slips(&texts, |text| {
        for verb in [Verb::Announce, Verb::Withdraw] {
            let _ = read(text, |c| flow::route(c, verb, None));
            let _ = read(text, |c| family::vpls(c, verb));
            let _ = read(text, |c| attributes(c, verb));
            for family in Family::KNOWN {
                let _ = read(text, |c| sentence(c, family, verb));
            }
            let unknown = Family {
                afi: Afi(9),
                safi: Safi(9),
            };
            assert!(read(text, |c| sentence(c, unknown, verb)).is_err());
        }
    });
}

#[test]
fn no_selector_makes_it_panic() {
    let texts = [
        "neighbor 127.0.0.1 local-as 65000, neighbor * peer-as 65001 announce route",
        "peer [ 127.0.0.1 peer-as 65001, ::1 ] announce route 10.0.0.0/8",
    ];
    slips(&texts, |text| {
        if let Ok((selector, rest)) = Selector::split(text) {
            assert!(text.ends_with(rest), "{text}");
            let _ = selector.matches("neighbor 127.0.0.1 local-ip 127.0.0.1 local-as 65000");
        }
    });
}

/// What is read at the start of a line is what the word says.
#[test]
fn prefixes_are_read_as_they_are_parsed() {
    let parts = [
        "0", "1", "9", "10", "128", "224", "255", "256", "01", "00", "1000", "", "x", " ",
    ];
    let mut words: Vec<String> = [
        "::/0",
        "2001:db8::/32",
        "::ffff:1.2.3.4",
        "1::1/64",
        "::/129",
    ]
    .map(str::to_owned)
    .into();
    let mut seed = 1u64;
    let mut pick = |count: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize % count
    };
    for _ in 0..20_000 {
        let octets: Vec<&str> = (0..3 + pick(8).min(1) + pick(12) / 11)
            .map(|_| {
                let count = if pick(3) == 0 { parts.len() } else { 7 };
                parts[pick(count)]
            })
            .collect();
        let length = [
            "", "/0", "/8", "/24", "/32", "/33", "/08", "/", "/x", "/128", "/1;",
        ];
        words.push(octets.join(".") + length[pick(length.len())]);
    }
    let (mut read, mut left) = (0, 0);
    for word in &words {
        let parsed = Prefix::parse(word, Span::default()).ok();
        for end in ["", " next-hop 1.2.3.4", "\n1.2.3.4"] {
            let text = format!("{word}{end}");
            let Some((prefix, length)) = Prefix::read(text.as_bytes()) else {
                left += 1;
                continue;
            };
            read += 1;
            let whole = &text[..length];
            assert_eq!(
                Prefix::parse(whole, Span::default()).ok(),
                Some(prefix),
                "{text}"
            );
            assert!(text[length..].is_empty() || text[length..].starts_with([' ', '\n']));
            if !word.contains(' ') {
                assert_eq!(parsed, Some(prefix), "{text}");
            }
            let mut bytes = Vec::new();
            prefix.encode(&mut bytes);
            let tail = Tail::from_text("", 0, Verb::Withdraw, Place::Route).expect("a tail");
            let nlri = tail.nlri(prefix, Span::default()).expect("a route");
            assert_eq!(bytes, nlri.bytes[..], "{text}");
        }
    }
    assert!(read > 1_000 && left > 1_000, "{read} {left}");
}
