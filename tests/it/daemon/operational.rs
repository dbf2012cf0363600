//! Operational messages in both directions.

use oxabgp::bgp::message::MessageType;

use super::with_helper;
use crate::support::daemon::Lab;

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
