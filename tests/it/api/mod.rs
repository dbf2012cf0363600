//! The helper protocol.

mod answers;
mod commands;
mod events;
mod fake;
mod golden;
mod memory;
mod show;
mod state;
mod v6;
