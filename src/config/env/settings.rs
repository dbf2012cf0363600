//! The settings as values, and what a row of their table is.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::config::model::{ApiVersion, Encoder};

/// All settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Env {
    /// Running as a daemon.
    pub daemon: DaemonEnv,
    /// Logging: what, and where to.
    pub log: LogEnv,
    /// Listening and connecting.
    pub tcp: TcpEnv,
    /// The protocol.
    pub bgp: BgpEnv,
    /// The helper interface.
    pub api: ApiEnv,
    /// Settings that are read and shown, without any effect.
    pub idle: IdleEnv,
    /// Where the programs of `process` sections are searched.
    pub search: Search,
}

/// Running as a daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonEnv {
    /// The file that our process number is written to.
    pub pid: Option<PathBuf>,
    /// The user to become when started as root.
    pub user: String,
    /// Run in the background.
    pub daemonize: bool,
    /// Become that user before helpers are started, not after.
    pub drop: bool,
    /// The umask of new files.
    pub umask: u32,
    /// Neither the daemon nor its helpers gain rights from setuid programs (`no_new_privs` of Linux).
    pub no_new_privileges: bool,
}

/// Logging: what, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEnv {
    /// Log at all; problems are always reported.
    pub enable: bool,
    /// The least level.
    pub level: LogLevel,
    /// `stdout`, `stderr`, `syslog` or a file.
    pub destination: String,
    /// All categories.
    pub all: bool,
    /// Reading configurations.
    pub configuration: bool,
    /// Signals and commands.
    pub reactor: bool,
    /// Process number, users, forking.
    pub daemon: bool,
    /// Helpers.
    pub processes: bool,
    /// Connections.
    pub network: bool,
    /// Counts of messages.
    pub statistics: bool,
    /// Messages in hexadecimal.
    pub packets: bool,
    /// Changes of the routes to send.
    pub rib: bool,
    /// Changes of sessions.
    pub message: bool,
    /// Timers.
    pub timers: bool,
    /// Received routes.
    pub routes: bool,
    /// What was decoded.
    pub parser: bool,
    /// Without time and process number.
    pub short: bool,
}

/// ExaBGP's levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Everything.
    NotSet,
    /// Debugging.
    Debug,
    /// What happens.
    Info,
    /// Warnings.
    Warning,
    /// Errors.
    Error,
    /// Fatal errors.
    Critical,
    /// The same.
    Fatal,
}

impl LogLevel {
    /// The name, in capital letters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotSet => "NOTSET",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Critical => "CRITICAL",
            Self::Fatal => "FATAL",
        }
    }
}

/// Listening and connecting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpEnv {
    /// Addresses to listen on.
    pub bind: Vec<IpAddr>,
    /// Port to listen on.
    pub port: u16,
    /// Port to connect to, for neighbors without `connect`: `port` if that came from a variable, else 179.
    pub connect_port: u16,
    /// The most attempts to connect to a peer; 0: unlimited. When no peer is left, the daemon exits.
    pub attempts: u32,
    /// Wait for the next multiple of this many minutes before connecting to peers.
    pub delay: u32,
}

/// The protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BgpEnv {
    /// Never connect, whatever the neighbors' settings.
    pub passive: bool,
    /// Seconds to wait for an OPEN.
    pub openwait: u32,
}

/// The helper interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiEnv {
    /// Answer commands with `done` and `error`.
    pub ack: bool,
    /// Read and shown only.
    pub chunk: u32,
    /// The JSON of `show adj-rib`: 1 or 2.
    pub show_routes_format: u8,
    /// The version of ExaBGP whose events a helper expects unless its section sets one: `api.version` of ExaBGP 6.0, but 5
    /// unless set.
    pub version: ApiVersion,
    /// Read and shown only: helpers name their encoders.
    pub encoder: Encoder,
    /// Shorter JSON of routes.
    pub compact: bool,
    /// Restart helpers that exit.
    pub respawn: bool,
    /// Exit when a helper cannot be started.
    pub terminate: bool,
    /// Look for the pipes of the command line.
    pub cli: bool,
    /// The name of these pipes.
    pub pipename: String,
    /// The name of the control socket, if it is not that of the pipes.
    pub socketname: Option<String>,
    /// The path of the control socket, if it is not to be searched for.
    pub socketpath: Option<PathBuf>,
    /// Users, and groups after an `@`, that may send any command to the control socket, besides root and the user that the
    /// daemon runs as.
    pub full_access: Vec<String>,
    /// Those that may only send commands that change nothing.
    pub read_only: Vec<String>,
}

/// Settings that are read and shown, without any effect.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IdleEnv {
    pub(super) profile_enable: bool,
    pub(super) profile_file: String,
    pub(super) pdb_enable: bool,
    pub(super) tcp_once: bool,
    pub(super) tcp_acl: bool,
    pub(super) cache_attributes: bool,
    pub(super) cache_nexthops: bool,
    pub(super) reactor_speed: f64,
}

/// Where the programs of `process` sections are searched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// `EXABGP_ETC`: the directory used for `/etc/exabgp`.
    pub etc: Option<PathBuf>,
    /// The directories of `PATH`.
    pub path: Vec<PathBuf>,
    /// The directory that we were started in.
    pub pwd: PathBuf,
    /// The running program, if it is `oxabgp`: it replaces ExaBGP's health check, and is found even when it is not in
    /// `PATH`.
    pub program: Option<PathBuf>,
}

/// One setting.
#[derive(Clone, Copy)]
pub struct EnvOption {
    /// Section: `tcp`.
    pub section: &'static str,
    /// Name within the section: `port`.
    pub name: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// The value as `env` shows it, without quotes.
    pub(crate) show: fn(&Env) -> String,
    /// Whether `env` quotes the value.
    pub(crate) quoted: bool,
    /// Sets the value; an error is the text of what was expected.
    pub(crate) set: fn(&mut Env, &str) -> Result<(), String>,
}

impl std::fmt::Debug for EnvOption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.section, self.name)
    }
}
