//! BGP sessions of our own: what the peers send, and how the sessions change, as records.
//!
//! The sessions run on a thread of their own. When the reader of the stream is slow, nothing more is read from the peers, while
//! KEEPALIVEs go on: memory is bounded, and a slow reader ends no session.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use crate::bgp::message::update::Update;
use crate::bgp::{Negotiated, Notification};
use crate::fsm::{self, Cease, CloseReason, State};
use crate::mrt::bgp4mp::{Direction, Session, StateChange};
use crate::speaker::{self, PeerConfig, Plugin, Server, SessionEvent, UpdateWriter};
use crate::stream::block::View;
use crate::stream::decoder::Detection;
use crate::stream::record::Origin;

use super::arrival::{Arrival, Live, Payload, Produce};
use super::bmp_listener::now;

/// Messages that wait for the reader of the stream at most.
const WAITING: usize = 1_024;

/// How often a full channel is looked at again.
const RETRY: Duration = Duration::from_millis(2);

/// Sessions to be had.
#[derive(Debug)]
pub struct Sessions {
    router_id: Ipv4Addr,
    listen: Vec<SocketAddr>,
    peers: Vec<PeerConfig>,
}

/// Why there can be no sessions.
#[derive(Debug)]
#[non_exhaustive]
pub enum SessionsError {
    /// A neighbor is wrong, or an address can't be listened on.
    Speaker(speaker::Error),
    /// The operating system refuses a thread or a runtime.
    System(io::Error),
}

impl fmt::Display for SessionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Speaker(error) => error.fmt(f),
            Self::System(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SessionsError {}

impl From<io::Error> for SessionsError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl From<speaker::Error> for SessionsError {
    fn from(error: speaker::Error) -> Self {
        Self::Speaker(error)
    }
}

/// The records of all sessions. Dropping it ends them.
struct Speaking {
    arrivals: Receiver<Arrival>,
    /// Dropped with it, which the thread notices.
    _stop: oneshot::Sender<()>,
}

impl Produce for Speaking {
    fn produce(&mut self) -> Option<Arrival> {
        self.arrivals.recv().ok()
    }
}

impl Sessions {
    /// No sessions yet, of a speaker with this BGP identifier.
    pub const fn new(router_id: Ipv4Addr) -> Self {
        Self {
            router_id,
            listen: Vec::new(),
            peers: Vec::new(),
        }
    }

    /// Adds a neighbor.
    pub fn peer(&mut self, config: PeerConfig) -> &mut Self {
        self.peers.push(config);
        self
    }

    /// Accepts connections of the neighbors on this address, too.
    pub fn listen(&mut self, address: SocketAddr) -> &mut Self {
        self.listen.push(address);
        self
    }

    /// Starts the sessions, as a feed for [`Builder::live`](crate::stream::Builder::live). Dropping the stream ends them with a
    /// NOTIFICATION. The feed ends by itself when all neighbors have used up their connection attempts.
    ///
    /// # Errors
    /// When a neighbor is wrong, an address can't be listened on, or there can be no thread.
    pub fn start(self, detection: Detection) -> Result<Live, SessionsError> {
        let (sender, arrivals) = sync_channel(WAITING);
        let (stop, stopped) = oneshot::channel();
        let (answer, answered) = sync_channel(1);
        std::thread::Builder::new()
            .name("bgp".into())
            .spawn(move || {
                let result = self.serve(sender, stopped, &answer);
                if let Err(error) = result {
                    // The first answer is the one that counts.
                    let _ = answer.try_send(Err(error));
                }
            })?;
        match answered.recv() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(error),
            Err(_) => return Err(io::Error::other("the sessions could not be started").into()),
        }
        let speaking = Speaking {
            arrivals,
            _stop: stop,
        };
        Ok(Live::new(speaking, detection))
    }

    fn serve(
        self,
        sender: SyncSender<Arrival>,
        stopped: oneshot::Receiver<()>,
        answer: &SyncSender<Result<(), SessionsError>>,
    ) -> Result<(), SessionsError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(tokio::runtime::LocalOptions::default())?;
        runtime.block_on(async move {
            let server = Server::new(self.router_id);
            let over = Rc::new(Over {
                left: Cell::new(self.peers.len()),
                notify: Notify::new(),
            });
            for config in self.peers {
                let observer = Observer::new(&config, sender.clone(), over.clone());
                server.add_peer(config, observer)?;
            }
            // Only the plugins keep the channel open.
            drop(sender);
            for address in self.listen {
                server.listen(address)?;
            }
            server.start();
            let _ = answer.try_send(Ok(()));
            tokio::select! {
                _ = stopped => {}
                () = over.notify.notified() => {}
            }
            server
                .shutdown(Cease::Shutdown("the reader has left".to_owned()))
                .await;
            Ok(())
        })
    }
}

/// How many neighbors have not given up.
struct Over {
    left: Cell<usize>,
    notify: Notify,
}

/// The records of one neighbor on their way to the channel.
struct Outlet {
    sender: SyncSender<Arrival>,
    pending: RefCell<VecDeque<Arrival>>,
    drained: Arc<Notify>,
}

impl Outlet {
    fn offer(self: &Rc<Self>, arrival: Arrival) {
        if !self.pending.borrow().is_empty() {
            self.pending.borrow_mut().push_back(arrival);
            return;
        }
        if let Err(TrySendError::Full(arrival)) = self.sender.try_send(arrival) {
            self.pending.borrow_mut().push_back(arrival);
            let own = Rc::clone(self);
            tokio::task::spawn_local(async move { own.drain().await });
        }
    }

    async fn drain(&self) {
        loop {
            tokio::time::sleep(RETRY).await;
            let mut pending = self.pending.borrow_mut();
            while let Some(arrival) = pending.pop_front() {
                if let Err(TrySendError::Full(arrival)) = self.sender.try_send(arrival) {
                    pending.push_front(arrival);
                    break;
                }
            }
            if pending.is_empty() {
                self.drained.notify_one();
                return;
            }
        }
    }
}

/// Watches one neighbor.
struct Observer {
    outlet: Rc<Outlet>,
    over: Rc<Over>,
    origin: Arc<Origin>,
    session: Session,
    view: View,
    asn4: bool,
}

impl Observer {
    fn new(config: &PeerConfig, sender: SyncSender<Arrival>, over: Rc<Over>) -> Self {
        Self {
            outlet: Rc::new(Outlet {
                sender,
                pending: RefCell::default(),
                drained: Arc::new(Notify::new()),
            }),
            over,
            origin: Arc::new(Origin {
                name: config.name.clone(),
                ..Origin::default()
            }),
            session: Session {
                peer_asn: config.peer_as.map_or(0, |asn| asn.0),
                local_asn: config.local_as.map_or(0, |asn| asn.0),
                interface: 0,
                peer: Some(config.remote_address),
                local: config.local_address,
            },
            view: View::default(),
            asn4: true,
        }
    }

    fn offer(&self, payload: Payload) {
        self.outlet.offer(Arrival {
            view: self.view,
            payload,
            ..Arrival::new(self.origin.clone(), now())
        });
    }
}

/// A state as MRT numbers it (RFC 6396 section 4.4.1).
const fn number(state: State) -> u16 {
    match state {
        State::Idle => 1,
        State::Connect => 2,
        State::Active => 3,
        State::OpenSent => 4,
        State::OpenConfirm => 5,
        State::Established => 6,
    }
}

impl Plugin for Observer {
    fn on_established(&mut self, _: &PeerConfig, _: &Rc<Negotiated>, _: UpdateWriter) {}

    fn on_update(&mut self, _: &PeerConfig, _: Update<'_>) -> Result<(), Notification> {
        // A reader shows what is wrong instead of ending the session.
        Ok(())
    }

    fn on_close(&mut self, _: &PeerConfig, _: &CloseReason) {
        self.view = View::default();
        self.asn4 = true;
    }

    fn on_event(&mut self, _: &PeerConfig, event: &SessionEvent<'_>) {
        match event {
            SessionEvent::Connected(ends, _) => self.session.local = Some(ends.local.ip()),
            SessionEvent::Negotiated(negotiated) => {
                self.session.peer_asn = negotiated.peer_as.0;
                self.session.local_asn = negotiated.local_as.0;
                self.view.add_path = Some(negotiated.codec.add_path_receive);
                self.asn4 = negotiated.codec.asn4;
            }
            SessionEvent::Transition { from, to, .. } if from != to => {
                self.offer(Payload::State(StateChange {
                    session: self.session,
                    old: number(*from),
                    new: number(*to),
                }));
            }
            SessionEvent::Message {
                direction: fsm::Direction::Receive,
                message,
            } => self.offer(Payload::Message {
                session: self.session,
                direction: Direction::Received,
                asn4: self.asn4,
                bytes: message.bytes.clone(),
            }),
            SessionEvent::GaveUp => {
                self.over.left.set(self.over.left.get().saturating_sub(1));
                if self.over.left.get() == 0 {
                    self.over.notify.notify_one();
                }
            }
            _ => {}
        }
    }

    fn ready(&self) -> bool {
        self.outlet.pending.borrow().is_empty()
    }

    fn waker(&self) -> Option<Arc<Notify>> {
        Some(self.outlet.drained.clone())
    }
}
