//! How much of its commands a helper may have executed in one turn.
//!
//! A helper that announces a table has long turns, which cost the least. A change of another helper would wait for one of
//! them each time: while several helpers send commands, a turn is about as long as others had since the last one of that
//! helper. With one neighbor that is short; with thousands, which take their time to write what a turn has changed, it is as
//! long as ever.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use super::queue::Queue;

/// Bytes of the lines of the shortest turn while several helpers send commands: some hundred routes.
const SHARE: usize = 32 * 1024;
/// About how long that takes.
const TIME: Duration = Duration::from_micros(250);
/// How long after a turn of another helper turns are short.
const RECENT: Duration = Duration::from_secs(1);

/// Which helpers had turns lately.
#[derive(Debug, Default)]
pub(super) struct TurnShares {
    /// The queue of the answers to each, which stands for it, and when its last turn ended.
    recent: RefCell<Vec<(*const Queue, Instant)>>,
}

impl TurnShares {
    /// Begins a turn of `source` at `now`. Returns the whole lines at the beginning of `lines` that belong to it, at least one.
    pub(super) fn share<'a>(
        &self,
        source: *const Queue,
        lines: &'a [u8],
        now: Instant,
    ) -> &'a [u8] {
        let mut recent = self.recent.borrow_mut();
        recent.retain(|(_, end)| now.duration_since(*end) < RECENT);
        if recent.iter().all(|(other, _)| *other == source) {
            return lines;
        }
        let own = recent.iter().find(|(other, _)| *other == source);
        let pause = own.map_or(Duration::ZERO, |(_, end)| now.duration_since(*end));
        let times = usize::try_from(pause.as_micros() / TIME.as_micros()).unwrap_or(usize::MAX);
        let most = SHARE.saturating_mul(times.max(1));
        if lines.len() <= most {
            return lines;
        }
        let end = memchr::memrchr(b'\n', &lines[..most])
            .or_else(|| memchr::memchr(b'\n', lines))
            .map_or(lines.len(), |at| at + 1);
        &lines[..end]
    }

    /// Ends a turn of `source`.
    pub(super) fn end(&self, source: *const Queue, now: Instant) {
        let mut recent = self.recent.borrow_mut();
        match recent.iter_mut().find(|(other, _)| *other == source) {
            Some((_, end)) => *end = now,
            None => recent.push((source, now)),
        }
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
        let at = |number: usize, lines: &[u8], now| {
            let length = shares.share(sources[number], lines, now).len();
            shares.end(sources[number], now);
            length
        };
        let turn = |number: usize, lines: &[u8], seconds| {
            at(number, lines, start + Duration::from_secs(seconds))
        };
        assert_eq!(turn(0, &table, 0), table.len());
        assert_eq!(turn(0, &table, 10), table.len());
        assert_eq!(turn(1, b"version\n", 20), 8);
        let short = turn(0, &table, 20);
        assert!(short > SHARE - 100 && short <= SHARE && short.is_multiple_of(42));
        assert_eq!(turn(0, &table, 20), short);
        // Others have had more time since then.
        let (first, later) = (start + Duration::from_secs(20), TIME * 3);
        let long = at(0, &table, first + later);
        assert!(long > 3 * SHARE - 100 && long <= 3 * SHARE && long.is_multiple_of(42));
        assert_eq!(at(0, &table, first + later), short);
        assert_eq!(at(0, &table, first + later + TIME * 1_000), table.len());
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
