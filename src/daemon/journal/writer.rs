//! The thread that writes the journal. No fault of the disk, and no wait for it, reaches the thread of the sessions.
//!
//! What cannot be written is dropped: the file is then incomplete, and is replaced by a new one, made from the routes that
//! there are, as soon as that is possible.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};
use tokio::sync::Notify;
use tracing::{error, info};

use crate::config::JournalSync;
use crate::daemon::privilege;
use crate::journal::MAGIC;

/// What the thread is to do, in this order.
#[derive(Debug)]
pub(super) enum Job {
    /// Append to the file, and to the new one if there is one.
    Append(Vec<u8>),
    /// Begin a new file.
    Begin,
    /// Append to the new file only.
    Copy(Vec<u8>),
    /// Replace the file by the new one.
    Replace,
    /// Write everything to the disk, and end.
    End,
}

/// What the two threads share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    jobs: Mutex<VecDeque<Job>>,
    ready: Condvar,
    /// Notified whenever jobs are done.
    pub(super) done: Notify,
    /// Bytes of the jobs that are not done.
    pub(super) waiting: AtomicU64,
    /// Size of the file.
    pub(super) bytes: AtomicU64,
    /// Failed attempts to write.
    pub(super) errors: AtomicU64,
    /// Times that the file was replaced by a smaller one.
    pub(super) replaced: AtomicU64,
    /// The file lacks something, or there is none.
    pub(super) failed: AtomicBool,
    /// There is no new file, although one was begun.
    pub(super) stuck: AtomicBool,
    /// Times that a new file was begun, whether that failed or not.
    pub(super) begun: AtomicU64,
    /// The thread has ended.
    pub(super) ended: AtomicBool,
}

impl Shared {
    /// Never waits for the disk: the thread holds the lock only to take what there is.
    fn jobs(&self) -> MutexGuard<'_, VecDeque<Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, job: Job) {
        self.waiting.fetch_add(size(&job), Ordering::Relaxed);
        self.jobs().push_back(job);
        self.ready.notify_one();
    }

    /// Waits until something holds, which the thread brings about.
    pub(super) async fn until(&self, holds: impl Fn() -> bool) {
        loop {
            // Created before the look, so that no notification is missed.
            let done = self.done.notified();
            if holds() {
                return;
            }
            done.await;
        }
    }

    /// Waits for jobs, at most until a time. Takes all.
    fn take(&self, until: Option<Instant>) -> VecDeque<Job> {
        let mut jobs = self.jobs();
        while jobs.is_empty() {
            jobs = match until.map(|at| at.saturating_duration_since(Instant::now())) {
                None => self
                    .ready
                    .wait(jobs)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => break,
                Some(left) => {
                    let result = self.ready.wait_timeout(jobs, left);
                    result.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        std::mem::take(&mut *jobs)
    }
}

fn size(job: &Job) -> u64 {
    match job {
        Job::Append(bytes) | Job::Copy(bytes) => bytes.len() as u64,
        _ => 0,
    }
}

/// Where the files are, and how they are written.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) directory: PathBuf,
    pub(super) sync: JournalSync,
    /// Who is to own the files, if the daemon changes its user.
    pub(super) owner: Option<(u32, u32)>,
}

impl Place {
    pub(super) fn file(&self) -> PathBuf {
        self.directory.join("journal")
    }

    /// Creates the directory if it is missing, and locks it for this process.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if another process has locked it.
    pub(super) fn lock(&self) -> io::Result<Flock<File>> {
        if !self.directory.is_dir() {
            privilege::create_directories(&self.directory)?;
            std::fs::set_permissions(&self.directory, Permissions::from_mode(0o700))?;
            if let Some((user, group)) = self.owner {
                std::os::unix::fs::chown(&self.directory, Some(user), Some(group))?;
            }
        }
        let path = self.directory.join("lock");
        let file = self.open(
            &path,
            OpenOptions::new().write(true).create(true).truncate(false),
        )?;
        Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, cause)| cause.into())
    }

    /// Opens a file that only its owner may read.
    pub(super) fn open(&self, path: &Path, options: &mut OpenOptions) -> io::Result<File> {
        let file = options.mode(0o600).open(path)?;
        if let Some((user, group)) = self.owner
            && file.metadata()?.uid() != user
        {
            // Without the right to do so the file stays as it is.
            let _ = std::os::unix::fs::fchown(&file, Some(user), Some(group));
        }
        Ok(file)
    }
}

/// Starts the thread. `file` is the file that there is already, if it can be continued.
///
/// # Errors
/// When there can be no more threads.
pub(super) fn start(
    place: Place,
    (file, lock): (Option<File>, Option<Flock<File>>),
    shared: Arc<Shared>,
) -> io::Result<()> {
    let mut writer = Writer {
        place,
        lock,
        file,
        fresh: None,
        due: None,
        shared,
    };
    std::thread::Builder::new()
        .name("journal".to_owned())
        .spawn(move || writer.run())
        .map(drop)
}

struct Writer {
    place: Place,
    /// Held as long as the daemon runs.
    lock: Option<Flock<File>>,
    file: Option<File>,
    fresh: Option<(File, u64)>,
    /// When the file is to be written to the disk itself.
    due: Option<Instant>,
    shared: Arc<Shared>,
}

impl Writer {
    fn run(&mut self) {
        loop {
            let jobs = self.shared.take(self.due);
            let mut done = 0;
            let mut end = false;
            for job in jobs {
                done += size(&job);
                end = matches!(job, Job::End);
                let begins = matches!(job, Job::Begin);
                if let Err(cause) = self.carry_out(job) {
                    self.fail(&cause);
                }
                if begins {
                    self.shared.begun.fetch_add(1, Ordering::AcqRel);
                }
            }
            self.sync(end);
            self.shared.waiting.fetch_sub(done, Ordering::Relaxed);
            self.shared.ended.store(end, Ordering::Release);
            self.shared.done.notify_waiters();
            if end {
                return;
            }
        }
    }

    fn carry_out(&mut self, job: Job) -> io::Result<()> {
        match job {
            Job::Append(bytes) => {
                self.append_to_new(&bytes)?;
                if let Some(file) = &mut self.file {
                    file.write_all(&bytes)?;
                    let bytes = bytes.len() as u64;
                    self.shared.bytes.fetch_add(bytes, Ordering::Relaxed);
                    if self.due.is_none()
                        && let JournalSync::Interval(time) = self.place.sync
                    {
                        self.due = Some(Instant::now() + time);
                    }
                }
            }
            Job::Begin => {
                if self.lock.is_none() {
                    self.lock = Some(self.place.lock()?);
                }
                let path = self.place.directory.join("journal.new");
                // What a crash may have left behind.
                let _ = std::fs::remove_file(&path);
                let mut options = OpenOptions::new();
                let mut fresh = self
                    .place
                    .open(&path, options.write(true).create_new(true))?;
                fresh.write_all(&MAGIC)?;
                self.fresh = Some((fresh, MAGIC.len() as u64));
                self.shared.stuck.store(false, Ordering::Release);
            }
            Job::Copy(bytes) => self.append_to_new(&bytes)?,
            Job::Replace => self.replace()?,
            Job::End => {}
        }
        Ok(())
    }

    /// Appends to the new file, if there is one.
    fn append_to_new(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some((fresh, size)) = &mut self.fresh {
            fresh.write_all(bytes)?;
            *size += bytes.len() as u64;
        }
        Ok(())
    }

    /// The new file is on the disk before it replaces the old one.
    fn replace(&mut self) -> io::Result<()> {
        let Some((fresh, size)) = self.fresh.take() else {
            return Ok(());
        };
        fresh.sync_all()?;
        let directory = &self.place.directory;
        std::fs::rename(directory.join("journal.new"), self.place.file())?;
        File::open(directory)?.sync_all()?;
        self.file = Some(fresh);
        self.due = None;
        self.shared.bytes.store(size, Ordering::Relaxed);
        self.shared.replaced.fetch_add(1, Ordering::Relaxed);
        if self.shared.failed.swap(false, Ordering::AcqRel) {
            info!(directory = %directory.display(), "the journal is complete");
        }
        Ok(())
    }

    fn sync(&mut self, end: bool) {
        let due = match self.place.sync {
            JournalSync::Always => true,
            JournalSync::Interval(_) => end || self.due.is_some_and(|at| at <= Instant::now()),
            JournalSync::No => false,
        };
        if due && let Some(file) = &self.file {
            self.due = None;
            if let Err(cause) = file.sync_data() {
                self.fail(&cause);
            }
        }
    }

    /// The file is incomplete from now on, and is not touched any more: what it has is of use after a crash.
    fn fail(&mut self, cause: &io::Error) {
        self.file = None;
        self.due = None;
        if self.fresh.take().is_some() {
            let _ = std::fs::remove_file(self.place.directory.join("journal.new"));
        }
        self.shared.errors.fetch_add(1, Ordering::Relaxed);
        self.shared.stuck.store(true, Ordering::Release);
        if !self.shared.failed.swap(true, Ordering::AcqRel) {
            let directory = self.place.directory.display();
            error!(%directory, %cause, "the journal can't be written; the daemon continues without it, and tries again");
        }
    }
}
