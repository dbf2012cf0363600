//! `oxabgp healthcheck`: announces addresses while a service is healthy, with exactly the commands of ExaBGP's
//! program.
//!
//! It is an ordinary helper: it runs a check periodically, writes commands to standard output and reads answers from
//! standard input. Its parts are mostly independent: `options`, `spelling`, `file` and `ini` read the configuration, `announce`
//! generates commands (all without I/O); `check`, `loopback` and `link` handle the check, the addresses of the machine and the
//! daemon. This file coordinates them.
//!
//! It exits on a signal of `ends` (routes withdrawn, addresses removed, exit code 0), with `--interval 0` after the
//! first announcement (the route stays announced, so its address is kept), and when the daemon is gone: keeping the
//! addresses would only disturb others, in particular the health check that the next daemon starts. On any other
//! exit, the addresses that it has added are removed: everything that can fail without changing the machine is tried
//! before the first one is added.

use std::collections::hash_map::RandomState;
use std::ffi::OsString;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{self, IsTerminal};
use std::path::Path;
use std::pin::pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use clap::Parser;
use clap::error::ErrorKind;
use ipnet::IpNet;
use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, info, warn};

mod announce;
mod check;
mod file;
mod ini;
mod link;
mod log;
mod loopback;
mod network;
mod options;
mod spelling;
mod user;

pub(crate) use options::HealthcheckArgs;
pub(super) use options::seconds;

use super::ends::Ends;
use super::{Cli, Command, REFUSED};
use crate::config::utf8;
use crate::health::{Finding, Machine, State};
use announce::Occasion;
use link::Link;
use loopback::Loopback;
use user::Identity;

/// How long the last commands may take when we are terminated, and a helper's routes to drain: the daemon kills us a second
/// later.
const LEAVE: Duration = Duration::from_secs(1);

/// The command line in the form that clap understands, if it is one for this sub-command.
pub(super) fn words(given: Vec<OsString>) -> Vec<OsString> {
    match place(&given) {
        Some(_) => spelling::words(given),
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
    let all = match &args.config {
        Some(path) => with_file(path, given),
        None => Ok(vec![args]),
    };
    let all = match all {
        Ok(all) => all,
        Err(code) => return code,
    };
    let Some(args) = all.first() else {
        return ExitCode::from(USAGE);
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
    if let Err(error) = log::start(args) {
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
    let result = runtime.block_on(serve(&all));
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

/// Combines the options of the file of `--config` with those of the command line: one check, or one for each section.
fn with_file(path: &Path, given: &[OsString]) -> Result<Vec<HealthcheckArgs>, ExitCode> {
    let read = std::fs::read(path).map_err(|cause| cause.to_string());
    let text = read
        .and_then(utf8)
        .map_err(|cause| refused(path, REFUSED, &format!(": {cause}")))?;
    let Some(sections) = ini::sections(&text) else {
        return combined(path, given, &file::entries(&text)).map(|args| vec![args]);
    };
    let sections =
        sections.map_err(|(line, cause)| refused(path, USAGE, &format!(":{line}: {cause}")))?;
    let all = sections.into_iter().map(|section| {
        let mut args = combined(path, given, &section.entries)?;
        args.section = Some(section.name);
        Ok(args)
    });
    all.collect()
}

fn refused(path: &Path, code: u8, cause: &dyn std::fmt::Display) -> ExitCode {
    errln!("error: {}{cause}", path.display());
    ExitCode::from(code)
}

fn combined(
    path: &Path,
    given: &[OsString],
    entries: &[file::Entry],
) -> Result<HealthcheckArgs, ExitCode> {
    let place = place(given).unwrap_or(1);
    let (before, after) = given.split_at(given.len().min(place + 1));
    let mut all = before.to_vec();
    for entry in entries {
        let words = spelling::words(entry.words.iter().map(OsString::from));
        // Parsed separately first, so that an error is shown with its position in the file.
        // What it needs may be in another line.
        if let Err(error) = Cli::try_parse_from(before.iter().chain(&words))
            && error.kind() != ErrorKind::MissingRequiredArgument
        {
            let text = error.render().to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
            return Err(refused(path, USAGE, &format!(":{}: {text}", entry.line)));
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

/// Runs the health checks from the first address to the last command.
async fn serve(all: &[HealthcheckArgs]) -> Result<(), String> {
    let mut parts = Vec::with_capacity(all.len());
    for args in all {
        parts.push((args, Loopback::new(args, args.interfaces()?)));
    }
    let Some(args) = all.first() else {
        return Ok(());
    };
    let identity = Identity::find(args)?;
    // SIGTERM and SIGINT as in ExaBGP; the others would kill it without removing its addresses.
    let others = [Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT];
    let mut ends = Ends::new(&others).map_err(|cause| cause.to_string())?;
    let Some(checks) = begin(&parts, &identity, &mut ends).await? else {
        return Ok(());
    };
    let link = Rc::clone(&checks[0].link);
    let ended = tokio::select! {
        biased;
        () = ends.next() => Ok(()),
        () = link.closed() => Err(Failure::Gone(io::ErrorKind::BrokenPipe.into())),
        ended = watch(&checks) => match ended {
            Ok(()) => return Ok(()),
            Err(failure) => Err(failure),
        },
    };
    // It may be the daemon that terminates us.
    let is_hurried = ended.is_ok() && is_helper();
    let latest = is_hurried.then(|| Instant::now() + LEAVE);
    let leave = async {
        // Nothing can be withdrawn if the daemon is gone.
        if !matches!(ended, Err(Failure::Gone(_))) {
            withdraw(&checks, latest).await;
        }
        for health in &checks {
            health.remove().await;
        }
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

/// A check, and the addresses of the machine that it changes.
type Part<'a> = (&'a HealthcheckArgs, Loopback);

/// Sets up the health checks; `None` if a signal came first. If it fails, the addresses that were added are removed
/// again.
async fn begin<'a>(
    parts: &'a [Part<'a>],
    identity: &Identity,
    ends: &mut Ends,
) -> Result<Option<Vec<Health<'a>>>, String> {
    let started = {
        let mut start = pin!(start(parts, identity));
        tokio::select! {
            biased;
            () = ends.next() => {
                // A call of `ip` is not interrupted if it finishes in time.
                parts.iter().for_each(|(_, loopback)| loopback.stop());
                let _ = timeout(LEAVE, start).await;
                None
            }
            started = &mut start => Some(started),
        }
    };
    if let Some(Ok(checks)) = started {
        return Ok(Some(checks));
    }
    let roll_back = async {
        for (_, loopback) in parts {
            loopback.roll_back().await;
        }
    };
    tokio::select! {
        () = roll_back => {}
        () = ends.next() => warn!("terminated again: leaving the rest as it is"),
    }
    started.transpose()
}

/// Sets up the addresses, drops privileges, opens the link.
async fn start<'a>(parts: &'a [Part<'a>], identity: &Identity) -> Result<Vec<Health<'a>>, String> {
    let mut all = Vec::with_capacity(parts.len());
    for (args, loopback) in parts {
        identity.warn_about_addresses(args);
        all.push(prepare(args, loopback).await?);
    }
    identity.assume()?;
    let no_ack = parts.iter().any(|(args, _)| args.no_ack);
    let link = Rc::new(Link::open(no_ack));
    let checks = parts
        .iter()
        .zip(all)
        .map(|((args, loopback), routes)| Health {
            args,
            loopback,
            link: Rc::clone(&link),
            prefix: match &args.section {
                Some(name) => format!("{name}: "),
                None => String::new(),
            },
            routes,
        });
    Ok(checks.collect())
}

/// Determines the routes of a check, and sets up their addresses.
async fn prepare(args: &HealthcheckArgs, loopback: &Loopback) -> Result<Vec<IpNet>, String> {
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
    if !args.no_ip_setup {
        loopback.add(&addresses).await?;
    }
    let count = i64::try_from(routes.len()).unwrap_or(i64::MAX);
    let first = args.start_ip.rem_euclid(count);
    routes.rotate_left(usize::try_from(first).unwrap_or_default());
    Ok(routes)
}

/// Runs all checks until each has a reason to exit, or one fails.
async fn watch(checks: &[Health<'_>]) -> Result<(), Failure> {
    let mut running: Vec<_> = checks
        .iter()
        .map(|health| Box::pin(health.watch()))
        .collect();
    std::future::poll_fn(|cx| {
        let mut at = 0;
        while at < running.len() {
            match running[at].as_mut().poll(cx) {
                Poll::Ready(Ok(())) => drop(running.swap_remove(at)),
                Poll::Ready(Err(failure)) => return Poll::Ready(Err(failure)),
                Poll::Pending => at += 1,
            }
        }
        match running.is_empty() {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    })
    .await
}

/// Returns `true` if no user runs this by hand.
fn is_helper() -> bool {
    !(io::stdin().is_terminal() || io::stdout().is_terminal())
}

/// Withdraws the routes of all checks, and waits until they have drained, or until the latest moment to remove the addresses.
async fn withdraw(checks: &[Health<'_>], latest: Option<Instant>) {
    info!("exiting: withdrawing the routes");
    let withdraw = async {
        for health in checks {
            for command in announce::commands(Occasion::Exit, health.args, &health.routes) {
                health.link.send(command).await?;
            }
        }
        Ok::<(), io::Error>(())
    };
    match timeout(LEAVE, withdraw).await {
        Ok(Ok(())) => {}
        Ok(Err(cause)) => warn!("the daemon no longer reads our commands: {cause}"),
        Err(_) => warn!("the daemon did not answer in time; exiting anyway"),
    }
    let drain = checks.iter().map(|health| health.args.drain).max();
    let drain = drain.unwrap_or_default();
    if latest.is_some() && drain > LEAVE {
        info!(
            "a daemon leaves a helper no time for `--drain {}`: the addresses are removed sooner",
            drain.as_secs_f64()
        );
    }
    let left = latest.map(|latest| latest.saturating_duration_since(Instant::now()));
    sleep(left.map_or(drain, |left| left.min(drain))).await;
}

/// A running health check.
struct Health<'a> {
    args: &'a HealthcheckArgs,
    loopback: &'a Loopback,
    link: Rc<Link>,
    /// What its log lines begin with.
    prefix: String,
    /// The routes to announce, in order.
    routes: Vec<IpNet>,
}

impl Health<'_> {
    /// Checks and announces until there is a reason to exit.
    async fn watch(&self) -> Result<(), Failure> {
        let mut machine = Machine::new(self.args.rise, self.args.fall);
        let mut down_since: Option<Instant> = None;
        let mut held = false;
        loop {
            let mut next = machine.clone();
            let mut changed = next.step(self.look().await);
            let is_too_early = down_since.is_some_and(|at| at.elapsed() < self.args.flap_hold);
            if changed == Some(State::Up) && is_too_early {
                if !held {
                    info!(
                        "{}a change of the service is held back: `--flap-hold`",
                        self.prefix
                    );
                }
                held = true;
                changed = None;
            } else {
                machine = next;
                held = false;
            }
            let state = machine.state();
            match changed {
                Some(State::Down) => down_since = Some(Instant::now()),
                Some(State::Up) => down_since = None,
                _ => {}
            }
            if changed.is_some() {
                info!("{}the service is {state}", self.prefix);
            }
            let drain = match state {
                State::Down | State::Disabled if changed.is_some() => self.args.drain,
                _ => Duration::ZERO,
            };
            if changed.is_some() && drain.is_zero() {
                check::hooks(self.hooks(state), state).await;
            }
            if let Some(occasion) = Occasion::of(state)
                && (changed.is_some() || !self.args.debounce)
            {
                self.announce(occasion, drain).await?;
            }
            // With `--drain`, what follows waits until the routes are gone.
            if !drain.is_zero() {
                check::hooks(self.hooks(state), state).await;
            }
            if state.is_moving() {
                sleep(self.pause(self.args.fast_interval)).await;
            } else if self.args.interval.is_zero() {
                info!("the interval is 0: exiting after the announcement");
                return Ok(());
            } else {
                sleep(self.pause(self.args.interval)).await;
            }
        }
    }

    /// The pause before the next check, with `--jitter`.
    fn pause(&self, interval: Duration) -> Duration {
        // Each state has other random keys.
        let random = RandomState::new().build_hasher().finish();
        interval + lengthened(self.args.jitter, random)
    }

    async fn look(&self) -> Finding {
        let disabled = self.args.disable.as_ref().is_some_and(|path| path.exists());
        match self.args.target() {
            _ if disabled => Finding::Disabled,
            Some(target) => check::check(&target, self.args.timeout, &self.prefix).await,
            None => Finding::Good,
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

    /// Sends the daemon the commands for an occasion, and changes the addresses accordingly.
    async fn announce(&self, occasion: Occasion, drain: Duration) -> Result<(), Failure> {
        let dynamic = self.args.dynamic_ip_setup;
        if dynamic && occasion == Occasion::Up {
            let added = self.loopback.add(&self.routes).await;
            added.map_err(Failure::Other)?;
        }
        for command in announce::commands(occasion, self.args, &self.routes) {
            self.link.send(command).await.map_err(Failure::Gone)?;
        }
        sleep(drain).await;
        // Only now: packets may arrive until the routes are gone.
        if dynamic && occasion != Occasion::Up {
            let removed = self.loopback.remove(&self.routes).await;
            removed.map_err(Failure::Other)?;
        }
        Ok(())
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

/// A part of a time, as large as a random number is among all.
fn lengthened(most: Duration, random: u64) -> Duration {
    let share = u32::try_from(random >> 32).unwrap_or(u32::MAX);
    most.mul_f64(f64::from(share) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_lengthened_by_the_jitter_at_most() {
        let most = Duration::from_secs(8);
        assert_eq!(lengthened(most, 0), Duration::ZERO);
        assert_eq!(lengthened(most, u64::MAX), most);
        let half = lengthened(most, u64::MAX / 2);
        assert!(
            half > Duration::from_secs(3) && half < Duration::from_secs(5),
            "{half:?}"
        );
        assert_eq!(lengthened(Duration::ZERO, u64::MAX), Duration::ZERO);
    }
}
