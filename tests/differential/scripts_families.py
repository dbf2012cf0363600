"""Routes of every family by command: the wire, the events of what is sent and received, the tables; neighbors that are not quite known."""
import wire
from stage import neighbor, peer_open, scenario

FAMILIES = ["ipv4-unicast", "ipv4-multicast", "ipv4-nlri-mpls", "ipv4-mcast-vpn", "ipv4-mup", "ipv4-mpls-vpn", "ipv4-flow", "ipv4-flow-vpn", "ipv6-unicast",
            "ipv6-nlri-mpls", "ipv6-mcast-vpn", "ipv6-mup", "ipv6-mpls-vpn", "ipv6-flow", "ipv6-flow-vpn", "l2vpn-vpls", "l2vpn-evpn"]
ROUTES = [
    "route 10.0.0.0/24 next-hop 1.1.1.1", "ipv4 unicast 10.0.1.0/24 next-hop 1.1.1.1", "ipv4 multicast 224.1.0.0/24 next-hop 1.1.1.1", "route 224.2.0.0/24 next-hop 1.1.1.1",
    "ipv4 nlri-mpls 10.0.2.0/24 next-hop 1.1.1.1 label 100", "route 10.0.3.0/24 next-hop 1.1.1.1 label [ 100 200 ]", "route 10.0.4.0/24 next-hop 1.1.1.1 label 100 rd 65000:1",
    "route 10.0.4.0/24 next-hop 1.1.1.1 label 100 rd 1.2.3.4:1", "ipv6 unicast 2001:db8:1::/48 next-hop 2001:db8::1", "route 2001:db8:2::/48 next-hop 2001:db8::1 label 7",
    "route 2001:db8:3::/48 next-hop 2001:db8::1 label 7 rd 65000:3", "ipv4 flow source 10.1.0.0/24 destination-port =80 discard",
    "flow route { match { source 10.2.0.0/24; protocol [ tcp udp ]; port [ =80 >=1024&<=2048 ]; } then { rate-limit 9600; } }",
    "flow route { rd 65000:9; match { destination 10.3.0.0/24; } then { redirect 65000:12; } }", "flow route { match { destination 2001:db8:5::/48; next-header tcp; } then { mark 10; } }",
    "flow route destination 10.4.0.0/24 fragment [ is-fragment ] accept", "ipv6 flow source 2001:db8:6::/48/0 discard",
    "vpls rd 65000:1 endpoint 5 base 10702 offset 1 size 8 next-hop 1.1.1.1", "ipv4 mcast-vpn shared-join rp 10.99.199.1 group 239.251.255.228 rd 65000:99999 source-as 65000 next-hop 1.1.1.1",
    "ipv4 mcast-vpn source-join source 10.99.12.2 group 239.251.255.228 rd 65000:99999 source-as 65000 next-hop 1.1.1.1",
    "ipv4 mcast-vpn source-ad source 10.99.12.4 group 239.251.255.228 rd 65000:99999 next-hop 1.1.1.1",
    "ipv4 mup mup-isd 10.0.1.0/24 rd 100:100 next-hop 1.1.1.1 extended-community [ target:10:10 ]", "ipv4 mup mup-dsd 10.0.0.1 rd 100:100 next-hop 1.1.1.1",
    "ipv4 mup mup-t1st 192.168.0.2/32 rd 100:100 teid 12345 qfi 9 endpoint 10.0.0.1 next-hop 1.1.1.1", "ipv4 mup mup-t2st 10.0.0.1/64 rd 100:100 teid 12345 next-hop 1.1.1.1",
    "attributes next-hop 1.1.1.1 med 5 rd 65000:5 label 9 nlri 10.7.0.0/24 10.7.1.0/24", "route 10.8.0.0/24 next-hop 1.1.1.1 bgp-prefix-sid [ 300 , [ ( 800000,4096 ) ] ]",
    "route 10.8.1.0/24 next-hop 1.1.1.1 aigp 77", "route 10.8.2.0/24 next-hop 1.1.1.1 as-path [ 1 2 ] ( 3 4 )", "route 10.8.3.0/24 next-hop 1.1.1.1 as-path [ ]",
]


def names(text):
    return "".join(f"{one.replace('-', ' ', 1)}; " for one in text)


@scenario
def families(t):
    """Announced, shown, withdrawn."""
    for name in ("json", "text"):
        t.helper(name, name)
    t.peer("127.0.0.2")
    t.start(neighbor("127.0.0.2", "api { processes [ json text ]; send { parsed; update; } }", families=names(FAMILIES)))
    t.up("127.0.0.2", peer_open(names=FAMILIES))
    t.settle("up")
    for route in ROUTES:
        t.ask("text", "announce " + route)
    shows = ["show adj-rib out", "show adj-rib out extensive", "show adj-rib out inet", "show adj-rib out flow", "show adj-rib out l2vpn", "show adj-rib out json",
             "show adj-rib out flow json", "show adj-rib out inet extensive"]
    t.ask("json", *shows)
    t.peers["127.0.0.2"].tell(*[wire.refresh(*wire.family(one)) for one in ("ipv4-flow", "ipv4-mpls-vpn", "l2vpn-vpls", "ipv6-unicast")])
    t.settle("refresh")
    for route in ROUTES:
        t.ask("text", "withdraw " + route)
    t.ask("text", "show adj-rib out")
    t.end()


@scenario
def families_v2(t):
    """The tables in the other JSON."""
    t.helper("json", "json")
    t.peer("127.0.0.2")
    t.start(neighbor("127.0.0.2", "api { processes [ json ]; }", families=names(FAMILIES)), {"exabgp_api_show-routes-format": "v2"})
    t.up("127.0.0.2", peer_open(names=FAMILIES))
    t.say("json", *["announce " + route for route in ROUTES])
    t.settle("announced", final=True)
    t.ask("json", "show adj-rib out json", "show adj-rib out flow json", "show adj-rib out extensive json")
    t.end()


@scenario
def families_received(t):
    """Routes that are received: events, tables."""
    for name in ("json", "text"):
        t.helper(name, name)
    peer = t.peer("127.0.0.2")
    t.start(neighbor("127.0.0.2", "adj-rib-in true; api { processes [ json text ]; receive { parsed; update; } }", families=names(FAMILIES)))
    t.up("127.0.0.2", peer_open(names=FAMILIES))
    t.settle("up")
    head = wire.origin() + wire.as_path((2, [65001])) + wire.extended_communities("0002FDE800000001")
    four, six = wire.ip("127.0.0.2"), wire.ip("2001:db8::2")
    peer.tell(
        wire.update(head + wire.next_hop("127.0.0.2"), wire.prefixes("10.0.0.0/24", "10.0.1.0/24")), wire.update(head + wire.mp_reach(2, 1, six, wire.prefix("2001:db8:1::/48"))),
        wire.update(head + wire.mp_reach(1, 4, four, wire.labelled("10.0.2.0/24", wire.labels(100)))),
        wire.update(head + wire.mp_reach(1, 128, b"\0" * 8 + four, wire.labelled("10.0.3.0/24", wire.labels(100), wire.rd(0, 65000, 1)))),
        wire.update(head + wire.mp_reach(1, 133, b"", b"\x05\x01\x18\x0a\x01\x00")),
        wire.update(head + wire.mp_reach(2, 1, six, wire.prefix("2001:db8:2::/48"))), wire.update(wire.mp_unreach(2, 1, wire.prefix("2001:db8:2::/48"))))
    t.settle("received")
    for helper in ("text", "json"):
        t.ask(helper, "show adj-rib in", "show adj-rib in extensive", "show adj-rib in json", "show adj-rib in flow", "show adj-rib in inet json")
    t.ask("text", "clear adj-rib in", "show adj-rib in")
    t.end()


@scenario
def auto_as(t):
    """`local-as auto` and `peer-as auto`."""
    for name in ("json", "text"):
        t.helper(name, name)
    t.peer("127.0.0.2")
    text = neighbor("127.0.0.2", "api { processes [ json text ]; neighbor-changes; fsm; negotiated; receive { parsed; update; open; } send { parsed; open; } }")
    t.start(text.replace("peer-as 65001", "peer-as auto"))
    t.up("127.0.0.2", told="text")
    t.settle("up")
    t.ask("text", "announce route 10.0.0.0/24 next-hop 1.1.1.1", "neighbor 127.0.0.2 announce route 10.0.1.0/24 next-hop self", "neighbor 127.0.0.2 peer-as auto withdraw route 10.0.1.0/24",
          "show adj-rib out")
    t.end()


@scenario
def ranges(t):
    """Neighbors of a range: each is one of its own."""
    for name in ("json", "text"):
        t.helper(name, name)
    t.peer("127.0.0.2")
    t.peer("127.0.0.3")
    text = neighbor("127.0.0.0/29", "passive true; api { processes [ json text ]; neighbor-changes; receive { parsed; update; } }")
    t.start(text.replace("control-127-0-0-0/29", "control"), listen=True)
    for number, address in enumerate(("127.0.0.2", "127.0.0.3")):
        peer = t.peers[address]
        peer.dial("127.0.0.1", t.port)
        peer.read_open()
        t.note(f"open {address}", peer.opened.hex())
        peer.shake(peer_open(65001, f"10.0.0.{number + 2}"))
        t.established(address)
        peer.tell(wire.update(wire.origin() + wire.as_path((2, [65001])) + wire.next_hop(address), wire.prefixes("10.9.0.0/24")))
        t.flushed("json")
        t.flushed("text")
        t.wait(lambda: any("10.9.0.0/24" in line and f'"peer": "{address}"' in line for line in t.printed["json"]), "event")
    t.say("text", "show neighbor summary", "show adj-rib in")
    t.ask_control("show neighbor summary")
    t.flushed("text")
    t.keep("show adj-rib in")
    t.peers["127.0.0.2"].tell(wire.notification(6, 4))
    t.closed("127.0.0.2", "gone", again=False)
    t.flushed("json")
    t.flushed("text")
    t.end()
