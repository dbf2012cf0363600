//! The two JSON forms of `show adj-rib` (`exabgp.api.show-routes-format`). Both have Python's spacing, `[1, 2]`, where events
//! have `[ 1, 2 ]`. A route that is kept for a peer that restarts has the member `"stale": true`; no other has it, and the
//! text form, which scripts split at spaces, does not show it.

use crate::api::control::ListedRoute;
use crate::bgp::nlri::NlriRef;
use crate::bgp::{Attribute, NextHop, Safi};
use crate::json::JsonWriter;

/// Which form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RoutesJson {
    /// Prefix and family only; other routes are left out.
    #[default]
    V1,
    /// All routes with their attributes.
    V2,
}

/// Returns `true` if routes of the family are a prefix, perhaps with labels or a route distinguisher.
pub(super) fn has_prefix(nlri: NlriRef<'_>) -> bool {
    matches!(
        nlri.family.safi,
        Safi::UNICAST | Safi::MULTICAST | Safi::NLRI_MPLS | Safi::MPLS_VPN
    )
}

/// Appends one line of the first form; `members` are those of the neighbor, if they are asked for.
pub(super) fn v1(address: &str, members: &str, route: &ListedRoute<'_>, w: &mut JsonWriter) {
    if !has_prefix(route.nlri) {
        return;
    }
    let mut text = String::new();
    route.nlri.text(None, &mut text);
    let prefix = text.split(' ').next().unwrap_or_default();
    w.raw("{")
        .string(address)
        .raw(": {\"routes\": [{\"prefix\": ")
        .string(prefix);
    w.raw(", \"family\": ").display(route.nlri.family);
    w.raw(stale(route)).raw("}]");
    if !members.is_empty() {
        w.raw(", ").raw(members);
    }
    w.raw("}}\n");
}

/// Appends one line of the second form.
pub(super) fn v2(address: &str, members: &str, route: &ListedRoute<'_>, w: &mut JsonWriter) {
    if members.is_empty() {
        w.raw("{\"peer\": {\"address\": ").string(address).raw("}");
    } else {
        // They hold a `peer` with the address.
        w.raw("{").raw(members);
    }
    w.raw(", \"route\": {\"nlri\": {");
    nlri(route.nlri, route.next_hop, w);
    w.raw("}, \"attributes\": {");
    let shown = route
        .attributes
        .list()
        .iter()
        .filter(|one| !matches!(one, Attribute::NextHop(_)));
    w.list(shown, attribute);
    w.raw("}").raw(stale(route)).raw("}}\n");
}

const fn stale(route: &ListedRoute<'_>) -> &'static str {
    if route.stale { ", \"stale\": true" } else { "" }
}

fn nlri(nlri: NlriRef<'_>, hop: Option<NextHop>, w: &mut JsonWriter) {
    let mut event = JsonWriter::new();
    nlri.json(None, &mut event);
    let text = tight(event.as_str());
    let inner = text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'))
        .unwrap_or_default();
    if has_prefix(nlri) {
        let rest = inner.strip_prefix("\"nlri\": ").unwrap_or(inner);
        let (prefix, more) = rest.split_once(", ").unwrap_or((rest, ""));
        w.raw("\"prefix\": ").raw(prefix).raw(", ");
        place(nlri, hop, w);
        w.raw(if more.is_empty() { "" } else { ", " }).raw(more);
    } else if matches!(nlri.family.safi, Safi::FLOW | Safi::FLOW_VPN) {
        let rd = inner
            .split_once("\"rd\": ")
            .map(|(_, rest)| rest.split([',', '}']).next().unwrap_or_default());
        let end = [", \"rd\": ", ", \"string\": "]
            .into_iter()
            .filter_map(|mark| inner.find(mark))
            .min();
        w.raw("\"rules\": {")
            .raw(&inner[..end.unwrap_or(inner.len())])
            .raw("}, \"nexthop\": ");
        next_hop(hop, w);
        w.raw(", \"rd\": ").raw(rd.unwrap_or("null")).raw(", ");
        family(nlri, w);
    } else {
        w.raw(inner).raw(", ");
        place(nlri, hop, w);
    }
}

fn place(nlri: NlriRef<'_>, hop: Option<NextHop>, w: &mut JsonWriter) {
    w.raw("\"nexthop\": ");
    next_hop(hop, w);
    w.raw(", ");
    family(nlri, w);
}

fn next_hop(hop: Option<NextHop>, w: &mut JsonWriter) {
    match hop {
        Some(hop) => w.display(hop),
        None => w.raw("null"),
    };
}

fn family(nlri: NlriRef<'_>, w: &mut JsonWriter) {
    w.raw("\"family\": {\"afi\": ").display(nlri.family.afi);
    w.raw(", \"safi\": ").display(nlri.family.safi).raw("}");
}

/// Lists are lists of strings here.
fn attribute(w: &mut JsonWriter, attribute: &Attribute) {
    let mut event = JsonWriter::new();
    attribute.json(&mut event);
    let text = tight(event.as_str());
    let Some((key, value)) = text
        .split_once(": ")
        .filter(|(_, value)| value.starts_with('['))
    else {
        w.raw(&text);
        return;
    };
    w.raw(key).raw(": [");
    let strings: Vec<String> = if value.contains("\"string\": ") {
        value
            .split("\"string\": \"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap_or_default().to_owned())
            .collect()
    } else {
        let mut words = String::new();
        attribute.text(&mut words);
        words
            .split(' ')
            .skip(1)
            .filter(|word| !matches!(*word, "[" | "]" | ""))
            .map(str::to_owned)
            .collect()
    };
    w.list(strings, |w, text| {
        w.string(&text);
    });
    w.raw("]");
}

/// The same JSON without blanks inside brackets and braces.
fn tight(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut quoted = false;
    let mut escaped = false;
    for character in text.chars() {
        if quoted {
            quoted = escaped || character != '"';
            escaped = !escaped && character == '\\';
        } else {
            match character {
                '"' => quoted = true,
                ' ' if out.ends_with(['[', '{', ' ']) => continue,
                ']' | '}' | ',' => out.truncate(out.trim_end_matches(' ').len()),
                _ => {}
            }
        }
        out.push(character);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::{AttributeSet, Family};
    use crate::rib::PeerId;

    #[test]
    fn only_a_stale_route_has_the_member() {
        let attributes = AttributeSet::new(Vec::new());
        let shown = |stale| {
            let route = ListedRoute {
                peer: PeerId(1),
                nlri: NlriRef {
                    family: Family::IPV4_UNICAST,
                    path_id: None,
                    bytes: &[8, 10],
                    withdrawn: false,
                },
                attributes: &attributes,
                next_hop: None,
                stale,
            };
            [v1, v2].map(|form| {
                let mut w = JsonWriter::new();
                form("192.0.2.1", "", &route, &mut w);
                serde_json::from_str::<serde_json::Value>(w.as_str()).expect("JSON")
            })
        };
        let [first, second] = shown(true);
        assert_eq!(first["192.0.2.1"]["routes"][0]["stale"], true);
        assert_eq!(second["route"]["stale"], true);
        for form in shown(false) {
            assert!(!form.to_string().contains("stale"), "{form}");
        }
    }

    #[test]
    fn blanks_inside_brackets_go_and_those_in_strings_stay() {
        assert_eq!(
            tight(r#"{ "a": [ [ 1, 2 , 3 ], [  ] ], "b": "[ \" ] { ", "c": { } }"#),
            r#"{"a": [[1, 2, 3], []], "b": "[ \" ] { ", "c": {}}"#
        );
    }
}
