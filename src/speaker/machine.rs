//! What a neighbor's task works with, and how its configuration becomes that of the state machine.

use std::net::Ipv4Addr;
use std::rc::Rc;

use super::config::PeerConfig;
use super::control::Shared;
use super::outgoing::SendTerms;
use crate::bgp::role::LocalRole;
use crate::bgp::{Codec, Negotiated, Sender};
use crate::fsm::{self, CloseReason, Timers};

/// What a neighbor's task works with.
#[derive(Clone)]
pub(crate) struct Driver {
    pub(crate) config: Rc<PeerConfig>,
    pub(crate) shared: Rc<Shared>,
}

/// What the state machine needs to know.
pub(super) fn machine(driver: &Driver) -> fsm::Config {
    let config = &driver.config;
    let defaults = Timers::default();
    fsm::Config {
        local_as: config.local_as,
        peer_as: config.peer_as,
        router_id: config.router_id.unwrap_or(driver.shared.router_id),
        hold_time: config.hold_time,
        passive: config.passive,
        // The plugin is asked for them before each OPEN.
        capabilities: Vec::new(),
        reduced: None,
        aigp: config.aigp,
        strict_role: config.strict_role,
        attempts: config.connect_attempts,
        timers: Timers {
            connect_retry: config.connect_retry_time,
            open_wait: config.open_wait,
            back_off_min: config.idle_hold_time.unwrap_or(defaults.back_off_min),
            back_off_max: config.idle_hold_time.unwrap_or(defaults.back_off_max),
            send_hold: config.send_hold_time,
        },
        seed: driver.shared.key.seed(),
    }
}

/// What the session that has just come up allows to be sent.
pub(super) fn terms(driver: &Driver, session: &Negotiated) -> SendTerms {
    let ends = driver.shared.record.borrow().ends;
    let sender = Sender {
        codec: Codec {
            role: session.codec.role.map(LocalRole::on_egress),
            ..session.codec
        },
        local_as: session.local_as,
        // A session has a connection, and that has addresses.
        local_address: ends.map_or_else(
            || Ipv4Addr::UNSPECIFIED.into(),
            |ends| ends.local.ip().to_canonical(),
        ),
        router_id: session.local.router_id,
        group_updates: true,
    };
    SendTerms::new(sender, session.families.clone(), session.refresh)
}

/// Records and reports that a connection has ended.
pub(super) fn closed(driver: &mut Driver, reason: &CloseReason) {
    {
        let mut status = driver.shared.record.borrow_mut();
        status.ends = None;
        status.established = None;
        status.hold_time = None;
        status.last_close = Some(Box::new(reason.clone()));
    }
    driver.shared.session.replace(None);
    driver.shared.writer.replace(None);
    driver
        .shared
        .plugin
        .borrow_mut()
        .on_close(&driver.config, reason);
}
