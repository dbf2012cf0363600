"""Golden cases for UPDATE: IPv4 and IPv6 unicast and multicast, every attribute, malformed ones."""
import struct

import wire
from case import Book
from wire import (OPT, OPT_TRANS, PARTIAL, WELL_KNOWN, as_path, attribute, communities, ip, local_pref, med, mp_reach, mp_unreach,
                  next_hop, origin, prefix, prefixes, u32, update)

PATH = as_path((2, [65001]))
BASE = [origin(), PATH, next_hop("10.0.0.2")]
NLRI = prefix("10.0.1.0/24")
GLOBAL = ip("2001:db8::2")
LINK = ip("fe80::2")


def with_attributes(*more, nlri=NLRI, base=BASE):
    return update(list(base) + list(more), nlri)


MASKED = "RFC 4271 section 4.3: trailing bits are irrelevant; announcement and withdrawal print the same, masked"


def unicast():
    book = Book("unicast")
    add = book.add
    add("one", with_attributes())
    add("several", with_attributes(nlri=prefixes("10.0.1.0/24", "10.0.2.0/24", "192.168.0.0/16")))
    add("lengths", with_attributes(nlri=prefixes("0.0.0.0/0", "128.0.0.0/1", "10.0.0.0/8", "10.1.0.0/15", "10.1.2.128/25",
                                                 "10.1.2.3/32")),
        want="accept", fix=lambda line: line.replace("10.1.0.0/15", "10.0.0.0/15"), note=MASKED)
    add("host-bits", with_attributes(nlri=b"\x14" + ip("10.1.255.0")[:3]), want="accept",
        fix=lambda line: line.replace("10.1.255.0/20", "10.1.240.0/20"),
        note=MASKED)
    add("order-kept", with_attributes(nlri=prefixes("10.0.9.0/24", "10.0.1.0/24", "10.0.0.0/8")))
    add("duplicate-nlri", with_attributes(nlri=prefixes("10.0.1.0/24", "10.0.1.0/24")))
    add("multicast-prefix-in-unicast", with_attributes(nlri=prefix("224.1.0.0/16")))
    add("ibgp", update([origin(), as_path(), next_hop("10.0.0.2"), local_pref(100)], NLRI), "ibgp")
    add("withdraw", update(withdrawn=NLRI))
    add("withdraw-several", update(withdrawn=prefixes("10.0.1.0/24", "10.0.2.0/24", "0.0.0.0/0")))
    add("withdraw-and-announce", update(BASE, NLRI, prefix("10.0.3.0/24")))
    add("withdraw-with-attributes", update(BASE, b"", prefix("10.0.3.0/24")))
    add("eor", update())
    add("attributes-only", update(BASE))
    for afi, safi in wire.FAMILIES:
        if (afi, safi) != (1, 1):
            add(f"eor-{afi}-{safi}", update([mp_unreach(afi, safi, b"")]))
    add("eor-mp-ipv4-unicast", update([mp_unreach(1, 1, b"")]))
    add("ipv6", update([origin(), PATH, mp_reach(2, 1, GLOBAL, prefixes("2001:db8:1::/48", "::/0", "2001:db8::1/128"))]))
    add("ipv6-attributes-first", update([mp_reach(2, 1, GLOBAL, prefix("2001:db8:1::/48")), origin(), PATH, med(5)]))
    add("ipv6-link-local-nexthop", update([origin(), PATH, mp_reach(2, 1, GLOBAL + LINK, prefix("2001:db8:1::/48"))]))
    add("ipv6-mapped-nexthop", update([origin(), PATH, mp_reach(2, 1, ip("::ffff:10.0.0.2"), prefix("2001:db8:1::/48"))]))
    add("ipv6-odd-lengths", update([origin(), PATH, mp_reach(2, 1, GLOBAL, prefixes("2000::/3", "2001:db8:8000::/33",
                                                                                     "2001:db8::8/127"))]))
    add("ipv6-withdraw", update([mp_unreach(2, 1, prefixes("2001:db8:1::/48", "2001:db8:2::/48"))]))
    add("ipv6-reserved-byte", update([origin(), PATH, mp_reach(2, 1, GLOBAL, prefix("2001:db8:1::/48"), reserved=7)]))
    add("ipv4-in-mp", update([origin(), PATH, mp_reach(1, 1, ip("10.0.0.2"), NLRI)]))
    add("ipv4-in-mp-withdraw", update([mp_unreach(1, 1, NLRI)]))
    add("ipv4-multicast", update([origin(), PATH, mp_reach(1, 2, ip("10.0.0.2"), prefixes("224.0.0.0/8", "10.0.0.0/8"))]))
    add("ipv4-multicast-withdraw", update([mp_unreach(1, 2, prefix("224.0.0.0/8"))]))
    add("ipv6-multicast", update([origin(), PATH, mp_reach(2, 2, GLOBAL, prefix("ff05::/16"))]))
    add("ipv6-multicast-withdraw", update([mp_unreach(2, 2, prefix("ff05::/16"))]))
    add("reach-and-unreach", update([origin(), PATH, mp_unreach(2, 1, prefix("2001:db8:3::/48")),
                                     mp_reach(2, 1, GLOBAL, prefix("2001:db8:1::/48"))]))
    add("everything-mixed", update(BASE + [mp_reach(2, 1, GLOBAL, prefix("2001:db8:1::/48")),
                                           mp_unreach(2, 1, prefix("2001:db8:3::/48"))], NLRI, prefix("10.0.3.0/24")))
    add("ipv4-and-ipv6", update(BASE + [mp_reach(2, 1, GLOBAL, prefix("2001:db8:1::/48"))], NLRI))
    add("nexthop-rfc8950", update([origin(), PATH, mp_reach(1, 1, GLOBAL, NLRI)]), "nexthop")
    add("nexthop-rfc8950-link-local", update([origin(), PATH, mp_reach(1, 1, GLOBAL + LINK, NLRI)]), "nexthop")
    add("nexthop-plain", with_attributes(), "nexthop")
    add("nexthop-zero", update([origin(), PATH, next_hop("0.0.0.0")], NLRI))
    return book.cases


def add_path():
    book = Book("add-path", "add-path")
    add = book.add
    add("one", with_attributes(nlri=prefix("10.0.1.0/24", 1)))
    add("two-paths", with_attributes(nlri=prefix("10.0.1.0/24", 1) + prefix("10.0.1.0/24", 2)))
    add("zero", with_attributes(nlri=prefix("10.0.1.0/24", 0)))
    add("high", with_attributes(nlri=prefix("10.0.1.0/24", 0xFFFFFFFF)))
    add("dotted", with_attributes(nlri=prefix("10.0.1.0/24", 0x0A0B0C0D)))
    add("withdraw", update(withdrawn=prefix("10.0.1.0/24", 1)))
    add("withdraw-two", update(withdrawn=prefix("10.0.1.0/24", 1) + prefix("10.0.1.0/24", 7)))
    add("ipv6", update([origin(), PATH, mp_reach(2, 1, GLOBAL, prefix("2001:db8:1::/48", 9))]))
    add("ipv6-withdraw", update([mp_unreach(2, 1, prefix("2001:db8:1::/48", 9))]))
    add("multicast-has-none", update([origin(), PATH, mp_reach(1, 2, ip("10.0.0.2"), prefix("224.0.0.0/8"))]))
    add("eor", update())
    return book.cases


def attributes():
    book = Book("attribute")

    def add(name, *more, **other):
        book.add(name, with_attributes(*more), **other)

    for value, name in ((0, "igp"), (1, "egp"), (2, "incomplete")):
        book.add(f"origin-{name}", update([origin(value), PATH, next_hop("10.0.0.2")], NLRI))
    paths = {
        "empty": [], "one": [(2, [65001])], "three": [(2, [65001, 65002, 65003])], "four-bytes": [(2, [65001, 4200000000])],
        "set": [(2, [65001]), (1, [1, 2])], "set-only": [(1, [3, 1, 2])], "two-sequences": [(2, [65001]), (2, [65002])],
        "prepended": [(2, [65001] * 4)], "empty-segment": [(2, [])], "own-as": [(2, [65001, 65000])],
        "long": [(2, list(range(1, 256)))],
    }
    for name, path in paths.items():
        book.add(f"as-path-{name}", update([origin(), as_path(*path), next_hop("10.0.0.2")], NLRI))
    for name, path in {"confed-sequence": [(3, [65100]), (2, [65001])], "confed-set": [(4, [65101, 65102])],
                       "all-kinds": [(3, [65100]), (4, [65101]), (2, [65001]), (1, [1, 2])]}.items():
        book.add(f"as-path-{name}", update([origin(), as_path(*path), next_hop("10.0.0.2")], NLRI), "ibgp",
                 want="accept", fix=confederation(path),
                 note="confederation segments are named as-sequence by ExaBGP; they are as-confed-sequence / as-confed-set")
    for value in (0, 50, 0xFFFFFFFF):
        add(f"med-{value}", med(value))
    for value in (0, 200, 0xFFFFFFFF):
        add(f"local-preference-{value}", local_pref(value), context="ibgp")
    add("local-preference-ebgp", local_pref(100))
    add("atomic-aggregate", attribute(WELL_KNOWN, 6, b""))
    add("aggregator", attribute(OPT_TRANS, 7, u32(65001) + ip("10.0.0.9")))
    add("aggregator-four-bytes", attribute(OPT_TRANS, 7, u32(4200000000) + ip("10.0.0.9")))
    add("aggregator-zero", attribute(OPT_TRANS, 7, u32(0) + ip("0.0.0.0")))
    add("aggregator-partial", attribute(OPT_TRANS | PARTIAL, 7, u32(65001) + ip("10.0.0.9")))
    add("community-one", communities((65000, 1)))
    add("community-two", communities((65000, 2), (65000, 1)))
    add("community-duplicate", communities((1, 1), (1, 1)))
    add("community-names", communities((65535, 65281), (65535, 65282), (65535, 65283), (65535, 65284), (65535, 666)))
    add("community-other-names", communities((65535, 0), (65535, 1), (65535, 6), (65535, 7), (65535, 8)))
    for low in (0, 1, 2, 3, 4, 5, 6, 7, 8, 666, 65281, 65282, 65283, 65284):
        add(f"community-65535-{low}", communities((65535, low)))
    add("community-partial", attribute(OPT_TRANS | PARTIAL, 8, u32(0x00010001)))
    add("community-extended-length", attribute(OPT_TRANS, 8, u32(0x00010001), extended=True))
    add("community-many", communities(*[(65000, i) for i in range(100)]))
    add("originator-id", attribute(OPT, 9, ip("10.0.0.9")), context="ibgp")
    add("cluster-list-one", attribute(OPT, 10, ip("10.0.0.9")), context="ibgp")
    add("cluster-list-two", attribute(OPT, 10, ip("10.0.0.9") + ip("1.1.1.1")), context="ibgp")
    add("originator-id-ebgp", attribute(OPT, 9, ip("10.0.0.9")))
    add("large-community-one", wire.large_communities((65000, 1, 2)))
    add("large-community-two", wire.large_communities((65000, 4, 5), (1, 2, 3)))
    add("large-community-duplicate", wire.large_communities((1, 2, 3), (1, 2, 3)))
    add("large-community-high", wire.large_communities((0xFFFFFFFF, 0xFFFFFFFF, 0)))
    aigp = attribute(OPT, 26, bytes.fromhex("01000b000000000000000a"))
    add("aigp", aigp, context="aigp")
    add("aigp-high", attribute(OPT, 26, bytes.fromhex("01000bffffffffffffffff")), context="aigp")
    add("aigp-not-enabled", aigp)
    add("aigp-ibgp", aigp, context="ibgp", want="accept", note="RFC 7311 section 3.1: AIGP is on by default within an AS",
        fix=lambda line: line.replace('[65001]}} }, "announce"', '[65001]}}, "aigp": "0x000000000000000a" }, "announce"'))
    add("aigp-other-tlv", attribute(OPT, 26, bytes.fromhex("02000401 01000b000000000000000a")), context="aigp")
    for name, code, flags in (("transitive", 99, OPT_TRANS), ("transitive-partial", 99, OPT_TRANS | PARTIAL),
                              ("non-transitive", 99, OPT), ("well-known", 99, WELL_KNOWN), ("code-255", 255, OPT_TRANS),
                              ("code-0", 0, OPT_TRANS), ("code-11", 11, OPT_TRANS), ("code-20", 20, OPT_TRANS),
                              ("code-21", 21, OPT_TRANS), ("code-24", 24, OPT_TRANS), ("tunnel", 23, OPT_TRANS),
                              ("otc", 35, OPT_TRANS), ("code-128", 128, OPT_TRANS)):
        add(f"unknown-{name}", attribute(flags, code, bytes.fromhex("deadbeef")))
    add("unknown-empty", attribute(OPT_TRANS, 99, b""))
    add("unknown-long", attribute(OPT_TRANS, 99, bytes(300)))
    add("unknown-two", attribute(OPT_TRANS, 98, b"\x01"), attribute(OPT_TRANS, 99, b"\x02"))
    add("reserved-flag-bits", attribute(OPT | 0x0F, 4, u32(5)))
    add("order", communities((1, 1)), med(5))
    book.add("reverse-order", update([next_hop("10.0.0.2"), PATH, origin()], NLRI))
    add("duplicate-med", med(5), med(6))
    pmsi = {
        "none": "00 00 000000", "ingress": "00 06 000640 0a000002", "ingress-flag": "01 06 000640 0a000002",
        "rsvp-te-p2mp": "00 01 000640 0a000002 0000 0001 0a000003", "mldp-p2mp": "00 02 000640 06000104" "0a0000020007010004" "00000001",
        "pim-ssm": "00 03 000640 0a000002 e0000001", "pim-sm": "00 04 000640 0a000002 e0000001",
        "bidir": "00 05 000640 0a000002 e0000001", "mldp-mp2mp": "00 07 000640 01020304", "unknown": "00 63 000640 0102",
        "no-label": "00 06 000000 0a000002",
    }
    for name, value in pmsi.items():
        add(f"pmsi-{name}", attribute(OPT_TRANS, 22, bytes.fromhex(value)))
    return book.cases


def confederation(path):
    """Names the segments of the JSON line by their kinds."""
    names = {1: "as-set", 2: "as-sequence", 3: "as-confed-sequence", 4: "as-confed-set"}

    def fix(line):
        for i, (kind, _) in enumerate(path):
            head, _, tail = line.partition(f'"{i}": {{"element": "')
            line = f'{head}"{i}": {{"element": "{names[kind]}' + tail[tail.index('"'):]
        return line
    return fix


def two_bytes():
    book = Book("as4", "as2")

    def add(name, path, *more, **other):
        book.add(name, update([origin(), as_path(*path, width=2), next_hop("10.0.0.2")] + list(more), NLRI), **other)

    def as4_path(*segments):
        return attribute(OPT_TRANS, 17, b"".join(wire.segment(k, a) for k, a in segments))

    def aggregator(asn):
        return attribute(OPT_TRANS, 7, struct.pack("!H", asn) + ip("10.0.0.9"))

    def as4_aggregator(asn):
        return attribute(OPT_TRANS, 18, u32(asn) + ip("10.0.0.8"))

    trans = 23456
    add("plain", [(2, [65001, 65002])])
    add("as4-path", [(2, [65001, trans])], as4_path((2, [65001, 4200000000])))
    add("as4-path-shorter", [(2, [65001, trans, trans])], as4_path((2, [70000, 80000])))
    add("as4-path-longer", [(2, [65001])], as4_path((2, [65001, 70000])))
    add("as4-path-with-set", [(2, [65001, trans]), (1, [1, trans])], as4_path((2, [70000]), (1, [1, 70000])))
    add("as4-path-without-trans", [(2, [65001, 65002])], as4_path((2, [65001, 65002])))
    add("trans-without-as4-path", [(2, [65001, trans])])
    add("aggregator", [(2, [65001])], aggregator(65001))
    add("as4-aggregator", [(2, [65001])], aggregator(trans), as4_aggregator(70000))
    add("as4-aggregator-ignored", [(2, [65001])], aggregator(65001), as4_aggregator(70000))
    add("as4-aggregator-ignored-with-path", [(2, [65001, trans])], aggregator(65001), as4_path((2, [65001, 70000])),
        as4_aggregator(70000))
    add("as4-aggregator-alone", [(2, [65001])], as4_aggregator(70000))
    add("both", [(2, [65001, trans])], aggregator(trans), as4_path((2, [65001, 70000])), as4_aggregator(70000))
    book.add("as4-path-on-asn4-session", with_attributes(as4_path((2, [65001, 70000]))), "ebgp")
    book.add("as4-aggregator-on-asn4-session", with_attributes(as4_aggregator(70000)), "ebgp", want="accept",
             fix=lambda line: line.replace(', "aggregator": "70000:10.0.0.8"', ""),
             note="RFC 6793 section 4.1: AS4_AGGREGATOR from a speaker with four-octet AS numbers is discarded")
    add("as4-path-malformed", [(2, [65001])], attribute(OPT_TRANS, 17, b"\x02\x02\x00\x01"), want="discard",
        note="RFC 6793 section 6: a malformed AS4_PATH is discarded and the UPDATE processed")
    add("as4-aggregator-malformed", [(2, [65001])], attribute(OPT_TRANS, 18, b"\x02\x02\x00\x01"), want="discard",
        note="RFC 6793 section 6: a malformed AS4_AGGREGATOR is discarded")
    return book.cases


def malformed():
    book = Book("malformed")
    withdraw = "treat-as-withdraw"

    def add(name, *attributes, base=None, **other):
        book.add(name, update((BASE if base is None else base) + list(attributes), NLRI), **other)

    nh = next_hop("10.0.0.2")
    add("origin-flags", base=[attribute(OPT, 1, b"\x00"), PATH, nh])
    add("origin-empty", base=[attribute(WELL_KNOWN, 1, b""), PATH, nh])
    add("origin-long", base=[attribute(WELL_KNOWN, 1, b"\x00\x00"), PATH, nh], want=withdraw, note="RFC 7606 section 7.1")
    add("origin-value", base=[origin(5), PATH, nh], want=withdraw, note="RFC 7606 section 7.1")
    add("as-path-flags", base=[origin(), attribute(OPT_TRANS, 2, b"\x02\x01\x00\x00\xfd\xe9"), nh])
    add("as-path-segment-type", base=[origin(), attribute(WELL_KNOWN, 2, b"\x09\x01\x00\x00\xfd\xe9"), nh])
    add("as-path-short", base=[origin(), attribute(WELL_KNOWN, 2, b"\x02\x02\x00\x00\xfd\xe9"), nh])
    add("as-path-one-byte", base=[origin(), attribute(WELL_KNOWN, 2, b"\x02"), nh])
    add("next-hop-flags", base=[origin(), PATH, attribute(OPT, 3, ip("10.0.0.2"))])
    add("next-hop-short", base=[origin(), PATH, attribute(WELL_KNOWN, 3, b"\x0a\x00\x00")])
    add("next-hop-empty", base=[origin(), PATH, attribute(WELL_KNOWN, 3, b"")])
    add("next-hop-ipv6", base=[origin(), PATH, attribute(WELL_KNOWN, 3, GLOBAL)], want=withdraw, note="RFC 7606 section 7.3")
    missing = "RFC 7606 section 3 d: a mandatory attribute is missing"
    add("no-attributes", base=[], want=withdraw, note=missing)
    add("no-origin", base=[PATH, nh], want=withdraw, note=missing)
    add("no-as-path", base=[origin(), nh], want=withdraw, note=missing)
    add("no-next-hop", base=[origin(), PATH], want=withdraw, note=missing)
    add("med-short", attribute(OPT, 4, b"\x00\x00\x01"))
    add("med-empty", attribute(OPT, 4, b""))
    add("med-long", attribute(OPT, 4, bytes(5)))
    add("med-flags", attribute(WELL_KNOWN, 4, u32(5)))
    for context in ("ebgp", "ibgp"):
        base = BASE if context == "ebgp" else [origin(), as_path(), nh]
        book.add(f"local-preference-short-{context}", update(base + [attribute(WELL_KNOWN, 5, b"\x00")], NLRI), context,
                 want="discard" if context == "ebgp" else None,
                 note="RFC 7606 section 7.5: LOCAL_PREF from an external neighbor is discarded" if context == "ebgp" else None)
    add("local-preference-flags", attribute(OPT, 5, u32(5)), context="ibgp")
    add("atomic-aggregate-data", attribute(WELL_KNOWN, 6, b"\x00"))
    add("atomic-aggregate-flags", attribute(OPT, 6, b""), want=withdraw, note="RFC 7606 section 3 c")
    add("aggregator-short", attribute(OPT_TRANS, 7, b"\x00\x00\xfd\xe9\x0a\x00"))
    add("aggregator-two-byte-form", attribute(OPT_TRANS, 7, b"\xfd\xe9\x0a\x00\x00\x02"))
    add("aggregator-empty", attribute(OPT_TRANS, 7, b""))
    add("aggregator-flags", attribute(WELL_KNOWN, 7, u32(65001) + ip("10.0.0.9")), want=withdraw, note="RFC 7606 section 3 c")
    add("community-length", attribute(OPT_TRANS, 8, bytes(5)))
    add("community-empty", attribute(OPT_TRANS, 8, b""))
    add("community-flags", attribute(OPT, 8, u32(1)))
    for code, name in ((9, "originator-id"), (10, "cluster-list")):
        for context in ("ibgp", "ebgp"):
            right = withdraw if context == "ibgp" else "discard"
            base = BASE if context == "ebgp" else [origin(), as_path(), nh]
            book.add(f"{name}-length-{context}", update(base + [attribute(OPT, code, bytes(5))], NLRI), context, want=right,
                     note="RFC 7606 sections 7.9 and 7.10: treat-as-withdraw from an internal neighbor, discard from an external one")
        add(f"{name}-empty", attribute(OPT, code, b""))
        add(f"{name}-flags", attribute(OPT_TRANS, code, ip("10.0.0.9")))
    add("extended-community-length", attribute(OPT_TRANS, 16, bytes(7)))
    add("extended-community-empty", attribute(OPT_TRANS, 16, b""))
    add("extended-community-flags", attribute(OPT, 16, bytes.fromhex("0002fde800000001")))
    add("ipv6-extended-community-length", attribute(OPT_TRANS, 25, bytes(19)))
    add("large-community-length", attribute(OPT_TRANS, 32, bytes(11)))
    add("large-community-empty", attribute(OPT_TRANS, 32, b""))
    add("large-community-flags", attribute(OPT, 32, bytes(12)))
    add("pmsi-short", attribute(OPT_TRANS, 22, b"\x00\x06\x00"), want=withdraw, note="RFC 7606 section 8")
    add("prefix-sid-short", attribute(OPT_TRANS, 40, b"\x01\x00"))
    add("prefix-sid-flags", attribute(OPT, 40, bytes.fromhex("0100070000000000012c")), want=withdraw, note="RFC 7606 section 3 c")
    add("bgp-ls-short", attribute(OPT, 29, b"\x04\x00\x00\x09\x01"))
    add("attribute-overruns-section", attribute(OPT, 4, b"")[:2] + b"\x09\x00\x00")
    add("attribute-header-truncated", b"\x80\x04")
    add("attribute-flag-only", b"\x80")
    add("attribute-extended-truncated", b"\x90\x04\x00")
    add("duplicate-origin", origin(2))
    add("duplicate-mp-reach", mp_reach(2, 1, GLOBAL, prefix("2001:db8::/32")), mp_reach(2, 1, GLOBAL, prefix("2001:db8:1::/48")))
    return book.cases


def framing():
    book = Book("malformed-framing")
    add = book.add
    add("withdrawn-overruns", wire.message(2, b"\x00\x09\x00\x00\x00\x00"))
    add("attributes-overrun", wire.message(2, b"\x00\x00\x00\x09\x00\x00"))
    add("nlri-length-33", update(BASE, b"\x21\x0a\x00\x00\x00\x00"))
    add("nlri-truncated", update(BASE, b"\x18\x0a\x00"))
    add("withdrawn-length-33", update(withdrawn=b"\x21\x0a\x00\x00\x00\x00"))
    add("withdrawn-truncated", update(withdrawn=b"\x18\x0a\x00"))
    add("ipv6-length-129", update([origin(), PATH, mp_reach(2, 1, GLOBAL, b"\x81" + bytes(17))]))
    add("ipv6-truncated", update([origin(), PATH, mp_reach(2, 1, GLOBAL, b"\x30\x20\x01")]))
    add("mp-reach-next-hop-length", update([origin(), PATH, mp_reach(2, 1, GLOBAL[:5], prefix("2001:db8::/32"))]))
    add("mp-reach-flags", update([origin(), PATH, mp_reach(2, 1, GLOBAL, prefix("2001:db8::/32"), flags=OPT_TRANS)]))
    add("mp-unreach-flags", update([mp_unreach(2, 1, prefix("2001:db8::/32"), flags=WELL_KNOWN)]))
    add("mp-reach-short", update([origin(), PATH, attribute(OPT, 14, b"\x00\x02\x01")]))
    add("mp-unreach-short", update([attribute(OPT, 15, b"\x00\x02")]))
    add("mp-reach-next-hop-overruns", update([origin(), PATH, attribute(OPT, 14, b"\x00\x02\x01\x20\x20\x01")]))
    add("mp-reach-no-nlri", update([origin(), PATH, mp_reach(2, 1, GLOBAL, b"")]))
    unknown = "an unknown or unnegotiated family never ends the session: its NLRI are ignored (RFC 4760 section 7, AFI/SAFI disable)"
    add("mp-reach-unknown-family", update([origin(), PATH, mp_reach(99, 99, GLOBAL, b"\x01\x02")]), want="ignore", note=unknown)
    add("mp-unreach-unknown-family", update([mp_unreach(99, 99, b"\x01\x02")]), want="ignore", note=unknown)
    return book.cases


def cases():
    return unicast() + add_path() + attributes() + two_bytes() + malformed() + framing()
