//! Established sessions that another process of this program continues: the peer notices nothing.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Peer;
use crate::bgp::message::notification::Notification;
use crate::bgp::negotiated::Negotiated;
use crate::fsm::config::Config;
use crate::fsm::event::{Event, State};
use crate::fsm::session::Session;
use crate::fsm::snapshot::SessionSnapshot;
use crate::fsm::timer::{PeerTimer, Timer, after};
use crate::fsm::{ConnId, negotiate};

impl Peer {
    /// The established session and its connection, if there is one. All outputs must have been taken.
    pub fn snapshot(&self, now: Instant) -> Option<(ConnId, SessionSnapshot)> {
        let session = self.connections.established()?;
        let negotiated = session.negotiated.as_ref()?;
        let left = |timer| session.timers.left(timer, now);
        let snapshot = SessionSnapshot {
            initiator: session.initiator,
            local: negotiated.local.clone(),
            remote: negotiated.remote.clone(),
            extended: session.extended,
            age: now.saturating_duration_since(session.established?),
            hold: left(Timer::Hold),
            keepalive: left(Timer::Keepalive),
            send_hold: left(Timer::SendHold),
        };
        Some((session.id, snapshot))
    }

    /// A peer with that session. There are no outputs: nothing has happened.
    ///
    /// # Errors
    /// When the configuration does not allow what was negotiated.
    pub fn resume(
        config: Config,
        snapshot: &SessionSnapshot,
        now: Instant,
    ) -> Result<(Self, ConnId, Rc<Negotiated>), Notification> {
        let negotiated = {
            let (local, remote) = (snapshot.local.clone(), snapshot.remote.clone());
            negotiate::agree(&config, local, remote)?
        };
        let negotiated = Rc::new(negotiated);
        let mut peer = Self::new(config);
        let id = peer.allot();
        peer.running = true;
        peer.restarted = false;
        peer.attempts = 1;
        let session = Session::resume(id, snapshot, Rc::clone(&negotiated), now);
        peer.connections.push(session);
        debug_assert_eq!(peer.state(), State::Established);
        Ok((peer, id, negotiated))
    }

    /// Continues where another process has left it, in place of [`Input::Start`](crate::fsm::Input::Start): after so many
    /// failures, with the next attempt due after `wait`. A session that is up takes over the failures only.
    pub fn resume_waiting(&mut self, (wait, failures): (Duration, u32), now: Instant) {
        self.back_off.resume(failures, &self.config.timers);
        if self.connections.established().is_some() {
            return;
        }
        self.running = true;
        if self.config.passive {
            // AutomaticStart_with_PassiveTcpEstablishment (5)
            return self.listen(Event::AutomaticStartPassive);
        }
        self.timers.set(PeerTimer::IdleHold, after(now, wait));
    }

    /// Connections that were tried or accepted since the start, as far as [`Config::attempts`](crate::fsm::Config::attempts)
    /// counts them, without those that are coming up.
    pub fn attempts(&self) -> u32 {
        let all = self.connections.ids().len() + usize::from(self.dialing.is_some());
        let up = usize::from(self.connections.established().is_some());
        let coming_up = u32::try_from(all - up).unwrap_or(u32::MAX);
        self.attempts.saturating_sub(coming_up)
    }

    /// Counts connections that another process has tried or accepted.
    pub fn resume_attempts(&mut self, attempts: u32) {
        self.attempts = self.attempts.max(attempts);
    }

    /// Sends a KEEPALIVE on an established session ahead of time, since its owner will be busy for a while.
    pub fn send_keepalive(&mut self, now: Instant) {
        let id = self.connections.established().map(|session| session.id);
        if let Some(id) = id
            && let Some((session, _)) = self.session(id)
        {
            session.send_keepalive(now);
            self.connections.publish(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bgp::message::open::Open;
    use crate::bgp::{Asn, Family};
    use crate::fsm::Initiator;
    use crate::fsm::{Input, Output};

    fn config() -> Config {
        Config::new(
            Asn(65001),
            [192, 0, 2, 1].into(),
            vec![Family::IPV4_UNICAST],
        )
    }

    #[test]
    fn a_resumed_session_has_the_timers_and_the_terms_of_the_old_one() {
        let remote = Open {
            version: 4,
            asn: 65002,
            hold_time: 30,
            router_id: [192, 0, 2, 2].into(),
            capabilities: Vec::new(),
        };
        let snapshot = SessionSnapshot {
            initiator: Initiator::Remote,
            local: Open {
                asn: 65001,
                hold_time: 90,
                router_id: [192, 0, 2, 1].into(),
                ..remote.clone()
            },
            remote,
            extended: false,
            age: Duration::from_secs(5),
            hold: Some(Duration::from_secs(7)),
            keepalive: Some(Duration::from_secs(3)),
            send_hold: None,
        };
        let now = Instant::now() + Duration::from_secs(100);
        let (mut peer, id, negotiated) =
            Peer::resume(config(), &snapshot, now).expect("an acceptable session");
        assert_eq!(negotiated.hold_time, 30);
        assert_eq!(peer.poll(), None);
        assert_eq!(peer.snapshot(now), Some((id, snapshot)));
        peer.handle(now, Input::Start);
        assert_eq!(peer.poll(), None, "it runs already");
        let later = now + Duration::from_secs(3);
        assert_eq!(peer.timeout(), Some(later));
        peer.handle(later, Input::Timeout);
        assert!(
            matches!(peer.poll(), Some(Output::Transmit(sender, bytes)) if sender == id && bytes[18] == 4)
        );
        while peer.poll().is_some() {}
        let end = now + Duration::from_secs(7);
        peer.handle(end, Input::Timeout);
        assert!(matches!(peer.poll(), Some(Output::Transmit(_, bytes)) if bytes[18] == 3));
    }

    #[test]
    fn attempts_go_on_where_another_process_has_left_them() {
        let now = Instant::now();
        let mut peer = Peer::new(config());
        peer.resume_waiting((Duration::from_secs(5), 3), now);
        assert_eq!(peer.poll(), None, "it waits");
        assert_eq!(
            (peer.failures(), peer.timeout()),
            (3, Some(now + Duration::from_secs(5)))
        );
        let due = now + Duration::from_secs(5);
        peer.handle(due, Input::Timeout);
        let mut outputs = std::iter::from_fn(|| peer.poll());
        let dialed = outputs.find_map(|output| match output {
            Output::Connect(id) => Some(id),
            _ => None,
        });
        let id = dialed.expect("an attempt");
        while peer.poll().is_some() {}
        peer.handle(due, Input::ConnectFailed(id));
        while peer.poll().is_some() {}
        // The wait after the fourth failure: see `backoff`.
        let wait = peer.timeout().expect("another attempt") - due;
        assert!((3_000..=3_300).contains(&wait.as_millis()), "{wait:?}");
        assert_eq!(peer.failures(), 4);
    }

    #[test]
    fn a_session_that_the_configuration_does_not_allow_is_not_resumed() {
        let open = Open {
            version: 4,
            asn: 65002,
            hold_time: 30,
            router_id: [192, 0, 2, 2].into(),
            capabilities: Vec::new(),
        };
        let snapshot = SessionSnapshot {
            initiator: Initiator::Local,
            local: open.clone(),
            remote: open,
            extended: false,
            age: Duration::ZERO,
            hold: None,
            keepalive: None,
            send_hold: None,
        };
        let strict = Config {
            peer_as: Some(Asn(65009)),
            ..config()
        };
        assert!(Peer::resume(strict, &snapshot, Instant::now()).is_err());
    }
}
