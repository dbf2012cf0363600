//! Integration tests: one binary that mirrors `src`.

mod api;
mod architecture;
mod bgp;
mod support;
