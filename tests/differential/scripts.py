#!/usr/bin/env python3
"""The same helper scripts, configurations and peers before ExaBGP 5.0.15 and oxabgp: the wire, the events, the answers.

    tests/differential/scripts.py [--only NAME,...] [--workers N] [--show NAME]

Each scenario of `scripts_*.py` is played to both programs; everything that helpers and peers were told is compared, and the
exit codes. `tests/differential/run` plays all of them as its phase `scripts`.
"""
import argparse
import concurrent.futures
import os
import re
import sys
import time
import traceback

import scripts_cli  # noqa: F401 (each adds its scenarios; these take longest)
import scripts_answers  # noqa: F401
import scripts_events  # noqa: F401
import scripts_families  # noqa: F401
import scripts_life  # noqa: F401
import scripts_routes  # noqa: F401
import scripts_sessions  # noqa: F401
from differences import shown_configuration
from speaker import Failure
from stage import SCENARIOS, Stage

HERE = os.path.dirname(os.path.abspath(__file__))


def play(function, name, program):
    """What one program did in one scenario, as far as it came: [(label, channel, lines)], the error, the seconds."""
    begin = time.monotonic()
    stage, error = Stage(name, program), None
    try:
        function(stage)
    except (Failure, OSError) as failure:
        where = traceback.extract_tb(failure.__traceback__)
        lines = [f.lineno for f in where if f.name == function.__name__]
        error = f"line {lines[0] if lines else '?'}: {failure}"
        if os.environ.get("KEEP"):
            print(stage.daemon.tail(60) if stage.daemon else "not started", file=sys.stderr)
    finally:
        stage.close()
    return stage.kept, error, time.monotonic() - begin


def compare(comparison, name, ours, theirs):
    """Each channel of each step of a scenario."""
    mine, their = numbered(ours[0]), numbered(theirs[0])
    keys = their if len(their) > len(mine) else mine
    for key in keys if not ours[1] and not theirs[1] else [key for key in mine if key in their]:
        label, channel, _ = key
        mine_lines, their_lines = mine.get(key, []), their.get(key, [])
        if not mine_lines and not their_lines:
            continue
        if re.search(r"show neighbor\b.*\bconfiguration", label) and channel.startswith("answers"):
            mine_lines, their_lines = shown_configuration(mine_lines), shown_configuration(their_lines)
            comparison.accepted.use("configuration-shown")
        if channel.startswith("answers") and mine_lines != their_lines and sorted(mine_lines) == sorted(their_lines):
            comparison.accepted.use("answers-in-order")
            mine_lines = their_lines
        count = len(comparison.wrong)
        comparison.lists("scripts", f"{name} | {label} | {channel}", mine_lines, their_lines)
        group(comparison.wrong, count, f"scripts {name} | {label[:150]} | {channel}")
    for who, (kept, error, _) in (("exabgp", theirs), ("oxabgp", ours)):
        if error:
            comparison.wrong.append(f"scripts {name}: {who} stopped after {len(kept)} steps: {error}")


def numbered(kept):
    """The steps by label and channel; a number tells those apart that have both in common."""
    out = {}
    for label, channel, lines in kept:
        number = 0
        while (label, channel, number) in out:
            number += 1
        out[label, channel, number] = lines
    return out


def group(wrong, begin, what, most=12):
    """The differences of one channel as one."""
    lines = []
    for entry in wrong[begin:]:
        lines += [line for line in entry.split("\n")[1:] if not re.fullmatch(r" +\w+ nothing", line)]
    if lines:
        more = [f"     and {len(lines) - most} more"] if len(lines) > most else []
        wrong[begin:] = ["\n".join([what] + lines[:most] + more)]


def perform(exabgp, oxabgp, comparison, only=None, workers=6):
    """All scenarios; the number of those that were played."""
    Stage.programs = {"exabgp": exabgp, "oxabgp": oxabgp}
    chosen = [s for s in SCENARIOS if not only or any(s.__name__.startswith(o) for o in only)]
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        waiting = [(s, pool.submit(play, s, "oxabgp", oxabgp), pool.submit(play, s, "exabgp", exabgp)) for s in chosen]
        for function, ours, theirs in waiting:
            ours, theirs = ours.result(), theirs.result()
            compare(comparison, function.__name__, ours, theirs)
            slow = max(ours[2], theirs[2])
            if slow > 20:
                print(f"scenario {function.__name__}: exabgp {theirs[2]:.1f} s, oxabgp {ours[2]:.1f} s")
    return len(chosen)


def main():
    from compare import Accepted, Comparison
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=lambda s: s.split(","))
    parser.add_argument("--workers", type=int, default=6)
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--show", help="prints what both programs did in one scenario")
    parser.add_argument("--exabgp", default=os.environ.get("EXABGP", os.path.join(HERE, "../.venv/bin/exabgp")))
    parser.add_argument("--oxabgp", default=os.environ.get("OXABGP", os.path.join(HERE, "../../target/release/oxabgp")))
    options = parser.parse_args()
    Stage.programs = {"exabgp": options.exabgp, "oxabgp": options.oxabgp}
    if options.show:
        for name, program in (("exabgp", options.exabgp), ("oxabgp", options.oxabgp)):
            for function in SCENARIOS:
                if function.__name__ == options.show:
                    kept, error, seconds = play(function, name, program)
                    for label, channel, lines in kept:
                        for line in lines:
                            print(f"{name} | {label} | {channel} | {line}")
                    print(f"{name} {error or 'to its end'}, {seconds:.1f} s")
        return 0
    comparison = Comparison(Accepted(os.path.join(HERE, "differences.md")), options.limit)
    begin = time.monotonic()
    count = perform(options.exabgp, options.oxabgp, comparison, options.only, options.workers)
    for line in comparison.wrong[:options.limit]:
        print("FAIL", line)
    if len(comparison.wrong) > options.limit:
        print(f"... and {len(comparison.wrong) - options.limit} more")
    for name, used in sorted(comparison.accepted.used.items()):
        print(f"on purpose: {used} x {name} (differences.md)")
    print(f"scripts: {count} scenarios, {comparison.alike} alike, {comparison.kept} on purpose, {len(comparison.wrong)} differ, "
          f"{time.monotonic() - begin:.0f} s")
    return 1 if comparison.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
