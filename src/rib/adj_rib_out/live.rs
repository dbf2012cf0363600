//! Sessions that are up.

use super::types::Session;
use crate::rib::group::{Cursor, Private};

/// A session that is up.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) session: Session,
    pub(super) group: usize,
    /// The last mark that was reached.
    pub(super) passed: u64,
    pub(super) stance: Stance,
}

/// The source of a session's messages.
#[derive(Debug)]
pub(super) enum Stance {
    /// The log of its group.
    Following(Cursor),
    /// Its own lane and walk.
    Private(Box<Private>),
}
