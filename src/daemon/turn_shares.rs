//! How much of its commands a source may have executed in one turn.
//!
//! A helper that announces a table has long turns, which cost the least. A change of another helper would wait for one of
//! them each time: while several sources send commands, the turns are short.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::queue::Queue;

/// Bytes of the lines of one turn while several sources send commands: some hundred routes, a quarter of a millisecond.
const SHARE: usize = 32 * 1024;
/// How long after a turn of another source turns are short.
const RECENT: Duration = Duration::from_secs(1);

/// Which sources had the last turns.
#[derive(Debug)]
pub(super) struct TurnShares {
    /// The queue of the answers to the source of the last turn, which stands for the source.
    last: Cell<*const Queue>,
    /// When the source was another one than before.
    changed: Cell<Option<Instant>>,
}

impl Default for TurnShares {
    fn default() -> Self {
        Self {
            last: Cell::new(std::ptr::null()),
            changed: Cell::new(None),
        }
    }
}

impl TurnShares {
    /// Begins a turn of `source` at `now`. Returns the whole lines at the beginning of `lines` that belong to it, at least one.
    pub(super) fn share<'a>(
        &self,
        source: *const Queue,
        lines: &'a [u8],
        now: Instant,
    ) -> &'a [u8] {
        let last = self.last.replace(source);
        if last != source && !last.is_null() {
            self.changed.set(Some(now));
        }
        let is_shared = |at: Instant| now.duration_since(at) < RECENT;
        if lines.len() <= SHARE || !self.changed.get().is_some_and(is_shared) {
            return lines;
        }
        let end = memchr::memrchr(b'\n', &lines[..SHARE])
            .or_else(|| memchr::memchr(b'\n', lines))
            .map_or(lines.len(), |at| at + 1);
        &lines[..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_short_while_there_are_others() {
        let (shares, start) = (TurnShares::default(), Instant::now());
        let sources = [1, 2].map(std::ptr::without_provenance::<Queue>);
        let table = b"announce route 192.0.2.0/24 next-hop self\n".repeat(10_000);
        let turn = |number: usize, lines: &[u8], seconds| {
            let now = start + Duration::from_secs(seconds);
            shares.share(sources[number], lines, now).len()
        };
        assert_eq!(turn(0, &table, 0), table.len());
        assert_eq!(turn(0, &table, 10), table.len());
        assert_eq!(turn(1, b"version\n", 20), 8);
        let short = turn(0, &table, 20);
        assert!(short > SHARE - 100 && short <= SHARE && short.is_multiple_of(42));
        assert_eq!(turn(0, &table, 20), short);
        // The other one has had no turn for a while.
        assert_eq!(turn(0, &table, 21), table.len());
        // A longer line is a turn of its own.
        assert_eq!(
            turn(1, &[&[b'x'; 2 * SHARE][..], b"\na\n"].concat(), 21),
            2 * SHARE + 1
        );
        // The end of the input need not have a newline.
        assert_eq!(turn(1, &[b'x'; 2 * SHARE], 21), 2 * SHARE);
    }
}
