"""A scripted scenario, played before one program: what it says to helpers and peers is written down, channel by channel.

A scenario is a function that gets a `Stage`: it declares helpers and neighbors, starts the daemon, lets helpers and peers
speak, and calls `settle`, which waits until all of that has had its effect and keeps what everyone was told since the last
time. The same function is played to ExaBGP and to oxabgp; `scripts.py` compares what was kept.
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import wire
from program import flat
from speaker import HOLD, PATIENCE, Daemon, Failure, Helper, Peer, workspace

# What stands for "everything before this is done": an EOR on the wire, the head of a table in the answers. oxabgp sends no EOR of a
# family that was not negotiated; its answer to `sync` waits for the sockets instead.
MARK = {"exabgp": "announce eor l2vpn vpls", "oxabgp": "sync announce eor l2vpn vpls"}
MARK_BODY = "00000007900F0003001941"
HINTS = ["please specify summary, extensive or configuration", "you can filter by peer ip address adding it after the word neighbor"]
TEXT_EVENT = re.compile(r"neighbor (\S+) (receive|send|connected$|up$|down)")
SCENARIOS = []


def scenario(function):
    """Adds a scenario to those that are played."""
    SCENARIOS.append(function)
    return function


class Far(Peer):
    """A scripted peer: also one that connects, and one that counts what it sends."""

    def __init__(self, address, port):
        super().__init__(address, port)
        self.sent, self.got, self.counted, self.closed, self.up, self.paths = 0, 0, 0, False, False, ()

    def tell(self, *messages):
        """Sends whole messages, in one piece; the daemon counts all but the operational ones."""
        self.sent += sum(m[18] != 6 for m in messages)
        try:
            self.send(b"".join(messages))
        except OSError:
            self.closed = True

    def take(self, timeout=PATIENCE):
        """Takes the daemon's next connection and reads its OPEN; nothing is said yet."""
        self.drop()
        self.listener.settimeout(timeout)
        try:
            self.socket, _ = self.listener.accept()
        except TimeoutError:
            raise Failure(f"no connection to {self.address}:{self.port}") from None
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.fresh()
        self.read_open(timeout)

    def read_open(self, timeout=PATIENCE):
        """Reads the daemon's OPEN on a connection that was made here."""
        self.opened = self.read(timeout)
        if self.opened is None or self.opened[18] != wire.OPEN:
            raise Failure("the first message is not an OPEN")

    def leftover(self, timeout=PATIENCE):
        """What the daemon says before it closes a connection."""
        try:
            return [f"message {m[18]} {m[19:].hex().upper()}" for m in self.read_until(lambda m: False, timeout)] + ["closed"]
        except Failure:
            return ["open"]

    def fresh(self):
        self.buffer, self.received, self.closed, self.sent, self.got, self.counted, self.up, self.opened = b"", [], False, 0, 0, 0, False, None

    def pull(self):
        before = len(self.received)
        alive = super().pull()
        self.got += sum(m[18] != 6 for m in self.received[before:])
        return alive

    def shake(self, message, timeout=PATIENCE):
        """Answers the OPEN and waits for the KEEPALIVE."""
        self.send(message + wire.keepalive())
        kept = self.read(timeout)
        if kept is None or kept[18] != wire.KEEPALIVE:
            raise Failure(f"no KEEPALIVE after the OPENs but {kept.hex() if kept else 'a close'}")
        self.sent, self.closed, self.up = 2, False, True

    def dial(self, address, port, timeout=PATIENCE):
        """Connects to the daemon; nothing is said yet."""
        self.drop()
        deadline = time.monotonic() + timeout
        while True:
            self.socket = socket.socket()
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind((self.address, 0))
            try:
                self.socket.connect((address, port))
                break
            except OSError:
                self.socket.close()
                if time.monotonic() > deadline:
                    raise Failure(f"{address}:{port} takes no connection") from None
                time.sleep(0.02)
        self.fresh()

    def poll(self):
        """Takes what has arrived."""
        if self.socket is not None and not self.closed:
            self.socket.setblocking(False)
            before = -1
            while before != len(self.received) + len(self.buffer) and not self.closed:
                before = len(self.received) + len(self.buffer)
                self.closed = not self.pull()


def neighbor(address, body="", peer_as=65001, families="ipv4 unicast;", capability="route-refresh enable;", control=True):
    """A neighbor of the configuration; `body` is the rest of it."""
    return (f"neighbor {address} {{\n  local-address 127.0.0.1; router-id 10.0.0.1; local-as 65000; peer-as {peer_as}; hold-time {HOLD};\n"
            + (f"  family {{ {families} }}\n" if families else "") + (f"  capability {{ {capability} }}\n" if capability else "")
            + (f"  api control-{address.replace('.', '-')} {{ processes [ control ]; }}\n" if control else "") + f"  {body}\n}}\n")


def families(*names):
    """The multiprotocol capabilities of a peer, by names such as `ipv4-unicast`."""
    return [wire.multiprotocol(*wire.family(name)) for name in names]


def peer_open(peer_as=65001, router_id="10.0.0.2", names=("ipv4-unicast",), refresh=True, more=(), hold=HOLD):
    """The OPEN of a scripted peer."""
    known = families(*names) + [wire.capability(65, wire.u32(peer_as))]
    return wire.open_message(peer_as, router_id, known + ([wire.capability(2)] if refresh else []) + list(more), hold=hold)


class Stage:
    """One program with its helpers and peers."""

    programs = {}
    # What the log says once a reload is over, well or not.
    LOADED = {"exabgp": "loaded new configuration successfully|could not load/reload configuration",
              "oxabgp": "the configuration is reloaded|the configuration has errors"}

    def __init__(self, name, program):
        self.name, self.program = name, program
        self.folder = workspace()
        self.helpers, self.peers, self.port = {}, {}, 0
        self.kept, self.daemon, self.strangers = [], None, []
        self.quiet, self.printed = set(), {}
        self.control = self.helper("control", "text")

    # --- before the start

    def helper(self, name, encoder, run=None, more=""):
        """A helper process; its section of the configuration is `Stage.sections`."""
        one = Helper(self.folder, name, encoder)
        one.run, one.more = run, more
        self.helpers[name] = one
        self.printed[name] = []
        return one

    def sections(self):
        out = ""
        for one in self.helpers.values():
            run = one.run or f"/bin/sh {one.script} {one.pipe} {one.file}"
            out += f"process {one.name} {{ run {run}; encoder {one.encoder}; {one.more} }}\n"
        return out

    def peer(self, address):
        """The far end at an address; all peers share one port."""
        if address not in self.peers:
            self.peers[address] = Far(address, self.port)
            self.port = self.peers[address].port
        return self.peers[address]

    def stranger(self, address):
        """Somebody who only connects."""
        one = Far(address, 0)
        self.strangers.append(one)
        return one

    def start(self, text, environment=None, listen=False):
        """Starts the daemon on a configuration: the helpers' sections come first."""
        settings = {"exabgp_tcp_port": str(self.port or self.free_port())}
        if listen:
            settings["exabgp_tcp_bind"] = "127.0.0.1"
        settings.update(environment or {})
        self.daemon = Daemon(self.program, self.sections() + text, self.folder, settings)
        self.control.write("enable-ack\n")
        self.wait(lambda: self.printed["control"] or not self.daemon.alive(), "answer to enable-ack")

    def free_port(self):
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        return self.port

    def rewrite(self, text):
        """Another configuration in the same file."""
        with open(self.daemon.conf, "w") as f:
            f.write(self.sections() + text)

    # --- on the stage

    def up(self, address, opened=None, timeout=PATIENCE, told=None):
        """Takes the daemon's connection (or the one that waits since the last session) up to Established; its OPEN is kept.

        `told`: a helper with text events that hears of it, where `show neighbor` does not work.
        """
        peer = self.peer(address)
        try:
            if peer.socket is None or peer.closed or peer.opened is None or peer.up:
                peer.take(timeout)
            self.note(f"open {address}", peer.opened.hex().upper())
            peer.shake(opened or peer_open(), timeout)
        except Failure as error:
            raise Failure(f"{address}: {error}") from None
        if told is None:
            self.established(address)
        else:
            self.wait(lambda: f"neighbor {address} up" in self.printed[told], f"session of {address}")

    def established(self, address, timeout=PATIENCE):
        """Waits until the daemon calls a session established: what comes then is told to it."""
        self.wait(lambda: re.search(rf"^{re.escape(address)} +\S+ +\S+ +established ", "\n".join(self.ask_control("show neighbor summary")), re.M),
                  f"session of {address}", timeout)

    def say(self, helper, *lines):
        """A helper writes lines."""
        for line in lines:
            if line in ("disable-ack", "silence-ack"):
                self.quiet.add(helper)
            elif line == "enable-ack":
                self.quiet.discard(helper)
        self.raw(helper, "".join(line + "\n" for line in lines))

    def raw(self, helper, text):
        self.helpers[helper].write(text)

    def ask(self, helper, *lines):
        """Each line by itself, and all that comes of it."""
        for line in lines:
            self.say(helper, line)
            self.settle(line)

    def note(self, channel, *lines, label=""):
        """Something to be compared."""
        self.kept.append((label, channel, list(lines)))

    def wait(self, done, what, timeout=PATIENCE):
        deadline = time.monotonic() + timeout
        while not done():
            if not self.daemon.alive():
                raise Failure(f"{self.name} ended while waiting for {what}:\n{self.daemon.tail()}")
            if time.monotonic() > deadline:
                raise Failure(f"no {what} in {timeout} s; the log ends:\n{self.daemon.tail(15)}")
            self.listen()
            time.sleep(0.004)

    def listen(self):
        """Reads what helpers and peers were told."""
        for name, one in self.helpers.items():
            self.printed[name] += one.lines()
        for peer in self.peers.values():
            peer.poll()

    def ask_control(self, line):
        """What a command prints to the helper that only serves the scenario."""
        self.printed["control"] = []
        self.control.write(line + "\n")
        told = self.printed["control"]
        self.wait(lambda: any(one in ("done", "error") for one in told), f"answer to {line}")
        return told[:next(i for i, one in enumerate(told) if one in ("done", "error"))]

    # --- waiting, and keeping

    def settle(self, label, mute=(), final=False):
        """Waits until the daemon has read all that was said, and keeps what it said since then.

        `mute` helpers are not asked; `final`: only the last word about a prefix counts.
        """
        asked = [n for n, one in self.helpers.items() if n != "control" and n not in mute and one.run is None]
        self.listen()
        self.heard()
        for name in asked:
            self.flushed(name)
        self.marked()
        for name in asked:
            self.flushed(name)
        self.keep(label, final)

    def heard(self):
        """Waits until the daemon has counted every message of the peers."""
        def all_counted():
            self.listen()
            waiting = {a: p.sent for a, p in self.peers.items() if p.up and not p.closed and p.sent > 2}
            if not waiting:
                return True
            counts = self.counts("received")
            return all(counts.get(a, n) >= n for a, n in waiting.items())
        self.wait(all_counted, "count of what the peers sent")

    def flushed(self, name):
        """Waits until a helper's lines have been read and what it was told is here: `show neighbor` is answered at once."""
        self.helpers[name].write("show neighbor\n")
        quiet = name in self.quiet

        def there():
            told = self.printed[name]
            return HINTS[1] in told and (quiet or "done" in told[told.index(HINTS[1]):])
        self.wait(there, f"end of the answers to {name}")
        told = self.printed[name]
        at = told.index(HINTS[1])
        if not quiet:
            del told[told.index("done", at)]
        del told[at]
        told.remove(HINTS[0])

    def marked(self):
        """Waits until every command is carried out, and every established peer has what was queued for it."""
        self.ask_control(MARK[self.name])

        def there():
            up = {a: p for a, p in self.peers.items() if p.up and not p.closed}
            if self.name == "exabgp":
                return all(any(m[19:].hex().upper() == MARK_BODY for m in p.received) for p in up.values())
            counts = self.counts("sent") if up else {}
            self.listen()
            return all(p.closed or p.got >= counts.get(a, p.got) for a, p in up.items())
        self.wait(there, "mark on the wire")

    def counts(self, direction):
        """How many messages of each neighbor's session the daemon has counted."""
        found = {}
        for part in "\n".join(self.ask_control("show neighbor json")).split('{"state": ')[1:]:
            address = re.search(r'"peer": \{.*?"address": "([^"]*)"', part)
            total = re.search(rf'"{direction}": \{{[^}}]*"total": (\d+)', part)
            if address and total:
                found[address.group(1)] = int(total.group(1))
        return found

    def answered(self, helper, line, label=None):
        """One line and its answer, where nothing else is to be waited for."""
        begin = len(self.printed[helper])
        self.raw(helper, line + "\n")
        self.wait(lambda: any(one in ("done", "error") for one in self.printed[helper][begin:]), f"answer to {line}")
        self.keep(label or line)

    def keep(self, label, final=False):
        """Writes down what was told, sorted into channels."""
        self.listen()
        for name, told in self.printed.items():
            if name != "control":
                self.keep_helper(label, name, told, final)
            self.printed[name] = []
        for address, peer in self.peers.items():
            lines = [line for m in peer.received for line in self.readable(m, peer.paths)]
            peer.counted += sum(m[19:].hex().upper() == MARK_BODY for m in peer.received)
            peer.received = []
            if peer.closed and peer.socket is not None:
                lines.append("closed")
                peer.drop()
                peer.up = False
            self.note(f"wire {address}", *by_prefix(lines, final), label=label)

    def keep_helper(self, label, name, told, final=False):
        answers, events = [], {}
        for event in joined(told):
            if MARK_BODY in event or '"l2vpn", "safi" : "vpls"' in event or "route eor 25/65" in event:
                continue
            found = re.match(r'\{ "exabgp".*?"peer": "([^"]*)"', event) or TEXT_EVENT.match(event)
            if found is None:
                answers.append(steady(event))
            else:
                events.setdefault(found.group(1), []).extend(pieces(steady(event)))
        if self.name == "exabgp":
            answers = self.unmarked(answers)
        if "adj-rib" in label:  # a table has no order
            answers.sort()
        self.note(f"answers {name}", *answers, label=label)
        for address in sorted(set(events) | set(self.peers)):
            self.note(f"events {name} {address}", *by_prefix(events.get(address, []), final), label=label)

    def unmarked(self, answers):
        """Answers of ExaBGP without the marks among the messages that it counts as sent."""
        marks = {address: peer.counted for address, peer in self.peers.items()}

        def less(address, number, width=0):
            return f"{int(number) - marks.get(address, 0):>{width}}"

        def summary(found):
            return found[1] + found[2] + less(found[1], found[4], len(found[3] + found[4])) + found[5]

        def data(part):
            found = re.search(r'"peer": \{.*?"address": "([^"]*)"', part)
            return re.sub(r'("sent": \{[^}]*?"update": )(\d+)(, "refresh": \d+, "total": )(\d+)',
                          lambda sent: sent[1] + less(found[1], sent[2]) + sent[3] + less(found[1], sent[4]), part) if found else part
        out, address = [], None
        for line in answers:
            if line.startswith("Neighbor "):
                address = line.split()[1]
            line = re.sub(r"^(\S+)( .* established)( +)(\d+)( +\d+ *)$", summary, line)
            line = re.sub(r"^( +(?:update|total):)( +)(\d+)(?= .*)", lambda found: found[1] + less(address, found[3], len(found[2] + found[3])), line)
            out.append("".join(data(part) for part in re.split(r'(?=\{TIME, "fsm")', line)))
        return out

    @staticmethod
    def readable(message, paths):
        body = message[19:].hex().upper()
        if body == MARK_BODY or message[18] == wire.KEEPALIVE:
            return []
        if message[18] != wire.UPDATE:
            return [f"message {message[18]} {body}"]
        try:
            return wire.singles(message, paths)
        except (IndexError, ValueError) as error:
            return [f"unreadable {message.hex().upper()} ({error})"]

    # --- the end

    def lost(self, address, label, again=True):
        """Waits until the daemon has closed a session and, unless it will not, has come back with an OPEN."""
        self.closed(address, label, again)
        self.settle(label)

    def closed(self, address, label, again=True):
        """The same, without looking at the helpers."""
        peer = self.peers[address]
        self.wait(lambda: peer.closed, f"end of the session of {address}")
        left = [line for m in peer.received for line in self.readable(m, peer.paths)]
        self.note(f"wire {address}", *by_prefix(left), "closed", label=label)
        peer.received = []
        if again:
            peer.take()
        else:
            peer.drop()
        peer.up = False

    def hang_up(self, address):
        """The peer goes, without a word."""
        self.peers[address].drop()
        self.peers[address].up = False
        self.wait(lambda: not re.search(rf"^{re.escape(address)} .* established ", "\n".join(self.ask_control("show neighbor summary")), re.M),
                  f"end of the session of {address}")

    def kill(self, number):
        os.kill(self.daemon.process.pid, number)

    def end(self, label="end", number=signal.SIGTERM):
        """Ends the daemon by a signal (None: it ends by itself) and keeps its last words and its exit code."""
        if number is not None:
            self.at_rest()
            self.kill(number)
        try:
            code = self.daemon.process.wait(60)
        except subprocess.TimeoutExpired:
            code = "none"
        deadline = time.monotonic() + PATIENCE
        while (any(p.socket is not None and not p.closed for p in self.peers.values())
               or code != "none" and any(h.writers() for h in self.helpers.values())) and time.monotonic() < deadline:
            self.listen()
            time.sleep(0.005)
        self.keep(label)
        self.note("exit code", str(code), label=label)

    def at_rest(self):
        """Waits until the daemon is blocked: SIGINT is an exception in the middle of whatever ExaBGP does at that moment."""
        seen, deadline = 0, time.monotonic() + PATIENCE
        while seen < 5 and self.daemon.alive() and time.monotonic() < deadline:
            seen = seen + 1 if self.daemon.sleeping() else 0
            time.sleep(0.01)

    def reloads(self):
        """How often the daemon has read its configuration, by its log."""
        with open(self.daemon.log, errors="replace") as f:
            log = f.read()
        return len(re.findall(self.LOADED[self.name], log))

    def helper_pids(self, name):
        """The processes that run a helper's script."""
        one = self.helpers[name]
        return self.processes(lambda words: one.script.encode() in words and one.pipe.encode() in words)

    @staticmethod
    def processes(wanted):
        """The processes whose command line fits."""
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open(f"/proc/{entry}/cmdline", "rb") as f:
                        words = f.read().split(b"\0")
                except OSError:
                    continue
                if wanted(words):
                    found.append(int(entry))
        return found

    def released(self, *names):
        """Takes the hand off helpers that are about to go: what is written next is for the new ones. Their processes."""
        pids = [pid for name in names for pid in self.helper_pids(name)]
        for name in names:
            one = self.helpers[name]
            if one.descriptor is not None:
                os.close(one.descriptor)
                one.descriptor = None
        # A reader that has not yet seen the end would take what is for its successor.
        self.wait(lambda: not any(self.readers(name) for name in names), f"end of the readers of {names}")
        return pids

    def readers(self, name):
        """The processes that read a helper's pipe of commands."""
        return self.processes(lambda words: words[:2] == [b"cat", self.helpers[name].pipe.encode()])

    def reopened(self, name, before):
        """Waits until a helper has been started anew."""
        self.wait(lambda: self.helper_pids(name) and not set(self.helper_pids(name)) & set(before), f"new helper {name}")
        if name == "control":
            self.printed["control"] = []
            self.control.write("enable-ack\n")
            self.wait(lambda: "done" in self.printed["control"], "answer to enable-ack")

    def close(self):
        for one in self.helpers.values():
            one.close()
        for peer in (*self.peers.values(), *self.strangers):
            peer.close()
        if self.daemon is not None:
            self.daemon.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def joined(told):
    """Lines as answers and whole events: a text event reaches to its empty line."""
    out, open_event = [], False
    for line in told:
        begins = TEXT_EVENT.match(line)
        if open_event and (line == "" or not begins or " update " in line) and not line.startswith(("{", "done", "error")):
            out[-1] += "\n" + line
            open_event = line != ""
        else:
            out.append(line)
            open_event = bool(begins) and " operational " not in line
    return out


def steady(line):
    """A line without time, process, counter and host."""
    line = re.sub(r'"time": [0-9.e+]+, "host" : "[^"]*", "pid" : \d+, "ppid" : \d+, (?:"counter": \d+, )?', "HEAD ", line)
    line = re.sub(r"^shutdown \d+ \d+", "shutdown PID PPID", line)
    line = re.sub(r" *\b\d+:\d\d:\d\d| +down(?= established)|\b(up|down) for .*", " TIME", line)
    line = re.sub(r'"state": "(up|down)", "duration": \d+', "TIME", line)
    return line


def pieces(event):
    """An event of a sent UPDATE for each NLRI, as packing is free; any other as it is."""
    if '"direction": "send"' in event and '"update": {' in event and '"header"' not in event:
        return flat(event[event.index('"type"'):])
    found = re.match(r"(neighbor \S+ send update) start\n", event)
    if found and " header " not in event:
        return [line for line in event.split("\n") if not line.endswith((" start", " end")) and line]
    return [event]


def about(line):
    """The prefix that a line is about, and its family; None: it is about none."""
    found = re.match(r"neighbor (\S+) send update (?:announced|withdrawn) (\S+(?: path-information \S+)?)", line)
    if found:
        return found.group(2)
    found = re.match(r'(?:announce|withdraw) (\S+ \S+) .*?"nlri": ("[^"]*"(?:, "path-information": "[^"]*")?)', line)
    if found:
        return f"{found.group(1)} {found.group(2)}"
    words = line.split(" ", 5)
    if words[0] in ("announce", "withdraw") and len(words) > 4:
        return f"{words[1]}/{words[2]} {words[4]}"
    return None


def by_prefix(lines, final=False):
    """Lines in order, but those about prefixes sorted by prefix: their order among each other is free, not that of one prefix.

    `final`: only the last line of each prefix.
    """
    out, run = [], []
    for line in lines + [None]:
        if line is not None and about(line) is not None:
            if final:
                run = [one for one in run if about(one) != about(line)]
            run.append(line)
            continue
        if line is not None and final:
            out.append(line)
            continue
        out += sorted(run, key=about)
        run = []
        if line is not None:
            out.append(line)
    return out
