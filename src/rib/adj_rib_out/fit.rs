//! Checks whether a route fits in a message at all before it is applied, so that a command with an oversized route
//! fails.

use bytes::Bytes;

use super::sizes::roomy;
use super::state::AdjRibOut;
use crate::bgp::{Nlri, Sender};
use crate::rib::pack::{Item, Kind, Packer, Refusal, Sink};
use crate::rib::peer_set_interner::PeerSetRef;
use crate::rib::route::{Action, Change};

/// A route smaller than this fits on every session: the smallest limit, minus the maximum size of MP_REACH_NLRI
/// without NLRI and of what the session may add to the attributes.
pub(super) const SURE: usize = 4_096 - 256;

/// Whether a route was too long.
#[derive(Default)]
struct TooLong(Option<Refusal>);

impl Sink for TooLong {
    fn messages(&mut self, _: Bytes, _: &PeerSetRef) {}

    fn refused(&mut self, _: Nlri, _: &PeerSetRef, refusal: Refusal) {
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
