//! Back-off: what counts as a success, and how long a peer waits after what is none.

use std::time::Duration;

use oxabgp::bgp::message::keepalive;
use oxabgp::bgp::message::notification::Notification;
use oxabgp::bgp::message::open::Open;
use oxabgp::fsm::{Cease, Config, ConnId, Input, Timers};

use crate::support::pair::{Solo, config, up};

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Whether a wait is so many seconds, with a tenth of jitter.
fn is(waited: Duration, wanted: u64) -> bool {
    (seconds(wanted)..=seconds(wanted).mul_f64(1.1)).contains(&waited)
}

/// AS 65001 without a hold timer: no KEEPALIVEs in between.
fn solo() -> Solo {
    Solo::new(Config {
        hold_time: 0,
        ..config(65001, [10, 0, 0, 1])
    })
}

/// Brings up a session on a connection, without a hold timer.
fn establish(solo: &mut Solo, id: ConnId) {
    establish_with(solo, id, 0);
}

/// Brings up a session on a connection; the peer proposes this hold time.
fn establish_with(solo: &mut Solo, id: ConnId, hold_time: u16) {
    let theirs = Open {
        version: 4,
        asn: 65002,
        hold_time,
        router_id: [10, 0, 0, 2].into(),
        capabilities: config(65002, [10, 0, 0, 2]).capabilities,
    };
    solo.feed(id, &theirs.encode().expect("a short OPEN"));
    assert!(up(&solo.feed(id, &keepalive())).is_some());
}

/// A session that lasts `time` and ends with `notification`; the wait, and the connection that comes after it.
fn session(
    solo: &mut Solo,
    id: ConnId,
    time: Duration,
    notification: (u8, u8),
) -> (Duration, ConnId) {
    establish(solo, id);
    solo.now += time;
    let end = Notification::new(notification.0, notification.1, Vec::new());
    solo.feed(id, &end.encode());
    let (waited, outputs) = solo.expire();
    (waited, solo.answer(&outputs))
}

#[test]
fn sessions_that_the_peer_ends_at_once_are_tried_on_the_schedule_too() {
    let mut solo = solo();
    let mut id = solo.dialed();
    for wanted in [
        0, 1, 2, 3, 4, 5, 7, 9, 11, 14, 17, 21, 26, 32, 39, 47, 57, 60, 60,
    ] {
        let (waited, next) = session(&mut solo, id, seconds(1), (3, 1));
        assert!(is(waited, wanted), "{wanted} {waited:?}");
        id = next;
    }
    assert_eq!(solo.peer.failures(), 19);
}

#[test]
fn an_accepted_connection_does_not_restart_the_schedule() {
    let mut solo = solo();
    solo.dialed();
    let id = solo.accepted().0;
    for wanted in [0, 1, 2, 3] {
        let (waited, _) = match wanted {
            0 => session(&mut solo, id, seconds(0), (3, 1)),
            _ => {
                let id = solo.accepted().0;
                session(&mut solo, id, seconds(0), (3, 1))
            }
        };
        assert!(is(waited, wanted), "{wanted} {waited:?}");
    }
}

#[test]
fn a_session_is_good_when_it_lasted_as_long_as_the_delay_and_half_a_minute() {
    let mut solo = solo();
    let id = solo.dialed();
    // Not yet.
    let (waited, id) = session(&mut solo, id, seconds(29), (3, 1));
    assert!(is(waited, 0));
    let (waited, id) = session(&mut solo, id, seconds(29), (3, 1));
    assert!(is(waited, 1));
    // That is one.
    let (waited, mut id) = session(&mut solo, id, seconds(30), (3, 1));
    assert!(is(waited, 0));
    assert_eq!(solo.peer.failures(), 0);
    // Behind a delay of 39 seconds, 39 are needed.
    for wanted in [1, 2, 3, 4, 5, 7, 9, 11, 14, 17, 21, 26, 32, 39] {
        let (waited, next) = session(&mut solo, id, seconds(1), (3, 1));
        assert!(is(waited, wanted), "{wanted} {waited:?}");
        id = next;
    }
    let (waited, id) = session(&mut solo, id, seconds(38), (3, 1));
    assert!(is(waited, 47), "{waited:?}");
    let (waited, _) = session(&mut solo, id, seconds(52), (3, 1));
    assert!(is(waited, 0), "{waited:?}");
}

#[test]
fn an_administrative_cease_waits_longer() {
    for (notification, wanted) in [
        ((6, 2), 30),
        ((6, 3), 30),
        ((6, 4), 5),
        ((6, 1), 0),
        ((2, 2), 0),
    ] {
        let mut solo = solo();
        let id = solo.dialed();
        let (waited, id) = session(&mut solo, id, seconds(600), notification);
        assert!(is(waited, wanted), "{notification:?} {waited:?}");
        // What failed for another reason afterwards goes on from there.
        solo.handle(Input::Eof(id));
        let (next, _) = solo.expire();
        assert!(next >= waited || wanted == 0, "{notification:?} {next:?}");
    }
    // RFC 8538: inside a hard reset it means the same.
    let mut solo = solo();
    let id = solo.dialed();
    establish(&mut solo, id);
    let hard = Notification::cease(2).into_hard_reset();
    solo.feed(id, &hard.encode());
    assert!(is(solo.expire().0, 30));
    // A fixed time that the owner has set is that time.
    let mut solo = Solo::new(Config {
        timers: Timers {
            back_off_min: seconds(2),
            back_off_max: seconds(2),
            ..Timers::default()
        },
        ..config(65001, [10, 0, 0, 1])
    });
    let id = solo.dialed();
    solo.feed(id, &Notification::cease(2).encode());
    assert!(is(solo.expire().0, 2));
}

#[test]
fn what_the_owner_ends_on_purpose_comes_back_at_once() {
    let mut solo = solo();
    let mut id = solo.dialed();
    for _ in 0..10 {
        let (_, next) = session(&mut solo, id, seconds(1), (6, 2));
        id = next;
    }
    establish(&mut solo, id);
    let outputs = solo.handle(Input::Bounce(Notification::cease(4)));
    let id = solo.answer(&outputs);
    assert_eq!(solo.peer.failures(), 0);
    // An error that the owner found in what the peer sent is another matter.
    establish(&mut solo, id);
    solo.handle(Input::Reset(id, Notification::new(3, 1, Vec::new())));
    let (waited, outputs) = solo.expire();
    assert!(is(waited, 0));
    let id = solo.answer(&outputs);
    establish(&mut solo, id);
    solo.handle(Input::Reset(id, Notification::new(3, 1, Vec::new())));
    assert!(is(solo.expire().0, 1));
}

#[test]
fn the_next_dial_is_shown_while_there_is_one_to_wait_for() {
    let mut solo = solo();
    assert_eq!(solo.peer.retry_at(), None);
    let id = solo.dialed();
    assert_eq!(solo.peer.retry_at(), None);
    solo.feed(id, &Notification::cease(2).encode());
    let at = solo.peer.retry_at().expect("a wait");
    assert!(is(at - solo.now, 30));
    let outputs = solo.handle(Input::Start);
    assert_eq!(solo.peer.retry_at(), None, "a dial is in progress");
    let id = solo.answer(&outputs);
    establish(&mut solo, id);
    assert_eq!(solo.peer.retry_at(), None);
}

#[test]
fn a_time_that_no_clock_can_express_never_comes() {
    let never = Duration::MAX;
    let timers = Timers {
        connect_retry: never,
        open_wait: never,
        back_off_min: never,
        back_off_max: never,
        send_hold: Some(never),
    };
    let mut solo = Solo::new(Config {
        timers,
        ..config(65001, [10, 0, 0, 1])
    });
    let years = seconds(10 * 365 * 86_400);
    let is_far = |solo: &Solo| solo.peer.timeout().is_some_and(|at| at - solo.now > years);
    solo.handle(Input::Start);
    assert!(is_far(&solo), "the end of a dial");
    let outputs = solo.handle(Input::Stop(Cease::Removed));
    assert!(outputs.len() > 1, "{outputs:?}");
    let mut id = solo.dialed();
    assert!(is_far(&solo), "the end of the wait for an OPEN");
    solo.handle(Input::Unread(id));
    for failures in 0..3 {
        establish_with(&mut solo, id, 9);
        solo.handle(Input::Written(id));
        // The hold time is that of the session.
        assert!(
            solo.peer
                .timeout()
                .is_some_and(|at| at - solo.now <= seconds(9))
        );
        solo.feed(id, &Notification::cease(4).encode());
        assert!(is_far(&solo), "the wait after {failures} failures");
        let outputs = solo.handle(Input::Start);
        id = solo.answer(&outputs);
    }
}
