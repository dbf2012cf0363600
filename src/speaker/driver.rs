//! One neighbor's task: joins the state machine to sockets, clock, commands and plugin.
//!
//! No protocol knowledge here: [`Peer`] decides what to do, this does it. Everything that waits is in one future, which may
//! be dropped at any time, and after each wake-up everything is looked at again, so no wake-up can be lost.
//! A turn is bounded ([`Turn`]): a neighbor that floods us or takes all that we have yields to the others.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use smallvec::SmallVec;
use tokio::sync::Notify;
use tokio::time::sleep_until;

use super::attempts::{self, Attempts};
use super::clock::now;
use super::control::{PeerCommand, Wanted};
use super::handed::Suspension;
use super::io::{Io, IoEvent};
use super::machine::{self, Driver, closed, machine};
use super::outbox::messages;
use super::plugin::{Plugin, SessionEvent};
use super::watch::ChangeKind;
use super::writer::{Pushed, PushedOwner, UpdateWriter};
use crate::bgp::message::refresh::RouteRefresh;
use crate::bgp::message::update::Update;
use crate::bgp::message::{HEADER, MessageType, RawMessage};
use crate::bgp::{Negotiated, Notification};
use crate::fsm::{
    self, CloseReason, ConnId, ConnInfo, Direction, Event, Initiator, Input, Output, Peer, State,
};

mod inputs;
mod resume;

/// Why a neighbor's task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It was removed.
    Removed,
    /// It was there for one session only.
    Over,
}

/// How much one turn may do before others get theirs.
#[derive(Default)]
struct Turn {
    rounds: usize,
    messages: usize,
    read: usize,
    written: usize,
    /// Whether a session came up: peers that come up at once are all there before anything is encoded for the first of them.
    is_up: bool,
}

impl Turn {
    /// Most wake-ups: a plugin that has long work wakes its task again and again.
    const ROUNDS: usize = 8;
    const MESSAGES: usize = 64;
    const READ: usize = 64 * 1024;
    const WRITTEN: usize = 256 * 1024;

    const fn is_over(&self) -> bool {
        self.rounds >= Self::ROUNDS
            || self.messages >= Self::MESSAGES
            || self.read >= Self::READ
            || self.written >= Self::WRITTEN
            || self.is_up
    }
}

/// The state of a running task.
struct Task {
    driver: Driver,
    peer: Peer,
    io: Io,
    turn: Turn,
    /// The connection whose session is up.
    established: Option<ConnId>,
    /// What the plugin wants to be reset, once the state machine is drained.
    refused: Vec<(ConnId, Notification)>,
    /// Whether routes came or went since it last waited: the queues will be needed again.
    busy: bool,
    /// Whether it was logged that reading is paused.
    paused: bool,
    /// What the log has of attempts that failed.
    attempts: Attempts,
    /// When the timer that is being handled was due.
    due: Option<Instant>,
    /// Whether the plugin knows that there will be no more attempts.
    gave_up: bool,
    ended: Option<Ended>,
    /// Holds the task.
    suspension: Option<Rc<Suspension>>,
}

/// Runs a neighbor until it is removed.
pub(crate) async fn run(driver: Driver) -> Ended {
    let mut task = Task::new(driver);
    let attempted = task.driver.shared.attempted.take();
    task.peer.resume_attempts(attempted);
    if task.driver.shared.wanted.get() == Wanted::Running {
        match task.driver.shared.postponed.take() {
            Some(waiting) => {
                task.peer.resume_waiting(waiting, now());
                task.drain();
            }
            None => task.handle(Input::Start),
        }
    }
    loop {
        if let Some(suspension) = task.suspension.take() {
            suspension.hold(task.hand_over());
            suspension.wait().await;
            task.finish_message(suspension.owed());
        }
        let mut more = task.digest();
        if task.turn.is_up {
            more = true;
        } else {
            task.fill();
        }
        task.turn.rounds += 1;
        match task.ended {
            Some(Ended::Removed) => {
                task.io.finish().await;
                return Ended::Removed;
            }
            Some(Ended::Over) => {
                // The peer may connect again before it has received the closing NOTIFICATION, and is a new neighbor then.
                let mut io = task.io;
                tokio::task::spawn_local(async move { io.finish().await });
                return Ended::Over;
            }
            None => {}
        }
        if task.turn.is_over() {
            tokio::task::yield_now().await;
            task.turn = Turn::default();
        }
        if !std::mem::take(&mut task.busy) {
            task.trim();
        }
        let paused = task.pause();
        let waker = task.driver.shared.plugin.borrow().waker();
        match task.happens(paused, waker.as_deref(), more).await {
            Happened::Command(command) => task.command(command),
            Happened::Timeout => task.timeout(),
            Happened::Io(event) => task.deliver(event),
            Happened::Woken => {}
        }
    }
}

/// What ends a wait.
enum Happened {
    Command(PeerCommand),
    /// The next timer of the state machine is due.
    Timeout,
    Io(IoEvent),
    /// There may be something to do.
    Woken,
}

impl Task {
    fn new(mut driver: Driver) -> Self {
        let adopted = driver.shared.adopted.take();
        if let Some(adopted) = adopted {
            return Self::adopt(driver, adopted);
        }
        // A task that runs again after a panic: the connection that it reported is gone.
        if driver.shared.record.borrow().ends.is_some() {
            closed(&mut driver, &CloseReason::ConnectionLost);
        }
        let peer = Peer::new(machine(&driver));
        Self::with(driver, peer)
    }

    fn with(driver: Driver, peer: Peer) -> Self {
        Self {
            driver,
            peer,
            io: Io::default(),
            turn: Turn::default(),
            established: None,
            refused: Vec::new(),
            busy: false,
            paused: false,
            attempts: Attempts::default(),
            due: None,
            gave_up: false,
            ended: None,
            suspension: None,
        }
    }

    /// Gives an input to the state machine, and performs its outputs.
    fn handle(&mut self, input: Input<'_>) {
        self.peer.handle(now(), input);
        self.drain();
    }

    fn drain(&mut self) {
        let before = self.driver.shared.record.borrow().state;
        loop {
            self.note_status();
            while let Some(output) = self.peer.poll() {
                self.perform(output);
            }
            let Some((id, notification)) = self.refused.pop() else {
                break;
            };
            self.peer.handle(now(), Input::Reset(id, notification));
        }
        // An OPEN that the plugin did not refuse is confirmed while outputs are taken.
        self.note_status();
        if before != self.peer.state() {
            self.driver.shared.report(ChangeKind::State, before);
        }
        if self.peer.ended() == Some(fsm::Ended::Attempts) && !self.gave_up {
            self.gave_up = true;
            tracing::warn!(neighbor = %self.driver.config.name, "no more attempts to connect");
            self.observe(&SessionEvent::GaveUp);
        }
    }

    fn note_status(&self) {
        let mut status = self.driver.shared.record.borrow_mut();
        status.state = self.peer.state();
        status.retry_at = self.peer.retry_at();
        status.failures = self.peer.failures();
        status.attempts = self.peer.attempts();
        status.connect_retry_counter = self.peer.connect_retry_counter();
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Connect(id) => {
                self.observe(&SessionEvent::Connecting);
                let config = &self.driver.config;
                let own = self.driver.shared.plugin.borrow_mut().dial(config);
                let dialing = own.unwrap_or_else(|| self.driver.shared.transport.dial(config));
                self.io.dial(id, dialing);
            }
            Output::Transmit(id, bytes) => {
                if let Some(link) = self.io.link(id) {
                    link.outbox.push_urgent(bytes);
                }
            }
            Output::Close(id) => self.io.close(id),
            Output::State {
                from, to, event, ..
            } => self.transition(from, to, event),
            Output::Connected(_, ends, initiator) => self.connected(ends, initiator),
            Output::Message {
                connection,
                direction,
                message,
            } => self.message(connection, direction, &message),
            Output::Opened(id, session) => self.opened(id, &session),
            Output::Negotiated(_, session) => self.observe(&SessionEvent::Negotiated(&session)),
            Output::Established(id, session) => self.up(id, &session),
            Output::Down(reason) => self.down(&reason),
            Output::Reduced => tracing::warn!(
                neighbor = %self.driver.config.name,
                "the peer refused the extended form of OPEN (RFC 9072): the next one leaves out the capabilities that are not configured"
            ),
        }
    }

    fn transition(&self, from: State, to: State, event: Event) {
        let neighbor = &self.driver.config.name;
        let up = to == State::Established && self.attempts.reports_session();
        if self.attempts.is_repetition() && !up {
            tracing::debug!(target: "oxabgp::fsm", %neighbor, %event, %from, %to, "state");
        } else {
            tracing::info!(target: "oxabgp::fsm", %neighbor, %event, %from, %to, "state");
        }
        self.observe(&SessionEvent::Transition { from, to, event });
    }

    fn connected(&mut self, ends: ConnInfo, initiator: Initiator) {
        {
            let mut record = self.driver.shared.record.borrow_mut();
            record.connected(ends);
        }
        self.observe(&SessionEvent::Connected(ends, initiator));
    }

    fn message(&mut self, id: ConnId, direction: Direction, message: &RawMessage) {
        self.count(direction, message.kind);
        self.observe(&SessionEvent::Message { direction, message });
        if direction == Direction::Send || self.established != Some(id) {
            return;
        }
        self.busy |= message.kind == MessageType::UPDATE;
        let mut plugin = self.driver.shared.plugin.borrow_mut();
        let config = &self.driver.config;
        let result = match message.kind {
            MessageType::UPDATE => match Update::new(message.body()) {
                Ok(update) => plugin.on_update(config, update),
                Err(error) => {
                    plugin.on_event(config, &SessionEvent::Unreadable(message));
                    Err(error.notification())
                }
            },
            MessageType::ROUTE_REFRESH => {
                RouteRefresh::decode(message).map(|refresh| plugin.on_refresh(config, refresh))
            }
            _ => Ok(()),
        };
        drop(plugin);
        if let Err(notification) = result {
            self.refused.push((id, notification));
        }
    }

    /// Counts a message of the state machine, and reports how late a KEEPALIVE is.
    fn count(&self, direction: Direction, kind: MessageType) {
        let mut status = self.driver.shared.record.borrow_mut();
        status.count(direction, kind);
        drop(status);
        if let (Direction::Send, MessageType::KEEPALIVE, Some(due)) = (direction, kind, self.due) {
            self.observe(&SessionEvent::KeepaliveLate(
                now().saturating_duration_since(due),
            ));
        }
    }

    /// Lets the plugin decide about the peer's OPEN: a refusal is sent instead of our KEEPALIVE.
    fn opened(&mut self, id: ConnId, session: &Rc<Negotiated>) {
        let mut plugin = self.driver.shared.plugin.borrow_mut();
        let result = plugin.on_open(&self.driver.config, &session.remote);
        drop(plugin);
        if let Err(notification) = result {
            self.peer.handle(now(), Input::Reset(id, notification));
        }
    }

    fn up(&mut self, id: ConnId, session: &Rc<Negotiated>) {
        let Some(writer) = self.open(id, session) else {
            return;
        };
        {
            let mut status = self.driver.shared.record.borrow_mut();
            status.established = Some(SystemTime::now());
            status.hold_time = Some(session.hold_time);
            status.sessions += 1;
        }
        let mut plugin = self.driver.shared.plugin.borrow_mut();
        plugin.on_established(&self.driver.config, session, writer);
    }

    /// Lets a session be written to.
    fn open(&mut self, id: ConnId, session: &Rc<Negotiated>) -> Option<UpdateWriter> {
        let link = self.io.link(id)?;
        link.up = true;
        let mut writer = None;
        if self.driver.shared.plugin.borrow().has_writer() {
            let pushed = Pushed::new(machine::terms(&self.driver, session));
            writer = Some(pushed.writer());
            link.pushed = Some(PushedOwner(pushed));
        }
        self.established = Some(id);
        self.turn.is_up = true;
        let shared = &self.driver.shared;
        shared.session.replace(Some(Rc::clone(session)));
        shared.writer.replace(writer.clone());
        // The plugin is asked again before the next OPEN, and other connections have ended.
        self.peer.offer(Vec::new(), None);
        Some(writer.unwrap_or_else(UpdateWriter::closed))
    }

    fn down(&mut self, reason: &CloseReason) {
        self.established = None;
        if self.peer.failures() == 0 {
            self.attempts.reset();
            tracing::info!(neighbor = %self.driver.config.name, %reason, "session closed");
        } else if let Some(times) = self.attempts.failed(&reason.to_string()) {
            let next = self.next_attempt();
            tracing::info!(neighbor = %self.driver.config.name, %reason, times, next, "session closed");
        }
        closed(&mut self.driver, reason);
        if self.driver.shared.dynamic {
            self.ended.get_or_insert(Ended::Over);
        }
    }

    /// When the next attempt will be made, for the log.
    fn next_attempt(&self) -> String {
        let next = self.peer.retry_at();
        attempts::wait(next.map(|at| at.saturating_duration_since(now())))
    }

    fn observe(&self, event: &SessionEvent<'_>) {
        let mut plugin = self.driver.shared.plugin.borrow_mut();
        plugin.on_event(&self.driver.config, event);
    }

    /// Acts on messages that were read, as many as this turn may; whether some are left that could be.
    fn digest(&mut self) -> bool {
        if self.io.links.iter().all(|link| link.input.len() < HEADER) {
            return false;
        }
        // One look at the clock for all messages of a turn.
        let now = now();
        let ids: SmallVec<[ConnId; 2]> = self.io.links.iter().map(|link| link.id).collect();
        for id in ids {
            while self.established != Some(id) || self.driver.shared.plugin.borrow().ready() {
                if self.turn.messages >= Turn::MESSAGES {
                    return true;
                }
                if !self.receive(id, now) {
                    break;
                }
                self.turn.messages += 1;
            }
        }
        false
    }

    /// Acts on the next message of a connection; `false` when there is none, or not all of it.
    fn receive(&mut self, id: ConnId, now: Instant) -> bool {
        let Some(link) = self.io.link(id) else {
            return false;
        };
        let before = link.input.len();
        if before < HEADER {
            return false;
        }
        self.peer.handle(now, Input::Received(id, &mut link.input));
        let after = link.input.len();
        self.drain();
        after != before
    }

    /// Asks for what can be sent.
    fn fill(&mut self) {
        let Some(id) = self.established else {
            return;
        };
        let Some(link) = self.io.link(id) else {
            return;
        };
        if let Some(pushed) = &link.pushed {
            pushed.0.pour(&mut link.outbox);
        }
        let mut plugin = self.driver.shared.plugin.borrow_mut();
        if link.outbox.has_room() {
            plugin.fill(&self.driver.config, &mut link.outbox);
        }
        let chunks = link.outbox.take_pushed();
        if chunks.is_empty() {
            return;
        }
        self.busy = true;
        let observed = plugin.observes_updates_sent();
        for chunk in &chunks {
            match chunk.updates.filter(|_| !observed) {
                Some(updates) => {
                    let mut status = self.driver.shared.record.borrow_mut();
                    status.count_updates_sent(updates);
                }
                None => self.report_sent(&mut **plugin, &chunk.messages, observed),
            }
        }
    }

    /// Counts the messages of a chunk, and reports them; UPDATEs only if the plugin observes them.
    fn report_sent(&self, plugin: &mut dyn Plugin, chunk: &Bytes, observed: bool) {
        for message in messages(chunk) {
            let message = raw(chunk, message);
            // Not borrowed for longer: a plugin may ask the server for the status.
            let mut status = self.driver.shared.record.borrow_mut();
            status.count(Direction::Send, message.kind);
            drop(status);
            // Messages that are not routes are few, and always reported.
            if observed || message.kind != MessageType::UPDATE {
                let event = SessionEvent::Message {
                    direction: Direction::Send,
                    message: &message,
                };
                plugin.on_event(&self.driver.config, &event);
            }
        }
    }

    /// Returns `true` if the plugin takes nothing for now; logged once.
    fn pause(&mut self) -> bool {
        let paused = self.established.is_some() && !self.driver.shared.plugin.borrow().ready();
        if paused != self.paused {
            self.paused = paused;
            let what = if paused {
                "reading is paused"
            } else {
                "reading goes on"
            };
            tracing::info!(neighbor = %self.driver.config.name, "{what}: it waits for its plugin");
        }
        paused
    }

    /// Waits for the next thing that happens; with `more`, for nothing if it has not happened yet. One future by hand: those
    /// of a `select!` would take a fifth more memory for each neighbor.
    async fn happens(&mut self, paused: bool, waker: Option<&Notify>, more: bool) -> Happened {
        // Not from a variable, whose place would be there all the time.
        let mut sleep = pin!(self.peer.timeout().map(|at| sleep_until(at.into())));
        let mut woken = pin!(waker.map(Notify::notified));
        poll_fn(|cx| {
            let shared = &self.driver.shared;
            if let Poll::Ready(command) = shared.mailbox.poll_next(cx) {
                return Poll::Ready(Happened::Command(command));
            }
            if is_ready(sleep.as_mut().as_pin_mut(), cx) {
                return Poll::Ready(Happened::Timeout);
            }
            if let Poll::Ready(event) = self.io.poll(cx, paused) {
                return Poll::Ready(Happened::Io(event));
            }
            let woken = is_ready(woken.as_mut().as_pin_mut(), cx);
            if woken || shared.poll_pushed(cx).is_ready() || more {
                return Poll::Ready(Happened::Woken);
            }
            Poll::Pending
        })
        .await
    }

    /// Frees the memory of queues that are empty: thousands of neighbors may be silent.
    fn trim(&mut self) {
        self.peer.trim();
        self.io.trim();
        self.driver.shared.mailbox.trim();
    }
}

/// Whether a future that there may be is done.
fn is_ready(future: Option<Pin<&mut impl Future<Output = ()>>>, cx: &mut Context<'_>) -> bool {
    future.is_some_and(|future| future.poll(cx).is_ready())
}

/// One message of a chunk, sharing its bytes.
fn raw(chunk: &Bytes, message: &[u8]) -> RawMessage {
    RawMessage {
        kind: MessageType(message.get(18).copied().unwrap_or_default()),
        bytes: chunk.slice_ref(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of what a function returns.
    fn size_of_result<T, F>(_: impl Fn(T) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_silent_neighbor_takes_little_memory() {
        // There may be thousands of them.
        let task = size_of_result(run);
        assert!(task <= 1_280, "{task} bytes");
    }
}
