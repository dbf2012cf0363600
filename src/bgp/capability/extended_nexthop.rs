//! Extended next hop encoding (RFC 8950 section 4): families that support next hops of another AFI.
//!
//! ```text
//! +-----------------------------------------------------+
//! | NLRI AFI - 1 (2 octets)                             |
//! +-----------------------------------------------------+
//! | NLRI SAFI - 1 (2 octets)                            |
//! +-----------------------------------------------------+
//! | Nexthop AFI - 1 (2 octets)                          |
//! +-----------------------------------------------------+
//! | .....                                               |
//! ```

use super::CapabilityCodec;
use crate::bgp::family::{Afi, Family, Safi};
use crate::bgp::iana;
use crate::json::JsonWriter;
use crate::wire::{Reader, WireError, Writer};

/// Pairs of a family and a next-hop AFI that it supports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ExtendedNexthop(pub Vec<(Family, Afi)>);

impl CapabilityCodec for ExtendedNexthop {
    const CODE: u8 = iana::capability::EXTENDED_NEXT_HOP;
    const NAME: &'static str = "nexthop";

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut pairs = Vec::new();
        while !r.is_empty() {
            let afi = Afi(r.u16("the AFI of an extended next hop")?);
            let safi = r.u16("the SAFI of an extended next hop")?;
            let next_hop = Afi(r.u16("the next hop AFI of an extended next hop")?);
            // A SAFI has one octet, so a larger number is not a valid SAFI.
            if let Ok(safi) = u8::try_from(safi) {
                let safi = Safi(safi);
                pairs.push((Family { afi, safi }, next_hop));
            }
        }
        Ok(Self(pairs))
    }

    fn encode(&self, w: &mut Writer<'_>) {
        for (family, next_hop) in &self.0 {
            w.u16(family.afi.0);
            w.u16(family.safi.0.into());
            w.u16(next_hop.0);
        }
    }

    fn json(all: &[&Self], w: &mut JsonWriter) {
        w.raw("{ \"name\": \"nexthop\", \"conversion\": [");
        for (index, (family, next_hop)) in merged(all).enumerate() {
            w.raw(if index > 0 { ", " } else { " " });
            w.display(format_args!("{}/{next_hop}", family.display_slash()));
        }
        w.raw(" ] }");
    }

    fn text(all: &[&Self], out: &mut String) {
        let pairs: Vec<String> = merged(all)
            .map(|(family, next_hop)| format!("{family} {next_hop}"))
            .collect();
        out.push_str(&format!("nexthop({})", pairs.join(",")));
    }
}

/// The pairs of all instances in order, without duplicates.
fn merged<'a>(all: &'a [&ExtendedNexthop]) -> impl Iterator<Item = (Family, Afi)> + use<'a> {
    let pairs: Vec<_> = all.iter().flat_map(|one| one.0.iter().copied()).collect();
    (0..pairs.len())
        .filter(|&at| !pairs[..at].contains(&pairs[at]))
        .map(|at| pairs[at])
        .collect::<Vec<_>>()
        .into_iter()
}
