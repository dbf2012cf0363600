//! Network layer reachability information of every family.
//!
//! An NLRI is kept as its canonical wire bytes, whatever the family: the RIB, the packing and the events need only frame,
//! key and print it, an unknown family is no special case, and what was received is sent on byte for byte. A row of
//! `families!` names the type that knows a family; the compiler asks for its [`NlriCodec`] impl in that one file.
//! Rejected: an enum of decoded forms (a variant per family in each table, a decode and encode for every hop).

use std::fmt;

use smallvec::SmallVec;

use super::error::Severity;
use super::family::Family;
use super::nexthop::NextHop;
use crate::json::{JsonWriter, hex};
use crate::text::{Cursor, SyntaxError, tokenize};
use crate::wire::{Reader, WireError};

/// The bytes of one NLRI; those of unicast prefixes fit inline.
pub type NlriBytes = SmallVec<[u8; 22]>;

/// An NLRI of some family: a path identifier, if it has one, and wire bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Nlri {
    /// The family.
    pub family: Family,
    /// The path identifier of RFC 7911, if one was given or received.
    pub path_id: Option<u32>,
    /// The wire form without path identifier.
    pub bytes: NlriBytes,
}

/// The same, borrowed from a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NlriRef<'a> {
    /// The family.
    pub family: Family,
    /// The path identifier of RFC 7911, if one was received.
    pub path_id: Option<u32>,
    /// The wire form without path identifier.
    pub bytes: &'a [u8],
}

/// What tells one route from another: the wire form without what may change between two announcements of it.
pub type NlriKey = SmallVec<[u8; 32]>;

impl Nlri {
    /// The NLRI with these bytes.
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
        }
    }

    /// Whether `other` is a newer or older announcement of the same route: all is equal but labels and the like.
    pub fn same_route(&self, other: NlriRef<'_>) -> bool {
        self.family == other.family
            && self.path_id == other.path_id
            && self.as_ref().same_key(other.bytes)
    }
}

impl fmt::Display for Nlri {
    /// The sentence that says which route it is, as grammars read it.
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
    /// A copy of its own.
    pub fn to_nlri(self) -> Nlri {
        Nlri::new(self.family, self.path_id, self.bytes)
    }
}

/// What is to be known about the NLRI of some families. `bytes` is always one framed NLRI without path identifier.
pub trait NlriCodec {
    /// The families it knows.
    const FAMILIES: &'static [Family];

    /// Takes one NLRI off the front of `r`.
    ///
    /// # Errors
    /// When it does not end, or can't be of this family.
    fn frame<'a>(family: Family, r: &mut Reader<'a>) -> Result<&'a [u8], WireError>;

    /// How a framed NLRI that fails [`check`](Self::check) is handled; `None` if the family has no such check. Only that NLRI is
    /// affected: [`Severity::Discard`] ignores it (RFC 7606 section 5.4), [`Severity::TreatAsWithdraw`] makes it a withdrawal.
    const MALFORMED: Option<Severity> = None;

    /// Checks the content of a framed NLRI. A family without such rules accepts every one.
    ///
    /// # Errors
    /// When the content breaks a rule of the family although its length is right.
    fn check(_family: Family, _bytes: &[u8]) -> Result<(), WireError> {
        Ok(())
    }

    /// Appends what identifies the route to `key`: the bytes without labels and other payload.
    fn key(_family: Family, bytes: &[u8], key: &mut NlriKey) {
        key.extend_from_slice(bytes);
    }

    /// Appends the JSON of one NLRI as it stands in the list of events.
    fn json(nlri: NlriRef<'_>, next_hop: Option<NextHop>, w: &mut JsonWriter);

    /// Appends the text of events; the next hop is part of it (`10.0.0.0/8 next-hop 1.2.3.4`), since some families put it
    /// in the middle.
    fn text(nlri: NlriRef<'_>, next_hop: Option<NextHop>, out: &mut String);

    /// Appends the text of lists like `show adj-rib out`: that of events, unless they say too little to tell routes apart.
    fn show(nlri: NlriRef<'_>, next_hop: Option<NextHop>, out: &mut String) {
        Self::text(nlri, next_hop, out);
    }

    /// Appends the sentence that the parser of the family reads back, for families whose events say less.
    fn grammar(nlri: NlriRef<'_>, out: &mut String) {
        Self::text(nlri, None, out);
    }
}

/// Makes the dispatch from rows `module::Type`.
macro_rules! families {
    ($($module:ident::$type:ident,)*) => {
        $(pub mod $module;)*

        /// Takes one NLRI of `family` off the front of `r`. Of a family without a row, all that remains is one opaque NLRI.
        ///
        /// # Errors
        /// When it does not end, or can't be of this family.
        pub fn frame<'a>(family: Family, r: &mut Reader<'a>) -> Result<&'a [u8], WireError> {
            $(if <$module::$type as NlriCodec>::FAMILIES.contains(&family) {
                return <$module::$type as NlriCodec>::frame(family, r);
            })*
            Ok(r.rest())
        }

        /// Whether `family` has a row.
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
        /// When it breaks a rule of its family.
        pub(crate) fn check(nlri: NlriRef<'_>) -> Result<(), WireError> {
            $(if <$module::$type as NlriCodec>::FAMILIES.contains(&nlri.family) {
                return <$module::$type as NlriCodec>::check(nlri.family, nlri.bytes);
            })*
            Ok(())
        }

        impl NlriRef<'_> {
            /// What tells this route from others of its family and path identifier.
            pub fn key(&self) -> NlriKey {
                let mut key = NlriKey::new();
                $(if <$module::$type as NlriCodec>::FAMILIES.contains(&self.family) {
                    <$module::$type as NlriCodec>::key(self.family, self.bytes, &mut key);
                    return key;
                })*
                key.extend_from_slice(self.bytes);
                key
            }

            /// Appends the JSON of events.
            pub fn json(self, next_hop: Option<NextHop>, w: &mut JsonWriter) {
                $(if <$module::$type as NlriCodec>::FAMILIES.contains(&self.family) {
                    return <$module::$type as NlriCodec>::json(self, next_hop, w);
                })*
                w.raw("{ \"parsed\": false, \"raw\": ").string(&hex(self.bytes)).raw(" }");
            }

            /// Appends the text of events, next hop included.
            pub fn text(self, next_hop: Option<NextHop>, out: &mut String) {
                $(if <$module::$type as NlriCodec>::FAMILIES.contains(&self.family) {
                    return <$module::$type as NlriCodec>::text(self, next_hop, out);
                })*
                out.push_str(&format!("afi {} safi {} raw 0x{}", self.family.afi, self.family.safi, hex(self.bytes)));
            }

            /// Appends the text of lists, next hop included.
            pub fn show(self, next_hop: Option<NextHop>, out: &mut String) {
                $(if <$module::$type as NlriCodec>::FAMILIES.contains(&self.family) {
                    return <$module::$type as NlriCodec>::show(self, next_hop, out);
                })*
                self.text(next_hop, out);
            }

            /// Appends the sentence that says which route it is, as grammars read it.
            pub fn grammar(self, out: &mut String) {
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

impl NlriRef<'_> {
    /// Whether `bytes`, of the same family, are of the same route.
    pub fn same_key(&self, bytes: &[u8]) -> bool {
        self.bytes == bytes || self.key() == NlriRef { bytes, ..*self }.key()
    }
}

/// Appends `name` and `words`, if `parse` reads the words back as the bytes of `nlri`; without such words, `name raw 0x…`.
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

/// The NLRI of one field of an UPDATE, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Routes<'a> {
    /// Their family.
    pub family: Family,
    add_path: bool,
    only: Only,
    reader: Reader<'a>,
}

/// Which NLRI of a field a walk yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Only {
    All,
    /// Those that pass [`check`].
    Sound,
    /// Those that fail it.
    Malformed,
}

impl<'a> Routes<'a> {
    /// Walks `bytes`; with `add_path`, each NLRI follows a path identifier (RFC 7911 section 3).
    pub const fn new(family: Family, add_path: bool, bytes: &'a [u8]) -> Self {
        Self {
            family,
            add_path,
            only: Only::All,
            reader: Reader::new(bytes),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        match self.only {
            Only::All => self.reader.is_empty(),
            Only::Sound | Only::Malformed => self.into_iter().next().is_none(),
        }
    }

    /// Those that pass the check of their family, and those that fail it.
    #[must_use]
    pub(crate) const fn sifted(self) -> (Self, Self) {
        let (mut sound, mut malformed) = (self, self);
        sound.only = Only::Sound;
        malformed.only = Only::Malformed;
        (sound, malformed)
    }

    /// The error of the first NLRI that frames but fails the check of its family.
    pub(crate) fn malformed(self) -> Option<WireError> {
        self.flatten().find_map(|nlri| check(nlri).err())
    }

    /// The bytes that are left to walk.
    pub(crate) const fn bytes(&self) -> &'a [u8] {
        self.reader.peek()
    }

    /// Walks all, so that a later walk cannot fail.
    ///
    /// # Errors
    /// That of the first NLRI that can't be framed.
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
        })
    }
}

impl<'a> Iterator for Routes<'a> {
    type Item = Result<NlriRef<'a>, WireError>;

    /// The next NLRI; the walk ends after an error.
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

/// The NOTIFICATION subcode for an error in a route: Invalid Network Field, and what ExaBGP says instead to some.
pub(crate) fn subcode(error: &WireError) -> u8 {
    const OTHERS: [&str; 4] = [
        evpn::ADDRESS_LENGTH,
        evpn::PREFIX_LENGTH,
        mvpn::WHAT,
        mup::ADDRESS_LENGTH,
    ];
    if OTHERS.contains(&error.what) { 5 } else { 10 }
}
