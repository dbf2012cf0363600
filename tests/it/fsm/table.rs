//! The table of the state machine: held against the machine, the RFC, the docs and the sources.

use std::fs;
use std::path::{Path, PathBuf};

use oxabgp::bgp::message::keepalive;
use oxabgp::bgp::message::notification::Notification;
use oxabgp::fsm::table::{self, DEVIATIONS, NEVER, TRANSITIONS};
use oxabgp::fsm::{Cease, CloseReason, Event, Input, Output, State};

use super::{established, message, open, solo, wire};
use crate::support::pair::{Solo, down};

/// The sources below a directory.
fn sources(directory: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(directory).expect("a readable directory") {
        let path = entry.expect("a directory entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            found.push((path, text));
        }
    }
}

/// The life of a neighbor, with a good many ends.
fn life() -> Vec<(State, Event, State)> {
    let mut outputs = Vec::new();
    let mut play = |mut solo: Solo, act: &dyn Fn(&mut Solo)| {
        act(&mut solo);
        outputs.append(&mut solo.outputs);
    };
    let (solo_up, id) = established();
    play(solo_up, &move |solo| {
        solo.feed(id, &message(3, &[6, 4]));
        solo.expire();
        solo.handle(Input::Stop(Cease::Removed));
    });
    let (solo_up, id) = established();
    play(solo_up, &move |solo| {
        solo.handle(Input::Reset(id, Notification::new(3, 1, Vec::new())));
    });
    let (solo_up, _) = established();
    play(solo_up, &|solo| {
        for _ in 0..4 {
            solo.expire();
        }
    });
    play(solo(), &|solo| {
        let id = solo.dialed();
        solo.feed(id, &[0; 19]);
    });
    play(solo(), &|solo| {
        let id = solo.dialed();
        solo.handle(Input::Eof(id));
        solo.expire();
        solo.expire();
    });
    play(solo(), &|solo| {
        solo.handle(Input::Start);
        solo.handle(Input::Stop(Cease::Removed));
        solo.handle(Input::Start);
        let (id, _) = solo.accepted();
        solo.feed(id, &wire(&open()));
        solo.feed(id, &wire(&open()));
    });
    let states = outputs.into_iter().filter_map(|output| match output {
        Output::State {
            from, to, event, ..
        } => Some((from, event, to)),
        _ => None,
    });
    states.collect()
}

#[test]
fn the_words_of_a_logged_transition_lead_to_one_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    let life = life();
    assert!(life.len() > 25, "{life:?}");
    for (from, event, to) in life {
        let words = format!("event={event} from={from} to={to}");
        let places: usize = found
            .iter()
            .map(|(_, text)| text.matches(&words).count())
            .sum();
        assert_eq!(places, 1, "{words}");
    }
}

#[test]
fn the_name_and_number_of_each_event_stand_in_the_machine() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/fsm");
    let mut found = Vec::new();
    sources(&root, &mut found);
    for event in Event::ALL {
        assert!(!event.name().contains(' '), "{event}");
        let name = format!("// {event} ({}", event.number());
        assert!(
            found.iter().any(|(_, text)| text.contains(&name)),
            "no `{name}`"
        );
    }
}

#[test]
fn the_rows_name_events_and_each_deviation_has_its_reason() {
    for row in TRANSITIONS {
        let event = Event::ALL
            .into_iter()
            .find(|event| event.name() == row.event)
            .unwrap_or_else(|| panic!("no event {}", row.event));
        let found = table::find(row.from, event, row.to).expect("the row");
        assert_eq!(
            (found.from, found.event, found.to),
            (row.from, row.event, row.to)
        );
        let rfc = table::rfc(row.from, event.number());
        // One connection of the two, or one of two ways, may be where the RFC has it; the other needs a reason.
        let explained = DEVIATIONS
            .iter()
            .any(|(state, what, _)| (*state, *what) == (row.from, event));
        assert!(row.to == rfc || explained, "{row:?}: the RFC goes to {rfc}");
    }
    for (state, event, _) in DEVIATIONS {
        let rfc = table::rfc(*state, event.number());
        let deviates = TRANSITIONS
            .iter()
            .any(|row| row.from == *state && row.event == event.name() && row.to != rfc);
        assert!(deviates, "{state} {event} does not deviate");
    }
    let numbers: Vec<u8> = (1..=29)
        .filter(|number| {
            Event::ALL.iter().any(|event| event.number() == *number)
                != NEVER.iter().any(|(never, ..)| never == number)
        })
        .collect();
    assert_eq!(numbers.len(), 29, "each event is produced or listed");
}

#[test]
fn the_docs_have_the_table() {
    let written = include_str!("../../../src/fsm/table.md");
    assert!(
        written == table::markdown(),
        "write it again: oxabgp fsm > src/fsm/table.md"
    );
}

#[test]
fn a_refused_open_is_answered_before_any_keepalive() {
    let mut solo = solo();
    let id = solo.dialed();
    let mut buffer = bytes::BytesMut::from(&wire(&open())[..]);
    solo.peer.handle(solo.now, Input::Received(id, &mut buffer));
    let mut outputs = Vec::new();
    while let Some(output) = solo.peer.poll() {
        if let Output::Opened(id, both) = &output {
            assert_eq!(
                (solo.peer.state(), both.peer_as.0),
                (State::OpenSent, 65002)
            );
            let refusal = Notification::new(2, 7, Vec::new());
            solo.peer.handle(solo.now, Input::Reset(*id, refusal));
        }
        outputs.push(output);
    }
    assert!(outputs.iter().any(|output| matches!(
        output,
        Output::State {
            from: State::OpenSent,
            to: State::Idle,
            event: Event::BgpOpenMsgErr,
            ..
        }
    )));
    let sent_keepalive = |output: &Output| matches!(output, Output::Transmit(_, bytes) if bytes[..] == keepalive()[..]);
    assert!(!outputs.iter().any(sent_keepalive), "{outputs:?}");
    assert!(
        matches!(down(&outputs), Some(CloseReason::NotificationSent(n)) if n.subcode == 7),
        "{outputs:?}"
    );
}

#[test]
fn the_connect_retry_counter_counts_until_the_operator_starts_or_stops() {
    let mut solo = solo();
    let id = solo.dialed();
    solo.feed(id, &message(3, &[6, 4]));
    assert_eq!(solo.peer.connect_retry_counter(), 1);
    let (_, outputs) = solo.expire();
    let id = solo.answer(&outputs);
    solo.feed(id, &message(3, &[6, 4]));
    assert_eq!(solo.peer.connect_retry_counter(), 2);
    solo.handle(Input::Stop(Cease::Removed));
    solo.handle(Input::Start);
    assert_eq!(solo.peer.connect_retry_counter(), 0);
}
