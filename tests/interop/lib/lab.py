"""A place for one test: a folder, loopback addresses of its own, and the processes it starts, all ended with it."""

import contextlib
import errno
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PATIENCE = float(os.environ.get('INTEROP_PATIENCE', '90'))  # seconds, for what should happen at once


class Failed(Exception):
    """What was expected did not happen."""


class Skip(Exception):
    """This machine or this daemon cannot do it; the text says why."""


def wait_for(what, condition, timeout=PATIENCE, process=None):
    """Asks until the condition gives something true, and returns that."""
    end = time.monotonic() + timeout
    while True:
        if found := condition():
            return found
        if process and process.poll() is not None:
            raise Failed(f'{what}: the process ended with exit code {process.returncode}')
        if time.monotonic() > end:
            raise Failed(f'{what}: not within {timeout:g} s')
        time.sleep(0.05)


def program(*names):
    """The first of these programs that is installed."""
    for name in names:
        if found := shutil.which(name, path=f'{os.environ["PATH"]}:/usr/sbin:/usr/local/sbin'):
            return found
    raise Skip(f'{names[0]} is not installed')


class Lab:
    def __init__(self, name):
        self.name = name
        self.folder = tempfile.mkdtemp(prefix=f'oxabgp-{name.replace(" ", "-")}-')
        os.chmod(self.folder, 0o755)  # daemons that drop privileges look in
        self.processes = {}
        self.closers = []
        pid = os.getpid()
        self.block = f'127.{64 + (pid >> 8) % 128}.{pid & 255}'
        self.ports = set()

    def address(self, number):
        """An IPv4 address that no other test uses at this time."""
        return f'{self.block}.{number}'

    def port(self, *addresses):
        """A TCP port above 1024 that nothing uses on any of these addresses."""
        while True:
            port = 0
            with contextlib.ExitStack() as probes:
                try:
                    for address in addresses:
                        probe = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET)
                        probes.enter_context(probe).bind((address, port))
                        port = probe.getsockname()[1]
                except OSError as why:
                    if why.errno != errno.EADDRINUSE:
                        raise
                    continue
            if port not in self.ports:
                self.ports.add(port)
                return port

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, mode=0o644):
        with open(self.path(name), 'w') as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def log(self, name):
        """What the process of that name printed up to now."""
        try:
            with open(self.path(f'{name}.log'), errors='replace') as log:
                return log.read()
        except FileNotFoundError:
            return ''

    def spawn(self, name, command, env=None):
        """Starts a process; what it prints is appended to NAME.log."""
        with open(self.path(f'{name}.log'), 'a') as log:
            process = subprocess.Popen(
                [str(word) for word in command],
                env={**os.environ, **(env or {})},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes[name] = process
        return process

    def stop(self, name):
        """Ends a process as a service manager would; its exit code."""
        process = self.processes.pop(name)
        if process.poll() is None:
            process.terminate()
        try:
            return process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failed(f'{name} is still there {PATIENCE:g} s after SIGTERM') from None
        finally:
            end_group(process)

    def crash(self, name):
        """Ends a process at once and without a chance to say goodbye."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def close(self, keep=False):
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                pass
            end_group(process)
        for closer in self.closers:
            closer()
        if keep:
            print(f'  kept: {self.folder}')
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def end_group(process):
    """Ends what is left of a process and its children; it was made the leader of a group of its own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def user():
    return pwd.getpwuid(os.getuid()).pw_name


def run(*command, check=True, timeout=PATIENCE, stdin=''):
    """What a command prints."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=timeout, input=stdin)
    if check and done.returncode:
        raise Failed(f'{" ".join(map(str, command))}: {(done.stderr or done.stdout).strip()}')
    return done.stdout
