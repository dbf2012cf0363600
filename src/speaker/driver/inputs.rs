//! What reaches a neighbor's task: timers, connections and commands.

use std::rc::Rc;

use smallvec::SmallVec;

use super::{Ended, Task, now};
use crate::fsm::{self, ConnId, Input};
use crate::speaker::config::PeerConfig;
use crate::speaker::control::{PeerCommand, Wanted};
use crate::speaker::io::IoEvent;
use crate::speaker::machine::machine;
use crate::speaker::plugin::SessionEvent;

impl Task {
    /// Asks the plugin for the capabilities of the OPEN that follows.
    pub(super) fn offer(&mut self) {
        let (capabilities, reduced) = {
            let mut plugin = self.driver.shared.plugin.borrow_mut();
            let config = &self.driver.config;
            (
                plugin.capabilities(config),
                plugin.reduced_capabilities(config),
            )
        };
        self.peer.offer(capabilities, reduced);
    }

    /// A timer has expired. A peer whose bytes wait to be read is alive: we are slow, it is not silent.
    pub(super) fn timeout(&mut self) {
        let due = self.peer.timeout();
        let events: SmallVec<[IoEvent; 2]> = self
            .io
            .links
            .iter_mut()
            .filter_map(crate::speaker::io::Link::unread)
            .collect();
        for event in events {
            if let IoEvent::Read(id, _) = &event {
                self.handle(Input::Unread(*id));
            }
            self.deliver(event);
        }
        self.due = due;
        self.handle(Input::Timeout);
        self.due = None;
    }

    pub(super) fn deliver(&mut self, event: IoEvent) {
        match event {
            IoEvent::Dialed(id, Ok((stream, ends))) => {
                self.io.add(id, stream);
                self.offer();
                self.handle(Input::Connected(id, ends));
            }
            IoEvent::Dialed(id, Err(error)) => {
                self.observe(&SessionEvent::ConnectFailed(&error));
                self.handle(Input::ConnectFailed(id));
                if let Some(times) = self.attempts.failed(&error.to_string()) {
                    let (config, next) = (&self.driver.config, self.next_attempt());
                    tracing::info!(
                        neighbor = %config.name,
                        remote = %config.remote_address,
                        port = config.port,
                        %error,
                        times,
                        next,
                        "cannot connect"
                    );
                }
            }
            IoEvent::Read(_, count) => self.turn.read += count,
            IoEvent::Wrote(id, count) => {
                self.turn.written += count;
                self.handle(Input::Written(id));
            }
            IoEvent::Gone(id, error) => {
                if let Some(error) = error {
                    tracing::debug!(neighbor = %self.driver.config.name, error = %error, "connection lost");
                }
                self.gone(id);
            }
        }
    }

    /// The peer has closed: what it sent before counts.
    pub(super) fn gone(&mut self, id: ConnId) {
        let now = now();
        while self.receive(id, now) {}
        self.handle(Input::Eof(id));
    }

    /// The configuration, with the capabilities that were offered last.
    pub(super) fn machine(&self) -> fsm::Config {
        let offered = self.peer.config();
        fsm::Config {
            capabilities: offered.capabilities.clone(),
            reduced: offered.reduced.clone(),
            ..machine(&self.driver)
        }
    }

    pub(super) fn command(&mut self, command: PeerCommand) {
        let wanted = match command {
            PeerCommand::Start => Some(Wanted::Running),
            PeerCommand::Stop(_) => Some(Wanted::Stopped),
            PeerCommand::Remove(_) => Some(Wanted::Removed),
            _ => None,
        };
        if let Some(wanted) = wanted {
            self.driver.shared.wanted.set(wanted);
        }
        match command {
            PeerCommand::Incoming(stream, ends) => {
                let id = self.peer.allot();
                self.io.add(id, stream);
                if self.peer.admits() {
                    self.offer();
                }
                self.handle(Input::Incoming(id, ends));
            }
            PeerCommand::Start => {
                self.gave_up = false;
                self.attempts.reset();
                self.handle(Input::Start);
            }
            PeerCommand::Stop(cease) => self.handle(Input::Stop(cease)),
            PeerCommand::Bounce(notification) => self.handle(Input::Bounce(notification)),
            PeerCommand::Replace(config, notification) => {
                self.configure(config);
                self.attempts.reset();
                self.peer.configure(self.machine());
                self.handle(Input::Bounce(notification));
            }
            PeerCommand::Update(config) => {
                self.configure(config);
                self.peer.update_config(self.machine());
            }
            PeerCommand::Suspend(suspension) => self.suspension = Some(suspension),
            PeerCommand::Remove(cease) => {
                self.handle(Input::Stop(cease));
                self.ended = Some(Ended::Removed);
            }
        }
    }
    /// Works with another configuration from now on, also after a panic.
    fn configure(&mut self, config: Rc<PeerConfig>) {
        self.driver.shared.config.replace(Rc::clone(&config));
        self.driver.config = config;
    }
}
