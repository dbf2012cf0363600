//! Of the integration tests in `tests/it/fsm`, where this module has its place too.

#[path = "../../it/fsm/script.rs"]
pub(crate) mod script;
