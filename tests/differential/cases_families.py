"""Golden cases for the families beyond unicast: labelled, VPN, flow, VPLS, EVPN, RTC, MCAST-VPN, MUP."""
import struct

import wire
from case import Book
from wire import as_path, ip, labelled, labels, mp_reach, mp_unreach, next_hop, origin, prefix, rd, u32, update

BASE = [origin(), as_path((2, [65001]))]
HOP4, HOP6 = ip("10.0.0.2"), ip("2001:db8::2")
NO_RD = bytes(8)
RD0, RD1, RD2 = rd(0, 65000, 1), rd(1, "10.0.0.9", 7), rd(2, 70000, 5)


def reach(afi, safi, hop, nlri, *more):
    return update(BASE + list(more) + [mp_reach(afi, safi, hop, nlri)])


def both(book, name, afi, safi, hop, nlri, **other):
    """The NLRI announced and withdrawn."""
    book.add(name, reach(afi, safi, hop, nlri), **other)
    book.add(name + "-withdraw", update([mp_unreach(afi, safi, nlri)]), **other)


def labelled_unicast():
    book = Book("nlri-mpls")
    both(book, "one", 1, 4, HOP4, labelled("10.1.1.0/24", labels(100)))
    both(book, "two-labels", 1, 4, HOP4, labelled("10.1.1.0/24", labels(100, 116)))
    both(book, "label-zero", 1, 4, HOP4, labelled("10.1.1.0/24", labels(0)))
    both(book, "label-max", 1, 4, HOP4, labelled("10.1.1.0/24", labels(1048575)))
    both(book, "default-route", 1, 4, HOP4, labelled("0.0.0.0/0", labels(3)))
    both(book, "host", 1, 4, HOP4, labelled("10.1.1.1/32", labels(3)))
    both(book, "ipv6", 2, 4, HOP6, labelled("2001:db8::/32", labels(100)))
    both(book, "ipv6-two", 2, 4, HOP6, labelled("2001:db8::/32", labels(100)) + labelled("2001:db8:1::/48", labels(101)))
    book.add("withdraw-label-800000", update([mp_unreach(1, 4, labelled("10.1.1.0/24", b"\x80\x00\x00"))]))
    book.add("withdraw-label-000000", update([mp_unreach(1, 4, labelled("10.1.1.0/24", b"\x00\x00\x00"))]))
    book.add("with-next-hop-attribute", update(BASE + [next_hop("10.0.0.2"), mp_reach(1, 4, HOP4, labelled("10.1.1.0/24", labels(100)))]))
    both(book, "add-path", 1, 4, HOP4, labelled("10.1.1.0/24", labels(100), path_id=258), context="add-path")
    both(book, "add-path-ipv6", 2, 4, HOP6, labelled("2001:db8::/32", labels(100), path_id=258), context="add-path")
    both(book, "nexthop-ipv6", 1, 4, HOP6, labelled("10.1.1.0/24", labels(100)), context="nexthop")
    return book.cases


def vpn():
    book = Book("mpls-vpn")
    hop4, hop6 = NO_RD + HOP4, NO_RD + HOP6
    for name, one in (("rd-type-0", RD0), ("rd-type-1", RD1), ("rd-type-2", RD2), ("rd-type-9", bytes.fromhex("0009aabbccddeeff"))):
        both(book, name, 1, 128, hop4, labelled("10.1.1.0/24", labels(100), one))
    both(book, "two-labels", 1, 128, hop4, labelled("10.1.1.0/24", labels(100, 200), RD0))
    both(book, "default-route", 1, 128, hop4, labelled("0.0.0.0/0", labels(100), RD0))
    both(book, "several", 1, 128, hop4, labelled("10.1.1.0/24", labels(100), RD0) + labelled("10.1.2.0/25", labels(101), RD1))
    both(book, "ipv6", 2, 128, hop6, labelled("2001:db8::/32", labels(100), RD0))
    both(book, "ipv6-mapped-nexthop", 2, 128, NO_RD + ip("::ffff:10.0.0.2"), labelled("2001:db8::/32", labels(100), RD0))
    book.add("withdraw-label-800000", update([mp_unreach(1, 128, labelled("10.1.1.0/24", b"\x80\x00\x00", RD0))]))
    both(book, "add-path", 1, 128, hop4, labelled("10.1.1.0/24", labels(100), RD0, path_id=7), context="add-path")
    both(book, "nexthop-ipv6", 1, 128, hop6, labelled("10.1.1.0/24", labels(100), RD0), context="nexthop")
    book.add("next-hop-rd", reach(1, 128, RD0 + HOP4, labelled("10.1.1.0/24", labels(100), RD0)))
    book.add("route-target", reach(1, 128, hop4, labelled("10.1.1.0/24", labels(100), RD0),
                                   wire.extended_communities("0002fde800000001")))
    return book.cases


# A flow component is a type and either a prefix or operator bytes.
def flow(*components):
    raw = b"".join(bytes.fromhex(c) if isinstance(c, str) else c for c in components)
    size = bytes([len(raw)]) if len(raw) < 240 else struct.pack("!H", 0xF000 | len(raw))
    return size + raw


def flow_prefix4(kind, text):
    return bytes([kind]) + prefix(text)


def flow_prefix6(kind, text, offset=0):
    address, length = text.split("/")
    length = int(length)
    size = (length - offset + 7) // 8
    value = int.from_bytes(ip(address), "big") << offset & (1 << 128) - 1
    return bytes([kind, length, offset]) + value.to_bytes(16, "big")[:size]


FLOWS4 = {
    "destination": [flow_prefix4(1, "10.0.1.0/24")],
    "source": [flow_prefix4(2, "10.0.0.0/8")],
    "both-prefixes": [flow_prefix4(1, "10.0.1.0/24"), flow_prefix4(2, "0.0.0.0/0")],
    "protocol": ["03 81 06"], "protocol-list": ["03 01 06 81 11"], "protocol-unknown": ["03 81 fa"],
    "port": ["04 81 50"], "port-two-bytes": ["04 91 1f90"], "port-range": ["04 03 50 d5 01bb"],
    "destination-port": ["05 03 50 d5 01bb"], "source-port": ["06 12 0400 94 07d0"],
    "icmp-type": ["07 81 08"], "icmp-code": ["08 81 00"],
    "tcp-flags": ["09 80 12"], "tcp-flags-match": ["09 81 02"], "tcp-flags-not": ["09 82 04"], "tcp-flags-mixed": ["09 00 90 c2 01"],
    "tcp-flags-not-match": ["09 83 04"], "tcp-flags-two-bytes": ["09 90 0111"],
    "packet-length": ["0a 03 64 d5 012c"], "packet-length-list": ["0a 01 64 91 012c"],
    "dscp": ["0b 81 0a"], "dscp-list": ["0b 01 0a 81 2e"],
    "fragment": ["0c 80 02"], "fragment-match": ["0c 81 01"], "fragment-not": ["0c 82 02"], "fragment-all": ["0c 80 0f"],
    "operators": ["05 01 01 02 02 03 03 04 04 05 05 86 06"], "true-false": ["05 00 01 87 01"],
    "and": ["05 03 50 c5 5a"], "four-byte-value": ["0a a1 00000064"],
    "everything": [flow_prefix4(1, "10.0.1.0/24"), flow_prefix4(2, "192.168.0.0/16"), "03 81 06", "04 81 50", "05 81 50",
                   "06 81 50", "07 81 08", "08 81 00", "09 81 02", "0a 81 64", "0b 81 0a", "0c 81 02"],
    "long": ["05" + "0150" * 120 + "8151"],
}
FLOWS6 = {
    "destination": [flow_prefix6(1, "2001:db8::/32")],
    "destination-host": [flow_prefix6(1, "2001:db8::1/128")],
    "source-offset": [flow_prefix6(2, "2001:db8:1:2::/64", 32)],
    "next-header": ["03 81 06"], "port": ["04 81 50"], "destination-port": ["05 81 50"], "source-port": ["06 81 50"],
    "icmp-type": ["07 81 80"], "icmp-code": ["08 81 00"], "tcp-flags": ["09 81 02"], "packet-length": ["0a 81 64"],
    "traffic-class": ["0b 81 0a"], "fragment": ["0c 81 02"], "flow-label": ["0d a1 00012345"],
    "everything": [flow_prefix6(1, "2001:db8::/32"), flow_prefix6(2, "::/0"), "03 81 06", "05 03 50 d5 01bb", "0d a1 00000001"],
}


def flows():
    book = Book("flow")
    for name, components in FLOWS4.items():
        book.add(f"ipv4-{name}", reach(1, 133, b"", flow(*components)))
    for name, components in FLOWS6.items():
        book.add(f"ipv6-{name}", reach(2, 133, b"", flow(*components)))
    book.add("ipv4-withdraw", update([mp_unreach(1, 133, flow(*FLOWS4["everything"]))]))
    book.add("ipv6-withdraw", update([mp_unreach(2, 133, flow(*FLOWS6["everything"]))]))
    book.add("ipv4-next-hop", reach(1, 133, HOP4, flow(*FLOWS4["destination"])))
    book.add("ipv6-next-hop", reach(2, 133, HOP6, flow(*FLOWS6["destination"])))
    book.add("ipv4-two", reach(1, 133, b"", flow(*FLOWS4["destination"]) + flow(*FLOWS4["source"])))
    actions = {
        "rate-limit": "8006000049742400", "discard": "8006000000000000", "rate-packets": "800c000049742400", "sample": "8007000000000002",
        "terminal": "8007000000000001", "sample-terminal": "8007000000000003", "redirect": "8008fde800003039",
        "redirect-ip": "81080a0000020005", "redirect-as4": "8208000111700005", "mark": "800900000000000a",
        "redirect-to-nexthop": "0800000000000000", "copy-to-nexthop": "0800000000000001", "redirect-ietf": "010c0a0000020000",
        "copy-ietf": "010c0a0000020001", "interface-set": "0702fde80000c00a", "interface-set-nt": "4702000111708014",
    }
    for name, action in actions.items():
        book.add(f"action-{name}", reach(1, 133, b"", flow(*FLOWS4["destination"]), wire.extended_communities(action)))
    book.add("action-redirect-ipv6", reach(2, 133, b"", flow(*FLOWS6["destination"]), wire.attribute(
        wire.OPT_TRANS, 25, bytes.fromhex("000c") + HOP6 + b"\x00\x00")))
    wrong = "RFC 8955 section 4: a malformed flow NLRI is treat-as-withdraw of what can be told, never silently lost"
    book.add("malformed-unknown-component", reach(1, 133, b"", flow("7f 81 01")), want="ignore", note=wrong)
    book.add("malformed-order", reach(1, 133, b"", flow("05 81 50", "03 81 06")), want="ignore", note=wrong)
    book.add("malformed-length", reach(1, 133, b"", b"\x20\x03\x81\x06"))
    vpn_book = Book("flow-vpn")
    for name, one in (("rd-type-0", RD0), ("rd-type-1", RD1), ("rd-type-2", RD2)):
        both(vpn_book, f"ipv4-{name}", 1, 134, b"", flow(one, *FLOWS4["destination"]))
    both(vpn_book, "ipv4-everything", 1, 134, b"", flow(RD0, *FLOWS4["everything"]))
    both(vpn_book, "ipv6", 2, 134, b"", flow(RD0, *FLOWS6["everything"]))
    vpn_book.add("redirect", reach(1, 134, b"", flow(RD0, *FLOWS4["destination"]), wire.extended_communities("8008fde800003039")))
    return book.cases + vpn_book.cases


ESI0 = bytes(10)
ESI1 = bytes.fromhex("00010203040506070809")
MAC = bytes.fromhex("001122334455")


def route_type(kind, *parts):
    value = b"".join(bytes.fromhex(p) if isinstance(p, str) else p for p in parts)
    return bytes([kind, len(value)]) + value


def evpn():
    book = Book("evpn")

    def add(name, nlri, hop=HOP4, **other):
        both(book, name, 25, 70, hop, nlri, **other)

    label = labels(100)
    add("ethernet-ad", route_type(1, RD0, ESI1, u32(100), label))
    add("ethernet-ad-per-esi", route_type(1, RD1, ESI1, u32(0xFFFFFFFF), labels(0)))
    add("mac", route_type(2, RD0, ESI0, u32(0), b"\x30", MAC, b"\x00", label))
    add("mac-ipv4", route_type(2, RD0, ESI1, u32(5), b"\x30", MAC, b"\x20", ip("192.168.0.1"), label))
    add("mac-ipv6", route_type(2, RD0, ESI1, u32(5), b"\x30", MAC, b"\x80", ip("2001:db8::1"), label))
    add("mac-two-labels", route_type(2, RD0, ESI0, u32(5), b"\x30", MAC, b"\x20", ip("192.168.0.1"), labels(100, bottom=False), labels(200)))
    add("mac-vni", route_type(2, RD0, ESI0, u32(0), b"\x30", MAC, b"\x00", "002710"))
    add("multicast", route_type(3, RD0, u32(10), b"\x20", HOP4))
    add("multicast-ipv6", route_type(3, RD0, u32(10), b"\x80", HOP6))
    add("segment", route_type(4, RD0, ESI1, b"\x20", HOP4))
    add("segment-ipv6", route_type(4, RD0, ESI1, b"\x80", HOP6))
    add("prefix", route_type(5, RD0, ESI0, u32(0), b"\x18", ip("10.1.2.0"), ip("0.0.0.0"), label))
    add("prefix-gateway", route_type(5, RD2, ESI1, u32(7), b"\x18", ip("10.1.2.0"), ip("10.1.1.1"), label))
    add("prefix-ipv6", route_type(5, RD0, ESI0, u32(0), b"\x30", ip("2001:db8:1::"), ip("::"), label))
    add("unknown-6", route_type(6, RD0, ESI0, u32(0)))
    add("unknown-9", route_type(9, "01020304"))
    add("two", route_type(3, RD0, u32(10), b"\x20", HOP4) + route_type(4, RD0, ESI1, b"\x20", HOP4))
    book.add("ipv6-next-hop", reach(25, 70, HOP6, route_type(3, RD0, u32(10), b"\x20", HOP4)), want="accept",
             note="RFC 7432 section 9.2 and others: an IPv6 next hop is valid for EVPN")
    book.add("pmsi", reach(25, 70, HOP4, route_type(3, RD0, u32(10), b"\x20", HOP4),
                           wire.attribute(wire.OPT_TRANS, 22, bytes.fromhex("00060006400a000002")),
                           wire.extended_communities("0002fde80000000a", "030c000000000008")))
    book.add("malformed-truncated", reach(25, 70, HOP4, b"\x03\x11" + RD0))
    book.add("malformed-mac-length", reach(25, 70, HOP4, route_type(2, RD0, ESI0, u32(0), b"\x31", MAC, b"\x00", label)))
    return book.cases


def vpls():
    book = Book("vpls")

    def nlri(one, endpoint, offset, size, base):
        value = one + struct.pack("!HHH", endpoint, offset, size) + (base << 4 | 1).to_bytes(3, "big")
        return struct.pack("!H", len(value)) + value

    both(book, "one", 25, 65, HOP4, nlri(RD1, 5, 1, 8, 2560))
    both(book, "rd-type-0", 25, 65, HOP4, nlri(RD0, 3, 1, 10, 262145))
    both(book, "zero", 25, 65, HOP4, nlri(RD0, 0, 0, 0, 0))
    both(book, "two", 25, 65, HOP4, nlri(RD0, 1, 1, 8, 16) + nlri(RD0, 2, 1, 8, 32), want="accept",
         note="RFC 4761 section 3.2.2: an UPDATE may carry several VPLS NLRI")
    book.add("l2info", reach(25, 65, HOP4, nlri(RD0, 5, 1, 8, 2560), wire.extended_communities("800a130005dc006f")))
    book.add("malformed-short", reach(25, 65, HOP4, b"\x00\x05" + bytes(5)))
    return book.cases


def rtc():
    book = Book("rtc")
    both(book, "target", 1, 132, HOP4, b"\x60" + u32(65000) + bytes.fromhex("0002fde800000001"))
    both(book, "target-ip", 1, 132, HOP4, b"\x60" + u32(65000) + bytes.fromhex("01020a00000900ff"))
    both(book, "target-as4", 1, 132, HOP4, b"\x60" + u32(70000) + bytes.fromhex("0202000111700005"))
    both(book, "wildcard", 1, 132, HOP4, b"\x00")
    both(book, "partial-origin", 1, 132, HOP4, b"\x20" + u32(65000), want="accept",
         note="RFC 4684 section 4: prefix lengths from 32 to 96 are valid")
    return book.cases


def mcast_vpn():
    book = Book("mcast-vpn")
    source, group = ip("10.99.199.1"), ip("239.251.255.228")
    source6, group6 = ip("2001:db8::99"), ip("ff0e::1")
    one = rd(0, 65000, 99999)
    both(book, "source-ad", 1, 5, HOP4, route_type(5, one, b"\x20", source, b"\x20", group))
    both(book, "shared-join", 1, 5, HOP4, route_type(6, one, u32(65000), b"\x20", source, b"\x20", group))
    both(book, "source-join", 1, 5, HOP4, route_type(7, one, u32(65000), b"\x20", source, b"\x20", group))
    both(book, "source-ad-ipv6", 2, 5, HOP6, route_type(5, one, b"\x80", source6, b"\x80", group6))
    both(book, "shared-join-ipv6", 2, 5, HOP6, route_type(6, one, u32(65000), b"\x80", source6, b"\x80", group6))
    both(book, "source-join-ipv6", 2, 5, HOP6, route_type(7, one, u32(65000), b"\x80", source6, b"\x80", group6))
    both(book, "unknown-1", 1, 5, HOP4, route_type(1, one, source))
    both(book, "unknown-9", 1, 5, HOP4, route_type(9, "01020304"))
    return book.cases


def mup():
    book = Book("mup")

    def nlri(kind, *parts):
        value = b"".join(bytes.fromhex(p) if isinstance(p, str) else p for p in parts)
        return struct.pack("!BHB", 1, kind, len(value)) + value

    one = rd(0, 100, 100)
    repair = "a comma is missing before source_ip_len and the absent source prints as b''"

    def comma(line):
        line = line.replace('""source_ip_len"', '", "source_ip_len"').replace("\"source_ip\": \"b''\"", '"source_ip": ""')
        return line

    for afi, hop, a, width in ((1, HOP4, "10.0.1.0/24", 4), (2, HOP6, "2001:db8:1::/48", 16)):
        name = "ipv4" if afi == 1 else "ipv6"
        host, endpoint = (ip("10.0.0.7"), ip("10.0.0.1")) if afi == 1 else (ip("2001:db8::7"), ip("2001:db8::1"))
        both(book, f"{name}-isd", afi, 85, hop, nlri(1, one, prefix(a)))
        both(book, f"{name}-dsd", afi, 85, hop, nlri(2, one, host))
        bits = bytes([width * 8])
        broken = dict(want="accept", note=repair, fix=comma)
        both(book, f"{name}-t1st", afi, 85, hop, nlri(3, one, bits + host, u32(12345), b"\x09", bits, endpoint), **broken)
        both(book, f"{name}-t1st-source", afi, 85, hop, nlri(3, one, bits + host, u32(12345), b"\x09", bits, endpoint, bits, host), **broken)
        for teid in (0, 8, 24, 32):
            both(book, f"{name}-t2st-{teid}", afi, 85, hop,
                 nlri(4, one, bytes([width * 8 + teid]), endpoint, u32(0x12345678)[:(teid + 7) // 8]))
    both(book, "unknown-route-type", 1, 85, HOP4, nlri(9, "01020304"))
    both(book, "unknown-architecture", 1, 85, HOP4, b"\x02" + nlri(1, one, prefix("10.0.1.0/24"))[1:], want="accept",
         fix=lambda line: line.replace('"arch": 1', '"arch": 2').replace('"raw": "01', '"raw": "02'),
         note="ExaBGP writes its own architecture over the one received")
    return book.cases


def cases():
    return labelled_unicast() + vpn() + flows() + evpn() + vpls() + rtc() + mcast_vpn() + mup()
