"""What both programs did, put side by side: alike, kept different on purpose, or wrong."""
import difflib
import re

import rfc7606
from differences import explained, normal
from program import CONTEXTS, setting


class Accepted:
    """The differences kept on purpose: `## id` headings of differences.md with their `pattern:` lines."""

    def __init__(self, path):
        self.entries, self.used, self.names = [], {}, set()
        name = None
        with open(path) as f:
            for line in f:
                if line.startswith("## "):
                    name = line[3:].strip()
                    self.names.add(name)
                found = re.match(r"- pattern: `(.*)`\s*$", line)
                if found:
                    self.entries.append((name, re.compile(found.group(1))))

    def use(self, name):
        assert name in self.names, f"{name} has no heading in differences.md"
        self.used[name] = self.used.get(name, 0) + 1

    def covers(self, line):
        for name, pattern in self.entries:
            if pattern.search(line):
                self.use(name)
                return True
        return False


def brief(ours, theirs, around=60):
    """Two texts with what they share at both ends cut short."""
    if max(len(ours), len(theirs)) < 300:
        return ours, theirs
    start = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
    rest = min(len(ours), len(theirs)) - start
    end = next((i for i in range(rest) if ours[-1 - i] != theirs[-1 - i]), rest)
    start, end = max(0, start - around), max(0, end - around)
    return tuple(("..." if start else "") + text[start:len(text) - end][:1000] + ("..." if end else "") for text in (ours, theirs))


class Comparison:
    """Counts what is alike, sorts what is not."""

    def __init__(self, accepted, limit):
        self.accepted, self.limit = accepted, limit
        self.alike, self.kept, self.wrong = 0, 0, []

    def add(self, other):
        """Takes over what was compared at the same time."""
        self.alike += other.alike
        self.kept += other.kept
        self.wrong += other.wrong
        for name, used in other.accepted.used.items():
            self.accepted.used[name] = self.accepted.used.get(name, 0) + used

    def same(self, kind, what, ours, theirs):
        """`theirs` is ExaBGP's."""
        if ours == theirs:
            self.alike += 1
            return
        line = f"{kind} {what} | exabgp {theirs} | oxabgp {ours}"
        reasons = explained(theirs, ours)
        if reasons or self.accepted.covers(line) or self.accepted.covers(f"{kind} {what} | exabgp {normal(theirs)} | oxabgp {normal(ours)}"):
            self.kept += 1
            for reason in reasons:
                self.accepted.use(reason)
        else:
            short = brief(ours, theirs)
            self.wrong.append(f"{kind} {what[:300]}\n     exabgp {short[1]}\n     oxabgp {short[0]}")

    def wires(self, phase, ours, theirs):
        """Compares multisets of single-NLRI lines, side by side for each NLRI."""
        for context in CONTEXTS:
            mine, their = by_nlri(ours[context]), by_nlri(theirs[context])
            for key in sorted(set(mine) | set(their)):
                self.same(f"wire {phase} {context}", key, mine.get(key, "nothing"), their.get(key, "nothing"))
        for form in ("events json", "events text"):
            self.lists(f"sent {phase} {form}", "", sorted(ours[form], key=normal), sorted(theirs[form], key=normal))

    def lists(self, kind, what, ours, theirs):
        """Compares line by line, in order; what one has more stands against `nothing`."""
        for tag, a, b, c, d in difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
            if tag == "equal":
                self.alike += b - a
                continue
            mine, their = ours[a:b], theirs[c:d]
            for i in range(max(len(mine), len(their))):
                self.same(kind, what, mine[i] if i < len(mine) else "nothing", their[i] if i < len(their) else "nothing")

    def events(self, messages, ours, theirs):
        for context in messages:
            for message, mine, their in zip(messages[context], ours[context], theirs[context]):
                self.one_message(context, message, mine, their)

    def one_message(self, context, message, mine, their):
        """What became of one UPDATE: kept, treated as withdrawn, the end of the session; and what the helpers were told."""
        what = f"{context} {message[19:].hex().upper()}"
        fates = rfc7606.fate(mine), rfc7606.fate(their)
        demanded, reason = rfc7606.judge(message, setting(context))
        if "packets" in mine[0]:  # bytes tell no meaning
            demanded, reason = rfc7606.KEEP, None
        if not rfc7606.satisfies(fates[0], demanded):
            self.wrong.append(f"rfc7606 {what[:300]}\n     {reason} asks for: {demanded}\n     oxabgp {fates[0]} {mine[1]}")
        elif fates[0] == fates[1] == rfc7606.RESET and brief_end(mine[1]) == brief_end(their[1]):
            self.alike += 1
        elif fates[0] != fates[1] and reason and fates[0] == rfc7606.expected(demanded):
            self.kept += 1
            self.accepted.use("rfc7606")
        elif rfc7606.RESET in fates or fates[0] != fates[1]:
            self.same("session", what, *[ended or f"{fate} {' '.join(rfc7606.routes(told.get('json', [])))}" for fate, (told, ended) in zip(fates, (mine, their))])
        else:
            for form in mine[0]:
                # with an error that is known, what of the attributes is told is free
                only = rfc7606.routes if reason else list
                self.lists(form, what, only(mine[0][form]), only(self.announced_once(form, mine[0][form], their[0][form])))

    def announced_once(self, form, ours, theirs):
        """ExaBGP's text events of one UPDATE without the withdrawals of routes that it announces too, where ours has none of them."""
        if not form.endswith("text"):
            return theirs
        told = [line.split(" announced ")[1] for line in theirs if " announced " in line]
        # Of some families ExaBGP's text has no route: as many withdrawals of them are left as ours has.
        families = {" ".join(line.split()[:4]) for line in told if line.startswith("afi ")}
        announced, mine, left = {line.split(" next-hop ")[0] for line in told}, [normal(line) for line in ours], []
        for line in theirs:
            route = line.partition(" withdrawn ")[2]
            if line in ours or (left.count(line) < mine.count(normal(line)) if route in families else route not in announced):
                left.append(line)
        if len(left) != len(theirs):
            self.accepted.use("announced-and-withdrawn")
        return left


def brief_end(text):
    """The end of a session without the data of its NOTIFICATION."""
    return text.split(" (")[0]


def by_nlri(lines):
    out = {}
    for line in lines:
        words = line.split(" ", 5)
        key = f"{words[0]} {words[1]}/{words[2]} {words[4]}" if words[0] in ("announce", "withdraw") else line
        value = f"{words[3]} {words[5]}" if words[0] in ("announce", "withdraw") else "sent"
        out[key] = out[key] + " and " + value if key in out else value
    return out
