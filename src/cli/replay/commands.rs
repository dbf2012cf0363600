//! Routes as commands on standard output, for a daemon that runs the program as a helper.

use std::io::{self, BufWriter, Read, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::FileTypeExt;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::report::{READ_ERROR, is_gone, report};
use super::routes::{Counts, Replay, Rules, Sink};
use crate::bgp::Nlri;
use crate::cli::REFUSED;
use crate::config::show::command;
use crate::rib::{Action, Change};
use crate::stream::Stream;

/// Writes a line for each change, at its time.
struct Commands<W> {
    out: W,
    start: Instant,
    error: Option<io::Error>,
}

impl<W: Write> Commands<W> {
    fn write(&mut self, due: Option<Duration>, changes: &[Change]) -> io::Result<()> {
        if let Some(due) = due {
            let left = due.saturating_sub(self.start.elapsed());
            if !left.is_zero() {
                self.out.flush()?;
                std::thread::sleep(left);
            }
        }
        for change in changes {
            writeln!(self.out, "{}", line(change))?;
        }
        if due.is_some() {
            self.out.flush()?;
        }
        Ok(())
    }
}

impl<W: Write> Sink for Commands<W> {
    fn take(
        &mut self,
        due: Option<Duration>,
        changes: &[Change],
        _: &mut Counts,
    ) -> ControlFlow<()> {
        match self.write(due, changes) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.error = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

/// The command for a change.
fn line(change: &Change) -> String {
    let nlri: &Nlri = &change.nlri;
    match &change.action {
        Action::Announce(attributes) => command("announce", nlri, Some(attributes)),
        Action::Withdraw(_) => command("withdraw", nlri, None),
    }
}

pub(super) fn run(
    stream: impl FnOnce() -> Result<Stream, String>,
    rules: Rules,
    leave: bool,
) -> ExitCode {
    let mut stream = match stream() {
        Ok(stream) => stream,
        Err(reason) => {
            errln!("error: {reason}");
            return ExitCode::from(REFUSED);
        }
    };
    let out = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    let mut replay = Replay::new(
        rules,
        Commands {
            out,
            start: Instant::now(),
            error: None,
        },
    );
    stream.visit(&mut replay);
    replay.flush();
    let written = match replay.sink.error.take() {
        Some(error) => Err(error),
        None => replay.sink.out.flush(),
    };
    match written {
        Err(error) if is_gone(&error) => return ExitCode::SUCCESS,
        Err(error) => {
            errln!("error: the commands can't be written: {error}");
            return ExitCode::from(READ_ERROR);
        }
        Ok(()) => {}
    }
    let code = report(&replay.counts);
    if !leave {
        wait();
    }
    ExitCode::from(code)
}

/// Waits for the end of standard input if that is a pipe: a helper that exits is started again, and begins again.
fn wait() {
    let is_pipe = std::fs::metadata("/dev/stdin")
        .is_ok_and(|facts| facts.file_type().is_fifo() || facts.file_type().is_socket());
    if is_pipe {
        let mut answers = [0; 4096];
        // Answers and events are not for us.
        while matches!(io::stdin().lock().read(&mut answers), Ok(count) if count > 0) {}
    }
}
