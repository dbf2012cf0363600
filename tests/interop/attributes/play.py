"""Plays the cases to one program over sessions of its own, and says what became of each."""

import queue
import struct
import threading
import time

import cases
from cases import OLD_MED, OTHER, Place
from daemons import PORT, WORKERS, source
from wire import OPTIONAL, Ended, Peer, attribute, prefix, update

KEPT, GONE, WITHDRAWN, IGNORED, UP = 'kept', 'discarded', 'withdrawn', 'ignored', 'up'
DIED, STUCK, LOST = 'ended', 'hangs', 'others lost'
PATIENCE = 20  # seconds until a marker must have passed through a program


class Dead(Exception):
    """The program ended."""


class Worker:
    """One session, taken up again when a case ended it."""

    def __init__(self, program, kind, number):
        self.program, self.kind, self.number = program, kind, number
        self.source, self.peer, self.marks, self.sessions = source(kind, number), None, 0, 0
        self.marker, self.steady = f'10.{100 + kind.net}.{number}.0/24', f'10.{110 + kind.net}.{number}.0/24'

    def place(self, serial):
        high, low = divmod(serial, 256)
        net = 10 * self.kind.net + self.number
        return Place(self.kind, self.source, f'10.{20 + net}.{high * 64 + low // 4}.{low % 4 * 64}/26',
                     f'2001:db8:{net + 1:x}:{serial + 1:x}::/64')  # fmt: skip

    def route(self, nlri, med):
        found = cases.base(Place(self.kind, self.source, nlri, ''))
        found[4] = attribute(OPTIONAL, 4, struct.pack('!I', med))
        return update(b''.join(found[code] for code in sorted(found)), prefix(nlri))

    def connect(self):
        end = time.monotonic() + 45
        while True:
            if not self.program.alive():
                raise Dead
            try:
                if self.program.moves and self.sessions:
                    self.source = source(self.kind, self.number + self.sessions % 40 * WORKERS)
                self.sessions += 1
                self.peer = Peer(self.source, (self.program.address, PORT), self.kind.peer_as, self.kind.four, 3)
                self.peer.send(self.route(self.steady, 7))
                self.mark()
                return
            except (OSError, Ended, TimeoutError) as why:
                self.close()
                if time.monotonic() > end:
                    raise TimeoutError(f'no session of {self.kind.name}: {why}') from None
                self.program.wake(self.source)
                time.sleep(0.2)

    def close(self):
        if self.peer:
            self.peer.close()
        self.peer = None

    def mark(self):
        """Sends a marker and waits until it has come through."""
        self.marks += 1
        seen, wanted = self.program.seen, 1000 + self.marks
        self.peer.send(self.route(self.marker, wanted))

        def passed():
            route = seen.routes.get(self.marker)
            return route is not None and route.med == wanted

        end = time.monotonic() + PATIENCE
        while not seen.wait(passed, 0.05):
            self.peer.poll()
            if not self.program.alive():
                raise Dead
            if time.monotonic() > end:
                raise TimeoutError

    def play(self, case, serial):
        """What became of a case."""
        if not self.peer:
            self.connect()
        place = self.place(serial)
        nlri = place.v4 if case.family == 'v4' else place.v6
        try:
            if not case.alone and (case.code != 0 or 'NLRI' not in case.defect):
                self.peer.send(cases.old(place, case.family))
            self.peer.send(case.build(place))
            self.mark()
            self.mark()
            seen = self.program.seen.routes
            outcome = UP if case.alone else self.outcome(case, place, seen.get(nlri))
            if self.steady not in seen:
                outcome += f', {LOST}'
            self.peer.send(self.withdrawal(place, case.family))
            return outcome
        except Ended as end:
            self.close()
            if not self.program.alive():
                raise Dead from None
            return f'reset {end.code}/{end.subcode}' if end.code else 'closed'
        except TimeoutError:
            self.close()
            return STUCK

    @staticmethod
    def withdrawal(place, family):
        if family == 'v4':
            return update(withdrawn=prefix(place.v4))
        return update(attribute(OPTIONAL, 15, place.unreach()))

    def outcome(self, case, place, route):
        if case.code == 0 and 'NLRI' in case.defect:
            return UP if route is None else KEPT
        if route is None:
            return WITHDRAWN
        if route.med == OLD_MED:
            return IGNORED
        value = cases.GOOD[case.code][1](place) if case.code else b''
        if not route.has(case.code, value, not self.kind.four):
            return GONE
        if case.defect == 'twice, different' and case.code in OTHER:
            first = {1: ('igp', b'\0'), 4: (10, struct.pack('!I', 10)), 5: (200, struct.pack('!I', 200))}
            got = route.value(case.code)
            expected = first.get(case.code, (None, value))
            if isinstance(got, bytes):
                return 'first kept' if got == expected[1] else 'both kept' if value in got else 'second kept'
            if case.code in (8, 32):
                last = [entry[-1] for entry in got]
                return 'both kept' if len(last) > 1 else 'first kept' if last == [77] else 'second kept'
            if case.code == 99:
                return 'first kept' if got == '0x6162' else 'second kept'
            return 'first kept' if got == expected[0] else 'second kept'
        return KEPT


def play(program, chosen):
    """{(case, kind): outcome} of every case in every kind of session of a program."""
    results, lock = {}, threading.Lock()
    queues = {kind: queue.Queue() for kind in program.kinds}
    for kind, waiting in queues.items():
        for serial, case in enumerate(chosen):
            waiting.put((serial, case))

    def work(kind, number):
        worker = Worker(program, kind, number)
        while True:
            try:
                serial, case = queues[kind].get_nowait()
            except queue.Empty:
                return worker.close()
            try:
                outcome = worker.play(case, serial)
            except Dead:
                outcome = DIED
            except TimeoutError as why:
                outcome = f'no session ({why})'
            with lock:
                results[case, kind] = outcome
            if outcome == DIED:
                return None

    threads = [threading.Thread(target=work, args=(kind, n)) for kind in program.kinds for n in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
