//! An answer that depends on what the daemon does after the turn of the command.

use std::path::PathBuf;

use super::role::Role;
use crate::api::reply::Acks;

/// The answer to a command that has requested something of the daemon as a whole, whose result is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Later {
    pub(super) acks: Acks,
    pub(super) id: Option<String>,
    /// The answer if all goes well.
    pub(super) done: String,
}

impl Later {
    /// The answer to the command: a remark if it was carried out, why not if it was not.
    pub fn answer(&self, result: Result<Option<&str>, &str>) -> String {
        match result {
            Ok(None) => self.done.clone(),
            Ok(Some(remark)) => self.acks.remark(remark, self.id.as_deref()),
            Err(reason) => self.acks.refusal(reason, self.id.as_deref()),
        }
    }
}

/// A request for what a reload would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The absolute path of another file than the one that the daemon reads.
    pub path: Option<PathBuf>,
    /// As JSON.
    pub json: bool,
    /// The role of the client: whether it may see the contents of files.
    pub role: Role,
    /// What follows the changes.
    pub answer: Later,
}
