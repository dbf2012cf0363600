//! Whether a file that is there is continued, and from where on.
//!
//! A crash or a loss of power may leave the last record, or the last gzip member, half written, and all that is appended to
//! it could not be read. So a file is cut back to the last end of a whole one before it is continued.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use tracing::warn;

use crate::mrt::whole;

/// How far the time of a file may be behind the clock: file systems note times of the last tick.
const TICK: Duration = Duration::from_secs(1);

/// Returns `true` if a file was written in the period that begins at `period`, in seconds since 1970, or later. Names may come
/// round again, and then the file is one of an earlier round.
pub(super) fn is_of(period: u32, path: &Path) -> bool {
    let begin = UNIX_EPOCH + Duration::from_secs(period.into());
    let modified = std::fs::metadata(path).and_then(|facts| facts.modified());
    modified.is_ok_and(|modified| modified + TICK >= begin)
}

/// Cuts a file back to its last whole record or gzip member. Returns its length.
///
/// # Errors
/// When it can't be read or cut.
pub(super) fn cut_back(path: &Path, file: &File) -> io::Result<u64> {
    let facts = file.metadata()?;
    let length = facts.len();
    if length == 0 || !facts.is_file() {
        return Ok(length);
    }
    let good = whole::end(&File::open(path)?)?;
    if good < length {
        let cut = length - good;
        warn!(file = %path.display(), cut, kept = good, "the end of a file is cut off: it was half written");
        file.set_len(good)?;
    }
    Ok(good)
}
