//! Sessions that are up.

use super::types::Session;
use crate::rib::group::{Cursor, Resync};

/// A session that is up.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) session: Session,
    pub(super) group: usize,
    /// The last mark that was reached.
    pub(super) passed: u64,
    pub(super) source: TxSource,
}

/// The source of a session's messages.
#[derive(Debug)]
pub(super) enum TxSource {
    /// The log of its group.
    GroupLog(Cursor),
    /// Its own queue and walk.
    Resync(Box<Resync>),
}
