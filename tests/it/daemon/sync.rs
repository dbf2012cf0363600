//! `sync`: an answer that means that everything was sent.

use oxabgp::bgp::message::MessageType;
use oxabgp::bgp::message::update::Update;

use super::{listener, neighbor, process};
use crate::support::daemon::{Daemon, Lab};
use crate::support::peer::{RawPeer, open};

/// More than fits in the buffers between the daemon and a peer that does not read: about 6 MB.
const ROUTES: usize = 120_000;

/// Writes its input to `answers`; once the file `go` exists, announces many routes, then one with `sync`.
fn helper(lab: &Lab) -> String {
    let (answers, go) = (lab.path("answers"), lab.path("go"));
    format!(
        "exec 3<&0\ncat <&3 > {} &\nwhile [ ! -e {} ]; do sleep 0.05; done\n\
         awk 'BEGIN {{ for (i = 0; i < {ROUTES}; i++) \
         printf \"announce route 10.%d.%d.%d/32 next-hop 192.0.2.1 med %d\\n\", i / 65536, i / 256 % 256, i % 256, i }}'\n\
         echo 'ack-id last sync announce route 11.0.0.0/8 next-hop 192.0.2.1'\necho version\nwait",
        answers.display(),
        go.display()
    )
}

/// A daemon whose peer has a small receive buffer and does not read; all routes but the last are acknowledged.
fn blocked(lab: &Lab) -> (Daemon, RawPeer) {
    let (listener, port) = listener();
    socket2::SockRef::from(&listener)
        .set_recv_buffer_size(8192)
        .expect("a buffer size can be set");
    let configuration =
        process(lab, "helper", &helper(lab)) + &neighbor(port, "api { processes [ helper ]; }");
    let daemon = Daemon::start(lab, &configuration);
    let mut peer = RawPeer::accept(&listener);
    peer.establish(&open(65001, [10, 0, 0, 2]));
    lab.write("go", "");
    let lines = lab.lines("answers", |lines| lines.len() >= ROUTES);
    assert!(
        lines.iter().all(|line| line == "done"),
        "only the answers to what is not synced may be there"
    );
    (daemon, peer)
}

fn released(lab: &Lab) {
    let lines = lab.lines("answers", |lines| lines.len() >= ROUTES + 3);
    assert_eq!(lines[ROUTES..], ["done last", "exabgp 5.0.15", "done"]);
}

#[test]
fn an_answer_waits_until_the_routes_are_with_the_socket_and_later_answers_wait_behind_it() {
    let lab = Lab::new();
    let (_daemon, mut peer) = blocked(&lab);
    loop {
        let (kind, body) = peer.receive().expect("the session stays");
        if kind == MessageType::UPDATE && Update::new(&body).expect("a good UPDATE").nlri == [8, 11]
        {
            break;
        }
    }
    released(&lab);
}

#[test]
fn a_session_that_is_gone_has_nothing_to_wait_for() {
    let lab = Lab::new();
    let (_daemon, peer) = blocked(&lab);
    drop(peer);
    released(&lab);
}
