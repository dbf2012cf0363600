//! A large table that is written as MRT and read back: each route with all that its neighbor sent.
//!
//! `OXABGP_TEST_ROUTES=1000000 cargo nextest run --all-features -E 'test(mrt_table)'` is the million: a minute or two on two cores
//! without optimization, 100 MB of the daemon, 230 MB of the test.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use ipnet::IpNet;
use oxabgp::bgp::capability::Offer;
use oxabgp::bgp::message::MessageType;
use oxabgp::bgp::message::open::Open;
use oxabgp::bgp::{Asn, Family};
use oxabgp::stream::{Elem, ElemKind, Stream};

use super::control::Client;
use crate::support::daemon::{Daemon, Lab};
use crate::support::peer::{RawPeer, open};

const PEERS: u32 = 100;

/// AS number of the first neighbor.
const FIRST: u32 = 4_200_000_000;

/// A route as its neighbor sent it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    prefix: IpNet,
    peer: (IpAddr, u32),
    next_hop: IpAddr,
    path: [u32; 3],
    origin: u8,
    med: Option<u32>,
    community: [u32; 2],
    large_community: [u32; 3],
}

impl Row {
    /// Of a route of a table.
    fn of(elem: &Elem) -> Self {
        assert_eq!(
            (elem.kind, elem.notes.is_malformed()),
            (ElemKind::Rib, false)
        );
        let path = elem.as_path().expect("a path");
        let path: Vec<u32> = path.asns().map(|asn| asn.0).collect();
        let communities: Vec<u32> = elem.communities().iter().map(|one| one.0).collect();
        let large = elem.large_communities();
        assert_eq!((large.len(), elem.local_pref()), (1, None));
        Self {
            prefix: elem.prefix().expect("a prefix"),
            peer: (elem.peer_address.expect("a peer"), elem.peer_asn.0),
            next_hop: elem.next_hop.address.expect("a next hop"),
            path: path.try_into().expect("three numbers"),
            origin: elem.origin().expect("an origin"),
            med: elem.med(),
            community: communities.try_into().expect("two communities"),
            large_community: large[0],
        }
    }
}

/// How many routes there are: `OXABGP_TEST_ROUTES`.
fn size() -> u32 {
    let text = std::env::var("OXABGP_TEST_ROUTES").unwrap_or_default();
    text.parse().unwrap_or(20_000)
}

fn address(peer: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x7F00_0200 + peer)
}

fn configuration() -> String {
    (0..PEERS)
        .map(|peer| {
            format!(
                "neighbor {} {{ router-id 10.0.0.1; local-address 127.0.0.1; local-as 65000; peer-as {}; passive; \
                 family {{ ipv4 unicast; ipv6 unicast; }} capability {{ route-refresh; }} }}\n",
                address(peer),
                FIRST + peer
            )
        })
        .collect()
}

fn attribute(flags: u8, code: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("short").to_be_bytes();
    // Extended length.
    [&[flags | 0x10, code], &length[..], value].concat()
}

fn numbers(list: &[u32]) -> Vec<u8> {
    list.iter().flat_map(|one| one.to_be_bytes()).collect()
}

/// What the routes of an UPDATE share; each fourth UPDATE is of IPv6, each third has no MED.
fn shared(peer: u32, update: u32) -> Row {
    let next_hop = match update % 4 {
        3 => Ipv6Addr::from_bits((0x2001_0DB8 << 96) | u128::from(peer << 16 | update)).into(),
        _ => Ipv4Addr::from_bits(0xC612_0000 + (peer << 8) + update % 256).into(),
    };
    Row {
        prefix: IpNet::from(next_hop),
        peer: (address(peer).into(), FIRST + peer),
        next_hop,
        path: [FIRST + peer, 3356, 64_512 + update],
        origin: u8::try_from(update % 3).expect("a remainder"),
        med: (!update.is_multiple_of(3)).then_some(update),
        community: [peer << 16 | update, 0xFFFF_FF01],
        large_community: [FIRST + peer, update, u32::MAX],
    }
}

/// The body of an UPDATE, and the rows of its routes.
fn update(peer: u32, number: u32, routes: &[u32]) -> (Vec<u8>, Vec<Row>) {
    let row = || shared(peer, number);
    let prefix = |route: u32| match row().next_hop {
        IpAddr::V4(_) => IpNet::new(Ipv4Addr::from_bits(0x0100_0000 + (route << 8)).into(), 24),
        IpAddr::V6(_) => {
            let bits = (0x2001_0DB8 << 96) | (u128::from(route) << 64);
            IpNet::new(Ipv6Addr::from_bits(bits).into(), 64)
        }
    };
    let rows: Vec<Row> = routes
        .iter()
        .map(|route| Row {
            prefix: prefix(*route).expect("a length"),
            ..row()
        })
        .collect();
    let nlri: Vec<u8> = rows
        .iter()
        .flat_map(|row| match row.prefix {
            IpNet::V4(one) => [&[24][..], &one.addr().octets()[..3]].concat(),
            IpNet::V6(one) => [&[64][..], &one.addr().octets()[..8]].concat(),
        })
        .collect();
    let row = row();
    let mut attributes = [
        attribute(0x40, 1, &[row.origin]),
        attribute(0x40, 2, &[&[2, 3][..], &numbers(&row.path)].concat()),
        attribute(0xC0, 8, &numbers(&row.community)),
        attribute(0xC0, 32, &numbers(&row.large_community)),
    ]
    .concat();
    if let Some(med) = row.med {
        attributes.extend(attribute(0x80, 4, &med.to_be_bytes()));
    }
    let mut body = Vec::new();
    match row.next_hop {
        IpAddr::V4(hop) => {
            attributes.extend(attribute(0x40, 3, &hop.octets()));
            body.extend(nlri);
        }
        IpAddr::V6(hop) => {
            let value = [&[0, 2, 1, 16][..], &hop.octets(), &[0], &nlri].concat();
            attributes.extend(attribute(0x80, 14, &value));
        }
    }
    let length = u16::try_from(attributes.len()).expect("short");
    let head = [&[0, 0][..], &length.to_be_bytes(), &attributes].concat();
    ([head, body].concat(), rows)
}

#[test]
fn a_table_of_a_hundred_neighbors_reads_back_as_it_was() {
    let each = size() / PEERS;
    let lab = Lab::new();
    let port = {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        free.local_addr().expect("an address").port()
    };
    let (bind, socket) = (port.to_string(), lab.path("control.sock"));
    let daemon = Daemon::start_with(
        &lab,
        &configuration(),
        &[
            ("exabgp_tcp_bind", "127.0.0.1"),
            ("exabgp_tcp_port", &bind),
            ("exabgp_api_cli", "true"),
            ("EXABGP_ROOT", lab.path("root").to_str().expect("UTF-8")),
            ("oxabgp_api_socketpath", socket.to_str().expect("UTF-8")),
        ],
    );
    daemon.logged("is running");
    let here = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port);
    let mut wanted = Vec::new();
    let mut peers = Vec::new();
    for peer in 0..PEERS {
        let mut raw = RawPeer::connect_from(&address(peer).to_string(), here);
        raw.establish(&offer(peer));
        // Half of the routes are those of all peers, half are of one.
        let routes: Vec<u32> = (0..each)
            .map(|number| number + number % 2 * peer * each)
            .collect();
        let length = usize::try_from(each / 8).expect("few").clamp(1, 400);
        for (number, piece) in (0..).zip(routes.chunks(length)) {
            let (body, rows) = update(peer, number, piece);
            raw.send(MessageType::UPDATE, &body);
            wanted.extend(rows);
        }
        peers.push(raw);
    }
    for raw in &mut peers {
        received(raw);
    }
    let file = lab.path("rib.mrt");
    let mut client = Client::new(&lab);
    assert_eq!(
        client.ask(&format!("mrt dump {}", file.display())),
        "done\n"
    );
    let stream = Stream::builder().path(&file).expect("a file").build();
    let elems = stream.expect("a stream").elems();
    let mut seen: Vec<Row> = elems.map(|elem| Row::of(&elem)).collect();
    seen.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(seen.len(), wanted.len());
    let wrong = seen
        .iter()
        .zip(&wanted)
        .find(|(seen, wanted)| seen != wanted);
    assert_eq!(wrong, None);
}

/// The OPEN of a peer. Nobody sends KEEPALIVEs for it when its turn is over.
fn offer(peer: u32) -> Open {
    Open {
        hold_time: 0,
        capabilities: Offer {
            families: vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST],
            asn4: Some(Asn(FIRST + peer)),
            route_refresh: true,
            ..Offer::default()
        }
        .capabilities(),
        ..open(FIRST + peer, address(peer).octets())
    }
}

/// Waits until all that was sent is received: until the end of the answer to a ROUTE-REFRESH (RFC 7313 section 4).
fn received(peer: &mut RawPeer) {
    peer.send(MessageType::ROUTE_REFRESH, &[0, 1, 0, 1]);
    loop {
        let message = peer.receive().expect("an answer");
        if message == (MessageType::ROUTE_REFRESH, vec![0, 1, 2, 1]) {
            return;
        }
    }
}
