//! `oxabgp pipe`: the daemon without configuration file, for one session between two ends of a pipeline.
//!
//! The only helper is the daemon's own standard input and output. There is no pid file, no change of user, no control socket
//! and no listening socket.

use std::rc::Rc;
use std::time::Duration;

use tracing::{error, info};

use crate::config::{Config, Env};
use crate::speaker::Server;
use crate::speaker::sockopt::close_inherited_on_exec;

use super::control::stdio::{self, AtEnd, Losses};
use super::core::Core;
use super::executor::Executor;
use super::process::Process;
use super::queue::Marks;
use super::signal::{Request, Signals};
use super::startup::{Fatal, runtime};
use super::{leases, reload, service};

/// The exit code of [`run_pipeline`] when a session was down for longer than it may be.
pub const NO_SESSION: u8 = 4;
/// How often the state of the sessions is checked.
const GLANCE: Duration = Duration::from_millis(100);

/// Runs the neighbors of `config` with the standard input and output in place of its first process. Returns the exit code.
///
/// With `patience` it ends with the exit code [`NO_SESSION`] once a session has been down for that long, all in all.
///
/// # Errors
/// When it could not start. Nothing is left running then.
pub fn run_pipeline(
    config: Config,
    env: Env,
    at_end: AtEnd,
    patience: Option<Duration>,
) -> Result<u8, Fatal> {
    close_inherited_on_exec();
    let runtime = runtime()?;
    let code = runtime.block_on(serve(config, env, at_end, patience))?;
    // A thread may still be blocked on the standard input.
    runtime.shutdown_background();
    Ok(code)
}

async fn serve(
    config: Config,
    env: Env,
    at_end: AtEnd,
    patience: Option<Duration>,
) -> Result<u8, Fatal> {
    let mut signals = Signals::new().map_err(|cause| Fatal::system("signal handlers", cause))?;
    let core = Core::new(env);
    let executor = Executor::new(Rc::clone(&core));
    let server = Server::new(reload::default_router_id(&config));
    core.attach(server.clone());
    let losses = Losses::default();
    for process in &config.processes {
        let process = Rc::new(Process::new(process.clone(), Marks::default()));
        core.events.helpers().add(Rc::clone(&process));
        let ends = (at_end, losses.clone());
        tokio::task::spawn_local(stdio::run(Rc::clone(&executor), process, ends));
    }
    for neighbor in config.neighbors {
        reload::add(&core, &server, Rc::new(neighbor))?;
    }
    tokio::task::spawn_local({
        let core = Rc::clone(&core);
        async move { core.alarms.run().await }
    });
    tokio::task::spawn_local({
        let core = Rc::clone(&core);
        async move { core.log_limit.report().await }
    });
    core.spawn({
        let core = Rc::clone(&core);
        async move { leases::run(&core).await }
    });
    if let Some(patience) = patience {
        tokio::task::spawn_local(give_up(Rc::clone(&core), patience));
    }
    server.start();
    info!("oxabgp {} is running", env!("CARGO_PKG_VERSION"));
    let code = service::work(&executor, &server, None, &mut signals).await;
    service::shutdown(&core, &server, &mut signals).await;
    // The last events are written when the sessions have ended.
    Ok(losses.code(code))
}

/// Stops the pipeline once a session has been down for `patience` in total, so that a flapping session does not count as
/// success.
async fn give_up(core: Rc<Core>, patience: Duration) {
    let mut down = Duration::ZERO;
    while down < patience {
        let tick = GLANCE.min(patience - down);
        tokio::time::sleep(tick).await;
        let neighbors = core.neighbors.all();
        let is_up = neighbors
            .iter()
            .all(|listed| listed.neighbor.is_established());
        if !is_up {
            down += tick;
        }
    }
    error!(
        seconds = patience.as_secs_f64(),
        "the session was down for longer than `--timeout` allows: giving up"
    );
    core.request_with(Request::Shutdown, NO_SESSION);
}
