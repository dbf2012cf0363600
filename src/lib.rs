//! oxabgp: the programmable BGP speaker.
//!
//! One crate: a daemon that is configured and driven as ExaBGP is, the library that it is made of, and a reader of BGP
//! archives. This page is a tour; each step names the module to read next.
//!
//! # Speak
//!
//! A `speaker::Server` has neighbors, each with a plugin: callbacks, or channels for those who prefer them.
//! It runs in any tokio runtime, or on a thread of its own.
//!
//! ```no_run
//! # #[cfg(feature = "speaker")]
//! # mod example {
//! use std::net::Ipv4Addr;
//!
//! use ipnet::IpNet;
//! use oxabgp::bgp::Asn;
//! use oxabgp::speaker::{Attributes, ChannelPlugin, PeerConfig, PeerEvent, Server};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let server = Server::spawn(Ipv4Addr::new(192, 0, 2, 2))?;
//!     let mut peer = PeerConfig::new("192.0.2.1".parse()?, Asn(65001));
//!     peer.peer_as = Some(Asn(65000));
//!     let (plugin, mut events, commands) = ChannelPlugin::new(64);
//!     server.add_peer(peer, move || plugin).await?;
//!     while let Some(event) = events.next().await {
//!         if let PeerEvent::Established(..) = event {
//!             let prefix: IpNet = "203.0.113.0/24".parse()?;
//!             commands.announce(prefix, &Attributes::new().communities([(65001, 100)]))?;
//!         }
//!     }
//!     Ok(())
//! }
//! # }
//! # fn main() {}
//! ```
//!
//! Without tokio, [`fsm::Peer`] is the same protocol as a state machine that bytes go into and come out of: see the examples
//! `sans_io` and `std_threads`. Those who come from Go's corebgp find their names in `speaker::corebgp`.
//!
//! # Decode
//!
//! [`bgp`] has the messages, capabilities, attributes and NLRI. The body of an UPDATE becomes attributes and routes, by the
//! rules of RFC 7606; `speaker::UpdateDecoder` decodes only the fields that a program asks for.
//!
//! ```
//! use oxabgp::bgp::Codec;
//! use oxabgp::bgp::attribute::decode::DecodeEach;
//! use oxabgp::bgp::message::update::Update;
//!
//! let body = [
//!     0, 0, 0, 20, // no withdrawn routes, 20 octets of attributes
//!     0x40, 1, 1, 0, // ORIGIN: IGP
//!     0x40, 2, 6, 2, 1, 0, 0, 0xFD, 0xEA, // AS_PATH: 65002
//!     0x40, 3, 4, 192, 0, 2, 2, // NEXT_HOP
//!     24, 203, 0, 113, // 203.0.113.0/24
//! ];
//! let update = Update::new(&body)?;
//! let content = update.content(&Codec::default(), &mut DecodeEach)?;
//! assert_eq!(content.attributes.as_path().map(|path| path.length()), Some(1));
//! let field = content.announced().next().expect("a route");
//! let nlri = field.routes.flatten().next().expect("a route");
//! assert_eq!(nlri.prefix(), Some("203.0.113.0/24".parse()?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Keep a RIB
//!
//! [`rib::AdjRibIn`] holds what a peer announced; [`rib::AdjRibOut`] what many peers are to be sent, and turns changes into
//! full messages.
//!
//! ```
//! use std::rc::Rc;
//!
//! use ipnet::IpNet;
//! use oxabgp::bgp::{AttributeSet, NextHop, Nlri};
//! use oxabgp::rib::AdjRibIn;
//!
//! let mut rib = AdjRibIn::new();
//! let nlri = Nlri::from("203.0.113.0/24".parse::<IpNet>()?);
//! let hop = NextHop::from(std::net::Ipv4Addr::new(192, 0, 2, 2));
//! rib.announce(nlri.as_ref(), &Rc::new(AttributeSet::new(Vec::new())), Some(hop));
//! let route = rib.routes(None).next().expect("a route");
//! assert_eq!((route.nlri.prefix(), rib.len()), (nlri.prefix(), 1));
//! rib.withdraw(nlri.as_ref());
//! assert!(rib.is_empty());
//! # Ok::<(), ipnet::AddrParseError>(())
//! ```
//!
//! # Drive the daemon
//!
//! The daemon reads ExaBGP's configurations and runs helper processes: what a helper writes to its standard output are
//! commands (`announce route 203.0.113.0/24 next-hop self`), what it reads from its standard input are answers and events, as
//! text or JSON. `daemon::run` runs it inside of a program, `cli` is the command line.
//!
//! ```no_run
//! # #[cfg(feature = "daemon")]
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use oxabgp::config::Env;
//! use oxabgp::daemon::{self, Origin};
//!
//! let (env, warnings) = Env::load(None).map_err(|errors| errors.join("; "))?;
//! warnings.iter().for_each(|warning| eprintln!("{warning}"));
//! let origin = Origin { path: "/etc/exabgp/exabgp.conf".into(), reload_after: None };
//! // Blocks until the daemon is stopped.
//! let code = daemon::run(&origin, env).map_err(|_| "it could not start")?;
//! # let _ = code;
//! # Ok(())
//! # }
//! ```
//!
//! The parts can be used alone: [`api`] parses commands and writes events, [`grammar`] is the sentence of a route, `config`
//! checks and compares files, [`json`] writes JSON.
//!
//! # Read archives and streams
//!
//! `stream` reads MRT archives, tables and live feeds, filters them and merges them by time, as pybgpstream does; [`mrt`] and
//! [`bmp`] are the formats.
//!
//! ```no_run
//! # #[cfg(feature = "stream")]
//! # fn example() -> Result<(), oxabgp::stream::Error> {
//! use oxabgp::stream::Stream;
//!
//! let stream = Stream::builder()
//!     .path("updates.20150401.0000.gz")?
//!     .filter("prefix more 192.0.2.0/24 and aspath _64500_")?
//!     .build()?;
//! for elem in stream.elems() {
//!     println!("{} {:?}", elem.kind, elem.prefix());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Layers
//!
//! Three pure layers that know no clock, no socket and no tokio; adapters that know one outside world each; products on
//! top. A layer imports only from layers below it (`tests/it/architecture.rs` checks that).
//!
//! | layer | modules | what |
//! |---|---|---|
//! | 0 leaf | [`wire`], [`text`], [`json`] | bytes in and out, words in, JSON out |
//! | 1 protocol | [`bgp`] | messages, capabilities, attributes, NLRI |
//! | 2 state | [`fsm`], [`rib`], [`grammar`], `mrt`, [`bmp`], [`journal`], `health` | the state machine; routing tables; the route sentence of files and commands; archives; the monitoring protocol; the routes that survive a crash; the states of health checks |
//! | 3 adapters | `config`, [`api`], `speaker`, `probe` | configuration files; the helper protocol; sockets and sessions; the connections of health checks; adapters never import each other |
//! | 4 products | `daemon`, `stream` | the speaker that configuration files and helper processes control; the reader of BGP data |
//! | 5 shell | `cli` | the command line |
//!
//! # Features
//!
//! | feature | adds | needs |
//! |---|---|---|
//! | (none) | `wire`, `text`, `json`, `bgp`, `fsm`, `rib`, `grammar`, `mrt`, `bmp`, `journal`, `api` | no tokio, no system calls |
//! | `speaker` | `speaker`: sessions over TCP | tokio, socket2, libc |
//! | `daemon` (default) | `health`, `config`, `daemon`, `cli` and the program; includes `speaker` | clap, rustyline, nix and others |
//! | `tls` | health checks of `https` URLs | rustls with ring |
//! | `stream` (default) | `stream`: archives, filters | decompressors, regex, serde; no tokio |
//! | `ris-live` | `stream::source::RisLiveClient`: RIS Live over the network; includes `stream` | tungstenite, rustls |
//! | `kafka` | `stream::source::Kafka`: topics of Kafka, such as OpenBMP's; includes `stream` | lz4_flex, snap |

#![deny(missing_docs)]

pub mod api;
pub mod bgp;
pub mod bmp;
#[cfg(feature = "daemon")]
pub mod cli;
#[cfg(feature = "daemon")]
pub mod config;
#[cfg(feature = "daemon")]
pub mod daemon;
pub mod fsm;
pub mod grammar;
#[cfg(feature = "daemon")]
pub mod health;
pub mod journal;
pub mod json;
pub mod mrt;
#[cfg(feature = "daemon")]
mod probe;
pub mod rib;
#[cfg(feature = "speaker")]
pub mod speaker;
#[cfg(feature = "stream")]
pub mod stream;
pub mod text;
pub mod wire;
