#!/usr/bin/env python3
"""Metrics of oxabgp as those read them who were made for it: promtool, Prometheus, prometheus-client."""

import json
import os
import shlex
import subprocess
import sys
import urllib.request

from checks import Checks
from lab import Failed, Skip, program, user, wait_for
from speaker import OXABGP, STAND_IN

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
OPEN = 'application/openmetrics-text; version=1.0.0'


class Prometheus(Checks):
    def prepare(self):
        if STAND_IN:
            raise Skip('ExaBGP has no metrics')
        lab = self.lab
        self.address = lab.address(1)
        self.port = lab.port(self.address)
        self.peer_port = lab.port(lab.address(2))
        text = f'metrics {{ listen {self.address} port {self.port}; routes [ 198.51.100.0/24 ]; }}\n'
        for number, peer in ((3, lab.address(2)), (4, lab.address(3))):
            text += f"""neighbor {peer} {{
              router-id 10.0.0.{number}; local-address {self.address}; local-as 65011; peer-as 65000;
              description "quote \\" slash <b>"; connect {self.peer_port}; family {{ ipv4 unicast; ipv6 unicast; }}
              static {{ route 198.51.100.0/24 next-hop self; route 198.51.{number}.0/24 next-hop self; }}
            }}\n"""
        with open(lab.path('oxabgp.conf'), 'w') as file:
            file.write(text)
        settings = {'exabgp_tcp_bind': '', 'exabgp_api_cli': 'false', 'exabgp_daemon_user': user()}
        lab.spawn('oxabgp', [*shlex.split(OXABGP), 'server', lab.path('oxabgp.conf')], settings)
        wait_for('metrics', self.answers)

    def answers(self):
        try:
            return self.get()
        except OSError:
            return None

    def get(self, path='metrics', **headers):
        url = f'http://{self.address}:{self.port}/{path}'
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return answer.read().decode()

    def scenarios(self):
        return self.formats, self.scraped, self.rules

    def formats(self):
        yield 'promtool finds nothing wrong with the text format', self.promtool
        yield 'prometheus-client parses OpenMetrics', self.openmetrics

    def promtool(self):
        tool = program('promtool')
        done = subprocess.run([tool, 'check', 'metrics'], input=self.get(), capture_output=True, text=True)
        if done.returncode or done.stdout or done.stderr:
            raise Failed(f'promtool check metrics: {done.returncode} {done.stdout}{done.stderr}')

    def openmetrics(self):
        sys.path.append('/usr/lib/python3/dist-packages')  # Debian's, also for a Python from elsewhere
        try:
            from prometheus_client.openmetrics import parser
        except ImportError:
            raise Skip('prometheus-client is not installed (Debian: python3-prometheus-client)') from None
        families = list(parser.text_string_to_metric_families(self.get(Accept=OPEN)))
        names = {family.name for family in families}
        for name in ('oxabgp_build', 'oxabgp_session_up', 'oxabgp_messages', 'oxabgp_turn_seconds'):
            if name not in names:
                raise Failed(f'{name} is not among {sorted(names)}')

    def scraped(self):
        yield 'Prometheus scrapes it', self.scrape
        yield 'each of its series is stored', self.stored

    def scrape(self):
        server = program('prometheus')
        lab = self.lab
        self.own = f'{self.address}:{lab.port(self.address)}'
        with open(lab.path('prometheus.yml'), 'w') as file:
            file.write(
                'global: { scrape_interval: 1s, evaluation_interval: 1s }\n'
                f'rule_files: [ {ROOT}/etc/alerts.yml ]\n'
                f'scrape_configs: [ {{ job_name: oxabgp, static_configs: [ {{ targets: [ "{self.address}:{self.port}" ] }} ] }} ]\n'
            )
        data, web = lab.path('data'), f'--web.listen-address={self.own}'
        config = f'--config.file={lab.path("prometheus.yml")}'
        lab.spawn('prometheus', [server, config, f'--storage.tsdb.path={data}', web])
        wait_for('a scrape', lambda: self.query('up{job="oxabgp"}') == [1.0])

    def query(self, expression):
        url = f'http://{self.own}/api/v1/query?query=' + urllib.request.quote(expression)
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                results = json.load(answer)['data']['result']
        except OSError:
            return None
        return [float(result['value'][1]) for result in results]

    def stored(self):
        for expression, wanted in (
            ('sum(oxabgp_routes{direction="out",family="ipv4 unicast"})', [4.0]),
            ('oxabgp_route_neighbors{prefix="198.51.100.0/24"}', [0.0]),
            ('count(oxabgp_session_up == 0)', [2.0]),
            ('count((oxabgp_session_up == 0) * on (instance, peer) group_left (description) oxabgp_peer_info)', [2.0]),
            ('count(oxabgp_turn_seconds_bucket)', [12.0]),
        ):
            found = self.query(expression)
            if found != wanted:
                raise Failed(f'{expression}: {found}, not {wanted}')

    def rules(self):
        yield 'the alert rules are valid', self.valid
        yield 'the example of its configuration is valid', self.example
        yield 'an alert about a session that is down is pending', self.alerts

    def valid(self):
        done = subprocess.run(
            [program('promtool'), 'check', 'rules', f'{ROOT}/etc/alerts.yml'], capture_output=True, text=True
        )
        if done.returncode:
            raise Failed(done.stdout + done.stderr)

    def example(self):
        done = subprocess.run(
            [program('promtool'), 'check', 'config', f'{ROOT}/etc/prometheus.yml'], capture_output=True, text=True
        )
        if done.returncode:
            raise Failed(done.stdout + done.stderr)

    def alerts(self):
        def pending():
            return self.query('count(ALERTS{alertname="OxabgpSessionDown"})') == [2.0]

        wait_for('the alert', pending)


if __name__ == '__main__':
    sys.exit(Prometheus('prometheus').run())
