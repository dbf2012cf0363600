//! ROUTE-REFRESH (RFC 2918) with the subtypes of RFC 7313.
//!
//! ```text
//!  0       7      15      23      31
//! +-------+-------+-------+-------+
//! |      AFI      |Subtype| SAFI  |
//! +-------+-------+-------+-------+
//! ```

use crate::bgp::family::Family;

/// A request for routes, or one of the marks around the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RouteRefresh {
    /// The family it is about.
    pub family: Family,
    /// 0 request, 1 beginning of the answer (BoRR), 2 end of the answer (EoRR).
    pub subtype: u8,
}
