//! A server's life: start, serve, shut down.

use std::future::Future;
use std::net::TcpListener;
use std::rc::Rc;

use tokio::task::{JoinHandle, LocalSet};

use super::connect::CLOSING_TIME;
use super::error::Error;
use super::server::{Phase, Server};
use super::status::PeerKey;
use super::watch::PeerChanges;
use crate::fsm::Cease;

/// Neighbors that are started in one turn.
const STARTS: usize = 64;

impl Server {
    /// Starts all neighbors and listeners, and answers [`Handle`](super::Handle)s until [`Server::shutdown`].
    ///
    /// Neighbors are tasks of one thread. They run inside of this future, so that it can be awaited under `#[tokio::main]`;
    /// dropping it drops them, without a closing NOTIFICATION, and the server has stopped.
    ///
    /// # Errors
    /// [`Error::Stopped`] when it serves or has served already.
    pub async fn serve(&self) -> Result<(), Error> {
        let receiver = self.inner.calls.1.borrow_mut().take();
        let mut calls = receiver.ok_or(Error::Stopped)?;
        let local = Rc::new(LocalSet::new());
        self.inner.local.replace(Rc::downgrade(&local));
        // Before the tasks are dropped: no other can follow them.
        let _end = End(self);
        let serving = async {
            self.start();
            loop {
                tokio::select! { biased;
                    () = self.stopped() => return Ok(()),
                    Some(call) = calls.recv() => call(self),
                }
            }
        };
        local.run_until(serving).await
    }

    /// [`Server::serve`] with listening sockets of the caller: see [`Server::listen_on`].
    ///
    /// ```no_run
    /// use std::net::{Ipv4Addr, TcpListener};
    ///
    /// use oxabgp::speaker::Server;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = Server::new(Ipv4Addr::new(192, 0, 2, 1));
    /// let listeners = [TcpListener::bind("192.0.2.1:179")?, TcpListener::bind("[2001:db8::1]:179")?];
    /// server.serve_on(listeners).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Listen`], and those of [`Server::serve`].
    pub async fn serve_on(
        &self,
        listeners: impl IntoIterator<Item = TcpListener>,
    ) -> Result<(), Error> {
        for listener in listeners {
            self.listen_on(listener)?;
        }
        self.serve().await
    }

    /// Starts all neighbors and listeners, as tasks of the current thread; of very many neighbors a few at a time, so that
    /// other tasks get their turns in between. Those added later start at once.
    ///
    /// # Panics
    /// Where `tokio::task::spawn_local` does: outside of a `LocalRuntime` and of a `LocalSet`. [`Server::serve`] works in
    /// every tokio runtime.
    pub fn start(&self) {
        if self.inner.phase.get() != Phase::Preparing {
            return;
        }
        self.inner.phase.set(Phase::Serving);
        self.accept();
        let keys: Vec<PeerKey> = self.inner.peers.borrow().keys().copied().collect();
        let (first, others) = keys.split_at(keys.len().min(STARTS));
        first.iter().for_each(|key| self.run_peer(*key));
        if others.is_empty() {
            return;
        }
        let (others, weak) = (others.to_vec(), self.downgrade());
        self.spawn_task(async move {
            for some in others.chunks(STARTS) {
                tokio::task::yield_now().await;
                let Some(server) = weak.upgrade() else {
                    return;
                };
                // A neighbor that was removed meanwhile is skipped.
                some.iter().for_each(|key| server.run_peer(*key));
            }
        });
    }

    /// Runs a task on the server's thread: inside of [`Server::serve`], wherever this is called.
    pub(super) fn spawn_task(&self, task: impl Future<Output = ()> + 'static) -> JoinHandle<()> {
        let local = self.inner.local.borrow().upgrade();
        match local {
            Some(local) => local.spawn_local(task),
            None => tokio::task::spawn_local(task),
        }
    }

    /// The changes of all neighbors from now on.
    pub fn subscribe(&self) -> PeerChanges {
        let changes = self.inner.subscribers.add();
        if self.inner.phase.get() == Phase::Stopped {
            self.inner.subscribers.end();
        }
        changes
    }

    /// Waits for the end of [`Server::shutdown`].
    pub async fn stopped(&self) {
        while self.inner.phase.get() != Phase::Stopped {
            self.inner.stopped.notified().await;
        }
    }

    /// Closes listeners, then ends all sessions with `cease`, and waits at most a second until that is sent. A second call waits
    /// for the end of the first.
    pub async fn shutdown(&self, cease: Cease) {
        self.inner.listeners.borrow_mut().close_all();
        let keys: Vec<PeerKey> = self.inner.peers.borrow().keys().copied().collect();
        for key in keys {
            // It is in the table: nothing else can go wrong.
            let _ = self.remove_peer(key, cease.clone());
        }
        let deadline = tokio::time::Instant::now() + CLOSING_TIME + CLOSING_TIME / 4;
        if self.inner.ends.replace(true) {
            // What the first call waits for is still being sent.
            let _ = tokio::time::timeout_at(deadline, self.stopped()).await;
        }
        let departing = self.inner.departing.take();
        for mut task in departing {
            if tokio::time::timeout_at(deadline, &mut task).await.is_err() {
                task.abort();
            }
        }
        self.end();
    }

    /// From now on it has stopped.
    fn end(&self) {
        self.inner.listeners.borrow_mut().close_all();
        self.inner.phase.set(Phase::Stopped);
        self.inner.subscribers.end();
        self.inner.stopped.notify_waiters();
    }
}

/// Ends a server whose future is dropped while it serves.
struct End<'a>(&'a Server);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}
