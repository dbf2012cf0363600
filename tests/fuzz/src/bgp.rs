//! Of the integration tests in `tests/it/bgp`, where this module has its place too.

#[path = "../../it/bgp/trips.rs"]
pub(crate) mod trips;
