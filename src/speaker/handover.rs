//! Sessions that another process of this program continues.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use super::clock;
use super::config::PeerConfig;
use super::connect::Stream;
use super::control::{PeerCommand, Wanted};
use super::error::Error;
use super::handed::{Adopted, Handed, Suspension};
use super::machine::{Driver, machine};
use super::plugin::Plugin;
use super::server::Server;
use super::status::PeerKey;
use crate::bgp::Negotiated;
use crate::fsm::{Peer, State};

impl Server {
    /// What a neighbor's task works with.
    fn driver(&self, key: PeerKey) -> Option<Driver> {
        let peers = self.inner.peers.borrow();
        let entry = peers.get(&key)?;
        Some(Driver {
            config: Rc::clone(&entry.config()),
            shared: Rc::clone(&entry.shared),
        })
    }

    /// Holds a neighbor's task until the [end](Suspension::end). `None` if there is no such neighbor, or if too many commands
    /// wait for it.
    pub(crate) fn suspend(&self, key: PeerKey) -> Option<Rc<Suspension>> {
        let suspension = Rc::<Suspension>::default();
        let command = PeerCommand::Suspend(Rc::clone(&suspension));
        self.command(key, command).ok().map(|()| suspension)
    }

    /// Continues a session in place of the process that established it, once the neighbor is started. Nothing is reported to
    /// the plugin, which has to know the session already.
    ///
    /// # Errors
    /// When the configuration does not allow what was negotiated. The connection is closed then.
    pub(crate) fn adopt(
        &self,
        key: PeerKey,
        handed: Handed,
        stream: Box<dyn Stream>,
    ) -> io::Result<Rc<Negotiated>> {
        let driver = self
            .driver(key)
            .ok_or_else(|| io::Error::other("there is no such neighbor"))?;
        let now = clock::now();
        let (peer, id, negotiated) = Peer::resume(machine(&driver), &handed.session, now)
            .map_err(|refusal| io::Error::other(refusal.to_string()))?;
        let mut record = driver.shared.record.borrow_mut();
        record.state = State::Established;
        record.ends = Some(handed.ends);
        record.established = Some(handed.established);
        record.hold_time = Some(negotiated.hold_time);
        record.sessions = handed.sessions;
        record.resume_counters(handed.counters);
        drop(record);
        driver.shared.session.replace(Some(Rc::clone(&negotiated)));
        driver.shared.adopted.replace(Some(Box::new(Adopted {
            peer,
            id,
            stream,
            input: handed.input,
            output: handed.output,
        })));
        Ok(negotiated)
    }

    /// Begins a neighbor, once it is started, as another process has left it: after so many failures, with the next attempt due
    /// after a while.
    pub(crate) fn postpone(&self, key: PeerKey, waiting: (Duration, u32)) {
        if let Some(driver) = self.driver(key) {
            driver.shared.postponed.set(Some(waiting));
        }
    }

    /// Counts connections of a neighbor that another process has tried or accepted, once it is started.
    pub(crate) fn resume_attempts(&self, key: PeerKey, attempts: u32) {
        if let Some(driver) = self.driver(key) {
            driver.shared.attempted.set(attempts);
        }
    }

    /// Leaves a neighbor down until [`start_peer`](Self::start_peer), instead of starting it with all others.
    pub(crate) fn keep_down(&self, key: PeerKey) {
        if let Some(driver) = self.driver(key) {
            driver.shared.wanted.set(Wanted::Stopped);
        }
    }

    /// Adds a neighbor that is gone when its session ends, which is to be [adopted](Self::adopt).
    pub(crate) fn add_dynamic_peer(
        &self,
        config: PeerConfig,
        plugin: impl Plugin + 'static,
    ) -> Result<PeerKey, Error> {
        self.insert(config, Box::new(plugin), true)
    }

    /// The listening sockets: their addresses and descriptors.
    pub(crate) fn listening_sockets(&self) -> Vec<(std::net::SocketAddr, std::os::fd::RawFd)> {
        self.inner.listeners.borrow().descriptors()
    }
}
