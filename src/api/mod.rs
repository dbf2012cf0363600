//! The helper protocol: command lines in, answers and event lines out. Text only; the daemon moves the bytes.
//!
//! | module | what |
//! |---|---|
//! | [`event`] | what can happen, and what every event of a neighbor has in common |
//! | [`subscription`] | which helpers want which events, in which form |
//! | [`encode`] | events as lines of JSON or text |
//! | [`command`] | command lines: read, carried out, answered |
//! | [`control`] | what a command may do to the daemon |
//! | [`reply`] | `done`, `error`, and their other forms |
//!
//! ```
//! use oxabgp::api::{Encoder, Event, EventHead, Form, Identity, Raw, Stamp, Style};
//! use oxabgp::bgp::Asn;
//! use oxabgp::json::JsonWriter;
//!
//! # fn main() -> Result<(), std::net::AddrParseError> {
//! let mut head = EventHead::new(Identity {
//!     local_address: Some("192.0.2.1".parse()?),
//!     peer_address: "192.0.2.2".parse()?,
//!     zone: None,
//!     local_as: Some(Asn(65001)),
//!     peer_as: Some(Asn(65002)),
//!     router_id: Some("192.0.2.1".parse()?),
//! });
//! let mut stamp = Stamp::new("host", 2, 1);
//! let style = Style { encoder: Encoder::TEXT, form: Form::Parsed, negotiated: false };
//! let mut out = JsonWriter::new();
//! style.encode(&mut head, &Event::Up, Raw::default(), &mut stamp, &mut out);
//! assert_eq!(out.as_str(), "neighbor 192.0.2.2 up\n\n");
//! # Ok(())
//! # }
//! ```

pub mod changes;
pub mod command;
pub mod control;
pub mod encode;
pub mod event;
pub mod reply;
pub mod subscription;

pub use command::{CommandError, Commands, ErrorKind, Executed, Outcome, RoutesJson, Source};
pub use control::{Among, Control, ReloadStep, Request, RibSide};
pub use encode::{Encoder, EventHead, Form, Printer, Stamp, Style, Version};
pub use event::{Direction, Event, Identity, Message, Raw};
pub use reply::Acks;
pub use subscription::{HelperId, Kind, MessageKinds, MessageWish, Subscriptions, Wish};
