//! The fuzzer's targets without the fuzzer: every file of the corpus, every file that once failed, and some thousand changes of
//! them, the same in each run. `tests/fuzz/run` goes on for longer.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::random::Random;
use crate::targets::{ALL, Target};

/// How long each target is fed with changed files, at most.
const TIME: Duration = Duration::from_millis(700);
/// How many changed files there are at most.
const MOST: usize = 20_000;

/// The files of a folder in the order of their names; none if there is no such folder.
fn files(folder: &str, target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let Ok(entries) = fs::read_dir(root.join(folder).join(target.name)) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).expect("a file");
        (path, bytes)
    };
    paths.into_iter().map(read).collect()
}

/// One of the files with one to three changes.
fn changed(random: &mut Random, files: &[(PathBuf, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = files[random.below(files.len())].1.clone();
    for _ in 0..=random.below(3) {
        let from = random.below(bytes.len() + 1);
        let to = (from + random.below(12)).min(bytes.len());
        match random.below(5) {
            0 => drop(bytes.drain(from..to)),
            1 => {
                let piece = bytes[from..to].to_vec();
                bytes.splice(from..from, piece);
            }
            2 => {
                let other = &files[random.below(files.len())].1;
                let start = random.below(other.len() + 1);
                let end = (start + random.below(40)).min(other.len());
                bytes.splice(from..to, other[start..end].iter().copied());
            }
            3 if from < bytes.len() => bytes[from] ^= 1 << random.below(8),
            _ => {
                let byte = [0, 1, 0x7F, 0x80, 0xFF][random.below(5)];
                bytes.splice(from..to, [byte]);
            }
        }
    }
    bytes
}

/// Prints the input if the target panics.
struct Shown<'a>(&'a Target, &'a [u8]);

impl Drop for Shown<'_> {
    #[expect(clippy::print_stderr, reason = "the input is what one needs to know")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("target {}: {}", self.0.name, oxabgp::json::hex(self.1));
        }
    }
}

fn run(target: &Target, bytes: &[u8]) {
    let _shown = Shown(target, bytes);
    (target.check)(bytes);
}

fn replay(name: &str) {
    let target = ALL
        .iter()
        .find(|target| target.name == name)
        .expect("a target");
    let corpus = files("corpus", target);
    // The fuzzer's project is no part of the package.
    if !Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz")
        .exists()
    {
        return;
    }
    assert!(!corpus.is_empty(), "no corpus of {name}");
    for (_, bytes) in files("finds", target).iter().chain(&corpus) {
        run(target, bytes);
    }
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let begin = Instant::now();
    for _ in 0..MOST {
        if begin.elapsed() > TIME {
            break;
        }
        run(target, &changed(&mut random, &corpus));
    }
}

/// One test per target.
macro_rules! replayed {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name));
        })*

        #[test]
        fn every_target_is_replayed() {
            let names: Vec<&str> = ALL.iter().map(|target| target.name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

replayed!(
    session, update, command, open, config, mrt, bmp, rislive, journal
);
