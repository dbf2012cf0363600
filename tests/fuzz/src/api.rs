//! Of the integration tests in `tests/it/api`, where this module has its place too.

#[path = "../../it/api/fake.rs"]
pub(crate) mod fake;
#[path = "../../it/api/state.rs"]
pub(crate) mod state;
