//! The addresses of a name: `/etc/hosts`, then the servers of `/etc/resolv.conf`.
//!
//! The system's resolver blocks a thread for as long as its servers do not answer, and nothing ends it sooner; queries of our
//! own end with the check.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::time::timeout;

use super::dns;
use crate::health::dns::{Expected, Name, PORT, Query, Type, name};
use crate::health::{Cause, Failure, Host};

/// How long to wait for one server before the next one is asked.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most servers and domains that are used, as in the system's resolver.
const MOST: usize = 6;

/// What the files of the system say.
#[derive(Debug, Default, PartialEq, Eq)]
struct System {
    servers: Vec<SocketAddr>,
    /// Domains that a name without a dot is completed with.
    search: Vec<String>,
}

/// The addresses of a host, IPv4 first.
///
/// # Errors
/// When its name has none.
pub(super) async fn addresses(host: &Host) -> Result<Vec<IpAddr>, Failure> {
    let text = match host {
        Host::Address(address) => return Ok(vec![*address]),
        Host::Name(text) => text.clone(),
    };
    // Even small files may be on a disk that does not answer.
    let wanted = text.clone();
    let read = tokio::task::spawn_blocking(move || {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let local = local(&read("/etc/hosts"), &wanted);
        (local, System::parse(&read("/etc/resolv.conf")))
    });
    let (local, system) = read
        .await
        .map_err(|cause| Failure::new(Cause::System, cause.to_string()))?;
    if !local.is_empty() {
        return Ok(local);
    }
    system.ask(&text).await
}

/// The addresses of a name in a file of hosts. `localhost` always has some (RFC 6761 section 6.3).
fn local(hosts: &str, wanted: &str) -> Vec<IpAddr> {
    let wanted = wanted.trim_end_matches('.');
    let mut found: Vec<IpAddr> = Vec::new();
    for line in hosts.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        let address = words.next().and_then(|word| word.parse().ok());
        if let Some(address) = address
            && words.any(|word| word.eq_ignore_ascii_case(wanted))
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    if found.is_empty() && wanted.eq_ignore_ascii_case("localhost") {
        found = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    }
    found.sort();
    found
}

impl System {
    fn parse(text: &str) -> Self {
        let mut system = Self::default();
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") => {
                    // A link-local address has a zone, which is left out here.
                    let address = words.next().and_then(|word| word.parse().ok());
                    let server = address.map(|address: IpAddr| SocketAddr::new(address, PORT));
                    system.servers.extend(server);
                }
                Some("search" | "domain") => {
                    system.search = words.map(str::to_owned).collect();
                }
                _ => {}
            }
        }
        if system.servers.is_empty() {
            let address = Ipv4Addr::LOCALHOST.into();
            system.servers.push(SocketAddr::new(address, PORT));
        }
        system.servers.truncate(MOST);
        system.search.truncate(MOST);
        system
    }

    /// The names to ask for, in order.
    fn candidates(&self, text: &str) -> Vec<Name> {
        let mut texts = Vec::new();
        if !text.contains('.') {
            texts.extend(self.search.iter().map(|domain| format!("{text}.{domain}")));
        }
        texts.push(text.to_owned());
        texts.iter().filter_map(|text| name(text).ok()).collect()
    }

    async fn ask(&self, text: &str) -> Result<Vec<IpAddr>, Failure> {
        let mut last = String::new();
        for name in self.candidates(text) {
            for server in &self.servers {
                let query = |kind| Query {
                    server: *server,
                    name: name.clone(),
                    kind,
                    expects: Expected::Record,
                };
                let (v4, v6) = (query(Type::A), query(Type::AAAA));
                let both = async { tokio::join!(dns::ask(&v4), dns::ask(&v6)) };
                let Ok((first, second)) = timeout(PATIENCE, both).await else {
                    last = format!("{server} does not answer");
                    continue;
                };
                let found: Vec<IpAddr> = [&first, &second]
                    .into_iter()
                    .flatten()
                    .flatten()
                    .copied()
                    .collect();
                if !found.is_empty() {
                    return Ok(found);
                }
                if let Err(failure) = first {
                    // Another server will not know better about a name that does not exist.
                    let is_answer = matches!(failure.cause, Cause::Content)
                        || failure.reason.ends_with("NXDOMAIN");
                    last = failure.reason;
                    if is_answer {
                        break;
                    }
                }
            }
        }
        let reason = format!("the name {text} is not resolved: {last}");
        Err(Failure::new(Cause::Name, reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_come_first() {
        let hosts = "# comment\n::1 localhost6 web # web2\n192.0.2.1\tWeb web.example.net\n192.0.2.1 web\nbad web\n";
        let found = |name| local(hosts, name);
        let web: Vec<IpAddr> = vec![
            Ipv4Addr::new(192, 0, 2, 1).into(),
            Ipv6Addr::LOCALHOST.into(),
        ];
        assert_eq!((found("web"), found("web2")), (web, Vec::new()));
        assert_eq!(found("WEB.example.net.").len(), 1);
        assert_eq!(found("localhost").len(), 2);
    }

    #[test]
    fn servers_and_domains_are_those_of_the_system() {
        let system = System::parse(
            "; comment\nnameserver 192.0.2.53\nnameserver ::1\nnameserver fe80::1%eth0\nsearch a.example b.example\noptions ndots:2\n",
        );
        let servers = ["192.0.2.53:53", "[::1]:53"].map(|server| server.parse().expect("one"));
        assert_eq!(system.servers, servers);
        let shown = |text| -> Vec<String> {
            let names = system.candidates(text);
            names.iter().map(ToString::to_string).collect()
        };
        assert_eq!(shown("web"), ["web.a.example", "web.b.example", "web"]);
        assert_eq!(shown("web.c.example"), ["web.c.example"]);
        assert_eq!(System::parse("").servers.len(), 1);
    }

    #[tokio::test]
    async fn both_address_families_are_asked_for() {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0")
            .await
            .expect("a socket");
        let system = System {
            servers: vec![socket.local_addr().expect("an address")],
            search: Vec::new(),
        };
        let serve = async {
            let mut buffer = [0; 512];
            for _ in 0..2 {
                let (length, client) = socket.recv_from(&mut buffer).await.expect("a query");
                let mut answer = buffer[..length].to_vec();
                (answer[2], answer[3], answer[7]) = (0x81, 0x80, 1);
                let kind = answer[length - 3];
                let data: &[u8] = match kind {
                    1 => &[192, 0, 2, 1],
                    _ => &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
                };
                let size = u8::try_from(data.len()).expect("short");
                answer.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60, 0, size]);
                answer.extend(data);
                socket.send_to(&answer, client).await.expect("sent");
            }
        };
        let (found, ()) = tokio::join!(system.ask("www.example.net"), serve);
        let found: Vec<String> = found
            .expect("two")
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found, ["192.0.2.1", "2001:db8::1"]);
    }
}
