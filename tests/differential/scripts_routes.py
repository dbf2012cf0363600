"""What is sent of a route: the first batch of a session, repetitions, next hops of the other kind, attributes written twice, the order of a file."""
import struct

import wire
from stage import neighbor, peer_open, scenario

TWO = "ipv4 unicast; ipv6 unicast; ipv4 multicast; ipv4 nlri-mpls; ipv4 mpls-vpn;"
NAMES = ("ipv4-unicast", "ipv6-unicast", "ipv4-multicast", "ipv4-nlri-mpls", "ipv4-mpls-vpn")
NEXTHOP = wire.capability(5, struct.pack("!6H", 1, 1, 2, 2, 1, 1))


def one(t, more="", capability="route-refresh enable;", peer_as=65001):
    """A neighbor with a helper."""
    t.helper("text", "text")
    t.peer("127.0.0.2")
    t.start(neighbor("127.0.0.2", f"api {{ processes [ text ]; }} {more}", peer_as, TWO, capability))
    return t.peers["127.0.0.2"]


def batch(t, label, *lines):
    """Lines that the daemon reads at once, and what comes of them."""
    t.say("text", *lines)
    t.settle(label)


@scenario
def route_first_batch(t):
    """Withdrawals in the first batch of a session and after it."""
    peer = one(t)
    t.up("127.0.0.2", peer_open(names=NAMES))
    t.settle("up")
    batch(t, "both", "announce route 10.0.0.0/24 next-hop 1.1.1.1", "withdraw route 10.0.0.0/24 next-hop 1.1.1.1")
    batch(t, "bare", "withdraw route 10.0.1.0/24 next-hop 1.1.1.1")
    batch(t, "both again", "announce route 10.0.2.0/24 next-hop 1.1.1.1", "withdraw route 10.0.2.0/24 next-hop 1.1.1.1")
    batch(t, "six", "withdraw route 2001:db8::/32 next-hop ::1", "withdraw route 10.0.3.0/24 label 3 rd 1:1 next-hop 1.1.1.1")
    for number in range(2):
        peer.tell(wire.notification(6, 4))
        t.lost("127.0.0.2", f"flap {number}")
        t.up("127.0.0.2", peer_open(names=NAMES))
        t.settle(f"up {number}")
        batch(t, f"first bare {number}", "withdraw route 10.0.1.0/24 next-hop 1.1.1.1", "withdraw route 10.0.4.0/24 label 3 rd 1:1 next-hop 1.1.1.1",
              "withdraw route 2001:db8:1::/48 next-hop ::1")
        batch(t, f"second bare {number}", "withdraw route 10.0.1.0/24 next-hop 1.1.1.1", "withdraw route 10.0.4.0/24 label 3 rd 1:1 next-hop 1.1.1.1")
        batch(t, f"route {number}", "announce route 10.0.9.0/24 next-hop 1.1.1.1")
    t.end()


@scenario
def route_first_batch_static(t):
    """The same where the file has routes: they are the first batch."""
    one(t, "static { route 10.1.0.0/24 next-hop 1.1.1.1; }")
    t.up("127.0.0.2", peer_open(names=NAMES))
    t.settle("up")
    batch(t, "bare", "withdraw route 10.0.1.0/24 next-hop 1.1.1.1")
    batch(t, "both", "announce route 10.0.2.0/24 next-hop 1.1.1.1", "withdraw route 10.0.2.0/24 next-hop 1.1.1.1")
    t.end()


REPETITIONS = [
    "announce route 2.2.0.1/32 next-hop 127.0.0.1", "announce route 2.2.0.1/32 next-hop self", "announce route 2.2.0.1/32 next-hop 127.0.0.1",
    "announce route 2.2.0.1/32 next-hop 127.0.0.2", "announce route 2.2.0.1/32 next-hop SELF", "announce ipv4 unicast 2.2.0.1/32 next-hop self",
    "announce attributes next-hop 127.0.0.1 nlri 2.2.0.1/32",
]
SAID = ["announce route 2.2.0.2/32 next-hop 1.1.1.1", "announce route 2.2.0.2/32 next-hop 1.1.1.1 origin igp", "announce route 2.2.0.2/32 next-hop 1.1.1.1 community [ ]",
        "announce route 2.2.0.2/32 next-hop 1.1.1.1 as-path [ ]", "announce route 2.2.0.2/32 next-hop 1.1.1.1 local-preference 100", "announce route 2.2.0.2/32 next-hop 1.1.1.1 name one",
        "announce route 2.2.0.2/32 next-hop 1.1.1.1"]


@scenario
def route_repeated(t):
    """A repetition, however it is written, is not sent."""
    one(t)
    t.up("127.0.0.2", peer_open(names=NAMES))
    t.settle("up")
    t.ask("text", *REPETITIONS)
    t.end()


@scenario
def route_repeated_said(t):
    """Words that change nothing of what the peer gets."""
    one(t, peer_as=65000)
    t.up("127.0.0.2", peer_open(65000, names=NAMES))
    t.settle("up")
    t.ask("text", *SAID)
    t.end()


def with_and_without(t, peer, *commands):
    """A session with extended next hops, in which commands are given, and one without."""
    t.up("127.0.0.2", peer_open(names=NAMES, more=[NEXTHOP]))
    t.settle("up")
    t.ask("text", *commands)
    peer.tell(wire.notification(6, 4))
    t.lost("127.0.0.2", "flap")
    t.up("127.0.0.2", peer_open(names=NAMES))
    t.settle("without")
    t.end()


@scenario
def route_ipv4_hop(t):
    """IPv6 routes with IPv4 next hops, where that was negotiated and where not."""
    peer = one(t, "nexthop { ipv6 unicast ipv4; ipv4 unicast ipv6; } static { route 2001:db8:1::/48 next-hop 1.1.1.1; route 2001:db8:2::/48 { next-hop 0.0.0.0; next-hop fc00::2; } "
               "route 2001:db8:3::/48 { next-hop fc00::2; next-hop 1.1.1.1; } }", "route-refresh enable; nexthop enable;")
    with_and_without(t, peer, "announce route 2001:db8:4::/48 next-hop 1.1.1.1", "announce ipv6 unicast 2001:db8:6::/48 next-hop 1.1.1.1", "withdraw route 2001:db8:4::/48 next-hop 1.1.1.1")


@scenario
def route_ipv6_hop(t):
    """IPv4 routes with IPv6 next hops, where that was negotiated and where not."""
    peer = one(t, "nexthop { ipv4 unicast ipv6; } static { route 10.1.0.0/16 next-hop fc00::2; route 10.2.0.0/16 next-hop 1.1.1.1; }", "route-refresh enable; nexthop enable;")
    with_and_without(t, peer, "announce route 10.3.0.0/16 next-hop fc00::2", "announce ipv4 unicast 10.4.0.0/16 next-hop fc00::2", "withdraw route 10.3.0.0/16 next-hop fc00::2")


TWICE = [
    "10.0.0.0/24 next-hop 1.1.1.1 next-hop 2.2.2.2", "10.0.1.0/24 next-hop self next-hop 2.2.2.2", "10.0.2.0/24 next-hop 1.1.1.1 next-hop 2001:db8::1",
    "2001:db8:1::/48 next-hop 2001:db8::1 next-hop 2001:db8::2", "2001:db8:2::/48 next-hop 1.1.1.1 next-hop 2001:db8::2", "224.1.0.0/24 next-hop 1.1.1.1 next-hop 2.2.2.2",
    "10.1.0.0/24 next-hop 1.1.1.1 origin egp origin igp", "10.1.1.0/24 next-hop 1.1.1.1 as-path [ 1 ] as-path [ 2 ]", "10.1.2.0/24 next-hop 1.1.1.1 med 1 med 2",
    "10.1.3.0/24 next-hop 1.1.1.1 local-preference 1 local-preference 2", "10.1.4.0/24 next-hop 1.1.1.1 aggregator ( 1:1.1.1.1 ) aggregator ( 2:2.2.2.2 )",
    "10.1.5.0/24 next-hop 1.1.1.1 community [ 1:1 ] community [ 2:2 ]", "10.1.6.0/24 next-hop 1.1.1.1 large-community [ 1:1:1 ] large-community [ 2:2:2 ]",
    "10.1.7.0/24 next-hop 1.1.1.1 extended-community [ target:1:1 ] extended-community [ target:2:2 ]", "10.1.8.0/24 next-hop 1.1.1.1 originator-id 1.1.1.1 originator-id 2.2.2.2",
    "10.1.9.0/24 next-hop 1.1.1.1 cluster-list [ 1.1.1.1 ] cluster-list [ 2.2.2.2 ]", "10.1.10.0/24 next-hop 1.1.1.1 aigp 1 aigp 2", "10.1.11.0/24 next-hop 1.1.1.1 atomic-aggregate atomic-aggregate",
    "10.1.12.0/24 next-hop 1.1.1.1 attribute [ 0x63 0xc0 0x01 ] attribute [ 0x63 0xc0 0x02 ]", "10.1.13.0/24 next-hop 1.1.1.1 bgp-prefix-sid [ 1 ] bgp-prefix-sid [ 2 ]",
    "10.1.14.0/24 next-hop 1.1.1.1 attribute [ 0x04 0x80 0x00000007 ] med 8", "10.2.0.0/24 next-hop 1.1.1.1 label 1 label 2", "10.2.1.0/24 next-hop 1.1.1.1 label 1 rd 1:1 rd 2:2",
    "10.2.2.0/24 next-hop 1.1.1.1 path-information 1 path-information 2", "10.2.3.0/24 next-hop 1.1.1.1 split /25 split /26", "10.2.4.0/24 next-hop 1.1.1.1 name a name b",
]


@scenario
def route_twice(t):
    """Every word twice in one route, by command."""
    one(t, peer_as=65000)
    t.up("127.0.0.2", peer_open(65000, names=NAMES))
    t.settle("up")
    t.ask("text", *["announce route " + text for text in TWICE])
    t.ask("text", "announce attributes next-hop 1.1.1.1 next-hop 2.2.2.2 med 1 med 2 label 1 label 2 nlri 10.3.0.0/24", "show adj-rib out extensive")
    t.end()


@scenario
def route_twice_in_file(t):
    """The same in a file, in lines and blocks."""
    lines = " ".join(f"route {text};" for text in TWICE)
    one(t, f"static {{ {lines} }}", peer_as=65000)
    t.up("127.0.0.2", peer_open(65000, names=NAMES))
    t.settle("up", final=True)
    t.end()


@scenario
def route_withdraw_word(t):
    """`withdraw` without a watchdog, in the file and in a command."""
    one(t, "static { route 10.1.0.0/24 next-hop 1.1.1.1 withdraw; route 10.1.1.0/24 { next-hop 1.1.1.1; withdraw; } route 10.1.2.0/24 next-hop 1.1.1.1; }")
    t.up("127.0.0.2", peer_open(names=NAMES))
    t.settle("up")
    t.ask("text", "announce route 10.2.0.0/24 next-hop 1.1.1.1 withdraw", "withdraw route 10.2.0.0/24 next-hop 1.1.1.1 withdraw", "show adj-rib out")
    t.end()


ORDER = "static { " + " ".join(f"route 10.{9 - n}.0.0/24 next-hop 1.1.1.1 {'med 5' if n % 3 == 1 else ''};" for n in range(8)) + " route 2001:db8:9::/48 next-hop ::1; route 2001:db8:1::/48 next-hop ::1; }"


@scenario
def route_order(t):
    """`group-updates false`: routes leave in the order of the file."""
    peer = one(t, ORDER + " group-updates false;")
    t.up("127.0.0.2", peer_open(names=NAMES))
    t.marked()
    t.note("order", *[m[19:].hex() for m in peer.received if m[18] == wire.UPDATE and len(m) > 30], label="up")
    t.settle("up")
    batch(t, "commands", *[f"announce route 10.1{9 - n}.0.0/24 next-hop 1.1.1.1" for n in range(9)])
    t.end()


@scenario
def route_two_hops(t):
    """A global and a link-local next hop: ExaBGP has no words for it, but shows what a peer sends."""
    t.helper("json", "json")
    t.helper("text", "text")
    t.peer("127.0.0.2")
    t.start(neighbor("127.0.0.2", "api { processes [ json text ]; receive { parsed; update; } }", families=TWO))
    t.up("127.0.0.2", peer_open(names=NAMES))
    t.settle("up")
    hop = wire.ip("2001:db8::1") + wire.ip("fe80::1")
    reach = struct.pack("!HBB", 2, 1, 32) + hop + b"\x00" + b"\x20" + wire.ip("2001:db8::")[:4]
    attribute = bytes([0x80, 14, len(reach)]) + reach
    t.peers["127.0.0.2"].tell(wire.update(wire.origin() + wire.as_path((2, [65001])) + attribute, b""))
    t.settle("route")
    t.end()
