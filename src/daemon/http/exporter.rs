//! The names of exabgp_exporter, on which dashboards and alert rules were built.
//!
//! That exporter has a series for each route; here there are at most [`MOST`] of them.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use super::encoder::{Encoder, Format, Kind};
use crate::bgp::nlri::inet::prefix_of;
use crate::bgp::{Afi, AttributeSet, Safi};
use crate::daemon::core::Core;
use crate::daemon::status::snapshot::{PeerState, Snapshot};
use crate::rib::{PeerId, RouteFilter};

/// The most series of routes.
const MOST: usize = 10_000;
/// Slots of the table in one turn.
const STEP: u32 = 512;

/// Writes the families in parts.
#[derive(Default)]
pub(super) struct Exporter {
    /// The next slot of the table; `None` before the first part.
    slot: Option<u32>,
    /// Series that were written: paths of one prefix would repeat them.
    written: HashSet<String>,
    by_id: BTreeMap<PeerId, usize>,
}

impl Exporter {
    /// Appends the next part. Returns `true` if there are more.
    pub(super) fn next(
        &mut self,
        core: &Core,
        snapshot: &Snapshot,
        format: Format,
        out: &mut String,
    ) -> bool {
        let Some(slot) = self.slot else {
            self.begin(core, snapshot, format, out);
            self.slot = Some(0);
            return true;
        };
        let mut encoder = Encoder::new(out, format, "exabgp_state_route");
        let rib = core.routes.rib();
        let end = slot.saturating_add(STEP);
        for route in rib.routes_in(slot..end, RouteFilter::default()) {
            let family = route.nlri.family;
            if family.safi != Safi::UNICAST || !matches!(family.afi, Afi::IPV4 | Afi::IPV6) {
                continue;
            }
            let (address, bits) = prefix_of(family.afi, &route.nlri.bytes);
            let prefix = format!("{address}/{bits}");
            let attributes = Attributes::of(route.attributes);
            for peer in route.peers.iter() {
                let known = self.by_id.get(&peer).and_then(|at| snapshot.peers.get(*at));
                let Some(peer) = known.filter(|_| self.written.len() < MOST) else {
                    continue;
                };
                if self.written.insert(key(peer, &prefix, &attributes)) {
                    encoder.sample(
                        &[
                            ("peer_ip", &peer.address),
                            ("peer_asn", &peer.peer_as),
                            ("local_ip", &peer.local_address),
                            ("local_asn", &peer.local_as),
                            ("nlri", &prefix),
                            ("family", &family.to_string()),
                            ("med", &attributes.med),
                            ("local_preference", &attributes.local_preference),
                            ("as_path", &attributes.as_path),
                            ("communities", &attributes.communities),
                        ],
                        1,
                    );
                }
            }
        }
        self.slot = Some(end);
        end < rib.end() && self.written.len() < MOST
    }

    /// Writes all but the routes.
    fn begin(&mut self, core: &Core, snapshot: &Snapshot, format: Format, out: &mut String) {
        let mut one = |name, kind, help, value: u64| {
            let mut encoder = Encoder::new(out, format, name);
            encoder.head(kind, help);
            encoder.sample(&[], value);
        };
        one("exabgp_up", Kind::Gauge, "Whether the speaker runs.", 1);
        let help = "Always 0: nothing has to be parsed.";
        one("exabgp_exporter_parse_failures", Kind::Untyped, help, 0);
        let scrapes = core.stats.http_requests.get();
        let help = "Requests for metrics.";
        one(
            "exabgp_exporter_total_scrapes",
            Kind::Untyped,
            help,
            scrapes,
        );
        let mut encoder = Encoder::new(out, format, "exabgp_state_peer");
        encoder.head(
            Kind::Gauge,
            "Whether the session with a peer is established.",
        );
        // Several neighbors may be the same for that exporter: one that is up is enough.
        let mut up: BTreeMap<(&str, &str), bool> = BTreeMap::new();
        for (at, peer) in snapshot.peers.iter().enumerate() {
            *up.entry((&peer.address, &peer.peer_as)).or_default() |= peer.up;
            self.by_id.insert(peer.id, at);
        }
        for ((address, asn), up) in up {
            let labels = [("peer_ip", address), ("peer_asn", asn)];
            encoder.sample(&labels, u8::from(up));
        }
        let mut encoder = Encoder::new(out, format, "exabgp_state_route");
        encoder.head(Kind::Gauge, "1 for a route that is announced to a peer.");
    }
}

/// The attributes that are labels, as that exporter writes them: 0 where there is none.
struct Attributes {
    med: String,
    local_preference: String,
    as_path: String,
    communities: String,
}

impl Attributes {
    fn of(set: &AttributeSet) -> Self {
        let number = |value: Option<u32>| value.unwrap_or(0).to_string();
        let segments = set.as_path().into_iter().flat_map(|path| path.segments());
        let path = segments.flat_map(|segment| &segment.asns);
        Self {
            med: number(set.med()),
            local_preference: number(set.local_pref()),
            as_path: path
                .map(|asn| asn.to_string())
                .collect::<Vec<_>>()
                .join(" "),
            communities: set
                .communities()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" "),
        }
    }
}

fn key(peer: &PeerState, prefix: &str, attributes: &Attributes) -> String {
    let mut key = String::with_capacity(64);
    // Writing to a string cannot fail.
    let _ = write!(
        key,
        "{} {} {} {} {prefix} {} {} {} {}",
        peer.address,
        peer.peer_as,
        peer.local_address,
        peer.local_as,
        attributes.med,
        attributes.local_preference,
        attributes.as_path,
        attributes.communities
    );
    key
}
