"""What helpers are told: every form, every kind of message, both directions, several helpers and several api blocks."""
import wire
from speaker import HOLD
from stage import neighbor, peer_open, scenario

KINDS = ["open", "update", "notification", "keepalive", "refresh", "operational"]
FORMS = {"parsed": "parsed;", "packets": "packets;", "consolidate": "consolidate;", "both": "parsed; packets;", "consolidated": "parsed; consolidate;",
         "raw": "packets; consolidate;", "all": "parsed; packets; consolidate;", "formless": ""}
CAPABILITIES = "route-refresh enable; operational enable; add-path receive;"
FAMILIES = "ipv4 unicast; ipv6 unicast;"


def opened(number, names=("ipv4-unicast", "ipv6-unicast")):
    return peer_open(65001, f"10.0.0.{number}", names, more=[wire.capability(185), wire.capability(70)])


def path(*more):
    return wire.origin() + wire.as_path((2, [65001])) + wire.next_hop("127.0.0.2") + b"".join(more)


def six(nlri, hop="2001:db8::2"):
    return wire.origin() + wire.as_path((2, [65001])) + wire.mp_reach(2, 1, wire.ip(hop), nlri)


def messages():
    """One message of each kind that is not the end of the session."""
    operational = wire.message(6, bytes.fromhex("0001000800010168656C6C6F"))
    counter = wire.message(6, bytes.fromhex("0004000F000101" + "01020304" + "0000004D" + "00000063"))
    return [
        wire.keepalive(), wire.update(path(wire.med(5), wire.communities((65000, 1))), wire.prefixes("10.0.0.0/24", "10.1.0.0/16")),
        wire.update(six(wire.prefixes("2001:db8:1::/48"))), wire.update(withdrawn=wire.prefixes("10.0.0.0/24")),
        wire.update(path(), wire.prefixes("10.2.0.0/16"), wire.prefixes("10.1.0.0/16")), wire.update(wire.mp_unreach(2, 1, wire.prefix("2001:db8:1::/48"))),
        wire.update(path()), wire.update(), wire.update(wire.mp_unreach(2, 1, b"")), wire.update(path(wire.attribute(0xC0, 99, b"\x01\x02")), wire.prefixes("10.3.0.0/16")),
        wire.refresh(1, 1), wire.refresh(2, 1), wire.refresh(1, 128), operational, counter,
    ]


def exchange(t, address, daemon_sends=True):
    """Everything that can be said on one session, up to its end by the peer."""
    for message in messages():
        t.peers[address].tell(message, *[wire.keepalive()] * (message[18] == 6))
        t.settle(f"{address} {message[18:60].hex()}")
    if daemon_sends:
        t.ask("speaker", f"neighbor {address} announce route 10.7.0.0/24 next-hop 1.1.1.1 med 5", f"neighbor {address} announce route 2001:db8:7::/48 next-hop 2001:db8::1",
              f"neighbor {address} withdraw route 10.7.0.0/24", f"neighbor {address} announce eor ipv6 unicast", f"neighbor {address} announce route-refresh ipv6 unicast",
              "announce operational adm afi ipv4 safi unicast advisory hello", "announce operational rpcq afi ipv4 safi unicast sequence 5")


def ended(t, last, label):
    """Peers end their sessions, each with a message of its own: at once, so that a daemon that waits before it connects again does so once."""
    for address, message in last.items():
        t.peers[address].tell(message)
    for address in last:
        t.closed(address, f"{label} {address}")
    t.settle(label)


def combination(t, form, direction, kinds):
    """One neighbor for each kind in `kinds`, which hears only of that one in one form."""
    for name in ("json", "text"):
        t.helper(name, name)
    t.helper("speaker", "text")
    text = ""
    for number, kind in enumerate(kinds):
        address = f"127.0.0.{number + 2}"
        t.peer(address)
        kind = "; ".join(KINDS) if kind == "all" else kind
        api = f"api x{number} {{ processes [ json text ]; neighbor-changes; {direction} {{ {FORMS[form]} {kind}; }} }} api s{number} {{ processes [ speaker ]; }}"
        text += neighbor(address, api, 65001, FAMILIES, CAPABILITIES)
    t.start(text)
    for number in range(len(kinds)):
        t.up(f"127.0.0.{number + 2}", opened(number + 2))
    t.settle("up")
    addresses = [f"127.0.0.{number + 2}" for number in range(len(kinds))]
    for address in addresses:
        exchange(t, address)
    ended(t, {address: wire.notification(6, 4, b"\x03bye") for address in addresses}, "down")
    t.end()


def add_combinations():
    """A scenario for each form and direction; single kinds are told apart in the parsed form."""
    for form in FORMS:
        for direction in ("receive", "send"):
            def play(t, form=form, direction=direction):
                # ExaBGP fails on its own marks of RFC 7313 if it tells of them
                combination(t, form, direction, ["all"] if direction == "receive" else ["open; update; notification; keepalive; operational"])
            play.__name__ = f"events_{direction}_{form}"
            scenario(play)


add_combinations()


@scenario
def events_receive_single(t):
    """Each kind of message by itself, received."""
    combination(t, "parsed", "receive", KINDS)


@scenario
def events_send_single(t):
    """Each kind of message by itself, sent."""
    combination(t, "parsed", "send", [k for k in KINDS if k != "refresh"])


@scenario
def events_packets_single(t):
    """Each kind of message by itself, as bytes."""
    combination(t, "packets", "receive", KINDS)


@scenario
def events_consolidate_single(t):
    """Each kind of message by itself, decoded and as bytes."""
    combination(t, "consolidate", "receive", KINDS)


@scenario
def events_send_packets_single(t):
    """Each kind of message by itself, sent, as bytes."""
    combination(t, "packets", "send", [k for k in KINDS if k != "refresh"])


@scenario
def events_send_consolidate_single(t):
    """Each kind of message by itself, sent, decoded and as bytes."""
    combination(t, "raw", "send", [k for k in KINDS if k != "refresh"])


@scenario
def events_blocks(t):
    """Blocks that ask for different things: on behalf of two helpers, and of one."""
    for name in ("json", "text"):
        t.helper(name, name)
    text = ""
    for number, block in enumerate(("api a { processes [ json ]; receive { parsed; update; } } api b { processes [ text ]; receive { packets; keepalive; } }",
                                    "api c { processes [ json ]; receive { parsed; update; } } api d { processes [ json ]; receive { packets; keepalive; } }")):
        t.peer(f"127.0.0.{number + 2}")
        text += neighbor(f"127.0.0.{number + 2}", block, 65001, FAMILIES)
    t.start(text)
    for number in range(2):
        t.up(f"127.0.0.{number + 2}", opened(number + 2))
    t.settle("up")
    for number in range(2):
        t.peers[f"127.0.0.{number + 2}"].tell(wire.update(path(), wire.prefixes("10.0.0.0/24")), wire.keepalive())
    t.settle("told")
    t.end()


@scenario
def events_template(t):
    """One api block for several neighbors, by a template; commands reach them all."""
    for name in ("json", "text"):
        t.helper(name, name)
    text = ("template { neighbor common { api shared { processes [ json text control ]; neighbor-changes; receive { parsed; update; } send { parsed; update; } } "
            f"hold-time {HOLD}; }} }}\n")
    for number in (2, 3, 4):
        t.peer(f"127.0.0.{number}")
        text += neighbor(f"127.0.0.{number}", "inherit common;", 65001, FAMILIES, control=False)
    t.start(text)
    for number in (2, 3, 4):
        t.up(f"127.0.0.{number}", opened(number))
    t.settle("up")
    for number in (2, 3, 4):
        t.peers[f"127.0.0.{number}"].tell(wire.update(path(), wire.prefixes("10.0.0.0/24")))
    t.settle("told")
    t.ask("text", "announce route 10.9.0.0/24 next-hop 1.1.1.1", "neighbor 127.0.0.3, neighbor 127.0.0.4 withdraw route 10.9.0.0/24")
    t.end()


@scenario
def events_states(t):
    """neighbor-changes, negotiated, fsm and signal, each for a neighbor of its own."""
    for name in ("json", "text"):
        t.helper(name, name)
    text = ""
    for number, words in enumerate(["neighbor-changes;", "negotiated;", "fsm;", "negotiated; fsm; neighbor-changes;", "", "negotiated; receive { parsed; update; open; }",
                                    "negotiated; receive { packets; update; open; keepalive; }", "negotiated; receive { consolidate; update; open; }"]):
        address = f"127.0.0.{number + 2}"
        t.peer(address)
        text += neighbor(address, f"api x{number} {{ processes [ json text ]; {words} }}", 65001, FAMILIES, CAPABILITIES)
    t.start(text)
    for number in range(8):
        t.up(f"127.0.0.{number + 2}", opened(number + 2))
    t.settle("up")
    for number in range(8):
        t.peers[f"127.0.0.{number + 2}"].tell(wire.update(path(), wire.prefixes("10.0.0.0/24")), wire.refresh(1, 1))
    t.settle("told")
    last = {f"127.0.0.{number + 2}": message for number, message in enumerate([
        wire.notification(6, 2), wire.notification(6, 4, b"\x05hello"), wire.notification(3, 1, b"\x01\x02"), wire.notification(6, 9),
        wire.notification(6, 2, b"\x02\xff\xfe"), wire.notification(1, 1), wire.notification(4, 0), wire.notification(99, 99, b"x")])}
    # oxabgp waits half a minute after a shutdown: the other sessions stay meanwhile, as nobody answers the OPENs of new ones
    shutdowns = {address: message for address, message in last.items() if message[19:21] == b"\x06\x02"}
    ended(t, shutdowns, "shut down")
    ended(t, {address: message for address, message in last.items() if address not in shutdowns}, "down")
    t.end()


@scenario
def events_helpers(t):
    """Several helpers for a neighbor, several neighbors for a helper, named blocks, processes-match."""
    for name in ("one", "two", "three"):
        t.helper(name, "json")
    t.helper("speaker", "text")
    every = "neighbor-changes; receive { parsed; update; refresh; } send { parsed; update; }"
    blocks = [f"api a {{ processes [ one ]; {every} }} api b {{ processes [ two ]; neighbor-changes; }} api c {{ processes [ speaker ]; }}",
              f"api d {{ processes [ one two ]; {every} }}", "api e { processes-match [ \"thr.*\" ]; neighbor-changes; receive { parsed; update; } } api g { processes-match [ \"cont\" ]; }",
              f"api f {{ processes-match [ \"^(three|spe.*|control)$\" ]; {every} }}",
              "api { processes [ one ]; receive { parsed; update; } }"]
    text = ""
    for number, block in enumerate(blocks):
        t.peer(f"127.0.0.{number + 2}")
        text += neighbor(f"127.0.0.{number + 2}", block, 65001, FAMILIES, CAPABILITIES, control="match" not in block)
    t.start(text)
    for number in range(len(blocks)):
        t.up(f"127.0.0.{number + 2}", opened(number + 2))
    t.settle("up")
    for number in range(len(blocks)):
        t.peers[f"127.0.0.{number + 2}"].tell(wire.update(path(), wire.prefixes("10.0.0.0/24")), wire.refresh(1, 1))
    t.settle("told")
    for helper in ("one", "two", "three", "speaker"):
        t.ask(helper, f"announce route 10.9.0.0/24 next-hop 1.1.1.{len(helper)}", "withdraw route 10.9.0.0/24", "neighbor 127.0.0.3 announce route 10.9.1.0/24 next-hop 1.1.1.1",
              "neighbor 127.0.0.5 announce route 10.9.2.0/24 next-hop 1.1.1.1", "neighbor 127.0.0.4 announce route 10.9.3.0/24 next-hop 1.1.1.1")
    t.end()


@scenario
def events_compact(t):
    """`api.compact`."""
    t.helper("json", "json")
    t.peer("127.0.0.2")
    t.start(neighbor("127.0.0.2", "api { processes [ json ]; receive { parsed; update; } send { parsed; update; } }", 65001, FAMILIES + "ipv4 mpls-vpn;"),
            {"exabgp_api_compact": "true"})
    t.up("127.0.0.2", opened(2, ("ipv4-unicast", "ipv6-unicast", "ipv4-mpls-vpn")))
    t.settle("up")
    for message in messages()[1:9]:
        t.peers["127.0.0.2"].tell(message)
        t.settle(f"update {message[18:60].hex()}")
    t.ask("json", "announce route 10.7.0.0/24 next-hop 1.1.1.1", "withdraw route 10.7.0.0/24", "announce route 10.8.0.0/24 next-hop 1.1.1.1 rd 1:1 label 5")
    t.end()


@scenario
def events_malformed(t):
    """UPDATEs that are wrong: as events, and as what is sent back."""
    for name in ("json", "text"):
        t.helper(name, name)
    bad = [
        wire.update(wire.origin() + wire.as_path((2, [65001])) + wire.next_hop("127.0.0.2") + wire.attribute(0x80, 4, b"\x00"), wire.prefixes("10.0.0.0/24")),
        wire.update(path(wire.attribute(0xC0, 8, b"\x00\x01\x02")), wire.prefixes("10.0.0.0/24")),
        wire.update(path(wire.attribute(0xC0, 7, b"\x00")), wire.prefixes("10.0.0.0/24")),
        wire.update(path(wire.attribute(0x40, 6, b"\x00")), wire.prefixes("10.0.0.0/24")),
        wire.update(path(), b"\x21\x0a\x00\x00\x00\x00"), wire.message(2, b"\x00\xff\x00\x00"), wire.message(2, b"\x00\x00\x00\xff"),
        wire.message(9), wire.message(5, b"\x00\x01\x09\x01"),
    ]
    text = ""
    for number in range(len(bad)):
        t.peer(f"127.0.0.{number + 2}")
        text += neighbor(f"127.0.0.{number + 2}", f"api x{number} {{ processes [ json text ]; neighbor-changes; receive {{ parsed; update; notification; }} "
                         "send { parsed; notification; } }", 65001, FAMILIES)
    t.start(text)
    for number in range(len(bad)):
        t.up(f"127.0.0.{number + 2}", opened(number + 2))
    t.settle("up")
    left = {}
    for number, message in enumerate(bad):
        address = f"127.0.0.{number + 2}"
        t.peers[address].tell(message, wire.keepalive())
        t.heard()
        if t.peers[address].closed:
            t.lost(address, f"bad {message[18:].hex()}")
        else:
            t.settle(f"bad {message[18:].hex()}")
            left[address] = wire.notification(6, 4)
    ended(t, left, "after")
    t.end()
