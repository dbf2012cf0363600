//! The ExaBGP-style product: helper processes on one side, sessions on the other, the RIB between them.
//!
//! ```text
//!  helper STDOUT ─ process ─ executor ─ backend ─┐              ┌─ plugin ─ speaker ─ TCP
//!                                                ├─ core, routes┤
//!  helper STDIN ── queue ─── events ─────────────┘              └─ plugin ─ speaker ─ TCP
//! ```
//!
//! Modules import only from rows above their own, or from modules before them in the same row.
//!
//! | module | purpose |
//! |---|---|
//! | `signal`, `notify`, `privilege`, `clock`, `until_closed`, `stats`, `log_file`, `log_limit` | signals, systemd, change of user, clocks, the end of connections, what is measured, the open log, and how many lines of a kind it gets |
//! | `sync_acks`, `queue` | answers that are held back until routes have been sent; text for a helper's stdin |
//! | `helper_log`, `guard`, `process` | what helpers write to stderr, and may announce; one helper process |
//! | `events` | which helpers receive which events |
//! | `connection`, `history`, `advisory`, `rate_limit` | the state of one neighbor: its session, why it is down, standing advisories, UPDATEs per second |
//! | `stale_routes`, `neighbor` | its Adj-RIB-In with the state of graceful restart; all of one neighbor |
//! | `session` | configuration of a neighbor for the speaker |
//! | `message_log`, `watchdog`, `routes`, `lease_table` | the log of messages and routes; groups of routes; the Adj-RIB-Out; routes that end by themselves |
//! | `neighbors`, `announce_limit`, `runtime_peers`, `requests`, `running` | all neighbors; how many routes each may be sent; those created by commands; requests to the daemon as a whole; the configuration in force |
//! | `reencode`, `mrt`, `bmp`, `taps` | received routes as UPDATEs; archives; monitoring stations; what sessions pass to both |
//! | `hold` | what is held while another process takes over |
//! | `journal`, `sets`, `checks` | what helpers and operators announce, kept over a crash; revisions of sets; health checks |
//! | `core` | the parts that all of the following share |
//! | `graceful_restart`, `eor_deferral`, `prefix_limit`, `refresh` | one feature of a session each |
//! | `leases`, `authority` | the end of leases; what helpers and operators may announce |
//! | `plugin` | one neighbor as a `Plugin` of the speaker |
//! | `rates`, `status` | messages over the last minutes; what is shown of the daemon |
//! | `peer_commands`, `peer_status`, `reload_step`, `backend`, `set_apply`, `lease_list`, `executor` | what commands do; lines in, answers out |
//! | `startup`, `dynamic`, `monitors`, `configured_routes`, `reload` | errors at start; neighbors of a range; archives and stations of a configuration; configured and helpers' routes; the difference between two configurations |
//! | `http` | metrics and the status page |
//! | `control` | commands from operators: pipes, socket, standard input |
//! | `handover` | an upgrade without a flap |
//! | `service`, `pipeline`, `several` | the main loop; one session without configuration file; a daemon for each of several configurations |

use std::rc::Rc;
use std::time::Duration;

use nix::unistd::Pid;
use tracing::info;

use crate::config::{Config, Env};
use crate::speaker::Server;
use crate::speaker::sockopt::{close_inherited_on_exec, release_unchanged_pages};
use crate::speaker::turn::Timed;

mod advisory;
mod announce_limit;
mod authority;
mod backend;
mod bmp;
mod checks;
mod clock;
mod configured_routes;
mod confine;
mod connection;
pub(crate) mod control;
mod core;
mod dynamic;
mod eor_deferral;
mod events;
mod executor;
mod graceful_restart;
mod guard;
mod handover;
mod helper_log;
mod histogram;
mod history;
mod hold;
mod http;
mod initial_routes;
mod journal;
mod lease_list;
mod lease_table;
mod leases;
mod listeners;
mod listing;
pub(crate) mod log_file;
mod log_limit;
mod message_log;
mod monitors;
mod mrt;
mod neighbor;
mod neighbors;
mod notify;
mod peer_commands;
mod peer_status;
mod phase;
mod pipeline;
mod plugin;
mod prefix_limit;
mod privilege;
mod process;
mod queue;
mod rate_limit;
mod rates;
mod reencode;
mod refresh;
mod reload;
mod reload_step;
mod requests;
mod routes;
mod running;
mod runtime_peers;
mod service;
mod session;
mod set_apply;
mod set_list;
mod sets;
mod several;
mod signal;
#[cfg(test)]
mod simulation;
mod stale_routes;
mod startup;
mod stats;
mod status;
mod sync_acks;
mod taps;
mod tightened;
mod turn_shares;
mod turns;
mod until_closed;
mod urgent;
mod watchdog;

use control::{Control, Doors};
use core::Core;
use executor::Executor;
use handover::give::Start;
use handover::inherit::{Heritage, Purpose, purpose};
use http::Http;
use privilege::PidFile;
use process::Process;
use queue::Marks;
use running::Running;
use signal::{Request, Signals};
use startup::{Failure, go_to_background, log_warnings, runtime};

pub use confine::become_helper;
pub use control::stdio::AtEnd;
pub use pipeline::{NO_SESSION, run_pipeline};
pub use several::run_several;
pub use startup::{Fatal, Origin};

pub(crate) use handover::protocol::formats as handover_formats;
pub(crate) use neighbor::identity;
pub(crate) use signal::{hold_file_limit, is_ignored};

/// The longest that an upgrade takes, which the age of the daemon does not include.
const UPGRADE: Duration = Duration::from_secs(10);
/// Time after the start in which the first sessions mostly come up.
const SETTLED: Duration = Duration::from_secs(5);

/// Runs the daemon until it is stopped. Returns the exit code.
///
/// # Errors
/// When it could not start. Nothing is left running then.
pub fn run(origin: &Origin, env: Env) -> Result<u8, Fatal> {
    let path = std::path::absolute(&origin.path)
        .map_err(|cause| Fatal::system("the working directory", cause))?;
    // Sessions that are continued are sent a KEEPALIVE first: a large configuration takes its time.
    let found = purpose().map_err(|cause| Fatal::system("the upgrade", cause))?;
    let loaded = Config::load(&path, &env).map_err(Fatal::Configuration);
    let heritage = match found {
        Purpose::Run => None,
        Purpose::Check => {
            let checked = loaded.and_then(|_| startup::check(&env, Pid::parent()));
            handover::protocol::report(checked.as_ref().err().map(Fatal::first_line));
            return checked.map(|()| 0);
        }
        Purpose::Continue(heritage) => Some(*heritage),
    };
    let (config, warnings) = loaded?;
    log_warnings(&warnings);
    // It has the text of the file.
    drop(warnings);
    close_inherited_on_exec();
    if heritage.is_none() {
        go_to_background(&env)?;
    }
    let runtime = runtime()?;
    let origin = Origin {
        path,
        ..origin.clone()
    };
    let code = runtime.block_on(serve(&origin, (config, env), heritage))?;
    // Tasks that still wait for a socket or a helper are dropped.
    runtime.shutdown_background();
    Ok(code)
}

async fn serve(
    origin: &Origin,
    (config, env): (Config, Env),
    mut heritage: Option<Heritage>,
) -> Result<u8, Fatal> {
    let start = Start::of_this_process();
    let failure = match &heritage {
        Some(_) => Failure::IsLogged,
        None => Failure::Ends,
    };
    let mut signals = Signals::new().map_err(|cause| Fatal::system("signal handlers", cause))?;
    privilege::settle(env.daemon.umask)
        .map_err(|cause| Fatal::system("the root directory", cause))?;
    let core = match &heritage {
        Some(heritage) => {
            Heritage::unblock_signals();
            Core::since(env, heritage.age())
        }
        None => Core::new(env),
    };
    core.handover.is_resuming.set(heritage.is_some());
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
    let running = Running::new(config);
    let config = running.config.clone();
    for neighbor in &running.neighbors {
        failure.of(reload::add(&core, &server, Rc::clone(neighbor)))?;
    }
    core.reloads.set_path(&origin.path);
    core.reloads.replace(running);
    if let Some(heritage) = &mut heritage {
        heritage.listen(&server, &listeners::wanted(&core, &env));
        let filled = heritage.fill(&executor, &core, &server);
        filled.map_err(|cause| Fatal::system("the upgrade", cause))?;
    }
    listen(&core, &server, failure)?;
    checks::configure::enlist(&core, &config.checks);
    if let Some(heritage) = &mut heritage {
        heritage.check(&core);
    }
    if let Some(state) = config.state {
        let directory = state.directory.display().to_string();
        let restored = match &heritage {
            Some(_) => journal::restore::resume(&core, state),
            None => journal::restore::run(&core, state).await,
        };
        let restored =
            restored.map_err(|cause| Fatal::system(format!("the journal in `{directory}`"), cause));
        failure.of(restored)?;
        if let Some(heritage) = &heritage {
            heritage.count(&core);
        }
    }
    core.metrics.replace(config.metrics);
    let http = Http::open(&core).await;
    // Root may create the socket where the user that the process becomes may not.
    let doors = heritage.as_mut().and_then(Heritage::doors);
    let doors = Doors::open(&env, doors.as_ref()).await;
    let pid_file = match settle_down(&executor, failure).await {
        Ok(pid_file) => pid_file,
        Err(error) => {
            doors.close();
            return Err(error);
        }
    };
    monitors::apply(&core, config.mrt, config.bmp);
    let age = heritage.as_ref().map(Heritage::age);
    let reload_after = match age {
        // Unless the process before has done that.
        Some(age) => origin.reload_after.and_then(|wait| wait.checked_sub(age)),
        None => origin.reload_after,
    };
    housekeep(&core, reload_after);
    checks::configure::begin(&core);
    if core.journal.is_kept() {
        core.spawn(journal::restore::sweep(Rc::clone(&core)));
        let core = Rc::clone(&core);
        tokio::task::spawn_local(async move {
            tokio::join!(journal::compact::run(&core), journal::answers::run(&core))
        });
    }
    let control = Control::start(&executor, doors);
    if let Some(heritage) = heritage {
        heritage.serve(&executor, &control);
    }
    http.start();
    let beginning = tokio::task::spawn_local({
        let wait = clock::until_full_minutes(env.tcp.delay);
        let period = Duration::from_secs(60 * u64::from(env.tcp.delay));
        // The process before has contacted peers already, unless the time that it waited for is still to come.
        let is_over = age.is_some_and(|age| age + UPGRADE + wait > period);
        let (server, wait) = (server.clone(), if is_over { Duration::ZERO } else { wait });
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
    release_unchanged_pages();
    tokio::task::spawn_local(async {
        // What the first sessions needed to come up.
        tokio::time::sleep(SETTLED).await;
        release_unchanged_pages();
    });
    notify::ready();
    info!(configuration = %origin.path.display(), "oxabgp {} is running", env!("CARGO_PKG_VERSION"));
    let life = async {
        let code = {
            let work = service::work(
                &executor,
                &server,
                Some((origin, &control, &start)),
                &mut signals,
            );
            Timed::new(work, |took| core.stats.turns.observe(took)).await
        };
        beginning.abort();
        control.end().await;
        http.close();
        service::shutdown(&core, &server, &mut signals).await;
        core.journal.end().await;
        monitors::end(&core).await;
        code
    };
    let code = core
        .urgent
        .beside(&core.stats.turns.durations, Box::pin(life))
        .await;
    drop(pid_file);
    Ok(code)
}

/// Starts the helpers and switches to the configured user, in the order that `daemon.drop` sets; then writes the pid file.
async fn settle_down(executor: &Rc<Executor>, failure: Failure) -> Result<Option<PidFile>, Fatal> {
    let env = &executor.core.env;
    let start = || {
        for process in executor.core.events.helpers().all() {
            executor.start_helper(&process);
        }
    };
    if env.daemon.no_new_privileges {
        let forbidden = privilege::forbid_new_privileges()
            .map_err(|cause| Fatal::system("could not set `no_new_privs`", cause));
        failure.of(forbidden)?;
    }
    if !env.daemon.drop {
        start();
        // Each is started when its task first runs, before this one continues.
        tokio::task::yield_now().await;
    }
    let user = &env.daemon.user;
    // The process before an upgrade had the same rights.
    failure.of(privilege::become_user(user, privilege::Groups::Given)
        .map_err(|cause| Fatal::user(user, cause)))?;
    let path = env.daemon.pid.as_ref();
    let pid_file = path.map(|path| PidFile::create(path)).transpose();
    let pid_file = failure.of(pid_file.map_err(|cause| Fatal::pid_file(env, cause)))?;
    if env.daemon.drop {
        start();
    }
    Ok(pid_file)
}

/// Starts background tasks: alarms, the watchdog of systemd, a requested reload.
fn housekeep(core: &Rc<Core>, reload_after: Option<Duration>) {
    tokio::task::spawn_local({
        let core = Rc::clone(core);
        async move { core.alarms.run().await }
    });
    tokio::task::spawn_local({
        let core = Rc::clone(core);
        async move { core.log_limit.report().await }
    });
    tokio::task::spawn_local(notify::live());
    core.spawn({
        let core = Rc::clone(core);
        async move { leases::run(&core).await }
    });
    if let Some(wait) = reload_after {
        let core = Rc::clone(core);
        tokio::task::spawn_local(async move {
            tokio::time::sleep(wait).await;
            core.request(Request::Reload);
        });
    }
}

/// Binds the listening sockets of `tcp.bind` and of neighbors with `listen`.
fn listen(core: &Core, server: &Server, failure: Failure) -> Result<(), Fatal> {
    let known = server.listening();
    let missing = listeners::wanted(core, &core.env).into_iter();
    for address in missing.filter(|address| !known.contains(address)) {
        let listening = server.listen(address).map(Some);
        let listening = listening.map_err(|cause| Fatal::listen(address, cause));
        if failure.of(listening)?.is_some() {
            info!(%address, "listening");
        }
    }
    Ok(())
}
