//! The capabilities that an OPEN offers for a neighbor's configuration.
//!
//! The order is ExaBGP's. Peers do not depend on it, but recorded sessions and scripts compare bytes.

use super::add_path::{AddPath, AddPathMode};
use super::asn4::Asn4;
use super::extended_nexthop::ExtendedNexthop;
use super::graceful_restart::GracefulRestart;
use super::hostname::Hostname;
use super::llgr::{LongLived, LongLivedGracefulRestart};
use super::multisession::{CiscoMultisession, Multisession};
use super::paths_limit::PathsLimit;
use super::software_version::SoftwareVersion;
use super::{
    BgpRole, Capability, EnhancedRouteRefresh, ExtendedMessage, LinkLocalNexthop, Multiprotocol,
    Operational, RouteRefresh,
};
use crate::bgp::asn::Asn;
use crate::bgp::family::{Afi, Family};

/// The configuration of capabilities. Everything is off by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// Families.
    pub families: Vec<Family>,
    /// Four-octet AS numbers: our AS (any value if it is taken from the peer).
    pub asn4: Option<Asn>,
    /// Extended next hop, which is only sent with pairs.
    pub nexthop: Option<Vec<(Family, Afi)>>,
    /// ADD-PATH, which is only sent with families.
    pub add_path: Option<(AddPathMode, Vec<Family>)>,
    /// Paths limit, which is only sent with families.
    pub paths_limit: Option<Vec<(Family, u16)>>,
    /// Graceful restart for every family: the restart time in seconds, of which 12 bits are sent.
    pub graceful_restart: Option<u16>,
    /// Graceful restart also after a NOTIFICATION (RFC 8538's N bit).
    pub restart_notification: bool,
    /// Long-lived graceful restart for every family: the stale time in seconds, 24 bits.
    pub long_lived: Option<u32>,
    /// Route refresh, both normal and enhanced.
    pub route_refresh: bool,
    /// OPERATIONAL messages.
    pub operational: bool,
    /// Extended messages.
    pub extended_message: bool,
    /// Host name.
    pub host_name: Option<String>,
    /// Domain name, which is only sent with a host name.
    pub domain_name: Option<String>,
    /// Software version, as `name/version`.
    pub software_version: Option<String>,
    /// Link-local next hop.
    pub link_local_nexthop: bool,
    /// BGP role.
    pub role: Option<BgpRole>,
    /// Multi-session.
    pub multi_session: bool,
}

impl Offer {
    /// The capabilities, in order.
    pub fn capabilities(&self) -> Vec<Capability> {
        let mut families = self.families.clone();
        families.sort();
        families.dedup();
        let mut list: Vec<Capability> = families
            .iter()
            .map(|family| Capability::Multiprotocol(Multiprotocol(*family)))
            .collect();
        list.extend(self.asn4.map(|asn| Capability::Asn4(Asn4(asn))));
        // RFC 8950 4 and RFC 7911 4: "one or more" tuples. FRR refuses an OPEN with none.
        list.extend(self.nexthop.as_deref().and_then(nexthop));
        let add_path = self
            .add_path
            .as_ref()
            .and_then(|(mode, families)| add_path(*mode, families));
        list.extend(add_path);
        let limits = self.paths_limit.clone().filter(|limits| !limits.is_empty());
        list.extend(limits.map(|limits| Capability::PathsLimit(PathsLimit(limits))));
        list.extend(self.graceful_restart.map(|time| {
            Capability::GracefulRestart(GracefulRestart {
                flags: if self.restart_notification {
                    GracefulRestart::NOTIFICATION
                } else {
                    0
                },
                time: time & GracefulRestart::MAX_TIME,
                families: families
                    .iter()
                    .map(|family| (*family, GracefulRestart::FORWARDING))
                    .collect(),
            })
        }));
        list.extend(self.long_lived.map(|time| long_lived(&families, time)));
        if self.route_refresh {
            list.push(Capability::RouteRefresh(RouteRefresh));
            list.push(Capability::EnhancedRouteRefresh(EnhancedRouteRefresh));
        }
        if self.operational {
            list.push(Capability::Operational(Operational));
        }
        if self.extended_message {
            list.push(Capability::ExtendedMessage(ExtendedMessage));
        }
        list.push(Capability::Hostname(Hostname {
            host: self.host_name.clone(),
            domain: self.domain_name.clone(),
        }));
        let version = self.software_version.clone();
        list.extend(version.map(|version| Capability::SoftwareVersion(SoftwareVersion(version))));
        if self.link_local_nexthop {
            list.push(Capability::LinkLocalNexthop(LinkLocalNexthop));
        }
        list.extend(self.role.map(Capability::BgpRole));
        if self.multi_session {
            list.push(Capability::Multisession(Multisession(vec![1])));
            list.push(Capability::CiscoMultisession(CiscoMultisession(Vec::new())));
        }
        list
    }
}

fn nexthop(pairs: &[(Family, Afi)]) -> Option<Capability> {
    let first = [1, 2, 4, 128].map(|safi| (Family::new(1, safi), Afi::IPV6));
    let pairs = in_order(&first, pairs);
    (!pairs.is_empty()).then_some(Capability::ExtendedNexthop(ExtendedNexthop(pairs)))
}

fn add_path(mode: AddPathMode, families: &[Family]) -> Option<Capability> {
    let first = [1, 4, 128].map(|safi| [1, 2].map(|afi| Family::new(afi, safi)));
    let families = in_order(first.as_flattened(), families);
    let modes: Vec<_> = families.into_iter().map(|family| (family, mode)).collect();
    (!modes.is_empty()).then_some(Capability::AddPath(AddPath(modes)))
}

/// Those of `wanted` that ExaBGP sends, in its order, then the others in their own.
fn in_order<T: Copy + PartialEq>(first: &[T], wanted: &[T]) -> Vec<T> {
    let first_ones = first.iter().filter(|one| wanted.contains(one));
    let others = wanted.iter().filter(|one| !first.contains(one));
    first_ones.chain(others).copied().collect()
}

fn long_lived(families: &[Family], time: u32) -> Capability {
    Capability::LongLivedGracefulRestart(LongLivedGracefulRestart(
        families
            .iter()
            .map(|family| LongLived {
                family: *family,
                flags: GracefulRestart::FORWARDING,
                time,
            })
            .collect(),
    ))
}
