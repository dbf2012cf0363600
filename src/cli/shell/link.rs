//! The connection to a running daemon: its control socket, or ExaBGP's named pipes.
//!
//! Over the socket, every command is followed by a line that is only echoed, so that the end of every answer is
//! known. Over pipes, the answer ends with `done` or `error`, or with five seconds of silence, as in `exabgp cli`;
//! the other end may be ExaBGP's own daemon.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};

use crate::config::Env;
use crate::daemon::control::{FRAME, paths};

/// How long the pipes may be silent, and how long a daemon may take to open its end.
const SILENCE: Duration = Duration::from_secs(5);
/// How long to wait for a daemon to open the pipes.
const OPENING: Duration = Duration::from_secs(1);
/// How often a pipe is polled.
const GLANCE: Duration = Duration::from_millis(5);

/// A connection to a daemon.
pub(crate) enum Link {
    /// The control socket.
    Socket {
        /// For commands and answers.
        stream: BufReader<UnixStream>,
        /// What was started and not ended since.
        open: Option<Open>,
    },
    /// Named pipes.
    Pipes {
        /// For commands.
        commands: PathBuf,
        /// For answers, non-blocking.
        answers: File,
        /// Bytes that were read and are not a whole line yet.
        rest: Vec<u8>,
    },
}

/// What several commands are collected for, and what is discarded with the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Open {
    /// A batch: `begin`.
    Batch,
    /// The set of that name: `set NAME replace …`.
    Set(String),
}

impl Open {
    /// The command that discards it.
    fn abort(&self) -> String {
        match self {
            Self::Batch => "abort".to_owned(),
            Self::Set(name) => format!("set {name} abort"),
        }
    }

    /// What is open after a command that was carried out, or refused.
    fn after(before: Option<Self>, command: &str, outcome: &Outcome) -> Option<Self> {
        let words: Vec<&str> = command.split_ascii_whitespace().collect();
        // Answers may be switched off.
        let is_done = outcome.is_accepted() || *outcome == Outcome::Unanswered;
        match (&words[..], before) {
            ([first, ..], before) if first.starts_with('#') => before,
            ([.., "begin"] | [.., "group", "start"], None) if is_done => Some(Self::Batch),
            ([.., "commit" | "abort" | "reset"] | [.., "group", "end"], Some(Self::Batch)) => None,
            (words, None) if is_done => words.windows(3).find_map(|three| match three {
                ["set", name, "replace"] => Some(Self::Set((*name).to_owned())),
                _ => None,
            }),
            // A set with a wrong line is discarded by its end, too.
            ([.., "set", name, "end" | "abort"], Some(Self::Set(open))) if *name == open => None,
            (_, before) => before,
        }
    }
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Batch => {
                f.write_str("the batch was not applied, because it was not ended by `commit`")
            }
            Self::Set(name) => write!(
                f,
                "the set `{name}` was not applied, because it was not ended by `set {name} end`"
            ),
        }
    }
}

/// The result of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was carried out.
    Done,
    /// It was carried out, with this warning.
    Warned(String),
    /// It was accepted, but changed and sent nothing, for this reason.
    NoEffect(String),
    /// It was refused, for this reason if one was reported.
    Failed(Option<String>),
    /// The daemon is shutting down.
    Shutdown,
    /// It has no answer.
    Unanswered,
    /// No answer arrived in time.
    Silence,
}

impl Outcome {
    /// Returns `true` if the command was carried out.
    pub(crate) const fn is_accepted(&self) -> bool {
        matches!(self, Self::Done | Self::Warned(_))
    }
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum Lost {
    /// Neither a socket nor pipes with that name were found.
    Nowhere {
        /// The name of the pipes.
        pipes: String,
        /// The name of the socket.
        socket: String,
    },
    /// There are several with that name, for several configurations.
    Ambiguous(Vec<PathBuf>),
    /// There is one, but it cannot be used.
    Refused(String, io::Error),
}

impl Link {
    /// Connects to the daemon. `socket` is the path of its socket, and `name` the name of its socket or pipes, if
    /// they differ from the settings.
    pub(crate) fn find(
        socket: Option<PathBuf>,
        name: Option<&str>,
        env: &Env,
    ) -> Result<Self, Lost> {
        let pipename = name.unwrap_or(&env.api.pipename);
        let dead = match search(socket, name, env, &Self::connect)? {
            Found::Here(link) => return Ok(link),
            Found::Dead(path, cause) => Some((path, cause)),
            Found::Nothing => None,
        };
        let socketname = socket_name(name, env);
        match (paths::find_pipes(pipename), dead) {
            (Some(pipes), _) => {
                let answers = open(&pipes.answers, OpenOptions::new().read(true))
                    .map_err(|cause| refused(&pipes.answers, cause))?;
                Ok(Self::Pipes {
                    commands: pipes.commands,
                    answers,
                    rest: Vec::new(),
                })
            }
            (None, Some((path, cause))) => Err(refused(&path, cause)),
            (None, None) => Err(Lost::Nowhere {
                pipes: pipename.to_owned(),
                socket: socketname.to_owned(),
            }),
        }
    }

    fn connect(path: &Path) -> io::Result<Self> {
        let mut link = Self::Socket {
            stream: BufReader::new(UnixStream::connect(path)?),
            open: None,
        };
        // Request the reasons of refusals.
        link.ask("session reasons enable", &mut |_| Ok(()))?;
        Ok(link)
    }

    /// Sends one command and passes on the lines of its answer, without newlines and without the word that ends it.
    ///
    /// # Errors
    /// Returns an error if the connection to the daemon is lost, or `out` fails.
    pub(crate) fn ask(
        &mut self,
        command: &str,
        out: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<Outcome> {
        if is_record_watch(command) {
            let reason = "the answer is MRT records: use `oxabgp stream --daemon`";
            return Ok(Outcome::Failed(Some(reason.to_owned())));
        }
        if command.contains('\n') || command.as_bytes().first() == Some(&FRAME) {
            let reason = "a command is one line, and does not begin with a control character";
            return Ok(Outcome::Failed(Some(reason.to_owned())));
        }
        match self {
            Self::Socket { stream, open } => {
                let outcome = ask_socket(stream, command, out)?;
                *open = Open::after(open.take(), command, &outcome);
                Ok(outcome)
            }
            Self::Pipes {
                commands,
                answers,
                rest,
            } => ask_pipes(commands, answers, rest, command, out),
        }
    }
}

impl Link {
    /// Waits until the daemon has closed the connection, which it does when it ends. Over pipes that can't be seen.
    pub(crate) fn ended(&mut self) {
        if let Self::Socket { stream, .. } = self {
            // An error of the connection is its end, too.
            let _ = io::copy(stream, &mut io::sink());
        }
    }

    /// Returns `true` for the control socket, which only this program's daemon has.
    pub(crate) const fn is_socket(&self) -> bool {
        matches!(self, Self::Socket { .. })
    }

    /// Discards the batch or the set that was started and not ended, as the end of the connection would. Over pipes it
    /// stays open. Returns what was discarded.
    ///
    /// # Errors
    /// Returns an error if the connection to the daemon is lost.
    pub(crate) fn discard(&mut self) -> io::Result<Option<Open>> {
        let Self::Socket {
            open: Some(open), ..
        } = self
        else {
            return Ok(None);
        };
        let open = open.clone();
        // Refused: it was gone already.
        let outcome = self.ask(&open.abort(), &mut |_| Ok(()))?;
        Ok((!matches!(outcome, Outcome::Failed(_))).then_some(open))
    }
}

/// Returns `true` for `watch mrt`.
fn is_record_watch(command: &str) -> bool {
    let mut words = command.split_ascii_whitespace();
    words.next() == Some("watch") && words.next() == Some("mrt")
}

/// What a search for a control socket has found.
enum Found<T> {
    /// A daemon that answers.
    Here(T),
    /// A socket that cannot be used.
    Dead(PathBuf, io::Error),
    /// No socket.
    Nothing,
}

/// How a socket is tried.
type Connect<'a, T> = &'a dyn Fn(&Path) -> io::Result<T>;

/// The name of the socket.
fn socket_name<'a>(name: Option<&'a str>, env: &'a Env) -> &'a str {
    name.or(env.api.socketname.as_deref())
        .unwrap_or(&env.api.pipename)
}

/// Searches for the control socket of a daemon.
fn search<T>(
    socket: Option<PathBuf>,
    name: Option<&str>,
    env: &Env,
    connect: Connect<'_, T>,
) -> Result<Found<T>, Lost> {
    if let Some(path) = socket.or_else(|| env.api.socketpath.clone().filter(|_| name.is_none())) {
        let found = connect(&path).or_else(|cause| {
            sibling(std::slice::from_ref(&path), connect)?.ok_or_else(|| refused(&path, cause))
        });
        return found.map(Found::Here);
    }
    let all = paths::sockets(socket_name(name, env));
    let mut dead = None;
    for path in &all {
        if paths::is_socket(path) {
            match connect(path) {
                Ok(link) => return Ok(Found::Here(link)),
                Err(cause) => {
                    dead.get_or_insert_with(|| (path.clone(), cause));
                }
            }
        }
    }
    if let Some(link) = sibling(&all, connect)? {
        return Ok(Found::Here(link));
    }
    Ok(match dead {
        Some((path, cause)) => Found::Dead(path, cause),
        None => Found::Nothing,
    })
}

/// The daemon of one of several configurations, if only one of them is running.
fn sibling<T>(paths: &[PathBuf], connect: Connect<'_, T>) -> Result<Option<T>, Lost> {
    let mut running: Vec<(PathBuf, T)> = Vec::new();
    for path in paths {
        let group = paths::group_of(path);
        for path in paths::siblings(path) {
            if is_of(&path, &group)
                && let Ok(link) = connect(&path)
            {
                running.push((path, link));
            }
        }
    }
    if running.len() > 1 {
        let paths = running.into_iter().map(|(path, _)| path);
        return Err(Lost::Ambiguous(paths.collect()));
    }
    Ok(running.pop().map(|(_, link)| link))
}

/// Returns `true` if the daemon of a socket says that it runs for one of several configurations whose sockets have this name:
/// it may also have a name of its own that begins in the same way.
fn is_of(path: &Path, group: &str) -> bool {
    let mut answer = Vec::new();
    let asked = Link::connect(path).and_then(|mut link| {
        link.ask("daemon status", &mut |line| {
            answer.extend_from_slice(line);
            Ok(())
        })
    });
    let status: Option<serde_json::Value> = serde_json::from_slice(&answer).ok();
    asked.is_ok() && status.is_some_and(|status| status["socket_group"] == group)
}

/// The path of the control socket of a running daemon.
#[cfg(feature = "stream")]
pub(super) fn socket(env: &Env) -> Result<PathBuf, Lost> {
    let try_it = |path: &Path| UnixStream::connect(path).map(|_| path.to_owned());
    match search(None, None, env, &try_it)? {
        Found::Here(path) => Ok(path),
        Found::Dead(path, cause) => Err(refused(&path, cause)),
        Found::Nothing => Err(Lost::Nowhere {
            pipes: env.api.pipename.clone(),
            socket: socket_name(None, env).to_owned(),
        }),
    }
}

fn refused(path: &Path, cause: io::Error) -> Lost {
    Lost::Refused(path.display().to_string(), cause)
}

/// The outcome, if the line ends an answer.
fn verdict(line: &[u8]) -> Option<Outcome> {
    let is = |word: &[u8], object: &[u8]| {
        line == word
            || line.starts_with(object)
            || (line.starts_with(word) && line.get(word.len()) == Some(&b' '))
    };
    if is(b"done", b"{ \"answer\": \"done\"") {
        Some(Outcome::Done)
    } else if is(b"error", b"{ \"answer\": \"error\"") {
        Some(Outcome::Failed(None))
    } else if line == b"shutdown" || line.starts_with(b"{ \"answer\": \"shutdown\"") {
        Some(Outcome::Shutdown)
    } else {
        None
    }
}

/// The outcome with its reason, if `line` is the line before the outcome that contains it.
fn with_reason(outcome: &Outcome, line: &[u8]) -> Option<Outcome> {
    let after = |kind: &[u8]| {
        let reason = line.strip_prefix(kind)?.strip_prefix(b": ")?;
        Some(String::from_utf8_lossy(reason).into_owned())
    };
    match outcome {
        Outcome::Failed(None) => Some(Outcome::Failed(Some(after(b"error")?))),
        Outcome::Done => after(b"no effect")
            .map(Outcome::NoEffect)
            .or_else(|| after(b"warning").map(Outcome::Warned)),
        _ => None,
    }
}

fn ask_socket(
    stream: &mut BufReader<UnixStream>,
    command: &str,
    out: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<Outcome> {
    let socket = stream.get_mut();
    socket.write_all(command.as_bytes())?;
    socket.write_all(&[b'\n', FRAME, b'\n'])?;
    // The last line ends the answer, and the one before it may be its reason, so two lines are held back.
    let mut held: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut line = Vec::new();
        stream.read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if line.first() == Some(&FRAME) {
            break;
        }
        held.push(line);
        if held.len() > 2 {
            out(&held.remove(0))?;
        }
    }
    let mut outcome = held.last().and_then(|line| verdict(line));
    if outcome.is_some() {
        held.pop();
    }
    if let (Some(short), Some(line)) = (&outcome, held.last())
        && let Some(long) = with_reason(short, line)
    {
        outcome = Some(long);
        held.pop();
    }
    held.iter().try_for_each(|line| out(line))?;
    Ok(outcome.unwrap_or(Outcome::Unanswered))
}

fn ask_pipes(
    commands: &Path,
    answers: &mut File,
    rest: &mut Vec<u8>,
    command: &str,
    out: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<Outcome> {
    // Discard answers that were meant for another client.
    while read_some(answers, rest)? {}
    rest.clear();
    let mut pipe = open_commands(commands)?;
    fcntl(&pipe, FcntlArg::F_SETFL(OFlag::empty())).map_err(io::Error::from)?;
    pipe.write_all(format!("{command}\n").as_bytes())?;
    drop(pipe);
    if command == "reset" {
        return Ok(Outcome::Unanswered);
    }
    let mut last = Instant::now();
    loop {
        if read_some(answers, rest)? {
            last = Instant::now();
        } else if last.elapsed() > SILENCE {
            return Ok(Outcome::Silence);
        } else {
            std::thread::sleep(GLANCE);
        }
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let line: Vec<u8> = rest.drain(..=end).collect();
            let line = &line[..end];
            if let Some(outcome) = verdict(line) {
                return Ok(outcome);
            }
            out(line)?;
        }
    }
}

/// Reads available bytes. Returns `true` if there were any.
fn read_some(answers: &mut File, rest: &mut Vec<u8>) -> io::Result<bool> {
    let mut chunk = [0; 16 * 1024];
    match answers.read(&mut chunk) {
        Ok(count) => {
            rest.extend_from_slice(&chunk[..count]);
            Ok(count > 0)
        }
        Err(cause) if cause.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(cause) => Err(cause),
    }
}

fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options.custom_flags(OFlag::O_NONBLOCK.bits()).open(path)
}

/// Opens the pipe for commands once a daemon reads it.
fn open_commands(path: &Path) -> io::Result<File> {
    let start = Instant::now();
    loop {
        match open(path, OpenOptions::new().write(true)) {
            Err(cause)
                if cause.raw_os_error().map(Errno::from_raw) == Some(Errno::ENXIO)
                    && start.elapsed() < OPENING =>
            {
                std::thread::sleep(GLANCE);
            }
            Err(cause) if cause.raw_os_error().map(Errno::from_raw) == Some(Errno::ENXIO) => {
                return Err(ErrorKind::TimedOut.into());
            }
            opened => return opened,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_known_from_the_commands() {
        let open = |lines: &[(&str, bool)]| {
            let after = |open, (line, good): &(&str, bool)| {
                let outcome = match good {
                    true => Outcome::Done,
                    false => Outcome::Failed(None),
                };
                Open::after(open, line, &outcome)
            };
            lines.iter().fold(None, after)
        };
        let z = Some(Open::Set("z".to_owned()));
        let begins = ("set z replace revision 1", true);
        for (lines, wanted) in [
            (&[("begin", true)][..], Some(Open::Batch)),
            (&[("begin", false)], None),
            (&[("begin", true), ("commit", false)], None),
            (&[("group start", true), ("group end", true)], None),
            (&[begins], z.clone()),
            (&[("neighbor * set z replace revision 1", true)], z.clone()),
            (&[("set z replace revision 1", false)], None),
            (&[begins, ("set y end", false)], z.clone()),
            // Refused: there is no batch.
            (&[begins, ("abort", false), ("reset", true)], z),
            (&[begins, ("set z end", false)], None),
            (&[begins, ("set z abort", true)], None),
            (&[("# begin", true)], None),
            (
                &[("set z put a route 10.0.0.0/8 next-hop self", true)],
                None,
            ),
        ] {
            assert_eq!(open(lines), wanted, "{lines:?}");
        }
    }

    #[test]
    fn answers_end_with_a_word_or_an_object() {
        for (line, wanted) in [
            ("done", Some(Outcome::Done)),
            ("done 7", Some(Outcome::Done)),
            ("donedone", None),
            ("error", Some(Outcome::Failed(None))),
            ("error: no such thing", None),
            (
                "{ \"answer\": \"error\", \"message\": \"x\" }",
                Some(Outcome::Failed(None)),
            ),
            ("shutdown", Some(Outcome::Shutdown)),
            ("shutdown in progress", None),
            ("", None),
        ] {
            assert_eq!(verdict(line.as_bytes()), wanted, "{line}");
        }
    }
}
