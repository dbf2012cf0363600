//! Autonomous system numbers (RFC 6793).

use std::fmt;

/// A four-octet autonomous system number. Text form: plain decimal (RFC 5396 asplain).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Asn(pub u32);

impl Asn {
    /// Stands for a number that does not fit in two octets (RFC 6793 section 9).
    pub const TRANS: Self = Self(23456);

    /// The number as two octets, [`Asn::TRANS`] if it does not fit.
    pub fn to_u16(self) -> u16 {
        u16::try_from(self.0).unwrap_or(23456)
    }
}

impl fmt::Display for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<u32> for Asn {
    fn from(value: u32) -> Self {
        Self(value)
    }
}

impl From<u16> for Asn {
    fn from(value: u16) -> Self {
        Self(value.into())
    }
}
