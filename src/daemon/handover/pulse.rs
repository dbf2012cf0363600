//! Keeps sessions alive while all of the process works for the upgrade: millions of routes take seconds to write and to read.
//!
//! Collecting the tables, or filling them, in several turns of the reactor would let everything else change them in between:
//! leases that end, health checks, stale routes. So it is one turn, which looks now and then for a KEEPALIVE that is due, and sends
//! it directly, without waiting for a socket.

use std::os::fd::RawFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::sockets::Sockets;
use crate::bgp::message::{MessageType, keepalive};
use crate::daemon::clock;
use crate::speaker::Handed;

/// Calls between two looks at the clock.
const CALLS: u32 = 1_024;

/// The sessions of all neighbors.
pub(super) struct Pulse {
    sockets: Rc<dyn Sockets>,
    beats: Vec<Beat>,
    calls: u32,
    /// When the next KEEPALIVE is due.
    due: Option<Instant>,
}

/// A session with KEEPALIVEs.
#[derive(Debug)]
pub(super) struct Beat {
    /// The number of its neighbor.
    id: u32,
    socket: RawFd,
    interval: Duration,
    due: Instant,
    /// What is to be written: nothing, or what the peer has of it only in part.
    pub(super) output: Vec<u8>,
    /// KEEPALIVEs that were sent.
    sent: u64,
}

impl Beat {
    /// A session with these hold times of its OPENs, in seconds, whose next KEEPALIVE is due after a while. `None` if it has
    /// none.
    pub(super) fn new(
        (id, socket): (u32, RawFd),
        (sent, received): (u16, u16),
        wait: Duration,
        output: Vec<u8>,
    ) -> Option<Self> {
        // More often than RFC 4271 section 4.4 wants it, a third of the hold time: something may delay the next look.
        let interval = Duration::from_secs(sent.min(received).into()) / 4;
        (!interval.is_zero()).then(|| Self {
            id,
            socket,
            interval,
            due: clock::now() + wait,
            output,
            sent: 0,
        })
    }

    /// Notes in what is handed over of the session what it was sent meanwhile.
    pub(super) fn note(&self, handed: &mut Handed) {
        handed.output.clone_from(&self.output);
        handed.session.keepalive = Some(self.due.saturating_duration_since(clock::now()));
        let [_, sent, _, sent_total] = &mut handed.counters;
        for _ in 0..self.sent {
            sent.count(MessageType::KEEPALIVE);
            sent_total.count(MessageType::KEEPALIVE);
        }
    }

    fn beat(&mut self, now: Instant, sockets: &dyn Sockets) {
        if self.output.is_empty() {
            self.output.extend_from_slice(&keepalive());
            self.sent += 1;
        }
        self.due = now + self.interval;
        // A socket that takes nothing, or is broken, is left to the task that the session has afterwards.
        if let Ok(count) = sockets.send(self.socket, &self.output) {
            self.output.drain(..count);
        }
    }
}

impl Pulse {
    /// The pulse of these sessions.
    pub(super) fn of(beats: impl Iterator<Item = Beat>, sockets: Rc<dyn Sockets>) -> Self {
        let mut pulse = Self {
            sockets,
            beats: beats.collect(),
            calls: 0,
            due: None,
        };
        pulse.plan();
        pulse
    }

    fn plan(&mut self) {
        self.due = self.beats.iter().map(|beat| beat.due).min();
    }

    /// Is called for every route.
    pub(super) fn call(&mut self) {
        self.calls = self.calls.wrapping_add(1);
        if self.calls.is_multiple_of(CALLS) {
            self.look();
        }
    }

    /// Sends the KEEPALIVEs that are due.
    pub(super) fn look(&mut self) {
        let now = clock::now();
        if self.due.is_some_and(|due| due <= now) {
            let due = self.beats.iter_mut().filter(|beat| beat.due <= now);
            due.for_each(|beat| beat.beat(now, &*self.sockets));
            self.plan();
        }
    }

    /// Leaves out the session of a neighbor, whose socket is about to be closed.
    pub(super) fn forget(&mut self, id: u32) {
        self.beats.retain(|beat| beat.id != id);
        self.plan();
    }

    /// The session of a neighbor.
    pub(super) fn find(&self, id: u32) -> Option<&Beat> {
        self.beats.iter().find(|beat| beat.id == id)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::daemon::handover::sockets::Descriptors;

    fn pair() -> (UnixStream, UnixStream) {
        UnixStream::pair().expect("two sockets")
    }

    #[test]
    fn what_is_due_is_sent_and_nothing_else() {
        let ((one, mut first), (two, mut second), (three, third)) = (pair(), pair(), pair());
        let beat = |id, socket: &UnixStream, hold, wait, output: &[u8]| {
            let times = (hold, 90);
            Beat::new((id, socket.as_raw_fd()), times, wait, output.to_vec())
        };
        let hour = Duration::from_secs(3_600);
        let beats = [
            beat(1, &one, 9, Duration::ZERO, &[]),
            beat(2, &two, 9, hour, &[]),
            beat(3, &three, 0, Duration::ZERO, &[]),
        ];
        let mut pulse = Pulse::of(beats.into_iter().flatten(), Rc::new(Descriptors));
        for _ in 0..CALLS {
            pulse.call();
        }
        let mut message = [0; 19];
        first.read_exact(&mut message).expect("a KEEPALIVE");
        assert_eq!(message[..], keepalive()[..]);
        pulse.look();
        for silent in [&mut first, &mut second] {
            silent.set_nonblocking(true).expect("a mode");
            assert!(silent.read(&mut [0]).is_err());
        }
        third.set_nonblocking(true).expect("a mode");
        let found = pulse.find(1).expect("the session");
        assert_eq!((found.sent, found.output.len()), (1, 0));
        assert!(pulse.find(3).is_none(), "it has no KEEPALIVEs");
    }

    #[test]
    fn bytes_that_wait_are_written_first() {
        let (one, mut first) = pair();
        let beat = Beat::new((1, one.as_raw_fd()), (3, 3), Duration::ZERO, vec![1, 2, 3]);
        let mut pulse = Pulse::of(beat.into_iter(), Rc::new(Descriptors));
        pulse.look();
        let mut bytes = [0; 3];
        first.read_exact(&mut bytes).expect("what waited");
        assert_eq!(bytes, [1, 2, 3]);
        assert_eq!(pulse.find(1).map(|beat| beat.sent), Some(0));
    }
}
