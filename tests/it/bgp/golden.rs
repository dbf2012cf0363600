//! Every UPDATE in `tests/data/wire`, recorded from ExaBGP 5.0.15: bytes → JSON and text of events, or the expected
//! error.

use std::net::Ipv4Addr;
use std::path::Path;

use oxabgp::api::{
    Direction, Encoder, Event, EventHead, Form, Identity, Message, Raw, Stamp, Style,
};
use oxabgp::bgp::attribute::decode::DecodeEach;
use oxabgp::bgp::message::update::{Content, Update};
use oxabgp::bgp::{AttributeSet, Codec, Family, FamilySet, Severity, UpdateError};
use oxabgp::json::JsonWriter;
use oxabgp::text::value;

/// The files whose families and attributes are all decoded.
pub(crate) const FILES: &[&str] = &[
    "as4",
    "attribute",
    "extended-community",
    "malformed",
    "unicast",
    "add-path",
    "malformed-framing",
    "nlri-mpls",
    "mpls-vpn",
    "flow",
    "flow-vpn",
    "rtc",
    "vpls",
    "evpn",
    "mcast-vpn",
    "mup",
    "prefix-sid",
    "bgp-ls",
    "bgp-ls-attribute",
    "written",
];

/// Cases that are not compared: attributes that are not decoded yet, and cases in which ExaBGP is wrong in more than
/// the file states (it confuses the architecture of a MUP route with its AFI).
pub(crate) const LATER: &[&str] = &["unknown-architecture", "unknown-architecture-withdraw"];

/// One block of a file: its lines as pairs.
pub(crate) struct Case {
    file: String,
    lines: Vec<(String, String)>,
}

impl Case {
    pub(crate) fn all(&self, key: &str) -> Vec<&str> {
        self.lines
            .iter()
            .filter(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.all(key).first().copied()
    }

    /// The lines of the text event.
    pub(crate) fn texts(&self) -> Vec<&str> {
        let wanted = self.all("want-text");
        if wanted.is_empty() {
            self.all("text")
        } else {
            wanted
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        value::hex(self.get("hex").expect("a message")).expect("hexadecimal digits")
    }

    pub(crate) fn codec(&self) -> Codec {
        let context = self.get("context").unwrap_or_default();
        let fact = |wanted: &str| context.split(' ').any(|fact| fact == wanted);
        let families = Family::KNOWN.into_iter().collect();
        Codec {
            asn4: fact("asn4=true"),
            families,
            add_path_receive: if fact("add-path=receive") {
                families
                    .iter()
                    .filter(|family| matches!(family.safi.0, 1 | 4 | 128))
                    .collect()
            } else {
                FamilySet::EMPTY
            },
            extended_nexthop: if fact("extended-nexthop=true") {
                families
            } else {
                Default::default()
            },
            aigp: fact("aigp=true"),
            ibgp: fact("peer-as=65000"),
            ..Codec::default()
        }
    }
}

pub(crate) fn cases(file: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/wire")
        .join(file)
        .with_extension("txt");
    let text = std::fs::read_to_string(&path).expect("a golden file");
    let blocks = text.split("\n\n").map(|block| {
        let pair = |line: &str| {
            line.split_once(": ")
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
        };
        let lines = block
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(pair)
            .collect();
        Case {
            file: file.to_owned(),
            lines,
        }
    });
    blocks.filter(|case| case.get("name").is_some()).collect()
}

/// Whether a line of a text event is the recorded one, or has the route that ExaBGP leaves out behind its family.
pub(crate) fn is_line(found: &str, recorded: &str) -> bool {
    let family = ["evpn", "rtc", "mcast-vpn", "mup", "bgp-ls-vpn", "bgp-ls"]
        .iter()
        .find_map(|safi| {
            let words = format!(" safi {safi}");
            let end = recorded.find(&words)? + words.len();
            recorded[..end].contains(" afi ").then_some(end)
        });
    match family {
        Some(end) => {
            let (family, rest) = recorded.split_at(end);
            let route = found
                .strip_prefix(family)
                .and_then(|found| found.strip_suffix(rest));
            found == recorded || route.is_some_and(|route| route.starts_with(' '))
        }
        None => found == recorded,
    }
}

/// The event of a received UPDATE, as one of the library's encoders prints it.
fn event(content: &Content<'_>, encoder: Encoder) -> String {
    let mut head = EventHead::new(Identity {
        local_address: None,
        peer_address: Ipv4Addr::new(127, 0, 0, 2).into(),
        zone: None,
        local_as: None,
        peer_as: None,
        router_id: None,
    });
    let style = Style {
        encoder,
        form: Form::Parsed,
        negotiated: false,
    };
    let event = Event::Message(Direction::Receive, Message::update(content));
    let mut stamp = Stamp::new("host", 1, 1);
    let mut out = JsonWriter::new();
    style.encode(&mut head, &event, Raw::default(), &mut stamp, &mut out);
    out.into_string()
}

/// The `update` object of the JSON event.
pub(crate) fn json(content: &Content<'_>) -> String {
    let line = event(content, Encoder::JSON);
    update_object(&line).expect("an UPDATE").to_owned()
}

/// The lines of the text event, without their common prefix.
pub(crate) fn text(content: &Content<'_>) -> Vec<String> {
    routes(event(content, Encoder::TEXT).lines())
        .map(str::to_owned)
        .collect()
}

/// The lines of routes among those of a text event.
fn routes<'a>(lines: impl Iterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    lines
        .filter_map(|line| line.strip_prefix("neighbor 127.0.0.2 receive update "))
        .filter(|line| !matches!(*line, "start" | "end"))
}

/// The part of a recorded JSON line that is produced by the decoder.
fn update_object(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("\"message\": { \"update\": ")?;
    rest.trim_end().strip_suffix(" } } }")
}

fn decode<'a>(body: &'a [u8], cx: &Codec) -> Result<Content<'a>, UpdateError> {
    Update::new(body)?.content(cx, &mut DecodeEach)
}

fn check(case: &Case) -> Result<(), String> {
    let bytes = case.bytes();
    let body = bytes.get(19..).unwrap_or_default();
    let cx = case.codec();
    let expected = case.get("want-json").or_else(|| case.get("json"));
    if let Some((_, eor)) = expected.and_then(|json| json.split_once("\"eor\": { \"afi\" : \"")) {
        let family = Update::new(body)
            .map_err(|error| error.to_string())?
            .end_of_rib()
            .ok_or("not an end of RIB")?;
        let wanted = format!("{}\", \"safi\" : \"{}\"", family.afi, family.safi);
        return if eor.starts_with(&wanted) {
            Ok(())
        } else {
            Err(format!("{eor} is not {wanted}"))
        };
    }
    let decoded = decode(body, &cx);
    let reset = case
        .get("outcome")
        .or_else(|| case.get("want"))
        .and_then(|outcome| outcome.strip_prefix("notification "));
    if let Some(codes) = reset {
        let codes: Vec<u8> = codes
            .split(' ')
            .take(2)
            .filter_map(|code| code.parse().ok())
            .collect();
        return match decoded {
            Err(error) if codes == [3, error.subcode] => Ok(()),
            Err(error) => Err(format!(
                "3/{} ({error}) instead of {codes:?}",
                error.subcode
            )),
            Ok(_) => Err(format!("decoded instead of {codes:?}")),
        };
    }
    let content = decoded.map_err(|error| format!("refused with 3/{}: {error}", error.subcode))?;
    let severity = content.attributes.error().map(|error| error.severity);
    match case.get("want") {
        Some("treat-as-withdraw")
            if severity != Some(Severity::TreatAsWithdraw) || content.announced().count() > 0 =>
        {
            return Err(format!("not treated as withdrawn: {severity:?}"));
        }
        Some("discard") => discarded(case, &content)?,
        Some("accept") if severity.is_some() => return Err(format!("not accepted: {severity:?}")),
        _ => {}
    }
    if let Some(wanted) = expected {
        let found = json(&content);
        let wanted = update_object(wanted).ok_or("no update in the expectation")?;
        if found != wanted {
            return Err(format!("JSON\n     {found}\n  is not\n     {wanted}"));
        }
        serde_json::from_str::<serde_json::Value>(&found)
            .map_err(|error| format!("{error}: {found}"))?;
    }
    let wanted: Vec<&str> = routes(case.texts().into_iter()).collect();
    if !case.texts().is_empty() {
        let found = text(&content);
        let same = |(found, wanted): (&String, &&str)| is_line(found, wanted);
        if found.len() != wanted.len() || !found.iter().zip(&wanted).all(same) {
            return Err(format!("text\n     {found:?}\n  is not\n     {wanted:?}"));
        }
    }
    Ok(())
}

/// The malformed attribute is missing, the others and the routes are present.
///
/// The name of a case starts with the name of its attribute in events; `as4-…` attributes are merged or dropped, and
/// leave AS_PATH.
fn discarded(case: &Case, content: &Content<'_>) -> Result<(), String> {
    let error = content.attributes.error();
    if error.is_some_and(|error| error.severity > Severity::Discard) {
        return Err(format!("not discarded: {error:?}"));
    }
    if content.announced().next().is_none() || content.withdrawn().next().is_some() {
        return Err("the routes did not survive".to_owned());
    }
    let name = case.get("name").unwrap_or_default();
    let (codes, sender): (&[u8], _) = match name {
        _ if name.starts_with("local-preference") => (&[5], case.codec()),
        _ if name.starts_with("originator-id") => (&[9], case.codec()),
        _ if name.starts_with("cluster-list") => (&[10], case.codec()),
        _ => (&[17, 18], case.codec()),
    };
    if codes
        .iter()
        .any(|code| content.attributes.find(*code).is_some())
    {
        return Err("the attribute is still there".to_owned());
    }
    // If the peer is known to be external, the attribute is not an error; if it is unknown, a malformed one is.
    let inside = codes != [17, 18];
    if inside && error.map(|error| error.severity) != Some(Severity::Discard) {
        return Err("nothing was discarded".to_owned());
    }
    let bytes = case.bytes();
    let external = Codec {
        external: true,
        ..sender
    };
    let again = decode(bytes.get(19..).unwrap_or_default(), &external)
        .map_err(|error| error.to_string())?;
    if codes
        .iter()
        .any(|code| again.attributes.find(*code).is_some())
        || again.announced().count() != content.announced().count()
    {
        return Err("an external peer changes the outcome".to_owned());
    }
    let rest = |attributes: &AttributeSet| attributes.list().to_vec();
    if rest(&again.attributes) != rest(&content.attributes) {
        return Err("the other attributes did not survive".to_owned());
    }
    Ok(())
}

#[test]
fn updates_decode_as_recorded() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for file in FILES {
        for case in cases(file)
            .iter()
            .filter(|case| case.get("kind") == Some("update"))
        {
            let name = case.get("name").unwrap_or_default();
            if LATER.contains(&name) {
                continue;
            }
            count += 1;
            if let Err(error) = check(case) {
                wrong.push(format!(
                    "{} {}: {error}",
                    case.file,
                    case.get("name").unwrap_or_default()
                ));
            }
        }
    }
    assert!(count > 300, "only {count} cases were found");
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Calls everything that a decoder can reach, so that any panic is found.
fn walk(body: &[u8], cx: &Codec) {
    let Ok(update) = Update::new(body) else {
        return;
    };
    update.end_of_rib();
    if let Ok(content) = update.content(cx, &mut DecodeEach) {
        json(&content);
        text(&content);
        for nlri in content
            .fields
            .iter()
            .flat_map(|field| field.routes)
            .flatten()
        {
            nlri.key();
        }
        for attribute in content.attributes.list() {
            let _ = attribute.to_string();
        }
    }
}

#[test]
fn no_truncation_and_no_changed_byte_panics() {
    for file in FILES {
        for case in cases(file)
            .iter()
            .filter(|case| case.get("kind") == Some("update"))
        {
            let bytes = case.bytes();
            let cx = case.codec();
            let body = bytes.get(19..).unwrap_or_default();
            if body.len() > 400 {
                continue;
            }
            for end in 0..body.len() {
                walk(&body[..end], &cx);
            }
            let mut changed = body.to_vec();
            for at in 0..body.len() {
                for value in [0, body[at].wrapping_add(1), body[at] ^ 0x80, 0xFF] {
                    changed[at] = value;
                    walk(&changed, &cx);
                }
                changed[at] = body[at];
            }
        }
    }
}

#[test]
fn a_bad_attribute_without_routes_resets_the_session() {
    // RFC 7606 5.2.
    let bad_origin = [0, 0, 0, 4, 0x40, 1, 1, 9];
    let withdrawn_too = [0, 2, 8, 10, 0, 4, 0x40, 1, 1, 9];
    let bad_aggregator = [0, 2, 8, 10, 0, 5, 0xC0, 7, 2, 0, 1];
    let cx = Codec::default();
    for body in [&bad_origin[..], &withdrawn_too] {
        let severity = decode(body, &cx)
            .map(|_| ())
            .map_err(|error| (error.severity, error.subcode));
        // RFC 4271 6.3: Invalid ORIGIN Attribute.
        assert_eq!(severity, Err((Severity::Reset, 6)));
    }
    assert!(decode(&bad_aggregator, &cx).is_ok());
}
