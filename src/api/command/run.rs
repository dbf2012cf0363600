//! The fast path for many lines: `[neighbor …] announce route P TAIL` and `withdraw route P`, thousands in a row.
//!
//! Of a line that begins and ends as the one before it, only the prefix is read; prefixes with the same attributes are
//! applied as one [`Run`]. A line of another shape, one that would be refused, and everything that must be answered
//! individually end the run and are left to [`Commands::execute`], which decides what they mean and finds the error.

use std::rc::Rc;

use super::announce::action;
use super::cache::Tails;
use super::call::Commands;
use super::fast_path::shape;
use super::role::Role;
use super::source::Source;
use crate::api::control::Control;
use crate::api::reply::Answer;
use crate::bgp::Family;
use crate::bgp::next_hop_rule::depends_on_session;
use crate::grammar::{Place, Prefix, Tail, Verb};
use crate::rib::{Action, PeerSet, Run};

/// What was executed of some lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Executed {
    /// The number of bytes of the lines, newlines included.
    pub bytes: usize,
    /// The number of lines. All are answered in the same way.
    pub lines: u64,
}

/// What the lines of a run begin with.
struct Head<'a> {
    text: &'a [u8],
    verb: Verb,
    peers: PeerSet,
}

/// What the lines of a run end with.
struct End<'a> {
    text: &'a [u8],
    tail: Rc<Tail>,
    action: Action,
}

impl Commands {
    /// Executes as many lines from the start of `lines`, which are separated by newlines, as are of the usual shape, and
    /// appends to `out` the answer that each of them has. They have the same effect as with [`Commands::execute`].
    ///
    /// It may execute none: then the first line must be executed before this is called again.
    pub fn execute_run(
        &mut self,
        lines: &[u8],
        source: &mut Source,
        control: &mut dyn Control,
        out: &mut String,
    ) -> Executed {
        if self.run.skip > 0 {
            self.run.skip -= 1;
            return Executed::default();
        }
        let plain = !source.is_open() && source.role == Role::Full;
        if source.sync || source.acks.reasons || !plain {
            return Executed::default();
        }
        let mut reader = Reader {
            lines,
            at: 0,
            head: None,
            end: None,
            family: Family::IPV4_UNICAST,
            prefixes: std::mem::take(&mut self.run.prefixes),
            collected: 0,
            refused: false,
            done: Executed::default(),
        };
        while reader.at < lines.len() && reader.line(&mut self.tails, source, control).is_some() {}
        if reader.apply(control).is_none() {
            self.run.skip = reader.collected;
        }
        reader.prefixes.clear();
        self.run.prefixes = reader.prefixes;
        if reader.done.lines > 0 && source.acks.enabled {
            source.acks.write(Answer::Done, None, out);
        }
        reader.done
    }
}

/// Reads lines and applies runs.
struct Reader<'a> {
    lines: &'a [u8],
    /// Where the next line begins.
    at: usize,
    head: Option<Head<'a>>,
    end: Option<End<'a>>,
    /// The family of the collected prefixes.
    family: Family,
    /// The wire form of the collected prefixes.
    prefixes: Vec<u8>,
    /// Number of the collected prefixes, one for each line.
    collected: u64,
    /// The collected prefixes must be applied one by one.
    refused: bool,
    done: Executed,
}

impl<'a> Reader<'a> {
    /// Adds the next line to the run, after applying the run if the line does not continue it. Returns `None` if the line
    /// is left to the general path.
    fn line(
        &mut self,
        tails: &mut Tails,
        source: &mut Source,
        control: &mut dyn Control,
    ) -> Option<()> {
        let line = &self.lines[self.at..];
        match &self.head {
            Some(head) if line.starts_with(head.text) => {}
            _ => {
                let head = head(line, source, control)?;
                self.apply(control)?;
                (self.head, self.end) = (Some(head), None);
            }
        }
        let head = self.head.as_ref()?;
        let verb = head.verb;
        let after = &line[head.text.len()..];
        let (prefix, length) = Prefix::read(after)?;
        let rest = &after[length..];
        let (rest, blank) = match rest.strip_prefix(b" ") {
            Some(rest) => (rest, 1),
            None => (rest, 0),
        };
        let known = self.end.as_ref().filter(|end| {
            rest.starts_with(end.text)
                && matches!(rest.get(end.text.len()), None | Some(b'\n'))
                && (blank == 1) != end.text.is_empty()
        });
        let length_of_end = match known {
            Some(end) => end.text.len(),
            None => {
                let base = head.text.len() + length + blank;
                let end = end(rest, blank == 1, verb, (tails, base, control))?;
                self.apply(control)?;
                self.end.insert(end).text.len()
            }
        };
        let length_of_line = line.len() - rest.len() + length_of_end;
        let end = self.end.as_ref()?;
        let family = end.tail.family_of(prefix);
        let hops = end.tail.attributes.next_hops();
        if verb == Verb::Announce && depends_on_session(family, hops) {
            return None;
        }
        if self.family != family {
            self.apply(control)?;
            self.family = family;
        }
        self.collected += 1;
        prefix.encode(&mut self.prefixes);
        // The newline too; the last line may have none.
        self.at += length_of_line + 1;
        Some(())
    }

    /// Applies the collected prefixes. Returns `None` if they must be applied one by one, by the general path.
    fn apply(&mut self, control: &mut dyn Control) -> Option<()> {
        let (Some(head), Some(end)) = (&self.head, &self.end) else {
            return Some(());
        };
        if self.collected == 0 {
            return Some(());
        }
        let run = Run {
            family: self.family,
            path_id: end.tail.path_id,
            peers: &head.peers,
            action: &end.action,
            prefixes: &self.prefixes,
        };
        self.refused = self.refused || !control.apply_run(&run);
        if self.refused {
            return None;
        }
        self.done = Executed {
            bytes: self.at,
            lines: self.done.lines + self.collected,
        };
        self.collected = 0;
        self.prefixes.clear();
        Some(())
    }
}

/// What `line` begins with, up to the prefix, if its selector is known.
fn head<'a>(line: &'a [u8], source: &mut Source, control: &dyn Control) -> Option<Head<'a>> {
    let length = memchr::memchr(b'\n', line).unwrap_or(line.len());
    let (selector, verb, at) = shape(&line[..length])?;
    let selector = str::from_utf8(&line[..selector]).ok()?;
    let peers = source.selections.find(selector, control)?;
    (!peers.is_empty()).then(|| Head {
        text: &line[..at],
        verb,
        peers: peers.clone(),
    })
}

/// The end of a line, whose text begins at `rest`.
fn end<'a>(
    rest: &'a [u8],
    after_blank: bool,
    verb: Verb,
    (tails, base, control): (&mut Tails, usize, &mut dyn Control),
) -> Option<End<'a>> {
    let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    let text = &rest[..length];
    let is_trimmed = match text {
        [] => !after_blank,
        [first, .., last] => after_blank && first.is_ascii_graphic() && last.is_ascii_graphic(),
        [one] => after_blank && one.is_ascii_graphic(),
    };
    // `sync` at the end is an option of the command.
    if !is_trimmed || text.ends_with(b"sync") {
        return None;
    }
    let words = str::from_utf8(text).ok()?;
    let tail = tails.get(words, (verb, Place::Route), base, control).ok()?;
    tail.is_plain().then(|| End {
        text,
        action: action(verb, &tail.attributes),
        tail,
    })
}
