//! The syntax for announcing routes of the mobile user plane.

use std::net::IpAddr;

use super::{Route, Tail};
use crate::bgp::family::{Afi, Family, Safi};
use crate::bgp::nlri::Nlri;
use crate::bgp::nlri::inet::address_word;
use crate::bgp::rd::RouteDistinguisher;
use crate::text::{Cursor, SyntaxError, value};

/// Parses `mup-isd P rd R`, `mup-dsd A rd R`, `mup-t1st P rd R teid N qfi N endpoint A [source A]` or `mup-t2st A rd
/// R teid N/BITS`. Attributes follow.
///
/// # Errors
/// Returns an error if the text is none of these, an address is not of `afi`, or a TEID does not fit in its bits.
pub fn parse(afi: Afi, c: &mut Cursor<'_>) -> Result<Nlri, SyntaxError> {
    const EXPECTED: &str = "`mup-isd`, `mup-dsd`, `mup-t1st` or `mup-t2st`";
    const HEADS: [&str; 4] = ["mup-isd", "mup-dsd", "mup-t1st", "mup-t2st"];
    let name = if afi == Afi::IPV4 { "IPv4" } else { "IPv6" };
    let of_family = |address: &IpAddr| address.is_ipv4() == (afi == Afi::IPV4);
    let prefix = |c: &mut Cursor<'_>| {
        c.value(&format!("an {name} prefix"), |word| {
            value::prefix(word).filter(|(address, _)| of_family(address))
        })
    };
    let rd = |c: &mut Cursor<'_>| {
        c.expect("rd")?;
        c.value(RouteDistinguisher::EXPECTED, RouteDistinguisher::parse)
    };
    let span = c.span();
    let head = c.word(EXPECTED)?;
    let route = match head {
        "mup-isd" => {
            let (prefix, bits) = prefix(c)?;
            Route {
                rd: rd(c)?,
                tail: Tail::Interwork { prefix, bits },
            }
        }
        "mup-dsd" => {
            let address = address_word(afi, c)?;
            Route {
                rd: rd(c)?,
                tail: Tail::Direct { address },
            }
        }
        "mup-t1st" => {
            let (prefix, bits) = prefix(c)?;
            let rd = rd(c)?;
            c.expect("teid")?;
            let teid = c.value("a number from 0 to 4294967295", value::u32)?;
            c.expect("qfi")?;
            let qfi = c.value("a number from 0 to 255", value::u8)?;
            c.expect("endpoint")?;
            let any = |c: &mut Cursor<'_>| c.value("an IP address", value::ip);
            let endpoint = any(c)?;
            let source = if c.accept("source") {
                Some(any(c)?)
            } else {
                None
            };
            Route {
                rd,
                tail: Tail::Type1 {
                    prefix,
                    bits,
                    teid,
                    qfi,
                    endpoint,
                    source,
                },
            }
        }
        "mup-t2st" => {
            let endpoint = address_word(afi, c)?;
            let rd = rd(c)?;
            c.expect("teid")?;
            let (teid, bits) = c.value(
                "a TEID and its length in bits, like `12345/32`; the number must fit",
                |word| {
                    let (teid, bits) = word.split_once('/')?;
                    let (teid, bits) = (value::u32(teid)?, value::u8(bits)?);
                    (bits <= 32 && u64::from(teid) < 1 << bits).then_some((teid, bits))
                },
            )?;
            Route {
                rd,
                tail: Tail::Type2 {
                    endpoint,
                    bits,
                    teid,
                },
            }
        }
        _ => {
            return Err(SyntaxError::expected(span, EXPECTED, head).with_near_miss(head, HEADS));
        }
    };
    let family = Family {
        afi,
        safi: Safi::MUP,
    };
    Ok(Nlri {
        family,
        path_id: None,
        bytes: route.to_bytes(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::hex;
    use crate::text::tokenize;

    fn read(afi: Afi, text: &str) -> Result<Nlri, String> {
        let tokens = tokenize(text);
        parse(afi, &mut Cursor::new(&tokens, text.len())).map_err(|error| error.to_string())
    }

    #[test]
    fn sentences_are_read_back() {
        for (afi, text) in [
            (Afi::IPV4, "mup-isd 10.0.1.0/24 rd 100:100"),
            (Afi::IPV4, "mup-dsd 10.0.0.1 rd 100:100"),
            (
                Afi::IPV4,
                "mup-t1st 192.168.0.1/32 rd 100:100 teid 12345 qfi 9 endpoint 10.0.0.1",
            ),
            (
                Afi::IPV6,
                "mup-t1st 2001:db8::1/128 rd 100:100 teid 1 qfi 9 endpoint 2001::1 source 2001::9",
            ),
            (
                Afi::IPV4,
                "mup-t1st 192.168.0.1/32 rd 100:100 teid 1 qfi 9 endpoint 2001::1 source 2001::9",
            ),
            (Afi::IPV4, "mup-t2st 10.0.0.1 rd 100:100 teid 12345/23"),
            (Afi::IPV6, "mup-t2st 2001::1 rd 100:100 teid 0/0"),
        ] {
            let nlri = read(afi, text).expect(text);
            assert_eq!(nlri.to_string(), format!("mup {text}"));
        }
        let t2 = read(Afi::IPV4, "mup-t2st 10.0.0.1 rd 100:100 teid 12345/23").expect("a route");
        assert_eq!(hex(&t2.bytes), "010004100000006400000064370A000001003039");
    }

    #[test]
    fn errors_are_refused() {
        for text in [
            "mup-t2st 10.0.0.1 rd 100:100 teid 12345/8",
            "mup-t2st 10.0.0.1 rd 100:100 teid 12345/33",
            "mup-isd 2001::/64 rd 100:100",
            "mup-ids 10.0.0.0/8 rd 100:100",
            "mup-t1st 10.0.0.0/8 rd 100:100 teid 1",
        ] {
            assert!(read(Afi::IPV4, text).is_err(), "{text}");
        }
    }
}
