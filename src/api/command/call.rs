//! A command being executed, and the row of the table that executes it.

use std::rc::Rc;

use super::cache::{RunState, SCOPE, Tails};
use super::dump::Dump;
use super::error::{CommandError, ErrorKind};
use super::listing::Listing;
use super::notice::{self, Notice};
use super::role::Effect;
use super::source::Source;
use super::special::Special;
use super::words::word_at;
use crate::api::changes::Changes;
use crate::api::control::{Among, Control, Sending};
use crate::bgp::Family;
use crate::grammar::Verb;
use crate::rib::{Lifetime, PeerSet};
use crate::text::{Span, SyntaxError};

/// The version of ExaBGP whose helper protocol this is, and that `version` answers.
pub const COMPATIBLE: &str = "5.0.15";

/// How a command that was executed is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// `done`, if answers are on.
    Done,
    /// `done`, in any case.
    Always,
    /// Not at all.
    Silent,
}

/// Whether a command acts on the neighbors of a selector before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// It is for them.
    Uses,
    /// It is for them, and requires a selector.
    Needs,
    /// A selector is accepted and ignored, as in ExaBGP.
    Ignores,
    /// A selector is an error.
    Refuses,
}

/// The most words that name a command.
pub(super) const MOST_WORDS: usize = 3;

/// One command.
pub(super) struct Row {
    /// The words that name it.
    pub(super) words: &'static str,
    /// Words that may follow, as `help` shows them.
    pub(super) options: &'static [&'static str],
    pub(super) selector: Takes,
    /// What it changes.
    pub(super) effect: Effect,
    /// Whether ExaBGP 5.0 has it, and lists it in `help`.
    pub(super) classic: bool,
    pub(super) example: &'static str,
    pub(super) run: fn(&mut Call<'_>, &Self) -> Result<Reply, CommandError>,
}

impl Row {
    /// Returns `true` if routes that it announces may have a lifetime.
    pub(super) fn announces_routes(&self) -> bool {
        !matches!(
            self.words,
            "announce eor"
                | "announce operational"
                | "announce route-refresh"
                | "announce watchdog"
        )
    }

    /// The verb that it starts with.
    pub(super) fn verb(&self) -> Verb {
        if self.words.starts_with("withdraw") {
            Verb::Withdraw
        } else {
            Verb::Announce
        }
    }
}

/// The words of every command, and those that several commands begin with.
pub(super) fn starts(rows: &'static [Row]) -> impl Iterator<Item = &'static str> {
    words(rows).chain(words(rows).filter_map(|words| words.split(' ').next()))
}

/// The words of every command.
pub(super) fn words(rows: &'static [Row]) -> impl Iterator<Item = &'static str> {
    rows.iter().map(|row| row.words)
}

/// Executes commands. One is enough for all sources: it holds the caches that they share.
#[derive(Debug, Default)]
pub struct Commands {
    pub(super) tails: Tails,
    pub(super) run: RunState,
    /// Emptied by each command; kept for its capacity.
    pub(super) changes: Changes,
    /// How long the routes of the current command are to stay.
    pub(super) lifetime: Lifetime,
    /// The selector of the current command, if the other side keeps selectors.
    pub(super) selector: Option<Rc<str>>,
    /// A remark about the current command, which is accepted.
    pub(super) notice: Option<Notice>,
}

impl Commands {
    /// Creates it with empty caches.
    pub fn new() -> Self {
        Self::default()
    }
}

/// A command being executed: what it may read and what it may do.
pub(super) struct Call<'a> {
    pub(super) commands: &'a mut Commands,
    pub(super) source: &'a mut Source,
    pub(super) control: &'a mut dyn Control,
    pub(super) out: &'a mut String,
    /// All commands.
    pub(super) rows: &'static [Row],
    /// The whole line, up to the command's end.
    pub(super) line: &'a str,
    /// Where the arguments start; before dispatch, the command.
    pub(super) at: usize,
    /// The text of the selector, as it stands in the line.
    pub(super) selector: &'a str,
    /// Peers that were sent something.
    pub(super) touched: PeerSet,
    /// The rest of a long answer, sent after `out` and before the acknowledgement.
    pub(super) rest: Option<Box<Listing>>,
    /// An outcome of its own.
    pub(super) special: Option<Special>,
    /// Tables to write before the acknowledgement.
    pub(super) dump: Option<Box<Dump>>,
}

impl<'a> Call<'a> {
    /// The text of the arguments and where it starts.
    pub(super) fn arguments(&self) -> (&'a str, usize) {
        let (start, _, _) = word_at(self.line, self.at);
        (&self.line[start..], start)
    }

    /// The words of the arguments.
    pub(super) fn argument_words(&self) -> Vec<&'a str> {
        self.line[self.at..].split_ascii_whitespace().collect()
    }

    /// The answer to what was requested of the daemon: its result, if the source waits for results.
    pub(super) fn await_result(&mut self) -> Reply {
        if self.source.waits {
            self.special = Some(Special::Requested);
        }
        Reply::Done
    }

    /// Refuses arguments.
    pub(super) fn no_arguments(&self) -> Result<(), CommandError> {
        self.nothing_after(self.at)
    }

    /// Refuses words after `at`.
    pub(super) fn nothing_after(&self, at: usize) -> Result<(), CommandError> {
        let (start, word, end) = word_at(self.line, at);
        if word.is_empty() {
            return Ok(());
        }
        Err(SyntaxError::expected(Span::new(start, end), "the end of the command", word).into())
    }

    /// The neighbors that the command is for.
    pub(super) fn peers(&mut self, among: Among) -> Result<PeerSet, CommandError> {
        let peers = self
            .source
            .selections
            .select(self.selector, among, self.control)?;
        if peers.is_empty() {
            return Err(CommandError::new(
                ErrorKind::NoNeighbor,
                if self.selector.is_empty() {
                    "there is no neighbor that this command may reach".to_owned()
                } else {
                    format!("no neighbor matches `{}`", self.selector)
                },
            ));
        }
        Ok(peers)
    }

    /// The neighbors that routes are announced to or withdrawn from.
    pub(super) fn peers_of_routes(&mut self, verb: Verb) -> Result<PeerSet, CommandError> {
        match self.peers(SCOPE) {
            // What is withdrawn must not come back with a neighbor.
            Err(error) if error.kind == ErrorKind::NoNeighbor && verb == Verb::Withdraw => {
                self.peers(Among::OwnAside).map_err(|_| error)
            }
            peers => peers,
        }
    }

    /// Applies what the command collected in `commands.changes`, or adds it to the batch.
    pub(super) fn apply(&mut self, peers: &PeerSet) -> Result<Reply, CommandError> {
        self.commands
            .select(self.selector, (self.source, self.control));
        self.apply_to(peers)
    }

    /// The same for changes that are not for all neighbors that the selector selects.
    pub(super) fn apply_unselected(&mut self, peers: &PeerSet) -> Result<Reply, CommandError> {
        self.commands.selector = None;
        self.apply_to(peers)
    }

    fn apply_to(&mut self, peers: &PeerSet) -> Result<Reply, CommandError> {
        self.commands.apply(self.source, self.control, self.out)?;
        self.touched.union(peers);
        Ok(if self.source.batch.is_some() {
            Reply::Silent
        } else {
            Reply::Done
        })
    }

    /// Sends End-of-RIB now, or at the end of the batch.
    pub(super) fn end_of_rib(&mut self, peers: PeerSet, family: Family) -> Reply {
        self.touched.union(&peers);
        match &mut self.source.batch {
            Some(batch) => {
                batch.end_of_rib(peers, family, self.control.epoch());
                Reply::Silent
            }
            None => {
                // Where the marker is sent, the log gets a line for each neighbor that cannot receive it.
                if !self.control.can_send(&peers, Sending::EndOfRib(family)) {
                    let reason = format!("no selected neighbor has negotiated the family {family}");
                    self.commands.notice = Some(Notice::NoEffect(reason));
                }
                self.control.end_of_rib(&peers, family);
                Reply::Done
            }
        }
    }

    /// Reports, now in the log and later in the answer, that the command has no effect.
    pub(super) fn no_effect(&mut self, reason: String) {
        if self.control.may_remark() {
            tracing::warn!(
                process = self.source.name,
                command = self.line,
                "the command has no effect: {reason}"
            );
        }
        self.commands.notice = Some(Notice::NoEffect(reason));
    }

    /// The same, unless one of `peers` can be sent `what`.
    pub(super) fn no_effect_unless(
        &mut self,
        peers: &PeerSet,
        what: Sending<'_>,
        reason: impl FnOnce() -> String,
    ) {
        if !self.control.can_send(peers, what) {
            self.no_effect(reason());
        }
    }

    /// Ignores the words of the line from `at` on, as ExaBGP does, and reports that.
    ///
    /// # Errors
    /// When `json` is among them: ExaBGP refuses it in commands without an answer in JSON.
    pub(super) fn pass_over(&mut self, at: usize) -> Result<(), CommandError> {
        let words = self.line[at..].trim_ascii();
        if words.is_empty() {
            return Ok(());
        }
        if words.split_ascii_whitespace().any(|word| word == "json") {
            return self.nothing_after(at);
        }
        let shown: String = words.chars().take(64).collect();
        let reason = format!("`{shown}` has no meaning here and is ignored");
        if self.control.may_remark() {
            tracing::warn!(process = self.source.name, command = self.line, "{reason}");
        }
        self.commands.notice.get_or_insert(Notice::Warning(reason));
        Ok(())
    }

    /// Ignores all arguments.
    ///
    /// # Errors
    /// As [`pass_over`](Self::pass_over).
    pub(super) fn pass_over_arguments(&mut self) -> Result<(), CommandError> {
        self.pass_over(self.at)
    }
}

impl Commands {
    /// Remembers the selector of the changes that are about to be applied, or kept: by then it may select others.
    pub(super) fn select(&mut self, selector: &str, (source, control): (&Source, &dyn Control)) {
        if !control.keeps_selectors() && !source.is_open() {
            self.selector = None;
        } else if self.selector.as_deref() != Some(selector) {
            self.selector = Some(selector.into());
        }
    }

    /// Applies the collected changes, or adds them to the source's batch. After an error they are dropped.
    pub(super) fn apply(
        &mut self,
        source: &mut Source,
        control: &mut dyn Control,
        out: &mut String,
    ) -> Result<(), CommandError> {
        self.changes.describe(self.lifetime, self.selector.as_ref());
        if let Some(set) = source.staging.as_mut().filter(|set| set.is_line) {
            let added = set.add((&mut self.changes, control.epoch()));
            self.changes.clear();
            return added;
        }
        let result = match &mut source.batch {
            Some(batch) => batch.add((&mut self.changes, control.epoch()), &source.acks, out),
            None => {
                self.notice_unsent(source, control);
                control.apply(&mut self.changes)
            }
        };
        self.changes.clear();
        result
    }

    /// Records what is about to be applied and can be sent to none of its peers, if the source asked for reasons. The
    /// place where the changes are applied writes the log.
    pub(super) fn notice_unsent(&mut self, source: &Source, control: &dyn Control) {
        if source.acks.reasons {
            self.notice = notice::unsent(&self.changes.list, control);
        }
    }
}
