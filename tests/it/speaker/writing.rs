//! Typed writes: what arrives at the peer, and what a session refuses.

use std::net::{IpAddr, Ipv6Addr};
use std::rc::Rc;

use ipnet::IpNet;
use oxabgp::bgp::attribute::Generic;
use oxabgp::bgp::attribute::community::{Communities, Community};
use oxabgp::bgp::attribute::large_community::{LargeCommunities, LargeCommunity};
use oxabgp::bgp::attribute::origin::Origin;
use oxabgp::bgp::capability::Offer;
use oxabgp::bgp::capability::add_path::AddPathMode;
use oxabgp::bgp::message::open::Open;
use oxabgp::bgp::message::update::Update;
use oxabgp::bgp::negotiated::Terms;
use oxabgp::bgp::{
    Afi, Asn, Attribute, AttributeSet, Capability, Family, Negotiated, NextHop, Nlri, Notification,
    Sender,
};
use oxabgp::fsm::CloseReason;
use oxabgp::rib::pack::end_of_rib;
use oxabgp::speaker::{
    Attributes, Error, Outbox, PeerConfig, Plugin, RouteUpdate, SendTerms, Server, UnicastRoute,
    UpdateDecoder, UpdateWriter, WriteError,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{LIMIT, active, passive, serving};

fn net(text: &str) -> IpNet {
    text.parse().expect("a prefix")
}

/// What a peer has received: announced and withdrawn routes, and the attributes as text.
#[derive(Debug, Default, PartialEq)]
struct Got {
    announced: Vec<UnicastRoute>,
    withdrawn: Vec<UnicastRoute>,
    attributes: Vec<String>,
    end_of_rib: Option<Family>,
}

enum Told {
    Up(UpdateWriter, Rc<Negotiated>),
    Got(Got),
}

/// Decodes what comes, and runs `first` in `on_established`.
struct Peer<F> {
    offer: Offer,
    first: F,
    told: UnboundedSender<Told>,
    session: Option<Rc<Negotiated>>,
}

impl<F: FnMut(&UpdateWriter)> Plugin for Peer<F> {
    fn capabilities(&mut self, _: &PeerConfig) -> Vec<Capability> {
        self.offer.capabilities()
    }

    fn on_established(&mut self, _: &PeerConfig, session: &Rc<Negotiated>, writer: UpdateWriter) {
        self.session = Some(Rc::clone(session));
        (self.first)(&writer);
        let _ = self.told.send(Told::Up(writer, Rc::clone(session)));
    }

    fn on_update(&mut self, _: &PeerConfig, update: Update<'_>) -> Result<(), Notification> {
        let decoder = UpdateDecoder::<Got>::new()
            .announced_unicast(|got, route| {
                got.announced.push(route);
                Ok(())
            })
            .withdrawn_unicast(|got, route| {
                got.withdrawn.push(route);
                Ok(())
            })
            .attributes(|got, raw| {
                got.attributes
                    .extend(raw.decode()?.map(|one| one.to_string()));
                Ok(())
            });
        let mut got = Got {
            end_of_rib: update.end_of_rib(),
            ..Got::default()
        };
        let session = self.session.as_ref().expect("a session");
        decoder
            .decode_update(&mut got, update, &session.codec)
            .expect("a good UPDATE");
        let _ = self.told.send(Told::Got(got));
        Ok(())
    }

    fn on_close(&mut self, _: &PeerConfig, _: &CloseReason) {}
}

struct Side(UnboundedReceiver<Told>);

impl Side {
    async fn next(&mut self) -> Told {
        tokio::time::timeout(LIMIT, self.0.recv())
            .await
            .expect("in time")
            .expect("the plugin lives")
    }

    async fn up(&mut self) -> (UpdateWriter, Rc<Negotiated>) {
        match self.next().await {
            Told::Up(writer, session) => (writer, session),
            Told::Got(got) => panic!("{got:?}"),
        }
    }

    async fn got(&mut self) -> Got {
        match self.next().await {
            Told::Got(got) => got,
            Told::Up(..) => panic!("up"),
        }
    }
}

fn offer(asn: u32, families: &[Family]) -> Offer {
    Offer {
        families: families.to_vec(),
        asn4: Some(Asn(asn)),
        ..Offer::default()
    }
}

/// A session between AS 65001, which waits and runs `first`, and AS 65002.
async fn pair(
    left: Offer,
    right: Offer,
    first: impl FnMut(&UpdateWriter) + 'static,
) -> (Server, Server, Side, Side) {
    let (a, address) = serving([10, 0, 0, 1]);
    let (b, _) = serving([10, 0, 0, 2]);
    let (told, left_side) = unbounded_channel();
    let plugin = Peer {
        offer: left,
        first,
        told,
        session: None,
    };
    a.add_peer(passive(65001, 65002), plugin).expect("a peer");
    let (told, right_side) = unbounded_channel();
    let plugin = Peer {
        offer: right,
        first: |_: &UpdateWriter| {},
        told,
        session: None,
    };
    b.add_peer(active(65002, 65001, address), plugin)
        .expect("a peer");
    (a, b, Side(left_side), Side(right_side))
}

const BOTH: &[Family] = &[Family::IPV4_UNICAST, Family::IPV6_UNICAST];

#[tokio::test(flavor = "local")]
async fn routes_are_written_from_a_callback_as_the_session_needs_them() {
    let first = |writer: &UpdateWriter| {
        let attributes = Attributes::new()
            .origin(Origin::Egp)
            .med(7)
            .communities([(65001, 100)])
            .large_communities([(1, 2, 3)]);
        writer
            .announce(net("203.0.113.0/24"), &attributes)
            .expect("room");
        let six: Ipv6Addr = "2001:db8::1".parse().expect("an address");
        writer
            .announce(net("2001:db8:1::/48"), &attributes.next_hop(six))
            .expect("room");
        writer.withdraw(net("198.51.100.0/24")).expect("room");
        writer.end_of_rib(Family::IPV6_UNICAST).expect("room");
    };
    let (_a, _b, _, mut right) = pair(offer(65001, BOTH), offer(65002, BOTH), first).await;
    right.up().await;
    let got = right.got().await;
    let route = got.announced[0];
    assert_eq!(
        (route.prefix, route.next_hop),
        (
            net("203.0.113.0/24"),
            Some(NextHop::from(IpAddr::from([127, 0, 0, 1])))
        )
    );
    assert_eq!(
        got.attributes,
        [
            "origin egp",
            "as-path [ 65001 ]",
            "next-hop 127.0.0.1",
            "med 7",
            "community 65001:100",
            "large-community 1:2:3",
        ]
    );
    let got = right.got().await;
    assert_eq!(got.announced[0].prefix, net("2001:db8:1::/48"));
    assert_eq!(
        got.announced[0].next_hop.and_then(NextHop::address),
        "2001:db8::1".parse().ok()
    );
    let got = right.got().await;
    assert_eq!(got.withdrawn[0].prefix, net("198.51.100.0/24"));
    assert_eq!(right.got().await.end_of_rib, Some(Family::IPV6_UNICAST));
}

#[tokio::test(flavor = "local")]
async fn many_routes_are_packed_up_to_the_size_of_a_message_and_the_last_call_counts() {
    let (_a, _b, mut left, mut right) = pair(offer(65001, BOTH), offer(65002, BOTH), |_| {}).await;
    let (writer, session) = left.up().await;
    right.up().await;
    assert!(!session.codec.extended_message);
    let prefix = |n: u32| -> IpNet {
        let address = std::net::Ipv4Addr::from(0x0A00_0000 + n);
        IpNet::new(address.into(), 32).expect("a length")
    };
    let attributes = Attributes::new();
    let update = RouteUpdate::new()
        .announce_all((0..2_000).map(prefix), &attributes)
        .withdraw(prefix(5))
        .withdraw(prefix(9_999))
        .announce(prefix(9_999), &attributes.clone().med(1));
    writer.write(&update).await.expect("the session is up");
    let mut announced = Vec::new();
    let mut messages = 0;
    while announced.len() < 2_000 {
        let got = right.got().await;
        messages += 1;
        announced.extend(got.announced.iter().map(|route| route.prefix));
        if messages == 1 {
            assert_eq!(got.withdrawn[0].prefix, prefix(5));
            assert_eq!(got.withdrawn.len(), 1);
        }
    }
    // The withdrawal, three for 1,999 routes of five octets, and one for the route with a MED.
    assert_eq!(messages, 5);
    assert!(announced.contains(&prefix(9_999)) && !announced.contains(&prefix(5)));
}

#[tokio::test(flavor = "local")]
async fn what_a_session_cannot_carry_is_an_error_of_the_write() {
    let four = &[Family::IPV4_UNICAST];
    let (_a, b, mut left, mut right) = pair(offer(65001, four), offer(65002, four), |_| {}).await;
    let (writer, _) = left.up().await;
    right.up().await;
    let none = Attributes::new();
    let prefix = net("203.0.113.0/24");
    assert_eq!(
        writer.announce(net("2001:db8::/32"), &none),
        Err(WriteError::Family(Family::IPV6_UNICAST))
    );
    let six: Ipv6Addr = "2001:db8::1".parse().expect("an address");
    assert_eq!(
        writer.announce(prefix, &none.clone().next_hop(six)),
        Err(WriteError::NextHop(Family::IPV4_UNICAST))
    );
    assert_eq!(
        writer.refresh(Family::IPV4_UNICAST),
        Err(WriteError::Refresh)
    );
    let long = none
        .clone()
        .large_communities((0..400).map(|n| (65001, n, 0)));
    assert_eq!(writer.announce(prefix, &long), Err(WriteError::TooLong));
    assert_eq!(writer.try_write(&[0; 5_000]), Err(WriteError::TooLong));
    // Nothing of that was sent.
    writer.announce(prefix, &none).expect("room");
    assert_eq!(right.got().await.announced[0].prefix, prefix);
    b.shutdown(oxabgp::fsm::Cease::Removed).await;
    while !writer.is_closed() {
        tokio::task::yield_now().await;
    }
    assert_eq!(writer.withdraw(prefix), Err(WriteError::Closed));
    assert_eq!(writer.flush().await, Err(WriteError::Closed));
}

#[tokio::test(flavor = "local")]
async fn add_path_two_octet_as_numbers_and_ipv6_next_hops_follow_the_negotiation() {
    let rich = |asn: u32, mode| Offer {
        nexthop: Some(vec![(Family::IPV4_UNICAST, Afi::IPV6)]),
        add_path: Some((mode, vec![Family::IPV4_UNICAST])),
        route_refresh: true,
        ..offer(asn, BOTH)
    };
    let (left, right) = (
        Offer {
            asn4: None,
            ..rich(65001, AddPathMode::BOTH)
        },
        rich(65002, AddPathMode::BOTH),
    );
    let (_a, _b, mut left, mut right) = pair(left, right, |_| {}).await;
    let (writer, session) = left.up().await;
    right.up().await;
    assert!(!session.codec.asn4);
    let six: Ipv6Addr = "2001:db8::1".parse().expect("an address");
    let attributes = Attributes::new()
        .as_path([Asn(65001), Asn(70_000)])
        .next_hop(six);
    let prefix = net("203.0.113.0/24");
    let update = RouteUpdate::new()
        .announce(Nlri::from(prefix).with_path_id(1), &attributes)
        .announce(Nlri::from(prefix).with_path_id(2), &attributes);
    writer.try_write(&update).expect("room");
    let got = right.got().await;
    let paths: Vec<Option<u32>> = got.announced.iter().map(|route| route.path_id).collect();
    assert_eq!(paths, [Some(1), Some(2)]);
    assert_eq!(
        got.announced[0].next_hop.and_then(NextHop::address),
        Some(six.into())
    );
    // Merged from AS_PATH and AS4_PATH.
    assert!(
        got.attributes
            .contains(&"as-path [ 65001 70000 ]".to_owned()),
        "{:?}",
        got.attributes
    );
    writer.refresh(Family::IPV4_UNICAST).expect("negotiated");
    assert_eq!(writer.terms().families, BOTH);
}

/// Sends by [`Plugin::fill`] only.
struct Silent {
    told: UnboundedSender<Told>,
    sent: bool,
}

impl Plugin for Silent {
    fn has_writer(&self) -> bool {
        false
    }

    fn on_established(&mut self, _: &PeerConfig, session: &Rc<Negotiated>, writer: UpdateWriter) {
        let _ = self.told.send(Told::Up(writer, Rc::clone(session)));
    }

    fn fill(&mut self, _: &PeerConfig, outbox: &mut Outbox) {
        if !std::mem::replace(&mut self.sent, true) {
            outbox.push(end_of_rib(Family::IPV4_UNICAST));
        }
    }

    fn on_update(&mut self, _: &PeerConfig, _: Update<'_>) -> Result<(), Notification> {
        Ok(())
    }

    fn on_close(&mut self, _: &PeerConfig, _: &CloseReason) {}
}

#[tokio::test(flavor = "local")]
async fn a_session_without_a_writer_sends_what_its_plugin_pushes() {
    let (a, address) = serving([10, 0, 0, 1]);
    let (b, _) = serving([10, 0, 0, 2]);
    let (told, left_side) = unbounded_channel();
    let silent = Silent { told, sent: false };
    let key = a.add_peer(passive(65001, 65002), silent).expect("a peer");
    let (told, right_side) = unbounded_channel();
    let plugin = Peer {
        offer: offer(65002, BOTH),
        first: |_: &UpdateWriter| {},
        told,
        session: None,
    };
    b.add_peer(active(65002, 65001, address), plugin)
        .expect("a peer");
    let (mut left, mut right) = (Side(left_side), Side(right_side));
    let (writer, _) = left.up().await;
    assert!(writer.is_closed());
    assert_eq!(
        writer.end_of_rib(Family::IPV4_UNICAST),
        Err(WriteError::Closed)
    );
    assert!(matches!(a.writer(key), Err(Error::Down(down)) if down == key));
    right.up().await;
    assert_eq!(right.got().await.end_of_rib, Some(Family::IPV4_UNICAST));
}

#[test]
fn of_unrecognized_attributes_the_transitive_ones_are_passed_on_as_partial() {
    let unknown = |code, flags| {
        let value = Box::from([1, 2]);
        Attribute::Generic(Box::new(Generic { code, flags, value }))
    };
    // The Tunnel Encapsulation attribute (23) is kept as it is, but is not unrecognized.
    let received = vec![
        Attribute::Origin(Origin::Igp),
        unknown(23, 0xC0),
        unknown(200, 0x80),
        unknown(201, 0xC0),
        unknown(202, 0xE0),
    ];
    let passed_on = Attributes::from(&AttributeSet::new(received.clone()));
    assert_eq!(passed_on.list()[..2], received[..2]);
    assert_eq!(
        passed_on.list()[2..],
        [unknown(201, 0xE0), unknown(202, 0xE0)]
    );
}

#[test]
fn communities_are_sorted_and_large_ones_are_there_once() {
    let set = Attributes::new()
        .communities([(65001, 2), (65001, 1)])
        .large_communities([(65001, 2, 2), (65001, 1, 1), (65001, 2, 2)]);
    let list = [[65001, 1, 1], [65001, 2, 2]].map(LargeCommunity);
    let large = Attribute::LargeCommunities(LargeCommunities(list.into()));
    let communities = [(65001, 1), (65001, 2)].map(Community::from);
    let communities = Attribute::Communities(Communities(communities.into()));
    assert_eq!(set.list(), [communities, large.clone()]);
    let twice = [list, list].concat().into();
    let twice = Attribute::LargeCommunities(LargeCommunities(twice));
    assert_eq!(Attributes::new().attribute(twice).list(), [large]);
}

/// Announces one route; its type is chosen at run time.
struct Announcer;

impl Plugin for Announcer {
    fn on_established(&mut self, _: &PeerConfig, _: &Rc<Negotiated>, writer: UpdateWriter) {
        writer
            .announce(net("192.0.2.0/24"), &Attributes::new())
            .expect("room");
        writer.end_of_rib(Family::IPV4_UNICAST).expect("room");
    }

    fn on_update(&mut self, _: &PeerConfig, _: Update<'_>) -> Result<(), Notification> {
        Ok(())
    }

    fn on_close(&mut self, _: &PeerConfig, _: &CloseReason) {}

    fn has_writer(&self) -> bool {
        false
    }
}

#[test]
fn a_plugin_can_be_tested_without_a_session() {
    let config = passive(65001, 65002);
    let open = |asn: u16, last| Open {
        version: 4,
        asn,
        hold_time: 90,
        router_id: [192, 0, 2, last].into(),
        capabilities: config.capabilities(),
    };
    let session = Negotiated::new(open(65001, 1), open(65002, 2), Terms::default());
    let session = session.expect("agreement");
    let sender = Sender {
        codec: session.codec,
        local_as: Asn(65001),
        local_address: [192, 0, 2, 1].into(),
        router_id: [192, 0, 2, 1].into(),
        group_updates: true,
    };
    let terms = SendTerms::new(sender, session.families.clone(), session.refresh);
    let (writer, mut sent) = UpdateWriter::detached(terms);
    let mut plugin: Box<dyn Plugin> = Box::new(Announcer);
    assert!(!Plugin::has_writer(&plugin), "all calls are passed on");
    Plugin::on_established(&mut plugin, &config, &Rc::new(session), writer.clone());
    let messages = sent.take();
    assert_eq!(messages.len(), 2, "{messages:?}");
    let update = Update::new(&messages[0][19..]).expect("an UPDATE");
    assert_eq!(update.nlri, [24, 192, 0, 2]);
    assert_eq!(messages[1][19..], [0; 4]);
    assert!(sent.take().is_empty() && !writer.is_closed());
    drop(sent);
    assert_eq!(
        writer.withdraw(net("192.0.2.0/24")),
        Err(WriteError::Closed)
    );
}
