#!/usr/bin/env python3
"""The speed of `oxabgp replay` beside that of a helper whose lines a daemon announces (`inject` of tests/bench/compare).

    tests/bench/replay.py [PROGRAM ...]     programs to compare, by default target/release/oxabgp

Seconds until the last prefix is at the peer: from the peer's OPEN for `replay`, from the helper's first line for `inject`; CPU
seconds and peak memory of the program. Programs take turns; the least of the rounds is printed.

Environment: ROUTES  default 1,000,000
             ROUNDS  default 5
"""

import importlib.machinery
import importlib.util
import os
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import daemons  # noqa: E402
import load  # noqa: E402

loader = importlib.machinery.SourceFileLoader('compare', str(HERE / 'compare'))
compare = importlib.util.module_from_spec(importlib.util.spec_from_loader('compare', loader))
sys.modules['compare'] = compare
loader.exec_module(compare)

ROUTES = int(os.environ.get('ROUTES', '1000000'))
ROUNDS = int(os.environ.get('ROUNDS', '5'))
LIMIT = 120


class Replay:
    """An archive that is replayed into a session."""

    def __init__(self, program, archive):
        self.program, self.archive = program, archive

    def begin(self, run, plan):
        command = [self.program, 'replay', self.archive, '--speed', 'max', '--local-as', '65000', '--peer', plan.peers[0],
                   '--port', str(plan.port), '--router-id', '10.0.0.1', '--as-path', 'keep', '--family', 'ipv4 unicast']
        # Nothing is injected before the peer comes: that is over at once.
        return run.start(command), lambda: pathlib.Path(run.path('go.start')).touch(), lambda: None


def main():
    programs = sys.argv[1:] or [str(HERE.parent.parent / 'target' / 'release' / 'oxabgp')]
    best = {}
    with compare.Run() as run:
        archive = run.path('table.mrt')
        with open(archive, 'wb') as out:
            out.writelines(load.archive(ROUTES))
        os.chmod(archive, 0o644)
        port = 20_179
        for _ in range(ROUNDS):
            for program in programs:
                for what in ('inject', 'replay'):
                    port += 1
                    plan = compare.Plan(port, ROUTES)
                    deadline = time.monotonic() + LIMIT
                    daemon = Replay(program, archive) if what == 'replay' else daemons.Helpers('', [program])
                    row = compare.table(daemon, plan, deadline, joins=what == 'replay')
                    row = row['wall_s'], row['cpu_s'], row['peak'] / 1e6
                    best[program, what] = tuple(map(min, row, best.get((program, what), row)))
    for (program, what), (wall, cpu, peak) in best.items():
        print(f'{program} {what:8} {wall:6.3f} s  CPU {cpu:5.2f} s  peak {peak:6.1f} MB')


if __name__ == '__main__':
    main()
