//! One neighbour: dialling and back-off, at most two connections, and which of them stays (RFC 4271 section 6.8, RFC 6286).

use std::rc::Rc;
use std::time::Instant;

use bytes::BytesMut;
use smallvec::SmallVec;

use super::backoff::{BackOff, patience};
use super::config::Config;
use super::connections::Connections;
use super::event::{Event, Phase, State};
use super::negotiate::Form;
use super::reason::{Cease, CloseReason};
use super::session::{Context, Initiator, Session, Verdict, collide, farewell};
use super::timer::{Timer, TimerTable};
use super::{ConnId, ConnInfo, Input, Output};
use crate::bgp::message::notification::Notification;
use crate::bgp::negotiated::Negotiated;

/// Why a peer will do nothing more until the next [`Input::Start`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ended {
    /// [`Input::Stop`].
    Stopped,
    /// [`Config::attempts`] are used up.
    Attempts,
}

/// The state machine of one neighbour. See the [module](super) for how to drive it.
#[derive(Debug)]
pub struct Peer {
    config: Config,
    back_off: BackOff,
    /// ConnectRetry and IdleHold.
    timers: TimerTable,
    /// The state while there is no connection: Idle or Active.
    rest: State,
    running: bool,
    ended: Option<Ended>,
    /// Whether the next OPEN says that we have restarted.
    restarted: bool,
    next_id: u64,
    /// Connections that were tried or accepted.
    attempts: u32,
    /// Which capabilities the next OPEN offers.
    form: Form,
    dialing: Option<ConnId>,
    connections: Connections,
}

impl Peer {
    /// A peer that does nothing until [`Input::Start`].
    pub fn new(config: Config) -> Self {
        Self {
            back_off: BackOff::new(config.seed, &config.timers),
            config,
            timers: TimerTable::default(),
            rest: State::Idle,
            running: false,
            ended: None,
            restarted: true,
            next_id: 0,
            attempts: 0,
            form: Form::default(),
            dialing: None,
            connections: Connections::default(),
        }
    }

    /// Reacts to what happened at `now`, which never goes back. Drain [`poll`](Self::poll) afterwards.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Start => self.start(now),
            Input::Incoming(id, info) => self.incoming(id, info, now),
            Input::Connected(id, info) => self.connected(id, info, now),
            Input::ConnectFailed(id) => self.connect_failed(id, Event::TcpConnectionFails, now),
            Input::Received(id, buffer) => self.received(id, buffer, now),
            Input::Unread(id) => {
                if let Some((session, cx)) = self.session(id) {
                    session.unread(now, cx);
                }
            }
            Input::Written(id) => {
                if let Some((session, cx)) = self.session(id) {
                    session.written(now, cx);
                }
            }
            Input::Eof(id) => {
                if self.dialing == Some(id) {
                    self.connect_failed(id, Event::TcpConnectionFails, now);
                } else {
                    self.apply(id, now, |session, _| session.lost());
                }
            }
            Input::Timeout => self.expire(now),
            Input::Stop(cease) => self.stop(&cease, now),
            Input::Reset(id, notification) => {
                let event = match notification.code {
                    2 => Event::BgpOpenMsgErr,
                    3 => Event::UpdateMsgErr,
                    _ => Event::AutomaticStop,
                };
                self.apply(id, now, |session, _| session.refuse(notification, event));
            }
            Input::Bounce(notification) => self.bounce(&notification, now),
        }
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Option<Output> {
        self.connections.poll()
    }

    /// A new connection's id, for [`Input::Incoming`].
    pub fn allot(&mut self) -> ConnId {
        self.next_id += 1;
        ConnId(self.next_id)
    }

    /// Replaces what the peer is told; connections that exist keep what they began with until the next
    /// [`Input::Bounce`].
    pub fn configure(&mut self, config: Config) {
        // To the peer it is a restart, as in ExaBGP: what we told it before may not hold any more.
        self.restarted = true;
        self.back_off = BackOff::new(config.seed, &config.timers);
        self.form = Form::default();
        self.config = config;
    }

    /// The same for settings that do not concern the current session, which goes on: they count from the next one on.
    pub fn update_config(&mut self, config: Config) {
        self.config = config;
    }

    /// When to give [`Input::Timeout`].
    pub fn timeout(&self) -> Option<Instant> {
        let sessions = self.connections.iter().map(|session| &session.timers);
        sessions
            .chain([&self.timers])
            .filter_map(TimerTable::next)
            .min()
    }

    /// Set when the peer will do nothing more until the next [`Input::Start`].
    pub const fn ended(&self) -> Option<Ended> {
        self.ended
    }

    /// When the next dial is due; `None` while there is a connection or a dial, and when none will be made.
    pub fn retry_at(&self) -> Option<Instant> {
        match self.dialing {
            Some(_) => None,
            None => self.timers.next(),
        }
    }

    /// Attempts that failed, and sessions that were too short, since the last session that lasted.
    pub const fn failures(&self) -> u32 {
        self.back_off.failures()
    }

    /// What the peer was told.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The state of the connection that helpers are told about, or that of the neighbour without one.
    pub fn state(&self) -> State {
        match (self.connections.shown(), self.dialing) {
            (Some(session), _) => session.state,
            (None, Some(_)) => State::Connect,
            (None, None) => self.rest,
        }
    }

    /// The last phase that helpers were told.
    pub const fn phase(&self) -> Phase {
        self.connections.phase()
    }

    /// The facts of the session, while it is up.
    pub fn negotiated(&self) -> Option<&Rc<Negotiated>> {
        self.connections.established()?.negotiated.as_ref()
    }

    fn start(&mut self, now: Instant) {
        if !self.running {
            self.running = true;
            self.ended = None;
            self.attempts = 0;
        }
        if !self.connections.is_empty() || self.dialing.is_some() {
            return;
        }
        self.back_off.reset(&self.config.timers);
        if self.config.passive {
            self.listen(Event::ManualStartPassive);
        } else {
            self.dial(Event::ManualStart, now);
        }
    }

    fn incoming(&mut self, id: ConnId, info: ConnInfo, now: Instant) {
        if !self.running {
            let rejected = Notification::cease(Notification::REJECTED);
            return self.turn_away(id, &rejected);
        }
        if self.connections.established().is_some() && !self.may_be_replaced() {
            // RFC 4271 6.8: "a connection collision with an existing BGP connection that is in the Established state
            // causes closing of the newly created connection"
            return self.turn_away(id, &Notification::cease(Notification::COLLISION));
        }
        // The peer gave up a connection that it opened before.
        let older = self
            .connections
            .accepted()
            .filter(|session| session.state != State::Established)
            .map(|session| session.id);
        if let Some(older) = older {
            self.apply_quietly(older, now, |session, _| collide(session));
        }
        self.timers.stop(Timer::IdleHold);
        if self.dialing.is_none() {
            self.timers.stop(Timer::ConnectRetry);
        }
        self.attempts = self.attempts.saturating_add(1);
        let from = if self.dialing.is_some() || !self.connections.is_empty() {
            State::Active
        } else {
            self.rest
        };
        self.begin(id, info, Initiator::Remote, from, now);
    }

    fn connected(&mut self, id: ConnId, info: ConnInfo, now: Instant) {
        if self.dialing != Some(id) {
            // A dial that was given up, or nonsense.
            if self.connections.get_mut(id).is_none() {
                self.connections.order(Output::Close(id));
            }
            return;
        }
        self.dialing = None;
        self.timers.stop(Timer::ConnectRetry);
        self.begin(id, info, Initiator::Local, State::Connect, now);
    }

    fn connect_failed(&mut self, id: ConnId, event: Event, now: Instant) {
        if self.dialing != Some(id) {
            return;
        }
        self.dialing = None;
        self.timers.stop(Timer::ConnectRetry);
        self.connections
            .log(Some(id), State::Connect, State::Active, event);
        self.rest = State::Active;
        self.back_off.fail();
        self.wait_if_alone(now);
    }

    fn received(&mut self, id: ConnId, buffer: &mut BytesMut, now: Instant) {
        self.apply(id, now, |session, cx| session.received(buffer, now, cx));
    }

    fn expire(&mut self, now: Instant) {
        // A timer that is set again while it is served is not served twice.
        let mut expired = SmallVec::<[Timer; 2]>::new();
        while let Some(timer) = self.timers.expired(now) {
            expired.push(timer);
        }
        let ids = self.connections.ids();
        for timer in expired {
            match (timer, self.dialing) {
                (Timer::ConnectRetry, Some(id)) => {
                    self.connections.order(Output::Close(id));
                    self.connect_failed(id, Event::ConnectRetryTimerExpires, now);
                }
                (Timer::ConnectRetry, None) => self.dial(Event::ConnectRetryTimerExpires, now),
                (Timer::IdleHold, None) => self.dial(Event::IdleHoldTimerExpires, now),
                _ => {}
            }
        }
        for id in ids {
            self.apply(id, now, |session, _| session.expire(now));
        }
    }

    fn stop(&mut self, cease: &Cease, now: Instant) {
        if !self.running {
            self.ended = Some(Ended::Stopped);
            return;
        }
        self.running = false;
        self.ended = Some(Ended::Stopped);
        self.hang_up(Event::ManualStop);
        for id in self.connections.ids() {
            self.apply(id, now, |session, _| {
                let notification = farewell(cease, session);
                session.end(notification, Event::ManualStop, cease.reason())
            });
        }
        self.settle(State::Idle, Event::ManualStop);
        self.timers.clear();
    }

    fn bounce(&mut self, notification: &Notification, now: Instant) {
        if !self.running {
            return;
        }
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
            self.listen(Event::AutomaticStartPassive);
        } else {
            self.dial(Event::AutomaticStart, now);
        }
    }

    /// Dials. There is no other connection.
    fn dial(&mut self, event: Event, now: Instant) {
        let id = self.allot();
        self.timers.clear();
        self.dialing = Some(id);
        self.attempts = self.attempts.saturating_add(1);
        self.connections.show(Output::Phase(Phase::Active));
        self.connections.show(Output::Phase(Phase::Idle));
        self.connections
            .log(Some(id), self.rest, State::Connect, event);
        self.rest = State::Idle;
        let limit = now + self.config.timers.connect_retry;
        self.timers.set(Timer::ConnectRetry, limit);
        self.connections.order(Output::Connect(id));
    }

    /// Waits for the peer to connect.
    fn listen(&mut self, event: Event) {
        self.timers.clear();
        self.settle(State::Active, event);
    }

    /// Gives up a dial.
    fn hang_up(&mut self, event: Event) {
        if let Some(id) = self.dialing.take() {
            self.timers.stop(Timer::ConnectRetry);
            self.connections
                .log(Some(id), State::Connect, State::Idle, event);
            self.connections.order(Output::Close(id));
        }
    }

    /// Changes the state of a neighbour without connection.
    fn settle(&mut self, to: State, event: Event) {
        let from = std::mem::replace(&mut self.rest, to);
        if from != to {
            self.connections.log(None, from, to, event);
        }
    }

    fn begin(
        &mut self,
        id: ConnId,
        info: ConnInfo,
        initiator: Initiator,
        from: State,
        now: Instant,
    ) {
        let cx = Context {
            config: &self.config,
            restarted: self.restarted,
            extent: self.form.extent(),
        };
        let (session, verdict) = Session::begin(id, info, initiator, from, now, cx);
        self.rest = State::Idle;
        self.connections.push(session);
        self.connections.publish(id);
        self.judge(id, verdict, now);
        self.wait_if_alone(now);
    }

    /// Lets a connection do something, tells what it did, and draws the conclusions.
    fn apply(
        &mut self,
        id: ConnId,
        now: Instant,
        act: impl FnOnce(&mut Session, Context<'_>) -> Verdict,
    ) {
        self.apply_quietly(id, now, act);
        self.wait_if_alone(now);
    }

    /// The same without starting to wait when it was the last connection.
    fn apply_quietly(
        &mut self,
        id: ConnId,
        now: Instant,
        act: impl FnOnce(&mut Session, Context<'_>) -> Verdict,
    ) {
        let Some((session, cx)) = self.session(id) else {
            return;
        };
        let verdict = act(session, cx);
        if verdict == Verdict::Established {
            self.drop_others(id, now);
        }
        self.connections.publish(id);
        self.judge(id, verdict, now);
    }

    fn judge(&mut self, id: ConnId, verdict: Verdict, now: Instant) {
        match verdict {
            Verdict::Continue => {}
            Verdict::Opened => {
                if self.arbitrate(id, now) {
                    if let Some((session, _)) = self.session(id) {
                        session.confirm(now);
                    }
                    self.connections.publish(id);
                }
            }
            Verdict::Established => {
                self.restarted = false;
            }
            Verdict::Closed(reason) => {
                self.learn(id, &reason, now);
                if let Some(state) = self.connections.remove(id, reason) {
                    self.rest = state;
                }
            }
        }
    }

    /// Draws from the end of a connection what the next attempt needs to know.
    fn learn(&mut self, id: ConnId, reason: &CloseReason, now: Instant) {
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

    /// Decides between the connection whose OPEN has just been accepted and the other one; whether it stays.
    ///
    /// RFC 4271 6.8 keeps the connection that the speaker with the higher identifier opened; RFC 6286 lets the higher AS win
    /// between equal identifiers. As in BIRD the other one need not have got its OPEN: both ends know enough to decide alike.
    fn arbitrate(&mut self, id: ConnId, now: Instant) -> bool {
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
    fn drop_others(&mut self, id: ConnId, now: Instant) {
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
    fn may_be_replaced(&self) -> bool {
        self.negotiated()
            .is_some_and(|negotiated| negotiated.graceful_restart())
    }

    /// After the last connection is gone: ends, listens, or waits for the next dial.
    fn wait_if_alone(&mut self, now: Instant) {
        let alone = self.connections.is_empty() && self.dialing.is_none();
        if !alone || !self.running || self.used_up() {
            return;
        }
        if self.timers.is_set(Timer::ConnectRetry) || self.timers.is_set(Timer::IdleHold) {
            return;
        }
        if self.config.passive {
            return self.listen(Event::AutomaticStartPassive);
        }
        let timer = match self.rest {
            State::Active => Timer::ConnectRetry,
            _ => Timer::IdleHold,
        };
        let wait = self.back_off.wait(&self.config.timers);
        self.timers.set(timer, now + wait);
    }

    /// Ends the peer when it has no attempt left.
    fn used_up(&mut self) -> bool {
        let used_up = self
            .config
            .attempts
            .is_some_and(|limit| self.attempts >= limit);
        if used_up {
            self.running = false;
            self.ended = Some(Ended::Attempts);
            self.timers.clear();
            self.settle(State::Idle, Event::AutomaticStop);
        }
        used_up
    }

    /// Refuses a connection that has no session.
    fn turn_away(&mut self, id: ConnId, notification: &Notification) {
        let bytes = notification.encode().into();
        self.connections.order(Output::Transmit(id, bytes));
        self.connections.order(Output::Close(id));
    }

    fn session(&mut self, id: ConnId) -> Option<(&mut Session, Context<'_>)> {
        let cx = Context {
            config: &self.config,
            restarted: self.restarted,
            extent: self.form.extent(),
        };
        Some((self.connections.get_mut(id)?, cx))
    }
}
