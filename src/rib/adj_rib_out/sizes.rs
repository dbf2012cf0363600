//! A cache of the sizes of attribute sets.

use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

use crate::bgp::{Asn, Attribute, AttributeSet, Codec, Family, Sender};

/// Number of attribute sets whose size is cached; those that are not [estimated](bound).
const REMEMBERED: usize = 64;

/// Sizes of the most recently checked attribute sets.
#[derive(Debug)]
pub(super) struct Sizes {
    known: Vec<Option<(Rc<AttributeSet>, usize)>>,
    scratch: Vec<u8>,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            known: vec![None; REMEMBERED],
            scratch: Vec::new(),
        }
    }
}

impl Sizes {
    /// Size in bytes of the attributes on some session, or an upper bound of it; 0 if they cannot be sent.
    pub(super) fn of(&mut self, attributes: &Rc<AttributeSet>, family: Family) -> usize {
        let place = &mut self.known[(Rc::as_ptr(attributes).addr() >> 4) % REMEMBERED];
        if let Some((known, size)) = place
            && Rc::ptr_eq(known, attributes)
        {
            return *size;
        }
        if let Some(bound) = bound(attributes) {
            return bound;
        }
        self.scratch.clear();
        // Attributes that cannot be sent on this session may be valid on another. That is detected when they are
        // sent.
        let _ = attributes.encode(&mut self.scratch, &roomy(), family);
        *place = Some((Rc::clone(attributes), self.scratch.len()));
        self.scratch.len()
    }
}

/// A session with the largest messages, for peers whose session is not known yet.
pub(super) fn roomy() -> Sender {
    Sender {
        codec: Codec {
            asn4: true,
            extended_message: true,
            ..Codec::default()
        },
        local_as: Asn(u32::MAX),
        local_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        router_id: Ipv4Addr::LOCALHOST,
        group_updates: false,
    }
}

/// An upper bound of the size in bytes of these attributes on any session, what the session adds included, without
/// encoding them; `None` if there is an attribute of another kind than those of ordinary unicast routes.
fn bound(attributes: &AttributeSet) -> Option<usize> {
    /// A header with a length of two octets, and a short value.
    const SHORT: usize = 4 + 12;
    const HEADER: usize = 4;
    // ORIGIN, AS_PATH, LOCAL_PREF and OTC if the route does not set them.
    let mut size = 4 * SHORT;
    for attribute in attributes.list() {
        size += match attribute {
            // Six octets for each AS number: two-octet sessions have AS4_PATH as well. A segment has a header of two octets
            // for every 255 numbers.
            Attribute::AsPath(path) => {
                let segment = |asns: usize| asns * 6 + (asns / 255 + 1) * 4;
                let segments = path.segments().iter().map(|one| segment(one.asns.len()));
                2 * HEADER + segments.sum::<usize>()
            }
            Attribute::Communities(list) => HEADER + list.0.len() * 4,
            Attribute::LargeCommunities(list) => HEADER + list.0.len() * 12,
            Attribute::Aggregator(_) => 2 * SHORT,
            Attribute::Origin(_)
            | Attribute::NextHop(_)
            | Attribute::Med(_)
            | Attribute::LocalPref(_)
            | Attribute::AtomicAggregate(_)
            | Attribute::OriginatorId(_)
            | Attribute::Otc(_) => SHORT,
            _ => return None,
        };
    }
    Some(size)
}
