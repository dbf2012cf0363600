//! Which commands a source may send: each command of the table is classified by what it changes.
//!
//! Helpers and the user that the daemon runs as have the full role. The read-only role is for other users of the control
//! socket: monitoring and dashboards need no right to withdraw a route.

use super::error::{CommandError, ErrorKind};

/// What a command changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Nothing.
    Reads,
    /// How this source is answered, and what it has begun.
    Own,
    /// Routes, sessions, files, or the daemon itself.
    Changes,
}

/// Which commands a source may send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Role {
    /// All.
    #[default]
    Full,
    /// Those that change nothing of others.
    ReadOnly,
}

impl Role {
    /// Its name in logs and errors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::ReadOnly => "read-only",
        }
    }

    /// Checks that a command may be sent.
    ///
    /// # Errors
    /// The role does not allow it. The error names the role.
    pub(super) fn permit(self, words: &str, effect: Effect) -> Result<(), CommandError> {
        match (self, effect) {
            (Self::Full, _) | (Self::ReadOnly, Effect::Reads | Effect::Own) => Ok(()),
            (Self::ReadOnly, Effect::Changes) => Err(CommandError::new(
                ErrorKind::Refused,
                format!("the role of this client is read-only: `{words}` needs the role full"),
            )),
        }
    }
}
