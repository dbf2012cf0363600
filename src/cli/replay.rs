//! `oxabgp replay`: archives become announcements again, in a session of its own or as the commands of a helper.
//!
//! One thread reads, filters, changes and packs; routes leave as UPDATEs that share their attributes, so that a full table takes
//! seconds. Tables are sent at once, messages at their time, at a multiple of their speed, or at once too.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgGroup, Args};

use super::REFUSED;
use super::stream::{explain, interval, neighbor};
use crate::bgp::{Asn, Family, NextHop};
use crate::stream::{Sent, Stream};
use crate::text::value;

mod commands;
mod memo;
mod packer;
mod report;
mod routes;
mod session;

use routes::{AsPathRule, NextHopRule, Rules, Speed};
use session::Target;

// Options of `replay`.
#[derive(Args, Debug)]
#[command(
    disable_version_flag = true,
    group = ArgGroup::new("destination").args(["peer", "commands"]).required(true),
    after_help = "\
Examples:
  a full table into a lab router:
    oxabgp replay rib.20250101.0000.bz2 --filter 'peer 3333' --local-as 65001 --peer 192.0.2.1
  an hour of updates in six minutes, with our next hop:
    oxabgp replay updates.*.gz --speed 10 --next-hop self --local-as 65001 --peer 192.0.2.1
  as the helper of a daemon, in its configuration:
    process replay { run oxabgp replay --commands --next-hop self /data/rib.mrt; encoder text; }

Exit codes:
  0  done
  1  a file or filter is refused
  2  the command line itself is wrong
  3  a file could not be read to its end
  4  the session ended, or did not come up"
)]
pub(super) struct ReplayArgs {
    /// Files, folders, patterns; `-` is standard input. gzip, bzip2, xz and zstd are recognized.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Send the routes to this peer: ADDRESS, or ADDRESS:PORT.
    #[arg(long, value_name = "ADDRESS", requires = "local_as", value_parser = neighbor)]
    peer: Option<SocketAddr>,
    /// Print commands for a daemon, which runs this as a helper.
    #[arg(long)]
    commands: bool,
    /// Our AS number.
    #[arg(long, value_name = "AS", value_parser = asn)]
    local_as: Option<Asn>,
    /// The peer's AS number. Default: any.
    #[arg(long, value_name = "AS", value_parser = asn)]
    peer_as: Option<Asn>,
    /// Our address. Default: the kernel's choice.
    #[arg(long, value_name = "ADDRESS")]
    local_address: Option<IpAddr>,
    /// Our BGP identifier. Default: our IPv4 address.
    #[arg(long, value_name = "ADDRESS")]
    router_id: Option<Ipv4Addr>,
    /// The peer's port, in place of that of --peer. Default: 179.
    #[arg(long)]
    port: Option<u16>,
    /// A family: "ipv4 unicast". May be repeated; routes of others are left out. Default: IPv4 and IPv6 unicast.
    #[arg(long, value_name = "FAMILY", value_parser = family)]
    family: Vec<Family>,
    /// Offer ADD-PATH, and send the path identifiers of the archive.
    #[arg(long, requires = "peer")]
    add_path: bool,
    /// `1`: messages at their time; `10`: ten times as fast; `max`: as fast as possible. Tables always are.
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = speed)]
    speed: Speed,
    /// `keep` next hops, replace them by `self`, or by an address (in routes of its family).
    #[arg(long, value_name = "HOP", default_value = "keep", value_parser = next_hop)]
    next_hop: NextHopRule,
    /// `keep` AS paths, `prepend` our AS, or `replace` the archive's peer by it. Default: `prepend` for an external peer,
    /// otherwise `keep`.
    #[arg(long, value_name = "RULE", value_parser = as_path)]
    as_path: Option<AsPathRule>,
    /// Only what this filter of `oxabgp stream` lets pass. May be repeated.
    #[arg(short, long, value_name = "FILTER", allow_hyphen_values = true)]
    filter: Vec<String>,
    /// Records of a time, ends included: seconds since 1970 or `Y-m-d H:M:S`, UTC.
    #[arg(short = 'w', long, value_name = "START[,END]")]
    time_window: Option<String>,
    /// Messages that the collector sent, too.
    #[arg(long)]
    sent: bool,
    /// Exit at the end. Default: keep the session, or wait for the end of standard input as a helper.
    #[arg(long)]
    leave: bool,
    /// Give up with exit code 4 if the session is not up after this many seconds.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = super::healthcheck::seconds)]
    timeout: Duration,
    /// Log everything, with time and source.
    #[arg(short, long)]
    verbose: bool,
}

fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    let factor = text.parse::<f64>().ok();
    factor
        .filter(|factor| factor.is_finite() && *factor >= 1e-6)
        .map(Speed::Times)
        .ok_or_else(|| "expected a positive number, or `max`".to_owned())
}

fn asn(text: &str) -> Result<Asn, String> {
    let number = value::asn(text).filter(|number| *number > 0);
    number
        .map(Asn)
        .ok_or_else(|| "expected an AS number".to_owned())
}

fn next_hop(text: &str) -> Result<NextHopRule, String> {
    match text {
        "keep" => Ok(NextHopRule::Keep),
        "self" => Ok(NextHopRule::Set(NextHop::SelfAddress)),
        _ => value::ip(text)
            .map(|address| NextHopRule::Set(address.into()))
            .ok_or_else(|| "expected `keep`, `self` or an address".to_owned()),
    }
}

fn as_path(text: &str) -> Result<AsPathRule, String> {
    match text {
        "keep" => Ok(AsPathRule::Keep),
        "prepend" => Ok(AsPathRule::Prepend),
        "replace" => Ok(AsPathRule::Replace),
        _ => Err("expected `keep`, `prepend` or `replace`".to_owned()),
    }
}

fn family(text: &str) -> Result<Family, String> {
    let name = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    Family::KNOWN
        .into_iter()
        .find(|family| family.to_string() == name)
        .ok_or_else(|| "expected a family such as `ipv4 unicast`".to_owned())
}

pub(super) fn run(args: &ReplayArgs, env_file: Option<PathBuf>) -> ExitCode {
    let stream = match stream(args) {
        Ok(stream) => stream,
        Err(reason) => {
            errln!("error: {reason}");
            return ExitCode::from(REFUSED);
        }
    };
    let rules = |local_as: Asn, default: AsPathRule| Rules {
        next_hop: args.next_hop,
        as_path: args.as_path.unwrap_or(default),
        local_as,
        families: families(args).into_iter().collect(),
        path_ids: args.add_path,
        // A session sets what it has negotiated; of commands, the daemon decides.
        ipv6_hops: Family::KNOWN.into_iter().collect(),
        speed: args.speed,
    };
    if args.commands {
        let (local_as, default) = match args.local_as {
            Some(local_as) => (local_as, AsPathRule::Prepend),
            None if args.as_path.is_some_and(|rule| rule != AsPathRule::Keep) => {
                errln!("error: `--as-path` needs `--local-as`");
                return ExitCode::from(2);
            }
            None => (Asn(0), AsPathRule::Keep),
        };
        return commands::run(stream, rules(local_as, default), args.leave);
    }
    let env = match super::settings(env_file) {
        Ok(env) => env,
        Err(code) => return code,
    };
    let verbosity = match args.verbose {
        true => super::log::Verbosity::Verbose,
        false => super::log::Verbosity::Normal,
    };
    super::log::start(&env.log, verbosity, super::log::LineFormat::Text);
    let (Some(peer), Some(local_as)) = (args.peer, args.local_as) else {
        return ExitCode::from(2);
    };
    let target = Target {
        peer: peer.ip(),
        local_as,
        peer_as: args.peer_as,
        local_address: args.local_address,
        router_id: args.router_id,
        port: args.port.unwrap_or_else(|| peer.port()),
        families: families(args),
        add_path: args.add_path,
        timeout: args.timeout,
        leave: args.leave,
    };
    session::run(target, stream, rules)
}

/// The families of the session.
fn families(args: &ReplayArgs) -> Vec<Family> {
    if args.family.is_empty() {
        vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST]
    } else {
        args.family.clone()
    }
}

/// What is read. Files are opened now, and not by the thread, so that a wrong name is an error at once.
fn stream(
    args: &ReplayArgs,
) -> Result<impl FnOnce() -> Result<Stream, String> + Send + use<>, String> {
    let (files, filters, window) = (
        args.files.clone(),
        args.filter.clone(),
        args.time_window.clone(),
    );
    let sent = args.sent;
    let build = move || -> Result<Stream, String> {
        let show = |error| explain(&error);
        let mut builder = Stream::builder().sent(match sent {
            true => Sent::Include,
            false => Sent::Exclude,
        });
        for path in &files {
            builder = builder.path(path).map_err(show)?;
        }
        super::stream::warn_skipped(&builder);
        for text in &filters {
            builder = builder.filter(text).map_err(show)?;
        }
        if let Some(text) = &window {
            let (from, until) = interval(text)?;
            builder = builder.interval(from, until);
        }
        super::stream::warn_nameless(&builder);
        super::stream::provide_descriptors(&builder)?;
        builder.build().map_err(show)
    };
    let stdin = args.files.iter().any(|path| path.as_os_str() == "-");
    if !stdin {
        // Standard input cannot be opened twice.
        build()?;
    }
    Ok(build)
}
