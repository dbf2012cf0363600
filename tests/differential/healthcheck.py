"""The health checks of both programs beside each other: the same options, the same results of checks, the same answers.

A check plays a script of letters: g succeeds, b fails, t takes too long, d creates the file of `--disable` (which a
hook of `--disabled-execute` removes again) and succeeds. At the end of the script the program gets SIGTERM. What it
printed is compared line by line, what its hooks were told, and its exit code. Command lines that are refused are compared by
their exit codes, and what happens to the addresses of a machine in a network namespace of its own, if we are root.
"""
import concurrent.futures
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading

from speaker import PATIENCE

# In place of $FOLDER comes the folder of the case.
CHECK = """letter=$(head -c 1 $FOLDER/script)
tail -c +2 $FOLDER/script > $FOLDER/rest; mv $FOLDER/rest $FOLDER/script
case $letter in
    g) exit 0 ;;
    b) echo it is bad; exit 1 ;;
    t) sleep 1000 ;;
    d) touch $FOLDER/disabled ;;
    *) touch $FOLDER/played; read _ < $FOLDER/never ;;
esac
"""
QUICK = "--interval 0.02 --fast-interval 0.02"
DISABLE = "--disable $FOLDER/disabled --disabled-execute 'rm $FOLDER/disabled'"
TWO = "--ip 192.0.2.1 --ip 192.0.2.2/32"
# What is announced, once through all states.
SHAPES = [
    "", TWO, "--ip 192.0.2.0/24", "--ip 2001:db8::1", "--ip 2001:DB8:0::/48 --ip 192.0.2.1", "--ip ::ffff:192.0.2.1", "--ip 10.0.0.0/255.255.255.0",
    "--ip 10.0.0.0/0.0.0.255", "--ip 192.0.2.0/30 --deaggregate-networks", "--ip 2001:db8::/126 --deaggregate-networks --increase 10",
    "--ip 192.0.2.0/30 --ip 192.0.2.9 --deaggregate-networks --start-ip 3", f"{TWO} --ip 192.0.2.3 --start-ip 1", f"{TWO} --start-ip 5", f"{TWO} --start-ip -1",
    f"{TWO} --increase 0", f"{TWO} --increase 100", f"{TWO} --increase -7", "--up-metric 1", "--down-metric 2", "--disabled-metric 3",
    "--up-metric 0 --down-metric 0 --disabled-metric 0", "--up-metric -5", "--withdraw-on-down", f"--withdraw-on-down {TWO} --path-id 3", "--path-id 0",
    "--path-id 17", "--local-preference 0", "--local-preference 200", "--local-preference -2", "--next-hop 192.0.2.254", "-N 2001:db8::ffff",
    "--next-hop ::ffff:192.0.2.1", "--community 65000:1", "--community '65000:1 no-export'", "--disabled-community 65000:666",
    "--community 65000:1 --disabled-community 65000:666", "--community '' --disabled-community ''", "--extended-community target:65000:1",
    "--large-community 65000:1:2", "--as-path 65001", "--as-path '65001 65001' --up-as-path 65002", "--as-path 1 --down-as-path '2 3' --disabled-as-path 4",
    "--down-as-path 2", "--as-path 1 --up-as-path ''", "--neighbor 192.0.2.9", "--neighbor 192.0.2.9 --neighbor 2001:DB8::9", "--neighbor '*'",
    "--neighbor 192.0.2.9 --neighbor ' * '", "--debounce", f"--debounce --withdraw-on-down {TWO}", "--no-ack", "-a --debounce",
    "--community 65000:1 --extended-community target:1:2 --large-community 1:2:3 --as-path 1 --local-preference 5 --path-id 6 --next-hop 1.2.3.4 --withdraw-on-down",
    "--community 'a\tb' --name x", "--execute 'echo also $STATE >> $FOLDER/hooks'", "--up-execute 'echo up $STATE >> $FOLDER/hooks'",
    "--down-execute 'echo down1 >> $FOLDER/hooks' --down-execute 'echo down2 >> $FOLDER/hooks' --execute 'echo $STATE >> $FOLDER/hooks'",
    "--execute 'exit 3' --execute 'echo $STATE; echo last >> $FOLDER/hooks'",
]
STORY = "gggggbbgbbbbbggdggbgggg"
# The state machine, on one address: options and letters.
WALKS = [
    ("--rise 1 --fall 1", "gbgbdgb"), ("--rise 1", "gbgbbbg"), ("--fall 1", "gggbggg"), ("--rise 2 --fall 4", "ggbbbbbggg"), ("--rise 0 --fall 0", "gb"),
    ("--rise -1 --fall -1", "bg"), ("", "bbbbggg"), ("", "dgggbdbbb"), ("--rise 5", "ggggbggggg"), ("--debounce --rise 1 --fall 1", "ggbbggddgg"),
    ("--timeout 6 --rise 1 --fall 1", "gtgt"), ("--timeout 6 --fall 2", "gggttg"), ("-t 0 --rise 1", "gbgg"), ("--rise 3 --fall 3 --withdraw-on-down", "gggbbbggg"),
    ("--execute 'echo $STATE >> $FOLDER/hooks' --rise 1 --fall 2", "gbbggdg"), ("--execute 'echo $STATE >> $FOLDER/hooks' --rise 2 --fall 1", "bggdgg"),
]
# Files of `--config`, with what stands on the command line beside them.
FILES = [
    ("ip = 192.0.2.1\nip=192.0.2.2\n\n# a comment\n  community = 65000:1 # not a comment\n", "--community 65000:2"),
    ("ip = 192.0.2.1\r\nup-metric = 7\r\ndebounce\r\n", ""), ("ip = 192.0.2.1\nup-metric = 7\n", "--up-metric 8 --ip 192.0.2.2"),
    ("ip = 192.0.2.1\nup-met = 9\ndown-m = 10\nneighbor = *\n", "--neighbor 192.0.2.9"), ("withdraw-on-down\n   ip\t=\t192.0.2.1   \nas-path = 1 = 2\n", ""),
    ("ip = 192.0.2.1\ncommunity =\nlabel =\ndown-metric=-5\n", ""), ("i = 1\n", "--ip 192.0.2.1"), ("\n\n#\n", "--ip 192.0.2.1"),
]
# Command lines that end at once, each with its exit code in both programs.
ENDS = [
    "--help", "-h", "--ip 192.0.2.1 --rise x", "--ip 192.0.2.1/24", "--ip nowhere", "--ip 192.0.2.1 word", "--ip 192.0.2.1 --unknown", "--ip", "--ip 192.0.2.1 --rise 1.5",
    "--ip 192.0.2.1 --timeout x", "--ip 192.0.2.1 --interval x", "--neighbor all --ip 192.0.2.1", "--next-hop self --ip 192.0.2.1", "--no --ip 192.0.2.1",
    "--c true --ip 192.0.2.1", "--community '1:1\n2:2' --ip 192.0.2.1", "--as-path '1\x072' --ip 192.0.2.1", "--silent --no-syslog", "--silent --syslog-facility local1",
    "--no-syslog -sF user", "--config /nowhere", "--pid /nowhere/pid --ip 192.0.2.1", "--ip 192.0.2.1 --ip-ifname 192.0.2.1", "--ip 192.0.2.1 --ip-ifname 192.0.2.2%eth0",
    "--ip 192.0.2.1 --ip-ifname 192.0.2.1%not/good", "--ip-ifname 192.0.2.1%eth0", "--user nobody-of-this-name --ip 192.0.2.1 --no-ip-setup --no-syslog",
    "--group nobody-of-this-name --ip 192.0.2.1 --no-ip-setup --no-syslog", "--ip 192.0.2.1 --syslog-facility local9", "--label-exact-match=x", "-x",
    "--ip 192.0.2.1 --command -x", "--ip 192.0.2.1 --up-metric", "--path-id x",
    # These announce once.
    f"{TWO} --interval 0 --rise 1 --no-ip-setup --no-syslog", f"{TWO} -i 0 --cmd false --fall 1 --no-ip-setup -s", f"{TWO} -i0 -f0 -d --rise 3 --no-ip-setup",
    f"{TWO} -i 0 --disable / --no-ip-setup --no-syslog", f"{TWO} --int 0 --rise=1 --no-ip --no-s --comma true", f"{TWO} -i 0 --rise 1 --no-ip-setup -sF",
    f"{TWO} -i 0 --rise 1 --no-ip-setup --no-syslog --command '-x y' --fall 1", f"{TWO} -i 0 -c '-x y' --fall 1 --no-ip-setup --no-syslog", f"{TWO} -c 'exit 0' -i 0 --rise 1 --no-ip-setup --syslog-facility local7",
    f"{TWO} -a -i 0 -n name --rise 1 --no-ip-setup --no-syslog --label x --ip-ifname 192.0.2.1%eth0", f"{TWO} -i 0 --disable /nowhere --rise 1 --no-ip-setup -s",
]
# Addresses of a machine: options and letters, or nothing for a program that ends by itself.
MACHINES = [
    ("--ip 192.0.2.1 --ip 192.0.2.8/30 --ip 2001:db8::1", "gg"), ("--ip 192.0.2.1 --label web", "gg"), ("--ip 192.0.2.1 --dynamic-ip-setup --rise 1 --fall 1", "gbgdgb"),
    ("--ip 192.0.2.1 --no-ip-setup", "gg"), ("--ip 192.0.2.1 --no-ip-setup --dynamic-ip-setup --rise 1 --fall 1", "bgbg"), ("", "ggg"), ("--label old", "ggg"),
    ("--label old1 --label-exact-match", "ggg"), ("--label ol --label-exact-match --interval 0", None), ("--label none --interval 0", None),
    ("--ip 192.0.2.1 --interval 0", None), ("--ip 192.0.2.1 --ip-ifname 192.0.2.1%other0", "ggg"), ("--ip 198.51.100.1 --dynamic-ip-setup --fall 1", "gb"),
    ("--ip 192.0.2.1 --ip-ifname 192.0.2.1%nowhere --interval 0", None), ("--ip 192.0.2.1 --user nobody --interval 0", None),
]
# A machine with a few addresses already; what is there at the end follows what was there at each change.
MACHINE = """ip link set lo up; ip link add other0 type bridge; ip link set other0 up
ip address add 198.51.100.1/32 dev lo; ip address add 198.51.100.2/32 dev lo label lo:old1; ip address add 198.51.100.3/32 dev lo label lo:older
ip address add 198.51.100.129/25 dev lo; ip address add 2001:db8:1::1/128 dev lo nodad
"""
SHOW = "ip -o address show | awk '$2 ~ /lo|other0/ && $4 !~ /^fe80/ { print $2, $4, $9 }' | sort >> $FOLDER/hooks"


def filled(text, folder):
    return text.replace("$FOLDER", folder)


def play(program, options, script, machine=False, file=None):
    """Runs one health check to its end: what it printed, what its hooks wrote, its exit code."""
    with tempfile.TemporaryDirectory(prefix="health-") as folder:
        for name, text in (("script", script or ""), ("check", filled(CHECK, folder)), ("hooks", ""), ("file", file or "")):
            with open(os.path.join(folder, name), "w", newline="") as f:
                f.write(text)
        os.mkfifo(os.path.join(folder, "never"))
        words = shlex.split(filled(options, folder))
        if script is not None:
            words = ["--command", f"exec sh {folder}/check", *words]
        if file is not None:
            words = ["--config", f"{folder}/file", *words]
        command = [*program, *words]
        if machine:
            command = ["unshare", "--net", "sh", "-c", f'{MACHINE}"$@"; code=$?; {filled(SHOW, folder)}; exit $code', "machine", *command]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        lines, logged = [], []
        read = threading.Thread(target=lambda: logged.append(process.stderr.read()))
        read.start()
        alarm = threading.Timer(PATIENCE, lambda: os.killpg(process.pid, signal.SIGKILL))
        alarm.start()
        wait = threading.Thread(target=finish, args=(process, folder, machine))
        if script is not None:
            wait.start()
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            try:
                process.stdin.write("done\n")
                process.stdin.flush()
            except BrokenPipeError:
                pass
        code = process.wait()
        alarm.cancel()
        read.join()
        if script is not None:
            wait.join()
        with open(os.path.join(folder, "hooks")) as f:
            hooks = f.read().splitlines()
        return lines, hooks, code, logged[0]


def finish(process, folder, machine):
    """Ends the program when its script is played, and then the check that ExaBGP leaves behind."""
    played = os.path.join(folder, "played")
    while process.poll() is None and not os.path.exists(played):
        try:
            process.wait(0.01)
        except subprocess.TimeoutExpired:
            pass
    if process.poll() is None:
        if machine:
            subprocess.run(["pkill", "-TERM", "-P", str(process.pid)], check=False)
        else:
            process.terminate()
    process.wait()
    try:
        os.close(os.open(os.path.join(folder, "never"), os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        pass


def cases():
    """Name and arguments of each."""
    for shape in SHAPES:
        ip = "" if "--ip " in shape else "--ip 192.0.2.1"
        yield "story", (f"{ip} {shape} {QUICK} {DISABLE} --no-ip-setup -s", STORY), {}
    for options, letters in WALKS:
        yield "walk", (f"--ip 192.0.2.1 {options} {QUICK} {DISABLE} --no-ip-setup -s", letters), {}
    for file, options in FILES:
        yield "file", (f"{options} {QUICK} {DISABLE} --no-ip-setup -s", "gggbbbg"), {"file": file}
    for options in ENDS:
        yield "ends", (options, None), {}


def machines():
    for options, letters in MACHINES:
        words = f"{options} -s" if letters is None else f"{options} {QUICK} {DISABLE} -s"
        yield "machine", (f"{words} --rise 1 --execute {shlex.quote(SHOW)}", letters), {"machine": True}


def may_unshare():
    if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    return subprocess.run(["unshare", "--net", "ip", "link", "add", "other0", "type", "bridge"], capture_output=True, check=False).returncode == 0


def compare(comparison, exabgp, oxabgp):
    """Both programs through all cases; the number of cases that could not be run."""
    plan, skipped = list(cases()), 0
    if may_unshare():
        plan += list(machines())
    else:
        skipped = len(MACHINES)
        print(f"SKIP healthcheck: {skipped} cases with addresses of the machine need root and network namespaces")
    programs = [[exabgp, "healthcheck"], [*oxabgp.split(), "healthcheck"]]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        jobs = [[pool.submit(play, program, *arguments, **more) for program in programs] for _, arguments, more in plan]
        for (kind, (options, letters), more), (theirs, ours) in zip(plan, jobs):
            (lines, hooks, code, log), (our_lines, our_hooks, our_code, our_log) = theirs.result(), ours.result()
            if letters and code == -signal.SIGALRM:
                # SIGTERM reached ExaBGP in the middle of its last check, whose alarm then ended the interpreter
                code = 0
            what = f"{options} {letters or ''} {more.get('file', '')!r}"
            if code in (0, 1) and "usage:" not in "".join(lines):
                comparison.same(f"health-{kind}", what, "\n".join(our_lines), "\n".join(lines))
                comparison.same(f"health-hooks-{kind}", what, "\n".join(our_hooks), "\n".join(hooks))
            if our_code != code:
                what += f" ({our_log[-300:]!r}, {log[-300:]!r})"
            comparison.same(f"health-exit-{kind}", what, str(our_code), str(code))
    return skipped
