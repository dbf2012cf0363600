//! Any sequence of inputs, sensible or not, keeps the invariants of the state machine.

use oxabgp::bgp::Asn;
use oxabgp::bgp::message::open::Open;
use oxabgp::bgp::message::{MessageType, encode, keepalive};
use oxabgp::fsm::Config;
use proptest::prelude::*;

use super::script::{Arrival, Step, capabilities, play};
use crate::support::pair::config;

/// A message, most often a good one.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let open = (0_u16..4, 0_u8..4, any::<bool>(), any::<bool>()).prop_map(
        |(hold, id, graceful, same_as)| {
            let asn = if same_as { 65001 } else { 65002 };
            let open = Open {
                version: 4,
                asn,
                hold_time: [0, 2, 3, 90][usize::from(hold)],
                router_id: [10, 0, 0, id].into(),
                capabilities: capabilities(asn.into(), graceful),
            };
            open.encode().expect("a short OPEN")
        },
    );
    let other = (2_u8..8, prop::collection::vec(any::<u8>(), 0..8)).prop_map(|(kind, body)| {
        let mut out = Vec::new();
        encode(&mut out, MessageType(kind), |w| w.bytes(&body));
        out
    });
    prop_oneof![
        4 => open.clone(),
        4 => Just(keepalive()),
        2 => open.prop_map(|open| [open, keepalive()].concat()),
        2 => other,
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0_usize..4;
    prop_oneof![
        2 => Just(Step::Start),
        3 => Just(Step::Incoming),
        5 => which.clone().prop_map(Step::Connected),
        1 => which.clone().prop_map(Step::ConnectFailed),
        12 => (which.clone(), bytes()).prop_map(|(which, bytes)| Step::Received(which, bytes)),
        1 => which.clone().prop_map(Step::Unread),
        1 => which.clone().prop_map(Step::Written),
        1 => which.clone().prop_map(Step::Eof),
        2 => (0_u64..200_000).prop_map(Step::Wait),
        4 => Just(Step::Timeout),
        1 => any::<bool>().prop_map(Step::Stop),
        1 => which.prop_map(Step::Reset),
        1 => Just(Step::Bounce),
        1 => any::<bool>().prop_map(Step::Configure),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn any_input_keeps_the_invariants(
        passive: bool,
        auto: bool,
        graceful: bool,
        hold_time in prop::sample::select(vec![0_u16, 3, 180]),
        attempts in prop::option::of(1_u32..5),
        steps in prop::collection::vec(step(), 0..60),
    ) {
        play(
            Config {
                passive,
                attempts,
                hold_time,
                local_as: (!auto).then_some(Asn(65001)),
                capabilities: capabilities(65001, graceful),
                ..config(65001, [10, 0, 0, 2])
            },
            steps,
            Arrival::Whole,
        );
    }
}
