"""The named pipes: each program's client speaks with the other's daemon."""

import os
import shlex
import subprocess
import sys

from checks import Checks
from exabgp import EXABGP
from lab import Failed, Skip, user, wait_for
from speaker import OXABGP, STAND_IN

NAME = 'oxabgp-interop'
PREFIX = '203.0.113.0/24'


class Cli(Checks):
    def __init__(self):
        super().__init__('exabgp cli')

    def prepare(self):
        if STAND_IN or not os.path.exists(EXABGP):
            raise Skip('ExaBGP is not in tests/.venv: `tests/run setup` installs it')
        self.root = self.lab.path('root')
        folder = os.path.join(self.root, 'run', 'exabgp')
        os.makedirs(folder)
        for end in ('in', 'out'):
            os.mkfifo(os.path.join(folder, f'{NAME}.{end}'), 0o600)
        self.env = {
            'EXABGP_ROOT': self.root,
            'exabgp_api_pipename': NAME,
            'oxabgp_api_socketpath': self.lab.path('control.sock'),
            'exabgp_daemon_user': user(),
        }
        self.port = self.lab.port('127.0.0.1')
        self.config = self.lab.write(
            'one.conf',
            f'neighbor 127.0.0.1 {{ router-id 10.0.0.1; local-address 127.0.0.1; local-as 65001; peer-as 65000; '
            f'connect {self.port}; family {{ ipv4 unicast; }} '
            f'static {{ route {PREFIX} next-hop 192.0.2.1; }} }}\n',
        )

    def scenarios(self):
        return [self.their_client, self.our_client]

    def ask(self, client, *words):
        """The exit code, stdout and stderr of one call."""
        done = subprocess.run(
            [*client, *words], env={**os.environ, **self.env}, capture_output=True, text=True, timeout=30
        )
        return done.returncode, done.stdout, done.stderr

    def expect(self, client, words, wanted, complaint=''):
        code, out, err = self.ask(client, *words)
        if code != 0 or wanted not in out or complaint not in err:
            raise Failed(f'{" ".join(words)}: {code} {out!r} {err!r}')

    def their_client(self):
        client = [EXABGP + '-cli']

        def talk():
            self.lab.spawn('oxabgp', [*shlex.split(OXABGP), 'server', self.config], self.env)
            wait_for('the pipes are open', lambda: 'to read responses' in self.lab.log('oxabgp'))
            wait_for('it runs', lambda: 'is running' in self.lab.log('oxabgp'))
            self.expect(client, ['version'], 'exabgp 5.0.15\n')
            self.expect(client, ['s', 'n', 's'], 'command: show neighbor summary\nPeer ')
            self.expect(client, ['show', 'adj-rib', 'out'], PREFIX)

        def mistakes():
            for _ in range(2):
                self.expect(client, ['nonsense'], '', 'ExaBGP returns an error')
                self.expect(client, ['announce', 'route', '192.0.2.0/24', 'next-hop', '192.0.2.1'], '')
            self.expect(client, ['show', 'adj-rib', 'out'], '192.0.2.0/24')
            self.expect(client, ['shutdown'], 'shutdown in progress\n')
            wait_for('it ends', lambda: self.lab.processes['oxabgp'].poll() is not None)
            self.lab.stop('oxabgp')

        yield 'its client with our daemon: answers', talk
        yield 'its client with our daemon: errors, and the end', mistakes

    def our_client(self):
        client = [*shlex.split(OXABGP), 'cli', '--pipename', NAME]

        def talk():
            self.lab.spawn('theirs', [EXABGP, 'server', self.config], self.env)
            wait_for('the pipes are open', lambda: 'loaded new configuration' in self.lab.log('theirs'))
            # On a busy machine it takes longer than a client waits.
            wait_for('it answers', lambda: self.ask(client, 'version')[0] == 0)
            self.expect(client, ['version'], 'exabgp 5.0.15\n')
            self.expect(client, ['s', 'a', 'o'], PREFIX)
            self.expect(client, ['nonsense'], '', 'ExaBGP returns an error')
            self.lab.stop('theirs')

        yield 'our client with its daemon', talk


if __name__ == '__main__':
    sys.exit(Cli().run())
