//! From events to lines.
//!
//! An encoder appends complete lines to a buffer that is used again. It copies what is cached (the [`EventHead`], the
//! attributes' fragments, the [`Stamp`]) and prints only what is new: the counter and the routes.
//! ExaBGP's forms are a text contract, so each is written out literally; a serialisation library could not keep its spacing.

use super::event::{Event, EventHead, Raw, Stamp};
use crate::json::JsonWriter;

pub mod json_v4;
pub mod text;
pub(super) mod v42;
mod v60;

/// The version that JSON events claim, which is that of their shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Version {
    /// ExaBGP 4.2: `4.0.1`.
    V4,
    /// ExaBGP 5.0: `5.0.0`.
    #[default]
    V5,
    /// ExaBGP 6.0: `6.0.0`. Events of UPDATE always tell what was negotiated; BGP-LS has its own keys.
    V6,
}

impl Version {
    pub(crate) const COUNT: usize = 3;

    /// The number in events.
    pub const fn text(self) -> &'static str {
        match self {
            Self::V4 => "4.0.1",
            Self::V5 => "5.0.0",
            Self::V6 => "6.0.0",
        }
    }

    pub(crate) const fn index(self) -> usize {
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
    /// Whether events of UPDATE and packets tell what was negotiated.
    pub negotiated: bool,
}

impl Style {
    /// Appends the lines of `event`; nothing when this encoder has no form of it.
    pub fn encode(
        &self,
        head: &mut EventHead,
        event: &Event<'_>,
        raw: Raw<'_>,
        stamp: &mut Stamp,
        out: &mut JsonWriter,
    ) {
        match self.encoder {
            Encoder::Json { version, compact } => {
                json_v4::Line {
                    style: self,
                    version,
                    compact,
                    raw,
                }
                .encode(head, event, stamp, out);
            }
            Encoder::Text { version } => {
                text::encode((self.form, version), head, event, raw, out);
            }
        }
    }
}

impl Encoder {
    /// Appends the line that tells a helper how many events it missed, because it did not read.
    pub fn lost(&self, count: u64, stamp: &mut Stamp, out: &mut JsonWriter) {
        match self {
            Self::Json { version, .. } => {
                out.raw(stamp.start_uncounted(*version))
                    .raw("\"type\": \"lost\", \"lost\": ")
                    .number(count)
                    .raw(" }\n");
            }
            Self::Text { .. } => {
                out.raw("lost ").number(count).raw("\n\n");
            }
        }
    }

    /// Appends the line that tells a helper that we end.
    pub fn shutdown(&self, stamp: &mut Stamp, out: &mut JsonWriter) {
        match self {
            Self::Json { version, .. } => {
                out.raw(stamp.start_uncounted(*version))
                    .raw("\"type\": \"notification\", \"notification\": \"shutdown\" }\n");
            }
            Self::Text { .. } => {
                out.raw("shutdown ")
                    .number(stamp.pid())
                    .raw(" ")
                    .number(stamp.parent())
                    .raw("\n\n");
            }
        }
    }
}
