"""The program under test, with one helper which the test plays."""

import json
import os
import shlex
import socket
import subprocess
import sys
import threading
import time

from lab import PATIENCE, Failed, user

HERE = os.path.dirname(os.path.abspath(__file__))
OXABGP = os.environ.get('OXABGP', os.path.join(HERE, '..', '..', '..', 'target', 'release', 'oxabgp'))
STAND_IN = bool(os.environ.get('OXABGP_STAND_IN'))  # it is ExaBGP itself: what only oxabgp does is not asked of it

PROCESS = """\
process test {{
  run {python} {helper} {socket};
  encoder json;
}}
"""
NEIGHBOR = """\
neighbor {peer} {{
  router-id {router_id};
  local-address {address};
  local-as {asn};
  peer-as {peer_asn};
  hold-time 30;
  {options}
  family {{ {families} }}
  api {{
    processes [ test ];
    neighbor-changes;
    receive {{ parsed; open; update; notification; }}
    send {{ parsed; notification; }}
  }}
}}
"""


def neighbor(address, peer, asn, peer_asn, options='', families='ipv4 unicast; ipv6 unicast;'):
    """A neighbour whose helper is the test."""
    return NEIGHBOR.format(
        router_id='10.0.0.18' if ':' in address else address.replace('127.', '10.'),
        address=address,
        peer=peer,
        asn=asn,
        peer_asn=peer_asn,
        options=options,
        families=families,
    )


class Speaker:
    """A process with its helper. Events are kept from the start of the test on; `mark()` tells where we are, for the
    `since` of questions, which are about its only neighbour."""

    def __init__(self, lab, name, neighbors, program=OXABGP):
        self.lab, self.name, self.program = lab, name, program
        self.socket = lab.path(f'{name}.sock')
        self.configure(neighbors)
        self.events, self.replies, self.helper, self.broken = [], [], None, ''
        self.changed = threading.Condition()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.socket)
        self.listener.listen()
        lab.closers.append(self.close)
        threading.Thread(target=self.accept, daemon=True).start()

    # ------------------------------------------------------------ process

    def configure(self, neighbors):
        """Writes the configuration for the next start."""
        process = PROCESS.format(python=sys.executable, helper=os.path.join(HERE, 'helper.py'), socket=self.socket)
        self.config = self.lab.write(f'{self.name}.conf', process + neighbors)

    def start(self, control=False):
        """Starts it, with a control socket for operators if that is wanted."""
        env = {
            'exabgp_api_cli': 'false',
            'exabgp_daemon_user': user(),
            'exabgp_log_destination': 'stderr',
            'exabgp_log_level': 'INFO',
            'exabgp_tcp_bind': '',
        }
        if control:
            env |= {'exabgp_api_cli': 'true', 'oxabgp_api_socketpath': self.lab.path(f'{self.name}.control')}
        self.process = self.lab.spawn(self.name, [*shlex.split(self.program), 'server', self.config], env)
        self.wait(f'{self.name}: the helper is there', lambda: self.helper)
        return self

    def stop(self):
        """Ends the daemon with SIGTERM, which must be an orderly end."""
        helper = self.helper
        if code := self.lab.stop(self.name):
            raise Failed(f'{self.name}: exit code {code} after SIGTERM')
        self.wait(f'{self.name}: the helper has ended', lambda: self.helper is not helper)

    def operate(self, *words):
        """Runs a command as an operator, who is answered when it is carried out."""
        place = {'oxabgp_api_socketpath': self.lab.path(f'{self.name}.control')}
        command = [*shlex.split(self.program), 'run', *words]
        return subprocess.run(command, env=os.environ | place, capture_output=True, text=True, timeout=60)

    def log(self):
        return self.lab.log(self.name)

    def record(self):
        """All that the helper was told."""
        with open(f'{self.socket}.txt') as record:
            return record.read()

    # ------------------------------------------------------------ helper

    def accept(self):
        while True:
            try:
                helper, _ = self.listener.accept()
            except OSError:
                return  # closed
            with self.changed:
                self.helper = helper
                self.changed.notify_all()
            self.read(helper)
            with self.changed:
                self.helper = None
                self.changed.notify_all()

    def read(self, helper):
        with helper, helper.makefile('r', errors='replace') as lines, open(f'{self.socket}.txt', 'a') as record:
            for line in lines:
                record.write(line)
                record.flush()
                line = line.strip()
                with self.changed:
                    if line.startswith('{'):
                        self.take(line)
                    elif line:
                        self.replies.append(line)
                    self.changed.notify_all()

    def take(self, line):
        try:
            event = json.loads(line)
            if 'type' in event:
                self.events.append(event)
            else:
                self.replies.append(line)
        except ValueError as why:
            self.broken = f'{self.name}: the helper got a line that is no JSON ({why}): {line}'

    def close(self):
        self.listener.close()

    def command(self, line):
        """Gives one command and waits for its answer, which must be `done`."""
        if (answer := self.ask(line)) != 'done':
            raise Failed(f'{self.name}: `{line}` was answered `{answer}`')

    def show(self, words):
        """The lines that a `show` command answers before `done`."""
        before = len(self.replies)
        self.command(f'show {words}')
        return self.replies[before : self.replies.index('done', before)]

    def ask(self, line):
        """Gives one command; `done` or `error`."""
        with self.changed:
            before, helper = len(self.replies), self.helper
        if not helper:
            raise Failed(f'{self.name}: no helper to say `{line}`')
        helper.sendall(line.encode() + b'\n')

        def answer():
            return next((reply for reply in self.replies[before:] if reply in ('done', 'error')), None)

        return self.wait(f'{self.name}: the answer to `{line}`', answer)

    # ------------------------------------------------------------ events

    def wait(self, what, condition, timeout=PATIENCE):
        """Waits until what arrives from the helper makes the condition give something true; returns that."""
        end = time.monotonic() + timeout
        with self.changed:
            while not (found := condition()):
                if self.broken:
                    raise Failed(self.broken)
                left = end - time.monotonic()
                if left <= 0:
                    raise Failed(f'{what}: not within {timeout:g} s')
                if self.name in self.lab.processes and self.process.poll() is not None:
                    raise Failed(f'{what}: the daemon ended with exit code {self.process.returncode}')
                self.changed.wait(min(left, 0.5))
            return found

    def mark(self):
        return len(self.events)

    def find(self, kind, since=0, **members):
        """The first event of a kind with these members inside `neighbor`."""
        for event in self.events[since:]:
            if event['type'] == kind and members.items() <= event.get('neighbor', {}).items():
                return event
        return None

    def wait_state(self, state, since=0, timeout=PATIENCE):
        return self.wait(f'{self.name}: state {state}', lambda: self.find('state', since, state=state), timeout)

    def wait_up(self, since=0, timeout=PATIENCE):
        return self.wait_state('up', since, timeout)

    def wait_notification(self, direction, code, subcode, since=0):
        """A NOTIFICATION in that direction (`send` or `receive`), told as such and as the reason of the end."""

        def heard():
            event = self.find('notification', since, direction=direction)
            return event and event['neighbor']['notification']

        name = f'{self.name}: a notification in direction {direction}'
        found = self.wait(name, heard)
        if (found['code'], found['subcode']) != (code, subcode):
            raise Failed(f'{name} is {found["code"]}/{found["subcode"]}, not {code}/{subcode}')
        verb = {'send': 'sent', 'receive': 'received'}[direction]
        reason = f'notification {verb} ({code},{subcode})'
        self.wait(
            f'{name}: down with reason `{reason}`', lambda: self.find('state', since, state='down', reason=reason)
        )

    def heard(self, family, prefix, since=0):
        """The route to that prefix as it stands after the UPDATE events since then: its attributes with the next
        hop among them, or None when it was withdrawn or never announced. The end of another session leaves it."""
        route = source = None
        for event in self.events[since:]:
            neighbor = event.get('neighbor', {})
            peer = neighbor.get('address', {}).get('peer')
            if event['type'] == 'state' and neighbor['state'] == 'down' and peer == source:
                route = None
            if event['type'] != 'update' or neighbor.get('direction') != 'receive':
                continue
            update = neighbor['message'].get('update', {})
            if any(nlri['nlri'] == prefix for nlri in update.get('withdraw', {}).get(family, [])):
                route = None
            for hop, routes in update.get('announce', {}).get(family, {}).items():
                if any(nlri['nlri'] == prefix for nlri in routes):
                    route, source = {**update.get('attribute', {}), 'next-hop': hop}, peer
        return route

    def wait_heard(self, family, prefix, since=0):
        what = f'{self.name}: the helper hears of {prefix}'
        return self.wait(what, lambda: self.heard(family, prefix, since))

    def wait_forgotten(self, family, prefix):
        what = f'{self.name}: the helper hears that {prefix} is withdrawn'
        self.wait(what, lambda: not self.heard(family, prefix))
