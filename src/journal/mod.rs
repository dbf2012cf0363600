//! The journal of intent: which routes helpers and operators announce, kept over a crash.
//!
//! A journal holds what was *meant* (owner, selector, attributes with `next-hop self`, lifetime), not what a session sent:
//! the same file gives the right routes after the configuration, the local address or the peer's capabilities have changed.
//! This module is the format only. It reads any bytes: a damaged file gives all records before the damage.
//!
//! ```text
//!  file    ┌ "oxabgpj" ┬ version u8 ┐ ┌ frame ┬ frame ┬ …
//!  frame   ┌ length u32 ┬ CRC-32C u32 of length and payload ┬ payload = record, record, … ┐
//!  record  ┌ kind u8 ┬ length u32 ┬ body ┐
//! ```
//!
//! A frame holds what was accepted in one turn of the daemon, in particular a whole batch: all of it is restored, or none. A
//! file that is written anew has frames of few routes, so that little is lost with its tail.
//! Numbers are big-endian, as in the rest of BGP. Records of unknown kinds are skipped.
//!
//! | module | contents |
//! |---|---|
//! | `frame` | the first bytes of a file, and the checksum |
//! | `attributes` | attribute sets as bytes, including what has no form on the wire |
//! | `record` | [`Record`] and its parts, decoded in place |
//! | `writer`, `reader` | records → frames → records |

mod attributes;
mod frame;
mod reader;
mod record;
mod writer;

pub use attributes::{AttributeMemo, decode_attributes, encode_attributes};
pub use frame::MAGIC;
pub use reader::{Damage, FrameReader};
pub use record::{Lease, Record, Records, Routes, Selection};
pub use writer::{Announcement, FrameWriter};

/// Operators as owners of routes.
pub const OPERATOR: &str = "operator";
/// What a set as the owner of routes begins with.
pub const SET: &str = "set ";
/// What a health check as the owner of routes begins with.
pub const CHECK: &str = "check ";

/// Returns `true` for the name of a helper, as opposed to another owner of routes.
pub fn is_helper(owner: &str) -> bool {
    !owner.is_empty() && owner != OPERATOR && !owner.starts_with(SET) && !owner.starts_with(CHECK)
}
