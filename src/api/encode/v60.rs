//! What ExaBGP 6.0 prints differently: the members of a BGP-LS attribute that may repeat are lists, and the next hop stands only
//! beside the routes.
//!
//! Rendered each time, as [`v42`](super::v42).

use crate::bgp::attribute::PathAttribute;
use crate::bgp::capability::Capability;
use crate::bgp::iana::attribute as codes;
use crate::bgp::message::Direction;
use crate::bgp::message::open::Open;
use crate::bgp::{Attribute, AttributeSet, NextHop, NlriRef, Safi};
use crate::json::JsonWriter;

/// Appends the members of the `attribute` object.
pub(super) fn attributes(set: &AttributeSet, w: &mut JsonWriter) {
    if set.find(codes::BGP_LS).is_none() {
        w.raw(set.json());
        return;
    }
    set.json_with(w, |attribute, w| match attribute {
        Attribute::BgpLs(value) => {
            w.key(value.key());
            value.json_v60(w);
        }
        _ => attribute.json(w),
    });
}

/// Appends the `open` object: 5.0 does not know the roles of RFC 9234, limits of paths and link-local next hops.
pub(super) fn open(message: &Open, direction: Direction, w: &mut JsonWriter) {
    let mut text = JsonWriter::new();
    message.json(direction, &mut text);
    let mut text = text.into_string();
    for capability in &message.capabilities {
        let Some(named) = named(capability) else {
            continue;
        };
        let mut plain = JsonWriter::new();
        capability.json_all(&message.capabilities, &mut plain);
        text = text.replacen(plain.as_str(), &named, 1);
    }
    w.raw(&text);
}

fn named(capability: &Capability) -> Option<String> {
    Some(match capability {
        Capability::BgpRole(role) => format!("{{ \"name\": \"role\", \"role\": \"{role}\" }}"),
        Capability::LinkLocalNexthop(_) => "{ \"name\": \"link-local-nexthop\" }".to_owned(),
        Capability::PathsLimit(limits) => {
            let mut out = "{ \"name\": \"paths-limit\"".to_owned();
            for (family, limit) in limits.0.iter().filter(|(_, limit)| *limit > 0) {
                out.push_str(&format!(", \"{}\": {limit}", family.display_slash()));
            }
            out.push_str(" }");
            out
        }
        _ => return None,
    })
}

/// Appends the JSON of one NLRI.
pub(super) fn nlri(nlri: NlriRef<'_>, hop: Option<NextHop>, w: &mut JsonWriter) {
    match nlri.family.safi {
        // The next hop stands beside the routes only.
        Safi::FLOW | Safi::FLOW_VPN => nlri.json(None, w),
        Safi::BGP_LS | Safi::BGP_LS_VPN => {
            let mut plain = JsonWriter::new();
            nlri.json(None, &mut plain);
            w.raw(&object(plain.as_str()));
        }
        _ => nlri.json(hop, w),
    }
}

/// An object of BGP-LS without next hop, a prefix with its length.
fn object(text: &str) -> String {
    const ADDRESS: &str = "\"ip-reachability-tlv\": \"";
    const PREFIX: &str = "\"ip-reach-prefix\": \"";
    let text = text.replacen(", \"nexthop\": \"None\"", "", 1);
    let value = |key: &str| {
        let start = text.find(key)? + key.len();
        let length = text.get(start..)?.find('"')?;
        Some(start..start + length)
    };
    match (value(ADDRESS), value(PREFIX)) {
        (Some(address), Some(prefix)) => {
            [&text[..address.start], &text[prefix], &text[address.end..]].concat()
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_has_its_length_and_no_next_hop() {
        assert_eq!(
            object(
                "{ \"a\": 1, \"ip-reachability-tlv\": \"10.0.0.0\", \"ip-reach-prefix\": \"10.0.0.0/8\", \"nexthop\": \"None\" }"
            ),
            "{ \"a\": 1, \"ip-reachability-tlv\": \"10.0.0.0/8\", \"ip-reach-prefix\": \"10.0.0.0/8\" }"
        );
        assert_eq!(object("{ \"code\": 9 }"), "{ \"code\": 9 }");
    }
}
