//! Destination and level of the log: tracing, on stderr, in a file, or to syslog.
//!
//! Levels are taken, in order of precedence, from directives in the variable `oxabgp_log`
//! (`oxabgp::speaker=debug,warn`), from `--verbose`, and from the setting `log.level`. The setting `log.destination`
//! accepts ExaBGP's values: `stdout` (which means stderr there, too), `stderr`, `syslog`, or a file. A full disk, a
//! missing syslog, or a reader of stderr that has exited or stopped reading loses lines, but does not stop the daemon.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use nix::unistd::{User, getuid};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::config::env::{LogEnv, LogLevel};
use crate::daemon::log_file;

pub(crate) mod events;
mod json;
mod lossy;
mod printable;

pub(crate) use json::complaint;
use lossy::Lossy;
pub(crate) use printable::Printable;

/// A file of this many bytes is rotated.
const ROTATE: u64 = 1 << 20;
/// Number of rotated files that are kept.
const KEEP: u32 = 3;

/// How much to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// According to the settings.
    Normal,
    /// Everything, with times.
    Verbose,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LineFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging.
pub(crate) fn start(env: &LogEnv, verbosity: Verbosity, format: LineFormat) {
    let filter = std::env::var("oxabgp_log")
        .ok()
        .and_then(|directives| EnvFilter::try_new(directives).ok())
        .unwrap_or_else(|| EnvFilter::new(directives(env, verbosity)));
    let (writer, kind) = destination(&env.destination);
    // https://no-color.org: any value but an empty one.
    let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let ansi = kind == Kind::Terminal && io::stderr().is_terminal() && !is_plain;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .fmt_fields(printable::fields())
        // They would be reported with `eprintln!`, which panics if stderr cannot be written.
        .log_internal_errors(false)
        .with_ansi(ansi);
    let times = match kind {
        Kind::Syslog => false,
        Kind::File => true,
        // The journal adds its own times.
        Kind::Terminal => verbosity == Verbosity::Verbose || !env.short || !is_journal(),
    };
    // A second call, as in tests, has no effect.
    let _ = if format == LineFormat::Json {
        lines.with_ansi(false).event_format(json::Json).try_init()
    } else if times {
        lines.try_init()
    } else {
        lines.without_time().try_init()
    };
}

/// Returns `true` if stderr is connected to systemd's journal: then `JOURNAL_STREAM` contains its device and inode
/// (systemd.exec(5)).
fn is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    nix::sys::stat::fstat(io::stderr())
        .is_ok_and(|facts| stream == format!("{}:{}", facts.st_dev, facts.st_ino))
}

/// ExaBGP's log categories: whether the settings enable them, and the modules that their messages come from. Problems
/// in the upper half are always logged; the lower half logs a line for each message or route.
fn categories(env: &LogEnv) -> [(bool, &'static [&'static str], LevelFilter); 12] {
    const PROBLEMS: LevelFilter = LevelFilter::ERROR;
    const NOTHING: LevelFilter = LevelFilter::OFF;
    [
        (env.reactor, &["oxabgp::daemon", "oxabgp::api"], PROBLEMS),
        (
            env.configuration,
            &["oxabgp::configuration", "oxabgp::daemon::reload"],
            PROBLEMS,
        ),
        (
            env.daemon,
            &["oxabgp::daemon::privilege", "oxabgp::daemon::notify"],
            PROBLEMS,
        ),
        (
            env.processes,
            &["oxabgp::daemon::process", "oxabgp::daemon::events"],
            PROBLEMS,
        ),
        (
            env.network,
            &[
                "oxabgp::speaker",
                "oxabgp::fsm",
                "oxabgp::daemon::neighbor",
                "oxabgp::daemon::plugin",
                "oxabgp::daemon::dynamic",
            ],
            PROBLEMS,
        ),
        (env.statistics, &["oxabgp::statistics"], NOTHING),
        (env.packets, &["oxabgp::packets"], NOTHING),
        (env.rib, &["oxabgp::rib"], NOTHING),
        (env.message, &["oxabgp::message"], NOTHING),
        (env.timers, &["oxabgp::timers"], NOTHING),
        (env.routes, &["oxabgp::routes"], NOTHING),
        (env.parser, &["oxabgp::parser"], NOTHING),
    ]
}

/// The settings as directives for `oxabgp_log`.
fn directives(env: &LogEnv, verbosity: Verbosity) -> String {
    let level = match (verbosity, env.level) {
        (Verbosity::Verbose, _) | (_, LogLevel::NotSet | LogLevel::Debug) => LevelFilter::DEBUG,
        // Errors are reported even if logging is disabled.
        _ if !env.enable => LevelFilter::ERROR,
        (_, LogLevel::Info) => LevelFilter::INFO,
        (_, LogLevel::Warning) => LevelFilter::WARN,
        (_, LogLevel::Error | LogLevel::Critical | LogLevel::Fatal) => LevelFilter::ERROR,
    };
    // Operators' commands have no category: as in ExaBGP, they are always logged.
    let mut text = format!("{level},oxabgp::daemon::control={level},oxabgp::helper=warn");
    for (wanted, targets, least) in categories(env) {
        let all = env.all || verbosity == Verbosity::Verbose;
        let level = if wanted || all { level } else { least };
        for target in targets {
            text += &format!(",{target}={level}");
        }
    }
    text
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Terminal,
    File,
    Syslog,
}

/// Returns `true` if that destination is a file.
pub(crate) fn is_file(destination: &str) -> bool {
    destination.starts_with(['/', '~']) || destination.starts_with("file:")
}

/// A path whose `~` or `~USER` stands for the home of this user, or of that one. A user that there is not is part of the name.
fn expanded(text: &str) -> PathBuf {
    let Some(rest) = text.strip_prefix('~') else {
        return PathBuf::from(text);
    };
    let (user, below) = rest.split_once('/').unwrap_or((rest, ""));
    let own = std::env::var_os("HOME").filter(|home| user.is_empty() && !home.is_empty());
    let home = own.map(PathBuf::from).or_else(|| {
        let found = match user {
            "" => User::from_uid(getuid()),
            name => User::from_name(name),
        };
        Some(found.ok()??.dir)
    });
    home.map_or_else(|| PathBuf::from(text), |home| home.join(below))
}

fn destination(text: &str) -> (BoxMakeWriter, Kind) {
    let stderr = || {
        let writer = Mutex::new(Lossy::new(io::stderr()));
        (BoxMakeWriter::new(writer), Kind::Terminal)
    };
    let path = match text {
        "stdout" | "stderr" | "" => return stderr(),
        "syslog" => return (BoxMakeWriter::new(Mutex::new(Syslog::new())), Kind::Syslog),
        file if file.starts_with(['/', '~']) => expanded(file),
        file => match file.strip_prefix("file:") {
            Some(path) => PathBuf::from(path),
            None => {
                errln!(
                    "warning: invalid log destination `{file}`, expected `stdout`, `stderr`, `syslog`, or a file: `/…`, `~/…` or `file:…`"
                );
                return stderr();
            }
        },
    };
    match LogFile::begin(&path) {
        Ok(file) => {
            let file = Mutex::new(file);
            (BoxMakeWriter::new(file), Kind::File)
        }
        Err(cause) => {
            errln!(
                "warning: cannot open the log file {}: {cause}; logging to stderr",
                path.display()
            );
            stderr()
        }
    }
}

/// A file that is rotated when it has grown large, and reopened when another one has its place, or none.
struct LogFile {
    path: PathBuf,
    file: Lossy<File>,
    /// Its device and inode.
    identity: (u64, u64),
    size: u64,
    /// Of this size it is rotated. `None`: devices do not grow.
    most: Option<u64>,
    /// It was reported that it can't be rotated or opened again.
    is_reported: bool,
}

impl LogFile {
    /// The file that the process before an upgrade has logged to, or the one at `path`.
    fn begin(path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        match log_file::inherited(&path) {
            Some(file) => Self::of(file, path),
            None => Self::open(&path),
        }
    }

    /// A named pipe is also opened for reading: otherwise the call would block until it has a reader, and lines would be
    /// lost while the reader restarts.
    fn open(path: &Path) -> io::Result<Self> {
        let pipe = std::fs::metadata(path).is_ok_and(|facts| facts.file_type().is_fifo());
        let file = match pipe {
            true => OpenOptions::new().read(true).write(true).open(path)?,
            false => OpenOptions::new().create(true).append(true).open(path)?,
        };
        Self::of(file, path.to_owned())
    }

    fn of(file: File, path: PathBuf) -> io::Result<Self> {
        let facts = file.metadata()?;
        log_file::opened(&file, &path);
        Ok(Self {
            path,
            file: Lossy::new(file),
            identity: (facts.dev(), facts.ino()),
            size: facts.len(),
            most: facts.is_file().then_some(ROTATE),
            is_reported: false,
        })
    }

    /// Renames `x` to `x.1`, `x.1` to `x.2`, and so on; the last one is overwritten.
    fn rotate(&mut self) -> io::Result<()> {
        let name = |number: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        for number in (1..KEEP).rev() {
            // There may be fewer files.
            let _ = std::fs::rename(name(number), name(number + 1));
        }
        std::fs::rename(&self.path, name(1))?;
        *self = Self::open(&self.path)?;
        Ok(())
    }
}

impl LogFile {
    /// Puts the file aside if it has grown large, and opens it again if it was moved or replaced, as by logrotate. Then, or when
    /// that is not possible, the open file is written to.
    fn renew(&mut self) -> io::Result<()> {
        let is_other = match std::fs::metadata(&self.path) {
            Ok(facts) => (facts.dev(), facts.ino()) != self.identity,
            // The directory may not be ours to look into.
            Err(cause) => cause.kind() == io::ErrorKind::NotFound,
        };
        if is_other {
            *self = Self::open(&self.path)?;
        } else if let Some(most) = self.most.filter(|most| self.size >= *most) {
            // The next attempt is due when it has grown by as much again.
            self.most = Some(most.max(self.size) + ROTATE);
            self.is_reported = false;
            self.rotate()?;
        }
        Ok(())
    }

    /// Says in the file that it could not be renewed.
    fn report(&mut self, cause: &io::Error, is_json: bool) {
        let name = self.path.display();
        let text = format!(
            "the log file {name} can't be rotated or opened again, and goes on as it is: {cause}"
        );
        let line = match is_json {
            true => complaint(&format!("warning: {text}")),
            false => format!(" WARN oxabgp::log: {text}\n"),
        };
        self.size += line.len() as u64;
        // What can't be written is counted there.
        let _ = self.file.write(line.as_bytes());
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(cause) = self.renew()
            && !std::mem::replace(&mut self.is_reported, true)
        {
            self.report(&cause, line.starts_with(b"{"));
        }
        self.size += line.len() as u64;
        self.file.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The local syslog: one datagram per line, facility daemon (RFC 3164).
struct Syslog {
    socket: Option<UnixDatagram>,
}

impl Syslog {
    fn new() -> Self {
        let socket = UnixDatagram::unbound().ok();
        if let Some(socket) = &socket
            && socket.set_nonblocking(true).is_err()
        {
            return Self { socket: None };
        }
        Self { socket }
    }
}

impl Write for Syslog {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let text = text.trim();
        let datagram = format!(
            "<{}>oxabgp[{}]: {text}",
            3 * 8 + severity(text),
            std::process::id()
        );
        if let Some(socket) = &self.socket {
            // If syslog is unavailable or full, lines are lost, but nothing else happens.
            let _ = socket.send_to(datagram.as_bytes(), "/dev/log");
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The severity of a line, in text or JSON (RFC 3164 section 4.1.1).
fn severity(line: &str) -> u8 {
    let level = match line.starts_with('{') {
        true => json::level(line),
        false => line.split(' ').next(),
    };
    match level.unwrap_or_default().to_ascii_uppercase().as_str() {
        "ERROR" => 3,
        "WARN" => 4,
        "INFO" => 6,
        _ => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tilde_is_a_home() {
        let home = std::env::var_os("HOME").map_or_else(|| PathBuf::from("~"), PathBuf::from);
        let root = User::from_name("root").ok().flatten().expect("root");
        for (text, wanted) in [
            ("/var/log/x", PathBuf::from("/var/log/x")),
            ("~/x", home.join("x")),
            ("~root/x/y", root.dir.join("x/y")),
            ("~no-such-user/x", PathBuf::from("~no-such-user/x")),
        ] {
            assert_eq!(expanded(text), wanted, "{text}");
        }
        assert!(is_file("~/x") && !is_file("syslog"));
    }

    #[test]
    fn a_file_that_grew_is_put_aside_and_one_that_was_moved_is_opened_again() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("log");
        let mut log = LogFile::open(&path).expect("a file");
        log.size = ROTATE;
        log.write_all(b"after\n").expect("a log never fails");
        assert_eq!(std::fs::read(&path).expect("readable"), b"after\n");
        assert!(directory.path().join("log.1").exists());
        std::fs::rename(&path, directory.path().join("moved")).expect("movable");
        log.write_all(b"again\n").expect("a log never fails");
        assert_eq!(std::fs::read(&path).expect("readable"), b"again\n");
    }

    #[test]
    fn a_file_that_another_one_has_replaced_is_left_for_that_one() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("log");
        let mut log = LogFile::open(&path).expect("a file");
        // As `create` of logrotate does.
        std::fs::rename(&path, directory.path().join("log.1")).expect("movable");
        std::fs::write(&path, "").expect("writable");
        log.write_all(b"after\n").expect("a log never fails");
        assert_eq!(std::fs::read(&path).expect("readable"), b"after\n");
        // A link is followed.
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        let mut log = LogFile::open(&link).expect("a file");
        log.write_all(b"again\n").expect("a log never fails");
        std::fs::rename(&path, directory.path().join("log.1")).expect("movable");
        log.write_all(b"last\n").expect("a log never fails");
        assert_eq!(std::fs::read(&path).expect("readable"), b"last\n");
    }

    #[test]
    fn a_file_that_can_not_be_put_aside_goes_on_and_says_so_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("log");
        let mut log = LogFile::open(&path).expect("a file");
        // Root could rename any file, but none to the place of a directory that is not empty.
        std::fs::create_dir_all(directory.path().join("log.1/x")).expect("a directory");
        std::fs::create_dir_all(directory.path().join("log.2/x")).expect("a directory");
        std::fs::create_dir_all(directory.path().join("log.3/x")).expect("a directory");
        log.size = ROTATE;
        for line in ["first\n", "second\n"] {
            log.write_all(line.as_bytes()).expect("a log never fails");
        }
        let text = std::fs::read_to_string(&path).expect("readable");
        let [note, rest] = &text.splitn(2, '\n').collect::<Vec<_>>()[..] else {
            panic!("{text}");
        };
        assert!(note.contains("can't be rotated"), "{note}");
        assert_eq!(*rest, "first\nsecond\n");
        log.size += ROTATE;
        log.write_all(b"{}\n").expect("a log never fails");
        let text = std::fs::read_to_string(&path).expect("readable");
        let note = text.lines().nth_back(1).expect("a line");
        assert!(note.starts_with("{\"time\""), "{note}");
    }

    #[test]
    fn a_file_whose_folder_is_gone_is_written_on() {
        let directory = tempfile::tempdir().expect("a directory");
        let folder = directory.path().join("folder");
        std::fs::create_dir(&folder).expect("a directory");
        let mut log = LogFile::open(&folder.join("log")).expect("a file");
        let moved = directory.path().join("moved");
        std::fs::rename(&folder, &moved).expect("movable");
        for line in ["first\n", "second\n"] {
            log.write_all(line.as_bytes()).expect("a log never fails");
        }
        let text = std::fs::read_to_string(moved.join("log")).expect("readable");
        assert_eq!(text.matches("can't be rotated or opened").count(), 1);
        assert!(text.ends_with("first\nsecond\n"), "{text}");
    }

    #[test]
    fn lines_of_both_formats_have_the_severity_of_their_level() {
        for (line, expected) in [
            ("ERROR oxabgp: INFO", 3),
            (" WARN oxabgp::daemon: it", 4),
            ("INFO oxabgp: it", 6),
            ("DEBUG oxabgp: it", 7),
            ("{}", 7),
            ("", 7),
        ] {
            assert_eq!(severity(line.trim()), expected, "{line}");
        }
        for (line, expected) in [
            ("error: \"level\":\"info\"", 3),
            ("warning: it", 4),
            ("it", 6),
        ] {
            let line = complaint(line);
            assert_eq!(severity(line.trim()), expected, "{line}");
        }
    }

    #[test]
    fn a_full_disk_loses_lines_and_nothing_else() {
        let mut log = LogFile::open(Path::new("/dev/full")).expect("the device is there");
        log.size = ROTATE;
        log.write_all(b"lost\n").expect("a log never fails");
        // Root could rename the device.
        assert!(Path::new("/dev/full").exists() && !Path::new("/dev/full.1").exists());
    }

    #[test]
    fn a_named_pipe_without_a_reader_neither_blocks_nor_ends_the_log() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("log");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        let mut log = LogFile::open(&path).expect("a pipe");
        log.write_all(b"first\n").expect("a log never fails");
        let line = [b'x'; 4096];
        for _ in 0..100 {
            log.write_all(&line).expect("a log never fails");
        }
        let mut reader = File::open(&path).expect("the other end");
        let mut first = [0; 6];
        io::Read::read_exact(&mut reader, &mut first).expect("what was kept");
        assert_eq!(&first, b"first\n");
    }
}
