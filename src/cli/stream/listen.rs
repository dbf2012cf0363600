//! Where the program listens: addresses as people write them.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};

/// The addresses of `ADDRESS:PORT`, the name of a host in place of the address, or a port alone, which means all addresses. The
/// first that can be had is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listen(pub(super) Vec<SocketAddr>);

impl Listen {
    /// # Errors
    /// What is expected.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Ok(port) = text.parse::<u16>() {
            // The first one takes IPv4 as well, and a host may have no IPv6.
            return Ok(Self(vec![
                (Ipv6Addr::UNSPECIFIED, port).into(),
                (Ipv4Addr::UNSPECIFIED, port).into(),
            ]));
        }
        let expected = "expected ADDRESS:PORT or a port, such as `0.0.0.0:11019` or `11019`";
        let mut found: Vec<_> = match text.parse() {
            Ok(address) => vec![address],
            // An IPv6 address without brackets has no port behind it.
            Err(_) if text.split(':').count() == 2 => text
                .to_socket_addrs()
                .map_err(|error| format!("{error}; {expected}"))?
                .collect(),
            Err(_) => return Err(expected.to_owned()),
        };
        // `localhost` is both, and routers there use IPv4.
        found.sort_by_key(SocketAddr::is_ipv6);
        Ok(Self(found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_people_write_them() {
        for (text, wanted) in [
            ("11019", &["[::]:11019", "0.0.0.0:11019"][..]),
            ("127.0.0.1:11019", &["127.0.0.1:11019"]),
            ("[::1]:11019", &["[::1]:11019"]),
        ] {
            let wanted = wanted.iter().map(|one| one.parse().expect("an address"));
            assert_eq!(Listen::parse(text), Ok(Listen(wanted.collect())));
        }
        for text in [
            "",
            "x",
            "127.0.0.1",
            "::1",
            "2001:db8::2:1",
            "65536",
            "127.0.0.1:65536",
        ] {
            let error = Listen::parse(text).expect_err(text);
            assert!(error.contains("ADDRESS:PORT or a port"), "{error}");
        }
    }
}
