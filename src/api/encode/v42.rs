//! What ExaBGP 4.2 prints differently: no `router-id`, no `message` of a NOTIFICATION, other spaces in
//! [`negotiated`](super::negotiated), and the AS path as plain lists.
//!
//! Rendered each time: helpers that need the old shape are few, and a second cache in every attribute set would be paid for
//! by all.

use crate::bgp::attribute::PathAttribute;
use crate::bgp::attribute::as_path::{AsPath, SegmentKind};
use crate::bgp::attribute::ext_community::ExtCommunity;
use crate::bgp::{Attribute, AttributeSet};
use crate::json::JsonWriter;

/// Appends the members of the `attribute` object.
pub(super) fn attributes(set: &AttributeSet, w: &mut JsonWriter) {
    set.json_with(w, |attribute, w| match attribute {
        Attribute::AsPath(path) => as_path(path, w),
        Attribute::ExtCommunities(list) => {
            w.key(list.key());
            list.json_with(w, |one| marked(one).unwrap_or_else(|| one.named()));
        }
        _ => attribute.json(w),
    });
}

/// Appends what [`AttributeSet::text`] gives, the AS path in 4.2's brackets: all sequences in square ones, all sets in round ones
/// inside, and the same again for confederations.
pub(super) fn text(set: &AttributeSet, out: &mut String) {
    set.text_with(out, |attribute, out| match attribute {
        Attribute::AsPath(path) => {
            out.push_str("as-path ");
            brackets(path, [SegmentKind::Sequence, SegmentKind::Set], out);
            let confederations = [SegmentKind::ConfedSequence, SegmentKind::ConfedSet];
            let mut segments = path.segments().iter();
            if segments.any(|segment| confederations.contains(&segment.kind)) {
                brackets(path, confederations, out);
            }
        }
        Attribute::ExtCommunities(list) => {
            list.text_with(out, |one| marked(one).unwrap_or_else(|| one.to_string()));
        }
        _ => attribute.text(out),
    });
}

/// The words of an extended community whose AS number has four octets, which 4.2 marks: `target:70000L:5`.
fn marked(community: ExtCommunity) -> Option<String> {
    let [high, low, asn @ .., n1, n0] = community.0;
    let kind = match (high & 0x3F, low) {
        (2, 0x02) => "target",
        (2, 0x03) => "origin",
        (2, 0x13) => "rtrecord",
        _ => return None,
    };
    let (asn, number) = (u32::from_be_bytes(asn), u16::from_be_bytes([n1, n0]));
    Some(format!("{kind}:{asn}L:{number}"))
}

/// `[ 1 2 ( 3 4 ) ]`; the blank before the last bracket is missing where there are only sets.
fn brackets(path: &AsPath, [sequence, set]: [SegmentKind; 2], out: &mut String) {
    let asns = |kind| {
        let segments = path
            .segments()
            .iter()
            .filter(move |segment| segment.kind == kind);
        let asns = segments.flat_map(|segment| &segment.asns);
        asns.map(|asn| format!("{} ", asn.0)).collect::<String>()
    };
    let (sequence, set) = (asns(sequence), asns(set));
    out.push_str("[ ");
    out.push_str(&sequence);
    if !set.is_empty() {
        out.push_str("( ");
        out.push_str(&set);
        out.push_str(if sequence.is_empty() { ")" } else { ") " });
    }
    out.push(']');
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
            path.segments()
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
