#!/usr/bin/env python3
"""The status page of oxabgp in a real browser: none, one and a thousand neighbors, hostile names, without scripts, light and dark."""

import shlex
import signal
import sys

from browser import Browser
from checks import Checks
from lab import Failed, Skip, wait_for
from prometheus import Prometheus
from speaker import OXABGP, STAND_IN, user

# Of these at most 128 characters are kept.
HOSTILE = (
    '<img src=x onerror=document.title=1>',
    '</td></table><script>document.title=1</script>',
    '</main><main>',
    '&lt;b&gt; \u202e desrever',
    'W' * 128,
)
NEIGHBOR = """neighbor 127.1.{high}.{low} {{
  router-id 10.0.0.1; local-address {address}; local-as 65011; peer-as 65000; passive;
  description "{about}"; family {{ ipv4 unicast; }} static {{ route 198.51.100.0/24 next-hop 192.0.2.1; }}
}}
"""
ROWS = "document.querySelectorAll('#neighbors tbody tr')"


def is_(found, wanted, what):
    if found != wanted:
        raise Failed(f'{what}: {found!r}, not {wanted!r}')


class Page(Checks):
    get = Prometheus.get
    answers = Prometheus.answers

    def prepare(self):
        if STAND_IN:
            raise Skip('ExaBGP has no status page')
        self.address = self.lab.address(1)
        self.port = self.lab.port(self.address)
        self.url = f'http://{self.address}:{self.port}/'
        self.browser = Browser(self.lab)
        self.start(0)

    def start(self, neighbors):
        """Runs a speaker with so many neighbors, none of which ever comes."""
        if 'oxabgp' in self.lab.processes:
            self.lab.stop('oxabgp')
        text = f'metrics {{ listen {self.address} port {self.port}; }}\n'
        for number in range(neighbors):
            about = HOSTILE[number % len(HOSTILE)].replace('"', '\\"')
            text += NEIGHBOR.format(high=number // 250, low=number % 250 + 1, address=self.address, about=about)
        path = self.lab.write('oxabgp.conf', text)
        settings = {'exabgp_tcp_bind': '', 'exabgp_api_cli': 'false', 'exabgp_daemon_user': user()}
        self.lab.spawn('oxabgp', [*shlex.split(OXABGP), 'server', path], settings)
        wait_for('the page', self.answers)

    def scenarios(self):
        return self.none, self.hostile, self.many, self.refresh, self.without_scripts, self.lost, self.quiet

    def none(self):
        yield 'without neighbors it says so', self.says_none

    def says_none(self):
        self.browser.go(self.url)
        is_(self.browser.js("document.querySelector('main').innerText.includes('No neighbor is configured')"), True, 'text')

    def hostile(self):
        yield 'hostile names are shown as they are', self.shows_hostile_names
        yield 'nothing is drawn over other columns', self.fits
        yield 'it is readable in light and dark', self.contrast

    def shows_hostile_names(self):
        self.start(len(HOSTILE))
        self.browser.go(self.url)
        js = self.browser.js
        is_(js('document.images.length'), 0, 'images')
        is_(js('document.scripts.length'), 1, 'scripts')
        is_(js("document.querySelectorAll('main').length"), 1, 'main elements')
        is_(js("document.title.startsWith('oxabgp on ')"), True, 'title')
        is_(js(f'{ROWS}.length'), len(HOSTILE), 'rows')
        names = js(f"[...{ROWS}].map(row => row.querySelector('small').textContent)")
        wanted = [name.replace('\u202e', '?') for name in HOSTILE]
        is_([name.replace('\ufffd', '?') for name in names], wanted, 'names')
        is_(js("document.querySelector('.cards').innerText.includes('0 of 5')"), True, 'sessions')
        is_(js("[...document.querySelectorAll('.cards li')][1].innerText.startsWith('0')"), True, 'routes announced')

    def fits(self):
        for width in (1280, 700, 390):
            self.browser.call(
                'Emulation.setDeviceMetricsOverride', width=width, height=800, deviceScaleFactor=1, mobile=False
            )
            over = self.browser.js(
                "[...document.querySelectorAll('td, td small')].filter(one => one.scrollWidth > one.clientWidth + 1 "
                "&& getComputedStyle(one).display !== 'inline').length"
            )
            is_(over, 0, f'cells that are too narrow at {width} px')

    def contrast(self):
        for scheme in ('light', 'dark'):
            self.browser.call('Emulation.setEmulatedMedia', features=[{'name': 'prefers-color-scheme', 'value': scheme}])
            texts = ['body', 'td small', 'thead th', '.wait', 'footer']
            background = self.color('body', 'backgroundColor')
            is_(luminance(background) > 0.5, scheme == 'light', f'the page is light in {scheme}')
            for text in texts:
                found = contrast(self.color(text, 'color'), background)
                if found < 4.5:  # WCAG 2.2, success criterion 1.4.3
                    raise Failed(f'{scheme}: the contrast of {text} is {found:.1f}')

    def color(self, selector, what):
        text = self.browser.js(f"getComputedStyle(document.querySelector('{selector}')).{what}")
        return [int(part) for part in text[text.index('(') + 1 : -1].split(',')[:3]]

    def many(self):
        yield 'a thousand neighbors are shown', self.shows_many
        yield 'the filter leaves those that match', self.filters

    def shows_many(self):
        self.start(1000)
        self.browser.go(self.url)
        is_(self.browser.js(f'{ROWS}.length'), 1000, 'rows')

    def visible(self):
        return self.browser.js(f'[...{ROWS}].filter(row => !row.hidden).length')

    def filters(self):
        self.browser.js("filter.value = '127.1.3.7'; filter.dispatchEvent(new Event('input'))")
        wanted = [f'127.1.3.{low}' for low in range(1, 251) if f'127.1.3.{low}'.startswith('127.1.3.7')]
        is_(self.visible(), len(wanted), 'rows')

    def refresh(self):
        yield 'a refresh keeps the filter and the place', self.keeps_place

    def keeps_place(self):
        size = {'width': 600, 'height': 800, 'deviceScaleFactor': 1, 'mobile': False}
        self.browser.call('Emulation.setDeviceMetricsOverride', **size)
        before = self.visible()
        self.browser.js("document.querySelector('.scroll').scrollLeft = 150; document.querySelector('main').id = 'old'")
        wait_for('a refresh', lambda: self.browser.js("document.getElementById('old') === null"))
        is_(self.browser.js("document.querySelector('.scroll').scrollLeft"), 150, 'place')
        is_(self.visible(), before, 'rows')

    def without_scripts(self):
        yield 'without scripts it can be read, and loads itself again', self.reads_itself

    def reads_itself(self):
        self.start(1)
        self.browser.call('Emulation.setScriptExecutionDisabled', value=True)
        self.browser.go(self.url)
        root = self.browser.call('DOM.getDocument')['root']['nodeId']
        rows = self.browser.call('DOM.querySelectorAll', nodeId=root, selector='#neighbors tbody tr')
        is_(len(rows['nodeIds']), 1, 'rows')
        before = len(self.browser.happened('Page.loadEventFired'))
        wait_for('a reload', lambda: len(self.browser.happened('Page.loadEventFired')) > before)
        self.browser.call('Emulation.setScriptExecutionDisabled', value=False)

    def lost(self):
        yield 'it says that a speaker hangs, and that it is back', self.says_lost

    def says_lost(self):
        shown = lambda: self.browser.js("getComputedStyle(document.getElementById('lost')).display !== 'none'")
        self.browser.go(self.url)
        is_(shown(), False, 'the warning')
        process = self.lab.processes['oxabgp']
        process.send_signal(signal.SIGSTOP)
        try:
            wait_for('the warning', shown)
            is_(self.browser.js("document.getElementById('lost').innerText.includes('It is of ')"), True, 'time')
        finally:
            process.send_signal(signal.SIGCONT)
        wait_for('the end of the warning', lambda: not shown())

    def quiet(self):
        yield 'it asked for nothing else, and the browser complained of nothing', self.is_quiet

    def is_quiet(self):
        urls = {event['request']['url'] for event in self.browser.happened('Network.requestWillBeSent')}
        is_({url for url in urls if not url.startswith('data:')}, {self.url}, 'requests')
        # Those that were given up while the speaker hung.
        entries = [event['entry'] for event in self.browser.happened('Log.entryAdded')]
        is_([entry['text'] for entry in entries if entry['source'] != 'network'], [], 'complaints')
        is_(self.browser.happened('Runtime.exceptionThrown'), [], 'exceptions')


def luminance(color):
    """WCAG 2.2, relative luminance."""
    parts = [part / 255 for part in color]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


if __name__ == '__main__':
    sys.exit(Page('page').run())
