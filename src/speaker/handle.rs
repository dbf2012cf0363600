//! A server as other threads use it.
//!
//! A call is a closure that the server runs between other work: everything that [`Server`] can do can be asked for
//! without a second list of commands. Calls wait in a bounded queue; who finds it full waits, too.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::{mpsc, oneshot};

use super::attributes::Attributes;
use super::config::PeerConfig;
use super::error::Error;
use super::outgoing::{Outgoing, RouteUpdate};
use super::plugin::Plugin;
use super::server::{Call, Server};
use super::status::{PeerKey, PeerStatus};
use super::watch::PeerChanges;
use super::writer::UpdateWriter;
use crate::bgp::{Nlri, Notification};
use crate::fsm::Cease;

/// Commands a [`Server`] from any thread.
#[derive(Clone)]
pub struct Handle {
    calls: mpsc::Sender<Call>,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

impl Server {
    /// A handle for other threads.
    pub fn handle(&self) -> Handle {
        Handle::new(self.inner.calls.0.clone())
    }
}

impl Server {
    /// Runs a server on a thread of its own, which ends with [`Handle::shutdown`], and returns the handle to it.
    ///
    /// ```
    /// use std::net::Ipv4Addr;
    ///
    /// use oxabgp::fsm::Cease;
    /// use oxabgp::speaker::Server;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = Server::spawn(Ipv4Addr::new(192, 0, 2, 1))?;
    /// assert!(server.peers().await?.is_empty());
    /// server.shutdown(Cease::Shutdown("maintenance".to_owned())).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The system has no thread, or no event queue, left.
    pub fn spawn(router_id: Ipv4Addr) -> io::Result<Handle> {
        let (sender, started) = std::sync::mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name("oxabgp".to_owned());
        thread.spawn(move || {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            let runtime = match builder.enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => {
                    let _ = sender.send(Err(error));
                    return;
                }
            };
            runtime.block_on(async {
                let server = Self::new(router_id);
                let _ = sender.send(Ok(server.handle()));
                // It fails only if it serves already.
                let _ = server.serve().await;
            });
        })?;
        let ended = |_| Err(io::Error::other("the server's thread has ended"));
        started.recv().unwrap_or_else(ended)
    }
}

impl Handle {
    pub(crate) const fn new(calls: mpsc::Sender<Call>) -> Self {
        Self { calls }
    }

    /// Runs `call` on the server's thread and returns what it returns.
    ///
    /// # Errors
    /// [`Error::Panicked`], [`Error::Stopped`].
    pub async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Server) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (call, answer) = answered(call);
        self.calls.send(call).await.map_err(|_| Error::Stopped)?;
        answer.await.map_err(|_| Error::Stopped)?
    }

    /// [`Handle::call`] for a thread without async.
    ///
    /// ```
    /// use std::net::Ipv4Addr;
    ///
    /// use oxabgp::speaker::Server;
    ///
    /// let server = Server::spawn(Ipv4Addr::new(192, 0, 2, 1))?;
    /// assert!(server.blocking_call(Server::peers)?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Handle::call`].
    ///
    /// # Panics
    /// In an asynchronous task, which must not block.
    pub fn blocking_call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Server) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (call, answer) = answered(call);
        self.calls.blocking_send(call).map_err(|_| Error::Stopped)?;
        answer.blocking_recv().map_err(|_| Error::Stopped)?
    }

    /// [`Server::add_peer`]; `plugin` is made on the server's thread and need not be `Send`.
    ///
    /// # Errors
    /// Those of [`Server::add_peer`], and those of [`Handle::call`].
    pub async fn add_peer<P: Plugin + 'static>(
        &self,
        config: PeerConfig,
        plugin: impl FnOnce() -> P + Send + 'static,
    ) -> Result<PeerKey, Error> {
        self.call(move |server| server.add_peer(config, plugin()))
            .await?
    }

    /// [`Server::remove_peer`].
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Stopped`].
    pub async fn remove_peer(&self, key: PeerKey, cease: Cease) -> Result<(), Error> {
        self.call(move |server| server.remove_peer(key, cease))
            .await?
    }

    /// [`Server::stop_peer`].
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Busy`], [`Error::Stopped`].
    pub async fn stop_peer(&self, key: PeerKey, cease: Cease) -> Result<(), Error> {
        self.call(move |server| server.stop_peer(key, cease))
            .await?
    }

    /// [`Server::start_peer`].
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Busy`], [`Error::Stopped`].
    pub async fn start_peer(&self, key: PeerKey) -> Result<(), Error> {
        self.call(move |server| server.start_peer(key)).await?
    }

    /// [`Server::reset_peer`].
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Busy`], [`Error::Stopped`].
    pub async fn reset_peer(&self, key: PeerKey, notification: Notification) -> Result<(), Error> {
        self.call(move |server| server.reset_peer(key, notification))
            .await?
    }

    /// [`Server::replace_peer`].
    ///
    /// # Errors
    /// Those of [`Server::replace_peer`], and [`Error::Stopped`].
    pub async fn replace_peer(
        &self,
        key: PeerKey,
        config: PeerConfig,
        notification: Notification,
    ) -> Result<(), Error> {
        self.call(move |server| server.replace_peer(key, config, notification))
            .await?
    }

    /// Sends routes, or a message, to a neighbor whose session is up: see [`UpdateWriter::try_write`].
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Down`], [`Error::Write`] (which is [`WriteError::Full`](super::WriteError::Full) if
    /// the peer is slow: [`Handle::writer`] can wait), [`Error::Stopped`].
    pub async fn write(
        &self,
        key: PeerKey,
        message: impl Outgoing + Send + 'static,
    ) -> Result<(), Error> {
        self.call(move |server| Ok(server.writer(key)?.try_write(&message)?))
            .await?
    }

    /// Announces one route to a neighbor: see [`UpdateWriter::announce`].
    ///
    /// # Errors
    /// Those of [`Handle::write`].
    pub async fn announce(
        &self,
        key: PeerKey,
        route: impl Into<Nlri>,
        attributes: &Attributes,
    ) -> Result<(), Error> {
        self.write(key, RouteUpdate::new().announce(route, attributes))
            .await
    }

    /// Withdraws one route from a neighbor.
    ///
    /// # Errors
    /// Those of [`Handle::write`].
    pub async fn withdraw(&self, key: PeerKey, route: impl Into<Nlri>) -> Result<(), Error> {
        self.write(key, RouteUpdate::new().withdraw(route)).await
    }

    /// The writer of a neighbor whose session is up; it can be used in any thread until the session ends.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Down`], [`Error::Stopped`].
    pub async fn writer(&self, key: PeerKey) -> Result<UpdateWriter, Error> {
        self.call(move |server| server.writer(key)).await?
    }

    /// [`Server::subscribe`]: the changes of all neighbors from now on.
    ///
    /// ```
    /// use std::net::Ipv4Addr;
    ///
    /// use oxabgp::bgp::Asn;
    /// use oxabgp::fsm::Cease;
    /// use oxabgp::speaker::{ChangeKind, ChannelPlugin, PeerConfig, Server};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = Server::spawn(Ipv4Addr::new(192, 0, 2, 1))?;
    /// let mut changes = server.subscribe().await?;
    /// let (plugin, _events, _commands) = ChannelPlugin::new(1);
    /// let peer = PeerConfig::new("192.0.2.2".parse()?, Asn(65001));
    /// let key = server.add_peer(peer, move || plugin).await?;
    /// let change = changes.next().await.expect("it serves");
    /// assert_eq!((change.kind, change.status.key), (ChangeKind::Added, key));
    /// server.shutdown(Cease::Removed).await?;
    /// while let Some(change) = changes.next().await {
    ///     println!("{}: {} -> {}", change.status.name, change.from, change.status.state);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub async fn subscribe(&self) -> Result<PeerChanges, Error> {
        self.call(Server::subscribe).await
    }

    /// [`Server::get_peer`].
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub async fn get_peer(&self, address: IpAddr) -> Result<Option<PeerStatus>, Error> {
        self.call(move |server| server.get_peer(address)).await
    }

    /// [`Server::peer`].
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Stopped`].
    pub async fn peer(&self, key: PeerKey) -> Result<PeerStatus, Error> {
        self.call(move |server| server.peer(key))
            .await?
            .ok_or(Error::Unknown(key))
    }

    /// [`Server::peers`].
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub async fn peers(&self) -> Result<Vec<PeerStatus>, Error> {
        self.call(Server::peers).await
    }

    /// [`Server::listen`].
    ///
    /// # Errors
    /// [`Error::Listen`], [`Error::Stopped`].
    pub async fn listen(&self, address: SocketAddr) -> Result<SocketAddr, Error> {
        self.call(move |server| server.listen(address)).await?
    }

    /// [`Server::listen_on`].
    ///
    /// # Errors
    /// [`Error::Listen`], [`Error::Stopped`].
    pub async fn listen_on(&self, listener: TcpListener) -> Result<SocketAddr, Error> {
        self.call(move |server| server.listen_on(listener)).await?
    }

    /// [`Server::update_peer`].
    ///
    /// # Errors
    /// Those of [`Server::update_peer`], and [`Error::Stopped`].
    pub async fn update_peer(&self, key: PeerKey, config: PeerConfig) -> Result<(), Error> {
        self.call(move |server| server.update_peer(key, config))
            .await?
    }

    /// [`Server::shutdown`], and [`Handle::stopped`]: afterwards the program may end.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub async fn shutdown(&self, cease: Cease) -> Result<(), Error> {
        self.call(move |server| {
            let other = server.clone();
            server.spawn_task(async move { other.shutdown(cease).await });
        })
        .await?;
        self.stopped().await;
        Ok(())
    }

    /// Waits until the server serves no more: its sessions are closed, its plugins gone. At once if it never will.
    pub async fn stopped(&self) {
        // The other end is dropped when `Server::serve` returns, after all of its tasks.
        self.calls.closed().await;
    }
}

/// A call with the place where its value will be. Its panic is the caller's affair: the sessions of the server go on.
fn answered<T: Send + 'static>(
    call: impl FnOnce(&Server) -> T + Send + 'static,
) -> (Call, oneshot::Receiver<Result<T, Error>>) {
    let (reply, answer) = oneshot::channel();
    let call = move |server: &Server| {
        let value = catch_unwind(AssertUnwindSafe(|| call(server)));
        // Who asked may have gone.
        let _ = reply.send(value.map_err(|_| Error::Panicked));
    };
    (Box::new(call), answer)
}
