//! Control for operators: commands from outside, while the daemon runs.
//!
//! There are two interfaces. ExaBGP's named pipes, which the operator creates, take one command per line and answer in text;
//! they do not distinguish clients, so there is one at a time. The daemon creates the Unix socket itself: it takes many
//! clients, each with its own answers. Both accept the commands that helpers may send, for all neighbors. ExaBGP runs a
//! process that copies the pipes; this daemon reads and writes them itself and never blocks on them.
//!
//! | module | purpose |
//! |---|---|
//! | [`paths`] | where pipes and socket are |
//! | `access` | who may connect, in which role |
//! | `operator` | one client: commands in, answers out |
//! | `pipes`, `socket` | the two interfaces |
//! | [`stdio`] | a helper that is the daemon's own standard input and output |

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use nix::unistd::User;
use tracing::{debug, info, warn};

use super::executor::Executor;
use super::privilege;
use crate::config::Env;

mod access;
pub(crate) mod handover;
mod operator;
pub(crate) mod paths;
mod pipes;
mod socket;
pub(crate) mod stdio;

use access::Access;
use operator::Operators;
use paths::Pipes;
use socket::Socket;

pub(crate) use operator::{FRAME, OperatorParts};
pub(crate) use socket::DoorParts;

/// How long the last answers may take when the daemon stops.
const CLOSING_TIME: Duration = Duration::from_millis(200);

/// The interfaces that are being served.
#[derive(Default)]
pub(crate) struct Control {
    socket: Option<Socket>,
    operators: Operators,
}

/// The interfaces that were opened before privileges are dropped.
#[derive(Default)]
pub(crate) struct Doors {
    socket: Option<Socket>,
    pipes: Option<Pipes>,
}

impl Doors {
    /// Creates the control socket and finds the pipes, if `api.cli` is set, and changes their owner to the user that the
    /// process is about to become. The daemon runs without them, too.
    pub(crate) async fn open(env: &Env, inherited: Option<&DoorParts>) -> Self {
        if !env.api.cli {
            return Self::default();
        }
        let continued = |parts| Socket::inherit(parts, Access::new(&env.api));
        if let Some(socket) = inherited.and_then(continued) {
            let pipes = paths::find_pipes(&env.api.pipename);
            return Self {
                socket: Some(socket),
                pipes,
            };
        }
        let owner = privilege::successor(&env.daemon.user);
        let name = &env.api.pipename;
        let pipes = paths::find_pipes(name);
        if let (Some(pipes), Some(owner)) = (&pipes, &owner) {
            for path in [&pipes.commands, &pipes.answers] {
                hand_over(path, owner);
            }
        }
        let paths = match &env.api.socketpath {
            Some(path) => vec![path.clone()],
            None => {
                if let Some(owner) = &owner {
                    make_directory(Path::new(paths::DIRECTORY), owner);
                }
                paths::sockets(env.api.socketname.as_ref().unwrap_or(name))
            }
        };
        let socket = open_socket(&paths, Access::new(&env.api)).await;
        if let (Some(socket), Some(owner)) = (&socket, &owner) {
            hand_over(socket.path(), owner);
        }
        if pipes.is_none() {
            report_missing(name, socket.is_some());
        }
        Self { socket, pipes }
    }

    /// Removes what was created, since the daemon does not start.
    pub(crate) fn close(self) {
        if let Some(socket) = self.socket {
            socket.remove();
        }
    }
}

/// Creates the directory of control sockets. The new user owns it, since it has to remove its socket from there.
fn make_directory(path: &Path, owner: &User) {
    match std::fs::create_dir(path) {
        Ok(()) => hand_over(path, owner),
        // Earlier versions created it with a mode that keeps out its owner.
        Err(_) if is_barred(path) => {}
        Err(cause) => {
            debug!(path = %path.display(), %cause, "the directory is not created");
            return;
        }
    }
    // Not what `daemon.umask` leaves, which is meant for files. The mode of the socket decides who may connect.
    let mode = Permissions::from_mode(0o755);
    if let Err(cause) = std::fs::set_permissions(path, mode) {
        warn!(path = %path.display(), %cause, "the mode of the directory could not be set");
    }
}

/// Returns `true` if `path` is a directory that its owner may not enter.
fn is_barred(path: &Path) -> bool {
    std::fs::symlink_metadata(path)
        .is_ok_and(|facts| facts.is_dir() && facts.permissions().mode() & 0o100 == 0)
}

/// Changes the owner of a file that belongs to root.
fn hand_over(path: &Path, owner: &User) {
    let roots = std::fs::symlink_metadata(path).is_ok_and(|facts| facts.uid() == 0);
    if roots && let Err(cause) = nix::unistd::chown(path, Some(owner.uid), Some(owner.gid)) {
        warn!(path = %path.display(), user = %owner.name, %cause, "the owner could not be changed to the user that the daemon becomes");
    }
}

impl Control {
    /// Serves the interfaces that were opened.
    pub(crate) fn start(executor: &Rc<Executor>, doors: Doors) -> Self {
        let control = Self {
            socket: doors.socket,
            operators: Operators::default(),
        };
        if let Some(pipes) = doors.pipes {
            pipes::start(executor, &control.operators, pipes);
        }
        if let Some(socket) = &control.socket {
            socket.serve(executor, &control.operators);
        }
        control
    }

    /// Waits for the last answers to be read, and removes the socket.
    pub(crate) async fn end(self) {
        let answered = async {
            for operator in self.operators.all() {
                operator.answered().await;
            }
        };
        // A client that does not read within that time loses its answers.
        let _ = tokio::time::timeout(CLOSING_TIME, answered).await;
        if let Some(socket) = self.socket {
            socket.remove();
        }
    }
}

/// Creates the socket at the first of `paths` where that is possible.
async fn open_socket(paths: &[PathBuf], access: Access) -> Option<Socket> {
    for path in paths
        .iter()
        .filter(|path| path.parent().is_some_and(Path::is_dir))
    {
        match Socket::open(path, &access).await {
            Ok(socket) => {
                info!(path = %path.display(), "the control socket is open");
                return Some(socket);
            }
            Err(cause) if cause.kind() == std::io::ErrorKind::AddrInUse => {
                warn!(path = %path.display(), "another daemon has the control socket; set `oxabgp_api_socketname` to give this one a name of its own");
                return None;
            }
            Err(cause) => {
                info!(path = %path.display(), %cause, "the control socket can't be created here");
            }
        }
    }
    warn!(
        "there is no control socket, so `oxabgp cli` and `oxabgp run` cannot reach this daemon: set `oxabgp_api_socketpath` to choose its path"
    );
    None
}

/// Logs how to create the pipes that were not found, as ExaBGP does; only at DEBUG if the socket is open instead.
fn report_missing(name: &str, socket: bool) {
    let directory = paths::suggestion();
    let mut lines = vec![
        format!("could not find the named pipes ({name}.in and {name}.out) required for the cli"),
        "we scanned the following folders (the number is your UID):".to_owned(),
    ];
    let directories = paths::pipe_directories();
    lines.extend(
        directories
            .iter()
            .map(|directory| format!(" - {}", directory.display())),
    );
    lines.push("please make them in one of the folder with the following commands:".to_owned());
    lines.push(format!("> mkfifo {directory}/{name}.{{in,out}}"));
    lines.push(format!("> chmod 600 {directory}/{name}.{{in,out}}"));
    let (user, group) = (nix::unistd::getuid(), nix::unistd::getgid());
    if !user.is_root() {
        lines.push(format!(
            "> chown {user}:{group} {directory}/{name}.{{in,out}}"
        ));
    }
    for line in lines {
        match socket {
            true => debug!("{line}"),
            false => info!("{line}"),
        }
    }
}
