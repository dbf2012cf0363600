//! `oxabgp healthcheck`: announces addresses while a service is healthy, with exactly the commands of ExaBGP's
//! program.
//!
//! It is an ordinary helper: it runs a check periodically, writes commands to standard output and reads answers from
//! standard input. Its parts are mostly independent: `options` and `file` read the configuration, `state` evaluates
//! the results of checks, `announce` generates commands (all without I/O); `check`, `probe`, `dns`, `loopback` and `link` handle
//! the shell, what is connected to, the addresses of the machine and the daemon. This file coordinates them.
//!
//! It exits on a signal of `ends` (routes withdrawn, addresses removed, exit code 0), with `--interval 0` after the
//! first announcement (the route stays announced, so its address is kept), and when the daemon is gone: keeping the
//! addresses would only disturb others, in particular the health check that the next daemon starts. On any other
//! exit, the addresses that it has added are removed: everything that can fail without changing the machine is tried
//! before the first one is added.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use clap::error::ErrorKind;
use ipnet::IpNet;
use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

mod announce;
mod check;
mod dns;
mod ends;
mod file;
mod link;
mod log;
mod loopback;
mod network;
mod options;
mod probe;
mod state;
mod user;

pub(crate) use options::HealthcheckArgs;
pub(super) use options::seconds;

use super::{Cli, Command, REFUSED};
use announce::Occasion;
use ends::Ends;
use link::Link;
use loopback::Loopback;
use state::{Finding, Machine, State};
use user::Identity;

/// How long the last commands may take when we are terminated: the daemon kills us a second later.
const LEAVE: Duration = Duration::from_secs(1);

/// The command line in the form that clap understands, if it is one for this sub-command.
pub(super) fn words(given: Vec<OsString>) -> Vec<OsString> {
    match place(&given) {
        Some(_) => options::words(given),
        None => given,
    }
}

/// The position of `healthcheck`, which may follow `--env-file`.
fn place(given: &[OsString]) -> Option<usize> {
    let first = given.get(1)?.to_string_lossy();
    let place = match &*first {
        "--env-file" => 3,
        first if first.starts_with("--env-file=") => 2,
        _ => 1,
    };
    (given.get(place)? == "healthcheck").then_some(place)
}

/// Runs the health check; `given` is the whole command line.
pub(super) fn run(args: HealthcheckArgs, given: &[OsString]) -> ExitCode {
    let args = match &args.config {
        Some(path) => with_file(path, given),
        None => Ok(args),
    };
    let args = match args {
        Ok(args) => args,
        Err(code) => return code,
    };
    if let Err(conflict) = args.check() {
        return usage(&conflict);
    }
    if let Some(path) = &args.pid
        && let Err(cause) = std::fs::write(path, format!("{}\n", std::process::id()))
    {
        errln!("error: `--pid {}`: {cause}", path.display());
        return ExitCode::from(USAGE);
    }
    // Checks and hooks inherit 0, 1 and 2, but no other descriptors that we were started with.
    crate::speaker::sockopt::close_inherited_on_exec();
    if let Err(error) = log::start(&args) {
        errln!("error: {error}");
        return ExitCode::from(REFUSED);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(cause) => {
            error!("{cause}");
            return ExitCode::from(REFUSED);
        }
    };
    let result = runtime.block_on(serve(&args));
    // A command that is not read may still wait for room in the pipe.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            error!("{cause}");
            ExitCode::from(REFUSED)
        }
    }
}

/// Exit code of a usage error.
const USAGE: u8 = 2;

fn usage(error: &clap::Error) -> ExitCode {
    // If standard error is closed, the message is dropped.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE))
}

/// Combines the options of the file of `--config` with those of the command line.
fn with_file(path: &Path, given: &[OsString]) -> Result<HealthcheckArgs, ExitCode> {
    let refused = |code: u8, cause: &dyn std::fmt::Display| {
        errln!("error: {}{cause}", path.display());
        ExitCode::from(code)
    };
    let text =
        std::fs::read_to_string(path).map_err(|cause| refused(REFUSED, &format!(": {cause}")))?;
    let place = place(given).unwrap_or(1);
    let (before, after) = given.split_at(given.len().min(place + 1));
    let mut all = before.to_vec();
    for entry in file::entries(&text) {
        let words = options::words(entry.words.into_iter().map(OsString::from));
        // Parsed separately first, so that an error is shown with its position in the file.
        // What it needs may be in another line.
        if let Err(error) = Cli::try_parse_from(before.iter().chain(&words))
            && error.kind() != ErrorKind::MissingRequiredArgument
        {
            let text = error.render().to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
            return Err(refused(USAGE, &format!(":{}: {text}", entry.line)));
        }
        all.extend(words);
    }
    all.extend_from_slice(after);
    match Cli::try_parse_from(all).map(|cli| cli.command) {
        Ok(Command::Healthcheck(args)) => Ok(*args),
        Ok(_) => Err(ExitCode::from(USAGE)),
        Err(error) => Err(usage(&error)),
    }
}

/// Why a health check exits before it was terminated.
enum Failure {
    /// The reader of our commands has closed its end.
    Gone(io::Error),
    Other(String),
}

/// Runs the health check from the first address to the last command.
async fn serve(args: &HealthcheckArgs) -> Result<(), String> {
    let loopback = Loopback::new(args, args.interfaces()?);
    let identity = Identity::find(args)?;
    let mut ends = Ends::new()?;
    let Some(health) = begin(args, &loopback, &identity, &mut ends).await? else {
        return Ok(());
    };
    let ended = tokio::select! {
        biased;
        () = ends.next() => Ok(()),
        () = health.link.closed() => Err(Failure::Gone(io::ErrorKind::BrokenPipe.into())),
        ended = health.watch() => match ended {
            Ok(()) => return Ok(()),
            Err(failure) => Err(failure),
        },
    };
    let leave = async {
        // Nothing can be withdrawn if the daemon is gone.
        if !matches!(ended, Err(Failure::Gone(_))) {
            health.withdraw().await;
        }
        health.remove().await;
    };
    tokio::select! {
        () = leave => {}
        () = ends.next() => warn!("terminated again: leaving the rest as it is"),
    }
    match ended {
        Ok(()) => Ok(()),
        Err(Failure::Gone(cause)) => {
            Err(format!("the daemon no longer reads our commands: {cause}"))
        }
        Err(Failure::Other(cause)) => Err(cause),
    }
}

/// Sets up the health check; `None` if a signal came first. If it fails, the addresses that were added are removed
/// again.
async fn begin<'a>(
    args: &'a HealthcheckArgs,
    loopback: &'a Loopback,
    identity: &Identity,
    ends: &mut Ends,
) -> Result<Option<Health<'a>>, String> {
    let started = {
        let mut start = pin!(Health::start(args, loopback, identity));
        tokio::select! {
            biased;
            () = ends.next() => {
                // A call of `ip` is not interrupted if it finishes in time.
                loopback.stop();
                let _ = timeout(LEAVE, start).await;
                None
            }
            started = &mut start => Some(started),
        }
    };
    if let Some(Ok(health)) = started {
        return Ok(Some(health));
    }
    tokio::select! {
        () = loopback.roll_back() => {}
        () = ends.next() => warn!("terminated again: leaving the rest as it is"),
    }
    started.transpose()
}

/// A running health check.
struct Health<'a> {
    args: &'a HealthcheckArgs,
    loopback: &'a Loopback,
    link: Link,
    /// The routes to announce, in order.
    routes: Vec<IpNet>,
}

impl<'a> Health<'a> {
    /// Determines and sets up the addresses, drops privileges, opens the link.
    async fn start(
        args: &'a HealthcheckArgs,
        loopback: &'a Loopback,
        identity: &Identity,
    ) -> Result<Self, String> {
        let mut routes = match args.ips.is_empty() {
            true => loopback.scan().await?,
            false => args.ips.clone(),
        };
        if routes.is_empty() {
            let help = "use `--ip` to specify what to announce; the default is the addresses of the loopback interface";
            return Err(format!("no IP address found\nhelp: {help}"));
        }
        let addresses = routes.clone();
        if args.deaggregate_networks {
            routes = network::addresses(&routes)?;
        }
        identity.warn_about_addresses(args);
        if !args.no_ip_setup {
            loopback.add(&addresses).await?;
        }
        identity.assume()?;
        let count = i64::try_from(routes.len()).unwrap_or(i64::MAX);
        let first = args.start_ip.rem_euclid(count);
        routes.rotate_left(usize::try_from(first).unwrap_or_default());
        Ok(Self {
            args,
            loopback,
            link: Link::open(args.no_ack),
            routes,
        })
    }

    /// Checks and announces until there is a reason to exit.
    async fn watch(&self) -> Result<(), Failure> {
        let mut machine = Machine::new(self.args.rise, self.args.fall);
        loop {
            let changed = machine.step(self.look().await);
            let state = machine.state();
            if changed.is_some() {
                info!("the service is {state}");
                check::hooks(self.hooks(state), state).await;
            }
            if changed.is_some() || !self.args.debounce {
                self.announce(state).await?;
            }
            if state.is_moving() {
                sleep(self.args.fast_interval).await;
            } else if self.args.interval.is_zero() {
                info!("the interval is 0: exiting after the announcement");
                return Ok(());
            } else {
                sleep(self.args.interval).await;
            }
        }
    }

    async fn look(&self) -> Finding {
        let disabled = self.args.disable.as_ref().is_some_and(|path| path.exists());
        match &self.args.command {
            _ if disabled => Finding::Disabled,
            Some(command) => check::check(command, self.args.timeout).await,
            None => match self.args.probe() {
                Some(probe) => probe::check(&probe, self.args.timeout).await,
                None => Finding::Good,
            },
        }
    }

    /// The commands for a change to that state, starting with its specific ones.
    fn hooks(&self, state: State) -> impl Iterator<Item = &String> {
        let own: &[String] = match state {
            State::Up => &self.args.up_execute,
            State::Down => &self.args.down_execute,
            State::Disabled => &self.args.disabled_execute,
            State::Init | State::Rising | State::Falling => &[],
        };
        own.iter().chain(&self.args.execute)
    }

    /// Sends the daemon the commands for a state, if it affects the routes.
    async fn announce(&self, state: State) -> Result<(), Failure> {
        let Some(occasion) = Occasion::of(state) else {
            return Ok(());
        };
        let dynamic = self.args.dynamic_ip_setup;
        if dynamic && occasion == Occasion::Up {
            let added = self.loopback.add(&self.routes).await;
            added.map_err(Failure::Other)?;
        }
        for command in announce::commands(occasion, self.args, &self.routes) {
            self.link.send(command).await.map_err(Failure::Gone)?;
        }
        // Only now: packets may arrive until the routes are gone.
        if dynamic && occasion != Occasion::Up {
            let removed = self.loopback.remove(&self.routes).await;
            removed.map_err(Failure::Other)?;
        }
        Ok(())
    }

    /// Withdraws everything.
    async fn withdraw(&self) {
        info!("exiting: withdrawing the routes");
        let withdraw = async {
            for command in announce::commands(Occasion::Exit, self.args, &self.routes) {
                self.link.send(command).await?;
            }
            Ok::<(), io::Error>(())
        };
        match timeout(LEAVE, withdraw).await {
            Ok(Ok(())) => {}
            Ok(Err(cause)) => warn!("the daemon no longer reads our commands: {cause}"),
            Err(_) => warn!("the daemon did not answer in time; exiting anyway"),
        }
    }

    /// Removes the addresses.
    async fn remove(&self) {
        if (!self.args.no_ip_setup || self.args.dynamic_ip_setup)
            && let Err(cause) = self.loopback.remove(&self.routes).await
        {
            warn!("{cause}");
        }
    }
}
