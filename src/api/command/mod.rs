//! Commands: one line in, an answer out, and calls of [`Control`] in between.
//!
//! A line is `[ack-id ID] [sync] [neighbor SELECTOR] WORDS ARGUMENTS`. The words are looked up in the table of
//! [`table`], the longest that fit from the front win; ExaBGP looks for them anywhere in the line, which makes a route's
//! name a command, and is not copied. The line is read to its end before anything is changed.
//!
//! `announce route` and `withdraw route` are what helpers send by the million: [`quick`] recognises their lines without
//! cutting them into words, and [`memo`] keeps the parsed tails, so that only the prefix is read anew. Both lead to the same
//! functions as the long way, so they can't mean anything else.

use crate::bgp::Family;
use crate::grammar::Selector;
use crate::rib::{Change, PeerSet};
use crate::text::{Span, SyntaxError};

use super::control::{Among, Control, Sending};
use super::reply::{Acks, Answer};

mod announce;
mod batch;
mod daemon;
mod error;
mod memo;
mod neighbor;
mod notice;
mod operational;
mod options;
mod peer;
mod quick;
mod rib;
mod routes_json;
mod session;
mod table;
mod unknown;
mod v6;

use batch::Batch;
use memo::{Selections, Tails};
use notice::Notice;
use options::Options;
use table::Row;

pub use error::{CommandError, ErrorKind};
pub use rib::Listing;
pub use routes_json::RoutesJson;
pub use table::{example_lines, words};

/// The version of ExaBGP whose helper protocol this is, and that `version` answers.
pub const COMPATIBLE: &str = "5.0.15";

/// What became of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was carried out.
    Done,
    /// It was carried out; its answer is to be written only when what was said so far is with the sockets of these peers.
    Synced(PeerSet),
    /// It was carried out; the rest of the answer is long and is to be asked for, piece by piece.
    Listed(Box<Listing>),
    /// It was not carried out, and changed nothing.
    Failed(CommandError),
}

/// Who speaks: a helper process, or a client of the control socket or pipe.
#[derive(Debug)]
pub struct Source {
    /// The name of the process; also the group that `announce watchdog` means when it names none.
    pub name: String,
    /// Which answers it gets.
    pub acks: Acks,
    /// Answers to route commands always wait until the routes are with the sockets (`session sync enable` of ExaBGP 6.0).
    pub sync: bool,
    /// The form of `show adj-rib … json`.
    pub routes_json: RoutesJson,
    batch: Option<Batch>,
    selections: Selections,
}

impl Source {
    /// A speaker with ExaBGP's answers: `done` and `error`.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            acks: Acks::default(),
            sync: false,
            routes_json: RoutesJson::V1,
            batch: None,
            selections: Selections::default(),
        }
    }
}

/// Reads commands. One is enough for all sources: it keeps what they have in common.
#[derive(Debug, Default)]
pub struct Commands {
    tails: Tails,
    /// Emptied by each command; kept for its room.
    changes: Vec<Change>,
    /// What is to be said about the present command although it is accepted.
    notice: Option<Notice>,
}

/// How a command that was carried out is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    /// `done`, if answers are on.
    Done,
    /// `done`, in any case.
    Always,
    /// Not at all.
    Silent,
}

impl Commands {
    /// An empty memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// Carries out one line, without its newline, and appends what is to be written back to `out`.
    pub fn execute(
        &mut self,
        line: &[u8],
        source: &mut Source,
        control: &mut dyn Control,
        out: &mut String,
    ) -> Outcome {
        let line = line.trim_ascii_end();
        self.notice = None;
        if let Some(outcome) = self.quick(line, source, control, out) {
            return outcome;
        }
        let Ok(text) = str::from_utf8(line) else {
            let error = CommandError::new(ErrorKind::Syntax, "the line is not UTF-8");
            return finish(Err(error), None, (source, None), out);
        };
        if let Some(note) = text.strip_prefix("debug ") {
            tracing::warn!(process = source.name, text = note, "debug info");
            return Outcome::Done;
        }
        let options = match Options::split(text) {
            Ok(options) => options,
            Err(error) => return finish(Err(error), None, (source, None), out),
        };
        let mut call = Call {
            commands: self,
            source,
            control,
            out,
            line: text,
            at: options.at,
            selector: "",
            touched: PeerSet::new(),
            rest: None,
        };
        let result = call.dispatch(options.end);
        let notice = call.commands.notice.take();
        if let Some(mut listing) = call.rest.take() {
            finish(result, options.id, (source, notice), &mut listing.answer);
            return Outcome::Listed(listing);
        }
        let touched = std::mem::take(&mut call.touched);
        let sync = options.sync.unwrap_or(source.sync);
        match finish(result, options.id, (source, notice), out) {
            Outcome::Done if sync && !touched.is_empty() => Outcome::Synced(touched),
            outcome => outcome,
        }
    }
}

/// Writes the answer.
fn finish(
    result: Result<Reply, CommandError>,
    id: Option<&str>,
    (source, notice): (&mut Source, Option<Notice>),
    out: &mut String,
) -> Outcome {
    match result {
        Ok(reply) => {
            if reply == Reply::Always || reply == Reply::Done && source.acks.enabled {
                let answer = notice.as_ref().map_or(Answer::Done, Notice::answer);
                source.acks.write(answer, id, out);
            }
            Outcome::Done
        }
        Err(error) => {
            if let Some(batch) = &mut source.batch {
                batch.fail(&error);
            }
            if source.acks.enabled {
                source
                    .acks
                    .write(Answer::Error(&error.to_string()), id, out);
            }
            Outcome::Failed(error)
        }
    }
}

/// The first word of `line` at or after `at`: where it starts, itself, and where it ends.
fn word_at(line: &str, at: usize) -> (usize, &str, usize) {
    let rest = &line[at..];
    let start = at + rest.len() - rest.trim_ascii_start().len();
    let end = line[start..]
        .find(|c: char| c.is_ascii_whitespace())
        .map_or(line.len(), |length| start + length);
    (start, &line[start..end], end)
}

/// One command on its way: what it may read and what it may do.
struct Call<'a> {
    commands: &'a mut Commands,
    source: &'a mut Source,
    control: &'a mut dyn Control,
    out: &'a mut String,
    /// The whole line, up to the command's end.
    line: &'a str,
    /// Where the arguments start; before dispatch, the command.
    at: usize,
    /// The text of the selector, as it stands in the line.
    selector: &'a str,
    /// Peers that were told something.
    touched: PeerSet,
    /// What is to be said after this, and before the answer.
    rest: Option<Box<Listing>>,
}

impl<'a> Call<'a> {
    fn dispatch(&mut self, end: usize) -> Result<Reply, CommandError> {
        self.line = &self.line[..end];
        let (start, first, next) = word_at(self.line, self.at);
        self.at = start;
        // In ExaBGP 6.0, `peer` may also begin commands about peers.
        let about = first == "peer"
            && matches!(
                word_at(self.line, next).1,
                "list" | "show" | "create" | "delete"
            );
        if matches!(first, "neighbor" | "peer") && !about {
            let (_, command) =
                Selector::split(&self.line[start..]).map_err(|error| moved(error, start))?;
            let at = self.line.len() - command.len();
            self.selector = self.line[start..at].trim_ascii_end();
            self.at = at;
        }
        let (row, after) = self.row()?;
        if !self.selector.is_empty() && row.selector == table::Takes::Refuses {
            return Err(CommandError::new(
                ErrorKind::Syntax,
                format!("`{}` takes no selector before it", row.words),
            ));
        }
        self.at = after;
        (row.run)(self, row)
    }

    /// The row with the most words that the command starts with, and where its arguments start.
    fn row(&self) -> Result<(&'static Row, usize), CommandError> {
        let mut heads = [("", 0); table::MOST_WORDS];
        let mut at = self.at;
        for head in &mut heads {
            let (_, word, end) = word_at(self.line, at);
            *head = (word, end);
            at = end;
        }
        let bare = self.selector.is_empty();
        let mut best: Option<(&'static Row, usize)> = None;
        for row in table::ROWS {
            let mut count = 0;
            let fits = row.words.split(' ').zip(&heads).all(|(wanted, (word, _))| {
                count += 1;
                *word == wanted
            });
            let longer = best.is_none_or(|(_, most)| most < count);
            if fits && longer && !(bare && row.selector == table::Takes::Needs) {
                best = Some((row, count));
            }
        }
        best.map(|(row, count)| (row, heads[count - 1].1))
            .ok_or_else(|| self.unknown())
    }

    /// The text of the arguments and where it starts.
    fn arguments(&self) -> (&'a str, usize) {
        let (start, _, _) = word_at(self.line, self.at);
        (&self.line[start..], start)
    }

    /// The words of the arguments.
    fn argument_words(&self) -> Vec<&'a str> {
        self.line[self.at..].split_ascii_whitespace().collect()
    }

    /// Refuses arguments.
    fn no_arguments(&self) -> Result<(), CommandError> {
        self.nothing_after(self.at)
    }

    /// Refuses words after `at`.
    fn nothing_after(&self, at: usize) -> Result<(), CommandError> {
        let (start, word, end) = word_at(self.line, at);
        if word.is_empty() {
            return Ok(());
        }
        Err(SyntaxError::expected(Span::new(start, end), "the end of the command", word).into())
    }

    /// The neighbours that the command is for.
    fn peers(&mut self, among: Among) -> Result<PeerSet, CommandError> {
        let peers = self
            .source
            .selections
            .select(self.selector, among, self.control)?;
        if peers.is_empty() {
            return Err(CommandError::new(
                ErrorKind::NoNeighbor,
                if self.selector.is_empty() {
                    "there is no neighbour that this may be said to".to_owned()
                } else {
                    format!("no neighbour matches `{}`", self.selector)
                },
            ));
        }
        Ok(peers)
    }

    /// Applies what the command collected in `commands.changes`, or adds it to the batch.
    fn apply(&mut self, peers: &PeerSet) -> Result<Reply, CommandError> {
        self.commands.apply(self.source, self.control, self.out)?;
        self.touched.union(peers);
        Ok(if self.source.batch.is_some() {
            Reply::Silent
        } else {
            Reply::Done
        })
    }

    /// Says End-of-RIB now, or at the end of the batch.
    fn end_of_rib(&mut self, peers: PeerSet, family: Family) -> Reply {
        self.touched.union(&peers);
        match &mut self.source.batch {
            Some(batch) => {
                batch.end_of_rib(peers, family);
                Reply::Silent
            }
            None => {
                self.no_effect_unless(&peers, Sending::EndOfRib(family), || {
                    format!("no selected neighbor has negotiated the family {family}")
                });
                self.control.end_of_rib(&peers, family);
                Reply::Done
            }
        }
    }
}

impl Commands {
    /// Applies the collected changes, or adds them to the source's batch. After an error nothing is left of them.
    fn apply(
        &mut self,
        source: &mut Source,
        control: &mut dyn Control,
        out: &mut String,
    ) -> Result<(), CommandError> {
        let result = match &mut source.batch {
            Some(batch) => batch.add(&mut self.changes, &source.acks, out),
            None => {
                self.notice_unsent(source, control);
                control.apply(&mut self.changes)
            }
        };
        self.changes.clear();
        result
    }
}

/// The same error with its place counted from the start of the line.
fn moved(mut error: SyntaxError, by: usize) -> SyntaxError {
    error.span = Span::new(error.span.start + by, error.span.end + by);
    error
}
