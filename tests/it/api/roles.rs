//! Which commands the read-only role allows: each command of the table is classified.

use std::collections::BTreeSet;

use oxabgp::api::command::{Effect, Role, effects, example_lines};
use oxabgp::api::{ErrorKind, Outcome};

use super::fake::Talk;

/// The commands that change nothing of others. A new command that is not listed here must be classified as changing, or be
/// added after a thought: any user in `api.read-only` may send it.
const ALLOWED: &[&str] = &[
    "#",
    "daemon status",
    "disable-ack",
    "enable-ack",
    "help",
    "peer list",
    "peer show",
    "reload preview",
    "reload status",
    "reset",
    "rib show in",
    "rib show out",
    "session ack disable",
    "session ack enable",
    "session ack silence",
    "session ack-json",
    "session bye",
    "session ping",
    "session reasons",
    "session reset",
    "session sync",
    "show",
    "show adj-rib in",
    "show adj-rib out",
    "show checks",
    "show leases",
    "show neighbor",
    "show neighbor table",
    "show set",
    "silence-ack",
    "system api version",
    "system help",
    "system queue-status",
    "system status",
    "system version",
    "version",
    "watch",
    "watch mrt",
];

fn reader() -> Talk {
    let mut talk = Talk::new();
    talk.source.role = Role::ReadOnly;
    talk.source.acks.reasons = true;
    talk
}

#[test]
fn every_command_is_classified() {
    let allowed: BTreeSet<&str> = effects()
        .filter(|(_, effect)| *effect != Effect::Changes)
        .map(|(words, _)| words)
        .collect();
    assert_eq!(allowed, ALLOWED.iter().copied().collect());
    assert_eq!(effects().count(), example_lines().count());
}

#[test]
fn a_read_only_client_changes_nothing_and_is_told_its_role() {
    for ((words, effect), line) in effects().zip(example_lines()) {
        let mut talk = reader();
        let answer = talk.submit(line);
        if effect == Effect::Changes {
            let Outcome::Failed(error) = &talk.last else {
                panic!("{line}: {answer} {:?}", talk.last);
            };
            assert_eq!(error.kind, ErrorKind::Refused, "{line}");
            let wanted =
                format!("the role of this client is read-only: `{words}` needs the role full");
            assert_eq!(error.message, wanted);
            assert!(answer.contains("read-only"), "{line}: {answer}");
            assert_eq!(talk.calls(), Vec::<String>::new(), "{line}");
        } else {
            // `watch mrt` is for the control socket, which this is not.
            assert!(!answer.contains("read-only"), "{line}: {answer}");
            let failed = matches!(talk.last, Outcome::Failed(_));
            assert_eq!(failed, words == "watch mrt", "{line}: {answer}");
        }
    }
}

#[test]
fn the_fast_paths_are_closed_to_a_read_only_client() {
    const LINE: &str = "announce route 10.0.0.0/8 next-hop 1.2.3.4";
    let mut talk = Talk::new();
    talk.fake.takes_runs = true;
    // The selector and the attributes are known now.
    assert_eq!(talk.submit(LINE), "done\n");
    talk.calls();
    talk.source.role = Role::ReadOnly;
    for line in [
        LINE,
        "sync announce route 10.0.0.0/8 next-hop 1.2.3.4",
        "withdraw route 10.0.0.0/8",
        "neighbor 127.0.0.2 withdraw route 10.0.0.0/8",
        "peer * group announce route 10.0.0.0/8 next-hop 1.2.3.4",
        "ack-id 3 begin",
    ] {
        talk.submit(line);
        assert!(matches!(talk.last, Outcome::Failed(_)), "{line}");
    }
    let lines = format!("{LINE}\n").repeat(5);
    let mut out = String::new();
    let run =
        talk.commands
            .execute_run(lines.as_bytes(), &mut talk.source, &mut talk.fake, &mut out);
    assert_eq!((run.lines, talk.fake.runs), (0, 0));
    assert_eq!(talk.calls(), Vec::<String>::new());
}
