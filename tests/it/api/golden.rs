//! Whole event lines for received messages, compared with those of ExaBGP 5.0.15 (`tests/data/wire`).

use oxabgp::api::{
    Direction, Encoder, Event, EventHead, Form, Identity, Message, Raw, Stamp, Style,
};
use oxabgp::bgp::Asn;
use oxabgp::bgp::attribute::decode::DecodeEach;
use oxabgp::bgp::message::notification::Notification;
use oxabgp::bgp::message::open::Open;
use oxabgp::bgp::message::update::Update;
use oxabgp::json::JsonWriter;

use crate::bgp::golden::{self, Case};

fn lines(case: &Case, event: &Event<'_>) -> (String, String) {
    let context = case.get("context").unwrap_or_default();
    let peer_as = context
        .split(' ')
        .find_map(|fact| fact.strip_prefix("peer-as=")?.parse().ok());
    let identity = Identity {
        local_address: "127.0.0.1".parse().ok(),
        peer_address: [127, 0, 0, 2].into(),
        zone: None,
        local_as: Some(Asn(65000)),
        peer_as: peer_as.map(Asn),
        router_id: Some([10, 0, 0, 1].into()),
    };
    let line = |encoder| {
        let style = Style {
            encoder,
            form: Form::Parsed,
            negotiated: false,
        };
        let mut out = JsonWriter::new();
        style.encode(
            &mut EventHead::new(identity),
            event,
            Raw::default(),
            &mut Stamp::new("vm", 1, 2),
            &mut out,
        );
        out.into_string()
    };
    (line(Encoder::JSON), line(Encoder::TEXT))
}

/// Returns `true` if both lines are the recorded ones.
fn check(case: &Case, event: &Event<'_>) -> Result<(), String> {
    let (json, text) = lines(case, event);
    let json = json
        .find("\"type\"")
        .map_or("", |at| json[at..].trim_end_matches('\n'));
    let wanted = case.get("want-json").or_else(|| case.get("json"));
    if wanted.is_some_and(|wanted| wanted != json) {
        return Err(format!(
            "JSON\n  {json}\nis not\n  {}",
            wanted.unwrap_or_default()
        ));
    }
    let recorded = case.texts();
    let lines: Option<Vec<&str>> = text.strip_suffix("\n\n").map(|text| text.lines().collect());
    let same = lines.is_some_and(|lines| {
        let mut pairs = lines.iter().zip(&recorded);
        lines.len() == recorded.len() && pairs.all(|(line, wanted)| golden::is_line(line, wanted))
    });
    if !recorded.is_empty() && !same {
        return Err(format!("text\n{text}is not\n{}", recorded.join("\n")));
    }
    Ok(())
}

fn received(message: Message<'_>) -> Event<'_> {
    Event::Message(Direction::Receive, message)
}

/// Decodes the message and checks its lines. Does nothing for a message that causes no event.
fn run(case: &Case) -> Option<Result<(), String>> {
    case.get("want-json").or_else(|| case.get("json"))?;
    let bytes = case.bytes();
    let body = bytes.get(19..)?;
    Some(match case.get("kind")? {
        "keepalive" => check(case, &received(Message::Keepalive)),
        "notification" => check(
            case,
            &received(Message::Notification(&Notification::decode(body))),
        ),
        "open" => check(case, &received(Message::Open(&Open::decode(body).ok()?))),
        "update" => {
            let update = Update::new(body).ok()?;
            if let Some(family) = update.end_of_rib() {
                check(case, &received(Message::EndOfRib(family)))
            } else {
                let content = update.content(&case.codec(), &mut DecodeEach).ok()?;
                check(case, &received(Message::update(&content)))
            }
        }
        _ => return None,
    })
}

#[test]
fn lines_are_exabgps_to_the_byte() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for file in golden::FILES
        .iter()
        .copied()
        .chain(["open", "notification", "keepalive"])
    {
        for case in golden::cases(file) {
            let name = case.get("name").unwrap_or_default();
            if golden::LATER.contains(&name) {
                continue;
            }
            let Some(result) = run(&case) else { continue };
            count += 1;
            if let Err(error) = result {
                wrong.push(format!("{file} {name}: {error}"));
            }
        }
    }
    assert!(count > 400, "only {count} lines were compared");
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
