//! Operational messages in both directions.

use oxabgp::bgp::capability::Offer;
use oxabgp::bgp::message::MessageType;

use super::scene::{Scene, offering};
use super::{listener, neighbor, process, session, with_helper};
use crate::support::daemon::{Daemon, Lab};
use crate::support::peer::RawPeer;

#[test]
fn advisories_go_out_and_come_in() {
    let lab = Lab::new();
    let (events, go) = (lab.path("events"), lab.path("go"));
    let script = format!(
        "exec 3<&0\ncat <&3 > {} &\nwhile [ ! -e {} ]; do sleep 0.05; done\n\
         echo 'announce operational asm afi ipv4 safi unicast advisory \"maintenance at noon\"'\n\
         echo 'announce operational rpcq afi ipv4 safi unicast sequence 7'\nwait",
        events.display(),
        go.display()
    );
    let body = "receive { parsed; operational; } } capability { operational;";
    let (_daemon, mut peer) = with_helper(&lab, &script, body);
    lab.write("go", "");
    let text = b"maintenance at noon";
    let mut wanted = vec![0, 2, 0, 3 + 19, 0, 1, 1];
    wanted.extend_from_slice(text);
    let mut sent = Vec::new();
    while sent.len() < 2 {
        // End-of-RIB markers come first.
        let (kind, body) = peer.receive().expect("the session stays");
        if kind == MessageType::OPERATIONAL {
            sent.push(body);
        }
    }
    assert_eq!(sent[0], wanted);
    // Type, length, family, our identifier, sequence.
    assert_eq!(sent[1], [0, 3, 0, 11, 0, 1, 1, 10, 0, 0, 1, 0, 0, 0, 7]);
    // An unknown type does not reset the session.
    peer.send(MessageType::OPERATIONAL, &[0, 99, 0, 3, 0, 1, 1]);
    peer.send(MessageType::OPERATIONAL, &[0, 1, 0, 5, 0, 1, 1, b'h', b'i']);
    let lines = lab.lines("events", |lines| lines.len() >= 3);
    assert_eq!(lines[..2], ["done", "done"]);
    let content = r#""operational": { "name": "ADM", "afi": "ipv4", "safi": "unicast", "advisory": "hi" } } }"#;
    assert!(lines[2].ends_with(content), "{}", lines[2]);
}

/// The next OPERATIONAL messages of a session, as type, AFI, SAFI and payload.
fn advisories<const COUNT: usize>(peer: &mut RawPeer) -> [(u8, u8, u8, String); COUNT] {
    std::array::from_fn(|_| {
        let body = loop {
            let (kind, body) = peer.receive().expect("the session stays");
            if kind == MessageType::OPERATIONAL {
                break body;
            }
        };
        let text = String::from_utf8_lossy(&body[7..]).into_owned();
        (body[1], body[5], body[6], text)
    })
}

fn message(kind: u8, afi: u8, text: &str) -> (u8, u8, u8, String) {
    (kind, afi, 1, text.to_owned())
}

const CONFIGURED: &str = "operational { asm afi ipv4 safi unicast advisory \"hello world\"; \
                          adm afi ipv6 safi unicast advisory \"six\"; \
                          asm afi ipv6 safi unicast advisory \"last\"; }";

#[test]
fn configured_advisories_go_out_in_exabgps_order_and_static_ones_again() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let script = format!("cat > {}", lab.path("events").display());
    let body = format!(
        "api {{ processes [ helper ]; send {{ parsed; operational; }} }} \
         capability {{ operational enable; }} {CONFIGURED}"
    );
    let configuration = process(&lab, "helper", &script) + &neighbor(port, &body);
    let _daemon = Daemon::start(&lab, &configuration);
    let mut peer = session(&listener);
    let first = advisories::<3>(&mut peer);
    assert_eq!(
        first,
        [
            message(2, 2, "last"),
            message(2, 1, "hello world"),
            message(1, 2, "six")
        ]
    );
    lab.lines("events", |lines| lines.len() == 3);
    drop(peer);
    let mut peer = session(&listener);
    let again = advisories::<2>(&mut peer);
    assert_eq!(again[..], first[..2]);
    // The advisory on demand does not come again.
    let lines = lab.lines("events", |lines| lines.len() >= 5);
    let demanded = lines.iter().filter(|line| line.contains("\"ADM\""));
    assert_eq!(demanded.count(), 1, "{lines:?}");
}

#[test]
fn a_reload_sends_the_advisories_that_are_new() {
    let scene = Scene::new("operational enable;", CONFIGURED);
    let theirs = offering(Offer {
        operational: true,
        ..Offer::default()
    });
    let (mut peer, _) = scene.session(&theirs);
    advisories::<3>(&mut peer);
    let changed = CONFIGURED
        .replace("hello world", "changed")
        .replace("asm afi ipv6", "adm afi ipv4");
    scene.reload(&format!("capability {{ operational enable; }} {changed}"));
    let added = [message(2, 1, "changed"), message(1, 1, "last")];
    assert_eq!(advisories::<2>(&mut peer), added);
    drop(peer);
    let (mut peer, _) = scene.session(&theirs);
    scene.ask("announce operational rpcq afi ipv4 safi unicast sequence 7");
    assert_eq!(advisories::<2>(&mut peer)[0], added[0]);
}
