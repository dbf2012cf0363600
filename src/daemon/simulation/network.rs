//! A network in virtual time: connections with latency, fragments, stalls and cuts.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::RawFd;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{
    AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex,
};
use tokio::sync::Notify;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::daemon::handover::sockets::Sockets;
use crate::daemon::process::Running;
use crate::fsm::ConnInfo;
use crate::speaker::connect::Dialing;
use crate::speaker::numbered::{Numbered, Shared};
use crate::speaker::{PeerConfig, Server, Stream, Transport};

/// What the daemon and a peer may each write at most before the other reads, in bytes.
const BUFFER: usize = 16 * 1024;
/// The port of every listener.
const PORT: u16 = 179;

/// Where connections to the daemon go: the speaker, and what runs its tasks.
pub(super) type Door = (Server, Rc<LocalSet>);

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
    /// What each end may write before the other reads, in bytes.
    buffer: usize,
    stalled_until: Cell<Instant>,
    cut: Notify,
    arrivals: RefCell<VecDeque<DuplexStream>>,
    arrived: Notify,
}

impl Line {
    pub(super) fn new(mut random: Random) -> Rc<Self> {
        Rc::new(Self {
            latency: 1 + random.below(40),
            // Of some lines the daemon soon finds that they take no more.
            buffer: BUFFER >> random.below(5),
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
    fn connect(self: &Rc<Self>, tasks: &Weak<LocalSet>) -> (DuplexStream, DuplexStream) {
        let (near, near_end) = duplex(self.buffer);
        let (far, far_end) = duplex(self.buffer);
        let line = Rc::clone(self);
        let tasks = tasks.upgrade().expect("it runs");
        tasks.spawn_local(async move {
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
        sleep(latency).await;
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
pub(super) struct Network {
    lines: RefCell<HashMap<IpAddr, Rc<Line>>>,
    /// The connections of the daemon, by their numbers.
    open: RefCell<BTreeMap<RawFd, Weak<RefCell<DuplexStream>>>>,
    /// Those that one daemon has left to the next.
    left: RefCell<BTreeMap<RawFd, Shared>>,
    last: Cell<RawFd>,
    /// What runs the lines, which outlive a daemon.
    tasks: Weak<LocalSet>,
}

impl Network {
    pub(super) fn new(tasks: &Rc<LocalSet>) -> Self {
        Self {
            lines: RefCell::default(),
            open: RefCell::default(),
            left: RefCell::default(),
            last: Cell::default(),
            tasks: Rc::downgrade(tasks),
        }
    }

    pub(super) fn add(&self, address: IpAddr, line: &Rc<Line>) {
        self.lines.borrow_mut().insert(address, Rc::clone(line));
    }

    /// Connects a peer to the daemon.
    pub(super) async fn dial_daemon(
        &self,
        peer: IpAddr,
        to: (&RefCell<Option<Door>>, IpAddr),
    ) -> DuplexStream {
        let line = Rc::clone(&self.lines.borrow()[&peer]);
        line.delay().await;
        let (server, local) = loop {
            let door = to.0.borrow().clone();
            match door {
                Some(door) => break door,
                // Between two daemons, the kernel has it.
                None => sleep(Duration::from_millis(50)).await,
            }
        };
        let (near, far) = line.connect(&self.tasks);
        let ends = ConnInfo {
            local: SocketAddr::new(to.1, PORT),
            remote: SocketAddr::new(peer, 40_000),
        };
        // A neighbor that is made for it ends with the daemon.
        let _entered = local.enter();
        server.incoming(Box::new(self.number(near)), ends);
        far
    }

    /// Numbers a connection of the daemon.
    fn number(&self, near: DuplexStream) -> Numbered {
        let number = self.last.get() + 1;
        self.last.set(number);
        let stream = Rc::new(RefCell::new(near));
        let mut open = self.open.borrow_mut();
        open.retain(|_, stream| stream.strong_count() > 0);
        open.insert(number, Rc::downgrade(&stream));
        Numbered { number, stream }
    }

    /// Closes all connections of the daemon except those with these numbers, which the next one may take.
    pub(super) fn leave(&self, numbers: &[RawFd]) {
        for (number, stream) in &*self.open.borrow() {
            let Some(stream) = stream.upgrade() else {
                continue;
            };
            if numbers.contains(number) {
                self.left.borrow_mut().insert(*number, stream);
            } else {
                stream.replace(duplex(1).0);
            }
        }
    }

    /// How many of those have not been taken.
    pub(super) fn left(&self) -> usize {
        self.left.borrow().len()
    }
}

/// The network as the daemon has it.
pub(super) struct Wire(pub(super) Rc<Network>);

impl Sockets for Network {
    fn connection(&self, number: RawFd) -> io::Result<Box<dyn Stream>> {
        let stream = self.left.borrow_mut().remove(&number);
        let stream = stream.ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(Numbered { number, stream }))
    }

    fn send(&self, number: RawFd, bytes: &[u8]) -> io::Result<usize> {
        let stream = self.open.borrow().get(&number).and_then(Weak::upgrade);
        let stream = stream.ok_or(io::ErrorKind::NotFound)?;
        let context = &mut Context::from_waker(Waker::noop());
        match Pin::new(&mut *stream.borrow_mut()).poll_write(context, bytes) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn helper(&self, _: i32, _: [RawFd; 3]) -> io::Result<Option<Running>> {
        Ok(None)
    }
}

impl Transport for Wire {
    fn dial(&self, peer: &PeerConfig) -> Dialing {
        let network = Rc::clone(&self.0);
        let line = network.lines.borrow().get(&peer.remote_address).cloned();
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
            let (near, far) = line.connect(&network.tasks);
            let near = network.number(near);
            line.arrivals.borrow_mut().push_back(far);
            line.arrived.notify_one();
            Ok((Box::new(near) as Box<dyn Stream>, ends))
        })
    }
}
