//! A thread that writes the files of an archive, behind a bounded queue.
//!
//! The reactor never waits for a disk: it appends records to memory, and drops and counts them when too many wait. What can't be
//! written is dropped and counted as well, and the file is cut back to its last whole record. Either is logged once, and again
//! when it is over. Rejected: tokio's file type, which starts a task for each write and has no bound.
//!
//! A file has the suffix `.tmp` until its period is over. After a restart within the period, it is continued; a file of another
//! period, whose name has come round again, is replaced. Compressed files consist of gzip members of a few seconds each, so that an
//! error or a crash damages none that is complete.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use tracing::{info, warn};

use super::resume;
use crate::daemon::privilege;
use crate::mrt::Timestamp;
use crate::mrt::file_name::FileName;

/// Records of a compressed file are collected for this long, or up to that many bytes.
const MEMBER: Duration = Duration::from_secs(5);
const MEMBER_BYTES: usize = 1 << 20;
/// A file is finished this long after the end of its period, for records that are being written.
const GRACE: u32 = 1;
/// How long a daemon that ends waits for the thread.
const PATIENCE: Duration = Duration::from_secs(5);

/// The files of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Naming {
    pub(crate) file: FileName,
    /// Seconds that a file covers; 0 for no end.
    pub(crate) rotate: u32,
    pub(crate) gzip: bool,
}

/// An archive that is being written.
pub(crate) struct Archive {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the reactor and the thread share.
struct Shared {
    state: Mutex<State>,
    work: Condvar,
    pattern: String,
    /// Most bytes that wait.
    limit: usize,
}

#[derive(Default)]
struct State {
    batches: Vec<Batch>,
    /// Bytes that wait, those included that the thread is writing.
    bytes: usize,
    closing: bool,
    /// Records that were dropped since there was room the last time.
    dropped: u64,
    /// Records so far, those included that were lost.
    records: u64,
    /// Records that were dropped or could not be written so far.
    lost: u64,
}

/// An archive, as operators see it.
pub(crate) struct Shown {
    pub(crate) file: String,
    /// Records since it was opened, those included that were lost.
    pub(crate) records: u64,
    /// Records that were dropped or could not be written.
    pub(crate) lost: u64,
    /// Bytes that are not written yet.
    pub(crate) waiting: usize,
}

/// Records of one file.
struct Batch {
    period: u32,
    records: u64,
    bytes: Vec<u8>,
}

/// The current time.
pub(crate) fn now() -> Timestamp {
    SystemTime::now().into()
}

/// The time so long ago.
pub(crate) fn ago(age: Duration) -> Timestamp {
    let now = SystemTime::now();
    now.checked_sub(age).unwrap_or(now).into()
}

impl Archive {
    /// Starts the thread. It begins once `before`, which wrote the same files, has ended.
    ///
    /// # Errors
    /// When the system has no thread.
    pub(crate) fn start(
        naming: Naming,
        limit: usize,
        before: Option<JoinHandle<()>>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            pattern: naming.file.pattern().to_owned(),
            limit,
        });
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("mrt".to_owned())
            .spawn(move || {
                if let Some(before) = before {
                    // A panic of the older thread is no reason not to write.
                    let _ = before.join();
                }
                run(&of_thread, Files::new(naming));
            })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Appends records: `write` does, and returns how many. They are dropped if too many bytes wait.
    pub(crate) fn append(
        &self,
        rotate: u32,
        time: Timestamp,
        write: impl FnOnce(&mut Vec<u8>) -> u64,
    ) {
        let period = match rotate {
            0 => 0,
            _ => time.seconds - time.seconds % rotate,
        };
        let mut state = self.shared.state();
        if state.bytes >= self.shared.limit {
            if state.dropped == 0 {
                warn!(archive = %self.shared.pattern, "records are dropped: the disk is too slow");
            }
            state.dropped += 1;
            state.records += 1;
            state.lost += 1;
            return;
        }
        if state.dropped > 0 && state.bytes <= self.shared.limit / 2 {
            let dropped = std::mem::take(&mut state.dropped);
            info!(archive = %self.shared.pattern, dropped, "records are written again");
        }
        let idle = state.batches.is_empty();
        if state
            .batches
            .last()
            .is_none_or(|last| last.period != period)
        {
            state.batches.push(Batch {
                period,
                records: 0,
                bytes: Vec::new(),
            });
        }
        let Some(batch) = state.batches.last_mut() else {
            return;
        };
        let before = batch.bytes.len();
        let records = write(&mut batch.bytes);
        batch.records += records;
        let added = batch.bytes.len() - before;
        state.bytes += added;
        state.records += records;
        drop(state);
        if idle {
            self.shared.work.notify_one();
        }
    }

    /// What operators see.
    pub(crate) fn shown(&self) -> Shown {
        let state = self.shared.state();
        Shown {
            file: self.shared.pattern.clone(),
            records: state.records,
            lost: state.lost,
            waiting: state.bytes,
        }
    }

    /// Has the thread write what waits, and end. Returns the thread.
    pub(crate) fn close(&mut self) -> Option<JoinHandle<()>> {
        self.shared.state().closing = true;
        self.shared.work.notify_one();
        self.thread.take()
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        self.close();
    }
}

/// Waits for threads that were [closed](Archive::close), but not for a disk that does not answer.
pub(crate) async fn finish(threads: Vec<JoinHandle<()>>) {
    if threads.is_empty() {
        return;
    }
    let joined = tokio::task::spawn_blocking(|| {
        for thread in threads {
            let _ = thread.join();
        }
    });
    if tokio::time::timeout(PATIENCE, joined).await.is_err() {
        warn!("an archive is not complete: the disk is too slow");
    }
}

impl Shared {
    /// The state. A panic elsewhere leaves it valid.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for batches, for at most `wait`. Returns them, and whether there will be no more.
    fn take(&self, wait: Duration) -> (Vec<Batch>, bool) {
        let mut state = self.state();
        if state.batches.is_empty() && !state.closing {
            state = self
                .work
                .wait_timeout(state, wait)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        (std::mem::take(&mut state.batches), state.closing)
    }
}

/// The thread.
fn run(shared: &Shared, mut files: Files) {
    let mut lost = Lost::default();
    loop {
        let (batches, closing) = shared.take(files.wait());
        for batch in batches {
            let size = batch.bytes.len();
            let result = files.append(batch);
            lost.note(shared, result);
            shared.state().bytes -= size;
        }
        lost.note(shared, files.tick());
        if closing && shared.state().batches.is_empty() {
            lost.note(shared, files.finish());
            return;
        }
    }
}

/// Records that could not be written since the last success.
#[derive(Default)]
struct Lost(u64);

impl Lost {
    fn note(&mut self, shared: &Shared, result: Result<Progress, Failure>) {
        let archive = shared.pattern.as_str();
        match result {
            Err(Failure { records, cause }) => {
                if self.0 == 0 {
                    warn!(archive, %cause, "records cannot be written and are lost");
                }
                shared.state().lost += records;
                // At least one, so that it is logged once.
                self.0 += records.max(1);
            }
            Ok(Progress::Written) if self.0 > 0 => {
                let lost = std::mem::take(&mut self.0);
                info!(archive, lost, "records are written again");
            }
            Ok(_) => {}
        }
    }
}

/// Whether something reached the disk.
enum Progress {
    Written,
    Nothing,
}

/// What could not be written, and why.
struct Failure {
    records: u64,
    cause: io::Error,
}

/// The files of an archive, one at a time.
struct Files {
    naming: Naming,
    /// When the archive was opened, for files without an end.
    began: u32,
    open: Option<Open>,
}

struct Open {
    period: u32,
    path: PathBuf,
    /// Where it is written; the same as `path` without rotation.
    temporary: PathBuf,
    file: File,
    /// Length up to the last record that was written whole.
    good: u64,
    /// Records that are not compressed yet.
    pending: Vec<u8>,
    records: u64,
    since: Instant,
}

impl Files {
    fn new(naming: Naming) -> Self {
        Self {
            naming,
            began: now().seconds,
            open: None,
        }
    }

    /// How long the thread may sleep.
    fn wait(&self) -> Duration {
        let Some(open) = &self.open else {
            return Duration::from_secs(3600);
        };
        let mut wait = Duration::from_secs(3600);
        if self.naming.rotate > 0 {
            let left = self.end(open).saturating_sub(now().seconds);
            wait = wait.min(Duration::from_secs(u64::from(left).max(1)));
        }
        if !open.pending.is_empty() {
            wait = wait.min(MEMBER.saturating_sub(open.since.elapsed()));
        }
        wait.max(Duration::from_millis(10))
    }

    /// When a file is finished, in seconds since 1970.
    fn end(&self, open: &Open) -> u32 {
        open.period
            .saturating_add(self.naming.rotate)
            .saturating_add(GRACE)
    }

    fn append(&mut self, batch: Batch) -> Result<Progress, Failure> {
        let finished = match &self.open {
            Some(open) if open.period != batch.period => self.finish(),
            _ => Ok(Progress::Nothing),
        };
        let failure = |cause| Failure {
            records: batch.records,
            cause,
        };
        if self.open.is_none() {
            let start = match self.naming.rotate {
                0 => self.began,
                _ => batch.period,
            };
            let path = PathBuf::from(self.naming.file.at(start));
            let open = Open::new(path, batch.period, self.naming.rotate > 0);
            self.open = Some(open.map_err(failure)?);
        }
        let Some(open) = &mut self.open else {
            return finished;
        };
        if !self.naming.gzip {
            open.write(&batch.bytes).map_err(failure)?;
            return finished.map(|_| Progress::Written);
        }
        if open.pending.is_empty() {
            open.since = Instant::now();
        }
        open.pending.extend_from_slice(&batch.bytes);
        open.records += batch.records;
        if open.pending.len() >= MEMBER_BYTES {
            open.compress()?;
        }
        finished
    }

    /// Does what the time asks for.
    fn tick(&mut self) -> Result<Progress, Failure> {
        let Some(open) = &mut self.open else {
            return Ok(Progress::Nothing);
        };
        let progress = match open.pending.is_empty() || open.since.elapsed() < MEMBER {
            true => Progress::Nothing,
            false => open.compress()?,
        };
        let Some(open) = &self.open else {
            return Ok(progress);
        };
        if self.naming.rotate > 0 && now().seconds >= self.end(open) {
            return self.finish();
        }
        Ok(progress)
    }

    /// Finishes the current file and gives it its name.
    fn finish(&mut self) -> Result<Progress, Failure> {
        let Some(mut open) = self.open.take() else {
            return Ok(Progress::Nothing);
        };
        let compressed = open.compress();
        // Without rotation it has its name, and may be a device.
        let named = if open.temporary == open.path {
            Ok(())
        } else if open.good == 0 {
            fs::remove_file(&open.temporary)
        } else {
            fs::rename(&open.temporary, &open.path)
        };
        named.map_err(|cause| Failure { records: 0, cause })?;
        compressed
    }
}

impl Open {
    fn new(path: PathBuf, period: u32, rotates: bool) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            privilege::create_directories(folder)?;
        }
        let temporary = match rotates {
            true => temporary(&path),
            false => path.clone(),
        };
        if rotates {
            may_replace(&path)?;
            may_replace(&temporary)?;
        }
        if rotates && !resume::is_of(period, &temporary) {
            if resume::is_of(period, &path) {
                // After a restart within the period, the file is continued.
                fs::rename(&path, &temporary)?;
            } else if temporary.exists() {
                fs::remove_file(&temporary)?;
            }
        }
        let file = File::options().append(true).create(true).open(&temporary)?;
        let good = resume::cut_back(&temporary, &file)?;
        Ok(Self {
            period,
            path,
            temporary,
            file,
            good,
            pending: Vec::new(),
            records: 0,
            since: Instant::now(),
        })
    }

    /// Appends whole records, or none of them.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.file.write_all(bytes) {
            Ok(()) => {
                self.good += bytes.len() as u64;
                Ok(())
            }
            Err(cause) => {
                // What the disk took of them is removed; if that fails, too, a reader finds a damaged record.
                let _ = self.file.set_len(self.good);
                Err(cause)
            }
        }
    }

    /// Writes the pending records as one gzip member.
    fn compress(&mut self) -> Result<Progress, Failure> {
        if self.pending.is_empty() {
            return Ok(Progress::Nothing);
        }
        let records = std::mem::take(&mut self.records);
        let mut member = GzEncoder::new(Vec::new(), Compression::default());
        let packed = member
            .write_all(&self.pending)
            .and_then(|()| member.finish());
        self.pending.clear();
        packed
            .and_then(|packed| self.write(&packed))
            .map(|()| Progress::Written)
            .map_err(|cause| Failure { records, cause })
    }
}

/// The name of a file that is not whole.
pub(crate) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    path.with_file_name(name)
}

/// Checks that a file may take a name, which nothing has, or a regular file: that one is replaced. The daemon may be root, and a
/// device, a pipe or a link would be gone.
///
/// # Errors
/// When something else has it.
pub(super) fn may_replace(path: &Path) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => return Ok(()),
        Ok(found) if found.is_symlink() => "a symbolic link",
        Ok(found) if found.is_dir() => "a folder",
        Ok(_) => "a device, a pipe or a socket",
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(cause),
    };
    Err(io::Error::other(format!(
        "`{}` is {kind}: only regular files are replaced",
        path.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_comes_round_again_begins_a_new_file() {
        let period = 1_700_000_100;
        // When the old file was written, and what the new one holds.
        for (written, suffix, wanted) in [
            (period - 3_590, "", "new"),
            (period - 3_590, ".tmp", "new"),
            (period + 20, "", "old new"),
            (period + 20, ".tmp", "old new"),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("u.15.mrt");
            let pattern = folder.path().join("u.%M.mrt");
            let name = format!("{}{suffix}", path.display());
            let mut old = File::create(&name).expect("a file");
            old.write_all(b"old ").expect("room");
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(written));
            old.set_modified(time).expect("a time");
            let mut files = Files::new(Naming {
                file: FileName::new(pattern.to_str().expect("UTF-8")).expect("good"),
                rotate: 60,
                gzip: false,
            });
            let batch = Batch {
                period,
                records: 1,
                bytes: b"new".to_vec(),
            };
            assert!(files.append(batch).is_ok() && files.finish().is_ok());
            let found = fs::read_to_string(&path).expect("a file");
            assert_eq!(found, wanted, "{written} {suffix}");
            let entries = fs::read_dir(folder.path()).expect("a folder").count();
            assert_eq!(entries, 1, "nothing is left");
        }
    }

    #[test]
    fn a_file_of_a_period_takes_no_name_of_a_link() {
        for suffix in ["", ".tmp"] {
            let folder = tempfile::tempdir().expect("a folder");
            let (other, path) = (folder.path().join("other"), folder.path().join("u.mrt"));
            fs::write(&other, "precious").expect("a file");
            let link = PathBuf::from(format!("{}{suffix}", path.display()));
            std::os::unix::fs::symlink(&other, &link).expect("a link");
            let refused = Open::new(path.clone(), now().seconds, true).map(|_| ());
            let reason = refused.expect_err("a link").to_string();
            assert!(reason.contains("is a symbolic link"), "{reason}");
            assert_eq!(fs::read_to_string(&other).expect("a file"), "precious");
            assert_eq!(fs::read_link(&link).expect("a link"), other);
            // One file for all time is written in place.
            let open = Open::new(link, 0, false);
            assert!(open.is_ok_and(|mut open| open.write(b" records").is_ok()));
            assert!(fs::read_to_string(&other).is_ok_and(|text| text.ends_with(" records")));
        }
    }
}
