//! The embeddable library, over loopback sockets and, where time matters, over pipes in virtual time.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use oxabgp::bgp::message::MessageType;
use oxabgp::bgp::message::open::Open;
use oxabgp::bgp::message::refresh::RouteRefresh;
use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::{Asn, Negotiated, Notification};
use oxabgp::fsm::{CloseReason, Direction, State};
use oxabgp::speaker::{Outbox, PeerConfig, Plugin, Server, SessionEvent, UpdateWriter};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

mod calls;
mod channel;
mod corebgp;
mod crowd;
mod decoder;
mod embed;
mod library;
mod listeners;
mod many;
mod pair;
mod raw;
mod repetition;
mod resets;
mod socket_options;
mod sockets;
mod virtual_time;
mod writing;
mod zones;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// How long any step may take in real time.
const LIMIT: Duration = Duration::from_secs(60);

/// The calls of a plugin.
#[derive(Debug)]
enum Seen {
    Connected,
    State(State),
    Open,
    Established(Rc<Negotiated>, UpdateWriter),
    /// Its NLRI.
    Update(Vec<u8>),
    Refresh(RouteRefresh),
    Message(Direction, MessageType),
    Closed(CloseReason),
    GaveUp,
}

/// A plugin that records its calls and acts according to its [`Watch`].
struct Recorder {
    seen: UnboundedSender<Seen>,
    script: Rc<Script>,
}

/// Instructions for a recorder.
#[derive(Default)]
struct Script {
    /// Not ready to receive more.
    busy: Cell<bool>,
    /// To be sent by `fill`, repeatedly if `endless`.
    queue: RefCell<VecDeque<Bytes>>,
    endless: Cell<bool>,
    /// To reject the next OPEN or UPDATE with.
    refuse_open: RefCell<Option<Notification>>,
    refuse_update: RefCell<Option<Notification>>,
    /// Panic at the next UPDATE.
    panic: Cell<bool>,
    wake: Arc<Notify>,
}

/// The test's side of a recorder.
struct Watch {
    seen: UnboundedReceiver<Seen>,
    script: Rc<Script>,
    /// How long to wait for anything.
    limit: Duration,
}

fn recorder() -> (Recorder, Watch) {
    let (sender, receiver) = unbounded_channel();
    let script = Rc::new(Script::default());
    (
        Recorder {
            seen: sender,
            script: Rc::clone(&script),
        },
        Watch {
            seen: receiver,
            script,
            limit: LIMIT,
        },
    )
}

impl Recorder {
    fn note(&self, seen: Seen) {
        // The test may have dropped its side.
        let _ = self.seen.send(seen);
    }
}

impl Plugin for Recorder {
    fn on_open(&mut self, _: &PeerConfig, _: &Open) -> Result<(), Notification> {
        self.note(Seen::Open);
        self.script.refuse_open.take().map_or(Ok(()), Err)
    }

    fn on_established(&mut self, _: &PeerConfig, session: &Rc<Negotiated>, writer: UpdateWriter) {
        self.note(Seen::Established(Rc::clone(session), writer));
    }

    fn on_update(&mut self, _: &PeerConfig, update: Update<'_>) -> Result<(), Notification> {
        assert!(!self.script.panic.take(), "as the test asked for");
        self.note(Seen::Update(update.nlri.to_vec()));
        self.script.refuse_update.take().map_or(Ok(()), Err)
    }

    fn on_close(&mut self, _: &PeerConfig, reason: &CloseReason) {
        self.note(Seen::Closed(reason.clone()));
    }

    fn on_refresh(&mut self, _: &PeerConfig, refresh: RouteRefresh) {
        self.note(Seen::Refresh(refresh));
    }

    fn on_event(&mut self, _: &PeerConfig, event: &SessionEvent<'_>) {
        match event {
            SessionEvent::Connected(..) => self.note(Seen::Connected),
            SessionEvent::Transition { to, .. } => self.note(Seen::State(*to)),
            SessionEvent::Message { direction, message } => {
                self.note(Seen::Message(*direction, message.kind));
            }
            SessionEvent::GaveUp => self.note(Seen::GaveUp),
            _ => {}
        }
    }

    fn observes_updates_sent(&self) -> bool {
        true
    }

    fn fill(&mut self, _: &PeerConfig, outbox: &mut Outbox) {
        let mut queue = self.script.queue.borrow_mut();
        while outbox.has_room()
            && let Some(messages) = queue.pop_front()
        {
            if self.script.endless.get() {
                queue.push_front(messages.clone());
            }
            outbox.push(messages);
        }
    }

    fn ready(&self) -> bool {
        !self.script.busy.get()
    }

    fn waker(&self) -> Option<Arc<Notify>> {
        Some(Arc::clone(&self.script.wake))
    }
}

impl Watch {
    /// The next call from now on that `pick` accepts.
    async fn until<T>(&mut self, mut pick: impl FnMut(Seen) -> Option<T>) -> T {
        let mut log = Vec::new();
        let found = tokio::time::timeout(self.limit, async {
            loop {
                let seen = self.seen.recv().await.expect("the plugin lives");
                log.push(format!("{seen:?}"));
                if let Some(found) = pick(seen) {
                    return found;
                }
            }
        });
        match found.await {
            Ok(found) => found,
            Err(_) => panic!("not seen in time; seen was {log:#?}"),
        }
    }

    async fn established(&mut self) -> (Rc<Negotiated>, UpdateWriter) {
        self.until(|seen| match seen {
            Seen::Established(session, writer) => Some((session, writer)),
            _ => None,
        })
        .await
    }

    async fn closed(&mut self) -> CloseReason {
        self.until(|seen| match seen {
            Seen::Closed(reason) => Some(reason),
            _ => None,
        })
        .await
    }

    /// The NLRI of the next UPDATE.
    async fn nlri(&mut self) -> Vec<u8> {
        self.until(|seen| match seen {
            Seen::Update(nlri) => Some(nlri),
            _ => None,
        })
        .await
    }
}

/// Reports that a test cannot run here.
#[expect(clippy::print_stderr, reason = "a skipped test is reported")]
fn skip(reason: &str) {
    eprintln!("SKIPPED: {reason}");
}

/// Whether this kernel has MD5 signatures; reports it if not.
pub(crate) fn signs() -> bool {
    let signs = oxabgp::speaker::connect::md5_supported();
    if !signs {
        skip("this kernel does not sign TCP segments (CONFIG_TCP_MD5SIG)");
    }
    signs
}

/// Whether a connection with that MD5 key comes about.
pub(crate) fn reaches(address: SocketAddr, key: Option<&[u8]>) -> bool {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let socket = socket.expect("a socket");
    if let Some(key) = key {
        let fd = std::os::fd::AsFd::as_fd(&socket);
        oxabgp::speaker::sockopt::set_md5(fd, address.ip(), None, key).expect("a key");
    }
    let limit = Duration::from_millis(500);
    socket.connect_timeout(&address.into(), limit).is_ok()
}

/// A running server with a listener on loopback.
fn serving(router_id: [u8; 4]) -> (Server, SocketAddr) {
    let server = Server::new(Ipv4Addr::from(router_id));
    let address = server
        .listen(SocketAddr::new(LOOPBACK, 0))
        .expect("a port on loopback");
    server.start();
    (server, address)
}

/// A neighbor on loopback that waits for the peer.
fn passive(local_as: u32, peer_as: u32) -> PeerConfig {
    let mut config = PeerConfig::new(LOOPBACK, Asn(local_as));
    config.peer_as = Some(Asn(peer_as));
    config.passive = true;
    config
}

/// A neighbor that we connect to.
fn active(local_as: u32, peer_as: u32, address: SocketAddr) -> PeerConfig {
    let mut config = PeerConfig::new(address.ip(), Asn(local_as));
    config.peer_as = Some(Asn(peer_as));
    config.port = address.port();
    config
}
