//! Who opened a connection.

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Initiator {
    /// We dialled.
    Local,
    /// The peer connected to us.
    Remote,
}
