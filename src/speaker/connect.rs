//! Outgoing connections, and what every connection of a peer is set up with.
//!
//! [`Transport`] is the seam: [`Tcp`] is the real one, tests and tunnels bring their own. A connection attempt is a future
//! that the neighbor's task owns: to drop it is to give up.

use std::any::Any;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::{Pin, pin};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::config::{TcpAoAlgorithm, TcpAoKey};
use super::outbox::Outbox;
use super::{PeerConfig, sockopt};
use crate::bgp::Zone;
use crate::fsm::ConnInfo;

/// How long a signed SYN may stay unanswered before a possible cause is logged.
const MD5_SILENCE: Duration = Duration::from_secs(3);

/// A connection's bytes.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Any {}

impl<T: AsyncRead + AsyncWrite + Unpin + Any> Stream for T {}

/// A connection attempt.
pub type Dialing = Pin<Box<dyn Future<Output = io::Result<(Box<dyn Stream>, ConnInfo)>>>>;

/// How connections are made.
pub trait Transport {
    /// Connects to `peer`.
    fn dial(&self, peer: &PeerConfig) -> Dialing;
}

/// Connections over TCP.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl Transport for Tcp {
    fn dial(&self, peer: &PeerConfig) -> Dialing {
        let socket = socket(peer);
        let remote = destination(peer);
        let signed = match (&peer.md5_key, &peer.tcp_ao) {
            (Some(_), _) => Some("md5"),
            (None, Some(_)) => Some("tcp-ao"),
            (None, None) => None,
        };
        let name = peer.name.clone();
        Box::pin(async move {
            let remote = remote?;
            let mut connecting = pin!(socket?.connect(remote));
            let stream = if let Some(signed) = signed {
                match tokio::time::timeout(MD5_SILENCE, connecting.as_mut()).await {
                    Ok(done) => done?,
                    Err(_) => {
                        tracing::warn!(
                            neighbor = %name,
                            remote = %remote,
                            "no answer to a connection with {signed} for 3 seconds: the peer's {signed} key may differ"
                        );
                        connecting.await?
                    }
                }
            } else {
                connecting.await?
            };
            let (stream, ends) = connected(stream)?;
            // With the zone that was asked for.
            Ok((stream, ConnInfo { remote, ..ends }))
        })
    }
}

/// Makes a connection of a TCP stream, for [`Plugin::dial`](super::Plugin::dial).
///
/// # Errors
/// Those of the system.
pub fn connected(stream: TcpStream) -> io::Result<(Box<dyn Stream>, ConnInfo)> {
    stream.set_nodelay(true)?;
    let ends = ConnInfo {
        local: stream.local_addr()?,
        remote: stream.peer_addr()?,
    };
    Ok((Box::new(stream), ends))
}

/// Where to connect to: address, port, and for a link-local address its link.
///
/// # Errors
/// There is no interface of that name.
pub fn destination(peer: &PeerConfig) -> io::Result<SocketAddr> {
    on_link(peer.remote_address, peer.port, peer)
}

/// The zone of a link-local address of a connection: the name of the interface that its scope stands for. The opposite
/// of [`scoped`].
pub fn zone(address: SocketAddr) -> Option<Zone> {
    match address {
        SocketAddr::V6(address) if address.ip().is_unicast_link_local() => {
            let name = sockopt::interface_name(address.scope_id()).ok()?;
            Zone::new(&name)
        }
        _ => None,
    }
}

/// A socket set up and bound as `peer` wants it: source address, interface (which may be a VRF), TTL, keys.
///
/// # Errors
/// Those of the system, such as an address that is not ours or an interface that is not there.
pub fn socket(peer: &PeerConfig) -> io::Result<TcpSocket> {
    let socket = Socket::new(
        domain(peer.remote_address),
        Type::STREAM.nonblocking().cloexec(),
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    if let Some(interface) = &peer.interface {
        sockopt::bind_interface(socket.as_fd(), interface)?;
    }
    if let Some(local) = peer.source_address.or(peer.local_address) {
        socket.bind(&on_link(local, 0, peer)?.into())?;
    }
    secure(socket.as_fd(), peer)?;
    if let Some(key) = &peer.md5_key {
        sockopt::set_md5(socket.as_fd(), peer.remote_address, None, key)?;
    }
    for (at, key) in peer.tcp_ao_keys().enumerate() {
        let usage = if at == 0 {
            sockopt::AoUsage::Current
        } else {
            sockopt::AoUsage::Next
        };
        sockopt::set_ao(socket.as_fd(), peer.remote_address, None, (key, usage))?;
    }
    Ok(TcpSocket::from_std_stream(socket.into()))
}

/// An address and port; a link-local IPv6 address is that of the peer's link.
fn on_link(address: IpAddr, port: u16, peer: &PeerConfig) -> io::Result<SocketAddr> {
    let named = peer.zone.as_ref().map(Zone::as_str);
    match (address, named.or(peer.interface.as_deref())) {
        (IpAddr::V6(address), Some(interface)) if address.is_unicast_link_local() => {
            let scope = sockopt::interface_index(interface).map_err(|error| {
                io::Error::new(error.kind(), format!("interface {interface}: {error}"))
            })?;
            Ok(SocketAddrV6::new(address, port, 0, scope).into())
        }
        _ => Ok(SocketAddr::new(address, port)),
    }
}

/// An address and port to listen at; a link-local IPv6 address is that of the interface `zone`, if there is one of that name.
pub fn scoped(address: IpAddr, port: u16, zone: Option<Zone>) -> SocketAddr {
    let index = zone.and_then(|zone| sockopt::interface_index(zone.as_str()).ok());
    match (address, index) {
        (IpAddr::V6(address), Some(scope)) if address.is_unicast_link_local() => {
            SocketAddrV6::new(address, port, 0, scope).into()
        }
        _ => SocketAddr::new(address, port),
    }
}

/// Sets up a connection that `peer` has made to us. Its MD5 key came with the listener's.
///
/// # Errors
/// The kernel's; `PermissionDenied` if the connection comes from farther away than the peer may be: what arrives with the
/// handshake is not checked by the kernel, but the TTL of the SYN can't be forged (RFC 5082 section 3).
pub(crate) fn accepted(stream: &TcpStream, peer: &PeerConfig) -> io::Result<()> {
    secure(stream.as_fd(), peer)?;
    let Some(least) = peer.min_ttl else {
        return Ok(());
    };
    match sockopt::syn_ttl(stream.as_fd())? {
        Some(ttl) if ttl < least => {
            let text = format!("its TTL is {ttl}, {least} or more is expected (`incoming-ttl`)");
            Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
        }
        _ => Ok(()),
    }
}

/// How long a connection may take to write what is left, and to close.
pub(crate) const CLOSING_TIME: Duration = Duration::from_secs(1);

/// Writes what is left, shuts down the sending side, and reads until the peer closes: with unread input the kernel would
/// reset the connection, and the NOTIFICATION would be lost on the way. Gives up after a second.
pub(crate) async fn drain(mut stream: Box<dyn Stream>, mut outbox: Outbox) {
    let drained = async move {
        while !outbox.is_empty() {
            let count = stream.write_vectored(&outbox.slices()).await?;
            if count == 0 {
                return Ok(());
            }
            outbox.wrote(count);
        }
        stream.shutdown().await?;
        let mut ignored = [0; 4096];
        while stream.read(&mut ignored).await? > 0 {}
        io::Result::Ok(())
    };
    // Too late or refused: the connection ends anyway.
    let _ = tokio::time::timeout(CLOSING_TIME, drained).await;
}

/// Bytes that the kernel holds for a peer without having sent them: what is not written yet can still change, and a
/// KEEPALIVE does not stand behind megabytes of routes.
const UNSENT: u32 = 128 * 1024;

/// TTLs of one connection, and how much of what is to be sent the kernel takes in advance.
fn secure(socket: BorrowedFd<'_>, peer: &PeerConfig) -> io::Result<()> {
    // A kernel that does not know this option sends no less.
    let _ = SockRef::from(&socket).set_tcp_notsent_lowat(UNSENT);
    sockopt::set_ttl(socket, peer.remote_address, peer.outgoing_ttl())?;
    if let Some(ttl) = peer.min_ttl {
        sockopt::set_min_ttl(socket, peer.remote_address, ttl)?;
    }
    Ok(())
}

/// Returns `true` if this kernel signs segments at all, for an early warning.
pub fn md5_supported() -> bool {
    Socket::new(Domain::IPV4, Type::STREAM, None).is_ok_and(|socket| {
        sockopt::set_md5(socket.as_fd(), IpAddr::from([127, 0, 0, 1]), None, b"key").is_ok()
    })
}

/// Whether this kernel knows the TCP authentication option.
pub fn ao_supported() -> bool {
    let key = TcpAoKey {
        key_id: 1,
        algorithm: TcpAoAlgorithm::HmacSha1,
        key: b"key".to_vec(),
    };
    Socket::new(Domain::IPV4, Type::STREAM, None).is_ok_and(|socket| {
        sockopt::set_ao(
            socket.as_fd(),
            IpAddr::from([127, 0, 0, 1]),
            None,
            (&key, sockopt::AoUsage::Current),
        )
        .is_ok()
    })
}

/// The socket domain of an address.
pub(crate) const fn domain(address: IpAddr) -> Domain {
    match address {
        IpAddr::V4(_) => Domain::IPV4,
        IpAddr::V6(_) => Domain::IPV6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::Asn;
    use std::net::Ipv4Addr;

    #[test]
    fn an_outgoing_socket_has_what_the_peer_asks_for() {
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let mut peer = PeerConfig::new(address, Asn(65000));
        peer.min_ttl = Some(255);
        peer.local_address = Some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .expect("a runtime");
        let _guard = runtime.enter();
        let outgoing = socket(&peer).expect("a socket on loopback");
        assert_eq!(
            sockopt::min_ttl(outgoing.as_fd(), address).expect("ttl"),
            255
        );
        assert_eq!(sockopt::ttl(outgoing.as_fd(), address).expect("ttl"), 255);
        let local = outgoing.local_addr().expect("an address");
        assert_eq!(Some(local.ip()), peer.local_address);
        assert_eq!(
            SockRef::from(&outgoing).tcp_notsent_lowat().ok(),
            Some(UNSENT)
        );
        peer.interface = Some("no-such-interface".to_owned());
        assert!(socket(&peer).is_err());
    }

    #[test]
    fn link_local_addresses_are_those_of_the_interface() {
        let address: IpAddr = "fe80::1".parse().expect("an address");
        let mut peer = PeerConfig::new(address, Asn(65000));
        let plain = on_link(address, 179, &peer).expect("no interface to look up");
        assert_eq!(plain.to_string(), "[fe80::1]:179");
        peer.interface = Some("lo".to_owned());
        let index = sockopt::interface_index("lo").expect("loopback");
        let wanted = format!("[fe80::1%{index}]:179");
        let shown = on_link(address, 179, &peer).expect("loopback is there");
        assert_eq!(shown.to_string(), wanted);
        // A zone does the same, and stands before the interface.
        peer.zone = Zone::new("lo");
        peer.interface = Some("no-such-link".to_owned());
        let shown = on_link(address, 179, &peer).expect("loopback is there");
        assert_eq!(shown.to_string(), wanted);
        assert_eq!(scoped(address, 179, peer.zone).to_string(), wanted);
        assert_eq!(zone(shown), peer.zone);
        peer.zone = Zone::new("no-such-link");
        let error = on_link(address, 179, &peer).expect_err("there is none");
        assert!(error.to_string().contains("no-such-link"), "{error}");
        assert_eq!(scoped(address, 179, peer.zone).to_string(), "[fe80::1]:179");
    }
}
