//! Control for operators: commands from outside, while the daemon runs.
//!
//! Two doors lead in. ExaBGP's named pipes, which somebody else has made, take one command a line and answer in text; they
//! know no clients, so there is one at a time. The Unix socket is ours: any number of clients, each with its own answers.
//! Both lead to the same commands as a helper's lines, said to all neighbours. ExaBGP has a process in between that copies
//! the pipes; here the daemon reads and writes them itself, and waits for nobody.
//!
//! | room | what |
//! |---|---|
//! | [`places`] | where pipes and socket are |
//! | `operator` | one who speaks: lines in, answers out |
//! | `pipes`, `socket` | the doors |
//! | [`stdio`] | a helper that is our own standard input and output |

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use nix::unistd::User;
use tracing::{debug, info, warn};

use super::executor::Executor;
use super::privilege;
use crate::config::Env;

mod operator;
mod pipes;
pub(crate) mod places;
mod socket;
pub(crate) mod stdio;

use operator::Operators;
use places::Pipes;
use socket::Socket;

pub(crate) use operator::FRAME;

/// How long the last answers may take at the end.
const FAREWELL: Duration = Duration::from_millis(200);

/// The open doors.
#[derive(Default)]
pub(crate) struct Control {
    socket: Option<Socket>,
    operators: Operators,
}

/// What was opened before privileges are dropped.
#[derive(Default)]
pub(crate) struct Doors {
    socket: Option<Socket>,
    pipes: Option<Pipes>,
}

impl Doors {
    /// Makes the control socket and finds the pipes, if `api.cli` says so, and gives them to the user that we are about to
    /// become. Without them the daemon runs anyway.
    pub(crate) async fn open(env: &Env) -> Self {
        if !env.api.cli {
            return Self::default();
        }
        let owner = privilege::successor(&env.daemon.user);
        let name = &env.api.pipename;
        let pipes = places::find_pipes(name);
        if let (Some(pipes), Some(owner)) = (&pipes, &owner) {
            for path in [&pipes.commands, &pipes.answers] {
                hand_over(path, owner);
            }
        }
        let paths = match &env.api.socketpath {
            Some(path) => vec![path.clone()],
            None => {
                if let Some(owner) = &owner {
                    make_folder(Path::new(places::FOLDER), owner);
                }
                places::sockets(env.api.socketname.as_ref().unwrap_or(name))
            }
        };
        let socket = open_socket(&paths).await;
        if let (Some(socket), Some(owner)) = (&socket, &owner) {
            hand_over(socket.path(), owner);
        }
        if pipes.is_none() {
            report_missing(name, socket.is_some());
        }
        Self { socket, pipes }
    }
}

/// Makes the folder of control sockets, which is the new user's: it has to remove its socket from there.
fn make_folder(path: &Path, owner: &User) {
    match std::fs::create_dir(path) {
        Ok(()) => hand_over(path, owner),
        Err(cause) => debug!(path = %path.display(), %cause, "the folder is not made"),
    }
}

/// Gives a file that is root's to another user.
fn hand_over(path: &Path, owner: &User) {
    let roots = std::fs::symlink_metadata(path).is_ok_and(|facts| facts.uid() == 0);
    if roots && let Err(cause) = nix::unistd::chown(path, Some(owner.uid), Some(owner.gid)) {
        warn!(path = %path.display(), user = %owner.name, %cause, "it could not be given to the user that the daemon becomes");
    }
}

impl Control {
    /// Serves what was opened.
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

    /// Lets the last answers leave, and closes the doors.
    pub(crate) async fn end(self) {
        let answered = async {
            for operator in self.operators.all() {
                operator.answered().await;
            }
        };
        // A client that does not read has had its time.
        let _ = tokio::time::timeout(FAREWELL, answered).await;
        if let Some(socket) = self.socket {
            socket.remove();
        }
    }
}

/// Makes the socket at the first of `paths` where that is possible.
async fn open_socket(paths: &[PathBuf]) -> Option<Socket> {
    for path in paths
        .iter()
        .filter(|path| path.parent().is_some_and(Path::is_dir))
    {
        match Socket::open(path).await {
            Ok(socket) => {
                info!(path = %path.display(), "the control socket is open");
                return Some(socket);
            }
            Err(cause) if cause.kind() == std::io::ErrorKind::AddrInUse => {
                warn!(path = %path.display(), "another daemon has the control socket; `oxabgp_api_socketname` gives this one a name of its own");
                return None;
            }
            Err(cause) => {
                info!(path = %path.display(), %cause, "no control socket can be made here");
            }
        }
    }
    warn!(
        "there is no control socket, so `oxabgp cli` and `oxabgp run` cannot reach this daemon: `oxabgp_api_socketpath` says where it may be"
    );
    None
}

/// Logs how to make the pipes that were not found, as ExaBGP does; for debugging only where the socket is there in their place.
fn report_missing(name: &str, socket: bool) {
    let folder = places::suggestion();
    let mut lines = vec![
        format!("could not find the named pipes ({name}.in and {name}.out) required for the cli"),
        "we scanned the following folders (the number is your UID):".to_owned(),
    ];
    let folders = places::pipe_folders();
    lines.extend(
        folders
            .iter()
            .map(|folder| format!(" - {}", folder.display())),
    );
    lines.push("please make them in one of the folder with the following commands:".to_owned());
    lines.push(format!("> mkfifo {folder}/{name}.{{in,out}}"));
    lines.push(format!("> chmod 600 {folder}/{name}.{{in,out}}"));
    let (user, group) = (nix::unistd::getuid(), nix::unistd::getgid());
    if !user.is_root() {
        lines.push(format!("> chown {user}:{group} {folder}/{name}.{{in,out}}"));
    }
    for line in lines {
        match socket {
            true => debug!("{line}"),
            false => info!("{line}"),
        }
    }
}
