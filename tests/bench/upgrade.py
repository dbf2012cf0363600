#!/usr/bin/env python3
"""An upgrade under load: a daemon with many peers and a full table executes its program again.

    tests/bench/upgrade.py [PEERS [ROUTES]]      100 peers and 1,000,000 routes, if not given

OXABGP is the program, by default target/release/oxabgp. Fails if a peer is sent a NOTIFICATION, loses its connection, or is sent
anything twice, if the helper is started again, or if the daemon was away for as long as the smallest hold time (3 s, RFC 4271
section 4.2): each peer is sent a KEEPALIVE just before. Away means from the first session that is held, through the collection of
the state, until the next process has continued with all.
"""

import os
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import daemons  # noqa: E402
import load  # noqa: E402

OXABGP = os.environ.get('OXABGP', os.path.join(HERE, '..', '..', 'target', 'release', 'oxabgp'))
MORE = 6_000
LIMIT = 600
SMALLEST_HOLD = 3


def wait_for(what, is_so, *processes):
    daemons.wait_for(f'upgrade: {what}', is_so, LIMIT, *processes)


def main():
    peers, routes = (int(word) for word in [*sys.argv[1:], *['100', '1000000'][len(sys.argv) - 1:]])
    with tempfile.TemporaryDirectory() as folder:
        place = lambda name: os.path.join(folder, name)  # noqa: E731
        port = 11790
        helper = f'{sys.executable} {HERE}/load.py announce {routes} {load.GROUP} {MORE} {place("go")} {place("more")}'
        text = f'process load {{ run {helper}; encoder json; }}\n' + daemons.neighbors(peers, port)
        with open(place('conf'), 'w') as file:
            file.write(text)
        env = daemons.environment(folder)
        words = [str(word) for word in (peers, port, routes, MORE, '-', place('out'))]
        sink = subprocess.Popen([daemons.compiled('sink'), *words])
        wait_for('the peers listen', lambda: os.path.exists(place('out') + '.listening'), sink)
        with open(place('log'), 'w') as log:
            daemon = subprocess.Popen([OXABGP, 'server', place('conf')], env=env, stderr=log, stdout=log)
        try:
            wait_for('every session', lambda: os.path.exists(place('out') + '.up'), sink, daemon)
            open(place('go'), 'w').close()
            wait_for('every route at every peer', lambda: os.path.exists(place('out') + '.loaded'), sink, daemon)
            begin = time.monotonic()
            answer = subprocess.run([OXABGP, 'run', 'upgrade'], env=env, capture_output=True, text=True)
            took = time.monotonic() - begin
            if answer.returncode:
                sys.exit(f'upgrade: refused: {answer.stderr}')
            open(place('more'), 'w').close()
            wait_for('the routes that came afterwards', lambda: os.path.exists(place('out')), sink, daemon)
            log = open(place('log')).read()
            if log.count('the helper is started') != 1:
                sys.exit('upgrade: the helper was started again')
            handed = re.search(r'bytes=(\d+) milliseconds=(\d+)', log)
            if not handed:
                sys.exit('upgrade: the log does not report what was handed over')
            size, collecting = int(handed[1]) / 1e6, int(handed[2]) / 1e3
            stamps = re.findall(r'(\d\d):(\d\d):([\d.]+).*?(continuing as another process|oxabgp \S+ is running)', log)
            seconds = [int(h) * 3600 + int(m) * 60 + float(s) for h, m, s, _ in stamps]
            if len(seconds) < 3:
                sys.exit('upgrade: the log does not report both processes')
            away = collecting + seconds[-1] - seconds[-2]
            print(f'{peers} peers, {routes} routes: upgraded in {took:.2f} s, away for {away:.2f} s '
                  f'(of which {collecting:.2f} s to collect the state), {size:.1f} MB handed over')
            return 0 if away < SMALLEST_HOLD else 1
        finally:
            daemon.terminate()
            daemon.wait(30)
            sink.kill()


if __name__ == '__main__':
    sys.exit(main())
