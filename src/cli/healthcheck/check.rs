//! Runs commands of the shell: the check with its time limit, and the hooks.
//!
//! A check runs in a process group of its own, which is killed when the time is over or the health check exits, so
//! that no process that it started is left behind. Its standard input is empty, because answers of the daemon are not
//! meant for it. When its shell has exited, the exit code determines the result, even if a background process keeps
//! its output open: that is waited for until the time limit, as in ExaBGP, and then killed.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout_at};
use tracing::{debug, info, warn};

use super::state::{Finding, State};

/// Number of bytes of a check's output that are kept for the log.
const KEEP: usize = 4096;
/// How long a background process may keep the output of a check without a time limit open.
const LINGER: Duration = Duration::from_secs(5);

/// Runs the check. A limit of zero means none.
pub(super) async fn check(command: &str, limit: Duration) -> Finding {
    debug!("checking: {command}");
    match run(command, limit).await {
        Ok((Some(status), _)) if status.success() => {
            debug!("the check succeeded");
            Finding::Good
        }
        Ok((status, output)) => {
            match status {
                Some(status) => warn!("the check failed: {status}"),
                None => warn!(
                    "the check took longer than {} s and was killed: {command}",
                    limit.as_secs_f64()
                ),
            }
            let output_text = String::from_utf8_lossy(&output);
            if !output_text.trim().is_empty() {
                info!("the check printed: {}", output_text.trim());
            }
            Finding::Bad
        }
        Err(cause) => {
            warn!("cannot run the check: {cause}");
            Finding::Bad
        }
    }
}

/// Returns the status of the shell, unless it was killed, and the start of its output.
async fn run(command: &str, limit: Duration) -> io::Result<(Option<ExitStatus>, Vec<u8>)> {
    let deadline = (!limit.is_zero()).then(|| Instant::now() + limit);
    let (mut child, mut output) = start(command)?;
    let mut group = Group::of(&child);
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

fn start(command: &str) -> io::Result<(Child, Output)> {
    let (reader, writer) = io::pipe()?;
    let child = shell(command)
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0)
        .spawn()?;
    let pipe = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
    let kept = Vec::new();
    Ok((child, Output { pipe, kept }))
}

fn shell(command: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]).stdin(Stdio::null());
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

/// Runs the commands for a change of state one after the other, and waits for each of them.
pub(super) async fn hooks(commands: impl Iterator<Item = &String>, state: State) {
    for command in commands {
        debug!("transition to {state}: running `{command}`");
        let status = shell(command)
            .env("STATE", state.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await;
        match status {
            Ok(status) if status.success() => {}
            Ok(status) => debug!("`{command}` failed: {status}"),
            Err(cause) => warn!("cannot run `{command}`: {cause}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The result of a check. The limit is generous in tests about something else.
    fn found(command: &str, milliseconds: u64) -> Finding {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(check(command, Duration::from_millis(milliseconds)))
    }

    #[test]
    fn the_exit_code_decides() {
        for (command, wanted) in [
            ("true", Finding::Good),
            ("exit 1", Finding::Bad),
            ("kill -9 $$", Finding::Bad),
            ("/nowhere/to/be/found", Finding::Bad),
            ("", Finding::Good),
            // Its input is empty: it does not read our answers.
            ("cat", Finding::Good),
            // A pipe holds 64 KiB.
            ("head -c 1000000 /dev/zero; exit 0", Finding::Good),
        ] {
            assert_eq!(found(command, 60_000), wanted, "{command}");
            assert_eq!(found(command, 0), wanted, "{command} without limit");
        }
    }

    #[test]
    fn a_check_that_takes_too_long_is_killed_with_all_it_started() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("pid");
        let command = format!("sleep 1000 & echo $! > {}; wait", file.display());
        assert_eq!(found(&command, 500), Finding::Bad);
        let pid = std::fs::read_to_string(&file).expect("the shell has begun");
        gone(&pid);
    }

    #[test]
    fn a_background_process_with_the_output_delays_but_does_not_decide() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("pid");
        let command = format!("sleep 1000 & echo $! > {}", file.display());
        assert_eq!(found(&command, 500), Finding::Good);
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
