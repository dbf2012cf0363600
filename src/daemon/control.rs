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

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};
use std::time::Duration;

use tracing::{info, warn};

use super::core::Core;

mod operator;
mod pipes;
pub(crate) mod places;
mod socket;
pub(crate) mod stdio;

use operator::Operator;
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

/// Who is there.
#[derive(Clone, Default)]
struct Operators(Rc<RefCell<Vec<Weak<Operator>>>>);

impl Operators {
    /// Adds one; `None` when there are `most` already.
    fn add(&self, name: &str, most: usize) -> Option<Rc<Operator>> {
        let mut list = self.0.borrow_mut();
        list.retain(|operator| operator.strong_count() > 0);
        if list.len() >= most {
            return None;
        }
        let operator = Rc::new(Operator::new(name));
        list.push(Rc::downgrade(&operator));
        Some(operator)
    }

    fn all(&self) -> Vec<Rc<Operator>> {
        self.0.borrow().iter().filter_map(Weak::upgrade).collect()
    }
}

impl Control {
    /// Opens the doors, if `api.cli` says so. Without them the daemon runs all the same.
    pub(crate) async fn start(core: &Rc<Core>) -> Self {
        let env = Rc::clone(&core.env.borrow());
        let mut control = Self::default();
        if !env.api.cli {
            return control;
        }
        let name = &env.api.pipename;
        match places::find_pipes(name) {
            Some(found) => pipes::start(core, &control.operators, found),
            None => tell_missing(name),
        }
        let paths = match &env.api.socketpath {
            Some(path) => vec![path.clone()],
            None => places::sockets(env.api.socketname.as_ref().unwrap_or(name)),
        };
        control.socket = open_socket(&paths).await;
        if let Some(socket) = &control.socket {
            socket.serve(core, &control.operators);
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
    info!("there is no control socket: `oxabgp_api_socketpath` says where it may be");
    None
}

/// Tells how to make the pipes that were not found, as ExaBGP does.
fn tell_missing(name: &str) {
    info!("could not find the named pipes ({name}.in and {name}.out) required for the cli");
    info!("we scanned the following folders (the number is your PID):");
    for folder in places::pipe_folders() {
        info!(" - {}", folder.display());
    }
    info!("please make them in one of the folder with the following commands:");
    let folder = places::suggestion();
    info!("> mkfifo {folder}/{name}.{{in,out}}");
    info!("> chmod 600 {folder}/{name}.{{in,out}}");
    let (user, group) = (nix::unistd::getuid(), nix::unistd::getgid());
    if !user.is_root() {
        info!("> chown {user}:{group} {folder}/{name}.{{in,out}}");
    }
}
