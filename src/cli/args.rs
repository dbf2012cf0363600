//! The command line: sub-commands and their options.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::values::one_line;
use super::{demo, fsm, healthcheck, journal, log, manual, pipe, top};
#[cfg(feature = "stream")]
use super::{replay, stream};

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
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,

    /// Read settings from this file as well: ExaBGP's exabgp.env.
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) env_file: Option<PathBuf>,
}

// The options of a sub-command are only built when it is called: those of all take a tenth of what an idle daemon has read of
// its program.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum Command {
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
    /// Exit code 0: it was carried out; 1: it was refused or had no effect, or a setting is wrong, and the reason is on
    /// standard error; 3: no daemon answers.
    /// Without words, each line of standard input is a command; with --batch, each line of a file. All of them are
    /// carried out, and the exit code is the worst one. To apply all or none of them, put `begin` first and `commit`
    /// last.
    Run(RunArgs),
    /// Run one session without a configuration: commands on standard input, events on standard output.
    ///
    /// `generate-routes | oxabgp pipe --local-as 65001 --peer 192.0.2.1 --peer-as 65000 | jq` needs no configuration
    /// file. At the end of the input, once everything has been sent to the peer, the session is kept, or closed with
    /// --leave. Refused commands are reported on standard error; `enable-ack` turns answers on.
    Pipe(pipe::PipeArgs),
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
    /// as `bgpreader` or `bgpdump`, or as `oxabgp bgpreader` or `oxabgp bgpdump`, the program takes their command lines.
    #[cfg(feature = "stream")]
    Stream(Box<stream::StreamArgs>),
    /// Show neighbors, rates and helpers of a running daemon, live.
    ///
    /// A full-screen view; `q` quits. With --once, or if standard output is not a terminal, the table is printed once.
    Top(top::TopArgs),
    /// Print the script that completes command lines in a shell.
    ///
    /// `oxabgp completions bash > /usr/share/bash-completion/completions/oxabgp`
    Completions(manual::CompletionsArgs),
    /// Print a manual page, or write all of them to a directory.
    Man(manual::ManArgs),
    /// Announce the routes of MRT archives, in a session or as the commands of a helper.
    ///
    /// Tables are sent as fast as the peer takes them, messages at their time or faster: `oxabgp replay rib.gz --local-as 65001
    /// --peer 192.0.2.1` brings a full table into a lab.
    #[cfg(feature = "stream")]
    Replay(Box<replay::ReplayArgs>),
    /// Print the routes of a journal as commands.
    ///
    /// A journal is kept if the configuration has a `state` section. `oxabgp journal /var/lib/oxabgp | oxabgp run --batch -`
    /// announces its routes again. If the file is damaged, what is before the damage is printed, and the exit code is 1.
    Journal(journal::JournalArgs),
    /// Print the state machine of RFC 4271 as a table.
    ///
    /// Each state with each event: the next state, the RFC's, what is sent, the timers, and where we deviate and why.
    Fsm(fsm::FsmArgs),
    /// Show the version.
    Version,
}

// Options of `server`.
#[derive(Args, Debug)]
pub(crate) struct ServerArgs {
    /// Log everything, with time and source.
    #[arg(short, long)]
    pub(super) verbose: bool,
    /// The same as --verbose.
    #[arg(short, long)]
    pub(super) debug: bool,
    /// The format of log lines; `json` is one object a line, with names of events that do not change.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) log_format: log::LineFormat,
    /// Reload the configuration after this many seconds, as if by SIGUSR1.
    #[arg(short, long, value_name = "SECONDS")]
    pub(super) signal: Option<u64>,
    /// Connect to each peer only once.
    #[arg(short = '1', long)]
    pub(super) once: bool,
    /// Never connect, only accept connections.
    #[arg(short = 'P', long)]
    pub(super) passive: bool,
    /// Accepted for compatibility with ExaBGP: no effect.
    #[arg(short, long, hide = true)]
    pub(super) memory: bool,
    /// Accepted for compatibility with ExaBGP: no effect.
    #[arg(short, long, hide = true)]
    pub(super) pdb: bool,
    /// Accepted for compatibility with ExaBGP: no effect.
    #[arg(long, hide = true, value_name = "FILE")]
    pub(super) profile: Option<PathBuf>,
    /// The configuration file.
    #[arg(required = true, value_name = "CONFIGURATION")]
    pub(super) configuration: Vec<PathBuf>,
}

// Options of `validate`.
#[derive(Args, Debug)]
pub(crate) struct ValidateArgs {
    /// Check the neighbors (always done).
    #[arg(short, long)]
    pub(super) neighbor: bool,
    /// Check the routes (always done).
    #[arg(short, long)]
    pub(super) route: bool,
    /// Print more: the same as --print.
    #[arg(short, long)]
    pub(super) verbose: bool,
    /// Print the JSON schema of what --json prints, and exit.
    #[arg(long)]
    pub(super) schema: bool,
    /// Print the configuration as it was understood; keys are not shown.
    #[arg(long)]
    pub(super) print: bool,
    /// The same as JSON; with --against, the changes as JSON.
    #[arg(long)]
    pub(super) json: bool,
    /// Print what a reload from this configuration to the new one would change; `running`: ask the daemon that runs what it
    /// would do, without doing it.
    #[arg(long, value_name = "OLD|running")]
    pub(super) against: Option<PathBuf>,
    /// With `--against running`: the name of the daemon's socket. Default: the setting `api.socketname`.
    #[arg(long, value_name = "NAME", requires = "against")]
    pub(super) pipename: Option<String>,
    /// With `--against running`: the path of the daemon's control socket.
    #[arg(
        long,
        value_name = "PATH",
        requires = "against",
        conflicts_with = "pipename"
    )]
    pub(super) socket: Option<PathBuf>,
    /// Accepted for compatibility with ExaBGP: no effect.
    #[arg(short, long, hide = true)]
    pub(super) pdb: bool,
    /// The configuration files.
    #[arg(required_unless_present = "schema", value_name = "CONFIGURATION")]
    pub(super) configuration: Vec<PathBuf>,
}

// Options of `encode`.
#[derive(Args, Debug)]
pub(crate) struct EncodeArgs {
    /// Our AS.
    #[arg(long, value_name = "AS", default_value = "65533")]
    pub(super) local_as: u32,
    /// The peer's AS. Default: ours, for an internal session.
    #[arg(long, value_name = "AS")]
    pub(super) peer_as: Option<u32>,
    /// Our address, for `next-hop self`.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(super) local_address: IpAddr,
    /// Two-octet AS numbers in AS_PATH.
    #[arg(long)]
    pub(super) no_asn4: bool,
    /// NLRI carry path identifiers (ADD-PATH).
    #[arg(short = 'i', long)]
    pub(super) path_information: bool,
    /// IPv4 routes may have IPv6 next hops (RFC 8950).
    #[arg(long)]
    pub(super) extended_next_hop: bool,
    /// Messages may have 65,535 bytes (RFC 8654).
    #[arg(long)]
    pub(super) extended_message: bool,
    /// Only the body, without the header.
    #[arg(long)]
    pub(super) body: bool,
    /// The route.
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ROUTE"
    )]
    pub(super) route: Vec<String>,
}

// Options of `migrate`.
#[derive(Args, Debug)]
pub(crate) struct MigrateArgs {
    /// The configuration file.
    #[arg(value_name = "CONFIGURATION")]
    pub(super) configuration: PathBuf,
}

// Options of `decode`.
#[derive(Args, Debug)]
pub(crate) struct DecodeArgs {
    /// The message is a list of NLRI of the family.
    #[arg(short, long)]
    pub(super) nlri: bool,
    /// The message is an UPDATE (detected automatically).
    #[arg(short, long)]
    pub(super) update: bool,
    /// The message is an OPEN (detected automatically, if it has a header).
    #[arg(short, long)]
    pub(super) open: bool,
    /// Accepted for compatibility with ExaBGP: no effect.
    #[arg(short, long, hide = true)]
    pub(super) debug: bool,
    /// Accepted for compatibility with ExaBGP: no effect.
    #[arg(short, long, hide = true)]
    pub(super) pdb: bool,
    /// Use the session parameters of this configuration's neighbors.
    #[arg(short, long, value_name = "FILE")]
    pub(super) configuration: Option<PathBuf>,
    /// The negotiated families, as pairs: "ipv4 unicast ipv6 unicast". Default: all.
    #[arg(short, long, value_name = "FAMILIES")]
    pub(super) family: Option<String>,
    /// NLRI carry path identifiers (ADD-PATH).
    #[arg(short = 'i', long)]
    pub(super) path_information: bool,
    /// The message in hexadecimal. Default: standard input.
    #[arg(value_name = "HEX")]
    pub(super) payload: Vec<String>,
}

// Options of `env`.
#[derive(Args, Debug)]
pub(crate) struct EnvArgs {
    /// Only settings that differ from their defaults.
    #[arg(short, long)]
    pub(super) diff: bool,
    /// One `exabgp.section.key=value` per line instead of a file with sections.
    #[arg(short, long)]
    pub(super) env: bool,
}

// Options of `cli` and `run`.
#[derive(Args, Debug)]
pub(crate) struct ControlArgs {
    /// The name of the daemon's named pipes and socket. Default: the settings `api.pipename` and `api.socketname`.
    #[arg(long, value_name = "NAME")]
    pub(super) pipename: Option<String>,
    /// The path of the daemon's control socket. Default: `oxabgp_api_socketpath`, or the standard locations.
    #[arg(long, value_name = "PATH", conflicts_with = "pipename")]
    pub(super) socket: Option<PathBuf>,
    /// Request JSON from commands that support it.
    #[arg(long)]
    pub(super) json: bool,
    /// The command, one line.
    #[arg(value_name = "WORD", value_parser = one_line)]
    pub(super) command: Vec<String>,
}

// Options of `run`.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// Run the lines of this file; `-` is standard input. Empty lines, and lines that start with `#`, are skipped.
    #[arg(long, value_name = "FILE", conflicts_with = "command")]
    pub(super) batch: Option<PathBuf>,
    #[command(flatten)]
    pub(super) control: ControlArgs,
}
