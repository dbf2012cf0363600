//! Building a stream: sources, filter, interval.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::mrt::compression::Compression;
use crate::mrt::sniff::Peeked;
use crate::text::SyntaxError;

use super::Stream;
use super::decoder::Detection;
use super::filter::{Expression, Filter, Terms};
use super::merge::Merge;
use super::names::{Named, span, time};
use super::paths::{Skipped, expand};
use super::record::{Origin, RecordKind};
use super::source::{Feed, File, Live, Options, Progress, Source, csv};

/// Files that may be open at once, each at its first record. If there are more, each is opened when its time comes.
const OPEN: usize = 16;

/// Why a stream can't be built.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder can't be read.
    File(PathBuf, io::Error),
    /// A file is compressed in a way that can't be read.
    Compression(PathBuf, &'static str),
    /// A list of files is malformed.
    List(PathBuf, String),
    /// A filter is malformed; the filter is the first.
    Filter(String, SyntaxError),
    /// An interval ends before it starts.
    Interval(u32, u32),
    /// A text is no time, or no span of time; what was expected is the second.
    Time(String, &'static str),
    /// Standard input was added twice, as a file or as a list: it can be read only once.
    StdinTwice,
    /// There is no source.
    NoSource,
    /// There can be no thread for a feed.
    Thread(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) => write!(f, "`{}`: {error}", path.display()),
            Self::Compression(path, name) => {
                write!(
                    f,
                    "`{}`: {name} compression is not supported",
                    path.display()
                )
            }
            Self::List(path, reason) => write!(f, "`{}`: {reason}", path.display()),
            Self::Filter(_, error) => write!(f, "the filter is malformed: {error}"),
            Self::Interval(from, until) => {
                write!(
                    f,
                    "the interval ends at {until}, before it starts at {from}"
                )
            }
            Self::Time(text, expected) => write!(f, "expected {expected}, found `{text}`"),
            Self::StdinTwice => f.write_str(
                "standard input is read once: it can't be a list and a file at once, or two",
            ),
            Self::Thread(error) => error.fmt(f),
            Self::NoSource => f.write_str("there is no file to read"),
        }
    }
}

impl std::error::Error for Error {}

/// Whether messages that the collector sent become elems.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sent {
    /// They do not.
    #[default]
    Exclude,
    /// They do.
    Include,
}

/// Builds a [`Stream`].
#[derive(Default)]
pub struct Builder {
    files: Vec<(Feed, Origin, Option<RecordKind>)>,
    skipped: Vec<Skipped>,
    not_due: Vec<PathBuf>,
    lists: Vec<PathBuf>,
    /// How often standard input was added, as a file or as a list.
    stdin: usize,
    others: Vec<Box<dyn Source>>,
    live: Vec<Live>,
    terms: Terms,
    expression: Expression,
    interval: Option<(u32, u32)>,
    /// Whether the interval has no end if there is a live feed.
    recent: bool,
    rib_period: u32,
    sent: Sent,
    options: Options,
}

impl Builder {
    /// Adds a file, all files of a folder, or all that match a pattern; `-` is standard input. Project, collector and time are
    /// understood from the names. What can't be read in a folder, or among what matches, is left out, and so are pipes, sockets
    /// and devices; a pipe that is named itself is read.
    ///
    /// # Errors
    /// When there is no such file, or it can't be read.
    pub fn path(mut self, path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        if path == Path::new("-") {
            return Ok(self.stdin());
        }
        let files = expand(path).map_err(|error| unreadable(path, error))?;
        self.skipped.extend(files.skipped);
        for file in files.files {
            let named = Named::of(&file);
            let origin = Origin {
                project: named.project,
                collector: named.collector,
                dump_time: named.time.unwrap_or_default(),
                name: file.display().to_string(),
                ..Origin::default()
            };
            match recognized(&file) {
                Ok(()) => self.files.push((Feed::Path(file), origin, named.kind)),
                Err(error) if file == path => return Err(error),
                Err(Error::File(file, error)) => self.skipped.push(Skipped::new(file, error)),
                Err(Error::Compression(file, name)) => {
                    let reason = format!("{name} compression is not supported");
                    self.skipped.push(Skipped::new(file, reason));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(self)
    }

    /// What [`Builder::path`] has left out of folders and patterns so far.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// The files that [`Builder::list`] has left out so far because of the timestamps of their rows.
    pub fn not_due(&self) -> &[PathBuf] {
        &self.not_due
    }

    /// The files and lists that were added so far, without standard input.
    pub fn inputs(&self) -> impl Iterator<Item = &Path> {
        let files = self.files.iter().filter_map(|(feed, _, _)| match feed {
            Feed::Path(path) => Some(path),
            Feed::Stdin => None,
        });
        self.lists.iter().chain(files).map(PathBuf::as_path)
    }

    /// Returns `true` if standard input was added, as a file or as a list.
    pub const fn has_stdin(&self) -> bool {
        self.stdin > 0
    }

    /// The files of which the filter lets nothing pass because neither a name nor a list tells their project or collector.
    /// Records that tell it, such as those with OpenBMP's headers, may pass.
    pub fn nameless(&self) -> impl Iterator<Item = &str> {
        let filter = self.whole();
        let origins = self.files.iter().map(|(_, origin, _)| origin);
        let unknown = |origin: &&Origin| origin.project.is_empty() || origin.collector.is_empty();
        origins
            .filter(unknown)
            .filter(move |origin| filter.excludes(origin))
            .map(|origin| origin.name.as_str())
    }

    /// Adds standard input.
    #[must_use]
    pub fn stdin(mut self) -> Self {
        let origin = Origin {
            name: "standard input".to_owned(),
            ..Origin::default()
        };
        self.stdin += 1;
        self.files.push((Feed::Stdin, origin, None));
        self
    }

    /// Adds a file whose origin is known.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn file(
        mut self,
        path: PathBuf,
        origin: Origin,
        kind: Option<RecordKind>,
    ) -> Result<Self, Error> {
        recognized(&path)?;
        self.files.push((Feed::Path(path), origin, kind));
        Ok(self)
    }

    /// Adds the files of a list in the columns of libbgpstream's `csvfile`; `-` is standard input. As there, rows whose timestamp
    /// is 0 or in the future are left out; rows without a timestamp are read.
    ///
    /// # Errors
    /// When the list or one of its files can't be read.
    pub fn list(mut self, path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = if path == Path::new("-") {
            self.stdin += 1;
            if self.stdin > 1 {
                return Err(Error::StdinTwice);
            }
            io::read_to_string(io::stdin().lock())
        } else {
            self.lists.push(path.to_path_buf());
            fs::read_to_string(path)
        };
        let text = text.map_err(|error| unreadable(path, error))?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let rows =
            csv::parse(&text, folder).map_err(|reason| Error::List(path.to_path_buf(), reason))?;
        let now = now();
        for row in rows {
            if !row.is_due(now) {
                self.not_due.push(row.path);
                continue;
            }
            self = self.file(row.path, row.origin, row.kind)?;
        }
        Ok(self)
    }

    /// Adds a source of another kind. Building the stream waits for its first record.
    #[must_use]
    pub fn source(mut self, source: Box<dyn Source>) -> Self {
        self.others.push(source);
        self
    }

    /// Adds a feed that goes on for ever. Its records are given as they come, after those of all other sources.
    #[must_use]
    pub fn live(mut self, feed: Live) -> Self {
        self.live.push(feed);
        self
    }

    /// Adds a filter in the language of [`expr`](super::expr). What several of bgpreader's language ask of one term, such as `peer`,
    /// are alternatives, as in libbgpstream, except for `aspath`; extended communities are a term of their own. One with `or`, `not` or a term twice has to pass as a whole.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn filter(self, text: &str) -> Result<Self, Error> {
        let expression =
            Expression::from_str(text).map_err(|error| Error::Filter(text.to_owned(), error))?;
        Ok(self.expression(expression))
    }

    /// Adds a filter, as [`filter`](Self::filter) does.
    #[must_use]
    pub fn expression(mut self, expression: Expression) -> Self {
        match expression.plain() {
            Some(tests) => tests
                .into_iter()
                .for_each(|test| self.terms.add(test.clone())),
            None => self.expression = self.expression.and(expression),
        }
        self
    }

    /// All filters as one.
    fn whole(&self) -> Expression {
        Expression::from(self.terms.clone()).and(self.expression.clone())
    }

    /// Gives only records from `from` to `until`, in seconds since 1970, both included. [`u32::MAX`] is no end.
    #[must_use]
    pub const fn interval(mut self, from: u32, until: u32) -> Self {
        self.interval = Some((from, until));
        self.recent = false;
        self
    }

    /// The same with times that are texts, as [`names::time`](time) reads them: `2015-04-01`, `2015-04-01 00:05`, `1427846700`.
    ///
    /// # Errors
    /// When one of them is no time.
    pub fn between(self, from: &str, until: &str) -> Result<Self, Error> {
        Ok(self.interval(moment(from)?, moment(until)?))
    }

    /// Gives only records from a time on, without an end.
    ///
    /// # Errors
    /// When the text is no time.
    pub fn since(self, from: &str) -> Result<Self, Error> {
        Ok(self.interval(moment(from)?, u32::MAX))
    }

    /// Gives only records of the last `3 h`, `90 s` or `1 d`, as [`names::span`](span) reads it, up to now; with a
    /// [live feed](Self::live) there is no end.
    ///
    /// # Errors
    /// When the text is no span of time.
    pub fn recent(self, text: &str) -> Result<Self, Error> {
        let expected = "a span such as `3 h`, with `s`, `m`, `h` or `d`";
        let span = span(text).ok_or_else(|| Error::Time(text.to_owned(), expected))?;
        let now = u32::try_from(now()).unwrap_or(u32::MAX);
        let mut recent = self.interval(now.saturating_sub(span), now);
        recent.recent = true;
        Ok(recent)
    }

    /// Leaves out tables of a collector that were begun less than `seconds` after one that is read.
    #[must_use]
    pub const fn rib_period(mut self, seconds: u32) -> Self {
        self.rib_period = seconds;
        self
    }

    /// Whether messages that the collector sent become elems.
    #[must_use]
    pub const fn sent(mut self, sent: Sent) -> Self {
        self.sent = sent;
        self
    }

    /// Whether path identifiers are looked for under subtypes without.
    #[must_use]
    pub const fn detection(mut self, detection: Detection) -> Self {
        self.options.detection = detection;
        self
    }

    /// The files, opened or to be opened, with their sizes; for progress.
    pub fn size(&self) -> u64 {
        self.files
            .iter()
            .filter_map(|(feed, _, _)| match feed {
                Feed::Path(path) => fs::metadata(path).ok().map(|meta| meta.len()),
                Feed::Stdin => None,
            })
            .sum()
    }

    /// How many files may have to be open at once, about. Of those of a collector that follow each other by the times in their
    /// names, the next one begins where one ends; how far others overlap shows only when they are read.
    pub fn most_open(&self) -> usize {
        if self.files.len() <= OPEN {
            return self.files.len();
        }
        let mut series: HashMap<_, HashMap<u32, usize>> = HashMap::new();
        for (feed, origin, kind) in &self.files {
            let folder = match feed {
                Feed::Path(path) => path.parent(),
                Feed::Stdin => None,
            };
            let name = (folder, &origin.project, &origin.collector, *kind);
            let times = series.entry(name).or_default();
            *times.entry(origin.dump_time).or_default() += 1;
        }
        let open = series.into_values().map(|mut times| {
            let unknown = times.remove(&0).unwrap_or(0);
            let mut counts: Vec<usize> = times.into_values().collect();
            counts.sort_unstable_by(|left, right| right.cmp(left));
            unknown + counts.iter().take(2).sum::<usize>()
        });
        open.sum()
    }

    /// What counts the bytes that are read.
    pub fn progress(&self) -> Progress {
        self.options.progress.clone()
    }

    /// Builds the stream. Files are opened up to their first record.
    ///
    /// # Errors
    /// When there is no source, or the interval ends before it starts.
    pub fn build(mut self) -> Result<Stream, Error> {
        if let Some((_, until)) = &mut self.interval
            && self.recent
            && !self.live.is_empty()
        {
            *until = u32::MAX;
        }
        if let Some((from, until)) = self.interval
            && from > until
        {
            return Err(Error::Interval(from, until));
        }
        if self.stdin > 1 {
            return Err(Error::StdinTwice);
        }
        if self.files.is_empty() && self.others.is_empty() && self.live.is_empty() {
            return Err(Error::NoSource);
        }
        self.thin_out();
        let many = self.files.len() > OPEN;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        self.options.ahead = cores > 1;
        let mut sources: Vec<Box<dyn Source>> = Vec::new();
        let expression = self.whole();
        for (feed, origin, kind) in self.files {
            let mut file = File::with_origin(feed, origin, self.options.clone());
            file.set_kind(kind);
            if many {
                file.peek();
            } else {
                file.advance();
            }
            sources.push(Box::new(file));
        }
        for mut other in self.others {
            other.advance();
            sources.push(other);
        }
        let filter = (!expression.is_empty()).then(|| Filter::new(expression));
        Ok(Stream::new(
            Merge::new(sources, Live::join(self.live).map_err(Error::Thread)?),
            filter,
            self.interval,
            self.sent,
        ))
    }

    /// Applies the RIB period, which is about the list of files and not about records.
    fn thin_out(&mut self) {
        if self.rib_period == 0 {
            return;
        }
        let period = self.rib_period;
        let mut last: Vec<(String, u32)> = Vec::new();
        self.files.sort_by_key(|(_, origin, _)| origin.dump_time);
        self.files.retain(|(_, origin, kind)| {
            // When a table was begun is not known of every file.
            if *kind != Some(RecordKind::Rib) || origin.dump_time == 0 {
                return true;
            }
            let name = format!("{}.{}", origin.project, origin.collector);
            match last.iter_mut().find(|(known, _)| *known == name) {
                Some((_, time)) if origin.dump_time < time.saturating_add(period) => false,
                Some((_, time)) => {
                    *time = origin.dump_time;
                    true
                }
                None => {
                    last.push((name, origin.dump_time));
                    true
                }
            }
        });
    }
}

/// Why a file can't be read. Only files are, which not everybody expects.
fn unreadable(path: &Path, error: io::Error) -> Error {
    let is_url = error.kind() == io::ErrorKind::NotFound && path.to_string_lossy().contains("://");
    let reason = "URLs are not read: fetch the file first, or pipe it to standard input";
    Error::File(
        path.to_path_buf(),
        match is_url {
            true => io::Error::new(io::ErrorKind::NotFound, reason),
            false => error,
        },
    )
}

/// Seconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// Reads a time.
fn moment(text: &str) -> Result<u32, Error> {
    let expected = "a time such as `2015-04-01 00:05` or seconds since 1970";
    time(text).ok_or_else(|| Error::Time(text.to_owned(), expected))
}

/// Checks that a file can be read, as far as its first bytes tell.
fn recognized(path: &Path) -> Result<(), Error> {
    match recognize(path) {
        Err(error) => Err(unreadable(path, error)),
        Ok(Compression::Unknown(name)) => Err(Error::Compression(path.to_path_buf(), name)),
        Ok(_) => Ok(()),
    }
}

/// How a file is compressed. A pipe is not opened: its first bytes can't be read twice, and its writer would lose its only
/// reader.
fn recognize(path: &Path) -> io::Result<Compression> {
    if !fs::metadata(path)?.is_file() {
        return Ok(Compression::None);
    }
    let mut file = Peeked::new(fs::File::open(path)?);
    let compression = Compression::of_stream(&mut file);
    match file.take_failure() {
        Some(error) => Err(error),
        None => Ok(compression),
    }
}
