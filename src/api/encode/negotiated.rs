//! What both sides of a session agreed on, as events have it.

use crate::bgp::negotiated::Negotiated;
use crate::bgp::{Codec, Family};
use crate::json::JsonWriter;

/// What was negotiated for messages. ExaBGP shows two-octet AS numbers before that is known.
fn codec(negotiated: Option<&Negotiated>) -> Codec {
    match negotiated {
        Some(session) => session.codec,
        None => Codec {
            asn4: false,
            ..Codec::default()
        },
    }
}

/// Appends what all versions have in common: `, "negotiated": { "message_size": … "refresh": "normal"`.
fn facts(negotiated: Option<&Negotiated>, w: &mut JsonWriter) {
    let codec = codec(negotiated);
    w.raw(", \"negotiated\": { \"message_size\": ")
        .number(codec.message_size());
    w.raw(", \"hold_time\": ")
        .number(negotiated.map_or(0, |session| session.hold_time));
    w.raw(", \"asn4\": ").boolean(codec.asn4);
    w.raw(", \"multisession\": ")
        .boolean(negotiated.is_some_and(|session| session.multisession));
    w.raw(", \"operational\": ")
        .boolean(negotiated.is_some_and(|session| session.operational));
    w.raw(", \"refresh\": ").display(
        negotiated
            .map(|session| session.refresh)
            .unwrap_or_default()
            .name(),
    );
}

/// Appends `, "negotiated": { … } `; zeros before both OPENs are known.
pub(super) fn json(negotiated: Option<&Negotiated>, w: &mut JsonWriter) {
    let codec = codec(negotiated);
    let families = negotiated.map_or(&[][..], |session| &session.families);
    facts(negotiated, w);
    let list = |w: &mut JsonWriter, wanted: &dyn Fn(Family) -> bool| {
        w.raw("[");
        w.list(
            families.iter().filter(|family| wanted(**family)),
            |w, family| {
                w.display(family);
            },
        );
        w.raw("]");
    };
    w.raw(", \"families\": ");
    list(w, &|_| true);
    w.raw(", \"nexthop\": [");
    w.list(
        negotiated.map_or(&[][..], |session| &session.nexthops),
        |w, (family, afi)| {
            w.display(format_args!("{family} {afi}"));
        },
    );
    w.raw("], \"add_path\": {\"send\": ");
    list(w, &|family| codec.add_path_send.contains(family));
    w.raw(", \"receive\": ");
    list(w, &|family| codec.add_path_receive.contains(family));
    w.raw("} } ");
}

/// Appends `, "negotiated": { … } ` as ExaBGP 4.2 spaces it.
pub(super) fn json_v42(negotiated: Option<&Negotiated>, w: &mut JsonWriter) {
    let codec = codec(negotiated);
    let families = negotiated.map_or(&[][..], |session| &session.families);
    facts(negotiated, w);
    let list = |w: &mut JsonWriter, separator: &str, wanted: &dyn Fn(Family) -> bool| {
        w.raw("[ ");
        let mut between = "";
        for family in families.iter().filter(|family| wanted(**family)) {
            w.raw(between).display(family);
            between = separator;
        }
        w.raw(" ]");
    };
    w.raw(", \"families\": ");
    list(w, " ,", &|_| true);
    w.raw(", \"nexthop\": [ ");
    let nexthops = negotiated.map_or(&[][..], |session| &session.nexthops);
    for (index, (family, afi)) in nexthops.iter().enumerate() {
        w.raw(if index > 0 { " ," } else { "" })
            .display(format_args!("{family} {afi}"));
    }
    w.raw(" ], \"add_path\": { \"send\": ");
    list(w, ", ", &|family| codec.add_path_send.contains(family));
    w.raw(", \"receive\": ");
    list(w, ", ", &|family| codec.add_path_receive.contains(family));
    w.raw(" } } ");
}
