"""Golden cases for OPEN, NOTIFICATION, ROUTE-REFRESH and KEEPALIVE."""
import wire
from case import Book
from wire import capability, multiprotocol, u32

AS4 = capability(65, u32(65001))
V4 = multiprotocol(1, 1)


def opened(capabilities, asn=65001, router_id="10.0.0.2", **more):
    return wire.open_message(asn, router_id, capabilities, **more)


def opens():
    book = Book("open")
    book.add("no-capability", opened([]), want="accept", fix=str,
             note="a peer without a multiprotocol capability speaks IPv4 unicast (RFC 4760 section 8); the event is the same")
    book.add("ipv4-only", opened([V4]))
    book.add("ipv4-asn4", opened([V4, AS4]))
    book.add("all-families", opened([multiprotocol(a, s) for a, s in wire.FAMILIES] + [AS4]))
    book.add("one-parameter", opened([V4, multiprotocol(2, 1), AS4], one_parameter=True))
    book.add("hold-0", opened([V4, AS4], hold=0))
    book.add("hold-3", opened([V4, AS4], hold=3))
    book.add("hold-65535", opened([V4, AS4], hold=65535))
    book.add("unknown-families", opened([V4, multiprotocol(1, 66), multiprotocol(99, 99), multiprotocol(16388, 80), AS4]))
    book.add("route-refresh", opened([V4, AS4, capability(2)]))
    book.add("route-refresh-cisco", opened([V4, AS4, capability(128)]))
    book.add("route-refresh-enhanced", opened([V4, AS4, capability(2), capability(70)]))
    book.add("extended-message", opened([V4, AS4, capability(6)]))
    book.add("nexthop", opened([V4, AS4, capability(5, bytes.fromhex("000100010002 000100800002"))]))
    book.add("nexthop-empty", opened([V4, AS4, capability(5)]))
    for name, mode in (("receive", 1), ("send", 2), ("both", 3)):
        book.add(f"add-path-{name}", opened([V4, AS4, capability(69, bytes([0, 1, 1, mode]))]))
    book.add("add-path-two", opened([V4, multiprotocol(2, 1), AS4, capability(69, bytes([0, 1, 1, 3, 0, 2, 1, 2]))]))
    book.add("add-path-empty", opened([V4, AS4, capability(69)]))
    book.add("graceful-restart", opened([V4, AS4, capability(64, bytes.fromhex("0078 00010180"))]))
    book.add("graceful-restart-two", opened([V4, AS4, capability(64, bytes.fromhex("8078 00010180 00020100"))]))
    book.add("graceful-restart-no-family", opened([V4, AS4, capability(64, bytes.fromhex("4078"))]))
    book.add("graceful-restart-notification-bit", opened([V4, AS4, capability(64, bytes.fromhex("c0b4 00010180"))]))
    book.add("long-lived-graceful-restart", opened([V4, AS4, capability(71, bytes.fromhex("00010180000e10"))]))
    book.add("hostname", opened([V4, AS4, capability(73, b"\x04peer\x03dom")]))
    book.add("hostname-no-domain", opened([V4, AS4, capability(73, b"\x04peer\x00")]))
    book.add("software-version", opened([V4, AS4, capability(75, b"\x0dFRRouting/8.4")]))
    book.add("operational", opened([V4, AS4, capability(185)]))
    book.add("role", opened([V4, AS4, capability(9, b"\x03")]))
    book.add("unknown-99", opened([V4, AS4, capability(99, b"\xaa\xbb")]))
    book.add("unknown-200", opened([V4, AS4, capability(200)]))
    book.add("paths-limit", opened([V4, AS4, capability(76, bytes.fromhex("0001010005"))]))
    book.add("link-local-nexthop", opened([V4, AS4, capability(77)]))
    book.add("multisession-rfc", opened([V4, AS4, capability(68, b"\x00\x01")]))
    book.add("multisession-cisco", opened([V4, AS4, capability(131, b"\x00")]))
    book.add("duplicate-capabilities", opened([V4, V4, AS4, AS4, capability(2), capability(2)]))
    book.add("extended-parameters", opened([V4, AS4, capability(99, b"x" * 200), capability(98, b"y" * 100)]))
    book.add("everything", opened([
        V4, multiprotocol(2, 1), capability(2), capability(70), AS4, capability(6), capability(69, bytes([0, 1, 1, 3])),
        capability(64, bytes.fromhex("0078 00010180")), capability(73, b"\x04peer\x03dom"), capability(75, b"\x05FRR/9"),
        capability(185), capability(99, b"\xaa")]))
    book.add("as-trans", wire.open_message(23456, "10.0.0.2", [V4, AS4]))
    book.add("wrong-version", opened([V4, AS4], version=3))
    book.add("ipv4-asn4-again", opened([V4, AS4]))
    book.add("wrong-as", opened([V4, capability(65, u32(65002))], asn=65002))
    book.add("router-id-zero", opened([V4, AS4], router_id="0.0.0.0"))
    book.add("hold-1", opened([V4, AS4], hold=1))
    book.add("hold-2", opened([V4, AS4], hold=2))
    plain = wire.open_message(65001, "10.0.0.2", [])[:-1]
    book.add("parameter-authentication", resize(plain + bytes([3, 1, 1, 0])))
    book.add("parameter-unknown", resize(plain + bytes([3, 9, 1, 0])))
    book.add("parameter-overrun", resize(plain + bytes([4, 2, 9, 1, 4])))
    book.add("capability-overrun", resize(plain + bytes([4, 2, 2, 1, 4])))
    return book.cases


def resize(raw):
    return raw[:16] + len(raw).to_bytes(2, "big") + raw[18:]


def communication(text):
    """The event for a shutdown or reset communication that ExaBGP finds too long."""
    def fix(line):
        said = f'Shutdown Communication: "{text}"'
        head = line[:line.index('"data": ')]
        escaped = said.replace('"', '\\"')
        return f'{head}"data": "0x{said.encode().hex().upper()}", "message": "{escaped}" }}  }} }}'
    return fix


def notifications():
    book = Book("notification")
    for code, subs in ((1, 4), (2, 10), (3, 12), (5, 4), (6, 11), (7, 2)):
        for sub in range(subs):
            if (code, sub) not in ((6, 2), (6, 4)):
                book.add(f"code-{code}-{sub}", wire.notification(code, sub))
    book.add("hold-timer", wire.notification(4, 0))
    book.add("hard-reset", wire.notification(6, 9, bytes([6, 4])))
    book.add("unknown-code", wire.notification(9, 3))
    book.add("with-data", wire.notification(2, 7, bytes.fromhex("01040001000a")))
    book.add("printable-data", wire.notification(6, 0, b"go away"))
    for sub, name in ((2, "shutdown"), (4, "reset")):
        book.add(f"{name}-no-text", wire.notification(6, sub))
        book.add(f"{name}-empty-text", wire.notification(6, sub, b"\x00"))
        book.add(f"{name}-bye", wire.notification(6, sub, b"\x03bye"))
        book.add(f"{name}-128", wire.notification(6, sub, b"\x80" + b"a" * 128))
        book.add(f"{name}-129", wire.notification(6, sub, b"\x81" + b"a" * 129), want="accept", fix=communication("a" * 129),
                 note="RFC 9003 allows up to 255 bytes")
        book.add(f"{name}-short", wire.notification(6, sub, b"\x09abc"))
        book.add(f"{name}-long", wire.notification(6, sub, b"\x02abcd"))
    book.add("shutdown-newline", wire.notification(6, 2, b"\x07one\ntwo"))
    book.add("shutdown-quote", wire.notification(6, 2, b'\x07say "a"'))
    book.add("shutdown-utf8", wire.notification(6, 2, b"\x07" + "été!".encode()[:7].ljust(7, b"!")))
    book.add("shutdown-not-utf8", wire.notification(6, 2, b"\x02\xff\xfe"))
    return book.cases


def refreshes():
    book = Book("refresh")
    for afi, safi in ((1, 1), (2, 1), (1, 128), (2, 133), (25, 70), (16388, 71)):
        book.add(f"query-{afi}-{safi}", wire.refresh(afi, safi))
    book.add("begin", wire.refresh(1, 1, 1))
    book.add("end", wire.refresh(1, 1, 2))
    book.add("unknown-family", wire.refresh(99, 99))
    book.add("subtype-3", wire.refresh(1, 1, 3), want="ignore",
             note="RFC 7313 section 5: a ROUTE-REFRESH with an unknown subtype is ignored")
    keepalive = Book("keepalive")
    keepalive.add("keepalive", wire.keepalive())
    return book.cases + keepalive.cases


def cases():
    return opens() + notifications() + refreshes()
