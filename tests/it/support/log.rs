//! The log of the code under test, as text.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::subscriber::DefaultGuard;

/// The log of this thread while this exists.
pub(crate) struct Log {
    lines: Lines,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Records what this thread logs from INFO upwards.
pub(crate) fn capture() -> Log {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    Log {
        lines,
        _guard: tracing::subscriber::set_default(subscriber),
    }
}

impl Log {
    /// All of it.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.lines.bytes()).into_owned()
    }

    /// The first line that contains `part`.
    pub(crate) fn line(&self, part: &str) -> String {
        let text = self.text();
        let line = text.lines().find(|line| line.contains(part));
        line.unwrap_or_else(|| panic!("no line with `{part}` in\n{text}"))
            .to_owned()
    }

    /// Waits until a line contains `part`.
    pub(crate) async fn until(&self, part: &str) {
        let limit = std::time::Instant::now() + Duration::from_secs(60);
        while !self.text().contains(part) {
            assert!(
                std::time::Instant::now() < limit,
                "no line with `{part}` in\n{}",
                self.text()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Clears the log.
    pub(crate) fn clear(&self) {
        self.lines.bytes().clear();
    }
}
