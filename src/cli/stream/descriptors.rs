//! Descriptors for the files that overlap, which are all open at once.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::stream::Builder;

/// Descriptors besides those of files that are read: standard streams, the output, lists.
const OTHERS: u64 = 16;

/// Raises the soft limit of open files to the hard one, if the files of a stream may need that.
///
/// # Errors
/// Why not all files can be read: the hard limit is too low.
pub(in crate::cli) fn provide(builder: &Builder) -> Result<(), String> {
    let files = builder.most_open() as u64;
    let needed = files + OTHERS;
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else {
        return Ok(());
    };
    if needed <= soft {
        return Ok(());
    }
    if needed > hard {
        return Err(format!(
            "{files} files may have to be open at once, and the limit of open files is {hard}: raise it (`ulimit -n {needed}`), or name fewer files"
        ));
    }
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
        .map_err(|cause| format!("the limit of open files, {soft}, can't be raised: {cause}"))
}
