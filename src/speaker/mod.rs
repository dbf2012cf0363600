//! The embeddable library: BGP sessions as a set of callbacks, in the manner of Go's corebgp.
//!
//! A [`Server`] has neighbors, each a [`PeerConfig`] and a [`Plugin`]; the library implements the protocol, the plugin decides
//! what is offered, accepted and announced. There is no routing table here. Everything runs on one thread.
//!
//! ```no_run
//! use std::net::{IpAddr, Ipv4Addr};
//! use std::rc::Rc;
//!
//! use oxabgp::fsm::CloseReason;
//! use oxabgp::bgp::message::update::Update;
//! use oxabgp::bgp::{Asn, Negotiated, Notification};
//! use oxabgp::speaker::{PeerConfig, Plugin, Server, UpdateWriter};
//!
//! struct Watcher;
//!
//! impl Plugin for Watcher {
//!     fn on_established(&mut self, peer: &PeerConfig, _: &Rc<Negotiated>, _: UpdateWriter) {
//!         println!("{} is up", peer.name);
//!     }
//!     fn on_update(&mut self, _: &PeerConfig, update: Update<'_>) -> Result<(), Notification> {
//!         println!("{} bytes of routes", update.nlri.len());
//!         Ok(())
//!     }
//!     fn on_close(&mut self, peer: &PeerConfig, reason: &CloseReason) {
//!         println!("{} is down: {reason}", peer.name);
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = tokio::runtime::Builder::new_current_thread()
//!     .enable_all()
//!     .build_local(tokio::runtime::LocalOptions::default())?;
//! runtime.block_on(async {
//!     let server = Server::new(Ipv4Addr::new(192, 0, 2, 1));
//!     let peer = PeerConfig::new(IpAddr::from([192, 0, 2, 2]), Asn(65001));
//!     server.add_peer(peer, Watcher)?;
//!     server.serve().await // until `Server::shutdown`
//! })?;
//! # Ok(())
//! # }
//! ```
//!
//! | file | what |
//! |---|---|
//! | [`plugin`] | [`Plugin`]: the callbacks; [`SessionEvent`]: what observers see |
//! | [`config`] | [`PeerConfig`]: one neighbor |
//! | [`server`] | [`Server`]: neighbors, listeners, shutdown |
//! | `incoming` | listeners, and the neighbor that an accepted connection belongs to |
//! | [`handle`] | [`Handle`]: the same for other threads |
//! | [`control`] | [`PeerStatus`], commands to a neighbor's task |
//! | [`error`] | [`Error`]: why a call is refused |
//! | `machine` | what a neighbor's task works with |
//! | `driver` | one neighbor's task: state machine, sockets, clock, plugin |
//! | `supervisor` | restarts a task after a panic |
//! | `turn` | how long the turns of a task take |
//! | `attempts` | what the log reports of attempts that fail again and again |
//! | `io` | a neighbor's connections as one future |
//! | [`connect`], `listener`, [`sockopt`] | sockets: outgoing, incoming, options |
//! | [`outbox`], [`writer`] | what waits to be sent: pulled or pushed |
//! | [`decoder`] | [`UpdateDecoder`]: an UPDATE field by field |

mod attempts;
pub mod config;
pub mod connect;
pub mod control;
pub mod decoder;
mod driver;
pub mod error;
pub mod handle;
mod incoming;
mod io;
mod listener;
mod machine;
pub mod outbox;
pub mod plugin;
pub mod server;
pub mod sockopt;
mod supervisor;
pub(crate) mod turn;
pub mod writer;

pub use config::{PeerConfig, TcpAoAlgorithm, TcpAoKey};
pub use connect::{Stream, Transport};
pub use control::{Counters, PeerKey, PeerStatus};
pub use decoder::UpdateDecoder;
pub use error::Error;
pub use handle::Handle;
pub use outbox::Outbox;
pub use plugin::{Answer, Plugin, SessionEvent};
pub use server::{Server, WeakServer};
pub use writer::{UpdateWriter, WriteError};
