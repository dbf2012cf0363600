//! A cache of the sizes of attribute sets.

use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

use crate::bgp::{Asn, AttributeSet, Codec, Family, Sender};

/// Number of attribute sets whose size is cached.
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
    /// Size in bytes of the attributes on some session; 0 if they cannot be sent.
    pub(super) fn of(&mut self, attributes: &Rc<AttributeSet>, family: Family) -> usize {
        let place = &mut self.known[(Rc::as_ptr(attributes).addr() >> 4) % REMEMBERED];
        if let Some((known, size)) = place
            && Rc::ptr_eq(known, attributes)
        {
            return *size;
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
