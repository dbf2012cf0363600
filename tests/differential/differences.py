"""Differences that are the same thing said another way: what makes both sides equal, by the id in differences.md.

Each function rewrites a line of ExaBGP's or of oxabgp's; where both are then the same, the difference is the one named.
"""
import ipaddress
import json
import re
import struct


def attribute(code, change):
    """Rewrites the values of one attribute of a wire line: `change` gets and gives a list of eight-byte or four-byte hex words."""
    size = 16 if code == 16 else 8

    def one(found):
        words = re.findall("." * size, found.group(2))
        return found.group(1) + "".join(change(words))
    return lambda line: re.sub(rf"( [0-9A-F]{{2}}\.{code}\.)([0-9A-F]+)", one, line)


def two_octet(words):
    return sorted("01" + word[2:] if word[:4] in ("0202", "0203") else word for word in words)


def printed_targets(line):
    """`target:1.2.3.4:5` as `target:16909060:5`, in a list that is then sorted."""
    def one(found):
        octets = [int(octet) for octet in found.group(2).split(".")]
        return f"{found.group(1)}{int.from_bytes(bytes(octets), 'big')}"

    def sorted_list(found):
        return "extended-community [ " + " ".join(sorted(found.group(1).split())) + " ]"

    line = re.sub(r"(target:)(\d+\.\d+\.\d+\.\d+)(?=:)", one, line)
    return re.sub(r"extended-community \[ ([^]]*) \]", sorted_list, line)


def told_communities(line):
    """The extended communities of an event by what they say, sorted: a target or origin with its address as a number."""
    def one(community):
        found = re.search(r'"string": "(target|origin):([^"]*)"', community)
        if not found:
            return community
        words = [str(int.from_bytes(bytes(int(o) for o in word.split(".")), "big")) if "." in word else word for word in found.group(2).split(":")]
        return f"{found.group(1)} {'-'.join(sorted(words))}"

    def whole(found):
        return found.group(1) + "; ".join(sorted(one(part.strip()) for part in re.split(r"(?<=\}), |; ", found.group(2)))) + "]"
    return re.sub(r'("extended-community": \[)([^]]*)\]', whole, line)


def srv6(line):
    """SRv6 SIDs of an event without SID and behaviour, and without the commas of sub-TLVs that show nothing."""
    if "-service" not in line:
        return line
    line = re.sub(r'"sid": "[^"]*", "flags": 0, "endpoint_behavior": (\d+|%d)', '"sid": ""', line)
    for _ in range(3):
        line = re.sub(r", *, ", ", ", re.sub(r", *(?=[]}])", "", re.sub(r"\[ *, *", "[ ", line)))
    return re.sub(r" +(?=[]}])|(?<=[\[{]) +", "", line)


def as_sent(line):
    """A line of `show adj-rib`: what the wire does not tell is left out."""
    if not re.search(r"^127\.\d|^neighbor .* family-allowed ", line):
        return line

    def rate(found):
        return f"rate-limit:{struct.unpack('!f', struct.pack('!f', float(found.group(1))))[0]:.0f}"

    line = re.sub(r"rate-limit:(\d+)", rate, line)
    line = re.sub(r" attribute \[ 0x[0-9A-F]{2} 0x[0-9A-F]{2} 0x[0-9a-f]* \]", "", line)
    return interface_groups(line)


def interface_groups(line):
    """Groups of interfaces with the 13 bits that ExaBGP prints of 14."""
    return re.sub(r"(interface-set:(?:non-transitive:)?[\w-]*:\d+:)(\d+)", lambda found: found.group(1) + str(int(found.group(2)) & 0x1FFF), line)


def repaired(line):
    """The JSON of a MUP type 1 session with its comma and without Python's empty bytes."""
    return line.replace('""source_ip_len"', '", "source_ip_len"').replace("\"source_ip\": \"b''\"", '"source_ip": ""')


def once(line):
    """The withdrawals of an event that was treated as one, each route once."""
    if '"error": "treat-as-withdraw' not in line:
        return line

    def each(found):
        return found.group(1) + ", ".join(dict.fromkeys(re.split(r"(?<=\}), (?=\{)", found.group(2)))) + " ]"
    return re.sub(r'("ipv6 [a-z-]+": \[ )(.*?\}) \](?=[, ]* [}"])', each, line)


def masked(line):
    """Prefixes without bits beyond their length."""
    def one(found):
        try:
            return str(ipaddress.ip_network(found.group(0), strict=False))
        except ValueError:
            return found.group(0)
    def evpn(found):
        try:
            return f'"ip": "{ipaddress.ip_interface(f"{found.group(1)}/{found.group(2)}").network.network_address}", "iplen": {found.group(2)}'
        except ValueError:
            return found.group(0)
    line = re.sub(r'"ip": "([0-9a-f.:]+)", "iplen": (\d+)', evpn, line)
    return re.sub(r"(?<![\w.:/])[0-9a-f.:]*[.:][0-9a-f.:]*/\d+(?![\w/])", one, line)


def announced_once(line):
    """An event without the withdrawals of routes that it announces too."""
    read = json.JSONDecoder().raw_decode
    announced, withdrawn = line.find('"announce": {'), line.find(', "withdraw": {')
    if announced < 0 or withdrawn < announced:
        return line

    def same(route):
        return {name: value for name, value in route.items() if name != "label"}
    try:
        announce, _ = read(line, announced + 12)
        withdraw, end = read(line, withdrawn + 14)
        parts = []
        for family, routes in withdraw.items():
            said = [same(route) for hop in announce.get(family, {}).values() for route in hop]
            at, left = line.index(f'"{family}": [', withdrawn) + len(family) + 5, []
            for route in routes:
                at = line.index("{", at)
                begin, (_, at) = at, read(line, at)
                left += [line[begin:at]] if same(route) not in said else []
            parts += [f'"{family}": [ {", ".join(left)} ]'] if left else []
    except ValueError:
        return line
    return line[:withdrawn] + (', "withdraw": { ' + ", ".join(parts) + " }" if parts else "") + line[end:]


def masks(line):
    """Bit masks of flow rules without bits as nothing, which is what ExaBGP prints."""
    return re.sub(r'(?<=[" !=&])0x0(?=[" &])', "", line) if "flow" in line else line


def opaque(line):
    """Opaque octets of BGP-LS as the text that ExaBGP makes of them."""
    def one(found):
        text = bytes.fromhex(found.group(2)).decode("utf-8", "replace")
        return f'{found.group(1)}{json.dumps(text)}'
    line = re.sub(r'("opaque(?:-link|-prefix)?": )"((?:[0-9a-f]{2})+)"', one, line)
    return re.sub(r'("(?:node|link)-name": )"0x((?:[0-9A-F]{2})+)"', one, line)


def unnamed(line):
    """Communities and tunnels without the names that ExaBGP does not know."""
    names = "bandwidth|color|default-gateway|esi-label|es-import|router-mac|e-tree|redirect:[0-9]+[.]"
    line = re.sub(rf'"string": "(?:{names})[^"]*"', '"string": ""', line)
    line = re.sub(r'("value": \d{25,}, "string": ")(?:target|origin|redirect):[^"]*"', r'\1"', line)
    line = re.sub(r"\b(target|origin|rtrecord)4:", r"\1:", interface_groups(line)).replace("interface-set:non-transitive:", "interface-set:")
    line = re.sub(r"\borigin:(\d+):(\d+\.\d+\.\d+\.\d+)", r"origin:\2:\1", line)
    line = re.sub(r"(pmsi:[^:]*:\d+:\d+)\((\d+)\)(?!:\d+\.)", lambda found: found.group(1) if int(found.group(2)) & 15 else found.group(0), line)
    return re.sub(r"pmsi:\d+:", "pmsi:unknown:", line)


def redirects(line):
    """Redirects as the hexadecimal digits that ExaBGP prints."""
    def wide(found):
        asn, number = int(found.group(2)), int(found.group(3))
        small = found.group(1) == "" and asn <= 0xFFFF
        return found.group(0) if small else f"0x8208{asn:08X}{number:04X}"

    def short(found):
        address = ipaddress.IPv4Address(found.group(1)).packed.hex().upper()
        return f"0x8108{address}{int(found.group(2)):04X}"

    def long(found):
        kind = "000B" if found.group(1) == " " else "000D"
        return f"0x{kind}{ipaddress.IPv6Address(found.group(2)).packed.hex().upper()}{int(found.group(3)):04X}"
    line = re.sub(r"\bredirect(4?):(\d+):(\d+)\b", wide, line)
    line = re.sub(r"\bredirect:(\d+\.\d+\.\d+\.\d+):(\d+)\b", short, line)
    return re.sub(r"\bredirect([ :])([0-9a-f]*:[0-9a-f:.]*):(\d+)\b", long, line)


def families_only(line):
    """Text events without the routes of families of which ExaBGP prints nothing else."""
    family = r"afi \S+ safi (?:evpn|rtc|mcast-vpn|mup|bgp-ls(?:-vpn)?)"
    head = r"(?:raw|ethernet-\w+|mac|multicast|prefix|default|origin \d+|source-\w+|shared-join|mup-\w+|node|link|srv6-sid)"
    return re.sub(rf"( (?:announced|withdrawn) {family}) {head}\b(?:.*? next-hop \S+|.*)", r"\1", line)


EQUAL = {
    "routes-in-text": families_only,
    "host-bits": masked,
    "announced-and-withdrawn": announced_once,
    "flow-reserved-bits": masks,
    "opaque-bgp-ls": opaque,
    "read-back": unnamed,
    "redirects": redirects,
    "shown-as-sent": as_sent,
    "four-octet-as": lambda line: told_communities(printed_targets(attribute(16, two_octet)(line))),
    "srv6-json": srv6,
    "mac-mobility-value": lambda line: told_communities(re.sub(r'"value": \d+(, "string": "mac-mobility)', r'"value": 0\1', line)),
    "mup-json": repaired,
    "confederations": lambda line: re.sub("as-confed-(sequence|set)", "as-sequence", line),
    "gravest-error": lambda line: line.replace('"error": "discard", "error": "treat-as-withdraw"', '"error": "treat-as-withdraw"'),
    "withdrawn-twice": once,
    "bgp-ls-vpn-name": lambda line: re.sub(r'("srv6-sid": "[^"]*"\}), "rd": "[^"]*"', r"\1", line).replace("bgp-ls bgp-ls-vpn", "bgp-ls bgp-ls").replace("safi bgp-ls-vpn", "safi bgp-ls"),
    "decode-aigp": lambda line: re.sub(r'(, )?"aigp": "0x[0-9a-f]+"', "", line) if '"direction": "in"' in line else line,
}


def normal(line):
    """The line after all functions: what lists are sorted by, so that lines which say the same stand at the same place."""
    for change in EQUAL.values():
        line = change(line)
    return line


def explained(theirs, ours):
    """The ids that explain the difference, or nothing."""
    used = []
    for name, change in EQUAL.items():
        changed = change(theirs), change(ours)
        if changed != (theirs, ours):
            used.append(name)
        theirs, ours = changed
        if theirs == ours:
            return used
    return []


def shown_configuration(lines):
    """`show neighbor configuration` as far as both print it: one unnamed api block for each helper, nothing that is not set."""
    out, at = [], 0
    while at < len(lines):
        line = lines[at]
        head = line.strip()
        end = next((i for i in range(at, len(lines)) if lines[i] == line[:len(line) - len(line.lstrip())] + "}"), at)
        inside = lines[at + 1:end]
        if line.startswith("  api") and head.endswith("{"):
            names = re.findall(r"[^\s\[\];]+", inside[0].split("processes", 1)[1]) if inside and "processes" in inside[0] else []
            for name in names:
                out += ["  api {", f"    processes [ {name} ];", *inside[1:], "  }"]
            at = end
        elif line in ("  static {", "  announce {", "  operational {", "  flow {", "  l2vpn {"):
            at = end  # ExaBGP does not print these
        elif line in ("  nexthop {", "  add-path {") and not inside:
            at = end
        elif line == "  add-path {":  # ExaBGP names families that ADD-PATH is not sent for
            out += [line, *(one for one in inside if re.search(" (unicast|nlri-mpls|mpls-vpn);", one)), "  }"]
            at = end
        elif not head or head.endswith(" None;") or head.startswith("md5-") or re.match("(extended-message|link-local-[a-z]+) (en|dis)able;", head):
            pass
        else:
            out.append(line)
        at += 1
    return out
