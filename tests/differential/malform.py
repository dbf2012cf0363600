"""Right UPDATEs made wrong, the way that RFC 7606 sorts errors: attributes, their framing, the fields, the NLRI."""
import struct

import wire

# (flags a peer may set wrongly; lengths that do not fit)
FLAGS = (0x00, 0x40, 0x80, 0xC0, 0xE0, 0x60, 0xA0, 0x20)


def split(raw):
    """The withdrawn routes, attributes (flags, code, value) and NLRI of an UPDATE."""
    body = raw[19:]
    wlen = struct.unpack_from("!H", body)[0]
    alen = struct.unpack_from("!H", body, 2 + wlen)[0]
    return body[2:2 + wlen], wire.split_attributes(body[4 + wlen:4 + wlen + alen]), body[4 + wlen + alen:]


def join(withdrawn, attributes, nlri):
    raw = b"".join(one if isinstance(one, bytes) else wire.attribute(one[0] & ~wire.EXTENDED, one[1], one[2], bool(one[0] & wire.EXTENDED) or len(one[2]) > 255)
                   for one in attributes)
    return wire.update(raw, nlri, withdrawn)


def flags(g, withdrawn, attributes, nlri):
    at = g.random.randrange(len(attributes))
    _, code, value = attributes[at]
    attributes[at] = (g.pick(*FLAGS), code, value)
    return join(withdrawn, attributes, nlri)


def value_length(g, withdrawn, attributes, nlri):
    """A value cut short, emptied, or with more behind it."""
    at = g.random.randrange(len(attributes))
    flag, code, value = attributes[at]
    attributes[at] = (flag, code, g.pick(b"", value[:-1], value[:g.random.randint(0, len(value))], value + g.bytes(1), value + g.bytes(4)))
    return join(withdrawn, attributes, nlri)


def value_bytes(g, withdrawn, attributes, nlri):
    at = g.random.randrange(len(attributes))
    flag, code, value = attributes[at]
    value = bytearray(value)
    for _ in range(g.random.randint(1, 2)):
        if value:
            value[g.random.randrange(len(value))] = g.pick(0, 1, 0x7F, 0x80, 0xFF, g.bits(8))
    attributes[at] = (flag, code, bytes(value))
    return join(withdrawn, attributes, nlri)


def declared_length(g, withdrawn, attributes, nlri):
    """The length in an attribute's header says something else than what follows."""
    at = g.random.randrange(len(attributes))
    flag, code, value = attributes[at]
    length = g.pick(0, len(value) - 1, len(value) + 1, len(value) + 9, 255)
    if flag & wire.EXTENDED:
        attributes[at] = struct.pack("!BBH", flag, code, max(0, length)) + value
    else:
        attributes[at] = struct.pack("!BBB", flag, code, max(0, min(length, 255))) + value
    return join(withdrawn, attributes, nlri)


def missing(g, withdrawn, attributes, nlri):
    del attributes[g.random.randrange(len(attributes))]
    return join(withdrawn, attributes, nlri)


def doubled(g, withdrawn, attributes, nlri):
    flag, code, value = g.pick(*attributes)
    attributes.insert(g.random.randint(0, len(attributes)), (flag, code, g.pick(value, value[::-1])))
    return join(withdrawn, attributes, nlri)


def cut(g, withdrawn, attributes, nlri):
    """The attributes end in the middle of one."""
    raw = join(b"", attributes, b"")[23:]
    return wire.update(raw[:g.random.randint(0, len(raw))], nlri, withdrawn)


def fields(g, withdrawn, attributes, nlri):
    """The two lengths of the body are wrong."""
    raw = bytearray(join(withdrawn, attributes, nlri))
    at = g.pick(19, 21 + len(withdrawn))
    struct.pack_into("!H", raw, at, g.pick(0, 1, 4, 0xFFFF, (struct.unpack_from("!H", raw, at)[0] + g.pick(1, 2, 0xFFFF)) & 0xFFFF))
    return bytes(raw)


def routes(g, withdrawn, attributes, nlri):
    """The NLRI, wherever it is: cut, a byte changed, more behind it."""
    where = [i for i, one in enumerate(attributes) if one[1] in (14, 15)]

    def wrong(value, head=0):
        value = bytearray(value)
        kind = g.random.randint(0, 3)
        if kind == 0:
            return bytes(value[:g.random.randint(head, len(value))] if len(value) > head else value)
        if kind == 1:
            return bytes(value) + g.bytes(g.random.randint(1, 4))
        if len(value) > head:
            value[g.random.randrange(head, len(value))] = g.pick(0, 1, 33, 129, 0xFF, g.bits(8))
        return bytes(value)
    if where and (g.random.random() < 0.8 or not nlri):
        at = g.pick(*where)
        flag, code, value = attributes[at]
        head = 0 if g.random.random() < 0.3 else min(len(value), 3 if code == 15 else 5 + (value[3] if len(value) > 3 else 0))
        attributes[at] = (flag, code, wrong(value, head))
    elif nlri:
        nlri = wrong(nlri)
    else:
        withdrawn = wrong(withdrawn)
    return join(withdrawn, attributes, nlri)


def noise(g, withdrawn, attributes, nlri):
    """Any byte of the body."""
    raw = bytearray(join(withdrawn, attributes, nlri))
    if len(raw) > 19:
        raw[g.random.randrange(19, len(raw))] = g.bits(8)
    return bytes(raw)


def nothing_reachable(g, withdrawn, attributes, nlri):
    """Attributes without routes."""
    attributes = [one for one in attributes if one[1] != 14]
    return join(withdrawn, attributes, b"")


KINDS = [flags, value_length, value_length, value_bytes, value_bytes, declared_length, missing, doubled, cut, fields, routes, routes, routes, noise, nothing_reachable]


def malformed(generator, raw):
    """The message with one thing wrong (now and then two)."""
    for _ in range(generator.pick(1, 1, 1, 2)):
        try:
            withdrawn, attributes, nlri = split(raw)
        except (struct.error, IndexError):
            return raw
        if not attributes:
            kind = generator.pick(fields, routes, noise)
            if kind is routes and not withdrawn:
                return raw
        else:
            kind = generator.pick(*KINDS)
        raw = kind(generator, withdrawn, attributes, nlri)
    return raw
