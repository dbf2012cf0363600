//! Why a check failed.

use std::fmt;

/// Why a check failed: a label of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The connection was refused.
    Refused,
    /// No connection could be made, or it was cut.
    Connection,
    /// There was no answer in time.
    Timeout,
    /// The name of the server has no address.
    Name,
    /// The server's certificate is not valid, or TLS failed.
    Tls,
    /// The answer does not follow the protocol.
    Protocol,
    /// The answer has another status or code than expected.
    Status,
    /// The answer does not have the expected contents.
    Content,
    /// The command exited with another code than 0.
    Exit,
    /// The system could not run the check.
    System,
}

/// A check that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The kind of failure.
    pub cause: Cause,
    /// The reason for people, without line breaks.
    pub reason: String,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 10] = [
        Self::Refused,
        Self::Connection,
        Self::Timeout,
        Self::Name,
        Self::Tls,
        Self::Protocol,
        Self::Status,
        Self::Content,
        Self::Exit,
        Self::System,
    ];

    /// The label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Connection => "connection",
            Self::Timeout => "timeout",
            Self::Name => "name",
            Self::Tls => "tls",
            Self::Protocol => "protocol",
            Self::Status => "status",
            Self::Content => "content",
            Self::Exit => "exit",
            Self::System => "system",
        }
    }
}

impl Failure {
    /// A failure of that kind.
    pub fn new(cause: Cause, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self {
            cause,
            reason: reason.replace(['\r', '\n'], " "),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}
