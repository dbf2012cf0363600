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

pub mod command;
pub mod control;
pub mod encode;
pub mod event;
pub mod reply;
pub mod subscription;

pub use command::{CommandError, Commands, ErrorKind, Executed, Outcome, RoutesJson, Source};
pub use control::{Among, Control, Request, RibSide};
pub use encode::{Encoder, EventHead, Form, Printer, Stamp, Style, Version};
pub use event::{Direction, Event, Identity, Message, Raw};
pub use reply::Acks;
pub use subscription::{HelperId, Kind, MessageKinds, MessageWish, Subscriptions, Wish};
