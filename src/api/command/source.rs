//! The source of a command.

use super::batch::Batch;
use super::cache::Selections;
use super::role::Role;
use super::routes_json::RoutesJson;
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
    /// The form of `show adj-rib … json`.
    pub routes_json: RoutesJson,
    /// The batch that is open.
    pub(super) batch: Option<Batch>,
    /// The set that is being declared.
    pub(super) staging: Option<Staging>,
    /// The neighbors that its selectors select.
    pub(super) selections: Selections,
}

impl Source {
    /// A source that receives ExaBGP's answers: `done` and `error`.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            role: Role::Full,
            acks: Acks::default(),
            sync: false,
            routes_json: RoutesJson::V1,
            batch: None,
            staging: None,
            selections: Selections::default(),
        }
    }

    /// Discards the batch or the set that is open: the source is gone.
    pub fn abandon(&mut self) {
        self.batch = None;
        self.staging = None;
    }
}
