#!/bin/sh
# bgpkit-parser 0.23.0 gives routes without LOCAL_PREF and MULTI_EXIT_DISC the value 0 for both, and drops the path identifiers of tables.
#
# Both attributes are optional (RFC 4271 section 5), 0 is a value that each may have, and the fields of an elem are `Option`s, which
# the filters `med=*` and `local_pref=*` take for presence. RFC 8050 section 4.3 puts a path identifier into each entry of a table, and
# the elem's prefix has a field for it, which updates fill. One would expect `None`, and the identifiers 7 and 9.
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 - <<'PYTHON'
import struct

def record(kind, subtype, body):
    return struct.pack("!IHHI", 1700000000, kind, subtype, len(body)) + body

peer = bytes([192, 0, 2, 2])
attributes = bytes.fromhex("400101 00 400206 0201 0000fdea 400304 c0000202")
peers = peer + struct.pack("!HH", 0, 1) + bytes([2]) + peer + peer + struct.pack("!I", 65002)
entries = b"".join(struct.pack("!HIIH", 0, 1700000000, path, len(attributes)) + attributes for path in (7, 9))
with open("table", "wb") as out:
    # RIB_IPV4_UNICAST_ADDPATH: one prefix by two paths.
    out.write(record(13, 1, peers) + record(13, 8, struct.pack("!I", 0) + bytes([24, 203, 0, 113]) + struct.pack("!H", 2) + entries))
nlri = struct.pack("!I", 7) + bytes([24, 203, 0, 113])
update = struct.pack("!HH", 0, len(attributes)) + attributes + nlri
session = struct.pack("!IIHH", 65002, 65001, 0, 1) + peer + bytes([192, 0, 2, 1])
with open("update", "wb") as out:
    # BGP4MP_MESSAGE_AS4_ADDPATH.
    out.write(record(16, 9, session + b"\xff" * 16 + struct.pack("!HB", 19 + len(update), 2) + update))
PYTHON
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "try"
version = "0.0.0"
edition = "2021"
[dependencies]
bgpkit-parser = { version = "=0.23.0", default-features = false, features = ["parser"] }
[workspace]
TOML
cat >src/main.rs <<'RUST'
fn main() {
    for file in ["update", "table"] {
        let input = std::fs::File::open(file).unwrap();
        for elem in bgpkit_parser::BgpkitParser::from_reader(input) {
            println!("{file}: local_pref {:?}, med {:?}, path_id {:?}", elem.local_pref, elem.med, elem.prefix.path_id);
        }
    }
}
RUST
cargo build --quiet --target-dir target >log 2>&1 || { cat log; exit 77; }
target/debug/try >found
echo "bgpkit-parser 0.23.0, routes without either attribute, paths 7 (update), 7 and 9 (table):"
cat found
cmp -s found - <<'TEXT'
update: local_pref Some(0), med Some(0), path_id Some(7)
table: local_pref Some(0), med Some(0), path_id None
table: local_pref Some(0), med Some(0), path_id None
TEXT
