//! Integration tests: one binary that mirrors `src`.

mod api;
mod architecture;
mod config;
mod bgp;
#[cfg(feature = "speaker")]
mod speaker;
mod support;
