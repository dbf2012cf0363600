//! What starting a daemon needs: its error type, the runtime, the background.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::stat::{SFlag, fstat};
use nix::unistd::Pid;
use tracing::{error, info, warn};

use super::privilege::{self, PidFile};
use crate::config::{Diagnostics, Env};
use crate::speaker;

/// Why the daemon could not start.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    /// The configuration has errors.
    #[error("the configuration has errors")]
    Configuration(Diagnostics),
    /// The system refused something.
    #[error("{what}: {source}")]
    System {
        /// What was attempted.
        what: String,
        /// The error.
        source: std::io::Error,
    },
}

impl Fatal {
    pub(super) fn system(what: impl Into<String>, source: impl Into<std::io::Error>) -> Self {
        Self::System {
            what: what.into(),
            source: source.into(),
        }
    }

    /// The first line of it, with the place of a mistake in the configuration.
    pub(super) fn first_line(&self) -> String {
        match self {
            Self::Configuration(errors) => errors.lines().next().unwrap_or_default(),
            Self::System { .. } => self.to_string(),
        }
    }

    /// The process can't become the user of the settings.
    pub(super) fn user(name: &str, cause: std::io::Error) -> Self {
        let what = format!("could not drop privileges to `{name}`, refusing to run as root");
        Self::system(what, cause)
    }

    /// The pid file of the settings can't be written.
    pub(super) fn pid_file(env: &Env, cause: std::io::Error) -> Self {
        let path = env.daemon.pid.as_deref().unwrap_or_else(|| Path::new(""));
        let what = format!(
            "could not write the pid file `{}` (setting `daemon.pid`)",
            path.display()
        );
        Self::system(what, cause)
    }

    /// There is no listening at `address`.
    pub(super) fn listen(address: SocketAddr, cause: speaker::Error) -> Self {
        let speaker::Error::Listen { source, .. } = cause else {
            return Self::system(
                format!("could not listen on {address}"),
                std::io::Error::other(cause),
            );
        };
        let hint = match source.kind() {
            std::io::ErrorKind::AddrInUse => {
                "another program listens there; `oxabgp_tcp_port` chooses another port, `oxabgp_tcp_bind` another address"
            }
            std::io::ErrorKind::PermissionDenied => {
                "ports below 1024 need root or CAP_NET_BIND_SERVICE; `oxabgp_tcp_port` chooses another port"
            }
            std::io::ErrorKind::AddrNotAvailable => {
                "no interface has this address; see `oxabgp_tcp_bind` and `local-address`"
            }
            _ => return Self::system(format!("could not listen on {address}"), source),
        };
        let source = std::io::Error::new(source.kind(), format!("{source} ({hint})"));
        Self::system(format!("could not listen on {address}"), source)
    }
}

/// What becomes of a failure at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The daemon does not start.
    Ends,
    /// It is logged: the daemon has taken over sessions, which do not end for it.
    IsLogged,
}

impl Failure {
    /// What to go on with, if anything.
    pub(super) fn of<T: Default>(self, result: Result<T, Fatal>) -> Result<T, Fatal> {
        match (self, result) {
            (Self::IsLogged, Err(cause)) => {
                error!(%cause, "the upgraded daemon goes on without a part of its configuration");
                Ok(T::default())
            }
            (_, result) => result,
        }
    }
}

/// Where the configuration is, and how it is read.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The file.
    pub path: PathBuf,
    /// Reload after this many seconds, once.
    pub reload_after: Option<Duration>,
}

pub(super) fn runtime() -> Result<tokio::runtime::LocalRuntime, Fatal> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
        .map_err(|cause| Fatal::system("the runtime", cause))
}

/// Checks what the settings ask of the system, for a daemon with this process ID that is to be upgraded.
pub(super) fn check(env: &Env, daemon: Pid) -> Result<(), Fatal> {
    let user = &env.daemon.user;
    privilege::find(user).map_err(|cause| Fatal::user(user, cause))?;
    match &env.daemon.pid {
        Some(path) => PidFile::check(path, daemon).map_err(|cause| Fatal::pid_file(env, cause)),
        None => Ok(()),
    }
}

/// Goes to the background, if it is configured, the log does not need the terminal, and no supervisor would take that for the
/// end of the service. Must be called before the runtime starts, since a fork keeps one thread only.
pub(super) fn go_to_background(env: &Env) -> Result<(), Fatal> {
    if !env.daemon.daemonize {
        return Ok(());
    }
    if env.log.enable && matches!(env.log.destination.as_str(), "stdout" | "stderr" | "") {
        error!("not going to the background: the log goes to the terminal");
        return Ok(());
    }
    // As ExaBGP tells: a child of the first process, of systemd or in a container, or one that a super-server has started.
    let is_socket = fstat(std::io::stdin()).is_ok_and(|facts| {
        SFlag::from_bits_truncate(facts.st_mode) & SFlag::S_IFMT == SFlag::S_IFSOCK
    });
    if is_socket || nix::unistd::getppid().as_raw() == 1 {
        info!("not going to the background: a supervisor has started the daemon");
        return Ok(());
    }
    nix::unistd::daemon(true, false)
        .map_err(|cause| Fatal::system("could not go to the background", cause))
}

/// Logs the warnings about a configuration.
pub(super) fn log_warnings(warnings: &Diagnostics) {
    for line in warnings.lines() {
        warn!(target: "oxabgp::configuration", "{line}");
    }
}
