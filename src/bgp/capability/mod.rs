//! Capabilities (RFC 5492): the table of all that we know.
//!
//! A row of [`capabilities!`] makes the variant and its dispatch; the compiler then asks for the [`CapabilityCodec`] impl in
//! that one file. One that is not in the table is kept as code and value.

use crate::json::{JsonWriter, hex};
use crate::wire::{Reader, WireError, Writer};

/// One capability: its facts, its wire form, its texts.
pub trait CapabilityCodec: Sized {
    /// Capability code (IANA).
    const CODE: u8;
    /// The key in JSON events of an OPEN that we send.
    const NAME: &'static str;

    /// Reads the value; `r` holds exactly that.
    ///
    /// # Errors
    /// When it is malformed: the OPEN is refused with 2/0.
    fn decode(r: &mut Reader<'_>) -> Result<Self, WireError>;

    /// Appends the value, without code and length.
    fn encode(&self, w: &mut Writer<'_>);

    /// Appends the JSON value of all instances in one OPEN (multiprotocol has one for each family).
    fn json(all: &[&Self], w: &mut JsonWriter);

    /// Appends the text of all instances in one OPEN: `multiprotocol(ipv4 unicast,ipv6 unicast)`.
    fn text(all: &[&Self], out: &mut String);
}

/// Makes [`Capability`] and its dispatch from rows `Variant(module::Type)`.
macro_rules! capabilities {
    ($($variant:ident($module:ident::$type:ident),)*) => {
        $(pub mod $module;)*

        /// A capability of an OPEN.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Capability {
            $(#[doc = concat!("See [`", stringify!($module), "`].")] $variant($module::$type),)*
            /// One without a row in the table.
            Unknown {
                /// Capability code.
                code: u8,
                /// The value.
                value: Box<[u8]>,
            },
        }

        impl Capability {
            /// Reads the value of the capability `code`.
            ///
            /// # Errors
            /// When it is malformed.
            pub fn decode(code: u8, r: &mut Reader<'_>) -> Result<Self, WireError> {
                $(if code == <$module::$type as CapabilityCodec>::CODE {
                    let value = <$module::$type as CapabilityCodec>::decode(r)?;
                    r.finish("the end of the capability")?;
                    return Ok(Self::$variant(value));
                })*
                Ok(Self::Unknown { code, value: r.rest().into() })
            }

            /// Capability code.
            pub const fn code(&self) -> u8 {
                match self {
                    $(Self::$variant(_) => <$module::$type as CapabilityCodec>::CODE,)*
                    Self::Unknown { code, .. } => *code,
                }
            }

            /// The key in JSON events of an OPEN that we send.
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => <$module::$type as CapabilityCodec>::NAME,)*
                    Self::Unknown { .. } => "unknown",
                }
            }

            /// Appends the capability: code, length, value.
            pub fn encode(&self, w: &mut Writer<'_>) {
                w.u8(self.code());
                w.len8(|w| match self {
                    $(Self::$variant(value) => value.encode(w),)*
                    Self::Unknown { value, .. } => w.bytes(value),
                });
            }

            /// Appends the JSON value of all of `capabilities` that have this one's code.
            pub fn json_all(&self, capabilities: &[Self], w: &mut JsonWriter) {
                match self {
                    $(Self::$variant(_) => {
                        let all: Vec<_> = capabilities.iter().filter_map(|one| match one {
                            Self::$variant(value) => Some(value),
                            _ => None,
                        }).collect();
                        <$module::$type as CapabilityCodec>::json(&all, w);
                    })*
                    Self::Unknown { code, value } => unknown_json(*code, value, w),
                }
            }

            /// Appends the text of all of `capabilities` that have this one's code.
            pub fn text_all(&self, capabilities: &[Self], out: &mut String) {
                match self {
                    $(Self::$variant(_) => {
                        let all: Vec<_> = capabilities.iter().filter_map(|one| match one {
                            Self::$variant(value) => Some(value),
                            _ => None,
                        }).collect();
                        <$module::$type as CapabilityCodec>::text(&all, out);
                    })*
                    Self::Unknown { code, .. } => out.push_str(&format!("unknown capability {code}")),
                }
            }
        }
    };
}

capabilities! {
    Multiprotocol(multiprotocol::Multiprotocol),
}

fn unknown_json(code: u8, value: &[u8], w: &mut JsonWriter) {
    let iana = match code {
        128.. => "reserved",
        70..=127 => "unassigned",
        _ => "unknown",
    };
    w.raw("{ \"name\": \"unknown\", \"iana\": ")
        .string(iana)
        .raw(", \"value\": ")
        .number(code);
    w.raw(", \"raw\": ").string(&hex(value)).raw(" }");
}
