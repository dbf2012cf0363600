//! The headers that OpenBMP's collector puts in front of each message when it forwards them through Kafka.
//!
//! Two forms: text lines up to an empty line (version 1.0 to 1.6), and binary, `OBMP` and version 1.7. Both name the
//! collector and the router, which the message itself does not. A form that is not known is an error that names it, so that
//! the message behind it is not taken for BMP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::wire::{Reader, WireError};

/// Where a message came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenBmp {
    /// The collector's name.
    pub collector: String,
    /// The router's name or group, if it has one.
    pub router: String,
    /// The router's address.
    pub router_ip: Option<IpAddr>,
    /// When the collector got the message, in seconds since 1970.
    pub seconds: u32,
    /// Microseconds of that second.
    pub microseconds: u32,
}

/// A message without its OpenBMP header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwrapped<'a> {
    /// The content of the header; `None` when there was none.
    pub header: Option<OpenBmp>,
    /// The BMP messages behind it.
    pub bmp: &'a [u8],
}

/// The binary form's name of a router that sent raw BMP.
const BMP_RAW: u8 = 12;
/// The binary form's flag: the message came from a router.
const FROM_ROUTER: u8 = 0x80;
/// The binary form's flag: the address of the router is of IPv6.
const IPV6: u8 = 0x40;

impl OpenBmp {
    /// Takes the header off a Kafka message, if it has one.
    ///
    /// # Errors
    /// A header of another version or object type, or one that is cut.
    pub fn unwrap(message: &[u8]) -> Result<Unwrapped<'_>, WireError> {
        if message.starts_with(b"OBMP") {
            return Self::binary(message);
        }
        if message.starts_with(b"V: ") {
            return Self::text(message);
        }
        Ok(Unwrapped {
            header: None,
            bmp: message,
        })
    }

    fn binary(message: &[u8]) -> Result<Unwrapped<'_>, WireError> {
        let mut whole = Reader::new(message);
        whole.take(4, "the magic number")?;
        if whole.array("the version")? != [1, 7] {
            return Err(WireError {
                what: "OpenBMP version 1.7",
                offset: 4,
            });
        }
        let length = usize::from(whole.u16("the header length")?);
        let size = whole.u32("the message length")?;
        let mut r = whole.sub(
            length
                .checked_sub(whole.offset())
                .ok_or_else(|| whole.error("a header length of at least 12"))?,
            "a header of its declared length",
        )?;
        let flags = r.u8("the flags")?;
        let object = r.u8("the object type")?;
        if object != BMP_RAW || flags & FROM_ROUTER == 0 {
            return Err(WireError {
                what: "a raw BMP message of a router (object type 12)",
                offset: 12,
            });
        }
        let mut header = Self {
            seconds: r.u32("seconds")?,
            microseconds: r.u32("microseconds")?,
            ..Self::default()
        };
        r.take(16, "the collector's hash")?;
        header.collector = text(&mut r, "the collector's name")?;
        r.take(16, "the router's hash")?;
        let address: [u8; 16] = r.array("the router's address")?;
        header.router_ip = Some(if flags & IPV6 != 0 {
            Ipv6Addr::from(address).into()
        } else {
            // An IPv4 address stands at the front of the field.
            let [a, b, c, d, ..] = address;
            Ipv4Addr::new(a, b, c, d).into()
        });
        header.router = text(&mut r, "the router's group")?;
        r.u32("the row count")?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        Ok(Unwrapped {
            header: Some(header),
            bmp: whole.take(size, "a message of the declared length")?,
        })
    }

    /// `KEY: VALUE` lines; values of other keys (`T`, `L`, `C_HASH_ID`, …) do not matter here.
    fn text(message: &[u8]) -> Result<Unwrapped<'_>, WireError> {
        let end = message
            .windows(2)
            .position(|pair| pair == b"\n\n")
            .ok_or(WireError {
                what: "an empty line behind the header",
                offset: message.len(),
            })?;
        let mut header = Self::default();
        for line in String::from_utf8_lossy(&message[..end]).lines() {
            let Some((key, value)) = line.split_once(": ") else {
                continue;
            };
            match key {
                "ADMIN_ID" | "COLLECTOR" => header.collector = value.to_owned(),
                "R_NAME" | "ROUTER_NAME" | "R_GROUP" if header.router.is_empty() => {
                    header.router = value.to_owned();
                }
                "R_IP" | "ROUTER_IP" => header.router_ip = value.parse().ok(),
                _ => {}
            }
        }
        Ok(Unwrapped {
            header: Some(header),
            bmp: &message[end + 2..],
        })
    }
}

/// A text with its length in two bytes.
fn text(reader: &mut Reader<'_>, what: &'static str) -> Result<String, WireError> {
    let length = reader.u16(what)?;
    let bytes = reader.take(length.into(), what)?;
    Ok(String::from_utf8_lossy(bytes).into_owned())
}
