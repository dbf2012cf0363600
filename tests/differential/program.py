"""One program under test, taken through all phases of the comparison; what it did is kept to be compared."""
import shutil
import time

import wire
from record import Context
from speaker import Daemon, Failure, Helper, Peer, workspace

# What the neighbors negotiate; all of them live in one daemon, each with an address of its own.
CONTEXTS = ["ebgp", "ibgp", "as2", "add-path", "nexthop", "aigp"]
MARK = "announce eor l2vpn vpls"


def addresses():
    return {name: f"127.0.0.{n + 2}" for n, name in enumerate(CONTEXTS)}


def setting(name):
    """The session of a context: add-path goes both ways here."""
    context = Context(name)
    context.router_id = f"10.0.0.{CONTEXTS.index(name) + 2}"
    return context


def configuration(helpers, statements, contexts=None):
    """A neighbor for each context, all with the same routes."""
    text = "".join(h.section() for h in helpers)
    routes = "\n    ".join(statements)
    for name in contexts or CONTEXTS:
        context = setting(name)
        words = ["route-refresh enable;", "asn4 disable;" if not context.asn4 else "", "add-path send/receive;" if context.add_path else "",
                 "nexthop enable;" if context.extended_nexthop else "", "aigp enable;" if context.aigp else "",
                 "software-version disable;" if name == "ebgp" else ""]
        block = "nexthop { ipv4 unicast ipv6; ipv4 mpls-vpn ipv6; ipv4 nlri-mpls ipv6; }" if context.extended_nexthop else ""
        more = "host-name host; domain-name domain;" if name == "ibgp" else ""
        text += f"""
neighbor {addresses()[name]} {{
    local-address 127.0.0.1; router-id 10.0.0.1; local-as 65000; peer-as {context.peer_as}; hold-time 180; manual-eor true; {more}
    capability {{ {' '.join(words)} }}
    {block}
    api n{CONTEXTS.index(name)} {{ processes [ {' '.join(h.name for h in helpers)} ]; neighbor-changes; receive {{ parsed; update; keepalive; }} }}
    {routes}
}}
"""
    return text


class Subject:
    """A running program with its helpers and the peers that it talks to."""

    def __init__(self, name, program, statements):
        self.name, self.program = name, program
        self.folder = workspace()
        self.json = Helper(self.folder, "asjson", "json")
        self.text = Helper(self.folder, "astext", "text")
        self.peers, self.opens = {}, {}
        port = 0
        for context, address in addresses().items():
            self.peers[context] = Peer(address, port)
            port = self.peers[context].port
        self.told = {"json": {c: [] for c in CONTEXTS}, "text": {c: [] for c in CONTEXTS}}
        self.answers = []
        self.inside = None
        self.daemon = Daemon(program, configuration([self.json, self.text], statements), self.folder, {"exabgp_tcp_port": str(port)})

    def close(self):
        for helper in (self.json, self.text):
            helper.close()
        for peer in self.peers.values():
            peer.close()
        self.daemon.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- what the helpers are told

    def listen(self):
        """Sorts new helper lines by neighbor; commands are answered on the text helper."""
        by_address = {a: c for c, a in addresses().items()}
        for line in self.json.lines():
            start = line.find('"peer": "')
            address = line[start + 9:line.find('"', start + 9)]
            if start >= 0 and address in by_address:
                self.told["json"][by_address[address]].append(line[line.index('"type"'):])
        for line in self.text.lines():
            if line.startswith("neighbor "):
                self.inside = by_address.get(line.split(" ")[1])
                if self.inside:
                    self.told["text"][self.inside].append(line)
            elif line in ("done", "error"):
                self.answers.append(line)
            elif line and self.inside:
                self.told["text"][self.inside].append(line)  # an event of several lines

    def wait(self, done, what, timeout=60):
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

    # --- phases

    def start(self):
        """Every session up; the OPENs are kept."""
        for context, peer in self.peers.items():
            try:
                self.opens[context] = peer.accept(setting(context).open(setting(context).router_id))
            except Failure as error:
                raise Failure(f"{self.name}, {context}: {error}; its log ends:\n{self.daemon.tail()}") from None
        self.wait(lambda: all(any(line.endswith(" up") for line in self.told["text"][c]) for c in CONTEXTS), "session of every neighbor")

    def wire(self, timeout=60):
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
                    lines.append(f"message {message.hex().upper()}")
            lines.remove("eor 25 65")
            out[context] = sorted(lines)
        return out

    @staticmethod
    def readable(message, paths):
        try:
            return wire.singles(message, paths)
        except (IndexError, ValueError) as error:
            return [f"unreadable {message.hex().upper()} ({error})"]

    def command(self, lines, timeout=120):
        """The answers to commands, which are written in pieces that no pipe is too small for."""
        begin = len(self.answers)
        for i in range(0, len(lines), 100):
            self.text.write("\n".join(lines[i:i + 100]) + "\n")
            want = begin + min(i + 100, len(lines))
            self.wait(lambda want=want: len(self.answers) >= want, "answer to " + lines[i][:80], timeout)
        return self.answers[begin:]

    def one_by_one(self, lines):
        """The answer to each line, with no session up (some of what ExaBGP accepts ends its sessions), until one stays out."""
        for peer in self.peers.values():
            peer.close()
        out = []
        for line in lines:
            begin = len(self.answers)
            self.text.write(line + "\n")
            try:
                self.wait(lambda: len(self.answers) > begin, "answer to " + line, 5)
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
        """For each context and message: the JSON lines, the text lines, and how the session ended (None: it did not)."""
        return {context: self.decode_one(context, messages[context]) for context in messages}

    def decode_one(self, context, messages):
        peer, out, at, again = self.peers[context], [], 0, 2
        while at < len(messages):
            batch = messages[at:at + 40]
            self.told["json"][context], self.told["text"][context] = [], []
            self.drain(peer)
            try:
                peer.send(b"".join(m + wire.keepalive() for m in batch))
            except OSError:
                pass
            try:
                self.wait(lambda: all(self.finished(f, context, len(batch)) for f in ("json", "text")),
                          f"events of {len(batch)} messages for {context}", 20)
            except Failure:
                again -= 1
                if not again or not self.daemon.alive():
                    raise
                self.reconnect(context)
                continue
            done, ended = self.segments(context, len(batch))
            out += done
            at += len(done)
            if ended:
                out[-1] = (out[-1][0], out[-1][1], self.sent_back(peer))
                self.reconnect(context)
        return out

    def reconnect(self, context):
        for form in ("json", "text"):
            self.told[form][context] = []
        self.peers[context].accept(setting(context).open(setting(context).router_id))
        self.wait(lambda: any(line.endswith(" up") for line in self.told["text"][context])
                  and any('"state": "up"' in line for line in self.told["json"][context]), f"new session of {context}")

    @staticmethod
    def sent_back(peer):
        for one in peer.read_until(lambda m: m[18] == wire.NOTIFICATION, 5):
            if one[18] == wire.NOTIFICATION:
                return f"notification {one[19]} {one[20]}"
        return "close"

    def finished(self, form, context, count):
        lines = self.told[form][context]
        return count_marks(lines) >= count or any(is_down(line) for line in lines)

    def segments(self, context, count):
        """The events of each message: what stands before its KEEPALIVE's event."""
        split = {}
        for form in ("json", "text"):
            split[form] = [[]]
            for line in self.told[form][context]:
                if is_mark(line):
                    split[form].append([])
                else:
                    split[form][-1].append(line)
        done = []
        for got in zip(split["json"], split["text"]):
            ended = any(is_down(line) for line in got[0])
            done.append((tuple(line for line in got[0] if not is_down(line)), tuple(line for line in got[1] if not is_down(line)), None))
            if ended:
                return done, True
            if len(done) == count:
                break
        return done, False


def is_mark(line):
    return line.startswith('"type": "keepalive"') or line.endswith(" receive keepalive")


def is_down(line):
    return '"state": "down"' in line or line.split(" - ")[0].endswith(" down")


def count_marks(lines):
    return sum(1 for line in lines if is_mark(line))
