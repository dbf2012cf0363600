"""Golden cases for extended communities, prefix-SID, and BGP-LS with its NLRI and attribute TLVs."""
import struct

import wire
from case import Book
from cases_families import HOP4, HOP6, RD0, reach
from wire import OPT, OPT_TRANS, as_path, attribute, extended_communities, ip, mp_unreach, next_hop, origin, prefix, u32, update

BASE = [origin(), as_path((2, [65001])), next_hop("10.0.0.2")]
NLRI = prefix("10.0.1.0/24")


def communities():
    book = Book("extended-community")
    values = {
        "target": "0002fde800000001", "target-non-transitive": "4002fde800000001", "target-ip": "01020a0000090007",
        "target-as4": "0202000111700005", "target-high": "0002ffffffffffff", "origin": "0003fde800000001", "origin-ip": "01030a0000090007",
        "origin-as4": "0203000111700005", "ospf-domain": "0005fde800000001", "ospf-router-id": "01070a0000090000", "rt-record": "0013fde800000001",
        "rt-record-ip": "01130a0000090007", "rt-record-as4": "0213000111700005", "bgp-data-collection": "0008fde800000001",
        "link-bandwidth": "4004fde849742400", "link-bandwidth-transitive": "0004fde849742400", "color": "030b000000000064",
        "encapsulation-vxlan": "030c000000000008", "encapsulation-default": "030c000000000000", "encapsulation-l2tpv3": "030c000000000001",
        "encapsulation-gre": "030c000000000002", "encapsulation-ipip": "030c000000000007", "encapsulation-nvgre": "030c000000000009",
        "encapsulation-mpls": "030c00000000000a", "encapsulation-vxlan-gpe": "030c00000000000c", "encapsulation-udp": "030c00000000000d",
        "encapsulation-unknown": "030c000000000042", "default-gateway": "030d000000000000", "consistent-hash": "0314000000000005",
        "mac-mobility": "0600000000000003", "mac-mobility-sticky": "0600010000000003", "esi-label": "0601010000000641",
        "es-import": "0602001122334455", "router-mac": "0603001122334455", "dhcp": "0600000000000000", "rate-limit": "8006fde849742400",
        "discard": "8006000000000000", "rate-limit-fraction": "800600003f000000", "rate-limit-infinite": "800600007f800000",
        "rate-packets": "800cfde849742400", "traffic-action": "8007000000000003", "traffic-action-none": "8007000000000000",
        "redirect": "8008fde800003039", "redirect-ip": "81080a0000020005", "redirect-as4": "8208000111700005", "mark": "8009000000000020",
        "l2info": "800a130005dc006f", "redirect-ipv6-old": "800b000000000000", "nexthop-redirect": "0800000000000000",
        "nexthop-copy": "0800000000000001", "redirect-ietf": "010c0a0000020000", "copy-ietf": "010c0a0000020001",
        "interface-input": "0702000111704014", "interface-output": "0702000111708014", "interface-both": "070200011170c014",
        "interface-none": "0702000111700014", "mup": "0c00000a0000000a", "validation-valid": "4300000000000000",
        "unknown-transitive": "0399aabbccddeeff", "unknown-type": "3f99aabbccddeeff", "unknown-non-transitive": "7f99aabbccddeeff",
        "all-zero": "0000000000000000", "all-one": "ffffffffffffffff",
    }
    other = {"target-non-transitive": "target:65000:1", "bgp-data-collection": "redirect:65000:1"}
    for name, value in values.items():
        wrong = {}
        if name in other:
            wrong = dict(want="accept", note="the name is that of another type, as which it would be read back",
                         fix=lambda line, text=other[name]: line.replace(f'"string": "{text}"', '"string": ""'))
        book.add(name, update(BASE + [extended_communities(value)], NLRI), **wrong)
    book.add("several", update(BASE + [extended_communities("0002fde800000001", "0002fde800000001", "030c000000000008",
                                                            "0002000100000001")], NLRI))
    book.add("high-bit", update(BASE + [extended_communities("8006000000000000", "0002fde800000001")], NLRI))
    for name, value in (("target", "0002" + HOP6.hex() + "0007"), ("origin", "0003" + HOP6.hex() + "0007"),
                        ("redirect", "000c" + HOP6.hex() + "0000"), ("copy", "000c" + HOP6.hex() + "0001"),
                        ("redirect-vrf", "000d" + HOP6.hex() + "0007"), ("unknown", "4099" + HOP6.hex() + "0007")):
        book.add(f"ipv6-{name}", update(BASE + [attribute(OPT_TRANS, 25, bytes.fromhex(value))], NLRI))
    return book.cases


def tlv(code, value):
    value = bytes.fromhex(value) if isinstance(value, str) else value
    return struct.pack("!BH", code, len(value)) + value


def prefix_sid():
    book = Book("prefix-sid")

    def add(name, *tlvs, **other):
        book.add(name, update(BASE + [attribute(OPT_TRANS, 40, b"".join(tlvs))], NLRI), **other)

    index = tlv(1, "00 0000 0000012c")
    add("label-index", index)
    add("srgb", index, tlv(3, "0000 0c3500 001000"))
    add("srgb-two", index, tlv(3, "0000 0c3500 001000 0f4240 001388"))
    add("srgb-only", tlv(3, "0000 0c3500 001000"))
    add("unknown-tlv", tlv(9, "010203"))
    add("label-index-and-unknown", index, tlv(9, "010203"))
    add("empty")
    sid = ip("2001:db8:1:1::")
    structure = tlv(1, "28 18 10 00 10 40")
    for kind, name in ((5, "l3"), (6, "l2")):
        for form, behavior, extra in (("plain", "0013", b""), ("structure", "0012", structure), ("unknown-behavior", "ffff", b""),
                                      ("unknown-sub-sub-tlv", "0013", tlv(9, "0102"))):
            information = b"\x00" + sid + b"\x00" + bytes.fromhex(behavior) + b"\x00" + extra

            def fill(line, number=int(behavior, 16)):
                return line.replace('"sid": "%s"', '"sid": "2001:db8:1:1::"').replace('"endpoint_behavior": %d',
                                                                                      f'"endpoint_behavior": {number}')

            add(f"srv6-{name}-{form}", tlv(kind, b"\x00" + tlv(1, information)), want="accept", fix=fill,
                note="ExaBGP prints its format placeholders instead of the SID and the behavior")
    add("srv6-unknown-sub-tlv", tlv(5, b"\x00" + tlv(9, "0102")))
    return book.cases


def ls(code, value):
    value = bytes.fromhex(value) if isinstance(value, str) else value
    return struct.pack("!HH", code, len(value)) + value


def nlri(kind, *parts, distinguisher=b""):
    value = distinguisher + b"".join(bytes.fromhex(p) if isinstance(p, str) else p for p in parts)
    return struct.pack("!HH", kind, len(value)) + value


ISIS1, OSPF, DIRECT = "01", "03", "04"
TOPOLOGY = "0000000000000000"
AS, LS_ID, AREA = ls(512, u32(65000)), ls(513, u32(0)), ls(514, u32(0))
ROUTER = ls(515, ip("10.10.10.10"))
ISIS_ROUTER = ls(515, "010134000041")
ISIS_PSEUDO = ls(515, "01013400004103")
OSPF_PSEUDO = ls(515, ip("10.10.10.10") + ip("10.1.1.1"))


def local(*parts):
    return ls(256, b"".join(parts))


def remote(*parts):
    return ls(257, b"".join(parts))


NODES = {
    "ospf": (1, OSPF, TOPOLOGY, local(AS, LS_ID, AREA, ROUTER)),
    "ospf-pseudonode": (1, OSPF, TOPOLOGY, local(AS, LS_ID, AREA, OSPF_PSEUDO)),
    "isis": (1, "02", "00000000000002bc", local(AS, LS_ID, ISIS_ROUTER)),
    "isis-pseudonode": (1, ISIS1, TOPOLOGY, local(AS, LS_ID, ISIS_PSEUDO)),
    "direct": (1, DIRECT, TOPOLOGY, local(AS, ROUTER)),
    "static": (1, "05", TOPOLOGY, local(AS, ROUTER)),
    "ospfv3": (1, "06", TOPOLOGY, local(AS, LS_ID, AREA, ROUTER)),
    "bgp": (1, "07", TOPOLOGY, local(AS, ls(516, ip("10.0.0.9")), ls(517, u32(65001)))),
    "as-only": (1, OSPF, TOPOLOGY, local(AS)),
    "unknown-descriptor": (1, OSPF, TOPOLOGY, local(AS, ROUTER, ls(599, "0102"))),
}
PAIR = local(AS, LS_ID, AREA, ROUTER) + remote(AS, LS_ID, AREA, ls(515, ip("10.10.10.11")))
ISIS_PAIR = local(AS, LS_ID, ISIS_ROUTER) + remote(AS, LS_ID, ls(515, "010134000042"))
LINKS = {
    "plain": (2, OSPF, TOPOLOGY, PAIR),
    "addresses": (2, OSPF, TOPOLOGY, PAIR, ls(259, ip("192.168.199.84")), ls(260, ip("192.168.199.85"))),
    "ipv6-addresses": (2, ISIS1, TOPOLOGY, ISIS_PAIR, ls(261, ip("2001:db8::1")), ls(262, ip("2001:db8::2"))),
    "identifiers": (2, OSPF, TOPOLOGY, PAIR, ls(258, u32(16) + u32(0))),
    "topology": (2, ISIS1, TOPOLOGY, ISIS_PAIR, ls(263, "0002")),
    "topologies": (2, ISIS1, TOPOLOGY, ISIS_PAIR, ls(263, "00000002")),
    "everything": (2, ISIS1, TOPOLOGY, ISIS_PAIR, ls(258, u32(16) + u32(17)), ls(259, ip("10.1.1.1")), ls(260, ip("10.1.1.2")),
                   ls(261, ip("2001:db8::1")), ls(262, ip("2001:db8::2")), ls(263, "0002")),
    "pseudonode": (2, ISIS1, TOPOLOGY, local(AS, LS_ID, ISIS_ROUTER), remote(AS, LS_ID, ISIS_PSEUDO)),
}
PREFIXES = {
    "v4": (3, OSPF, TOPOLOGY, local(AS, LS_ID, AREA, ROUTER), ls(265, prefix("10.1.2.0/24"))),
    "v4-type": (3, OSPF, TOPOLOGY, local(AS, LS_ID, AREA, ROUTER), ls(264, "01"), ls(265, prefix("10.1.2.0/24"))),
    "v4-type-6": (3, OSPF, TOPOLOGY, local(AS, LS_ID, AREA, ROUTER), ls(264, "06"), ls(265, prefix("10.1.2.0/24"))),
    "v4-topology": (3, ISIS1, TOPOLOGY, local(AS, LS_ID, ISIS_ROUTER), ls(263, "0002"), ls(265, prefix("10.1.2.0/24"))),
    "v4-host": (3, OSPF, TOPOLOGY, local(AS, ROUTER), ls(265, prefix("10.1.2.3/32"))),
    "v4-default": (3, OSPF, TOPOLOGY, local(AS, ROUTER), ls(265, b"\x00")),
    "v6": (4, ISIS1, TOPOLOGY, local(AS, LS_ID, ISIS_ROUTER), ls(265, prefix("2001:db8:1::/48"))),
    "v6-host": (4, ISIS1, TOPOLOGY, local(AS, LS_ID, ISIS_ROUTER), ls(263, "0002"), ls(265, prefix("2001:db8::1/128"))),
}
SIDS = {
    "plain": (6, ISIS1, TOPOLOGY, local(AS, LS_ID, ISIS_ROUTER), ls(518, ip("2001:db8::2"))),
    "topology": (6, ISIS1, TOPOLOGY, local(AS, LS_ID, ISIS_ROUTER), ls(263, "0002"), ls(518, ip("2001:db8::2"))),
}


def bgp_ls():
    book = Book("bgp-ls")
    for group, table in (("node", NODES), ("link", LINKS), ("prefix", PREFIXES), ("srv6-sid", SIDS)):
        for name, parts in table.items():
            book.add(f"{group}-{name}", reach(16388, 71, HOP4, nlri(*parts)))
        first = next(iter(table.values()))
        book.add(f"{group}-withdraw", update([mp_unreach(16388, 71, nlri(*first))]))
    book.add("unknown-5", reach(16388, 71, HOP4, nlri(5, "deadbeef")))
    book.add("two", reach(16388, 71, HOP4, nlri(*NODES["ospf"]) + nlri(*PREFIXES["v4"])))
    book.add("node-ipv6-next-hop", reach(16388, 71, HOP6, nlri(*NODES["ospf"])))
    for group, table in (("node", NODES), ("link", LINKS), ("prefix", PREFIXES)):
        first = next(iter(table.values()))
        book.add(f"vpn-{group}", reach(16388, 72, bytes(8) + HOP4, nlri(*first, distinguisher=RD0)), want="accept",
                 fix=lambda line: line.replace('"bgp-ls bgp-ls"', '"bgp-ls bgp-ls-vpn"'),
                 note="SAFI 72 is reported as `bgp-ls bgp-ls`")
    book.add("malformed-no-descriptor", reach(16388, 71, HOP4, nlri(1, OSPF, TOPOLOGY)), want="accept",
             note="RFC 9552 section 8.2.2: an NLRI is not malformed because a TLV is missing")
    book.add("malformed-truncated", reach(16388, 71, HOP4, nlri(*NODES["ospf"])[:-3]))
    return book.cases


def text(value):
    return value.encode().hex()


# The attribute's TLVs (RFC 7752, 9085, 9514), each on an NLRI of its kind.
TLVS = {
    "node": {
        "flags-1024": (1024, "fc"), "flags-none": (1024, "00"), "opaque-1025": (1025, "0102ff"), "name-1026": (1026, text("router-1")),
        "area-1027": (1027, "490001"), "router-id-1028": (1028, "0a0a0a0a"), "router-id-1029": (1029, ip("2001:db8::a")),
        "sr-capabilities-1034": (1034, "8000 003e80 0489 0003 001f40"), "algorithms-1035": (1035, "0001"),
        "sr-capabilities-two": (1034, "c000 003e80 0489 0003 001f40 005000 0489 0003 0003e8"), "srlb-1036": (1036, "0000 0003e8 0489 0003 003a98"),
        "topology-263": (263, "00000002"), "srv6-capabilities-1038": (1038, "40000000"), "msd-266": (266, "010a"), "unknown-1999": (1999, "aabb"),
    },
    "link": {
        "remote-id-1030": (1030, "0a0a0a0b"), "remote-id-1031": (1031, ip("2001:db8::b")), "local-id-1028": (1028, "0a0a0a0a"),
        "group-1088": (1088, "00000005"), "bandwidth-1089": (1089, "4cee6b28"), "reservable-1090": (1090, "4cee6b28"),
        "unreserved-1091": (1091, "4cee6b28" * 8), "te-metric-1092": (1092, "0000000a"), "te-metric-short": (1092, "00000a"),
        "protection-1093": (1093, "0200"), "mpls-1094": (1094, "c0"), "igp-metric-1095-one": (1095, "0a"), "igp-metric-1095-two": (1095, "000a"),
        "igp-metric-1095-three": (1095, "00000a"), "srlg-1096": (1096, "0000000100000002"), "opaque-1097": (1097, "0102"),
        "name-1098": (1098, text("link-1")), "adjacency-1099": (1099, "30 00 0000 049308"), "adjacency-index": (1099, "00 05 0000 00000064"),
        "adjacency-lan-1100": (1100, "30 00 0000 010134000041 049308"), "end-x-1106": (1106, "0012 80 00 0a 00" + ip("2001:db8::c").hex()),
        "end-x-structure": (1106, "0012 80 00 0a 00" + ip("2001:db8::c").hex() + "04e4 0004 28181000"),
        "lan-end-x-1107": (1107, "0012 80 00 0a 00 010134000041" + ip("2001:db8::c").hex()),
        "lan-end-x-1108": (1108, "0012 80 00 0a 00 0a0a0a0b" + ip("2001:db8::c").hex()), "delay-1114": (1114, "0000000a"), "msd-267": (267, "010a"),
        "interface-id-258": (258, "000001720000 01bb"),
    },
    "prefix": {
        "flags-1152": (1152, "f0"), "tag-1153": (1153, "0000000a"), "tags-1153": (1153, "0000000a0000000b"),
        "extended-tag-1154": (1154, "000000000000000a"), "metric-1155": (1155, "00000014"), "forwarding-1156": (1156, "0a000001"),
        "forwarding-1156-ipv6": (1156, ip("2001:db8::1")), "opaque-1157": (1157, "0102"), "sid-1158": (1158, "40 00 0000 00000064"),
        "sid-1158-label": (1158, "0c 00 0000 003e80"), "range-1159": (1159, "00 00 0005 0000"), "attribute-flags-1170": (1170, "a0"),
        "source-1171": (1171, "0a0a0a0a"), "source-1171-ipv6": (1171, ip("2001:db8::a")), "locator-1162": (1162, "80 00 0000 0000000a"),
        "locator-1162-algorithm": (1162, "00 80 0000 0000000a"),
    },
    "srv6-sid": {"behavior-1250": (1250, "0012 00 00"), "structure-1252": (1252, "28181000")},
}


OPAQUE = {1025: ('"\\u0001\\u0002\\ufffd"', '"0102ff"'), 1097: ('"\\u0001\\u0002"', '"0102"'), 1157: ('"\\u0001\\u0002"', '"0102"')}
OPAQUE_NOTE = "opaque octets are printed in hexadecimal as ExaBGP 6.0 does, not as text with replacement characters"


def opaque(code):
    """What differs in the expectation of an opaque TLV, or of a flag."""
    if code == 1038:
        return {"want": "accept", "note": "RFC 9514 section 3.1: the O-flag is bit 1 of 16; ExaBGP looks at bit 9",
                "fix": lambda line: line.replace('{"O": 0}', '{"O": 1}')}
    if code not in OPAQUE:
        return {}
    old, new = OPAQUE[code]
    return {"want": "accept", "note": OPAQUE_NOTE, "fix": lambda line: line.replace(old, new)}


def bgp_ls_attribute():
    book = Book("bgp-ls-attribute")
    base = {"node": NODES["ospf"], "link": LINKS["addresses"], "prefix": PREFIXES["v4"], "srv6-sid": SIDS["plain"]}
    everything = {}
    for group, table in TLVS.items():
        for name, (code, value) in table.items():
            value = bytes.fromhex(value) if isinstance(value, str) else value
            everything.setdefault(group, []).append(ls(code, value))
            book.add(f"{group}-{name}", reach(16388, 71, HOP4, nlri(*base[group]), attribute(OPT, 29, ls(code, value))),
                     **opaque(code))
        book.add(f"{group}-empty", reach(16388, 71, HOP4, nlri(*base[group]), attribute(OPT, 29, b"")))
    for group, (first, second) in (("node", (1026, 1028)), ("prefix", (1152, 1155))):
        pick = [t for t in everything[group] if struct.unpack("!H", t[:2])[0] in (first, second)]
        book.add(f"{group}-two-tlvs", reach(16388, 71, HOP4, nlri(*base[group]), attribute(OPT, 29, b"".join(pick))))
    twice = "ExaBGP repeats the member name for each TLV, so that a JSON reader keeps only the last"
    book.add("link-adjacency-twice", reach(16388, 71, HOP4, nlri(*base["link"]), attribute(OPT, 29, ls(
        1099, "30 00 0000 049308".replace(" ", "")) + ls(1099, "30050000049309"))), want="accept", note=twice)
    return book.cases


def cases():
    return communities() + prefix_sid() + bgp_ls() + bgp_ls_attribute()
