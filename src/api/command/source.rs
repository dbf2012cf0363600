//! The source of a command.

use super::batch::Batch;
use super::cache::Selections;
use super::role::Role;
use super::routes_json::RoutesJson;
use super::special::RecordWatch;
use super::staging::Staging;
use crate::api::reply::Acks;

/// The source of commands: a helper process, or a client of the control socket or pipe.
#[derive(Debug)]
pub struct Source {
    /// The name of the process; also the default group of `announce watchdog`.
    pub name: String,
    /// Which commands it may send.
    pub role: Role,
    /// Which answers it gets.
    pub acks: Acks,
    /// Answers to route commands always wait until the routes are written to the sockets (`session sync enable` of ExaBGP 6.0).
    pub sync: bool,
    /// Commands that request something of the daemon as a whole, such as `reload`, are answered with the result. ExaBGP
    /// answers them at once, and so are helpers and the clients of the named pipes.
    pub waits: bool,
    /// The form of `show adj-rib … json`.
    pub routes_json: RoutesJson,
    /// The batch that is open.
    pub(super) batch: Option<Batch>,
    /// The set that is being declared.
    pub(super) staging: Option<Staging>,
    /// The set whose beginning was refused, until its end: its lines mean nothing.
    pub(super) refused_set: Option<String>,
    /// The neighbors that its selectors select.
    pub(super) selections: Selections,
    /// Whether it can receive records in place of answers, and which it has asked for.
    records: Records,
}

/// Records in place of answers.
#[derive(Debug, Default)]
enum Records {
    #[default]
    Refused,
    Accepted,
    Wanted(RecordWatch),
}

impl Source {
    /// A source that receives ExaBGP's answers: `done` and `error`.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            role: Role::Full,
            acks: Acks::default(),
            sync: false,
            waits: false,
            routes_json: RoutesJson::V1,
            batch: None,
            staging: None,
            refused_set: None,
            selections: Selections::default(),
            records: Records::Refused,
        }
    }

    /// Accepts `watch mrt`, because the connection can carry something other than answers.
    pub fn accept_records(&mut self) {
        self.records = Records::Accepted;
    }

    /// Notes which records it asks for. Returns `false` if it can receive none.
    pub(super) fn watch_records(&mut self, watch: RecordWatch) -> bool {
        let accepted = !matches!(self.records, Records::Refused);
        if accepted {
            self.records = Records::Wanted(watch);
        }
        accepted
    }

    /// Returns `true` once it has asked for records: what it sends after that is no command.
    pub const fn wants_records(&self) -> bool {
        matches!(self.records, Records::Wanted(_))
    }

    /// The records that it has asked for.
    pub fn take_records(&mut self) -> Option<RecordWatch> {
        match std::mem::take(&mut self.records) {
            Records::Wanted(watch) => Some(watch),
            Records::Refused | Records::Accepted => None,
        }
    }

    /// Returns `true` if a batch or a set is open.
    pub const fn is_open(&self) -> bool {
        self.batch.is_some() || self.staging.is_some()
    }

    /// Discards the batch or the set that is open: the source is gone.
    pub fn abandon(&mut self) {
        self.batch = None;
        self.staging = None;
        self.refused_set = None;
    }
}
