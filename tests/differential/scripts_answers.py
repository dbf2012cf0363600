"""What commands answer: every command of ExaBGP 5.0.15, right and wrong, in odd spellings, with and without acknowledgements."""
import wire
from stage import neighbor, peer_open, scenario

TWO = "ipv4 unicast; ipv6 unicast; ipv4 flow;"
NAMES = ("ipv4-unicast", "ipv6-unicast", "ipv4-flow")


def two_neighbors(t, api="", environment=None):
    """Two neighbors of other ASes, up, with a helper of each encoder that hears nothing but its answers."""
    for name, encoder in (("json", "json"), ("text", "text")):
        t.helper(name, encoder)
    t.peer("127.0.0.2")
    t.peer("127.0.0.3")
    api = api or "api { processes [ json text ]; }"
    t.start(neighbor("127.0.0.2", api.replace("api {", "api a {"), 65001, TWO) + neighbor("127.0.0.3", api.replace("api {", "api b {"), 65002, TWO),
            environment)
    t.up("127.0.0.2", peer_open(65001, "10.0.0.2", NAMES))
    t.up("127.0.0.3", peer_open(65002, "10.0.0.3", NAMES))
    t.settle("up")


@scenario
def spelling(t):
    """Comments, blanks, spacing, case, line ends, length."""
    two_neighbors(t)
    t.ask("text", "# a comment", "#no space", "#", "# ", "debug some text", "debug", "VERSION", "Version", "version", " version", "version ", "\tversion",
          "version  ", "  announce   route  10.0.0.0/24   next-hop  1.1.1.1  ", "announce\troute\t10.0.1.0/24\tnext-hop\t1.1.1.1",
          "announce route 10.0.2.0/24 next-hop 1.1.1.1 community [65000:1 65000:2]", "announce route 10.0.3.0/24 next-hop 1.1.1.1 as-path [65000,65001]",
          "announce route 10.0.4.0/24 next-hop 1.1.1.1;", "announce route 10.0.4.0/24 next-hop 1.1.1.1 ;", "announce route 10.0.5.0/24 { next-hop 1.1.1.1; }",
          "announce route 10.0.6.0/24 next-hop 1.1.1.1 # comment", "announce route 10.0.7.0/24 next-hop 1.1.1.1; announce route 10.0.8.0/24 next-hop 1.1.1.1",
          "ANNOUNCE ROUTE 10.0.9.0/24 NEXT-HOP 1.1.1.1", "announce route 10.0.9.0/24 NEXT-HOP 1.1.1.1", "Announce route 10.0.9.0/24 next-hop 1.1.1.1")
    t.raw("text", "version\r\nannounce route 10.0.10.0/24 next-hop 1.1.1.1\r\n\r\n")
    t.settle("crlf")
    t.raw("text", "\n\n   \n\t\nversion\n")
    t.settle("blank lines")
    t.raw("text", "announce route 10.0.11.0/24 nex")
    t.settle("half a line", mute=["text"])
    t.raw("text", "t-hop 1.1.1.1\nversi")
    t.raw("text", "on\n")
    t.settle("the other half")
    t.say("json", "announce route 10.0.12.0/24 next-hop 1.1.1.1 community [ " + " ".join(f"65000:{n}" for n in range(800)) + " ]")
    t.settle("a long line")


@scenario
def wrong(t):
    """What is not a command, or is only half of one: an error, and nothing changes."""
    two_neighbors(t)
    t.ask("text", "ping", "status", "show", "show foo", "show neighbors summary", "show neighbor127", "foo", "foo bar",
          "foo announce route 10.0.0.0/24 next-hop 1.1.1.1", "announce", "withdraw", "announce foo", "withdraw foo", "announce route", "withdraw route",
          "announce route 10.0.0.0/24", "announce route 10.0.0.0/33 next-hop 1.1.1.1", "announce route 10.0.0.1/24 next-hop 1.1.1.1",
          "announce route 10.0.0.0/24 next-hop", "announce route 10.0.0.0/24 next-hop 1.1.1", "announce route 10.0.0.0/24 next-hop 1.1.1.1 foo",
          "announce route 10.0.0.0/24 next-hop 1.1.1.1 med foo", "announce route 10.0.0.0/24 next-hop 1.1.1.1 med -1",
          "announce route 10.0.0.0/24 next-hop 1.1.1.1 origin foo", "announce route 10.0.0.0/24 next-hop 1.1.1.1 community [ 65000 : 1 ]",
          "announce route 10.0.0.0/24 next-hop 1.1.1.1 community [ 1:1, 2:2 ]", "announce route 2001:db8::/32 next-hop self",
          "announce attributes next-hop 1.1.1.1 med 5", "announce attributes next-hop 1.1.1.1 nlri", "announce attributes nlri 10.0.0.0/24",
          "announce eor ipv4", "announce eor foo bar", "announce eor ipv4 foo", "announce route-refresh", "announce route-refresh ipv4", "announce route-refresh foo bar",
          "announce operational", "announce operational foo", "announce operational asm", "announce operational asm afi ipv4",
          "announce l2vpn vpls endpoint 5", "announce ipv4", "announce ipv4 foo", "announce ipv4 unicast", "announce ipv6 unicast 10.0.0.0/24 next-hop 1.1.1.1",
          "announce ipv4 unicast 2001:db8::/32 next-hop 2001:db8::1", "announce vpls", "announce flow", "announce flow route", "announce flow route foo",
          "teardown", "teardown foo", "teardown -1", "neighbor 127.0.0.2 teardown", "neighbor 127.0.0.2 teardown foo", "neighbor 127.0.0.2", "neighbor",
          "neighbor foo", "neighbor 127.0.0.2 foo", "neighbor 127.0.0.2 announce", "flush", "flush adj-rib", "flush adj-rib in", "clear", "clear adj-rib foo",
          "show adj-rib", "show adj-rib-out", "show adj-rib foo", "watchdog", "announce watchdogs", "session ping", "peer list",
          "system version", "crash", "enable-ack now", "help me", "show neighbor summary foo", "show neighbor 127.0.0.9 summary", "show adj-rib out foo",
          "routes", "group start", "announce route 10.0.0.0/24 next-hop 1.1.1.1 watchdog", "announce route 10.0.0.0/24 next-hop 1.1.1.1 name",
          "announce route 10.0.0.0/24 next-hop 1.1.1.1 label foo", "announce route 10.0.0.0/24 next-hop 1.1.1.1 rd foo label 5")
    t.raw("text", "announce route 10.0.0.0/24 next-hop 1.1.1.1 \x01\x02\nversion\n")
    t.settle("control bytes")
    t.answered("text", "show neighbor")
    t.answered("text", "show neighbor foo")
    t.ask("text", "show adj-rib out", "show adj-rib out extensive")


@scenario
def selectors(t):
    """Neighbor selectors in every form, before an announcement that tells whom they meant."""
    two_neighbors(t)
    forms = ["neighbor 127.0.0.2", "neighbor 127.0.0.3", "neighbor *", "neighbor 127.0.0.2 local-ip 127.0.0.1", "neighbor 127.0.0.2 local-ip 127.0.0.9",
             "neighbor 127.0.0.2 local-as 65000", "neighbor 127.0.0.2 local-as 65009", "neighbor 127.0.0.2 peer-as 65001", "neighbor 127.0.0.2 peer-as 65002",
             "neighbor 127.0.0.2 router-id 10.0.0.1", "neighbor 127.0.0.2 router-id 10.0.0.2", "neighbor 127.0.0.2 family-allowed in-open",
             "neighbor 127.0.0.2 family-allowed ipv4-unicast", "neighbor 127.0.0.2 local-ip 127.0.0.1 local-as 65000 peer-as 65001 router-id 10.0.0.1 family-allowed in-open",
             "neighbor 127.0.0.2 router-id 10.0.0.1 peer-as 65001 local-as 65000 local-ip 127.0.0.1", "neighbor 127.0.0.2, neighbor 127.0.0.3",
             "neighbor 127.0.0.2 , neighbor 127.0.0.3", "neighbor 127.0.0.2,neighbor 127.0.0.3", "neighbor 127.0.0.2 peer-as 65001, neighbor 127.0.0.3 peer-as 65002",
             "neighbor 127.0.0.2 peer-as 65002, neighbor 127.0.0.3 peer-as 65002", "neighbor 127.0.0.2 neighbor 127.0.0.3", "neighbor 127.0.0.2, 127.0.0.3",
             "neighbor 127.0.0.9", "neighbor 127.0.0.2, neighbor 127.0.0.9", "neighbor 127.0.0", "neighbor 127.0.0.*", "neighbor 127.0.0.20", "neighbor 7.0.0.2",
             "peer-as 65001", "neighbor peer-as 65001", "neighbor 127.0.0.2 foo 1", "neighbor 127.0.0.2 description x", "neighbour 127.0.0.2", "neighbor  127.0.0.2 ",
             "neighbor 127.0.0.2,", "neighbor , 127.0.0.2", "neighbor *, neighbor 127.0.0.2", "neighbor 127.0.0.2 peer-as", "neighbor 127.0.0.2/32", "neighbor ::1"]
    for number, form in enumerate(forms):
        t.ask("text", f"{form} announce route 10.1.{number}.0/24 next-hop 1.1.1.1")
    t.ask("text", "neighbor 127.0.0.2 withdraw route 10.1.0.0/24", "neighbor 127.0.0.3 withdraw route 10.1.0.0/24", "neighbor 127.0.0.9 withdraw route 10.1.0.0/24",
          "withdraw route 10.1.2.0/24", "neighbor 127.0.0.2 announce eor ipv4 unicast", "neighbor 127.0.0.9 announce eor ipv4 unicast",
          "neighbor 127.0.0.2, neighbor 127.0.0.3 announce eor ipv6 unicast", "neighbor 127.0.0.3 announce route-refresh ipv4 unicast",
          "neighbor 127.0.0.9 announce route-refresh ipv4 unicast", "neighbor 127.0.0.2 show neighbor summary", "neighbor 127.0.0.3 flush adj-rib out", "neighbor 127.0.0.9 flush adj-rib out",
          "neighbor 127.0.0.9 clear adj-rib out", "neighbor 127.0.0.3 clear adj-rib in", "neighbor 127.0.0.3 clear adj-rib out", "neighbor 127.0.0.2 version",
          "neighbor 127.0.0.9 version", "neighbor 127.0.0.2 help", "neighbor 127.0.0.2 # comment",
          "neighbor 127.0.0.2 show adj-rib out", "neighbor 127.0.0.2 enable-ack", "neighbor 127.0.0.2 announce watchdog dog", "neighbor 127.0.0.9 teardown 4",
          "neighbor 127.0.0.2 announce attributes next-hop 1.1.1.1 nlri 10.2.0.0/24 10.2.1.0/24", "neighbor 127.0.0.2 announce ipv4 unicast 10.2.2.0/24 next-hop 1.1.1.1",
          "neighbor 127.0.0.2 announce flow route { match { destination 10.2.3.0/24; } then { discard; } }", "show adj-rib out")


@scenario
def routes(t):
    """announce and withdraw: route, attributes, ipv4, ipv6, flow; what is suppressed, replaced, split."""
    two_neighbors(t)
    one = "10.0.0.0/24 next-hop 1.1.1.1"
    t.ask("text", f"announce route {one}", f"announce route {one}", f"announce route {one} med 5", f"announce route {one} med 5", "announce route 10.0.0.0/24 next-hop 1.1.1.2",
          "withdraw route 10.0.0.0/24", "withdraw route 10.0.0.0/24", "withdraw route 10.0.0.0/24 next-hop 1.1.1.1", f"announce route {one}", f"withdraw route {one} med 9",
          "announce route 10.0.1.1 next-hop 1.1.1.1", "withdraw route 10.0.1.1", "withdraw route 10.0.1.1/32", "announce route 10.0.2.0/24 next-hop self",
          "announce route 2001:db8::/32 next-hop 2001:db8::1", "withdraw route 2001:db8::/32 next-hop 2001:db8::1", "withdraw route 2001:db8::/32",
          "announce route 10.4.0.0/16 next-hop 1.1.1.1 split /18", "withdraw route 10.4.0.0/16", "withdraw route 10.4.0.0/16 split /18",
          "announce route 10.5.0.0/16 { next-hop 1.1.1.1; med 10; as-path [ 1 2 ]; }", "withdraw route 10.5.0.0/16 { next-hop 1.1.1.1; }",
          "announce route 10.6.0.0/16 next-hop 1.1.1.1 origin egp as-path [ 65000 1 2 ] med 1 local-preference 200 atomic-aggregate aggregator ( 65000:1.2.3.4 ) "
          "community [ 1:2 no-export ] large-community [ 1:2:3 ] extended-community [ target:1:2 ] originator-id 1.1.1.1 cluster-list [ 1.1.1.1 2.2.2.2 ]",
          "withdraw route 10.6.0.0/16", "announce route 10.7.0.0/16 next-hop 1.1.1.1 attribute [ 0x63 0xE0 0x0102 ] name foo",
          "announce attributes next-hop 1.1.1.1 med 7 nlri 10.8.0.0/24 10.8.1.0/24 10.8.2.0/24", "announce attribute next-hop 1.1.1.1 med 7 nlri 10.8.3.0/24",
          "withdraw attributes next-hop 1.1.1.1 nlri 10.8.0.0/24 10.8.1.0/24", "withdraw attribute nlri 10.8.2.0/24", "withdraw attributes next-hop 1.1.1.1 med 7 nlri 10.8.3.0/24",
          "announce attributes next-hop 1.1.1.1 med 7 nlri 10.8.0.0/24 2001:db8:1::/48", "announce attributes next-hop 2001:db8::1 nlri 2001:db8:2::/48 2001:db8:3::/48",
          "announce ipv4 unicast 10.9.0.0/24 next-hop 1.1.1.1", "withdraw ipv4 unicast 10.9.0.0/24 next-hop 1.1.1.1", "withdraw ipv4 unicast 10.9.0.0/24",
          "announce ipv4 multicast 10.9.1.0/24 next-hop 1.1.1.1", "announce ipv4 nlri-mpls 10.9.2.0/24 next-hop 1.1.1.1 label 5",
          "announce ipv6 unicast 2001:db8:9::/48 next-hop 2001:db8::1", "withdraw ipv6 unicast 2001:db8:9::/48 next-hop 2001:db8::1",
          "announce ipv4 flow source 10.10.0.0/24 protocol tcp rate-limit 9600", "withdraw ipv4 flow source 10.10.0.0/24 protocol tcp rate-limit 9600",
          "announce flow route destination 10.11.0.0/24 protocol udp discard", "withdraw flow route destination 10.11.0.0/24 protocol udp",
          "announce flow route { match { source 10.12.0.0/24; destination-port =80; } then { rate-limit 9600; } }",
          "withdraw flow route { match { source 10.12.0.0/24; destination-port =80; } then { rate-limit 9600; } }",
          "withdraw flow route { match { source 10.12.0.0/24; destination-port =80; } }", "announce vpls rd 1:1 endpoint 5 base 100 offset 1 size 8 next-hop 1.1.1.1",
          "announce route 224.0.0.0/8 next-hop 1.1.1.1", "announce route 10.13.0.0/24 next-hop 1.1.1.1 label 100", "announce route 10.14.0.0/24 next-hop 1.1.1.1 rd 1:1 label 100",
          "announce route 10.15.0.0/24 next-hop 1.1.1.1 path-information 0.0.0.1", "withdraw route 10.15.0.0/24 path-information 0.0.0.1",
          "show adj-rib out", "show adj-rib out extensive")
    t.say("json", *[f"announce route 10.20.{n}.0/24 next-hop 1.1.1.1" for n in range(60)], "version", *[f"withdraw route 10.20.{n}.0/24" for n in range(30)])
    t.settle("a burst", final=True)
    t.ask("json", "show adj-rib out")


@scenario
def acks(t):
    """enable-ack, disable-ack, silence-ack; each helper has its own."""
    two_neighbors(t)
    some = ["version", "announce route 10.0.{n}.0/24 next-hop 1.1.1.1", "foo", "# comment", "show neighbor summary 127.0.0.9", "help",
            "announce eor", "teardown foo", "neighbor 127.0.0.9 teardown 2", "", "announce watchdog dog", "show adj-rib out"]
    for n, mode in enumerate(["disable-ack", "enable-ack", "silence-ack", "disable-ack", "enable-ack", "enable-ack", "silence-ack", "silence-ack", "enable-ack"]):
        t.ask("text", mode, *[line.replace("{n}", str(n)) for line in some])
        t.ask("json", "version", "foo")


@scenario
def acks_off(t):
    """`api.ack` false from the start."""
    for helper in ("json", "text"):
        t.quiet.add(helper)
    two_neighbors(t, environment={"exabgp_api_ack": "false"})
    t.ask("text", "version", "foo", "announce route 10.0.0.0/24 next-hop 1.1.1.1", "help", "disable-ack", "version", "enable-ack", "version", "foo", "silence-ack", "foo")


@scenario
def shows(t):
    """show neighbor and show adj-rib, in all their forms, with routes on both sides."""
    two_neighbors(t, "api { processes [ json text ]; } adj-rib-in true;")
    attributes = wire.origin() + wire.as_path((2, [65001, 7])) + wire.next_hop("127.0.0.2") + wire.med(5) + wire.communities((65000, 1), (65535, 65281))
    six = wire.origin() + wire.as_path((2, [65001])) + wire.mp_reach(2, 1, wire.ip("2001:db8::2"), wire.prefix("2001:db8:1::/48"))
    t.peers["127.0.0.2"].tell(wire.update(attributes, wire.prefixes("10.0.0.0/24", "10.1.0.0/16")), wire.update(six))
    t.say("text", "announce route 10.5.0.0/16 next-hop 1.1.1.1 med 5 community [ 1:2 ]", "neighbor 127.0.0.2 announce route 10.6.0.0/16 next-hop 1.1.1.1",
          "announce route 2001:db8:5::/48 next-hop 2001:db8::1", "announce flow route { match { destination 10.2.3.0/24; } then { discard; } }")
    t.settle("routes")
    for helper in ("text", "json"):
        t.ask(helper, "show neighbor summary", "show neighbor 127.0.0.2 summary", "show neighbor summary 127.0.0.2", "show neighbor extensive",
              "show neighbor 127.0.0.3 extensive", "show neighbor extensive 127.0.0", "show neighbor configuration", "show neighbor 127.0.0.3 configuration",
              "show neighbor configuration 127.0.0.3", "show neighbor json", "show neighbor summary json", "show neighbor 127.0.0.2 extensive json",
              "show neighbor json configuration", "show neighbor summary extensive", "show neighbor text summary", "show neighbor 127.0.0 summary",
              "show adj-rib out", "show adj-rib out extensive", "show adj-rib out json", "show adj-rib out json extensive", "show adj-rib out extensive json",
              "show adj-rib in", "show adj-rib in extensive", "show adj-rib in json", "show adj-rib in extensive json", "show adj-rib in json extensive",
              "show adj-rib out inet", "show adj-rib out flow", "show adj-rib out l2vpn", "show adj-rib in inet", "show adj-rib in flow",
              "show adj-rib out 127.0.0.2", "show adj-rib out 127.0.0.3 extensive", "show adj-rib out 127.0.0", "show adj-rib out 127.0.0.2 json",
              "show adj-rib in 127.0.0.2", "show adj-rib in 127.0.0.3", "show adj-rib in 127.0.0.2 extensive", "show adj-rib in inet json",
              "show adj-rib out inet 127.0.0.2", "show adj-rib out 127.0.0.2 inet", "show adj-rib out 127.0.0.2 flow extensive", "show adj-rib out inet extensive json")


@scenario
def shows_v2(t):
    """The other JSON of show adj-rib."""
    two_neighbors(t, environment={"exabgp_api_show-routes-format": "v2"})
    t.say("text", "announce route 10.5.0.0/16 next-hop 1.1.1.1 med 5 community [ 1:2 ]", "announce route 2001:db8:5::/48 next-hop 2001:db8::1",
          "announce flow route { match { destination 10.2.3.0/24; protocol tcp; } then { rate-limit 9600; } }")
    t.settle("routes")
    t.ask("json", "show adj-rib out json", "show adj-rib out json extensive", "show adj-rib out extensive json", "show adj-rib out flow json", "show adj-rib in json")


@scenario
def others(t):
    """eor, route-refresh, operational, watchdog, flush, clear, reset, crash, teardown."""
    for name in ("json", "text"):
        t.helper(name, name)
    t.peer("127.0.0.2")
    static = ("static { route 10.0.0.0/24 next-hop 1.1.1.1 watchdog dog; route 10.0.1.0/24 next-hop 1.1.1.1 watchdog dog withdraw; "
              "route 10.0.2.0/24 next-hop 1.1.1.1 watchdog text; route 10.0.3.0/24 next-hop 1.1.1.1; }")
    t.start(neighbor("127.0.0.2", "api { processes [ json text ]; } adj-rib-in true; " + static, 65001, TWO, "route-refresh enable; operational enable;"))
    opened = peer_open(65001, "10.0.0.2", NAMES, more=[wire.capability(185)])
    t.up("127.0.0.2", opened)
    t.settle("up")
    t.peers["127.0.0.2"].tell(wire.update(wire.origin() + wire.as_path((2, [65001])) + wire.next_hop("127.0.0.2"), wire.prefixes("10.9.0.0/24")))
    t.ask("text", "announce eor", "announce eor ipv4 unicast", "announce eor ipv6 unicast", "announce eor ipv4 flow", "announce eor l2vpn evpn", "announce eor bgp-ls bgp-ls",
          "announce eor ipv4 mpls-vpn", "announce route-refresh ipv4 unicast", "announce route-refresh ipv6 unicast", "announce route-refresh ipv4 mpls-vpn",
          'announce operational asm afi ipv4 safi unicast advisory "hello"', 'announce operational adm afi ipv4 safi unicast advisory "hello"',
          "announce operational rpcq afi ipv4 safi unicast sequence 5", "announce operational rpcp afi ipv4 safi unicast sequence 5 counter 7",
          "announce operational apcq afi ipv4 safi unicast sequence 5", "announce operational lpcp afi ipv4 safi unicast sequence 5 counter 7",
          "announce operational rpcq afi ipv4 safi foo sequence 5", "announce operational rpcq afi ipv4 safi unicast sequence foo",
          "announce watchdog dog", "withdraw watchdog dog", "withdraw watchdog dog", "announce watchdog dog", "announce watchdog", "withdraw watchdog", "announce watchdog",
          "announce watchdog foo", "withdraw watchdog foo", "flush adj-rib out", "clear adj-rib in", "show adj-rib in", "announce route 10.4.0.0/24 next-hop 1.1.1.1",
          "flush adj-rib out", "clear adj-rib out", "show adj-rib out", "flush adj-rib out", "announce route 10.4.0.0/24 next-hop 1.1.1.1", "clear adj-rib",
          "announce route 10.4.0.0/24 next-hop 1.1.1.1", "crash", "reset", "# afterwards", "announce watchdog dog", "announce route 10.0.3.0/24 next-hop 1.1.1.1")
    t.say("text", "neighbor 127.0.0.2 teardown 4")
    t.lost("127.0.0.2", "teardown 4")
    t.up("127.0.0.2", opened)
    t.settle("up again")
    for number in ("2", "6", "99"):
        t.say("text", f"neighbor * teardown {number}")
        t.lost("127.0.0.2", f"teardown {number}")
        t.up("127.0.0.2", opened)
        t.settle(f"up after teardown {number}")
    t.ask("text", "teardown 4", "show adj-rib out")


@scenario
def configuration(t):
    """`show neighbor configuration` of neighbors that have everything."""
    for name in ("json", "text"):
        t.helper(name, name)
    addresses = [f"127.0.0.{n}" for n in range(2, 8)]
    for address in addresses:
        t.peer(address)
    blocks = [
        'description "a peer with a name"; host-name host; domain-name domain.example; adj-rib-in false; adj-rib-out false; rate-limit 5; group-updates false; '
        'auto-flush false; manual-eor true; outgoing-ttl 5; incoming-ttl 7; api x { processes [ json text ]; neighbor-changes; negotiated; fsm; signal; '
        "receive { parsed; packets; consolidate; open; update; notification; keepalive; refresh; operational; } send { parsed; update; } }",
        "api { processes [ json ]; receive { parsed; update; } } api named { processes [ text ]; send { packets; update; keepalive; } }",
        'passive true; md5-password "secret"; md5-ip 127.0.0.1; md5-base64 false; static { route 10.0.0.0/24 next-hop 1.1.1.1 med 5 community [ 1:2 no-export ]; '
        "route 10.0.1.0/24 { next-hop 1.1.1.1; label 5; rd 1:1; } } flow { route { match { source 10.0.0.0/24; } then { discard; } } }",
        "nexthop { ipv4 unicast ipv6; } add-path { ipv4 unicast; } announce { ipv4 { unicast 10.3.0.0/24 next-hop self; } ipv6 { unicast 2001:db8:1::/48 next-hop 2001:db8::1; } }",
        "operational { asm afi ipv4 safi unicast advisory \"hello\"; } l2vpn { vpls site5 { endpoint 5; base 10702; offset 1; size 8; rd 1:1; next-hop 1.1.1.1; } }",
        "connect 1790;",
    ]
    words = ["graceful-restart 120; multi-session disable;", "route-refresh; software-version enable; extended-message disable;", "asn4 disable;",
             "nexthop enable; add-path send/receive;", "operational enable; aigp enable;", ""]
    families = ["ipv4 unicast; ipv4 flow;", "all;", "ipv4 mpls-vpn; ipv4 unicast; ipv4 flow;", TWO, "ipv4 unicast; l2vpn vpls;", ""]
    text = "".join(neighbor(a, block, 65001, family, word) for a, block, word, family in zip(addresses, blocks, words, families))
    t.start(text, {"exabgp_bgp_openwait": "3600"})
    for address in [a for a, block in zip(addresses, blocks) if "passive" not in block and "connect" not in block]:
        t.peers[address].take()
    for _ in range(2):  # the events up to the OPEN, and what comes once that was sent
        for name in ("json", "text"):
            t.flushed(name)
    t.keep("connected")
    for address in addresses:
        t.answered("text", f"show neighbor {address} configuration")
    t.answered("text", "show neighbor configuration")
