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

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use tracing::{error, info, warn};

use crate::bgp::fsm::Cease;
use crate::config::{Config, Diagnostics, Env};
use crate::speaker::sockopt::close_inherited_on_exec;
use crate::speaker::{self, Server};

mod advisory;
mod backend;
mod clock;
mod connection;
pub(crate) mod control;
mod core;
mod dynamic;
mod eor_deferral;
mod events;
mod graceful_restart;
mod helper_log;
mod history;
mod message_log;
mod neighbor;
mod notify;
mod pipeline;
mod plugin;
mod prefix_limit;
mod privilege;
mod process;
mod queue;
mod rate_limit;
mod refresh;
mod reload;
mod runtime_peers;
mod session;
mod several;
mod signal;
mod sync_acks;
mod watchdog;

use control::{Control, Doors};
use core::Core;
use plugin::NeighborPlugin;
use privilege::PidFile;
use process::Process;
use queue::Marks;
use signal::{Request, Signals};

pub use control::stdio::AtEnd;
pub use pipeline::{NO_SESSION, run_pipeline};
pub use several::run_several;

/// Why the daemon could not start.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    /// The configuration has mistakes.
    #[error("the configuration has mistakes")]
    Configuration(Diagnostics),
    /// The system refused something.
    #[error("{what}: {source}")]
    System {
        /// What we wanted of it.
        what: String,
        /// What it said.
        source: std::io::Error,
    },
}

impl Fatal {
    fn system(what: impl Into<String>, source: impl Into<std::io::Error>) -> Self {
        Self::System {
            what: what.into(),
            source: source.into(),
        }
    }

    /// The pid file of the settings can't be written.
    fn pid_file(env: &Env, cause: std::io::Error) -> Self {
        let path = env.daemon.pid.as_deref().unwrap_or_else(|| Path::new(""));
        let what = format!(
            "could not write the pid file `{}` (setting `daemon.pid`)",
            path.display()
        );
        Self::system(what, cause)
    }

    /// There is no listening at `address`.
    fn listen(address: SocketAddr, cause: speaker::Error) -> Self {
        let speaker::Error::Listen { source, .. } = cause else {
            return Self::system(
                format!("could not listen on {address}"),
                std::io::Error::other(cause),
            );
        };
        let hint = match source.kind() {
            std::io::ErrorKind::AddrInUse => {
                "another program listens there; `oxabgp_tcp_port` chooses another port, `oxabgp_tcp_bind` another address"
            }
            std::io::ErrorKind::PermissionDenied => {
                "ports below 1024 need root or CAP_NET_BIND_SERVICE; `oxabgp_tcp_port` chooses another port"
            }
            std::io::ErrorKind::AddrNotAvailable => {
                "no interface has this address; see `oxabgp_tcp_bind` and `local-address`"
            }
            _ => return Self::system(format!("could not listen on {address}"), source),
        };
        let source = std::io::Error::new(source.kind(), format!("{source} ({hint})"));
        Self::system(format!("could not listen on {address}"), source)
    }
}

/// Where the configuration is, and how it is read.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The file.
    pub path: PathBuf,
    /// Reload after this many seconds, once.
    pub reload_after: Option<Duration>,
}

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

fn runtime() -> Result<tokio::runtime::LocalRuntime, Fatal> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
        .map_err(|cause| Fatal::system("the runtime", cause))
}

/// Goes to the background, if the settings say so and the log does not need the terminal. Before the runtime starts: a
/// fork keeps one thread only.
fn go_to_background(env: &Env) -> Result<(), Fatal> {
    if !env.daemon.daemonize {
        return Ok(());
    }
    if matches!(env.log.destination.as_str(), "stdout" | "stderr" | "") {
        error!("not going to the background: the log goes to the terminal");
        return Ok(());
    }
    nix::unistd::daemon(true, false)
        .map_err(|cause| Fatal::system("could not go to the background", cause))
}

async fn serve(origin: &Origin, config: Config, env: Env) -> Result<u8, Fatal> {
    let mut signals = Signals::new().map_err(|cause| Fatal::system("signal handlers", cause))?;
    privilege::settle(env.daemon.umask)
        .map_err(|cause| Fatal::system("the root directory", cause))?;
    let core = Core::new(env);
    let env = Rc::clone(&core.env.borrow());
    let server = Server::new(reload::default_router_id(&config));
    *core.server.borrow_mut() = Some(server.clone());
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
    let pid_file = settle_down(&core, &env).await?;
    housekeep(&core, origin.reload_after);
    let control = Control::start(&core, doors);
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
    let code = work(&core, &server, Some(origin), &mut signals).await;
    beginning.abort();
    control.end().await;
    shutdown(&core, &server, &mut signals).await;
    drop(pid_file);
    Ok(code)
}

/// Starts the helpers and becomes the user of the settings, in the order that `daemon.drop` says; then writes the pid file.
async fn settle_down(core: &Rc<Core>, env: &Env) -> Result<Option<PidFile>, Fatal> {
    let start = || {
        for process in core.events.helpers().all() {
            start_helper(core, &process);
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
        async move { core.alarm().await }
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

/// Serves requests until one is the last; the exit code.
async fn work(
    core: &Rc<Core>,
    server: &Server,
    origin: Option<&Origin>,
    signals: &mut Signals,
) -> u8 {
    loop {
        let (request, code) = tokio::select! {
            received = signals.next() => {
                warn!(signal = received.name, "received a signal");
                core.tell_signal(received.number, received.name);
                (received.request, 0)
            }
            request = core.next_request() => request,
        };
        match request {
            Request::Shutdown => return code,
            // As ExaBGP tells of it.
            Request::Told => core.tell_signal(0, "none"),
            Request::Neighbors => runtime_peers::settle(core, server),
            request => match origin {
                Some(origin) => reload::reload(core, server, origin, request),
                None => warn!("there is no configuration file that could be read again"),
            },
        }
    }
}

/// Puts what is odd about a configuration into the log.
fn log_warnings(warnings: &Diagnostics) {
    for line in warnings.lines() {
        warn!(target: "oxabgp::configuration", "{line}");
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

/// Starts a helper and keeps it running.
fn start_helper(core: &Rc<Core>, process: &Rc<Process>) {
    let respawn = core.env.borrow().api.respawn;
    tokio::task::spawn_local(process::supervise(
        Rc::clone(core),
        Rc::clone(process),
        respawn,
    ));
}

/// Says goodbye: to the peers, which get a NOTIFICATION each, then to the helpers. A second signal cuts it short.
async fn shutdown(core: &Rc<Core>, server: &Server, signals: &mut Signals) {
    notify::stopping();
    info!("shutting down");
    let farewell = async {
        let helpers = core.events.helpers().all();
        for helper in &helpers {
            helper.retire();
        }
        server.shutdown(Cease::Shutdown(String::new())).await;
        for helper in &helpers {
            core.events.tell_shutdown(helper);
        }
        // As in ExaBGP, helpers have 100 ms to hear that and to end by themselves.
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
        () = farewell => {}
        name = hurry(signals) => {
            error!(signal = name, "a second signal: ending at once");
            core.events.helpers().all().iter().for_each(|helper| helper.kill());
        }
    }
}

/// Waits for another signal that asks for the end; whoever asks for a reload now is late.
async fn hurry(signals: &mut Signals) -> &'static str {
    loop {
        let received = signals.next().await;
        if received.request == Request::Shutdown {
            return received.name;
        }
    }
}

/// Adds a neighbour's plugin to the speaker.
fn enlist(
    core: &Rc<Core>,
    server: &Server,
    listed: &Rc<core::Listed>,
) -> Result<(), speaker::Error> {
    let peer = {
        let config = listed.neighbor.config.borrow();
        let name = &listed.neighbor.name;
        let name = session::log_name(name, &config.session, |name| server.find(name).is_some());
        session::peer(&name, &config.session, &core.env.borrow())
    };
    let plugin = NeighborPlugin::new(Rc::clone(core), Rc::clone(&listed.neighbor));
    listed.key.set(Some(server.add_peer(peer, plugin)?));
    Ok(())
}
