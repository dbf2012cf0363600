//! Sessions that are up.

use crate::bgp::Family;
use crate::bgp::negotiated::Refresh;
use crate::rib::group::{Cursor, Resync};

/// A session that is up.
#[derive(Debug)]
pub(super) struct Live {
    /// Negotiated families.
    pub(super) families: Box<[Family]>,
    pub(super) refresh: Refresh,
    /// Families without BoRR and EoRR, until End-of-RIB is ordered.
    pub(super) unmarked: Vec<Family>,
    /// Its group, which has the rest of what was negotiated.
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
