//! The task of a check: it waits, checks, and announces what follows from the result.
//!
//! A check that is carried out has a deadline, and only so many are carried out at a time. Commands of a change are run one
//! after the other; that of a service that went down waits until its routes have drained.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, info, warn};

use super::{Check, Removed, announce, random};
use crate::config::CheckConfig;
use crate::daemon::core::Core;
use crate::health::{Cause, Failure, Finding, Hold, Side, State, Verdict};
use crate::probe::{self, command};

/// How long a command of a change may take.
const COMMAND: Duration = Duration::from_secs(60);

/// Carries out a check again and again. Never returns.
pub(super) async fn run(core: Rc<Core>, check: Rc<Check>) {
    let mut due = Instant::now() + check.watch.borrow().first_wait(random());
    loop {
        tokio::select! {
            () = sleep_until(due) => {}
            () = check.changed.notified() => {
                due = due.min(Instant::now() + check.watch.borrow().wait(random()));
                continue;
            }
        }
        let (finding, failure) = look(&core, &check).await;
        core.stats.turns.note("a check");
        settle(&core, &check, finding, failure).await;
        due = Instant::now() + check.watch.borrow().wait(random());
    }
}

/// Carries it out once.
async fn look(core: &Core, check: &Check) -> (Finding, Option<Failure>) {
    let config = check.config();
    // The semaphore is never closed.
    let _slot = core.checks.slots.acquire().await;
    let begun = Instant::now();
    let found = carry_out(&config).await;
    check.counts.took.set(begun.elapsed());
    match found {
        Ok(finding) => (finding, None),
        Err(failure) => (Finding::Bad, Some(failure)),
    }
}

async fn carry_out(config: &CheckConfig) -> Result<Finding, Failure> {
    if let Some(path) = &config.disable
        && is_there(path.clone(), config.pace.timeout).await?
    {
        return Ok(Finding::Disabled);
    }
    let result = probe::check(&config.target, config.pace.timeout).await;
    result.map(|()| Finding::Good)
}

/// Whether a file exists. Its disk may not answer.
async fn is_there(path: PathBuf, limit: Duration) -> Result<bool, Failure> {
    let late = |path: &PathBuf| {
        let reason = format!("cannot look for `{}`", path.display());
        Failure::new(Cause::System, reason)
    };
    let wanted = path.clone();
    let look = tokio::task::spawn_blocking(move || wanted.exists());
    match timeout(limit, look).await {
        Ok(Ok(found)) => Ok(found),
        _ => Err(late(&path)),
    }
}

/// Announces what follows from a result.
async fn settle(core: &Rc<Core>, check: &Rc<Check>, finding: Finding, failure: Option<Failure>) {
    let verdict = check.note(&core.checks, finding, failure);
    report(core, check, &verdict);
    match verdict.side {
        Some(Side::Up) => {
            let round = check.round.get();
            if let Some(command) = &check.config().up_execute {
                // What waits for the routes to drain is not run after this.
                check.drains.set(None);
                check.rises.set(true);
                hook(check, command, State::Up).await;
            }
            // It is up as long as nothing else was found, which only this task does, or the check was removed.
            if check.round.get() == round {
                check.turn(Some(Side::Up));
            }
        }
        Some(Side::Down) => {
            check.turn(Some(Side::Down));
            drain(core, check);
        }
        None => {}
    }
    announce::sync(core, check);
}

/// Logs a change, and reports it to operators who watch events.
fn report(core: &Core, check: &Check, verdict: &Verdict) {
    let name = &check.name;
    let reason = check.counts.reason.borrow();
    let reason = reason
        .as_ref()
        .map_or("", |failure| failure.reason.as_str());
    match verdict.held {
        Some(Hold::Flap) => {
            info!(check = %name, "a change of the service is held back: `flap-hold`")
        }
        Some(Hold::Static) => {
            warn!(check = %name, "a change of the service is held back: all checks of its group fail ({reason})");
        }
        Some(Hold::Waiting) | None => {}
    }
    let held = verdict.held.filter(|held| *held != Hold::Waiting);
    match verdict.state {
        Some(State::Up) => info!(check = %name, "the service is up"),
        Some(State::Down) => warn!(check = %name, "the service is down: {reason}"),
        Some(State::Disabled) => warn!(check = %name, "the service is disabled"),
        Some(State::Falling) => info!(check = %name, "the check failed: {reason}"),
        Some(state @ (State::Init | State::Rising)) => {
            debug!(check = %name, "the service is {state}")
        }
        None if held.is_some() => {}
        None => return,
    }
    core.events
        .report_check(&check.name, (check.state(), held.is_some()), reason);
}

/// Runs a command of a change, alone.
async fn hook(check: &Check, line: &str, state: State) {
    let _turn = check.hooks.lock().await;
    run_command(&check.name, line, state).await;
}

async fn run_command(name: &str, line: &str, state: State) {
    let state = state.to_string();
    let variables = [("STATE", state.as_str()), ("CHECK", name)];
    debug!(check = %name, command = line, "a command of the check is run");
    if let Err(failed) = command::run_with(line, COMMAND, &variables).await {
        let failure = failed.failure();
        warn!(check = %name, command = line, "a command of the check failed: {failure}");
    }
}

/// Runs the command of a service that went down once its routes have drained, unless it has come up again.
pub(super) fn drain(core: &Rc<Core>, check: &Rc<Check>) {
    drain_for(core, check, check.config().drain);
}

/// The same after so long.
pub(super) fn drain_for(core: &Rc<Core>, check: &Rc<Check>, wait: Duration) {
    let Some(command) = check.config().down_execute.clone() else {
        return;
    };
    let (check, round) = (Rc::clone(check), check.round.get());
    let until = Instant::now() + wait;
    check.drains.set(Some(until));
    core.spawn(async move {
        sleep_until(until).await;
        if check.round.get() == round && check.drains.take() == Some(until) {
            hook(&check, &command, fallen(&check)).await;
        }
    });
}

/// Runs the command of a check that was removed once its routes have drained.
pub(super) fn drain_removed(core: &Rc<Core>, removed: Removed) {
    let (all, removed) = (Rc::clone(core), Rc::new(removed));
    all.checks.removed.borrow_mut().push(Rc::clone(&removed));
    core.spawn(async move {
        sleep_until(removed.due).await;
        removed.runs.set(true);
        run_command(&removed.name, &removed.command, State::Down).await;
        let is_other = |other: &Rc<Removed>| !Rc::ptr_eq(other, &removed);
        all.checks.removed.borrow_mut().retain(is_other);
        all.checks.left.notify_one();
    });
}

/// Waits for the commands of checks that were removed.
pub(super) async fn finish_removed(core: &Core) {
    while !core.checks.removed.borrow().is_empty() {
        core.checks.left.notified().await;
    }
}

/// Waits for the command of a service that went down, if it is being run.
pub(super) async fn finish(check: &Check) {
    drop(check.hooks.lock().await);
}

/// The command of a service that was up when the daemon stops.
pub(super) async fn leave(check: &Check) {
    if let Some(command) = &check.config().down_execute {
        hook(check, command, fallen(check)).await;
    }
}

/// The state of a service that is not up any more.
fn fallen(check: &Check) -> State {
    match check.state() {
        State::Disabled => State::Disabled,
        _ => State::Down,
    }
}
