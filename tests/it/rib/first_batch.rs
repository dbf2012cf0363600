//! Routes that the session was never sent are not withdrawn in its first batch and when a route cannot be sent. An
//! announcement is a repetition if the peer would receive the same bytes.

use oxabgp::bgp::attribute::local_pref::LocalPref;
use oxabgp::bgp::attribute::origin::Origin;
use oxabgp::rib::Limits;

use super::*;

/// Applies changes to peer 0 and returns what it is sent.
fn sent(rib: &mut AdjRibOut, view: &mut View, changes: &[Change]) -> Vec<String> {
    for change in changes {
        rib.apply(change);
    }
    drain(rib, 0, view);
    view.take_log()
}

fn with(nlri: Nlri, list: Vec<Attribute>) -> Change {
    Change {
        nlri,
        action: Action::Announce(Rc::new(AttributeSet::new(list))),
        peers: peers(&[0]),
    }
}

fn hop(hop: NextHop) -> Attribute {
    Attribute::NextHop(NextHopAttribute::new(hop))
}

#[test]
fn the_first_batch_has_no_withdrawals_and_the_next_one_has() {
    let (mut rib, mut views) = established(1, &[V4]);
    let view = &mut views[0];
    let one = || route(V4, 1);
    let both = [announce(one(), 1, &[0]), withdraw(one(), &[0])];
    assert_eq!(sent(&mut rib, view, &both), [""; 0]);
    assert_eq!(sent(&mut rib, view, &both), ["withdraw 1"]);
    assert_eq!(
        sent(&mut rib, view, &[withdraw(route(V4, 2), &[0])]),
        ["withdraw 2"]
    );
    // The next session has its own first batch, and so does the other peer.
    rib.up(PeerId(0), session(&[V4]));
    drain(&mut rib, 0, view);
    view.take_log();
    assert_eq!(sent(&mut rib, view, &[withdraw(one(), &[0])]), [""; 0]);
    assert_eq!(
        sent(&mut rib, view, &[withdraw(one(), &[0])]),
        ["withdraw 1"]
    );
}

#[test]
fn the_table_of_a_session_is_its_first_batch() {
    let mut rib = AdjRibOut::new();
    rib.add_peer(PeerId(0), options(&[V4]));
    rib.apply(&announce(route(V4, 1), 1, &[0]));
    rib.up(PeerId(0), session(&[V4]));
    let mut view = View::new(&session(&[V4]));
    // Before anything was sent, a withdrawal only removes the route from the table.
    let early = [
        announce(route(V4, 2), 1, &[0]),
        withdraw(route(V4, 2), &[0]),
        withdraw(route(V4, 3), &[0]),
    ];
    assert_eq!(
        sent(&mut rib, &mut view, &early),
        ["announce 1 1", "eor ipv4 unicast"]
    );
    assert_eq!(
        sent(&mut rib, &mut view, &[withdraw(route(V4, 9), &[0])]),
        ["withdraw 9"]
    );
}

#[test]
fn a_route_that_a_walk_has_sent_is_withdrawn_while_the_walk_goes_on() {
    let limits = Limits {
        scan: 1,
        turn: 1,
        ..Limits::default()
    };
    let mut rib = AdjRibOut::with_limits(limits);
    rib.add_peer(PeerId(0), options(&[V4]));
    for number in 0..8 {
        rib.apply(&announce(route(V4, number), 1, &[0]));
    }
    rib.up(PeerId(0), session(&[V4]));
    let mut view = View::new(&session(&[V4]));
    let few = Budget {
        bytes: 60,
        messages: 1,
    };
    while view.routes.len() < 4 {
        rib.fill(PeerId(0), few, &mut |bytes| view.receive(&bytes));
    }
    rib.refresh(PeerId(0), V4);
    for number in 0..8 {
        rib.apply(&withdraw(route(V4, number), &[0]));
    }
    drain(&mut rib, 0, &mut view);
    assert!(view.routes.is_empty(), "{:?}", view.routes);
    let log = view.take_log();
    let unsent = |number: u16| log.iter().any(|line| *line == format!("withdraw {number}"));
    assert!(unsent(0) && !unsent(7), "{log:?}");
}

#[test]
fn another_member_of_the_group_keeps_its_own_first_batch() {
    let (mut rib, mut views) = established(2, &[V4]);
    assert_eq!(
        sent(&mut rib, &mut views[0], &[announce(route(V4, 1), 1, &[0])]),
        ["announce 1 1"]
    );
    let bare = [withdraw(route(V4, 5), &[0, 1])];
    assert_eq!(sent(&mut rib, &mut views[0], &bare), ["withdraw 5"]);
    drain(&mut rib, 1, &mut views[1]);
    assert_eq!(views[1].take_log(), [""; 0]);
    assert_eq!(sent(&mut rib, &mut views[0], &bare), ["withdraw 5"]);
    drain(&mut rib, 1, &mut views[1]);
    assert_eq!(views[1].take_log(), ["withdraw 5"]);
}

#[test]
fn what_cannot_be_sent_is_withdrawn_only_if_an_older_version_was_sent() {
    let (mut rib, mut views) = established(1, &[V6]);
    let view = &mut views[0];
    let one = || route(V6, 1);
    let four = |last: u8| {
        let address = Ipv4Addr::new(192, 0, 2, last);
        with(one(), vec![hop(NextHop::V4(address))])
    };
    assert_eq!(sent(&mut rib, view, &[four(1)]), [""; 0]);
    assert_eq!(sent(&mut rib, view, &[four(2)]), [""; 0]);
    assert_eq!(
        sent(&mut rib, view, &[announce(one(), 1, &[0])]),
        ["announce ipv6 unicast 1 1"]
    );
    assert_eq!(
        sent(&mut rib, view, &[four(1)]),
        ["withdraw ipv6 unicast 1"]
    );
    assert_eq!(sent(&mut rib, view, &[four(2)]), [""; 0]);
    let mut count = 0;
    rib.take_unsendable(&mut |_| count += 1);
    assert_eq!(count, 4);
}

#[test]
fn an_ipv4_next_hop_of_an_ipv6_route_is_sent_where_it_was_negotiated() {
    let mut extended = session(&[V6]);
    extended.sender.codec.ipv4_nexthop.insert(V6);
    let mut rib = AdjRibOut::new();
    rib.add_peer(PeerId(0), options(&[V6]));
    rib.up(PeerId(0), extended);
    let address = Ipv4Addr::new(1, 2, 3, 4);
    rib.apply(&with(route(V6, 1), vec![hop(NextHop::V4(address))]));
    let mut bytes = Vec::new();
    rib.fill(PeerId(0), ALL, &mut |part| bytes.extend_from_slice(&part));
    // AFI 2, SAFI 1, four octets of next hop, and NEXT_HOP, as ExaBGP has it.
    for field in [&[0, 2, 1, 4, 1, 2, 3, 4][..], &[0x40, 3, 4, 1, 2, 3, 4]] {
        assert!(bytes.windows(field.len()).any(|part| part == field));
    }
}

#[test]
fn two_next_hops_are_sent_as_32_octets() {
    let (mut rib, _) = established(1, &[V6]);
    let global: Ipv6Addr = "2001:db8::1".parse().expect("an address");
    let local: Ipv6Addr = "fe80::1".parse().expect("an address");
    rib.apply(&with(
        route(V6, 1),
        vec![hop(NextHop::V6LinkLocal(global, local))],
    ));
    let mut bytes = Vec::new();
    rib.fill(PeerId(0), ALL, &mut |part| bytes.extend_from_slice(&part));
    let mut field = vec![0, 2, 1, 32];
    field.extend_from_slice(&global.octets());
    field.extend_from_slice(&local.octets());
    assert!(bytes.windows(field.len()).any(|part| part == field));
}

#[test]
fn a_repetition_is_what_the_peer_would_get_again() {
    let (mut rib, mut views) = established(1, &[V4]);
    let view = &mut views[0];
    let med = || Attribute::Med(Med(1));
    let output = |list: Vec<Attribute>| with(route(V4, 1), list);
    let literal = || hop(NextHop::V4(Ipv4Addr::LOCALHOST));
    let own = || hop(NextHop::SelfAddress);
    assert_eq!(
        sent(&mut rib, view, &[output(vec![literal(), med()])]),
        ["announce 1 1"]
    );
    for list in [
        vec![own(), med()],
        vec![literal(), med(), Attribute::Origin(Origin::Igp)],
        // The peer is external.
        vec![own(), med(), Attribute::LocalPref(LocalPref(7))],
        vec![literal(), med()],
    ] {
        assert_eq!(
            sent(&mut rib, view, &[output(list.clone())]),
            [""; 0],
            "{list:?}"
        );
    }
    assert_eq!(
        sent(
            &mut rib,
            view,
            &[output(vec![own(), Attribute::Med(Med(2))])]
        ),
        ["announce 1 2"]
    );
    // A change that was not sent yet, and its reversal.
    let other = NextHop::V4(Ipv4Addr::new(192, 0, 2, 7));
    let changes = [
        output(vec![hop(other), Attribute::Med(Med(2))]),
        output(vec![literal(), Attribute::Med(Med(2))]),
    ];
    assert_eq!(sent(&mut rib, view, &changes), ["announce 1 2"]);
    // Withdrawn in the meantime: it is sent again.
    let changes = [
        withdraw(route(V4, 1), &[0]),
        output(vec![own(), Attribute::Med(Med(2))]),
    ];
    assert_eq!(
        sent(&mut rib, view, &changes),
        ["withdraw 1", "announce 1 2"]
    );
}

#[test]
fn without_group_updates_routes_leave_in_the_order_of_their_announcement() {
    let mut single = session(&[V4]);
    single.sender.group_updates = false;
    let order = [9, 3, 7, 1, 8];
    let mut rib = AdjRibOut::new();
    rib.add_peer(PeerId(0), options(&[V4]));
    for number in order {
        rib.apply(&announce(route(V4, number), 1, &[0]));
    }
    rib.up(PeerId(0), single.clone());
    let mut view = View::new(&single);
    let mut wanted: Vec<String> = order.iter().map(|n| format!("announce {n} 1")).collect();
    wanted.push("eor ipv4 unicast".to_owned());
    assert_eq!(sent(&mut rib, &mut view, &[]), wanted);
    let more: Vec<Change> = [30, 20, 25]
        .map(|number| announce(route(V4, number), 1, &[0]))
        .into();
    assert_eq!(
        sent(&mut rib, &mut view, &more),
        ["announce 30 1", "announce 20 1", "announce 25 1"]
    );
}

#[test]
fn self_of_an_ipv4_route_on_an_ipv6_session_is_the_router_id() {
    let mut six = session(&[V4]);
    six.sender.local_address = IpAddr::V6(Ipv6Addr::LOCALHOST);
    let mut rib = AdjRibOut::new();
    rib.add_peer(PeerId(0), options(&[V4]));
    rib.up(PeerId(0), six);
    rib.apply(&with(route(V4, 1), vec![hop(NextHop::SelfAddress)]));
    let mut bytes = Vec::new();
    rib.fill(PeerId(0), ALL, &mut |part| bytes.extend_from_slice(&part));
    let next_hop = [0x40, 3, 4, 10, 0, 0, 1];
    assert!(bytes.windows(7).any(|part| part == next_hop), "{bytes:?}");
}
