//! Where the journal is kept, how it is written, and what becomes of routes that nobody announces again.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The journal of routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateConfig {
    /// The directory of its files.
    pub directory: PathBuf,
    /// When it is written to the disk itself.
    pub sync: JournalSync,
    /// How long after a start routes wait for their owners to announce them again.
    pub claim_time: Duration,
    /// What happens then to those of operators, of sets, and of helpers without a setting of their own.
    pub unclaimed: Unclaimed,
}

/// When the journal is written to the disk itself. Whatever this is, a crash of the program loses nothing that was answered with
/// `done`: answers wait until the kernel has what they are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalSync {
    /// When the kernel wants to.
    No,
    /// At most so long after a change.
    Interval(Duration),
    /// After each turn with changes, before its answers: a power cut loses nothing that was answered either.
    Always,
}

/// What happens to routes of the journal that nobody has announced again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unclaimed {
    /// They are withdrawn.
    #[default]
    Withdraw,
    /// They stay.
    Keep,
}

impl Unclaimed {
    /// The word in a file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Withdraw => "withdraw",
            Self::Keep => "keep",
        }
    }

    /// The one with that name.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Withdraw, Self::Keep]
            .into_iter()
            .find(|one| one.name() == word)
    }
}

impl Default for StateConfig {
    fn default() -> Self {
        Self {
            directory: PathBuf::new(),
            sync: JournalSync::Interval(Duration::from_secs(1)),
            claim_time: Duration::from_secs(60),
            unclaimed: Unclaimed::Withdraw,
        }
    }
}

impl fmt::Display for JournalSync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::No => f.write_str("no"),
            Self::Interval(time) => write!(f, "interval {}", time.as_secs()),
            Self::Always => f.write_str("always"),
        }
    }
}

/// The section as a file has it.
impl fmt::Display for StateConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "state {{")?;
        writeln!(f, "  directory \"{}\";", self.directory.display())?;
        writeln!(f, "  sync {};", self.sync)?;
        writeln!(f, "  claim-time {};", self.claim_time.as_secs())?;
        writeln!(f, "  unclaimed {};", self.unclaimed.name())?;
        writeln!(f, "}}")
    }
}
