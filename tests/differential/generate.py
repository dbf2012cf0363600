"""Seeded routes as text: one table of families and one of attributes, each switched on by name.

Every route of a run has an NLRI of its own, so that the order in which a program sends its routes does not matter.
"""
import random

# Where a family's route may be announced: all sessions, or only the one that negotiated what it needs.
EVERYWHERE = None


class Route:
    """One route: the family, the words behind `announce`, the configuration section with the same words."""

    def __init__(self, family, head, tail, section, only=EVERYWHERE, withdrawal=None):
        self.family, self.head, self.tail, self.section, self.only = family, head, tail, section, only
        self.withdrawal = withdrawal

    def selector(self, addresses):
        return f"neighbor {addresses[self.only]} " if self.only else ""

    def announce(self, addresses):
        return f"{self.selector(addresses)}announce {self.head} {self.tail}".rstrip()

    def withdraw(self, addresses):
        return f"{self.selector(addresses)}withdraw {self.head} {self.withdrawal or self.tail}".rstrip()

    def configuration(self):
        """The statement for a configuration file, or None where only a command can say it."""
        return self.section and self.section.replace("%", f"{self.words()} {self.tail}".rstrip())

    def words(self):
        """The head without the words that the section already says."""
        for start in ("ipv4 ", "ipv6 ", "flow "):
            if self.head.startswith(start):
                return self.head[len(start):]
        return self.head


class Generator:
    def __init__(self, seed, families=None, attributes=None):
        self.random = random.Random(seed)
        self.number = 0
        self.families = families or list(FAMILIES)
        self.attributes = attributes or list(ATTRIBUTES)

    def pick(self, *values):
        return self.random.choice(values)

    def chance(self, probability):
        return self.random.random() < probability

    def number_up_to(self, high):
        """Mostly small numbers, and the borders."""
        return self.pick(0, 1, 2, high, high - 1, self.random.randint(0, min(high, 255)), self.random.randint(0, min(high, 65535)),
                         self.random.randint(0, high))

    def asn(self):
        return self.pick(1, 64512, 65000, 65001, 65535, self.random.randint(1, 65535), 65536, 4200000000, self.random.randint(65536, 2**32 - 1))

    def ipv4(self):
        return ".".join(str(self.random.randint(1, 223)) for _ in range(4))

    def ipv6(self):
        return self.pick(f"2001:db8::{self.random.randint(1, 65535):x}", f"2001:db8:{self.random.randint(1, 65535):x}:1::9",
                         "2001:db8:0:1:0:1:0:1", f"fe80::{self.random.randint(1, 65535):x}")

    def unique4(self):
        """An IPv4 prefix that no other route has."""
        self.number += 1
        n = self.number
        length = self.pick(24, 24, 24, 25, 30, 32)
        return f"{11 + n // 65536}.{n // 256 % 256}.{n % 256}.0/{length}"

    def unique6(self):
        self.number += 1
        length = self.pick(48, 48, 64, 128, 56)
        return f"2001:{self.number // 65536 + 0x100:x}:{self.number % 65536:x}::/{length}"

    def rd(self):
        return self.pick(f"{self.random.randint(1, 65535)}:{self.number_up_to(2**32 - 1)}", f"{self.ipv4()}:{self.number_up_to(65535)}",
                         f"{self.random.randint(65536, 2**32 - 1)}:{self.number_up_to(65535)}")

    def label(self):
        # A first label of 0 looks like the value that stands in withdrawals, so a stack begins with another.
        return self.pick(*[str(self.number_up_to(1048575))] * 3, f"[ {self.random.randint(16, 500000)} {self.number_up_to(1048575)} ]")

    def label6(self):
        """One label: in front of an IPv6 prefix ExaBGP can't tell a stack from a label and a longer prefix."""
        return str(self.number_up_to(1048575))

    def tail(self, *fixed, most=5, allowed=None):
        """The fixed words and some attributes, in any order."""
        names = [a for a in self.attributes if allowed is None or a in allowed]
        names = self.random.sample(names, min(len(names), self.random.randint(0, most)))
        parts = list(fixed) + [ATTRIBUTES[name](self) for name in names]
        self.random.shuffle(parts)
        return " ".join(part for part in parts if part)

    def route(self, family=None):
        return FAMILIES[family or self.pick(*self.families)](self)

    def routes(self, count):
        """Routes of all families, as many of each."""
        return [self.route(self.families[i % len(self.families)]) for i in range(count)]


def several(g, one, low=1, high=4, separator=" "):
    """One value bare, or a list of some in brackets."""
    values = [one() for _ in range(g.random.randint(low, high))]
    if len(values) == 1 and g.chance(0.5):
        return values[0]
    return f"[ {separator.join(values)} ]"


def as_path(g):
    out = []
    for _ in range(g.pick(1, 1, 1, 2, 3)):
        values = " ".join(str(g.asn()) for _ in range(g.random.randint(1, 6)))
        out.append(g.pick(f"[ {values} ]", f"[ {values} ]", f"( {values} )", f"[{values}]"))
    return "as-path " + " ".join(out)


def community(g):
    return g.pick(f"{g.random.randint(0, 65535)}:{g.random.randint(0, 65535)}", f"{g.random.randint(0, 65535)}:{g.number_up_to(65535)}",
                  "no-export", "no-advertise", "no-export-subconfed", "nopeer", "blackhole", str(g.random.randint(0, 2**32 - 1)),
                  hex(g.random.randint(0, 2**32 - 1)))


def extended_community(g):
    two, four = g.random.randint(1, 65535), g.random.randint(65536, 2**32 - 1)
    return g.pick(f"target:{two}:{g.number_up_to(2**32 - 1)}", f"target:{g.ipv4()}:{g.number_up_to(65535)}", f"target:{four}:{g.number_up_to(65535)}",
                  f"origin:{two}:{g.number_up_to(2**32 - 1)}", f"origin:{g.ipv4()}:{g.number_up_to(65535)}",
                  f"{two}:{g.number_up_to(65535)}", f"redirect:{two}:{g.number_up_to(65535)}", "redirect-to-nexthop",
                  f"l2info:{g.random.randint(0, 255)}:{g.random.randint(0, 255)}:{g.random.randint(0, 65535)}:{g.random.randint(0, 65535)}",
                  f"bandwidth:{two}:{g.random.randint(0, 10**9)}", f"mup:{two}:{g.number_up_to(2**32 - 1)}", f"0x{g.random.getrandbits(64):016x}")


def prefix_sid(g):
    index = g.random.randint(0, 2**32 - 1)
    bases = ", ".join(f"( {g.random.randint(0, 2**24 - 1)},{g.random.randint(1, 2**24 - 1)} )" for _ in range(g.random.randint(1, 2)))
    return "bgp-prefix-sid " + g.pick(f"[ {index} ]", f"[ {index}, [ {bases} ] ]")


def srv6(g):
    tail = g.pick("", " 0x13", " 72", f" 0x48 [{g.random.randint(0, 128)},{g.random.randint(0, 64)},16,0,0,0]")
    return f"bgp-prefix-sid-srv6 ( {g.pick('l3-service', 'l2-service')} 2001:db8:{g.random.randint(1, 65535):x}::{tail} )"


ATTRIBUTES = {
    "origin": lambda g: "origin " + g.pick("igp", "egp", "incomplete"),
    "as-path": as_path,
    "med": lambda g: f"med {g.number_up_to(2**32 - 1)}",
    "local-preference": lambda g: f"local-preference {g.number_up_to(2**32 - 1)}",
    "atomic-aggregate": lambda g: "atomic-aggregate",
    "aggregator": lambda g: f"aggregator ( {g.asn()}:{g.ipv4()} )",
    "originator-id": lambda g: f"originator-id {g.ipv4()}",
    "cluster-list": lambda g: "cluster-list " + several(g, g.ipv4),
    "community": lambda g: "community " + several(g, lambda: community(g), 1, 6),
    "extended-community": lambda g: "extended-community " + several(g, lambda: extended_community(g)),
    "large-community": lambda g: "large-community " + several(g, lambda: ":".join(str(g.number_up_to(2**32 - 1)) for _ in range(3))),
    "aigp": lambda g: "aigp " + g.pick(str(g.number_up_to(2**63)), hex(g.random.getrandbits(64))),
    "attribute": lambda g: raw_attribute(g),
    "name": lambda g: "name " + g.pick("one", "two-words", "x.y"),
}


def raw_attribute(g):
    data = g.random.randbytes(g.pick(0, 1, 2, 4, 16, 300)).hex()
    return f"attribute [ 0x{g.random.randint(64, 254):02x} {g.pick('0xC0', '0xE0', '0x80')} 0x{data} ]"



def unicast4(g):
    tail = g.tail("next-hop " + g.pick(g.ipv4(), g.ipv4(), "self"))
    return Route("ipv4-unicast", f"route {g.unique4()}", tail, "static { %; }", withdrawal="next-hop 1.2.3.4")


def unicast4_announce(g):
    return Route("ipv4-unicast-announce", f"ipv4 unicast {g.unique4()}", g.tail(f"next-hop {g.ipv4()}"), "announce { ipv4 { %; } }")


def unicast4_nexthop6(g):
    return Route("ipv4-nexthop-ipv6", f"route {g.unique4()}", g.tail(f"next-hop {g.ipv6()}"), None, only="nexthop")


def unicast4_path(g):
    path = g.pick(g.number_up_to(2**32 - 1), g.ipv4())
    return Route("ipv4-add-path", f"route {g.unique4()}", g.tail(f"next-hop {g.ipv4()}", f"path-information {path}"), None, only="add-path",
                 withdrawal=f"path-information {path}")


def split4(g):
    prefix = g.unique4().split("/")[0] + "/24"
    length = g.random.randint(24, 28)
    return Route("ipv4-split", f"route {prefix}", g.tail(f"next-hop {g.ipv4()}", f"split /{length}"), "static { %; }", withdrawal=f"split /{length}")


def unicast6(g):
    return Route("ipv6-unicast", f"route {g.unique6()}", g.tail(f"next-hop {g.ipv6()}"), "static { %; }", withdrawal="next-hop 2001:db8::1")


def unicast6_announce(g):
    return Route("ipv6-unicast-announce", f"ipv6 unicast {g.unique6()}", g.tail(f"next-hop {g.ipv6()}"), "announce { ipv6 { %; } }")


def multicast4(g):
    g.number += 1
    prefix = f"{224 + g.number // 65536 % 16}.{g.number // 256 % 256}.{g.number % 256}.0/24"
    return Route("ipv4-multicast", f"ipv4 multicast {prefix}", g.tail(f"next-hop {g.ipv4()}"), "announce { ipv4 { %; } }")


def multicast6(g):
    return Route("ipv6-multicast", f"ipv6 multicast {g.unique6()}", g.tail(f"next-hop {g.ipv6()}"), "announce { ipv6 { %; } }")


def attributes_nlri(g):
    prefixes = " ".join(g.unique4() for _ in range(g.random.randint(1, 4)))
    return Route("attributes-nlri", "attributes", g.tail(f"next-hop {g.ipv4()}") + f" nlri {prefixes}", None, withdrawal=f"next-hop 1.2.3.4 nlri {prefixes}")


def mpls4(g):
    tail = g.tail(f"next-hop {g.ipv4()}", f"label {g.label()}", *([prefix_sid(g)] if g.chance(0.2) else []))
    return Route("ipv4-nlri-mpls", f"route {g.unique4()}", tail, "static { %; }")


def mpls6(g):
    return Route("ipv6-nlri-mpls", f"route {g.unique6()}", g.tail(f"next-hop {g.ipv6()}", f"label {g.label6()}"), "static { %; }")


def mpls4_announce(g):
    return Route("ipv4-nlri-mpls-announce", f"ipv4 nlri-mpls {g.unique4()}", g.tail(f"next-hop {g.ipv4()}", f"label {g.label()}"), "announce { ipv4 { %; } }")


def vpn4(g):
    tail = g.tail(f"next-hop {g.ipv4()}", f"label {g.label()}", f"rd {g.rd()}", *([srv6(g)] if g.chance(0.2) else []))
    return Route("ipv4-mpls-vpn", f"route {g.unique4()}", tail, "static { %; }")


def vpn6(g):
    return Route("ipv6-mpls-vpn", f"route {g.unique6()}", g.tail(f"next-hop {g.ipv6()}", f"label {g.label6()}", f"rd {g.rd()}"), "static { %; }")


def vpls(g):
    g.number += 1
    words = f"rd {g.number % 65536}:{g.number} endpoint {g.number_up_to(65535)} base {g.number_up_to(65535)} offset {g.number_up_to(65535)} size {g.number_up_to(65535)}"
    allowed = ("origin", "med", "as-path", "local-preference", "atomic-aggregate", "aggregator", "originator-id", "cluster-list", "community",
               "extended-community")
    return Route("l2vpn-vpls", f"vpls {words}", g.tail(f"next-hop {g.ipv4()}", allowed=allowed), "l2vpn { %; }")


def mvpn(g, afi, address, group):
    g.number += 1
    rd, source = f"{g.number % 65536}:{g.number}", address()
    nlri = g.pick(f"source-ad source {source} group {group} rd {rd}", f"shared-join rp {source} group {group} rd {rd} source-as {g.asn()}",
                  f"source-join source {source} group {group} rd {rd} source-as {g.asn()}")
    return Route(f"{afi}-mcast-vpn", f"{afi} mcast-vpn {nlri}", g.tail(f"next-hop {address()}"), f"announce {{ {afi} {{ %; }} }}")


def mup(g, afi, address, prefix):
    g.number += 1
    rd = f"{g.number % 65536}:{g.number}"
    full = "/32" if afi == "ipv4" else "/128"
    bits = g.pick(8, 16, 24, 32)
    source = g.pick("", f" source {address()}")
    nlri = g.pick(f"mup-isd {prefix()} rd {rd}", f"mup-dsd {address()} rd {rd}",
                  f"mup-t1st {address()}{full} rd {rd} teid {g.number_up_to(2**32 - 1)} qfi {g.random.randint(0, 255)} endpoint {address()}{source}",
                  f"mup-t2st {address()} rd {rd} teid {g.random.randint(0, 2**bits - 1)}/{bits}")
    # (ExaBGP ends a session whose sent UPDATEs it shows when an IPv4 route of MUP has an IPv6 next hop.)
    tail = f"next-hop {address()}"
    if g.chance(0.6):
        tail += f" extended-community [ target:10:{g.random.randint(0, 999)} mup:10:10 ]"
    if g.chance(0.3):
        tail += " " + srv6(g)
    return Route(f"{afi}-mup", f"{afi} mup {nlri}", tail, f"announce {{ {afi} {{ %; }} }}")


def numeric(g, high, names=()):
    """A numeric expression of flow: one value, a range, or a list."""
    def one():
        value = g.pick(*names) if names and g.chance(0.4) else str(g.random.randint(0, high))
        if not names and g.chance(0.3):
            low = g.random.randint(0, high)
            return f">={low}&<={g.random.randint(low, high)}"
        return g.pick("", "=", "!=") + value if names else g.pick("", "=", ">", "<", ">=", "<=", "!=") + value
    return several(g, one, 1, 3)


def flags(g, names):
    def one():
        return g.pick("", "=", "!", "!=") + "+".join(g.random.sample(names, g.random.randint(1, 2)))
    return several(g, one, 1, 2)


TCP = ["fin", "syn", "rst", "push", "ack", "urgent", "ece", "cwr"]
FRAGMENTS = ["dont-fragment", "is-fragment", "first-fragment", "last-fragment"]
MATCHES = {
    "protocol": lambda g: numeric(g, 255, ("tcp", "udp", "icmp", "gre", "esp", "ospf")), "port": lambda g: numeric(g, 65535),
    "destination-port": lambda g: numeric(g, 65535), "source-port": lambda g: numeric(g, 65535),
    "icmp-type": lambda g: numeric(g, 255, ("echo-request", "echo-reply", "unreachable", "redirect")), "icmp-code": lambda g: numeric(g, 255),
    "tcp-flags": lambda g: flags(g, TCP), "packet-length": lambda g: numeric(g, 65535), "dscp": lambda g: numeric(g, 63),
    "fragment": lambda g: flags(g, FRAGMENTS),
}
MATCHES6 = dict(MATCHES)
MATCHES6.update({"next-header": MATCHES["protocol"], "traffic-class": lambda g: numeric(g, 255), "flow-label": lambda g: numeric(g, 1048575),
                 "fragment": lambda g: flags(g, FRAGMENTS[1:])})  # RFC 8956 section 3.6 has no don't-fragment
del MATCHES6["protocol"], MATCHES6["dscp"]


def flow_words(g, afi):
    prefix = g.unique4() if afi == "ipv4" else g.unique6()
    match = [f"destination {prefix}"]
    if g.chance(0.3):
        match.append(f"source {g.unique4() if afi == 'ipv4' else g.unique6()}")
    table = MATCHES if afi == "ipv4" else MATCHES6
    match += [f"{name} {table[name](g)}" for name in g.random.sample(list(table), g.random.randint(0, 4))]
    then = [g.pick("accept", "discard", f"rate-limit {g.random.randint(9600, 10**9)}", f"rate-limit {g.random.randint(1, 10**6)} packets",
                   f"redirect {g.random.randint(1, 65535)}:{g.random.randint(0, 2**32 - 1)}", f"redirect {g.random.randint(65536, 2**32 - 1)}:{g.random.randint(0, 65535)}",
                   f"redirect-to-nexthop-ietf {g.pick(g.ipv4(), '2001:db8::7')}", *([f"redirect {g.ipv4()}", f"copy {g.ipv4()}"] if afi == "ipv4" else []))]
    if g.chance(0.3):
        then.append(f"mark {g.random.randint(0, 63)}")
    if g.chance(0.2):
        then.append(f"action {g.pick('sample', 'terminal', 'sample-terminal')}")
    if g.chance(0.3):
        then.append("community " + several(g, lambda: community(g)))
    if g.chance(0.2):
        then.append("extended-community " + several(g, lambda: f"target:{g.random.randint(1, 65535)}:{g.random.randint(1, 65535)}"))
    return match, then


def flow(g, afi):
    match, then = flow_words(g, afi)
    words = " ".join(match + then)
    return Route(f"{afi}-flow", f"flow route {words}", "", "flow { %; }")


def flow_block(g, afi):
    match, then = flow_words(g, afi)
    rd = f"rd {g.rd()}; " if g.chance(0.5) else ""
    scope = ""
    if g.chance(0.3):
        sets = several(g, lambda: f"{g.pick('transitive', 'non-transitive')}:{g.pick('input', 'output', 'input-output')}:{g.asn()}:{g.random.randint(1, 16383)}")
        scope = f" scope {{ interface-set {sets}; }}"
    body = f"{{ {rd}match {{ {'; '.join(match)}; }} then {{ {'; '.join(then)}; }}{scope} }}"
    return Route(f"{afi}-flow-block", f"flow route {body}", "", "flow { % }")


FAMILIES = {
    "ipv4-unicast": unicast4, "ipv4-unicast-announce": unicast4_announce, "ipv4-nexthop-ipv6": unicast4_nexthop6, "ipv4-add-path": unicast4_path,
    "ipv4-split": split4, "attributes-nlri": attributes_nlri, "ipv6-unicast": unicast6, "ipv6-unicast-announce": unicast6_announce,
    "ipv4-multicast": multicast4, "ipv6-multicast": multicast6,
    "ipv4-nlri-mpls": mpls4, "ipv6-nlri-mpls": mpls6, "ipv4-nlri-mpls-announce": mpls4_announce, "ipv4-mpls-vpn": vpn4, "ipv6-mpls-vpn": vpn6,
    "l2vpn-vpls": vpls,
    "ipv4-mcast-vpn": lambda g: mvpn(g, "ipv4", g.ipv4, "239.1.1.1"), "ipv6-mcast-vpn": lambda g: mvpn(g, "ipv6", g.ipv6, "ff0e::1"),
    "ipv4-mup": lambda g: mup(g, "ipv4", g.ipv4, g.unique4), "ipv6-mup": lambda g: mup(g, "ipv6", g.ipv6, g.unique6),
    "ipv4-flow": lambda g: flow(g, "ipv4"), "ipv6-flow": lambda g: flow(g, "ipv6"),
    "ipv4-flow-block": lambda g: flow_block(g, "ipv4"), "ipv6-flow-block": lambda g: flow_block(g, "ipv6"),
}
