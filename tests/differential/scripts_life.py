"""The life of the daemon and its helpers: reload, restart, signals, shutdown, helpers that end."""
import os
import signal

import wire
from speaker import HOLD
from stage import neighbor, peer_open, scenario

WISHES = "neighbor-changes; signal; receive { parsed; update; }"
NAMES = ("ipv4-unicast",)


def static(*routes):
    return "static { " + " ".join(f"route {one};" for one in routes) + " }"


def text(number, routes, more="", wishes=WISHES, processes="json text"):
    address = f"127.0.0.{number}"
    return neighbor(address, f"api x{number} {{ processes [ {processes} ]; {wishes} }} {static(*routes)} {more}")


def begin(t, *sections, peers=(2, 3), environment=None):
    """A daemon with two neighbors that are up, and two helpers that stay through all reloads."""
    for name in ("json", "text"):
        t.helper(name, name)
    for number in peers:
        t.peer(f"127.0.0.{number}")
    t.start("".join(sections), {"exabgp_log_level": "INFO", **(environment or {})})
    for number in peers:
        t.up(f"127.0.0.{number}", peer_open(65001, f"10.0.0.{number}"))
    t.settle("up", final=True)


OLD = ["10.0.0.0/24 next-hop 1.1.1.1", "10.0.1.0/24 next-hop 1.1.1.1 med 5", "10.0.2.0/24 next-hop 1.1.1.1"]
NEW = ["10.0.0.0/24 next-hop 1.1.1.1", "10.0.1.0/24 next-hop 1.1.1.1 med 6", "10.0.3.0/24 next-hop 1.1.1.1"]


def reloaded(t, label, how):
    """Reloads, and waits until it is done: a peer that speaks, ExaBGP only then withdraws what went."""
    count = t.reloads()
    if how == "command":
        t.say("text", "reload")
    else:
        t.kill(how)
    t.wait(lambda: t.reloads() > count, "end of the reload")
    for peer in t.peers.values():
        if peer.up and not peer.closed:
            peer.tell(wire.keepalive())
    t.settle(label, final=True)


def reload_scenario(how):
    def play(t):
        begin(t, text(2, OLD), text(3, OLD))
        t.ask("text", "announce route 10.9.0.0/24 next-hop 1.1.1.1", "neighbor 127.0.0.3 withdraw route 10.0.0.0/24")
        t.rewrite(text(2, NEW) + text(3, OLD))
        reloaded(t, "changed routes", how)
        t.ask("text", "show adj-rib out")
        t.rewrite(text(2, NEW) + text(3, OLD))
        reloaded(t, "nothing changed", how)
        t.rewrite(text(2, NEW, "description \"new words\"; manual-eor true;") + text(3, OLD))
        reloaded(t, "a description", how)
        t.rewrite(text(2, NEW).replace(f"hold-time {HOLD}", "hold-time 90") + text(3, OLD))
        if how == "command":
            t.say("text", "reload")
        else:
            t.kill(how)
        t.lost("127.0.0.2", "another hold time")
        t.up("127.0.0.2", peer_open(65001, "10.0.0.2"))
        t.settle("up again", final=True)
        t.ask("text", "show adj-rib out", "announce route 10.9.1.0/24 next-hop 1.1.1.1")
        t.end()
    play.__name__ = "reload_" + (how if isinstance(how, str) else signal.Signals(how).name.lower())
    play.__doc__ = "Reload with routes changed, nothing changed, a session changed."
    scenario(play)


for how in ("command", signal.SIGUSR1):
    reload_scenario(how)


@scenario
def reload_neighbors(t):
    """A neighbor goes, another comes; what helpers hear, and may say, changes."""
    t.peer("127.0.0.4")
    begin(t, text(2, OLD), text(3, OLD), peers=(2, 3))
    t.rewrite(text(2, OLD) + text(4, NEW))
    t.kill(signal.SIGUSR1)
    t.lost("127.0.0.3", "gone", again=False)
    t.up("127.0.0.4", peer_open(65001, "10.0.0.4"))
    t.settle("come", final=True)
    t.ask("text", "show neighbor summary", "announce route 10.9.1.0/24 next-hop 1.1.1.1", "neighbor 127.0.0.3 announce route 10.9.2.0/24 next-hop 1.1.1.1", "show adj-rib out")
    t.rewrite(text(2, OLD, wishes="receive { packets; update; }") + text(4, NEW, processes="json"))
    reloaded(t, "other wishes", signal.SIGUSR1)
    for address in ("127.0.0.2", "127.0.0.4"):
        t.peers[address].tell(wire.update(wire.origin() + wire.as_path((2, [65001])) + wire.next_hop("127.0.0.2"), wire.prefixes("10.7.0.0/24")))
    t.settle("told")
    t.ask("text", "announce route 10.9.3.0/24 next-hop 1.1.1.1", "neighbor 127.0.0.4 announce route 10.9.4.0/24 next-hop 1.1.1.1")
    t.end()


@scenario
def reload_wrong(t):
    """A configuration with a mistake changes nothing."""
    begin(t, text(2, OLD), text(3, OLD))
    t.rewrite(text(2, OLD).replace(f"hold-time {HOLD}", "hold-time never") + text(3, OLD))
    reloaded(t, "a mistake", signal.SIGUSR1)
    t.ask("text", "show adj-rib out", "announce route 10.9.3.0/24 next-hop 1.1.1.1", "show neighbor summary")
    t.end()


def ends_by(name, number):
    def play(t):
        begin(t, text(2, OLD), text(3, OLD))
        t.ask("text", "announce route 10.9.3.0/24 next-hop 1.1.1.1")
        t.end(number=number)
    play.__name__ = f"end_{name}"
    play.__doc__ = "What peers and helpers see of the end, and the exit code."
    scenario(play)


for word, which in (("term", signal.SIGTERM), ("hup", signal.SIGHUP), ("int", signal.SIGINT)):
    ends_by(word, which)


@scenario
def end_command(t):
    """`shutdown`."""
    begin(t, text(2, OLD), text(3, OLD))
    t.say("text", "shutdown")
    t.end(number=None)


@scenario
def helper_once(t):
    """A helper that ends by itself, with `respawn` off; the other helper goes on."""
    t.helper("text", "text")
    t.peer("127.0.0.2")
    script = os.path.join(t.folder, "once.sh")
    with open(script, "w") as f:
        f.write("#!/bin/sh\necho 'announce route 10.9.0.0/24 next-hop 1.1.1.1'\necho 'announce route 10.9.1.0/24 next-hop 1.1.1.1'\nread answer\nread answer\nexit 0\n")
    t.helper("once", "text", f"/bin/sh {script}", "respawn false;")
    t.start(text(2, OLD, processes="text").replace("api x2", "api y { processes [ once ]; } api x2"))
    t.up("127.0.0.2")
    t.settle("up", final=True)
    t.ask("text", "show adj-rib out", "announce route 10.9.2.0/24 next-hop 1.1.1.1")
    t.end()


@scenario
def helper_environment(t):
    """What a helper finds: arguments, environment, folder, mask, terminal."""
    t.helper("text", "text")
    t.peer("127.0.0.2")
    script = os.path.join(t.folder, "look.sh")
    out = os.path.join(t.folder, "found")
    with open(out, "w"):
        os.chmod(out, 0o666)
    with open(script, "w") as f:
        f.write("#!/bin/sh\n{ pwd; umask; echo \"$#:$1:$2:$3\"; echo \"$TERM\"; echo \"${exabgp_cli_pipe-none}\"; echo \"$FROM_OUTSIDE\"; "
                "test -t 0 && echo terminal; echo end; } > " + out + "\ncat > /dev/null\n:\n")
    os.chmod(script, 0o755)
    t.helper("look", "text", f"{script} one 'two three' \"four five\"")
    t.start(text(2, OLD, processes="text").replace("api x2", "api y { processes [ look ]; } api x2"), {"FROM_OUTSIDE": "yes"})
    t.up("127.0.0.2")

    def found():
        with open(out) as f:
            return f.read()
    t.settle("up", final=True)
    t.wait(lambda: "end\n" in found(), "what the helper found")
    t.note("found", *found().replace(t.folder, "FOLDER").split("\n"))
    t.end()


@scenario
def helper_respawned(t):
    """A helper that is killed comes back, and is told nothing of what was before."""
    begin(t, text(2, OLD), peers=(2,))
    before = t.released("text")
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    t.reopened("text", before)
    t.ask("text", "version", "announce route 10.9.2.0/24 next-hop 1.1.1.1", "show adj-rib out")
    t.end()


@scenario
def signal_usr2(t):
    """SIGUSR2: a reload that starts the helpers anew. What the old ones still hear of it is a race."""
    begin(t, text(2, OLD, wishes=""), peers=(2,))
    before = t.released("text", "json", "control")
    t.rewrite(text(2, NEW))
    t.kill(signal.SIGUSR2)
    for name in ("control", "json", "text"):
        t.reopened(name, before)
    t.peers["127.0.0.2"].tell(wire.keepalive())
    t.settle("after", final=True)
    t.ask("text", "version", "announce route 10.9.2.0/24 next-hop 1.1.1.1", "show adj-rib out")
    t.end()


@scenario
def signal_alrm(t):
    """SIGALRM: every session and every helper anew. ExaBGP carries no `announce eor` out after that, so nothing is marked."""
    begin(t, text(2, OLD, wishes=""), peers=(2,))
    t.ask("text", "announce route 10.9.2.0/24 next-hop 1.1.1.1")
    before = t.released("text", "json", "control")
    t.kill(signal.SIGALRM)
    for name in ("control", "json", "text"):
        t.reopened(name, before)
    t.closed("127.0.0.2", "restart")
    t.up("127.0.0.2", peer_open(65001, "10.0.0.2"))
    t.wait(lambda: any(m[18] == wire.UPDATE and len(m) == 23 for m in t.peers["127.0.0.2"].received), "End-of-RIB")
    t.flushed("text")
    t.keep("after")
    t.say("text", "version", "announce route 10.9.3.0/24 next-hop 1.1.1.1", "show adj-rib out")
    t.wait(lambda: any(b"\x18\x0a\x09\x03" in m for m in t.peers["127.0.0.2"].received), "the new route")
    t.flushed("text")
    t.keep("after the restart, show adj-rib out")
    t.end()
