//! `oxabgp cli`: commands to a running daemon, by one call each, from a terminal, or from standard input.
//!
//! One command behaves as `exabgp cli` does: abbreviations are spelt out and shown, answers go to standard output, what
//! went wrong to standard error, and the exit code is 0 even for a command that was refused; `oxabgp run` is for scripts.

use std::io::{self, BufRead, ErrorKind, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{Config, Editor, Helper};

use super::{ControlArgs, REFUSED};
use crate::daemon::control::places;

mod history;
mod link;
mod words;

use history::History;
pub(crate) use link::{Link, Lost, Outcome};

/// What ExaBGP says of a refused command.
const REFUSAL: &str = "ExaBGP returns an error (see ExaBGP's logs for more information)\nuse help for a list of available commands";
/// What it says when no answer ends.
const NO_END: &str = "\nwarning: no end of command message received\nwarning: normal if exabgp.api.ack is set to false otherwise some data may get stuck on the pipe\nwarning: otherwise it may cause exabgp reactor to block";

pub(super) fn run(args: &ControlArgs, env_file: Option<PathBuf>) -> ExitCode {
    let mut link = match open(args, env_file) {
        Ok(link) => link,
        Err(code) => return code,
    };
    let outcome = if !args.command.is_empty() {
        let words: Vec<&str> = args.command.iter().map(String::as_str).collect();
        one(&mut link, &words, args.json)
    } else if super::exabgp::is_exabgp() {
        println!("no commmand provided, sending \"help\"");
        one(&mut link, &["help"], args.json)
    } else if io::stdin().is_terminal() {
        converse(&mut link, args.json)
    } else {
        lines(&mut link, args.json)
    };
    match outcome {
        Ok(code) => code,
        // Whoever read our output has heard enough.
        Err(cause) if cause.kind() == ErrorKind::BrokenPipe => ExitCode::from(REFUSED),
        Err(cause) => {
            eprintln!("{}", explain(&cause));
            ExitCode::from(REFUSED)
        }
    }
}

/// Finds the daemon, or says that there is none.
pub(super) fn open(args: &ControlArgs, env_file: Option<PathBuf>) -> Result<Link, ExitCode> {
    let env = super::settings(env_file)?;
    let found = Link::find(args.socket.clone(), args.pipename.as_deref(), &env);
    found.map_err(|lost| {
        match lost {
            Lost::Nowhere(name) => {
                println!("could not find ExaBGP's named pipes ({name}.in and {name}.out) for the cli");
                println!("we scanned the following folders (the number is your PID):");
                for folder in places::pipe_folders() {
                    println!(" - {}/", folder.display().to_string().trim_end_matches('/'));
                }
                eprintln!("error: there is no control socket `{name}.sock` either");
                eprintln!("help: is the daemon running, for the same user? Its log says where its control socket is, or why it could not be made; `--socket` and `--pipename` say where to look");
            }
            Lost::Ambiguous(paths) => {
                eprintln!("error: several daemons run here, and it is not clear which one is meant:");
                for path in paths {
                    eprintln!("  --socket {}", path.display());
                }
                eprintln!("help: put one of these options in front of the command");
            }
            Lost::Refused(path, cause) => {
                eprintln!("error: `{path}` does not answer: {}", explain(&cause));
                eprintln!("help: is the daemon running, and are you its user?");
            }
        }
        ExitCode::from(REFUSED)
    })
}

fn explain(cause: &io::Error) -> String {
    match cause.kind() {
        ErrorKind::TimedOut => "could not send command to ExaBGP (command timeout)".to_owned(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
            "the daemon is gone".to_owned()
        }
        _ => cause.to_string(),
    }
}

/// The command that the words mean; shown if it is not what was typed.
pub(super) fn spell(typed: &[&str], json: bool) -> String {
    let command = words::expand(typed);
    if command != typed.join(" ").trim() {
        println!("command: {command}");
    }
    if json {
        words::as_json(&command)
    } else {
        command
    }
}

/// Sends one command and shows what is answered.
fn one(link: &mut Link, typed: &[&str], json: bool) -> io::Result<ExitCode> {
    let command = spell(typed, json);
    let outcome = ask(link, &command)?;
    tell(&outcome);
    Ok(ExitCode::SUCCESS)
}

/// Sends a command; its answer goes to standard output.
pub(super) fn ask(link: &mut Link, command: &str) -> io::Result<Outcome> {
    let mut out = io::stdout().lock();
    let outcome = link.ask(command, &mut |line| {
        out.write_all(line)?;
        out.write_all(b"\n")
    })?;
    out.flush()?;
    Ok(outcome)
}

/// Says on standard error what went wrong.
pub(super) fn tell(outcome: &Outcome) {
    match outcome {
        Outcome::Done | Outcome::Unanswered => {}
        Outcome::Failed(Some(reason)) => eprintln!("error: {reason}"),
        Outcome::Failed(None) => eprintln!("{REFUSAL}"),
        Outcome::Shutdown => eprintln!("ExaBGP is shutting down, command aborted"),
        Outcome::Silence => eprintln!("{NO_END}"),
    }
}

/// Sends each line of standard input.
fn lines(link: &mut Link, json: bool) -> io::Result<ExitCode> {
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        if !words.is_empty() {
            one(link, &words, json)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What the line editor knows of commands.
struct Commands;

impl Helper for Commands {}
impl Highlighter for Commands {}
impl Validator for Commands {}
impl Hinter for Commands {
    type Hint = String;
}

impl Completer for Commands {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &rustyline::Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(words::complete(line.get(..position).unwrap_or(line)))
    }
}

/// Talks with somebody at a terminal.
fn converse(link: &mut Link, json: bool) -> io::Result<ExitCode> {
    let config = Config::builder()
        .auto_add_history(true)
        .history_ignore_space(true)
        .build();
    let mut said = History::load();
    let mut editor = Editor::<Commands, MemHistory>::with_history(config, MemHistory::new())
        .map_err(io::Error::other)?;
    editor.set_helper(Some(Commands));
    for line in said.lines() {
        editor.add_history_entry(line).map_err(io::Error::other)?;
    }
    println!("`help` lists the commands, `help all` shows examples, TAB completes, `exit` leaves");
    loop {
        let line = match editor.readline("oxabgp> ") {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(ExitCode::SUCCESS),
            Err(cause) => return Err(io::Error::other(cause)),
        };
        said.add(&line);
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match &words[..] {
            [] => {}
            ["exit" | "quit"] => return Ok(ExitCode::SUCCESS),
            words => {
                one(link, words, json)?;
            }
        }
    }
}
