"""The daemons that `compare` measures, each with its configuration for the same work."""

import functools
import os
import pathlib
import pwd
import shlex
import shutil
import struct
import subprocess
import sys
import time

import load

LOCAL = '127.0.0.1'
LOAD = [sys.executable, load.__file__]
WORDS = ' bgp_path.prepend({});', ' bgp_community.add(({},{}));'


@functools.cache
def compiled(name):
    """A program of `sink/`, built when first asked for: `sink` are the peers that receive routes, `limit` is no daemon."""
    folder = pathlib.Path(__file__).resolve().parent
    target = folder.parent.parent / 'target' / 'sink'
    subprocess.run(['cargo', 'build', '--locked', '--quiet', '--release', '--target-dir', target], cwd=folder / 'sink', check=True)
    return str(target / 'release' / name)


def wait_for(what, is_so, limit, *processes):
    """Waits until something is so, at most for `limit` seconds; exits if that takes longer or if one of the processes ends."""
    begin = time.monotonic()
    while not is_so():
        for process in processes:
            if process.poll() is not None:
                sys.exit(f'{what}: {process.args[0]} has ended with {process.returncode}')
        if time.monotonic() - begin > limit:
            sys.exit(f'{what}: waited too long')
        time.sleep(0.01)


def neighbors(count, port, more=''):
    """The neighbors of a configuration of ours, whose helper `load` announces to all of them."""
    return ''.join(f'''neighbor {load.address(number)} {{
  router-id 10.0.0.1; local-address 127.0.0.1; local-as 65000; peer-as {load.PEER_AS}; connect {port};{more}
  family {{ ipv4 unicast; }} api {{ processes [ load ]; }}
}}
''' for number in range(count))


def environment(folder):
    """The environment of a daemon of ours that has its control socket in this folder, and does not listen."""
    return os.environ | {
        'exabgp_tcp_bind': '',
        'exabgp_daemon_user': os.environ.get('USER', 'root'),
        'oxabgp_api_socketpath': os.path.join(folder, 'control'),
        'exabgp_log_destination': 'stderr',
    }


def clock():
    return str(time.monotonic())


class Helpers:
    """A daemon with the configuration and the helpers of ExaBGP."""

    scenarios = {'inject', 'inject-one-set', 'inject-set-per-route', 'churn', 'configure', 'fanout-100', 'fanout-1000', 'join-1',
                 'join-100', 'flip', 'flip-loaded', 'idle-1', 'idle-100', 'idle-1000', 'idle-5000', 'receive'}

    def __init__(self, label, command, most=None):
        self.label, self.command, self.most = label, command, most

    def start(self, run, plan, *helpers):
        more = 'receive { parsed; update; }' if plan.receives else ''
        names = [f'load{number}' for number in range(len(helpers))]
        load_block = ''.join(f'process {name} {{ run {shlex.join(helper)}; encoder json; }}\n' for name, helper in zip(names, helpers))
        api = f'api {{ processes [ {" ".join(names)} ]; {more} }}' if helpers else ''
        static = ''
        if plan.configured:
            static = 'static {\n' + '\n'.join(load.lines(plan.routes, plan.group, verb='route')).replace('\n', ';\n') + ';\n}'
        keep = 'true' if plan.keeps or plan.configured else 'false'
        blocks = [f'''neighbor {peer} {{ router-id 10.0.0.1; local-address {LOCAL}; local-as 65000; peer-as 65001; connect {plan.port};
  hold-time 180; adj-rib-in false; adj-rib-out {keep}; family {{ ipv4 unicast; }} {api} {static} }}
''' for peer in plan.peers]
        conf = run.write('daemon.conf', load_block + ''.join(blocks))
        if not helpers:
            # The configuration is there, as it is for the others when they start.
            pathlib.Path(run.path('go.start')).write_text(clock())
        user = pwd.getpwuid(os.getuid()).pw_name
        env = {'exabgp_tcp_bind': '', 'exabgp_api_cli': 'false', 'exabgp_daemon_user': user}
        return run.start([*self.command, 'server', conf], env={**os.environ, **env})

    def begin(self, run, plan):
        """Starts the daemon. Returns its process, and functions for the first and the second part of the work."""
        if plan.configured or not plan.routes:
            return self.start(run, plan), lambda: None, lambda: None
        return self.start(run, plan, *helpers(run, plan)), pathlib.Path(run.path('go')).touch, pathlib.Path(run.path('more')).touch


def helpers(run, plan):
    """The commands of the helpers that do the work."""
    go = run.path('go')
    announce = [*LOAD, 'announce', str(plan.routes), str(plan.group), str(plan.churn), go, run.path('more')]
    if plan.receives:
        return [[*LOAD, 'count', str(plan.routes), run.path('count')]]
    if plan.flips:
        # Beside others they begin with the first line of those.
        is_loaded = plan.routes > 1
        flips = [*LOAD, 'flips', str(plan.flips), go + '.start' * is_loaded, run.path('flips')]
        return [flips, announce] if is_loaded else [flips]
    return [announce]


class Limit:
    """No daemon: a thread that splits, encodes and writes, which is what a daemon cannot be faster than."""

    label, most = 'limit', None
    scenarios = {'inject', 'inject-one-set', 'inject-set-per-route', 'churn', 'flip', 'receive'}

    def begin(self, run, plan):
        what = 'receive' if plan.receives else 'send'
        process = run.start([compiled('limit'), what, str(plan.port), *helpers(run, plan)[0]])
        return process, pathlib.Path(run.path('go')).touch, pathlib.Path(run.path('more')).touch


class Bird:
    label, most = 'bird', None
    scenarios = {'inject', 'inject-one-set', 'inject-set-per-route', 'configure', 'fanout-100', 'fanout-1000', 'join-1', 'join-100', 'idle-1',
                 'idle-100', 'idle-1000'}

    def begin(self, run, plan):
        with open(run.path('routes'), 'w') as out:
            for number in range(plan.routes):
                path, communities = load.attributes(number // plan.group)
                words = ''.join(WORDS[0].format(asn) for asn in reversed(path[1:]))
                words += ''.join(WORDS[1].format(a, b) for a, b in communities)
                out.write('route %d.%d.%d.0/24 blackhole {' % load.prefix(number) + words + ' };\n')
        peers = ''.join(f'''protocol bgp peer{number} {{ local {LOCAL} port {plan.port + 1} as 65000; neighbor {peer} port {plan.port} as 65001;
  multihop 2; connect delay time 1; connect retry time 1; error wait time 1, 2; ipv4 {{ import all; export all; next hop self; }}; }}
''' for number, peer in enumerate(plan.peers))
        disabled = '' if plan.configured or plan.keeps else 'disabled; '
        conf = run.write('bird.conf', f'''router id 10.0.0.1;
protocol device {{}}
protocol static load {{ {disabled}ipv4 {{ import all; }};
include "{run.path('routes')}";
}}
{peers}''')
        control, start = run.path('control'), pathlib.Path(run.path('go.start'))
        start.write_text(clock())
        daemon = run.start(['bird', '-f', '-c', conf, '-s', control, '-P', run.path('pid')])
        ask = ['birdc', '-s', control]

        # BIRD 2.0 lets the end of a feed wait for its next event, up to three seconds away.
        run.start(['sh', '-c', f'while [ -d {run.directory} ]; do {shlex.join(ask)} show status; sleep 0.05; done'])

        def go():
            if disabled:
                start.write_text(clock())
                subprocess.run([*ask, 'enable', 'load'], check=True, stdout=subprocess.DEVNULL)

        return daemon, go, lambda: None


class GoBgp:
    """Loaded from an archive, which is its fastest way in."""

    label, most, scenarios = 'gobgp', None, {'inject'}

    def begin(self, run, plan):
        api = plan.port + 1
        neighbors = ''.join(f'''[[neighbors]]
  [neighbors.config]
    neighbor-address = "{peer}"
    peer-as = 65001
  [neighbors.transport.config]
    remote-port = {plan.port}
    local-address = "{LOCAL}"
  [neighbors.timers.config]
    connect-retry = 1
    idle-hold-time-after-reset = 1
''' for peer in plan.peers)
        conf = run.write('gobgpd.toml', f'''[global.config]
  as = 65000
  router-id = "10.0.0.1"
  port = -1
{neighbors}''')
        archive = run.path('table.mrt')
        records = list(load.archive(plan.routes, plan.group))
        # GoBGP 3.10 ends before the last some hundred routes are in the table (findings/gobgp-mrt-inject-loses-routes.sh): they come
        # once more.
        pathlib.Path(archive).write_bytes(b''.join([*records, *records[1:][-5000:]]))
        daemon = run.start(['gobgpd', '-f', conf, '--api-hosts', f'{LOCAL}:{api}', '--pprof-disable'])

        def go():
            pathlib.Path(run.path('go.start')).write_text(clock())
            run.start(['gobgp', '-p', str(api), 'mrt', 'inject', 'global', archive])

        return daemon, go, lambda: None


class Frr:
    """Without zebra; routes are `network` statements, which it reads at its start."""

    label, most, scenarios = 'frr', 100_000, {'inject'}

    def begin(self, run, plan):
        peers = ''.join(f' neighbor {peer} remote-as 65001\n neighbor {peer} port {plan.port}\n neighbor {peer} ebgp-multihop 2\n'
                        f' neighbor {peer} update-source {LOCAL}\n neighbor {peer} timers connect 1\n' for peer in plan.peers)
        networks = ''.join('  network %d.%d.%d.0/24\n' % load.prefix(number) for number in range(plan.routes))
        conf = run.write('bgpd.conf', f'''router bgp 65000
 bgp router-id 10.0.0.1
 no bgp ebgp-requires-policy
 no bgp network import-check
{peers} address-family ipv4 unicast
{networks} exit-address-family
''')
        pathlib.Path(run.path('go.start')).write_text(clock())
        daemon = run.start(['/usr/lib/frr/bgpd', '-Z', '-S', '-P', '0', '-p', '0', '-f', conf, '-i', run.path('pid'),
                            '--vty_socket', run.path(''), '-u', 'root', '-g', 'root'])
        return daemon, lambda: None, lambda: None


class OpenBgpd:
    """Loaded with `bgpctl network bulk add`, since it reads `network` statements in quadratic time."""

    label, most, scenarios = 'openbgpd', 100_000, {'inject'}

    def begin(self, run, plan):
        control = run.path('bgpd.sock')
        peers = ''.join(f'neighbor {peer} {{\n remote-as 65001\n port {plan.port}\n local-address {LOCAL}\n multihop 2\n announce IPv4 unicast\n}}\n'
                        for peer in plan.peers)
        conf = run.write('openbgpd.conf', f'''AS 65000
router-id 10.0.0.1
fib-update no
listen on {LOCAL} port {plan.port + 1}
socket "{control}"
{peers}allow from any
allow to any
''')
        os.chmod(conf, 0o600)
        os.makedirs(pwd.getpwnam('_openbgpd').pw_dir, exist_ok=True)
        daemon = run.start(['/usr/sbin/bgpd', '-d', '-f', conf])
        networks = run.write('networks', ''.join('%d.%d.%d.0/24\n' % load.prefix(number) for number in range(plan.routes)))

        def go():
            pathlib.Path(run.path('go.start')).write_text(clock())
            run.start(['bgpctl', '-s', control, 'network', 'bulk', 'add'], may_end=True, stdin=open(networks))

        return daemon, go, lambda: None


def installed(exabgp):
    """The other daemons on this machine."""
    found = [Limit()]
    for name, daemon, program in [('bird', Bird, 'bird'), ('gobgp', GoBgp, 'gobgpd'), ('frr', Frr, '/usr/lib/frr/bgpd'),
                                  ('openbgpd', OpenBgpd, '/usr/sbin/bgpd')]:
        if shutil.which(program) and (name != 'openbgpd' or os.getuid() == 0):
            found.append(daemon())
        else:
            print(f'SKIPPED {name}: not installed, or not root', file=sys.stderr)
    if exabgp.exists():
        # Its time grows with the square of the routes: compare its time per route.
        found.append(Helpers('exabgp', [str(exabgp)], 10_000))
    else:
        print('SKIPPED exabgp: not in tests/.venv', file=sys.stderr)
    return found
