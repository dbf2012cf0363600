//! Executes commands: lines of a helper or an operator in, answers into a queue.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::process::ExitStatus;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tracing::{error, info, warn};

use crate::api::command::{
    self, Deferred, Dump, Later, Listing, Outcome, Preview, SetPlan, Source,
};
use crate::journal::OPERATOR;

use super::backend::ApiBackend;
use super::core::Core;
use super::hold::Upgrade;
use super::leases;
use super::mrt::collect;
use super::process::{self, Commands, Loss, Process};
use super::queue::{Make, Queue};
use super::signal::Request;
use super::stats::CommandCounts;
use super::status::Status;
use super::turn_shares::TurnShares;
use super::{lease_list, reload_step, set_apply, set_list};

/// How long commands of one source are executed in one turn. Good commands take about a microsecond each, but a refused one
/// is logged, and the log may be slow.
const MOST: Duration = Duration::from_millis(20);

/// What [`Executor::execute`] did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Executed {
    /// Commands by their result.
    pub(crate) counts: CommandCounts,
    /// Bytes of the lines that were executed, newlines included.
    pub(crate) bytes: usize,
}

/// Executes the commands of all helpers and operators.
pub(crate) struct Executor {
    pub(crate) core: Rc<Core>,
    commands: RefCell<command::Commands>,
    /// How each helper wants to be answered.
    sources: RefCell<BTreeMap<Rc<str>, Source>>,
    /// How many commands were refused since the start.
    refused: Cell<u64>,
    /// How long commands of one source are executed before other tasks have their turn.
    pub(crate) most: Cell<Duration>,
    /// Which sources take turns.
    shares: TurnShares,
}

impl Executor {
    pub(crate) fn new(core: Rc<Core>) -> Rc<Self> {
        Rc::new(Self {
            core,
            commands: RefCell::default(),
            sources: RefCell::default(),
            refused: Cell::new(0),
            most: Cell::new(MOST),
            shares: TurnShares::default(),
        })
    }

    /// Starts a helper and keeps it running.
    pub(crate) fn start_helper(self: &Rc<Self>, process: &Rc<Process>) {
        let respawn = self.core.env.api.respawn;
        let task = process::supervise(Rc::clone(self), Rc::clone(process), respawn);
        self.core.spawn(task);
    }

    /// Sets how a helper is answered.
    pub(crate) fn set_source(&self, name: &Rc<str>, source: Source) {
        self.sources.borrow_mut().insert(Rc::clone(name), source);
    }

    /// Discards the batch or the set that a source has begun and not ended. Returns `true` if there was one.
    pub(crate) fn abandon(&self, name: &str) -> bool {
        let mut sources = self.sources.borrow_mut();
        let open = sources.get_mut(name).filter(|source| source.is_open());
        open.map(Source::abandon).is_some()
    }

    /// Counts a refused command.
    pub(crate) fn refuse(&self) {
        self.refused.set(self.refused.get() + 1);
    }

    /// How many commands were refused since the start.
    pub(crate) const fn refused(&self) -> u64 {
        self.refused.get()
    }

    /// Returns `true` if more commands may be executed in a turn that began then.
    pub(crate) fn may_continue(&self, turn: Instant) -> bool {
        turn.elapsed() < self.most.get() && !self.core.is_working()
    }

    /// Executes whole lines in order, at least one, as long as the turn [may continue](Self::may_continue), and fewer while
    /// [other sources](TurnShares) have commands, too. `helper` is the name of the helper that sent them; `None` for an
    /// operator.
    pub(crate) fn execute(
        &self,
        helper: Option<&str>,
        source: &mut Source,
        queue: &Rc<Queue>,
        lines: &[u8],
    ) -> Executed {
        let mut counts = CommandCounts::default();
        let turn = Instant::now();
        let lines = match helper {
            Some(_) => self.shares.share(Rc::as_ptr(queue), lines, turn),
            // Those of operators are few, and do not make those of helpers short.
            None => lines,
        };
        self.core.stats.turns.note("commands");
        let mut commands = self.commands.borrow_mut();
        let mut backend = ApiBackend::new(&self.core, helper);
        let hold = self.core.journal.hold(queue);
        let mut answer = String::new();
        let whole = lines.len();
        let lines = lines.strip_suffix(b"\n").unwrap_or(lines);
        let mut start = 0;
        while start <= lines.len() && (start == 0 || self.may_continue(turn)) {
            let rest = &lines[start..];
            answer.clear();
            let run = commands.execute_run(rest, source, &mut backend, &mut answer);
            if run.lines > 0 {
                queue.reply_times(answer.as_bytes(), run.lines);
                start += run.bytes;
                counts.done += run.lines;
                continue;
            }
            let line = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
            start += line.len() + 1;
            let begun = Instant::now();
            let outcome = commands.execute(line, source, &mut backend, &mut answer);
            self.core.stats.turns.command(line, begun.elapsed());
            match outcome {
                Outcome::Failed(_) => counts.refused += 1,
                _ => counts.done += 1,
            }
            self.answer(outcome, (line, helper), source, (queue, &answer));
        }
        drop(commands);
        self.core.journal.flush();
        if let Some(hold) = hold {
            self.core.journal.let_go(hold, queue);
        }
        self.core.routes.hold_answers(queue);
        self.core.wake_neighbors();
        if helper.is_none() {
            let operators = &self.core.stats.operators;
            operators.set(operators.get().plus(counts));
        }
        Executed {
            counts,
            bytes: start.min(whole),
        }
    }

    /// A function that writes the status, and then `end`.
    fn status(&self, end: String) -> Make {
        let (mut status, core) = (Status::new(&self.core), Rc::clone(&self.core));
        Box::new(move |out| {
            core.stats.turns.note("the status");
            let more = status.next(out);
            if !more {
                out.push_str(&end);
            }
            more
        })
    }

    /// Queues the answer to a line.
    fn answer(
        &self,
        outcome: Outcome,
        (line, helper): (&[u8], Option<&str>),
        source: &Source,
        (queue, answer): (&Rc<Queue>, &str),
    ) {
        if let Outcome::Synced(peers) = outcome {
            return queue.reply_later(&peers, answer.as_bytes());
        }
        queue.reply(answer.as_bytes());
        match outcome {
            Outcome::Listed(listing) => queue.reply_made(self.listed(helper, *listing)),
            Outcome::Dump(dump) => self.dump(helper, queue, *dump),
            Outcome::Status(end) => queue.reply_made(self.status(end)),
            Outcome::Set(plan) => self.set(helper, queue, *plan),
            Outcome::Sets(sets, end) => {
                queue.reply_made(set_list::listed(&self.core, sets, end));
            }
            Outcome::Leases { json, end } => {
                queue.reply_made(lease_list::listed(&self.core, json, end));
            }
            Outcome::Upgrade(answer) => self.upgrade(helper, queue, *answer),
            Outcome::Requested(answer) => self.requested(queue, *answer),
            Outcome::Preview(asked) => self.preview(helper, queue, *asked),
            Outcome::Watch(watch) => self.core.watch(*watch, queue),
            Outcome::Failed(reason) => {
                self.refuse();
                if self.core.log_limit.admits(helper.unwrap_or(OPERATOR)) {
                    let line = String::from_utf8_lossy(&line[..line.len().min(512)]);
                    warn!(process = %source.name, command = %line, "the command is refused: {reason}");
                }
            }
            Outcome::Done | Outcome::Synced(_) => {}
        }
    }

    /// Writes tables, and answers when that is done.
    fn dump(&self, helper: Option<&str>, queue: &Rc<Queue>, dump: Dump) {
        let process = helper.and_then(|name| self.core.events.helpers().find(name));
        let is_other_user =
            process.is_some_and(|(_, process)| process.config().confinement.user.is_some());
        if is_other_user && dump.file.is_some() {
            // It would write with the rights of the daemon.
            let answer = dump.answer(Err("a helper with a `user` of its own may not name a file"));
            return queue.reply(answer.as_bytes());
        }
        let (core, queue) = (Rc::clone(&self.core), Rc::clone(queue));
        let promise = queue.promise();
        tokio::task::spawn_local(async move {
            let result = collect::requested(&core, &dump).await;
            promise.replace(Some(
                dump.answer(result.as_ref().map_err(String::as_str).copied()),
            ));
            queue.settle();
        });
    }

    /// Requests that another process of this program continues. It answers, or this one if it can't.
    fn upgrade(&self, helper: Option<&str>, queue: &Rc<Queue>, answer: Deferred) {
        if helper.is_some() {
            return queue.reply(answer.answer(Err("only operators may upgrade")).as_bytes());
        }
        let upgrade = Upgrade {
            answer,
            promise: queue.promise(),
            queue: Rc::clone(queue),
        };
        match self.core.handover.ask(upgrade) {
            None => self.core.request(Request::Upgrade),
            Some(second) => second.settle(Err("an upgrade is in progress")),
        }
    }

    /// Answers a command when what it has requested of the daemon is done.
    fn requested(&self, queue: &Rc<Queue>, answer: Later) {
        let (promise, queue) = (queue.promise(), Rc::clone(queue));
        self.core.wait_for_request(Box::new(move |result| {
            promise.replace(Some(answer.answer(result)));
            queue.settle();
        }));
    }

    /// Finds out what a reload would change, in turns. Helpers may not read files by that.
    fn preview(&self, helper: Option<&str>, queue: &Rc<Queue>, asked: Preview) {
        if helper.is_some() {
            let no = asked
                .answer
                .answer(Err("only operators may ask for a preview"));
            return queue.reply(no.as_bytes());
        }
        let (promise, queue) = (queue.promise(), Rc::clone(queue));
        let core = Rc::clone(&self.core);
        self.core.spawn(async move {
            let answer = match reload_step::preview(&core, &asked).await {
                Ok(text) => text + &asked.answer.answer(Ok(None)),
                Err(reason) => asked.answer.answer(Err(&reason)),
            };
            promise.replace(Some(answer));
            queue.settle();
        });
    }

    /// How a helper is answered.
    pub(crate) fn with_source<T>(&self, name: &str, see: impl FnOnce(&Source) -> T) -> Option<T> {
        self.sources.borrow().get(name).map(see)
    }

    /// Applies a set, and answers when that is done.
    fn set(&self, helper: Option<&str>, queue: &Rc<Queue>, mut plan: SetPlan) {
        let (core, queue) = (Rc::clone(&self.core), Rc::clone(queue));
        let process = helper.and_then(|name| core.events.helpers().find(name));
        let process = process.map(|(_, process)| process);
        let run = process.as_ref().map_or(1, |process| process.starts.get());
        let helper: Option<Rc<str>> = helper.map(Rc::from);
        let promise = queue.promise();
        // The speaker may declare the next one, which is applied after this one.
        plan.hold = Rc::default();
        let shown = plan.head();
        // The commands after it see its result.
        let work = self.core.works.begin();
        self.core.spawn(async move {
            let speaker = helper.as_deref().map(|name| (name, run));
            let result = set_apply::apply(&core, speaker, plan).await;
            if let Some(process) = process {
                // It may have died meanwhile.
                end_with(&core, &process, run);
            }
            if let Err(reason) = &result
                && core.log_limit.admits(helper.as_deref().unwrap_or(OPERATOR))
            {
                warn!(set = shown.name, "the set is refused: {reason}");
            }
            drop(work);
            core.journal.written().await;
            promise.replace(Some(
                shown.answer(result.as_ref().map(|done| *done).map_err(String::as_str)),
            ));
            queue.settle();
        });
    }

    /// A function that writes the rest of a listing piece by piece.
    fn listed(&self, helper: Option<&str>, mut listing: Listing) -> Make {
        let (core, helper) = (Rc::downgrade(&self.core), helper.map(str::to_owned));
        Box::new(move |out| {
            core.upgrade().is_some_and(|core| {
                core.stats.turns.note("a list of routes");
                listing.next(&ApiBackend::new(&core, helper.as_deref()), out)
            })
        })
    }
}

/// Gives the routes of a run of a helper that has ended since a deadline, if the helper is configured so.
fn end_with(core: &Rc<Core>, process: &Process, run: u64) {
    if process.pid().is_none() || process.starts.get() != run {
        doom(core, process, run);
    }
}

/// Gives the routes of the runs of a helper up to this one a deadline, if the helper is configured so.
fn doom(core: &Rc<Core>, process: &Process, run: u64) {
    if let Some(wait) = process.withdraw_after() {
        let (own, name) = (Rc::clone(core), Rc::clone(&process.name));
        core.spawn(leases::doom_helper(own, name, run, wait));
    }
}

impl Commands for Executor {
    fn commands(&self, process: &Rc<Process>, lines: &[u8]) -> usize {
        let mut sources = self.sources.borrow_mut();
        let Some(source) = sources.get_mut(&process.name) else {
            return lines.len();
        };
        let executed = self.execute(Some(&process.name), source, &process.queue, lines);
        process
            .counts
            .set(process.counts.get().plus(executed.counts));
        executed.bytes
    }

    /// Resets how a helper is answered: each run starts with the defaults.
    fn started(&self, process: &Rc<Process>) {
        let api = &self.core.env.api;
        let mut source = Source::new(&*process.name);
        source.acks.enabled = api.ack;
        if api.show_routes_format == 2 {
            source.routes_json = command::RoutesJson::V2;
        }
        self.set_source(&process.name, source);
    }

    fn exited(&self, process: &Rc<Process>, status: ExitStatus) {
        if let Some(wait) = process.withdraw_after() {
            let seconds = wait.as_secs();
            warn!(
                process = %process.name, seconds,
                "the helper ended: {status}; what it has left in the background goes on: routes that it does not announce again \
                 are withdrawn"
            );
            doom(&self.core, process, process.starts.get());
        }
    }

    fn ended(&self, process: &Rc<Process>) {
        if let Some(source) = self.sources.borrow_mut().get_mut(&process.name) {
            source.abandon();
        }
        doom(&self.core, process, process.starts.get());
    }

    async fn ready(&self) {
        self.core.ready_for_commands().await;
    }

    fn room(&self, process: &Process) {
        self.core.neighbors.wake_sources_of(process);
    }

    fn lost(&self, process: &Rc<Process>, loss: Loss) {
        match loss {
            Loss::Deaths => {
                error!(process = %process.name, "too many deaths of a helper: the daemon ends");
                self.core.request_with(Request::Shutdown, 1);
            }
            Loss::Start if self.core.env.api.terminate => {
                error!(process = %process.name, "a helper could not be started and `api.terminate` is set: the daemon ends");
                self.core.request(Request::Shutdown);
            }
            Loss::Start | Loss::Ended => {
                let what = match process.withdraw_after() {
                    Some(wait) => format!(
                        "sessions stay, its routes end after {} seconds",
                        wait.as_secs()
                    ),
                    None => "sessions and routes stay".to_owned(),
                };
                info!(process = %process.name, "the helper is not started again; {what}");
            }
        }
        self.room(process);
    }
}
