//! BGP Error (Notification) Codes, and a module with the subcodes of each.

/// Message Header Error (RFC 4271).
pub const MESSAGE_HEADER: u8 = 1;
/// OPEN Message Error (RFC 4271).
pub const OPEN_MESSAGE: u8 = 2;
/// UPDATE Message Error (RFC 4271).
pub const UPDATE_MESSAGE: u8 = 3;
/// Hold Timer Expired (RFC 4271).
pub const HOLD_TIMER_EXPIRED: u8 = 4;
/// BGP Finite State Machine Error (RFC 4271).
pub const STATE_MACHINE: u8 = 5;
/// Cease (RFC 4271).
pub const CEASE: u8 = 6;
/// ROUTE-REFRESH Message Error (RFC 7313).
pub const ROUTE_REFRESH_MESSAGE: u8 = 7;
/// Send Hold Timer Expired (RFC 9687).
pub const SEND_HOLD_TIMER_EXPIRED: u8 = 8;

/// Unspecific, in every code.
pub const UNSPECIFIC: u8 = 0;

/// Message Header Error subcodes.
pub mod header {
    /// Connection Not Synchronized (RFC 4271).
    pub const CONNECTION_NOT_SYNCHRONIZED: u8 = 1;
    /// Bad Message Length (RFC 4271).
    pub const BAD_MESSAGE_LENGTH: u8 = 2;
    /// Bad Message Type (RFC 4271).
    pub const BAD_MESSAGE_TYPE: u8 = 3;
}

/// OPEN Message Error subcodes.
pub mod open {
    /// Unsupported Version Number (RFC 4271).
    pub const UNSUPPORTED_VERSION_NUMBER: u8 = 1;
    /// Bad Peer AS (RFC 4271).
    pub const BAD_PEER_AS: u8 = 2;
    /// Bad BGP Identifier (RFC 4271).
    pub const BAD_BGP_IDENTIFIER: u8 = 3;
    /// Unsupported Optional Parameter (RFC 4271).
    pub const UNSUPPORTED_OPTIONAL_PARAMETER: u8 = 4;
    /// Authentication Failure (RFC 1771, deprecated by RFC 4271).
    pub const AUTHENTICATION_FAILURE: u8 = 5;
    /// Unacceptable Hold Time (RFC 4271).
    pub const UNACCEPTABLE_HOLD_TIME: u8 = 6;
    /// Unsupported Capability (RFC 5492).
    pub const UNSUPPORTED_CAPABILITY: u8 = 7;
    /// Grouping Conflict (draft-ietf-idr-bgp-multisession).
    pub const GROUPING_CONFLICT: u8 = 8;
    /// Grouping Required (draft-ietf-idr-bgp-multisession).
    pub const GROUPING_REQUIRED: u8 = 9;
    /// Capability Value Mismatch (draft-ietf-idr-bgp-multisession).
    pub const CAPABILITY_VALUE_MISMATCH: u8 = 10;
    /// Role Mismatch (RFC 9234).
    pub const ROLE_MISMATCH: u8 = 11;
}

/// UPDATE Message Error subcodes.
pub mod update {
    /// Malformed Attribute List (RFC 4271).
    pub const MALFORMED_ATTRIBUTE_LIST: u8 = 1;
    /// Unrecognized Well-known Attribute (RFC 4271).
    pub const UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE: u8 = 2;
    /// Missing Well-known Attribute (RFC 4271).
    pub const MISSING_WELL_KNOWN_ATTRIBUTE: u8 = 3;
    /// Attribute Flags Error (RFC 4271).
    pub const ATTRIBUTE_FLAGS_ERROR: u8 = 4;
    /// Attribute Length Error (RFC 4271).
    pub const ATTRIBUTE_LENGTH_ERROR: u8 = 5;
    /// Invalid ORIGIN Attribute (RFC 4271).
    pub const INVALID_ORIGIN: u8 = 6;
    /// AS Routing Loop (RFC 1771, deprecated by RFC 4271).
    pub const AS_ROUTING_LOOP: u8 = 7;
    /// Invalid NEXT_HOP Attribute (RFC 4271).
    pub const INVALID_NEXT_HOP: u8 = 8;
    /// Optional Attribute Error (RFC 4271).
    pub const OPTIONAL_ATTRIBUTE_ERROR: u8 = 9;
    /// Invalid Network Field (RFC 4271).
    pub const INVALID_NETWORK_FIELD: u8 = 10;
    /// Malformed AS_PATH (RFC 4271).
    pub const MALFORMED_AS_PATH: u8 = 11;
}

/// BGP Finite State Machine Error subcodes (RFC 6608).
pub mod state_machine {
    /// Receive Unexpected Message in OpenSent State.
    pub const UNEXPECTED_IN_OPEN_SENT: u8 = 1;
    /// Receive Unexpected Message in OpenConfirm State.
    pub const UNEXPECTED_IN_OPEN_CONFIRM: u8 = 2;
    /// Receive Unexpected Message in Established State.
    pub const UNEXPECTED_IN_ESTABLISHED: u8 = 3;
}

/// Cease subcodes (RFC 4486).
pub mod cease {
    /// Maximum Number of Prefixes Reached.
    pub const MAXIMUM_NUMBER_OF_PREFIXES: u8 = 1;
    /// Administrative Shutdown.
    pub const ADMINISTRATIVE_SHUTDOWN: u8 = 2;
    /// Peer De-configured.
    pub const PEER_DE_CONFIGURED: u8 = 3;
    /// Administrative Reset.
    pub const ADMINISTRATIVE_RESET: u8 = 4;
    /// Connection Rejected.
    pub const CONNECTION_REJECTED: u8 = 5;
    /// Other Configuration Change.
    pub const OTHER_CONFIGURATION_CHANGE: u8 = 6;
    /// Connection Collision Resolution.
    pub const CONNECTION_COLLISION: u8 = 7;
    /// Out of Resources.
    pub const OUT_OF_RESOURCES: u8 = 8;
    /// Hard Reset (RFC 8538).
    pub const HARD_RESET: u8 = 9;
    /// BFD Down (RFC 9384).
    pub const BFD_DOWN: u8 = 10;
}

/// ROUTE-REFRESH Message Error subcodes (RFC 7313).
pub mod route_refresh {
    /// Invalid Message Length.
    pub const INVALID_MESSAGE_LENGTH: u8 = 1;
}
