//! A helper that is not a process: commands from the daemon's standard input, events to its standard output.
//!
//! Both may be files, pipes or terminals that other processes share, so they stay in blocking mode: a thread reads, and
//! tokio's blocking threads write. Queues are bounded as for any helper: unread output pauses the sessions, and input is read
//! as fast as it is executed.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;
use tracing::{error, info, warn};

use crate::api::command::Source;
use crate::api::reply::Acks;
use crate::config::Encoder;
use crate::daemon::core::Core;
use crate::daemon::executor::Executor;
use crate::daemon::process::{Commands, Process};
use crate::daemon::queue::{Marks, Queue};
use crate::daemon::signal::Request;
use crate::rib::PeerSet;

/// Bytes of one read.
const CHUNK: usize = 64 * 1024;
/// Longest command in bytes.
const LIMIT: usize = 1 << 20;
/// How long the last events may take to be written.
const CLOSING_TIME: Duration = Duration::from_secs(2);

/// The exit code when input or output was lost.
const LOST: u8 = 1;

/// Whether some of the input was not read, or some of the output not written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Losses(Rc<Cell<bool>>);

impl Losses {
    fn note(&self) {
        self.0.set(true);
    }

    /// The exit code of a pipeline that would otherwise return `code`.
    pub(crate) fn code(&self, code: u8) -> u8 {
        match self.0.get() {
            true => code.max(LOST),
            false => code,
        }
    }

    /// Reports why the output cannot be written, unless its reader has closed its end.
    fn note_output(&self, cause: &io::Error) {
        if cause.kind() == ErrorKind::BrokenPipe {
            info!(%cause, "the standard output is closed: the daemon stops");
        } else {
            error!(%cause, "the standard output cannot be written: the daemon stops");
            self.note();
        }
    }
}

/// What to do at the end of the input, once all of its routes have been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtEnd {
    /// StaleRoutes the sessions.
    Hold,
    /// End. The exit code is 1 when a command was refused, or input or output was lost.
    Leave,
}

/// Runs in place of the helper `process` until it is stopped.
pub(crate) async fn run(
    executor: Rc<Executor>,
    process: Rc<Process>,
    (at_end, losses): (AtEnd, Losses),
) {
    process.begin();
    process.queue.open();
    let mut source = Source::new(&*process.name);
    // The output is for events: commands are acknowledged only on request, in the format of the events.
    source.acks = Acks {
        enabled: false,
        json: process.config().encoder == Encoder::Json,
        reasons: true,
    };
    executor.set_source(&process.name, source);
    let (busy, wrote) = (Cell::new(false), Notify::new());
    {
        let mut writing = pin!(write(&executor, &process, &busy, &wrote));
        let reading = async {
            if let Err(cause) = read(&executor, &process).await {
                error!(%cause, "the standard input cannot be read to its end");
                losses.note();
            }
            if executor.abandon(&process.name) {
                error!(
                    "the input ended before `commit` or `set NAME end`: the batch or set is not applied"
                );
                executor.refuse();
            }
            finish(&executor, at_end, &losses).await;
        };
        let open = tokio::select! {
            () = process.stopped() => true,
            () = reading => true,
            cause = &mut writing => {
                losses.note_output(&cause);
                executor.core.request_with(Request::Shutdown, losses.code(0));
                false
            }
        };
        if open {
            let flushed = async {
                while busy.get() || !process.queue.is_empty() {
                    wrote.notified().await;
                }
            };
            // Output that is not read within that time is dropped.
            let written = timeout(CLOSING_TIME, async {
                tokio::select! {
                    () = flushed => {}
                    cause = writing => losses.note_output(&cause),
                }
            });
            if written.await.is_err() {
                losses.note();
            }
        }
    }
    process.queue.close();
    executor.room(&process);
    process.stopped().await;
    process.finish();
}

/// Executes the commands of the standard input to its end.
///
/// # Errors
/// When it can't be read any further. What came before is executed.
async fn read(executor: &Executor, process: &Rc<Process>) -> io::Result<()> {
    let (sender, mut chunks) = mpsc::channel::<io::Result<Vec<u8>>>(4);
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        let mut chunk = vec![0; CHUNK];
        loop {
            match input.read(&mut chunk) {
                Ok(0) => return,
                Ok(count) if sender.blocking_send(Ok(chunk[..count].to_vec())).is_err() => return,
                Err(cause) if cause.kind() != ErrorKind::Interrupted => {
                    // Nobody waits for it when the daemon stops.
                    let _ = sender.blocking_send(Err(cause));
                    return;
                }
                _ => {}
            }
        }
    });
    let mut buffer = Vec::new();
    let mut skipping = false;
    let mut ended = Ok(());
    while let Some(chunk) = chunks.recv().await {
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(cause) => {
                ended = Err(cause);
                break;
            }
        };
        process.queue.accepting().await;
        buffer.extend_from_slice(&chunk);
        if let Some(end) = memchr::memrchr(b'\n', &buffer) {
            let start = match skipping {
                true => memchr::memchr(b'\n', &buffer).map_or(0, |first| first + 1),
                false => 0,
            };
            skipping = false;
            if start <= end {
                execute(executor, process, &buffer[start..=end]).await;
            }
            buffer.drain(..=end);
        }
        if buffer.len() > LIMIT {
            error!("a command of more than 1 MiB is dropped");
            executor.refuse();
            buffer.clear();
            skipping = true;
        }
        tokio::task::yield_now().await;
    }
    // Where the input breaks off there may be half a command.
    if ended.is_ok() && !buffer.is_empty() && !skipping {
        execute(executor, process, &buffer).await;
    }
    ended
}

/// Executes all lines, in as many turns as they need.
async fn execute(executor: &Executor, process: &Rc<Process>, mut lines: &[u8]) {
    while !lines.is_empty() {
        lines = &lines[executor.commands(process, lines)..];
        tokio::task::yield_now().await;
    }
}

/// Waits until everything has been sent to every neighbor, then stops or keeps the sessions.
async fn finish(executor: &Executor, at_end: AtEnd, losses: &Losses) {
    let core: &Core = &executor.core;
    loop {
        let rises = core.established.notified();
        let neighbors = core.neighbors.all();
        if !neighbors
            .iter()
            .all(|listed| listed.neighbor.is_established())
        {
            rises.await;
            continue;
        }
        // This answer is released when everything has been sent.
        let probe = Rc::new(Queue::new(Marks::default()));
        probe.open();
        let peers: PeerSet = neighbors.iter().map(|listed| listed.neighbor.id).collect();
        probe.reply_later(&peers, b"done\n");
        core.routes.hold_answers(&probe);
        core.wake_neighbors();
        while probe.is_empty() {
            probe.filled.notified().await;
        }
        if neighbors
            .iter()
            .all(|listed| listed.neighbor.is_established())
        {
            break;
        }
    }
    let refused = executor.refused();
    let is_whole = losses.code(0) == 0;
    match (at_end, refused) {
        _ if !is_whole => warn!("what could be read of the input is on the wire"),
        (AtEnd::Hold, _) => info!("all of the input is on the wire; the session is kept"),
        (AtEnd::Leave, 0) => info!("all of the input is on the wire"),
        (AtEnd::Leave, _) => warn!(
            refused,
            "all of the input but the refused commands is on the wire"
        ),
    }
    if at_end == AtEnd::Leave {
        core.request_with(Request::Shutdown, losses.code(u8::from(refused > 0)));
    }
    std::future::pending().await
}

/// Writes events until the output is closed.
async fn write(
    executor: &Executor,
    process: &Process,
    busy: &Cell<bool>,
    wrote: &Notify,
) -> io::Error {
    let queue = &process.queue;
    loop {
        while queue.is_empty() {
            queue.filled.notified().await;
        }
        let paused = !queue.has_room();
        let mut chunk = Vec::new();
        let taken = queue.write(|slices| {
            slices
                .iter()
                .for_each(|slice| chunk.extend_from_slice(slice));
            Ok(chunk.len())
        });
        if let Err(cause) = taken {
            return cause;
        }
        busy.set(true);
        let written = tokio::task::spawn_blocking(move || {
            let mut output = io::stdout().lock();
            output.write_all(&chunk).and_then(|()| output.flush())
        });
        match written.await {
            Ok(Ok(())) => {}
            Ok(Err(cause)) => return cause,
            Err(cause) => return io::Error::other(cause),
        }
        busy.set(false);
        wrote.notify_one();
        if paused && queue.has_room() {
            executor.room(process);
        }
    }
}
