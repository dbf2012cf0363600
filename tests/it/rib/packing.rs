//! How routes become messages: sizes, grouping, routes that do not fit.

use oxabgp::bgp::attribute::Generic;
use oxabgp::bgp::attribute::decode::DecodeEach;
use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::nlri::labeled;
use oxabgp::bgp::{NlriRef, RouteDistinguisher};
use oxabgp::rib::{Limits, Refusal, Unsendable};

use super::*;

/// A peer 0 that is up, with its view.
fn up(session: &Session) -> (AdjRibOut, View) {
    let mut rib = AdjRibOut::new();
    rib.add_peer(PeerId(0), options(&session.families));
    rib.up(PeerId(0), session.clone());
    let mut view = View::new(session);
    drain(&mut rib, 0, &mut view);
    (view.sizes, view.counts) = (Vec::new(), Vec::new());
    view.take_log();
    (rib, view)
}

fn with_blob(med: u32, bytes: usize) -> Rc<AttributeSet> {
    let mut list = attributes(V4, med).list().to_vec();
    list.push(Attribute::Generic(Box::new(Generic {
        code: 250,
        flags: 0xC0,
        value: vec![7; bytes].into(),
    })));
    Rc::new(AttributeSet::new(list))
}

#[test]
fn messages_are_filled_to_the_negotiated_size() {
    let attributes = 4 + 9 + 7 + 7;
    for extended in [false, true] {
        for family in [V4, V6, V4_MULTICAST] {
            let mut session = session(&[family]);
            session.sender.codec.extended_message = extended;
            let (mut rib, mut view) = up(&session);
            (0..20_000).for_each(|number| {
                rib.apply(&announce(route(family, number), 1, &[0]));
            });
            drain(&mut rib, 0, &mut view);
            assert_eq!(view.routes.len(), 20_000);
            let limit = if extended { 65_535 } else { 4_096 };
            // All but the last are full: another prefix of four bytes would not fit.
            let (_, full) = view.sizes.split_last().expect("messages");
            let short = full.iter().filter(|size| **size + 4 <= limit).count();
            // A step ends now and then.
            assert!(short <= 2, "{family}: {:?}", view.sizes);
            let least = 20_000 / ((limit - 23 - attributes) / 4);
            assert!(
                view.sizes.len() <= least + 3,
                "{} messages",
                view.sizes.len()
            );
            // Withdrawals as well, without attributes.
            (0..3_000).for_each(|number| {
                rib.apply(&withdraw(route(family, number), &[0]));
            });
            view.sizes.clear();
            drain(&mut rib, 0, &mut view);
            assert_eq!(
                (view.routes.len(), view.sizes.len()),
                (17_000, if extended { 1 } else { 3 })
            );
        }
    }
}

#[test]
fn equal_attributes_share_messages_in_every_family() {
    let (mut rib, mut view) = up(&session(&[V4, V6, V4_MULTICAST]));
    for number in 0..100 {
        for family in [V4, V6, V4_MULTICAST] {
            rib.apply(&announce(
                route(family, number),
                u32::from(number) % 2,
                &[0],
            ));
        }
    }
    drain(&mut rib, 0, &mut view);
    assert_eq!(view.counts, [50; 6]);
    assert_eq!(
        view.take_log()[0],
        "announce 0 0",
        "in the order of first use"
    );
}

#[test]
fn without_group_updates_each_route_has_its_message() {
    let mut session = session(&[V4, V6]);
    session.sender.group_updates = false;
    let (mut rib, mut view) = up(&session);
    // The first batch of a session has no withdrawals.
    rib.apply(&announce(route(V4, 99), 1, &[0]));
    drain(&mut rib, 0, &mut view);
    for family in [V4, V6] {
        (0..10).for_each(|number| {
            rib.apply(&announce(route(family, number), 1, &[0]));
        });
        (10..15).for_each(|number| {
            rib.apply(&withdraw(route(family, number), &[0]));
        });
    }
    drain(&mut rib, 0, &mut view);
    assert_eq!(view.counts, [1; 31]);
}

#[test]
fn nlri_of_unknown_families_are_never_run_together() {
    let family = Family::new(99, 99);
    let (mut rib, mut view) = up(&session(&[family]));
    (0..10).for_each(|number| {
        rib.apply(&announce(route(family, number), 1, &[0]));
    });
    drain(&mut rib, 0, &mut view);
    assert_eq!((view.counts.clone(), view.routes.len()), (vec![1; 10], 10));
}

#[test]
fn what_does_not_fit_is_reported_and_withdrawn_and_the_rest_goes_on() {
    let (mut rib, mut view) = up(&session(&[V4]));
    let change = |number, attributes| Change {
        nlri: route(V4, number),
        action: Action::Announce(attributes),
        peers: peers(&[0]),
    };
    // Header, lengths, and attributes besides the blob.
    let fixed = 23 + 4 + 9 + 7 + 7;
    let fits = 4_096 - fixed - 4 - 4;
    rib.apply(&announce(route(V4, 2), 1, &[0]));
    drain(&mut rib, 0, &mut view);
    rib.apply(&change(1, with_blob(1, fits)));
    rib.apply(&change(2, with_blob(2, fits + 1)));
    rib.apply(&announce(route(V4, 3), 3, &[0]));
    drain(&mut rib, 0, &mut view);
    assert_eq!(
        view.take_log(),
        ["announce 2 1", "announce 1 1", "announce 3 3", "withdraw 2"]
    );
    assert!(view.sizes.contains(&4_096));
    let mut reported = Vec::new();
    rib.take_unsendable(&mut |unsendable| reported.push(unsendable));
    let refusal = Refusal::TooLong {
        size: 4_097,
        limit: 4_096,
    };
    assert_eq!(
        reported,
        [Unsendable {
            nlri: route(V4, 2),
            peers: peers(&[0]),
            refusal
        }]
    );
    // A larger limit accepts it.
    let mut long = session(&[V4]);
    long.sender.codec.extended_message = true;
    rib.up(PeerId(0), long.clone());
    let mut view = View::new(&long);
    drain(&mut rib, 0, &mut view);
    assert_eq!(view.routes.len(), 3);
}

#[test]
fn what_a_lagging_peer_never_had_is_not_withdrawn_when_it_can_not_be_sent() {
    let mut rib = AdjRibOut::with_limits(Limits {
        lag: 1_000,
        ..Limits::default()
    });
    let mut views = [0, 1].map(|peer| {
        rib.add_peer(PeerId(peer), options(&[V4]));
        rib.up(PeerId(peer), session(&[V4]));
        let mut view = View::new(&session(&[V4]));
        drain(&mut rib, peer, &mut view);
        view
    });
    // A message each; the second peer reads none of them.
    for number in 0..100 {
        rib.apply(&announce(route(V4, number), number.into(), &[0, 1]));
        drain(&mut rib, 0, &mut views[0]);
    }
    assert!(rib.counters().lagged > 0);
    for number in [99, 100] {
        rib.apply(&Change {
            nlri: route(V4, number),
            action: Action::Announce(with_blob(1, 4_096)),
            peers: peers(&[0, 1]),
        });
    }
    for (peer, view) in (0..).zip(&mut views) {
        drain(&mut rib, peer, view);
        let mut log = view.take_log();
        log.retain(|line| line.starts_with("withdraw"));
        assert_eq!(log, ["withdraw 99"], "{peer}");
    }
}

#[test]
fn what_a_session_cannot_send_is_reported() {
    let (mut rib, mut view) = up(&session(&[V6]));
    let own = Rc::new(AttributeSet::new(vec![Attribute::NextHop(
        NextHopAttribute::new(NextHop::SelfAddress),
    )]));
    rib.apply(&Change {
        nlri: route(V6, 1),
        action: Action::Announce(own),
        peers: peers(&[0]),
    });
    drain(&mut rib, 0, &mut view);
    let mut reported = 0;
    rib.take_unsendable(&mut |unsendable| {
        assert!(
            matches!(unsendable.refusal, Refusal::Encode(_)),
            "{unsendable:?}"
        );
        reported += 1;
    });
    assert_eq!((reported, view.take_log()), (1, Vec::new()));
}

#[test]
fn an_opaque_route_of_any_length_is_sent_or_reported() {
    let family = Family::new(25, 199);
    let (mut rib, mut view) = up(&session(&[family]));
    let nlri = |length: usize| Nlri::new(family, None, &vec![9; length]);
    for length in [1, 21, 22, 23, 255, 256, 4_000, 5_000, 70_000] {
        rib.apply(&announce(nlri(length), 1, &[0]));
    }
    drain(&mut rib, 0, &mut view);
    assert_eq!(
        view.routes
            .keys()
            .map(|key| key.2.len())
            .collect::<Vec<_>>(),
        [1, 21, 22, 23, 255, 256, 4_000]
    );
    let mut reported = Vec::new();
    rib.take_unsendable(&mut |unsendable| reported.push(unsendable.nlri.bytes.len()));
    assert_eq!(reported, [5_000, 70_000]);
    assert_eq!(rib.counters().routes, 9);
}

#[test]
fn next_hops_are_resolved_for_each_session() {
    let own = Rc::new(AttributeSet::new(vec![
        Attribute::NextHop(NextHopAttribute::new(NextHop::SelfAddress)),
        Attribute::Med(Med(1)),
    ]));
    let mut rib = AdjRibOut::new();
    let mut hops = Vec::new();
    for (peer, address) in [(0, "10.0.0.8"), (1, "10.0.0.9")] {
        rib.add_peer(PeerId(peer), options(&[V4]));
        let mut session = session(&[V4]);
        session.sender.local_address = address.parse().expect("an address");
        session.manual_eor = true;
        rib.up(PeerId(peer), session);
    }
    rib.apply(&Change {
        nlri: route(V4, 1),
        action: Action::Announce(own),
        peers: peers(&[0, 1]),
    });
    for peer in 0..2 {
        let mut bytes = Vec::new();
        while rib.has_work(PeerId(peer)) {
            rib.fill(PeerId(peer), ALL, &mut |part| {
                bytes.extend_from_slice(&part)
            });
        }
        let at = bytes
            .windows(3)
            .position(|window| window == [0x40, 3, 4])
            .expect("a NEXT_HOP");
        hops.push(bytes[at + 6]);
    }
    assert_eq!((hops, rib.counters().groups), (vec![8, 9], 2));
}

#[test]
fn a_budget_of_messages_holds_one_at_a_time() {
    let mut session = session(&[V4]);
    session.sender.group_updates = false;
    let (mut rib, mut view) = up(&session);
    (0..10).for_each(|number| {
        rib.apply(&announce(route(V4, number), 1, &[0]));
    });
    for sent in 1..=10 {
        let filled = rib.fill(
            PeerId(0),
            Budget {
                bytes: 1 << 20,
                messages: 1,
            },
            &mut |bytes| view.receive(&bytes),
        );
        assert_eq!((filled.messages, view.sizes.len()), (1, sent));
    }
    assert_eq!(
        rib.fill(
            PeerId(0),
            Budget {
                bytes: 1 << 20,
                messages: 0
            },
            &mut |_| {}
        )
        .messages,
        0
    );
    assert!(!rib.has_work(PeerId(0)));
}

#[test]
fn what_no_peer_can_be_sent_is_known_beforehand() {
    let change = |bytes, to: &[u32]| Change {
        nlri: route(V4, 1),
        action: Action::Announce(with_blob(1, bytes)),
        peers: peers(to),
    };
    let (mut rib, mut view) = up(&session(&[V4]));
    rib.add_peer(PeerId(1), options(&[V4]));
    let fits = 4_096 - (23 + 4 + 9 + 7 + 7) - 4 - 4;
    for (bytes, to, good) in [
        (10, &[0][..], true),
        (fits, &[0], true),
        (fits + 1, &[0], false),
        // A peer that is down may allow larger messages when it comes up.
        (fits + 1, &[0, 1], true),
        (65_500, &[0, 1], false),
        (65_500, &[7], true),
    ] {
        for _ in 0..2 {
            assert_eq!(
                rib.check(&change(bytes, to)).is_ok(),
                good,
                "{bytes} {to:?}"
            );
        }
    }
    // The prediction is correct.
    rib.apply(&change(fits, &[0]));
    drain(&mut rib, 0, &mut view);
    assert_eq!(view.sizes, [4_096]);
}

#[test]
fn attributes_ride_along_with_withdrawals_outside_of_unicast_only() {
    let labelled = Family::new(1, 4);
    for (family, bytes, rides) in [
        (V6, &[24, 10, 0, 1][..], false),
        (V4_MULTICAST, &[24, 10, 0, 1], false),
        (labelled, &[48, 0x80, 0, 0, 10, 0, 1], true),
    ] {
        let (mut rib, mut view) = up(&session(&[family]));
        // The first batch of a session has no withdrawals.
        rib.apply(&Change {
            nlri: Nlri::new(family, None, bytes),
            action: Action::Announce(attributes(family, 5)),
            peers: peers(&[0]),
        });
        drain(&mut rib, 0, &mut view);
        rib.apply(&Change {
            nlri: Nlri::new(family, None, bytes),
            action: Action::Withdraw(Some(attributes(family, 5))),
            peers: peers(&[0]),
        });
        let mut sent = Vec::new();
        rib.fill(PeerId(0), ALL, &mut |part| sent.extend_from_slice(&part));
        let unreach = [
            &[0x80, 15, 3 + u8::try_from(bytes.len()).expect("short")][..],
            &family.afi.0.to_be_bytes(),
            &[family.safi.0],
            bytes,
        ]
        .concat();
        assert!(sent.ends_with(&unreach), "{family}: {sent:02X?}");
        let before = &sent[23..sent.len() - unreach.len()];
        assert_eq!(!before.is_empty(), rides, "{family}: {before:02X?}");
        let med = [0x80, 4, 4, 0, 0, 0, 5];
        assert_eq!(before.windows(7).any(|part| part == med), rides);
    }
}

#[test]
fn a_message_never_has_two_attributes_with_routes() {
    let raw = |code| {
        let mut list = attributes(V6, 1).list().to_vec();
        list.push(Attribute::Generic(Box::new(Generic {
            code,
            flags: 0x80,
            value: vec![0, 1, 1, 4, 192, 0, 2, 1, 0, 24, 203, 0, 113].into(),
        })));
        Rc::new(AttributeSet::new(list))
    };
    // RFC 7606 3(g): the peer would reset the session.
    let (mut rib, mut view) = up(&session(&[V6]));
    rib.apply(&Change {
        nlri: route(V6, 1),
        action: Action::Announce(raw(14)),
        peers: peers(&[0]),
    });
    drain(&mut rib, 0, &mut view);
    assert!(view.sizes.is_empty());
    let mut reported = String::new();
    rib.take_unsendable(&mut |unsendable| reported = unsendable.refusal.to_string());
    assert!(reported.contains("MP_REACH_NLRI"), "{reported}");
    // A withdrawal announces nothing.
    let labelled = Family::new(1, 4);
    let nlri = Nlri::new(labelled, None, &[48, 0x80, 0, 0, 10, 0, 1]);
    for code in [14, 15] {
        let (mut rib, mut view) = up(&session(&[labelled]));
        rib.apply(&Change {
            nlri: nlri.clone(),
            action: Action::Announce(attributes(labelled, 5)),
            peers: peers(&[0]),
        });
        drain(&mut rib, 0, &mut view);
        rib.apply(&Change {
            nlri: nlri.clone(),
            action: Action::Withdraw(Some(raw(code))),
            peers: peers(&[0]),
        });
        let mut sent = Vec::new();
        rib.fill(PeerId(0), ALL, &mut |part| sent.extend_from_slice(&part));
        let has = |bytes: &[u8]| sent.windows(bytes.len()).any(|part| part == bytes);
        assert!(has(&[48, 0x80, 0, 0, 10, 0, 1]), "{sent:02X?}");
        assert!(!has(&[24, 203, 0, 113]), "{sent:02X?}");
    }
}

#[test]
fn withdrawals_of_a_stack_that_starts_with_explicit_null_end_their_labels() {
    let address = "10.0.1.0".parse().expect("an address");
    let rd = RouteDistinguisher::parse("65000:1");
    for (family, rd) in [(Family::IPV4_NLRI_MPLS, None), (Family::new(1, 128), rd)] {
        let nlri = |labels: &[u32]| {
            let bytes = labeled::bytes(labels, rd, address, 24).expect("fits");
            Nlri::new(family, None, &bytes)
        };
        let marker = nlri(&[]);
        let kept = [nlri(&[0]), nlri(&[100]), nlri(&[100, 0]), nlri(&[3, 200])];
        let ambiguous = [nlri(&[0, 200]), nlri(&[0, 0]), nlri(&[0, 0, 200])];
        let kept = kept.iter().map(|nlri| (nlri, nlri));
        for (nlri, wanted) in kept.chain(ambiguous.iter().map(|nlri| (nlri, &marker))) {
            let action = Action::Announce(attributes(family, 5));
            let change = |action| Change {
                nlri: nlri.clone(),
                action,
                peers: peers(&[0]),
            };
            for clears in [false, true] {
                let (mut rib, _) = up(&session(&[family]));
                let mut sent = Vec::new();
                rib.apply(&change(action.clone()));
                rib.fill(PeerId(0), ALL, &mut |_| {});
                if clears {
                    rib.clear(&peers(&[0]));
                } else {
                    rib.apply(&change(Action::Withdraw(None)));
                }
                rib.fill(PeerId(0), ALL, &mut |bytes| sent.extend_from_slice(&bytes));
                let update = Update::new(&sent[19..]).expect("an UPDATE");
                let codec = session(&[family]).sender.codec;
                let content = update.content(&codec, &mut DecodeEach).expect("an UPDATE");
                let read: Vec<NlriRef<'_>> = content
                    .withdrawn()
                    .flat_map(|field| field.routes.flatten())
                    .collect();
                assert!(read.len() == 1 && nlri.same_route(read[0]), "{read:?}");
                assert_eq!(read[0].bytes, &wanted.bytes[..]);
            }
        }
    }
}

#[test]
fn chunks_are_counted_wherever_a_budget_cuts_them() {
    // Each message is counted once, whether it is an UPDATE or one that encloses a refresh.
    let count = |bytes: &[u8], kind: u8| {
        let (mut at, mut found) = (0, 0);
        while at < bytes.len() {
            found += usize::from(kind == 0 || bytes[at + 18] == kind);
            at += usize::from(u16::from_be_bytes([bytes[at + 16], bytes[at + 17]]));
        }
        found
    };
    for bytes in [1, 60, 200, 5_000, 1 << 20] {
        let mut session = session(&[V4]);
        session.refresh = Refresh::Enhanced;
        let (mut rib, _) = up(&session);
        (0..3_000).for_each(|number| {
            rib.apply(&announce(route(V4, number), (number / 2).into(), &[0]));
        });
        rib.refresh(PeerId(0), V4);
        let (mut updates, mut marks) = (0, 0);
        while rib.has_work(PeerId(0)) {
            let budget = Budget {
                bytes,
                messages: usize::MAX,
            };
            let (mut messages, before) = (0, marks);
            let filled = rib.fill_chunks(PeerId(0), budget, &mut |chunk| {
                assert_eq!(chunk.messages, count(&chunk.bytes, 0));
                assert_eq!(chunk.updates, count(&chunk.bytes, 2));
                messages += chunk.messages;
                updates += chunk.updates;
                marks += count(&chunk.bytes, 5);
            });
            assert_eq!(filled.messages, messages);
            assert!(marks - before <= messages);
        }
        assert_eq!(marks, 2, "BoRR and EoRR");
        assert!(updates >= 1_500, "{updates}");
    }
}

#[test]
fn a_message_with_a_short_mp_reach_is_filled_to_the_last_byte() {
    let (mut rib, mut view) = up(&session(&[V6]));
    for (number, blob) in (0..).zip(3_980..4_040) {
        let mut list = attributes(V6, 1).list().to_vec();
        list.push(Attribute::Generic(Box::new(Generic {
            code: 11,
            flags: 0xC0,
            value: vec![7; blob].into(),
        })));
        rib.apply(&Change {
            nlri: route(V6, number),
            action: Action::Announce(Rc::new(AttributeSet::new(list))),
            peers: peers(&[0]),
        });
    }
    drain(&mut rib, 0, &mut view);
    assert_eq!(view.sizes.iter().max(), Some(&4_096));
    let mut sizes = Vec::new();
    rib.take_unsendable(&mut |unsendable| {
        if let Refusal::TooLong { size, .. } = unsendable.refusal {
            sizes.push(size);
        }
    });
    assert_eq!(sizes.iter().min(), Some(&4_097));
}
