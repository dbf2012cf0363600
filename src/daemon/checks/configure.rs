//! Begins, changes and ends checks: at the start, at a reload, at the end.

use std::cell::Cell;
use std::rc::Rc;

use tokio::time::{Instant, sleep_until};
use tracing::info;

use super::{Check, Removed, announce, run};
use crate::config::CheckConfig;
use crate::daemon::core::Core;

/// Knows the checks of a configuration, without beginning any: what the journal restores is theirs.
pub(crate) fn enlist(core: &Core, configs: &[CheckConfig]) {
    let checks = configs.iter().cloned().map(Check::new).map(Rc::new);
    core.checks.list.replace(checks.collect());
}

/// Begins all checks that have not begun.
pub(crate) fn begin(core: &Rc<Core>) {
    for check in core.checks.all() {
        let is_new = check.task.borrow().is_none();
        if is_new {
            let task = core.spawn(run::run(Rc::clone(core), Rc::clone(&check)));
            check.task.replace(Some(task));
        }
    }
}

/// Applies the checks of a new configuration. Those that are in both keep their state.
pub(crate) fn apply(core: &Rc<Core>, configs: &[CheckConfig]) {
    let mut list = Vec::with_capacity(configs.len());
    for config in configs {
        let check = match core.checks.find(&config.name) {
            None => {
                info!(check = %config.name, "the check is new");
                Rc::new(Check::new(config.clone()))
            }
            Some(check) => {
                if *check.config() != *config {
                    info!(check = %config.name, "the check has changed");
                    check.configure(config.clone());
                }
                check
            }
        };
        list.push(check);
    }
    let old = core.checks.list.replace(list);
    for check in old {
        if core.checks.find(&check.name).is_none() {
            info!(check = %check.name, "the check is removed");
            end(core, &check);
        }
    }
    // What is left of it is announced, also to new neighbors.
    for check in core.checks.all() {
        announce::sync(core, &check);
    }
    begin(core);
}

fn end(core: &Rc<Core>, check: &Rc<Check>) {
    if let Some(task) = check.task.take() {
        task.abort();
    }
    let config = check.config();
    let owed = check.owed(config.drain);
    check.turn(None);
    announce::withdraw(core, check);
    if let Some((command, due)) = config.down_execute.clone().zip(owed) {
        run::drain_removed(
            core,
            Removed {
                name: Rc::clone(&check.name),
                command,
                due,
                runs: Cell::new(false),
            },
        );
    }
}

/// Ends all checks when the daemon stops. The routes of those with `drain` or `down-execute` are withdrawn first, and have
/// time to drain.
pub(crate) async fn leave(core: &Rc<Core>) {
    let checks = core.checks.list.take();
    let begin = Instant::now();
    let mut end = begin;
    let mut leaving = Vec::new();
    for check in checks {
        if let Some(task) = check.task.take() {
            task.abort();
        }
        let config = check.config();
        if !(config.drain.is_zero() && config.down_execute.is_none()) {
            let is_announced = !check.sent.borrow().routes.is_empty();
            if is_announced {
                end = end.max(begin + config.drain);
            }
            // Routes of a service that went down drain since then.
            let drain = check.drains.get().filter(|_| config.down_execute.is_some());
            end = end.max(drain.unwrap_or(end));
            let is_owed = check.owed(config.drain).is_some();
            check.turn(None);
            announce::withdraw(core, &check);
            leaving.push((check, is_owed));
        }
    }
    if end > begin {
        info!(
            seconds = (end - begin).as_secs_f64(),
            "routes of checks are withdrawn and drain"
        );
        sleep_until(end).await;
    }
    for (check, is_owed) in leaving {
        match is_owed {
            true => run::leave(&check).await,
            false => run::finish(&check).await,
        }
    }
    run::finish_removed(core).await;
}
