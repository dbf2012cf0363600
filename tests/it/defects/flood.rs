//! What blocks ExaBGP forever: a helper that writes a lot and never reads an answer.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use oxabgp::bgp::message::MessageType;
use oxabgp::bgp::nlri::Routes;
use oxabgp::bgp::{Family, message::update::Update};

use crate::daemon::{listener, neighbor, process, session};
use crate::support::daemon::{Daemon, Lab};

/// Prints 1,000,000 announcements as fast as it can, and never reads.
const FLOOD: &str = "exec awk 'BEGIN { for (i = 0; i < 1000000; i++) \
    printf \"announce route 10.%d.%d.%d/32 next-hop 192.0.2.1 med %d\\n\", i / 65536, i / 256 % 256, i % 256, i / 1000; \
    fflush(); system(\"sleep 600\") }'";

#[test]
fn pain_01_a_million_commands_from_a_helper_that_never_reads_all_arrive_with_keepalives_on_time() {
    let lab = Lab::new();
    let (listener, port) = listener();
    let body = "hold-time 30; api { processes [ flood ]; receive { parsed; update; } }";
    let daemon = Daemon::start(
        &lab,
        &(process(&lab, "flood", FLOOD) + &neighbor(port, body)),
    );
    let mut peer = session(&listener);
    let mut seen: HashSet<[u8; 4]> = HashSet::with_capacity(1_000_000);
    let mut last = Instant::now();
    let mut longest = Duration::ZERO;
    let mut answered = Instant::now();
    let mut keepalives = 0;
    while seen.len() < 1_000_000 || keepalives < 1 {
        let (kind, message) = peer.receive().expect("the session stays");
        longest = longest.max(last.elapsed());
        last = Instant::now();
        match kind {
            MessageType::KEEPALIVE => keepalives += u32::from(seen.len() == 1_000_000),
            MessageType::UPDATE => {
                let update = Update::new(&message).expect("a good UPDATE");
                for nlri in Routes::new(Family::IPV4_UNICAST, false, update.nlri) {
                    let octets = nlri.expect("a good prefix").bytes[1..]
                        .try_into()
                        .expect("a host route");
                    assert!(seen.insert(octets), "{octets:?} came twice");
                }
            }
            other => panic!("{other} is not expected: {message:02x?}"),
        }
        if answered.elapsed() > Duration::from_secs(5) {
            peer.send(MessageType::KEEPALIVE, &[]);
            answered = Instant::now();
        }
    }
    // The peer would have given up after that long without messages.
    assert!(
        longest < Duration::from_secs(30),
        "{longest:?} without a message"
    );
    // Unread answers of 5 MB are kept as a number; the routes themselves take some 200 bytes each in a debug build.
    assert!(
        daemon.memory() < 600 * 1024,
        "{} KiB in use",
        daemon.memory()
    );
}
