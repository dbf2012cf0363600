"""GoBGP."""

import json

from daemon import EVPN, THEIR_AS, THEIR_COMMUNITY, THEIR_HOPS, THEIR_LARGE, THEIR_MED, THEIRS, Daemon
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
"""
FAMILY = """\
[[neighbors.afi-safis]]
[neighbors.afi-safis.config]
afi-safi-name = "{}"
"""
ORIGINS = ['igp', 'egp', 'incomplete']
# Our words for a family: its name in the configuration, its name on the command line.
# It has no command to show these: we look at what it logs.
SILENT = ('l2vpn vpls', 'ipv4 sr-policy', 'ipv6 sr-policy', 'bgp-ls bgp-ls')
UNICAST = {'ipv4 unicast': ('ipv4-unicast', 'ipv4'), 'ipv6 unicast': ('ipv6-unicast', 'ipv6')}
FAMILIES = {
    'ipv4 nlri-mpls': ('ipv4-labelled-unicast', 'ipv4-labeled'),
    'ipv6 nlri-mpls': ('ipv6-labelled-unicast', 'ipv6-labeled'),
    'ipv4 mpls-vpn': ('l3vpn-ipv4-unicast', 'vpnv4'),
    'ipv6 mpls-vpn': ('l3vpn-ipv6-unicast', 'vpnv6'),
    'ipv4 flow': ('ipv4-flowspec', 'ipv4-flowspec'),
    'ipv6 flow': ('ipv6-flowspec', 'ipv6-flowspec'),
    'ipv4 flow-vpn': ('l3vpn-ipv4-flowspec', 'ipv4-l3vpn-flowspec'),
    'ipv6 flow-vpn': ('l3vpn-ipv6-flowspec', 'ipv6-l3vpn-flowspec'),
    'ipv4 mup': ('ipv4-mup', 'ipv4-mup'),
    'ipv6 mup': ('ipv6-mup', 'ipv6-mup'),
    'ipv4 sr-policy': ('ipv4-srpolicy', 'ipv4-srpolicy'),
    'ipv6 sr-policy': ('ipv6-srpolicy', 'ipv6-srpolicy'),
    'l2vpn evpn': ('l2vpn-evpn', 'evpn'),
    'l2vpn vpls': ('l2vpn-vpls', 'vpls'),
    'bgp-ls bgp-ls': ('ls', 'ls'),
}

TARGET = 'extended-community [ target:65011:1 ]'
OURS = (
    (
        'ipv4 nlri-mpls',
        'announce route 10.1.0.0/24 next-hop 192.0.2.1 label 100',
        r' 10\.1\.0\.0/24 +\[100\] +192\.0\.2\.1 ',
    ),
    (
        'ipv6 nlri-mpls',
        'announce route 2001:db8:a::/48 next-hop 2001:db8::1 label 101',
        r' 2001:db8:a::/48 +\[101\] +2001:db8::1 ',
    ),
    (
        'ipv4 mpls-vpn',
        f'announce route 10.2.0.0/24 rd 65011:1 label 102 next-hop 192.0.2.1 {TARGET}',
        r' 65011:1:10\.2\.0\.0/24 +\[102\] +192\.0\.2\.1 .*Extcomms: \[65011:1\]',
    ),
    (
        'ipv6 mpls-vpn',
        f'announce route 2001:db8:b::/48 rd 65011:1 label 103 next-hop 2001:db8::1 {TARGET}',
        r' 65011:1:2001:db8:b::/48 +\[103\] +2001:db8::1 .*Extcomms: \[65011:1\]',
    ),
    (
        'ipv4 flow',
        'announce flow route { match { destination 10.3.0.0/24; protocol tcp; destination-port [ =80 >8080&<8088 ]; '
        'tcp-flags [ syn ]; } then { rate-limit 9600; } }',
        r'\[destination: 10\.3\.0\.0/24\]\[protocol: ==tcp\]\[destination-port: ==80 >8080&<8088\]\[tcp-flags: S\]'
        r'.*\[rate: 9600\.0+\]',
    ),
    (
        'ipv6 flow',
        'announce flow route { match { destination 2001:db8:c::/48; next-header udp; source-port =53; } '
        'then { discard; } }',
        r'\[destination: 2001:db8:c::/48/0\]\[protocol: ==udp\]\[source-port: ==53\].*\[discard\]',
    ),
    (
        'ipv4 flow-vpn',
        'announce flow route { rd 65011:2; match { source 10.4.0.0/24; packet-length >1400; } '
        'then { redirect 65011:99; } }',
        r'\[rd: 65011:2\]\[source: 10\.4\.0\.0/24\]\[packet-length: >1400\].*\[redirect: 65011:99\]',
    ),
    (
        'ipv4 mup',
        f'announce ipv4 mup mup-isd 10.5.0.0/24 rd 65011:3 next-hop 192.0.2.1 {TARGET}',
        r'\[type:isd\]\[rd:65011:3\]\[prefix:10\.5\.0\.0/24\].* 192\.0\.2\.1 ',
    ),
    (
        'ipv4 mup',
        'announce ipv4 mup mup-t1st 192.168.0.2/32 rd 65011:3 teid 12345 qfi 9 endpoint 10.0.0.1 '
        f'next-hop 192.0.2.1 {TARGET}',
        r'\[type:t1st\]\[rd:65011:3\]\[prefix:192\.168\.0\.2/32\] +12345 +9 +10\.0\.0\.1 +192\.0\.2\.1 ',
    ),
    (
        'ipv6 mup',
        f'announce ipv6 mup mup-isd 2001:db8:d::/48 rd 65011:3 next-hop 2001:db8::1 {TARGET}',
        r'\[type:isd\]\[rd:65011:3\]\[prefix:2001:db8:d::/48\].* 2001:db8::1 ',
    ),
    (
        'l2vpn vpls',
        f'announce vpls rd 65011:4 endpoint 5 base 10 offset 1 size 8 next-hop 192.0.2.1 {TARGET}',
        r'Nexthop: 192\.0\.2\.1, NLRIs: \[65011:4:5:1 \(Block Size: 8, Label Base: \{\[10\]\}\)',
    ),
)
OURS += (
    (
        'ipv4 sr-policy',
        'announce ipv4 sr-policy distinguisher 1 color 99 endpoint 10.0.0.15 next-hop 192.0.2.1 preference 100 '
        f'binding-sid mpls 24321 segment-list weight 1 segment type-a mpls 16001 segment type-a mpls 16002 {TARGET}',
        r'Extcomms: \[65011:1\].*TunnelEncap: \{sr-policy: .*Preference: 100\}.* 24321.*Weight: 1\}.* 16001.* 16002'
        r'.*Nexthop: 192\.0\.2\.1, .*Distinguisher: 1, Color 99, Endpoint: 10\.0\.0\.15 ',
    ),
    (
        'ipv6 sr-policy',
        'announce ipv6 sr-policy distinguisher 2 color 98 endpoint 2001:db8::15 next-hop 2001:db8::1 preference 200 '
        f'segment-list weight 3 segment type-b srv6 fc00::1 {TARGET}',
        r'Extcomms: \[65011:1\].*TunnelEncap: \{sr-policy: .*Preference: 200\}.*Weight: 3\}.*Sid: fc00::1\}'
        r'.*Nexthop: 2001:db8::1, .*Distinguisher: 2, Color 98, Endpoint: 2001:db8::15 ',
    ),
)
OURS += tuple(
    ('l2vpn evpn', command, rf'{pattern} .* 192\.0\.2\.1 .*Extcomms: \[65011:1\]')
    for command, pattern in zip(
        EVPN,
        (
            r'\[type:A-D\]\[rd:65011:1\]\[esi:ESI_ARBITRARY \| 11:22:33:44:55:66:77:88:99\]\[etag:7\] +\[4801\]',
            r'\[type:macadv\]\[rd:65011:1\]\[etag:0\]\[mac:00:00:5e:00:53:01\]\[ip:10\.0\.0\.1\] +\[100\]',
            r'\[type:multicast\]\[rd:65011:1\]\[etag:0\]\[ip:192\.0\.2\.2\]',
            r'\[type:esi\]\[rd:65011:1\]\[esi:ESI_ARBITRARY \| 11:22:33:44:55:66:77:88:99\]\[ip:192\.0\.2\.2\]',
            r'\[type:Prefix\]\[rd:65011:1\]\[etag:0\]\[prefix:10\.0\.1\.0/24\] +\[100\]',
        ),
        strict=True,
    )
)
NODE1 = 'local-node ( autonomous-system 65011 bgp-ls-identifier 0 router-id 0000.0000.0001 )'
NODE2 = 'remote-node ( autonomous-system 65011 bgp-ls-identifier 0 router-id 0000.0000.0002 )'
OURS += tuple(
    ('bgp-ls bgp-ls', f'announce bgp-ls bgp-ls {words} next-hop 192.0.2.1 bgp-ls ( {tlvs} )', pattern)
    for words, tlvs, pattern in (
        (
            f'node protocol-id isis-l2 {NODE1}',
            'node-name r1 area-id 49.0001 local-te-router-ids 192.0.2.1 '
            'sr-capabilities ( flags [ I ] range 8000/16000 ) sr-algorithms [ 0 1 ]',
            r'Node Name: r1\} \{ISIS Area ID: \[73 0 1\]\} \{Local RouterID IPv4: 192\.0\.2\.1\}.*Nexthop: 192\.0\.2\.1, '
            r'.*NODE \{ AS:65011 BGP-LS ID:0 0000\.0000\.0001 ISIS-L2:0 \}',
        ),
        (
            f'link protocol-id isis-l2 {NODE1} {NODE2} interface-address 10.0.0.1 neighbor-address 10.0.0.2',
            'admin-group-mask 5 maximum-link-bandwidth 125000000 te-metric 7 igp-metric 10 sr-adj ( flags [ V L ] sid 24001 )',
            r'Admin Group: 00000005\} \{Max Link BW: 1\.25e\+08\} \{TE Default metric: 7\}.*24001'
            r'.*LINK \{ LOCAL_NODE: 0000\.0000\.0001 REMOTE_NODE: 0000\.0000\.0002 LINK: 10\.0\.0\.1->10\.0\.0\.2\}',
        ),
        (
            f'prefix 10.1.0.0/16 protocol-id isis-l2 {NODE1}',
            'prefix-metric 20 sr-prefix-sid ( flags [ N ] algorithm 0 sid 100 )',
            r'Prefix SID: 100\}.*PREFIXv4 \{ LOCAL_NODE: 0000\.0000\.0001 PREFIX: \[10\.1\.0\.0/16\] \}',
        ),
        (
            f'prefix 2001:db8:1::/48 protocol-id isis-l2 {NODE1}',
            'prefix-metric 20',
            r'PREFIXv6 \{ LOCAL_NODE: 0000\.0000\.0001 PREFIX: \[2001:db8:1::/48\] \}',
        ),
    )
)

THEIR_EVPN = 'rd 10.0.0.1:1 rt 65000:9'
THEIR_ROUTES = (
    ('ipv4 nlri-mpls', '10.11.0.0/24 200 nexthop 192.0.2.200', {'nlri': '10.11.0.0/24', 'label': [[200]]}),
    ('ipv6 nlri-mpls', '2001:db8:7::/48 200 nexthop 2001:db8::200', {'nlri': '2001:db8:7::/48', 'label': [[200]]}),
    (
        'ipv4 mpls-vpn',
        '10.12.0.0/24 label 201 rd 65000:1 rt 65000:9 nexthop 192.0.2.200',
        {'nlri': '10.12.0.0/24', 'label': [[201]], 'rd': '65000:1'},
    ),
    (
        'ipv6 mpls-vpn',
        '2001:db8:e::/48 label 202 rd 65000:1 rt 65000:9 nexthop 2001:db8::200',
        {'nlri': '2001:db8:e::/48', 'label': [[202]], 'rd': '65000:1'},
    ),
    (
        'ipv4 flow',
        'match destination 10.13.0.0/24 protocol tcp destination-port ==80 >=8080&<=8088 then rate-limit 9600',
        {'destination-ipv4': ['10.13.0.0/24'], 'protocol': ['=tcp'], 'destination-port': ['=80', '>=8080&<=8088']},
    ),
    (
        'ipv6 flow',
        'match source 2001:db8:f::/48 protocol udp then discard',
        {'source-ipv6': ['2001:db8:f::/48/0'], 'next-header': ['=udp']},
    ),
    (
        'ipv4 flow-vpn',
        'rd 65000:1 match destination 10.14.0.0/24 then redirect 65000:99 rt 65000:9',
        {'destination-ipv4': ['10.14.0.0/24'], 'rd': '65000:1'},
    ),
    (
        'l2vpn evpn',
        f'a-d esi AS 65000 100 etag 200 label 300 {THEIR_EVPN}',
        {'code': 1, 'rd': '10.0.0.1:1', 'esi': '05:00:00:fd:e8:00:00:00:64:00', 'ethernet-tag': 200},
    ),
    (
        'l2vpn evpn',
        f'macadv aa:bb:cc:dd:ee:ff 10.15.0.1 etag 100 label 200 {THEIR_EVPN} encap vxlan',
        {'code': 2, 'rd': '10.0.0.1:1', 'mac': 'AA:BB:CC:DD:EE:FF', 'ip': '10.15.0.1', 'ethernet-tag': 100},
    ),
    (
        'l2vpn evpn',
        f'multicast 10.0.0.1 etag 100 {THEIR_EVPN} pmsi ingress-repl 100 10.0.0.1',
        {'code': 3, 'rd': '10.0.0.1:1', 'ip': '10.0.0.1', 'ethernet-tag': 100},
    ),
    (
        'l2vpn evpn',
        f'esi 10.0.0.1 esi LACP aa:bb:cc:dd:ee:ff 100 {THEIR_EVPN}',
        {'code': 4, 'rd': '10.0.0.1:1', 'ip': '10.0.0.1', 'esi': '01:aa:bb:cc:dd:ee:ff:00:64:00'},
    ),
    (
        'l2vpn evpn',
        f'prefix 10.16.0.0/24 gw 10.16.0.1 etag 100 label 204 {THEIR_EVPN}',
        {'code': 5, 'rd': '10.0.0.1:1', 'ip': '10.16.0.0', 'iplen': 24, 'gateway': '10.16.0.1'},
    ),
    (
        'ipv4 mup',
        't1st 10.18.0.1/32 rd 65000:1 rt 65000:9 teid 12345 qfi 9 endpoint 10.0.0.2 nexthop 192.0.2.200',
        {'rd': '65000:1'},
    ),
)


class Peer(Daemon):
    name = 'gobgp'
    families = FAMILIES
    words = UNICAST | FAMILIES
    ours = OURS
    theirs = THEIR_ROUTES
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
            text += ''.join(FAMILY.format(self.words[family][0]) for family in session.families)
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
        table = self.json('global', 'rib', prefix, '-a', self.words[family][1])
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
            run(*self.gobgp, 'global', 'rib', verb, '-a', self.words[family][1], prefix, 'nexthop', hop, *words)

    def announce(self):
        words = ['med', THEIR_MED, 'community', THEIR_COMMUNITY, 'large-community', THEIR_LARGE]
        self.rib('add', 'origin', 'igp', *words)

    def withdraw(self):
        self.rib('del')

    def reset(self, session):
        run(*self.gobgp, 'neighbor', session.address, 'disable')
        run(*self.gobgp, 'neighbor', session.address, 'enable')

    def table(self, family):
        if family in SILENT:
            name = f'({self.words[family][0]})'
            seen = [line for line in self.log().splitlines() if 'received update' in line and name in line]
            return seen[-1] if seen and 'MpReach' in seen[-1] else ''
        return run(*self.gobgp, 'global', 'rib', '-a', self.words[family][1], check=False)

    def originate(self, family, words):
        run(*self.gobgp, 'global', 'rib', 'add', '-a', self.words[family][1], *words.split())

    def withdraw_all(self, family):
        run(*self.gobgp, 'global', 'rib', 'del', 'all', '-a', self.words[family][1])
