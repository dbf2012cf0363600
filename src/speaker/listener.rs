//! Listening sockets: which peers are accepted (MD5 keys, TTL), and the task that accepts.
//!
//! A connection is accepted by the kernel before anybody looks at it, so what must hold from the first segment on is set on
//! the listening socket: a [`Guard`] for each peer or range of peers. The same guards go onto each socket that is opened
//! later. A socket that is opened here listens for one IP version (`IPV6_V6ONLY`), because keys and TTLs are per version; one
//! of the caller that listens for both gets both.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
#[cfg(feature = "daemon")]
use std::os::fd::{AsRawFd, RawFd};
use std::rc::{Rc, Weak};
use std::task::Poll;
use std::time::Duration;

use socket2::{Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use super::config::TcpAoKey;
use super::connect::domain;
use super::{PeerConfig, sockopt};
use crate::fsm::ConnInfo;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 200;
/// How long to wait when no connection can be accepted (no file descriptors left).
const PAUSE: Duration = Duration::from_millis(100);

/// What the listeners must know of a peer, or of all peers in a network.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Guard {
    address: IpAddr,
    /// Length of the network's prefix in bits; `None`: `address` alone.
    prefix: Option<u8>,
    /// Our addresses that the peer connects to; none: any.
    local: Vec<IpAddr>,
    md5_key: Option<Vec<u8>>,
    tcp_ao: Vec<TcpAoKey>,
    /// Of what is sent.
    ttl: Option<u8>,
    /// Of what is received.
    min_ttl: Option<u8>,
}

impl Guard {
    /// That of `peer` alone, or with a prefix length of its whole network.
    pub(crate) fn new(peer: &PeerConfig, prefix: Option<u8>) -> Self {
        Self {
            address: peer.remote_address,
            prefix,
            local: match peer.local_address {
                Some(local) => [Some(local), peer.source_address]
                    .into_iter()
                    .flatten()
                    .collect(),
                None => Vec::new(),
            },
            md5_key: peer.md5_key.clone(),
            tcp_ao: peer.tcp_ao_keys().cloned().collect(),
            ttl: peer.outgoing_ttl(),
            min_ttl: peer.min_ttl,
        }
    }

    /// That of `peer` alone, unless it asks for nothing.
    pub(crate) fn of(peer: &PeerConfig) -> Option<Box<Self>> {
        let guard = Self::new(peer, None);
        (!guard.is_empty()).then(|| Box::new(guard))
    }

    /// Whether the peer may connect to a socket.
    fn concerns(&self, listening: &Listening) -> bool {
        let own = listening.address.ip();
        own.is_unspecified() || self.local.is_empty() || self.local.contains(&own)
    }

    /// Whether both are for the same peers.
    fn is_of_same_peers(&self, other: &Self) -> bool {
        (self.address, self.prefix) == (other.address, other.prefix)
    }

    /// Whether it asks for nothing.
    const fn is_empty(&self) -> bool {
        !self.has_key() && self.ttl.is_none()
    }

    const fn has_key(&self) -> bool {
        self.md5_key.is_some() || !self.tcp_ao.is_empty()
    }

    /// The address in the form of a socket that the peer may connect to; `None` for another socket.
    fn address_on(&self, listening: &Listening) -> Option<IpAddr> {
        let address = listening.form(self.address);
        address.filter(|_| self.concerns(listening))
    }

    /// Sets the key on a socket that the peer may connect to.
    fn install(&self, listening: &Listening) -> io::Result<()> {
        let Some(address) = self.address_on(listening) else {
            return Ok(());
        };
        let socket = listening.socket.as_fd();
        if let Some(key) = &self.md5_key {
            sockopt::set_md5(socket, address, self.prefix, key)
                .map_err(|cause| self.refused("md5-password", &cause))?;
        }
        // A listening socket has no current key: that of the connection is the one that the peer begins with.
        for key in &self.tcp_ao {
            sockopt::set_ao(socket, address, self.prefix, (key, sockopt::AoUsage::Next))
                .map_err(|cause| self.refused("tcp-ao", &cause))?;
        }
        Ok(())
    }

    /// The error of a key that the kernel does not take.
    fn refused(&self, what: &str, cause: &io::Error) -> io::Error {
        let address = self.address;
        let prefix = self.prefix.map(|bits| format!("/{bits}"));
        let prefix = prefix.unwrap_or_default();
        let mut text = format!("the key of {address}{prefix} (`{what}`) can't be set: {cause}");
        if cause.kind() == io::ErrorKind::OutOfMemory {
            let most = std::fs::read_to_string("/proc/sys/net/core/optmem_max");
            let most = most.map_or_else(|_| "not known".to_owned(), |most| most.trim().to_owned());
            text += &format!(
                "; the keys of all peers take more than a socket may have: the limit `net.core.optmem_max` (sysctl) is {most}"
            );
        }
        io::Error::new(cause.kind(), text)
    }

    /// Takes the key off a socket.
    fn uninstall(&self, listening: &Listening) -> io::Result<()> {
        let Some(address) = self.address_on(listening) else {
            return Ok(());
        };
        let socket = listening.socket.as_fd();
        if self.md5_key.is_some() {
            sockopt::set_md5(socket, address, self.prefix, &[])?;
        }
        for key in &self.tcp_ao {
            sockopt::delete_ao(socket, address, self.prefix, key)?;
        }
        Ok(())
    }
}

/// The listening sockets of a server.
#[derive(Default)]
pub(crate) struct Listeners {
    sockets: Vec<Listening>,
    guards: Vec<Guard>,
}

struct Listening {
    address: SocketAddr,
    socket: Rc<TcpListener>,
    /// Whether it accepts IPv4 connections although its address is an IPv6 one; only a socket of the caller does.
    dual: bool,
    /// The system's TTL of what is sent by IPv4 and IPv6, as far as it accepts them.
    default_ttl: [Option<u8>; 2],
    /// Once it accepts.
    task: Option<AbortHandle>,
}

impl Listening {
    /// The form of a peer's address on this socket; `None` if it accepts no connections of that IP version.
    fn form(&self, peer: IpAddr) -> Option<IpAddr> {
        match peer {
            IpAddr::V4(peer) if self.dual => Some(peer.to_ipv6_mapped().into()),
            _ => (peer.is_ipv4() == self.address.is_ipv4()).then_some(peer),
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Listeners {
    /// Opens a socket at `address` and returns its address: port 0 lets the kernel choose. It accepts after [`Self::accept_with`].
    /// With an interface, which may be a VRF, it accepts connections that come in there only.
    pub(crate) fn open(
        &mut self,
        address: SocketAddr,
        interface: Option<&str>,
    ) -> io::Result<SocketAddr> {
        self.adopt(bind(address, interface)?.into())
    }

    /// Takes over a listening socket. Its backlog, and what the guards ask for, are set on it.
    pub(crate) fn adopt(&mut self, socket: std::net::TcpListener) -> io::Result<SocketAddr> {
        // tokio panics without one.
        tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let options = SockRef::from(&socket);
        // Listening again only changes the backlog.
        options.listen(BACKLOG)?;
        let dual = address.is_ipv6() && !options.only_v6()?;
        let default_ttl = |ip: IpAddr, accepted: bool| -> io::Result<Option<u8>> {
            if !accepted {
                return Ok(None);
            }
            // Another process may have set one.
            sockopt::set_ttl(socket.as_fd(), ip, None)?;
            let ttl = sockopt::ttl(socket.as_fd(), ip)?;
            Ok(u8::try_from(ttl).ok())
        };
        let default_ttl = [
            default_ttl(Ipv4Addr::UNSPECIFIED.into(), address.is_ipv4() || dual)?,
            default_ttl(Ipv6Addr::UNSPECIFIED.into(), address.is_ipv6())?,
        ];
        let listening = Listening {
            address,
            socket: Rc::new(TcpListener::from_std(socket)?),
            dual,
            default_ttl,
            task: None,
        };
        for guard in &self.guards {
            guard.install(&listening)?;
        }
        self.set_ttls(&listening)?;
        self.sockets.push(listening);
        Ok(address)
    }

    /// Closes the socket at `address`; whether there was one.
    pub(crate) fn close(&mut self, address: SocketAddr) -> bool {
        let before = self.sockets.len();
        self.sockets.retain(|socket| socket.address != address);
        before != self.sockets.len()
    }

    /// Closes all.
    pub(crate) fn close_all(&mut self) {
        self.sockets.clear();
    }

    /// Where we listen.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().map(|socket| socket.address).collect()
    }

    /// The sockets, which stay open.
    #[cfg(feature = "daemon")]
    pub(crate) fn descriptors(&self) -> Vec<(SocketAddr, RawFd)> {
        let sockets = self.sockets.iter();
        sockets
            .map(|socket| (socket.address, socket.socket.as_raw_fd()))
            .collect()
    }

    /// Lets every socket that does not accept yet do so: `spawn` runs the task.
    pub(crate) fn accept_with(&mut self, spawn: impl Fn(Weak<TcpListener>) -> AbortHandle) {
        for socket in &mut self.sockets {
            if socket.task.is_none() {
                socket.task = Some(spawn(Rc::downgrade(&socket.socket)));
            }
        }
    }

    /// Adds a guard to all sockets. If one refuses it, nothing has changed.
    pub(crate) fn guard(&mut self, guard: Guard) -> io::Result<()> {
        if guard.is_empty() {
            return Ok(());
        }
        let installed = self
            .sockets
            .iter()
            .try_for_each(|socket| guard.install(socket));
        self.guards.push(guard.clone());
        let done = installed.and_then(|()| self.set_all_ttls());
        if done.is_err() {
            // The error of the first step is the one to report.
            let _ = self.unguard(&guard);
        }
        done
    }

    /// Takes a guard away; its key too, unless another guard of the same peers has one. Each socket is tried.
    pub(crate) fn unguard(&mut self, guard: &Guard) -> io::Result<()> {
        let Some(at) = self.guards.iter().rposition(|known| known == guard) else {
            return Ok(());
        };
        self.guards.remove(at);
        let mut done = Ok(());
        for socket in &self.sockets {
            let mut others = self.guards.iter().rev();
            let other = others.find(|other| {
                other.is_of_same_peers(guard) && other.has_key() && other.concerns(socket)
            });
            let taken = match other {
                Some(other) if *other == *guard => Ok(()),
                Some(other) if other.md5_key.is_some() && guard.md5_key.is_some() => {
                    other.install(socket)
                }
                _ => guard.uninstall(socket),
            };
            done = done.and(taken);
        }
        let set = self.set_all_ttls();
        done.and(set)
    }

    /// Replaces a guard by another. If a socket refuses the other one, the first is in force again.
    pub(crate) fn exchange(&mut self, old: Option<&Guard>, new: Option<&Guard>) -> io::Result<()> {
        let (Some(old), Some(new)) = (old, new) else {
            old.map_or(Ok(()), |old| self.unguard(old))?;
            return new.map_or(Ok(()), |new| self.guard(new.clone()));
        };
        if old.md5_key.is_some() && new.md5_key.is_some() {
            // There is a key all the time.
            self.guard(new.clone())?;
            return self.unguard(old);
        }
        // A socket has no keys of both kinds for a peer.
        let done = self.unguard(old).and_then(|()| self.guard(new.clone()));
        if done.is_err() {
            // The error of the first step is the one to report.
            let _ = self.guard(old.clone());
        }
        done
    }

    fn set_all_ttls(&self) -> io::Result<()> {
        self.sockets
            .iter()
            .try_for_each(|socket| self.set_ttls(socket))
    }

    /// Sends SYN-ACKs with the greatest TTL that any peer asks for: one that checks it would drop them otherwise. Those
    /// that ask for nothing get the system's. Keeps SYNs if a peer has a smallest TTL.
    fn set_ttls(&self, socket: &Listening) -> io::Result<()> {
        let of_socket = || self.guards.iter().filter(|guard| guard.concerns(socket));
        let unspecified: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        for (ip, default) in unspecified.into_iter().zip(socket.default_ttl) {
            let Some(default) = default else { continue };
            let of_version = of_socket().filter(|guard| guard.address.is_ipv4() == ip.is_ipv4());
            let greatest = of_version.filter_map(|guard| guard.ttl).max();
            let ttl = greatest.filter(|ttl| *ttl > default);
            sockopt::set_ttl(socket.socket.as_fd(), ip, ttl)?;
        }
        let keeps = of_socket().any(|guard| guard.min_ttl.is_some());
        sockopt::keep_syns(socket.socket.as_fd(), keeps)
    }
}

fn bind(address: SocketAddr, interface: Option<&str>) -> io::Result<Socket> {
    let socket = Socket::new(
        domain(address.ip()),
        Type::STREAM.nonblocking().cloexec(),
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if let Some(interface) = interface {
        sockopt::bind_interface(socket.as_fd(), interface)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// Accepts for ever. One that failed in the meantime is no reason to stop; without descriptors we wait a little.
///
/// The socket is not owned here: it closes at once when [`Listeners`] drops it, not when this task has its next turn.
pub(crate) async fn accept(listener: Weak<TcpListener>, mut with: impl FnMut(TcpStream, ConnInfo)) {
    let mut next = poll_fn(move |cx| match listener.upgrade() {
        Some(listener) => listener.poll_accept(cx).map(Some),
        None => Poll::Ready(None),
    });
    while let Some(accepted) = (&mut next).await {
        let accepted = accepted.and_then(|(stream, remote)| {
            stream.set_nodelay(true)?;
            let local = stream.local_addr()?;
            Ok((stream, ConnInfo { local, remote }))
        });
        match accepted {
            Ok((stream, ends)) => with(stream, ends),
            Err(error) => {
                tracing::warn!(error = %error, "cannot accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::Asn;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
    }

    #[test]
    fn guards_reach_sockets_opened_before_and_after_them() {
        let runtime = runtime();
        let _guard = runtime.enter();
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let mut listeners = Listeners::default();
        let ttl = |listeners: &Listeners, at: usize| {
            sockopt::ttl(listeners.sockets[at].socket.as_fd(), ip).expect("a ttl")
        };
        listeners
            .open(SocketAddr::new(ip, 0), None)
            .expect("a port");
        let default = ttl(&listeners, 0);
        let mut peer = PeerConfig::new(ip, Asn(65000));
        peer.min_ttl = Some(255);
        let guard = Guard::new(&peer, None);
        listeners.guard(guard.clone()).expect("a guard");
        let second = listeners
            .open(SocketAddr::new(ip, 0), None)
            .expect("a port");
        assert_eq!((ttl(&listeners, 0), ttl(&listeners, 1)), (255, 255));
        listeners.unguard(&guard).expect("a guard");
        assert_eq!((ttl(&listeners, 0), ttl(&listeners, 1)), (default, default));
        // A peer that wants less does not take from others what they need.
        let mut near = PeerConfig::new(ip, Asn(65000));
        near.ttl = Some(1);
        listeners.guard(Guard::new(&near, None)).expect("a guard");
        assert_eq!((ttl(&listeners, 0), ttl(&listeners, 1)), (default, default));
        assert!(listeners.close(second) && !listeners.close(second));
        assert_eq!(listeners.addresses().len(), 1);
    }

    #[test]
    fn a_used_address_is_a_named_error() {
        let runtime = runtime();
        let _guard = runtime.enter();
        let mut listeners = Listeners::default();
        let address = listeners
            .open("127.0.0.1:0".parse().expect("an address"), None)
            .expect("a port");
        let error = listeners.open(address, None).expect_err("in use");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
