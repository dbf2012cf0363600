#!/usr/bin/env python3
"""Lists the words of our configurations that ExaBGP does not know, by running its parser on one-word configurations.

Reads lines `SECTION WORD` (those of `src/config/portable.rs` and of the tables) from standard input, prints those that
ExaBGP refuses as unknown. The values are dummies: only "unknown" and "invalid keyword" count.
"""
import os
import subprocess
import sys
import tempfile

EXABGP = os.path.join(os.path.dirname(__file__), "..", ".venv", "bin", "exabgp")
NEIGHBOR = "neighbor 127.0.0.2 {{ router-id 1.2.3.4; local-address 127.0.0.1; local-as 1; peer-as 2; {} }}\n"
ROUTE = "static {{ route 10.0.0.0/24 next-hop 1.2.3.4 {} 1; }}"
FLOW = "flow {{ route x {{ match {{ source 1.2.3.4/32; {match} }} then {{ {then} }} }} }}"
UNKNOWN = ("invalid keyword \"{}\"", "unknown command \"{}\"", "section {} is invalid in")


def text(section, word):
    inside = {
        "file": lambda: f"{word} x {{ }}\n" + NEIGHBOR.format(""),
        "process": lambda: f"process p {{ run /bin/cat; encoder json; {word} 1; }}\n" + NEIGHBOR.format(""),
        "neighbor": lambda: NEIGHBOR.format(f"{word} 1;"),
        "neighbor section": lambda: NEIGHBOR.format(f"{word} {{ }}"),
        "route": lambda: NEIGHBOR.format(ROUTE.format(word)),
        "match": lambda: NEIGHBOR.format(FLOW.format(match=f"{word} 1;", then="discard;")),
        "then": lambda: NEIGHBOR.format(FLOW.format(match="", then=f"{word} 1;")),
        "announce": lambda: NEIGHBOR.format(f"announce {{ ipv4 {{ {word} 1; }} }}"),
    }
    if section in inside:
        return inside[section]()
    path = section.split("/")[1:]
    return NEIGHBOR.format(" ".join(f"{head} {{" for head in path) + f" {word} 1; " + "}" * len(path))


def main():
    for line in sys.stdin:
        section, _, word = line.strip().rpartition(" ")
        if not word:
            continue
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write(text(section, word))
            file.flush()
            done = subprocess.run(
                [EXABGP, "validate", file.name], capture_output=True, text=True, timeout=60,
                env={**os.environ, "exabgp_log_enable": "false"}, check=False,
            )
        if any(mark.format(word) in done.stdout + done.stderr for mark in UNKNOWN):
            print(section, word, flush=True)


if __name__ == "__main__":
    main()
