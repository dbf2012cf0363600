//! The history of interactive sessions: a bounded file that is only accessible to its owner.
//!
//! It is `oxabgp/history` below `$XDG_STATE_HOME`, or below `~/.local/state`. Each line is appended as soon as it is
//! entered, so that parallel sessions lose nothing; a file that has grown is truncated when the next session starts.
//! Lines that start with a space, and those with a password, are not stored.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

/// Maximum number of lines.
const MOST: usize = 1_000;
/// Number of bytes that are read from the end of the file.
const BYTES: u64 = 256 * 1024;
/// Words that precede a secret.
const SECRETS: [&str; 2] = ["password", "md5"];

/// The history file.
#[derive(Debug)]
pub(crate) struct History {
    file: Option<File>,
    lines: Vec<String>,
}

impl History {
    /// Opens the user's file. If it cannot be read or written, there is no history.
    pub(crate) fn load() -> Self {
        let path = path(|name| std::env::var_os(name).filter(|value| !value.is_empty()));
        Self::open(path).unwrap_or(Self {
            file: None,
            lines: Vec::new(),
        })
    }

    fn open(path: Option<PathBuf>) -> io::Result<Self> {
        let path = path.ok_or(io::ErrorKind::NotFound)?;
        if let Some(directory) = path.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)?;
        file.set_permissions(PermissionsExt::from_mode(0o600))?;
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(size.saturating_sub(BYTES)))?;
        let mut text = Vec::new();
        (&file).take(BYTES).read_to_end(&mut text)?;
        let text = String::from_utf8_lossy(&text);
        // The first line may be incomplete.
        let half = usize::from(size > BYTES);
        let all: Vec<&str> = text.lines().skip(half).collect();
        let kept = &all[all.len().saturating_sub(MOST)..];
        if kept.len() < all.len() || half == 1 {
            let mut text = kept.join("\n");
            text.push('\n');
            file.set_len(0)?;
            file.write_all(text.as_bytes())?;
        }
        let lines = kept.iter().map(|line| (*line).to_owned()).collect();
        Ok(Self {
            file: Some(file),
            lines,
        })
    }

    /// The lines of earlier sessions, the oldest first.
    pub(crate) fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Appends a line.
    pub(crate) fn add(&mut self, line: &str) {
        let secret = line
            .split_ascii_whitespace()
            .any(|word| SECRETS.iter().any(|secret| word.contains(secret)));
        if line.starts_with(' ') || line.trim().is_empty() || secret {
            return;
        }
        if self.lines.last().is_some_and(|last| last == line) {
            return;
        }
        self.lines.push(line.to_owned());
        if let Some(file) = &mut self.file {
            // A full disk loses the history, but nothing else happens.
            let _ = file.write_all(format!("{line}\n").as_bytes());
        }
    }
}

fn path(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Option<PathBuf> {
    let state = variable("XDG_STATE_HOME")
        .map(PathBuf::from)
        // According to the specification, relative paths are to be ignored.
        .filter(|path| path.is_absolute())
        .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".local/state")))?;
    Some(state.join("oxabgp/history"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_up_to_a_bound_for_the_owner_only() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("state/oxabgp/history");
        let open = || History::open(Some(path.clone())).expect("writable");
        let mut history = open();
        for line in [
            "version",
            "version",
            " hidden",
            "",
            "neighbor 1.2.3.4 create md5-password x",
        ] {
            history.add(line);
        }
        assert_eq!(open().lines(), ["version"]);
        let mode = |path: &std::path::Path| {
            let facts = std::fs::metadata(path).expect("there");
            facts.permissions().mode() & 0o777
        };
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().expect("a directory")), 0o700);
        for number in 0..2 * MOST {
            history.add(&format!("show {number}"));
        }
        let history = open();
        assert_eq!(history.lines().len(), MOST);
        assert_eq!(history.lines()[0], format!("show {MOST}"));
        let text = std::fs::read_to_string(&path).expect("readable");
        assert_eq!(text.lines().count(), MOST);
        // A file that is not text and far too long is harmless.
        std::fs::write(&path, vec![0xFF; 1 << 20]).expect("writable");
        assert_eq!(open().lines().len(), 0);
    }

    #[test]
    fn the_file_is_where_the_specification_puts_it() {
        let found = |list: &[(&str, &str)]| {
            let list = list.to_vec();
            path(move |name| {
                let found = list.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| value.into())
            })
        };
        let is = |path: &str| Some(PathBuf::from(path));
        let home = ("HOME", "/home/x");
        assert_eq!(found(&[home]), is("/home/x/.local/state/oxabgp/history"));
        assert_eq!(
            found(&[home, ("XDG_STATE_HOME", "/s")]),
            is("/s/oxabgp/history")
        );
        assert_eq!(found(&[home, ("XDG_STATE_HOME", "s")]), found(&[home]));
        assert_eq!(found(&[]), None);
    }
}
