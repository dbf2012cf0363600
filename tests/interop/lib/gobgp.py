"""GoBGP."""

import json

from daemon import THEIR_AS, THEIR_COMMUNITY, THEIR_HOPS, THEIR_LARGE, THEIR_MED, THEIRS, Daemon
from lab import program, run, wait_for

CONFIG = """\
[global.config]
as = {asn}
router-id = "10.0.0.1"
port = {port}
local-address-list = ["{address}", "{address6}"]
"""
SESSION = """\
[[neighbors]]
[neighbors.config]
neighbor-address = "{peer}"
peer-as = {peer_asn}
auth-password = "{key}"
[neighbors.transport.config]
local-address = "{address}"
{transport}
[neighbors.ebgp-multihop.config]
enabled = true
multihop-ttl = 2
[neighbors.timers.config]
connect-retry = 1
idle-hold-time-after-reset = 1
hold-time = 30
[[neighbors.afi-safis]]
[neighbors.afi-safis.config]
afi-safi-name = "ipv4-unicast"
[[neighbors.afi-safis]]
[neighbors.afi-safis.config]
afi-safi-name = "ipv6-unicast"
"""
ORIGINS = ['igp', 'egp', 'incomplete']
SHORT = {'ipv4 unicast': 'ipv4', 'ipv6 unicast': 'ipv6'}


class Peer(Daemon):
    name = 'gobgp'
    sent_bad_as = 'as number mismatch expected'
    received_bad_as = 'old=BGP_FSM_OPENCONFIRM reason=invalid-msg'  # it does not log the codes

    def start(self):
        text = CONFIG.format(asn=THEIR_AS, port=self.port, address=self.address, address6=self.address6)
        for session in self.sessions:
            text += SESSION.format(
                peer=session.address,
                peer_asn=session.asn,
                address=self.local(session),
                key=session.key,
                transport='passive-mode = true' if session.passive else f'remote-port = {session.port}',
            )
        api = self.lab.port(self.address)
        self.gobgp = [program('gobgp'), '-u', self.address, '-p', api]
        options = ['--api-hosts', f'{self.address}:{api}', '--pprof-disable', '-l', 'debug', '-p']
        gobgpd = self.lab.spawn('gobgp', [program('gobgpd'), '-f', self.lab.write('gobgp.toml', text), *options])
        wait_for('gobgp answers', lambda: 'AS:' in run(*self.gobgp, 'global', check=False), process=gobgpd)
        wait_for('gobgp has its neighbors', lambda: len(self.neighbors()) == len(self.sessions), process=gobgpd)

    def json(self, *words):
        text = run(*self.gobgp, *words, '-j', check=False)
        return json.loads(text) if text[:1] in ('[', '{') else []

    def neighbors(self):
        return {peer['conf']['neighbor_address']: peer['state'] for peer in self.json('neighbor') or []}

    def established(self, session):
        return self.neighbors().get(session.address, {}).get('session_state') == 6

    def route(self, family, prefix):
        table = self.json('global', 'rib', prefix, '-a', SHORT[family])
        paths = table.get(prefix) if isinstance(table, dict) else None
        if not paths:
            return None
        found = {}
        for attribute in paths[0]['attrs']:
            value = attribute.get('value')
            match attribute['type']:
                case 1:
                    found['origin'] = ORIGINS[value]
                case 2:
                    found['as-path'] = [asn for segment in attribute['as_paths'] for asn in segment['asns']]
                case 3 | 14:
                    found['next-hop'] = attribute['nexthop']
                case 4:
                    found['med'] = attribute['metric']
                case 5:
                    found['local-preference'] = value
                case 6:
                    found['atomic-aggregate'] = True
                case 7:
                    found['aggregator'] = f'{attribute["as"]}:{attribute["address"]}'
                case 8:
                    found['community'] = sorted(f'{c >> 16}:{c & 0xFFFF}' for c in attribute['communities'])
                case 16:
                    found['extended-community'] = sorted(f'target:{c["value"]}' for c in value if c['subtype'] == 2)
                case 32:
                    fields = ('ASN', 'LocalData1', 'LocalData2')
                    found['large-community'] = sorted(':'.join(str(c[field]) for field in fields) for c in value)
        return found

    def rib(self, verb, *words):
        for family, prefix in THEIRS.items():
            hop = THEIR_HOPS[family]
            run(*self.gobgp, 'global', 'rib', verb, '-a', SHORT[family], prefix, 'nexthop', hop, *words)

    def announce(self):
        words = ['med', THEIR_MED, 'community', THEIR_COMMUNITY, 'large-community', THEIR_LARGE]
        self.rib('add', 'origin', 'igp', *words)

    def withdraw(self):
        self.rib('del')

    def reset(self, session):
        run(*self.gobgp, 'neighbor', session.address, 'disable')
        run(*self.gobgp, 'neighbor', session.address, 'enable')
