//! How a helper's program is executed: with which environment, and confined to which user and limits.
//!
//! A confined helper is started as this program, which takes the limits and the user that it is asked for, and then executes
//! the helper's program in its place ([`become_helper`]). It starts no thread and no runtime before. Why that is not possible
//! it writes to a pipe, which is closed when the helper's program is executed.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::geteuid;
use tokio::net::unix::pipe;

use super::privilege;
use crate::config::{CONFINED, Confinement, ProcessConfig};
use crate::probe::command::OWN_VARIABLES;
use crate::speaker::sockopt::{Inherit, inherit, inheritable};

/// The word that names the pipe to a launcher. One that does not know it would not start the helper, so it is the first.
const REPORT: &str = "report=";
/// The most bytes of a report.
const MOST: usize = 4096;

/// A helper that is about to be started: the pipe by which its launcher reports.
pub(super) struct Launch {
    reader: PipeReader,
    writer: PipeWriter,
}

/// What the launcher of a helper reports.
pub(super) struct Report(pipe::Receiver);

impl Launch {
    /// A pipe that the next program inherits that is started.
    fn new() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        inheritable(writer.as_raw_fd(), Inherit::Yes)?;
        Ok(Self { reader, writer })
    }

    /// The launcher is started.
    pub(super) fn begun(self) -> io::Result<Report> {
        drop(self.writer);
        pipe::Receiver::from_owned_fd(OwnedFd::from(self.reader)).map(Report)
    }
}

impl Report {
    /// Waits until the helper's program is executed. Returns why that is not possible.
    pub(super) async fn failure(&self) -> Option<String> {
        let mut text = Vec::new();
        while text.len() < MOST && self.0.readable().await.is_ok() {
            match self.0.try_read_buf(&mut text) {
                Ok(0) => break,
                Err(cause) if cause.kind() != io::ErrorKind::WouldBlock => break,
                _ => {}
            }
        }
        (!text.is_empty()).then(|| String::from_utf8_lossy(&text).into_owned())
    }
}

/// The program of a helper, or ours, which confines itself and becomes that program.
pub(super) fn command(config: &ProcessConfig) -> io::Result<(Command, Option<Launch>)> {
    let invalid = |text: &str| io::Error::new(io::ErrorKind::InvalidInput, text);
    let (program, arguments) = config
        .run
        .split_first()
        .ok_or_else(|| invalid("no program is named"))?;
    let confinement = &config.confinement;
    let mut launch = None;
    let mut command = if confinement.is_empty() {
        Command::new(program)
    } else {
        check(confinement)?;
        let launcher = confinement.launcher.as_ref();
        let launcher = launcher.ok_or_else(|| invalid("only `oxabgp` can confine helpers"))?;
        let pipe = Launch::new()?;
        let mut command = Command::new(launcher);
        command
            .arg(CONFINED)
            .arg(format!("{REPORT}{}", pipe.writer.as_raw_fd()))
            .args(confinement.arguments())
            .arg(program);
        launch = Some(pipe);
        command
    };
    // What the service manager tells the daemon is not for its helpers. ExaBGP passes all other variables on, too.
    for variable in OWN_VARIABLES {
        command.env_remove(variable);
    }
    command.args(arguments);
    Ok((command, launch))
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
pub fn become_helper(mut arguments: Vec<OsString>) -> io::Result<Infallible> {
    let number = arguments.first().and_then(|word| word.to_str());
    let number = number.and_then(|word| word.strip_prefix(REPORT)?.parse().ok());
    let report = number.map(inherit).transpose()?;
    if report.is_some() {
        arguments.remove(0);
    }
    let Err(cause) = take_place(&arguments);
    if let Some(report) = report {
        // The daemon may have ended meanwhile.
        let _ = write!(File::from(report), "{cause}");
    }
    Err(cause)
}

fn take_place(arguments: &[OsString]) -> io::Result<Infallible> {
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
    let (limits, user) = (&confinement.limits, confinement.user.as_deref());
    // Before the user: a hard limit above that of this process needs root.
    for (word, resource, most) in [
        ("files", Resource::RLIMIT_NOFILE, limits.files),
        ("processes", Resource::RLIMIT_NPROC, limits.processes),
        ("cpu-time", Resource::RLIMIT_CPU, limits.cpu_time),
    ] {
        limit(word, resource, most)?;
    }
    if let Some(user) = user {
        privilege::become_user(user, privilege::Groups::User)
            .map_err(|cause| failed(&format!("it can't become the user `{user}`"), &cause))?;
    }
    if confinement.no_new_privileges {
        privilege::forbid_new_privileges()
            .map_err(|cause| failed("`no-new-privileges` can't be set", &cause))?;
    }
    // Last: with little of it, this process may not be able to look up a user.
    limit("memory", Resource::RLIMIT_AS, limits.memory)?;
    let cause = Command::new(program).args(arguments).exec();
    let name = program.display();
    Err(match user {
        Some(user) => failed(
            &format!("`{name}` can't be executed by the user `{user}`"),
            &cause,
        ),
        None => failed(&format!("`{name}` can't be executed"), &cause),
    })
}

/// Sets a limit that the configuration calls `word`.
fn limit(word: &str, resource: Resource, most: Option<u64>) -> io::Result<()> {
    let Some(most) = most else { return Ok(()) };
    setrlimit(resource, most, most).map_err(|cause| {
        let what = format!("the limit `{word}` can't be set to {most}");
        failed(&what, &cause.into())
    })
}

fn failed(what: &str, cause: &io::Error) -> io::Error {
    io::Error::new(cause.kind(), format!("{what}: {cause}"))
}
