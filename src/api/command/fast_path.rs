//! The fast path for the most frequent lines: `[neighbor …] announce route P TAIL`, `withdraw route P`.
//!
//! Only the shape of the line is checked. Anything unusual (a selector not seen before, options around the command) takes the
//! general path, which calls the same functions.

use memchr::memmem;

use super::call::{Commands, Reply};
use super::outcome::{Outcome, finish};
use super::source::Source;
use crate::api::control::Control;
use crate::grammar::{Place, Verb};

impl Commands {
    /// Executes the line if it has the usual shape.
    pub(super) fn fast_path(
        &mut self,
        line: &[u8],
        source: &mut Source,
        control: &mut dyn Control,
        out: &mut String,
    ) -> Option<Outcome> {
        let (selector, verb, at) = shape(line)?;
        if source.sync || line.ends_with(b"sync") || has_lifetime(line) {
            return None;
        }
        let text = str::from_utf8(line).ok()?;
        let peers = source.selections.find(&text[..selector], control)?;
        if peers.is_empty() {
            return None;
        }
        let collected = self.collect_route((verb, Place::Route), (&text[at..], at), peers, control);
        self.select(&text[..selector], (source, control));
        let applied = collected.and_then(|()| self.apply(source, control, out));
        let reply = applied.map(|()| {
            if source.batch.is_some() {
                Reply::Silent
            } else {
                Reply::Done
            }
        });
        let notice = self.notice.take();
        Some(finish(reply, None, (source, notice), out))
    }
}

/// Returns `true` if the line may end with `lifetime` and its value, or without its value.
fn has_lifetime(line: &[u8]) -> bool {
    let is_gap = |byte: &u8| matches!(byte, b' ' | b'\t' | b';');
    let end = line.iter().rposition(|byte| !is_gap(byte));
    let line = &line[..end.map_or(0, |end| end + 1)];
    let last = line.iter().rposition(is_gap);
    line.ends_with(b"lifetime")
        || last.is_some_and(|at| line[..at].trim_ascii_end().ends_with(b"lifetime"))
}

/// Where the selector ends, the verb, and where the prefix starts.
pub(super) fn shape(line: &[u8]) -> Option<(usize, Verb, usize)> {
    const ANNOUNCE: &[u8] = b"announce route ";
    const WITHDRAW: &[u8] = b"withdraw route ";
    const NOUN: &[u8] = b" route ";
    let command = |at: usize| {
        let rest = line.get(at..)?;
        if rest.starts_with(ANNOUNCE) {
            Some((Verb::Announce, at + ANNOUNCE.len()))
        } else if rest.starts_with(WITHDRAW) {
            Some((Verb::Withdraw, at + WITHDRAW.len()))
        } else {
            None
        }
    };
    if let Some((verb, at)) = command(0) {
        return Some((0, verb, at));
    }
    if !line.starts_with(b"neighbor ") {
        return None;
    }
    // Both verbs have eight letters.
    let start = memmem::find(line, NOUN)?.checked_sub(8)?;
    let (verb, at) = command(start)?;
    let selector = start
        .checked_sub(1)
        .filter(|before| line[*before] == b' ')?;
    Some((selector, verb, at))
}
