//! The BGP protocol without I/O: wire formats and negotiation. Nothing here uses a clock, a socket, tokio or logging.
//!
//! | module | contents | RFCs |
//! |---|---|---|
//! | [`message`] | header, OPEN, UPDATE, NOTIFICATION, ROUTE-REFRESH | 4271, 9072, 9003, 2918, 7313, 8654 |
//! | [`capability`] | capabilities of an OPEN: `capabilities!` table | 5492 and those of each capability |
//! | [`attribute`] | path attributes: `attributes!` table, RFC 7606 | 4271, 4760, 7606, 1997, 4360, 8092, … |
//! | [`nlri`] | reachability of each family: `families!` table | 4760, 7911, 8955, 7432, … |
//! | [`negotiated`] | what two OPENs negotiate | 5492, 6793, 7911, 8950 |
//! | [`iana`] | code points | - |
//! | [`from_str`] | values from their texts | - |
//! | [`next_hop_rule`] | how the next hop of a route is sent on a session | 2545, 4760, 8950 |

pub mod asn;
pub mod attribute;
pub mod capability;
pub mod error;
pub mod family;
pub mod from_str;
pub mod iana;
pub mod label;
pub mod message;
pub mod negotiated;
pub mod next_hop_rule;
pub mod nexthop;
pub mod nlri;
pub mod rd;
pub mod role;
pub mod spelling;
pub mod zone;

pub use asn::Asn;
pub use attribute::{Attribute, AttributeSet};
pub use capability::Capability;
pub use error::{Severity, UpdateError};
pub use family::{Afi, Family, FamilySet, Safi};
pub use from_str::ParseError;
pub use message::notification::Notification;
pub use negotiated::{Codec, Negotiated, Sender};
pub use nexthop::NextHop;
pub use nlri::{Nlri, NlriRef};
pub use rd::RouteDistinguisher;
pub use spelling::Spelling;
pub use zone::{Zone, Zoned};
