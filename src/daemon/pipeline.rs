//! `oxabgp pipe`: the daemon without configuration file, for one session between two ends of a pipeline.
//!
//! The configuration's one helper is our own standard input and output. Nothing else of a daemon is there: no pid file, no
//! other user, no control socket, no listening.

use std::rc::Rc;

use tracing::info;

use crate::config::{Config, Env};
use crate::speaker::Server;
use crate::speaker::sockopt::close_inherited_on_exec;

use super::control::stdio::{self, AtEnd};
use super::core::Core;
use super::process::Process;
use super::queue::Marks;
use super::signal::Signals;
use super::{Fatal, reload, runtime, shutdown, work};

/// Runs the neighbours of `config` with its first process played by our standard input and output; the exit code.
///
/// # Errors
/// When it could not start: nothing was started then.
pub fn run_pipeline(config: Config, env: Env, at_end: AtEnd) -> Result<u8, Fatal> {
    close_inherited_on_exec();
    let runtime = runtime()?;
    let code = runtime.block_on(serve(config, env, at_end))?;
    // A thread may still wait for input that will never come.
    runtime.shutdown_background();
    Ok(code)
}

async fn serve(config: Config, env: Env, at_end: AtEnd) -> Result<u8, Fatal> {
    let mut signals = Signals::new().map_err(|cause| Fatal::system("signal handlers", cause))?;
    let core = Core::new(env);
    let server = Server::new(reload::default_router_id(&config));
    *core.server.borrow_mut() = Some(server.clone());
    for process in &config.processes {
        let process = Rc::new(Process::new(process.clone(), Marks::default()));
        core.feeder.helpers().add(Rc::clone(&process));
        tokio::task::spawn_local(stdio::run(Rc::clone(&core), process, at_end));
    }
    for neighbor in config.neighbors {
        reload::add(&core, &server, Rc::new(neighbor))?;
    }
    tokio::task::spawn_local({
        let core = Rc::clone(&core);
        async move { core.alarm().await }
    });
    server.start();
    info!("oxabgp {} is running", env!("CARGO_PKG_VERSION"));
    let code = work(&core, &server, None, &mut signals).await;
    shutdown(&core, &server, &mut signals).await;
    Ok(code)
}
