//! The file that the program logs to. The next process of an upgrade goes on with the open file: it may have another user than
//! the one that has opened it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::speaker::sockopt::inherit;

/// The environment variable that has the descriptor, the device, the inode and the path of the file, with colons between.
pub(super) const VARIABLE: &str = "OXABGP_LOG";

/// The file that is open.
static OPEN: Mutex<Option<(RawFd, PathBuf)>> = Mutex::new(None);

/// Notes that the program logs to this file now.
pub(crate) fn opened(file: &File, path: &Path) {
    let now = Some((file.as_raw_fd(), path.to_owned()));
    *OPEN.lock().unwrap_or_else(PoisonError::into_inner) = now;
}

/// The descriptor of the file, and the value of [`VARIABLE`] for the next process.
pub(super) fn handed() -> Option<(RawFd, OsString)> {
    let open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let (number, path) = open.as_ref()?;
    let (device, inode) = identity(*number).ok()?;
    let mut value = OsString::from(format!("{number}:{device}:{inode}:"));
    value.push(path);
    Some((*number, value))
}

/// The file at `path` that the process before has left open, at the first call.
pub(crate) fn inherited(path: &Path) -> Option<File> {
    let value = std::env::var_os(VARIABLE)?;
    let (number, file, named) = parse(&value)?;
    // A program that knows nothing of it may have been between, and the number may stand for something else.
    let is_that = named == path && identity(number).ok()? == file;
    let is_new = OPEN
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .is_none();
    (is_that && is_new)
        .then(|| inherit(number).ok().map(File::from))
        .flatten()
}

fn parse(value: &OsStr) -> Option<(RawFd, (u64, u64), &Path)> {
    let mut parts = value.as_bytes().splitn(4, |byte| *byte == b':');
    let mut number = || str::from_utf8(parts.next()?).ok();
    let descriptor = number()?.parse().ok()?;
    let file = (number()?.parse().ok()?, number()?.parse().ok()?);
    Some((
        descriptor,
        file,
        Path::new(OsStr::from_bytes(parts.next()?)),
    ))
}

/// The device and the inode of an open file.
fn identity(number: RawFd) -> io::Result<(u64, u64)> {
    let facts = std::fs::metadata(format!("/proc/self/fd/{number}"))?;
    Ok((facts.dev(), facts.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::command::OWN_VARIABLES;

    #[test]
    fn the_value_names_the_open_file() {
        let value = OsStr::new("7:64768:12:/var/log/a:b");
        let expected = (7, (64_768, 12), Path::new("/var/log/a:b"));
        assert_eq!(parse(value), Some(expected));
        for bad in ["", "7", "7:1:2", "x:1:2:/log", "7:1::/log"] {
            assert_eq!(parse(OsStr::new(bad)), None, "{bad}");
        }
        assert!(OWN_VARIABLES.contains(&VARIABLE));
    }
}
