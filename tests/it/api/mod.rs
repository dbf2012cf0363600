//! The helper protocol.

mod answers;
mod commands;
mod events;
pub(crate) mod fake;
mod golden;
mod lifetimes;
mod memory;
mod notices;
mod roles;
mod run;
mod sets;
mod show;
mod state;
mod v6;
