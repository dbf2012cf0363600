//! The helper protocol.

mod commands;
mod events;
mod fake;
mod golden;
mod show;
mod state;
