//! Parses the command line and starts the sub-commands.
//!
//! ExaBGP's conventions are supported: a first word that is not a sub-command is a configuration file (`oxabgp
//! x.conf`), `--env-file` may be anywhere, long options may be abbreviated, and a usage error exits with code 2.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::config::Env;

#[macro_use]
mod output;

mod decode;
mod demo;
mod dump;
mod encode;
mod exabgp;
mod fsm;
mod healthcheck;
mod log;
mod pipe;
#[cfg(feature = "stream")]
mod replay;
mod run;
mod server;
mod shell;
#[cfg(feature = "stream")]
mod stream;
mod validate;

/// Exit codes: 0 done, 1 refused input, 2 usage, 3 no daemon, 4 no session. ExaBGP only uses 0, 1 and 2, and its
/// users test for 1, so that cases in which it returns 1 remain 1.
pub(crate) const REFUSED: u8 = 1;
/// The exit code for an invalid command line.
const USAGE: u8 = 2;

/// The programmable BGP speaker: helper processes decide what to announce, and receive what peers send.
#[derive(Debug, Parser)]
#[command(
    name = "oxabgp",
    version,
    disable_version_flag = true,
    infer_long_args = true,
    max_term_width = 100
)]
#[command(after_help = "\
Start here:
  oxabgp demo                      watch a speaker, a peer and a helper exchange routes on loopback
  oxabgp validate my.conf          check a configuration and show every error with its position
  oxabgp my.conf                   run it, the same as `oxabgp server my.conf`

Settings come from variables: `oxabgp_tcp_port=1179`, or with ExaBGP's names, `exabgp_tcp_port=1179` and
`exabgp.tcp.port=1179`; `oxabgp env` lists them all. Logs go to stderr.

Exit codes:
  0  success: the daemon was stopped, the configuration is valid, the command was carried out
  1  failure: an error in a configuration, a setting or a command, an unavailable port or file,
     a helper that exited too often
  2  the command line is invalid
  3  `oxabgp run`: no daemon answers
  4  `oxabgp pipe`: the session was down for longer than --timeout allows")]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Read settings from this file as well: ExaBGP's exabgp.env.
    #[arg(long, global = true, value_name = "FILE")]
    env_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the speaker.
    ///
    /// Brings up the sessions of the configuration, starts its helper processes, announces the routes that they
    /// print, and sends them the messages of peers. Exits on SIGTERM; SIGUSR1 reloads the configuration.
    Server(ServerArgs),
    /// Check a configuration without running it.
    ///
    /// Shows every error with its line, what was expected there, and a hint. Exit code 0 if the configuration is
    /// valid, otherwise 1.
    Validate(ValidateArgs),
    /// Print the message that announces or withdraws a route, in hexadecimal.
    ///
    /// The route is written as in a configuration or a helper's command: `oxabgp encode route 192.0.2.0/24 next-hop
    /// 192.0.2.1 med 5`, `oxabgp encode withdraw route 192.0.2.0/24`. Options set the negotiated parameters of the
    /// session.
    Encode(EncodeArgs),
    /// Convert a configuration of ExaBGP 3.4 or 4.2 to today's syntax, on standard output.
    ///
    /// Comments, blank lines and the order of settings are kept. What has to be done by hand is reported as by
    /// `validate`.
    Migrate(MigrateArgs),
    /// Decode a BGP message and print it as the JSON that helpers receive.
    ///
    /// The message is hexadecimal: `oxabgp decode FFFF…`, or on standard input. Without a header it is decoded as the
    /// body of an UPDATE. Colons and blanks are skipped; several messages may follow each other; the dumps of
    /// `tcpdump -x`, `xxd` and `hexdump -C` are also accepted.
    Decode(DecodeArgs),
    /// List all settings with their values, in the format of an exabgp.env file.
    Env(EnvArgs),
    /// Send commands to a running daemon, or open an interactive shell.
    ///
    /// `oxabgp cli show neighbor summary` prints the answer; words may be abbreviated (`oxabgp cli s n s`). Without
    /// words, commands are read from standard input, with history and completion if that is a terminal. As with
    /// `exabgp cli`, the exit code is 0 even for a command that was refused.
    Cli(ControlArgs),
    /// Run a command in a running daemon, for scripts.
    ///
    /// Exit code 0: it was carried out; 1: it was refused or had no effect, and the reason is on standard error; 3:
    /// no daemon answers.
    /// Without words, each line of standard input is a command; with --batch, each line of a file. All of them are
    /// carried out, and the exit code is the worst one. To apply all or none of them, put `begin` first and `commit`
    /// last.
    Run(RunArgs),
    /// Run one session without a configuration: commands on standard input, events on standard output.
    ///
    /// `generate-routes | oxabgp pipe --local-as 65001 --peer 192.0.2.1 --peer-as 65000 | jq` needs no configuration
    /// file. At the end of the input, once everything has been sent to the peer, the session is kept, or closed with
    /// --leave. Refused commands are reported on standard error; `enable-ack` turns answers on.
    Pipe(PipeArgs),
    /// Announce addresses while a service is healthy: a helper for anycast.
    ///
    /// Runs a check periodically, and makes the daemon announce routes while it succeeds; when it fails, the routes
    /// are announced with a higher metric, or withdrawn. It accepts every option of `exabgp healthcheck` and writes
    /// the same commands.
    Healthcheck(Box<healthcheck::HealthcheckArgs>),
    /// Demonstrate a speaker, a peer and a helper on loopback, in a few seconds.
    ///
    /// Starts `oxabgp server` with a real helper process, acts as the peer, and sends routes in both directions.
    /// Needs neither root nor other software, and exits by itself.
    Demo(demo::DemoArgs),
    /// Print the routes and state changes of MRT archives.
    ///
    /// Takes bgpreader's options and filters. Files may be compressed, and are merged by time; `-` is standard input. Started
    /// as `bgpreader` or `bgpdump`, the program takes their command lines.
    #[cfg(feature = "stream")]
    Stream(Box<stream::StreamArgs>),
    /// Announce the routes of MRT archives, in a session or as the commands of a helper.
    ///
    /// Tables are sent as fast as the peer takes them, messages at their time or faster: `oxabgp replay rib.gz --local-as 65001
    /// --peer 192.0.2.1` brings a full table into a lab.
    #[cfg(feature = "stream")]
    Replay(Box<replay::ReplayArgs>),
    /// Print the state machine of RFC 4271 as a table.
    ///
    /// Each state with each event: the next state, the RFC's, what is sent, the timers, and where we deviate and why.
    Fsm(fsm::FsmArgs),
    /// Show the version.
    Version,
}

/// Options of `server`.
#[derive(Args, Debug)]
pub(crate) struct ServerArgs {
    /// Log everything, with time and source.
    #[arg(short, long)]
    verbose: bool,
    /// The same as --verbose.
    #[arg(short, long)]
    debug: bool,
    /// Reload the configuration after this many seconds, as if by SIGUSR1.
    #[arg(short, long, value_name = "SECONDS")]
    signal: Option<u64>,
    /// Connect to each peer only once.
    #[arg(short = '1', long)]
    once: bool,
    /// Never connect, only accept connections.
    #[arg(short = 'P', long)]
    passive: bool,
    /// Accepted for compatibility with ExaBGP: no effect.
    #[arg(short, long, hide = true)]
    memory: bool,
    /// Accepted for compatibility with ExaBGP: no effect.
    #[arg(short, long, hide = true)]
    pdb: bool,
    /// Accepted for compatibility with ExaBGP: no effect.
    #[arg(long, hide = true, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// The configuration file.
    #[arg(required = true, value_name = "CONFIGURATION")]
    configuration: Vec<PathBuf>,
}

/// Options of `validate`.
#[derive(Args, Debug)]
pub(crate) struct ValidateArgs {
    /// Check the neighbors (always done).
    #[arg(short, long)]
    neighbor: bool,
    /// Check the routes (always done).
    #[arg(short, long)]
    route: bool,
    /// Print more: the same as --print.
    #[arg(short, long)]
    verbose: bool,
    /// Print the configuration as it was understood; keys are not shown.
    #[arg(long)]
    print: bool,
    /// The same as JSON.
    #[arg(long)]
    json: bool,
    /// Print what a reload from this configuration to the new one would change.
    #[arg(long, value_name = "OLD")]
    against: Option<PathBuf>,
    /// Accepted for compatibility with ExaBGP: no effect.
    #[arg(short, long, hide = true)]
    pdb: bool,
    /// The configuration files.
    #[arg(required = true, value_name = "CONFIGURATION")]
    configuration: Vec<PathBuf>,
}

/// Options of `encode`.
#[derive(Args, Debug)]
pub(crate) struct EncodeArgs {
    /// Our AS.
    #[arg(long, value_name = "AS", default_value = "65533")]
    local_as: u32,
    /// The peer's AS. Default: ours, for an internal session.
    #[arg(long, value_name = "AS")]
    peer_as: Option<u32>,
    /// Our address, for `next-hop self`.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    local_address: IpAddr,
    /// Two-octet AS numbers in AS_PATH.
    #[arg(long)]
    no_asn4: bool,
    /// NLRI carry path identifiers (ADD-PATH).
    #[arg(short = 'i', long)]
    path_information: bool,
    /// IPv4 routes may have IPv6 next hops (RFC 8950).
    #[arg(long)]
    extended_next_hop: bool,
    /// Messages may have 65,535 bytes (RFC 8654).
    #[arg(long)]
    extended_message: bool,
    /// Only the body, without the header.
    #[arg(long)]
    body: bool,
    /// The route.
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ROUTE"
    )]
    route: Vec<String>,
}

/// Options of `migrate`.
#[derive(Args, Debug)]
pub(crate) struct MigrateArgs {
    /// The configuration file.
    #[arg(value_name = "CONFIGURATION")]
    configuration: PathBuf,
}

/// Options of `decode`.
#[derive(Args, Debug)]
pub(crate) struct DecodeArgs {
    /// The message is a list of NLRI of the family.
    #[arg(short, long)]
    nlri: bool,
    /// The message is an UPDATE (detected automatically).
    #[arg(short, long)]
    update: bool,
    /// The message is an OPEN (detected automatically, if it has a header).
    #[arg(short, long)]
    open: bool,
    /// Accepted for compatibility with ExaBGP: no effect.
    #[arg(short, long, hide = true)]
    debug: bool,
    /// Accepted for compatibility with ExaBGP: no effect.
    #[arg(short, long, hide = true)]
    pdb: bool,
    /// Use the session parameters of this configuration's neighbors.
    #[arg(short, long, value_name = "FILE")]
    configuration: Option<PathBuf>,
    /// The negotiated families, as pairs: "ipv4 unicast ipv6 unicast". Default: all.
    #[arg(short, long, value_name = "FAMILIES")]
    family: Option<String>,
    /// NLRI carry path identifiers (ADD-PATH).
    #[arg(short = 'i', long)]
    path_information: bool,
    /// The message in hexadecimal. Default: standard input.
    #[arg(value_name = "HEX")]
    payload: Vec<String>,
}

/// Options of `env`.
#[derive(Args, Debug)]
pub(crate) struct EnvArgs {
    /// Only settings that differ from their defaults.
    #[arg(short, long)]
    diff: bool,
    /// One `exabgp.section.key=value` per line instead of a file with sections.
    #[arg(short, long)]
    env: bool,
}

/// Options of `cli` and `run`.
#[derive(Args, Debug)]
pub(crate) struct ControlArgs {
    /// The name of the daemon's named pipes and socket. Default: the settings `api.pipename` and `api.socketname`.
    #[arg(long, value_name = "NAME")]
    pipename: Option<String>,
    /// The path of the daemon's control socket. Default: `oxabgp_api_socketpath`, or the standard locations.
    #[arg(long, value_name = "PATH", conflicts_with = "pipename")]
    socket: Option<PathBuf>,
    /// Request JSON from commands that support it.
    #[arg(long)]
    json: bool,
    /// The command.
    #[arg(value_name = "WORD")]
    command: Vec<String>,
}

/// Options of `run`.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// Run the lines of this file; `-` is standard input. Empty lines, and lines that start with `#`, are skipped.
    #[arg(long, value_name = "FILE", conflicts_with = "command")]
    batch: Option<PathBuf>,
    #[command(flatten)]
    control: ControlArgs,
}

/// Options of `pipe`.
#[derive(Args, Debug)]
pub(crate) struct PipeArgs {
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
    #[arg(long, value_name = "SECONDS", value_parser = healthcheck::seconds)]
    timeout: Option<Duration>,
    /// Log everything, with time and source.
    #[arg(short, long)]
    verbose: bool,
}

/// Runs the program.
pub fn main() -> ExitCode {
    output::finish(dispatch())
}

fn dispatch() -> ExitCode {
    let given = match exabgp::arguments(std::env::args_os().collect()) {
        Ok(given) => given,
        Err(code) => return code,
    };
    let typed = given.len();
    let arguments = arguments(given.into_iter());
    if arguments.len() < 2 {
        let _ = Cli::command().print_long_help();
        // ExaBGP returns 1, where other wrong usage is 2.
        let code = if exabgp::is_exabgp() { REFUSED } else { USAGE };
        return ExitCode::from(code);
    }
    if arguments.len() > typed
        && !exabgp::is_exabgp()
        && let Some(message) = mistyped(&arguments)
    {
        errln!("{message}");
        return ExitCode::from(USAGE);
    }
    let arguments = healthcheck::words(arguments);
    #[cfg(feature = "stream")]
    let arguments = stream::names::count(arguments);
    let cli = Cli::parse_from(&arguments);
    match cli.command {
        Command::Server(args) => server::run(&args, cli.env_file),
        Command::Validate(args) => validate::run(&args, cli.env_file),
        Command::Encode(args) => encode::run(&args),
        Command::Migrate(args) => validate::migrate(&args, cli.env_file),
        Command::Decode(args) => decode::run(&args, cli.env_file),
        Command::Env(args) => validate::env(&args, cli.env_file),
        Command::Cli(args) => shell::run(&args, cli.env_file),
        Command::Run(args) => run::run(&args, cli.env_file),
        Command::Pipe(args) => pipe::run(&args, cli.env_file),
        Command::Healthcheck(args) => healthcheck::run(*args, &arguments),
        Command::Demo(args) => demo::run(args.helper),
        #[cfg(feature = "stream")]
        Command::Stream(args) => stream::run(&args),
        #[cfg(feature = "stream")]
        Command::Replay(args) => replay::run(&args, cli.env_file),
        Command::Fsm(args) => fsm::run(&args),
        Command::Version => version(),
    }
}

/// The settings: from variables, and from the file of `--env-file`, of `EXABGP_ENVFILE`, or in ExaBGP's default
/// place.
fn settings(env_file: Option<PathBuf>) -> Result<Env, ExitCode> {
    if let Some(missing) = env_file.as_deref().filter(|path| !path.exists()) {
        // ExaBGP ignores a missing file, and its users may have such an option.
        let kind = if exabgp::is_exabgp() {
            "warning"
        } else {
            "error"
        };
        errln!(
            "{kind}: --env-file: there is no file `{}`",
            missing.display()
        );
        if !exabgp::is_exabgp() {
            return Err(ExitCode::from(REFUSED));
        }
    }
    let variable = std::env::var_os("EXABGP_ENVFILE").filter(|path| !path.is_empty());
    let variable = variable.map(PathBuf::from).filter(|_| env_file.is_none());
    if let Some(missing) = variable.as_deref().filter(|path| !path.exists()) {
        errln!(
            "warning: EXABGP_ENVFILE: there is no file `{}`",
            missing.display()
        );
    }
    let file = env_file
        .or(variable)
        .or_else(|| Some(crate::daemon::control::paths::root()?.join("etc/exabgp/exabgp.env")));
    match Env::load(file.as_deref()) {
        Ok((mut env, warnings)) => {
            for warning in warnings {
                errln!("warning: {warning}");
            }
            env.search.program = std::env::current_exe().ok();
            Ok(env)
        }
        Err(errors) => {
            for error in errors {
                errln!("error: {error}");
            }
            Err(ExitCode::from(REFUSED))
        }
    }
}

/// Warns about those of these options that were given and have no effect.
fn warn_without_effect(options: &[(bool, &str)]) {
    for (_, option) in options.iter().filter(|(given, _)| *given) {
        errln!("warning: the option `{option}` has no effect here");
    }
}

/// Inserts `server` where ExaBGP's users leave it out.
fn arguments(given: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = given.collect();
    let mut first = 1;
    while let Some(word) = arguments.get(first).and_then(|word| word.to_str()) {
        if word == "--env-file" {
            first += 2;
        } else if word.starts_with("--env-file=") {
            first += 1;
        } else {
            break;
        }
    }
    let is_help = |word: &OsString| word == "-h" || word == "--help";
    let known = |word: &OsString| {
        word == "help"
            || Cli::command()
                .get_subcommands()
                .any(|command| word == command.get_name())
    };
    match arguments.get(first) {
        Some(word) if word == "--version" || word == "-V" => arguments[first] = "version".into(),
        Some(word) if !known(word) && !arguments.iter().any(is_help) => {
            arguments.insert(first, "server".into())
        }
        _ => {}
    }
    arguments
}

/// The error about a first word that is neither a sub-command nor a file, but similar to a sub-command: `oxabgp servr
/// x.conf`.
fn mistyped(arguments: &[OsString]) -> Option<String> {
    let at = arguments.iter().position(|word| word == "server")?;
    let word = arguments.get(at + 1)?.to_str()?;
    if std::path::Path::new(word).exists() {
        return None;
    }
    let command = Cli::command();
    let near =
        crate::text::near_miss(word, command.get_subcommands().map(clap::Command::get_name))?;
    Some(format!(
        "error: `{word}` is neither a sub-command nor a configuration file\nhelp: did you mean `{near}`?"
    ))
}

/// Prints the version in ExaBGP's format, which scripts parse.
fn version() -> ExitCode {
    let uname = nix::sys::utsname::uname();
    let part = |part: fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr| {
        uname
            .as_ref()
            .map(|uname| part(uname).to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let program = std::env::current_exe()
        .map(|path| path.display().to_string())
        .unwrap_or_default();
    let own = env!("CARGO_PKG_VERSION");
    if exabgp::is_exabgp() {
        // Tools parse the first line.
        let version = std::env::var("exabgp_version").ok();
        let version = version.filter(|version| !version.is_empty());
        outln!(
            "ExaBGP : {}",
            version
                .as_deref()
                .unwrap_or(crate::api::command::COMPATIBLE)
        );
        outln!("oxabgp : {own}");
    } else {
        outln!("oxabgp : {own}");
        outln!(
            "ExaBGP : {} (compatible with)",
            crate::api::command::COMPATIBLE
        );
    }
    outln!(
        "Uname  : {} {} {} {} {}",
        part(nix::sys::utsname::UtsName::sysname),
        part(nix::sys::utsname::UtsName::nodename),
        part(nix::sys::utsname::UtsName::release),
        part(nix::sys::utsname::UtsName::version),
        part(nix::sys::utsname::UtsName::machine),
    );
    outln!("From   : {program}");
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> String {
        let given = line.split(' ').map(OsString::from);
        let arguments = arguments(given);
        arguments
            .iter()
            .map(|word| word.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn server_may_be_left_out() {
        for (given, wanted) in [
            ("oxabgp x.conf", "oxabgp server x.conf"),
            ("oxabgp -v x.conf", "oxabgp server -v x.conf"),
            (
                "oxabgp --env-file e x.conf",
                "oxabgp --env-file e server x.conf",
            ),
            (
                "oxabgp --env-file=e validate x.conf",
                "oxabgp --env-file=e validate x.conf",
            ),
            ("oxabgp validate x.conf", "oxabgp validate x.conf"),
            ("oxabgp --help", "oxabgp --help"),
            ("oxabgp --version", "oxabgp version"),
        ] {
            assert_eq!(words(given), wanted);
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
