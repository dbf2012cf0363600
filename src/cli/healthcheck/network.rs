//! Networks as accepted by `--ip`: an address, or a network without host bits.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Maximum number of addresses that are handled one by one. More are an error (an IPv6 network has 2^64).
pub(super) const MOST: u128 = 65_536;

/// Parses a network: `192.0.2.1`, `192.0.2.0/24`, `192.0.2.0/255.255.255.0`, `2001:db8::/64`.
///
/// # Errors
/// Returns an error if it is invalid or has bits beyond its length.
pub(super) fn parse(text: &str) -> Result<IpNet, String> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address
        .parse()
        .map_err(|_| format!("`{address}` is not an IP address"))?;
    let whole = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        None => Some(whole),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
        Some(mask) if address.is_ipv4() => mask.parse().ok().and_then(mask_length),
        Some(_) => None,
    };
    let network = length
        .and_then(|length| IpNet::new(address, length).ok())
        .ok_or_else(|| format!("the length must be a number from 0 to {whole}"))?;
    if network != network.trunc() {
        return Err(format!(
            "it has bits beyond its length; the network is `{}`",
            shown(&network.trunc())
        ));
    }
    Ok(network)
}

/// The length of a netmask (`255.255.255.0`) or of a host mask (`0.0.0.255`).
fn mask_length(mask: Ipv4Addr) -> Option<u8> {
    ipnet::ipv4_mask_to_prefix(mask)
        .or_else(|_| ipnet::ipv4_mask_to_prefix(Ipv4Addr::from(!u32::from(mask))))
        .ok()
}

/// A network in ExaBGP's form: IPv4 addresses within IPv6 have no dots.
pub(super) fn shown(network: &IpNet) -> String {
    format!("{}/{}", address(network.addr()), network.prefix_len())
}

/// An address in ExaBGP's form.
pub(super) fn address(address: IpAddr) -> String {
    match address {
        IpAddr::V6(inside) if inside.to_ipv4_mapped().is_some() => {
            let [.., high, low] = inside.segments();
            format!("::ffff:{high:x}:{low:x}")
        }
        address => address.to_string(),
    }
}

/// The number of addresses in a network; one less for the whole of IPv6.
pub(super) fn size(network: &IpNet) -> u128 {
    let bits = network.max_prefix_len() - network.prefix_len();
    1_u128.checked_shl(bits.into()).unwrap_or(u128::MAX)
}

/// All addresses of the networks, including first and last ones, as networks of one address.
///
/// # Errors
/// Returns an error if there are more than [`MOST`].
pub(super) fn addresses(networks: &[IpNet]) -> Result<Vec<IpNet>, String> {
    let count = networks
        .iter()
        .fold(0_u128, |sum, network| sum.saturating_add(size(network)));
    if count > MOST {
        return Err(format!(
            "the networks of `--ip` have more than {MOST} addresses"
        ));
    }
    let each = |network: &IpNet| -> Vec<IpNet> {
        match network {
            IpNet::V4(v4) => {
                let numbers = u32::from(v4.network())..=u32::from(v4.broadcast());
                let hosts = numbers.map(|number| Ipv4Net::from(Ipv4Addr::from(number)).into());
                hosts.collect()
            }
            IpNet::V6(v6) => {
                let numbers = u128::from(v6.network())..=u128::from(v6.broadcast());
                let hosts = numbers.map(|number| Ipv6Net::from(Ipv6Addr::from(number)).into());
                hosts.collect()
            }
        }
    };
    Ok(networks.iter().flat_map(each).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_as_exabgp_does() {
        for (text, wanted) in [
            ("192.0.2.1", "192.0.2.1/32"),
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("10.0.0.0/08", "10.0.0.0/8"),
            ("10.0.0.0/255.255.255.0", "10.0.0.0/24"),
            ("10.0.0.0/0.0.0.255", "10.0.0.0/24"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:DB8:0:0::1", "2001:db8::1/128"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::ffff:1.2.3.4", "::ffff:102:304/128"),
        ] {
            assert_eq!(
                parse(text).map(|network| shown(&network)),
                Ok(wanted.to_owned())
            );
        }
        for text in [
            "",
            "192.0.2.1/24",
            "192.0.2.0/33",
            "192.0.2.0/+8",
            "192.0.2.0/",
            "192.0.2.0/255.0.255.0",
            "2001:db8::1/64",
            "2001:db8::/ffff::",
            "192.0.2.01",
            " 192.0.2.1",
            "localhost",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_are_counted_before_they_are_made() {
        let networks = |texts: &[&str]| -> Vec<IpNet> {
            let networks = texts.iter().map(|text| parse(text).expect("a network"));
            networks.collect()
        };
        let hosts = addresses(&networks(&["192.0.2.8/30", "2001:db8::/127"])).expect("few");
        let hosts: Vec<String> = hosts.iter().map(shown).collect();
        assert_eq!(
            hosts.join(" "),
            "192.0.2.8/32 192.0.2.9/32 192.0.2.10/32 192.0.2.11/32 2001:db8::/128 2001:db8::1/128"
        );
        assert_eq!(
            addresses(&networks(&["10.0.0.0/16"])).map(|hosts| hosts.len()),
            Ok(65_536)
        );
        for texts in [
            &["10.0.0.0/16", "192.0.2.1"][..],
            &["::/0"],
            &["::/0", "::/0"],
        ] {
            assert!(addresses(&networks(texts)).is_err(), "{texts:?}");
        }
    }
}
