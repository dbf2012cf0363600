//! A helper that runs: its process and its pipes.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::process::Stdio;

use nix::fcntl::{FcntlArg, fcntl};
use nix::unistd::Pid;
use tokio::net::unix::pipe;
use tokio::process::Command;
use tracing::debug;

use super::child::HelperChild;
use crate::config::ProcessConfig;
use crate::daemon::confine::{self, Launch, Report};

/// Size that the pipes are asked to have, in bytes.
pub(super) const PIPE: u32 = 1 << 20;

/// A running helper.
pub(crate) struct Running {
    pub(super) child: HelperChild,
    pub(super) stdin: pipe::Sender,
    pub(super) stdout: pipe::Receiver,
    pub(super) stderr: pipe::Receiver,
}

impl Running {
    /// Starts it. Returns what reports that its program could not be executed, too, if that is not known yet.
    ///
    /// # Errors
    /// When its process can't be started.
    pub(super) fn start(config: &ProcessConfig) -> io::Result<(Self, Option<Report>)> {
        let (command, launch) = confine::command(config)?;
        let mut child = Command::from(command)
            .current_dir("/")
            .env("TERM", "dumb")
            .env_remove("exabgp_cli_pipe")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let missing = || io::Error::other("the helper has no pipe");
        let stdin = child.stdin.take().ok_or_else(missing)?.into_owned_fd()?;
        let stdout = child.stdout.take().ok_or_else(missing)?.into_owned_fd()?;
        let stderr = child.stderr.take().ok_or_else(missing)?.into_owned_fd()?;
        for fd in [stdin.as_fd(), stdout.as_fd()] {
            // The size only matters for speed, and the user's limit for pipe memory may be reached.
            if let Err(cause) = fcntl(fd, FcntlArg::F_SETPIPE_SZ(PIPE.cast_signed())) {
                debug!(process = %config.name, %cause, "the pipe keeps its size");
            }
        }
        let running = Self {
            stdin: pipe::Sender::from_owned_fd(stdin)?,
            stdout: pipe::Receiver::from_owned_fd(stdout)?,
            stderr: pipe::Receiver::from_owned_fd(stderr)?,
            child: HelperChild::Own(child),
        };
        Ok((running, launch.map(Launch::begun).transpose()?))
    }

    /// A helper of another process.
    ///
    /// # Errors
    /// When its pipes are gone.
    pub(crate) fn inherited(pid: i32, pipes: [io::Result<OwnedFd>; 3]) -> io::Result<Self> {
        let [stdin, stdout, stderr] = pipes;
        Ok(Self {
            child: HelperChild::inherited(Pid::from_raw(pid))?,
            stdin: pipe::Sender::from_owned_fd(stdin?)?,
            stdout: pipe::Receiver::from_owned_fd(stdout?)?,
            stderr: pipe::Receiver::from_owned_fd(stderr?)?,
        })
    }

    /// Its stdin, stdout and stderr.
    pub(super) fn pipes(&self) -> [RawFd; 3] {
        [
            self.stdin.as_raw_fd(),
            self.stdout.as_raw_fd(),
            self.stderr.as_raw_fd(),
        ]
    }
}
