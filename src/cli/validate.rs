//! `oxabgp validate`: is the configuration good? `oxabgp env`: which settings are in force?

use std::path::PathBuf;
use std::process::ExitCode;

use super::{EnvArgs, REFUSED, ValidateArgs};
use crate::config::Config;
use crate::config::env::Form;

pub(super) fn run(args: &ValidateArgs, env_file: Option<PathBuf>) -> ExitCode {
    let env = match super::settings(env_file) {
        Ok(env) => env,
        Err(code) => return code,
    };
    let mut code = ExitCode::SUCCESS;
    for path in &args.configuration {
        match Config::load(path, &env) {
            Ok((config, warnings)) => {
                if !warnings.is_empty() {
                    eprintln!("{warnings}");
                }
                let routes: usize = config
                    .neighbors
                    .iter()
                    .flat_map(|neighbor| &neighbor.routes)
                    .map(|route| route.nlri.len())
                    .sum();
                eprintln!(
                    "{}: good: {}, {}, {}",
                    path.display(),
                    count(config.neighbors.len(), "neighbor"),
                    count(config.processes.len(), "process"),
                    count(routes, "route"),
                );
                if args.verbose || args.print {
                    for neighbor in &config.neighbors {
                        println!("{neighbor:?}");
                    }
                }
            }
            Err(mistakes) => {
                eprintln!("{mistakes}");
                eprintln!("error: {} is not a valid config file", path.display());
                code = ExitCode::from(REFUSED);
            }
        }
    }
    code
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
            print!(
                "{}",
                env.dump(
                    if args.env {
                        Form::Variables
                    } else {
                        Form::File
                    },
                    args.diff
                )
            );
            ExitCode::SUCCESS
        }
        Err(code) => code,
    }
}
