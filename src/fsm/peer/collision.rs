//! Which of two connections stays (RFC 4271 section 6.8, RFC 6286).

use std::time::Instant;

use super::Peer;
use crate::fsm::ConnId;
use crate::fsm::event::{Event, State};
use crate::fsm::initiator::Initiator;
use crate::fsm::reason::CloseReason;
use crate::fsm::session::collide;

impl Peer {
    /// Decides between the connection whose OPEN has just been accepted and the other one; whether it stays.
    ///
    /// RFC 4271 6.8 keeps the connection that the speaker with the higher identifier opened; RFC 6286 lets the higher AS win
    /// between equal identifiers. As in BIRD the other one need not have got its OPEN: both ends know enough to decide alike.
    pub(super) fn arbitrate(&mut self, id: ConnId, now: Instant) -> bool {
        let Some((session, _)) = self.session(id) else {
            return false;
        };
        let initiator = session.initiator;
        let dominant = session.negotiated.as_ref().is_some_and(|negotiated| {
            (negotiated.local.router_id, negotiated.local_as)
                > (negotiated.remote.router_id, negotiated.peer_as)
        });
        let other = self.connections.other(id);
        let Some((other, state)) = other.map(|other| (other.id, other.state)) else {
            return true;
        };
        if state == State::Established && initiator == Initiator::Remote && self.may_be_replaced() {
            return true;
        }
        let stays = state != State::Established && dominant == (initiator == Initiator::Local);
        let loser = if stays { other } else { id };
        self.apply_quietly(loser, now, |session, _| collide(session));
        stays
    }

    /// The connection `id` has come up: no other stays.
    pub(super) fn drop_others(&mut self, id: ConnId, now: Instant) {
        // OpenCollisionDump (23)
        self.hang_up(Event::OpenCollisionDump);
        if let Some(other) = self.connections.other(id).map(|other| other.id) {
            self.apply_quietly(other, now, |session, _| match session.state {
                State::Established => {
                    let reason = CloseReason::ConnectionLost;
                    session.end(None, Event::OpenCollisionDump, reason)
                }
                _ => collide(session),
            });
        }
    }

    /// Whether the session that is up gives way to a new connection of the peer's.
    ///
    /// RFC 4724 5 closes the old connection as soon as the new one is there, because the peer must have restarted. A
    /// connection that the peer dialled before the session came up looks the same, and two speakers that believe it tear
    /// their sessions down for ever; so the old one goes when the new one is up.
    pub(super) fn may_be_replaced(&self) -> bool {
        self.negotiated()
            .is_some_and(|negotiated| negotiated.graceful_restart())
    }
}
