//! Why a command was refused.

use std::fmt;

use crate::text::{Span, SyntaxError};

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandError {
    /// What kind of reason.
    pub kind: ErrorKind,
    /// What is wrong: lower case, no final period, literals in backticks.
    pub message: String,
    /// Where in the line, in bytes, if it has a place.
    pub span: Option<Span>,
}

/// Kinds of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// There is no such command.
    Unknown,
    /// The command exists, but not with these arguments.
    Syntax,
    /// No neighbor matches the selector.
    NoNeighbor,
    /// The command is valid, but can't be carried out.
    Refused,
}

impl CommandError {
    /// `message`, without a place.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            span: None,
        }
    }
}

impl From<SyntaxError> for CommandError {
    fn from(error: SyntaxError) -> Self {
        Self {
            kind: ErrorKind::Syntax,
            span: Some(error.span),
            message: error.to_string(),
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match self.span {
            Some(span) => write!(f, ", at column {}", span.start + 1),
            None => Ok(()),
        }
    }
}

impl std::error::Error for CommandError {}
