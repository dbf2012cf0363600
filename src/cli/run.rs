//! `oxabgp run`: commands of scripts to a running daemon. The exit code says whether they were carried out.

use std::io::{self, BufRead, ErrorKind};
use std::path::PathBuf;
use std::process::ExitCode;

use super::shell::{self, Link, Outcome};
use super::{ControlArgs, REFUSED};

/// The exit code when the daemon does not answer.
const LOST: u8 = 3;

pub(super) fn run(args: &ControlArgs, env_file: Option<PathBuf>) -> ExitCode {
    let Ok(mut link) = shell::open(args, env_file) else {
        return ExitCode::from(LOST);
    };
    let code = if args.command.is_empty() {
        lines(&mut link, args.json)
    } else {
        let words: Vec<&str> = args.command.iter().map(String::as_str).collect();
        one(&mut link, &words, args.json)
    };
    match code {
        Ok(code) => ExitCode::from(code),
        Err(cause) => {
            if cause.kind() != ErrorKind::BrokenPipe {
                eprintln!("error: the daemon does not answer: {cause}");
            }
            ExitCode::from(LOST)
        }
    }
}

/// Carries out one command; its exit code.
fn one(link: &mut Link, words: &[&str], json: bool) -> io::Result<u8> {
    let command = shell::spell(words, json);
    let outcome = shell::ask(link, &command)?;
    shell::tell(&outcome);
    Ok(match outcome {
        Outcome::Done | Outcome::Unanswered => 0,
        Outcome::Failed(_) => REFUSED,
        Outcome::Shutdown | Outcome::Silence => LOST,
    })
}

/// Carries out the lines of standard input, all of them; the worst exit code.
fn lines(link: &mut Link, json: bool) -> io::Result<u8> {
    let mut worst = 0;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        if !words.is_empty() {
            worst = worst.max(one(link, &words, json)?);
        }
    }
    Ok(worst)
}
