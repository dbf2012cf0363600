//! ADD-PATH (RFC 7911 section 4).
//!
//! ```text
//! +------------------------------------------------+
//! | Address Family Identifier (2 octets)           |
//! +------------------------------------------------+
//! | Subsequent Address Family Identifier (1 octet) |
//! +------------------------------------------------+
//! | Send/Receive (1 octet)                         |
//! +------------------------------------------------+
//! | ...                                            |
//! ```

use std::fmt;

use super::CapabilityCodec;
use crate::bgp::family::Family;
use crate::bgp::iana;
use crate::json::JsonWriter;
use crate::wire::{Reader, WireError, Writer};

/// Whether the sender of the capability can send and receive path identifiers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AddPathMode(pub u8);

impl AddPathMode {
    /// Receive several paths.
    pub const RECEIVE: Self = Self(1);
    /// Send several paths.
    pub const SEND: Self = Self(2);
    /// Both.
    pub const BOTH: Self = Self(3);

    /// Returns `true` if the sender of the capability can receive several paths. Values that the RFC does not define
    /// are ignored.
    pub const fn receives(self) -> bool {
        matches!(self, Self::RECEIVE | Self::BOTH)
    }

    /// Returns `true` if the sender of the capability can send several paths.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SEND | Self::BOTH)
    }
}

impl fmt::Display for AddPathMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("disabled"),
            1 => f.write_str("receive"),
            2 => f.write_str("send"),
            3 => f.write_str("send/receive"),
            other => write!(f, "invalid ({other})"),
        }
    }
}

/// Families and their modes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AddPath(pub Vec<(Family, AddPathMode)>);

impl CapabilityCodec for AddPath {
    const CODE: u8 = iana::capability::ADD_PATH;
    const NAME: &'static str = "add-path";

    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut families = Vec::new();
        while !r.is_empty() {
            let afi = r.u16("the AFI of ADD-PATH")?;
            let family = Family::new(afi, r.u8("the SAFI of ADD-PATH")?);
            families.push((family, AddPathMode(r.u8("the mode of ADD-PATH")?)));
        }
        Ok(Self(families))
    }

    fn encode(&self, w: &mut Writer<'_>) {
        for (family, mode) in &self.0 {
            w.u16(family.afi.0);
            w.u8(family.safi.0);
            w.u8(mode.0);
        }
    }

    fn json(all: &[&Self], w: &mut JsonWriter) {
        w.raw("{ \"name\": \"addpath\"");
        for (index, (family, mode)) in merged(all).iter().enumerate() {
            w.raw(if index > 0 { "," } else { ", " });
            w.display(family.display_slash()).raw(": ").display(mode);
        }
        w.raw(" }");
    }

    fn text(all: &[&Self], out: &mut String) {
        let families: Vec<String> = merged(all)
            .iter()
            .map(|(family, mode)| format!("{mode} {family}"))
            .collect();
        out.push_str(&format!("addpath({})", families.join(",")));
    }
}

/// The families of all instances, without duplicates. The last mode for each is used.
pub(crate) fn merged(all: &[&AddPath]) -> Vec<(Family, AddPathMode)> {
    let mut merged: Vec<(Family, AddPathMode)> = Vec::new();
    for (family, mode) in all.iter().flat_map(|one| &one.0) {
        match merged.iter_mut().find(|(known, _)| known == family) {
            Some(known) => known.1 = *mode,
            None => merged.push((*family, *mode)),
        }
    }
    merged
}
