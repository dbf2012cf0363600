#!/usr/bin/env python3
"""The speed of `oxabgp stream` beside bgpreader, bgpdump and bgpkit-parser, as far as they are installed.

    tests/bench/stream.py [FOLDER]       FOLDER has real archives, by default ../shared/mrt

CPU seconds (user and system, all threads) and seconds from start to end: the least of several rounds, in which the programs
take turns, since the machine may be shared. Peak memory: the most. The ratio is that to bgpreader's text of the same archive,
compressed if it was measured so: 1 is its time for all elems, whatever the row asks for. It is of CPU seconds, but of seconds
from start to end where the row says "wall". Where bgpreader is missing, its time is an estimate, marked `~`: bgpdump's divided
by 1.93 for updates and by 2.5 for tables, the quotients of both programs measured on one machine with other archives.

Environment: OXABGP  the program, by default target/release/oxabgp
             ROUNDS  default 5
             SCALE   how often the update file is repeated, default 20
"""

import gzip
import os
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OXABGP = shlex.split(os.environ.get('OXABGP', os.path.join(ROOT, 'target', 'release', 'oxabgp')))
ROUNDS = int(os.environ.get('ROUNDS', '5'))
SCALE = int(os.environ.get('SCALE', '20'))
UPDATES = 'updates.20160811.1600.gz'
ROUTES = 642_000


def measure(command):
    """CPU seconds, seconds from start to end, and peak memory in MiB of one run."""
    with open(os.devnull, 'w') as nothing:
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=nothing, stderr=nothing)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f'{shlex.join(command)}: exit code {process.returncode}')
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024


def records(data):
    at = 0
    while at + 12 <= len(data):
        seconds, kind, subtype, length = struct.unpack_from('>IHHI', data, at)
        yield seconds, kind, subtype, data[at + 12 : at + 12 + length]
        at += 12 + length


def routes(data):
    """Attributes and IPv4 prefixes of the updates with four-octet AS numbers."""
    for _, kind, subtype, body in records(data):
        if (kind, subtype) != (16, 4) or body[10:12] != b'\0\1' or body[20 + 18] != 2:
            continue
        message = body[20 + 19 :]
        withdrawn = struct.unpack_from('>H', message)[0]
        length = struct.unpack_from('>H', message, 2 + withdrawn)[0]
        attributes, nlri = message[4 + withdrawn : 4 + withdrawn + length], message[4 + withdrawn + length :]
        while nlri:
            size = 1 + (nlri[0] + 7) // 8
            yield attributes, nlri[:size]
            nlri = nlri[size:]


def table(data):
    """A table of TABLE_DUMP_V2 with the attributes of real updates: 642,000 routes of six peers."""
    peers = b''.join(b'\2' + struct.pack('>III', 1, 0xC0000200 + n, 64500 + n) for n in range(6))
    out = [struct.pack('>IHHI', 1, 13, 1, 8 + len(peers)), struct.pack('>IHH', 1, 0, 6), peers]
    known = list(dict.fromkeys(attributes for attributes, _ in routes(data)))
    for sequence in range(ROUTES // 6):
        prefix = bytes([24]) + struct.pack('>I', 0x01000000 + (sequence << 8))[:3]
        # As in a real table, neighbouring prefixes share their attributes.
        entries = b''
        for peer in range(6):
            attributes = known[(sequence // 6 * 7 + peer * 131) % len(known)]
            entries += struct.pack('>HIH', peer, 1, len(attributes)) + attributes
        body = struct.pack('>I', sequence) + prefix + struct.pack('>H', 6) + entries
        out += [struct.pack('>IHHI', 1, 13, 2, len(body)), body]
    return b''.join(out)


class Bench:
    def __init__(self, folder, place):
        self.folder, self.place = folder, place
        self.plain, self.packed, self.table = (os.path.join(place, name) for name in ('updates', 'updates.gz', 'rib'))
        self.parts = [os.path.join(place, f'part{number:02}') for number in range(24)]

    def prepare(self):
        with gzip.open(os.path.join(self.folder, UPDATES)) as file:
            data = file.read()
        self.write('updates', data * SCALE)
        self.write('updates.gz', gzip.compress(data * SCALE, 6))
        self.write('rib', table(data))
        for number in range(24):
            # The same records, each part some microseconds and seconds later.
            moved = b''.join(
                struct.pack('>IHHI', seconds + number, kind, subtype, len(body)) + body
                for seconds, kind, subtype, body in records(data)
            )
            self.write(f'part{number:02}', moved)
            self.write(f'part{number:02}.gz', gzip.compress(moved, 6))

    def write(self, name, data):
        path = os.path.join(self.place, name)
        with open(path, 'wb') as file:
            file.write(data)
        return path

    def work(self):
        """Name, what bgpdump needs of bgpreader's time, wanted ratio, our options, those of the others."""
        regex = '^(12|34).*56 .*8$'
        reader = ['bgpreader', '-d', 'singlefile', '-e', '-o']
        updates, packed, rib = (f'upd-file={self.plain}', f'upd-file={self.packed}', f'rib-file={self.table}')
        kit = ['bgpkit-parser']
        yield 'updates, gzip, text', 1.93, 0.2, [self.packed], {
            'bgpdump': ['bgpdump', '-m', self.packed],
            'bgpreader': [*reader, packed],
            'bgpkit': [*kit, self.packed],
        }
        yield 'updates, plain, text', 1.93, 0.2, [self.plain], {
            'bgpdump': ['bgpdump', '-m', self.plain],
            'bgpreader': [*reader, updates],
            'bgpkit': [*kit, self.plain],
        }
        base = {'bgpdump': ['bgpdump', '-m', self.packed], 'bgpreader': [*reader, packed]}
        yield 'updates, plain, one prefix', 1.93, 0.03, ['-k', '192.0.2.0/24', self.plain], base | {
            'bgpreader -k': [*reader, updates, '-k', '192.0.2.0/24']
        }
        yield 'updates, plain, one regex', 1.93, 0.08, ['-A', regex, self.plain], base | {
            'bgpreader -A': [*reader, updates, '-A', regex]
        }
        yield 'updates, plain, count', 1.93, 0.1, ['--count', self.plain], base | {
            'bgpkit -e': [*kit, '-e', self.plain]
        }
        yield 'table, 642,000 routes, text', 2.5, 0.2, [self.table], {
            'bgpdump': ['bgpdump', '-m', self.table],
            'bgpreader': [*reader, rib],
            'bgpkit': [*kit, self.table],
        }
        for form, parts in ('plain', self.parts), ('gzip', [f'{part}.gz' for part in self.parts]):
            rows = (f'{part},test,updates,c{n},1470931200,900,1470931200\n' for n, part in enumerate(parts))
            lists = self.write(f'{form}.csv', ''.join(rows).encode())
            # bgpdump does not merge: its time for the files one after the other stands in.
            each = 'for f in ' + ' '.join(parts) + '; do bgpdump -m $f; done'
            yield f'24 files merged, {form}, text, wall', 1.93, 0.12, parts, {
                'bgpdump': ['sh', '-c', each],
                'bgpreader': ['bgpreader', '-d', 'csvfile', '-e', '-o', f'csv-file={lists}'],
            }

    def run(self):
        print(f'{"":28} {"CPU s":>8} {"wall s":>8} {"MiB":>6}  {"ratio":>7} {"wanted":>6}')
        for name, share, wanted, own, others in self.work():
            commands = {'oxabgp': [*OXABGP, 'stream', '--no-progress', *own]}
            commands |= {tool: command for tool, command in others.items() if shutil.which(command[0])}
            rounds = {tool: [] for tool in commands}
            for _ in range(ROUNDS):
                for tool, command in commands.items():
                    rounds[tool].append(measure(command))
            column = 1 if name.endswith('wall') else 0
            best = {tool: [min(one[n] for one in runs) for n in (0, 1)] for tool, runs in rounds.items()}
            if 'bgpreader' in best:
                reader, mark = best['bgpreader'][column], ' '
            else:
                reader, mark = best.get('bgpdump', (0, 0))[column] / share, '~'
            print(name)
            for tool, seconds in best.items():
                ratio = f'{mark}{seconds[column] / reader:6.3f}' if reader else '      -'
                goal = f'{wanted:6.2f}' if tool == 'oxabgp' else ''
                memory = max(one[2] for one in rounds[tool])
                print(f'  {tool:26} {seconds[0]:8.3f} {seconds[1]:8.3f} {memory:6.1f}  {ratio} {goal}', flush=True)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, '..', 'shared', 'mrt')
    if not os.path.exists(os.path.join(folder, UPDATES)):
        folder = os.path.join(ROOT, '..', '..', 'shared', 'mrt')
    if not os.path.exists(os.path.join(folder, UPDATES)):
        sys.exit(f'SKIP: {UPDATES} is not there')
    missing = [tool for tool in ('bgpreader', 'bgpdump', 'bgpkit-parser') if not shutil.which(tool)]
    if missing:
        print(f'not installed: {", ".join(missing)}')
    with tempfile.TemporaryDirectory() as place:
        # In a process of its own: what a process had in memory before it started another program counts as that one's peak.
        if (child := os.fork()) == 0:
            Bench(folder, place).prepare()
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            sys.exit('the files could not be made')
        Bench(folder, place).run()


if __name__ == '__main__':
    main()
