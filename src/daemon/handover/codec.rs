//! Values as bytes, for a process that reads them on the same machine a moment later.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::bgp::Family;
use crate::wire::{Reader, WireError};

/// A value that can be written and read.
pub(super) trait Field: Sized {
    /// Appends it.
    fn put(&self, out: &mut Vec<u8>);
    /// Reads it.
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError>;
}

/// Implements [`Field`] for integers.
macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl Field for $number {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend(self.to_be_bytes());
            }

            fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
                Ok(Self::from_be_bytes(r.array(stringify!($number))?))
            }
        })*
    };
}

numbers!(u8, u16, u32, u64, i32);

/// Implements [`Field`] for structs: all their fields in order.
macro_rules! fields {
    ($($name:ident { $($field:ident),* $(,)? })*) => {
        $(impl Field for $name {
            fn put(&self, out: &mut Vec<u8>) {
                $(self.$field.put(out);)*
            }

            fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
                Ok(Self { $($field: Field::get(r)?),* })
            }
        })*
    };
}

pub(super) use fields;

/// A number of bytes or elements that fits into memory.
pub(super) fn put_length(length: usize, out: &mut Vec<u8>) {
    u32::try_from(length).unwrap_or(u32::MAX).put(out);
}

pub(super) fn get_length(r: &mut Reader<'_>) -> Result<usize, WireError> {
    Ok(usize::try_from(u32::get(r)?).unwrap_or(usize::MAX))
}

/// Bytes, with their number first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Blob(pub(super) Vec<u8>);

impl Field for Blob {
    fn put(&self, out: &mut Vec<u8>) {
        put_length(self.0.len(), out);
        out.extend_from_slice(&self.0);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let length = get_length(r)?;
        Ok(Self(r.take(length, "bytes")?.to_vec()))
    }
}

impl Field for bool {
    fn put(&self, out: &mut Vec<u8>) {
        u8::from(*self).put(out);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(u8::get(r)? != 0)
    }
}

impl Field for String {
    fn put(&self, out: &mut Vec<u8>) {
        put_length(self.len(), out);
        out.extend_from_slice(self.as_bytes());
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let length = get_length(r)?;
        let bytes = r.take(length, "a text")?;
        let text = str::from_utf8(bytes).map_err(|_| r.error("a text in UTF-8"))?;
        Ok(text.to_owned())
    }
}

impl<T: Field> Field for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        self.iter().for_each(|value| value.put(out));
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        bool::get(r)?.then(|| T::get(r)).transpose()
    }
}

impl<T: Field> Field for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_length(self.len(), out);
        self.iter().for_each(|value| value.put(out));
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let length = get_length(r)?;
        (0..length).map(|_| T::get(r)).collect()
    }
}

impl<A: Field, B: Field> Field for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok((A::get(r)?, B::get(r)?))
    }
}

impl<A: Field, B: Field, C: Field> Field for (A, B, C) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
        self.2.put(out);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok((A::get(r)?, B::get(r)?, C::get(r)?))
    }
}

impl Field for Duration {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_secs().put(out);
        self.subsec_nanos().put(out);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let seconds = u64::get(r)?;
        let nanos = u32::get(r)?;
        if nanos >= 1_000_000_000 {
            return Err(r.error("nanoseconds"));
        }
        Ok(Self::new(seconds, nanos))
    }
}

impl Field for SystemTime {
    fn put(&self, out: &mut Vec<u8>) {
        self.duration_since(UNIX_EPOCH).unwrap_or_default().put(out);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let since = Duration::get(r)?;
        UNIX_EPOCH
            .checked_add(since)
            .ok_or_else(|| r.error("a time"))
    }
}

impl Field for IpAddr {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::V4(address) => {
                4u8.put(out);
                out.extend(address.octets());
            }
            Self::V6(address) => {
                6u8.put(out);
                out.extend(address.octets());
            }
        }
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(match u8::get(r)? {
            4 => Ipv4Addr::from(r.array::<4>("an IPv4 address")?).into(),
            _ => Ipv6Addr::from(r.array::<16>("an IPv6 address")?).into(),
        })
    }
}

impl Field for SocketAddr {
    fn put(&self, out: &mut Vec<u8>) {
        self.ip().put(out);
        self.port().put(out);
        let (flow, scope) = match self {
            Self::V4(_) => (0, 0),
            Self::V6(address) => (address.flowinfo(), address.scope_id()),
        };
        (flow, scope).put(out);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let (ip, port) = <(IpAddr, u16)>::get(r)?;
        let (flow, scope) = <(u32, u32)>::get(r)?;
        Ok(match ip {
            IpAddr::V4(_) => Self::new(ip, port),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, port, flow, scope).into(),
        })
    }
}

impl Field for Family {
    fn put(&self, out: &mut Vec<u8>) {
        self.afi.0.put(out);
        self.safi.0.put(out);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self::new(u16::get(r)?, u8::get(r)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both_ways<T: Field + PartialEq + std::fmt::Debug>(value: T) {
        let mut out = Vec::new();
        value.put(&mut out);
        let mut r = Reader::new(&out);
        assert_eq!(T::get(&mut r), Ok(value));
        assert!(r.is_empty());
        for length in 0..out.len() {
            assert!(
                T::get(&mut Reader::new(&out[..length])).is_err(),
                "{length}"
            );
        }
    }

    #[test]
    fn every_value_comes_back_and_no_part_of_it_is_taken_for_it() {
        both_ways((1u8, 0xFFFFu16, -7i32));
        both_ways((Some(u64::MAX), Some("größer".to_owned())));
        both_ways(vec![Some(Blob(vec![0, 255])), None]);
        both_ways((Duration::from_nanos(1_000_000_001), true));
        both_ways(SystemTime::UNIX_EPOCH + Duration::from_micros(3));
        let link: SocketAddr = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 179, 0, 7).into();
        let plain: SocketAddr = ([192, 0, 2, 1], 179).into();
        both_ways((link, plain));
        both_ways(Family::IPV6_UNICAST);
    }
}
