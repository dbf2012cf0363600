//! Network layer reachability information of every family.
//!
//! An NLRI is kept as its canonical wire bytes, whatever the family: the RIB, the packing and the events need only frame,
//! key and print it, an unknown family is no special case, and what was received is sent on byte for byte. A row of
//! `families!` names the type that knows a family; the compiler asks for its [`NlriCodec`] impl in that one file.
//! Rejected: an enum of decoded forms (a variant per family in each table, a decode and encode for every hop).

use std::fmt;

use smallvec::SmallVec;

use super::family::Family;
use super::nexthop::NextHop;
use crate::json::{JsonWriter, hex};
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

    /// Whether [`is_valid`](Self::is_valid) is to be asked of each received NLRI.
    const INSPECT: bool = false;

    /// Whether a framed NLRI means something. One that does not makes the routes of its UPDATE count as withdrawn.
    fn is_valid(_family: Family, _bytes: &[u8]) -> bool {
        true
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

        /// Whether all of `routes`, which are known to frame, mean something.
        pub(crate) fn are_valid(routes: Routes<'_>) -> bool {
            let family = routes.family;
            $(if <$module::$type as NlriCodec>::INSPECT
                && <$module::$type as NlriCodec>::FAMILIES.contains(&family)
            {
                return routes.flatten().all(|nlri| <$module::$type as NlriCodec>::is_valid(family, nlri.bytes));
            })*
            true
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

/// The NLRI of one field of an UPDATE, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Routes<'a> {
    /// Their family.
    pub family: Family,
    add_path: bool,
    reader: Reader<'a>,
}

impl<'a> Routes<'a> {
    /// Walks `bytes`; with `add_path`, each NLRI follows a path identifier (RFC 7911 section 3).
    pub const fn new(family: Family, add_path: bool, bytes: &'a [u8]) -> Self {
        Self {
            family,
            add_path,
            reader: Reader::new(bytes),
        }
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.reader.is_empty()
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
        if self.reader.is_empty() {
            return None;
        }
        let item = self.take();
        if item.is_err() {
            self.reader.rest();
        }
        Some(item)
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
