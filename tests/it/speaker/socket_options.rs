//! Socket options as the kernel keeps them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;

use oxabgp::speaker::sockopt::{
    interface_index, interface_name, min_ttl, set_md5, set_min_ttl, set_ttl, ttl,
};

fn socket(address: IpAddr) -> Option<socket2::Socket> {
    let domain = if address.is_ipv4() {
        socket2::Domain::IPV4
    } else {
        socket2::Domain::IPV6
    };
    socket2::Socket::new(domain, socket2::Type::STREAM, None).ok()
}

#[test]
fn ttls_are_kept_by_the_kernel() {
    for address in [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ] {
        let Some(socket) = socket(address) else {
            continue;
        };
        let fd = socket.as_fd();
        let default = ttl(fd, address).expect("a ttl");
        assert_eq!(min_ttl(fd, address).expect("a smallest ttl"), 0);
        set_ttl(fd, address, Some(255)).expect("255 is a ttl");
        assert_eq!(ttl(fd, address).expect("a ttl"), 255);
        set_ttl(fd, address, None).expect("the default");
        assert_eq!(ttl(fd, address).expect("a ttl"), default);
        set_min_ttl(fd, address, 254).expect("254 is a ttl");
        assert_eq!(min_ttl(fd, address).expect("a smallest ttl"), 254);
    }
}

#[test]
fn interfaces_have_numbers() {
    assert!(interface_index("lo").expect("loopback") > 0);
    assert!(interface_index("no-such-interface").is_err());
    let index = interface_index("lo").expect("loopback");
    assert_eq!(interface_name(index).expect("loopback"), "lo");
    assert!(interface_name(u32::MAX).is_err());
    assert!(interface_index("nul\0inside").is_err());
}

#[test]
fn a_key_that_is_too_long_is_refused_before_the_kernel_sees_it() {
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let socket = socket(address).expect("a socket");
    let error = set_md5(socket.as_fd(), address, None, &[b'x'; 81]).expect_err("81 bytes");
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}
