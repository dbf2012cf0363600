//! What a return to the former configuration gives back besides the file.

use std::net::SocketAddr;

use super::control::{Client, start_with};
use super::journal::{kill, state, table};
use super::upgrade::free_port;
use super::{dialed, listener, neighbor, passive_neighbor, process, session};
use crate::support::daemon::{Daemon, Lab, wait_for};
use crate::support::peer::RawPeer;

/// Another neighbor, to which nothing is announced that is looked for.
const OTHER: &str = "neighbor 127.0.0.9 { router-id 10.0.0.1; local-address 127.0.0.1; local-as 65000; peer-as 65009; passive; \
                     family { ipv4 unicast; } }\n";

/// A daemon with a neighbor that has a configured route and a watchdog, its file, and where the peer connects to.
fn started(lab: &Lab, head: &str) -> (Daemon, String, SocketAddr) {
    let routes = "static { route 10.1.0.0/16 next-hop self; \
                  route 10.2.0.0/16 next-hop self watchdog dns withdraw; }";
    let (neighbor, address) = passive_neighbor(routes);
    let text = format!("{head}{OTHER}{neighbor}");
    (start_with(lab, &text), text, address)
}

/// Asks for what must be carried out.
fn done(client: &mut Client, command: &str) {
    let answer = client.ask(command);
    assert!(answer.contains("done"), "{command}: {answer}");
}

/// Announces routes in every way.
fn announce(client: &mut Client) {
    for command in [
        "announce watchdog dns",
        "announce route 10.3.0.0/16 next-hop self",
        "neighbor 127.0.0.1 announce route 10.4.0.0/16 next-hop self lifetime 1h",
        "set edge replace revision 4\nroute 10.5.0.0/16 next-hop self\nset edge end",
        "set edge put key route 10.6.0.0/16 next-hop self",
        "announce route 10.7.0.0/16 next-hop self",
        "neighbor 127.0.0.1 announce route 10.8.0.0/16 next-hop self",
    ] {
        done(client, command);
    }
}

/// `2001:db8::1` in two notations.
const SHORT: &str = "2001:db8::1";
const LONG: &str = "2001:0db8:0:0::1";

/// A neighbor with that IPv6 address.
fn at(address: &str) -> String {
    let local = "local-address 2001:db8::2";
    OTHER
        .replacen("127.0.0.9", address, 1)
        .replacen("local-address 127.0.0.1", local, 1)
}

/// Returns `true` if `10.1.0.0/16` is announced to the neighbor with its address in this notation.
fn has_route(client: &mut Client, address: &str) -> bool {
    let shown = client.ask("show adj-rib out");
    let line = format!("{address} ipv4 unicast 10.1.0.0/16 ");
    shown.lines().any(|shown| shown.starts_with(&line))
}

fn connected(address: SocketAddr) -> (RawPeer, Vec<u8>) {
    let mut peer = dialed(address);
    let found = table(&mut peer);
    (peer, found)
}

#[test]
fn a_return_gives_back_what_was_announced_to_a_neighbor() {
    for journal in [false, true] {
        let lab = Lab::new();
        let head = match journal {
            true => state(&lab, "unclaimed keep;"),
            false => String::new(),
        };
        let (daemon, text, address) = started(&lab, &head);
        let mut client = Client::new(&lab);
        announce(&mut client);
        let (mut peer, found) = connected(address);
        assert_eq!(found, [1, 2, 3, 4, 5, 6, 7, 8]);
        let sets = client.ask("show set");
        for new in [
            // A typo makes it another neighbor.
            text.replace("peer-as 65001", "peer-as 65011"),
            format!("{head}{OTHER}"),
        ] {
            lab.write("oxabgp.conf", &new);
            done(&mut client, "reload confirm 3600");
            peer.expect_notification();
            // What is changed meanwhile is changed for what comes back, too.
            done(&mut client, "withdraw route 10.7.0.0/16");
            done(&mut client, "neighbor 127.0.0.1 withdraw route 10.8.0.0/16");
            done(&mut client, "reload cancel");
            daemon.logged("the file still has the configuration that was not confirmed");
            let found;
            (peer, found) = connected(address);
            assert_eq!(found, [1, 2, 3, 4, 5, 6], "{journal}");
            assert_eq!(client.ask("show set"), sets);
            // It is withdrawn as any other one.
            done(&mut client, "announce route 10.7.0.0/16 next-hop self");
            done(&mut client, "withdraw watchdog dns");
            done(&mut client, "announce watchdog dns");
            done(&mut client, "announce route 10.8.0.0/16 next-hop self");
            lab.write("oxabgp.conf", &text);
        }
        if journal {
            drop(client);
            kill(daemon);
            let _daemon = start_with(&lab, &text);
            let (_peer, found) = connected(address);
            assert_eq!(found, [1, 2, 3, 4, 5, 6, 7, 8]);
        }
    }
}

#[test]
fn what_a_helper_renews_and_declares_again_meanwhile_comes_back() {
    let lab = Lab::new();
    let (_daemon, text, address) = started(&lab, "");
    let mut client = Client::new(&lab);
    announce(&mut client);
    let (mut peer, _) = connected(address);
    lab.write("oxabgp.conf", OTHER);
    done(&mut client, "reload confirm 3600");
    peer.expect_notification();
    let again = client.ask(
        "set edge replace revision 5\nroute 10.5.0.0/16 next-hop self\nroute 10.9.0.0/16 next-hop self\nset edge end",
    );
    assert!(again.contains("added 1 changed 0 removed 1"), "{again}");
    done(&mut client, "clear adj-rib out");
    done(&mut client, "announce route 10.3.0.0/16 next-hop self");
    // A second reload in the time brings it back as well.
    lab.write("oxabgp.conf", &text);
    done(&mut client, "reload");
    let (_peer, found) = connected(address);
    assert_eq!(found, [1, 3]);
}

#[test]
fn a_confirmed_reload_forgets_what_was_announced() {
    let lab = Lab::new();
    let (_daemon, text, address) = started(&lab, &state(&lab, ""));
    let mut client = Client::new(&lab);
    announce(&mut client);
    let other = "set other replace revision 3\nneighbor 127.0.0.9 route 10.7.0.0/16 next-hop 192.0.2.1\nset other end";
    done(&mut client, other);
    let (mut peer, _) = connected(address);
    lab.write("oxabgp.conf", &format!("{}{OTHER}", state(&lab, "")));
    done(&mut client, "reload confirm 3600");
    peer.expect_notification();
    let shown = client.ask("show set");
    assert!(shown.contains("edge revision 4"), "{shown}");
    done(&mut client, "confirm");
    // A set has all routes of its revision, or none.
    let shown = wait_for("the end of its session", || {
        let shown = client.ask("show set");
        shown.contains("edge revision none").then_some(shown)
    });
    assert!(shown.contains("other revision 3"), "{shown}");
    lab.write("oxabgp.conf", &text);
    done(&mut client, "reload");
    let (_peer, found) = connected(address);
    assert_eq!(found, [1]);
    // Those of other neighbors stay when routes of this one are dropped.
    done(&mut client, "neighbor 127.0.0.1 clear adj-rib out");
    let shown = client.ask("show set other");
    assert!(shown.contains("other revision 3"), "{shown}");
    done(&mut client, "neighbor 127.0.0.9 clear adj-rib out");
    let shown = client.ask("show set other");
    assert!(shown.contains("other revision none"), "{shown}");
}

#[test]
fn what_comes_back_has_its_name_in_the_journal() {
    let lab = Lab::new();
    let head = state(&lab, "unclaimed keep;") + OTHER;
    let daemon = start_with(&lab, &(head.clone() + &at(SHORT)));
    let mut client = Client::new(&lab);
    done(&mut client, "announce route 10.1.0.0/16 next-hop 192.0.2.1");
    for (command, text) in [
        ("reload", head.clone() + &at(LONG)),
        ("reload confirm 3600", head.clone()),
    ] {
        lab.write("oxabgp.conf", &text);
        done(&mut client, command);
    }
    done(&mut client, "reload cancel");
    assert!(has_route(&mut client, LONG));
    done(&mut client, "withdraw route 10.1.0.0/16");
    drop(client);
    kill(daemon);
    let _daemon = start_with(&lab, &(head + &at(LONG)));
    assert!(!has_route(&mut Client::new(&lab), LONG));
}

#[test]
fn a_neighbor_comes_back_whatever_the_notation_of_its_address_is_meanwhile() {
    let lab = Lab::new();
    let (short, long) = (OTHER.to_owned() + &at(SHORT), OTHER.to_owned() + &at(LONG));
    let _daemon = start_with(&lab, &short);
    let mut client = Client::new(&lab);
    done(&mut client, "announce route 10.1.0.0/16 next-hop 192.0.2.1");
    // It is lacking in the second of two files, or in the first.
    for (files, shown) in [([&*long, OTHER], None), ([OTHER, &*long], Some(LONG))] {
        for (command, text) in ["reload confirm 3600", "reload"].into_iter().zip(files) {
            lab.write("oxabgp.conf", text);
            done(&mut client, command);
        }
        if let Some(address) = shown {
            assert!(has_route(&mut client, address));
        }
        done(&mut client, "reload cancel");
        assert!(has_route(&mut client, SHORT), "{shown:?}");
    }
}

#[test]
fn neighbors_of_one_name_come_back_with_their_own_routes() {
    let lab = Lab::new();
    let script = "echo announce route 10.1.0.0/16 next-hop 192.0.2.1\nexec cat";
    let head = process(&lab, "helper", script) + OTHER;
    let [first, second] = [listener(), listener()];
    // Several neighbors may have one name if they listen at different ports.
    let several: String = [(&first, "api { processes [ helper ]; }"), (&second, "")]
        .into_iter()
        .map(|((_, port), body)| neighbor(*port, &format!("listen {}; {body}", free_port())))
        .collect();
    let daemon = start_with(&lab, &(head.clone() + &at(SHORT) + &several));
    let mut client = Client::new(&lab);
    wait_for("the route", || {
        has_route(&mut client, "127.0.0.1").then_some(())
    });
    let connected = || {
        [&first, &second].map(|(listener, _)| {
            let mut peer = session(listener);
            let found = table(&mut peer);
            (peer, found)
        })
    };
    let peers = connected();
    lab.write("oxabgp.conf", &head);
    done(&mut client, "reload confirm 3600");
    done(&mut client, "reload cancel");
    let found = connected().map(|(_, found)| found);
    assert_eq!(found, [vec![1], vec![]], "{}", daemon.log());
    drop(peers);
}
