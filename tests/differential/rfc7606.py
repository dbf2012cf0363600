"""What RFC 7606 (and the documents of each attribute) ask for, where ExaBGP does something else: a third opinion on wrong UPDATEs.

It reads a message as bytes and knows nothing of either program. It does not judge everything: only what it is sure of.
"""
import math
import re
import struct

import wire
from differences import announced_once

KEEP, DISCARD, WITHDRAW, RESET = "keep", "discard", "withdraw", "reset"
ORDER = [KEEP, DISCARD, WITHDRAW, RESET]
# Flags that each attribute must have (Optional and Transitive).
FLAGS = {1: 0x40, 2: 0x40, 3: 0x40, 4: 0x80, 5: 0x40, 6: 0x40, 7: 0xC0, 8: 0xC0, 9: 0x80, 10: 0x80, 14: 0x80, 15: 0x80, 16: 0xC0, 17: 0xC0, 18: 0xC0, 22: 0xC0,
         25: 0xC0, 26: 0x80, 29: 0x80, 32: 0xC0, 35: 0xC0, 40: 0xC0}
# Attributes whose errors cost the attribute and not the routes.
DROPPED = (6, 7, 17, 18, 26, 29)


def segments(value, width):
    """Whether a path is well-formed (RFC 7606 section 7.2): no segment is empty."""
    at = 0
    while at < len(value):
        if len(value) - at < 2 or value[at] not in (1, 2, 3, 4) or value[at + 1] == 0:
            return False
        at += 2 + value[at + 1] * width
    return at == len(value)


def numbers(value, width):
    """(kind of segment, AS number) of a well-formed path."""
    at = 0
    while at < len(value):
        for index in range(value[at + 1]):
            start = at + 2 + index * width
            yield value[at], int.from_bytes(value[start:start + width], "big")
        at += 2 + value[at + 1] * width


def path_error(value, width, external):
    """AS 0 (RFC 7607 section 2), and segments of a confederation from outside of it (RFC 5065 section 5)."""
    return any(number == 0 or external and kind in (3, 4) for kind, number in numbers(value, width))


def tunnels(value):
    """Whether TLVs fill the value and sub-TLVs each of them (RFC 9012 section 13)."""
    at = 0
    while at < len(value):
        size = int.from_bytes(value[at + 2:at + 4], "big")
        if len(value) - at < 4 + size:
            return False
        inner, sub = value[at + 4:at + 4 + size], 0
        while sub < len(inner):
            head = 2 if inner[sub] < 128 else 3
            if len(inner) - sub < head:
                return False
            sub += head + int.from_bytes(inner[sub + 1:sub + head], "big")
        if sub != len(inner):
            return False
        at += 4 + size
    return True


def tlvs(value, head):
    """Whether TLVs fill the value."""
    at = 0
    while at < len(value):
        if len(value) - at < head:
            return False
        size = int.from_bytes(value[at + head - 2:at + head], "big")
        at += head + size
    return at == len(value)


def prefix_sid(value):
    """The severity of the gravest error: RFC 9252 section 7 in an SRv6 service with its sub-TLVs, RFC 8669 section 6 elsewhere."""
    def walk(value, inner):
        at = 0
        while at < len(value):
            if len(value) - at < 3:
                return False
            kind, size = value[at], int.from_bytes(value[at + 1:at + 3], "big")
            part = value[at + 3:at + 3 + size]
            if len(part) < size or not inner(kind, part):
                return False
            at += 3 + size
        return True

    def service(kind, part):
        return kind != 1 or len(part) >= 21 and walk(part[21:], lambda kind, part: kind != 1 or len(part) == 6)

    def outer(kind, part):
        if kind in (5, 6):
            return len(part) >= 1 and walk(part[1:], service)
        return kind not in (1, 3) or (len(part) == 7 if kind == 1 else len(part) >= 2 and (len(part) - 2) % 6 == 0)
    at, found = 0, None if value else DISCARD
    while at < len(value):
        kind, size = value[at], int.from_bytes(value[at + 1:at + 3], "big")
        part = value[at + 3:at + 3 + size]
        if at + 3 > len(value) or len(part) < size or not outer(kind, part):
            found = WITHDRAW if kind in (5, 6) else found or DISCARD
        at += 3 + size
    return found


def pmsi(value):
    """RFC 6514 section 5: the identifier of a PIM tree is two addresses, of ingress replication one."""
    return len(value) >= 5 and len(value) - 5 in {3: (8, 32), 4: (8, 32), 5: (8, 32), 6: (4, 16)}.get(value[1], range(65536))


def endless_rate(value):
    """Whether one of the extended communities is a traffic rate that is no number."""
    return any(value[at] == 0x80 and value[at + 1] in (6, 12) and not math.isfinite(struct.unpack_from("!f", value, at + 4)[0]) for at in range(0, len(value), 8))


def aigp(value):
    """RFC 7311 section 3.2: each TLV at least its header, one of type 1, of 11 octets."""
    at, found = 0, False
    while at < len(value):
        if len(value) - at < 3:
            return False
        size = int.from_bytes(value[at + 1:at + 3], "big")
        if size < 3 or at + size > len(value) or value[at] == 1 and size != 11:
            return False
        found |= value[at] == 1
        at += size
    return found


def value_error(code, value, session):
    """The severity of a wrong value, or None for a right or unknown one."""
    width = 4 if session.asn4 else 2
    ibgp = session.peer_as == 65000
    wrong = {
        1: lambda: len(value) != 1 or value[0] > 2, 2: lambda: not segments(value, width), 3: lambda: len(value) != 4, 4: lambda: len(value) != 4,
        5: lambda: len(value) != 4, 6: lambda: len(value) != 0, 7: lambda: len(value) != width + 4, 8: lambda: not value or len(value) % 4,
        9: lambda: len(value) != 4, 10: lambda: not value or len(value) % 4, 16: lambda: not value or len(value) % 8 or endless_rate(value), 25: lambda: not value or len(value) % 20,
        32: lambda: not value or len(value) % 12, 17: lambda: not segments(value, 4) or not value, 18: lambda: len(value) != 8, 22: lambda: not pmsi(value),
        26: lambda: not value or not aigp(value), 29: lambda: not tlvs(value, 4), 40: lambda: prefix_sid(value) is not None,
        23: lambda: bool(value) and not tunnels(value), 35: lambda: len(value) != 4,
    }.get(code)
    if wrong is None:
        return None
    if not wrong():
        if code == 2 and path_error(value, width, not ibgp) or code == 17 and path_error(value, 4, False):
            return WITHDRAW
        zero = code == 7 and not any(value[:width]) or code == 18 and not any(value[:4])
        return DISCARD if zero else None
    if code in (5, 9, 10):
        return WITHDRAW if ibgp else DISCARD
    if code == 40:
        return prefix_sid(value)
    return DISCARD if code in DROPPED else WITHDRAW


def judge(raw, session):
    """(severity, reason) of the gravest thing that is wrong for sure; (KEEP, None) when there is nothing."""
    found = [(KEEP, None)]
    body = raw[19:]
    try:
        wlen = struct.unpack_from("!H", body)[0]
        alen = struct.unpack_from("!H", body, 2 + wlen)[0]
    except struct.error:
        return RESET, "fields"
    if 4 + wlen + alen > len(body):
        return RESET, "fields"
    section, nlri = body[4 + wlen:4 + wlen + alen], body[4 + wlen + alen:]
    # RFC 7311 section 3.1: on by default within an AS
    hears_aigp = session.aigp or session.peer_as == 65000
    at, seen, reach = 0, set(), None
    while at < len(section):
        try:
            (flags, code, value), size = one(section, at)
        except IndexError:
            # Section 3(j): what is cut may be routes
            found.append((RESET if section[at + 1:at + 2] in (b"\x0e", b"\x0f") else WITHDRAW, "framing"))
            break
        at += size
        if code in seen:
            if code in (14, 15):
                return RESET, "duplicate-mp"
            # the first counts (section 3 g); ExaBGP takes the second if it could not read the first
            found.append((KEEP, "duplicate"))
            continue
        seen.add(code)
        if code == 14:
            reach = value
        if code in (5, 9, 10) and session.peer_as != 65000:
            # sections 7.5, 7.9 and 7.10: discarded from an external neighbor, whatever the value
            found.append((DISCARD, "internal-only"))
            continue
        if not flags & 0x80 and code not in FLAGS and code != 23:
            # RFC 4271 6.3: an unrecognized well-known attribute
            return RESET, "well-known"
        if code in FLAGS and flags & 0xC0 != FLAGS[code]:
            # Section 3(c); only RFC 7311 section 3.2 has an answer of its own. What this session drops anyway is dropped.
            dropped = code == 26 and (flags & 0x40 or not hears_aigp) or code in (17, 18) and session.asn4
            found.append((RESET if code in (14, 15) else DISCARD if dropped else WITHDRAW, "flags"))
        elif code == 23 and value and flags & 0xC0 == 0x40:
            # RFC 9012 section 13 has its own answer to a missing Transitive bit only
            found.append((WITHDRAW, "flags"))
        elif code == 14 and len(value) < 5 or code == 15 and len(value) < 3:
            found.append((RESET, "mp-length"))
        else:
            severity = value_error(code, value, session)
            if not value:
                # what is told of an attribute without a value is free
                found.append((KEEP, "empty"))
            if code <= 6 and flags & 0x60 == 0x60 and not flags & 0x80:
                # only Optional and Transitive can be in conflict (section 3 c); ExaBGP takes Partial for one
                found.append((KEEP, "partial-bit"))
            if severity and (code == 26 and not hears_aigp or code in (17, 18) and session.asn4):
                found.append((KEEP, f"attribute-{code}-not-for-this-session"))
            elif severity:
                found.append((severity, f"attribute-{code}"))
    if nlri or reach is not None:
        for code in (1, 2, 3) if nlri else (1, 2):
            if code not in seen:
                found.append((WITHDRAW, "mandatory"))
    severity, reason = max(found, key=lambda each: (ORDER.index(each[0]), each[1] or ""))
    if severity == WITHDRAW and not nlri and reach is not None and (int.from_bytes(reach[:2], "big"), reach[2]) not in wire.FAMILIES:
        # routes of a family that was not negotiated are ignored: none is left to withdraw
        return KEEP, "not-negotiated"
    if severity == WITHDRAW and not nlri and reach is None:
        return RESET, "nothing-to-withdraw"
    return severity, reason


def one(section, at):
    """(flags, code, value) and size of the attribute at that place; IndexError when it runs past the end."""
    flags, code = section[at], section[at + 1]
    head = 4 if flags & wire.EXTENDED else 3
    size = section[at + 2] << 8 | section[at + 3] if head == 4 else section[at + 2]
    if at + head + size > len(section):
        raise IndexError
    return (flags, code, section[at + head:at + head + size]), head + size


# --- what a program made of it -------------------------------------------------------------------------------------

def fate(result):
    """KEEP, WITHDRAW or RESET, from the events of a message and the end of its session."""
    told, ended = result
    if ended is not None:
        return RESET
    return WITHDRAW if any('"error": "treat-as-withdraw' in line for lines in told.values() for line in lines) else KEEP


def expected(severity):
    """The fate that a severity leads to: a discarded attribute leaves the routes."""
    return KEEP if severity == DISCARD else severity


def satisfies(seen, severity):
    """Whether that fate is at least what is asked for: an error that the judge does not know may ask for more."""
    return ORDER.index(seen) >= ORDER.index(expected(severity))


def routes(lines):
    """The parts of events that tell routes, without the attributes; a route once, where it is told twice in a row."""
    out = []
    for line in lines:
        if line.startswith('"type"'):
            found = re.search(r'("announce"|"withdraw"): \{ .*', line)
            told = announced_once(found.group(0)) if found else line[:line.find('"update"')]
            out.append(re.sub(r"(\{ [^{}]*\})(, \1)+", r"\1", told))
        elif line not in out:
            out.append(re.split(" (?:origin|as-path|next-hop|attribute) ", line)[0])
    return out
