//! How a helper's program is executed: with which environment, and confined to which user and limits.
//!
//! A confined helper is started as this program, which takes the limits and the user that it is asked for, and then executes
//! the helper's program in its place ([`become_helper`]). It starts no thread and no runtime before.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::geteuid;

use super::privilege;
use crate::config::{Confinement, ProcessConfig};

/// Variables by which a service manager supervises the daemon.
const SUPERVISOR: [&str; 6] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
];

/// The program of a helper, or ours, which confines itself and becomes that program.
pub(super) fn command(config: &ProcessConfig) -> io::Result<Command> {
    let invalid = |text: &str| io::Error::new(io::ErrorKind::InvalidInput, text);
    let (program, arguments) = config
        .run
        .split_first()
        .ok_or_else(|| invalid("no program is named"))?;
    let confinement = &config.confinement;
    let mut command = if confinement.is_empty() {
        Command::new(program)
    } else {
        check(confinement)?;
        let launcher = confinement.launcher.as_ref();
        let launcher = launcher.ok_or_else(|| invalid("only `oxabgp` can confine helpers"))?;
        let mut command = Command::new(launcher);
        command.args(confinement.arguments()).arg(program);
        command
    };
    // What the service manager tells the daemon is not for its helpers. ExaBGP passes all other variables on, too.
    for variable in SUPERVISOR {
        command.env_remove(variable);
    }
    command.args(arguments);
    Ok(command)
}

/// Checks that the daemon can start helpers with this user.
///
/// # Errors
/// It runs neither as root nor as that user.
fn check(confinement: &Confinement) -> io::Result<()> {
    let Some(name) = &confinement.user else {
        return Ok(());
    };
    let user = nix::unistd::User::from_name(name).map_err(io::Error::from)?;
    let own = geteuid();
    if own.is_root() || user.is_some_and(|user| user.uid == own) {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!(
            "it is to run as `{name}`, and only root can become another user; the setting `daemon.user` must be `root`"
        ),
    ))
}

/// Executes the program that follows `--` in `arguments`, as the words before it ask for. Returns only on failure.
///
/// # Errors
/// When the arguments have another form, the system refuses a limit or the user, or the program cannot be executed.
pub fn become_helper(arguments: Vec<OsString>) -> io::Result<Infallible> {
    let usage = || io::Error::new(io::ErrorKind::InvalidInput, "only the daemon starts this");
    let end = arguments.iter().position(|word| word == "--");
    let (words, rest) = arguments.split_at(end.ok_or_else(usage)?);
    let words = words.iter().map(|word| word.to_str().map(str::to_owned));
    let words: Option<Vec<String>> = words.collect();
    let confinement = words.and_then(Confinement::from_arguments);
    let confinement = confinement.ok_or_else(usage)?;
    let [_, program, arguments @ ..] = rest else {
        return Err(usage());
    };
    // Before the user: a hard limit above that of this process needs root.
    let limits = &confinement.limits;
    for (resource, most) in [
        (Resource::RLIMIT_NOFILE, limits.files),
        (Resource::RLIMIT_NPROC, limits.processes),
        (Resource::RLIMIT_CPU, limits.cpu_time),
    ] {
        if let Some(most) = most {
            setrlimit(resource, most, most)?;
        }
    }
    if let Some(user) = &confinement.user {
        privilege::become_user(user)?;
    }
    if confinement.no_new_privileges {
        privilege::forbid_new_privileges()?;
    }
    // Last: with little of it, this process may not be able to look up a user.
    if let Some(most) = limits.memory {
        setrlimit(Resource::RLIMIT_AS, most, most)?;
    }
    Err(Command::new(program).args(arguments).exec())
}
