//! The line of progress on a terminal, which `script` (util-linux) provides.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::build::{announce, common, message, update};
use crate::support::daemon::wait_for;
use crate::support::terminal::terminal;

/// `oxabgp stream` on a terminal, and what it has written there. It reads a long file and a pipe that is written to until the
/// test ends it, so that there is time for progress.
struct Run {
    script: Child,
    output: Arc<Mutex<Vec<u8>>>,
    written: Arc<AtomicBool>,
    writer: JoinHandle<()>,
}

impl Run {
    /// Starts it; `more` follows the names of the inputs, and may redirect.
    fn start(folder: &Path, name: &str, more: &str) -> Self {
        let pipe = folder.join(name);
        mkfifo(&pipe, Mode::S_IRWXU).expect("a pipe");
        let command = format!(
            "cd {}; exec {} stream long {name} {more}",
            folder.display(),
            env!("CARGO_BIN_EXE_oxabgp")
        );
        let (script, output) = terminal(&command);
        let written = Arc::<AtomicBool>::default();
        let end = Arc::clone(&written);
        let writer = std::thread::spawn(move || {
            let mut file = fs::File::create(pipe).expect("a reader");
            let records = announce(100, 1).repeat(64);
            while !end.load(Ordering::Relaxed) {
                file.write_all(&records).expect("a reader");
            }
        });
        Self {
            script,
            output,
            written,
            writer,
        }
    }

    fn shows_progress(&self, times: usize) {
        wait_for("progress", || {
            (text(&self.output).matches(" MB/s, ").count() >= times).then_some(())
        });
    }

    /// Ends the input. Returns what was on the terminal.
    fn end(mut self) -> String {
        self.written.store(true, Ordering::Relaxed);
        self.writer.join().expect("writes");
        let status = wait_for("the end of the program", || {
            self.script.try_wait().expect("a child")
        });
        let text = text(&self.output);
        assert!(status.success(), "{text}");
        text
    }
}

fn text(output: &Mutex<Vec<u8>>) -> String {
    let output = output.lock().expect("no panic");
    String::from_utf8_lossy(&output).into_owned()
}

/// A file of more than 8 MiB.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let nlri = [16, 10, 1].repeat(1_300);
    let record = message(1, 4, &update(&[], &common(&[1]), &nlri));
    let file = record.repeat((8 << 20) / record.len() + 1);
    fs::write(folder.path().join("long"), file).expect("writes");
    folder
}

#[test]
fn progress_is_on_the_terminal_while_lines_go_elsewhere() {
    let folder = folder();
    let hidden = [
        ("quiet", "--no-progress > quiet.out"),
        ("elsewhere", "> elsewhere.out 2> elsewhere.err"),
        ("tail", "-j 2"),
    ]
    .map(|(name, more)| Run::start(folder.path(), name, more));
    let shown = [
        ("lines", "-j 2 > lines.out"),
        ("file", "-j 2 --output file.out"),
        ("count", "--count-only"),
    ]
    .map(|(name, more)| Run::start(folder.path(), name, more));
    for run in &shown {
        run.shows_progress(2);
    }
    for run in shown {
        let text = run.end();
        // Each line replaces the one before, and the last one is removed.
        let (first, rest) = text.split_once("\r\x1b[K").expect("a line");
        assert_eq!(first, "");
        let (lines, last) = rest.rsplit_once("\r\x1b[K").expect("the end of it");
        let is_progress = |line: &str| {
            line.contains(" of 8 MB, ") && line.ends_with(" s left") && !line.contains('\n')
        };
        assert!(lines.split("\r\x1b[K").all(is_progress), "{text:?}");
        assert!(
            last.is_empty() || last.ends_with(" elems\r\n") && last.matches('\n').count() == 1,
            "{text:?}"
        );
    }
    // These were there before, and are told nothing.
    for run in hidden {
        assert_eq!(run.end(), "");
    }
}
