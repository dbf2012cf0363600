//! Only messages from a peer are checked: our own messages, and the events about them, never reset a session.

use oxabgp::bgp::message::MessageType;

use super::control::Client;
use super::{announced, listener, neighbor, process, session};
use crate::daemon::control::start_with;
use crate::support::daemon::Lab;
use crate::support::peer::announcement;

#[test]
fn an_update_that_we_sent_does_not_judge_the_next_one_received() {
    // With an MP_UNREACH_NLRI that is too short: we could not decode it if it came from the peer.
    let route = "announce route 10.1.0.0/16 next-hop 192.0.2.1 attribute [ 0x0f 0x80 0x00 ]";
    for adj_rib_in in ["true", "false"] {
        let lab = Lab::new();
        let (listener, port) = listener();
        let recorded = lab.path("recorded");
        let helper = process(&lab, "recorder", &format!("cat > {}", recorded.display()));
        // No helper has subscribed to received UPDATEs: then they may not even be decoded.
        let api = "api { processes [ recorder ]; send { parsed; update; } }";
        let body = format!("adj-rib-in {adj_rib_in}; {api}");
        let _daemon = start_with(&lab, &(helper + &neighbor(port, &body)));
        let mut peer = session(&listener);
        let mut client = Client::new(&lab);
        for med in 0..3 {
            assert_eq!(client.ask(&format!("{route} med {med}")), "done\n");
            announced(&mut peer, &[16, 10, 1]);
            // A valid UPDATE, directly after what we sent.
            peer.send(
                MessageType::UPDATE,
                &announcement(65001, &[24, 203, 0, 113]),
            );
        }
        // The session is the same one.
        client.ask("announce route 10.4.0.0/16 next-hop 192.0.2.1");
        announced(&mut peer, &[16, 10, 4]);
    }
}
