//! The process that hands over: it checks the program that is to continue, collects what that needs, and becomes it.

use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::rc::Rc;
use std::time::Duration;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::{AccessFlags, access, execve};
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use super::collect::{Collected, collect};
use super::protocol::{CHECK, FORMATS, VARIABLE, WORD, line, refusal, signals};
use super::pulse::{Beat, Pulse};
use super::sockets::{Descriptors, Sockets};
use crate::config::{Config, diff};
use crate::daemon::control::Control;
use crate::daemon::core::Core;
use crate::daemon::executor::Executor;
use crate::daemon::journal::files;
use crate::daemon::{log_file, monitors, notify};
use crate::rib::PeerId;
use crate::speaker::sockopt::{Inherit, inheritable};
use crate::speaker::{Handed, Server, Suspension};

/// How long the other program may take to check the configuration.
const CHECKING: Duration = Duration::from_secs(10);
/// How long to wait until nothing is in progress that can't be handed over.
const QUIET: Duration = Duration::from_secs(2);
/// How often to look meanwhile.
const LOOK: Duration = Duration::from_millis(5);
/// The most bytes that are handed over.
const MOST: usize = 2 << 30;

/// What takes part.
pub(crate) struct Giver<'a> {
    pub(crate) executor: &'a Rc<Executor>,
    pub(crate) server: &'a Server,
    pub(crate) control: &'a Control,
    /// The program that is to continue.
    pub(crate) program: &'a Path,
    /// The directory that it is started in.
    pub(crate) directory: &'a Path,
}

/// How this process was started.
pub(crate) struct Start {
    /// The program, by the path that it had.
    pub(crate) program: PathBuf,
    /// The working directory, which relative paths of the command line are relative to.
    pub(crate) directory: PathBuf,
}

impl Start {
    /// That of this process, before it changes its working directory.
    pub(crate) fn of_this_process() -> Self {
        let directory = std::env::current_dir().unwrap_or_else(|_| "/".into());
        let running = std::env::current_exe().unwrap_or_default();
        let name = std::env::args_os().next().unwrap_or_default();
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self {
            program: called(running, Path::new(&name), (&directory, &path)),
            directory,
        }
    }
}

impl Giver<'_> {
    /// Continues as the program. Returns only if that is not possible: the sessions, helpers and clients stay.
    pub(crate) async fn give(&self) -> Result<Infallible, String> {
        self.refuse_what_is_unknown()?;
        let format = self.check().await?;
        self.give_to(format, Rc::new(Descriptors), |collected| {
            self.execute(collected)
        })
        .await
    }

    /// Hands over to what `execute` begins with. When that fails, everything goes on as before.
    pub(crate) async fn give_to<T>(
        &self,
        format: u8,
        sockets: Rc<dyn Sockets>,
        execute: impl FnOnce(Collected) -> Result<T, String>,
    ) -> Result<T, String> {
        let core = self.core();
        self.quiet(|| self.unfinished()).await?;
        core.handover.hold();
        let result = self.hold_and_go(format, sockets, execute).await;
        if result.is_err() {
            core.handover.release();
        }
        result
    }

    fn core(&self) -> &Rc<Core> {
        &self.executor.core
    }

    /// What can't be handed over, however long one waits.
    pub(crate) fn refuse_what_is_unknown(&self) -> Result<(), String> {
        let core = self.core();
        let (Some(path), Some(running)) = (core.reloads.path(), core.reloads.current()) else {
            return Err("this daemon has no configuration file".to_owned());
        };
        if core.reloads.left().is_some() {
            return Err("a reload waits for its confirmation".to_owned());
        }
        if let Some(name) = core.runtime_peers.any() {
            return Err(format!(
                "the neighbor {name} was created by a command: put it into the configuration first"
            ));
        }
        let (new, _) = Config::load_regular(path, &core.env)
            .map_err(|errors| format!("the configuration has errors: {}", first(errors.lines())))?;
        let changes = diff(&running.whole(), &new);
        if let Some(change) = changes.first() {
            return Err(format!(
                "the configuration has changed, reload it first: {}",
                first(change.to_string().lines().map(str::to_owned))
            ));
        }
        // A reload leaves the journal where it is.
        match new.state.filter(|state| core.journal.is_elsewhere(state)) {
            Some(state) if files::is_taken(&state) => Err(format!(
                "the journal in `{}` is that of another daemon",
                state.directory.display()
            )),
            _ => Ok(()),
        }
    }

    /// Asks the program for the formats that it reads, then lets it check the configuration. Returns the newest format that
    /// both know.
    async fn check(&self) -> Result<u8, String> {
        access(self.directory, AccessFlags::X_OK).map_err(|cause| {
            format!(
                "the directory `{}`, where the daemon was started, can't be entered: {}",
                self.directory.display(),
                std::io::Error::from(cause)
            )
        })?;
        let name = self.program.display();
        let ask = |arguments: Vec<OsString>, checks: bool| {
            let mut command = Command::new(self.program);
            command
                .args(arguments)
                .current_dir(self.directory)
                .stdin(Stdio::null())
                .env_remove("NOTIFY_SOCKET")
                .env_remove(VARIABLE)
                .env_remove(log_file::VARIABLE)
                .kill_on_drop(true);
            if checks {
                // The name may decide what the command line means.
                let name = std::env::args_os().next().unwrap_or_default();
                command.arg0(name).env(VARIABLE, CHECK);
            }
            async move {
                let output = timeout(CHECKING, command.output()).await;
                let output = output.map_err(|_| "it does not answer".to_owned())?;
                output.map_err(|cause| cause.to_string())
            }
        };
        let output = ask(vec!["handover-check".into()], false)
            .await
            .map_err(|reason| format!("`{name}` can't be run: {reason}"))?;
        let found = String::from_utf8_lossy(&output.stdout);
        let reads = |format: &u8| found.lines().any(|known| known == line(*format));
        let Some(format) = FORMATS.into_iter().find(reads) else {
            let mut lines = found.lines();
            let found = match lines.find_map(|line| line.strip_prefix(WORD)) {
                Some(format) => format!("format{format}"),
                None => "no format that this one knows".to_owned(),
            };
            let [newest, oldest] = FORMATS;
            return Err(format!(
                "`{name}` reads {found}, and this daemon writes format {oldest} or {newest}: restart it instead"
            ));
        };
        let output = ask(std::env::args_os().skip(1).collect(), true)
            .await
            .map_err(|reason| format!("`{name}` can't check the configuration: {reason}"))?;
        let printed = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() || !printed.contains(&line(format)) {
            // Settings with errors are only named there.
            let errors = String::from_utf8_lossy(&output.stderr);
            let error = || errors.lines().find_map(|line| line.strip_prefix("error: "));
            let reason = refusal(&printed).or_else(error);
            let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
            return Err(format!(
                "`{name}` does not accept the configuration{reason}"
            ));
        }
        Ok(format)
    }

    /// Waits until nothing is in progress that can't be handed over, as `busy` says.
    async fn quiet(&self, busy: impl Fn() -> Option<String>) -> Result<(), String> {
        let deadline = Instant::now() + QUIET;
        loop {
            match busy() {
                None => return Ok(()),
                Some(reason) if Instant::now() > deadline => return Err(reason),
                Some(_) => sleep(LOOK).await,
            }
        }
    }

    /// Commands whose answers are not known yet. There are always some while commands flow.
    fn unanswered(&self) -> Option<String> {
        let core = self.core();
        let mut busy = None;
        let own = core.handover.promise();
        self.control.visit(&mut |_, queue| {
            if queue.waits_for_another(own.as_ref()) {
                busy = Some("a command of an operator is not finished".to_owned());
            }
        });
        let helpers = core.events.helpers().all();
        let mut waiting = helpers
            .iter()
            .filter(|process| process.queue.waits_for_another(None));
        let helper = waiting.next();
        busy.or_else(|| {
            helper
                .map(|process| format!("a command of the helper {} is not finished", process.name))
        })
    }

    /// What else is in progress.
    fn unfinished(&self) -> Option<String> {
        let core = self.core();
        let works = core.works.is_any();
        let mut busy = works.then(|| "the work of a command is not finished".to_owned());
        self.control.visit(&mut |source, _| {
            if source.is_open() {
                busy = Some("an operator has an open batch or set".to_owned());
            }
        });
        for process in core.events.helpers().all() {
            let name = &process.name;
            let open = self.executor.with_source(name, |source| source.is_open());
            if open == Some(true) {
                busy = Some(format!("the helper {name} has an open batch or set"));
            } else if process.parts().is_none() && !process.is_gone() && !process.is_waiting() {
                busy = Some(format!("the helper {name} is being started or stopped"));
            }
        }
        for listed in core.neighbors.all() {
            let name = &listed.neighbor.name();
            if listed.neighbor.received.is_sweeping() {
                busy = Some(format!("stale routes of {name} are being dropped"));
            }
        }
        busy
    }

    async fn hold_and_go<T>(
        &self,
        format: u8,
        sockets: Rc<dyn Sockets>,
        execute: impl FnOnce(Collected) -> Result<T, String>,
    ) -> Result<T, String> {
        let core = self.core();
        // A command may have come while the last one was waited for.
        self.quiet(|| self.unfinished().or_else(|| self.unanswered()))
            .await?;
        core.journal.settle().await;
        monitors::end(core).await;
        notify::reloading();
        let begin = Instant::now();
        let (suspensions, sessions) = self.suspend().await;
        let beats = sessions.iter().filter_map(|(id, handed)| beat(*id, handed));
        let mut pulse = Pulse::of(beats, sockets);
        let collected = self.collect((format, sessions), begin, &mut pulse);
        let reason = match collected.and_then(execute) {
            Ok(done) => return Ok(done),
            Err(reason) => reason,
        };
        for (id, suspension) in suspensions {
            if let Some(beat) = pulse.find(id.0) {
                suspension.owe(&beat.output);
            }
            suspension.end();
        }
        if let Some(running) = core.reloads.current() {
            monitors::apply(core, running.config.mrt.clone(), running.config.bmp.clone());
        }
        notify::ready();
        Err(reason)
    }

    /// Holds the tasks of all neighbors, and takes their sessions.
    async fn suspend(&self) -> (Vec<(PeerId, Rc<Suspension>)>, Vec<(PeerId, Handed)>) {
        let mut held = Vec::new();
        for listed in self.core().neighbors.all() {
            let key = listed.key.get();
            if let Some(suspension) = key.and_then(|key| self.server.suspend(key)) {
                held.push((listed.neighbor.id, suspension));
            }
        }
        let deadline = Instant::now() + QUIET;
        let mut sessions = Vec::new();
        for (id, suspension) in &held {
            // The task of a neighbor whose plugin has panicked takes no commands.
            let session = tokio::time::timeout_at(deadline, suspension.session()).await;
            if let Ok(Some(session)) = session {
                sessions.push((*id, session));
            }
        }
        (held, sessions)
    }

    /// Collects what the other program needs. The first session was held at `begin`.
    fn collect(
        &self,
        (format, sessions): (u8, Vec<(PeerId, Handed)>),
        begin: Instant,
        pulse: &mut Pulse,
    ) -> Result<Collected, String> {
        let core = self.core();
        core.routes.finish_sweeps();
        self.control.visit(&mut |_, queue| queue.make_all());
        for process in core.events.helpers().all() {
            process.queue.make_all();
        }
        let answer = core.handover.success();
        let count = sessions.len();
        let parts = (&**self.executor, self.server, self.control);
        let collected = collect(parts, (format, sessions), &answer, pulse)?;
        let bytes = collected.parts().map(<[u8]>::len).iter().sum::<usize>();
        if bytes > MOST {
            return Err(format!("{bytes} bytes would have to be handed over"));
        }
        info!(
            program = %self.program.display(),
            sessions = count,
            bytes,
            milliseconds = begin.elapsed().as_millis(),
            "continuing as another process"
        );
        Ok(collected)
    }

    /// Becomes the other program.
    fn execute(&self, collected: Collected) -> Result<Infallible, String> {
        let file = sealed(collected.parts())
            .map_err(|cause| format!("no memory for the state: {cause}"))?;
        let mut descriptors = collected.into_descriptors();
        descriptors.push(file.as_raw_fd());
        let log = log_file::handed();
        descriptors.extend(log.iter().map(|(number, _)| *number));
        let mut variables = vec![(VARIABLE, file.as_raw_fd().to_string().into())];
        variables.extend(log.map(|(_, value)| (log_file::VARIABLE, value)));
        let result = self.become_program(&descriptors, variables);
        for number in descriptors {
            if let Err(cause) = inheritable(number, Inherit::No) {
                warn!(number, %cause, "a descriptor stays open for helpers");
            }
        }
        result
    }

    fn become_program(
        &self,
        descriptors: &[i32],
        own: Vec<(&str, OsString)>,
    ) -> Result<Infallible, String> {
        let text = |bytes: &[u8]| CString::new(bytes).map_err(|cause| cause.to_string());
        let program = text(self.program.as_os_str().as_bytes())?;
        let arguments: Vec<CString> = std::env::args_os()
            .map(|argument| text(argument.as_bytes()))
            .collect::<Result<_, _>>()?;
        let kept =
            std::env::vars_os().filter(|(name, _)| name != VARIABLE && name != log_file::VARIABLE);
        let own = own.into_iter().map(|(name, value)| (name.into(), value));
        let variables: Vec<CString> = kept
            .chain(own)
            .map(|(name, value)| text(&[name.as_bytes(), b"=", value.as_bytes()].concat()))
            .collect::<Result<_, _>>()?;
        for number in descriptors {
            inheritable(*number, Inherit::Yes).map_err(|cause| cause.to_string())?;
        }
        // What would end the process between its two programs waits.
        let signals = signals();
        std::env::set_current_dir(self.directory).map_err(|cause| cause.to_string())?;
        signals.thread_block().map_err(|cause| cause.to_string())?;
        let result = execve(&program, &arguments, &variables);
        let back = std::env::set_current_dir("/");
        signals
            .thread_unblock()
            .map_err(|cause| cause.to_string())?;
        back.map_err(|cause| cause.to_string())?;
        result.map_err(|cause| format!("`{}` can't be run: {cause}", self.program.display()))
    }
}

/// The path by which a running program was called with a name: a link that leads to it may lead to another version later. Its
/// own path if it can't be found by its name.
fn called(running: PathBuf, name: &Path, (directory, path): (&Path, &OsStr)) -> PathBuf {
    let is_running = |found: &PathBuf| found.canonicalize().is_ok_and(|real| real == running);
    let found = match name.as_os_str().as_bytes().contains(&b'/') {
        true => Some(directory.join(name)).filter(is_running),
        false => std::env::split_paths(path)
            .map(|folder| directory.join(folder).join(name))
            .find(is_running),
    };
    found.unwrap_or(running)
}

/// The session of a neighbor, unless bytes wait for it: then the peer has not read what it was sent.
fn beat(id: PeerId, handed: &Handed) -> Option<Beat> {
    let session = &handed.session;
    let times = (session.local.hold_time, session.remote.hold_time);
    let wait = session.keepalive.filter(|_| handed.output.is_empty())?;
    Beat::new((id.0, handed.socket), times, wait, Vec::new())
}

fn first(mut lines: impl Iterator<Item = String>) -> String {
    lines.next().unwrap_or_default()
}

/// The state in memory that has no name and can't be changed.
fn sealed(parts: [&[u8]; 3]) -> std::io::Result<File> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let mut file = File::from(memfd_create(c"oxabgp-handover", flags)?);
    for part in parts {
        file.write_all(part)?;
    }
    let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals | SealFlag::F_SEAL_SEAL))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_known_by_the_link_that_it_was_called_by() {
        let directory = tempfile::tempdir().expect("a directory");
        let real = directory.path().canonicalize().expect("there");
        for version in ["v1", "v2"] {
            std::fs::create_dir(real.join(version)).expect("a directory");
            std::fs::write(real.join(version).join("oxabgp"), version).expect("a file");
        }
        std::os::unix::fs::symlink("v1", real.join("current")).expect("a link");
        let running = real.join("v1/oxabgp");
        let absolute = real.join("current/oxabgp");
        let path = OsStr::new("missing:v2:current:v1");
        let found = |name: &Path| called(running.clone(), name, (&real, path));
        for name in [&absolute, Path::new("current/oxabgp"), Path::new("oxabgp")] {
            assert_eq!(found(name), absolute, "{}", name.display());
        }
        // Another program, or none: the name was made up, or the link leads elsewhere by now.
        for name in ["v2/oxabgp", "exabgp", "/missing", ""] {
            assert_eq!(found(Path::new(name)), running, "{name}");
        }
    }
}
