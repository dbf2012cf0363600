//! oxabgp: the programmable BGP speaker.
//!
//! Three pure layers that know no clock, no socket and no tokio; adapters that know one outside world each; products on
//! top. A layer imports only from layers below it (`tests/it/architecture.rs` checks that).
//!
//! | layer | modules | what |
//! |---|---|---|
//! | 0 leaf | [`wire`], [`text`], [`json`] | bytes in and out, words in, JSON out |
//! | 1 protocol | [`bgp`] | messages, capabilities, attributes, NLRI |
//! | 2 state | [`fsm`], [`rib`], [`grammar`], `mrt`, [`bmp`] | the state machine; routing tables; the route sentence of files and commands; archives; the monitoring protocol |
//! | 3 adapters | `config`, [`api`], `speaker` | configuration files; the helper protocol; sockets and sessions; adapters never import each other |
//! | 4 products | `daemon`, `stream` | the speaker that configuration files and helper processes control; the reader of BGP data |
//! | 5 shell | `cli` | the command line |

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
pub mod json;
pub mod mrt;
pub mod rib;
#[cfg(feature = "speaker")]
pub mod speaker;
#[cfg(feature = "stream")]
pub mod stream;
pub mod text;
pub mod wire;
