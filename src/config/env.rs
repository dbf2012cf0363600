//! The settings of the environment: one table of all options with type, default and meaning.
//!
//! The first of several sources takes precedence: variables `oxabgp.section.option` and `oxabgp_section_option`, then
//! `exabgp.…` and `exabgp_…`, then the file (`[exabgp.section]` or `[oxabgp.section]` above `option = value`), then the
//! default. A invalid value prevents the start and is reported with its place. Settings without effect here are read, so
//! that files made for ExaBGP work unchanged.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

mod ini;
mod options;
mod settings;

use super::utf8::utf8;
use ini::unquote;
pub use options::OPTIONS;
pub use settings::{
    ApiEnv, BgpEnv, DaemonEnv, Env, EnvOption, IdleEnv, LogEnv, LogLevel, Search, TcpEnv,
};

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
    /// The settings of `variables` and of a file, which is given with its name. Also returns warnings.
    ///
    /// # Errors
    /// One line for each invalid value, and for a file that can't be parsed.
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

    /// The settings of this process's variables and of the file at `path`; a missing file is empty.
    ///
    /// # Errors
    /// As [`Env::read`], and when the file can't be read.
    pub fn load(path: Option<&Path>) -> Result<(Self, Vec<String>), Vec<String>> {
        let variables = std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
        let Some(path) = path else {
            return Self::read(variables, None);
        };
        let wrong =
            |cause: &dyn std::fmt::Display| Err(vec![format!("{}: {cause}", path.display())]);
        match std::fs::read(path) {
            Ok(bytes) => match utf8(bytes) {
                Ok(text) => Self::read(variables, Some((&path.to_string_lossy(), &text))),
                Err(cause) => wrong(&cause),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Self::read(variables, None)
            }
            Err(error) => wrong(&error),
        }
    }

    fn apply_file(
        &mut self,
        name: &str,
        text: &str,
        errors: &mut Vec<String>,
        warnings: &mut Vec<String>,
    ) {
        let (entries, refused) = ini::parse(text);
        errors.extend(
            refused
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
                Some(option) => self.apply_entry(option, &entry, name, errors, warnings),
                // It is meant for another section, or for none: `[DEFAULT]` may have any names.
                None if entry.is_default => {}
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

    /// Sets an option to the value of the file `name`.
    fn apply_entry(
        &mut self,
        option: &EnvOption,
        entry: &ini::Entry,
        name: &str,
        errors: &mut Vec<String>,
        warnings: &mut Vec<String>,
    ) {
        let line = entry.line;
        if let Err(expected) = (option.set)(self, &entry.value) {
            errors.push(format!(
                "{name}:{line}: `{}.{}` is `{}`, expected {expected}",
                option.section, option.name, entry.value
            ));
        } else if !option.accepts(&entry.value) {
            warnings.push(format!(
                "{name}:{line}: `{}` of `{}.{}` is not a boolean: it means `false`",
                entry.value, option.section, option.name
            ));
        }
        // ExaBGP takes `once` and the outgoing port from variables only.
        let once = (option.section, option.name) == ("tcp", "once");
        if self.is_in_vain(option) || (once && self.idle.tcp_once) {
            let of = if once { " in a file" } else { "" };
            warnings.push(format!(
                "{name}:{line}: `{}.{}` has no effect{of}",
                option.section, option.name
            ));
        }
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
                        "`{key}` is `{value}`, which is not a boolean: it means `false`"
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

    /// Returns `true` if an option without effect is set.
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
                // Our own.
                "full-access" | "read-only" | "no-new-privileges" => false,
                _ => !option.is_hidden() || (option.show)(self) != (option.show)(&default),
            })
            .filter(|option| !changed_only || (option.show)(self) != (option.show)(&default));
        self.print(form, options.collect())
    }

    /// All settings with their values in oxabgp: the log goes to standard error where ExaBGP's default is
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

/// Warns about variables that look like a setting but are not one.
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
                    "`{key}` is not a setting: write `{key}_{}` or another setting of `{rest}`",
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
            // Variables that only begin like one of ExaBGP's may belong to other programs.
            if own {
                warnings.push(unknown_section(key, section));
            }
            continue;
        }
        let near = crate::text::near_miss(&name, in_section().map(|option| option.name));
        warnings.push(match near {
            Some(near) => format!("`{key}` is not a setting: did you mean `{section}.{near}`?"),
            None => format!("`{key}` is not a setting: `{section}` has no setting of that name"),
        });
    }
}

/// The warning about a variable whose section does not exist.
fn unknown_section(key: &str, section: &str) -> String {
    let sections = || OPTIONS.iter().map(|option| option.section);
    match crate::text::near_miss(section, sections()) {
        Some(near) => format!("`{key}` is not a setting: did you mean a setting of `{near}`?"),
        None => format!("`{key}` is not a setting: `oxabgp env` lists them all"),
    }
}
