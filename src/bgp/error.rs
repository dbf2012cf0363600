//! Errors in UPDATE messages and how RFC 7606 handles each of them.

use std::fmt;

use super::message::notification::Notification;
use crate::bgp::iana::notification as codes;
use crate::wire::WireError;

/// The severity of an error in an UPDATE, mildest first (RFC 7606 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Ignore the attribute, keep the routes.
    Discard,
    /// Treat the announced routes as withdrawn.
    TreatAsWithdraw,
    /// Ignore the family for the rest of the session.
    AfiSafiDisable,
    /// Send a NOTIFICATION and close.
    Reset,
}

/// An error in an UPDATE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateError {
    /// How to handle it.
    pub severity: Severity,
    /// The malformed attribute, if the error is in one.
    pub attribute: Option<u8>,
    /// What is wrong, in human-readable form.
    pub what: &'static str,
    /// Whether events name the attribute. ExaBGP names only attributes without a value.
    pub empty: bool,
    /// NOTIFICATION subcode of code 3 (RFC 4271 section 6.3), used when the severity is [`Severity::Reset`].
    pub subcode: u8,
    /// NOTIFICATION data.
    pub data: Vec<u8>,
}

impl UpdateError {
    /// Creates an error in attribute `code`.
    pub const fn attribute(severity: Severity, code: u8, what: &'static str) -> Self {
        Self {
            severity,
            attribute: Some(code),
            what,
            empty: false,
            subcode: codes::update::MALFORMED_ATTRIBUTE_LIST,
            data: Vec::new(),
        }
    }

    /// Creates an error that resets the session with NOTIFICATION 3/`subcode`.
    pub fn reset(subcode: u8, what: &'static str) -> Self {
        Self {
            severity: Severity::Reset,
            attribute: None,
            what,
            empty: false,
            subcode,
            data: what.as_bytes().to_vec(),
        }
    }

    /// The NOTIFICATION to send when the session is reset.
    pub fn notification(&self) -> Notification {
        Notification::new(codes::UPDATE_MESSAGE, self.subcode, self.data.clone())
    }
}

impl From<WireError> for UpdateError {
    /// A structural error: malformed attribute list.
    fn from(error: WireError) -> Self {
        Self::reset(codes::update::MALFORMED_ATTRIBUTE_LIST, error.what)
    }
}

impl fmt::Display for UpdateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.attribute {
            Some(code) => write!(f, "attribute {code}: {}", self.what),
            None => f.write_str(self.what),
        }
    }
}

impl std::error::Error for UpdateError {}
