//! The files of the journal when the daemon starts.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use tracing::{error, warn};

use super::writer::{self, Former, Place, Shared, is_missing};
use crate::config::StateConfig;
use crate::journal::{Damage, FrameReader};

/// What a start finds.
pub(crate) struct Opened {
    place: Place,
    lock: Option<Flock<File>>,
    /// The file, if there is one.
    pub(crate) reader: Option<FrameReader<BufReader<File>>>,
    /// Nothing is appended to the file.
    is_closed: bool,
}

/// Locks the directory and opens the file that an earlier run has left. `owner` is the user that the daemon becomes.
///
/// # Errors
/// Only when another daemon uses the directory: without it, the daemon starts with a log line, and tries again.
pub(crate) fn open(config: &StateConfig, owner: Option<(u32, u32)>) -> io::Result<Opened> {
    let place = Place {
        directory: config.directory.clone(),
        sync: config.sync,
        owner,
        former: Former::Read,
    };
    let lock = match place.lock() {
        Ok(lock) => Some(lock),
        Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => {
            return Err(io::Error::new(
                io::ErrorKind::WouldBlock,
                "another daemon keeps its journal there",
            ));
        }
        // The thread reports it, as soon as it is to write.
        Err(_) => None,
    };
    let path = place.file();
    let mut opened = Opened {
        place,
        lock,
        reader: None,
        is_closed: false,
    };
    match open_regular(&path) {
        Ok(file) => match FrameReader::new(BufReader::with_capacity(1 << 18, file)) {
            Ok(reader) => opened.reader = Some(reader),
            Err(Damage::Io(cause)) => opened.unread(&cause),
            Err(damage) => opened.damaged(&damage, 0),
        },
        Err(cause) if is_missing(&cause) => {}
        Err(cause) => opened.unread(&cause),
    }
    Ok(opened)
}

/// Opens a file to read it. A named pipe would wait for its writer.
fn open_regular(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("this is not a regular file")),
    }
}

/// Returns `true` if another process keeps its journal there.
pub(crate) fn is_taken(config: &StateConfig) -> bool {
    let lock = open_regular(&config.directory.join("lock"));
    let locked = lock.map(|file| Flock::lock(file, FlockArg::LockExclusiveNonblock));
    matches!(locked, Ok(Err((_, Errno::EWOULDBLOCK))))
}

impl Opened {
    /// Notes that nothing of the file can be read. It may be whole, and may be that of another daemon: it is left alone.
    fn unread(&mut self, cause: &io::Error) {
        self.is_closed = true;
        self.place.former = Former::Unread;
        let path = self.place.file();
        error!(path = %path.display(), %cause, "the journal can't be read: its routes are not announced, and as long as it is there no other is written");
    }

    /// Notes that the file cannot be read from some place on. It stays there until another one replaces it.
    pub(crate) fn damaged(&mut self, damage: &Damage, offset: u64) {
        self.is_closed = true;
        let path = self.place.file();
        warn!(path = %path.display(), offset, "the journal is damaged, and what follows is lost: {damage}");
        // In an empty one there is nothing to keep, and another one may be kept there.
        if !matches!(damage, Damage::Empty) {
            self.place.former = Former::Damaged;
        }
    }

    /// Ignores the file, which is written anew.
    pub(crate) fn anew(&mut self) {
        self.reader = None;
        self.is_closed = true;
    }

    /// Starts the thread that writes.
    pub(crate) fn start(self) -> Arc<Shared> {
        let shared = Arc::<Shared>::default();
        let path = self.place.file();
        let file = if self.is_closed || self.lock.is_none() {
            None
        } else {
            self.append(&path, &shared)
        };
        if let Err(cause) = writer::start(self.place, (file, self.lock), Arc::clone(&shared)) {
            error!(%cause, "the journal can't be written");
            shared.failed.store(true, Ordering::Release);
            shared.stuck.store(true, Ordering::Release);
            shared.ended.store(true, Ordering::Release);
        }
        shared
    }

    /// The file of the earlier run: until a new one replaces it, changes are appended to it.
    fn append(&self, path: &Path, shared: &Shared) -> Option<File> {
        let file = self
            .place
            .open(path, OpenOptions::new().append(true))
            .ok()?;
        let bytes = file.metadata().ok()?.len();
        shared.bytes.store(bytes, Ordering::Relaxed);
        // An empty file has no header yet.
        (bytes > 0).then_some(file)
    }
}
