//! Whether a file that is there is continued.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// How far the time of a file may be behind the clock: file systems note times of the last tick.
const TICK: Duration = Duration::from_secs(1);

/// Returns `true` if a file was written in the period that begins at `period`, in seconds since 1970, or later. Names may come
/// round again, and then the file is one of an earlier round.
pub(super) fn is_of(period: u32, path: &Path) -> bool {
    let begin = UNIX_EPOCH + Duration::from_secs(period.into());
    let modified = std::fs::metadata(path).and_then(|facts| facts.modified());
    modified.is_ok_and(|modified| modified + TICK >= begin)
}
