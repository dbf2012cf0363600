//! Tables to write to files, which takes longer than a turn: the answer comes when they are whole.

use std::path::PathBuf;

use crate::api::control::RibSide;
use crate::api::reply::Acks;
use crate::rib::PeerSet;

/// Tables to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dump {
    /// To which file, and what; `None` for the archives of the configuration.
    pub file: Option<DumpFile>,
    /// Of which neighbors.
    pub peers: PeerSet,
    pub(super) acks: Acks,
    pub(super) id: Option<String>,
    /// The answer if all goes well.
    pub(super) done: String,
}

/// A file with one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpFile {
    /// Its absolute path; compressed with gzip if it ends with `.gz`.
    pub path: PathBuf,
    /// The table.
    pub side: RibSide,
    /// Only what libbgpstream reads.
    pub portable: bool,
}

impl Dump {
    /// The answer to the command.
    pub fn answer(&self, result: Result<(), &str>) -> String {
        match result {
            Ok(()) => self.done.clone(),
            Err(reason) => self.acks.refusal(reason, self.id.as_deref()),
        }
    }
}
