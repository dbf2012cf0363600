"""The faults: each a function of the network and the program that returns a row, or raises Failed."""

import glob
import os
import resource
import signal
import socket
import struct
import subprocess
import time
from typing import NamedTuple

import wire
from lab import Failed, Skip, wait_for
from stage import ADDRESS, HOLD, PORT, ROUTES, THEIRS, Stage, announcement, ip, prefixes, reset

RETRY = 15  # seconds: the longest wait between the attempts that a fault here provokes
TABLE = []


class Row(NamedTuple):
    kept: str  # what stayed up
    seconds: float  # time to recover
    bound: float


def fault(name, quick=False):
    def add(function):
        TABLE.append((name, quick, function))
        return function

    return add


class Scene:
    """A stage that is closed at the end and shows its log where something failed."""

    def __init__(self, *given, **settings):
        self.stage = Stage(*given, **settings)

    def __enter__(self):
        return self.stage

    def __exit__(self, kind, why, _):
        if kind and not issubclass(kind, Skip):
            for line in self.stage.lab.log('oxabgp').splitlines()[-8:]:
                print(f'  oxabgp | {line[:180]}')
        self.stage.close()


OTHERS = 'all other sessions'
ALL = 'all sessions'


def wait_down(peer, timeout):
    peer.wait('the session ends', lambda: not peer.up, timeout)


# ------------------------------------------------------------ peers


@fault('a peer is killed and starts again', quick=True)
def peer_killed(network, binary):
    with Scene(network, binary) as stage:
        stage.begin()
        begin = time.monotonic()
        stage.victim.deafen()
        reset(stage.victim.connection)
        wait_down(stage.victim, HOLD)
        stage.victim.listen()
        seconds = stage.recovered(begin, HOLD + RETRY)
        stage.undisturbed()
        return Row(OTHERS, seconds, HOLD + RETRY)


@fault('a peer is frozen for twice the hold time')
def peer_frozen(network, binary):
    with Scene(network, binary) as stage:
        stage.begin()
        stage.victim.paused = True
        stage.speaker.wait_state('down', stage.speaker.mark(), 2 * HOLD)
        time.sleep(HOLD)
        begin = time.monotonic()
        stage.victim.paused = False
        seconds = stage.recovered(begin, HOLD + RETRY)
        stage.undisturbed()
        return Row(OTHERS, seconds, HOLD + RETRY)


@fault("the network loses a peer's packets for twice the hold time")
def black_hole(network, binary):
    with Scene(network, binary) as stage:
        stage.begin()
        since = stage.speaker.mark()
        network.router.ip(f'route add blackhole {stage.victim.address}/32')
        try:
            stage.speaker.wait_state('down', since, 2 * HOLD)
            time.sleep(HOLD)
        finally:
            network.router.ip(f'route del blackhole {stage.victim.address}/32')
        begin = time.monotonic()
        bound = HOLD + 2 * RETRY  # the attempts into the hole have their own time
        seconds = stage.recovered(begin, bound)
        stage.undisturbed()
        return Row(OTHERS, seconds, bound)


@fault('the network loses packets for less than the hold time, and routes change', quick=True)
def short_hole(network, binary):
    with Scene(network, binary) as stage:
        stage.begin()
        network.router.ip(f'route add blackhole {stage.victim.address}/32')
        try:
            stage.announce(prefixes(30, ROUTES))
            time.sleep(HOLD / 4)
        finally:
            network.router.ip(f'route del blackhole {stage.victim.address}/32')
        seconds = stage.settled(HOLD)
        if stage.victim.sessions != 1:
            raise Failed('the session did not live through it')
        stage.undisturbed()
        return Row(ALL, seconds, HOLD)


@fault('the link goes down and up')
def link_down(network, binary):
    with Scene(network, binary) as stage:
        stage.begin()
        network.router.ip('link set inner down')
        stage.announce(prefixes(30, ROUTES))
        time.sleep(HOLD / 4)
        network.router.ip('link set inner up')
        network.router.ip('route replace 10.1.0.0/17 via 10.2.0.1')
        seconds = stage.settled(HOLD)
        if any(peer.sessions != 1 for peer in stage.peers):
            raise Failed('a session did not live through it')
        return Row(ALL, seconds, HOLD)


@fault('a peer sends one octet at a time', quick=True)
def octets(network, binary):
    with Scene(network, binary, victim='passive true; listen 1790;') as stage:
        stage.victim.deafen()
        stage.wanted = set(prefixes(10, ROUTES))
        stage.announce(prefixes(10, ROUTES))
        since = stage.speaker.mark()
        begin = time.monotonic()
        connection = dial(stage.victim.address)
        nlri = '10.200.1.0/24'
        talk = wire.Peer.open(stage.victim.address, THEIRS, True) + wire.message(wire.KEEPALIVE)
        for octet in talk + announcement([nlri], stage.victim.address):
            connection.sendall(bytes([octet]))
            time.sleep(0.005)
        stage.speaker.wait('the route', lambda: stage.speaker.heard('ipv4 unicast', nlri, since), 2 * HOLD)
        seconds = time.monotonic() - begin
        stage.settled(HOLD, stage.bystanders)
        stage.undisturbed()
        connection.close()
        return Row(ALL, seconds, 2 * HOLD)


def dial(source, timeout=5):
    connection = socket.socket()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.settimeout(timeout)
    connection.bind((source, 0))
    connection.connect((ADDRESS, PORT))
    return connection


@fault('a peer never reads while 120,000 announcements are made')
def never_reads(network, binary):
    with Scene(network, binary) as stage:
        stage.begin()
        since = stage.speaker.mark()
        stage.victim.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stop = stage.victim
        stop.paused = True
        memory = resident(stage.pid)
        many = prefixes(20, 20_000)
        for _ in range(5):
            stage.announce(many)
            for prefix in many[::2]:
                stage.speaker.helper.sendall(f'withdraw route {prefix}\n'.encode())
        stage.announce(many)
        stage.settled(6 * HOLD, stage.bystanders)
        # its own hold timer is not ours: what ends the session is our hold timer, as nothing comes from it
        stage.speaker.wait_state('down', since, 4 * HOLD)
        grown = resident(stage.pid) - memory
        if grown > 200 << 20:
            raise Failed(f'{grown >> 20} MiB more memory')
        begin = time.monotonic()
        stop.paused = False
        seconds = stage.recovered(begin, 4 * HOLD + RETRY)
        stage.undisturbed()
        return Row(OTHERS, seconds, 4 * HOLD + RETRY)


def resident(pid):
    with open(f'/proc/{pid}/statm') as statm:
        return int(statm.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


@fault('RST in every state, each five times', quick=True)
def resets(network, binary):
    with Scene(network, binary, victim=f'passive true; listen {PORT};') as stage:
        stage.victim.deafen()
        stage.wanted = set(prefixes(10, ROUTES))
        stage.announce(prefixes(10, ROUTES))
        opened = wire.Peer.open(stage.victim.address, THEIRS, True)
        alive = wire.message(wire.KEEPALIVE)
        half = announcement(['10.200.1.0/24'], stage.victim.address)
        # before anything, within OPEN, after OPEN, established, within an UPDATE
        for sent in (b'', opened[:20], opened, opened + alive, opened + alive + half[:30]):
            for _ in range(5):
                try:
                    connection = dial(stage.victim.address)
                    connection.sendall(sent)
                    time.sleep(0.02)
                except OSError:
                    continue  # it is not taken during the back-off, which is as good
                reset(connection)
        begin = time.monotonic()
        end = begin + 60 + HOLD
        while True:
            try:
                connection = dial(stage.victim.address)
                connection.sendall(opened + alive)
                if established(connection):
                    break
            except (OSError, wire.Ended, TimeoutError):
                pass
            if time.monotonic() > end:
                raise Failed('no session after the last RST')
            time.sleep(0.2)
        seconds = time.monotonic() - begin
        stage.settled(HOLD, stage.bystanders)
        stage.undisturbed()
        connection.close()
        return Row(OTHERS, seconds, 60 + HOLD)


def established(connection):
    peer = wire.Peer.__new__(wire.Peer)
    peer.socket, peer.buffer = connection, b''
    end = time.monotonic() + 3
    while peer.receive(end)[0] != wire.KEEPALIVE:
        pass
    return True


@fault('a thousand connections of one peer at once, while we connect to it')
def simultaneous(network, binary):
    with Scene(network, binary, victim=f'listen {PORT}; connect {PORT};') as stage:
        stage.begin()
        files = descriptors(stage.pid)
        connections = []
        for _ in range(1000):
            connection = socket.socket()
            connection.setblocking(False)
            connection.bind((stage.victim.address, 0))
            connection.connect_ex((ADDRESS, PORT))
            connections.append(connection)
        opened = wire.Peer.open(stage.victim.address, THEIRS, True)
        for connection in connections:
            try:
                connection.send(opened)
            except OSError:
                pass
        begin = time.monotonic()
        stage.settled(HOLD, stage.bystanders)
        for connection in connections:
            connection.close()
        stage.settled(2 * HOLD + RETRY)
        seconds = time.monotonic() - begin
        wait_for('all descriptors given back', lambda: descriptors(stage.pid) <= files + 2, HOLD)
        stage.undisturbed()
        return Row('all sessions' if stage.victim.sessions == 1 else OTHERS, seconds, 2 * HOLD + RETRY)


def descriptors(pid):
    return len(os.listdir(f'/proc/{pid}/fd'))


@fault('10,000 strangers connect and stay')
def strangers(network, binary):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 12000:
        raise Skip('this process may not open 12,000 files')
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with Scene(network, binary, victim=f'listen {PORT}; connect {PORT};') as stage:
        stage.begin()
        begin = time.monotonic()
        connections = []
        for number in range(10_000):
            connection = socket.socket()
            connection.setblocking(False)
            connection.bind((f'10.1.{100 + number % 20}.{number // 20 % 250 + 1}', 0))
            connection.connect_ex((ADDRESS, PORT))
            connections.append(connection)
        stage.announce(prefixes(30, ROUTES))
        seconds = stage.settled(2 * HOLD)
        for connection in connections:
            connection.close()
        stage.undisturbed()
        if stage.victim.sessions != 1:
            raise Failed('the session did not live through it')
        return Row(ALL, min(seconds, time.monotonic() - begin), 2 * HOLD)


@fault('large packets vanish (MTU hole) until a session ends')
def mtu_hole(network, binary):
    network.without_offloads()
    with Scene(network, binary) as stage:
        stage.begin(10)
        since = stage.speaker.mark()
        # what the router sends to the peers is dropped on their side if it is larger than that
        ip('link set peers mtu 600')
        try:
            stage.announce(prefixes(30, 3000))
            stage.speaker.wait_state('down', since, 6 * HOLD)
        finally:
            ip('link set peers mtu 1500')
        seconds = stage.settled(4 * HOLD + 2 * RETRY)
        return Row('the daemon; no session can live', seconds, 4 * HOLD + 2 * RETRY)


@fault('the MD5 key of a peer changes on both sides', quick=True)
def key(network, binary):
    with Scene(network, binary, victim=f'connect {PORT}; md5-password "one";') as stage:
        sign(stage.victim.listener, 'one')
        stage.begin()
        reload = stage.text.replace('"one"', '"two"')
        begin = time.monotonic()
        sign(stage.victim.listener, 'two')
        stage.speaker.configure(reload)
        os.kill(stage.pid, signal.SIGUSR1)
        stage.victim.wait('the session with the new key', lambda: stage.victim.sessions >= 2, 2 * HOLD + RETRY)
        seconds = stage.recovered(begin, 2 * HOLD + RETRY)
        stage.undisturbed()
        return Row(OTHERS, seconds, 2 * HOLD + RETRY)


def sign(listener, password):
    """Sets the key that connections of the daemon must have (tcp_md5sig of linux/tcp.h)."""
    address = struct.pack('!HH4s', socket.AF_INET, 0, socket.inet_aton(ADDRESS))
    address = struct.pack('=H', socket.AF_INET) + address[2:]
    secret = password.encode()
    option = address.ljust(128, b'\0') + struct.pack('=BBHI', 0, 0, len(secret), 0) + secret.ljust(80, b'\0')
    listener.setsockopt(socket.IPPROTO_TCP, 14, option)


# ------------------------------------------------------------ helpers

HELPER = """\
process other {{ run {command}; encoder json; {options} }}
"""


def with_helper(script, options=''):
    """A process section; the script must do without double quotes."""
    return HELPER.format(command=f'/bin/sh -c "{script}"', options=options)


ATTACHED = f'connect {PORT}; api other {{ processes [ other ]; receive {{ parsed; update; }} }}'


@fault('a helper is killed four times within a second', quick=True)
def helper_killed(network, binary):
    extra = with_helper('echo announce route 10.250.0.0/24 next-hop self; exec sleep 1000')
    with Scene(network, binary, extra=extra) as stage:
        stage.begin()
        begin = time.monotonic()
        for _ in range(4):  # five within a minute are too many, by ExaBGP's rule
            for pid in sleeping(stage.pid):
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        stage.announce(prefixes(30, ROUTES))
        seconds = stage.settled(HOLD)
        stage.undisturbed()
        if stage.victim.sessions != 1:
            raise Failed('a session ended')
        return Row(ALL, min(seconds, time.monotonic() - begin), HOLD)


def sleeping(pid, name='sleep'):
    """Children of a process with that name."""
    found = []
    for child in open(f'/proc/{pid}/task/{pid}/children').read().split():
        try:
            with open(f'/proc/{child}/comm') as comm:
                if comm.read().strip() == name:
                    found.append(int(child))
        except OSError:
            pass
    return found


@fault('a helper is frozen, and its neighbor sends events', quick=True)
def helper_frozen(network, binary):
    extra = with_helper('exec sleep 1000')
    with Scene(network, binary, extra=extra, victim=ATTACHED) as stage:
        stage.begin()
        for pid in sleeping(stage.pid):
            os.kill(pid, signal.SIGSTOP)
        flood = announcement(prefixes(120, 5000), stage.victim.address)
        stage.victim.connection.settimeout(0.5)
        try:
            for _ in range(200):
                stage.victim.connection.sendall(flood)
        except TimeoutError:
            pass  # the daemon reads no more of it, as the helper reads nothing
        stage.announce(prefixes(30, ROUTES))
        seconds = stage.settled(HOLD, stage.bystanders)
        stage.undisturbed()
        return Row(ALL, seconds, HOLD)


@fault('a helper floods: endless nonsense, endless commands', quick=True)
def helper_floods(network, binary):
    extra = with_helper('exec yes nonsense') + with_helper(
        'exec yes announce route 10.251.0.0/24 next-hop self'
    ).replace('process other', 'process third')
    with Scene(network, binary, extra=extra) as stage:
        stage.begin()
        stage.announce(prefixes(30, ROUTES))
        seconds = stage.settled(2 * HOLD)
        time.sleep(HOLD / 3)
        stage.undisturbed()
        if stage.victim.sessions != 1:
            raise Failed('a session ended')
        return Row(ALL, seconds, 2 * HOLD)


@fault('a helper leaves two hundred processes behind', quick=True)
def helper_forks(network, binary):
    mark = str(70000 + os.getpid() % 10000)
    extra = with_helper(f'for i in $(seq 200); do sleep {mark} & done; wait')
    with Scene(network, binary, extra=extra) as stage:
        stage.begin()
        seconds = stage.settled(HOLD)
        stage.undisturbed()
        stage.speaker.stop()
        wait_for('no process is left behind', lambda: not left(mark), HOLD)
        return Row(ALL, seconds, HOLD)


def left(mark):
    found = []
    for path in glob.glob('/proc/[0-9]*/cmdline'):
        try:
            with open(path, 'rb') as file:
                if file.read() == f'sleep\0{mark}\0'.encode():
                    found.append(path)
        except OSError:
            pass
    return found


# ------------------------------------------------------------ the machine


@fault('no file descriptors are left', quick=True)
def no_descriptors(network, binary):
    with Scene(network, binary, victim=f'listen {PORT}; connect {PORT};') as stage:
        stage.begin()
        limit = descriptors(stage.pid) + 3
        subprocess.run(['prlimit', '--pid', str(stage.pid), f'--nofile={limit}:{limit + 1000}'], check=True)
        strangers = []
        for number in range(50):
            connection = socket.socket()
            connection.setblocking(False)
            connection.bind((stage.victim.address if number % 2 else f'10.1.9.{number + 1}', 0))
            connection.connect_ex((ADDRESS, PORT))
            strangers.append(connection)
        stage.announce(prefixes(30, ROUTES))
        stage.settled(HOLD, stage.bystanders)
        reset(stage.victim.connection)
        time.sleep(HOLD / 4)
        for connection in strangers:
            connection.close()
        subprocess.run(['prlimit', '--pid', str(stage.pid), f'--nofile={limit + 1000}:{limit + 1000}'], check=True)
        seconds = stage.recovered(time.monotonic(), HOLD + RETRY)
        stage.undisturbed()
        return Row(OTHERS, seconds, HOLD + RETRY)


@fault('memory runs out: the daemon ends and is started again, with a journal')
def no_memory(network, binary):
    extra = 'state { directory FOLDER/state; claim-time 600; }\n'
    with Scene(network, binary, extra=extra) as stage:
        os.makedirs(stage.lab.path('state'), exist_ok=True)
        stage.begin()
        stage.speaker.command('sync announce route 10.252.0.0/24 next-hop self')
        stage.wanted.add('10.252.0.0/24')
        with open(f'/proc/{stage.pid}/status') as status:
            size = next(int(line.split()[1]) for line in status if line.startswith('VmSize')) << 10
        subprocess.run(['prlimit', '--pid', str(stage.pid), f'--as={size + (8 << 20)}'], check=True)
        acknowledged = set(stage.wanted)
        try:
            stage.announce(prefixes(150, 20_000))
            for number in range(100_000):
                prefix = f'10.{180 + number // 65536}.{number // 256 % 256}.{number % 256}/32'
                stage.speaker.helper.sendall(f'announce route {prefix} next-hop self med {number}\n'.encode())
        except (OSError, AttributeError):
            pass
        wait_for('the daemon ends', lambda: stage.speaker.process.poll() is not None, 6 * HOLD)
        begin = time.monotonic()
        stage.lab.processes.pop('oxabgp')
        stage.spawn()
        for peer in stage.peers:
            peer.wait('its routes', lambda peer=peer: peer.up and acknowledged <= peer.routes, HOLD + RETRY)
        return Row('nothing; the journal has every acknowledged route', time.monotonic() - begin, HOLD + RETRY)


@fault('the disk of log, journal and archive is full', quick=True)
def disk_full(network, binary):
    folder = f'/tmp/oxabgp-full-{os.getpid()}'
    os.makedirs(folder)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m,mode=777', 'tmpfs', folder], check=True)
    try:
        extra = f'state {{ directory {folder}; claim-time 600; }}\n'
        extra += f'mrt {{ updates {{ file "{folder}/updates.%Y%m%d.%H%M"; }} }}\n'
        env = {'exabgp_log_destination': f'{folder}/log', 'exabgp_log_level': 'DEBUG'}
        with Scene(network, binary, extra=extra, env=env) as stage:
            stage.begin()
            try:
                with open(f'{folder}/filler', 'wb', buffering=0) as filler:
                    while filler.write(bytes(4096)):
                        pass
            except OSError:
                pass  # full, which is the point
            stage.announce(prefixes(20, 2000))
            seconds = stage.settled(HOLD)
            subprocess.run(['mount', '-o', 'remount,size=8m', folder], check=True)
            stage.announce(prefixes(30, ROUTES))
            stage.settled(HOLD)
            stage.undisturbed()
            if stage.victim.sessions != 1:
                raise Failed('a session ended')
            return Row(ALL, seconds, HOLD)
    finally:
        subprocess.run(['umount', '-l', folder], check=False)
        os.rmdir(folder)


@fault('the log is a named pipe that nobody reads', quick=True)
def log_pipe(network, binary):
    path = f'/tmp/oxabgp-pipe-{os.getpid()}'
    os.mkfifo(path)
    try:
        env = {'exabgp_log_destination': path, 'exabgp_log_level': 'DEBUG', 'exabgp_log_all': 'true'}
        with Scene(network, binary, env=env) as stage:
            stage.begin()
            stage.announce(prefixes(20, 2000))
            seconds = stage.settled(HOLD)
            stage.undisturbed()
            return Row(ALL, seconds, HOLD)
    finally:
        os.unlink(path)


FAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1'


@fault('the clock jumps a day ahead and two days back')
def clock(network, binary):
    if not os.path.exists(FAKETIME):
        raise Skip('libfaketime is not installed')
    path = f'/tmp/oxabgp-clock-{os.getpid()}'

    def jump(offset):
        with open(path + '.new', 'w') as file:
            file.write(offset)
        os.rename(path + '.new', path)

    jump('+0')
    env = {'LD_PRELOAD': FAKETIME, 'FAKETIME_TIMESTAMP_FILE': path, 'FAKETIME_NO_CACHE': '1',
           'DONT_FAKE_MONOTONIC': '1', 'FAKETIME_DONT_FAKE_MONOTONIC': '1'}  # fmt: skip
    try:
        with Scene(network, binary, env=env) as stage:
            stage.begin()
            for offset in ('+86400', '-86400', '+0'):
                jump(offset)
                stage.speaker.ask('nonsense')  # the log has a line of each day
                time.sleep(HOLD / 2)
            stage.announce(prefixes(30, ROUTES))
            seconds = stage.settled(HOLD)
            stage.undisturbed()
            if stage.victim.sessions != 1:
                raise Failed('a session ended')
            days = {line[:10] for line in stage.lab.log('oxabgp').splitlines() if line[4:5] == '-'}
            if len(days) < 2:
                raise Skip('libfaketime does not reach the clock of this program')
            return Row(ALL, seconds, HOLD)
    finally:
        os.unlink(path)


@fault('the daemon is stopped for twice the hold time')
def stopped(network, binary):
    with Scene(network, binary) as stage:
        stage.begin()
        os.kill(stage.pid, signal.SIGSTOP)
        time.sleep(HOLD)
        for peer in stage.peers:  # their hold timers
            peer.connection.shutdown(socket.SHUT_RDWR)
        time.sleep(HOLD)
        os.kill(stage.pid, signal.SIGCONT)
        begin = time.monotonic()
        for peer in stage.peers:
            peer.wait('a second session', lambda peer=peer: peer.sessions >= 2 and peer.up, HOLD + RETRY)
        stage.settled(HOLD + RETRY)
        return Row('nothing; every peer has every route again', time.monotonic() - begin, HOLD + RETRY)

