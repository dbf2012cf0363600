//! What ExaBGP 4.2 prints differently: no `router-id`, no `message` of a NOTIFICATION, other spaces in
//! [`negotiated`](super::negotiated), and the AS path as plain lists.
//!
//! Rendered each time: helpers that need the old shape are few, and a second cache in every attribute set would be paid for
//! by all.

use std::borrow::Cow;

use crate::bgp::attribute::PathAttribute;
use crate::bgp::attribute::as_path::{AsPath, SegmentKind};
use crate::bgp::{Attribute, AttributeSet};
use crate::json::JsonWriter;

/// Appends the members of the `attribute` object.
pub(super) fn attributes(set: &AttributeSet, w: &mut JsonWriter) {
    const KEY: &str = "\"as-path\": {";
    let text = &*long_asns(set, set.json(), '"');
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

/// Appends what [`AttributeSet::text`] gives, the AS path in 4.2's brackets: all sequences in square ones, all sets in round ones
/// inside, and the same again for confederations.
pub(super) fn text(set: &AttributeSet, out: &mut String) {
    let text = &*long_asns(set, set.text(), ' ');
    let Some(Attribute::AsPath(path)) = set.find(2) else {
        out.push_str(text);
        return;
    };
    let mut shown = String::new();
    path.text(&mut shown);
    let Some((before, after)) = text.split_once(&shown).filter(|_| !shown.is_empty()) else {
        out.push_str(text);
        return;
    };
    out.push_str(before);
    out.push_str("as-path ");
    brackets(path, [SegmentKind::Sequence, SegmentKind::Set], out);
    let confederations = [SegmentKind::ConfedSequence, SegmentKind::ConfedSet];
    if path
        .0
        .iter()
        .any(|segment| confederations.contains(&segment.kind))
    {
        brackets(path, confederations, out);
    }
    out.push_str(after);
}

/// Marks the AS numbers of four octets in extended communities: `target:70000L:5`. `before` stands before each community.
fn long_asns<'t>(set: &AttributeSet, text: &'t str, before: char) -> Cow<'t, str> {
    let mut text = Cow::Borrowed(text);
    let Some(Attribute::ExtCommunities(list)) = set.find(16) else {
        return text;
    };
    for community in list.0.iter().filter(|one| one.0[0] & 0x3F == 2) {
        let words = community.to_string();
        let parts: Vec<&str> = words.split(':').collect();
        if let [kind @ ("target" | "origin" | "rtrecord"), asn, number] = parts[..] {
            let long = format!("{before}{kind}:{asn}L:{number}");
            let mut marked = String::with_capacity(text.len() + 8);
            let plain = format!("{before}{words}");
            let mut parts = text.split(&plain).peekable();
            while let Some(part) = parts.next() {
                marked.push_str(part);
                if let Some(next) = parts.peek() {
                    // `target:1:5` is not the start of `target:1:55`.
                    let whole = !next.starts_with(|c: char| c.is_ascii_digit());
                    if whole {
                        marked.push_str(&long);
                    } else {
                        marked.push_str(&plain);
                    }
                }
            }
            text = marked.into();
        }
    }
    text
}

/// `[ 1 2 ( 3 4 ) ]`; the blank before the last bracket is missing where there are only sets.
fn brackets(path: &AsPath, [sequence, set]: [SegmentKind; 2], out: &mut String) {
    let asns = |kind| {
        let segments = path.0.iter().filter(move |segment| segment.kind == kind);
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
