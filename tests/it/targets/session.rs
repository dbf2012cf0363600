//! A neighbor's state machine, fed with messages, timers and events in any order.
//!
//! The input is a configuration of four bytes and a script: a byte chooses each step, others its details. Oracles: the invariants
//! of `fsm::script`; bytes that arrive one by one have the outputs of those that arrive at once; what is sent are whole messages;
//! what is received in a session can be decoded or is refused, and is printed as events.

use bytes::BytesMut;
use oxabgp::api::Message;
use oxabgp::bgp::attribute::decode::DecodeEach;
use oxabgp::bgp::capability::Offer;
use oxabgp::bgp::message::open::Open;
use oxabgp::bgp::message::operational::Operational;
use oxabgp::bgp::message::refresh::RouteRefresh;
use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::message::{self, Direction, MAX_EXTENDED, MessageType, RawMessage};
use oxabgp::bgp::{Asn, Capability, Codec, Family, Notification};
use oxabgp::fsm::{Config, Output};

use super::Input;
use super::update::events;
use crate::fsm::script::{Arrival, Step, play};
use crate::support::pair::config;

/// The most steps: each may be followed by timers.
const LONGEST: usize = 60;

pub(crate) fn check(data: &[u8]) {
    let mut input = Input(data);
    let config = configuration(&mut input);
    let steps = steps(&mut input);
    let whole = play(config.clone(), steps.clone(), Arrival::Whole);
    let bytewise = play(config, steps, Arrival::Bytewise);
    assert_eq!(whole, bytewise, "bytes that arrive one by one");
    let mut codec = Codec::default();
    for output in &whole {
        match output {
            Output::Negotiated(_, negotiated) => codec = negotiated.codec,
            Output::Transmit(_, bytes) => sent(bytes),
            Output::Message {
                direction, message, ..
            } => read(*direction, message, &codec),
            _ => {}
        }
    }
}

fn configuration(input: &mut Input<'_>) -> Config {
    let (bits, more) = (input.u8(), input.u8());
    let hold_time = [0, 3, 9, 180][usize::from(more & 3)];
    let attempts = input.u8();
    Config {
        passive: bits & 1 != 0,
        local_as: (bits & 2 == 0).then_some(Asn(65001)),
        peer_as: (bits & 4 != 0).then_some(Asn(65002)),
        aigp: bits & 8 != 0,
        strict_role: bits & 16 != 0,
        attempts: (bits & 32 != 0).then_some(u32::from(attempts) % 5 + 1),
        hold_time,
        capabilities: capabilities(bits & 64 != 0, more),
        ..config(65001, [10, 0, 0, 2])
    }
}

fn capabilities(graceful: bool, bits: u8) -> Vec<Capability> {
    let families: Vec<Family> = match bits >> 2 & 3 {
        0 => vec![Family::IPV4_UNICAST],
        1 => vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST],
        _ => Family::KNOWN.into_iter().collect(),
    };
    Offer {
        families,
        asn4: (bits & 16 == 0).then_some(Asn(65001)),
        graceful_restart: graceful.then_some(120),
        ..Offer::default()
    }
    .capabilities()
}

fn steps(input: &mut Input<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    while !input.0.is_empty() && steps.len() < LONGEST {
        let kind = input.u8();
        let which = usize::from(kind >> 6);
        steps.push(match kind & 31 {
            0 => Step::Start,
            1 => Step::Incoming,
            2 => Step::Connected(which),
            3 => Step::ConnectFailed(which),
            4 => Step::Unread(which),
            5 => Step::Written(which),
            6 => Step::Eof(which),
            7 => Step::Wait(u64::from(input.u16()) * 4),
            8 => Step::Timeout,
            9 => Step::Stop(which & 1 != 0),
            10 => Step::Reset(which),
            11 => Step::Bounce,
            12 => Step::Configure(which & 1 != 0),
            13 => Step::Received(which, message::keepalive()),
            14 => Step::Received(which, open(input)),
            15..=17 => {
                let length = input.u16();
                Step::Received(which, input.take(length.into()).to_vec())
            }
            // A message with a good header.
            kind => {
                let length = input.u16();
                let body = input.take(usize::from(length).min(4_077));
                let mut out = Vec::new();
                message::encode(&mut out, MessageType((kind - 17) % 7), |w| w.bytes(body));
                Step::Received(which, out)
            }
        });
    }
    steps
}

/// An OPEN that is acceptable, or nearly so.
fn open(input: &mut Input<'_>) -> Vec<u8> {
    let (bits, id) = (input.u8(), input.u8());
    let asn = if bits & 1 != 0 { 65001 } else { 65002 };
    let open = Open {
        version: 4,
        asn,
        hold_time: [0, 3, 9, 90][usize::from(bits >> 1 & 3)],
        router_id: [10, 0, 0, id].into(),
        capabilities: capabilities(bits & 8 != 0, bits >> 2),
    };
    open.encode().unwrap_or_default()
}

/// What is sent are whole messages.
fn sent(bytes: &[u8]) {
    let mut rest = BytesMut::from(bytes);
    while !rest.is_empty() {
        let framed = message::frame(&mut rest, MAX_EXTENDED);
        assert!(matches!(framed, Ok(Some(_))), "{framed:?} was sent");
    }
}

fn read(direction: Direction, message: &RawMessage, codec: &Codec) {
    let body = message.body();
    match message.kind {
        MessageType::OPEN => {
            if let Ok(open) = Open::decode(body) {
                events(&Message::Open(&open));
            } else {
                assert_eq!(direction, Direction::Receive, "a malformed OPEN was sent");
            }
        }
        MessageType::NOTIFICATION => {
            let notification = Notification::decode(body);
            // A shorter one has no code.
            if body.len() >= 2 && body.len() <= 4_077 {
                assert_eq!(notification.encode()[19..], *body, "{notification:?}");
            }
            events(&Message::Notification(&notification));
        }
        MessageType::UPDATE => {
            let content =
                Update::new(body).and_then(|update| update.content(codec, &mut DecodeEach));
            if let Ok(content) = content {
                events(&Message::update(&content));
            }
        }
        MessageType::ROUTE_REFRESH => {
            if let Ok(refresh) = RouteRefresh::decode(message) {
                events(&Message::Refresh(&refresh));
            }
        }
        MessageType::OPERATIONAL => {
            if let Ok(Some(operational)) = Operational::decode(body) {
                events(&Message::Operational(&operational));
            }
        }
        _ => {}
    }
}
