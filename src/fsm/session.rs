//! The state machine of one connection, from TCP up to TCP down.
//!
//! It sends, receives, keeps the timers and knows the RFC's reaction to every message in every state. What concerns the
//! neighbor as a whole (dialling, back-off, the other connection) it leaves to [`peer`](super::peer), which it notifies by a
//! [`Verdict`].

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::config::Config;
use super::event::{Event, State};
use super::initiator::Initiator;
use super::negotiate::Extent;
use super::reason::{Cease, CloseReason};
use super::snapshot::SessionSnapshot;
use super::timer::{Timer, TimerTable, after};
use super::{ConnId, ConnInfo, Direction, Output, negotiate};
use crate::bgp::asn::Asn;
use crate::bgp::message::notification::Notification;
use crate::bgp::message::open::{Open, is_extended};
use crate::bgp::message::{MAX, MessageType, RawMessage, frame, keepalive};
use crate::bgp::negotiated::Negotiated;

/// What the peer machine has to do after an event of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing.
    Continue,
    /// An OPEN was accepted: arbitrate, then [`Session::confirm`] or close.
    Opened,
    /// The session is up.
    Established,
    /// The connection is closed.
    Closed(CloseReason),
}

/// The facts that a connection shares with its neighbor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) config: &'a Config,
    /// Whether our OPEN sets the Restart State bit.
    pub(crate) restarted: bool,
    /// Which capabilities our OPEN offers.
    pub(crate) extent: Extent,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: ConnId,
    pub(crate) initiator: Initiator,
    pub(crate) state: State,
    pub(crate) timers: TimerTable<Timer, { Timer::COUNT }>,
    pub(crate) negotiated: Option<Rc<Negotiated>>,
    /// What is to be done; the peer machine takes it after each call.
    pub(crate) outputs: VecDeque<Output>,
    /// When the session came up.
    pub(crate) established: Option<Instant>,
    /// Whether our OPEN had the extended form of RFC 9072.
    pub(crate) extended: bool,
    /// Our OPEN, until it is part of `negotiated`.
    local: Option<Box<Open>>,
}

impl Session {
    /// TCP is up: sends our OPEN, or waits for the peer's when our AS is to be taken from it. `from` is the state that the
    /// neighbor was in.
    pub(crate) fn begin(
        id: ConnId,
        info: ConnInfo,
        initiator: Initiator,
        from: State,
        now: Instant,
        cx: Context<'_>,
    ) -> (Self, Verdict) {
        let mut session = Self {
            id,
            initiator,
            state: from,
            timers: TimerTable::default(),
            negotiated: None,
            outputs: VecDeque::new(),
            established: None,
            extended: false,
            local: None,
        };
        session
            .outputs
            .push_back(Output::Connected(id, info, initiator));
        let event = match initiator {
            // Tcp_CR_Acked (16)
            Initiator::Local => Event::TcpCrAcked,
            // TcpConnectionConfirmed (17)
            Initiator::Remote => Event::TcpConnectionConfirmed,
        };
        let wait = after(now, cx.config.timers.open_wait);
        session.timers.set(Timer::Hold, wait);
        let verdict = match cx.config.local_as {
            Some(local_as) => session.send_open(local_as, event, cx),
            None => {
                session.enter(State::Connect, event);
                Verdict::Continue
            }
        };
        (session, verdict)
    }

    /// A session that another process has established.
    pub(crate) fn resume(
        id: ConnId,
        snapshot: &SessionSnapshot,
        negotiated: Rc<Negotiated>,
        now: Instant,
    ) -> Self {
        let mut timers = TimerTable::default();
        for (timer, left) in [
            (Timer::Hold, snapshot.hold),
            (Timer::Keepalive, snapshot.keepalive),
            (Timer::SendHold, snapshot.send_hold),
        ] {
            if let Some(left) = left {
                timers.set(timer, after(now, left));
            }
        }
        Self {
            id,
            initiator: snapshot.initiator,
            state: State::Established,
            timers,
            local: None,
            negotiated: Some(negotiated),
            outputs: VecDeque::new(),
            established: Some(now.checked_sub(snapshot.age).unwrap_or(now)),
            extended: snapshot.extended,
        }
    }

    /// Frees the memory of the queue if it is empty.
    pub(crate) fn trim(&mut self) {
        if self.outputs.is_empty() {
            self.outputs = VecDeque::new();
        }
    }

    /// Sends a KEEPALIVE now, if there are any on this session.
    pub(crate) fn send_keepalive(&mut self, now: Instant) {
        if self.timers.is_set(Timer::Keepalive) {
            self.transmit(MessageType::KEEPALIVE, keepalive().into());
            self.restart_keepalive(self.hold_time(), now);
        }
    }

    /// Takes at most one message off `buffer` and reacts to it.
    pub(crate) fn received(
        &mut self,
        buffer: &mut BytesMut,
        now: Instant,
        cx: Context<'_>,
    ) -> Verdict {
        let max = self
            .negotiated
            .as_ref()
            .map_or(MAX, |negotiated| negotiated.codec.message_size());
        match frame(buffer, max) {
            Ok(None) => Verdict::Continue,
            Ok(Some(message)) => self.message(message, now, cx),
            // BGPHeaderErr (21)
            Err(notification) => self.refuse(notification, Event::BgpHeaderErr),
        }
    }

    /// Lets the owner decide about the OPEN that led to [`Verdict::Opened`].
    pub(crate) fn ask(&mut self) {
        if let Some(negotiated) = self.negotiated.clone() {
            self.outputs.push_back(Output::Opened(self.id, negotiated));
        }
    }

    /// The OPEN that led to [`Verdict::Opened`] stands: answers with a KEEPALIVE.
    pub(crate) fn confirm(&mut self, now: Instant) {
        let Some(negotiated) = self.negotiated.clone() else {
            return;
        };
        let hold_time = negotiated.hold_time;
        self.outputs
            .push_back(Output::Negotiated(self.id, negotiated));
        // BGPOpen (19)
        self.enter(State::OpenConfirm, Event::BgpOpen);
        self.transmit(MessageType::KEEPALIVE, keepalive().into());
        if hold_time != 0 {
            // Without a hold time the open-wait timer goes on, so that a silent peer cannot stay here for ever.
            self.restart_hold(hold_time, now);
            self.restart_keepalive(hold_time, now);
        }
    }

    /// Serves the timers that have passed.
    pub(crate) fn expire(&mut self, now: Instant) -> Verdict {
        while let Some(timer) = self.timers.expired(now) {
            match timer {
                // HoldTimer_Expires (10)
                Timer::Hold => {
                    let expired = Notification::new(4, 0, Vec::new());
                    return self.refuse(expired, Event::HoldTimerExpires);
                }
                // SendHoldTimer_Expires (29, RFC 9687)
                Timer::SendHold => {
                    let expired = Notification::new(8, 0, Vec::new());
                    return self.refuse(expired, Event::SendHoldTimerExpires);
                }
                // KeepaliveTimer_Expires (11): no transition
                Timer::Keepalive => {
                    self.transmit(MessageType::KEEPALIVE, keepalive().into());
                    self.restart_keepalive(self.hold_time(), now);
                }
            }
        }
        Verdict::Continue
    }

    /// The peer has sent something that we have not read yet.
    pub(crate) fn unread(&mut self, now: Instant, cx: Context<'_>) {
        if !self.timers.is_set(Timer::Hold) {
            return;
        }
        match self.hold_time() {
            0 => self
                .timers
                .set(Timer::Hold, after(now, cx.config.timers.open_wait)),
            hold_time => self.restart_hold(hold_time, now),
        }
    }

    /// The peer's TCP took what we send.
    pub(crate) fn written(&mut self, now: Instant, cx: Context<'_>) {
        // RFC 9687 3: the timer runs in Established only; without a hold time there is no measure for it.
        if self.state == State::Established && self.hold_time() != 0 {
            let send_hold = cx.config.timers.send_hold(self.hold_time());
            self.timers.set(Timer::SendHold, after(now, send_hold));
        }
    }

    /// TCP is gone.
    pub(crate) fn lost(&mut self) -> Verdict {
        // RFC 4271 8.2.2, OpenSent, event 18: "changes its state to Active"; in later states to Idle.
        let to = match self.state {
            State::OpenSent => State::Active,
            _ => State::Idle,
        };
        // TcpConnectionFails (18)
        self.close(to, Event::TcpConnectionFails);
        Verdict::Closed(CloseReason::ConnectionLost)
    }

    /// Sends `notification` and closes.
    pub(crate) fn refuse(&mut self, notification: Notification, event: Event) -> Verdict {
        self.send_notification(&notification);
        self.close(State::Idle, event);
        Verdict::Closed(CloseReason::NotificationSent(notification))
    }

    /// Sends `notification`, if any, and closes for a reason of its own.
    pub(crate) fn end(
        &mut self,
        notification: Option<Notification>,
        event: Event,
        reason: CloseReason,
    ) -> Verdict {
        if let Some(notification) = notification {
            self.send_notification(&notification);
        }
        self.close(State::Idle, event);
        Verdict::Closed(reason)
    }

    fn message(&mut self, message: RawMessage, now: Instant, cx: Context<'_>) -> Verdict {
        let kind = message.kind;
        self.outputs.push_back(Output::Message {
            connection: self.id,
            direction: Direction::Receive,
            message: message.clone(),
        });
        match (kind, self.state) {
            (MessageType::NOTIFICATION, _) => self.notified(&message),
            // BGPOpen (19)
            (MessageType::OPEN, State::OpenSent) => self.opened(&message, Event::BgpOpen, cx),
            // BGPOpen_with_DelayOpenTimer_running (20)
            (MessageType::OPEN, State::Connect) => {
                self.opened(&message, Event::BgpOpenWithDelayOpen, cx)
            }
            (MessageType::KEEPALIVE, State::OpenConfirm) => {
                self.establish(now, cx);
                Verdict::Established
            }
            (
                MessageType::KEEPALIVE
                | MessageType::UPDATE
                | MessageType::ROUTE_REFRESH
                | MessageType::OPERATIONAL,
                State::Established,
            ) => {
                // RFC 4271 restarts the timer on KEEPALIVE and UPDATE; any other message is as good a sign of life.
                if self.hold_time() != 0 {
                    self.restart_hold(self.hold_time(), now);
                }
                Verdict::Continue
            }
            _ => self.unexpected(kind),
        }
    }

    /// Event 19 or 20.
    fn opened(&mut self, message: &RawMessage, event: Event, cx: Context<'_>) -> Verdict {
        let remote = match Open::decode(message.body()) {
            Ok(remote) => remote,
            // BGPOpenMsgErr (22)
            Err(notification) => return self.refuse(notification, Event::BgpOpenMsgErr),
        };
        if self.local.is_none() {
            // Our AS is to be the peer's, so the peer must have one.
            if let Err(notification) = negotiate::check_as(&remote) {
                return self.refuse(notification, Event::BgpOpenMsgErr);
            }
            let verdict = self.send_open(remote.speaker_as(), event, cx);
            if verdict != Verdict::Continue {
                return verdict;
            }
        }
        let Some(local) = self.local.take() else {
            // It was sent just above, or before.
            return Verdict::Continue;
        };
        match negotiate::agree(cx.config, *local, remote) {
            Ok(negotiated) => {
                self.negotiated = Some(Rc::new(negotiated));
                Verdict::Opened
            }
            Err(notification) => self.refuse(notification, Event::BgpOpenMsgErr),
        }
    }

    /// Event 24 or 25. RFC 4271 6.4: there is no answer to a NOTIFICATION.
    fn notified(&mut self, message: &RawMessage) -> Verdict {
        let notification = Notification::decode(message.body());
        let event = match (notification.code, notification.subcode) {
            // NotifMsgVerErr (24)
            (2, 1) => Event::NotifMsgVerErr,
            // NotifMsg (25)
            _ => Event::NotifMsg,
        };
        self.close(State::Idle, event);
        Verdict::Closed(CloseReason::NotificationReceived(notification))
    }

    /// A message that does not belong in this state.
    fn unexpected(&mut self, kind: MessageType) -> Verdict {
        let subcode = match self.state {
            State::OpenConfirm => 2,
            State::Established => 3,
            _ => 1,
        };
        let event = match kind {
            // BGPOpen (19)
            MessageType::OPEN => Event::BgpOpen,
            // KeepAliveMsg (26)
            MessageType::KEEPALIVE => Event::KeepAliveMsg,
            // UpdateMsg (27)
            _ => Event::UpdateMsg,
        };
        // RFC 6608 3: "the Data field of the NOTIFICATION message is a 1-octet, unsigned integer that indicates the type of
        // the unexpected message."
        self.refuse(Notification::new(5, subcode, vec![kind.0]), event)
    }

    fn establish(&mut self, now: Instant, cx: Context<'_>) {
        let Some(negotiated) = self.negotiated.clone() else {
            return;
        };
        self.timers.stop(Timer::Hold);
        self.established = Some(now);
        // KeepAliveMsg (26)
        self.enter(State::Established, Event::KeepAliveMsg);
        if negotiated.hold_time != 0 {
            self.restart_hold(negotiated.hold_time, now);
        }
        self.written(now, cx);
        self.outputs
            .push_back(Output::Established(self.id, negotiated));
    }

    fn send_open(&mut self, local_as: Asn, event: Event, cx: Context<'_>) -> Verdict {
        match negotiate::local_open(cx.config, local_as, cx.restarted, cx.extent) {
            Ok((open, bytes)) => {
                self.extended = is_extended(&bytes);
                self.local = Some(Box::new(open));
                self.transmit(MessageType::OPEN, bytes.into());
                self.enter(State::OpenSent, event);
                Verdict::Continue
            }
            // AutomaticStop (8): the configuration does not fit into an OPEN.
            Err(notification) => self.refuse(notification, Event::AutomaticStop),
        }
    }

    fn send_notification(&mut self, notification: &Notification) {
        self.transmit(MessageType::NOTIFICATION, notification.encode().into());
    }

    fn transmit(&mut self, kind: MessageType, bytes: Bytes) {
        self.outputs
            .push_back(Output::Transmit(self.id, bytes.clone()));
        self.outputs.push_back(Output::Message {
            connection: self.id,
            direction: Direction::Send,
            message: RawMessage { kind, bytes },
        });
    }

    fn close(&mut self, to: State, event: Event) {
        self.timers.clear();
        self.enter(to, event);
        self.outputs.push_back(Output::Close(self.id));
    }

    fn enter(&mut self, to: State, event: Event) {
        let from = std::mem::replace(&mut self.state, to);
        self.outputs.push_back(Output::State {
            connection: Some(self.id),
            from,
            to,
            event,
        });
    }

    fn restart_hold(&mut self, hold_time: u16, now: Instant) {
        let wait = Duration::from_secs(hold_time.into());
        self.timers.set(Timer::Hold, now + wait);
    }

    fn restart_keepalive(&mut self, hold_time: u16, now: Instant) {
        // RFC 4271 4.4: "A reasonable maximum time between KEEPALIVE messages would be one third of the Hold Time interval";
        // the smallest hold time is 3, so this is at least a second.
        let wait = Duration::from_secs((hold_time / 3).into());
        self.timers.set(Timer::Keepalive, now + wait);
    }

    /// The negotiated hold time in seconds; 0 before there is one.
    fn hold_time(&self) -> u16 {
        self.negotiated
            .as_ref()
            .map_or(0, |negotiated| negotiated.hold_time)
    }
}

/// Closes the connection that lost.
pub(crate) fn collide(session: &mut Session) -> Verdict {
    let reason = match session.initiator {
        Initiator::Local => CloseReason::OutgoingCollision,
        Initiator::Remote => CloseReason::IncomingCollision,
    };
    let collision = Notification::cease(Notification::COLLISION);
    // OpenCollisionDump (23)
    session.end(Some(collision), Event::OpenCollisionDump, reason)
}

/// The NOTIFICATION to send when the owner stops; none when both sides can restart gracefully and we come back.
pub(crate) fn closing_notification(cease: &Cease, session: &Session) -> Option<Notification> {
    let negotiated = session
        .negotiated
        .as_ref()
        .filter(|_| session.state == State::Established);
    let notification = match cease {
        Cease::Shutdown(_) if negotiated.is_some_and(|both| both.graceful_restart()) => {
            return None;
        }
        Cease::Shutdown(text) => Notification::shutdown(Notification::SHUTDOWN, text),
        Cease::ProcessProblem => {
            Notification::new(Notification::CEASE, Notification::SHUTDOWN, Vec::new())
        }
        Cease::Removed => Notification::cease(Notification::DE_CONFIGURED),
        Cease::Replaced => Notification::cease(Notification::CONFIGURATION_CHANGE),
        Cease::TooMany => Notification::cease(Notification::OUT_OF_RESOURCES),
    };
    // RFC 8538 3: a peer that keeps routes over a NOTIFICATION drops them at a hard reset only.
    Some(
        if negotiated.is_some_and(|both| both.graceful_notification()) {
            notification.into_hard_reset()
        } else {
            notification
        },
    )
}
