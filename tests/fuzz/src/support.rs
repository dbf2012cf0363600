//! Of the integration tests in `tests/it/support`, where this module has its place too.

#[path = "../../it/support/hex.rs"]
pub(crate) mod hex;
#[path = "../../it/support/pair.rs"]
pub(crate) mod pair;
