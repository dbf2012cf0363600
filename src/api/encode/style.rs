//! The ways to print events.

/// The version that JSON events claim, which is that of their shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Version {
    /// ExaBGP 4.2: `4.0.1`.
    V4,
    /// ExaBGP 5.0: `5.0.0`.
    #[default]
    V5,
    /// ExaBGP 6.0: `6.0.0`. UPDATE events always have the negotiated parameters; BGP-LS has its own keys.
    V6,
}

impl Version {
    pub(super) const COUNT: usize = 3;

    /// The number in events.
    pub const fn text(self) -> &'static str {
        match self {
            Self::V4 => "4.0.1",
            Self::V5 => "5.0.0",
            Self::V6 => "6.0.0",
        }
    }

    pub(super) const fn index(self) -> usize {
        match self {
            Self::V4 => 0,
            Self::V5 => 1,
            Self::V6 => 2,
        }
    }
}

/// A way to print events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoder {
    /// One JSON object a line.
    Json {
        /// The shape.
        version: Version,
        /// Prefixes without path identifier as bare strings (`exabgp.api.compact`).
        compact: bool,
    },
    /// Plain text; each event ends with an empty line.
    Text {
        /// Whose words.
        version: Version,
    },
}

impl Encoder {
    /// JSON as of ExaBGP 5.0.
    pub const JSON: Self = Self::Json {
        version: Version::V5,
        compact: false,
    };

    /// Text as of ExaBGP 5.0.
    pub const TEXT: Self = Self::Text {
        version: Version::V5,
    };
}

/// What of a message an event shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// The meaning.
    Parsed,
    /// The bytes.
    Packets,
    /// The meaning and the bytes.
    Consolidated,
}

/// How one event is printed for some helpers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Style {
    /// The encoder.
    pub encoder: Encoder,
    /// What of a message is shown. Of no meaning for events that are not messages.
    pub form: Form,
    /// Whether UPDATE and packets events have the negotiated parameters.
    pub negotiated: bool,
}
