"""A headless Chromium, driven over two pipes by the Chrome DevTools Protocol."""

import json
import os
import select
import subprocess
import time

from lab import PATIENCE, Failed, end_group, program

FLAGS = (
    '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update'
    ' --disable-sync --disable-dev-shm-usage --remote-debugging-pipe'
).split()


class Browser:
    """One page. `events` has what the browser said without being asked."""

    def __init__(self, lab, width=1280, height=900):
        command = [program('chromium', 'chromium-browser', 'google-chrome'), *FLAGS]
        command += [f'--user-data-dir={lab.path("chromium")}', f'--window-size={width},{height}', 'about:blank']
        # The browser reads commands from descriptor 3 and writes answers to 4.
        to_browser, self.output = os.pipe()
        self.input, from_browser = os.pipe()

        def descriptors():
            read, write = os.dup(to_browser), os.dup(from_browser)
            os.dup2(read, 3)
            os.dup2(write, 4)

        self.process = subprocess.Popen(
            command,
            preexec_fn=descriptors,
            pass_fds=(3, 4),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(to_browser)
        os.close(from_browser)
        lab.closers.append(self.close)
        self.buffer, self.calls, self.events, self.session = b'', 0, [], None
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        self.session = self.call('Target.attachToTarget', targetId=target, flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Log', 'Network'):
            self.call(f'{domain}.enable')

    def close(self):
        end_group(self.process)
        os.close(self.input)
        os.close(self.output)

    def message(self, wait):
        """The next message, or None after so many seconds."""
        end = time.monotonic() + wait
        while b'\0' not in self.buffer:
            ready, _, _ = select.select([self.input], [], [], max(0, end - time.monotonic()))
            if not ready:
                return None
            data = os.read(self.input, 1 << 16)
            if not data:
                raise Failed('the browser has ended')
            self.buffer += data
        text, self.buffer = self.buffer.split(b'\0', 1)
        return json.loads(text)

    def call(self, method, **params):
        self.calls += 1
        call = {'id': self.calls, 'method': method, 'params': params}
        if self.session:
            call['sessionId'] = self.session
        os.write(self.output, json.dumps(call).encode() + b'\0')
        while message := self.message(PATIENCE):
            if message.get('id') == self.calls:
                if 'error' in message:
                    raise Failed(f'{method}: {message["error"]["message"]}')
                return message['result']
            self.events.append(message)
        raise Failed(f'{method}: the browser does not answer')

    def happened(self, method):
        """The parameters of the events of a kind up to now."""
        while message := self.message(0):
            self.events.append(message)
        return [event['params'] for event in self.events if event.get('method') == method]

    def js(self, expression):
        result = self.call('Runtime.evaluate', expression=expression, returnByValue=True)
        if 'exceptionDetails' in result:
            raise Failed(f'{expression}: {result["exceptionDetails"]["text"]}')
        return result['result'].get('value')

    def go(self, url):
        before = len(self.happened('Page.loadEventFired'))
        self.call('Page.navigate', url=url)
        end = time.monotonic() + PATIENCE
        while len(self.happened('Page.loadEventFired')) == before:
            if time.monotonic() > end:
                raise Failed(f'{url}: not loaded')
            if message := self.message(1):
                self.events.append(message)
