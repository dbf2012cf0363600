//! A network in virtual time: connections with latency, fragments, stalls and cuts.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::fsm::ConnInfo;
use crate::speaker::connect::Dialing;
use crate::speaker::{PeerConfig, Server, Stream, Transport};

/// What the daemon and a peer may each write before the other reads, in bytes.
const BUFFER: usize = 16 * 1024;
/// The port of every listener.
const PORT: u16 = 179;

/// Random numbers from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// Returns `true` in `parts` of 1,000 cases.
    pub(super) fn chance(&mut self, parts: u64) -> bool {
        self.below(1_000) < parts
    }

    /// A duration below `limit` milliseconds.
    pub(super) fn millis(&mut self, limit: u64) -> Duration {
        Duration::from_millis(self.below(limit))
    }
}

/// The line between the daemon and one peer.
pub(super) struct Line {
    random: RefCell<Random>,
    /// The longest latency of a fragment, in milliseconds.
    latency: u64,
    stalled_until: Cell<Instant>,
    cut: Notify,
    arrivals: RefCell<VecDeque<DuplexStream>>,
    arrived: Notify,
}

impl Line {
    pub(super) fn new(mut random: Random) -> Rc<Self> {
        Rc::new(Self {
            latency: 1 + random.below(40),
            random: RefCell::new(random),
            stalled_until: Cell::new(Instant::now()),
            cut: Notify::new(),
            arrivals: RefCell::default(),
            arrived: Notify::new(),
        })
    }

    /// Ends all connections at once, without what is under way.
    pub(super) fn cut(&self) {
        self.cut.notify_waiters();
    }

    /// Carries nothing for this long.
    pub(super) fn stall(&self, time: Duration) {
        self.stalled_until.set(Instant::now() + time);
    }

    /// Waits for a connection of the daemon.
    pub(super) async fn accept(&self) -> DuplexStream {
        loop {
            if let Some(stream) = self.arrivals.borrow_mut().pop_front() {
                return stream;
            }
            self.arrived.notified().await;
        }
    }

    /// Two connected ends.
    fn connect(self: &Rc<Self>) -> (DuplexStream, DuplexStream) {
        let (near, near_end) = duplex(BUFFER);
        let (far, far_end) = duplex(BUFFER);
        let line = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let (near_read, near_write) = tokio::io::split(near_end);
            let (far_read, far_write) = tokio::io::split(far_end);
            let both = async {
                tokio::join!(
                    line.carry(near_read, far_write),
                    line.carry(far_read, near_write)
                )
            };
            tokio::select! {
                _ = both => {}
                () = line.cut.notified() => {}
            }
        });
        (near, far)
    }

    async fn delay(&self) {
        let latency = self.random.borrow_mut().millis(self.latency);
        tokio::time::sleep(latency).await;
        while self.stalled_until.get() > Instant::now() {
            sleep_until(self.stalled_until.get()).await;
        }
    }

    async fn carry(&self, mut from: ReadHalf<DuplexStream>, mut to: WriteHalf<DuplexStream>) {
        let mut buffer = vec![0; BUFFER];
        loop {
            let most = {
                let mut random = self.random.borrow_mut();
                let limit = if random.chance(100) {
                    64
                } else {
                    BUFFER as u64
                };
                1 + usize::try_from(random.below(limit)).unwrap_or_default()
            };
            let Ok(count @ 1..) = from.read(&mut buffer[..most]).await else {
                break;
            };
            self.delay().await;
            if to.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
        self.delay().await;
        let _ = to.shutdown().await;
    }
}

/// All lines, by the addresses of the peers.
#[derive(Default)]
pub(super) struct Network {
    lines: RefCell<HashMap<IpAddr, Rc<Line>>>,
}

impl Network {
    pub(super) fn add(&self, address: IpAddr, line: &Rc<Line>) {
        self.lines.borrow_mut().insert(address, Rc::clone(line));
    }

    /// Connects a peer to the daemon.
    pub(super) async fn dial_daemon(&self, peer: IpAddr, to: (&Server, IpAddr)) -> DuplexStream {
        let line = Rc::clone(&self.lines.borrow()[&peer]);
        line.delay().await;
        let (near, far) = line.connect();
        let ends = ConnInfo {
            local: SocketAddr::new(to.1, PORT),
            remote: SocketAddr::new(peer, 40_000),
        };
        to.0.incoming(Box::new(near), ends);
        far
    }
}

impl Transport for Network {
    fn dial(&self, peer: &PeerConfig) -> Dialing {
        let line = self.lines.borrow().get(&peer.remote_address).cloned();
        let ends = ConnInfo {
            local: SocketAddr::new(peer.local_address.unwrap_or(peer.remote_address), 40_000),
            remote: SocketAddr::new(peer.remote_address, PORT),
        };
        Box::pin(async move {
            let line = line.ok_or(io::ErrorKind::ConnectionRefused)?;
            line.delay().await;
            if line.random.borrow_mut().chance(50) {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let (near, far) = line.connect();
            line.arrivals.borrow_mut().push_back(far);
            line.arrived.notify_one();
            Ok((Box::new(near) as Box<dyn Stream>, ends))
        })
    }
}
