//! What ExaBGP 4.2 prints differently: no `router-id`, no `message` of a NOTIFICATION, other spaces in `negotiated`, and the
//! AS path as plain lists.
//!
//! Rendered each time: helpers that need the old shape are few, and a second cache in every attribute set would be paid for
//! by all.

use crate::bgp::attribute::as_path::{AsPath, SegmentKind};
use crate::bgp::negotiated::Negotiated;
use crate::bgp::{Attribute, AttributeSet, Family};
use crate::json::JsonWriter;

/// Appends the members of the `attribute` object.
pub(super) fn attributes(set: &AttributeSet, w: &mut JsonWriter) {
    const KEY: &str = "\"as-path\": {";
    let text = set.json();
    let (Some(Attribute::AsPath(path)), Some((before, rest))) = (set.find(2), text.split_once(KEY))
    else {
        w.raw(text);
        return;
    };
    w.raw(before);
    as_path(path, w);
    // The object of objects ends with the first two braces in a row.
    w.raw(rest.split_once("}}").map_or("", |(_, after)| after));
}

/// All sequences as one list, all sets as another; lists of confederations only where there are some.
fn as_path(path: &AsPath, w: &mut JsonWriter) {
    let mut comma = "";
    for (name, kind) in [
        ("as-path", SegmentKind::Sequence),
        ("as-set", SegmentKind::Set),
        ("confederation-path", SegmentKind::ConfedSequence),
        ("confederation-set", SegmentKind::ConfedSet),
    ] {
        let asns = || {
            path.0
                .iter()
                .filter(|segment| segment.kind == kind)
                .flat_map(|segment| &segment.asns)
        };
        if asns().next().is_some() {
            w.raw(comma).key(name).raw("[ ");
            w.list(asns(), |w, asn| {
                w.number(asn.0);
            });
            w.raw(" ]");
        } else if matches!(name, "as-path" | "confederation-path") {
            w.raw(comma).key(name).raw("[]");
        } else {
            continue;
        }
        comma = ", ";
    }
}

/// Appends `, "negotiated": { … } `.
pub(crate) fn negotiated(negotiated: Option<&Negotiated>, w: &mut JsonWriter) {
    let codec = negotiated.map(|session| session.codec).unwrap_or_default();
    let families = negotiated.map_or(&[][..], |session| &session.families);
    super::json_v4::negotiated_facts(negotiated, w);
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
