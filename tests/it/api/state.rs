//! The neighbors of the recorded answers in `tests/data/api/show.txt`: one with a session, one without.

use std::net::Ipv6Addr;

use oxabgp::api::control::{Counts, MessageCounts, NeighborStatus};
use oxabgp::bgp::message::open::Open;
use oxabgp::bgp::negotiated::{Codec, Negotiated, Refresh};
use oxabgp::bgp::zone::Zone;
use oxabgp::bgp::{Asn, Family, FamilySet, Spelling};
use oxabgp::rib::PeerId;

use crate::support::hex::bytes;

/// The data borrowed by a [`NeighborStatus`].
pub(crate) struct Neighbor {
    pub(crate) name: String,
    address: [u8; 4],
    peer_as: Option<Asn>,
    families: Vec<Family>,
    add_path: Vec<Family>,
    local: Open,
    negotiated: Option<Negotiated>,
    pub(crate) up: bool,
    pub(crate) seconds: u64,
    messages: MessageCounts,
    /// Our and the peer's address, if it is not an IPv4 one.
    pub(crate) link: Option<(Ipv6Addr, Option<Zone>)>,
}

/// An OPEN with these capabilities, in hexadecimal: code, length, value.
fn open(asn: u16, hold_time: u16, router_id: u8, capabilities: &[&str]) -> Open {
    let mut parameters = Vec::new();
    for capability in capabilities {
        let capability = bytes(capability);
        parameters.extend([2, u8::try_from(capability.len()).expect("short")]);
        parameters.extend(capability);
    }
    let mut body = vec![4];
    body.extend(asn.to_be_bytes());
    body.extend(hold_time.to_be_bytes());
    body.extend([10, 0, 0, router_id]);
    body.push(u8::try_from(parameters.len()).expect("short"));
    body.extend(parameters);
    Open::decode(&body).expect("an OPEN")
}

impl Neighbor {
    /// Number 0: established for 6 seconds, ADD-PATH for IPv4 unicast, FlowSpec not offered by the peer.
    pub(crate) fn established() -> Self {
        let (v4, v6, flow) = (
            Family::IPV4_UNICAST,
            Family::IPV6_UNICAST,
            Family::new(1, 133),
        );
        let local = open(
            65000,
            180,
            1,
            &[
                "0104 0001 0001",
                "0104 0001 0085",
                "0104 0002 0001",
                "4104 0000FDE8",
                "4504 0001 0103",
                "4002 0078",
                "0200",
                "4600",
                "0600",
            ],
        );
        let remote = open(
            65001,
            90,
            2,
            &[
                "0104 0001 0001",
                "0104 0002 0001",
                "4104 0000FDE9",
                "0200",
                "4504 0001 0103",
            ],
        );
        let paths: FamilySet = [v4].into_iter().collect();
        let codec = Codec {
            asn4: true,
            families: [v4, v6].into_iter().collect(),
            add_path_receive: paths,
            add_path_send: paths,
            ..Codec::default()
        };
        Self {
            name: "neighbor 127.0.0.1 local-ip 127.0.0.1 local-as 65000 peer-as 65001 router-id 10.0.0.1 family-allowed in-open"
                .into(),
            address: [127, 0, 0, 1],
            peer_as: Some(Asn(65001)),
            families: vec![v4, flow, v6],
            add_path: vec![v4],
            negotiated: Some(Negotiated {
                local: local.clone(),
                remote,
                local_as: Asn(65000),
                peer_as: Asn(65001),
                hold_time: 90,
                families: vec![v4, v6],
                nexthops: Vec::new(),
                refresh: Refresh::Normal,
                operational: false,
                multisession: false,
                codec,
            }),
            local,
            up: true,
            seconds: 6,
            messages: MessageCounts {
                sent: Counts { open: 1, keepalive: 1, update: 5, ..Counts::default() },
                received: Counts { open: 1, keepalive: 1, update: 1, ..Counts::default() },
            },
            link: None,
        }
    }

    /// Number 1: passive, no connection yet, all default families.
    pub(crate) fn idle() -> Self {
        Self {
            name: "neighbor 127.0.0.9 local-ip 127.0.0.1 local-as 65000 peer-as 65009 router-id 10.0.0.1 family-allowed in-open"
                .into(),
            address: [127, 0, 0, 9],
            peer_as: Some(Asn(65009)),
            families: Family::defaults().collect(),
            add_path: Vec::new(),
            local: open(65000, 180, 1, &["4104 0000FDE8", "0600"]),
            negotiated: None,
            up: false,
            seconds: 0,
            messages: MessageCounts::default(),
            link: None,
        }
    }

    /// A neighbor of any AS that has not sent anything yet, with an address chosen by the kernel.
    pub(crate) fn unknown() -> Self {
        Self {
            peer_as: None,
            address: [127, 0, 0, 10],
            name: "neighbor 127.0.0.10 local-ip auto local-as auto peer-as auto".into(),
            ..Self::idle()
        }
    }

    pub(crate) fn status(&self, number: u32) -> NeighborStatus<'_> {
        let known = self.peer_as.is_some();
        NeighborStatus {
            peer: PeerId(number),
            name: &self.name,
            peer_address: self
                .link
                .map_or_else(|| self.address.into(), |link| link.0.into()),
            zone: self.link.and_then(|link| link.1),
            spelling: Spelling::USUAL,
            retry: None,
            failures: 0,
            local_address: match self.link {
                Some(link) => Some(link.0.into()),
                None => known.then(|| [127, 0, 0, 1].into()),
            },
            local_as: known.then_some(Asn(65000)),
            peer_as: self.peer_as,
            router_id: Some([10, 0, 0, 1].into()),
            hold_time: 180,
            state: if self.up { "ESTABLISHED" } else { "IDLE" },
            up: self.up,
            seconds: self.seconds,
            families: &self.families,
            add_path: &self.add_path,
            local: &self.local,
            negotiated: self.negotiated.as_ref(),
            messages: self.messages,
            history: &NO_HISTORY,
        }
    }
}

/// A neighbor without any activity yet.
static NO_HISTORY: oxabgp::api::control::SessionHistory = oxabgp::api::control::SessionHistory {
    established: 0,
    lost: 0,
    closed: None,
    notification_sent: None,
    notification_received: None,
    connect_failed: None,
};
