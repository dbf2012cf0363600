//! The `oxabgp` program.
fn main() {}
