"""The command `tests/interop/faults`."""

import argparse
import os
import shutil
import sys
import time
import traceback

from lab import Failed, Skip

HERE = os.path.dirname(os.path.abspath(__file__))
INSIDE = 'OXABGP_FAULTS_INSIDE'


def main():
    parser = argparse.ArgumentParser(prog='tests/interop/faults', description=__doc__)
    parser.add_argument('--quick', action='store_true', help='only those that take few seconds')
    parser.add_argument('--only', metavar='WORD', help='only faults whose name contains this')
    given = parser.parse_args()
    binary = os.path.abspath(os.environ.get('OXABGP', os.path.join(HERE, '../../../target/release/oxabgp')))
    if not os.path.exists(binary):
        print(f'FAIL faults: {binary} is not there: `cargo build --release` makes it')
        return 1
    if os.getuid() != 0 or not shutil.which('unshare') or not shutil.which('nsenter'):
        print('SKIP faults: network namespaces need root, unshare and nsenter')
        return 77
    if not os.environ.get(INSIDE):
        os.environ[INSIDE] = '1'
        os.execvp('unshare', ['unshare', '--net', sys.executable, *sys.argv])
    import faults
    from stage import Network

    network, rows, code = Network(), [], 0
    try:
        for name, quick, function in faults.TABLE:
            if given.quick and not quick or given.only and given.only not in name:
                continue
            begin = time.monotonic()
            try:
                row = function(network, binary)
                if row.seconds > row.bound:
                    raise Failed(f'{row.seconds:.1f} s to recover, more than {row.bound}')
                rows.append((name, row))
                print(f'ok   faults: {name} ({time.monotonic() - begin:.1f} s)', flush=True)
            except Skip as why:
                print(f'SKIP faults: {name}: {why}', flush=True)
            except Exception as why:
                code = 1
                print(f'FAIL faults: {name}: {why or type(why).__name__}', flush=True)
                if not isinstance(why, Failed):
                    traceback.print_exc(file=sys.stdout)
    finally:
        network.close()
    print('\n| fault | stayed up | lost | recovered in | at most |\n|---|---|---|---:|---:|')
    for name, row in rows:
        seconds = f'{row.seconds:.1f} s' if row.seconds >= 0.1 else 'at once'
        print(f'| {name} | {row.kept} | nothing | {seconds} | {row.bound:g} s |')
    return code
