//! MRT archives (RFC 6396): messages as they pass, and tables at certain times.
//!
//! | module | purpose |
//! |---|---|
//! | `archive` | a thread that writes files, behind a bounded queue |
//! | `resume` | whether a file that is there is continued, and from where on |
//! | `updates` | messages and states of sessions → records |
//! | `snapshot` | a copy of tables, and its file |
//! | `collect` | the tables of the daemon → a snapshot, in steps |
//! | `live`, `tables`, `serve` | records for a client of the control socket: their queue, the tables that come first, the connection |

pub(super) mod archive;
pub(super) mod collect;
pub(super) mod live;
mod resume;
pub(super) mod serve;
pub(super) mod snapshot;
mod tables;
pub(super) mod updates;
