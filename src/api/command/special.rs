//! Outcomes of commands for operators that the daemon completes.

use std::path::PathBuf;

use super::staging::SetPlan;
use crate::grammar::Selector;

/// The events that an operator watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Of which neighbors.
    pub selector: Selector,
    /// UPDATE and ROUTE-REFRESH messages as well.
    pub updates: bool,
    /// As JSON.
    pub json: bool,
}

/// The records of sessions that the client of a connection receives after its command, in place of answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordWatch {
    /// Of which neighbors.
    pub selector: Selector,
    /// Messages that are received.
    pub received: bool,
    /// Messages that are sent.
    pub sent: bool,
    /// The tables first.
    pub tables: bool,
}

/// Which sets are listed, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetListing {
    /// Only the one of that name.
    pub name: Option<String>,
    /// As JSON.
    pub json: bool,
}

/// What makes an outcome other than that of most commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Special {
    Status,
    Watch(Box<Watch>),
    Set(Box<SetPlan>),
    Sets(SetListing),
    Leases {
        json: bool,
    },
    Upgrade(Option<PathBuf>),
    Preview {
        path: Option<PathBuf>,
        json: bool,
    },
    /// The answer is the result of what was requested of the daemon.
    Requested,
}
