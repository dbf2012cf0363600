//! From UPDATE bytes to JSON lines.

use std::net::{IpAddr, Ipv4Addr};

use bytes::{Bytes, BytesMut};
use criterion::{Criterion, Throughput};
use oxabgp::api::encode::{Encoder, Form, Style};
use oxabgp::api::event::{Event, EventHead, Identity, Message, Raw, Stamp};
use oxabgp::bgp::Asn;
use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::message::{self, Direction};
use oxabgp::json::JsonWriter;
use oxabgp::rib::{Action, Change, Interner, PeerId};

use super::{BUDGET, all, attributes, codec, established, prefix};

/// Routes in one iteration.
const ROUTES: u32 = 20_000;

/// Whole UPDATEs of `routes` routes, `each` in every one, of `sets` attribute sets.
fn updates(routes: u32, each: u32, sets: u32) -> Vec<Bytes> {
    let mut rib = established(1);
    let mut bytes = BytesMut::new();
    for number in 0..routes {
        let attributes = attributes(number / each % sets);
        rib.apply(&Change {
            nlri: prefix(number),
            action: Action::Announce(attributes),
            peers: all(1),
        });
        if number % each == each - 1 {
            while rib.has_work(PeerId(0)) {
                rib.fill(PeerId(0), BUDGET, &mut |part| {
                    bytes.extend_from_slice(&part)
                });
            }
        }
    }
    let frames = std::iter::from_fn(|| message::frame(&mut bytes, message::MAX).ok().flatten());
    frames.map(|frame| frame.bytes).collect()
}

/// Our side of the session.
fn identity() -> Identity {
    Identity {
        local_address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        peer_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        zone: None,
        local_as: Some(Asn(65_000)),
        peer_as: Some(Asn(65_001)),
        router_id: Some(Ipv4Addr::new(10, 0, 0, 1)),
    }
}

/// Decodes and prints UPDATEs of six routes with attributes of their own.
pub(super) fn stage(count: u32) {
    let style = Style {
        encoder: Encoder::JSON,
        form: Form::Parsed,
        negotiated: false,
    };
    let (mut head, mut stamp) = (EventHead::new(identity()), Stamp::new("host", 1, 1));
    let (cx, mut interner) = (codec(), Interner::default());
    let mut out = JsonWriter::with_capacity(1 << 20);
    for bytes in &updates(count, 6, u32::MAX) {
        let raw = Raw::new(bytes);
        let content = Update::new(raw.body)
            .and_then(|update| update.content(&cx, &mut interner))
            .expect("an UPDATE of ours");
        let event = Event::Message(Direction::Receive, Message::update(&content));
        style.encode(&mut head, &event, raw, &mut stamp, &mut out);
        out.clear();
    }
}

pub(super) fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("update_to_json");
    group.throughput(Throughput::Elements(ROUTES.into()));
    for (name, each, sets) in [
        ("one_route_known_set", 1, 100),
        ("one_route_new_set", 1, ROUTES),
        ("500_routes", 500, 100),
    ] {
        let updates = updates(ROUTES, each, sets);
        let mut head = EventHead::new(identity());
        let mut stamp = Stamp::new("host", 1, 1);
        let style = Style {
            encoder: Encoder::JSON,
            form: Form::Parsed,
            negotiated: false,
        };
        let cx = codec();
        group.bench_function(name, |b| {
            let mut out = JsonWriter::with_capacity(1 << 20);
            let mut known = Interner::default();
            b.iter(|| {
                let mut fresh = Interner::default();
                let interner = if sets == ROUTES {
                    &mut fresh
                } else {
                    &mut known
                };
                let mut size = 0;
                for bytes in &updates {
                    let raw = Raw::new(bytes);
                    let content = Update::new(raw.body)
                        .and_then(|update| update.content(&cx, interner))
                        .expect("an UPDATE of ours");
                    let event = Event::Message(Direction::Receive, Message::update(&content));
                    style.encode(&mut head, &event, raw, &mut stamp, &mut out);
                    size += out.as_str().len();
                    out.clear();
                }
                size
            });
        });
    }
    group.finish();
}
