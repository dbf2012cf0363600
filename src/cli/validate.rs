//! `oxabgp validate`: is the configuration good? `oxabgp env`: which settings are in force?

use std::path::PathBuf;
use std::process::ExitCode;

use super::{EnvArgs, REFUSED, ValidateArgs};
use crate::config::env::Form;
use crate::config::{Config, Env, Secrets, diff};

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
                if !show(args, &config, &env) {
                    code = ExitCode::from(REFUSED);
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

/// Prints what was asked for; whether that could be done.
fn show(args: &ValidateArgs, config: &Config, env: &Env) -> bool {
    if args.json {
        println!("{}", config.json(Secrets::Hidden));
    } else if args.verbose || args.print {
        print!("{}", config.render(Secrets::Hidden));
    }
    let Some(old) = &args.against else {
        return true;
    };
    match Config::load(old, env) {
        Ok((old, _)) => {
            for change in diff(&old, config) {
                println!("{change}");
            }
            true
        }
        Err(mistakes) => {
            eprintln!("{mistakes}");
            false
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
