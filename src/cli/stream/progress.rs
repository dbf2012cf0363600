//! How far the reading of long files is: bytes, rate, time left. On a terminal only.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use crate::stream::Builder;
use crate::stream::source::Progress;

/// Files that are shorter need no progress, in bytes.
const LONG: u64 = 8 << 20;

/// Time between two lines.
const PERIOD: Duration = Duration::from_millis(500);

/// A line that is written again and again.
pub(super) struct Bar {
    size: u64,
    read: Progress,
    started: Instant,
    next: Option<Instant>,
    shown: bool,
}

impl Bar {
    pub(super) fn new(hidden: bool, builder: &Builder) -> Self {
        let started = Instant::now();
        let size = builder.size();
        let watched = !hidden && size >= LONG && is_watched();
        Self {
            size,
            read: builder.progress(),
            started,
            next: watched.then(|| started + PERIOD),
            shown: false,
        }
    }

    /// Writes the line if it is time.
    pub(super) fn update(&mut self) {
        let Some(next) = self.next else {
            return;
        };
        let now = Instant::now();
        if now < next {
            return;
        }
        self.next = Some(now + PERIOD);
        self.shown = true;
        err!(
            "\r\x1b[K{}",
            text(self.read.bytes(), self.size, now - self.started)
        );
        // A terminal that is gone shows nothing.
        let _ = io::stderr().flush();
    }

    /// Removes the line.
    pub(super) fn clear(&mut self) {
        if self.shown {
            err!("\r\x1b[K");
        }
        self.shown = false;
    }
}

fn text(read: u64, size: u64, elapsed: Duration) -> String {
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let (read, size) = (read as f64 / 1e6, size as f64 / 1e6);
    let rate = read / elapsed.as_secs_f64().max(0.001);
    let left = if rate > 0.0 {
        ((size - read) / rate).max(0.0)
    } else {
        0.0
    };
    format!("{read:.0} of {size:.0} MB, {rate:.1} MB/s, {left:.0} s left")
}

/// Returns `true` if standard error is a terminal.
pub(super) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_time_left() {
        assert_eq!(
            text(50_000_000, 150_000_000, Duration::from_secs(5)),
            "50 of 150 MB, 10.0 MB/s, 10 s left"
        );
    }
}
