//! Routes as commands on standard output, for a daemon that runs the program as a helper.

use std::io::{self, BufWriter, Read, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::FileTypeExt;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::report::{READ_ERROR, is_gone, report};
use super::routes::{Counts, Planned, Replay, Rules, Sink};
use crate::bgp::{AttributeSet, Family};
use crate::cli::REFUSED;
use crate::config::show::command;
use crate::stream::Stream;

/// What an attribute set takes in memory, in bytes, about.
const SET: usize = 512;

/// Writes a line for each change, at its time.
struct Commands<W> {
    out: W,
    start: Instant,
    error: Option<io::Error>,
    /// Attribute sets that are remembered.
    sets: usize,
}

impl<W: Write> Commands<W> {
    fn write(
        &mut self,
        due: Option<Duration>,
        changes: &[Planned<Rc<AttributeSet>>],
    ) -> io::Result<()> {
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
    type Attributes = Rc<AttributeSet>;

    fn make(&mut self, set: AttributeSet, _: Family) -> Result<Rc<AttributeSet>, String> {
        self.sets += 1;
        Ok(Rc::new(set))
    }

    fn size(&self) -> usize {
        self.sets * SET
    }

    fn forget(&mut self) {
        self.sets = 0;
    }

    fn take(
        &mut self,
        due: Option<Duration>,
        changes: &[Planned<Rc<AttributeSet>>],
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
fn line(change: &Planned<Rc<AttributeSet>>) -> String {
    match &change.attributes {
        Some(attributes) => command("announce", &change.nlri, Some(attributes)),
        None => command("withdraw", &change.nlri, None),
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
            sets: 0,
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
    let code = report(&mut replay.counts);
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
