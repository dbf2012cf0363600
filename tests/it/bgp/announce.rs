//! The messages for each route in `tests/data/wire/announce-*.txt`, recorded from ExaBGP 5.0.15: grammar → attributes
//! and NLRI → wire, route by route.

use std::net::{IpAddr, Ipv4Addr};

use oxabgp::bgp::attribute::decode::{DecodeEach, split};
use oxabgp::bgp::attribute::{mp_reach::MpReach, mp_unreach::MpUnreach};
use oxabgp::bgp::message::update::{Direction, Update};
use oxabgp::bgp::next_hop_rule::resolve;
use oxabgp::bgp::{Afi, Asn, Codec, Family, FamilySet, Safi, Sender};
use oxabgp::grammar::route::{attributes, route};
use oxabgp::grammar::{Place, RouteText, Verb, family, flow, sentence};
use oxabgp::text::{Cursor, tokenize, value};

use super::golden::{Case, cases};

const FILES: &[&str] = &[
    "announce-attribute",
    "announce-flow",
    "announce-label",
    "announce-mcast-vpn",
    "announce-mup",
    "announce-route",
    "announce-vpls",
];

/// A route on the wire: direction, family, path identifier and NLRI, next-hop field, attributes.
type Sent = (bool, Family, Option<u32>, Vec<u8>, Vec<u8>, Vec<u8>);

fn sender(case: &Case) -> Sender {
    let context = case.get("context").unwrap_or_default();
    let sends = context.contains("add-path=send");
    let families: FamilySet = Family::KNOWN.into_iter().collect();
    Sender {
        codec: Codec {
            add_path_send: if sends {
                families
                    .iter()
                    .filter(|family| matches!(family.safi.0, 1 | 4 | 128))
                    .collect()
            } else {
                FamilySet::EMPTY
            },
            // Recorded in sessions where nothing was negotiated; ExaBGP does not ask (RFC 8950).
            extended_nexthop: families,
            ..case.codec()
        },
        local_as: Asn(65000),
        local_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        router_id: Ipv4Addr::new(10, 0, 0, 1),
        group_updates: true,
    }
}

/// The routes that a command announces or withdraws; `None` for other commands.
fn read(command: &str) -> Option<Result<(Verb, RouteText), String>> {
    let tokens = tokenize(command);
    let mut c = Cursor::new(&tokens, command.len());
    let verb = match c.word("a command").ok()? {
        "announce" => Verb::Announce,
        "withdraw" => Verb::Withdraw,
        _ => return None,
    };
    let text = match c.word("what").ok()? {
        "route" => route(&mut c, verb, Place::Route),
        "attribute" | "attributes" => attributes(&mut c, verb),
        "vpls" => family::vpls(&mut c, verb),
        "flow" => {
            c.accept("route");
            flow::route(&mut c, verb, None)
        }
        afi @ ("ipv4" | "ipv6") => {
            let family = Family {
                afi: Afi::from_name(afi)?,
                safi: Safi::from_name(c.word("a SAFI").ok()?)?,
            };
            sentence(&mut c, family, verb)
        }
        _ => return None,
    };
    let text = text.and_then(|text| c.finish().map(|()| text));
    Some(
        text.map(|text| (verb, text))
            .map_err(|error| error.to_string()),
    )
}

/// What we send.
fn ours(verb: Verb, text: &RouteText, sender: &Sender) -> Result<Vec<Sent>, String> {
    let mut sent = Vec::new();
    for nlri in &text.nlri {
        let announce = verb == Verb::Announce;
        let error = |error: oxabgp::bgp::attribute::encode::EncodeError| error.to_string();
        let field = if announce {
            let hop = resolve(nlri.family, text.attributes.next_hops(), sender)
                .map_err(|error| error.to_string())?;
            hop.field.unwrap_or_default().to_vec()
        } else {
            Vec::new()
        };
        let plain = matches!(nlri.family.safi, Safi::UNICAST | Safi::MULTICAST);
        let mut attributes = Vec::new();
        if announce || !plain {
            text.attributes
                .encode(&mut attributes, sender, nlri.family)
                .map_err(error)?;
        }
        let path_id = sender
            .codec
            .add_path_send
            .contains(nlri.family)
            .then(|| nlri.path_id.unwrap_or(0));
        sent.push((
            announce,
            nlri.family,
            path_id,
            nlri.bytes.to_vec(),
            field,
            attributes,
        ));
    }
    sent.sort();
    Ok(sent)
}

/// What ExaBGP sent.
fn theirs(messages: &[&str], sender: &Sender) -> Vec<Sent> {
    let mut sent = Vec::new();
    for message in messages {
        let bytes = value::hex(message).expect("hexadecimal digits");
        let update = Update::new(&bytes[19..]).expect("an UPDATE");
        // The peer decodes the path identifiers that we write.
        let cx = Codec {
            add_path_receive: sender.codec.add_path_send,
            families: FamilySet::EMPTY,
            ..sender.codec
        };
        let content = update
            .content(&cx, &mut DecodeEach)
            .expect("a correct UPDATE");
        let envelopes = split(update.attributes, &cx).expect("attributes");
        for field in &content.fields {
            let announce = field.direction == Direction::Announce;
            let family = field.routes.family;
            let reach = envelopes
                .reach
                .and_then(|value| MpReach::decode(value).ok());
            let hop = match reach.filter(|reach| reach.family == family && announce) {
                Some(reach) => reach.next_hop.to_vec(),
                None => Vec::new(),
            };
            assert!(
                envelopes
                    .unreach
                    .is_none_or(|value| MpUnreach::decode(value).is_ok())
            );
            for nlri in field.routes {
                let nlri = nlri.expect("framed");
                sent.push((
                    announce,
                    family,
                    nlri.path_id,
                    nlri.bytes.to_vec(),
                    hop.clone(),
                    envelopes.rest.to_vec(),
                ));
            }
        }
    }
    sent.sort();
    sent
}

fn check(case: &Case, command: &str) -> Option<Result<(), String>> {
    let wanted = case.get("want").or_else(|| case.get("answer"))?;
    let sender = sender(case);
    let result = read(command)?.and_then(|(verb, text)| ours(verb, &text, &sender));
    let expected = match wanted {
        "hex" => case.all("want-hex"),
        _ => case.all("hex"),
    };
    Some(match (wanted, result) {
        ("error", Err(_)) => Ok(()),
        ("error", Ok(sent)) => Err(format!("not refused: {sent:?}")),
        (_, Err(error)) => Err(error),
        // A keyword that ExaBGP does not know: there is nothing to compare with.
        (_, Ok(_)) if expected.is_empty() => Ok(()),
        (_, Ok(sent)) => {
            let theirs = theirs(&expected, &sender);
            if sent == theirs {
                Ok(())
            } else {
                Err(format!("\n  {sent:?}\nis not\n  {theirs:?}"))
            }
        }
    })
}

#[test]
fn sentences_are_sent_as_recorded() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for file in FILES {
        for case in cases(file) {
            let Some(result) = case
                .get("command")
                .and_then(|command| check(&case, command))
            else {
                continue;
            };
            count += 1;
            if let Err(error) = result {
                let command = case.get("command").unwrap_or_default();
                wrong.push(format!(
                    "{file} {}: {command}: {error}",
                    case.get("name").unwrap_or_default()
                ));
            }
        }
    }
    assert!(count > 450, "only {count} sentences were found");
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
