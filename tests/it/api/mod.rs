//! The helper protocol.

mod commands;
mod events;
mod fake;
