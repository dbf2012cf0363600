//! The table of all settings, in ExaBGP's order.

use super::settings::{
    ApiEnv, BgpEnv, DaemonEnv, Env, EnvOption, IdleEnv, LogEnv, LogLevel, Search, TcpEnv,
};
use crate::config::model::{ApiVersion, Encoder};

impl Env {
    /// Placeholders, before the defaults are set.
    pub(super) fn empty() -> Self {
        Self {
            daemon: DaemonEnv {
                pid: None,
                user: String::new(),
                daemonize: false,
                drop: false,
                umask: 0,
                no_new_privileges: false,
            },
            log: LogEnv {
                enable: false,
                level: LogLevel::Info,
                destination: String::new(),
                all: false,
                configuration: false,
                reactor: false,
                daemon: false,
                processes: false,
                network: false,
                statistics: false,
                packets: false,
                rib: false,
                message: false,
                timers: false,
                routes: false,
                parser: false,
                short: false,
            },
            tcp: TcpEnv {
                bind: Vec::new(),
                port: 179,
                connect_port: 179,
                attempts: 0,
                delay: 0,
            },
            bgp: BgpEnv {
                passive: false,
                openwait: 60,
            },
            api: ApiEnv {
                ack: false,
                chunk: 1,
                show_routes_format: 1,
                version: ApiVersion::V5,
                encoder: Encoder::Json,
                compact: false,
                respawn: false,
                terminate: false,
                cli: false,
                pipename: String::new(),
                socketname: None,
                socketpath: None,
                full_access: Vec::new(),
                read_only: Vec::new(),
            },
            idle: IdleEnv::default(),
            search: Search::default(),
        }
    }
}

impl EnvOption {
    /// The default as written.
    pub fn default_value(&self) -> &'static str {
        DEFAULTS
            .iter()
            .find(|(section, name, _)| *section == self.section && *name == self.name)
            .map_or("", |(_, _, value)| value)
    }

    /// Returns `true` if `exabgp env` lists it only when it is set: ExaBGP 5.0 does not have it.
    pub(super) fn is_hidden(&self) -> bool {
        (self.section, self.name) == ("api", "version")
    }

    /// The current value as `env` shows it, without quotes.
    pub fn value(&self, env: &Env) -> String {
        (self.show)(env)
    }

    /// Returns `true` if it is only read and shown, and has no effect.
    pub fn is_idle(&self) -> bool {
        self.doc.starts_with("no effect")
    }

    /// Returns `false` if a boolean is not written as one; ExaBGP silently reads such a value as `false`.
    pub(super) fn accepts(&self, value: &str) -> bool {
        !matches!(self.default_value(), "true" | "false") || is_boolean(value)
    }
}

fn is_boolean(value: &str) -> bool {
    matches!(
        value.to_ascii_lowercase().as_str(),
        "1" | "yes" | "on" | "enable" | "true" | "0" | "no" | "off" | "disable" | "false" | ""
    )
}

fn boolean(value: &str) -> bool {
    matches!(
        value.to_ascii_lowercase().as_str(),
        "1" | "yes" | "on" | "enable" | "true"
    )
}

fn number<T: std::str::FromStr>(value: &str) -> Result<T, String> {
    value.parse().map_err(|_| "a number".to_owned())
}

macro_rules! options {
    ($($section:ident . $name:literal = $default:literal, $doc:literal, $kind:tt ( $($field:tt)* );)*) => {
        /// All settings, in ExaBGP's order.
        pub const OPTIONS: &[EnvOption] = &[$(EnvOption {
            section: stringify!($section),
            name: $name,
            doc: $doc,
            show: options!(@show $kind $($field)*),
            quoted: options!(@quoted $kind),
            set: options!(@set $kind $($field)*),
        },)*];

        const DEFAULTS: &[(&str, &str, &str)] = &[$((stringify!($section), $name, $default),)*];
    };
    (@quoted text) => { true };
    (@quoted path) => { true };
    (@quoted name) => { true };
    (@quoted octal) => { true };
    (@quoted addresses) => { true };
    (@quoted names) => { true };
    (@quoted $kind:tt) => { false };
    (@show path $($field:tt)*) => {
        |env| env.$($field)*.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
    };
    (@show name $($field:tt)*) => { |env| env.$($field)*.clone().unwrap_or_default() };
    (@show octal $($field:tt)*) => { |env| format!("0o{:o}", env.$($field)*) };
    (@show addresses $($field:tt)*) => {
        |env| env.$($field)*.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    (@show names $($field:tt)*) => { |env| env.$($field)*.join(" ") };
    (@show level $($field:tt)*) => { |env| env.$($field)*.name().to_owned() };
    (@show format $($field:tt)*) => { |env| format!("v{}", env.$($field)*) };
    (@show float $($field:tt)*) => { |env| format!("{:?}", env.$($field)*) };
    (@show version $($field:tt)*) => { |env| env.$($field)*.number().to_string() };
    (@show encoder $($field:tt)*) => {
        |env| match env.$($field)* { Encoder::Json => "json", Encoder::Text => "text" }.to_owned()
    };
    (@show $kind:tt $($field:tt)*) => { |env| env.$($field)*.to_string() };
    (@set boolean $($field:tt)*) => { |env, value| { env.$($field)* = boolean(value); Ok(()) } };
    (@set text $($field:tt)*) => { |env, value| { env.$($field)* = value.to_owned(); Ok(()) } };
    (@set path $($field:tt)*) => {
        |env, value| { env.$($field)* = (!value.is_empty()).then(|| value.into()); Ok(()) }
    };
    (@set name $($field:tt)*) => {
        |env, value| { env.$($field)* = (!value.is_empty()).then(|| value.to_owned()); Ok(()) }
    };
    (@set port $($field:tt)*) => {
        |env, value| {
            env.$($field)* = value.parse().map_err(|_| "a port, 0 to 65535".to_owned())?;
            Ok(())
        }
    };
    (@set number $($field:tt)*) => { |env, value| { env.$($field)* = number(value)?; Ok(()) } };
    (@set float $($field:tt)*) => { |env, value| { env.$($field)* = number(value)?; Ok(()) } };
    (@set octal $($field:tt)*) => {
        |env, value| {
            let digits = value.trim_start_matches("0o");
            env.$($field)* = u32::from_str_radix(digits, 8)
                .ok()
                .filter(|mask| *mask <= 0o777)
                .ok_or("an octal number up to 0777")?;
            Ok(())
        }
    };
    (@set addresses $($field:tt)*) => {
        |env, value| {
            env.$($field)* = value
                .split_whitespace()
                .map(|word| word.parse().map_err(|_| "addresses".to_owned()))
                .collect::<Result<_, String>>()?;
            Ok(())
        }
    };
    (@set names $($field:tt)*) => {
        |env, value| {
            let separator = |c: char| c.is_whitespace() || c == ',';
            let words: Vec<String> = value
                .split(separator)
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect();
            if words.iter().any(|word| word == "@") {
                return Err("names of users, and of groups after an `@`".into());
            }
            env.$($field)* = words;
            Ok(())
        }
    };
    (@set level $($field:tt)*) => {
        |env, value| {
            let wanted = value.to_ascii_uppercase();
            env.$($field)* = LEVELS
                .into_iter()
                .find(|level| level.name() == wanted)
                .ok_or("FATAL, CRITICAL, ERROR, WARNING, INFO, DEBUG or NOTSET")?;
            Ok(())
        }
    };
    (@set format $($field:tt)*) => {
        |env, value| {
            env.$($field)* = match &*value.to_ascii_lowercase() {
                "v1" => 1,
                "v2" => 2,
                _ => return Err("v1 or v2".into()),
            };
            Ok(())
        }
    };
    (@set version $($field:tt)*) => {
        |env, value| {
            env.$($field)* = ApiVersion::from_word(value).ok_or("4, 5 or 6")?;
            Ok(())
        }
    };
    (@set encoder $($field:tt)*) => {
        |env, value| {
            env.$($field)* = match &*value.to_ascii_lowercase() {
                "json" => Encoder::Json,
                "text" => Encoder::Text,
                _ => return Err("json or text".into()),
            };
            Ok(())
        }
    };
}

const LEVELS: [LogLevel; 7] = [
    LogLevel::NotSet,
    LogLevel::Debug,
    LogLevel::Info,
    LogLevel::Warning,
    LogLevel::Error,
    LogLevel::Critical,
    LogLevel::Fatal,
];

options! {
    profile."enable" = "false", "no effect: profile the program", boolean(idle.profile_enable);
    profile."file" = "", "no effect: the profile's file", text(idle.profile_file);
    pdb."enable" = "false", "no effect: start a debugger on errors", boolean(idle.pdb_enable);
    daemon."pid" = "", "the file that our process number is written to", path(daemon.pid);
    daemon."user" = "nobody", "the user to become when started as root", text(daemon.user);
    daemon."daemonize" = "false", "run in the background", boolean(daemon.daemonize);
    daemon."drop" = "true", "become that user before helpers are started, not after", boolean(daemon.drop);
    daemon."no-new-privileges" = "false", "the daemon and its helpers gain no rights from setuid programs: no sudo in helpers", boolean(daemon.no_new_privileges);
    daemon."umask" = "0137", "the umask of new files", octal(daemon.umask);
    log."enable" = "true", "log at all; problems are always reported", boolean(log.enable);
    log."level" = "INFO", "the least level that is logged", level(log.level);
    log."destination" = "stdout", "stdout, stderr, syslog or a file", text(log.destination);
    log."all" = "false", "log all categories", boolean(log.all);
    log."configuration" = "true", "log the reading of configurations", boolean(log.configuration);
    log."reactor" = "true", "log signals and commands", boolean(log.reactor);
    log."daemon" = "true", "log process number, users and forking", boolean(log.daemon);
    log."processes" = "true", "log helpers", boolean(log.processes);
    log."network" = "true", "log connections", boolean(log.network);
    log."statistics" = "true", "log counts of messages", boolean(log.statistics);
    log."packets" = "false", "log messages in hexadecimal", boolean(log.packets);
    log."rib" = "false", "log changes of the routes to send", boolean(log.rib);
    log."message" = "false", "log messages", boolean(log.message);
    log."timers" = "false", "log timers", boolean(log.timers);
    log."routes" = "false", "log received routes", boolean(log.routes);
    log."parser" = "false", "log what was decoded", boolean(log.parser);
    log."short" = "true", "no times in systemd's journal, which has its own; other logs have them in any case", boolean(log.short);
    tcp."once" = "false", "as a variable: one attempt to connect, then exit", boolean(idle.tcp_once);
    tcp."attempts" = "0", "the most attempts to connect to a peer; 0: unlimited", number(tcp.attempts);
    tcp."delay" = "0", "wait for the next multiple of this many minutes", number(tcp.delay);
    tcp."bind" = "", "addresses to listen on", addresses(tcp.bind);
    tcp."port" = "179", "the port to listen on; as a variable also the one to connect to", port(tcp.port);
    tcp."acl" = "", "no effect", boolean(idle.tcp_acl);
    bgp."passive" = "false", "never connect, whatever the neighbors' settings", boolean(bgp.passive);
    bgp."openwait" = "60", "seconds to wait for an OPEN", number(bgp.openwait);
    cache."attributes" = "true", "no effect: attributes are always shared", boolean(idle.cache_attributes);
    cache."nexthops" = "true", "no effect", boolean(idle.cache_nexthops);
    api."ack" = "true", "answer commands with `done` and `error`", boolean(api.ack);
    api."chunk" = "1", "no effect: long answers never hold anything up", number(api.chunk);
    api."show-routes-format" = "v1", "the JSON of `show adj-rib`: v1 or v2", format(api.show_routes_format);
    api."version" = "5", "the version of ExaBGP whose events helpers expect: 4, 5 or 6", version(api.version);
    api."encoder" = "json", "no effect: each helper names its own", encoder(api.encoder);
    api."compact" = "false", "shorter JSON of routes", boolean(api.compact);
    api."respawn" = "true", "restart helpers that exit", boolean(api.respawn);
    api."terminate" = "false", "exit when a helper cannot be started", boolean(api.terminate);
    api."cli" = "true", "look for the pipes of the command line", boolean(api.cli);
    api."pipename" = "exabgp", "the name of these pipes", text(api.pipename);
    api."socketname" = "", "the name of the control socket, if it is not that of the pipes", name(api.socketname);
    api."socketpath" = "", "the control socket's path, if it is not looked for", path(api.socketpath);
    api."full-access" = "", "users, and groups such as @netops, that may send any command to the control socket", names(api.full_access);
    api."read-only" = "", "users and @groups that may send commands that change nothing", names(api.read_only);
    reactor."speed" = "1.0", "no effect: nothing is polled", float(idle.reactor_speed);
}
