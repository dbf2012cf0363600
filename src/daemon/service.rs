//! The daemon while it runs: it serves requests, and shuts down.

use std::rc::Rc;
use std::time::Duration;

use tracing::{error, info, warn};

use crate::fsm::Cease;
use crate::speaker::Server;

use super::control::Control;
use super::core::Core;
use super::executor::Executor;
use super::handover::give::{Giver, Start};
use super::requests::{Done, Pending};
use super::signal::{Request, Signals};
use super::startup::Origin;
use super::{checks, notify, reload};

/// The log target of the daemon's main loop.
const TARGET: &str = "oxabgp::daemon";

/// Serves requests until a shutdown. Returns the exit code.
pub(super) async fn work(
    executor: &Rc<Executor>,
    server: &Server,
    origin: Option<(&Origin, &Control, &Start)>,
    signals: &mut Signals,
) -> u8 {
    let core = &executor.core;
    loop {
        let pending = tokio::select! {
            received = signals.next() => {
                warn!(target: TARGET, signal = received.name, "received a signal");
                core.report_signal(received.number, received.name);
                Pending::new(received.request)
            }
            pending = core.next_request() => pending,
            () = core.reloads.unconfirmed() => {
                warn!("the reload was not confirmed in time");
                Pending::new(Request::Return)
            }
        };
        let result = match pending.request {
            Request::Shutdown => return pending.code,
            // The event that ExaBGP sends.
            Request::Report => {
                core.report_signal(0, "none");
                Ok(None)
            }
            Request::Neighbors => settle(core, server).map(|()| None),
            Request::Return => {
                // The event that a reload by a command sends.
                core.report_signal(0, "none");
                applied(core, reload::go_back(executor, server)).await
            }
            Request::Upgrade => {
                // It is answered by the process that continues, or right there.
                upgrade(executor, server, origin).await;
                Ok(None)
            }
            request => match origin {
                Some((origin, ..)) => {
                    applied(core, reload::reload(executor, server, origin, request)).await
                }
                None => {
                    warn!("there is no configuration file to reload");
                    Err("this daemon has no configuration file".to_owned())
                }
            },
        };
        pending.settle(&result);
    }
}

/// The result of a reload once all of it was tried.
async fn applied(core: &Core, reloaded: Result<(), String>) -> Done {
    reloaded?;
    for refused in core.metrics.applied().await {
        core.reloads.fail(refused);
    }
    core.reloads.result()
}

/// Continues as another process, or answers why that is not possible.
async fn upgrade(
    executor: &Rc<Executor>,
    server: &Server,
    origin: Option<(&Origin, &Control, &Start)>,
) {
    let reason = match origin {
        Some((_, control, start)) => {
            let asked = executor.core.handover.program();
            let program = asked.as_deref().unwrap_or(&start.program);
            let giver = Giver {
                executor,
                server,
                control,
                program,
                directory: &start.directory,
            };
            match giver.give().await {
                Ok(never) => match never {},
                Err(reason) => reason,
            }
        }
        None => "this daemon has no configuration file".to_owned(),
    };
    error!(target: TARGET, "the daemon is not upgraded: {reason}");
    if let Some(request) = executor.core.handover.take() {
        request.settle(Err(&reason));
    }
}

/// Adds and removes the neighbors that commands asked for.
///
/// # Errors
/// When one of them could not be added.
fn settle(core: &Rc<Core>, server: &Server) -> Result<(), String> {
    let mut result = Ok(());
    let (added, removed) = core.runtime_peers.take();
    for config in added {
        let name = config.name();
        info!(neighbor = %name, "a command adds the neighbor");
        if let Err(cause) = reload::add(core, server, Rc::new(config)) {
            error!(neighbor = %name, %cause, "the neighbor could not be added");
            core.runtime_peers.forget(&name);
            result = Err(format!("{name} could not be added: {cause}"));
        }
    }
    for listed in removed.into_iter().filter_map(|id| core.neighbors.get(id)) {
        core.runtime_peers.forget(&listed.neighbor.name());
        reload::remove(core, server, &listed, Cease::Removed);
    }
    core.wake_neighbors();
    result
}

/// Closes all sessions with a NOTIFICATION, then stops the helpers. A second signal ends it at once.
pub(super) async fn shutdown(core: &Rc<Core>, server: &Server, signals: &mut Signals) {
    notify::stopping();
    info!(target: TARGET, "shutting down");
    let stopped = async {
        let helpers = core.events.helpers().all();
        for helper in &helpers {
            helper.retire();
        }
        checks::configure::leave(core).await;
        server.shutdown(Cease::Shutdown(String::new())).await;
        for helper in &helpers {
            core.events.report_shutdown(helper);
        }
        // As in ExaBGP, helpers have 100 ms to read that and to exit by themselves.
        let alone = async {
            for helper in &helpers {
                helper.ended().await;
            }
        };
        let _ = tokio::time::timeout(Duration::from_millis(100), alone).await;
        for helper in &helpers {
            helper.stop();
        }
        for helper in &helpers {
            helper.ended().await;
        }
    };
    tokio::select! {
        () = stopped => {}
        name = hurry(signals) => {
            error!(target: TARGET, signal = name, "a second signal: ending at once");
            core.events.helpers().all().iter().for_each(|helper| helper.kill());
        }
    }
}

/// Waits for another signal that requests a shutdown; requests to reload are ignored now.
async fn hurry(signals: &mut Signals) -> &'static str {
    loop {
        let received = signals.next().await;
        if received.request == Request::Shutdown {
            return received.name;
        }
    }
}
