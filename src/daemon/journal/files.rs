//! The files of the journal when the daemon starts.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use tracing::{error, warn};

use super::writer::{self, Place, Shared};
use crate::config::StateConfig;
use crate::journal::{Damage, FrameReader};

/// What a start finds.
pub(crate) struct Opened {
    place: Place,
    lock: Option<Flock<File>>,
    /// The file, if there is one.
    pub(crate) reader: Option<FrameReader<BufReader<File>>>,
    /// Nothing can be appended to the file.
    damaged: bool,
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
        damaged: false,
    };
    match File::open(&path) {
        Ok(file) => match FrameReader::new(BufReader::with_capacity(1 << 18, file)) {
            Ok(reader) => opened.reader = Some(reader),
            Err(damage) => opened.damaged(&damage, 0),
        },
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
        Err(cause) => opened.damaged(&Damage::Io(cause), 0),
    }
    Ok(opened)
}

/// Returns `true` if another process keeps its journal there.
pub(crate) fn is_taken(config: &StateConfig) -> bool {
    let lock = File::open(config.directory.join("lock"));
    let locked = lock.map(|file| Flock::lock(file, FlockArg::LockExclusiveNonblock));
    matches!(locked, Ok(Err((_, Errno::EWOULDBLOCK))))
}

impl Opened {
    /// Notes that the file cannot be read from some place on. It is put aside before another one replaces it.
    pub(crate) fn damaged(&mut self, damage: &Damage, offset: u64) {
        self.damaged = true;
        let path = self.place.file();
        warn!(path = %path.display(), offset, "the journal is damaged, and what follows is lost: {damage}");
        if matches!(damage, Damage::Empty) {
            // There is nothing to keep, and another one may be kept there.
            return;
        }
        let aside = path.with_extension("damaged");
        match std::fs::rename(&path, &aside) {
            Ok(()) => warn!(path = %aside.display(), "the damaged journal is kept there"),
            Err(cause) => error!(%cause, "the damaged journal could not be put aside"),
        }
    }

    /// Ignores the file, which is written anew.
    pub(crate) fn anew(&mut self) {
        self.reader = None;
        self.damaged = true;
    }

    /// Starts the thread that writes.
    pub(crate) fn start(self) -> Arc<Shared> {
        let shared = Arc::<Shared>::default();
        let path = self.place.file();
        let file = if self.damaged || self.lock.is_none() {
            None
        } else {
            self.append(&path, &shared)
        };
        if let Err(cause) = writer::start(self.place, (file, self.lock), Arc::clone(&shared)) {
            error!(%cause, "the journal can't be written");
            shared.failed.store(true, Ordering::Release);
            shared.stuck.store(true, Ordering::Release);
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
