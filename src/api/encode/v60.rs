//! What ExaBGP 6.0 prints differently: the members of a BGP-LS attribute that may repeat are lists, and the next hop stands only
//! beside the routes.
//!
//! Rendered each time, as [`v42`](super::v42).

use crate::bgp::attribute::PathAttribute;
use crate::bgp::capability::Capability;
use crate::bgp::iana::attribute as codes;
use crate::bgp::message::Direction;
use crate::bgp::message::open::Open;
use crate::bgp::nlri::bgp_ls;
use crate::bgp::{Attribute, AttributeSet, NextHop, NlriRef, Safi};
use crate::json::JsonWriter;

/// Appends the members of the `attribute` object.
pub(super) fn attributes(set: &AttributeSet, w: &mut JsonWriter) {
    if set.find(codes::BGP_LS).is_none() {
        set.write_json(w);
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
    message.json_with(direction, w, |capability, all, w| match capability {
        Capability::BgpRole(role) => {
            w.raw("{ \"name\": \"role\", \"role\": ")
                .display(role)
                .raw(" }");
        }
        Capability::LinkLocalNexthop(_) => {
            w.raw("{ \"name\": \"link-local-nexthop\" }");
        }
        Capability::PathsLimit(limits) => {
            w.raw("{ \"name\": \"paths-limit\"");
            for (family, limit) in limits.0.iter().filter(|(_, limit)| *limit > 0) {
                w.raw(", ")
                    .display(family.display_slash())
                    .raw(": ")
                    .number(*limit);
            }
            w.raw(" }");
        }
        _ => capability.json_all(all, w),
    });
}

/// Appends the JSON of one NLRI.
pub(super) fn nlri(nlri: NlriRef<'_>, hop: Option<NextHop>, w: &mut JsonWriter) {
    match nlri.family.safi {
        // The next hop stands beside the routes only.
        Safi::FLOW | Safi::FLOW_VPN => nlri.json(None, w),
        Safi::BGP_LS | Safi::BGP_LS_VPN => bgp_ls::json_v60(nlri, w),
        _ => nlri.json(hop, w),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{Cursor, tokenize};

    #[test]
    fn a_prefix_has_its_length_and_no_next_hop() {
        let text = "prefix 10.0.0.0/8 protocol-id direct local-node ( autonomous-system 1 )";
        let tokens = tokenize(text);
        let route = bgp_ls::parse(Safi::BGP_LS, &mut Cursor::new(&tokens, text.len()));
        let mut w = JsonWriter::new();
        nlri(route.expect("a prefix").as_ref(), None, &mut w);
        let shown = w.into_string();
        let address =
            "\"ip-reachability-tlv\": \"10.0.0.0/8\", \"ip-reach-prefix\": \"10.0.0.0/8\" }";
        assert!(shown.ends_with(address), "{shown}");
    }
}
