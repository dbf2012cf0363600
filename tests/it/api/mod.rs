//! The helper protocol.

mod events;
