"""Checks in a row, each one line of output: `ok`, `FAIL` or `SKIP`."""

import signal
import sys
import time
import traceback

from lab import Failed, Lab, Skip


class Checks:
    """A test of one daemon: `prepare` starts it, then the scenarios run, then everything ends."""

    def __init__(self, name):
        self.name, self.passed, self.failed, self.skipped = name, 0, 0, 0
        signal.signal(signal.SIGTERM, lambda *_: sys.exit('ended by a signal'))

    def prepare(self):
        raise NotImplementedError

    def scenarios(self):
        """Methods that yield pairs of a name and a check."""
        raise NotImplementedError

    def run(self):
        """All scenarios; the exit code: 0 passed, 1 failed, 77 skipped altogether."""
        self.lab = Lab(self.name)
        try:
            self.check('starts', self.prepare)
            if not self.failed:
                for scenario in self.scenarios():
                    self.scenario(scenario)
        except Skip as why:
            self.skipped += 1
            print(f'SKIP {self.name}: {why}', flush=True)
        finally:
            self.lab.close(keep=self.failed)
        return 1 if self.failed else 0 if self.passed else 77

    def scenario(self, checks):
        """Checks that follow from each other: after the first that fails, the rest would only wait in vain."""
        broken = False
        for name, check in checks():
            if broken:
                self.failed += 1
                print(f'FAIL {self.name}: {name}: not tried, as the one before failed', flush=True)
            else:
                broken = not self.check(name, check)

    def check(self, name, check):
        begin, before = time.monotonic(), {name: len(self.lab.log(name)) for name in self.lab.processes}
        label = f'{self.name}: {name}'
        try:
            check()
        except Skip as why:
            if name == 'starts':
                raise
            self.skipped += 1
            print(f'SKIP {label}: {why}', flush=True)
        except Exception as why:
            self.failed += 1
            print(f'FAIL {label}: {why or type(why).__name__}', flush=True)
            if not isinstance(why, Failed):
                traceback.print_exc(file=sys.stdout)
            self.show_logs(before)
            return False
        else:
            self.passed += 1
            print(f'ok   {label} ({time.monotonic() - begin:.1f} s)', flush=True)
        return True

    def show_logs(self, before):
        """The last lines of what each process has logged since then."""
        for name in self.lab.processes:
            for line in self.lab.log(name)[before.get(name, 0) :].splitlines()[-12:]:
                print(f'  {name} | {line[:200]}')


def skipping(why):
    """A check that is not made, and the reason."""

    def skip():
        raise Skip(why)

    return skip


def compare(what, found, expected):
    """These members must be there with these values, others may be."""
    wrong = [
        f'{name} is {found.get(name)!r}, not {value!r}' for name, value in expected.items() if found.get(name) != value
    ]
    if wrong:
        raise Failed(f'{what}: {"; ".join(wrong)}')
