//! `upgrade`: the daemon continues as another version of its program.

use std::path::PathBuf;

use super::call::{Call, Reply, Row};
use super::error::{CommandError, ErrorKind};
use super::special::Special;
use crate::api::reply::Acks;

/// A request to continue as another version of the program, whose answer is known only later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferred {
    /// The absolute path of the program; `None`: where this one was started.
    pub program: Option<PathBuf>,
    pub(super) acks: Acks,
    pub(super) id: Option<String>,
    /// The answer if all goes well.
    pub(super) done: String,
}

impl Deferred {
    /// The answer to the command.
    pub fn answer(&self, result: Result<(), &str>) -> String {
        match result {
            Ok(()) => self.done.clone(),
            Err(reason) => self.acks.refusal(reason, self.id.as_deref()),
        }
    }
}

/// `upgrade [PROGRAM]`
pub(super) fn upgrade(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    let program = call.arguments().0.trim().trim_matches('"');
    let program = (!program.is_empty()).then(|| PathBuf::from(program));
    if let Some(path) = program.as_ref().filter(|path| !path.is_absolute()) {
        let message = format!("`{}` is not the absolute path of a program", path.display());
        return Err(CommandError::new(ErrorKind::Syntax, message));
    }
    call.special = Some(Special::Upgrade(program));
    Ok(Reply::Done)
}
