"""The command `tests/interop/matrix`: plays every case to every program, judges, and writes the table."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time

import cases
import daemons
import judge
import play
import table
from lab import Failed, Lab, Skip

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = os.path.normpath(os.path.join(HERE, '..', 'matrix.md'))
INSIDE = 'OXABGP_MATRIX_INSIDE'


def enter_namespace():
    """Starts this program again in a network of its own, so that it meets nobody and nobody meets it."""
    if os.environ.get(INSIDE):
        return
    if os.getuid() != 0 or not shutil.which('unshare') or not shutil.which('nsenter'):
        print('SKIP matrix: network namespaces need root, unshare and nsenter')
        sys.exit(77)
    os.environ[INSIDE] = '1'
    os.execvp('unshare', ['unshare', '--net', sys.executable, *sys.argv])


class Network:
    """Our namespace with the peers, another with the programs, and a link between them."""

    def __init__(self):
        self.other = subprocess.Popen(['unshare', '--net', 'sleep', 'infinity'])
        pid = self.other.pid
        self.enter = ['nsenter', '--target', str(pid), '--net']
        while os.readlink(f'/proc/{pid}/ns/net') == os.readlink('/proc/self/ns/net'):
            time.sleep(0.01)
        here = (
            'link set lo up',
            'link add peers type veth peer name daemons',
            f'link set daemons netns {pid}',
            'addr add 10.1.0.254/16 dev peers',
            'addr add 2001:db8:1::77/64 dev peers nodad',
            'link set peers up',
            'route add local 10.1.0.0/17 dev lo',  # every address of a peer
        )
        there = ['link set lo up', 'link set daemons up', 'addr add 2001:db8:1::255/64 dev daemons nodad']
        there += [f'addr add 10.1.255.{each.number}/16 dev daemons' for each in daemons.PROGRAMS]
        for line in here:
            subprocess.run(['ip', *line.split()], check=True)
        for line in there:
            subprocess.run([*self.enter, 'ip', *line.split()], check=True)

    def close(self):
        self.other.kill()
        self.other.wait()


def played(kind, network, chosen):
    """What became of the cases, played to one program."""
    lab, begin = Lab(kind.name), time.monotonic()
    try:
        program = kind(lab, network.enter)
        program.start()
        program.watch()
        results = play.play(program, chosen)
    finally:
        lab.close()
    agreed = sum(table.agrees(kind.title, *cell, outcome) for cell, outcome in results.items())
    print(f'{kind.name}: {len(results)} cells in {time.monotonic() - begin:.0f} s, {agreed} as the RFCs ask', flush=True)
    return results


def verdict(kind, results):
    """One line for the test command; the exit code."""
    wrong = [
        f'{case.label} ({session.name}): {outcome}, not {" or ".join(judge.allowed(case, session))}'
        for (case, session), outcome in results.items()
        if not judge.agrees(outcome, judge.allowed(case, session))
    ]
    if wrong:
        print(f'FAIL matrix: {len(wrong)} of {len(results)} cells of {kind.title} are not what the RFCs ask')
        print('\n'.join(f'  {line}' for line in wrong[:40]))
        return 1
    print(f'ok   matrix: {len(results)} cells of {kind.title} are what the RFCs ask')
    return 0


def main():
    parser = argparse.ArgumentParser(prog='tests/interop/matrix', description=__doc__)
    parser.add_argument('--only', metavar='NAME', help='one program: oxabgp, bird, frr, gobgp, openbgpd or exabgp')
    parser.add_argument('--cases', metavar='WORD', help='only cases whose name contains this')
    parser.add_argument('--write', action='store_true', help=f'write {os.path.relpath(TABLE)}')
    parser.add_argument('--json', metavar='FILE', help='write every cell')
    given = parser.parse_args()
    if given.write and (given.only or given.cases):
        parser.error('the table needs every program and every case')
    os.environ.setdefault('OXABGP', os.path.join(HERE, '../../../target/release/oxabgp'))
    daemons.Oxabgp.binary = os.environ['OXABGP'] = os.path.abspath(os.environ['OXABGP'])
    if not os.path.exists(daemons.Oxabgp.binary):
        print(f'FAIL matrix: {daemons.Oxabgp.binary} is not there: `cargo build --release` makes it')
        return 1
    enter_namespace()
    chosen = [case for case in cases.every() if not given.cases or given.cases in case.label]
    network, found, code = Network(), {}, 0
    try:
        for kind in daemons.PROGRAMS:
            if given.only and not kind.name.startswith(given.only):
                continue
            try:
                results = played(kind, network, chosen)
            except Skip as why:
                print(f'SKIP matrix: {kind.title}: {why}')
                continue
            except Failed as why:
                print(f'FAIL matrix: {kind.title}: {why}')
                code = 1
                continue
            found.setdefault(kind.title, {}).update(results)
            if kind is daemons.Oxabgp:
                code |= verdict(kind, results)
    finally:
        network.close()
    if given.json:
        cells = {title: {f'{case.label} | {kind.name}': cell for (case, kind), cell in results.items()}
                 for title, results in found.items()}  # fmt: skip
        with open(given.json, 'w') as file:
            json.dump(cells, file, indent=1)
    if given.write:
        with open(TABLE, 'w') as file:
            file.write(table.text(chosen, found))
    return code
