//! One neighbor: dialling and back-off, at most two connections, and which of them stays (RFC 4271 section 6.8, RFC 6286).

use std::rc::Rc;
use std::time::Instant;

use bytes::BytesMut;
use smallvec::SmallVec;

use super::backoff::BackOff;
use super::config::Config;
use super::connections::Connections;
use super::event::{Event, State};
use super::initiator::Initiator;
use super::negotiate::Form;
use super::session::{Context, Session, Verdict, collide};
use super::timer::{self, PeerTimer, TimerTable};
use super::{ConnId, ConnInfo, Input, Output};
use crate::bgp::capability::Capability;
use crate::bgp::message::notification::Notification;
use crate::bgp::negotiated::Negotiated;

mod after;
mod collision;
mod resume;
mod stop;

/// Why a peer will do nothing more until the next [`Input::Start`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ended {
    /// [`Input::Stop`].
    Stopped,
    /// [`Config::attempts`] are used up.
    Attempts,
}

/// The state machine of one neighbor. See the [module](super) for how to drive it. It stays in the thread that made it: what
/// was negotiated is shared by `Rc`.
#[derive(Debug)]
pub struct Peer {
    config: Config,
    back_off: BackOff,
    /// ConnectRetry and IdleHold.
    timers: TimerTable<PeerTimer, { PeerTimer::COUNT }>,
    /// The state while there is no connection: Idle or Active.
    rest: State,
    running: bool,
    ended: Option<Ended>,
    /// Whether the next OPEN sets the Restart State bit.
    restarted: bool,
    next_id: u64,
    /// Connections that were tried or accepted.
    attempts: u32,
    /// Which capabilities the next OPEN offers.
    form: Form,
    dialing: Option<ConnId>,
    /// The connection whose OPEN the owner may still refuse, and when the OPEN came.
    undecided: Option<(ConnId, Instant)>,
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
            undecided: None,
            connections: Connections::default(),
        }
    }

    /// Reacts to what happened at `now`, which never goes back. Drain [`poll`](Self::poll) afterwards.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        match (&input, self.undecided) {
            (Input::Reset(refused, _), Some((id, _))) if *refused == id => self.undecided = None,
            _ => self.confirm(),
        }
        match input {
            Input::Start => self.start(now),
            Input::Incoming(id, info) => self.incoming(id, info, now),
            Input::Connected(id, info) => self.connected(id, info, now),
            // TcpConnectionFails (18)
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
                    // TcpConnectionFails (18)
                    self.connect_failed(id, Event::TcpConnectionFails, now);
                } else {
                    self.apply(id, now, |session, _| session.lost());
                }
            }
            Input::Timeout => self.expire(now),
            Input::Stop(cease) => self.stop(&cease, now),
            Input::Reset(id, notification) => {
                let event = match notification.code {
                    // BGPOpenMsgErr (22)
                    2 => Event::BgpOpenMsgErr,
                    // UpdateMsgErr (28)
                    3 => Event::UpdateMsgErr,
                    // AutomaticStop (8)
                    _ => Event::AutomaticStop,
                };
                self.apply(id, now, |session, _| session.refuse(notification, event));
            }
            Input::Bounce(notification) => self.bounce(&notification, now),
        }
    }

    /// What is to be done next.
    pub fn poll(&mut self) -> Option<Output> {
        if let Some(output) = self.connections.poll() {
            return Some(output);
        }
        self.confirm();
        self.connections.poll()
    }

    /// Frees the memory of queues that are empty, for a peer that is expected to be silent for a while.
    pub fn trim(&mut self) {
        self.connections.trim();
    }

    /// Replaces the capabilities that the next OPEN offers: [`Config::capabilities`] and [`Config::reduced`].
    pub fn offer(&mut self, capabilities: Vec<Capability>, reduced: Option<Vec<Capability>>) {
        self.config.capabilities = capabilities;
        self.config.reduced = reduced;
    }

    /// Returns `true` if [`Input::Incoming`] would lead to an OPEN, and `false` if the connection would be refused.
    pub fn admits(&self) -> bool {
        self.running && (self.connections.established().is_none() || self.may_be_replaced())
    }

    /// RFC 4271's ConnectRetryCounter: how often a connection has failed or ended since the last manual start or stop.
    pub const fn connect_retry_counter(&self) -> u32 {
        self.connections.connect_retry_counter()
    }

    /// A new connection's id, for [`Input::Incoming`].
    pub fn allot(&mut self) -> ConnId {
        self.next_id += 1;
        ConnId(self.next_id)
    }

    /// Replaces the configuration; existing connections keep the one that they began with until the next
    /// [`Input::Bounce`].
    pub fn configure(&mut self, config: Config) {
        // To the peer it is a restart, as in ExaBGP: what we announced before may no longer hold.
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
        let sessions = self.connections.iter();
        sessions
            .filter_map(|session| session.timers.next())
            .chain(self.timers.next())
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

    /// The configuration.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The state of the connection that is reported as the session of the neighbor, or that of the neighbor without one.
    pub fn state(&self) -> State {
        match (self.connections.shown(), self.dialing) {
            (Some(session), _) => session.state,
            (None, Some(_)) => State::Connect,
            (None, None) => self.rest,
        }
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
            // ManualStart_with_PassiveTcpEstablishment (4)
            self.listen(Event::ManualStartPassive);
        } else {
            // ManualStart (1)
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
        let older = self.connections.coming_up(Initiator::Remote);
        if let Some(older) = older.map(|session| session.id) {
            self.apply_quietly(older, now, |session, _| collide(session));
        }
        self.timers.stop(PeerTimer::IdleHold);
        if self.dialing.is_none() {
            self.timers.stop(PeerTimer::ConnectRetry);
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
        self.timers.stop(PeerTimer::ConnectRetry);
        self.begin(id, info, Initiator::Local, State::Connect, now);
    }

    fn connect_failed(&mut self, id: ConnId, event: Event, now: Instant) {
        if self.dialing != Some(id) {
            return;
        }
        self.dialing = None;
        self.timers.stop(PeerTimer::ConnectRetry);
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
        let mut expired = SmallVec::<[PeerTimer; 2]>::new();
        while let Some(timer) = self.timers.expired(now) {
            expired.push(timer);
        }
        let ids = self.connections.ids();
        for timer in expired {
            match (timer, self.dialing) {
                // ConnectRetryTimer_Expires (9)
                (PeerTimer::ConnectRetry, Some(id)) => {
                    self.connections.order(Output::Close(id));
                    self.connect_failed(id, Event::ConnectRetryTimerExpires, now);
                }
                (PeerTimer::ConnectRetry, None) => self.dial(Event::ConnectRetryTimerExpires, now),
                // IdleHoldTimer_Expires (13)
                (PeerTimer::IdleHold, None) => self.dial(Event::IdleHoldTimerExpires, now),
                _ => {}
            }
        }
        for id in ids {
            self.apply(id, now, |session, _| session.expire(now));
        }
    }

    /// Dials. There is no other connection.
    fn dial(&mut self, event: Event, now: Instant) {
        let id = self.allot();
        self.timers.clear();
        self.dialing = Some(id);
        self.attempts = self.attempts.saturating_add(1);
        self.connections
            .log(Some(id), self.rest, State::Connect, event);
        self.rest = State::Idle;
        let limit = timer::after(now, self.config.timers.connect_retry);
        self.timers.set(PeerTimer::ConnectRetry, limit);
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
            self.timers.stop(PeerTimer::ConnectRetry);
            self.connections
                .log(Some(id), State::Connect, State::Idle, event);
            self.connections.order(Output::Close(id));
        }
    }

    /// Changes the state of a neighbor without connection.
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

    /// Runs a step of a connection, publishes its outputs and acts on its verdict.
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
                        session.ask();
                        self.undecided = Some((id, now));
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

    /// Answers an OPEN that the owner did not refuse.
    fn confirm(&mut self) {
        let Some((id, now)) = self.undecided.take() else {
            return;
        };
        if let Some((session, _)) = self.session(id) {
            session.confirm(now);
        }
        self.connections.publish(id);
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
