//! Work over the whole table: no call does much of it, and it always appears to be done at once.

use oxabgp::rib::{Limits, RouteFilter};

use super::*;

const ROUTES: u16 = 2_000;
const SCAN: u32 = 25;
/// What the first call may do, in steps.
const FIRST: usize = 4 * SCAN as usize;

/// Two peers, of which the first is up and has all routes.
fn full() -> (AdjRibOut, View) {
    let mut rib = AdjRibOut::with_limits(Limits {
        scan: SCAN,
        ..Limits::default()
    });
    let families = [V4];
    (0..2).for_each(|peer| rib.add_peer(PeerId(peer), options(&families)));
    rib.up(PeerId(0), session(&families));
    let mut view = View::new(&session(&families));
    for number in 0..ROUTES {
        rib.apply(&announce(route(V4, number), 1, &[0]));
    }
    drain(&mut rib, 0, &mut view);
    rib.take_wakeups(&mut |_| {});
    (rib, view)
}

fn shown(rib: &AdjRibOut, peer: u32) -> usize {
    let filter = RouteFilter {
        peers: Some(peers(&[peer])),
        family: None,
    };
    rib.routes(filter).count()
}

/// The number of calls until there is nothing more to do; each does at most one step.
fn calls(rib: &mut AdjRibOut, view: &mut View, what: impl Fn(&AdjRibOut) -> usize) -> usize {
    let mut calls = 0;
    while rib.has_work(PeerId(0)) {
        let before = what(rib);
        rib.fill(PeerId(0), ALL, &mut |bytes| view.receive(&bytes));
        let step = what(rib).saturating_sub(before);
        assert!(step <= 2 * SCAN as usize + 64, "{step} in one call");
        calls += 1;
    }
    calls
}

#[test]
fn clear_takes_many_turns_and_looks_done_after_the_first() {
    let (mut rib, mut view) = full();
    rib.clear(&peers(&[0]));
    assert!(rib.counters().pending <= FIRST);
    assert_eq!(shown(&rib, 0), 0);
    let mut woken = Vec::new();
    rib.take_wakeups(&mut |peer| woken.push(peer));
    assert_eq!(woken, [PeerId(0)], "its driver is woken");
    // Later changes are kept, and a mark comes after all of them.
    rib.apply(&announce(route(V4, ROUTES - 1), 2, &[0]));
    rib.apply(&announce(route(V4, ROUTES), 2, &[0]));
    let mark = rib.mark(&peers(&[0]));
    assert_eq!(shown(&rib, 0), 2);
    let calls = calls(&mut rib, &mut view, |rib| rib.counters().pending);
    assert!(
        calls > usize::from(ROUTES) / (2 * SCAN as usize + 64),
        "{calls} calls"
    );
    assert!(rib.is_reached(mark, PeerId(0)));
    assert_eq!(view.routes.len(), 2);
    assert_eq!(rib.counters().routes, 2);
}

#[test]
fn a_mark_is_not_reached_before_the_last_withdrawal() {
    let (mut rib, mut view) = full();
    rib.clear(&peers(&[0]));
    let mark = rib.mark(&peers(&[0]));
    while !rib.is_reached(mark, PeerId(0)) {
        assert!(rib.has_work(PeerId(0)));
        rib.fill(PeerId(0), ALL, &mut |bytes| view.receive(&bytes));
    }
    assert!(view.routes.is_empty());
}

#[test]
fn routes_are_copied_as_they_were_however_long_it_takes() {
    let (mut rib, mut view) = full();
    rib.copy_routes(PeerId(0), PeerId(1));
    assert_eq!(shown(&rib, 1), usize::from(ROUTES));
    // The peer that is copied continues without the copy.
    rib.apply(&withdraw(route(V4, ROUTES - 1), &[0]));
    rib.apply(&announce(route(V4, ROUTES - 2), 9, &[0]));
    rib.up(PeerId(1), session(&[V4]));
    let mut copy = View::new(&session(&[V4]));
    drain(&mut rib, 0, &mut view);
    drain(&mut rib, 1, &mut copy);
    assert_eq!(view.routes.len(), usize::from(ROUTES) - 1);
    assert_eq!(copy.routes.len(), usize::from(ROUTES));
    assert!(copy.routes.values().all(|med| *med == 1));
}

#[test]
fn a_number_used_again_at_once_has_nothing_of_the_old_one() {
    let (mut rib, _) = full();
    rib.remove_peer(PeerId(0));
    rib.add_peer(PeerId(0), options(&[V4]));
    assert_eq!(shown(&rib, 0), 0);
    rib.apply(&announce(route(V4, ROUTES - 1), 3, &[0]));
    rib.up(PeerId(0), session(&[V4]));
    let mut view = View::new(&session(&[V4]));
    drain(&mut rib, 0, &mut view);
    assert_eq!(view.routes.len(), 1);
    assert_eq!(rib.counters().routes, 1);
}
