//! Capability Codes.

/// Multiprotocol Extensions for BGP-4 (RFC 4760).
pub const MULTIPROTOCOL: u8 = 1;
/// Route Refresh Capability for BGP-4 (RFC 2918).
pub const ROUTE_REFRESH: u8 = 2;
/// Outbound Route Filtering Capability (RFC 5291).
pub const OUTBOUND_ROUTE_FILTERING: u8 = 3;
/// Multiple routes to a destination capability (RFC 3107, deprecated).
pub const MULTIPLE_ROUTES: u8 = 4;
/// Extended Next Hop Encoding (RFC 8950).
pub const EXTENDED_NEXT_HOP: u8 = 5;
/// BGP Extended Message (RFC 8654).
pub const EXTENDED_MESSAGE: u8 = 6;
/// BGPsec Capability (RFC 8205).
pub const BGPSEC: u8 = 7;
/// Multiple Labels Capability (RFC 8277).
pub const MULTIPLE_LABELS: u8 = 8;
/// BGP Role (RFC 9234).
pub const BGP_ROLE: u8 = 9;
/// Graceful Restart Capability (RFC 4724).
pub const GRACEFUL_RESTART: u8 = 64;
/// Support for 4-octet AS number capability (RFC 6793).
pub const FOUR_OCTET_AS: u8 = 65;
/// Support for Dynamic Capability (draft-ietf-idr-dynamic-cap).
pub const DYNAMIC_CAPABILITY: u8 = 67;
/// Multisession BGP Capability (draft-ietf-idr-bgp-multisession).
pub const MULTISESSION: u8 = 68;
/// ADD-PATH Capability (RFC 7911).
pub const ADD_PATH: u8 = 69;
/// Enhanced Route Refresh Capability (RFC 7313).
pub const ENHANCED_ROUTE_REFRESH: u8 = 70;
/// Long-Lived Graceful Restart Capability (RFC 9494).
pub const LONG_LIVED_GRACEFUL_RESTART: u8 = 71;
/// Routing Policy Distribution (draft-ietf-idr-rpd).
pub const ROUTING_POLICY_DISTRIBUTION: u8 = 72;
/// FQDN Capability (draft-walton-bgp-hostname-capability).
pub const FQDN: u8 = 73;
/// Software Version Capability (draft-abraitis-bgp-version-capability).
pub const SOFTWARE_VERSION: u8 = 75;
/// Paths-Limit Capability (draft-abraitis-idr-addpath-paths-limit).
pub const PATHS_LIMIT: u8 = 76;
/// Link-Local Next Hop Capability (draft-ietf-idr-linklocal-capability).
pub const LINK_LOCAL_NEXT_HOP: u8 = 77;
/// Prestandard Route Refresh (deprecated), as sent by Cisco.
pub const PRESTANDARD_ROUTE_REFRESH: u8 = 128;
/// Prestandard Multisession (deprecated), as sent by Cisco.
pub const PRESTANDARD_MULTISESSION: u8 = 131;
/// Prestandard OPERATIONAL message (deprecated), as sent by ExaBGP.
pub const PRESTANDARD_OPERATIONAL: u8 = 185;
