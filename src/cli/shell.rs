//! `oxabgp cli`: sends commands to a running daemon: from the command line, from a terminal, or from standard input.
//!
//! A single command behaves as with `exabgp cli`: abbreviations are expanded and shown, answers go to standard
//! output, errors to standard error, and the exit code is 0 even for a command that was refused; `oxabgp run` is
//! meant for scripts.

use std::io::{self, BufRead, ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{Config, Editor, Helper};

use super::{ControlArgs, REFUSED, output};
use crate::config::Env;
use crate::daemon::control::paths;

mod history;
mod link;
mod watch;
mod words;

use history::History;
pub(crate) use link::{Link, Lost, Outcome};
use watch::{Interrupts, follow, is_watch};

/// ExaBGP's text for a refused command.
const REFUSAL: &str = "ExaBGP returns an error (see ExaBGP's logs for more information)\nuse help for a list of available commands";
/// ExaBGP's text for an answer without an end.
const NO_END: &str = "\nwarning: no end of command message received\nwarning: normal if exabgp.api.ack is set to false otherwise some data may get stuck on the pipe\nwarning: otherwise it may cause exabgp reactor to block";

pub(super) fn run(args: &ControlArgs, env_file: Option<PathBuf>) -> ExitCode {
    let mut link = match open(args, env_file.clone()) {
        Ok(link) => link,
        Err(code) => return code,
    };
    let ended = if !args.command.is_empty() {
        let words: Vec<&str> = args.command.iter().map(String::as_str).collect();
        one(&mut link, &words, args.json).and_then(|code| {
            is_left_open(&mut link)?;
            Ok(code)
        })
    } else if super::exabgp::is_exabgp() {
        outln!("no commmand provided, sending \"help\"");
        one(&mut link, &["help"], args.json)
    } else if io::stdin().is_terminal() {
        let again = || open(args, env_file.clone());
        return converse(link, &again, args.json);
    } else {
        lines(&mut link, args.json).and_then(|code| {
            is_left_open(&mut link)?;
            Ok(code)
        })
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => report_error(&cause),
    }
}

/// Reports an error of the connection on standard error. Returns the exit code.
fn report_error(cause: &io::Error) -> ExitCode {
    errln!("error: {}", explain(cause));
    ExitCode::from(REFUSED)
}

/// Connects to the daemon, or reports on standard error that it cannot: what was looked for, where, and what to do.
pub(super) fn open(args: &ControlArgs, env_file: Option<PathBuf>) -> Result<Link, ExitCode> {
    let env = super::settings(env_file)?;
    find(args, &env).map_err(report_lost)
}

/// Connects to the daemon.
pub(super) fn find(args: &ControlArgs, env: &Env) -> Result<Link, Lost> {
    Link::find(args.socket.clone(), args.pipename.as_deref(), env)
}

/// The path of the control socket of a running daemon; reports on standard error that there is none.
#[cfg(feature = "stream")]
pub(super) fn find_socket(env_file: Option<PathBuf>) -> Result<PathBuf, ExitCode> {
    let env = super::settings(env_file)?;
    link::socket(&env).map_err(report_lost)
}

/// Reports on standard error why there is no connection. Returns the exit code.
pub(super) fn report_lost(lost: Lost) -> ExitCode {
    match lost {
        Lost::Nowhere { pipes, socket } if super::exabgp::is_exabgp() => {
            // Scripts parse ExaBGP's own text, where it has one.
            outln!("could not find ExaBGP's named pipes ({pipes}.in and {pipes}.out) for the cli");
            outln!("we scanned the following folders (the number is your PID):");
            for directory in paths::pipe_directories() {
                outln!(
                    " - {}/",
                    directory.display().to_string().trim_end_matches('/')
                );
            }
            errln!("error: there is no control socket `{socket}.sock` either");
            errln!(
                "help: is the daemon running, for the same user? use `--socket` or `--pipename` for another location"
            );
        }
        Lost::Nowhere { pipes, socket } => {
            errln!(
                "error: no daemon found: no control socket `{socket}.sock`, no named pipes `{pipes}.in` and `{pipes}.out`"
            );
            errln!("searched: {}", searched(&socket));
            errln!(
                "help: is it running, for the same user? Its log shows where its control socket is, or why there is none; use `--socket` or `--pipename` for another location"
            );
        }
        Lost::Ambiguous(paths) => {
            errln!("error: several daemons are running: select one");
            for path in paths {
                errln!("  --socket {}", path.display());
            }
            errln!("help: use one of these options before the command");
        }
        Lost::Refused(path, cause) => {
            errln!("error: `{path}` does not answer: {}", explain(&cause));
            errln!("help: is the daemon running, and are you its user?");
        }
    }
    ExitCode::from(REFUSED)
}

/// The directories that were searched for a daemon, without duplicates.
fn searched(socket: &str) -> String {
    let mut directories: Vec<String> = Vec::new();
    let sockets = paths::sockets(socket);
    let parents = sockets.iter().filter_map(|path| path.parent());
    for directory in parents.map(Path::to_owned).chain(paths::pipe_directories()) {
        let directory = directory.display().to_string();
        if !directories.contains(&directory) {
            directories.push(directory);
        }
    }
    directories.join(" ")
}

/// The text for an error of the connection.
pub(super) fn explain(cause: &io::Error) -> String {
    match cause.kind() {
        ErrorKind::TimedOut => "could not send command to ExaBGP (command timeout)".to_owned(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
            "the daemon has closed the connection before its answer was complete".to_owned()
        }
        _ => cause.to_string(),
    }
}

/// The expanded command, which is shown if it differs from what was typed. With JSON nothing else is printed.
pub(super) fn spell(typed: &[&str], json: bool) -> String {
    let command = words::expand(typed);
    if json {
        return words::as_json(&command);
    }
    if command != typed.join(" ").trim() {
        outln!("command: {command}");
    }
    command
}

/// Sends one command and prints the answer, and the events that follow it.
fn one(link: &mut Link, typed: &[&str], json: bool) -> io::Result<()> {
    let command = spell(typed, json);
    let outcome = ask(link, &command)?;
    report(&outcome);
    follow_watch(link, (&command, &outcome))
}

/// Prints the events that follow a command, if it was `watch` and was carried out.
///
/// # Errors
/// Returns an error if the connection to the daemon is lost.
pub(super) fn follow_watch(
    link: &mut Link,
    (command, outcome): (&str, &Outcome),
) -> io::Result<()> {
    match outcome.is_accepted() && is_watch(command) {
        true => follow(link, None),
        false => Ok(()),
    }
}

/// Sends a command and prints the answer to standard output, unless that is closed.
///
/// # Errors
/// Returns an error if the connection to the daemon is lost.
pub(super) fn ask(link: &mut Link, command: &str) -> io::Result<Outcome> {
    let is_routes = command.starts_with("show adj-rib ") && super::exabgp::is_client_42();
    // Scripts of ExaBGP get its hints, and its daemon, behind pipes, knows no table.
    let is_own = link.is_socket() && !super::exabgp::is_exabgp();
    let table = words::as_table(command).filter(|_| is_own);
    let command = table.as_deref().unwrap_or(command);
    let outcome = link.ask(command, &mut |line| {
        // In 4.2, each line starts with a word that 5.0 only has in the extensive form.
        if is_routes
            && line
                .first()
                .is_some_and(|byte| byte.is_ascii_hexdigit() || *byte == b':')
        {
            output::write(b"neighbor ");
        }
        output::write(line);
        output::write(b"\n");
        Ok(())
    });
    output::flush();
    outcome
}

/// Reports on standard error that a batch or a set was started and not ended, which is discarded with the connection.
/// Returns `true` if there was one.
pub(super) fn is_left_open(link: &mut Link) -> io::Result<bool> {
    let left = link.discard()?;
    if let Some(left) = &left {
        errln!("error: {left}");
    }
    Ok(left.is_some())
}

/// Reports errors on standard error.
pub(super) fn report(outcome: &Outcome) {
    match outcome {
        Outcome::Done | Outcome::Unanswered => {}
        Outcome::Warned(reason) => errln!("warning: {reason}"),
        Outcome::NoEffect(reason) => errln!("warning: the command has no effect: {reason}"),
        Outcome::Failed(Some(reason)) => errln!("error: {reason}"),
        Outcome::Failed(None) => errln!("{REFUSAL}"),
        Outcome::Shutdown => errln!("ExaBGP is shutting down, command aborted"),
        Outcome::Silence => errln!("{NO_END}"),
    }
}

/// Sends each line of standard input.
fn lines(link: &mut Link, json: bool) -> io::Result<()> {
    for line in io::stdin().lock().split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        if !words.is_empty() {
            one(link, &words, json)?;
        }
    }
    Ok(())
}

/// Completion of commands for the line editor.
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

/// Runs an interactive session on a terminal. `again` connects another time.
fn converse(mut link: Link, again: &dyn Fn() -> Result<Link, ExitCode>, json: bool) -> ExitCode {
    let (mut history, mut editor) = match editor() {
        Ok(both) => both,
        Err(cause) => return report_error(&cause),
    };
    outln!("`help` lists the commands, `help all` shows examples, TAB completes, `exit` exits");
    loop {
        let line = match editor.readline("oxabgp> ") {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return ExitCode::SUCCESS,
            Err(ReadlineError::Io(cause)) if cause.kind() == ErrorKind::InvalidData => {
                errln!("\nerror: what was typed is not valid UTF-8, and the line is dropped");
                continue;
            }
            Err(cause) => return report_error(&io::Error::other(cause)),
        };
        history.add(&line);
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let command = match &words[..] {
            [] => continue,
            ["exit" | "quit"] => return ExitCode::SUCCESS,
            words => spell(words, json),
        };
        match send(&mut link, &command) {
            Ok(Sent::Answered) => {}
            // The daemon goes on sending events to the connection.
            Ok(Sent::Watched) => match again() {
                Ok(new) => link = new,
                Err(code) => return code,
            },
            Err(cause) => return report_error(&cause),
        }
    }
}

/// What became of a command.
enum Sent {
    /// Its answer was printed.
    Answered,
    /// Events were printed until ^C was pressed.
    Watched,
}

/// Sends a command of an interactive session and prints what follows it.
fn send(link: &mut Link, command: &str) -> io::Result<Sent> {
    let interrupts = is_watch(command).then(Interrupts::new).transpose()?;
    let outcome = ask(link, command)?;
    report(&outcome);
    if interrupts.is_none() || !outcome.is_accepted() {
        return Ok(Sent::Answered);
    }
    follow(link, interrupts.as_ref())?;
    outln!("");
    Ok(Sent::Watched)
}

/// The line editor with the history of earlier sessions.
fn editor() -> io::Result<(History, Editor<Commands, MemHistory>)> {
    let config = Config::builder()
        .auto_add_history(true)
        .history_ignore_space(true)
        .build();
    let mut editor = Editor::<Commands, MemHistory>::with_history(config, MemHistory::new())
        .map_err(io::Error::other)?;
    editor.set_helper(Some(Commands));
    let history = History::load();
    for line in history.lines() {
        editor.add_history_entry(line).map_err(io::Error::other)?;
    }
    Ok((history, editor))
}
