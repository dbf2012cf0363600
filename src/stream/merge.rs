//! Several sources as one, by time to the microsecond.
//!
//! At equal time tables come before updates, then the source named first. The order inside a source is kept: if its time steps back, its
//! records are given at once. No source is read further than the record it is at.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::mrt::Timestamp;

use super::record::RecordKind;
use super::source::Source;

/// Time, rank of the kind, number of the source.
type Key = Reverse<(Timestamp, bool, usize)>;

/// Sources in the order of their records' times.
pub(super) struct Merge {
    sources: Vec<Box<dyn Source>>,
    /// The number of the first source whose turn comes after all before it have ended.
    first_live: usize,
    waiting: BinaryHeap<Key>,
    current: Option<usize>,
}

impl Merge {
    /// Merges sources that are at their first record; `live` comes after all of them.
    pub(super) fn new(mut sources: Vec<Box<dyn Source>>, live: Option<Box<dyn Source>>) -> Self {
        let waiting = sources
            .iter()
            .enumerate()
            .filter_map(|(index, source)| key(source.as_ref(), index))
            .collect();
        let first_live = sources.len();
        sources.extend(live);
        Self {
            first_live,
            sources,
            waiting,
            current: None,
        }
    }

    /// The source whose record is next, after a step from the last one. The second is a source that has just ended.
    pub(super) fn advance(&mut self) -> (Option<usize>, Option<usize>) {
        let mut ended = None;
        if let ([source], Some(index)) = (&mut self.sources[..], self.current) {
            // Nothing to compare with.
            if !source.advance() {
                self.current = None;
                ended = Some(index);
            }
            return (self.current, ended);
        }
        if let Some(index) = self.current.take() {
            let source = &mut self.sources[index];
            if source.advance() {
                if index == self.first_live {
                    self.current = Some(index);
                    return (self.current, None);
                }
                self.waiting.extend(key(source.as_ref(), index));
            } else {
                ended = Some(index);
            }
        }
        self.current = self.waiting.pop().map(|Reverse((_, _, index))| index);
        if self.current.is_none()
            && ended.is_none_or(|ended| ended < self.first_live)
            && let Some(live) = self.sources.get_mut(self.first_live)
        {
            // There is at most one, and it is never waited for before.
            self.current = live.advance().then_some(self.first_live);
        }
        (self.current, ended)
    }

    /// A source.
    pub(super) fn source(&mut self, index: usize) -> &mut dyn Source {
        self.sources[index].as_mut()
    }
}

fn key(source: &dyn Source, index: usize) -> Option<Key> {
    let (time, kind) = source.time()?;
    Some(Reverse((time, kind == RecordKind::Update, index)))
}
