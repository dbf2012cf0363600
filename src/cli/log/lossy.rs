//! A destination of the log that never fails and never blocks for long.

use std::io::{self, Write};
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Most bytes per write. A pipe that poll(2) reports as writable takes as many without blocking (`PIPE_BUF`).
const AT_ONCE: usize = 4096;
/// How long a line may wait for a slow reader, in milliseconds. After a line that waited in vain, the next ones do not
/// wait at all until there is room again, so that a stopped reader delays the sessions only once.
const PATIENCE: u16 = 100;

/// Drops the lines that cannot be written: the reader of a pipe has exited, a disk is full, a terminal is stopped. How
/// many were dropped is written as soon as lines can be written again.
#[derive(Debug)]
pub(super) struct Lossy<W> {
    out: W,
    lost: u64,
    stalled: bool,
}

impl<W: Write + AsFd> Lossy<W> {
    pub(super) const fn new(out: W) -> Self {
        Self {
            out,
            lost: 0,
            stalled: false,
        }
    }

    fn put(&mut self, text: &[u8]) -> io::Result<()> {
        for part in text.chunks(AT_ONCE) {
            self.wait()?;
            self.out.write_all(part)?;
        }
        self.out.flush()
    }

    /// Waits until a write would not block.
    fn wait(&mut self) -> io::Result<()> {
        let patience = match self.stalled {
            true => PollTimeout::ZERO,
            false => PollTimeout::from(PATIENCE),
        };
        let mut files = [PollFd::new(self.out.as_fd(), PollFlags::POLLOUT)];
        let ready = loop {
            match poll(&mut files, patience) {
                Err(Errno::EINTR) => {}
                polled => break polled?,
            }
        };
        self.stalled = ready == 0;
        match self.stalled {
            true => Err(io::ErrorKind::TimedOut.into()),
            false => Ok(()),
        }
    }

    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        if self.lost > 0 {
            let note = format!(
                " WARN oxabgp::log: {} lines before this one could not be written\n",
                self.lost
            );
            self.put(note.as_bytes())?;
            self.lost = 0;
        }
        self.put(line)
    }
}

impl<W: Write + AsFd> Write for Lossy<W> {
    /// Writes a line as a whole, or counts it as lost.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.line(line).is_err() {
            self.lost = self.lost.saturating_add(1);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;

    use super::*;

    #[test]
    fn a_reader_that_stops_loses_lines_and_learns_how_many() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let mut log = Lossy::new(writer);
        let line = [b'x'; AT_ONCE];
        while log.lost < 3 {
            log.write_all(&line).expect("a log never fails");
        }
        // Two lines: poll(2) reports no room before a whole page of the pipe is free.
        let mut all = vec![0; 2 * AT_ONCE];
        reader.read_exact(&mut all).expect("two lines");
        log.write_all(b"after\n").expect("a log never fails");
        drop(log);
        reader.read_to_end(&mut all).expect("the rest");
        let text = String::from_utf8(all).expect("text");
        let end = text.trim_start_matches('x');
        assert_eq!(
            end,
            " WARN oxabgp::log: 3 lines before this one could not be written\nafter\n"
        );
    }

    #[test]
    fn a_full_disk_and_a_reader_that_has_gone_are_no_errors() {
        let (reader, writer) = io::pipe().expect("a pipe");
        drop(reader);
        let full = File::options().write(true).open("/dev/full");
        let mut full = Lossy::new(full.expect("a device"));
        let mut closed = Lossy::new(writer);
        full.write_all(b"lost\n").expect("a log never fails");
        closed.write_all(b"lost\n").expect("a log never fails");
        assert_eq!((full.lost, closed.lost), (1, 1));
    }
}
