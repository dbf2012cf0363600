//! Network layer reachability information of all families.
//!
//! An NLRI is kept as its canonical wire bytes in every family: the RIB, the packing and the events only need to
//! frame, key and print it, an unknown family is not a special case, and received NLRI are passed on byte for byte. A
//! row of `families!` names the type that implements a family; the compiler requires its [`NlriCodec`] impl in that
//! file. An enum of decoded forms was rejected: it would need a variant per family in every table, and a decode and
//! an encode at every hop.

use std::fmt;

use smallvec::SmallVec;

use super::error::Severity;
use super::family::Family;
use super::iana::notification as codes;
use super::nexthop::NextHop;
use crate::json::{JsonWriter, hex};
use crate::text::{Cursor, SyntaxError, tokenize};
use crate::wire::{Reader, WireError};

mod typed;

/// The bytes of one NLRI. Those of unicast prefixes are stored inline.
pub type NlriBytes = SmallVec<[u8; 22]>;

/// An NLRI of any family: a path identifier, if it has one, and wire bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Nlri {
    /// The family.
    pub family: Family,
    /// The path identifier of RFC 7911, if one was given or received.
    pub path_id: Option<u32>,
    /// The wire form without path identifier.
    pub bytes: NlriBytes,
}

/// An NLRI borrowed from a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NlriRef<'a> {
    /// The family.
    pub family: Family,
    /// The path identifier of RFC 7911, if one was received.
    pub path_id: Option<u32>,
    /// The wire form without path identifier.
    pub bytes: &'a [u8],
    /// Whether it stands in MP_UNREACH_NLRI, where `0x000000` in place of labels is no explicit null.
    pub withdrawn: bool,
}

/// Identifies a route: the wire form without the parts that may change between two announcements of it.
pub type NlriKey = SmallVec<[u8; 32]>;

/// Identifies a route among those of all families: the family, the path identifier (0 for none, as in ExaBGP) and the key.
pub type NlriId = (Family, u32, NlriKey);

impl Nlri {
    /// Creates an NLRI.
    pub fn new(family: Family, path_id: Option<u32>, bytes: &[u8]) -> Self {
        Self {
            family,
            path_id,
            bytes: NlriBytes::from_slice(bytes),
        }
    }

    /// Borrows it.
    pub fn as_ref(&self) -> NlriRef<'_> {
        NlriRef {
            family: self.family,
            path_id: self.path_id,
            bytes: &self.bytes,
            withdrawn: false,
        }
    }

    /// Returns `true` if `other` is an announcement of the same route: everything but labels and other payload is
    /// equal.
    pub fn same_route(&self, other: NlriRef<'_>) -> bool {
        self.family == other.family
            && self.path_id == other.path_id
            && self.as_ref().same_key(other.bytes)
    }
}

impl fmt::Display for Nlri {
    /// The configuration syntax that identifies the route.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

impl fmt::Display for NlriRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.grammar(&mut out);
        f.write_str(&out)
    }
}

impl NlriRef<'_> {
    /// An owned copy.
    pub fn to_nlri(self) -> Nlri {
        let as_it_is = || Nlri::new(self.family, self.path_id, self.bytes);
        labeled::without_marker(self).unwrap_or_else(as_it_is)
    }
}

/// How NLRI of some families are handled. `bytes` is always one framed NLRI without path identifier.
pub trait NlriCodec {
    /// The supported families.
    const FAMILIES: &'static [Family];

    /// Splits one NLRI off the front of `r`.
    ///
    /// # Errors
    /// Returns an error if it is incomplete, or invalid in this family.
    fn frame<'a>(family: Family, r: &mut Reader<'a>) -> Result<&'a [u8], WireError>;

    /// How a framed NLRI that fails [`check`](Self::check) is handled; `None` if the family has no such check. Only
    /// that NLRI is affected: [`Severity::Discard`] ignores it (RFC 7606 section 5.4), [`Severity::TreatAsWithdraw`]
    /// makes it a withdrawal.
    const MALFORMED: Option<Severity> = None;

    /// Checks the content of a framed NLRI. By default, all are valid.
    ///
    /// # Errors
    /// Returns an error if the content breaks a rule of the family although its length is right.
    fn check(_family: Family, _bytes: &[u8]) -> Result<(), WireError> {
        Ok(())
    }

    /// Appends what identifies the route to `key`: the bytes without labels and other payload.
    fn key(_family: Family, bytes: &[u8], key: &mut NlriKey) {
        key.extend_from_slice(bytes);
    }

    /// Appends the JSON of one NLRI as in the lists of events.
    fn json(nlri: NlriRef<'_>, next_hop: Option<NextHop>, w: &mut JsonWriter);

    /// Appends the text in events, including the next hop (`10.0.0.0/8 next-hop 1.2.3.4`), since some families put it
    /// in the middle.
    fn text(nlri: NlriRef<'_>, next_hop: Option<NextHop>, out: &mut String);

    /// Appends the text in lists such as `show adj-rib out`: that of events, unless it is too short to distinguish
    /// routes.
    fn show(nlri: NlriRef<'_>, next_hop: Option<NextHop>, out: &mut String) {
        Self::text(nlri, next_hop, out);
    }

    /// Appends the syntax that the parser of the family reads back, for families whose text in events is lossy.
    fn grammar(nlri: NlriRef<'_>, out: &mut String) {
        Self::text(nlri, None, out);
    }
}

/// Generates the dispatch from rows `module::Type`.
macro_rules! families {
    ($($module:ident::$type:ident,)*) => {
        $(pub mod $module;)*

        /// Splits one NLRI of `family` off the front of `r`. In an unknown family, all remaining bytes are one opaque
        /// NLRI.
        ///
        /// # Errors
        /// Returns an error if it is incomplete, or invalid in this family.
        pub fn frame<'a>(family: Family, r: &mut Reader<'a>) -> Result<&'a [u8], WireError> {
            $(if <$module::$type as NlriCodec>::FAMILIES.contains(&family) {
                return <$module::$type as NlriCodec>::frame(family, r);
            })*
            Ok(r.rest())
        }

        /// Returns `true` if `family` is in the table.
        pub fn is_known(family: Family) -> bool {
            $(<$module::$type as NlriCodec>::FAMILIES.contains(&family) ||)* false
        }

        /// How NLRI of `family` that fail [`check`] are handled; `None` if there is no check.
        pub(crate) fn malformed(family: Family) -> Option<Severity> {
            $(if <$module::$type as NlriCodec>::FAMILIES.contains(&family) {
                return <$module::$type as NlriCodec>::MALFORMED;
            })*
            None
        }

        /// Checks the content of a framed NLRI.
        ///
        /// # Errors
        /// Returns an error if it breaks a rule of its family.
        pub(crate) fn check(nlri: NlriRef<'_>) -> Result<(), WireError> {
            $(if <$module::$type as NlriCodec>::FAMILIES.contains(&nlri.family) {
                return <$module::$type as NlriCodec>::check(nlri.family, nlri.bytes);
            })*
            Ok(())
        }

        impl NlriRef<'_> {
            /// Distinguishes this route from others with the same family and path identifier.
            pub fn key(&self) -> NlriKey {
                if let Some(nlri) = labeled::without_marker(*self) {
                    return nlri.as_ref().key();
                }
                let mut key = NlriKey::new();
                $(if <$module::$type as NlriCodec>::FAMILIES.contains(&self.family) {
                    <$module::$type as NlriCodec>::key(self.family, self.bytes, &mut key);
                    return key;
                })*
                key.extend_from_slice(self.bytes);
                key
            }

            /// Appends the JSON in events.
            pub fn json(self, next_hop: Option<NextHop>, w: &mut JsonWriter) {
                if let Some(nlri) = labeled::without_marker(self) {
                    return nlri.as_ref().json(next_hop, w);
                }
                $(if <$module::$type as NlriCodec>::FAMILIES.contains(&self.family) {
                    return <$module::$type as NlriCodec>::json(self, next_hop, w);
                })*
                w.raw("{ \"parsed\": false, \"raw\": ").string(&hex(self.bytes)).raw(" }");
            }

            /// Appends the text in events, including the next hop.
            pub fn text(self, next_hop: Option<NextHop>, out: &mut String) {
                if let Some(nlri) = labeled::without_marker(self) {
                    return nlri.as_ref().text(next_hop, out);
                }
                $(if <$module::$type as NlriCodec>::FAMILIES.contains(&self.family) {
                    return <$module::$type as NlriCodec>::text(self, next_hop, out);
                })*
                out.push_str(&format!("afi {} safi {} raw 0x{}", self.family.afi, self.family.safi, hex(self.bytes)));
            }

            /// Appends the text in lists, including the next hop.
            pub fn show(self, next_hop: Option<NextHop>, out: &mut String) {
                if let Some(nlri) = labeled::without_marker(self) {
                    return nlri.as_ref().show(next_hop, out);
                }
                $(if <$module::$type as NlriCodec>::FAMILIES.contains(&self.family) {
                    return <$module::$type as NlriCodec>::show(self, next_hop, out);
                })*
                self.text(next_hop, out);
            }

            /// Appends the configuration syntax that identifies the route.
            pub fn grammar(self, out: &mut String) {
                if let Some(nlri) = labeled::without_marker(self) {
                    return nlri.as_ref().grammar(out);
                }
                $(if <$module::$type as NlriCodec>::FAMILIES.contains(&self.family) {
                    return <$module::$type as NlriCodec>::grammar(self, out);
                })*
                self.text(None, out);
            }
        }
    };
}

families! {
    inet::Inet,
    labeled::Labeled,
    vpn::Vpn,
    flow::Flow,
    rtc::Rtc,
    vpls::Vpls,
    evpn::Evpn,
    mvpn::Mvpn,
    mup::Mup,
    sr_policy::SrPolicy,
    bgp_ls::BgpLs,
}

impl<'a> NlriRef<'a> {
    /// One NLRI in its wire form without path identifier, from a source that may be damaged.
    ///
    /// # Errors
    /// When `bytes` are not exactly one NLRI of `family`.
    pub fn whole(family: Family, path_id: Option<u32>, bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(bytes);
        frame(family, &mut r)?;
        r.finish("the end of the NLRI")?;
        Ok(Self {
            family,
            path_id,
            bytes,
            withdrawn: false,
        })
    }
}

impl NlriRef<'_> {
    /// Returns `true` if `bytes`, of the same family, identify the same route.
    pub fn same_key(&self, bytes: &[u8]) -> bool {
        let other = NlriRef {
            bytes,
            withdrawn: false,
            ..*self
        };
        self.bytes == bytes || self.key() == other.key()
    }

    /// Distinguishes this route from all others.
    pub fn id(&self) -> NlriId {
        (self.family, self.path_id.unwrap_or_default(), self.key())
    }

    /// Returns `true` for a plain prefix without host bits, whose [key](Self::key) is its bytes.
    pub fn is_own_key(&self) -> bool {
        self.family.prefix_bits().is_some()
            && match self.bytes {
                [] | [0] => true,
                [bits, .., last] => bits % 8 == 0 || last & (0xFF >> (bits % 8)) == 0,
                [_] => false,
            }
    }
}

/// Appends `name` and `words` if `parse` reads them back as the bytes of `nlri`, otherwise `name raw 0x…`.
fn push_sentence(
    nlri: NlriRef<'_>,
    name: &str,
    words: Option<String>,
    parse: impl FnOnce(&mut Cursor<'_>) -> Result<Nlri, SyntaxError>,
    out: &mut String,
) {
    let exact = words.filter(|words| {
        let tokens = tokenize(words);
        let mut c = Cursor::new(&tokens, words.len());
        parse(&mut c).is_ok_and(|back| back.bytes[..] == *nlri.bytes) && c.is_empty()
    });
    out.push_str(name);
    out.push(' ');
    out.push_str(&exact.unwrap_or_else(|| format!("raw 0x{}", hex(nlri.bytes))));
}

/// Appends `afi l2vpn safi evpn`, which is all that ExaBGP prints of a route of some families in events, and the rest of the
/// sentence that announces it: `multicast rd 65000:1 ethernet-tag 0 ip 10.0.0.2 next-hop 10.0.0.2`.
fn push_family_sentence(nlri: NlriRef<'_>, next_hop: Option<NextHop>, out: &mut String) {
    out.push_str(&format!("afi {} safi ", nlri.family.afi));
    // Starts with the name of the SAFI.
    nlri.grammar(out);
    inet::next_hop_text(next_hop, out);
}

/// Iterates over the NLRI of one field of an UPDATE.
#[derive(Clone, Copy, Debug)]
pub struct Routes<'a> {
    /// Their family.
    pub family: Family,
    add_path: bool,
    only: Only,
    withdrawn: bool,
    reader: Reader<'a>,
}

/// Which NLRI are yielded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Only {
    All,
    /// Those that pass [`check`].
    Sound,
    /// Those that fail it.
    Malformed,
}

impl<'a> Routes<'a> {
    /// Iterates over `bytes`. With `add_path`, each NLRI follows a path identifier (RFC 7911 section 3).
    pub const fn new(family: Family, add_path: bool, bytes: &'a [u8]) -> Self {
        Self {
            family,
            add_path,
            only: Only::All,
            withdrawn: false,
            reader: Reader::new(bytes),
        }
    }

    /// The same bytes as part of MP_UNREACH_NLRI.
    #[must_use]
    pub const fn withdrawn(self) -> Self {
        Self {
            withdrawn: true,
            ..self
        }
    }

    /// A part of the bytes, at the boundaries of NLRI.
    #[must_use]
    pub(crate) const fn part(self, bytes: &'a [u8]) -> Self {
        Self {
            reader: Reader::new(bytes),
            ..self
        }
    }

    /// Returns `true` if there are none.
    pub fn is_empty(&self) -> bool {
        match self.only {
            Only::All => self.reader.is_empty(),
            Only::Sound | Only::Malformed => self.into_iter().next().is_none(),
        }
    }

    /// The NLRI that pass the check of their family, and those that fail it.
    #[must_use]
    pub(crate) const fn sifted(self) -> (Self, Self) {
        let (mut sound, mut malformed) = (self, self);
        sound.only = Only::Sound;
        malformed.only = Only::Malformed;
        (sound, malformed)
    }

    /// The error of the first NLRI with valid framing that fails the check of its family.
    pub(crate) fn malformed(self) -> Option<WireError> {
        self.flatten().find_map(|nlri| check(nlri).err())
    }

    /// The remaining bytes.
    pub(crate) const fn bytes(&self) -> &'a [u8] {
        self.reader.peek()
    }

    /// Checks the framing of all NLRI, so that later iterations cannot fail.
    ///
    /// # Errors
    /// Returns the error of the first NLRI that cannot be framed.
    pub fn check(self) -> Result<(), WireError> {
        self.into_iter().try_for_each(|nlri| nlri.map(drop))
    }

    fn take(&mut self) -> Result<NlriRef<'a>, WireError> {
        let path_id = if self.add_path {
            Some(self.reader.u32("a path identifier")?)
        } else {
            None
        };
        Ok(NlriRef {
            family: self.family,
            path_id,
            bytes: frame(self.family, &mut self.reader)?,
            withdrawn: self.withdrawn,
        })
    }
}

impl<'a> Iterator for Routes<'a> {
    type Item = Result<NlriRef<'a>, WireError>;

    /// The next NLRI. The iteration ends after an error.
    fn next(&mut self) -> Option<Self::Item> {
        while !self.reader.is_empty() {
            let item = self.take();
            let wanted = match (&item, self.only) {
                (Err(_), _) => {
                    self.reader.rest();
                    true
                }
                (Ok(_), Only::All) => true,
                (Ok(nlri), only) => check(*nlri).is_ok() == (only == Only::Sound),
            };
            if wanted {
                return Some(item);
            }
        }
        None
    }
}

/// The NOTIFICATION subcode for an error in a route: Invalid Network Field, except where ExaBGP sends another.
pub(crate) fn subcode(error: &WireError) -> u8 {
    const OTHERS: [&str; 4] = [
        evpn::ADDRESS_LENGTH,
        evpn::PREFIX_LENGTH,
        mvpn::WHAT,
        mup::ADDRESS_LENGTH,
    ];
    if OTHERS.contains(&error.what) {
        codes::update::ATTRIBUTE_LENGTH_ERROR
    } else {
        codes::update::INVALID_NETWORK_FIELD
    }
}
