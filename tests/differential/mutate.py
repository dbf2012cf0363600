"""Right command lines made wrong: a word lost, doubled, swapped, replaced or cut."""

GARBAGE = ["foo", "-1", "4294967296", "65536", "1.2.3", "1.2.3.4.5", "0x", "[", "]", "(", ")", "256", "::g", "999.1.1.1", "self", "next-hop", "med", "10.0.0.0/33",
           "2001:db8::/129", "1:1:1:1", "route", "announce", "a:b", "=", "&", "!", ">", "1048576"]
# Words that commands are told apart by: ExaBGP finds them anywhere in a line, and some of them end it.
# (A list without its end is left out too: `bgp-prefix-sid [` makes ExaBGP turn for ever.)
NEVER = {"json", "version", "reload", "restart", "shutdown", "help", "reset", "crash", "teardown"}
# Lines that the two programs are known to answer differently.
DIFFERENT = [
    "announce flow route destination 10.0.0.0/24 destination 10.0.1.0/24 discard",
    "announce flow route { match { destination 10.0.0.0/24; protocol tcp; protocol udp; } then { discard; } }",
    "announce flow route destination 2001:db8::/32 fragment dont-fragment discard",
    "announce flow route destination 10.0.0.0/24 redirect 1.2.3.4:5",
]


def lines(generator, addresses, count):
    """Commands of all families, most of them wrong in one place."""
    out = []
    for route in generator.routes(count):
        line = route.announce(addresses)
        words = line.split(" ")
        at = generator.random.randrange(1, len(words))
        kind = generator.random.randint(0, 5)
        if kind == 0:
            del words[at]
        elif kind == 1:
            words.insert(at, words[at])
        elif kind == 2:
            words[at] = generator.pick(*GARBAGE)
        elif kind == 3:
            words.insert(at, generator.pick(*GARBAGE))
        elif kind == 4:
            other = generator.random.randrange(1, len(words))
            words[at], words[other] = words[other], words[at]
        else:
            words = words[:at]
        line = " ".join(words)
        if not NEVER & set(words) and all(line.count(a) == line.count(b) for a, b in ("[]", "()", "{}")):
            out.append(line)
    return out
