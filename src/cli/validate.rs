//! `oxabgp validate`: checks a configuration. `oxabgp env`: lists the settings.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::shell::{self, Outcome};
use super::{ControlArgs, EnvArgs, MigrateArgs, REFUSED, ValidateArgs};
use crate::config::env::Form;
use crate::config::{Config, Env, Secrets, changes_json, diff, utf8};

/// What `--against` calls the configuration of the daemon that runs.
const RUNNING: &str = "running";

/// The JSON schema of what `validate --json` prints.
const SCHEMA: &str = include_str!("validate.schema.json");

pub(super) fn run(args: &ValidateArgs, env_file: Option<PathBuf>) -> ExitCode {
    let env = match super::settings(env_file.clone()) {
        Ok(env) => env,
        Err(code) => return code,
    };
    super::warn_without_effect(&[(args.pdb, "--pdb")]);
    if args.schema {
        out!("{SCHEMA}");
        return ExitCode::SUCCESS;
    }
    let mut code = ExitCode::SUCCESS;
    for path in &args.configuration {
        match Config::load(path, &env) {
            Ok((config, warnings)) => {
                if !warnings.is_empty() {
                    errln!("{warnings}");
                }
                warnings.extensions().for_each(|note| errln!("{note}"));
                let routes: usize = config
                    .neighbors
                    .iter()
                    .flat_map(|neighbor| &neighbor.routes)
                    .map(|route| route.nlri.len())
                    .sum();
                errln!(
                    "{}: good: {}, {}, {}",
                    path.display(),
                    count(config.neighbors.len(), "neighbor"),
                    count(config.processes.len(), "process"),
                    count(routes, "route"),
                );
                let shown = match &args.against {
                    Some(old) if old.as_os_str() == RUNNING => {
                        preview(args, path, env_file.clone())
                    }
                    _ => show(args, &config, &env),
                };
                if !shown {
                    code = ExitCode::from(REFUSED);
                }
            }
            Err(errors) => {
                errln!("{errors}");
                errln!("error: {} is not a valid config file", path.display());
                code = ExitCode::from(REFUSED);
            }
        }
    }
    code
}

/// Prints what the daemon that runs would change if it read this file. Returns `true` if that succeeded.
fn preview(args: &ValidateArgs, path: &Path, env_file: Option<PathBuf>) -> bool {
    let control = ControlArgs {
        pipename: args.pipename.clone(),
        socket: args.socket.clone(),
        json: args.json,
        command: Vec::new(),
    };
    let Ok(path) = std::path::absolute(path) else {
        errln!("error: the working directory is unknown");
        return false;
    };
    let Ok(mut link) = shell::open(&control, env_file) else {
        return false;
    };
    let json = if args.json { "json " } else { "" };
    let command = format!("reload preview {json}{}", path.display());
    let answer = link.ask(&command, &mut |line| {
        outln!("{}", String::from_utf8_lossy(line));
        Ok(())
    });
    match answer {
        Ok(Outcome::Failed(reason)) => {
            let reason = reason.unwrap_or_else(|| "the command is refused".to_owned());
            errln!("error: the daemon answers: {reason}");
            false
        }
        Ok(_) => true,
        Err(cause) => {
            errln!("error: {}", shell::explain(&cause));
            false
        }
    }
}

/// Prints what was requested. Returns `true` if that succeeded.
fn show(args: &ValidateArgs, config: &Config, env: &Env) -> bool {
    let is_text = args.verbose || args.print;
    match (args.json, &args.against) {
        (true, None) => outln!("{}", config.json(Secrets::Hidden)),
        (false, _) if is_text => out!("{}", config.render(Secrets::Hidden)),
        // The changes are one value, too.
        _ => {}
    }
    let Some(old) = &args.against else {
        return true;
    };
    match Config::load(old, env) {
        Ok((old, _)) => {
            let changes = diff(&old, config);
            match args.json {
                true => outln!("{}", changes_json(&changes)),
                false => changes.iter().for_each(|change| outln!("{change}")),
            }
            true
        }
        Err(errors) => {
            errln!("{errors}");
            false
        }
    }
}

/// Prints a configuration in today's syntax; errors, and what has to be done by hand, go to standard error.
pub(super) fn migrate(args: &MigrateArgs, env_file: Option<PathBuf>) -> ExitCode {
    let env = match super::settings(env_file) {
        Ok(env) => env,
        Err(code) => return code,
    };
    let path = &args.configuration;
    let read = std::fs::read(path).map_err(|cause| cause.to_string());
    let old = match read.and_then(utf8) {
        Ok(old) => old,
        Err(cause) => {
            errln!("error: {}: {cause}", path.display());
            return ExitCode::from(REFUSED);
        }
    };
    let new = crate::config::migrate(&old);
    out!("{new}");
    let name = path.to_string_lossy();
    let directory = path.parent().unwrap_or_else(|| Path::new(""));
    match Config::parse(&name, &new, directory, &env) {
        Ok((_, left)) => {
            left.lines().for_each(|line| errln!("{line}"));
            ExitCode::SUCCESS
        }
        Err(errors) => {
            errln!("{errors}");
            ExitCode::from(REFUSED)
        }
    }
}

fn count(number: usize, noun: &str) -> String {
    let ending = match (number, noun.ends_with('s')) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{number} {noun}{ending}")
}

pub(super) fn env(args: &EnvArgs, env_file: Option<PathBuf>) -> ExitCode {
    match super::settings(env_file) {
        Ok(env) => {
            let form = if args.env {
                Form::Variables
            } else {
                Form::File
            };
            if super::exabgp::is_exabgp() {
                out!("{}", env.dump(form, args.diff));
            } else {
                out!("{}", env.dump_own(form, args.diff));
            }
            ExitCode::SUCCESS
        }
        Err(code) => code,
    }
}
