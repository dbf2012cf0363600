//! Attribute flags (RFC 4271 section 4.3).

use std::fmt;

/// Optional, not well-known.
pub const OPTIONAL: u8 = 0x80;
/// Passed on by speakers that do not recognize it.
pub const TRANSITIVE: u8 = 0x40;
/// Was passed on by a speaker that does not recognize it.
pub const PARTIAL: u8 = 0x20;
/// The length field has two bytes.
pub const EXTENDED: u8 = 0x10;
/// Flags of a well-known attribute.
pub const WELL_KNOWN: u8 = TRANSITIVE;
/// Flags of an optional transitive attribute.
pub const OPTIONAL_TRANSITIVE: u8 = OPTIONAL | TRANSITIVE;

/// The flags of one attribute, by name. `Display` lists the names of those that are set.
///
/// ```
/// use oxabgp::bgp::attribute::AttributeFlags;
///
/// let flags = AttributeFlags(0xE0);
/// assert!(flags.is_optional() && flags.is_transitive() && flags.is_partial());
/// assert_eq!(flags.to_string(), "optional transitive partial");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AttributeFlags(pub u8);

impl AttributeFlags {
    /// Returns `true` for an optional attribute, `false` for a well-known one.
    pub const fn is_optional(self) -> bool {
        self.0 & OPTIONAL != 0
    }

    /// Returns `true` if speakers that do not recognize the attribute pass it on.
    pub const fn is_transitive(self) -> bool {
        self.0 & TRANSITIVE != 0
    }

    /// Returns `true` if a speaker that did not recognize the attribute has passed it on.
    pub const fn is_partial(self) -> bool {
        self.0 & PARTIAL != 0
    }

    /// Returns `true` if the length field has two octets instead of one.
    pub const fn has_extended_length(self) -> bool {
        self.0 & EXTENDED != 0
    }
}

impl fmt::Display for AttributeFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (OPTIONAL, "optional"),
            (TRANSITIVE, "transitive"),
            (PARTIAL, "partial"),
            (EXTENDED, "extended-length"),
        ];
        let mut separator = "";
        for (_, name) in names.into_iter().filter(|(bit, _)| self.0 & bit != 0) {
            write!(f, "{separator}{name}")?;
            separator = " ";
        }
        Ok(())
    }
}
