//! Routes written back.

use std::fmt::Write as _;

use crate::bgp::{Afi, AttributeSet, Nlri, Safi};

/// Returns `true` if the words of a `static` route determine its family.
pub(super) fn is_fixed(nlri: &Nlri) -> bool {
    let octet = nlri.bytes.get(1).copied().unwrap_or_default();
    let multicast = nlri.family.afi == Afi::IPV4 && octet & 0xF0 == 0xE0;
    match nlri.family.safi {
        Safi::UNICAST => !multicast,
        Safi::MULTICAST => multicast,
        Safi::NLRI_MPLS | Safi::MPLS_VPN => true,
        _ => false,
    }
}

/// The sections that a route of `announce` stands in, and the words before its own text.
pub(super) fn place(nlri: &Nlri) -> (&'static [&'static str], String) {
    let family = nlri.family;
    let sections: &[&str] = match family.afi {
        Afi::IPV4 => &["announce", "ipv4"],
        Afi::IPV6 => &["announce", "ipv6"],
        Afi::BGP_LS => &["announce", "bgp-ls"],
        _ => &["announce", "l2vpn"],
    };
    // The text of other families begins with their own word.
    let word = match family.safi {
        Safi::UNICAST | Safi::MULTICAST | Safi::NLRI_MPLS | Safi::MPLS_VPN => {
            format!("{} ", family.safi)
        }
        _ => String::new(),
    };
    (sections, word)
}

/// A route as its sentence: the NLRI, then the attributes.
pub(crate) fn statement(nlri: &Nlri, attributes: &AttributeSet) -> String {
    let mut out = String::new();
    nlri.as_ref().grammar(&mut out);
    for attribute in attributes.list() {
        // Writing to a String cannot fail.
        let _ = write!(out, " {attribute}");
    }
    out
}

/// A route as a command of the helper protocol: `announce route 192.0.2.0/24 next-hop 192.0.2.1`.
pub(crate) fn command(verb: &str, nlri: &Nlri, attributes: Option<&AttributeSet>) -> String {
    let text = match attributes {
        Some(attributes) => statement(nlri, attributes),
        None => {
            let mut out = String::new();
            nlri.as_ref().grammar(&mut out);
            out
        }
    };
    if is_fixed(nlri) {
        return format!("{verb} route {text}");
    }
    let (sections, word) = place(nlri);
    let family = sections.get(1).copied().unwrap_or_default();
    format!("{verb} {family} {word}{text}")
}
