//! Sets in the journal: a set never claims a revision whose routes it does not have.

use std::io::BufReader;
use std::path::Path;

use oxabgp::journal::{FrameReader, Record, Records};

use super::control::{Client, start_with};
use super::{listener, neighbor, process};
use crate::support::daemon::{Daemon, Lab, wait_for};

/// More routes than one turn applies.
const MANY: u32 = 3 * 4_096;

fn state(lab: &Lab) -> String {
    let directory = lab.path("state");
    format!(
        "state {{ directory {}; unclaimed keep; }}\n",
        directory.display()
    )
}

/// Declares a set of [`MANY`] routes, of which so many have the MED of the revision, and the others 1.
fn declare(client: &mut Client, revision: u32, changed: u32) {
    let mut text = format!("set edge replace revision {revision}\n");
    for number in 0..MANY {
        let [_, _, b, c] = number.to_be_bytes();
        let med = if number < changed { revision } else { 1 };
        text.push_str(&format!(
            "route 10.{b}.{c}.0/24 next-hop 192.0.2.1 med {med}\n"
        ));
    }
    let answer = client.ask(&(text + "set edge end"));
    assert!(answer.contains("done added"), "{answer}");
}

/// Where each frame begins, and the revisions in it.
fn frames(path: &Path) -> Vec<(u64, Vec<Option<u64>>)> {
    let file = std::fs::File::open(path).expect("a journal");
    let mut reader = FrameReader::new(BufReader::new(file)).expect("a journal");
    let mut found = Vec::new();
    loop {
        let offset = reader.offset();
        let Ok(Some(payload)) = reader.next_frame() else {
            return found;
        };
        let revisions = Records::new(&payload).filter_map(|record| match record {
            Ok(Record::Revision { revision, .. }) => Some(revision),
            _ => None,
        });
        found.push((offset, revisions.collect()));
    }
}

/// Waits until a revision is in the journal, kills the daemon, and cuts the file where its last frame begins.
fn kill_and_cut(lab: &Lab, mut daemon: Daemon, revision: u64) {
    let path = lab.path("state/journal");
    wait_for("the revision in the journal", || {
        let frames = frames(&path);
        let has = |(_, revisions): &(u64, Vec<_>)| revisions.contains(&Some(revision));
        frames.iter().any(has).then_some(())
    });
    daemon.signal("KILL");
    daemon.ended();
    let frames = frames(&path);
    assert!(frames.len() > 2, "{frames:?}");
    let (last, _) = frames[frames.len() - 1];
    let file = std::fs::File::options().write(true).open(&path);
    file.and_then(|file| file.set_len(last)).expect("cut");
}

fn shown(lab: &Lab) -> String {
    Client::new(lab).ask("show set edge")
}

#[test]
fn a_set_that_a_crash_has_left_half_applied_has_no_revision() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let configuration = state(&lab) + &neighbor(port, "");
    let daemon = start_with(&lab, &configuration);
    let mut client = Client::new(&lab);
    declare(&mut client, 1, MANY);
    declare(&mut client, 2, MANY / 3 * 2);
    kill_and_cut(&lab, daemon, 2);
    let _daemon = start_with(&lab, &configuration);
    let shown = shown(&lab);
    assert!(shown.starts_with("edge revision none "), "{shown}");
    // It is declared again as any other.
    declare(&mut Client::new(&lab), 2, MANY / 3 * 2);
}

#[test]
fn a_journal_that_was_written_anew_and_lost_its_end_claims_no_revision() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let configuration = state(&lab) + &neighbor(port, "");
    let mut daemon = start_with(&lab, &configuration);
    declare(&mut Client::new(&lab), 1, MANY);
    // The next start writes the file anew.
    daemon.signal("TERM");
    daemon.ended();
    let daemon = start_with(&lab, &configuration);
    let mut client = Client::new(&lab);
    wait_for("the file to be written anew", || {
        let status = client.ask("system status");
        let compactions = status.split("\"compactions\": ").nth(1)?;
        (!compactions.starts_with('0')).then_some(())
    });
    let whole = client.ask("show set edge");
    assert!(whole.starts_with("edge revision 1 "), "{whole}");
    kill_and_cut(&lab, daemon, 1);
    let _daemon = start_with(&lab, &configuration);
    let cut = shown(&lab);
    assert!(!cut.contains("edge revision 1 "), "{cut}");
}

#[test]
fn a_set_of_which_a_guard_refuses_a_route_has_no_revision() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let declares = "echo 'set edge replace revision 5'\necho 'route 10.1.0.0/16 next-hop self'\n\
                    echo 'route 10.2.0.0/16 next-hop self'\necho 'set edge end'\n";
    let wait = "while read -r line; do :; done";
    let parts = |guard: &str, script: &str| {
        state(&lab)
            + &process(&lab, "helper", script)
                .replace("encoder json;", &format!("encoder json; {guard}"))
            + &neighbor(port, "api { processes [ helper ]; }")
    };
    let mut daemon = start_with(&lab, &parts("", &format!("{declares}{wait}")));
    wait_for("the set", || {
        shown(&lab).starts_with("edge revision 5 ").then_some(())
    });
    daemon.signal("TERM");
    daemon.ended();
    let _daemon = start_with(&lab, &parts("guard { prefixes [ 10.1.0.0/16 ]; }", wait));
    let left = shown(&lab);
    assert!(
        left.starts_with("edge revision none ") && left.contains(" routes 1 unclaimed 1\n"),
        "{left}"
    );
}

#[test]
fn a_set_that_nobody_has_declared_since_the_start_is_shown_as_such() {
    let lab = Lab::new();
    let (_listener, port) = listener();
    let configuration = state(&lab) + &neighbor(port, "");
    let daemon = start_with(&lab, &configuration);
    let mut client = Client::new(&lab);
    let declared = "set edge replace revision 4\nroute 10.1.0.0/16 next-hop self\n\
                    route 10.2.0.0/16 next-hop self\nset edge end\n\
                    set none replace revision 1\nset none end";
    client.ask(declared);
    let shown = client.ask("show set");
    assert!(!shown.contains("unclaimed"), "{shown}");
    daemon.signal("KILL");
    drop(daemon);
    let _daemon = start_with(&lab, &configuration);
    let mut client = Client::new(&lab);
    let unclaimed = shown
        .replace("routes 2\n", "routes 2 unclaimed 2\n")
        .replace("routes 0\n", "routes 0 unclaimed 0\n");
    assert_eq!(client.ask("show set"), unclaimed);
    let json = client.ask("show set json");
    for wanted in [
        "\"routes\": 2, \"unclaimed\": 2 }",
        "\"routes\": 0, \"unclaimed\": 0 }",
    ] {
        assert!(json.contains(wanted), "{json}");
    }
    client.ask(declared);
    assert_eq!(client.ask("show set"), shown);
}
