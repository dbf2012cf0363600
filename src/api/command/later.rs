//! An answer that depends on what the daemon does after the turn of the command.

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
