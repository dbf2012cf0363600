"""BGP messages as bytes: a small encoder, and a splitter into single-NLRI UPDATEs.

It shares nothing with oxabgp or ExaBGP, so that an error in one of them is not repeated here.
"""
import ipaddress
import struct

MARKER = b"\xff" * 16
OPEN, UPDATE, NOTIFICATION, KEEPALIVE, REFRESH = 1, 2, 3, 4, 5

OPTIONAL, TRANSITIVE, PARTIAL, EXTENDED = 0x80, 0x40, 0x20, 0x10
WELL_KNOWN, OPT, OPT_TRANS = TRANSITIVE, OPTIONAL, OPTIONAL | TRANSITIVE

AFIS = {"ipv4": 1, "ipv6": 2, "l2vpn": 25, "bgp-ls": 16388}
SAFIS = {
    "unicast": 1, "multicast": 2, "nlri-mpls": 4, "mcast-vpn": 5, "vpls": 65, "evpn": 70, "bgp-ls": 71,
    "bgp-ls-vpn": 72, "mup": 85, "mpls-vpn": 128, "rtc": 132, "flow": 133, "flow-vpn": 134,
}
# Every family that ExaBGP 5.0 negotiates without a family block, in its order.
FAMILIES = [
    (1, 1), (1, 2), (1, 4), (1, 5), (1, 85), (1, 128), (1, 132), (1, 133), (1, 134),
    (2, 1), (2, 2), (2, 4), (2, 5), (2, 85), (2, 128), (2, 133), (2, 134),
    (25, 65), (25, 70), (16388, 71), (16388, 72),
]
ADD_PATH_FAMILIES = [(1, 1), (1, 4), (1, 128), (2, 1), (2, 4), (2, 128)]


def family(name):
    """`ipv4-unicast` as (afi, safi)."""
    for afi, number in AFIS.items():
        if name.startswith(afi + "-") and name[len(afi) + 1:] in SAFIS:
            return number, SAFIS[name[len(afi) + 1:]]
    raise ValueError(f"unknown family {name}")


def message(kind, body=b""):
    return MARKER + struct.pack("!HB", 19 + len(body), kind) + body


def keepalive():
    return message(KEEPALIVE)


def notification(code, subcode, data=b""):
    return message(NOTIFICATION, bytes([code, subcode]) + data)


def refresh(afi, safi, subtype=0):
    return message(REFRESH, struct.pack("!HBB", afi, subtype, safi))


def ip(text):
    return ipaddress.ip_address(text).packed


def prefix(text, path_id=None):
    """One unicast NLRI; host bits are kept as written."""
    address, _, length = text.partition("/")
    raw = ip(address)
    length = int(length) if length else len(raw) * 8
    head = b"" if path_id is None else struct.pack("!I", path_id)
    return head + bytes([length]) + raw[:(length + 7) // 8]


def prefixes(*texts, path_id=None):
    return b"".join(prefix(t, path_id) for t in texts)


def attribute(flags, code, value, extended=None):
    if extended is None:
        extended = len(value) > 255
    if extended:
        return struct.pack("!BBH", flags | EXTENDED, code, len(value)) + value
    return struct.pack("!BBB", flags, code, len(value)) + value


def origin(value=0):
    return attribute(WELL_KNOWN, 1, bytes([value]))


def segment(kind, asns, width=4):
    return bytes([kind, len(asns)]) + b"".join(a.to_bytes(width, "big") for a in asns)


def as_path(*segments, width=4):
    """Each segment is (type, [asn, ...]); 1 set, 2 sequence, 3 confed sequence, 4 confed set."""
    return attribute(WELL_KNOWN, 2, b"".join(segment(k, a, width) for k, a in segments))


def next_hop(text):
    return attribute(WELL_KNOWN, 3, ip(text))


def u32(value):
    return struct.pack("!I", value)


def med(value):
    return attribute(OPT, 4, u32(value))


def local_pref(value):
    return attribute(WELL_KNOWN, 5, u32(value))


def communities(*pairs):
    return attribute(OPT_TRANS, 8, b"".join(struct.pack("!HH", *p) for p in pairs))


def extended_communities(*values):
    return attribute(OPT_TRANS, 16, b"".join(bytes.fromhex(v) if isinstance(v, str) else v for v in values))


def large_communities(*triples):
    return attribute(OPT_TRANS, 32, b"".join(struct.pack("!III", *t) for t in triples))


def mp_reach(afi, safi, nexthop, nlri, reserved=0, flags=OPT):
    return attribute(flags, 14, struct.pack("!HBB", afi, safi, len(nexthop)) + nexthop + bytes([reserved]) + nlri)


def mp_unreach(afi, safi, nlri, flags=OPT):
    return attribute(flags, 15, struct.pack("!HB", afi, safi) + nlri)


def rd(kind, first, second):
    """A route distinguisher: type 0 (as2, u32), 1 (address, u16) or 2 (as4, u16)."""
    if kind == 0:
        return struct.pack("!HHI", 0, first, second)
    head = ip(first) if kind == 1 else u32(first)
    return struct.pack("!H", kind) + head + struct.pack("!H", second)


def labels(*values, bottom=True):
    out = b""
    for i, value in enumerate(values):
        out += ((value << 4) | (1 if bottom and i == len(values) - 1 else 0)).to_bytes(3, "big")
    return out


def labelled(text, stack, distinguisher=b"", path_id=None):
    """A labelled (RFC 8277) or, with a distinguisher, a VPN (RFC 4364) NLRI."""
    plain = prefix(text)
    head = b"" if path_id is None else struct.pack("!I", path_id)
    return head + bytes([(len(stack) + len(distinguisher)) * 8 + plain[0]]) + stack + distinguisher + plain[1:]


def update(attributes=b"", nlri=b"", withdrawn=b""):
    if isinstance(attributes, (list, tuple)):
        attributes = b"".join(attributes)
    return message(UPDATE, struct.pack("!H", len(withdrawn)) + withdrawn + struct.pack("!H", len(attributes)) + attributes + nlri)


def capability(code, value=b""):
    return bytes([code, len(value)]) + value


def multiprotocol(afi, safi):
    return capability(1, struct.pack("!HBB", afi, 0, safi))


def open_message(asn, router_id, capabilities, hold=180, version=4, one_parameter=False):
    """An OPEN with one optional parameter for each capability (or one for all of them)."""
    if one_parameter:
        raw = b"".join(capabilities)
        parameters = bytes([2, len(raw)]) + raw
    else:
        parameters = b"".join(bytes([2, len(c)]) + c for c in capabilities)
    if len(parameters) > 254:
        parameters = b"".join(struct.pack("!BH", 2, len(c)) + c for c in capabilities)
        parameters = struct.pack("!BBH", 255, 255, len(parameters)) + parameters
    else:
        parameters = bytes([len(parameters)]) + parameters
    field = asn if asn < 65536 else 23456
    return message(OPEN, struct.pack("!BHH", version, field, hold) + ip(router_id) + parameters)


# --- reading -------------------------------------------------------------------------------------------------------

def split_attributes(raw):
    """The attributes of an UPDATE as (flags, code, value)."""
    at, out = 0, []
    while at < len(raw):
        flags, code = raw[at], raw[at + 1]
        if flags & EXTENDED:
            size, head = struct.unpack_from("!H", raw, at + 2)[0], 4
        else:
            size, head = raw[at + 2], 3
        out.append((flags, code, raw[at + head:at + head + size]))
        at += head + size
    return out


def split_nlri(afi, safi, raw, path_ids):
    """The NLRI of one family one by one."""
    out, at = [], 0
    skip = 4 if (afi, safi) in path_ids else 0
    while at < len(raw):
        i = at + skip
        if safi in (133, 134):
            size = 1 + raw[i] if raw[i] < 240 else 2 + ((raw[i] & 15) << 8 | raw[i + 1])
        elif safi == 65:
            size = 2 + struct.unpack_from("!H", raw, i)[0]
        elif safi in (70, 5):
            size = 2 + raw[i + 1]
        elif safi == 85:
            size = 4 + raw[i + 3]
        elif afi == 16388:
            size = 4 + struct.unpack_from("!H", raw, i + 2)[0]
        else:
            size = 1 + (raw[i] + 7) // 8
        out.append(raw[at:i + size])
        at = i + size
    return out


def singles(raw, path_ids=()):
    """The UPDATEs with one NLRI each that say what `raw` says, as canonical text lines.

    One line is `announce|withdraw|eor|bare AFI SAFI NEXTHOP NLRI | ATTR ATTR ...`. The attributes stand in wire
    order, with the extended-length bit removed where the value is short (packing and length form are free).
    """
    body = raw[19:]
    wlen = struct.unpack_from("!H", body)[0]
    withdrawn = body[2:2 + wlen]
    alen = struct.unpack_from("!H", body, 2 + wlen)[0]
    attributes = split_attributes(body[4 + wlen:4 + wlen + alen])
    nlri = body[4 + wlen + alen:]
    if not wlen and not alen and not nlri:
        return ["eor 1 1"]
    shown, reach, unreach, where = [], None, None, []
    for flags, code, value in attributes:
        if code == 14:
            reach = (flags, value)
            where.append("14")
        elif code == 15:
            unreach = (flags, value)
            where.append("15")
        else:
            shown.append(f"{flags & ~EXTENDED:02X}.{code}.{value.hex().upper()}")
            where.append(str(code))
    rest = " ".join(shown) + (" order " + ",".join(where))
    out = []
    for one in split_nlri(1, 1, withdrawn, path_ids):
        out.append(f"withdraw 1 1 - {one.hex().upper()} | {rest if not nlri else ''}")
    for one in split_nlri(1, 1, nlri, path_ids):
        out.append(f"announce 1 1 - {one.hex().upper()} | {rest}")
    if unreach:
        flags, value = unreach
        afi, safi = struct.unpack_from("!HB", value)
        if len(value) == 3:
            out.append(f"eor {afi} {safi}" if len(attributes) == 1 else f"eor {afi} {safi} | {rest}")
        for one in split_nlri(afi, safi, value[3:], path_ids):
            out.append(f"withdraw {afi} {safi} - {one.hex().upper()} | {flags & ~EXTENDED:02X} {rest}")
    if reach:
        flags, value = reach
        afi, safi, size = struct.unpack_from("!HBB", value)
        hop = value[4:4 + size].hex().upper() or "-"
        found = split_nlri(afi, safi, value[5 + size:], path_ids)
        for one in found:
            out.append(f"announce {afi} {safi} {hop} {one.hex().upper()} | {flags & ~EXTENDED:02X} {rest}")
        if not found:
            out.append(f"announce {afi} {safi} {hop} - | {flags & ~EXTENDED:02X} {rest}")
    if not out:
        out.append(f"bare | {rest}")
    return out
