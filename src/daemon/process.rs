//! Helper processes: started with pipes, read in batches, written to from a bounded queue, restarted by ExaBGP's rules.
//!
//! One task per configured process runs [`supervise`]. A helper is a process group of its own with the working directory
//! `/`; what it writes to stderr is logged with its name. As in ExaBGP, it lives as long as its stdout is open: a script may
//! leave its worker in the background and exit, of which only `on-death` takes notice. The rest of its group ends with it when
//! it is stopped or started again, so that nothing is there twice; otherwise it goes on. A helper that misbehaves needs bounded
//! memory and resets no session: lines are bounded, equal answers are counted instead of stored, and a full queue of events
//! pauses the neighbors that they come from.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::RawFd;
use std::path::Path;
use std::process::ExitStatus;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::net::unix::pipe;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{error, info, warn};

use super::guard::GuardState;
use super::helper_log;
use super::queue::{Marks, Queue};
use super::stats::CommandCounts;
use crate::config::executable::obstacle;
use crate::config::{GuardConfig, ProcessConfig};

mod child;
mod ending;
pub(crate) mod handover;
mod respawn;
mod running;

pub(crate) use child::HelperChild;
use child::exited;
use ending::{Reach, flush, is_open, killed, read_now, report_end, terminate};
use respawn::Endings;
use running::PIPE;
pub(crate) use running::Running;

/// Longest line without newline, in bytes; ExaBGP's limit.
const LINE: usize = 1 << 20;
/// Bytes read from a helper in one turn.
const TURN: usize = 128 * 1024;
/// How long to wait for the exit status of a helper that closed its stdout.
const STATUS: Duration = Duration::from_millis(500);
/// How long a helper that is stopped has to read its last events.
const READING: Duration = Duration::from_millis(500);

/// How long the answers to what a helper wrote that has ended may stay unread.
const UNREAD: Duration = Duration::from_secs(2);

/// What a helper reports to.
pub(crate) trait Commands {
    /// Waits until more commands may be executed.
    async fn ready(&self);
    /// Executes whole lines in order, as many as fit into a turn, and returns how many bytes they have.
    fn commands(&self, process: &Rc<Process>, lines: &[u8]) -> usize;
    /// A helper was started and has not sent a command yet.
    fn started(&self, process: &Rc<Process>);
    /// The queue of a helper has room again: the sources of its events may continue.
    fn room(&self, process: &Process);
    /// The process of a helper has ended, but not what it has left in the background, which may still send commands.
    fn exited(&self, process: &Rc<Process>, status: ExitStatus);
    /// A helper has ended, for whatever reason.
    fn ended(&self, process: &Rc<Process>);
    /// A helper could not be started, died too often, or is not restarted.
    fn lost(&self, process: &Rc<Process>, loss: Loss);
}

/// Why a helper is not restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// It could not be started.
    Start,
    /// It died too often within a minute.
    Deaths,
    /// It exited, and its configuration does not let it be restarted.
    Ended,
}

/// What the daemon wants of a helper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Run,
    Restart,
    Stop,
}

/// One configured helper.
pub(crate) struct Process {
    /// Its name.
    pub(crate) name: Rc<str>,
    /// Text to be written to its stdin.
    pub(crate) queue: Rc<Queue>,
    config: RefCell<ProcessConfig>,
    pid: Cell<Option<Pid>>,
    wish: Cell<Wish>,
    wished: Notify,
    /// Set while a task runs it.
    supervised: Cell<bool>,
    gone: Notify,
    retired: Cell<bool>,
    /// How its runs have ended.
    pub(crate) endings: Endings,
    /// What it wrote and was not executed: an incomplete line.
    input: RefCell<BytesMut>,
    /// Its stdin, stdout and stderr, while it runs.
    pipes: Cell<Option<[RawFd; 3]>>,
    /// How it was when another process handed it to this one.
    inherited: RefCell<Inherited>,
    /// It is not started again until that is requested.
    lost: Cell<bool>,
    /// How often it was started.
    pub(crate) starts: Cell<u64>,
    /// What its guard remembers.
    pub(crate) guarded: GuardState,
    /// Its commands so far.
    pub(crate) counts: Cell<CommandCounts>,
}

/// How a helper is found at the start.
#[derive(Default)]
enum Inherited {
    /// It is to be started.
    #[default]
    Nothing,
    /// It runs.
    Running(Box<Running>),
    /// It is not to be started.
    Lost,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Died,
    Wished,
}

impl Process {
    pub(crate) fn new(config: ProcessConfig, marks: Marks) -> Self {
        let queue = Queue::new(marks);
        queue.configure(marks.sized(config.queue_size), config.queue_full);
        Self {
            name: config.name.as_str().into(),
            queue: Rc::new(queue),
            config: RefCell::new(config),
            pid: Cell::new(None),
            wish: Cell::new(Wish::Run),
            wished: Notify::new(),
            supervised: Cell::new(false),
            gone: Notify::new(),
            retired: Cell::new(false),
            endings: Endings::default(),
            input: RefCell::default(),
            pipes: Cell::new(None),
            inherited: RefCell::default(),
            lost: Cell::new(false),
            starts: Cell::default(),
            guarded: GuardState::default(),
            counts: Cell::default(),
        }
    }

    /// Its configuration.
    pub(crate) fn config(&self) -> ProcessConfig {
        self.config.borrow().clone()
    }

    /// What it may announce.
    pub(crate) fn guard(&self) -> Option<GuardConfig> {
        self.config.borrow().guard.clone()
    }

    /// How long after its death its routes are withdrawn that it has not announced again; `None` if they stay.
    pub(crate) fn withdraw_after(&self) -> Option<Duration> {
        self.config.borrow().withdraw_after
    }

    /// Replaces its configuration. The limits of its queue apply at once, the rest from the next start.
    pub(crate) fn configure(&self, config: ProcessConfig) {
        let marks = Marks::default().sized(config.queue_size);
        self.queue.configure(marks, config.queue_full);
        *self.config.borrow_mut() = config;
    }

    /// Stops it and starts it again.
    pub(crate) fn restart(&self) {
        self.want(Wish::Restart);
    }

    /// Stops it permanently.
    pub(crate) fn stop(&self) {
        self.want(Wish::Stop);
    }

    /// Does not restart it when it exits.
    pub(crate) fn retire(&self) {
        self.retired.set(true);
    }

    /// Returns `true` if it was stopped permanently.
    pub(crate) fn is_stopped(&self) -> bool {
        self.wish.get() == Wish::Stop
    }

    /// Waits until it has exited permanently.
    pub(crate) async fn ended(&self) {
        while self.supervised.get() {
            self.gone.notified().await;
        }
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(&self) {
        if let Some(group) = self.pid.get() {
            // The group may be gone already.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }

    /// Kills it because it does not read its events.
    pub(crate) fn kill_unread(&self) {
        warn!(process = %self.name, "the helper does not read its events and is killed");
        self.endings.kill();
        self.queue.close();
        self.kill();
    }

    /// The process ID, while it runs.
    pub(crate) fn pid(&self) -> Option<i32> {
        self.pid.get().map(Pid::as_raw)
    }

    /// Returns `true` if no task runs it.
    pub(crate) fn is_gone(&self) -> bool {
        !self.supervised.get()
    }

    /// Returns `true` if it runs, or is started again by itself.
    pub(crate) fn is_alive(&self) -> bool {
        !self.is_stopped() && !self.is_gone() && !self.lost.get()
    }

    /// Returns `true` if it does not run because it was killed for not reading its events, and is started again later.
    pub(crate) const fn is_waiting(&self) -> bool {
        self.endings.due.get().is_some()
    }

    /// Notes that it is run by other code than [`supervise`].
    pub(crate) fn begin(&self) {
        self.supervised.set(true);
    }

    /// Notes that it no longer runs.
    pub(crate) fn finish(&self) {
        self.supervised.set(false);
        self.gone.notify_waiters();
    }

    /// Waits until it is stopped permanently.
    pub(crate) async fn stopped(&self) {
        while !self.is_stopped() {
            self.wished.notified().await;
        }
    }

    /// Waits until it is to be started again, or stopped permanently.
    async fn wait_for_wish(&self) {
        self.lost.set(true);
        self.wished.notified().await;
        self.lost.set(false);
    }

    fn want(&self, wish: Wish) {
        if self.wish.get() != Wish::Stop {
            self.wish.set(wish);
        }
        self.wished.notify_one();
        // A reader that waits for its answers to be read must look at the wish too.
        self.queue.drained.notify_waiters();
    }
}

/// Keeps a helper running until it is stopped or lost.
pub(crate) async fn supervise(
    core: Rc<impl Commands>,
    process: Rc<Process>,
    respawn_allowed: bool,
) {
    process.begin();
    keep(&core, &process, respawn_allowed).await;
    process.finish();
}

async fn keep(core: &Rc<impl Commands>, process: &Rc<Process>, respawn_allowed: bool) {
    loop {
        if process.wish.get() == Wish::Stop || process.retired.get() {
            return;
        }
        process.wish.set(Wish::Run);
        let (found, is_new) = match process.inherited.take() {
            Inherited::Nothing if process.endings.due.get().is_some() => {
                wait_until_due(process).await;
                continue;
            }
            Inherited::Nothing => (start(process).await, true),
            Inherited::Running(running) => (Ok(*running), false),
            Inherited::Lost => {
                process.wait_for_wish().await;
                continue;
            }
        };
        let ended = match found {
            Ok(running) => {
                process.endings.begin();
                if is_new {
                    process.endings.has_exited.set(false);
                    process.queue.open();
                    core.started(process);
                }
                let ended = run(core, process, running, respawn_allowed).await;
                core.ended(process);
                ended
            }
            Err(cause) => {
                let run = process.config().run;
                let why = run.first().and_then(|file| obstacle(Path::new(file)));
                let cause = why.map_or_else(|| cause.to_string(), |why| format!("{cause}: {why}"));
                let program = run.join(" ");
                error!(process = %process.name, %program, %cause, "the helper could not be started");
                core.lost(process, Loss::Start);
                process.wait_for_wish().await;
                continue;
            }
        };
        if process.retired.get() {
            return;
        }
        if ended == Ended::Wished {
            continue;
        }
        let respawn = respawn_allowed && process.config.borrow().respawn;
        let loss = if !respawn {
            Loss::Ended
        } else if let Some((times, wait)) = process.endings.killed() {
            let seconds = wait.as_secs();
            warn!(process = %process.name, times, seconds, "the helper is started again after a while");
            process.endings.due.set(Some(Instant::now() + wait));
            continue;
        } else if process.endings.died_too_often() {
            error!(process = %process.name, "the helper died more than 5 times within 64 seconds");
            Loss::Deaths
        } else {
            info!(process = %process.name, "the helper is started again");
            continue;
        };
        core.lost(process, loss);
        process.wait_for_wish().await;
    }
}

/// Waits until a helper is due that was killed because it did not read its events, or until something else is wished.
async fn wait_until_due(process: &Process) {
    if let Some(due) = process.endings.due.get() {
        tokio::select! {
            () = wished(process) => {}
            () = sleep_until(due) => {}
        }
    }
    process.endings.due.set(None);
}

/// Starts the helper with its pipes, and waits until its program is executed.
async fn start(process: &Process) -> io::Result<Running> {
    let (mut running, report) = Running::start(&process.config())?;
    let pid = running.child.id();
    process.pid.set(pid);
    if let Some(report) = report {
        let failed = tokio::select! {
            biased;
            () = wished(process) => None,
            text = report.failure() => text,
        };
        if let Some(text) = failed {
            // It has nothing left to do but to exit.
            let _ = running.child.wait().await;
            process.pid.set(None);
            return Err(io::Error::other(text));
        }
    }
    process.pipes.set(Some(running.pipes()));
    process.starts.set(process.starts.get() + 1);
    info!(process = %process.name, pid = pid.map(Pid::as_raw), "the helper is started");
    Ok(running)
}

/// Serves a running helper until it dies or is stopped. The process has exited when this returns.
async fn run(
    core: &Rc<impl Commands>,
    process: &Rc<Process>,
    mut running: Running,
    respawn_allowed: bool,
) -> Ended {
    let complaints = helper_log::Complaints::new(&process.name);
    let mut told = false;
    let ended = tokio::select! {
        biased;
        () = wished(process) => {
            told = flush(&process.queue, &running.stdin);
            Ended::Wished
        }
        why = read(core, process, &running.stdout) => {
            // A helper that exits closes its stdout shortly before its exit status is available.
            match timeout(STATUS, running.child.wait()).await {
                Ok(status) => report_end(&process.name, status),
                Err(_) => warn!(process = %process.name, "the helper ended: {why}"),
            }
            Ended::Died
        }
        status = killed(&process.endings, &mut running.child) => {
            // Commands that it wrote before are still executed.
            drain(core, process, (&running.stdout, usize::MAX)).await;
            report_end(&process.name, status);
            Ended::Died
        }
        () = write(core, process, &running.stdin) => Ended::Died,
        () = mourn(core, process, &running.stdout) => Ended::Died,
        () = complaints.read(&running.stderr) => Ended::Died,
    };
    let rest = process.input.take();
    if !rest.is_empty() {
        warn!(process = %process.name, bytes = rest.len(), "the helper ended in the middle of a line, which is dropped");
    }
    process.queue.close();
    core.room(process);
    // An upgrade must not hand over a descriptor that is closed, and has another owner by then.
    process.pipes.set(None);
    drop(running.stdin);
    let (child, stdout) = (&mut running.child, &running.stdout);
    let respawn = respawn_allowed && process.config.borrow().respawn;
    let reach = match ended {
        Ended::Died if !respawn => Reach::Process,
        _ => Reach::Group,
    };
    let end = async {
        if told {
            // It has not read that yet, and may end by itself at the end of its input.
            let _ = timeout(READING, child.wait()).await;
        }
        if let Some(group) = process.pid.get() {
            terminate((&process.name, group), child, stdout, reach).await;
        }
    };
    tokio::select! {
        () = end => {}
        () = complaints.read(&running.stderr) => {}
    }
    complaints.finish(&running.stderr);
    process.pid.set(None);
    ended
}

async fn wished(process: &Process) {
    while process.wish.get() == Wish::Run {
        process.wished.notified().await;
    }
}

/// Reads commands until the helper closes its stdout or breaks the limit of a line.
async fn read(
    core: &Rc<impl Commands>,
    process: &Rc<Process>,
    stdout: &pipe::Receiver,
) -> &'static str {
    loop {
        process.queue.accepting().await;
        core.ready().await;
        if take_lines(core, process) {
            tokio::task::yield_now().await;
            continue;
        }
        if process.input.borrow().len() > LINE {
            error!(process = %process.name, "the helper wrote an oversized command: more than 1 MiB without a newline");
            process.input.borrow_mut().clear();
            return "it wrote a line of more than 1 MiB";
        }
        if stdout.readable().await.is_err() {
            return "its stdout can't be read";
        }
        // Nothing is read that another process would not know of.
        core.ready().await;
        match read_once(stdout, process) {
            Ok(0) => return "it closed its stdout",
            Err(cause) if cause.kind() != io::ErrorKind::WouldBlock => {
                return "its stdout can't be read";
            }
            _ => {}
        }
    }
}

fn read_once(stdout: &pipe::Receiver, process: &Process) -> io::Result<usize> {
    let mut buffer = process.input.borrow_mut();
    buffer.reserve(TURN);
    stdout.try_read_buf(&mut *buffer)
}

/// Reads what is available without waiting for more, and stops after that many bytes, or when the answers are not read.
async fn drain(
    core: &Rc<impl Commands>,
    process: &Rc<Process>,
    (stdout, mut most): (&pipe::Receiver, usize),
) {
    loop {
        if timeout(UNREAD, process.queue.accepting()).await.is_err() {
            return;
        }
        core.ready().await;
        if take_lines(core, process) {
            tokio::task::yield_now().await;
        } else if most == 0 || process.input.borrow().len() > LINE {
            return;
        } else {
            match read_now(stdout, &mut process.input.borrow_mut()) {
                Ok(bytes @ 1..) => most = most.saturating_sub(bytes),
                _ => return,
            }
        }
    }
}

/// Notes once that the process of the helper has ended, while what it has left in the background goes on. Never returns.
async fn mourn(core: &Rc<impl Commands>, process: &Rc<Process>, stdout: &pipe::Receiver) {
    if let Some(pid) = process.pid.get()
        && !process.endings.has_exited.get()
        && let Ok(status) = exited(pid).await
        && is_open(stdout)
    {
        // What it wrote itself is executed before its routes get a deadline; the pipe may be full of it.
        if process.withdraw_after().is_some() {
            drain(core, process, (stdout, PIPE as usize)).await;
        }
        process.endings.has_exited.set(true);
        core.exited(process, status);
    }
    std::future::pending().await
}

/// Executes whole lines that were read, as many as fit into a turn, and leaves the rest. Returns `false` if there is none.
pub(crate) fn take_lines(core: &Rc<impl Commands>, process: &Rc<Process>) -> bool {
    let mut buffer = process.input.take();
    let end = memchr::memrchr(b'\n', &buffer);
    if let Some(end) = end {
        let executed = core.commands(process, &buffer[..=end]);
        buffer.advance(executed);
    }
    process.input.replace(buffer);
    end.is_some()
}

/// Writes the queue; never returns. A helper that closed its stdin receives nothing more, and keeps running.
async fn write(core: &Rc<impl Commands>, process: &Process, stdin: &pipe::Sender) {
    loop {
        if process.queue.is_empty() {
            process.queue.filled.notified().await;
            // The neighbors that a command woke run first, so that a route is sent before its `done` is written.
            tokio::task::yield_now().await;
            continue;
        }
        let paused = !process.queue.has_room();
        let written = match stdin.writable().await {
            Ok(()) => process
                .queue
                .write(|slices| stdin.try_write_vectored(slices)),
            Err(cause) => Err(cause),
        };
        match written {
            Err(cause) if cause.kind() != io::ErrorKind::WouldBlock => {
                info!(process = %process.name, %cause, "the helper closed its stdin and gets no more events");
                process.queue.close();
                core.room(process);
                std::future::pending::<()>().await;
            }
            _ if paused && process.queue.has_room() => core.room(process),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
