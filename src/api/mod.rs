//! The helper protocol: command lines in, answers and event lines out. Text only; the daemon moves the bytes.
//!
//! | module | what |
//! |---|---|
//! | [`event`] | what can happen, and what every event of a neighbour has in common |
//! | [`subscription`] | which helpers want which events, in which form |
//! | [`encode`] | events as lines of JSON or text |

pub mod encode;
pub mod event;
pub mod subscription;

pub use encode::{Encoder, Form, Style, Version};
pub use event::{Direction, Event, EventHead, Identity, Message, Raw, Stamp};
pub use subscription::{HelperId, Kind, MessageKinds, MessageWish, Subscriptions, Wish};
