#!/bin/sh
echo "announce route 198.51.100.0/24 next-hop self community [ 65001:100 ]"
while read -r line; do
    printf '%s\n' "$line" >> /tmp/events.jsonl
done
