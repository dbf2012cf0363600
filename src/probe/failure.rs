//! Why connecting to a server failed.

use std::fmt::Display;
use std::io;

use crate::health::{Cause, Failure};

/// The failure of an action on a connection: a refusal is an answer, in contrast to silence.
pub(super) fn of(what: impl Display, cause: &io::Error) -> Failure {
    let kind = match cause.kind() {
        io::ErrorKind::ConnectionRefused => Cause::Refused,
        io::ErrorKind::TimedOut => Cause::Timeout,
        _ => Cause::Connection,
    };
    Failure::new(kind, format!("{what}: {cause}"))
}
