"""Differences that are the same thing said another way: what makes both sides equal, by the id in differences.md.

Each function rewrites a line of ExaBGP's or of oxabgp's; where both are then the same, the difference is the one named.
"""
import re


def attribute(code, change):
    """Rewrites the values of one attribute of a wire line: `change` gets and gives a list of eight-byte or four-byte hex words."""
    size = 16 if code == 16 else 8

    def one(found):
        words = re.findall("." * size, found.group(2))
        return found.group(1) + "".join(change(words))
    return lambda line: re.sub(rf"( [0-9A-F]{{2}}\.{code}\.)([0-9A-F]+)", one, line)


def two_octet(words):
    return sorted("01" + word[2:] if word[:4] in ("0202", "0203") else word for word in words)


EQUAL = {
    "four-octet-as": attribute(16, two_octet),
}


def explained(theirs, ours):
    """The ids that explain the difference, or nothing."""
    used = []
    for name, change in EQUAL.items():
        changed = change(theirs), change(ours)
        if changed != (theirs, ours):
            used.append(name)
        theirs, ours = changed
        if theirs == ours:
            return used
    return []
