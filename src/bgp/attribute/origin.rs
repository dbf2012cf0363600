//! ORIGIN (RFC 4271 section 5.1.1).

use std::fmt;

use super::{PathAttribute, flags};
use crate::bgp::error::Severity;
use crate::bgp::iana;
use crate::bgp::negotiated::Codec;
use crate::json::JsonWriter;
use crate::text::{Cursor, SyntaxError};
use crate::wire::{Reader, WireError, Writer};

/// How the route entered BGP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Inside the AS.
    #[default]
    Igp,
    /// EGP (RFC 904).
    Egp,
    /// Any other means.
    Incomplete,
}

impl PathAttribute for Origin {
    const CODE: u8 = iana::attribute::ORIGIN;
    const FLAGS: u8 = flags::WELL_KNOWN;
    const NAME: &'static str = "origin";
    // RFC 7606 7.1: "If the attribute's length is not 1, or the value is undefined, treat-as-withdraw."
    const MALFORMED: Severity = Severity::TreatAsWithdraw;

    fn decode(r: &mut Reader<'_>, _: &Codec) -> Result<Self, WireError> {
        Ok(match r.u8("an ORIGIN of one byte")? {
            0 => Self::Igp,
            1 => Self::Egp,
            2 => Self::Incomplete,
            _ => return Err(r.error("an ORIGIN of 0, 1 or 2")),
        })
    }

    fn encode(&self, w: &mut Writer<'_>, _: &Codec) {
        w.u8(match self {
            Self::Igp => 0,
            Self::Egp => 1,
            Self::Incomplete => 2,
        });
    }

    fn parse(_: &str, c: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        c.value("`igp`, `egp` or `incomplete`", |word| {
            Some(match word.to_ascii_lowercase().as_str() {
                "igp" => Self::Igp,
                "egp" => Self::Egp,
                "incomplete" => Self::Incomplete,
                _ => return None,
            })
        })
    }

    fn json(&self, w: &mut JsonWriter) {
        w.display(self);
    }

    fn text(&self, out: &mut String) {
        out.push_str("origin ");
        out.push_str(self.name());
    }
}

impl Origin {
    /// The name in texts and events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Igp => "igp",
            Self::Egp => "egp",
            Self::Incomplete => "incomplete",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
