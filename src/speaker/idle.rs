//! Stands in for the state machine until `bgp::fsm::Peer` is there: a peer that never leaves Idle.

use std::time::Instant;

use crate::bgp::fsm::{Config, ConnId, Input, Output};

pub(crate) struct Peer;

impl Peer {
    pub(crate) fn new(_config: Config, _now: Instant) -> Self {
        Self
    }

    pub(crate) fn handle(&mut self, _now: Instant, _input: Input<'_>) {}

    pub(crate) fn poll(&mut self) -> Option<Output> {
        None
    }

    pub(crate) fn timeout(&self) -> Option<Instant> {
        None
    }

    pub(crate) fn allot(&mut self) -> ConnId {
        ConnId(0)
    }
}
