//! The settings of the environment: one table of all options with type, default and meaning.
//!
//! Of several sources the first counts: variables `oxabgp.section.option` and `oxabgp_section_option`, then `exabgp.…` and
//! `exabgp_…`, then the file (`[exabgp.section]` or `[oxabgp.section]` above `option = value`), then the default. A
//! value that is none stops the start, with its place. Settings that have no effect here are read, so that files made for
//! ExaBGP work unchanged.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

mod ini;
mod options;

pub use options::OPTIONS;

/// All settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Env {
    /// Being a daemon.
    pub daemon: DaemonEnv,
    /// What is logged, and where.
    pub log: LogEnv,
    /// Listening and connecting.
    pub tcp: TcpEnv,
    /// The protocol.
    pub bgp: BgpEnv,
    /// The helper interface.
    pub api: ApiEnv,
    /// Settings that are read and shown, without any effect.
    pub idle: IdleEnv,
    /// Where the programs of `process` sections are looked for.
    pub search: Search,
}

/// Being a daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonEnv {
    /// The file that our process number is written to.
    pub pid: Option<PathBuf>,
    /// The user to become when started as root.
    pub user: String,
    /// Go to the background.
    pub daemonize: bool,
    /// Become that user before helpers are started, not after.
    pub drop: bool,
    /// Permissions that new files never get.
    pub umask: u32,
}

/// What is logged, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEnv {
    /// Log at all; problems are told in any case.
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
    /// For developers.
    Debug,
    /// What happens.
    Info,
    /// What is odd.
    Warning,
    /// What went wrong.
    Error,
    /// What ends us.
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
    /// Port to connect to, for neighbours without `connect`: `port` if that came from a variable, else 179.
    pub connect_port: u16,
    /// The most attempts to connect to a peer; 0: without end. When no peer is left, the daemon ends.
    pub attempts: u32,
    /// Wait for the next full multiple of so many minutes before peers are contacted.
    pub delay: u32,
}

/// The protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BgpEnv {
    /// Never connect, whatever neighbours say.
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
    /// The version of ExaBGP whose events helpers expect that name none: `api.version` of ExaBGP 6.0, but 5 unless set.
    pub version: super::ApiVersion,
    /// Read and shown only: helpers name their encoders.
    pub encoder: super::Encoder,
    /// Shorter JSON of routes.
    pub compact: bool,
    /// Start helpers again that ended.
    pub respawn: bool,
    /// End when a helper can not be started.
    pub terminate: bool,
    /// Look for the pipes of the command line.
    pub cli: bool,
    /// The name of these pipes.
    pub pipename: String,
    /// The name of the control socket, if it is not that of the pipes.
    pub socketname: Option<String>,
    /// Where the control socket is, if it is not looked for.
    pub socketpath: Option<PathBuf>,
}

/// Settings that are read and shown, without any effect.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IdleEnv {
    profile_enable: bool,
    profile_file: String,
    pdb_enable: bool,
    tcp_once: bool,
    tcp_acl: bool,
    cache_attributes: bool,
    cache_nexthops: bool,
    reactor_speed: f64,
}

/// Where the programs of `process` sections are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// `EXABGP_ETC`: what stands for `/etc/exabgp`.
    pub etc: Option<PathBuf>,
    /// The folders of `PATH`.
    pub path: Vec<PathBuf>,
    /// The folder that we were started in.
    pub pwd: PathBuf,
    /// The running program, if it is `oxabgp`: it stands in for ExaBGP's health check, and for itself when it is not in
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
    /// Whether `env` puts the value in quotes.
    pub(crate) quoted: bool,
    /// Takes over a value; an error says what was expected.
    pub(crate) set: fn(&mut Env, &str) -> Result<(), String>,
}

impl std::fmt::Debug for EnvOption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.section, self.name)
    }
}

/// How the settings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A file: sections, sorted.
    File,
    /// Variables, in the order of the table.
    Variables,
}

impl Default for Env {
    fn default() -> Self {
        let mut env = Self::empty();
        for option in OPTIONS {
            // A default is a value; the table is checked by a test.
            let _ = (option.set)(&mut env, option.default_value());
        }
        env
    }
}

impl Env {
    /// The settings of `variables` and of a file, which is given with its name. Also tells what was odd.
    ///
    /// # Errors
    /// One line for each value that is none, and for a file that is no such file.
    pub fn read(
        variables: impl IntoIterator<Item = (String, String)>,
        file: Option<(&str, &str)>,
    ) -> Result<(Self, Vec<String>), Vec<String>> {
        let variables: Vec<(String, String)> = variables.into_iter().collect();
        let (mut env, mut errors, mut warnings) = (Self::default(), Vec::new(), Vec::new());
        if let Some((name, text)) = file {
            env.apply_file(name, text, &mut errors, &mut warnings);
        }
        env.apply_variables(&variables, &mut errors, &mut warnings);
        let find = |name: &str| {
            let found = variables.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.as_str())
        };
        env.search = Search {
            etc: find("EXABGP_ETC")
                .filter(|etc| !etc.is_empty())
                .map(PathBuf::from),
            path: find("PATH")
                .map(|path| std::env::split_paths(path).collect())
                .unwrap_or_default(),
            pwd: std::env::current_dir().unwrap_or_default(),
            program: None,
        };
        if errors.is_empty() {
            Ok((env, warnings))
        } else {
            Err(errors)
        }
    }

    /// The settings of this process's variables and of the file at `path`; a file that is not there says nothing.
    ///
    /// # Errors
    /// As [`Env::read`], and when the file can't be read.
    pub fn load(path: Option<&Path>) -> Result<(Self, Vec<String>), Vec<String>> {
        let variables = std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
        let Some(path) = path else {
            return Self::read(variables, None);
        };
        match std::fs::read_to_string(path) {
            Ok(text) => Self::read(variables, Some((&path.to_string_lossy(), &text))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Self::read(variables, None)
            }
            Err(error) => Err(vec![format!("{}: {error}", path.display())]),
        }
    }

    fn apply_file(
        &mut self,
        name: &str,
        text: &str,
        errors: &mut Vec<String>,
        warnings: &mut Vec<String>,
    ) {
        let (entries, mistakes) = ini::parse(text);
        errors.extend(
            mistakes
                .into_iter()
                .map(|(line, message)| format!("{name}:{line}: {message}")),
        );
        for entry in entries {
            let section = entry
                .section
                .strip_prefix("exabgp.")
                .or_else(|| entry.section.strip_prefix("oxabgp."));
            let option = section.and_then(|section| {
                OPTIONS
                    .iter()
                    .find(|option| option.section == section && option.name == entry.name)
            });
            let line = entry.line;
            match option {
                // ExaBGP takes `once` and the outgoing port from variables only.
                Some(option) => {
                    if let Err(expected) = (option.set)(self, &entry.value) {
                        errors.push(format!(
                            "{name}:{line}: `{}.{}` is `{}`, expected {expected}",
                            option.section, option.name, entry.value
                        ));
                    } else if !option.accepts(&entry.value) {
                        warnings.push(format!(
                            "{name}:{line}: `{}` of `{}.{}` is no yes or no: it means `false`",
                            entry.value, option.section, option.name
                        ));
                    }
                    let once = (option.section, option.name) == ("tcp", "once");
                    if self.is_in_vain(option) || (once && self.idle.tcp_once) {
                        let of = if once { " in a file" } else { "" };
                        warnings.push(format!(
                            "{name}:{line}: `{}.{}` has no effect{of}",
                            option.section, option.name
                        ));
                    }
                }
                None if matches!(section, Some("debug" | "internal")) => {
                    warnings.push(format!(
                        "{name}:{line}: `{}` in `[{}]` has no effect",
                        entry.name, entry.section
                    ));
                }
                None => warnings.push(format!(
                    "{name}:{line}: there is no setting `{}` in `[{}]`",
                    entry.name, entry.section
                )),
            }
        }
        self.tcp.connect_port = 179;
    }

    fn apply_variables(
        &mut self,
        variables: &[(String, String)],
        errors: &mut Vec<String>,
        warnings: &mut Vec<String>,
    ) {
        strangers(variables, warnings);
        let find = |section: &str, name: &str| {
            ["oxabgp", "exabgp"].iter().find_map(|prefix| {
                let dotted = format!("{prefix}.{section}.{name}");
                let plain = format!("{prefix}_{section}_{name}");
                let shell = plain.replace('-', "_");
                [dotted, plain, shell].iter().find_map(|wanted| {
                    variables
                        .iter()
                        .find(|(key, _)| key == wanted)
                        .map(|(key, value)| (key.as_str(), value.as_str()))
                })
            })
        };
        let mut attempts = false;
        for option in OPTIONS {
            if let Some((key, value)) = find(option.section, option.name) {
                let value = unquote(value);
                if let Err(expected) = (option.set)(self, value) {
                    errors.push(format!("`{key}` is `{value}`, expected {expected}"));
                } else if !option.accepts(value) {
                    warnings.push(format!(
                        "`{key}` is `{value}`, which is no yes or no: it means `false`"
                    ));
                }
                if self.is_in_vain(option) {
                    warnings.push(format!("`{key}` has no effect"));
                }
                match option.name {
                    "port" => self.tcp.connect_port = self.tcp.port,
                    "attempts" => attempts = true,
                    _ => {}
                }
            }
        }
        // Older names of `tcp.attempts`, as variables only.
        if let Some((key, value)) = find("tcp", "connections") {
            match value.parse() {
                Ok(value) => self.tcp.attempts = value,
                Err(_) => errors.push(format!("`{key}` is `{value}`, expected a number")),
            }
        } else if find("tcp", "once").is_some() && !attempts {
            self.tcp.attempts = u32::from(self.idle.tcp_once);
        }
    }

    /// Whether an option is set that changes nothing.
    fn is_in_vain(&self, option: &EnvOption) -> bool {
        option.is_idle() && (option.show)(self) != (option.show)(&Self::default())
    }

    /// All settings of ExaBGP 5.0 as its `env` prints them, and `api.version` if it is set; with `changed_only` those that
    /// differ from their defaults.
    pub fn dump(&self, form: Form, changed_only: bool) -> String {
        let default = Self::default();
        let options = OPTIONS
            .iter()
            .filter(|option| match option.name {
                // Read by ExaBGP 6.0, and no setting of its `env` of 5.0.
                "socketname" | "socketpath" => false,
                _ => !option.is_hidden() || (option.show)(self) != (option.show)(&default),
            })
            .filter(|option| !changed_only || (option.show)(self) != (option.show)(&default));
        self.print(form, options.collect())
    }

    /// Every setting there is, with what it does in oxabgp: the log goes to standard error where ExaBGP's default is
    /// `stdout`. With `changed_only` those that differ from their defaults.
    pub fn dump_own(&self, form: Form, changed_only: bool) -> String {
        let default = Self::default();
        let mut shown = self.clone();
        if shown.log.destination == "stdout" {
            shown.log.destination = "stderr".to_owned();
        }
        let options = OPTIONS
            .iter()
            .filter(|option| !changed_only || (option.show)(self) != (option.show)(&default));
        shown.print(form, options.collect())
    }

    fn print(&self, form: Form, mut options: Vec<&EnvOption>) -> String {
        let mut out = String::new();
        if form == Form::File {
            options.sort_by_key(|option| (option.section, option.name));
        }
        let mut section = "";
        for option in options {
            let mut value = (option.show)(self);
            if option.quoted {
                value = format!("'{value}'");
            }
            // Writing to a String cannot fail.
            let _ = match form {
                Form::File if option.section != section => writeln!(
                    out,
                    "\n[exabgp.{}]\n{} = {value}",
                    option.section, option.name
                ),
                Form::File => writeln!(out, "{} = {value}", option.name),
                Form::Variables => {
                    writeln!(out, "exabgp.{}.{}={value}", option.section, option.name)
                }
            };
            section = option.section;
        }
        out
    }
}

/// Warns of variables that look like a setting and are none.
fn strangers(variables: &[(String, String)], warnings: &mut Vec<String>) {
    for (key, _) in variables {
        let own = key.starts_with("oxabgp");
        let rest = key
            .strip_prefix("oxabgp")
            .or_else(|| key.strip_prefix("exabgp"))
            .and_then(|rest| rest.strip_prefix(['.', '_']));
        let Some(rest) = rest else {
            continue;
        };
        let Some((section, name)) = rest.split_once(['.', '_']) else {
            let of_section = OPTIONS.iter().find(|option| option.section == rest);
            if let Some(first) = of_section {
                warnings.push(format!(
                    "`{key}` is no setting: write `{key}_{}` or another setting of `{rest}`",
                    first.name.replace('-', "_")
                ));
            } else if own {
                warnings.push(unknown_section(key, rest));
            }
            continue;
        };
        let name = name.replace('_', "-");
        let in_section = || OPTIONS.iter().filter(|option| option.section == section);
        let known = in_section().any(|option| option.name == name)
            || matches!((section, &*name), ("tcp", "connections") | ("cli", "pipe"));
        if section == "debug" && !name.is_empty() {
            warnings.push(format!("`{key}` has no effect"));
        }
        if known {
            continue;
        }
        if in_section().next().is_none() {
            // Variables that only begin like one of ExaBGP's may be anybody's.
            if own {
                warnings.push(unknown_section(key, section));
            }
            continue;
        }
        let near = crate::text::near_miss(&name, in_section().map(|option| option.name));
        warnings.push(match near {
            Some(near) => format!("`{key}` is no setting: did you mean `{section}.{near}`?"),
            None => format!("`{key}` is no setting: there is none of that name in `{section}`"),
        });
    }
}

/// The warning about a variable whose section does not exist.
fn unknown_section(key: &str, section: &str) -> String {
    let sections = || OPTIONS.iter().map(|option| option.section);
    match crate::text::near_miss(section, sections()) {
        Some(near) => format!("`{key}` is no setting: did you mean a setting of `{near}`?"),
        None => format!("`{key}` is no setting: `oxabgp env` lists them all"),
    }
}

/// Blanks and quotes around a value do not belong to it.
fn unquote(value: &str) -> &str {
    value.trim().trim_matches(['\'', '"'])
}
