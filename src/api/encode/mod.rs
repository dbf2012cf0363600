//! From events to lines.
//!
//! An encoder appends complete lines to a buffer that is used again. It copies what is cached (the [`EventHead`], the
//! attributes' fragments, the [`Stamp`]) and prints only what is new: the counter and the routes.
//! ExaBGP's forms are a text contract, so each is written out literally; a serialisation library could not keep its spacing.

use super::event::{Event, Raw};
use crate::bgp::Nlri;
use crate::json::JsonWriter;

mod head;
mod json_v4;
mod negotiated;
mod style;
mod text;
mod v42;
mod v60;

pub use head::{EventHead, Stamp};
pub use style::{Encoder, Form, Style, Version};

/// What lines are printed with: what all events of a moment have in common, and a buffer that is reused.
#[derive(Debug)]
pub struct Printer {
    /// Time, host and processes. Set the time before the events of a moment.
    pub stamp: Stamp,
    pub(super) buffer: JsonWriter,
}

impl Printer {
    /// A printer with an empty buffer.
    pub fn new(stamp: Stamp) -> Self {
        let buffer = JsonWriter::with_capacity(64 * 1024);
        Self { stamp, buffer }
    }
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

/// A change of a health check.
#[derive(Clone, Copy, Debug)]
pub struct CheckChange<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its state in capitals: `UP`.
    pub state: &'a str,
    /// A change is held back.
    pub held: bool,
    /// Why the last check failed; empty if it succeeded.
    pub reason: &'a str,
}

/// The end of a lease.
#[derive(Clone, Copy, Debug)]
pub struct LeaseEnd<'a> {
    /// The route.
    pub nlri: &'a Nlri,
    /// The neighbors that it was announced to, as far as they are named.
    pub neighbors: &'a [String],
    /// How many more there are.
    pub more: usize,
}

impl Encoder {
    /// Appends the line that reports to a helper how many events it missed because it did not read.
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

    /// Appends the line that reports to a helper that the lease of a route has ended.
    pub fn lease(&self, end: &LeaseEnd<'_>, stamp: &mut Stamp, out: &mut JsonWriter) {
        let LeaseEnd {
            nlri,
            neighbors,
            more,
        } = *end;
        match self {
            Self::Json { version, .. } => {
                out.raw(stamp.start_uncounted(*version))
                    .raw("\"type\": \"lease\", \"lease\": { ");
                out.key("ended").string(&nlri.to_string());
                out.raw(", ");
                out.key("family").string(&nlri.family.to_string());
                out.raw(", ");
                out.key("neighbors").raw("[ ");
                out.list(neighbors, |out, name| {
                    out.string(name);
                });
                out.raw(" ]");
                if more > 0 {
                    out.raw(", ");
                    out.key("more").number(more);
                }
                out.raw(" } }\n");
            }
            Self::Text { .. } => {
                out.format(format_args!("lease ended {} {nlri} neighbors", nlri.family));
                for name in neighbors {
                    out.raw(" ").raw(name);
                }
                if more > 0 {
                    out.format(format_args!(" and {more} more"));
                }
                out.raw("\n\n");
            }
        }
    }

    /// Appends the line that reports a change of a health check to an operator.
    pub fn check(&self, change: &CheckChange<'_>, stamp: &mut Stamp, out: &mut JsonWriter) {
        match self {
            Self::Json { version, .. } => {
                out.raw(stamp.start_uncounted(*version))
                    .raw("\"type\": \"check\", \"check\": { ");
                out.key("name").string(change.name);
                out.raw(", ");
                out.key("state").string(change.state);
                out.raw(", ");
                out.key("held").boolean(change.held);
                out.raw(", ");
                out.key("reason").string(change.reason);
                out.raw(" } }\n");
            }
            Self::Text { .. } => {
                let held = if change.held { " held" } else { "" };
                let blank = if change.reason.is_empty() { "" } else { " " };
                out.format(format_args!(
                    "check {} {}{held}{blank}{}\n\n",
                    change.name, change.state, change.reason
                ));
            }
        }
    }

    /// Appends the line that announces our shutdown to a helper.
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
