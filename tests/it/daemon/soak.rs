//! A thousand reloads under traffic, against a model.
//!
//! A seeded generator repeatedly changes the configuration: routes, attributes, neighbors, helpers, the syntax of all
//! these, and errors. Meanwhile a helper announces and withdraws, and the peers announce to the helper. The model
//! (plain maps) knows what each peer must hold: no session may be reset except the one whose settings change, and no
//! route may be lost, sent twice or sent in another order, in either direction.

mod model;
mod peer;
mod plan;
mod stage;

use model::{Prefix, Version};
use plan::Reload;
use stage::{FLAPPER, STEADY, Stage, VISITOR};

/// Number of reloads, as stated in the README.
const RELOADS: u32 = 1_000;

#[test]
fn a_thousand_reloads_under_traffic_lose_and_repeat_nothing() {
    let mut stage = Stage::new(0x0A_B6);
    for round in 1..=RELOADS {
        let reload = match round {
            round if round % 40 == 7 => Reload::Reset,
            round if round % 25 == 0 => Reload::Visit,
            round if round % 25 == 1 && round > 1 => Reload::Leave,
            _ => Reload::Plain,
        };
        if reload != Reload::Plain {
            stage.settle();
        }
        let before = stage.plan.clone();
        let mut next = stage.change(reload);
        let breaks = reload == Reload::Plain && stage.dice.one_in(8);
        if breaks {
            next = before;
            stage.write_broken();
        } else {
            stage.write(&next);
        }
        stage.traffic();
        let asked = stage.ask_for_reload(if breaks { "error" } else { "done" });
        stage.traffic();
        stage.reloaded(asked);
        if !breaks {
            stage.adopt(next);
        }
        match reload {
            Reload::Reset => stage.reset(FLAPPER),
            Reload::Visit => stage.visit(VISITOR),
            Reload::Leave => stage.left(VISITOR),
            Reload::Plain => {}
        }
        if round % 4 == 0 {
            stage.dispute();
        }
        if round % 20 == 0 {
            stage.settle();
        }
        if round % 100 == 0 {
            stage.ask_again();
            stage.compare_tables();
        }
    }
    stage.settle();
    for name in STEADY {
        assert!(stage.is_unbroken(name), "{name} had one session");
    }
}

#[test]
fn a_reload_brings_back_what_was_cleared_and_leaves_to_helpers_what_is_theirs() {
    let mut stage = Stage::new(1);
    let [kept, cleared, taken] = [1, 2, 3].map(|last| Prefix::v4(12, 1, last));
    let mut plan = stage.plan.clone();
    let routes = &mut plan.neighbor(STEADY[0]).routes;
    routes.extend([
        (kept, Version(1)),
        (cleared, Version(2)),
        (taken, Version(3)),
    ]);
    stage.write(&plan);
    let asked = stage.ask_for_reload("done");
    stage.reloaded(asked);
    stage.adopt(plan.clone());
    stage.settle();
    // The helper withdraws one, and announces another in its own way.
    stage.put(&[STEADY[0]], cleared, None);
    stage.put(&[STEADY[0]], taken, Some(Version(9)));
    stage.settle();
    stage.write(&plan);
    let asked = stage.ask_for_reload("done");
    stage.reloaded(asked);
    stage.model.put(STEADY[0], cleared, Some(Version(2)));
    stage.settle();
    // The file no longer contains all three: those of the helper stay.
    plan.neighbor(STEADY[0]).routes.clear();
    stage.write(&plan);
    let asked = stage.ask_for_reload("done");
    stage.reloaded(asked);
    stage.adopt(plan);
    stage.settle();
    assert_eq!(stage.model.now(STEADY[0], taken), Some(Version(9)));
    stage.compare_tables();
}

#[test]
fn a_neighbour_that_comes_back_while_its_session_ends_is_a_new_one() {
    let mut stage = Stage::new(2);
    let without = stage.plan.clone();
    let with = stage.change(Reload::Visit);
    stage.write(&with);
    let asked = stage.ask_for_reload("done");
    stage.reloaded(asked);
    stage.adopt(with.clone());
    stage.visit(VISITOR);
    // Both reloads are done before the peer has seen the end of its session.
    for plan in [without, with] {
        stage.write(&plan);
        let asked = stage.ask_for_reload("done");
        stage.reloaded(asked);
        stage.adopt(plan);
    }
    stage.left(VISITOR);
    stage.visit(VISITOR);
    stage.settle();
    stage.compare_tables();
}
