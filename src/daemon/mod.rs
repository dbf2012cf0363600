//! The ExaBGP-style product: helper processes on one side, sessions on the other, the RIB between them.
//!
//! ```text
//!  helper STDOUT ─ process ─ api::command ─ speech ─┐            ┌─ neighbor (Plugin) ─ speaker ─ TCP
//!                                                   ├─ core, rib ┤
//!  helper STDIN ── queue ─── feed, api::encode ─────┘            └─ neighbor (Plugin) ─ speaker ─ TCP
//! ```
//!
//! | room | what |
//! |---|---|
//! | [`run`] | start, wait for requests, end |
//! | `core` | RIB, neighbours, helpers: the middle, which never waits |
//! | `neighbor`, `plugin`, `session`, `pace` | one neighbor: its state, its `Plugin`, its configuration, its rate limit |
//! | `connection` | the state of one connection and its session |
//! | `helper_log` | what helpers write to stderr |
//! | `process`, `queue` | one helper: its life, its pipes |
//! | `hold` | answers that wait for the wire |
//! | `defer` | End-of-RIB after a start of ours |
//! | `limit` | how many routes a peer may tell |
//! | `history` | why a neighbor is down |
//! | `refresh` | requests for a peer's routes |
//! | `retain` | the routes of a peer that is away |
//! | `feed`, `clock` | events to helpers |
//! | `speech`, `watchdog` | what commands do |
//! | `control` | commands from outside: pipes, socket, standard input |
//! | `dynamic`, `made` | neighbours of a range, neighbours made by commands |
//! | `pipeline` | one session, without configuration file |
//! | `several` | a daemon for each of several configurations |
//! | `reload` | the difference between two configurations, applied |
//! | `journal` | the log of messages and routes |
//! | `privilege`, `signal`, `notify` | being a daemon |

use std::rc::Rc;
use std::time::Duration;

use tracing::info;

use crate::config::{Config, Env};
use crate::speaker::Server;
use crate::speaker::sockopt::close_inherited_on_exec;

mod advisory;
mod backend;
mod clock;
mod connection;
pub(crate) mod control;
mod core;
mod dynamic;
mod eor_deferral;
mod events;
mod executor;
mod graceful_restart;
mod helper_log;
mod history;
mod message_log;
mod neighbor;
mod neighbors;
mod notify;
mod peer_commands;
mod pipeline;
mod plugin;
mod prefix_limit;
mod privilege;
mod process;
mod queue;
mod rate_limit;
mod refresh;
mod reload;
mod requests;
mod routes;
mod runtime_peers;
mod service;
mod session;
mod several;
mod signal;
mod stale_routes;
mod startup;
mod sync_acks;
mod watchdog;

use control::{Control, Doors};
use core::Core;
use executor::Executor;
use privilege::PidFile;
use process::Process;
use queue::Marks;
use signal::{Request, Signals};
use startup::{go_to_background, log_warnings, runtime};

pub use control::stdio::AtEnd;
pub use pipeline::{NO_SESSION, run_pipeline};
pub use several::run_several;
pub use startup::{Fatal, Origin};

/// Runs the daemon until it is told to end; the exit code.
///
/// # Errors
/// When it could not start: nothing was started then.
pub fn run(origin: &Origin, env: Env) -> Result<u8, Fatal> {
    let path = std::path::absolute(&origin.path)
        .map_err(|cause| Fatal::system("the working directory", cause))?;
    let (config, warnings) = Config::load(&path, &env).map_err(Fatal::Configuration)?;
    log_warnings(&warnings);
    close_inherited_on_exec();
    go_to_background(&env)?;
    let runtime = runtime()?;
    let origin = Origin {
        path,
        ..origin.clone()
    };
    let code = runtime.block_on(serve(&origin, config, env))?;
    // What still waits for a socket or a helper has had its time.
    runtime.shutdown_background();
    Ok(code)
}

async fn serve(origin: &Origin, config: Config, env: Env) -> Result<u8, Fatal> {
    let mut signals = Signals::new().map_err(|cause| Fatal::system("signal handlers", cause))?;
    privilege::settle(env.daemon.umask)
        .map_err(|cause| Fatal::system("the root directory", cause))?;
    let core = Core::new(env);
    let executor = Executor::new(Rc::clone(&core));
    let env = Rc::clone(&core.env);
    let server = Server::new(reload::default_router_id(&config));
    core.attach(server.clone());
    dynamic::install(&core, &server);
    for process in &config.processes {
        core.events
            .helpers()
            .add(Rc::new(Process::new(process.clone(), Marks::default())));
    }
    for neighbor in config.neighbors {
        reload::add(&core, &server, Rc::new(neighbor))?;
    }
    listen(&core, &server, &env)?;
    // As root we may make the socket where the user that we become may not.
    let doors = Doors::open(&env).await;
    let pid_file = settle_down(&executor, &env).await?;
    housekeep(&core, origin.reload_after);
    let control = Control::start(&executor, doors);
    let beginning = tokio::task::spawn_local({
        let (server, wait) = (server.clone(), clock::until_full_minutes(env.tcp.delay));
        async move {
            if !wait.is_zero() {
                info!(
                    seconds = wait.as_secs(),
                    "no peer is contacted before the next full multiple of `tcp.delay` minutes"
                );
                tokio::time::sleep(wait).await;
            }
            server.start();
        }
    });
    notify::ready();
    info!(configuration = %origin.path.display(), "oxabgp {} is running", env!("CARGO_PKG_VERSION"));
    let code = service::work(&executor, &server, Some(origin), &mut signals).await;
    beginning.abort();
    control.end().await;
    service::shutdown(&core, &server, &mut signals).await;
    drop(pid_file);
    Ok(code)
}

/// Starts the helpers and becomes the user of the settings, in the order that `daemon.drop` says; then writes the pid file.
async fn settle_down(executor: &Rc<Executor>, env: &Env) -> Result<Option<PidFile>, Fatal> {
    let start = || {
        for process in executor.core.events.helpers().all() {
            executor.start_helper(&process);
        }
    };
    if !env.daemon.drop {
        start();
        // Each is started when its task runs first: before this one goes on.
        tokio::task::yield_now().await;
    }
    let user = &env.daemon.user;
    privilege::become_user(user).map_err(|cause| {
        let what = format!("could not drop privileges to `{user}`, refusing to run as root");
        Fatal::system(what, cause)
    })?;
    let path = env.daemon.pid.as_ref();
    let pid_file = path.map(|path| PidFile::create(path)).transpose();
    let pid_file = pid_file.map_err(|cause| Fatal::pid_file(env, cause))?;
    if env.daemon.drop {
        start();
    }
    Ok(pid_file)
}

/// Starts what happens beside all else: alarms, signs of life, the reload that was asked for.
fn housekeep(core: &Rc<Core>, reload_after: Option<Duration>) {
    tokio::task::spawn_local({
        let core = Rc::clone(core);
        async move { core.alarms.run().await }
    });
    tokio::task::spawn_local(notify::live());
    if let Some(wait) = reload_after {
        let core = Rc::clone(core);
        tokio::task::spawn_local(async move {
            tokio::time::sleep(wait).await;
            core.request(Request::Reload);
        });
    }
}

/// Binds the listening sockets of `tcp.bind`, and those of neighbours with `listen`.
fn listen(core: &Core, server: &Server, env: &Env) -> Result<(), Fatal> {
    for address in reload::listeners(core, env) {
        server
            .listen(address)
            .map_err(|cause| Fatal::listen(address, cause))?;
        info!(%address, "listening");
    }
    Ok(())
}
