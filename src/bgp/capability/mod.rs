//! Capabilities (RFC 5492): the table of known capabilities.
//!
//! A row of `capabilities!` names a file and its capability types. It generates the variants and their dispatch, and
//! the compiler then requires the [`CapabilityCodec`] impls in that file. A capability that is not in the table is
//! kept as code and value. JSON and text are exactly ExaBGP's, so a capability that ExaBGP 5.0 does not know has the
//! form of an unknown one.

use crate::json::{JsonWriter, hex};
use crate::wire::{Reader, WireError, Writer};

mod offer;

pub use offer::Offer;

/// A capability: its properties, wire form and text forms.
pub trait CapabilityCodec: Sized {
    /// Capability code (IANA).
    const CODE: u8;
    /// The key in JSON events of an OPEN that we send.
    const NAME: &'static str;

    /// Reads the value, which is the whole of `r`. Trailing bytes are ignored.
    ///
    /// # Errors
    /// Returns an error if it is malformed: the OPEN is rejected with 2/0.
    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError>;

    /// Appends the value, without code and length.
    fn encode(&self, w: &mut Writer<'_>);

    /// The values of the capabilities sent for this one; almost always just its own value.
    fn values(&self) -> Vec<Vec<u8>> {
        vec![value(|w| self.encode(w))]
    }

    /// Appends the JSON value of all instances in one OPEN (multiprotocol has one for each family).
    fn json(all: &[&Self], w: &mut JsonWriter) {
        if let Some(last) = all.last() {
            unknown_json(Self::CODE, &value(|w| last.encode(w)), w);
        }
    }

    /// Appends the text of all instances in one OPEN: `multiprotocol(ipv4 unicast,ipv6 unicast)`.
    fn text(_all: &[&Self], out: &mut String) {
        unknown_text(Self::CODE, out);
    }
}

/// Generates [`Capability`] and its dispatch from rows `module { Type, … }`.
macro_rules! capabilities {
    ($($module:ident { $($variant:ident),* $(,)? })*) => {
        $(pub mod $module; pub use $module::{$($variant),*};)*

        /// A capability of an OPEN.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Capability {
            $($(#[doc = concat!("See [`", stringify!($module), "`].")] $variant($variant),)*)*
            /// A capability without a row in the table.
            Unknown {
                /// Capability code.
                code: u8,
                /// The value.
                value: Box<[u8]>,
            },
        }

        impl Capability {
            /// Reads the value of capability `code`.
            ///
            /// # Errors
            /// Returns an error if it is malformed.
            pub fn decode(code: u8, r: &mut Reader<'_>) -> Result<Self, WireError> {
                $($(if code == <$variant as CapabilityCodec>::CODE {
                    return Ok(Self::$variant(<$variant as CapabilityCodec>::decode(r)?));
                })*)*
                Ok(Self::Unknown { code, value: r.rest().into() })
            }

            /// Capability code.
            pub const fn code(&self) -> u8 {
                match self {
                    $($(Self::$variant(_) => <$variant as CapabilityCodec>::CODE,)*)*
                    Self::Unknown { code, .. } => *code,
                }
            }

            /// The key in JSON events of an OPEN that we send.
            pub const fn name(&self) -> &'static str {
                match self {
                    $($(Self::$variant(_) => <$variant as CapabilityCodec>::NAME,)*)*
                    Self::Unknown { .. } => "unknown",
                }
            }

            /// The values sent on the wire, each after code and length.
            pub(crate) fn values(&self) -> Vec<Vec<u8>> {
                match self {
                    $($(Self::$variant(value) => value.values(),)*)*
                    Self::Unknown { value, .. } => vec![value.to_vec()],
                }
            }

            /// Appends the JSON value of all of `capabilities` that have this one's code.
            pub fn json_all(&self, capabilities: &[Self], w: &mut JsonWriter) {
                match self {
                    $($(Self::$variant(_) => {
                        let all: Vec<_> = capabilities.iter().filter_map(|one| match one {
                            Self::$variant(value) => Some(value),
                            _ => None,
                        }).collect();
                        <$variant as CapabilityCodec>::json(&all, w);
                    })*)*
                    Self::Unknown { code, value } => unknown_json(*code, value, w),
                }
            }

            /// Appends the text of all of `capabilities` that have this one's code.
            pub fn text_all(&self, capabilities: &[Self], out: &mut String) {
                match self {
                    $($(Self::$variant(_) => {
                        let all: Vec<_> = capabilities.iter().filter_map(|one| match one {
                            Self::$variant(value) => Some(value),
                            _ => None,
                        }).collect();
                        <$variant as CapabilityCodec>::text(&all, out);
                    })*)*
                    Self::Unknown { code, .. } => unknown_text(*code, out),
                }
            }
        }
    };
}

capabilities! {
    multiprotocol { Multiprotocol }
    route_refresh { RouteRefresh, CiscoRouteRefresh, EnhancedRouteRefresh }
    extended_nexthop { ExtendedNexthop }
    extended_message { ExtendedMessage }
    role { BgpRole }
    graceful_restart { GracefulRestart }
    asn4 { Asn4 }
    multisession { Multisession, CiscoMultisession }
    add_path { AddPath }
    llgr { LongLivedGracefulRestart }
    hostname { Hostname }
    software_version { SoftwareVersion }
    paths_limit { PathsLimit }
    link_local { LinkLocalNexthop }
    operational { Operational }
}

/// The bytes that `write` appends.
fn value(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut Writer::new(&mut out));
    out
}

/// The text for a code that ExaBGP 5.0 does not know.
const fn unknown_word(code: u8) -> &'static str {
    match code {
        128.. => "reserved",
        70..=127 => "unassigned",
        _ => "unknown",
    }
}

fn unknown_text(code: u8, out: &mut String) {
    out.push_str(&format!("{} {code}", unknown_word(code)));
}

fn unknown_json(code: u8, value: &[u8], w: &mut JsonWriter) {
    w.raw("{ \"name\": \"unknown\", \"iana\": ")
        .string(unknown_word(code))
        .raw(", \"value\": ")
        .number(code);
    w.raw(", \"raw\": ").string(&hex(value)).raw(" }");
}
