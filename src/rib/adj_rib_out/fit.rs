//! Checks whether a route fits in a message at all before it is applied, so that a command with an oversized route
//! fails.

use std::net::{IpAddr, Ipv4Addr};

use super::super::pack::{Item, Kind, Sink};
use super::*;
use crate::bgp::{Asn, Codec};

/// Number of attribute sets whose size is cached.
const REMEMBERED: usize = 64;
/// A route smaller than this fits on every session: the smallest limit, minus the maximum size of MP_REACH_NLRI
/// without NLRI and of what the session may add to the attributes.
const SURE: usize = 4_096 - 256;

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
    fn of(&mut self, attributes: &Rc<AttributeSet>, family: Family) -> usize {
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
fn roomy() -> Sender {
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

/// Whether a route was too long.
#[derive(Default)]
struct TooLong(Option<Refusal>);

impl Sink for TooLong {
    fn messages(&mut self, _: Bytes, _: &Shared) {}

    fn refused(&mut self, _: Nlri, _: &Shared, refusal: Refusal) {
        if matches!(refusal, Refusal::TooLong { .. }) {
            self.0 = Some(refusal);
        }
    }
}

impl AdjRibOut {
    /// Checks that a change fits in a message for at least one of its peers. The largest message size is assumed for
    /// peers without a session. Cheap for recently checked attributes.
    ///
    /// # Errors
    /// Returns [`Refusal::TooLong`] for the peer with the largest messages.
    pub fn check(&mut self, change: &Change) -> Result<(), Refusal> {
        let Action::Announce(attributes) = &change.action else {
            return Ok(());
        };
        let nlri = &change.nlri;
        if self.sizes.of(attributes, nlri.family) + nlri.bytes.len() <= SURE {
            return Ok(());
        }
        let target = self.target(&change.peers, nlri.family);
        let target = &self.targets[target];
        let live: usize = target.shares.iter().map(|(_, members)| members.len()).sum();
        let down = (live < target.taken.len()).then(roomy);
        let groups = target
            .shares
            .iter()
            .filter_map(|(group, _)| self.groups[*group].as_ref());
        let mut senders: Vec<Sender> = groups.map(|group| group.sender).chain(down).collect();
        senders.sort_by_key(|sender| sender.codec.message_size());
        let mut verdict = Ok(());
        for sender in senders {
            let mut too_long = TooLong::default();
            let add_path = sender.codec.add_path_send.contains(nlri.family);
            let mut packer = Packer::default();
            packer.add(&Item {
                kind: Kind::Announce,
                family: nlri.family,
                path_id: add_path.then(|| nlri.path_id.unwrap_or_default()),
                bytes: &nlri.bytes,
                attributes: Some(attributes),
                peers: &target.taken,
            });
            packer.finish(&sender, &mut too_long);
            match too_long.0 {
                None => return Ok(()),
                Some(refusal) => verdict = Err(refusal),
            }
        }
        verdict
    }
}
