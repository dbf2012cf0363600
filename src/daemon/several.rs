//! Several configurations in one call: a daemon for each, and this process, which forwards signals and waits.
//!
//! ExaBGP forks; here each daemon is a new process that shares only the terminal. Signals that ExaBGP's first process ignores
//! are forwarded to all daemons: SIGTERM stops them, SIGUSR1 reloads them. SIGINT is not forwarded, since the terminal sends
//! it to them already.

use std::process::ExitStatus;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Command;
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use super::control::paths::GROUP_VARIABLE;
use super::notify;
use super::privilege::{self, PidFile};
use super::signal::{Received, Signals};
use super::startup::{Fatal, go_to_background, runtime};
use crate::config::Env;
use crate::probe::command::OWN_VARIABLES;
use crate::speaker::sockopt::close_inherited_on_exec;

/// Runs these daemons until all have exited. Returns the greatest of their exit codes.
///
/// # Errors
/// When one of them could not be started. The others are stopped then.
pub fn run_several(daemons: Vec<std::process::Command>, env: &Env) -> Result<u8, Fatal> {
    close_inherited_on_exec();
    go_to_background(env)?;
    runtime()?.block_on(serve(daemons, env))
}

async fn serve(daemons: Vec<std::process::Command>, env: &Env) -> Result<u8, Fatal> {
    let mut signals = Signals::new().map_err(|cause| Fatal::system("signal handlers", cause))?;
    let path = env.daemon.pid.as_ref();
    let pid_file = path.map(|path| PidFile::create(path)).transpose();
    let _pid_file = pid_file.map_err(|cause| Fatal::pid_file(env, cause))?;
    let (ended, mut ends) = mpsc::channel(1);
    let mut running: Vec<Pid> = Vec::new();
    for daemon in daemons {
        match start(daemon, ended.clone()) {
            Ok(pid) => running.push(pid),
            Err(cause) => {
                running
                    .iter()
                    .for_each(|pid| pass_on(*pid, Signal::SIGTERM));
                return Err(Fatal::system("could not start a daemon", cause));
            }
        }
    }
    privilege::become_user(&env.daemon.user, privilege::Groups::Given)
        .map_err(|cause| Fatal::system("could not drop privileges", cause))?;
    notify::ready();
    tokio::task::spawn_local(notify::live());
    let mut worst = 0;
    while !running.is_empty() {
        tokio::select! {
            received = signals.next() => relay(&received, &running),
            Some((pid, status)) = ends.recv() => {
                running.retain(|other| *other != pid);
                worst = worst.max(code(pid, status));
            }
        }
    }
    notify::stopping();
    Ok(worst)
}

/// Starts one daemon, and a task that reports its exit.
fn start(
    daemon: std::process::Command,
    ended: mpsc::Sender<(Pid, std::io::Result<ExitStatus>)>,
) -> std::io::Result<Pid> {
    // This process notifies systemd, writes the pid file and goes to the background, not the daemons.
    let mut daemon = Command::from(daemon);
    let own = OWN_VARIABLES.iter().filter(|name| **name != GROUP_VARIABLE);
    for variable in own {
        daemon.env_remove(variable);
    }
    daemon
        .env("oxabgp_daemon_pid", "")
        .env("oxabgp_daemon_daemonize", "false");
    let mut child = daemon.spawn()?;
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    let pid = Pid::from_raw(pid.ok_or_else(|| std::io::Error::other("it has no process ID"))?);
    tokio::task::spawn_local(async move {
        let status = child.wait().await;
        // The receiver is dropped when another daemon could not be started.
        let _ = ended.send((pid, status)).await;
    });
    Ok(pid)
}

fn relay(received: &Received, running: &[Pid]) {
    warn!(signal = received.name, "received a signal");
    if let Ok(signal) = Signal::try_from(received.number)
        && signal != Signal::SIGINT
    {
        running.iter().for_each(|pid| pass_on(*pid, signal));
    }
}

fn pass_on(pid: Pid, signal: Signal) {
    if let Err(cause) = kill(pid, signal) {
        // It may have exited just now.
        warn!(%pid, %cause, "the signal could not be passed on");
    }
}

fn code(pid: Pid, status: std::io::Result<ExitStatus>) -> u8 {
    match status {
        Ok(status) if status.success() => {
            info!(%pid, "a daemon has ended");
            0
        }
        Ok(status) => {
            error!(%pid, "a daemon has ended: {status}");
            status
                .code()
                .and_then(|code| u8::try_from(code).ok())
                .unwrap_or(1)
        }
        Err(cause) => {
            error!(%pid, %cause, "a daemon is lost");
            1
        }
    }
}
