//! Stages of the fast path for an instruction counter: `speed --stage NAME COUNT` runs one of them once.
//!
//! `tests/bench/instructions` runs each with two counts under callgrind, so that the difference is what a route costs.

use std::fmt::Write as _;

use oxabgp::api::{Commands, Source};

use super::lines::Daemon;
use super::{all, attributes, drain, established, events, prefix, session};
use oxabgp::rib::{Action, AdjRibOut, Change, PeerId, PeerOptions};

/// A name, and what is done with that many routes.
type Stage = (&'static str, fn(u32));

/// The stages by name.
const STAGES: [Stage; 8] = [
    ("inject_one_set", |count| inject(count, u32::MAX)),
    ("inject_realistic", |count| inject(count, 6)),
    ("inject_set_per_route", |count| inject(count, 1)),
    ("churn", churn),
    ("receive_json", |count| events::stage(count)),
    ("join_1", |count| join(count, 1)),
    ("join_2", |count| join(count, 2)),
    ("join_100", |count| join(count, 100)),
];

/// Runs the stage that the arguments ask for. Returns `false` if they ask for none.
pub(super) fn run() -> bool {
    let arguments: Vec<String> = std::env::args().collect();
    let Some(at) = arguments.iter().position(|word| word == "--stage") else {
        return false;
    };
    let name = arguments.get(at + 1).map_or("", String::as_str);
    let count = arguments.get(at + 2).and_then(|count| count.parse().ok());
    match STAGES.iter().find(|(stage, _)| *stage == name) {
        Some((_, stage)) => stage(count.unwrap_or(20_000)),
        None => STAGES.iter().for_each(|(name, _)| println!("{name}")),
    }
    true
}

/// Announcements of prefixes of which `group` in a row share their attributes.
fn announcements(count: u32, group: u32) -> String {
    let mut text = String::new();
    for number in 0..count {
        let [_, _, b, c] = number.to_be_bytes();
        let a = 10 + (number >> 16);
        let set = number / group;
        let (high, low) = (set >> 10 & 0x3FF, set & 0x3FF);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "announce route {a}.{b}.{c}.0/24 next-hop 192.0.2.1 as-path [ 65000 6453 41{high} 50{low} 7312 ] community [ 6453:2{high} 6453:4{low} ]"
        );
    }
    text
}

/// Executes lines as the daemon does: as much as one read gives, then the session is filled.
fn execute(daemon: &mut Daemon, text: &str) {
    const READ: usize = 128 << 10;
    let (mut commands, mut source) = (Commands::new(), Source::new("stage"));
    let mut answers = String::new();
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let length = rest.len().min(READ);
        let end = rest[..length]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(length, |at| at + 1);
        let (lines, after) = rest.split_at(end);
        rest = after;
        let lines = lines.strip_suffix(b"\n").unwrap_or(lines);
        let mut start = 0;
        while start <= lines.len() {
            let rest = &lines[start..];
            answers.clear();
            let run = commands.execute_run(rest, &mut source, daemon, &mut answers);
            start += run.bytes;
            if run.lines == 0 {
                let length = rest.iter().position(|byte| *byte == b'\n');
                let line = &rest[..length.unwrap_or(rest.len())];
                start += line.len() + 1;
                commands.execute(line, &mut source, daemon, &mut answers);
            }
        }
        if let Some(rib) = &mut daemon.rib {
            drain(rib, 1);
        }
    }
}

fn inject(count: u32, group: u32) {
    let mut daemon = Daemon::with_rib(established(1));
    execute(&mut daemon, &announcements(count, group));
}

/// The same routes with new attributes, and their withdrawal.
fn churn(count: u32) {
    let mut daemon = Daemon::with_rib(established(1));
    execute(&mut daemon, &announcements(count, 6));
    execute(&mut daemon, &announcements(count, 5));
    let mut text = String::new();
    for number in 0..count {
        let [_, _, b, c] = number.to_be_bytes();
        let a = 10 + (number >> 16);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "withdraw route {a}.{b}.{c}.0/24");
    }
    execute(&mut daemon, &text);
}

/// Sessions of that many peers that come up while the routes are there.
fn join(count: u32, peers: u32) {
    let mut rib = AdjRibOut::new();
    for peer in (0..peers).map(PeerId) {
        let (families, keep) = (session().families, true);
        rib.add_peer(peer, PeerOptions { families, keep });
    }
    let mut change = Change {
        nlri: prefix(0),
        action: Action::Announce(attributes(0)),
        peers: all(peers),
    };
    for number in 0..count {
        if number % 6 == 0 {
            change.action = Action::Announce(attributes(number / 6));
        }
        change.nlri = prefix(number);
        rib.apply(&change);
    }
    (0..peers).for_each(|peer| rib.up(PeerId(peer), session()));
    drain(&mut rib, peers);
}
