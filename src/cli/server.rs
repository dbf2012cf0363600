//! `oxabgp server`: runs the speaker.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use tracing::error;

use super::log::{self, LineFormat, Verbosity};
use super::{REFUSED, ServerArgs, output};
use crate::config::env::ApiEnv;
use crate::daemon::control::paths;
use crate::daemon::{self, Fatal, Origin};

pub(super) fn run(args: &ServerArgs, env_file: Option<PathBuf>) -> ExitCode {
    let mut env = match super::settings(env_file.clone()) {
        Ok(env) => env,
        Err(code) => return code,
    };
    let verbosity = if args.verbose || args.debug {
        Verbosity::Verbose
    } else {
        Verbosity::Normal
    };
    if args.configuration.len() > 1 && log::is_file(&env.log.destination) {
        errln!("error: can not log to files when running multiple configuration (as we fork)");
        errln!("help: start one `oxabgp server` for each, or log to syslog");
        return ExitCode::from(REFUSED);
    }
    let missing = missing(&args.configuration);
    if !missing.is_empty() {
        for path in missing {
            errln!("error: there is no file `{}`", path.display());
        }
        return ExitCode::from(REFUSED);
    }
    daemon::hold_file_limit();
    log::start(&env.log, verbosity, args.log_format);
    super::warn_without_effect(&[
        (args.memory, "--memory"),
        (args.pdb, "--pdb"),
        (args.profile.is_some(), "--profile"),
    ]);
    if args.passive {
        env.bgp.passive = true;
    }
    if args.once {
        env.tcp.attempts = 1;
    }
    let [configuration] = &args.configuration[..] else {
        return finish(daemon::run_several(
            each(args, env_file.as_deref(), &env.api),
            &env,
        ));
    };
    let origin = Origin {
        path: configuration.clone(),
        reload_after: args.signal.map(Duration::from_secs),
    };
    finish(daemon::run(&origin, env))
}

/// The files of several that are missing, which are reported before a daemon is started for the others.
fn missing(configuration: &[PathBuf]) -> Vec<&Path> {
    let all = configuration.iter().map(PathBuf::as_path);
    match configuration.len() {
        0 | 1 => Vec::new(),
        _ => all.filter(|path| !path.exists()).collect(),
    }
}

fn finish(ended: Result<u8, Fatal>) -> ExitCode {
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(Fatal::Configuration(errors)) => {
            match output::complains_in_json() {
                true => errors.lines().for_each(|line| errln!("error: {line}")),
                false => err!("{errors}"),
            }
            error!("the configuration has errors, nothing was started");
            ExitCode::from(REFUSED)
        }
        Err(fatal) => {
            error!("{fatal}");
            ExitCode::from(REFUSED)
        }
    }
}

/// One invocation of this program for each configuration.
fn each(args: &ServerArgs, env_file: Option<&Path>, api: &ApiEnv) -> Vec<Command> {
    let program = std::env::current_exe().unwrap_or_else(|_| "oxabgp".into());
    let called = std::env::args_os().next().unwrap_or_default();
    let mut names: Vec<String> = Vec::new();
    let mut name = |configuration: &Path| {
        let stem = configuration.file_stem().unwrap_or_default();
        let stem = stem.to_string_lossy().into_owned();
        let numbered = (2..).map(|number| format!("{stem}-{number}"));
        let mut candidates = std::iter::once(stem.clone()).chain(numbered);
        let name = candidates
            .find(|name| !names.contains(name))
            .unwrap_or(stem);
        names.push(name.clone());
        name
    };
    let command = |configuration: &PathBuf| {
        let name = name(configuration);
        let mut command = Command::new(&program);
        command.arg0(&called).arg("server");
        own_socket(&mut command, api, &name);
        for (given, option) in [
            (args.verbose || args.debug, "--verbose"),
            (args.once, "--once"),
            (args.passive, "--passive"),
            (args.log_format == LineFormat::Json, "--log-format=json"),
        ] {
            if given {
                command.arg(option);
            }
        }
        if let Some(seconds) = args.signal {
            command.args(["--signal", &seconds.to_string()]);
        }
        if let Some(file) = env_file {
            command.arg("--env-file").arg(file);
        }
        command.arg(configuration);
        command
    };
    args.configuration.iter().map(command).collect()
}

/// Assigns a separate control socket to the daemon of one of several configurations.
fn own_socket(command: &mut Command, api: &ApiEnv, name: &str) {
    let (setting, value, group) = match &api.socketpath {
        Some(path) => (
            "socketpath",
            paths::sibling(path, name).into_os_string(),
            paths::group_of(path),
        ),
        None => {
            let all = api.socketname.as_ref().unwrap_or(&api.pipename);
            ("socketname", format!("{all}-{name}").into(), all.clone())
        }
    };
    command.env(paths::GROUP_VARIABLE, group);
    for prefix in ["exabgp_api_", "exabgp.api."] {
        command.env_remove(format!("{prefix}{setting}"));
    }
    command.env(format!("oxabgp_api_{setting}"), value);
}
