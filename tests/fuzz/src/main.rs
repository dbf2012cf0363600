//! The fuzzer: libFuzzer around one of the targets, which the environment variable `FUZZ_TARGET` names.
//!
//! Besides the oracles of the target, it checks that a run allocates and computes no more than in proportion to its input.

#![no_main]

mod meter;

// The targets use code of the integration tests, most of which they leave alone.
#[allow(dead_code)]
#[path = "../../it/targets/mod.rs"]
mod targets;

#[allow(dead_code)]
mod api;
#[allow(dead_code)]
mod bgp;
#[allow(dead_code)]
mod fsm;
#[allow(dead_code)]
mod support;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

use targets::Target;

fn target() -> &'static Target {
    static CHOSEN: OnceLock<&Target> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        let found = targets::ALL.iter().find(|target| target.name == name);
        found.unwrap_or_else(|| {
            let names: Vec<&str> = targets::ALL.iter().map(|target| target.name).collect();
            panic!("FUZZ_TARGET must be one of {}", names.join(", "))
        })
    })
}

fuzz_target!(
    init: {
        // What is allocated once does not count as the cost of an input.
        (target().check)(&[]);
    },
    |data: &[u8]| {
        let target = target();
        meter::measured(target, data);
    }
);
