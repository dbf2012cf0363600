//! Defects of the table of announced routes: 3, 4, 7, 8, 18, 19.

use oxabgp::bgp::Family;
use oxabgp::bgp::capability::Offer;
use oxabgp::bgp::message::MessageType;

use super::{LAST, Stage, Table, offering, one, session_with, settled};
use crate::daemon::{listener, neighbor, session, update};
use crate::support::daemon::Lab;
use crate::support::peer::{RawPeer, open};

/// Commands of one batch, and what the peer must have then.
const BATCHES: &[(&[&str], &[&str])] = &[
    (&["X med 1", "X med 2"], &["10.1.0.0/16 med 2"]),
    (&["X med 1", "X med 2", "X med 1"], &["10.1.0.0/16 med 1"]),
    (
        &["Y med 1", "-X", "X med 1"],
        &["10.1.0.0/16 med 1", "10.2.0.0/16 med 1"],
    ),
    (&["X med 1", "-X"], &[]),
    (&["X med 1", "X med 2", "-X"], &[]),
    (&["X med 1", "-X", "X med 2", "-X", "Y"], &["10.2.0.0/16"]),
];

/// `X med 1` as a command, `-X` as a withdrawal.
fn spelt(short: &str) -> String {
    let long = short.replace('X', "10.1.0.0/16 next-hop 192.0.2.1");
    let long = long.replace('Y', "10.2.0.0/16 next-hop 192.0.2.1");
    match long.strip_prefix('-') {
        Some(route) => format!("withdraw route {route}\n"),
        None => format!("announce route {long}\n"),
    }
}

#[test]
fn defect_03_the_last_command_wins_on_the_wire_and_in_the_table() {
    let (stage, mut peer) = one("");
    let mut table = Table::default();
    for (batch, wanted) in BATCHES {
        // Written together, so that they are processed together; the first one empties the table.
        let mut text = String::from("clear adj-rib out\n");
        batch.iter().for_each(|short| text += &spelt(short));
        let mut client = stage.client();
        client.submit(&text);
        for _ in 0..=batch.len() {
            assert_eq!(client.line(), "done\n", "{batch:?}");
        }
        table.0.remove(LAST);
        assert_eq!(settled(&stage, &mut peer, &mut table), *wanted, "{batch:?}");
        let shown = stage.ask("show adj-rib out");
        let count = shown.lines().filter(|line| !line.contains(LAST)).count();
        assert_eq!(count, wanted.len() + 1, "{batch:?} shows {shown}");
    }
}

#[test]
fn defect_03_a_route_withdrawn_before_the_session_is_up_is_never_told() {
    let (listener, port) = listener();
    let body =
        "static { route 10.1.0.0/16 next-hop 192.0.2.1; route 10.2.0.0/16 next-hop 192.0.2.1; }";
    let stage = Stage::start(Lab::new(), &neighbor(port, body));
    for command in [
        "withdraw route 10.1.0.0/16",
        "announce route 10.3.0.0/16 next-hop 192.0.2.1",
        "withdraw route 10.3.0.0/16",
    ] {
        stage.put(command);
    }
    let mut peer = session(&listener);
    let reported = settled(&stage, &mut peer, &mut Table::default());
    assert_eq!(reported, ["10.2.0.0/16"]);
}

#[test]
fn defect_04_a_withdrawal_of_what_was_not_announced_is_sent() {
    // After the first batch of the session: the peer may have the route from elsewhere.
    let (stage, mut peer) = one("static { route 10.9.0.0/16 next-hop 192.0.2.1; }");
    let mut table = Table::default();
    table.read_to(&mut peer, "10.9.0.0/16");
    stage.put("withdraw route 10.1.0.0/16");
    loop {
        let body = peer.expect(MessageType::UPDATE);
        if body == [0, 3, 16, 10, 1, 0, 0] {
            break;
        }
        assert!(
            body.len() <= 11,
            "only End-of-RIBs may come before: {body:02x?}"
        );
    }
    // And so is that of a route that this session announced, after a reconnect.
    let (listener, port) = listener();
    let body = "static { route 10.1.0.0/16 next-hop 192.0.2.1; }";
    let stage = Stage::start(Lab::new(), &neighbor(port, body));
    for _ in 0..2 {
        let mut peer = session(&listener);
        update(&mut peer);
        stage.put("announce route 10.2.0.0/16 next-hop 192.0.2.1");
        let mut table = Table::default();
        table.read_to(&mut peer, "10.2.0.0/16");
        stage.put("withdraw route 10.2.0.0/16");
        assert_eq!(settled(&stage, &mut peer, &mut table), Vec::<String>::new());
        stage.put(&format!("withdraw route {LAST}"));
    }
}

#[test]
fn defect_07_routes_of_every_family_share_an_update() {
    for (group, updates) in [("true", 1), ("false", 3)] {
        let (listener, port) = listener();
        let routes = "route 2001:db8:1::/48 next-hop 2001:db8::1; route 2001:db8:2::/48 next-hop 2001:db8::1; \
            route 2001:db8:3::/48 next-hop 2001:db8::1;";
        let body = format!("group-updates {group}; static {{ {routes} }}");
        let _stage = Stage::start(Lab::new(), &neighbor(port, &body));
        let mut peer = session(&listener);
        let (mut messages, mut routes) = (0, 0);
        while routes < 3 {
            let body = update(&mut peer);
            messages += 1;
            let prefixes = |window: &&[u8]| window[..6] == [48, 0x20, 1, 0xd, 0xb8, 0];
            routes += body.windows(7).filter(prefixes).count();
        }
        assert_eq!((messages, routes), (updates, 3), "group-updates {group}");
    }
}

#[test]
fn defect_08_a_changed_label_is_told() {
    let (listener, port) = listener();
    let labelled = neighbor(port, "").replace("ipv6 unicast", "ipv4 nlri-mpls");
    let stage = Stage::start(Lab::new(), &labelled);
    let offer = offering(|offer| {
        offer.families = vec![Family::IPV4_UNICAST, Family::new(1, 4)];
    });
    let mut peer = session_with(&listener, &offer);
    for label in [100u32, 200] {
        let command = format!("announce route 10.1.0.0/16 next-hop 192.0.2.1 label {label}");
        stage.put(&command);
        let body = update(&mut peer);
        let [_, high, middle, low] = (label << 4 | 1).to_be_bytes();
        let nlri = [40, high, middle, low, 10, 1];
        assert!(body.ends_with(&nlri), "label {label}: {body:02x?}");
    }
}

#[test]
fn defect_18_each_neighbour_of_a_range_has_a_table_of_its_own() {
    let (free, port) = listener();
    drop(free);
    let configuration = format!(
        "neighbor 127.0.0.0/8 {{ router-id 10.0.0.1; local-address 127.0.0.1; local-as 65000; peer-as 65001; passive; \
         listen {port}; family {{ ipv4 unicast; }} static {{ route 10.1.0.0/16 next-hop 192.0.2.1; }} }}"
    );
    let stage = Stage::start(Lab::new(), &configuration);
    let mut peers: Vec<RawPeer> = ["127.0.0.2", "127.0.0.3"]
        .map(|from| {
            let mut peer = RawPeer::connect_from(from, ([127, 0, 0, 1], port).into());
            peer.establish(&open(65001, [10, 0, 0, 2]));
            peer
        })
        .into();
    stage.put("neighbor 127.0.0.2 announce route 10.2.0.0/16 next-hop 192.0.2.1");
    stage.put("neighbor 127.0.0.3 announce route 10.3.0.0/16 next-hop 192.0.2.1");
    stage.put("neighbor 127.0.0.3 withdraw route 10.1.0.0/16");
    stage.put("neighbor 127.0.0.2 announce route 10.255.0.0/16 next-hop 192.0.2.1");
    stage.put("neighbor 127.0.0.3 announce route 10.255.0.0/16 next-hop 192.0.2.1");
    let reported = |peer: &mut RawPeer| Table::default().read_to(peer, LAST).without(LAST);
    assert_eq!(reported(&mut peers[0]), ["10.1.0.0/16", "10.2.0.0/16"]);
    assert_eq!(reported(&mut peers[1]), ["10.3.0.0/16"]);
}

#[test]
fn defect_19_without_add_path_a_prefix_is_there_until_its_last_path_goes() {
    let (stage, mut peer) = one("capability { add-path send; }");
    let route = |id: u32| format!("route 10.1.0.0/16 next-hop 192.0.2.1 path-information {id}");
    let mut table = Table::default();
    let mut has = |stage: &Stage| {
        let there = settled(stage, &mut peer, &mut table);
        table.0.remove(LAST);
        stage.put(&format!("withdraw route {LAST}"));
        there
    };
    stage.put(&format!("announce {} med 1", route(1)));
    stage.put(&format!("announce {} med 2", route(2)));
    assert_eq!(has(&stage), ["10.1.0.0/16 med 1"]);
    stage.put(&format!("withdraw {}", route(1)));
    assert_eq!(has(&stage), ["10.1.0.0/16 med 2"]);
    stage.put(&format!("withdraw {}", route(2)));
    assert_eq!(has(&stage), Vec::<String>::new());
    // A peer that supports several paths gets both.
    let (listener, port) = listener();
    let stage = Stage::start(Lab::new(), &neighbor(port, "capability { add-path send; }"));
    let both = |offer: &mut Offer| {
        use oxabgp::bgp::capability::add_path::AddPathMode;
        offer.add_path = Some((AddPathMode::RECEIVE, vec![Family::IPV4_UNICAST]));
    };
    let mut peer = session_with(&listener, &offering(both));
    for id in [1u8, 2] {
        stage.put(&format!("announce {}", route(id.into())));
        let nlri = [0, 0, 0, id, 16, 10, 1];
        let body = update(&mut peer);
        assert!(body.ends_with(&nlri), "{body:02x?}");
    }
}
