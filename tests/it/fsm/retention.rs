//! Graceful restart on the receiving side: what becomes of the routes of a peer that is gone.

use std::time::{Duration, Instant};

use oxabgp::bgp::attribute::community::{Communities, Community};
use oxabgp::bgp::attribute::med::Med;
use oxabgp::bgp::capability::{Capability, GracefulRestart, Offer};
use oxabgp::bgp::message::notification::Notification;
use oxabgp::bgp::message::open::Open;
use oxabgp::bgp::negotiated::Terms;
use oxabgp::bgp::{Asn, Attribute, AttributeSet, Family, Negotiated};
use oxabgp::fsm::CloseReason;
use oxabgp::fsm::retention::{Fate, Retention, long_lived};

const V4: Family = Family::IPV4_UNICAST;
const V6: Family = Family::IPV6_UNICAST;
const LOST: CloseReason = CloseReason::ConnectionLost;

/// What a peer offers about its restarts.
#[derive(Clone, Copy, Debug)]
struct RestartOffer {
    /// Restart time in seconds, if it offers graceful restart.
    time: Option<u16>,
    /// Long-lived time in seconds, if it offers that.
    long: Option<u32>,
    /// Whether the N bit is set.
    notification: bool,
    /// Whether the F bits of IPv4 and of IPv6 unicast are set.
    forwarding: [bool; 2],
    /// Whether it lists IPv6 unicast, which is negotiated in any case.
    six: bool,
}

const GRACEFUL: RestartOffer = RestartOffer {
    time: Some(120),
    long: None,
    notification: false,
    forwarding: [true; 2],
    six: true,
};

const LONG_LIVED: RestartOffer = RestartOffer {
    long: Some(3600),
    ..GRACEFUL
};

fn session(offered: RestartOffer) -> Negotiated {
    let open = |asn: u16, offered: RestartOffer| {
        let f_bit = |family| u8::from(offered.forwarding[usize::from(family == V6)]) << 7;
        let mut capabilities = Offer {
            families: vec![V4, V6],
            asn4: Some(Asn(asn.into())),
            graceful_restart: offered.time,
            long_lived: offered.long,
            ..Offer::default()
        }
        .capabilities();
        for capability in &mut capabilities {
            match capability {
                Capability::GracefulRestart(restart) => {
                    if offered.notification {
                        restart.flags |= GracefulRestart::NOTIFICATION;
                    }
                    restart.families.truncate(if offered.six { 2 } else { 1 });
                    for (family, flags) in &mut restart.families {
                        *flags = f_bit(*family);
                    }
                }
                Capability::LongLivedGracefulRestart(families) => {
                    for one in &mut families.0 {
                        one.flags = f_bit(one.family);
                    }
                }
                _ => {}
            }
        }
        Open {
            version: 4,
            asn,
            hold_time: 90,
            router_id: [10, 0, 0, u8::from(asn == 65001)].into(),
            capabilities,
        }
    };
    let ours = RestartOffer {
        notification: true,
        ..LONG_LIVED
    };
    Negotiated::new(open(65000, ours), open(65001, offered), Terms::default()).expect("agreement")
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn without_graceful_restart_everything_is_dropped() {
    let mut kept = Retention::new();
    let plain = session(RestartOffer {
        time: None,
        ..GRACEFUL
    });
    let fates = kept.lost(Instant::now(), &plain, &LOST);
    assert_eq!(fates, [Fate::Drop(V4), Fate::Drop(V6)]);
    assert!(kept.is_empty() && kept.timeout().is_none());
}

#[test]
fn routes_wait_for_the_restart_time() {
    let (mut kept, now) = (Retention::new(), Instant::now());
    let fates = kept.lost(now, &session(GRACEFUL), &LOST);
    assert_eq!(fates, [Fate::Keep(V4), Fate::Keep(V6)]);
    assert_eq!(kept.timeout(), Some(now + seconds(120)));
    assert_eq!(kept.expire(now + seconds(119)), []);
    let fates = kept.expire(now + seconds(120));
    assert_eq!(fates, [Fate::DropStale(V4), Fate::DropStale(V6)]);
    assert!(kept.is_empty());
}

#[test]
fn a_family_that_the_peer_did_not_list_is_dropped_at_once() {
    let mut kept = Retention::new();
    let one = session(RestartOffer {
        six: false,
        ..GRACEFUL
    });
    let fates = kept.lost(Instant::now(), &one, &LOST);
    assert_eq!(fates, [Fate::Keep(V4), Fate::Drop(V6)]);
}

#[test]
fn a_peer_that_is_back_confirms_its_routes() {
    let (mut kept, now) = (Retention::new(), Instant::now());
    kept.lost(now, &session(GRACEFUL), &LOST);
    assert_eq!(kept.up(now + seconds(10), &session(GRACEFUL)), []);
    assert_eq!(kept.end_of_rib(V4), Some(Fate::DropStale(V4)));
    assert_eq!(kept.end_of_rib(V4), None);
    // It may not take for ever over the rest.
    assert_eq!(kept.timeout(), Some(now + seconds(370)));
    assert_eq!(kept.expire(now + seconds(370)), [Fate::DropStale(V6)]);
}

#[test]
fn a_peer_that_has_lost_its_forwarding_state_loses_its_routes() {
    for back in [
        RestartOffer {
            forwarding: [false; 2],
            ..GRACEFUL
        },
        RestartOffer {
            time: None,
            ..GRACEFUL
        },
    ] {
        let (mut kept, now) = (Retention::new(), Instant::now());
        kept.lost(now, &session(GRACEFUL), &LOST);
        let fates = kept.up(now, &session(back));
        assert_eq!(fates, [Fate::DropStale(V4), Fate::DropStale(V6)]);
        assert!(kept.is_empty());
    }
}

#[test]
fn the_forwarding_state_of_each_family_counts_for_itself() {
    for offered in [GRACEFUL, LONG_LIVED] {
        for (forwarding, lost) in [([true, false], V6), ([false, true], V4)] {
            let (mut kept, now) = (Retention::new(), Instant::now());
            kept.lost(now, &session(offered), &LOST);
            // After the restart time the flags of the long-lived capability count.
            kept.expire(now + seconds(if offered.long.is_some() { 120 } else { 0 }));
            let back = RestartOffer {
                forwarding,
                ..offered
            };
            let fates = kept.up(now, &session(back));
            assert_eq!(fates, [Fate::DropStale(lost)], "{offered:?}");
            assert!(!kept.is_empty());
        }
    }
}

#[test]
fn a_second_restart_drops_what_was_not_confirmed() {
    let (mut kept, now) = (Retention::new(), Instant::now());
    kept.lost(now, &session(GRACEFUL), &LOST);
    kept.up(now, &session(GRACEFUL));
    kept.end_of_rib(V4);
    assert_eq!(
        kept.lost(now, &session(GRACEFUL), &LOST),
        [Fate::Keep(V4), Fate::DropStale(V6), Fate::Keep(V6)]
    );
}

#[test]
fn a_notification_ends_it_unless_both_set_the_n_bit_and_it_is_not_hard() {
    let cease = Notification::cease(4);
    let hard = cease.clone().into_hard_reset();
    for (notification, sent, kept_them) in [
        (false, cease.clone(), false),
        (true, cease, true),
        (true, hard, false),
        (true, Notification::new(4, 0, Vec::new()), true),
    ] {
        let offered = RestartOffer {
            notification,
            ..GRACEFUL
        };
        for reason in [
            CloseReason::NotificationReceived(sent.clone()),
            CloseReason::NotificationSent(sent.clone()),
        ] {
            let mut kept = Retention::new();
            kept.lost(Instant::now(), &session(offered), &reason);
            assert_eq!(!kept.is_empty(), kept_them, "{reason:?}");
        }
    }
    let mut kept = Retention::new();
    kept.lost(Instant::now(), &session(GRACEFUL), &CloseReason::Removed);
    assert!(kept.is_empty());
}

#[test]
fn routes_live_long_when_both_offer_it() {
    let (mut kept, now) = (Retention::new(), Instant::now());
    kept.lost(now, &session(LONG_LIVED), &LOST);
    let fates = kept.expire(now + seconds(120));
    assert_eq!(fates, [Fate::LongLived(V4), Fate::LongLived(V6)]);
    // A session in between that is lost before it has reported everything does not prolong the time.
    let back = now + seconds(1000);
    assert_eq!(kept.up(back, &session(LONG_LIVED)), []);
    assert_eq!(kept.end_of_rib(V4), Some(Fate::DropStale(V4)));
    let fates = kept.lost(back, &session(LONG_LIVED), &LOST);
    assert_eq!(fates, [Fate::Keep(V4), Fate::Keep(V6), Fate::LongLived(V6)]);
    assert_eq!(
        kept.expire(now + seconds(3720)),
        [Fate::DropStale(V6), Fate::LongLived(V4)]
    );
    // Without a restart time the long one begins at once.
    let offered = RestartOffer {
        time: Some(0),
        ..LONG_LIVED
    };
    let mut kept = Retention::new();
    assert_eq!(
        kept.lost(now, &session(offered), &LOST),
        [
            Fate::Keep(V4),
            Fate::Keep(V6),
            Fate::LongLived(V4),
            Fate::LongLived(V6)
        ]
    );
    // RFC 9494: not in the new capability, not kept.
    let fates = kept.up(now, &session(GRACEFUL));
    assert_eq!(fates, [Fate::DropStale(V4), Fate::DropStale(V6)]);
}

#[test]
fn a_long_lived_route_says_so_unless_it_forbids_that() {
    let set = |communities: &[Community]| {
        let communities = Communities::new(communities.to_vec());
        let list = vec![Attribute::Med(Med(7)), Attribute::Communities(communities)];
        AttributeSet::new(list)
    };
    let own = Community(65001 << 16 | 1);
    let stale = long_lived(&set(&[own])).expect("a route that stays");
    assert_eq!(stale.med(), Some(7));
    let mut wanted = vec![own, Community::LLGR_STALE];
    wanted.sort();
    let mut found = stale.communities().to_vec();
    found.sort();
    assert_eq!(found, wanted);
    // A second time changes nothing, and a route without communities gets the one.
    assert_eq!(long_lived(&stale).as_ref(), Some(&stale));
    let plain = long_lived(&AttributeSet::new(vec![Attribute::Med(Med(7))]));
    let plain = plain.expect("a route that stays");
    assert_eq!(plain.communities(), [Community::LLGR_STALE]);
    assert_eq!(long_lived(&set(&[own, Community::NO_LLGR])), None);
}

#[test]
fn another_process_continues_in_every_stage() {
    let (now, clocks) = (Instant::now(), seconds(10_000));
    let lost = |kept: &mut Retention| drop(kept.lost(now, &session(LONG_LIVED), &LOST));
    let long_lived = |kept: &mut Retention| {
        lost(kept);
        kept.expire(now + seconds(120));
    };
    let back = |kept: &mut Retention| {
        long_lived(kept);
        kept.up(now + seconds(130), &session(LONG_LIVED));
    };
    let refreshing = |kept: &mut Retention| {
        let fate = kept.refresh_begins(now, V4);
        assert_eq!(fate, Some(Fate::Keep(V4)));
    };
    let stages: [&dyn Fn(&mut Retention); 4] = [&lost, &long_lived, &back, &refreshing];
    for (stage, enter) in stages.into_iter().enumerate() {
        let (mut first, mut second) = (Retention::new(), Retention::new());
        enter(&mut first);
        let at = now + seconds(140);
        let left = first.export(at);
        assert!(!left.is_empty());
        // Its clock is another one.
        second.import(at + clocks, &left);
        assert_eq!(second.export(at + clocks), left, "{stage}");
        while let Some(due) = first.timeout() {
            // What was due before the change of processes is due at once.
            let due = due.max(at);
            assert_eq!(second.timeout(), Some(due + clocks), "{stage}");
            assert_eq!(second.expire(due + clocks), first.expire(due), "{stage}");
        }
        assert!(first.is_empty() && second.is_empty());
    }
}

#[test]
fn what_is_not_announced_again_between_the_marks_of_a_refresh_is_dropped() {
    let (mut kept, now) = (Retention::new(), Instant::now());
    assert_eq!(kept.refresh_ends(V4), None);
    assert_eq!(kept.refresh_begins(now, V4), Some(Fate::Keep(V4)));
    assert_eq!(kept.end_of_rib(V4), None);
    assert_eq!(kept.refresh_ends(V6), None);
    assert_eq!(kept.refresh_ends(V4), Some(Fate::DropStale(V4)));
    assert!(kept.is_empty());
    // It begins again, or never ends.
    assert_eq!(kept.refresh_begins(now, V4), Some(Fate::Keep(V4)));
    let later = now + seconds(100);
    assert_eq!(kept.refresh_begins(later, V4), Some(Fate::Keep(V4)));
    assert_eq!(kept.expire(now + seconds(459)), []);
    assert_eq!(kept.expire(later + seconds(360)), [Fate::DropStale(V4)]);
}

#[test]
fn a_refresh_and_a_restart_do_not_shorten_each_other() {
    let (mut kept, now) = (Retention::new(), Instant::now());
    kept.refresh_begins(now, V4);
    // Nothing of the session that is lost is older than the rest.
    assert_eq!(
        kept.lost(now, &session(GRACEFUL), &LOST),
        [Fate::Keep(V4), Fate::Keep(V6)]
    );
    kept.up(now, &session(GRACEFUL));
    assert_eq!(kept.refresh_begins(now, V4), None);
    assert_eq!(kept.refresh_ends(V4), None);
    assert_eq!(kept.end_of_rib(V4), Some(Fate::DropStale(V4)));
    assert_eq!(kept.refresh_begins(now, V4), Some(Fate::Keep(V4)));
}

#[test]
fn stale_routes_may_stay_for_ever() {
    let (mut kept, now) = (Retention::new(), Instant::now());
    kept.set_stale_path_time(Duration::MAX);
    assert_eq!(kept.refresh_begins(now, V4), Some(Fate::Keep(V4)));
    assert_eq!(kept.expire(now + seconds(10 * 365 * 86_400)), []);
    assert_eq!(kept.refresh_ends(V4), Some(Fate::DropStale(V4)));
}

#[test]
fn a_refresh_begins_after_the_first_end_of_rib_of_a_peer_with_graceful_restart() {
    let (mut kept, now) = (Retention::new(), Instant::now());
    kept.up(now, &session(GRACEFUL));
    assert_eq!(kept.refresh_begins(now, V4), None);
    assert_eq!(kept.refresh_ends(V4), None);
    assert_eq!(kept.end_of_rib(V4), None);
    assert_eq!(kept.refresh_begins(now, V6), None);
    assert_eq!(kept.refresh_begins(now, V4), Some(Fate::Keep(V4)));
    assert_eq!(kept.refresh_ends(V4), Some(Fate::DropStale(V4)));
    // The next session has its own; a peer without graceful restart need not send one.
    kept.up(now, &session(GRACEFUL));
    assert_eq!(kept.refresh_begins(now, V4), None);
    let plain = RestartOffer {
        time: None,
        ..GRACEFUL
    };
    kept.up(now, &session(plain));
    assert_eq!(kept.refresh_begins(now, V4), Some(Fate::Keep(V4)));
}
