//! `mrt dump`

use std::path::Path;

use super::call::{Call, Reply, Row};
use super::dump::{Dump, DumpFile};
use super::error::{CommandError, ErrorKind};
use crate::api::control::{Among, RibSide};

/// `mrt dump [FILE [in|out] [portable]]`
pub(super) fn dump(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    let words = call.argument_words();
    let file = match words.split_first() {
        None => None,
        Some((path, options)) => Some(file(path, options)?),
    };
    let peers = call.peers(Among::Own)?;
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
