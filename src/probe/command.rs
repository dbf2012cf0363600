//! Runs commands of the shell with their time limit.
//!
//! A check runs in a process group of its own, which is killed when the time is over or the health check exits, so
//! that no process that it started is left behind. Its standard input is empty, because answers of the daemon are not
//! meant for it. When its shell has exited, the exit code determines the result, even if a background process keeps
//! its output open: that is waited for until the time limit, as in ExaBGP, and then killed.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use crate::health::{Cause, Failure};

/// Number of bytes of a check's output that are kept for the log.
const KEEP: usize = 4096;
/// Number of characters of its output in the reason of a failure.
const LINE: usize = 200;
/// How long a background process may keep the output of a check without a time limit open.
const LINGER: Duration = Duration::from_secs(5);

/// Variables that are for the daemon: by them, a service manager supervises it, or the process before tells it what it has
/// left open. What it starts does not get them.
pub(crate) const OWN_VARIABLES: [&str; 9] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "OXABGP_HANDOVER",
    "OXABGP_LOG",
    "OXABGP_SOCKET_GROUP",
];

/// A command that runs.
struct Run {
    pid: i32,
    /// The pipe of its output.
    pipe: RawFd,
    deadline: Option<Instant>,
}

/// Notes that a command runs, until it is dropped.
pub(crate) struct Noted(RawFd);

impl Noted {
    /// A command with this process ID, the pipe of its output, and its deadline.
    pub(crate) fn new(pid: i32, pipe: RawFd, deadline: Option<Instant>) -> Self {
        let mut runs = RUNS.take();
        runs.push(Run {
            pid,
            pipe,
            deadline,
        });
        RUNS.set(runs);
        Self(pipe)
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        let mut runs = RUNS.take();
        runs.retain(|run| run.pipe != self.0);
        RUNS.set(runs);
    }
}

thread_local! {
    /// The commands that run.
    static RUNS: Cell<Vec<Run>> = const { Cell::new(Vec::new()) };
}

/// The commands of this thread that run: process IDs, the pipes of their output, and how long they still may take.
pub(crate) fn running() -> Vec<(i32, RawFd, Duration)> {
    let (runs, now) = (RUNS.take(), Instant::now());
    let left = |run: &Run| {
        let left = run.deadline.map(|end| end.saturating_duration_since(now));
        (run.pid, run.pipe, left.unwrap_or(LINGER))
    };
    let found = runs.iter().map(left).collect();
    RUNS.set(runs);
    found
}

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) enum Failed {
    /// It exited with another code than 0, or was killed by others.
    Exit(ExitStatus, Vec<u8>),
    /// It was killed at its time limit.
    Late(Duration, Vec<u8>),
    /// It could not be started.
    Start(io::Error),
}

impl Failed {
    /// The start of its output.
    pub(crate) fn output(&self) -> &[u8] {
        match self {
            Self::Exit(_, output) | Self::Late(_, output) => output,
            Self::Start(_) => &[],
        }
    }

    /// The failure of the check.
    pub(crate) fn failure(&self) -> Failure {
        let failure = |cause, reason: String| {
            let output = String::from_utf8_lossy(self.output());
            match output.lines().map(str::trim).find(|line| !line.is_empty()) {
                Some(line) => {
                    let line: String = line.chars().take(LINE).collect();
                    Failure::new(cause, format!("{reason}: {line}"))
                }
                None => Failure::new(cause, reason),
            }
        };
        match self {
            Self::Exit(status, _) => failure(Cause::Exit, status.to_string()),
            Self::Late(limit, _) => {
                let reason = format!("no end within {} s", limit.as_secs_f64());
                failure(Cause::Timeout, reason)
            }
            Self::Start(cause) => failure(Cause::System, format!("cannot run it: {cause}")),
        }
    }
}

/// Runs a command. A limit of zero means none.
///
/// # Errors
/// Why it did not succeed.
pub(crate) async fn run(command: &str, limit: Duration) -> Result<(), Failed> {
    run_with(command, limit, &[]).await
}

/// Runs a command with variables in its environment.
pub(crate) async fn run_with(
    command: &str,
    limit: Duration,
    variables: &[(&str, &str)],
) -> Result<(), Failed> {
    match execute(command, limit, variables).await {
        Ok((Some(status), _)) if status.success() => Ok(()),
        Ok((Some(status), output)) => Err(Failed::Exit(status, output)),
        Ok((None, output)) => Err(Failed::Late(limit, output)),
        Err(cause) => Err(Failed::Start(cause)),
    }
}

/// Returns the status of the shell, unless it was killed, and the start of its output.
async fn execute(
    command: &str,
    limit: Duration,
    variables: &[(&str, &str)],
) -> io::Result<(Option<ExitStatus>, Vec<u8>)> {
    // Without one as well if no clock gets there.
    let deadline = Some(limit).filter(|limit| !limit.is_zero());
    let deadline = deadline.and_then(|limit| Instant::now().checked_add(limit));
    let (mut child, mut output) = start(command, variables)?;
    let mut group = Group::of(&child);
    let _noted = group
        .0
        .map(|pid| Noted::new(pid.as_raw(), output.pipe.as_raw_fd(), deadline));
    let ended = within(deadline, output.read_until(child.wait())).await;
    let Some(status) = ended else {
        group.kill();
        child.wait().await?;
        return Ok((None, output.kept));
    };
    let deadline = deadline.unwrap_or_else(|| Instant::now() + LINGER);
    if within(Some(deadline), output.read()).await.is_none() {
        warn!("the check left a process behind that keeps its output open, which is killed");
        group.kill();
    }
    group.forget();
    Ok((Some(status?), output.kept))
}

fn start(command: &str, variables: &[(&str, &str)]) -> io::Result<(Child, Output)> {
    let (reader, writer) = io::pipe()?;
    let child = shell(command)
        .envs(variables.iter().copied())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0)
        .spawn()?;
    let pipe = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
    let kept = Vec::new();
    Ok((child, Output { pipe, kept }))
}

pub(crate) fn shell(command: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]).stdin(Stdio::null());
    for variable in OWN_VARIABLES {
        shell.env_remove(variable);
    }
    shell
}

async fn within<T>(deadline: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(deadline) => timeout_at(deadline, work).await.ok(),
        None => Some(work.await),
    }
}

/// The output of a check: it is read completely, but only the start is kept.
struct Output {
    pipe: pipe::Receiver,
    kept: Vec<u8>,
}

impl Output {
    /// Reads until `event` happens.
    async fn read_until<T>(&mut self, event: impl Future<Output = T>) -> T {
        let mut event = pin!(event);
        tokio::select! {
            result = &mut event => return result,
            () = self.read() => {}
        }
        event.await
    }

    /// Reads until all processes have closed the other end.
    async fn read(&mut self) {
        let mut buffer = [0; 4096];
        while self.pipe.readable().await.is_ok() {
            match self.pipe.try_read(&mut buffer) {
                Ok(0) => return,
                Ok(count) => {
                    let room = KEEP.saturating_sub(self.kept.len());
                    self.kept.extend_from_slice(&buffer[..count.min(room)]);
                }
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }
}

/// A process group that is killed when this is dropped.
struct Group(Option<Pid>);

impl Group {
    fn of(leader: &Child) -> Self {
        let id = leader.id().and_then(|id| i32::try_from(id).ok());
        Self(id.map(Pid::from_raw))
    }

    fn kill(&mut self) {
        if let Some(group) = self.0.take() {
            // It may have exited already.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }

    fn forget(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a check succeeds. The limit is generous in tests about something else.
    fn found(command: &str, milliseconds: u64) -> bool {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime
            .block_on(run(command, Duration::from_millis(milliseconds)))
            .is_ok()
    }

    #[test]
    fn the_exit_code_decides() {
        for (command, wanted) in [
            ("true", true),
            ("exit 1", false),
            ("kill -9 $$", false),
            ("/nowhere/to/be/found", false),
            ("", true),
            // Its input is empty: it does not read our answers.
            ("cat", true),
            // A pipe holds 64 KiB.
            ("head -c 1000000 /dev/zero; exit 0", true),
        ] {
            assert_eq!(found(command, 60_000), wanted, "{command}");
            assert_eq!(found(command, 0), wanted, "{command} without limit");
            assert_eq!(found(command, u64::MAX), wanted, "{command} with any limit");
        }
    }

    #[test]
    fn variables_of_the_daemon_are_not_for_commands() {
        let shell = shell("true");
        let removed = shell.as_std().get_envs().filter(|(_, to)| to.is_none());
        let removed: Vec<_> = removed.filter_map(|(name, _)| name.to_str()).collect();
        assert!(OWN_VARIABLES.iter().all(|name| removed.contains(name)));
    }

    #[tokio::test]
    async fn commands_are_known_while_they_run() {
        let once = async {
            assert!(run("sleep 600", Duration::from_millis(500)).await.is_err());
        };
        let look = async {
            let found = running();
            let [(pid, _, left)] = found[..] else {
                panic!("{found:?}");
            };
            assert!(pid > 0 && left <= Duration::from_millis(500));
        };
        tokio::join!(once, look);
        assert!(running().is_empty());
    }

    #[test]
    fn a_check_that_takes_too_long_is_killed_with_all_it_started() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("pid");
        let command = format!("sleep 1000 & echo $! > {}; wait", file.display());
        assert!(!found(&command, 500));
        let pid = std::fs::read_to_string(&file).expect("the shell has begun");
        gone(&pid);
    }

    #[test]
    fn a_background_process_with_the_output_delays_but_does_not_decide() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("pid");
        let command = format!("sleep 1000 & echo $! > {}", file.display());
        assert!(found(&command, 500));
        gone(&std::fs::read_to_string(&file).expect("the shell has begun"));
    }

    /// Waits until a process no longer runs. Its new parent reaps it.
    fn gone(pid: &str) {
        let stat = format!("/proc/{}/stat", pid.trim());
        for _ in 0..1000 {
            match std::fs::read_to_string(&stat) {
                Ok(text) if !text.contains(") Z ") => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                _ => return,
            }
        }
        panic!("{pid} still runs");
    }
}
