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

/// What makes an outcome other than that of most commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Special {
    Status,
    Watch(Box<Watch>),
    Set(Box<SetPlan>),
    Sets(Option<String>),
    Upgrade(Option<PathBuf>),
}
