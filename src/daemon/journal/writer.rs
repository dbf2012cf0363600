//! The thread that writes the journal. No fault of the disk, and no wait for it, reaches the thread of the sessions.
//!
//! Answers to commands wait until the file has their records, which a crash of the program then leaves alone. They do not wait
//! for the disk itself, unless `sync always` asks for that: another thread, which lives as long as one call of fsync, does.
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

use nix::fcntl::{Flock, FlockArg, OFlag};
use tokio::sync::Notify;
use tracing::{error, info, warn};

use crate::config::JournalSync;
use crate::daemon::privilege;
use crate::journal::MAGIC;

/// How often to look whether the file is still there.
const LOOK: Duration = Duration::from_secs(1);

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
    /// Take note that a file is on the disk itself.
    Synced(Synced, io::Result<()>),
    /// Write everything to the disk, and end.
    End,
}

/// Which file was written to the disk itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Synced {
    Current,
    New,
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
    /// Frames that were appended and that a crash of the program leaves alone, or that could not be written.
    pub(super) recorded: AtomicU64,
    /// The file is to be replaced, which is not done yet.
    pub(super) replacing: AtomicBool,
    /// Another thread waits for the disk.
    pub(super) syncing: AtomicBool,
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
    fn take(&self, until: Instant) -> VecDeque<Job> {
        let mut jobs = self.jobs();
        while jobs.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let result = self.ready.wait_timeout(jobs, left);
            jobs = result.unwrap_or_else(PoisonError::into_inner).0;
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
    /// What is known of the file of an earlier run.
    pub(super) former: Former,
}

/// What becomes of the file of an earlier run when there is a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Former {
    /// It is replaced: it was read.
    Read,
    /// It is kept under another name: a part of it was read.
    Damaged,
    /// It is not replaced: nothing of it was read.
    Unread,
}

/// Returns `true` if there is no file.
pub(super) fn is_missing(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
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

    /// Checks that the file may be replaced.
    ///
    /// # Errors
    /// When it is that of an earlier run, of which nothing was read.
    fn may_replace(&self) -> io::Result<()> {
        if self.former != Former::Unread {
            return Ok(());
        }
        match std::fs::symlink_metadata(self.file()) {
            Err(cause) if is_missing(&cause) => Ok(()),
            _ => Err(io::Error::other("there is one that can't be read")),
        }
    }

    /// Replaces the file. A damaged one is kept, under another name: at no time there is none.
    fn replace(&mut self, fresh: &Path) -> io::Result<()> {
        let path = self.file();
        if self.former == Former::Damaged {
            let aside = path.with_extension("damaged");
            let _ = std::fs::remove_file(&aside);
            // Some file systems have no links.
            let linked = std::fs::hard_link(&path, &aside);
            match linked.or_else(|_| std::fs::copy(&path, &aside).map(drop)) {
                Ok(()) => {
                    warn!(path = %aside.display(), "the damaged journal is kept there");
                }
                Err(cause) if is_missing(&cause) => {}
                Err(cause) => return Err(cause),
            }
            self.former = Former::Read;
        }
        std::fs::rename(fresh, path)?;
        File::open(&self.directory)?.sync_all()
    }

    /// Opens a file that only its owner may read.
    pub(super) fn open(&self, path: &Path, options: &mut OpenOptions) -> io::Result<File> {
        // Opening a named pipe waits for no reader.
        let options = options.mode(0o600).custom_flags(OFlag::O_NONBLOCK.bits());
        let file = options.open(path)?;
        if let Some((user, group)) = self.owner
            && file.metadata()?.uid() != user
        {
            // Without the right to do so the file stays as it is.
            let _ = std::os::unix::fs::fchown(&file, Some(user), Some(group));
        }
        Ok(file)
    }
}

/// Returns `true` if no file, or another one, is at the place where a file was opened.
fn is_gone(path: &Path, file: &File) -> bool {
    let Ok(own) = file.metadata() else {
        return false;
    };
    match std::fs::metadata(path) {
        Ok(found) => (found.dev(), found.ino()) != (own.dev(), own.ino()),
        Err(cause) => is_missing(&cause),
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
        look: Instant::now() + LOOK,
        is_lost: false,
        is_syncing: false,
        is_replacing: false,
        appended: 0,
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
    /// When to look whether the file is still there.
    look: Instant,
    /// It was not there, and there is no other one yet.
    is_lost: bool,
    /// Another thread waits for the disk.
    is_syncing: bool,
    /// The new file is complete.
    is_replacing: bool,
    /// Frames so far.
    appended: u64,
    shared: Arc<Shared>,
}

impl Writer {
    fn run(&mut self) {
        loop {
            let due = self.due.filter(|_| !self.is_syncing);
            let until = due.map_or(self.look, |due| due.min(self.look));
            let jobs = self.shared.take(until);
            let mut done = 0;
            let mut end = false;
            for job in jobs {
                done += size(&job);
                end |= matches!(job, Job::End);
                let begins = matches!(job, Job::Begin);
                self.appended += u64::from(matches!(job, Job::Append(_)));
                if let Err(cause) = self.carry_out(job) {
                    self.fail(&cause);
                }
                if begins {
                    self.shared.begun.fetch_add(1, Ordering::AcqRel);
                }
            }
            if let Err(cause) = self.sync(end) {
                self.fail(&cause);
            }
            self.look();
            if self.file.is_some() || self.fresh.is_none() {
                self.shared.recorded.store(self.appended, Ordering::Release);
            }
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
                self.place.may_replace()?;
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
            // Once it is on the disk.
            Job::Replace => self.set_replacing(self.fresh.is_some()),
            Job::Synced(what, result) => {
                self.set_syncing(false);
                result?;
                if what == Synced::New && self.is_replacing {
                    self.replace()?;
                }
            }
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

    fn set_replacing(&mut self, is_replacing: bool) {
        self.is_replacing = is_replacing;
        self.shared.replacing.store(is_replacing, Ordering::Release);
    }

    fn set_syncing(&mut self, is_syncing: bool) {
        self.is_syncing = is_syncing;
        self.shared.syncing.store(is_syncing, Ordering::Release);
    }

    /// Replaces the file by the new one, which is on the disk but for what was appended meanwhile.
    fn replace(&mut self) -> io::Result<()> {
        self.set_replacing(false);
        let Some((fresh, size)) = self.fresh.take() else {
            return Ok(());
        };
        fresh.sync_all()?;
        let new = self.place.directory.join("journal.new");
        self.place.replace(&new)?;
        self.file = Some(fresh);
        self.due = None;
        self.is_lost = false;
        self.shared.bytes.store(size, Ordering::Relaxed);
        self.shared.replaced.fetch_add(1, Ordering::AcqRel);
        if self.shared.failed.swap(false, Ordering::AcqRel) {
            info!(directory = %self.place.directory.display(), "the journal is complete");
        }
        Ok(())
    }

    /// Writes to the disk itself what is to be there by now.
    fn sync(&mut self, end: bool) -> io::Result<()> {
        if end && self.is_replacing {
            return self.replace();
        }
        if self.is_replacing && !self.is_syncing {
            self.sync_beside(Synced::New)?;
        }
        let is_due = self.due.is_some_and(|at| at <= Instant::now());
        match (self.place.sync, &self.file) {
            (JournalSync::Interval(_), Some(file)) if end => file.sync_data(),
            (JournalSync::Always, Some(file)) => file.sync_data(),
            (JournalSync::Interval(_), Some(_)) if is_due && !self.is_syncing => {
                self.due = None;
                self.sync_beside(Synced::Current)
            }
            _ => Ok(()),
        }
    }

    /// Looks now and then whether the file is still there: what is appended to one that was removed is lost.
    fn look(&mut self) {
        let now = Instant::now();
        if now < self.look {
            return;
        }
        self.look = now + LOOK;
        let path = self.place.file();
        let file = self.file.as_ref().filter(|_| self.fresh.is_none());
        if !file.is_some_and(|file| is_gone(&path, file)) {
            return;
        }
        warn!(path = %path.display(), "the journal was removed or replaced while it was open: it is written anew");
        // A directory that is made anew has no lock.
        let lock = self.place.directory.join("lock");
        self.lock.take_if(|held| is_gone(&lock, held));
        self.file = None;
        self.due = None;
        self.is_lost = true;
        self.shared.stuck.store(true, Ordering::Release);
        self.shared.failed.store(true, Ordering::Release);
    }

    /// Has another thread wait for the disk. If there can be none, this one waits.
    fn sync_beside(&mut self, what: Synced) -> io::Result<()> {
        let file = match what {
            Synced::Current => self.file.as_ref(),
            Synced::New => self.fresh.as_ref().map(|(fresh, _)| fresh),
        };
        let Some(file) = file else { return Ok(()) };
        let begun = file.try_clone().and_then(|file| {
            let shared = Arc::clone(&self.shared);
            std::thread::Builder::new()
                .name("journal-sync".to_owned())
                .spawn(move || shared.push(Job::Synced(what, file.sync_data())))
        });
        if begun.is_ok() {
            self.set_syncing(true);
            return Ok(());
        }
        let result = file.sync_data();
        self.carry_out(Job::Synced(what, result))
    }

    /// The file is incomplete from now on, and is not touched any more: what it has is of use after a crash.
    fn fail(&mut self, cause: &io::Error) {
        self.file = None;
        self.due = None;
        if self.is_replacing {
            self.set_replacing(false);
        }
        if self.fresh.take().is_some() {
            let _ = std::fs::remove_file(self.place.directory.join("journal.new"));
        }
        self.shared.errors.fetch_add(1, Ordering::Relaxed);
        self.shared.stuck.store(true, Ordering::Release);
        let is_known = self.shared.failed.swap(true, Ordering::AcqRel);
        if std::mem::take(&mut self.is_lost) || !is_known {
            let directory = self.place.directory.display();
            error!(%directory, %cause, "the journal can't be written; the daemon continues without it, and tries again");
        }
    }
}
