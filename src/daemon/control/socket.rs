//! The control socket: a Unix socket for its owner, with many clients.
//!
//! Only the user that the daemon runs as and root may connect: the mode of the file enforces that, and the credentials of
//! the peer are checked, too. If the settings admit other users, the file is open to all, and the credentials alone decide.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use nix::sys::stat::{Mode, umask};
use tokio::net::{UnixListener, UnixStream};
use tracing::{debug, info, warn};

use super::access::Access;
use super::operator::{End, Operator, Operators};
use super::paths;
use crate::api::command::Role;
use crate::daemon::executor::Executor;
use crate::daemon::mrt::serve;
use crate::speaker::sockopt::inherit;

/// Most clients at a time, of each role: those that only read cannot keep out those that do more.
const CLIENTS: usize = 64;

/// The control socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DoorParts {
    pub(crate) socket: RawFd,
    pub(crate) path: PathBuf,
    /// Device and inode of the file.
    pub(crate) file: (u64, u64),
}

/// The open socket.
pub(super) struct Socket {
    listener: Rc<UnixListener>,
    path: PathBuf,
    /// Device and inode, to recognize a file that another process has created in its place.
    file: (u64, u64),
    access: Rc<Access>,
}

impl Socket {
    /// Creates a socket at `path`, and replaces the file of a daemon that no longer runs.
    ///
    /// # Errors
    /// `AddrInUse` if a daemon answers there; other errors of the operating system.
    pub(super) async fn open(path: &Path, access: &Access) -> io::Result<Self> {
        // Only for its owner, or for all.
        let mask = if access.is_shared() { 0o111 } else { 0o177 };
        let listener = match bind(path, mask) {
            Err(cause) if cause.kind() == io::ErrorKind::AddrInUse && is_dead(path).await => {
                fs::remove_file(path)?;
                bind(path, mask)?
            }
            bound => bound?,
        };
        let facts = fs::symlink_metadata(path)?;
        Ok(Self {
            listener: Rc::new(listener),
            path: path.to_owned(),
            file: (facts.dev(), facts.ino()),
            access: Rc::new(access.clone()),
        })
    }

    /// Continues with the socket of another process of this program; `None` if it is gone.
    pub(super) fn inherit(parts: &DoorParts, access: Access) -> Option<Self> {
        let listener = || {
            let listener = std::os::unix::net::UnixListener::from(inherit(parts.socket)?);
            listener.set_nonblocking(true)?;
            UnixListener::from_std(listener)
        };
        match listener() {
            Ok(listener) => Some(Self {
                listener: Rc::new(listener),
                path: parts.path.clone(),
                file: parts.file,
                access: Rc::new(access),
            }),
            Err(cause) => {
                warn!(%cause, "the control socket is created again");
                None
            }
        }
    }

    /// What another process needs to continue with it.
    pub(super) fn parts(&self) -> DoorParts {
        DoorParts {
            socket: self.listener.as_raw_fd(),
            path: self.path.clone(),
            file: self.file,
        }
    }

    /// The role that a client has whom another process has admitted; `None` if it has none any more.
    pub(super) fn role_of(&self, stream: &UnixStream, before: Role) -> Option<Role> {
        let own = nix::unistd::geteuid().as_raw();
        match stream.peer_cred() {
            Ok(who) => self.access.role((who.uid(), who.gid()), own),
            Err(_) => Some(before),
        }
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Accepts clients from now on.
    pub(super) fn serve(&self, executor: &Rc<Executor>, operators: &Operators) {
        let (listener, access) = (Rc::clone(&self.listener), Rc::clone(&self.access));
        let (executor, operators) = (Rc::clone(executor), operators.clone());
        let core = Rc::clone(&executor.core);
        core.spawn_urgent(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => admit(&executor, &operators, (stream, &access)),
                    Err(cause) => {
                        warn!(%cause, "a client of the control socket could not be accepted");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        });
    }

    /// Removes the file, unless another process has replaced it.
    pub(super) fn remove(self) {
        let own = fs::symlink_metadata(&self.path)
            .is_ok_and(|facts| (facts.dev(), facts.ino()) == self.file);
        if own && let Err(cause) = fs::remove_file(&self.path) {
            warn!(path = %self.path.display(), %cause, "the control socket could not be removed");
        }
    }
}

/// Creates the file with its mode from the start.
fn bind(path: &Path, mask: u32) -> io::Result<UnixListener> {
    let before = umask(Mode::from_bits_truncate(mask));
    let bound = UnixListener::bind(path);
    umask(before);
    bound
}

/// Returns `true` if no process serves the socket at `path`.
async fn is_dead(path: &Path) -> bool {
    let attempt = tokio::time::timeout(Duration::from_secs(1), UnixStream::connect(path)).await;
    paths::is_socket(path)
        && matches!(attempt, Ok(Err(cause)) if cause.kind() == io::ErrorKind::ConnectionRefused)
}

fn admit(executor: &Rc<Executor>, operators: &Operators, (stream, access): (UnixStream, &Access)) {
    let own = nix::unistd::geteuid().as_raw();
    let (user, group, process) = match stream.peer_cred() {
        Ok(who) => (who.uid(), who.gid(), who.pid()),
        Err(cause) => {
            warn!(%cause, "a client of the control socket is refused: its credentials are unknown");
            return;
        }
    };
    let Some(role) = access.role((user, group), own) else {
        warn!(
            user,
            process, "a client of the control socket is refused: it is another user"
        );
        return;
    };
    let Some(operator) = operators.add("cli", role, CLIENTS) else {
        warn!(
            user,
            process, "a client of the control socket is refused: there are {CLIENTS} already"
        );
        return;
    };
    debug!(
        user,
        process,
        role = role.name(),
        "a client of the control socket"
    );
    talk(executor, operator, stream, process);
}

/// Serves a client until it leaves.
pub(super) fn talk(
    executor: &Rc<Executor>,
    operator: Rc<Operator>,
    stream: UnixStream,
    process: Option<i32>,
) {
    operator.accept_records();
    operator.source.borrow_mut().waits = true;
    operator.socket.set(Some(stream.as_raw_fd()));
    let executor = Rc::clone(executor);
    let core = Rc::clone(&executor.core);
    core.spawn_urgent(async move {
        match converse(&executor, &operator, &stream).await {
            End::Records => {
                // From here on it is not a client that another process could continue with.
                operator.socket.set(None);
                if let Some(watch) = operator.take_records() {
                    serve::run(&executor.core, watch, &stream).await;
                }
            }
            End::Closed | End::Broken => debug!(process, "a client of the control socket left"),
            End::Oversized => {
                warn!(
                    process,
                    "a client of the control socket is disconnected: received a command larger than 1048576 bytes"
                );
            }
            End::Stalled => {
                warn!(
                    process,
                    "a client of the control socket is disconnected: it does not read its answers"
                );
            }
        }
        operator.socket.set(None);
        executor.core.unwatch(&operator.queue);
        // Answers that are still held back are dropped.
        operator.queue.close();
    });
}

async fn converse(executor: &Executor, operator: &Operator, stream: &UnixStream) -> End {
    let listening = async {
        loop {
            if let Err(end) = operator.listen(executor, stream).await {
                let rest = operator.input.borrow().len();
                if end == End::Closed && rest > 0 {
                    info!(
                        bytes = rest,
                        "a client of the control socket left in the middle of a command, which is dropped"
                    );
                }
                if matches!(end, End::Closed | End::Records) {
                    // It may still read answers, and records come after them.
                    operator.answered().await;
                }
                return end;
            }
        }
    };
    tokio::select! {
        end = listening => end,
        end = operator.answer(stream) => end,
    }
}
