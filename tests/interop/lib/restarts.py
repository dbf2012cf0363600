"""Restarts, theirs and ours: who is away comes back to its routes, and what it does not say again is dropped.

Both sides are ended with SIGKILL. One after the other beside BIRD, FRR and GoBGP; a word as argument chooses among them.
"""

import json
import os
import sys
import threading

from checks import Checks, skipping
from daemon import THEIR_AS
from lab import Failed, program, run, wait_for
from speaker import Speaker, neighbor

OUR_AS = 65011
# What each side announces: one route that comes back, and one that does not (and must not live long).
OURS = ('198.51.100.0/24', '198.51.101.0/24')
THEIRS = ('203.0.113.0/24', '203.0.112.0/24')
LLGR_STALE, NO_LLGR = 0xFFFF0006, 0xFFFF0007
AWAY = 60  # seconds of restart time in tests that do not wait for its end


class Theirs:
    """A daemon with one session: started, killed, started again."""

    name = ''

    def __init__(self, lab, time, long_lived):
        self.lab, self.time, self.long_lived = lab, time, long_lived
        self.address, self.peer = lab.address(1), lab.address(11)
        self.port = lab.port(self.address)

    def start(self, announced, again=False):
        raise NotImplementedError

    without_notification = 'it has no command for a Cease that is no hard reset'

    def reset(self):
        """Ends the session with a NOTIFICATION over which routes stay."""
        raise NotImplementedError

    def crash(self):
        self.lab.crash(self.name)

    def since(self):
        """Since when it has the session, in its own words."""
        raise NotImplementedError

    def route(self, prefix):
        """Our route in its table as (is it stale, its communities), or None. What it does not tell is not stale."""
        raise NotImplementedError


class Bird(Theirs):
    name = 'bird'
    CONFIG = """\
log stderr all;
router id 10.0.0.1;
graceful restart wait 20;
protocol device {{}}
protocol static {{ ipv4; {routes} }}
protocol bgp with {{
  local {address} port {port} as {asn};
  neighbor {peer} as {peer_asn};
  multihop 2; passive; connect delay time 1; error wait time 1, 2;
  graceful restart on; graceful restart time {time}; {long_lived}
  ipv4 {{
    import all;
    export filter {{
      if source != RTS_STATIC then reject;
      if net = {late} then bgp_community.add((65535, 7));
      accept;
    }};
    next hop address 192.0.2.200;
  }};
}}
"""

    def start(self, announced, again=False):
        long_lived = f'long lived graceful restart on; long lived stale time {self.long_lived};'
        text = self.CONFIG.format(
            routes=' '.join(f'route {prefix} blackhole;' for prefix in announced),
            address=self.address,
            port=self.port,
            asn=THEIR_AS,
            peer=self.peer,
            peer_asn=OUR_AS,
            time=self.time,
            long_lived=long_lived if self.long_lived else '',
            late=THEIRS[1],
        )
        config, control = self.lab.write('bird.conf', text), self.lab.path('bird.ctl')
        self.birdc = [program('birdc'), '-s', control]
        command = [program('bird'), '-f', *(['-R'] if again else []), '-c', config, '-s', control]
        bird = self.lab.spawn('bird', [*command, '-P', self.lab.path('bird.pid')])
        wait_for('bird answers', lambda: 'Daemon is up' in self.ask('show', 'status'), process=bird)

    def ask(self, *words):
        return run(*self.birdc, *words, check=False)

    def route(self, prefix):
        text = self.ask('show', 'route', 'for', prefix, 'all', 'protocol', 'with')
        if prefix not in text:
            return None
        away = 'graceful restart active' in self.ask('show', 'protocols', 'all', 'with')
        return away, [LLGR_STALE] if '(65535,6)' in text else []

    def since(self):
        line = next(line for line in self.ask('show', 'protocols', 'with').splitlines() if line.startswith('with '))
        if 'Established' not in line:
            raise Failed(f'no session: {line}')
        return line


class Frr(Theirs):
    name = 'frr'
    CONFIG = """\
hostname interop
log stdout debugging
debug bgp neighbor-events
router bgp {asn}
 bgp router-id 10.0.0.1
 no bgp ebgp-requires-policy
 no bgp network import-check
 no bgp default ipv4-unicast
 coalesce-time 0
 bgp graceful-restart
 bgp graceful-restart preserve-fw-state
 bgp graceful-restart notification
 no bgp hard-administrative-reset
 bgp graceful-restart restart-time {time}
 bgp graceful-restart select-defer-time 1
{long_lived} neighbor {peer} remote-as {peer_asn}
 neighbor {peer} update-source {address}
 neighbor {peer} ebgp-multihop 2
 neighbor {peer} disable-connected-check
 neighbor {peer} timers connect 1
 neighbor {peer} advertisement-interval 0
 neighbor {peer} passive
 address-family ipv4 unicast
  neighbor {peer} activate
  neighbor {peer} route-map hops out
{routes} exit-address-family
exit
ip prefix-list late permit {late}
route-map hops permit 10
 match ip address prefix-list late
 set ip next-hop 192.0.2.200
 set community no-llgr
exit
route-map hops permit 20
 set ip next-hop 192.0.2.200
exit
"""

    def start(self, announced, again=False):
        long_lived = f' bgp long-lived-graceful-restart stale-time {self.long_lived}\n'
        text = self.CONFIG.format(
            routes=''.join(f'  network {prefix}\n' for prefix in announced),
            address=self.address,
            asn=THEIR_AS,
            peer=self.peer,
            peer_asn=OUR_AS,
            time=self.time,
            long_lived=long_lived if self.long_lived else '',
            late=THEIRS[1],
        )
        config = self.lab.write('frr.conf', text)
        sockets = self.lab.path('vty')
        os.makedirs(sockets, exist_ok=True)
        self.vtysh = [program('vtysh'), '--vty_socket', sockets, '-d', 'bgpd']
        options = ['-f', config, '-i', self.lab.path('frr.pid'), '-z', self.lab.path('zserv'), '--vty_socket', sockets]
        options += ['-Z', '-n', '-S', '-P', 0, '-l', self.address, '-p', self.port]
        frr = self.lab.spawn('frr', [program('/usr/lib/frr/bgpd'), *options])
        wait_for('frr answers', lambda: 'FRRouting' in self.ask('show version'), process=frr)

    without_notification = ''

    def reset(self):
        self.ask(f'clear bgp {self.peer}')

    def ask(self, command):
        return run(*self.vtysh, '-c', command, check=False)

    def route(self, prefix):
        text = self.ask(f'show bgp ipv4 unicast {prefix} json')
        paths = json.loads(text).get('paths') if text.startswith('{') else None
        if not paths:
            return None
        names = {'llgr-stale': LLGR_STALE, 'no-llgr': NO_LLGR}
        communities = paths[0].get('community', {}).get('string', '').split()
        return bool(paths[0].get('stale')), [names.get(name, name) for name in communities]

    def since(self):
        peer = json.loads(self.ask(f'show bgp neighbors {self.peer} json'))[self.peer]
        if peer['bgpState'] != 'Established':
            raise Failed(f'no session: {peer["bgpState"]}')
        return peer['connectionsEstablished'], peer['connectionsDropped']


class Gobgp(Theirs):
    name = 'gobgp'
    CONFIG = """\
[global.config]
as = {asn}
router-id = "10.0.0.1"
port = {port}
local-address-list = ["{address}"]
[[neighbors]]
[neighbors.config]
neighbor-address = "{peer}"
peer-as = {peer_asn}
[neighbors.transport.config]
local-address = "{address}"
passive-mode = true
[neighbors.ebgp-multihop.config]
enabled = true
multihop-ttl = 2
[neighbors.timers.config]
idle-hold-time-after-reset = 1
hold-time = 30
[neighbors.graceful-restart.config]
enabled = true
restart-time = {time}
deferral-time = 1
long-lived-enabled = {long}
[[neighbors.afi-safis]]
[neighbors.afi-safis.config]
afi-safi-name = "ipv4-unicast"
[neighbors.afi-safis.mp-graceful-restart.config]
enabled = true
[neighbors.afi-safis.long-lived-graceful-restart.config]
enabled = {long}
restart-time = {long_lived}
"""

    def start(self, announced, again=False):
        text = self.CONFIG.format(
            address=self.address,
            port=self.port,
            asn=THEIR_AS,
            peer=self.peer,
            peer_asn=OUR_AS,
            time=self.time,
            long='true' if self.long_lived else 'false',
            long_lived=self.long_lived,
        )
        api = self.lab.port(self.address)
        self.gobgp = [program('gobgp'), '-u', self.address, '-p', api]
        options = ['--api-hosts', f'{self.address}:{api}', '--pprof-disable', '-l', 'debug', '-p']
        command = [program('gobgpd'), *(['-r'] if again else []), '-f', self.lab.write('gobgp.toml', text), *options]
        gobgpd = self.lab.spawn('gobgp', command)
        wait_for('gobgp answers', lambda: 'AS:' in run(*self.gobgp, 'global', check=False), process=gobgpd)
        for prefix in announced:
            words = ['community', 'no-llgr'] if prefix == THEIRS[1] else []
            run(*self.gobgp, 'global', 'rib', 'add', prefix, 'nexthop', '192.0.2.200', *words)

    def route(self, prefix):
        text = run(*self.gobgp, 'global', 'rib', prefix, '-j', check=False)
        paths = json.loads(text).get(prefix) if text.startswith('{') else None
        if not paths:
            return None
        communities = [value for one in paths[0]['attrs'] if one['type'] == 8 for value in one['communities']]
        return bool(paths[0].get('stale')), communities

    def since(self):
        state = json.loads(run(*self.gobgp, 'neighbor', self.peer, '-j'))
        uptime = state['timers']['state']['uptime']
        return uptime['seconds'] if isinstance(uptime, dict) else uptime


class Restarts(Checks):
    def __init__(self, kind):
        super().__init__(f'restarts {kind.name}')
        self.kind = kind

    def prepare(self):
        pass

    def scenarios(self):
        return self.graceful, self.notification, self.long_lived, self.journal, self.upgrade

    def meet(self, time, long_lived, control=False):
        """Both sides, up, with what each announces on the other."""
        for name in [*self.lab.processes]:  # of a check that failed
            self.lab.crash(name)
        self.theirs = self.kind(self.lab, time, long_lived)
        self.theirs.start(THEIRS)
        long_lived = f'long-lived-graceful-restart {long_lived};' if long_lived else ''
        words = f'graceful-restart {time}; graceful-restart-notification enable; {long_lived}'
        self.capability = f'capability {{ {words} }}'
        self.ours = Speaker(self.lab, f'ours-{len(self.lab.closers)}', self.configuration(OURS)).start(control)
        self.ours.wait_up()
        self.wait_here('all their routes are here', {prefix: False for prefix in THEIRS})
        for prefix in OURS:
            self.wait_there(f'our route {prefix} is there', prefix, lambda route: route and not route[0])

    def part(self):
        self.ours.stop()
        self.lab.stop(self.theirs.name)

    def configuration(self, announced, state=''):
        routes = ' '.join(f'route {prefix} next-hop 192.0.2.1;' for prefix in announced)
        options = f'connect {self.theirs.port}; {self.capability} static {{ {routes} }}'
        return state + neighbor(self.theirs.peer, self.theirs.address, OUR_AS, THEIR_AS, options, 'ipv4 unicast;')

    def here(self):
        """Their routes in our Adj-RIB-In, and whether each is stale. FRR tells us our own routes, too."""
        routes = (json.loads(line)[self.theirs.address]['routes'][0] for line in self.ours.show('adj-rib in json'))
        return {route['prefix']: route.get('stale', False) for route in routes if route['prefix'] in THEIRS}

    def wait_here(self, what, wanted):
        wait_for(what, lambda: self.here() == wanted)

    def wait_there(self, what, prefix, right):
        wait_for(what, lambda: right(self.theirs.route(prefix)))

    def come_back(self, announced):
        """Starts our side again, with other routes."""
        since, ours = self.ours.mark(), self.ours
        ours.wait('the old helper has ended', lambda: not ours.helper)
        ours.configure(self.configuration(announced))
        ours.start()
        ours.wait_up(since)

    # ------------------------------------------------------------ scenarios

    def graceful(self):
        def theirs():
            self.meet(AWAY, 0)
            since = self.ours.mark()
            self.theirs.crash()
            self.ours.wait_state('down', since)
            self.wait_here('we keep their routes', {prefix: True for prefix in THEIRS})
            self.theirs.start(THEIRS[:1], again=True)
            self.ours.wait_up(since)
            self.wait_here('what they did not say again is gone', {THEIRS[0]: False})

        def ours():
            self.lab.crash(self.ours.name)
            for prefix in OURS:
                self.wait_there(f'they keep {prefix}', prefix, lambda route: route and route[0])
            self.come_back(OURS[:1])
            self.wait_there('they drop what we did not say again', OURS[1], lambda route: not route)
            self.wait_there('what we did is fresh', OURS[0], lambda route: route and not route[0])
            self.part()

        yield 'graceful restart: their routes stay with us while they are away', theirs
        yield 'graceful restart: our routes stay with them while we are away', ours

    def notification(self):
        name = 'a NOTIFICATION of theirs: their routes stay'
        if why := self.kind.without_notification:
            yield name, skipping(why)
            return

        def kept():
            self.meet(AWAY, 0)
            since = self.ours.mark()
            self.theirs.reset()
            self.ours.wait_notification('receive', 6, 4, since)
            wait_for('we keep their routes', lambda: "the peer's routes are kept" in self.ours.log())
            self.ours.wait_up(since)
            self.wait_here('they are fresh again', {prefix: False for prefix in THEIRS})
            self.part()

        yield name, kept

    def long_lived(self):
        def communities():
            lines = self.ours.show('adj-rib in extensive')
            return {prefix: '65535:6' in line for line in lines for prefix in THEIRS if f' {prefix} ' in line}

        def theirs():
            self.meet(1, 3600)
            self.theirs.crash()
            only = {THEIRS[0]: True}
            wait_for('their route is long-lived, but that with NO_LLGR', lambda: communities() == only)
            since = self.ours.mark()
            self.theirs.start(THEIRS[:1], again=True)
            self.ours.wait_up(since)
            self.wait_here('it is fresh again', {THEIRS[0]: False})
            if communities()[THEIRS[0]]:
                raise Failed('the route told anew has the community of stale routes')

        def ours():
            self.lab.crash(self.ours.name)
            self.wait_there('our route is long-lived', OURS[0], lambda route: route and LLGR_STALE in route[1])
            self.come_back(OURS)
            self.wait_there('it is fresh again', OURS[0], lambda route: route and LLGR_STALE not in route[1])
            self.part()

        yield 'long-lived graceful restart: their routes with us', theirs
        yield 'long-lived graceful restart: our routes with them', ours

    def journal(self):
        def kept():
            self.theirs = self.kind(self.lab, AWAY, 0)
            self.theirs.start(THEIRS)
            self.capability = f'capability {{ graceful-restart {AWAY}; }}'
            folder = self.lab.path(f'state-{self.kind.name}')
            state = f'state {{ directory {folder}; claim-time 10; }}\n'
            name = f'ours-{len(self.lab.closers)}'
            self.ours = Speaker(self.lab, name, self.configuration((), state)).start()
            self.ours.wait_up()
            for prefix in OURS:
                self.ours.command(f'announce route {prefix} next-hop 192.0.2.1')
                self.wait_there(f'our route {prefix} is there', prefix, lambda route: route and not route[0])
            with Watch(self.theirs, OURS) as watch:
                since, ours = self.ours.mark(), self.ours
                self.lab.crash(ours.name)
                self.wait_there('they keep our route', OURS[0], lambda route: route and route[0])
                ours.wait('the old helper has ended', lambda: not ours.helper)
                ours.start()
                ours.wait_up(since)
                # The helper has said nothing yet: the journal has.
                for prefix in OURS:
                    self.wait_there(f'{prefix} is fresh', prefix, lambda route: route and not route[0])
                ours.command(f'announce route {OURS[0]} next-hop 192.0.2.1')
                wait_for('their table was asked often', lambda: watch.asked >= 20)
                watch.end(OURS[1])
                self.wait_there('what nobody claims is withdrawn', OURS[1], lambda route: not route)
            if watch.missing:
                raise Failed(f'the table lacked {watch.missing}')
            self.part()

        yield 'journal: after kill -9 their table never lacks a route of a helper', kept


    def upgrade(self):
        def unseen():
            self.meet(AWAY, 0, control=True)
            late, since = '198.51.102.0/24', self.theirs.since()
            mark = self.ours.mark()
            with Watch(self.theirs, OURS) as watch:
                for _ in range(3):
                    answer = self.ours.operate('upgrade')
                    if answer.returncode:
                        raise Failed(f'not upgraded: {answer.stderr}')
                self.ours.command(f'announce route {late} next-hop 192.0.2.1')
                self.wait_there('a route announced afterwards is there', late, bool)
                wait_for('their table was asked often', lambda: watch.asked >= 20)
            if watch.missing:
                raise Failed(f'the table lacked {watch.missing}')
            if self.theirs.since() != since:
                raise Failed(f'another session: {since}, then {self.theirs.since()}')
            self.wait_here('their routes are still here', {prefix: False for prefix in THEIRS})
            self.ours.command(f'withdraw route {OURS[1]}')
            self.wait_there('a route announced before is withdrawn', OURS[1], lambda route: not route)
            if any(event.get('type') == 'state' for event in self.ours.events[mark:]):
                raise Failed('the helper was told of a change of the session')
            self.part()

        yield 'upgrade: the same session, and no route is missing', unseen


class Watch:
    """Asks for routes all the time, and notes those that are not there."""

    def __init__(self, theirs, prefixes):
        self.theirs, self.prefixes, self.missing, self.asked = theirs, list(prefixes), [], 0
        self.thread, self.over = threading.Thread(target=self.look, daemon=True), threading.Event()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def look(self):
        while not self.over.wait(0.02):
            for prefix in [*self.prefixes]:
                found = self.theirs.route(prefix)
                if not found and prefix in self.prefixes:
                    self.missing.append(prefix)
            self.asked += 1

    def end(self, prefix):
        """Asks no more for a route."""
        self.prefixes.remove(prefix)


def main():
    codes = []
    for kind in (Bird, Frr, Gobgp):
        if not sys.argv[1:] or kind.name in sys.argv[1:]:
            codes.append(Restarts(kind).run())
    return 1 if 1 in codes else 0 if 0 in codes else 77


if __name__ == '__main__':
    sys.exit(main())
