//! What is sent when: deduplication, order, markers, sessions, one case each.

use oxabgp::bgp::{Nlri, Safi};
use oxabgp::rib::{Limits, Outcome, RouteFilter};

use super::*;

/// Applies changes to peer 0 and returns what it is sent.
fn reported(rib: &mut AdjRibOut, view: &mut View, changes: Vec<Change>) -> Vec<String> {
    changes.iter().for_each(|change| {
        rib.apply(change);
    });
    drain(rib, 0, view);
    view.take_log()
}

fn path(number: u16, path_id: u32) -> Nlri {
    Nlri {
        path_id: Some(path_id),
        ..route(V4, number)
    }
}

#[test]
fn the_last_writer_wins_and_withdrawals_are_kept() {
    let (mut rib, mut views) = established(1, &[V4]);
    let view = &mut views[0];
    let x = || route(V4, 1);
    let y = || route(V4, 2);
    // The rows of behaviour.md 3.3, right.
    assert_eq!(
        reported(
            &mut rib,
            view,
            vec![announce(x(), 1, &[0]), announce(x(), 2, &[0])]
        ),
        ["announce 1 2"]
    );
    assert_eq!(
        reported(
            &mut rib,
            view,
            vec![
                announce(x(), 3, &[0]),
                announce(x(), 4, &[0]),
                announce(x(), 3, &[0])
            ]
        ),
        ["announce 1 3"]
    );
    assert_eq!(
        reported(
            &mut rib,
            view,
            vec![
                announce(y(), 5, &[0]),
                withdraw(x(), &[0]),
                announce(x(), 5, &[0])
            ]
        ),
        ["withdraw 1", "announce 1 5", "announce 2 5"]
    );
    assert_eq!(
        reported(
            &mut rib,
            view,
            vec![announce(x(), 6, &[0]), withdraw(x(), &[0])]
        ),
        ["withdraw 1"]
    );
    // Withdrawals are sent, whether the prefix is known or not; equal announcements are not.
    assert_eq!(
        reported(&mut rib, view, vec![withdraw(route(V4, 9), &[0])]),
        ["withdraw 9"]
    );
    assert_eq!(
        reported(&mut rib, view, vec![announce(y(), 5, &[0])]),
        [""; 0]
    );
    assert_eq!(rib.counters().routes, 1);
}

#[test]
fn a_route_withdrawn_while_down_is_never_sent() {
    let mut rib = AdjRibOut::new();
    rib.add_peer(PeerId(0), options(&[V4]));
    let mut view = View::new(&session(&[V4]));
    let changes = vec![
        announce(route(V4, 1), 1, &[0]),
        withdraw(route(V4, 1), &[0]),
        announce(route(V4, 2), 1, &[0]),
    ];
    assert_eq!(reported(&mut rib, &mut view, changes), [""; 0]);
    rib.up(PeerId(0), session(&[V4]));
    assert_eq!(
        reported(&mut rib, &mut view, vec![]),
        ["announce 2 1", "eor ipv4 unicast"]
    );
}

#[test]
fn families_are_refused_kept_or_sent() {
    let (mut rib, mut views) = established(1, &[V4]);
    rib.add_peer(PeerId(0), options(&[V4, V6]));
    rib.add_peer(PeerId(1), options(&[V4]));
    let outcome = |accepted, refused| Outcome { accepted, refused };
    // What would be done is known before.
    for (family, to, wanted) in [
        (V6, &[0, 1][..], true),
        (V6, &[1, 7], false),
        (V4_MULTICAST, &[0, 1], false),
        (V4, &[7], false),
        (V4, &[0, 7], true),
    ] {
        let peers = to.iter().copied().map(PeerId).collect();
        assert_eq!(rib.takes(&peers, family), wanted, "{family} {to:?}");
    }
    assert_eq!(
        rib.apply(&announce(route(V6, 1), 1, &[0, 1])),
        outcome(1, 1)
    );
    assert_eq!(
        rib.apply(&announce(route(V4_MULTICAST, 1), 1, &[0, 1])),
        outcome(0, 2)
    );
    assert_eq!(
        rib.apply(&announce(route(V4, 1), 1, &[0, 7])),
        outcome(1, 1)
    );
    // Configured but not negotiated: kept for a session that does.
    assert_eq!(reported(&mut rib, &mut views[0], vec![]), ["announce 1 1"]);
    rib.up(PeerId(0), session(&[V6]));
    assert_eq!(
        reported(&mut rib, &mut views[0], vec![]),
        ["announce ipv6 unicast 1 1", "eor ipv6 unicast"]
    );
}

#[test]
fn what_was_announced_before_a_family_was_removed_can_still_be_cleared() {
    let (mut rib, mut views) = established(1, &[V4, V6]);
    reported(
        &mut rib,
        &mut views[0],
        vec![
            announce(route(V4, 1), 1, &[0]),
            announce(route(V6, 2), 1, &[0]),
        ],
    );
    rib.add_peer(PeerId(0), options(&[V4]));
    rib.up(PeerId(0), session(&[V4]));
    rib.clear(&peers(&[0]));
    assert_eq!(
        reported(&mut rib, &mut views[0], vec![]),
        // The new session was not sent the route.
        ["eor ipv4 unicast"]
    );
    assert_eq!(rib.counters().routes, 0);
}

#[test]
fn a_label_alone_is_news_and_a_withdrawal_keeps_it() {
    let family = Family {
        safi: Safi::NLRI_MPLS,
        ..V4
    };
    let labelled = |label: u8| Nlri::new(family, None, &[48, 0, 0, label << 4 | 1, 10, 0, 1]);
    let (mut rib, mut views) = established(1, &[family]);
    rib.apply(&announce(labelled(1), 5, &[0]));
    rib.apply(&announce(labelled(1), 5, &[0]));
    drain(&mut rib, 0, &mut views[0]);
    rib.apply(&announce(labelled(2), 5, &[0]));
    drain(&mut rib, 0, &mut views[0]);
    // The view does not decode labels, so it has both.
    assert_eq!(views[0].routes.len(), 2);
    rib.clear(&peers(&[0]));
    drain(&mut rib, 0, &mut views[0]);
    let labels: Vec<u8> = views[0].routes.keys().map(|key| key.2[3]).collect();
    assert_eq!((labels, rib.counters().routes), (vec![0x11], 0));
}

#[test]
fn without_add_path_the_lowest_path_is_announced_until_the_last_goes() {
    let (mut rib, mut views) = established(1, &[V4]);
    let view = &mut views[0];
    assert_eq!(
        reported(
            &mut rib,
            view,
            vec![announce(path(1, 5), 5, &[0]), announce(path(1, 3), 3, &[0])]
        ),
        ["announce 1 3"]
    );
    assert_eq!(
        reported(&mut rib, view, vec![withdraw(path(1, 3), &[0])]),
        ["announce 1 5"]
    );
    assert_eq!(
        reported(&mut rib, view, vec![withdraw(path(1, 5), &[0])]),
        ["withdraw 1"]
    );
    // Path identifier 0 means none.
    rib.apply(&announce(path(1, 0), 1, &[0]));
    assert_eq!(
        reported(&mut rib, view, vec![withdraw(route(V4, 1), &[0])]),
        ["withdraw 1"]
    );
}

#[test]
fn with_add_path_each_path_is_a_route() {
    let mut rib = AdjRibOut::new();
    rib.add_peer(PeerId(0), options(&[V4]));
    let mut session = session(&[V4]);
    session.sender.codec.add_path_send = [V4].into_iter().collect();
    rib.up(PeerId(0), session.clone());
    let mut view = View::new(&session);
    drain(&mut rib, 0, &mut view);
    view.take_log();
    let changes = vec![
        announce(path(1, 5), 5, &[0]),
        announce(path(1, 3), 5, &[0]),
        announce(route(V4, 1), 5, &[0]),
    ];
    assert_eq!(
        reported(&mut rib, &mut view, changes),
        ["announce 1 5", "announce 1 path 3 5", "announce 1 path 5 5"]
    );
    assert_eq!(
        reported(&mut rib, &mut view, vec![withdraw(path(1, 5), &[0])]),
        ["withdraw 1 path 5"]
    );
}

#[test]
fn all_routes_are_announced_again_after_a_reconnect() {
    let (mut rib, mut views) = established(2, &[V4, V6]);
    rib.apply(&announce(route(V4, 1), 1, &[0, 1]));
    rib.apply(&announce(route(V4, 2), 1, &[1]));
    rib.apply(&announce(route(V6, 3), 1, &[0]));
    drain(&mut rib, 0, &mut views[0]);
    views[0].take_log();
    rib.down(PeerId(0));
    assert!(!rib.has_work(PeerId(0)) && !rib.is_up(PeerId(0)));
    rib.apply(&withdraw(route(V4, 1), &[0]));
    rib.apply(&announce(route(V4, 4), 1, &[0, 1]));
    let mut again = session(&[V6, V4]);
    rib.up(PeerId(0), again.clone());
    let wanted = [
        "announce ipv6 unicast 3 1",
        "announce 4 1",
        "eor ipv6 unicast",
        "eor ipv4 unicast",
    ];
    assert_eq!(reported(&mut rib, &mut views[0], vec![]), wanted);
    again.manual_eor = true;
    rib.up(PeerId(0), again);
    assert_eq!(reported(&mut rib, &mut views[0], vec![]), wanted[..2]);
    drain(&mut rib, 1, &mut views[1]);
    assert_eq!(
        views[1].take_log(),
        ["announce 1 1", "announce 2 1", "announce 4 1"]
    );
}

#[test]
fn without_adj_rib_out_routes_are_forgotten_once_sent_and_not_before() {
    let mut rib = AdjRibOut::new();
    rib.add_peer(
        PeerId(0),
        PeerOptions {
            keep: false,
            ..options(&[V4])
        },
    );
    let mut view = View::new(&session(&[V4]));
    rib.apply(&announce(route(V4, 1), 1, &[0]));
    rib.up(PeerId(0), session(&[V4]));
    // The session ends before anything was encoded.
    rib.down(PeerId(0));
    rib.up(PeerId(0), session(&[V4]));
    assert_eq!(
        reported(&mut rib, &mut view, vec![]),
        ["announce 1 1", "eor ipv4 unicast"]
    );
    assert_eq!(
        reported(&mut rib, &mut view, vec![announce(route(V4, 2), 1, &[0])]),
        ["announce 2 1"]
    );
    // Nothing to compare with: sent again.
    assert_eq!(
        reported(&mut rib, &mut view, vec![announce(route(V4, 2), 1, &[0])]),
        ["announce 2 1"]
    );
    assert_eq!(
        (
            rib.counters().routes,
            rib.routes(RouteFilter::default()).count()
        ),
        (0, 0)
    );
    rib.up(PeerId(0), session(&[V4]));
    assert_eq!(reported(&mut rib, &mut view, vec![]), ["eor ipv4 unicast"]);
}

#[test]
fn refresh_and_flush_send_again_with_marks_around_where_negotiated() {
    let mut rib = AdjRibOut::new();
    rib.add_peer(PeerId(0), options(&[V4, V6]));
    let mut enhanced = session(&[V4, V6]);
    enhanced.refresh = Refresh::Enhanced;
    rib.up(PeerId(0), enhanced.clone());
    let mut view = View::new(&enhanced);
    reported(
        &mut rib,
        &mut view,
        vec![
            announce(route(V4, 1), 1, &[0]),
            announce(route(V6, 2), 1, &[0]),
        ],
    );
    rib.refresh(PeerId(0), V4);
    rib.refresh(PeerId(0), V4);
    rib.refresh(PeerId(0), V4_MULTICAST);
    assert_eq!(
        reported(&mut rib, &mut view, vec![]),
        [
            "refresh 1 ipv4 unicast",
            "announce 1 1",
            "refresh 2 ipv4 unicast"
        ]
    );
    rib.flush(&peers(&[0, 3]));
    assert_eq!(reported(&mut rib, &mut view, vec![]).len(), 6);
    // An empty family is also answered immediately.
    rib.clear(&peers(&[0]));
    assert_eq!(reported(&mut rib, &mut view, vec![]).len(), 2);
    rib.refresh(PeerId(0), V4);
    assert_eq!(
        reported(&mut rib, &mut view, vec![]),
        ["refresh 1 ipv4 unicast", "refresh 2 ipv4 unicast"]
    );
    rib.up(PeerId(0), session(&[V4]));
    reported(&mut rib, &mut view, vec![announce(route(V4, 1), 1, &[0])]);
    rib.flush(&peers(&[0]));
    assert_eq!(reported(&mut rib, &mut view, vec![]), ["announce 1 1"]);
}

#[test]
fn end_of_rib_comes_after_what_was_applied_before() {
    let (mut rib, mut views) = established(2, &[V4]);
    rib.apply(&announce(route(V4, 1), 1, &[0, 1]));
    rib.eor(&peers(&[0]), V6);
    rib.apply(&announce(route(V4, 2), 1, &[0, 1]));
    assert_eq!(
        reported(&mut rib, &mut views[0], vec![]),
        ["announce 1 1", "eor ipv6 unicast", "announce 2 1"]
    );
    drain(&mut rib, 1, &mut views[1]);
    assert_eq!(views[1].take_log(), ["announce 1 1", "announce 2 1"]);
}

#[test]
fn a_mark_is_reached_when_all_before_it_was_handed_out() {
    let (mut rib, mut views) = established(2, &[V4]);
    rib.apply(&announce(route(V4, 1), 1, &[0, 1]));
    let mark = rib.mark(&peers(&[0, 1, 2]));
    assert!(
        rib.is_reached(mark, PeerId(2)),
        "no session, nothing to wait for"
    );
    assert!(!rib.is_reached(mark, PeerId(0)));
    drain(&mut rib, 0, &mut views[0]);
    assert!(rib.is_reached(mark, PeerId(0)) && !rib.is_reached(mark, PeerId(1)));
    rib.up(PeerId(1), session(&[V4]));
    assert!(
        !rib.is_reached(mark, PeerId(1)),
        "the new session has not got the route"
    );
    drain(&mut rib, 1, &mut views[1]);
    assert!(rib.is_reached(mark, PeerId(1)));
}

#[test]
fn only_peers_with_work_are_woken_and_filling_one_wakes_the_others() {
    let (mut rib, mut views) = established(3, &[V4]);
    let woken = |rib: &mut AdjRibOut| {
        let mut woken = Vec::new();
        rib.take_wakeups(&mut |peer| woken.push(peer.0));
        woken
    };
    rib.apply(&announce(route(V4, 1), 1, &[1]));
    assert_eq!(woken(&mut rib), [0, 1, 2]);
    assert_eq!(woken(&mut rib), [0; 0]);
    drain(&mut rib, 1, &mut views[1]);
    assert_eq!(woken(&mut rib), [0, 2]);
    assert_eq!(views[1].take_log(), ["announce 1 1"]);
    drain(&mut rib, 0, &mut views[0]);
    drain(&mut rib, 2, &mut views[2]);
    assert_eq!(rib.counters().log_bytes, 0);
    assert!(views[0].routes.is_empty());
}

#[test]
fn a_number_used_again_inherits_nothing() {
    let (mut rib, mut views) = established(2, &[V4]);
    for number in 0..100 {
        rib.apply(&announce(route(V4, number), 1, &[0, 1]));
    }
    rib.remove_peer(PeerId(0));
    assert!(!rib.is_known(PeerId(0)));
    rib.add_peer(PeerId(0), options(&[V4]));
    assert_eq!(
        rib.routes(RouteFilter {
            peers: Some(peers(&[0])),
            family: None
        })
        .count(),
        0
    );
    rib.up(PeerId(0), session(&[V4]));
    assert_eq!(
        reported(&mut rib, &mut views[0], vec![]),
        ["eor ipv4 unicast"]
    );
    drain(&mut rib, 1, &mut views[1]);
    assert_eq!(views[1].routes.len(), 100);
}

#[test]
fn a_dynamic_peer_starts_with_the_routes_of_its_template_and_lives_alone() {
    let (mut rib, mut views) = established(1, &[V4]);
    rib.add_peer(PeerId(1), options(&[V4]));
    rib.apply(&announce(route(V4, 1), 1, &[1]));
    rib.copy_routes(PeerId(1), PeerId(0));
    assert_eq!(reported(&mut rib, &mut views[0], vec![]), ["announce 1 1"]);
    assert_eq!(
        reported(&mut rib, &mut views[0], vec![withdraw(route(V4, 1), &[0])]),
        ["withdraw 1"]
    );
    assert_eq!(
        rib.routes(RouteFilter {
            peers: Some(peers(&[1])),
            family: Some(V4)
        })
        .count(),
        1
    );
}

#[test]
fn a_stuck_peer_costs_its_limit_and_catches_up_in_the_newest_state() {
    let mut rib = AdjRibOut::with_limits(Limits {
        lag: 64 << 10,
        ..Limits::default()
    });
    let mut views = Vec::new();
    for peer in 0..2 {
        rib.add_peer(PeerId(peer), options(&[V4]));
        rib.up(PeerId(peer), session(&[V4]));
        let mut view = View::new(&session(&[V4]));
        drain(&mut rib, peer, &mut view);
        views.push(view);
    }
    for round in 0..200 {
        for number in 0..500 {
            rib.apply(&announce(route(V4, number), round + 1, &[0, 1]));
        }
        drain(&mut rib, 0, &mut views[0]);
        assert!(
            rib.counters().log_bytes <= 3 * (64 << 10),
            "{:?}",
            rib.counters()
        );
    }
    assert_eq!(rib.counters().lagged, 1);
    let before = views[1].sizes.len();
    drain(&mut rib, 1, &mut views[1]);
    assert!(views[1].sizes[before..].iter().sum::<usize>() < 3 * (64 << 10));
    assert_eq!(views[0].routes, views[1].routes);
    assert!(views[1].routes.values().all(|med| *med == 200));
    assert_eq!((rib.counters().pending, rib.counters().log_bytes), (0, 0));
}

#[test]
fn routes_are_shown_by_peer_and_family_and_a_walk_can_go_on() {
    let (mut rib, _) = established(2, &[V4, V6]);
    for number in 0..10 {
        rib.apply(&announce(route(V4, number), 1, &[0]));
        rib.apply(&announce(route(V6, number), 1, &[0, 1]));
        rib.apply(&announce(route(V6, number), 2, &[1]));
    }
    let count = |peers: Option<PeerSet>, family| rib.routes(RouteFilter { peers, family }).count();
    assert_eq!(
        (
            count(None, None),
            count(None, Some(V6)),
            count(Some(peers(&[1])), None)
        ),
        (30, 20, 10)
    );
    let (mut at, mut seen) = (0, 0);
    while let Some(route) = rib
        .routes_from(
            at,
            RouteFilter {
                peers: None,
                family: Some(V4),
            },
        )
        .next()
    {
        assert_eq!(route.peers, peers(&[0]));
        (at, seen) = (route.next, seen + 1);
    }
    assert_eq!(seen, 10);
}
