//! A monitoring station: routers connect and send BMP.
//!
//! Each router has a thread, and all share a channel of a few messages. When the reader of the stream is slow, the channel fills,
//! the threads stop reading, and TCP holds the routers back: memory is bounded and nothing is lost. Nothing is ever sent to a
//! router (RFC 7854 section 3.1).

use std::io::{self, Read as _};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, SystemTime};

use crate::bmp::frame;
use crate::mrt::Timestamp;
use crate::stream::decoder::Detection;
use crate::stream::record::Origin;

use super::arrival::{Arrival, Live, Produce};
use super::bmp::Router;

/// Routers that may be connected at a time.
const MOST_ROUTERS: usize = 256;

/// Messages of all routers that wait at most.
const WAITING: usize = 64;

/// Bytes that are read at once.
const BLOCK: usize = 64 << 10;

/// Idle time after which TCP asks whether a router still exists.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// A station that routers connect to.
#[derive(Debug)]
pub struct BmpListener {
    listener: TcpListener,
    address: SocketAddr,
}

/// The records of all routers, and the end of listening when dropped.
struct Station {
    arrivals: Receiver<Arrival>,
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

/// What the threads share.
#[derive(Clone)]
struct Shared {
    arrivals: SyncSender<Arrival>,
    routers: Arc<AtomicUsize>,
    stopped: Arc<AtomicBool>,
}

impl BmpListener {
    /// Listens on an address.
    ///
    /// # Errors
    /// When that is not possible.
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// The address that it listens on.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Accepts routers from now on, as a feed for [`Builder::live`](crate::stream::Builder::live). Dropping the stream ends it.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(self, detection: Detection) -> io::Result<Live> {
        let (sender, arrivals) = sync_channel(WAITING);
        let stopped = Arc::new(AtomicBool::new(false));
        let shared = Shared {
            arrivals: sender,
            routers: Arc::default(),
            stopped: stopped.clone(),
        };
        let listener = self.listener;
        std::thread::Builder::new()
            .name("bmp".into())
            .spawn(move || accept(&listener, &shared))?;
        let station = Station {
            arrivals,
            address: self.address,
            stopped,
        };
        Ok(Live::new(station, detection))
    }
}

impl Produce for Station {
    fn produce(&mut self) -> Option<Arrival> {
        self.arrivals.recv().ok()
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts. An unspecified address means this host.
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        let _ = TcpStream::connect_timeout(&address, Duration::from_secs(1));
    }
}

fn accept(listener: &TcpListener, shared: &Shared) {
    loop {
        let accepted = listener.accept();
        if shared.stopped.load(Ordering::Relaxed) {
            return;
        }
        match accepted {
            Ok((stream, address)) => admit(stream, address, shared),
            // Too many open files, for instance: connections that end make room.
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

fn admit(stream: TcpStream, address: SocketAddr, shared: &Shared) {
    if shared.routers.load(Ordering::Relaxed) >= MOST_ROUTERS {
        // Closed at once; the router tries again later (RFC 7854 section 3.2).
        return;
    }
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE);
    // Without it a router that vanished would keep its place, which is no reason to refuse it.
    let _ = socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive);
    shared.routers.fetch_add(1, Ordering::Relaxed);
    let own = shared.clone();
    let started = std::thread::Builder::new()
        .name("bmp router".into())
        .spawn(move || {
            listen(stream, address, &own);
            own.routers.fetch_sub(1, Ordering::Relaxed);
        });
    if started.is_err() {
        shared.routers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Reads what a router sends until it leaves, sends what is not BMP, or the stream ends.
fn listen(mut stream: TcpStream, address: SocketAddr, shared: &Shared) {
    let mut router = Router::new(Origin {
        router_ip: Some(address.ip().to_canonical()),
        name: address.to_string(),
        ..Origin::default()
    });
    let mut buffer = Vec::new();
    let mut block = vec![0; BLOCK];
    loop {
        let count = match stream.read(&mut block) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(count @ 1..) => count,
            Ok(_) | Err(_) => {
                if !buffer.is_empty() {
                    let reason = "the connection ended inside of a message";
                    let _ = shared.arrivals.send(lost(&router, reason, buffer.len()));
                }
                return;
            }
        };
        buffer.extend_from_slice(&block[..count]);
        let mut at = 0;
        loop {
            match frame(&buffer[at..]) {
                Ok(None) => break,
                Ok(Some(length)) => {
                    let mut gone = false;
                    let ended = router.take(&buffer[at..at + length], Some(now()), &mut |one| {
                        gone |= shared.arrivals.send(one).is_err();
                    });
                    if ended || gone {
                        return;
                    }
                    at += length;
                }
                Err(error) => {
                    // RFC 7854 has no way to find the next message: the connection is useless.
                    let reason = format!("expected {error}; the connection is closed");
                    let _ = shared
                        .arrivals
                        .send(lost(&router, &reason, buffer.len() - at));
                    return;
                }
            }
        }
        buffer.drain(..at);
    }
}

fn lost(router: &Router, reason: &str, length: usize) -> Arrival {
    let reason = format!("{reason} ({length} bytes are lost)");
    Arrival::damaged(router.origin().clone(), now(), reason, None)
}

/// The time, for messages whose header has none.
pub(super) fn now() -> Timestamp {
    SystemTime::now().into()
}
