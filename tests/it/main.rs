//! Integration tests: one binary that mirrors `src`.

mod architecture;
