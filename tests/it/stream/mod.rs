//! The stream reader: what other readers get wrong, record by record; real files beside bgpdump and mrtparse; the command line.

mod add_path;
mod build;
mod command;
mod csv;
mod damage;
mod effects;
mod families;
mod feeds;
mod filters;
mod forms;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "kafka")]
mod kafka_cluster;
mod malformed;
mod mistakes;
mod mrtparse;
mod options;
mod oracle;
mod order;
mod progress;
mod readme;
mod routers;
mod ruled_out;
mod sources;
mod traps;
mod values;
mod write;

use std::io::Write as _;
use std::path::PathBuf;

use oxabgp::stream::format::{Bgpdump, Format};
use oxabgp::stream::{Builder, Record, Sent, Stream};

use crate::targets::stream::{Lines, RuledOut};

/// A file with these bytes, which is removed with the value.
pub(super) fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("writes");
    file
}

/// Reports that a test could not be done.
#[expect(clippy::print_stderr, reason = "a skipped test is to be seen")]
pub(super) fn skipped(missing: &str) {
    eprintln!("SKIPPED: no {missing}");
}

/// The MRT archives in the folder of real archives.
pub(super) const ARCHIVES: [&str; 4] = [
    "bview.ipv4_unicast_add_path.gz",
    "ris.rrc06.updates.1427846400.gz",
    "updates.20071015.1505.gz",
    "updates.20160811.1600.gz",
];

/// The folder with real archives, if there is one.
pub(super) fn archives() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/mrt");
    // Worktrees may lie a folder deeper.
    let deeper = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/mrt");
    let found = [folder, deeper].into_iter().find(|folder| folder.is_dir());
    if found.is_none() {
        skipped("archives in ../shared/mrt");
    }
    found
}

/// What a builder's stream prints.
pub(super) fn print(builder: Builder, format: Format) -> String {
    String::from_utf8(Lines::of(builder, format, RuledOut::Lend).text).expect("text")
}

/// The lines of bytes in bgpreader's form.
pub(super) fn elems(bytes: &[u8]) -> Vec<String> {
    let file = file(bytes);
    let builder = Stream::builder().path(file.path()).expect("a file");
    print(builder, Format::Elems)
        .lines()
        .map(str::to_owned)
        .collect()
}

/// The lines of bytes in bgpdump's form.
pub(super) fn dump(bytes: &[u8]) -> Vec<String> {
    let file = file(bytes);
    let builder = Stream::builder()
        .path(file.path())
        .expect("a file")
        .sent(Sent::Include);
    print(builder, Format::Bgpdump(Bgpdump::default()))
        .lines()
        .map(str::to_owned)
        .collect()
}

/// The records of bytes.
pub(super) fn records(bytes: &[u8]) -> Vec<Record> {
    let file = file(bytes);
    let builder = Stream::builder().path(file.path()).expect("a file");
    builder.build().expect("a stream").collect()
}

/// Columns of bgpreader's lines, counted from 1.
pub(super) fn columns(lines: &[String], wanted: &[usize]) -> Vec<String> {
    lines
        .iter()
        .map(|line| {
            let all: Vec<&str> = line.split('|').collect();
            assert_eq!(all.len(), 16, "{line}");
            let chosen: Vec<&str> = wanted.iter().map(|at| all[at - 1]).collect();
            chosen.join("|")
        })
        .collect()
}
