//! File mode mask, pid file, and the change of user.
//!
//! A process that starts as root binds its ports, then becomes `daemon.user` with that user's groups, before any helper
//! runs. It keeps the supplementary groups that it was given (`SupplementaryGroups=` of systemd, `--group-add` of a container
//! engine); those that root has by /etc/group it drops, unlike ExaBGP: who logs in as root has them.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{
    AccessFlags, Gid, Pid, Uid, User, access, chdir, getegid, geteuid, getgrouplist, getgroups,
    initgroups, setgid, setgroups, setuid,
};
use tracing::{debug, info, warn};

/// Changes to `/` and sets the mode mask of files that the daemon and the helpers create.
///
/// # Errors
/// When `/` can't be entered.
pub(crate) fn settle(mask: u32) -> io::Result<()> {
    umask(Mode::from_bits_truncate(mask));
    chdir("/").map_err(io::Error::from)
}

/// Creates a directory, and its parents if they are missing. Whoever may read one may also enter it: `daemon.umask` is meant
/// for files, and with ExaBGP's default of 0137, not even the owner could enter a directory.
///
/// # Errors
/// When one can't be created, or its mode can't be set.
pub(crate) fn create_directories(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_directories(parent)?;
    }
    match fs::create_dir(path) {
        // Another process was faster.
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(cause) => Err(cause),
        Ok(()) => {
            let mode = fs::metadata(path)?.permissions().mode();
            let mode = mode | 0o700 | (mode & 0o444) >> 2;
            fs::set_permissions(path, fs::Permissions::from_mode(mode))
        }
    }
}

/// The user that [`become_user`] will switch to, if that is another one.
pub(crate) fn successor(name: &str) -> Option<User> {
    if !geteuid().is_root() {
        return None;
    }
    let user = User::from_name(name).ok().flatten()?;
    (!user.uid.is_root()).then_some(user)
}

/// Which supplementary groups a process has after a change of its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Groups {
    /// Those of the user, and those that this process was given.
    Given,
    /// Those of the user.
    User,
}

/// Switches to the user `name` if the process runs as root.
///
/// # Errors
/// When there is no such user, or the kernel refuses. The caller must not start as root; one that has taken over a daemon
/// of root goes on.
pub(crate) fn become_user(name: &str, groups: Groups) -> io::Result<()> {
    let (uid, gid) = (geteuid(), getegid());
    let Some(user) = find(name)?.filter(|user| user.uid != uid || user.gid != gid) else {
        return Ok(());
    };
    let given = match groups {
        Groups::Given => given_groups(uid)?,
        Groups::User => Vec::new(),
    };
    let login = std::ffi::CString::new(name)?;
    initgroups(&login, user.gid).map_err(io::Error::from)?;
    if !given.is_empty() {
        let own = getgroups().map_err(io::Error::from)?;
        let all: BTreeSet<u32> = own
            .iter()
            .chain(&given)
            .map(|group| group.as_raw())
            .collect();
        let all: Vec<Gid> = all.into_iter().map(Gid::from_raw).collect();
        setgroups(&all).map_err(io::Error::from)?;
    }
    setgid(user.gid).map_err(io::Error::from)?;
    setuid(user.uid).map_err(io::Error::from)?;
    if user.uid != Uid::from_raw(0) && setuid(Uid::from_raw(0)).is_ok() {
        return Err(io::Error::other(
            "privileges could be regained after they were dropped",
        ));
    }
    info!(user = name, "dropped privileges");
    Ok(())
}

/// The user that a process with the rights of root, or of its group, is to become; `None` for any other process.
///
/// # Errors
/// When there is no such user.
pub(crate) fn find(name: &str) -> io::Result<Option<User>> {
    if !geteuid().is_root() && getegid() != Gid::from_raw(0) {
        return Ok(None);
    }
    let user = User::from_name(name).map_err(io::Error::from)?;
    user.map(Some).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("there is no user `{name}`"),
        )
    })
}

/// The supplementary groups of this process that its user does not have by itself.
fn given_groups(uid: Uid) -> io::Result<Vec<Gid>> {
    let held = getgroups().map_err(io::Error::from)?;
    let mut of_user = vec![Gid::from_raw(0)];
    if let Some(user) = User::from_uid(uid).map_err(io::Error::from)? {
        let login = std::ffi::CString::new(user.name)?;
        of_user.extend(getgrouplist(&login, user.gid).map_err(io::Error::from)?);
    }
    Ok(held
        .into_iter()
        .filter(|group| !of_user.contains(group))
        .collect())
}

/// Lets neither this process nor what it starts gain rights from setuid programs or file capabilities (`no_new_privs`).
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn forbid_new_privileges() -> io::Result<()> {
    nix::sys::prctl::set_no_new_privs().map_err(io::Error::from)
}

/// A pid file, which exists while the daemon runs.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// Writes the process ID. The file of a process that no longer runs is replaced.
    ///
    /// # Errors
    /// When the process in the file still runs, or the file can't be written.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        if let Some(pid) = Self::replaceable(path, Pid::this())? {
            debug!(path = %path.display(), pid, "replacing a stale pid file");
            fs::remove_file(path)?;
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(path)?;
        writeln!(file, "{}", std::process::id())?;
        info!(path = %path.display(), pid = std::process::id(), "wrote the pid file");
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// Checks that a daemon with this process ID could write the file.
    ///
    /// # Errors
    /// When it could not.
    pub(crate) fn check(path: &Path, daemon: Pid) -> io::Result<()> {
        // Daemons change to the root directory.
        let path = Path::new("/").join(path);
        let is_there =
            Self::replaceable(&path, daemon)?.is_none() && path.symlink_metadata().is_ok();
        if is_there {
            return Err(Errno::EEXIST.into());
        }
        let directory = path.parent().unwrap_or(&path);
        access(directory, AccessFlags::W_OK | AccessFlags::X_OK).map_err(io::Error::from)
    }

    /// The process ID in a file that a daemon with another one may replace; `None` if there is none.
    ///
    /// # Errors
    /// When the process in the file still runs, and is another one.
    fn replaceable(path: &Path, daemon: Pid) -> io::Result<Option<i32>> {
        let Some(pid) = Self::read(path) else {
            return Ok(None);
        };
        let process = Pid::from_raw(pid);
        // 0 stands for a text that is not a number; for kill(2), 0 and negative numbers are process groups.
        if pid > 0 && process != daemon && kill(process, None) != Err(Errno::ESRCH) {
            let message = format!("process {pid} of `{}` is still running", path.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
        }
        Ok(Some(pid))
    }

    fn read(path: &Path) -> Option<i32> {
        let mut text = String::new();
        // A pid has a few digits: the file may be anything, so no more of it is read.
        File::open(path)
            .ok()?
            .take(64)
            .read_to_string(&mut text)
            .ok()?;
        Some(text.trim().parse().unwrap_or_default())
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Err(cause) = fs::remove_file(&self.path) {
            warn!(path = %self.path.display(), %cause, "the pid file could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_file_is_there_while_held_and_replaces_a_stale_one() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("oxabgp.pid");
        fs::write(&path, "not a number\n").expect("written");
        let held = PidFile::create(&path).expect("a stale file is replaced");
        let text = fs::read_to_string(&path).expect("readable");
        assert_eq!(text, format!("{}\n", std::process::id()));
        drop(held);
        assert!(!path.exists());
    }

    #[test]
    fn a_pid_file_is_checked_as_it_would_be_written() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("oxabgp.pid");
        let kind = |path: &Path| PidFile::check(path, Pid::this()).map_err(|cause| cause.kind());
        assert_eq!(kind(&path), Ok(()));
        fs::write(&path, format!("{}\n", std::process::id())).expect("written");
        assert_eq!(kind(&path), Ok(()));
        fs::write(&path, format!("{}\n", nix::unistd::getppid())).expect("written");
        assert_eq!(kind(&path), Err(io::ErrorKind::AlreadyExists));
        assert!(path.exists());
        assert_eq!(
            kind(directory.path()),
            Err(io::ErrorKind::AlreadyExists),
            "a directory"
        );
        let missing = directory.path().join("missing/oxabgp.pid");
        assert_eq!(kind(&missing), Err(io::ErrorKind::NotFound));
    }

    #[test]
    fn a_pid_file_of_a_running_process_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("oxabgp.pid");
        let parent = nix::unistd::getppid();
        fs::write(&path, format!("{parent}\n")).expect("written");
        let error = PidFile::create(&path).expect_err("our parent runs");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert!(path.exists());
    }
}
