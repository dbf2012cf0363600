"""What the tests must know of another BGP daemon: one module here per daemon defines it for that one."""

from typing import NamedTuple

THEIR_AS = 65000

# What they announce: both with these attributes.
THEIRS = {'ipv4 unicast': '203.0.113.0/24', 'ipv6 unicast': '2001:db8:203::/48'}
THEIR_HOPS = {'ipv4 unicast': '192.0.2.200', 'ipv6 unicast': '2001:db8::200'}
THEIR_MED, THEIR_COMMUNITY, THEIR_LARGE = 77, '65000:77', '65000:7:77'

# One announcement of ours for each type of EVPN route, in the order of types; ExaBGP has no words for them.
ESI = '00:11:22:33:44:55:66:77:88:99'
EVPN_TAIL = 'next-hop 192.0.2.1 extended-community [ target:65011:1 ]'
EVPN = (
    f'announce l2vpn evpn ethernet-ad rd 65011:1 esi {ESI} ethernet-tag 7 label 300 {EVPN_TAIL}',
    f'announce l2vpn evpn mac rd 65011:1 mac 00:00:5e:00:53:01 ip 10.0.0.1 vni 100 {EVPN_TAIL}',
    f'announce l2vpn evpn multicast rd 65011:1 ip 192.0.2.2 {EVPN_TAIL}',
    f'announce l2vpn evpn ethernet-segment rd 65011:1 esi {ESI} ip 192.0.2.2 {EVPN_TAIL}',
    f'announce l2vpn evpn prefix 10.0.1.0/24 rd 65011:1 vni 100 {EVPN_TAIL}',
)


class Session(NamedTuple):
    """One session as the other daemon must configure it."""

    name: str
    address: str  # ours
    port: int  # ours: they connect to it; 0: we connect, they wait
    asn: int  # the one they expect from us
    key: str = ''  # of TCP MD5
    families: tuple = ('ipv4 unicast', 'ipv6 unicast')  # in our words

    @property
    def passive(self):
        return not self.port


class Daemon:
    """What a test of one daemon defines. Attributes of a route are a dictionary with the members origin, as-path (a
    list), med, local-preference, community, large-community, extended-community (sorted lists of text), next-hop,
    aggregator, atomic-aggregate, each only if the route has it."""

    name = ''
    without_md5 = ''  # why it cannot do TCP MD5 here
    without_md5_listener = ''  # why it cannot do so for connections that it accepts

    def __init__(self, lab, sessions):
        self.lab, self.sessions = lab, sessions
        self.address, self.address6 = lab.address(1), '::1'
        self.port = lab.port(self.address, self.address6)

    def local(self, session):
        """Its address for a session."""
        return self.address6 if ':' in session.address else self.address

    def start(self):
        """Starts it, and returns once it takes connections and commands."""
        raise NotImplementedError

    def session(self, name):
        return next(session for session in self.sessions if session.name == name)

    def established(self, session):
        raise NotImplementedError

    def route(self, family, prefix):
        """Attributes of the route to a prefix of ours in its table, or None."""
        raise NotImplementedError

    def announce(self):
        """Announces THEIRS on all sessions."""
        raise NotImplementedError

    def withdraw(self):
        raise NotImplementedError

    def table(self, family):
        """The text of its table of a family."""
        raise NotImplementedError

    def originate(self, family, words):
        """Announces a route of its own that is in `theirs`."""
        raise NotImplementedError

    def withdraw_all(self, family):
        """Withdraws what it originates in that family."""
        raise NotImplementedError

    def wake(self, session):
        """Makes it ready for us where it would make us wait after a Cease of ours."""

    def hop(self, family):
        """The next hop of what it announces."""
        return THEIR_HOPS[family]

    def reset(self, session):
        """Ends a session, which it takes up again."""
        raise NotImplementedError

    families = {}  # our words for each family it knows beyond unicast: its own, in whatever form it needs them
    ours = ()  # rows (family, announcement of ours, what table() shows of it: a regular expression)
    theirs = ()  # rows (family, words for originate(), members of the NLRI as the helper must see it)
    sent_bad_as = received_bad_as = ''  # what its log says of a NOTIFICATION 2/2: regular expressions

    def log(self):
        return self.lab.log(self.name)


def attributes(event):
    """Attributes in an event of ours, in the form that Daemon.route() gives."""
    found = dict(event)
    if 'as-path' in found:
        found['as-path'] = [asn for _, segment in sorted(found['as-path'].items()) for asn in segment['value']]
    for name in ('community', 'large-community'):
        if name in found:
            found[name] = sorted(':'.join(map(str, value)) for value in found[name])
    if 'extended-community' in found:
        found['extended-community'] = sorted(value['string'] for value in found['extended-community'])
    return found
