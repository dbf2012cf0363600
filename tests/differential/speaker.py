"""A BGP daemon under test, its helpers, and the scripted peers that it talks to (all on loopback)."""
import getpass
import os
import select
import shlex
import signal
import socket
import struct
import subprocess
import tempfile
import time

import wire

# Seconds that a check waits for what must happen: how soon it does is the machine's affair, and no part of the comparison.
PATIENCE = float(os.environ.get("DIFFERENTIAL_PATIENCE", "180"))
# A shell starts what runs in the background with SIGINT ignored, and so would the programs: a handler here is the default there.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Seconds of the hold timers: the scripted peers send KEEPALIVEs only where these are compared.
HOLD = 3600
# The helper: what the daemon tells it goes to a file, what the test writes to a pipe goes to the daemon.
HELPER = """#!/bin/sh
cat "$1" &
cat >> "$2"
:
"""


class Failure(Exception):
    """The program under test did not do what every case needs (no session, no answer)."""


class Helper:
    """One helper process: its commands pipe and the file that holds everything it was told."""

    def __init__(self, folder, name, encoder):
        self.name, self.encoder = name, encoder
        self.script = os.path.join(folder, "helper.sh")
        self.pipe = os.path.join(folder, f"{name}.commands")
        self.file = os.path.join(folder, f"{name}.told")
        with open(self.script, "w") as f:
            f.write(HELPER)
        os.chmod(self.script, 0o755)
        os.mkfifo(self.pipe)
        open(self.file, "w").close()
        os.chmod(self.file, 0o666)
        self.descriptor = None
        self.at = 0
        self.rest = b""

    def section(self):
        run = f"/bin/sh {self.script} {self.pipe} {self.file}"
        return f"process {self.name} {{ run {run}; encoder {self.encoder}; }}\n"

    def write(self, text, timeout=PATIENCE):
        """Hands commands to the daemon (the pipe opens once the helper runs)."""
        deadline = time.monotonic() + timeout
        while self.descriptor is None:
            try:
                self.descriptor = os.open(self.pipe, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                if time.monotonic() > deadline:
                    raise Failure(f"helper {self.name} was not started")
                time.sleep(0.01)
        os.set_blocking(self.descriptor, True)
        data = text.encode()
        while data:
            data = data[os.write(self.descriptor, data):]

    def lines(self):
        """The whole lines that arrived since the last call."""
        with open(self.file, "rb") as f:
            f.seek(self.at)
            data = f.read()
        self.at += len(data)
        data = self.rest + data
        done, cut, self.rest = data.rpartition(b"\n")
        return done.decode(errors="surrogateescape").split("\n") if cut else []

    def writers(self):
        """The processes that still have to write what the daemon sent to the helper."""
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    if os.readlink(f"/proc/{entry}/fd/1") == self.file:
                        found.append(int(entry))
                except OSError:
                    continue
        return found

    def close(self):
        """Ends the reader of the pipe, even one that was never written to."""
        if self.descriptor is None:
            try:
                self.descriptor = os.open(self.pipe, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                return
        os.close(self.descriptor)
        self.descriptor = None


class Peer:
    """The far end of one session: listens, answers the OPEN, keeps every message received."""

    def __init__(self, address, port=0):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.listener.listen(4)
        self.address, self.port = self.listener.getsockname()
        self.socket = None
        self.opened = None
        self.buffer = b""
        self.received = []
        self.extended = False

    def accept(self, open_message, timeout=PATIENCE):
        """Takes the next connection up to Established; the daemon's OPEN is in `opened`."""
        self.drop()
        self.listener.settimeout(timeout)
        try:
            self.socket, _ = self.listener.accept()
        except TimeoutError:
            raise Failure(f"no connection to {self.address}:{self.port}") from None
        self.begin(timeout)
        return self.establish(open_message, timeout)

    def connect(self, address, open_message, daemon, timeout=PATIENCE):
        """Connects to the daemon, again until it sends its OPEN, and goes up to Established."""
        deadline = time.monotonic() + timeout
        while True:
            self.drop()
            self.socket = socket.socket()
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind((self.address, 0))
            try:
                self.socket.connect((address, self.port))
                self.begin(timeout)
                return self.establish(open_message, timeout)
            except (Failure, OSError) as error:
                if time.monotonic() > deadline or not daemon.alive():
                    raise Failure(f"no session with {address}:{self.port}: {error}") from None
                time.sleep(0.02)

    def begin(self, timeout):
        """A connection without anything received yet: reads the daemon's OPEN."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.received = []
        self.opened = self.read(timeout)
        if self.opened is None or self.opened[18] != wire.OPEN:
            raise Failure("the first message is not an OPEN")

    def establish(self, open_message, timeout):
        answer = open_message(self.opened) if callable(open_message) else open_message
        self.send(answer + wire.keepalive())
        kept = self.read(timeout)
        if kept is None or kept[18] != wire.KEEPALIVE:
            raise Failure(f"no KEEPALIVE after the OPENs but {kept.hex() if kept else 'a close'}")
        return self.opened

    def send(self, data):
        """Sends everything, reading meanwhile, so that neither side waits for the other for ever."""
        self.socket.setblocking(False)
        view = memoryview(data)
        while view:
            readable, writable, _ = select.select([self.socket], [self.socket], [], PATIENCE)
            if not readable and not writable:
                raise Failure("the daemon does not read its session")
            if readable:
                self.pull()
            if writable:
                view = view[self.socket.send(view):]

    def pull(self):
        """Reads what is there; False at the end of the session."""
        try:
            data = self.socket.recv(1 << 18)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.buffer += data
        while len(self.buffer) >= 19:
            size = struct.unpack_from("!H", self.buffer, 16)[0]
            if len(self.buffer) < size:
                break
            self.received.append(self.buffer[:size])
            self.buffer = self.buffer[size:]
        return bool(data)

    def read(self, timeout):
        """The next message, or None at the end of the session."""
        deadline = time.monotonic() + timeout
        self.socket.setblocking(False)
        while not self.received:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Failure("no message in time")
            if select.select([self.socket], [], [], left)[0] and not self.pull():
                return self.received.pop(0) if self.received else None
        return self.received.pop(0)

    def read_until(self, done, timeout):
        """Messages up to the one for which `done(message)` holds, all of them; short at the end of the session."""
        out = []
        deadline = time.monotonic() + timeout
        while True:
            one = self.read(max(0.0, deadline - time.monotonic()))
            if one is None:
                return out
            out.append(one)
            if done(one):
                return out

    def drop(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def close(self):
        self.drop()
        self.listener.close()


class Daemon:
    """One run of a program under test, on a configuration written for it."""

    def __init__(self, program, configuration, folder, environment=None, words=("server",)):
        self.folder = folder
        self.conf = os.path.join(folder, "daemon.conf")
        with open(self.conf, "w") as f:
            f.write(configuration)
        self.log = os.path.join(folder, "daemon.log")
        env = {k: v for k, v in os.environ.items() if not k.lower().startswith(("exabgp", "oxabgp"))}
        env.update({
            "exabgp_tcp_bind": "", "exabgp_api_cli": "false", "exabgp_daemon_user": getpass.getuser(),
            "exabgp_log_destination": "stderr", "exabgp_log_level": "WARNING", "exabgp_log_enable": "true",
            "PYTHONUNBUFFERED": "1",
        })
        env.update(environment or {})
        self.output = open(self.log, "wb")
        self.process = subprocess.Popen(
            [*shlex.split(program), *words, self.conf], stdin=subprocess.DEVNULL, stdout=self.output,
            stderr=subprocess.STDOUT, env=env, cwd=folder, start_new_session=True)

    def alive(self):
        return self.process.poll() is None

    def sleeping(self):
        """Returns `true` if the main thread is blocked, as it is when there is nothing left to do."""
        try:
            with open(f"/proc/{self.process.pid}/stat") as f:
                return f.read().rpartition(")")[2].split()[0] == "S"
        except OSError:
            return True

    def tail(self, count=30):
        with open(self.log, errors="replace") as f:
            return "".join(f.readlines()[-count:])

    def stop(self):
        if self.alive():
            self.process.terminate()
            try:
                self.process.wait(6)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.output.close()


def workspace():
    """A folder for one run, readable by helpers that run as another user."""
    folder = tempfile.mkdtemp(prefix="bgp-differential-")
    os.chmod(folder, 0o777)
    return folder
