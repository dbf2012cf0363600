//! Shared code of the integration tests.

pub(crate) mod daemon;
pub(crate) mod heap;
pub(crate) mod hex;
#[cfg(feature = "speaker")]
pub(crate) mod log;
pub(crate) mod pair;
#[cfg(feature = "speaker")]
pub(crate) mod peer;
pub(crate) mod random;
#[cfg(feature = "daemon")]
pub(crate) mod terminal;
