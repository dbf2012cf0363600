//! The stream reader: records and elems of BGP archives, filtered, merged by time.

mod address;
pub mod aspath;
pub mod attributes;
pub mod block;
pub mod decoder;
pub mod elem;
pub mod format;
pub mod names;
pub mod pattern;
pub mod prefixes;
pub mod record;

pub use address::Dialect;
pub use block::{Block, ElemKind};
pub use decoder::Decoder;
pub use elem::Elem;
pub use record::{Position, Record, RecordRef, Status};
