//! A session that another process of this program continues, or has established.

use std::time::SystemTime;

use super::{Task, now};
use crate::speaker::handed::{Adopted, Handed};
use crate::speaker::machine::Driver;

impl Task {
    /// The established session, if there is one that can be handed over. A KEEPALIVE is sent first: the other process may need
    /// a while to begin.
    pub(super) fn hand_over(&mut self) -> Option<Handed> {
        let now = now();
        self.peer.send_keepalive(now);
        self.drain();
        let (id, session) = self.peer.snapshot(now)?;
        let status = self.driver.shared.record.borrow();
        let link = self.io.link(id)?;
        if let Some(pushed) = &link.pushed {
            pushed.0.pour(&mut link.outbox);
        }
        link.write_now();
        Some(Handed {
            socket: link.socket()?,
            ends: status.ends?,
            session,
            established: status.established.unwrap_or_else(SystemTime::now),
            input: link.input.to_vec(),
            output: link.outbox.rest(),
            sessions: status.sessions,
            counters: status.counters(),
        })
    }

    /// Sends the rest of a message that was begun while the task was held.
    pub(super) fn finish_message(&mut self, rest: Vec<u8>) {
        let established = self.peer.snapshot(now()).map(|(id, _)| id);
        if let Some(link) = established.and_then(|id| self.io.link(id))
            && !rest.is_empty()
        {
            link.outbox.resume(rest);
        }
    }

    /// Continues a session that another process has established.
    pub(super) fn adopt(driver: Driver, adopted: Box<Adopted>) -> Self {
        let adopted = *adopted;
        let session = adopted.peer.negotiated().cloned();
        let mut task = Self::with(driver, adopted.peer);
        task.io.add(adopted.id, adopted.stream);
        if let Some(link) = task.io.link(adopted.id) {
            link.input.extend_from_slice(&adopted.input);
            link.outbox.resume(adopted.output);
        }
        if let Some(session) = session {
            task.open(adopted.id, &session);
        }
        task
    }
}
