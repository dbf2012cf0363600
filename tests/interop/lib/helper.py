#!/usr/bin/env python3
"""A helper process for tests: prints what comes from a unix socket, and sends there what it is told on stdin.

    run helper.py /path/of/the.sock;

The test listens on that socket, so it can give commands one by one and look at every answer and event.
"""

import os
import socket
import sys
import threading


def pump(read, write):
    while data := read(65536):
        write(data)


def to_stdout(data):
    while data:
        data = data[os.write(1, data) :]


test = socket.socket(socket.AF_UNIX)
test.connect(sys.argv[1])
threading.Thread(target=pump, args=(test.recv, to_stdout), daemon=True).start()
pump(lambda size: os.read(0, size), test.sendall)  # ends with the daemon
