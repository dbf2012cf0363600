//! From what a user names to files: directories and patterns are expanded, in the order of names.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Deepest folder that is walked.
const DEEPEST: usize = 16;

/// The files that a path stands for.
#[derive(Debug, Default)]
pub struct Expanded {
    /// The files, sorted by name.
    pub files: Vec<PathBuf>,
    /// What was found along with them and can't be read: links that lead nowhere, folders of others; and pipes, sockets and
    /// devices, since opening one may block for ever. Nobody asked for those in particular. A folder without files is there, too.
    pub skipped: Vec<Skipped>,
}

/// Something that was left out, and why. `Display` says both.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// What it is.
    pub path: PathBuf,
    /// Why it was left out.
    pub reason: String,
}

impl Skipped {
    pub(super) fn new(path: PathBuf, reason: impl fmt::Display) -> Self {
        Self {
            path,
            reason: reason.to_string(),
        }
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.reason)
    }
}

impl Expanded {
    fn sort(found: Vec<PathBuf>, mut skipped: Vec<Skipped>) -> Self {
        let mut files = Vec::new();
        for path in found {
            match fs::metadata(&path) {
                Ok(facts) if facts.is_file() || facts.is_dir() => files.push(path),
                Ok(_) => skipped.push(Skipped::new(path, "not a regular file")),
                Err(error) if error.kind() == io::ErrorKind::NotFound && path.is_symlink() => {
                    skipped.push(Skipped::new(path, "a link that leads nowhere"));
                }
                Err(error) => skipped.push(Skipped::new(path, error)),
            }
        }
        files.sort();
        skipped.sort();
        Self { files, skipped }
    }
}

/// The files that `path` stands for: itself, all below it if it is a folder, or all that match if it has `*`, `?` or `[…]`.
///
/// # Errors
/// When it does not exist, a folder can't be read, or nothing matches.
pub fn expand(path: &Path) -> io::Result<Expanded> {
    if path.is_dir() {
        let mut walk = Walk::default();
        walk.folder(path, DEEPEST)?;
        // Links to folders come last, so that a file keeps the name that it has without them.
        while let Some((path, depth)) = walk.links.pop_front() {
            walk.below(&path, depth);
        }
        if walk.files.is_empty() && walk.skipped.is_empty() {
            let reason = "a folder without files";
            walk.skipped.push(Skipped::new(path.to_path_buf(), reason));
        }
        return Ok(Expanded::sort(walk.files, walk.skipped));
    }
    let special = path.to_string_lossy().contains(['*', '?', '[']);
    if special && !path.exists() {
        let mut found = vec![PathBuf::new()];
        for part in path.iter() {
            found = step(&found, &part.to_string_lossy());
        }
        if found.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "no file matches"));
        }
        return Ok(Expanded::sort(found, Vec::new()));
    }
    fs::metadata(path)?;
    Ok(Expanded {
        files: vec![path.to_path_buf()],
        ..Expanded::default()
    })
}

/// A walk through a folder and all below it. Each folder is walked once, whatever symbolic links lead to it.
#[derive(Default)]
struct Walk {
    files: Vec<PathBuf>,
    /// Folders that can't be read.
    skipped: Vec<Skipped>,
    /// Folders that were walked, by their paths without links.
    walked: HashSet<PathBuf>,
    /// Symbolic links to folders, with the depth that is left below them.
    links: VecDeque<(PathBuf, usize)>,
}

impl Walk {
    /// A folder that the user did not name.
    fn below(&mut self, folder: &Path, depth: usize) {
        if let Err(error) = self.folder(folder, depth) {
            self.skipped.push(Skipped::new(folder.to_path_buf(), error));
        }
    }

    fn folder(&mut self, folder: &Path, depth: usize) -> io::Result<()> {
        if !self.walked.insert(fs::canonicalize(folder)?) {
            return Ok(());
        }
        let mut paths = fs::read_dir(folder)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<Vec<_>>>()?;
        paths.sort();
        for path in paths {
            let hidden = path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if hidden {
                continue;
            }
            if !path.is_dir() {
                self.files.push(path);
            } else if depth > 0 && path.is_symlink() {
                self.links.push_back((path, depth - 1));
            } else if depth > 0 {
                self.below(&path, depth - 1);
            }
        }
        Ok(())
    }
}

/// The paths below each of `found` whose next part matches.
fn step(found: &[PathBuf], part: &str) -> Vec<PathBuf> {
    let mut next = Vec::new();
    for base in found {
        if !part.contains(['*', '?', '[']) {
            let path = base.join(part);
            if path.exists() {
                next.push(path);
            }
            continue;
        }
        let folder = if base.as_os_str().is_empty() {
            Path::new(".")
        } else {
            base.as_path()
        };
        // A folder that can't be read has no matches, as in a shell.
        let Ok(entries) = fs::read_dir(folder) else {
            continue;
        };
        for name in entries.flatten().map(|entry| entry.file_name()) {
            let text = name.to_string_lossy();
            if !text.starts_with('.') && matches(part.as_bytes(), text.as_bytes()) {
                next.push(base.join(&name));
            }
        }
    }
    next
}

/// Whether a name matches a shell pattern.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, n));
                p += 1;
                continue;
            }
            Some(b'?') => {
                p += 1;
                n += 1;
                continue;
            }
            Some(b'[') => {
                if let Some((true, length)) = class(&pattern[p..], name[n]) {
                    p += length;
                    n += 1;
                    continue;
                }
            }
            Some(byte) if *byte == name[n] => {
                p += 1;
                n += 1;
                continue;
            }
            _ => {}
        }
        // Let the last star take one more byte.
        match star {
            Some((after, from)) => {
                p = after;
                n = from + 1;
                star = Some((after, from + 1));
            }
            None => return false,
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Whether `byte` is in the class that `pattern` starts with, and how long that is.
fn class(pattern: &[u8], byte: u8) -> Option<(bool, usize)> {
    let end = 2 + pattern.get(2..)?.iter().position(|one| *one == b']')?;
    let mut inner = &pattern[1..end];
    let negated = matches!(inner, [b'!' | b'^', ..]);
    if negated {
        inner = &inner[1..];
    }
    let mut found = false;
    while let [from, rest @ ..] = inner {
        if let [b'-', to, rest @ ..] = rest {
            found |= (*from..=*to).contains(&byte);
            inner = rest;
        } else {
            found |= *from == byte;
            inner = rest;
        }
    }
    Some((found != negated, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_patterns() {
        for (pattern, name, wanted) in [
            ("*", "x", true),
            ("updates.*.gz", "updates.20150401.0000.gz", true),
            ("updates.*.gz", "updates.20150401.0000.bz2", false),
            ("a*b*c", "aXbYbZc", true),
            ("rrc0?", "rrc06", true),
            ("rrc[0-2]1", "rrc11", true),
            ("rrc[!0-2]1", "rrc11", false),
            ("[", "[", false),
            ("", "", true),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), name.as_bytes()),
                wanted,
                "{pattern} {name}"
            );
        }
    }
}
