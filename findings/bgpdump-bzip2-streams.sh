#!/bin/sh
# bgpdump 1.6.2 reads the first stream of a bzip2 file and ends with exit code 0.
#
# bzip2(1): files may be concatenated, and bunzip2 gives the concatenation of what was in them; pbzip2 and lbzip2 write a stream for each
# block of a file, archives are joined with cat. One would expect all records, as bgpdump gives of a gzip file with several members.
# Seen: the records of the first stream only, and no complaint (standard error has the usual line about the log).
# Prints what it found; exit code 0: as described, 1: it has changed, 77: it can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ apt-get download -q bgpdump=1.6.2-2 && dpkg -x bgpdump_1.6.2-2_*.deb . && usr/bin/bgpdump -h; } >log 2>&1 || [ -x usr/bin/bgpdump ] || { cat log; exit 77; }
ldd usr/bin/bgpdump | grep 'not found' && exit 77
python3 - <<'PYTHON'
import bz2, gzip, struct

def record(last):
    attributes = bytes.fromhex("400101 00 400206 0201 0000fde9 400304 c0000201")
    body = struct.pack("!HH", 0, len(attributes)) + attributes + bytes([24, 203, 0, last])
    message = b"\xff" * 16 + struct.pack("!HB", 19 + len(body), 2) + body
    head = struct.pack("!IIHH", 65001, 65002, 0, 1) + bytes([192, 0, 2, 1, 192, 0, 2, 2])
    return struct.pack("!IHHI", 1700000000, 16, 4, len(head + message)) + head + message

for name, compress in ("updates.gz", gzip.compress), ("updates.bz2", bz2.compress):
    with open(name, "wb") as out:
        out.write(compress(record(113)) + compress(record(114)))
PYTHON
gzip_lines=$(usr/bin/bgpdump -m updates.gz 2>/dev/null | grep -c '^BGP4MP|')
bzip2_lines=$(usr/bin/bgpdump -m updates.bz2 2>/dev/null | grep -c '^BGP4MP|')
usr/bin/bgpdump -m updates.bz2 >/dev/null 2>&1 && code=0 || code=$?
echo "bgpdump 1.6.2-2, two records in two streams: $gzip_lines lines of gzip, $bzip2_lines of bzip2, exit code $code"
[ "$gzip_lines $bzip2_lines $code" = '2 1 0' ]
