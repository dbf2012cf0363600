//! ExaBGP's named pipes: commands from one, answers to the other.
//!
//! Pipes do not distinguish clients. A new client is assumed when all writers have closed the pipe: an incomplete command is
//! dropped then, and so are unread answers. A pipe can be opened for writing only while another process reads it; until then
//! answers are kept for a while, since users run `echo COMMAND > exabgp.in; cat exabgp.out`.

use std::cell::Cell;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use nix::errno::Errno;
use tokio::net::unix::pipe;
use tracing::{debug, info, warn};

use super::operator::{End, Operator, Operators};
use super::paths::Pipes;
use crate::api::command::Role;
use crate::daemon::executor::Executor;

/// Interval between attempts to open the pipe for answers, as in ExaBGP.
const RETRY: Duration = Duration::from_millis(50);
/// How long answers wait for a reader.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves the pipes from now on.
pub(super) fn start(executor: &Rc<Executor>, operators: &Operators, pipes: Pipes) {
    info!("named pipes for the cli are:");
    info!("to send commands  {}", pipes.commands.display());
    info!("to read responses {}", pipes.answers.display());
    let Some(operator) = operators.add("cli", Role::Full, usize::MAX) else {
        return;
    };
    let (executor, core) = (Rc::clone(executor), Rc::clone(&executor.core));
    core.spawn_urgent(async move {
        let is_read = Cell::new(false);
        let cause = tokio::select! {
            cause = read(&executor, &operator, &pipes.commands, &is_read) => cause,
            cause = write(&operator, &pipes.answers, &is_read) => cause,
        };
        warn!(%cause, "the named pipes for the cli can no longer be used");
    });
}

fn receiver(path: &Path) -> io::Result<pipe::Receiver> {
    pipe::OpenOptions::new().open_receiver(path)
}

/// Executes commands; returns only on errors. `is_read` is set while a process reads the answers.
async fn read(
    executor: &Executor,
    operator: &Operator,
    path: &Path,
    is_read: &Cell<bool>,
) -> io::Error {
    let mut input = match receiver(path) {
        Ok(input) => input,
        Err(cause) => return cause,
    };
    let mut reopened = false;
    loop {
        if reopened && input.readable().await.is_ok() {
            reopened = false;
            if !is_read.get() {
                operator.queue.forget();
            }
        }
        match operator.listen(executor, &input).await {
            Ok(()) => {}
            Err(End::Oversized) => {
                warn!(
                    "received a command larger than 1048576 bytes from the named pipe: what is written there is dropped"
                );
                operator.queue.reply(b"error\n");
                let mut rest = BytesMut::new();
                if let Err(cause) = skip_line(&input, &mut rest).await {
                    debug!(%cause, "the writer of the oversized command is gone");
                }
                operator.input.replace(rest);
                operator.take_lines(executor);
            }
            Err(_) => {
                let rest = operator.input.take();
                if !rest.is_empty() {
                    info!(
                        bytes = rest.len(),
                        "a client of the named pipes left in the middle of a command, which is dropped"
                    );
                }
                // Opened before the old end is closed, so that no command between two writers is lost.
                input = match receiver(path) {
                    Ok(input) => input,
                    Err(cause) => return cause,
                };
                reopened = true;
            }
        }
    }
}

/// Skips the rest of a line; what follows it stays in `buffer`.
async fn skip_line(input: &pipe::Receiver, buffer: &mut BytesMut) -> io::Result<()> {
    loop {
        input.readable().await?;
        match input.try_read_buf(buffer) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => continue,
            Err(cause) => return Err(cause),
        }
        if let Some(end) = memchr::memchr(b'\n', buffer) {
            let _ = buffer.split_to(end + 1);
            return Ok(());
        }
        buffer.clear();
    }
}

/// Writes answers; returns only on errors.
async fn write(operator: &Operator, path: &Path, is_read: &Cell<bool>) -> io::Error {
    let queue = &operator.queue;
    loop {
        while queue.is_empty() {
            queue.filled.notified().await;
        }
        let output = match connect(operator, path).await {
            Ok(Some(output)) => output,
            Ok(None) => {
                debug!("no process reads the answers from the named pipe: they are dropped");
                queue.forget();
                continue;
            }
            Err(cause) => return cause,
        };
        is_read.set(true);
        let cause = pour(operator, &output).await;
        is_read.set(false);
        debug!(%cause, "the reader of the named pipe is gone");
        if queue.is_begun() {
            // The next reader must not start in the middle of a line.
            queue.forget();
        }
    }
}

/// Opens the pipe once it has a reader. Returns `None` if there is none for a while, or if too many answers are unread.
async fn connect(operator: &Operator, path: &Path) -> io::Result<Option<pipe::Sender>> {
    let start = Instant::now();
    loop {
        match pipe::OpenOptions::new().open_sender(path) {
            Ok(output) => return Ok(Some(output)),
            Err(cause) if !has_no_reader(&cause) => return Err(cause),
            Err(_) if start.elapsed() > PATIENCE || !operator.queue.accepts_commands() => {
                return Ok(None);
            }
            Err(_) => tokio::time::sleep(RETRY).await,
        }
    }
}

fn has_no_reader(cause: &io::Error) -> bool {
    cause.raw_os_error().map(Errno::from_raw) == Some(Errno::ENXIO)
}

/// Writes answers as long as there is a reader.
async fn pour(operator: &Operator, output: &pipe::Sender) -> io::Error {
    let queue = &operator.queue;
    loop {
        if queue.is_empty() {
            queue.filled.notified().await;
            continue;
        }
        let written = match output.writable().await {
            Ok(()) => queue.write(|slices| output.try_write_vectored(slices)),
            Err(cause) => Err(cause),
        };
        match written {
            Err(cause) if cause.kind() != io::ErrorKind::WouldBlock => return cause,
            _ => {}
        }
    }
}
