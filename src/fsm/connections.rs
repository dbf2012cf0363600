//! The connections of one neighbor, at most two, and what is reported of them.
//!
//! To its owner a neighbor is one session. The outputs of the connection that came first are shown; those of the other are
//! kept back, reported from their start if the first one goes, dropped if it stays (see [`Output::Connected`]). The log gets the
//! transitions of both.

use std::collections::VecDeque;

use smallvec::SmallVec;

use super::event::{Event, State};
use super::initiator::Initiator;
use super::reason::CloseReason;
use super::session::Session;
use super::{ConnId, Output};

/// The connections, and what is to be done.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    /// Mostly one, at most two.
    slots: SmallVec<[Slot; 1]>,
    /// The connection that is reported as the session of the neighbor.
    shown: Option<ConnId>,
    connect_retry_counter: u32,
    outputs: VecDeque<Output>,
}

/// A connection and its unreported outputs.
#[derive(Debug)]
struct Slot {
    session: Session,
    backlog: Vec<Output>,
}

impl Connections {
    /// Adds a connection.
    pub(crate) fn push(&mut self, session: Session) {
        debug_assert!(self.slots.len() < 2, "at most two connections");
        self.shown.get_or_insert(session.id);
        self.slots.push(Slot {
            session,
            backlog: Vec::new(),
        });
    }

    /// Removes a closed connection and returns its last state. If it was the one shown, its end is reported, then the
    /// other one so far.
    pub(crate) fn remove(&mut self, id: ConnId, reason: CloseReason) -> Option<State> {
        let at = self.slots.iter().position(|slot| slot.session.id == id)?;
        let slot = self.slots.remove(at);
        if self.shown == Some(id) {
            self.order(Output::Down(reason));
            self.shown = self.slots.first().map(|slot| slot.session.id);
            if let Some(slot) = self.slots.first_mut() {
                for output in std::mem::take(&mut slot.backlog) {
                    self.order(output);
                }
            }
        }
        Some(slot.session.state)
    }

    /// Moves what a connection did to the outputs, or to its backlog what is not reported.
    pub(crate) fn publish(&mut self, id: ConnId) {
        let shown = self.shown == Some(id);
        let Some(at) = self.slots.iter().position(|slot| slot.session.id == id) else {
            return;
        };
        while let Some(output) = self.slots[at].session.outputs.pop_front() {
            match output {
                Output::State {
                    connection,
                    from,
                    to,
                    event,
                } => self.log(connection, from, to, event),
                Output::Transmit(..) | Output::Close(_) | Output::Opened(..) => self.order(output),
                output if shown => self.order(output),
                output => self.slots[at].backlog.push(output),
            }
        }
    }

    /// Asks the driver for something, or reports an event of the neighbor.
    pub(crate) fn order(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    /// Reports a transition, and counts it if the RFC does.
    pub(crate) fn log(&mut self, connection: Option<ConnId>, from: State, to: State, event: Event) {
        match event {
            // RFC 4271 8.2.2: "sets ConnectRetryCounter to zero".
            Event::ManualStart | Event::ManualStartPassive | Event::ManualStop => {
                self.connect_retry_counter = 0;
            }
            // RFC 4271 8.2.2: "increments the ConnectRetryCounter by 1".
            _ if to == State::Idle && from != State::Idle => self.count(),
            Event::TcpConnectionFails if from == State::Connect => self.count(),
            _ => {}
        }
        self.outputs.push_back(Output::State {
            connection,
            from,
            to,
            event,
        });
    }

    const fn count(&mut self) {
        self.connect_retry_counter = self.connect_retry_counter.saturating_add(1);
    }

    /// The RFC's ConnectRetryCounter.
    pub(crate) const fn connect_retry_counter(&self) -> u32 {
        self.connect_retry_counter
    }

    /// Frees the memory of queues that are empty.
    pub(crate) fn trim(&mut self) {
        if self.outputs.is_empty() {
            self.outputs = VecDeque::new();
        }
        self.slots.iter_mut().for_each(|slot| slot.session.trim());
    }

    /// What is to be done next.
    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The connection `id`.
    pub(crate) fn get_mut(&mut self, id: ConnId) -> Option<&mut Session> {
        self.slots
            .iter_mut()
            .map(|slot| &mut slot.session)
            .find(|session| session.id == id)
    }

    /// The connections.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Session> {
        self.slots.iter().map(|slot| &slot.session)
    }

    /// Their ids.
    pub(crate) fn ids(&self) -> SmallVec<[ConnId; 2]> {
        self.iter().map(|session| session.id).collect()
    }

    /// The connection that is not `id`.
    pub(crate) fn other(&self, id: ConnId) -> Option<&Session> {
        self.iter().find(|session| session.id != id)
    }

    /// The connection that `initiator` opened and that is not up yet.
    pub(crate) fn coming_up(&self, initiator: Initiator) -> Option<&Session> {
        self.iter()
            .find(|session| session.initiator == initiator && session.state != State::Established)
    }

    /// The connection that is up.
    pub(crate) fn established(&self) -> Option<&Session> {
        self.iter()
            .find(|session| session.state == State::Established)
    }

    /// The connection that is reported as the session of the neighbor.
    pub(crate) fn shown(&self) -> Option<&Session> {
        self.iter().find(|session| Some(session.id) == self.shown)
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}
