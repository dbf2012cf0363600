//! What a neighbor's task works with, and how its configuration becomes that of the state machine.

use std::cell::RefCell;
use std::rc::Rc;

use super::config::PeerConfig;
use super::connect::Transport;
use super::control::{Mailbox, Shared};
use super::plugin::Plugin;
use crate::fsm::{self, CloseReason, Timers};

/// A plugin, shared with the supervisor, which keeps it when a task panics.
pub(crate) type PluginCell = Rc<RefCell<Box<dyn Plugin>>>;

/// What a neighbor's task works with.
#[derive(Clone)]
pub(crate) struct Driver {
    pub(crate) config: Rc<PeerConfig>,
    pub(crate) plugin: PluginCell,
    pub(crate) mailbox: Rc<Mailbox>,
    pub(crate) shared: Rc<Shared>,
    pub(crate) transport: Rc<dyn Transport>,
    pub(crate) router_id: std::net::Ipv4Addr,
    /// Whether the neighbor is gone when its session ends.
    pub(crate) dynamic: bool,
}

/// What the state machine needs to know.
pub(super) fn machine(driver: &Driver) -> fsm::Config {
    let config = &driver.config;
    let defaults = Timers::default();
    fsm::Config {
        local_as: config.local_as,
        peer_as: config.peer_as,
        router_id: config.router_id.unwrap_or(driver.router_id),
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
        seed: driver.shared.status.borrow().key.seed(),
    }
}

/// Records and reports that a connection has ended.
pub(super) fn closed(driver: &mut Driver, reason: &CloseReason) {
    {
        let mut status = driver.shared.status.borrow_mut();
        status.ends = None;
        status.established = None;
        status.hold_time = None;
        status.last_close = Some(reason.clone());
    }
    driver.shared.session.replace(None);
    driver.shared.writer.replace(None);
    driver.plugin.borrow_mut().on_close(&driver.config, reason);
}
