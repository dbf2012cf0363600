//! The embeddable library: BGP sessions as a set of callbacks, in the manner of Go's corebgp.
//!
//! A [`Server`] has neighbors, each a [`PeerConfig`] and a [`Plugin`]; the library implements the protocol, the plugin decides
//! what is offered, accepted and announced. There is no routing table here. Everything of a server runs on one thread; a
//! [`Handle`], an [`UpdateWriter`] and the ends of a [`ChannelPlugin`] can be used on any other.
//!
//! ```no_run
//! use std::net::Ipv4Addr;
//! use std::rc::Rc;
//!
//! use ipnet::IpNet;
//! use oxabgp::bgp::message::update::Update;
//! use oxabgp::bgp::{Asn, Negotiated, Notification};
//! use oxabgp::fsm::CloseReason;
//! use oxabgp::speaker::{Attributes, PeerConfig, Plugin, Server, UpdateWriter};
//!
//! struct Announcer(IpNet);
//!
//! impl Plugin for Announcer {
//!     fn on_established(&mut self, peer: &PeerConfig, _: &Rc<Negotiated>, writer: UpdateWriter) {
//!         if let Err(error) = writer.announce(self.0, &Attributes::new()) {
//!             println!("{}: {error}", peer.name);
//!         }
//!     }
//!     fn on_update(&mut self, _: &PeerConfig, update: Update<'_>) -> Result<(), Notification> {
//!         println!("{} octets of routes", update.nlri.len());
//!         Ok(())
//!     }
//!     fn on_close(&mut self, peer: &PeerConfig, reason: &CloseReason) {
//!         println!("{} is down: {reason}", peer.name);
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let server = Server::new(Ipv4Addr::new(192, 0, 2, 2));
//!     let mut peer = PeerConfig::new("192.0.2.1".parse()?, Asn(65001));
//!     peer.peer_as = Some(Asn(65000));
//!     server.add_peer(peer, Announcer("203.0.113.0/24".parse()?))?;
//!     server.serve().await?; // until `Server::shutdown`
//!     Ok(())
//! }
//! ```
//!
//! [`corebgp`] lists what each item of Go's corebgp is called here.
//!
//! | file | what |
//! |---|---|
//! | [`channel`] | [`ChannelPlugin`]: channels instead of callbacks |
//! | [`plugin`] | [`Plugin`]: the callbacks; [`SessionEvent`]: what observers see |
//! | [`config`] | [`PeerConfig`]: one neighbor |
//! | [`server`], `serve` | [`Server`]: neighbors; start and shutdown |
//! | [`watch`], `queue` | [`PeerChanges`]: changes of neighbors, for subscribers in any thread |
//! | `incoming` | listeners, and the neighbor that an accepted connection belongs to |
//! | `admission` | how many connections strangers may make |
//! | `clock` | the clock of the timers |
//! | [`handle`] | [`Handle`]: the same for other threads |
//! | [`status`] | [`PeerStatus`]: the state of a neighbor |
//! | `handed`, `handover` | a session that another process of this program continues |
//! | `control` | commands to a neighbor's task |
//! | [`error`] | [`Error`], [`WriteError`]: why a call or a message is refused |
//! | `machine` | what a neighbor's task works with |
//! | `driver` | one neighbor's task: state machine, sockets, clock, plugin |
//! | `supervisor` | restarts a task after a panic |
//! | `turn` | how long the turns of a task take |
//! | `attempts` | what the log reports of attempts that fail again and again |
//! | `io` | a neighbor's connections as one future |
//! | [`connect`], `listener`, [`sockopt`] | sockets: outgoing, incoming, options |
//! | [`attributes`], [`outgoing`] | [`Attributes`], [`RouteUpdate`]: routes to announce and withdraw |
//! | [`outbox`], [`writer`] | what waits to be sent: pulled or pushed |
//! | [`decoder`] | [`UpdateDecoder`]: an UPDATE field by field |

pub(crate) mod admission;
mod attempts;
pub mod attributes;
pub mod channel;
pub(crate) mod clock;
pub mod config;
pub mod connect;
mod control;
pub mod corebgp;
pub mod decoder;
mod driver;
pub mod error;
mod handed;
pub mod handle;
#[cfg(feature = "daemon")]
mod handover;
mod incoming;
mod io;
mod listener;
mod machine;
#[cfg(all(test, feature = "daemon"))]
pub(crate) mod numbered;
pub mod outbox;
pub mod outgoing;
pub mod plugin;
mod queue;
mod serve;
pub mod server;
pub mod sockopt;
pub mod status;
mod supervisor;
pub(crate) mod turn;
pub mod watch;
pub mod writer;

pub use attributes::Attributes;
pub use channel::{ChannelPlugin, PeerCommands, PeerEvent, PeerEvents, ReceivedUpdate};
pub use config::{PeerConfig, TcpAoAlgorithm, TcpAoKey};
pub use connect::{Stream, Transport};
pub use decoder::{UnicastRoute, UpdateDecoder, UpdateErrors};
pub use error::{Error, WriteError};
#[cfg(feature = "daemon")]
pub(crate) use handed::{Handed, Suspension};
pub use handle::Handle;
pub use outbox::Outbox;
pub use outgoing::{Outgoing, RouteUpdate, SendTerms};
pub use plugin::{Answer, Plugin, SessionEvent};
pub use server::{Server, WeakServer};
pub use status::{Counters, PeerKey, PeerStatus};
pub use watch::{ChangeKind, PeerChange, PeerChanges};
pub use writer::{Detached, UpdateWriter};
