"""One program under test, taken through all phases of the comparison; what it did is kept to be compared."""
import json
import shutil
import time

import wire
from differences import repaired
from record import Context
from speaker import HOLD, PATIENCE, Daemon, Failure, Helper, Peer, workspace

# What the neighbors negotiate; all of them live in one daemon, each with an address of its own.
SETTINGS = {"ebgp": "ebgp", "ibgp": "ibgp", "as2": "as2", "add-path": "add-path", "nexthop": "nexthop", "aigp": "aigp", "raw": "ebgp", "whole": "ebgp",
            "sent": "ebgp"}
CONTEXTS = list(SETTINGS)
PARSED = CONTEXTS[:6]
# What a helper of each form receives, and for which sessions (ExaBGP gives all helpers of a neighbor what one of them asks for).
FORMS = {
    "json": ("json", PARSED, "neighbor-changes; negotiated; fsm; receive { parsed; open; update; keepalive; refresh; } send { parsed; open; }"),
    "text": ("text", PARSED, "neighbor-changes; receive { parsed; open; update; keepalive; refresh; } send { parsed; open; }"),
    "packets": ("json", ["raw"], "neighbor-changes; receive { packets; open; update; keepalive; }"),
    "packets-text": ("text", ["raw"], "neighbor-changes; receive { packets; open; update; keepalive; }"),
    "consolidate": ("json", ["whole"], "neighbor-changes; receive { consolidate; open; update; keepalive; }"),
    "sent": ("json", ["sent"], "neighbor-changes; receive { parsed; keepalive; refresh; } send { parsed; update; }"),
    "sent-text": ("text", ["sent"], "neighbor-changes; receive { parsed; keepalive; refresh; } send { parsed; update; }"),
    "consolidate-text": ("text", ["whole"], "neighbor-changes; receive { consolidate; open; update; keepalive; }"),
}
MARK = "announce eor l2vpn vpls"


def addresses():
    return {name: f"127.0.0.{n + 2}" for n, name in enumerate(CONTEXTS)}


def setting(name):
    """The session of a context: add-path goes both ways here."""
    context = Context(SETTINGS[name])
    context.router_id = f"10.0.0.{CONTEXTS.index(name) + 2}"
    return context


def configuration(commands, helpers, statements):
    """A neighbor for each context, all with the same routes."""
    text = commands.section() + "".join(h.section() for h in helpers.values())
    routes = "\n    ".join(statements)
    for number, name in enumerate(CONTEXTS):
        context = setting(name)
        words = ["route-refresh enable;", "asn4 disable;" if not context.asn4 else "", "add-path send/receive;" if context.add_path else "",
                 "nexthop enable;" if context.extended_nexthop else "", "aigp enable;" if context.aigp else "",
                 "software-version disable;" if name == "ebgp" else ""]
        block = "nexthop { ipv4 unicast ipv6; ipv4 mpls-vpn ipv6; ipv4 nlri-mpls ipv6; }" if context.extended_nexthop else ""
        more = "host-name host; domain-name domain;" if name == "ibgp" else ""
        api = f"api c{number} {{ processes [ {commands.name} ]; }}"
        for form, (_, contexts, what) in FORMS.items():
            if name in contexts:
                api += f"\n    api {form}{number} {{ processes [ {helpers[form].name} ]; {what} }}"
        text += f"""
neighbor {addresses()[name]} {{
    local-address 127.0.0.1; router-id 10.0.0.1; local-as 65000; peer-as {context.peer_as}; hold-time {HOLD}; passive true; manual-eor true; {more}
    capability {{ {' '.join(words)} }}
    {block}
    {api}
    {routes}
}}
"""
    return text


class Subject:
    """A running program with its helpers and the peers that it talks to."""

    def __init__(self, name, program, statements):
        self.name, self.program = name, program
        self.folder = workspace()
        self.commands = Helper(self.folder, "commands", "text")
        self.helpers = {form: Helper(self.folder, form, encoder) for form, (encoder, _, _) in FORMS.items()}
        self.peers, self.opens, self.port = {}, {}, 0
        for context, address in addresses().items():
            self.peers[context] = Peer(address, self.port)
            self.port = self.peers[context].port
        self.told = {form: {c: [] for c in contexts} for form, (_, contexts, _) in FORMS.items()}
        self.answers, self.printed = [], []
        self.inside = {}
        self.daemon = Daemon(program, configuration(self.commands, self.helpers, statements), self.folder,
                             {"exabgp_tcp_port": str(self.port), "exabgp_tcp_bind": "127.0.0.1"})

    def close(self):
        for helper in (self.commands, *self.helpers.values()):
            helper.close()
        for peer in self.peers.values():
            peer.close()
        self.daemon.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- what the helpers are told

    def listen(self):
        """Sorts new helper lines by neighbor, and the answers to commands."""
        by_address = {a: c for c, a in addresses().items()}
        for form, (encoder, contexts, _) in FORMS.items():
            for line in self.helpers[form].lines():
                if encoder == "json":
                    start = line.find('"peer": "')
                    context = by_address.get(line[start + 9:line.find('"', start + 9)])
                    line = line[line.index('"type"'):] if start >= 0 else line
                elif line.startswith("neighbor "):
                    context = self.inside[form] = by_address.get(line.split(" ")[1])
                else:  # an event of several lines
                    context = self.inside.get(form) if line else None
                if context in contexts:
                    self.told[form][context].append(line)
        for line in self.commands.lines():
            if line in ("done", "error"):
                self.answers.append(line)
            elif line:
                self.printed.append(line)

    def wait(self, done, what, timeout=PATIENCE):
        deadline = time.monotonic() + timeout
        while True:
            self.listen()
            if done():
                return
            if not self.daemon.alive():
                raise Failure(f"{self.name} ended while waiting for {what}:\n{self.daemon.tail()}")
            if time.monotonic() > deadline:
                raise Failure(f"{self.name}: no {what} in {timeout} s; its log ends:\n{self.daemon.tail(15)}")
            time.sleep(0.003)

    def forms(self, context):
        return [form for form, (_, contexts, _) in FORMS.items() if context in contexts]

    def forget(self, context):
        for form in self.forms(context):
            self.told[form][context] = []

    # --- phases

    def start(self):
        """Every session up; the OPENs and the events up to there are kept."""
        for context in CONTEXTS:
            self.opens[context] = self.connect(context)
        return {f"{context} {form}": [line for line in self.told[form][context] if not is_mark(line)]
                for context in CONTEXTS for form in self.forms(context) if context != "sent"}

    def connect(self, context):
        """One session up, with every helper told so."""
        self.forget(context)
        try:
            # the peers connect: no back-off delays the next session after one that an error ended
            opened = self.peers[context].connect("127.0.0.1", setting(context).open(setting(context).router_id, HOLD), self.daemon)
        except Failure as error:
            raise Failure(f"{self.name}, {context}: {error}; its log ends:\n{self.daemon.tail()}") from None
        self.wait(lambda: all(any(is_up(line) for line in self.told[form][context]) for form in self.forms(context)), f"session of {context}")
        return opened

    def wire(self, timeout=PATIENCE):
        """What was sent to each peer up to the mark, as single-NLRI lines."""
        self.command([MARK])
        out = {}
        for context, peer in self.peers.items():
            paths = wire.ADD_PATH_FAMILIES if context == "add-path" else ()
            lines, deadline = [], time.monotonic() + timeout
            while "eor 25 65" not in lines:
                message = peer.read(max(0, deadline - time.monotonic()))
                if message is None:
                    raise Failure(f"{self.name} closed the session of {context}; its log ends:\n{self.daemon.tail()}")
                if message[18] == wire.UPDATE:
                    lines += self.readable(message, paths)
                elif message[18] != wire.KEEPALIVE:
                    lines.append(f"message {message[18:].hex().upper()}")
            lines.remove("eor 25 65")
            out[context] = sorted(lines)
        out.update(self.sent_events())
        return out

    def sent_events(self):
        """The events of what was sent, up to that of the mark: one line for each NLRI, as packing is free."""
        told = {form: self.told[form]["sent"] for form in ("sent", "sent-text")}
        self.wait(lambda: any('"l2vpn", "safi" : "vpls"' in line for line in told["sent"])
                  and any("route eor 25/65" in line for line in told["sent-text"]), "event of the mark")
        self.forget("sent")
        return {"events json": sorted(one for line in told["sent"] for one in flat(line)),
                "events text": sorted(line for line in told["sent-text"] if " update announced " in line or " update withdrawn " in line)}

    @staticmethod
    def readable(message, paths):
        try:
            return wire.singles(message, paths)
        except (IndexError, ValueError) as error:
            return [f"unreadable {message.hex().upper()} ({error})"]

    def command(self, lines, timeout=PATIENCE):
        """The answers to commands, which are written in pieces that no pipe is too small for."""
        begin = len(self.answers)
        for i in range(0, len(lines), 100):
            self.commands.write("\n".join(lines[i:i + 100]) + "\n")
            want = begin + min(i + 100, len(lines))
            self.wait(lambda want=want: len(self.answers) >= want, "answer to " + lines[i][:80], timeout)
        return self.answers[begin:]

    def ask(self, line):
        """What a command prints, and its answer."""
        self.printed = []
        answer = self.command([line])
        return self.printed + answer

    def refresh(self, afi, safi):
        """Each peer asks for a family; what it gets, up to the mark."""
        for context, peer in self.peers.items():
            self.forget(context)
            peer.send(wire.refresh(afi, safi))
        self.wait(lambda: all(any("refresh" in line for line in self.told["json"][c]) for c in PARSED), "event of the refresh request")
        return self.wire()

    def one_by_one(self, lines):
        """The answer to each line, with no session up (some of what ExaBGP accepts ends its sessions), until one stays out."""
        for peer in self.peers.values():
            peer.close()
        out = []
        for line in lines:
            begin = len(self.answers)
            self.commands.write(line + "\n")
            try:
                self.wait(lambda begin=begin: len(self.answers) > begin, "answer to " + line)
                out.append(self.answers[begin])
            except Failure:
                if not self.daemon.alive():
                    raise
                return out + ["no answer"]
        return out

    @staticmethod
    def drain(peer):
        """Throws away what a peer has received."""
        peer.socket.setblocking(False)
        before = -1
        while before != (len(peer.received), len(peer.buffer)):
            before = (len(peer.received), len(peer.buffer))
            peer.pull()
        peer.received = []

    def decode(self, messages):
        """For each context and message: {form: lines}, and how the session ended (None: it did not; the data in brackets)."""
        return {context: self.decode_one(context, messages[context]) for context in messages}

    def decode_one(self, context, messages):
        peer, out, at, again = self.peers[context], [], 0, 2
        while at < len(messages):
            batch = messages[at:at + 40]
            self.forget(context)
            self.drain(peer)
            try:
                peer.send(b"".join(m + wire.keepalive() for m in batch))
            except OSError:
                pass
            try:
                self.wait(lambda size=len(batch): all(self.finished(f, context, size) for f in self.forms(context)),
                          f"events of {len(batch)} messages for {context}")
            except Failure:
                again -= 1
                if not again or not self.daemon.alive():
                    raise
                self.connect(context)
                continue
            done, ended = self.segments(context, len(batch))
            at += len(done)
            if ended:
                done[-1] = (done[-1][0], self.sent_back(peer))
                self.connect(context)
                if done[-1][1] == "close":
                    done[-1] = (done[-1][0], self.alone(context, messages[at - 1]))
            out += done
        return out

    def alone(self, context, message):
        """How one message ends a session when nothing comes behind it: a close with unread input loses the NOTIFICATION before it."""
        peer = self.peers[context]
        self.drain(peer)
        try:
            peer.send(message)
            outcome = self.sent_back(peer)
        except (Failure, OSError):
            outcome = "close"
        self.connect(context)
        return outcome

    @staticmethod
    def sent_back(peer):
        for one in peer.read_until(lambda m: m[18] == wire.NOTIFICATION, PATIENCE):
            if one[18] == wire.NOTIFICATION:
                return f"notification {one[19]} {one[20]} ({one[21:].decode(errors='replace')})"
        return "close"

    def finished(self, form, context, count):
        lines = self.told[form][context]
        return sum(1 for line in lines if is_mark(line)) >= count or any(is_down(line) for line in lines)

    def segments(self, context, count):
        """The events of each message: what stands before its KEEPALIVE's event."""
        split = {}
        for form in self.forms(context):
            split[form] = [[]]
            for line in self.told[form][context]:
                if is_mark(line):
                    split[form].append([])
                else:
                    split[form][-1].append(line)
        done = []
        for at in range(min(len(parts) for parts in split.values())):
            got = {form: parts[at] for form, parts in split.items()}
            ended = any(is_down(line) for lines in got.values() for line in lines)
            done.append((got, None))
            if ended:
                return done, True
            if len(done) == count:
                break
        return done, False


def flat(line):
    """The event of one UPDATE as a line for each NLRI: family, next hop and attributes beside it."""
    if '"direction": "send"' not in line or '"update": {' not in line:
        return []
    try:
        # ExaBGP's JSON is not always valid: placeholders of SRv6 SIDs, MUP sessions
        update = json.loads("{" + repaired(line).replace(": %d", ": 0"))["neighbor"]["message"]["update"]
    except ValueError:
        return [line]
    attributes = json.dumps(update.get("attribute"))
    out = []
    for family, hops in update.get("announce", {}).items():
        out += [f"announce {family} {hop} {json.dumps(nlri)} {attributes}" for hop, routes in hops.items() for nlri in routes]
    for family, routes in update.get("withdraw", {}).items():
        out += [f"withdraw {family} {json.dumps(nlri)} {attributes}" for nlri in routes]
    return out


def is_mark(line):
    return line.startswith('"type": "keepalive"') or " receive keepalive" in line or " receive 4 header" in line


def is_down(line):
    return '"state": "down"' in line or line.split(" - ")[0].endswith(" down")


def is_up(line):
    return '"state": "up"' in line or line.endswith(" up")
