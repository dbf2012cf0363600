//! How many routes may be announced to a neighbor.

use std::fmt;

use crate::bgp::Family;

/// How many routes may be announced to a neighbor. The newest is refused; withdrawals are always allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnnounceLimit {
    /// Most routes of a family; each family at most once.
    pub families: Vec<(Family, u32)>,
    /// Most routes of all families together.
    pub total: Option<u32>,
    /// The share of a limit from which on a warning is logged, in percent: 1 to 100.
    pub warn_at: Option<u8>,
}

impl AnnounceLimit {
    /// The limit of a family.
    pub fn of(&self, family: Family) -> Option<u32> {
        let mut limits = self.families.iter();
        limits
            .find(|(other, _)| *other == family)
            .map(|(_, most)| *most)
    }

    /// Returns `true` if nothing is limited.
    pub const fn is_empty(&self) -> bool {
        self.families.is_empty() && self.total.is_none()
    }
}

/// The section as a file has it, without final newline.
impl fmt::Display for AnnounceLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "announce-limit {{")?;
        for (family, most) in &self.families {
            writeln!(f, "  {family} {most};")?;
        }
        if let Some(most) = self.total {
            writeln!(f, "  total {most};")?;
        }
        if let Some(share) = self.warn_at {
            writeln!(f, "  warn-at {share}%;")?;
        }
        write!(f, "}}")
    }
}
