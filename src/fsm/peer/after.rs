//! What follows the end of a connection: the back-off, the form of the next OPEN, the end of all attempts.

use std::time::Instant;

use super::{Ended, Peer};
use crate::fsm::backoff::patience;
use crate::fsm::event::{Event, State};
use crate::fsm::reason::CloseReason;
use crate::fsm::timer::{PeerTimer, after};
use crate::fsm::{ConnId, Output};

impl Peer {
    /// Draws from the end of a connection what the next attempt needs to know.
    pub(super) fn learn(&mut self, id: ConnId, reason: &CloseReason, now: Instant) {
        let Some((session, _)) = self.session(id) else {
            return;
        };
        let (established, extended) = (session.established, session.extended);
        let lasted = established.map(|since| now.saturating_duration_since(since));
        match reason {
            // The other connection goes on.
            CloseReason::OutgoingCollision | CloseReason::IncomingCollision => return,
            _ if lasted.is_some_and(|lasted| self.back_off.is_good(lasted)) => {
                self.back_off.reset(&self.config.timers);
            }
            _ => self.back_off.fail(),
        }
        let CloseReason::NotificationReceived(received) = reason else {
            return;
        };
        self.back_off.at_least(patience(received));
        if established.is_none() && self.form.refused(received, extended, &self.config) {
            self.connections.order(Output::Reduced);
        }
    }

    /// After the last connection is gone: ends, listens, or waits for the next dial.
    pub(super) fn wait_if_alone(&mut self, now: Instant) {
        let alone = self.connections.is_empty() && self.dialing.is_none();
        if !alone || !self.running || self.used_up() {
            return;
        }
        if self.timers.is_set(PeerTimer::ConnectRetry) || self.timers.is_set(PeerTimer::IdleHold) {
            return;
        }
        if self.config.passive {
            // AutomaticStart_with_PassiveTcpEstablishment (5)
            return self.listen(Event::AutomaticStartPassive);
        }
        let timer = match self.rest {
            State::Active => PeerTimer::ConnectRetry,
            _ => PeerTimer::IdleHold,
        };
        let wait = self.back_off.wait(&self.config.timers);
        self.timers.set(timer, after(now, wait));
    }

    /// Ends the peer when it has no attempt left.
    pub(super) fn used_up(&mut self) -> bool {
        let used_up = self
            .config
            .attempts
            .is_some_and(|limit| self.attempts >= limit);
        if used_up {
            self.running = false;
            self.ended = Some(Ended::Attempts);
            self.timers.clear();
            // AutomaticStop (8)
            self.settle(State::Idle, Event::AutomaticStop);
        }
        used_up
    }
}
