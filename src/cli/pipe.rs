//! `oxabgp pipe`: one session between the ends of a pipeline, without a configuration file.
//!
//! The options are translated to the text of a configuration, so that all rules for neighbors apply here too, and
//! errors are reported as in a file.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tracing::error;

use super::REFUSED;
use super::log::{self, Verbosity};
use crate::config::Config;
use crate::daemon::{self, AtEnd, Fatal};

/// The families of a session if none are given.
const FAMILIES: [&str; 2] = ["ipv4 unicast", "ipv6 unicast"];
/// How long the session may be down with `--leave`.
const PATIENCE: Duration = Duration::from_secs(60);

// Options of `pipe`.
#[derive(Args, Debug)]
pub(super) struct PipeArgs {
    /// Our AS number.
    #[arg(long, value_name = "AS")]
    local_as: String,
    /// The peer's address.
    #[arg(long, value_name = "ADDRESS")]
    peer: IpAddr,
    /// The peer's AS number.
    #[arg(long, value_name = "AS")]
    peer_as: String,
    /// Our address. Default: the kernel's choice.
    #[arg(long, value_name = "ADDRESS")]
    local_address: Option<IpAddr>,
    /// Our BGP identifier. Default: our IPv4 address.
    #[arg(long, value_name = "ADDRESS")]
    router_id: Option<Ipv4Addr>,
    /// The peer's port. Default: 179, or the setting `tcp.port`.
    #[arg(long)]
    port: Option<u16>,
    /// A family of the session: "ipv4 unicast". May be repeated. Default: IPv4 and IPv6 unicast.
    #[arg(long, value_name = "FAMILY")]
    family: Vec<String>,
    /// Print events as text.
    #[arg(long, conflicts_with = "json")]
    text: bool,
    /// Print events as JSON, the default.
    #[arg(long)]
    json: bool,
    /// Keep the session at the end of the input, the default.
    #[arg(long, conflicts_with = "leave")]
    hold: bool,
    /// Exit at the end of the input, once everything has been sent to the peer. Exit code 1: a command was refused.
    #[arg(long)]
    leave: bool,
    /// Give up with exit code 4 after the session has been down for this many seconds in total; 0: never. Default: 60
    /// with --leave, otherwise never.
    #[arg(long, value_name = "SECONDS", value_parser = super::healthcheck::seconds)]
    timeout: Option<Duration>,
    /// Log everything, with time and source.
    #[arg(short, long)]
    verbose: bool,
}

pub(super) fn run(args: &PipeArgs, env_file: Option<PathBuf>) -> ExitCode {
    let env = match super::settings(env_file) {
        Ok(env) => env,
        Err(code) => return code,
    };
    let verbosity = match args.verbose {
        true => Verbosity::Verbose,
        false => Verbosity::Normal,
    };
    log::start(&env.log, verbosity, log::LineFormat::Text);
    let text = match configuration(args) {
        Ok(text) => text,
        Err(error) => {
            errln!("{error}");
            return ExitCode::from(REFUSED);
        }
    };
    let config = match Config::parse("the options of pipe", &text, Path::new("/"), &env) {
        Ok((config, _)) => config,
        Err(errors) => {
            errln!("{errors}");
            return ExitCode::from(REFUSED);
        }
    };
    let at_end = match args.leave {
        true => AtEnd::Leave,
        false => AtEnd::Hold,
    };
    match daemon::run_pipeline(config, env, at_end, patience(args)) {
        Ok(code) => ExitCode::from(code),
        Err(Fatal::Configuration(errors)) => {
            err!("{errors}");
            ExitCode::from(REFUSED)
        }
        Err(fatal) => {
            error!("{fatal}");
            ExitCode::from(REFUSED)
        }
    }
}

/// How long the session may be down; `None` for no limit.
fn patience(args: &PipeArgs) -> Option<Duration> {
    let default = args.leave.then_some(PATIENCE);
    args.timeout
        .or(default)
        .filter(|patience| !patience.is_zero())
}

/// The options as the text of a configuration.
fn configuration(args: &PipeArgs) -> Result<String, String> {
    let program = std::env::current_exe().map_err(|cause| format!("error: {cause}"))?;
    let encoder = if args.text { "text" } else { "json" };
    let mut text = format!(
        "process pipe {{\n    run \"{}\";\n    encoder {encoder};\n}}\nneighbor {} {{\n",
        program.display(),
        args.peer
    );
    let mut set = |keyword: &str, value: &dyn std::fmt::Display| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    {keyword} {value};");
    };
    set("local-as", &args.local_as);
    set("peer-as", &args.peer_as);
    set("router-id", &router_id(args)?);
    if let Some(address) = args.local_address {
        set("local-address", &address);
    }
    if let Some(port) = args.port {
        set("connect", &port);
    }
    text.push_str("    family {\n");
    let named = args.family.iter().map(String::as_str);
    let families: Vec<&str> = match args.family.is_empty() {
        true => FAMILIES.to_vec(),
        false => named.collect(),
    };
    for family in families {
        let _ = writeln!(text, "        {family};");
    }
    text.push_str(
        "    }\n    api {\n        processes [ pipe ];\n        neighbor-changes;\n        \
         receive { parsed; update; notification; refresh; }\n    }\n}\n",
    );
    Ok(text)
}

/// Our BGP identifier: the given one, otherwise our IPv4 address on the route to the peer.
fn router_id(args: &PipeArgs) -> Result<Ipv4Addr, String> {
    if let Some(id) = args.router_id {
        return Ok(id);
    }
    match args.local_address.or_else(|| source(args.peer)) {
        Some(IpAddr::V4(address)) if !address.is_unspecified() => Ok(address),
        _ => Err("error: no local IPv4 address to use as BGP identifier\nhelp: specify one with `--router-id`".to_owned()),
    }
}

/// The source address for packets to `peer`, determined without sending any.
fn source(peer: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match peer {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((peer, 179)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}
