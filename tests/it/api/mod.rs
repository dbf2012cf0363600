//! The helper protocol.

mod commands;
mod events;
mod fake;
mod show;
mod state;
