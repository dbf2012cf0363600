//! Names of services and their ports, as commonly used in firewall rules: IANA's registry, and additional names from
//! `/etc/services` of common systems.
//!
//! The table is a text file with a line for each port: the number, the name used in lists (`-` for none), other
//! names. It is parsed when the first name is looked up.

use std::collections::HashMap;
use std::sync::LazyLock;

const TEXT: &str = include_str!("services.txt");

struct Services {
    ports: HashMap<String, u16>,
    names: HashMap<u16, &'static str>,
}

static SERVICES: LazyLock<Services> = LazyLock::new(|| {
    let mut services = Services {
        ports: HashMap::with_capacity(5200),
        names: HashMap::with_capacity(5200),
    };
    for line in TEXT.lines() {
        let mut words = line.split(' ');
        let Some(port) = words.next().and_then(|word| word.parse().ok()) else {
            continue;
        };
        for (index, name) in words.enumerate().filter(|(_, name)| *name != "-") {
            if index == 0 {
                services.names.insert(port, name);
            }
            // A name with several ports means the last one, as in ExaBGP.
            services.ports.insert(plain(name), port);
        }
    }
    services
});

fn plain(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// The port of a service. The name's case is ignored, and `-` and `_` are equivalent.
pub(super) fn port(name: &str) -> Option<u16> {
    SERVICES.ports.get(&plain(name)).copied()
}

/// The name of a port if it has one, otherwise its number.
pub(super) fn name(port: u64) -> String {
    let known = u16::try_from(port)
        .ok()
        .and_then(|port| SERVICES.names.get(&port));
    known.map_or_else(|| port.to_string(), |name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_known_by_their_names_and_ports() {
        for (word, wanted) in [
            ("http", 80),
            ("HTTPS", 443),
            ("ftp_data", 20),
            ("bgp", 179),
            ("www", 80),
            ("dicom", 11112),
        ] {
            assert_eq!(port(word), Some(wanted), "{word}");
        }
        assert_eq!(port("no-such-service"), None);
        assert_eq!(port("-"), None);
        for (number, wanted) in [
            (80, "http"),
            (15, "15"),
            (49151, "49151"),
            (70_000, "70000"),
        ] {
            assert_eq!(name(number), wanted);
        }
    }

    #[test]
    fn every_line_is_a_port_and_its_names_in_order() {
        let ports: Vec<u16> = TEXT
            .lines()
            .filter_map(|line| line.split(' ').next()?.parse().ok())
            .collect();
        assert_eq!(ports.len(), TEXT.lines().count());
        assert!(ports.is_sorted() && SERVICES.ports.len() > 4_899);
        assert!(
            TEXT.lines()
                .all(|line| line.split(' ').skip(1).count() >= 1)
        );
    }
}
