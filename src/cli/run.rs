//! `oxabgp run`: sends commands of scripts to a running daemon. The exit code reports whether they were carried out.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::shell::{self, Link, Lost, Outcome};
use super::{REFUSED, RunArgs};

/// The exit code if the daemon does not answer.
const LOST: u8 = 3;

pub(super) fn run(args: &RunArgs, env_file: Option<PathBuf>) -> ExitCode {
    let (batch, args) = (args.batch.as_deref(), &args.control);
    let file = match batch.filter(|path| *path != Path::new("-")) {
        Some(path) => match File::open(path) {
            Ok(file) => Some(file),
            Err(cause) => {
                errln!("error: {}: {cause}", path.display());
                return ExitCode::from(REFUSED);
            }
        },
        None => None,
    };
    let env = match super::settings(env_file) {
        Ok(env) => env,
        Err(code) => return code,
    };
    let mut link = match shell::find(args, &env) {
        Ok(link) => link,
        Err(lost) => {
            let code = match lost {
                Lost::Ambiguous(_) => REFUSED,
                Lost::Nowhere { .. } | Lost::Refused(..) => LOST,
            };
            shell::report_lost(lost);
            return ExitCode::from(code);
        }
    };
    let code = match file {
        Some(file) => lines(&mut link, BufReader::new(file), args.json),
        None if args.command.is_empty() => lines(&mut link, io::stdin().lock(), args.json),
        None => {
            let words: Vec<&str> = args.command.iter().map(String::as_str).collect();
            one(&mut link, &words, args.json).map(|outcome| {
                shell::report(&outcome);
                code(&outcome)
            })
        }
    };
    let code =
        code.and_then(
            |code| match shell::is_left_open(&mut link).map_err(Failure::Daemon)? {
                true => Ok(code.max(REFUSED)),
                false => Ok(code),
            },
        );
    match code {
        Ok(code) => ExitCode::from(code),
        Err(Failure::Input(cause)) => {
            errln!("error: cannot read the commands: {cause}");
            ExitCode::from(REFUSED)
        }
        Err(Failure::Daemon(cause)) => {
            errln!("error: {}", shell::explain(&cause));
            ExitCode::from(LOST)
        }
    }
}

/// Why not all commands were carried out.
enum Failure {
    /// The commands cannot be read.
    Input(io::Error),
    /// The connection to the daemon is lost.
    Daemon(io::Error),
}

/// Runs one command. That of a shutdown has ended when the daemon has. The events that follow `watch` are printed until the
/// daemon or the reader of the output closes its end.
fn one(link: &mut Link, words: &[&str], json: bool) -> Result<Outcome, Failure> {
    let command = shell::spell(words, json);
    let outcome = shell::ask(link, &command).map_err(Failure::Daemon)?;
    shell::follow_watch(link, (&command, &outcome)).map_err(Failure::Daemon)?;
    if outcome.is_accepted() && is_shutdown(&command) {
        link.ended();
    }
    Ok(outcome)
}

fn is_shutdown(command: &str) -> bool {
    let mut words = command.split_ascii_whitespace();
    match words.next() {
        Some("daemon") => words.next() == Some("shutdown"),
        word => word == Some("shutdown"),
    }
}

const fn code(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Done | Outcome::Warned(_) | Outcome::Unanswered => 0,
        Outcome::Failed(_) | Outcome::NoEffect(_) => REFUSED,
        Outcome::Shutdown | Outcome::Silence => LOST,
    }
}

/// Runs all lines. Returns the worst exit code. Refused commands are reported with their line number.
fn lines(link: &mut Link, input: impl BufRead, json: bool) -> Result<u8, Failure> {
    let mut worst = 0;
    for (index, line) in input.split(b'\n').enumerate() {
        let line = line.map_err(Failure::Input)?;
        let line = String::from_utf8_lossy(&line);
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        if words.first().is_none_or(|word| word.starts_with('#')) {
            continue;
        }
        let outcome = one(link, &words, json)?;
        if !matches!(outcome, Outcome::Done | Outcome::Unanswered) {
            err!("line {}: ", index + 1);
        }
        shell::report(&outcome);
        worst = worst.max(code(&outcome));
    }
    Ok(worst)
}
