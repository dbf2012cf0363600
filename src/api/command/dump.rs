//! `mrt dump`: writes tables to files, which takes longer than a turn; the answer comes when they are whole.

use std::path::{Path, PathBuf};

use super::call::{Call, Reply, Row, SCOPE};
use super::error::{CommandError, ErrorKind};
use crate::api::control::RibSide;
use crate::api::reply::{Acks, Answer};
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
        let mut out = String::new();
        match result {
            Ok(()) => out.push_str(&self.done),
            Err(reason) if self.acks.enabled => {
                let id = self.id.as_deref();
                self.acks.write(Answer::Error(reason), id, &mut out);
            }
            Err(_) => {}
        }
        out
    }
}

/// `mrt dump [FILE [in|out] [portable]]`
pub(super) fn dump(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    let words = call.argument_words();
    let file = match words.split_first() {
        None => None,
        Some((path, options)) => Some(file(path, options)?),
    };
    let peers = call.peers(SCOPE)?;
    call.dump = Some(Box::new(Dump {
        file,
        peers,
        acks: call.source.acks,
        id: None,
        done: String::new(),
    }));
    Ok(Reply::Done)
}

fn file(path: &str, options: &[&str]) -> Result<DumpFile, CommandError> {
    let refuse = |message: String| CommandError::new(ErrorKind::Syntax, message);
    let path = path.trim_matches('"');
    if !Path::new(path).is_absolute() || path.ends_with('/') {
        return Err(refuse(format!(
            "`{path}` is not the absolute path of a file"
        )));
    }
    let mut file = DumpFile {
        path: path.into(),
        side: RibSide::In,
        portable: false,
    };
    for option in options {
        match *option {
            "in" | "adj-rib-in" => file.side = RibSide::In,
            "out" | "adj-rib-out" => file.side = RibSide::Out,
            "portable" => file.portable = true,
            other => {
                let expected = "`in`, `out` or `portable`";
                return Err(refuse(format!("expected {expected}, found `{other}`")));
            }
        }
    }
    Ok(file)
}
