//! A server as other threads use it.
//!
//! A call is a closure that the server runs between other work: everything that [`Server`] can do can be asked for
//! without a second list of commands. Calls wait in a bounded queue; who finds it full waits, too.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::sync::{mpsc, oneshot};

use super::config::PeerConfig;
use super::control::{PeerKey, PeerStatus};
use super::error::Error;
use super::plugin::Plugin;
use super::server::{Call, Server};
use crate::bgp::Notification;
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
    /// [`Error::Stopped`].
    pub async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Server) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let call: Call = Box::new(move |server| {
            // Who asked may have gone.
            let _ = reply.send(call(server));
        });
        self.calls.send(call).await.map_err(|_| Error::Stopped)?;
        answer.await.map_err(|_| Error::Stopped)
    }

    /// [`Server::add_peer`]; `plugin` is made on the server's thread and need not be `Send`.
    ///
    /// # Errors
    /// Those of [`Server::add_peer`], and [`Error::Stopped`].
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

    /// Sends an UPDATE with this body (all after the header) to a neighbor whose session is up.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Down`], [`Error::Write`] (which is [`WriteError::Full`](super::WriteError::Full) if
    /// the peer is slow), [`Error::Stopped`].
    pub async fn write(&self, key: PeerKey, body: Vec<u8>) -> Result<(), Error> {
        self.call(move |server| Ok(server.writer(key)?.try_write(&body)?))
            .await?
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

    /// [`Server::shutdown`], without waiting for its end, which [`Server::serve`] returns at.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub async fn shutdown(&self, cease: Cease) -> Result<(), Error> {
        self.call(move |server| {
            let server = server.clone();
            tokio::task::spawn_local(async move { server.shutdown(cease).await });
        })
        .await
    }
}
