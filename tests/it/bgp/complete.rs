//! Checks that every row of the tables of families and attributes has goldens that were received, a golden that is
//! written, and an example in `etc`. A new row fails here until they exist.
//!
//! `tests/data/wire/written.txt` contains routes and the messages for them. It is read like the recorded goldens, so
//! that the same tests decode it, truncate it, change its bytes and encode it again. `UPDATE=1` regenerates it from
//! its routes.

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use oxabgp::bgp::attribute::decode::DecodeEach;
use oxabgp::bgp::message::update::{Direction, Update};
use oxabgp::bgp::{Afi, Asn, Attribute, Codec, Family, FamilySet, NlriRef, Safi, Sender};
use oxabgp::config::{Config, Env};
use oxabgp::grammar::{Verb, sentence};
use oxabgp::json::hex;
use oxabgp::rib::pack::messages;
use oxabgp::rib::{Action, Change, PeerSet};
use oxabgp::text::{Cursor, tokenize};

use super::golden::{Case, FILES, cases, json, text};

/// Everything before the update in the events of the goldens' session.
const HEAD: &str = r#""type": "update", "neighbor": { "address": { "local": "127.0.0.1", "peer": "127.0.0.2" }, "asn": { "local": 65000, "peer": 65000 }, "router-id": "10.0.0.1" , "direction": "receive", "message": { "update": "#;

const CONTEXT: &str = "peer-as=65000 asn4=true add-path=none extended-nexthop=false aigp=true";

/// Attributes that cannot be written in a route: NEXT_HOP is not printed as one, and the last two are generated for
/// old speakers.
const UNWRITTEN: [u8; 3] = [3, 17, 18];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn codec() -> Codec {
    let families: FamilySet = Family::KNOWN.into_iter().collect();
    Codec {
        asn4: true,
        families,
        aigp: true,
        ibgp: true,
        ..Codec::default()
    }
}

/// The message for `AFI SAFI …`.
fn encoded(words: &str) -> Result<Vec<u8>, String> {
    let tokens = tokenize(words);
    let mut c = Cursor::new(&tokens, words.len());
    let afi = Afi::from_name(c.word("an AFI").unwrap_or_default()).ok_or("no AFI")?;
    let safi = Safi::from_name(c.word("a SAFI").unwrap_or_default()).ok_or("no SAFI")?;
    let route = sentence(&mut c, Family { afi, safi }, Verb::Announce);
    let route = route
        .and_then(|route| c.finish().map(|()| route))
        .map_err(|error| error.to_string())?;
    let sender = Sender {
        codec: codec(),
        local_as: Asn(65000),
        local_address: Ipv4Addr::LOCALHOST.into(),
        router_id: Ipv4Addr::new(10, 0, 0, 1),
        group_updates: true,
    };
    let changes: Vec<Change> = route
        .nlri
        .iter()
        .map(|nlri| Change {
            nlri: nlri.clone(),
            action: Action::Announce(route.attributes.clone()),
            peers: PeerSet::new(),
        })
        .collect();
    let packed = messages(&sender, &changes).map_err(|(_, refusal)| refusal.to_string())?;
    Ok(packed.concat())
}

/// The block of a route in the file.
fn block(case: &Case) -> Result<String, String> {
    let (name, words) = (
        case.get("name").unwrap_or_default(),
        case.get("sentence").ok_or("no sentence")?,
    );
    let message = encoded(words)?;
    let content = Update::new(&message[19..])
        .and_then(|update| update.content(&codec(), &mut DecodeEach))
        .map_err(|error| error.to_string())?;
    let mut out = format!(
        "name: {name}\nkind: update\ncontext: {CONTEXT}\nsentence: {words}\nhex: {}\n",
        hex(&message)
    );
    out.push_str(&format!("json: {HEAD}{} }} }} }}\n", json(&content)));
    let lines = std::iter::once("start".to_owned()).chain(text(&content));
    for line in lines.chain(["end".to_owned()]) {
        out.push_str(&format!("text: neighbor 127.0.0.2 receive update {line}\n"));
    }
    Ok(out)
}

#[test]
fn sentences_become_their_messages() {
    let path = root().join("tests/data/wire/written.txt");
    let old = fs::read_to_string(&path).expect("the file");
    let head: String = old
        .lines()
        .take_while(|line| line.starts_with('#'))
        .map(|line| format!("{line}\n"))
        .collect();
    let blocks: Vec<String> = cases("written")
        .iter()
        .map(|case| {
            block(case)
                .unwrap_or_else(|error| panic!("{}: {error}", case.get("name").unwrap_or_default()))
        })
        .collect();
    let new = format!("{head}\n{}", blocks.join("\n"));
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, new).expect("a file to write");
    } else {
        assert!(
            old == new,
            "run again with UPDATE=1 and look at what changed in {}",
            path.display()
        );
    }
}

/// Returns `true` if a golden shows decoded content, and not only raw bytes.
fn is_read(nlri: NlriRef<'_>) -> bool {
    !nlri.to_string().contains(" raw 0x")
}

/// Families announced, families withdrawn, and attributes, of all goldens of a file.
fn received(
    file: &str,
    announced: &mut BTreeSet<Family>,
    withdrawn: &mut BTreeSet<Family>,
    codes: &mut BTreeSet<u8>,
) {
    for case in cases(file)
        .iter()
        .filter(|case| case.get("kind") == Some("update"))
    {
        let (bytes, cx) = (case.bytes(), case.codec());
        let Ok(content) =
            Update::new(&bytes[19..]).and_then(|update| update.content(&cx, &mut DecodeEach))
        else {
            continue;
        };
        for field in &content.fields {
            if field.routes.flatten().any(is_read) {
                match field.direction {
                    Direction::Announce => announced.insert(field.routes.family),
                    Direction::Withdraw => withdrawn.insert(field.routes.family),
                };
            }
        }
        codes.extend(content.attributes.list().iter().map(Attribute::code));
    }
}

/// The codes in the table.
fn rows() -> impl Iterator<Item = u8> {
    (0..=u8::MAX).filter(|code| Attribute::name_of(*code).is_some())
}

#[test]
fn every_family_and_attribute_has_its_goldens() {
    let (mut announced, mut withdrawn, mut codes) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for file in FILES {
        received(file, &mut announced, &mut withdrawn, &mut codes);
    }
    let (mut written, mut none, mut sent) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    received("written", &mut written, &mut none, &mut sent);
    for family in Family::KNOWN {
        assert!(
            announced.contains(&family),
            "no golden of tests/data/wire announces a route of `{family}`"
        );
        // Withdrawn NLRI of SAFI 72 and 73 were not recorded: ExaBGP 5.0 confuses them with others, or does not know
        // them.
        let unknown = matches!(family.safi, Safi::SR_POLICY | Safi::BGP_LS_VPN);
        assert!(
            withdrawn.contains(&family) || unknown,
            "no golden of tests/data/wire withdraws a route of `{family}`"
        );
        assert!(
            written.contains(&family),
            "tests/data/wire/written.txt has no sentence of `{family}`"
        );
    }
    for code in rows() {
        let name = Attribute::name_of(code).unwrap_or_default();
        // AS4_PATH and AS4_AGGREGATOR are merged into the attributes that they extend.
        assert!(
            codes.contains(&code) || UNWRITTEN.contains(&code),
            "no golden of tests/data/wire has `{name}`"
        );
        assert!(
            sent.contains(&code) || UNWRITTEN.contains(&code),
            "tests/data/wire/written.txt has no `{name}`"
        );
    }
}

#[test]
fn every_family_and_attribute_has_an_example() {
    let (mut families, mut codes) = (BTreeSet::new(), BTreeSet::new());
    let mut paths: Vec<PathBuf> = fs::read_dir(root().join("etc"))
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "conf")
    });
    for path in paths {
        // Whether all of them can be loaded is tested elsewhere, on a machine that has all of their programs.
        let Ok((config, _)) = Config::load(Path::new(&path), &Env::default()) else {
            continue;
        };
        for route in config
            .neighbors
            .iter()
            .flat_map(|neighbor| &neighbor.routes)
        {
            families.extend(route.nlri.iter().map(|nlri| nlri.family));
            codes.extend(route.attributes.list().iter().map(Attribute::code));
        }
    }
    let mut missing: Vec<String> = Vec::new();
    missing.extend(
        Family::KNOWN
            .iter()
            .filter(|family| !families.contains(family))
            .map(Family::to_string),
    );
    let codes = rows().filter(|code| !UNWRITTEN[1..].contains(code) && !codes.contains(code));
    missing.extend(codes.filter_map(Attribute::name_of).map(str::to_owned));
    assert!(
        missing.is_empty(),
        "no configuration of etc/ announces a route with {}",
        missing.join(", ")
    );
}
