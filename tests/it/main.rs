//! Integration tests: one binary that mirrors `src`.

mod api;
mod architecture;
