//! Health checks without clock and sockets: what is checked, how the results of checks become a state, and the messages of DNS.
//!
//! `oxabgp healthcheck` and the `check` sections of a configuration share it. What connects to servers is in `probe`.
//!
//! | file | what |
//! |---|---|
//! | [`state`] | ExaBGP's state machine: rise, fall, disabled |
//! | [`watch`] | one check over time: when it runs next, `flap-hold`, groups with `fail-static` |
//! | [`target`], [`failure`] | what a check connects to, and why it failed |
//! | [`url`] | the URL of an HTTP check |
//! | [`dns`] | queries and their answers |

pub mod dns;
pub mod failure;
pub mod state;
pub mod target;
pub mod url;
pub mod watch;

pub use failure::{Cause, Failure};
pub use state::{Finding, Machine, State};
pub use target::{Endpoint, HttpCheck, Target, Tls, header, method};
pub use url::{Host, Url};
pub use watch::{Hold, Others, Pace, Seen, Side, Verdict, Watch, others};
