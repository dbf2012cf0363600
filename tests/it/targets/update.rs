//! UPDATE. The input is two bytes for the session, and the body of the message.
//!
//! Oracles: errors are as grave as the [`judge`](super::judge) says; decoded attributes and routes are encoded as what is decoded
//! again, as bytes and as text; events in JSON are JSON; the cache of attributes, the decoder by field and the stream reader find
//! what the decoder of the daemon finds.

use std::net::Ipv4Addr;

use oxabgp::api::{Encoder, Event, EventHead, Form, Identity, Message, Raw, Stamp, Style, Version};
use oxabgp::bgp::attribute::decode::{AttributeSource, DecodeEach};
use oxabgp::bgp::capability::BgpRole;
use oxabgp::bgp::message::Direction as Way;
use oxabgp::bgp::message::update::{Content, Direction, Update};
use oxabgp::bgp::role::LocalRole;
use oxabgp::bgp::{Asn, Codec, Family, FamilySet, Safi, Severity, UpdateError};
use oxabgp::json::JsonWriter;
use oxabgp::rib::{Interner, ParseCacheLimits};
use oxabgp::speaker::UpdateDecoder;

use super::{judge, stream};
use crate::bgp::trips::{attribute_trip, nlri_trip};

/// What a decoder made of a message.
pub(crate) type Decoded<'a> = Result<Content<'a>, UpdateError>;

pub(crate) fn check(data: &[u8]) {
    let [bits, role, body @ ..] = data else {
        return;
    };
    let cx = codec(*bits, *role);
    let decoded = Update::new(body).and_then(|update| update.content(&cx, &mut DecodeEach));
    judge::check(body, &cx, &decoded);
    remembered(body, &cx, &decoded);
    by_field(body, &cx, &decoded);
    if let Ok(update) = Update::new(body) {
        update.end_of_rib();
    }
    let Ok(content) = decoded else { return };
    events(&Message::update(&content));
    written(&content, &cx);
    stream::agrees(body, &cx, &content);
}

fn codec(bits: u8, role: u8) -> Codec {
    let all: FamilySet = Family::KNOWN.into_iter().collect();
    let set = |chosen: bool| if chosen { all } else { FamilySet::EMPTY };
    let external = bits & 32 != 0;
    Codec {
        asn4: bits & 1 == 0,
        families: set(bits & 2 == 0),
        add_path_receive: set(bits & 4 != 0),
        extended_nexthop: set(bits & 8 != 0),
        aigp: bits & 16 != 0,
        ibgp: !external,
        external,
        role: (external && bits & 64 != 0).then(|| {
            let strict = role & 128 != 0;
            LocalRole::new(BgpRole(role % 5), Asn(65001), strict)
        }),
        ..Codec::default()
    }
}

/// Prints the event of a message in all forms.
pub(crate) fn events(message: &Message<'_>) {
    let mut head = EventHead::new(Identity {
        local_address: None,
        peer_address: Ipv4Addr::new(127, 0, 0, 2).into(),
        zone: None,
        local_as: None,
        peer_as: None,
        router_id: None,
    });
    let json = |version| Encoder::Json {
        version,
        compact: false,
    };
    let encoders = [
        Encoder::JSON,
        Encoder::TEXT,
        Encoder::Json {
            version: Version::V5,
            compact: true,
        },
        json(Version::V4),
        json(Version::V6),
    ];
    for encoder in encoders {
        let style = Style {
            encoder,
            form: Form::Parsed,
            negotiated: false,
        };
        let event = Event::Message(Way::Receive, *message);
        let mut stamp = Stamp::new("host", 1, 1);
        let mut out = JsonWriter::new();
        style.encode(&mut head, &event, Raw::default(), &mut stamp, &mut out);
        let text = out.into_string();
        if !matches!(encoder, Encoder::Json { .. }) {
            continue;
        }
        for line in text.lines() {
            if let Err(error) = serde_json::from_str::<serde_json::Value>(line) {
                panic!("{error}: {line}");
            }
        }
    }
}

/// Attributes and routes are written and read again.
fn written(content: &Content<'_>, cx: &Codec) {
    if !cx.asn4 || content.attributes.error().is_some() {
        return;
    }
    // A role adds OTC to whatever is decoded, and names it otherwise.
    let plain = Codec { role: None, ..*cx };
    let list = content.attributes.list().iter();
    for attribute in list.filter(|attribute| cx.role.is_none() || attribute.code() != 35) {
        if let Err(error) = attribute_trip(attribute, &plain) {
            panic!("{error}");
        }
    }
    for field in &content.fields {
        for nlri in field.routes.flatten() {
            // Sentences of multicast routes have no path identifier.
            let unwritten = nlri.family.safi == Safi::MULTICAST && nlri.path_id.is_some();
            if !unwritten && let Err(error) = nlri_trip(nlri) {
                panic!("{error}");
            }
        }
    }
}

/// A cache, asked twice, gives what decoding gives.
fn remembered(body: &[u8], cx: &Codec, plain: &Decoded<'_>) {
    let Ok(update) = Update::new(body) else {
        return;
    };
    let small = ParseCacheLimits {
        entries: 3,
        bytes: 4_000,
    };
    let mut interner = Interner::new(small);
    for _ in 0..2 {
        let found = update.content(cx, &mut interner);
        match (&found, plain) {
            (Ok(found), Ok(plain)) => assert_eq!(found.attributes, plain.attributes),
            (Err(found), Err(plain)) => assert_eq!(found, plain),
            _ => panic!("{found:?} from the cache, {plain:?} without"),
        }
        let raw = interner.attributes(update.attributes, cx);
        assert_eq!(raw, DecodeEach.attributes(update.attributes, cx));
    }
}

/// What the decoder by field found.
#[derive(Default)]
struct Found {
    attributes: Vec<String>,
}

fn by_field(body: &[u8], cx: &Codec, plain: &Decoded<'_>) {
    // Routes of our role are a matter of the daemon's alone.
    if cx.role.is_some() {
        return;
    }
    let decoder = UpdateDecoder::new().attributes(|found: &mut Found, raw| {
        let decoded = raw.decode()?;
        found
            .attributes
            .extend(decoded.map(|attribute| attribute.to_string()));
        Ok(())
    });
    let mut found = Found::default();
    let result = decoder.decode(&mut found, body, cx);
    let severity = result.err().map(|errors| errors.severity());
    match plain {
        Ok(content) => {
            let list = content.attributes.list().iter();
            let mut list: Vec<String> = list.map(ToString::to_string).collect();
            list.sort();
            found.attributes.sort();
            assert_eq!(found.attributes, list);
            let attribute = content.attributes.error();
            // Malformed NLRI concern only those who ask for routes.
            if attribute.is_none_or(|error| error.attribute.is_some()) {
                assert_eq!(severity, attribute.map(|error| error.severity));
            }
        }
        Err(error) if error.attribute.is_some() => assert_eq!(severity, Some(Severity::Reset)),
        Err(_) => {}
    }
}

/// The routes of a direction, as family and bytes.
pub(crate) fn routes(
    content: &Content<'_>,
    direction: Direction,
) -> Vec<(Family, Option<u32>, Vec<u8>)> {
    let fields = content
        .fields
        .iter()
        .filter(|field| field.direction == direction);
    fields
        .flat_map(|field| field.routes.flatten())
        .map(|nlri| (nlri.family, nlri.path_id, nlri.bytes.to_vec()))
        .collect()
}
