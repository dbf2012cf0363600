//! Writing MRT: messages and states as they pass, snapshots of tables.
//!
//! Placeholder until the stream reader is done.
