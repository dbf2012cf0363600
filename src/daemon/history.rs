//! Why a neighbor is down: the last errors of both sides, how often its sessions ended, and since when.

use std::cell::{RefCell, RefMut};
use std::fmt::Display;
use std::time::{Duration, Instant};

use tracing::{debug, info};

use crate::api::control::{Occurrence, SessionHistory};
use crate::bgp::Notification;
use crate::bgp::message::Direction;

/// The same NOTIFICATION again within this time is not logged at INFO.
const REPETITION: Duration = Duration::from_secs(60);

/// How the sessions and connection attempts of a neighbor ended.
#[derive(Debug, Default)]
pub(crate) struct History(RefCell<Record>);

#[derive(Debug, Default)]
struct Record {
    established: u64,
    lost: u64,
    // Boxed: most neighbors have none of them.
    closed: Option<Box<Noted>>,
    sent: Option<Box<Noted>>,
    received: Option<Box<Noted>>,
    connect: Option<Box<Noted>>,
    last: Option<LastError>,
}

/// The last NOTIFICATION of a neighbor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LastError {
    pub(crate) direction: Direction,
    pub(crate) code: u8,
    pub(crate) subcode: u8,
}

/// An event, with how often it occurred in a row.
#[derive(Debug)]
struct Noted {
    text: String,
    at: Instant,
    count: u64,
}

impl Noted {
    /// Records it in `last`. Returns `true` if it differs from the last one, or if that was long ago.
    fn note(last: &mut Option<Box<Self>>, text: String) -> bool {
        let at = Instant::now();
        match last {
            Some(known) if known.text == text => {
                let recent = at.duration_since(known.at) < REPETITION;
                known.at = at;
                known.count += 1;
                !recent
            }
            _ => {
                *last = Some(Box::new(Self { text, at, count: 1 }));
                true
            }
        }
    }

    fn occurrence(&self) -> Occurrence {
        Occurrence {
            text: self.text.clone(),
            seconds: self.at.elapsed().as_secs(),
            count: self.count,
        }
    }
}

/// A history as data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HistoryParts {
    pub(crate) established: u64,
    pub(crate) lost: u64,
    /// The last end, NOTIFICATION sent, NOTIFICATION received and failed attempt: text, age, repetitions.
    pub(crate) last: Vec<Option<(String, Duration, u64)>>,
    pub(crate) error: Option<LastError>,
}

impl History {
    /// The history as data.
    pub(crate) fn parts(&self) -> HistoryParts {
        let record = self.0.borrow();
        let last = [
            &record.closed,
            &record.sent,
            &record.received,
            &record.connect,
        ];
        let noted = |noted: &Noted| (noted.text.clone(), noted.at.elapsed(), noted.count);
        HistoryParts {
            established: record.established,
            lost: record.lost,
            last: last.map(|last| last.as_deref().map(noted)).into(),
            error: record.last,
        }
    }

    /// Continues a history.
    pub(crate) fn resume(&self, parts: HistoryParts) {
        let now = Instant::now();
        let mut last = parts.last.into_iter().map(|noted| {
            noted.map(|(text, age, count)| {
                let at = now.checked_sub(age).unwrap_or(now);
                Box::new(Noted { text, at, count })
            })
        });
        let mut next = || last.next().flatten();
        self.0.replace(Record {
            established: parts.established,
            lost: parts.lost,
            closed: next(),
            sent: next(),
            received: next(),
            connect: next(),
            last: parts.error,
        });
    }

    fn record(&self) -> RefMut<'_, Record> {
        self.0.borrow_mut()
    }

    /// Records an established session.
    pub(crate) fn established(&self) {
        self.record().established += 1;
    }

    /// Records the end of a connection, which was `established` if it had a session.
    pub(crate) fn closed(&self, reason: &str, established: bool) {
        let mut record = self.record();
        record.lost += u64::from(established);
        Noted::note(&mut record.closed, reason.to_owned());
    }

    /// Records a failed connection attempt.
    pub(crate) fn connect_failed(&self, cause: &dyn Display) {
        Noted::note(&mut self.record().connect, cause.to_string());
    }

    /// Records a NOTIFICATION that was sent or received.
    pub(crate) fn notification(
        &self,
        neighbor: &str,
        direction: Direction,
        notification: &Notification,
    ) {
        let mut record = self.record();
        let (code, subcode) = (notification.code, notification.subcode);
        let text = format!("{notification} ({code},{subcode})");
        record.last = Some(LastError {
            direction,
            code,
            subcode,
        });
        let (side, what) = match direction {
            Direction::Send => (&mut record.sent, "NOTIFICATION sent"),
            Direction::Receive => (&mut record.received, "NOTIFICATION received"),
        };
        if Noted::note(side, text) {
            info!(neighbor, code, subcode, "{what}: {notification}");
        } else {
            debug!(neighbor, code, subcode, "{what}, again: {notification}");
        }
    }

    /// The last NOTIFICATION that was sent or received.
    pub(crate) fn last_error(&self) -> Option<LastError> {
        self.0.borrow().last
    }

    /// The history as `show neighbor` reports it.
    pub(crate) fn shown(&self) -> SessionHistory {
        let record = self.0.borrow();
        let shown = |noted: &Option<Box<Noted>>| noted.as_deref().map(Noted::occurrence);
        SessionHistory {
            established: record.established,
            lost: record.lost,
            closed: shown(&record.closed),
            notification_sent: shown(&record.sent),
            notification_received: shown(&record.received),
            connect_failed: shown(&record.connect),
        }
    }
}
