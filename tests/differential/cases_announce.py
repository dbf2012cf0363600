"""Announcements: text as a helper command or as configuration, whose UPDATEs are recorded from ExaBGP.

`@4` in a text stands for an IPv4 prefix of its own (10.N.N.0/24), `@6` for an IPv6 one, `@h` for an IPv4 host address.
"""
import wire

ALL = ("ebgp", "ibgp", "as2")
EBGP = ("ebgp",)
BOTH = ("ebgp", "ibgp")


class Announcement:
    def __init__(self, file, name, text, contexts, want=None, note=None, fix=None):
        self.file, self.name, self.text, self.contexts, self.want, self.note = file, name, text, contexts, want, note
        self.fix = fix


FOUR_OCTET = "RFC 5668: a four-octet AS number has its own type; ExaBGP writes it as an IPv4 address"
KNOWN = "a well-known community of IANA's registry that ExaBGP 5.0 has no name for"
WELL_KNOWN = {"graceful-shutdown": 0xFFFF0000, "accept-own": 0xFFFF0001, "llgr-stale": 0xFFFF0006, "no-llgr": 0xFFFF0007}


def as_vpn(message):
    """The UPDATE with its native labelled VPN NLRI moved to MP_REACH_NLRI of SAFI 128, behind the other attributes."""
    size = int.from_bytes(message[21:23], "big")
    attributes, nlri = message[23:23 + size], message[23 + size:]
    hop = dict((code, value) for _, code, value in wire.split_attributes(attributes))[3]
    return wire.update([attributes, wire.mp_reach(1, 128, bytes(8) + hop, nlri)])


ATTRIBUTES = {
    "plain": "", "origin-igp": "origin igp", "origin-egp": "origin egp", "origin-incomplete": "origin incomplete",
    "origin-case": "origin IGP", "med": "med 50", "med-zero": "med 0", "med-max": "med 4294967295", "local-preference": "local-preference 200",
    "as-path-one": "as-path [ 65000 ]", "as-path": "as-path [ 65000 1 2 3 ]", "as-path-glued": "as-path [65000 1]",
    "as-path-commas": "as-path [ 65000, 1, 2 ]", "as-path-set": "as-path ( 3 4 )", "as-path-sequence-set": "as-path [ 1 2 ] ( 3 4 )",
    "as-path-set-sequence": "as-path ( 3 4 ) [ 1 2 ]", "as-path-two-sequences": "as-path [ 1 2 ] [ 3 4 ]", "as-path-empty": "as-path [ ]",
    "as-path-dotted": "as-path [ 1.1 ]", "as-path-four-bytes": "as-path [ 65000 4200000000 ]", "as-path-glued-set": "as-path (3 4)",
    "as-path-long": "as-path [ " + " ".join(str(n) for n in range(1, 301)) + " ]",
    "atomic-aggregate": "atomic-aggregate", "aggregator": "aggregator ( 65000:10.0.0.9 )", "aggregator-bare": "aggregator 65000:10.0.0.9",
    "aggregator-four-bytes": "aggregator ( 4200000000:10.0.0.9 )", "aggregator-glued": "aggregator (65000:10.0.0.9)",
    "originator-id": "originator-id 10.0.0.9", "cluster-list-one": "cluster-list 10.0.0.9", "cluster-list": "cluster-list [ 10.0.0.9 1.1.1.1 ]",
    "community-one": "community 65000:1", "community-list-one": "community [ 65000:1 ]", "community-sorted": "community [ 3:3 1:1 3:3 2:2 ]",
    "community-number": "community 4259840001", "community-hex": "community 0xfde80001", "community-empty": "community [ ]",
    "community-overflow": "community 1:65536",
    "large-community-one": "large-community 65000:1:2", "large-community": "large-community [ 65000:4:5 1:2:3 1:2:3 ]",
    "large-community-high": "large-community 4294967295:4294967295:0",
    "aigp": "aigp 100", "aigp-hex": "aigp 0x64", "attribute": "attribute [ 0x63 0xE0 0xdead ]", "attribute-empty": "attribute [ 0x63 0xC0 0x ]",
    "attribute-known-code": "attribute [ 0x04 0x80 0x00000005 ]", "attribute-glued": "attribute [0x63 0xE0 0xdead]",
    "attribute-low": "attribute [ 0x0b 0xC0 0x01 ]", "attribute-long": "attribute [ 0x63 0xC0 0x" + "ab" * 300 + " ]",
    "name": "name something", "watchdog": "watchdog dog", "two-attributes": "med 5 community 1:1 origin egp", "med-twice": "med 5 med 6",
    "everything": "origin egp as-path [ 65000 1 ] med 5 local-preference 10 atomic-aggregate aggregator ( 65000:1.1.1.1 ) community [ 1:1 ] "
                  "originator-id 2.2.2.2 cluster-list [ 3.3.3.3 ] extended-community [ target:1:1 ] large-community [ 1:2:3 ]",
}
for _name in ("no-export", "no_export", "no-advertise", "no_advertise", "no-export-subconfed", "nopeer", "no-peer", "blackhole", "NO-EXPORT"):
    ATTRIBUTES[f"community-{_name}"] = f"community {_name}"

EXTENDED = {
    "target": "target:65000:1", "bare": "65000:1", "target-ip": "target:1.2.3.4:5", "bare-ip": "1.2.3.4:5", "target-as4": "target:70000:5",
    "target-long": "target:1L:5", "target4": "target4:1:5", "origin": "origin:65000:1", "origin-ip": "origin:1.2.3.4:5", "origin4": "origin4:1:5",
    "redirect": "redirect:65000:1", "redirect-to-nexthop": "redirect-to-nexthop", "l2info": "l2info:19:0:1500:111", "bandwidth": "bandwidth:65000:1000000",
    "mup": "mup:10:10", "mup-dotted": "mup:10:0.0.0.10", "hex": "0x0002fde800000001", "hex-unknown": "0x0399aabbccddeeff",
}
BAD = {
    "next-hop-missing": "announce route 10.0.0.0/24", "host-bits": "announce route 10.0.0.1/24 next-hop 1.2.3.4", "prefix": "announce route 10.0.0/24 next-hop 1.2.3.4",
    "mask-33": "announce route 10.0.0.0/33 next-hop 1.2.3.4", "mask-dotted": "announce route 10.0.0.0/255.0.0.0 next-hop 1.2.3.4",
    "next-hop": "announce route 10.0.0.0/24 next-hop foo", "origin": "announce route 10.0.0.0/24 next-hop 1.2.3.4 origin foo",
    "med": "announce route 10.0.0.0/24 next-hop 1.2.3.4 med -1", "med-word": "announce route 10.0.0.0/24 next-hop 1.2.3.4 med foo",
    "local-preference": "announce route 10.0.0.0/24 next-hop 1.2.3.4 local-preference foo", "as-path-bare": "announce route 10.0.0.0/24 next-hop 1.2.3.4 as-path 65001",
    "aggregator": "announce route 10.0.0.0/24 next-hop 1.2.3.4 aggregator foo", "originator-id": "announce route 10.0.0.0/24 next-hop 1.2.3.4 originator-id foo",
    "cluster-list": "announce route 10.0.0.0/24 next-hop 1.2.3.4 cluster-list foo", "community": "announce route 10.0.0.0/24 next-hop 1.2.3.4 community foo",
    "community-comma": "announce route 10.0.0.0/24 next-hop 1.2.3.4 community [ 1:1, 2:2 ]", "community-large": "announce route 10.0.0.0/24 next-hop 1.2.3.4 community 4294967296",
    "large-community": "announce route 10.0.0.0/24 next-hop 1.2.3.4 large-community 1:2", "extended-community": "announce route 10.0.0.0/24 next-hop 1.2.3.4 extended-community foo:1:1",
    "extended-community-fields": "announce route 10.0.0.0/24 next-hop 1.2.3.4 extended-community target:1", "keyword": "announce route 10.0.0.0/24 next-hop 1.2.3.4 foo bar",
    "attribute": "announce route 10.0.0.0/24 next-hop 1.2.3.4 attribute [ 99 0xE0 0xdead ]", "two-statements": "announce route 10.0.0.0/24 next-hop 1.2.3.4; announce route 10.0.1.0/24 next-hop 1.2.3.4",
    "comment": "announce route 10.0.0.0/24 next-hop 1.2.3.4 # comment", "no-prefix": "announce route", "unknown": "announce foo", "empty-as-path": "announce route 10.0.0.0/24 next-hop 1.2.3.4 as-path",
    "rd-without-label": "announce route 10.0.0.0/24 next-hop 1.2.3.4 rd 1:1", "rd": "announce route 10.0.0.0/24 next-hop 1.2.3.4 rd foo label 5", "split": "announce route 10.0.0.0/24 next-hop 1.2.3.4 split 25",
    "evpn": "announce l2vpn evpn foo", "nlri-missing": "announce attributes next-hop 1.2.3.4", "ipv4-safi": "announce ipv4 foo 10.0.0.0/24 next-hop 1.2.3.4", "ipv6-self": "announce route 2001:db8::/33 next-hop self",
    "aigp": "announce route 10.0.0.0/24 next-hop 1.2.3.4 aigp foo", "watchdog": "announce route 10.0.0.0/24 next-hop 1.2.3.4 watchdog announce",
}


def attributes():
    out = []
    for name, text in ATTRIBUTES.items():
        out.append(Announcement("announce-attribute", name, f"announce route @4 next-hop 1.2.3.4 {text}".strip(), ALL))
        if name == "community-overflow":
            out[-1].want, out[-1].note = "error", "each half of a community is 16 bits"
    for name, value in WELL_KNOWN.items():
        out.append(Announcement("announce-attribute", f"community-{name}", f"announce route @4 next-hop 1.2.3.4 community {name}", EBGP,
                                want="done", note=f"{KNOWN}: 0x{value:08X}"))
    for name, text in EXTENDED.items():
        out.append(Announcement("announce-attribute", f"extended-community-{name}",
                                f"announce route @4 next-hop 1.2.3.4 extended-community {text}", EBGP))
        if name in ("target-as4", "target-long", "target4", "origin4"):
            out[-1].want, out[-1].note = "hex", FOUR_OCTET
            out[-1].fix = lambda message: message.replace(bytes.fromhex("c0100801"), bytes.fromhex("c0100802"))
    out.append(Announcement("announce-attribute", "extended-community-sorted",
                            "announce route @4 next-hop 1.2.3.4 extended-community [ target:3:1 origin:1:1 target:1:1 target:3:1 ]", EBGP))
    for name, text in (("aigp-capability", "aigp 100"), ("aigp-capability-hex", "aigp 0x64")):
        out.append(Announcement("announce-attribute", name, f"announce route @4 next-hop 1.2.3.4 {text}", ("aigp",)))
    prefix_sid = {"index": "bgp-prefix-sid [ 300 ]", "srgb": "bgp-prefix-sid [ 300, [ ( 800000,4096 ) ] ]",
                  "srgb-two": "bgp-prefix-sid [ 300, [ ( 800000,4096 ), ( 1000000,5000 ) ] ]",
                  "glued": "bgp-prefix-sid [ 300, [ (800000,4096) ] ]"}
    for name, text in prefix_sid.items():
        out.append(Announcement("announce-attribute", f"prefix-sid-{name}", f"announce route @4 next-hop 1.2.3.4 label 3 {text}", EBGP))
    srv6 = {"l3": "l3-service 2001:3:: 0x13 [48,16,0,0,16,64]", "l3-default": "l3-service 2001:3::", "l2": "l2-service 2001:3:: 0x13 [48,16,0,0,16,64]",
            "l3-behavior": "l3-service 2001:3:: 0x48", "l3-decimal": "l3-service 2001:3:: 72"}
    for name, text in srv6.items():
        out.append(Announcement("announce-attribute", f"prefix-sid-srv6-{name}",
                                f"announce route @4 rd 1:1 label 3 next-hop 2001::1 bgp-prefix-sid-srv6 ( {text} )", EBGP))
    return out


def routes():
    out = []

    def add(name, text, contexts=BOTH, file="announce-route", **more):
        out.append(Announcement(file, name, text, contexts, **more))

    add("host", "announce route @h next-hop 1.2.3.4")
    add("default", "announce route 0.0.0.0/0 next-hop 1.2.3.4")
    add("next-hop-self", "announce route @4 next-hop self")
    add("next-hop-self-upper", "announce route @4 next-hop SELF")
    add("semicolon", "announce route @4 next-hop 1.2.3.4;")
    add("braces", "announce route @4 { next-hop 1.2.3.4; med 10; }")
    add("selector", "neighbor 127.0.0.2 announce route @4 next-hop 1.2.3.4")
    add("selector-all", "neighbor * announce route @4 next-hop 1.2.3.4")
    add("selector-other", "neighbor 127.0.0.3 announce route @4 next-hop 1.2.3.4")
    add("split", "announce route 10.240.0.0/16 next-hop 1.2.3.4 split /18")
    add("split-shorter", "announce route 10.241.0.0/16 next-hop 1.2.3.4 split /8")
    add("multicast-by-prefix", "announce route 224.0.0.0/8 next-hop 1.2.3.4")
    add("ipv6", "announce route @6 next-hop 2001:db8::1")
    add("ipv6-host", "announce route 2001:db8:ffff::1 next-hop 2001:db8::1")
    add("ipv6-default", "announce route ::/0 next-hop 2001:db8::1")
    add("ipv6-attributes", "announce route @6 next-hop 2001:db8::1 med 5 community 1:1")
    add("ipv4-next-hop-ipv6", "announce route @4 next-hop 2001:db8::1", ("nexthop",))
    add("ipv6-next-hop-ipv4", "announce route @6 next-hop 1.2.3.4", want="error",
        note="an IPv6 prefix has no IPv4 next hop on the wire (RFC 4760); ExaBGP sends four bytes")
    add("attributes-nlri", "announce attributes next-hop 1.2.3.4 med 5 nlri 10.242.0.0/24 10.242.1.0/24")
    add("attribute-nlri", "announce attribute next-hop 1.2.3.4 med 5 nlri 10.243.0.0/24")
    add("attributes-nlri-ipv6", "announce attributes next-hop 2001:db8::1 nlri 2001:db8:f000::/48 2001:db8:f001::/48")
    add("ipv4-unicast", "announce ipv4 unicast @4 next-hop 1.2.3.4 med 5")
    add("ipv6-unicast", "announce ipv6 unicast @6 next-hop 2001:db8::1")
    add("ipv4-multicast", "announce ipv4 multicast 224.1.0.0/16 next-hop 1.2.3.4")
    add("ipv6-multicast", "announce ipv6 multicast 2001:db8:a000::/48 next-hop 2001:db8::1")
    add("path-information", "announce route @4 next-hop 1.2.3.4 path-information 1.2.3.4", ("add-path", "ebgp"))
    add("path-information-number", "announce route @4 next-hop 1.2.3.4 path-information 7", ("add-path",))
    add("path-information-none", "announce route @4 next-hop 1.2.3.4", ("add-path",))
    add("path-information-ipv6", "announce route @6 next-hop 2001:db8::1 path-information 9", ("add-path",))
    add("withdraw", "withdraw route @4")
    add("withdraw-next-hop", "withdraw route @4 next-hop 1.2.3.4 med 5")
    add("withdraw-ipv6", "withdraw route @6")
    add("withdraw-split", "withdraw route 10.240.0.0/16 split /18")
    add("withdraw-attributes", "withdraw attributes next-hop 1.2.3.4 nlri 10.242.0.0/24 10.242.1.0/24")
    add("withdraw-path", "withdraw route @4 path-information 7", ("add-path",))
    add("withdraw-multicast", "withdraw ipv4 multicast 224.1.0.0/16 next-hop 1.2.3.4")
    add("eor", "announce eor ipv6 unicast")
    add("eor-flow", "announce eor ipv4 flow")
    add("refresh", "announce route-refresh ipv6 unicast")
    for name, text in BAD.items():
        add(name, text, EBGP, "announce-error")

    def labelled(name, text, contexts=BOTH, **more):
        add(name, text, contexts, "announce-label", **more)

    labelled("label", "announce route @4 next-hop 1.2.3.4 label 100")
    labelled("labels", "announce route @4 next-hop 1.2.3.4 label [ 100 200 ]")
    labelled("label-zero", "announce route @4 next-hop 1.2.3.4 label 0")
    labelled("label-ipv6", "announce route @6 next-hop 2001:db8::1 label 100")
    labelled("label-ipv6-hop", "announce route @4 next-hop 2001:db8::1 label 100", ("nexthop",))
    labelled("label-add-path", "announce route @4 next-hop 1.2.3.4 label 100 path-information 5", ("add-path",))
    labelled("nlri-mpls", "announce ipv4 nlri-mpls @4 next-hop 1.2.3.4 label 100")
    labelled("nlri-mpls-ipv6", "announce ipv6 nlri-mpls @6 next-hop 2001:db8::1 label 100")
    labelled("vpn", "announce route @4 rd 65000:1 label 100 next-hop 1.2.3.4")
    labelled("vpn-long-word", "announce route @4 route-distinguisher 65000:1 label 100 next-hop 1.2.3.4")
    labelled("vpn-rd-ip", "announce route @4 rd 10.0.0.9:7 label 100 next-hop 1.2.3.4")
    labelled("vpn-rd-as4", "announce route @4 rd 70000:5 label 100 next-hop 1.2.3.4")
    labelled("vpn-target", "announce route @4 rd 65000:1 label 100 next-hop 1.2.3.4 extended-community target:65000:1")
    labelled("vpn-ipv6", "announce route @6 rd 65000:1 label 100 next-hop 2001:db8::1")
    labelled("vpn-ipv6-hop", "announce route @4 rd 65000:1 label 100 next-hop 2001:db8::1", ("nexthop",))
    labelled("vpn-add-path", "announce route @4 rd 65000:1 label 100 next-hop 1.2.3.4 path-information 5", ("add-path",))
    labelled("vpn-attributes", "announce attributes rd 65000:1 label 100 next-hop 1.2.3.4 nlri 10.244.0.0/24 10.244.1.0/24")
    labelled("vpn-withdraw", "withdraw route @4 rd 65000:1 label 100 next-hop 1.2.3.4")
    labelled("label-withdraw", "withdraw route @4 label 100 next-hop 1.2.3.4")
    labelled("mpls-vpn", "announce ipv4 mpls-vpn @4 next-hop 1.2.3.4 label 100 rd 65000:1", want="hex", fix=as_vpn,
             note="the same as `announce route PREFIX rd RD label LABEL`; ExaBGP encodes it as unicast")
    return out


FLOW_MATCH = {
    "source": "source 10.0.0.0/24", "source-ipv4": "source-ipv4 10.0.0.0/24", "destination": "destination 10.0.0.0/24", "host": "destination 10.0.0.1/32",
    "host-bits": "destination 10.0.0.1/24", "protocol": "protocol tcp", "protocol-list": "protocol [ tcp udp ]", "protocol-number": "protocol =89",
    "protocol-not": "protocol !=tcp", "port": "port =80", "port-name": "port http", "port-hex": "port 0x50", "port-list": "port [ =80 =443 ]",
    "port-range": "port >=80&<=443", "port-ranges": "destination-port [ >80&<90 =443 ]", "source-port": "source-port >1024", "port-less": "port <1024",
    "port-not": "port !=22", "port-more-or-equal": "port >=1024", "port-less-or-equal": "port <=1024", "port-big": "port =65535",
    "icmp-type": "icmp-type echo-request", "icmp-type-number": "icmp-type 5", "icmp-types": "icmp-type [ unreachable echo-reply ]",
    "icmp-code": "icmp-code network-unreachable", "icmp-code-number": "icmp-code 3", "tcp-flags": "tcp-flags syn", "tcp-flags-exact": "tcp-flags =syn",
    "tcp-flags-not": "tcp-flags !syn", "tcp-flags-not-exact": "tcp-flags !=syn", "tcp-flags-joined": "tcp-flags syn+ack", "tcp-flags-and": "tcp-flags ack+cwr&!fin",
    "tcp-flags-list": "tcp-flags [ syn ack ]", "tcp-flags-number": "tcp-flags 0x12", "tcp-flags-urgent": "tcp-flags urgent", "tcp-flags-ns": "tcp-flags ns",
    "packet-length": "packet-length >=100&<=300", "packet-lengths": "packet-length [ =100 =200 ]", "dscp": "dscp 10", "dscp-list": "dscp [ =10 =20 ]",
    "fragment": "fragment is-fragment", "fragment-exact": "fragment =dont-fragment", "fragment-not": "fragment !is-fragment",
    "fragment-list": "fragment [ first-fragment last-fragment ]", "everything": "source 10.0.0.0/24 destination 10.0.1.0/24 protocol [ tcp udp ] "
    "port [ =80 =8080 ] destination-port >8080&<8088 source-port >1024 tcp-flags [ syn ack ] packet-length [ >200&<300 >400&<500 ] dscp 10 fragment is-fragment",
    "order": "port =80 protocol tcp destination 10.0.1.0/24",
}
FLOW_MATCH6 = {
    "source": "source 2001:db8::/32", "destination": "destination 2001:db8::/32", "destination-ipv6": "destination-ipv6 2001:db8::/32",
    "offset": "source 2001:db8:1:2::/64/32", "next-header": "next-header tcp", "next-headers": "next-header [ tcp udp ]", "traffic-class": "traffic-class 10",
    "flow-label": "flow-label 100", "flow-labels": "flow-label [ >100&<200 =300 ]", "fragment": "fragment is-fragment", "port": "destination-port =80",
}
FLOW_THEN = {
    "accept": "accept", "discard": "discard", "rate-limit": "rate-limit 9600", "rate-limit-bytes": "rate-limit 1000000 bytes", "rate-limit-packets": "rate-limit 1000 packets",
    "rate-limit-high": "rate-limit 2000000000000", "redirect": "redirect 65500:12345", "redirect-as4": "redirect 70000:5", "redirect-ip": "redirect 1.2.3.4", "copy": "copy 1.2.3.4",
    "redirect-ietf": "redirect-to-nexthop-ietf 1.2.3.4", "redirect-ietf-ipv6": "redirect-to-nexthop-ietf 2001:db8::1", "mark": "mark 10", "sample": "action sample",
    "terminal": "action terminal", "sample-terminal": "action sample-terminal", "community": "discard community [ 1:1 ]", "large-community": "discard large-community 1:2:3",
    "extended-community": "discard extended-community target:1:1", "two": "mark 10 rate-limit 9600",
}


def flows():
    out = []

    def add(name, text, contexts=EBGP, **more):
        out.append(Announcement("announce-flow", name, text, contexts, **more))

    for n, (name, text) in enumerate(FLOW_MATCH.items()):
        add(f"match-{name}", f"announce flow route {text} rate-limit {10000 + n}")
    for n, (name, text) in enumerate(FLOW_MATCH6.items()):
        add(f"match-ipv6-{name}", f"announce flow route destination 2001:db8:{n}::/48 {text} discard" if "destination" not in text and "source" not in text
            else f"announce flow route {text} rate-limit {20000 + n}")
    for n, (name, text) in enumerate(FLOW_THEN.items()):
        add(f"then-{name}", f"announce flow route destination 10.1.{n}.0/24 {text}", BOTH)
    add("braces", "announce flow route { match { source 10.2.0.0/24; destination-port =80; } then { discard; } }", BOTH)
    add("braces-name", "announce flow route name { match { source 10.2.1.0/24; } then { discard; } }")
    add("vpn", "announce flow route { rd 65000:1; match { source 10.2.2.0/24; } then { redirect 65000:5; } }", BOTH)
    add("vpn-ipv6", "announce flow route { rd 65000:1; match { source 2001:db8::/32; } then { discard; } }")
    add("next-hop", "announce flow route { next-hop 1.2.3.4; match { source 10.2.3.0/24; } then { redirect-to-nexthop; } }")
    add("interface-set", "announce flow route { match { source 10.2.4.0/24; } then { discard; } scope { interface-set transitive:input:1234:5678; } }")
    add("interface-set-list", "announce flow route { match { source 10.2.5.0/24; } then { discard; } "
        "scope { interface-set [ transitive:input:1:2 non-transitive:output:3:4 ]; } }")
    add("ipv4-flow", "announce ipv4 flow source 10.2.6.0/24 protocol tcp rate-limit 9600")
    add("ipv6-flow", "announce ipv6 flow destination 2001:db8::/32 next-header tcp discard")
    add("withdraw", "withdraw flow route destination 10.1.1.0/24 discard", BOTH)
    add("withdraw-braces", "withdraw flow route { match { source 10.2.0.0/24; destination-port =80; } then { discard; } }")
    add("no-match", "announce flow route { match { } then { discard; } }")
    for name, text in (("bad-port", "port =65536"), ("bad-prefix", "source 10.0.0.0"), ("bad-protocol", "protocol foo"), ("bad-dscp", "dscp 64"),
                       ("bad-flag", "tcp-flags foo"), ("bad-operator", "port [ =80& ]"), ("bad-label", "flow-label 1048576"), ("bad-keyword", "foo bar")):
        add(name, f"announce flow route {text} discard")
    for name, text in (("bad-mark", "mark 64"), ("bad-redirect", "redirect foo"), ("bad-action", "action foo"), ("bad-rate", "rate-limit foo")):
        add(name, f"announce flow route destination 10.3.0.0/24 {text}")
    return out


def others():
    out = []

    def add(file, name, text, contexts=BOTH, **more):
        out.append(Announcement(file, name, text, contexts, **more))

    vpls = "rd 1:1 endpoint 5 base 10702 offset 1 size 8 next-hop 1.2.3.4"
    add("announce-vpls", "plain", f"announce vpls {vpls}")
    add("announce-vpls", "attributes", "announce vpls rd 1:2 endpoint 5 base 10702 offset 1 size 8 next-hop 1.2.3.4 origin igp as-path [ 65000 ] "
        "local-preference 50 community [ 1:1 ] extended-community [ target:1:1 l2info:19:0:1500:111 ]")
    add("announce-vpls", "order", "announce vpls endpoint 5 rd 1:3 size 8 base 10702 offset 1 next-hop 1.2.3.4")
    add("announce-vpls", "withdraw", f"withdraw vpls {vpls}")
    add("announce-vpls", "no-rd", "announce vpls endpoint 5 base 10702 offset 1 size 8 next-hop 1.2.3.4")
    add("announce-vpls", "big", "announce vpls rd 1:4 endpoint 65536 base 1 offset 1 size 8 next-hop 1.2.3.4")
    for afi, hop, source, group, ad in (("ipv4", "10.10.6.3", "10.99.199.1", "239.251.255.228", "65000:99999"), ("ipv6", "2001:db8::1", "2001:db8::99", "ff0e::1", "65000:99999")):
        for word in ("announce", "withdraw"):
            add("announce-mcast-vpn", f"{afi}-source-ad-{word}", f"{word} {afi} mcast-vpn source-ad source {source} group {group} rd {ad} next-hop {hop}")
            add("announce-mcast-vpn", f"{afi}-shared-join-{word}", f"{word} {afi} mcast-vpn shared-join rp {source} group {group} rd {ad} source-as 65000 next-hop {hop}")
            add("announce-mcast-vpn", f"{afi}-source-join-{word}", f"{word} {afi} mcast-vpn source-join source {source} group {group} rd {ad} source-as 65000 "
                f"next-hop {hop} extended-community target:1:1")
    add("announce-mcast-vpn", "bad-order", "announce ipv4 mcast-vpn source-ad group 239.251.255.228 source 10.99.199.1 rd 1:1 next-hop 1.2.3.4", EBGP)
    add("announce-mcast-vpn", "bad-kind", "announce ipv4 mcast-vpn foo source 10.99.199.1 group 239.251.255.228 rd 1:1 next-hop 1.2.3.4", EBGP)
    srv6 = "bgp-prefix-sid-srv6 ( l3-service 2001:db8:1:1:: 0x48 [64,24,16,0,0,0] )"
    for word in ("announce", "withdraw"):
        add("announce-mup", f"isd-{word}", f"{word} ipv4 mup mup-isd 10.0.1.0/24 rd 100:100 next-hop 2001::2 extended-community [ target:10:10 ] {srv6}", EBGP)
        add("announce-mup", f"dsd-{word}", f"{word} ipv4 mup mup-dsd 10.0.0.1 rd 100:100 next-hop 2001::2 extended-community [ target:10:10 mup:10:10 ] {srv6}", EBGP)
        add("announce-mup", f"t1st-{word}", f"{word} ipv4 mup mup-t1st 192.168.0.2/32 rd 100:100 teid 12345 qfi 9 endpoint 10.0.0.1 next-hop 10.0.0.2 "
            "extended-community [ target:10:10 ]", EBGP)
        add("announce-mup", f"t1st-source-{word}", f"{word} ipv4 mup mup-t1st 192.168.0.3/32 rd 100:100 teid 12345 qfi 9 endpoint 10.0.0.1 source 10.0.0.9 "
            "next-hop 10.0.0.2", EBGP)
        add("announce-mup", f"t2st-{word}", f"{word} ipv4 mup mup-t2st 10.0.0.1 rd 100:100 teid 12345/32 next-hop 10.0.0.2 extended-community [ target:10:10 mup:10:10 ]", EBGP)
    for bits in (0, 8, 16, 24):
        add("announce-mup", f"t2st-teid-{bits}", f"announce ipv4 mup mup-t2st 10.0.0.{bits + 2} rd 100:100 teid {(1 << bits) // 2}/{bits} next-hop 10.0.0.2", EBGP)
    add("announce-mup", "isd-ipv6", f"announce ipv6 mup mup-isd 2001:db8:1:1::/64 rd 100:100 next-hop 2001::2 extended-community [ target:10:10 ] {srv6}", EBGP)
    add("announce-mup", "dsd-ipv6", f"announce ipv6 mup mup-dsd 2001::1 rd 100:100 next-hop 2001::2 extended-community [ target:10:10 mup:10:10 ] {srv6}", EBGP)
    add("announce-mup", "t1st-ipv6", "announce ipv6 mup mup-t1st 2001:db8:1:1::2/128 rd 100:100 teid 12345 qfi 9 endpoint 2001::1 next-hop 10.0.0.2 "
        "extended-community [ target:10:10 ]", EBGP)
    add("announce-mup", "t2st-ipv6", "announce ipv6 mup mup-t2st 2001::1 rd 100:100 teid 12345/32 next-hop 10.0.0.2", EBGP)
    add("announce-mup", "teid-too-long", "announce ipv4 mup mup-t2st 10.0.0.99 rd 100:100 teid 12345/8 next-hop 10.0.0.2", EBGP)
    return out


# Sections of a neighbor, each loaded by a neighbor of its own.
CONFIGURATIONS = {
    "static-route": "static { route 10.0.0.0/8 next-hop 1.2.3.4 med 5 community [ 1:1 no-export ]; }",
    "static-block": "static { route 10.0.0.0/8 { next-hop 1.2.3.4; med 5; community [ 1:1 ]; } }",
    "static-two": "static { route 10.0.0.0/24 next-hop 1.2.3.4; route 10.0.1.0/24 next-hop 1.2.3.4; }",
    "static-sections": "static { route 10.0.0.0/24 next-hop 1.2.3.4; } static { route 10.0.1.0/24 next-hop 1.2.3.4; }",
    "static-ipv6": "static { route 2001:db8:1::/48 next-hop ::1; }",
    "static-self": "static { route 10.0.0.0/24 next-hop self; }",
    "static-split": "static { route 10.0.0.0/22 next-hop 1.2.3.4 split /24; }",
    "static-watchdog": "static { route 10.0.0.0/24 next-hop 1.2.3.4 watchdog dog; }",
    "static-watchdog-withdraw": "static { route 10.0.0.0/24 next-hop 1.2.3.4 watchdog dog withdraw; route 10.0.1.0/24 next-hop 1.2.3.4; }",
    "static-attributes-split": "static { attributes next-hop 1.2.3.4 med 5 split /25 nlri 10.0.0.0/24; }",
    "static-label": "static { route 10.0.0.0/8 label 100 next-hop 1.2.3.4; }",
    "static-vpn": "static { route 10.0.0.0/8 rd 65000:1 label 100 next-hop 1.2.3.4; }",
    "static-vpn-block": "static { route 10.0.0.0/8 { rd 65000:1; label 100; next-hop 1.2.3.4; } }",
    "static-prefix-sid": "static { route 1.2.3.0/24 next-hop 1.2.3.4 label [ 800002 ] bgp-prefix-sid [ 300, [ ( 800000,4096 ), ( 1000000,5000 ) ] ]; }",
    "static-quoted": "static { route 10.0.0.0/24 next-hop '1.2.3.4' name \"a name\"; }",
    "announce-ipv4-unicast": "announce { ipv4 { unicast 10.0.0.0/24 next-hop 1.2.3.4 med 5; } }",
    "announce-ipv6-unicast": "announce { ipv6 { unicast 2001:db8::/48 next-hop ::1; } }",
    "announce-multicast": "announce { ipv4 { multicast 224.0.0.0/8 next-hop 1.2.3.4; } ipv6 { multicast 2001:db8::/48 next-hop ::1; } }",
    "announce-nlri-mpls": "announce { ipv4 { nlri-mpls 10.0.0.0/24 next-hop 1.2.3.4 label 5; } ipv6 { nlri-mpls 2001:db8::/48 next-hop ::1 label 5; } }",
    "announce-mcast-vpn": "announce { ipv4 { mcast-vpn source-ad source 10.99.199.1 group 239.251.255.228 rd 65000:99999 next-hop 10.10.6.3; } }",
    "announce-mup": "announce { ipv4 { mup mup-t1st 192.168.0.2/32 rd 100:100 teid 12345 qfi 9 endpoint 10.0.0.1 source 10.0.0.9 next-hop 10.0.0.2 "
                    "extended-community [ target:10:10 ]; } }",
    "announce-flow": "announce { ipv4 { flow source 10.0.0.0/24 protocol tcp rate-limit 9600; } ipv6 { flow destination 2001:db8::/32 next-header tcp discard; } }",
    "announce-vpls": "announce { l2vpn { vpls endpoint 5 base 10 offset 1 size 8 rd 1:1 next-hop 1.2.3.4; } }",
    "flow-block": "flow { route a { match { destination 10.0.0.0/24; destination-port [ =80 >8080&<8088 ]; } then { redirect 65500:12345; } } }",
    "flow-vpn": "flow { route a { rd 1:1; match { destination 10.0.0.0/24; } then { discard; } } }",
    "flow-one-line": "flow { route destination 10.0.0.0/24 protocol tcp discard; }",
    "flow-scope": "flow { route { match { source 10.0.0.0/24; } then { discard; } scope { interface-set transitive:input:1234:5678; } } }",
    "flow-two": "flow { route { match { source 10.0.0.0/24; } then { discard; } } route { match { source 10.0.1.0/24; } then { accept; } } }",
    "l2vpn-block": "l2vpn { vpls s5 { endpoint 5; base 10; offset 1; size 8; rd 1:1; next-hop 1.2.3.4; } }",
    "l2vpn-one-line": "l2vpn { vpls rd 1:1 endpoint 5 base 10 offset 1 size 8 next-hop 1.2.3.4; }",
    "no-routes": "",
    "inherited": "inherit routes;",
}


def announcements():
    return attributes() + routes() + flows() + others()
