"""The command line client of each program against the daemon of each, over named pipes; settings by file and environment."""
import os
import re
import shlex
import subprocess

import wire
from speaker import PATIENCE, Failure
from stage import neighbor, peer_open, scenario, steady

COMMANDS = ["version", "show neighbor summary", "s n s", "show adj-rib out", "announce route 10.0.0.0/24 next-hop 1.1.1.1", "show adj-rib out extensive",
            "neighbor 127.0.0.9 announce route 10.0.0.0/24 next-hop 1.1.1.1", "foo bar", "announce route nonsense", "# a comment", "withdraw route 10.0.0.0/24",
            "show neighbor", "", "help", "announce eor ipv4 unicast", "flush adj-rib out", "silence-ack"]


def client(t, who, words, name, root):
    """What the client of a program prints, and its exit code."""
    environment = {k: v for k, v in os.environ.items() if not k.lower().startswith(("exabgp", "oxabgp"))}
    environment.update({"EXABGP_ROOT": root, "exabgp_daemon_user": "root" if os.getuid() == 0 else os.environ.get("USER", "")})
    try:
        ran = subprocess.run([*shlex.split(t.programs[who]), "cli", "--pipename", name, *words.split()], capture_output=True, text=True, timeout=PATIENCE,
                             env=environment, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise Failure(f"no end of `{who} cli {words}`") from None
    told = [steady(line) for line in ran.stdout.splitlines()]
    if t.name == "exabgp":
        told = t.unmarked(told)
    return [*("out " + line for line in told), f"exit code {ran.returncode}"]


def piped(t, name):
    """A daemon with named pipes; the settings that lead to them."""
    root = os.path.join(t.folder, "root")
    os.makedirs(os.path.join(root, "run"))
    for end in ("in", "out"):
        path = os.path.join(root, "run", f"{name}.{end}")
        os.mkfifo(path)
        os.chmod(path, 0o666)
    os.chmod(root, 0o777)
    return root


def served(t, name, root):
    """Waits for an answer over the pipes: ExaBGP's end of them is a process that starts later than its sessions, and that asks for something first."""
    commands, answers = (os.path.join(root, "run", f"{name}.{end}") for end in ("in", "out"))
    told = b""
    reader = os.open(answers, os.O_RDONLY | os.O_NONBLOCK)

    def asked():
        try:
            writer = os.open(commands, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return False
        os.write(writer, b"version\n")
        os.close(writer)
        return True

    def answered():
        nonlocal told
        try:
            told += os.read(reader, 4096)
        except BlockingIOError:
            pass
        return re.search(rb"5\.0[^\n]*\ndone\n$", told)
    try:
        t.wait(asked, "reader of the pipe for commands")
        t.wait(answered, "answer over the pipes")
    finally:
        os.close(reader)


def cli_scenario(who, part, commands):
    def play(t):
        name = "d" + os.path.basename(t.folder).replace("-", "")
        root = piped(t, name)
        t.helper("text", "text")
        t.peer("127.0.0.2")
        t.start(neighbor("127.0.0.2", "api { processes [ text ]; receive { parsed; update; } }"),
                {"EXABGP_ROOT": root, "exabgp_api_cli": "true", "exabgp_api_pipename": name, "oxabgp_api_socketpath": os.path.join(t.folder, "socket")})
        t.up("127.0.0.2")
        t.settle("up")
        served(t, name, root)
        mine = {"exabgp": "exabgp", "oxabgp": "oxabgp", "own": t.name}[who]
        for words in commands:
            t.note("client", *client(t, mine, words, name, root), label=f"cli {words}")
            t.settle(f"cli {words}")
        t.end()
    play.__name__ = f"cli_{who}_{part}"
    play.__doc__ = "Commands by the client of a program, over the pipes of its own daemon or of the other's."
    scenario(play)


cli_scenario("exabgp", "one", COMMANDS[:8])
cli_scenario("exabgp", "two", ["announce route 10.0.9.0/24 next-hop 1.1.1.1", *COMMANDS[8:]])
cli_scenario("oxabgp", "all", COMMANDS)
cli_scenario("own", "some", COMMANDS[:8])


def speaks(t, environment, file=None):
    """Settings from outside, and what they do to answers and tables."""
    t.helper("text", "text")
    t.peer("127.0.0.2")
    if file is not None:
        path = os.path.join(t.folder, "settings.env")
        with open(path, "w") as f:
            f.write(file)
        environment = {**environment, "EXABGP_ENVFILE": path}
    t.start(neighbor("127.0.0.2", "api { processes [ text ]; receive { parsed; update; } }"), environment)
    t.up("127.0.0.2", peer_open())
    t.settle("up")
    t.peers["127.0.0.2"].tell(wire.update(wire.origin() + wire.as_path((2, [65001])) + wire.next_hop("127.0.0.2"), wire.prefixes("10.9.0.0/24")))
    t.ask("text", "foo", "announce route 10.0.0.0/24 next-hop 1.1.1.1", "show adj-rib out json", "show adj-rib in json")
    t.end()


@scenario
def settings_file(t):
    """A settings file."""
    t.quiet.add("text")
    speaks(t, {}, "[exabgp.api]\nack = false\nshow-routes-format = 'v2'\ncompact = true\n\n# a comment\n[exabgp.bgp]\nopenwait = 30\n[foo]\nbar = 1\n")


@scenario
def settings_both(t):
    """The environment wins over the file, the form with points over the form with underscores."""
    speaks(t, {"exabgp_api_ack": "false", "exabgp.api.ack": "yes", "exabgp_api_chunk": "1"}, "[exabgp.api]\nack = off\nrespawn: off\n")


@scenario
def settings_odd(t):
    """Values that mean nothing are off."""
    t.quiet.add("text")
    speaks(t, {"exabgp_api_ack": "enabled"})


@scenario
def helper_long_line(t):
    """A helper that writes more than a line may have is ended, and comes back."""
    t.helper("text", "text")
    t.peer("127.0.0.2")
    script = os.path.join(t.folder, "long.sh")
    with open(script, "w") as f:
        f.write(f"#!/bin/sh\nif [ ! -e {t.folder}/once ]; then\n  : > {t.folder}/once\n  head -c 1200000 /dev/zero | tr '\\0' a\n  cat > /dev/null\n  exit\nfi\n"
                f"while [ ! -e {t.folder}/go ]; do sleep 0.1; done\necho 'announce route 10.0.0.0/24 next-hop 1.1.1.1'\ncat > /dev/null\n:\n")
    os.chmod(script, 0o755)
    t.helper("long", "text", script)
    t.start(neighbor("127.0.0.2", "api { processes [ text long ]; }"))
    t.up("127.0.0.2")
    t.settle("up")  # with the End-of-RIB ahead of the route
    open(os.path.join(t.folder, "go"), "w").close()
    t.wait(lambda: any(b"\x18\x0a\x00\x00" in m for m in t.peers["127.0.0.2"].received), "the route of the new helper")
    t.settle("after")
    t.ask("text", "show adj-rib out")
    t.end()


@scenario
def helper_dies(t):
    """A helper that dies again and again ends the daemon."""
    t.helper("text", "text")
    t.peer("127.0.0.2")
    script = os.path.join(t.folder, "die.sh")
    with open(script, "w") as f:
        f.write(f"#!/bin/sh\nwhile [ ! -e {t.folder}/go ]; do sleep 0.1; done\nexit 1\n")
    os.chmod(script, 0o755)
    t.helper("dies", "text", script)
    t.start(neighbor("127.0.0.2", "api { processes [ text dies ]; }"))
    t.up("127.0.0.2")
    t.settle("up")
    with open(os.path.join(t.folder, "go"), "w"):
        t.end(number=None)


@scenario
def attempts(t):
    """`tcp.attempts`: after so many connections the daemon ends."""
    t.helper("text", "text")
    t.peer("127.0.0.2")
    t.start(neighbor("127.0.0.2", "api { processes [ text ]; neighbor-changes; }"), {"exabgp_tcp_attempts": "1"})
    t.up("127.0.0.2")
    t.settle("up")
    t.peers["127.0.0.2"].tell(wire.notification(6, 4))
    t.end(number=None)
