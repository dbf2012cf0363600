//! What the operator or the program ends: the neighbor, or its session.

use std::time::Instant;

use super::{Ended, Peer};
use crate::bgp::message::notification::Notification;
use crate::fsm::event::{Event, State};
use crate::fsm::reason::{Cease, CloseReason};
use crate::fsm::session::closing_notification;

impl Peer {
    pub(super) fn stop(&mut self, cease: &Cease, now: Instant) {
        if !self.running {
            self.ended = Some(Ended::Stopped);
            return;
        }
        self.running = false;
        self.ended = Some(Ended::Stopped);
        // ManualStop (2)
        self.hang_up(Event::ManualStop);
        for id in self.connections.ids() {
            self.apply(id, now, |session, _| {
                let notification = closing_notification(cease, session);
                session.end(notification, Event::ManualStop, cease.reason())
            });
        }
        self.settle(State::Idle, Event::ManualStop);
        self.timers.clear();
    }

    pub(super) fn bounce(&mut self, notification: &Notification, now: Instant) {
        if !self.running {
            return;
        }
        // AutomaticStop (8)
        self.hang_up(Event::AutomaticStop);
        for id in self.connections.ids() {
            self.apply_quietly(id, now, |session, _| {
                let graceful = session.state == State::Established
                    && session
                        .negotiated
                        .as_ref()
                        .is_some_and(|negotiated| negotiated.graceful_restart());
                if graceful {
                    let reason = CloseReason::GracefulRestart;
                    session.end(None, Event::AutomaticStop, reason)
                } else {
                    session.refuse(notification.clone(), Event::AutomaticStop)
                }
            });
        }
        if self.used_up() {
            return;
        }
        self.timers.clear();
        self.back_off.reset(&self.config.timers);
        if self.config.passive {
            // AutomaticStart_with_PassiveTcpEstablishment (5)
            self.listen(Event::AutomaticStartPassive);
        } else {
            // AutomaticStart (3)
            self.dial(Event::AutomaticStart, now);
        }
    }
}
