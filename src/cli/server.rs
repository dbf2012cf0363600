//! `oxabgp server`: run the speaker.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use tracing::error;

use super::log::{self, Verbosity};
use super::{REFUSED, ServerArgs};
use crate::daemon::{self, Fatal, Origin};

pub(super) fn run(args: &ServerArgs, env_file: Option<PathBuf>) -> ExitCode {
    let mut env = match super::settings(env_file) {
        Ok(env) => env,
        Err(code) => return code,
    };
    let verbosity = if args.verbose || args.debug {
        Verbosity::Verbose
    } else {
        Verbosity::Normal
    };
    log::start(&env.log, verbosity);
    if args.passive {
        env.bgp.passive = true;
    }
    if args.once {
        env.tcp.attempts = 1;
    }
    let [configuration] = &args.configuration[..] else {
        eprintln!("error: one configuration at a time\nhelp: start one `oxabgp server` for each");
        return ExitCode::from(REFUSED);
    };
    let origin = Origin {
        path: configuration.clone(),
        reload_after: args.signal.map(Duration::from_secs),
    };
    match daemon::run(&origin, env) {
        Ok(code) => ExitCode::from(code),
        Err(Fatal::Configuration(mistakes)) => {
            eprint!("{mistakes}");
            error!(configuration = %configuration.display(), "the configuration has mistakes, nothing was started");
            ExitCode::from(REFUSED)
        }
        Err(fatal) => {
            error!("{fatal}");
            ExitCode::from(REFUSED)
        }
    }
}
