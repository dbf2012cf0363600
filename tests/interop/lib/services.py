#!/usr/bin/env python3
"""Health checks beside real servers: nginx (HTTP and HTTPS) and dnsmasq (DNS)."""

import json
import os
import shlex
import subprocess
import sys

from checks import Checks
from lab import Failed, Skip, program, run, user, wait_for
from speaker import OXABGP, STAND_IN

NAME = 'www.example.net'
# An authority, and a certificate of that name.
DATA = os.path.abspath(os.path.join(os.path.dirname(__file__), '..', '..', 'data', 'tls'))


class Services(Checks):
    def prepare(self):
        if STAND_IN:
            raise Skip('ExaBGP checks by commands only')
        lab = self.lab
        self.address = lab.address(1)
        self.web, self.tls, self.dns = (lab.port(self.address) for _ in range(3))
        self.nginx()
        self.dnsmasq()
        self.has_tls = 'tls' in run(*shlex.split(OXABGP), 'version')
        self.daemon()

    def nginx(self):
        lab = self.lab
        server = program('nginx')
        certificate = f"""server {{
          listen {self.address}:{self.tls} ssl; server_name {NAME};
          ssl_certificate {DATA}/server.pem; ssl_certificate_key {DATA}/server.key;
          location / {{ return 200 "safe and sound"; }}
        }}"""
        text = f"""daemon off; pid {lab.path('nginx.pid')}; error_log stderr;
        {'user root;' if user() == 'root' else ''} events {{ }}
        http {{
          access_log off;
          client_body_temp_path {lab.path('a')}; proxy_temp_path {lab.path('b')}; fastcgi_temp_path {lab.path('c')};
          uwsgi_temp_path {lab.path('d')}; scgi_temp_path {lab.path('e')};
          server {{
            listen {self.address}:{self.web}; server_name {NAME};
            location = /health {{ return 200 "all is well"; }}
            location = /moved {{ return 302 /health; }}
            location / {{ return 404; }}
          }}
          server {{ listen {self.address}:{self.web} default_server; return 421; }}
          {certificate}
        }}"""
        self.start_nginx = [server, '-p', lab.folder, '-c', lab.write('nginx.conf', text)]
        lab.spawn('nginx', self.start_nginx)

    def dnsmasq(self):
        lab = self.lab
        options = ['--keep-in-foreground', '--no-resolv', '--no-hosts', '--bind-interfaces', f'--port={self.dns}',
                   f'--listen-address={self.address}', f'--address=/{NAME}/192.0.2.80', '--local=/example.net/',
                   '--conf-file=/dev/null', f'--pid-file={lab.path("dnsmasq.pid")}', f'--user={user()}']  # fmt: skip
        lab.spawn('dnsmasq', [program('dnsmasq'), *options])

    def daemon(self):
        lab = self.lab
        web = f'http://{self.address}:{self.web}'
        host = f'header "Host: {NAME}";'
        checks = {
            'web': f'http "{web}/health" {{ {host} body well; }}',
            'status': f'http "{web}/nothing" {{ {host} status 404; method HEAD; }}',
            'host': f'http "{web}/health";',
            'moved': f'http "{web}/moved" {{ {host} }}',
            'port': f'tcp {self.address} port {self.web};',
            'dns': f'dns {self.address} port {self.dns} query "{NAME} A" answer 192.0.2.80;',
            'type': f'dns {self.address} port {self.dns} query "{NAME} MX";',
            'none': f'dns {self.address} port {self.dns} query "no.example.net A" answer nxdomain;',
        }
        if self.has_tls:
            safe = f'https://{self.address}:{self.tls}/'
            checks['tls'] = f'http "{safe}" {{ {host} body safe; ca {DATA}/ca.pem; }}'
            checks['untrusted'] = f'http "{safe}" {{ {host} }}'
            checks['other'] = f'http "{safe}" {{ header "Host: mail.example.net"; ca {DATA}/ca.pem; }}'
            checks['unverified'] = f'http "{safe}" {{ {host} verify disable; }}'
        pace = 'interval 0.2; fast-interval 0.1; timeout 5; rise 2; fall 2; down withdraw;'
        text = ''.join(
            f'check {name} {{ {check} {pace} route 10.0.0.{number}/32 next-hop self; }}\n'
            for number, (name, check) in enumerate(checks.items())
        )
        text += f"""neighbor {lab.address(2)} {{
          router-id 10.0.0.1; local-address {self.address}; local-as 65011; peer-as 65000; passive true;
          family {{ ipv4 unicast; }}
        }}\n"""
        self.socket = lab.path('control.sock')
        settings = {'exabgp_tcp_bind': '', 'exabgp_daemon_user': user(), 'oxabgp_api_socketpath': self.socket,
                    'EXABGP_ROOT': lab.folder}  # fmt: skip
        lab.spawn('oxabgp', [*shlex.split(OXABGP), 'server', lab.write('oxabgp.conf', text)], settings)

    def checks(self):
        done = subprocess.run([*shlex.split(OXABGP), 'cli', '--socket', self.socket, 'show', 'checks', 'json'],
                              capture_output=True, text=True)  # fmt: skip
        for line in done.stdout.splitlines():
            if line.startswith('['):
                return {check['name']: check for check in json.loads(line)}
        return {}

    def until(self, name, state, cause=None):
        def reached():
            check = self.checks().get(name, {})
            return check.get('state') == state and (not cause or check['failures'].get(cause))

        if name not in wait_for('the checks', self.checks):
            raise Skip('not checked here')
        wait_for(f'{name} to be {state}', reached)

    def scenarios(self):
        return self.http, self.https, self.queries, self.outage, self.helper

    def http(self):
        yield 'nginx answers with the expected body', lambda: self.until('web', 'UP')
        yield 'another status is expected', lambda: self.until('status', 'UP')
        yield 'another host is not served', lambda: self.until('host', 'DOWN', 'status')
        yield 'a redirect is not followed', lambda: self.until('moved', 'DOWN', 'status')
        yield 'its port is open', lambda: self.until('port', 'UP')

    def https(self):
        yield 'a certificate of the given authority is accepted', lambda: self.until('tls', 'UP')
        yield 'one that the system does not know is not', lambda: self.until('untrusted', 'DOWN', 'tls')
        yield 'nor one of another name', lambda: self.until('other', 'DOWN', 'tls')
        yield 'unless it is not verified', lambda: self.until('unverified', 'UP')

    def queries(self):
        yield 'dnsmasq has the address', lambda: self.until('dns', 'UP')
        yield 'but no record of another type', lambda: self.until('type', 'DOWN')
        yield 'and says that a name does not exist', lambda: self.until('none', 'UP')

    def outage(self):
        yield 'nginx that is stopped is down, and its route is withdrawn', self.stop
        yield 'and up when it is back', self.back

    def stop(self):
        self.lab.stop('nginx')
        self.until('web', 'DOWN', 'refused')
        if self.checks()['web']['routes']:
            raise Failed('its route is still announced')

    def back(self):
        self.lab.spawn('nginx', self.start_nginx)
        self.until('web', 'UP')

    def helper(self):
        yield "the file of ExaBGP's wiki is accepted", self.wiki

    def wiki(self):
        text = f"""[check-web-http]
type = http
url = http://{self.address}:{self.web}/health
method = GET
timeout = 5
interval = 10
rise = 2
fall = 3
announce = 198.51.100.10/32
next-hop = 192.0.2.10
withdraw-on-down = true
header = Host: {NAME}

[check-dns]
type = dns
server = {self.address}
port = {self.dns}
query = {NAME}
rise = 1
announce = 198.51.100.53
"""
        path = self.lab.write('wiki.conf', text)
        self.lab.spawn('healthcheck', [*shlex.split(OXABGP), 'healthcheck', '--no-syslog', '--no-ack', '--config', path])
        for line in ('neighbor * announce route 198.51.100.10/32 next-hop 192.0.2.10 med 100',
                     'neighbor * announce route 198.51.100.53/32 next-hop self med 100'):  # fmt: skip
            wait_for(line, lambda line=line: line in self.lab.log('healthcheck'))


if __name__ == '__main__':
    sys.exit(Services('services').run())
