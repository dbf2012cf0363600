"""Sessions: commands before, between and after them, flaps, refreshes, timers, bad OPENs, connections from both sides."""
import re
import struct

import wire
from speaker import HOLD
from stage import neighbor, peer_open, scenario

ALL = "neighbor-changes; negotiated; fsm; receive { parsed; open; update; notification; keepalive; refresh; } send { parsed; open; update; notification; keepalive; }"
TWO = "ipv4 unicast; ipv6 unicast;"
STATIC = ("static { route 10.0.0.0/24 next-hop 1.1.1.1; route 10.0.1.0/24 next-hop 1.1.1.1 med 5; route 2001:db8:1::/48 next-hop 2001:db8::1; "
          "route 10.0.2.0/24 next-hop 1.1.1.1 watchdog dog; route 10.0.3.0/24 next-hop 1.1.1.1 watchdog dog withdraw; }")
NAMES = ("ipv4-unicast", "ipv6-unicast")


def one(t, more="", capability="route-refresh enable;", families=TWO, environment=None, listen=False, wishes=ALL, peer_as=65001):
    """A neighbor with two helpers that hear of everything."""
    for name in ("json", "text"):
        t.helper(name, name)
    t.peer("127.0.0.2")
    t.start(neighbor("127.0.0.2", f"api {{ processes [ json text ]; {wishes} }} {more}", peer_as, families, capability), environment, listen)
    return t.peers["127.0.0.2"]


def routes(*prefixes, hop="127.0.0.2"):
    return wire.update(wire.origin() + wire.as_path((2, [65001])) + wire.next_hop(hop), wire.prefixes(*prefixes))


@scenario
def session_before(t):
    """Commands while there is no session; what of it is sent when there is one, and after the next."""
    peer = one(t, STATIC + " adj-rib-in true;")
    t.settle("start", mute=["json"])
    peer.take()
    t.ask("text", "announce route 10.1.0.0/24 next-hop 1.1.1.1", "announce route 10.1.1.0/24 next-hop 1.1.1.1 med 1", "announce route 10.1.1.0/24 next-hop 1.1.1.1 med 2",
          "announce eor ipv4 unicast", "announce route-refresh ipv4 unicast", "flush adj-rib out", "clear adj-rib in", "withdraw watchdog nothing",
          "neighbor 127.0.0.2 teardown 4", "show neighbor summary", "show neighbor json", "show neighbor extensive", "show adj-rib in", "show adj-rib out",
          "show adj-rib out extensive", "show adj-rib out json")
    t.up("127.0.0.2", peer_open(names=NAMES))
    t.settle("up", final=True)
    peer.tell(routes("10.9.0.0/24", "10.9.1.0/24"))
    t.settle("routes")
    t.ask("text", "show adj-rib in", "withdraw route 10.0.0.0/24", "withdraw route 10.1.0.0/24", "announce route 10.1.2.0/24 next-hop 1.1.1.1", "announce watchdog dog")
    for number in range(2):
        peer.drop()
        peer.up = False
        peer.take()
        t.settle(f"flap {number}")
        t.ask("text", "show adj-rib out")
        t.up("127.0.0.2", peer_open(names=NAMES))
        t.settle(f"up again {number}", final=True)
    t.ask("text", "show adj-rib in", "show neighbor summary", "withdraw watchdog dog", "clear adj-rib out")
    peer.tell(wire.notification(6, 4, b"\x04gone"))
    t.lost("127.0.0.2", "notification")
    t.up("127.0.0.2", peer_open(names=NAMES))
    t.settle("up without routes")
    t.end()


@scenario
def session_refresh(t):
    """The peer asks for routes again; flush; with and without the marks of RFC 7313."""
    for number, more in enumerate(([], [wire.capability(70)])):
        if number:
            peer.tell(wire.notification(6, 4))
            t.lost("127.0.0.2", "next")
        else:
            peer = one(t, STATIC)
        t.up("127.0.0.2", peer_open(names=NAMES, more=more))
        t.settle(f"up {number}", final=True)
        t.ask("text", "announce route 10.5.0.0/24 next-hop 1.1.1.1 med 9", "withdraw route 10.0.0.0/24")
        for family in ((1, 1), (2, 1), (1, 2), (99, 99)):
            peer.tell(wire.refresh(*family))
            t.settle(f"refresh {number} {family}")
        t.ask("text", "flush adj-rib out", "announce route-refresh ipv4 unicast", "announce route-refresh ipv4 mpls-vpn", "clear adj-rib out", "announce route 10.6.0.0/24 next-hop 1.1.1.1",
              "flush adj-rib out")
    t.end()


@scenario
def session_without_refresh(t):
    """The same where the configuration has no route-refresh."""
    peer = one(t, STATIC, capability="")
    t.up("127.0.0.2", peer_open(names=NAMES))
    t.settle("up", final=True)
    for family in ((1, 1), (2, 1)):
        peer.tell(wire.refresh(*family))
        t.settle(f"refresh {family}")
    t.ask("text", "flush adj-rib out", "announce route-refresh ipv4 unicast", "announce route-refresh ipv6 unicast")
    t.end()


@scenario
def session_hold(t):
    """The peer falls silent."""
    one(t, wishes="neighbor-changes; fsm; receive { parsed; notification; } send { parsed; notification; }")
    t.up("127.0.0.2", peer_open(names=NAMES, hold=3))
    t.settle("up")
    t.lost("127.0.0.2", "hold time")
    t.end()


@scenario
def session_no_open(t):
    """The peer says nothing at all; `bgp.openwait`."""
    peer = one(t, environment={"exabgp_bgp_openwait": "2"}, wishes="neighbor-changes; fsm; receive { parsed; notification; } send { parsed; notification; open; }")
    peer.take()
    t.lost("127.0.0.2", "no open")
    t.end()


FOUR = wire.capability(65, wire.u32(65001))
KNOWN = [wire.multiprotocol(1, 1), FOUR]
PARAMETERS = struct.pack("!BHH", 4, 65001, 180) + wire.ip("10.0.0.2")
BAD = {
    "version": wire.open_message(65001, "10.0.0.2", KNOWN, version=3), "as": peer_open(65009), "router-id": wire.open_message(65001, "0.0.0.0", KNOWN),
    "hold 1": wire.open_message(65001, "10.0.0.2", KNOWN, hold=1), "hold 2": wire.open_message(65001, "10.0.0.2", KNOWN, hold=2),
    "parameter": wire.message(1, PARAMETERS + b"\x03\x01\x01\x00"), "unknown parameter": wire.message(1, PARAMETERS + b"\x03\x09\x01\x00"),
    "overrun": wire.message(1, PARAMETERS + b"\x09\x02\x07\x41\x09"), "keepalive first": wire.keepalive(), "update first": wire.update(),
    "notification first": wire.notification(2, 2), "bad marker": b"\x00" * 16 + b"\x00\x13\x04", "length": b"\xff" * 16 + b"\x00\x12\x04", "type": wire.message(7),
    "long": b"\xff" * 16 + b"\xff\xff\x01", "update for keepalive": peer_open() + wire.update(),
}
GOOD = {
    "same router id": wire.open_message(65001, "10.0.0.1", KNOWN), "hold 0": wire.open_message(65001, "10.0.0.2", KNOWN, hold=0),
    "hold 3": wire.open_message(65001, "10.0.0.2", KNOWN, hold=1800), "unknown capability": wire.open_message(65001, "10.0.0.2", KNOWN + [wire.capability(99, b"\xaa")]),
    "one parameter": wire.open_message(65001, "10.0.0.2", KNOWN, one_parameter=True),
    "everything": wire.open_message(65001, "10.0.0.2", KNOWN + [
        wire.capability(2), wire.capability(70), wire.capability(6), wire.capability(69, b"\x00\x01\x01\x03"), wire.capability(64, b"\x80\x78\x00\x01\x01\x80"),
        wire.capability(73, b"\x04peer\x03dom"), wire.capability(75, b"\x05FRR/9"), wire.capability(185), wire.capability(5, b"\x00\x01\x00\x01\x00\x02"),
        wire.capability(68, b"\x00"), wire.capability(9, b"\x01"), wire.capability(71, b"\x00\x01\x01\x80\x00\x00\x10")]),
}


def many(t, count):
    """As many neighbors as there are messages, each with an OPEN that waits for an answer."""
    for name in ("json", "text"):
        t.helper(name, name)
    text = ""
    for number in range(count):
        address = f"127.0.0.{number + 2}"
        t.peer(address)
        text += neighbor(address, f"api x{number} {{ processes [ json text ]; {ALL} }}", 65001, TWO)
    t.start(text)
    for peer in t.peers.values():
        peer.take()
    t.settle("connected")


@scenario
def session_bad_opens(t):
    """What is no OPEN, or none that can be accepted."""
    many(t, len(BAD))
    for peer, (name, message) in zip(list(t.peers.values()), BAD.items()):
        peer.tell(message)
        t.lost(peer.address, name)
    t.end()


STRICT = {
    "another AS": wire.open_message(65001, "10.0.0.2", [wire.multiprotocol(1, 1), wire.capability(65, wire.u32(65002))]),
    "AS 0": wire.open_message(65001, "10.0.0.2", [wire.multiprotocol(1, 1), wire.capability(65, wire.u32(0))]),
    "large AS": wire.open_message(65001, "10.0.0.2", [wire.multiprotocol(1, 1), wire.capability(65, wire.u32(4200000000))]),
    "octets behind": wire.message(1, PARAMETERS + b"\x00" + b"\x02\x00"),
}


@scenario
def session_strict_opens(t):
    """OPENs that only one of the programs accepts."""
    for number in range(len(STRICT)):
        t.peer(f"127.0.0.{number + 2}")
    t.start("".join(neighbor(address, "", 65001, "ipv4 unicast;") for address in t.peers))
    for (address, peer), (name, message) in zip(t.peers.items(), STRICT.items()):
        peer.take()
        peer.tell(message, wire.keepalive())

        def established(address=address):
            return re.search(rf"^{re.escape(address)} .* established ", "\n".join(t.ask_control("show neighbor summary")), re.M)
        t.wait(lambda peer=peer, established=established: peer.closed or established(), "answer to the OPEN")
        said = [f"message {m[18]} {m[19:].hex().upper()}" for m in peer.received if m[18] == wire.NOTIFICATION]
        t.note(f"wire {address}", *(said if peer.closed else ["established"]), label=name)
        peer.drop()
        peer.fresh()
    t.end()


@scenario
def session_odd_opens(t):
    """OPENs that are odd, and accepted."""
    many(t, len(GOOD))
    for address, message in zip(list(t.peers), GOOD.values()):
        t.up(address, message)
    t.settle("up")
    t.ask("text", "show neighbor summary", "show neighbor extensive", "show neighbor json")
    t.end()


@scenario
def session_four_octet_as(t):
    """A peer with a four-octet AS, and one that does not know of them."""
    peer = one(t, STATIC, peer_as=4200000000)
    t.up("127.0.0.2", peer_open(4200000000, names=NAMES))
    t.settle("up", final=True)
    t.ask("text", "announce route 10.5.0.0/24 next-hop 1.1.1.1 as-path [ 4200000000 70000 ]", "neighbor 127.0.0.2 peer-as 4200000000 withdraw route 10.5.0.0/24",
          "show neighbor summary")
    t.end()
    del peer


@scenario
def session_passive(t):
    """The peer connects; connects twice; a stranger connects."""
    peer = one(t, STATIC + " passive true;", listen=True)
    peer.dial("127.0.0.1", t.port)
    peer.read_open()
    t.note("open", peer.opened.hex())
    peer.shake(peer_open(names=NAMES))
    t.established("127.0.0.2")
    t.settle("up", final=True)
    second = t.stranger("127.0.0.2")
    second.dial("127.0.0.1", t.port)
    t.note("second", *second.leftover())
    t.settle("after the second connection")
    third = t.stranger("127.0.0.77")
    third.dial("127.0.0.1", t.port)
    t.note("stranger", *third.leftover())
    t.ask("text", "announce route 10.5.0.0/24 next-hop 1.1.1.1")
    peer.tell(wire.notification(6, 4))
    t.lost("127.0.0.2", "gone", again=False)
    peer.dial("127.0.0.1", t.port)
    peer.read_open()
    peer.shake(peer_open(names=NAMES))
    t.established("127.0.0.2")
    t.settle("up again", final=True)
    t.end()


@scenario
def session_settings(t):
    """group-updates, manual-eor, adj-rib-out, rate-limit, each on a neighbor of its own."""
    for name in ("json", "text"):
        t.helper(name, name)
    settings = ["group-updates false;", "manual-eor true;", "adj-rib-out false;", "rate-limit 50;", "auto-flush false;", "hold-time 0;", "description \"x\"; adj-rib-in false;"]
    text = ""
    for number, setting in enumerate(settings):
        address = f"127.0.0.{number + 2}"
        t.peer(address)
        one_text = neighbor(address, f"api x{number} {{ processes [ json text ]; neighbor-changes; receive {{ parsed; update; }} }} {STATIC}", 65001, TWO)
        text += one_text.replace(f"hold-time {HOLD};", setting) if "hold-time" in setting else one_text.replace(STATIC, setting + STATIC)
    t.start(text)
    for number in range(len(settings)):
        t.up(f"127.0.0.{number + 2}", peer_open(65001, f"10.0.0.{number + 2}", NAMES))
    t.settle("up", final=True)
    t.ask("text", "announce attributes next-hop 1.1.1.1 nlri 10.5.0.0/24 10.5.1.0/24 10.5.2.0/24", "announce route 10.5.0.0/24 next-hop 1.1.1.1", "withdraw route 10.5.1.0/24",
          "announce eor ipv4 unicast")
    for number in range(len(settings)):
        t.peers[f"127.0.0.{number + 2}"].tell(routes("10.9.0.0/24"))
    t.settle("told")
    t.ask("text", "show adj-rib in", "show adj-rib out", "flush adj-rib out")
    for number in range(len(settings)):
        address = f"127.0.0.{number + 2}"
        peer = t.peers[address]
        peer.drop()
        peer.up = False
        peer.take()
    t.settle("flap")
    for number in range(len(settings)):
        t.up(f"127.0.0.{number + 2}", peer_open(65001, f"10.0.0.{number + 2}", NAMES))
    t.settle("up again", final=True)
    t.ask("text", "show adj-rib out")
    t.end()


@scenario
def session_add_path(t):
    """Path identifiers, sent and received, by command and in tables."""
    peer = one(t, capability="add-path send/receive; route-refresh enable;")
    peer.paths = wire.ADD_PATH_FAMILIES
    t.up("127.0.0.2", peer_open(names=NAMES, more=[wire.capability(69, b"\x00\x01\x01\x03\x00\x02\x01\x03")]))
    t.settle("up")
    t.ask("text", "announce route 10.0.0.0/24 next-hop 1.1.1.1 path-information 1", "announce route 10.0.0.0/24 next-hop 1.1.1.2 path-information 0.0.0.2",
          "announce route 10.0.0.0/24 next-hop 1.1.1.3", "withdraw route 10.0.0.0/24 path-information 1", "withdraw route 10.0.0.0/24", "show adj-rib out",
          "show adj-rib out extensive", "show adj-rib out json")
    attributes = wire.origin() + wire.as_path((2, [65001])) + wire.next_hop("127.0.0.2")
    peer.tell(wire.update(attributes, wire.prefixes("10.9.0.0/24", path_id=1) + wire.prefixes("10.9.0.0/24", path_id=2)), wire.update(withdrawn=wire.prefixes("10.9.0.0/24", path_id=1)),
              wire.refresh(1, 1))
    t.settle("received")
    t.ask("text", "show adj-rib in", "show neighbor json", "show neighbor extensive")
    t.end()
