//! Commands: one line in, an answer out, and calls of [`Control`](super::control::Control) in between.
//!
//! A line is `[ack-id ID] [sync] [neighbor SELECTOR] WORDS ARGUMENTS`. The words are looked up in the table of
//! `table`, the longest that fit from the front win; ExaBGP looks for them anywhere in the line, which makes a route's
//! name a command, and is not copied. The line is read to its end before anything is changed.
//!
//! `announce route` and `withdraw route` are by far the most frequent: `fast_path` recognises their lines without cutting
//! them into words, and `cache` keeps the parsed tails, so that only the prefix is parsed each time. Both lead to the
//! same functions as the general path, so their meaning can't differ. `run` applies many such lines at once.

mod announce;
mod batch;
mod cache;
mod call;
mod check;
mod daemon;
mod dispatch;
mod dump;
mod error;
mod fast_path;
mod later;
mod lease;
mod listing;
mod lookup;
mod mrt;
mod neighbor;
mod neighbor_facts;
mod neighbor_json;
mod neighbor_table;
mod notice;
mod operational;
mod options;
mod outcome;
mod peer;
mod rib;
mod role;
mod route_index;
mod routes_json;
mod run;
mod session;
mod set;
mod source;
mod special;
mod staging;
mod table;
mod transaction;
mod upgrade;
mod v6;
mod watch;
mod words;

pub use call::{COMPATIBLE, Commands};
pub use check::write as write_check;
pub use dump::{Dump, DumpFile};
pub use error::{CommandError, ErrorKind};
pub use later::{Later, Preview};
pub use listing::Listing;
pub use outcome::Outcome;
pub use role::{Effect, Role};
pub use routes_json::RoutesJson;
pub use run::Executed;
pub use source::Source;
pub use special::{RecordWatch, SetListing, Watch};
pub use staging::{SetChanges, SetPlan};
pub use table::{effects, example_lines, words};
pub use upgrade::Deferred;
