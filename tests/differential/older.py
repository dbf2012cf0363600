"""What helpers of ExaBGP 4.2 are told, beside what oxabgp tells helpers that want 4.2's events (`api-version 4`).

The golden UPDATEs that 4.2 understands are sent by a scripted peer to both, each with a JSON and a text helper.
"""
import concurrent.futures
import subprocess

import cases_extended
import cases_families
import cases_update
from record import Context, Recorder
from speaker import PATIENCE, Daemon, Failure, Helper, Peer, workspace

FILES = ("unicast", "attribute", "as4", "extended-community", "add-path", "flow", "nlri-mpls", "mpls-vpn", "vpls", "evpn")
# Where 4.2 ends the session: families and values that it does not know. It then takes its time to come back.
ENDED = ("eor-1-5", "eor-1-85", "eor-2-5", "eor-2-85", "ipv6-reserved-byte", "ipv6-multicast", "next-hop-rd", "action-redirect-as4", "redirect-as4",
         "malformed-",
         "unknown-6-withdraw", "unknown-9-withdraw", "rate-limit-infinite")


class Older(Recorder):
    """One of the two programs in one context; 4.2 has no word before the configuration, ours a word in the process section."""

    def __init__(self, program, name, words):
        self.context = Context(name)
        self.folder = workspace()
        self.json = Helper(self.folder, "asjson", "json")
        self.text = Helper(self.folder, "astext", "text")
        for helper in (self.json, self.text):
            helper.section = lambda section=helper.section(): section.replace(" }\n", f" {words} }}\n")
        self.peer = Peer("127.0.0.2")
        self.daemon = Daemon(program, self.context.configuration([self.json, self.text]), self.folder,
                             {"exabgp_tcp_port": str(self.peer.port)}, ["server"] if words else [])
        self.up = False

    def one(self, case):
        """The lines that the two helpers are told, or what went wrong."""
        try:
            lines = self.run(case)
        except Failure as error:
            self.up = False
            return [f"failure: {str(error).splitlines()[0]}"]
        return [line for line in lines if line.startswith(("json:", "text:", "outcome:"))]


def play(program, words, context, cases):
    """What every case of a context makes of a program."""
    player = Older(program, context, words)
    try:
        return {f"{case.file} {case.name}": player.one(case) for case in cases}
    finally:
        player.close()


def runs(program):
    """Whether this is an ExaBGP 4.2 that this machine's Python can run."""
    try:
        ran = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ran.returncode == 0 and " 4.2" in ran.stdout


def compare(comparison, exabgp, oxabgp):
    """Plays both programs side by side, context after context."""
    by_context = {}
    for case in cases_update.cases() + cases_families.cases() + cases_extended.cases():
        if case.file in FILES and not case.want and not case.name.startswith(ENDED):
            by_context.setdefault(case.context, []).append(case)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for context, cases in by_context.items():
            theirs = pool.submit(play, exabgp, "", context, cases)
            ours = pool.submit(play, oxabgp, "api-version 4;", context, cases).result()
            for what, lines in theirs.result().items():
                comparison.lists("older", f"{context} {what}", ours[what], lines)
