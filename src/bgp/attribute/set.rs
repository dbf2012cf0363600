//! The attributes of a route as one immutable value, shared by all routes with the same attributes.
//!
//! A set is sorted by type code, so the order in which attributes were written or received does not affect equality.
//! The JSON and text forms are cached when they are used again, so they are rendered at most twice however many routes
//! share the set, and a set that is shown in one event only takes no memory for them. Tables hold hundreds of thousands
//! of sets: whatever most of them do not have is in an allocation of its own.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::LazyLock;

use smallvec::SmallVec;

use super::Attribute;
use super::next_hop::NextHopAttribute;
use crate::bgp::error::{Severity, UpdateError};
use crate::bgp::iana::attribute as codes;
use crate::bgp::next_hop_rule::NextHops;
use crate::bgp::nexthop::NextHop;
use crate::json::JsonWriter;

/// The usual size of the JSON of a set, in bytes.
const JSON: usize = 384;

/// Seeded once per process, so that no peer can construct sets whose hashes collide.
static STATE: LazyLock<foldhash::fast::RandomState> = LazyLock::new(Default::default);

/// The attributes of a route: immutable, sorted by type code. Share it as `Rc<AttributeSet>`.
#[derive(Debug)]
pub struct AttributeSet {
    list: Box<[Attribute]>,
    hash: u64,
    more: OnceCell<Box<More>>,
    /// Whether its JSON was written once.
    written: Cell<bool>,
}

/// What most sets do not have.
#[derive(Debug, Default)]
struct More {
    error: Option<UpdateError>,
    json: OnceCell<Box<str>>,
    text: OnceCell<Box<str>>,
}

impl AttributeSet {
    /// Creates a set from `list`. Of several attributes with the same code the first is kept; of several next hops
    /// the last is kept as well (see [`NextHops`]).
    pub fn new(mut list: Vec<Attribute>) -> Self {
        let hop = |attribute: &Attribute| match attribute {
            Attribute::NextHop(hop) => Some(hop.get()),
            _ => None,
        };
        let hops: SmallVec<[NextHop; 2]> = list.iter().filter_map(hop).collect();
        sort(&mut list);
        if let [first, .., last] = hops[..]
            && first != last
            && let Some(at) = list.iter().position(|one| hop(one).is_some())
        {
            let last = Attribute::NextHop(NextHopAttribute::new(last));
            list.insert(at + 1, last);
        }
        Self::from_sorted(list, None)
    }

    /// Creates a set that was received with an error milder than a reset, which events show as ExaBGP's `error`
    /// member.
    pub fn with_error(mut list: Vec<Attribute>, error: Option<UpdateError>) -> Self {
        sort(&mut list);
        Self::from_sorted(list, error)
    }

    fn from_sorted(list: Vec<Attribute>, error: Option<UpdateError>) -> Self {
        let more = |error| More {
            error: Some(error),
            ..More::default()
        };
        Self {
            hash: STATE.hash_one(&list),
            list: list.into(),
            more: error
                .map(|error| OnceCell::from(Box::new(more(error))))
                .unwrap_or_default(),
            written: Cell::new(false),
        }
    }

    fn more(&self) -> &More {
        self.more.get_or_init(Box::default)
    }

    /// The same attributes with an error in the routes rather than in the attributes.
    #[must_use]
    pub fn spoiled(&self, error: UpdateError) -> Self {
        let known = self
            .error()
            .filter(|known| known.severity >= error.severity);
        Self::with_error(self.list.to_vec(), Some(known.cloned().unwrap_or(error)))
    }

    /// The attributes, sorted by type code.
    pub fn list(&self) -> &[Attribute] {
        &self.list
    }

    /// The attributes, moved out.
    pub fn into_list(self) -> Vec<Attribute> {
        self.list.into()
    }

    /// The attribute with type code `code`.
    pub fn find(&self, code: u8) -> Option<&Attribute> {
        self.list
            .binary_search_by_key(&code, Attribute::code)
            .ok()
            .map(|at| &self.list[at])
    }

    /// The next hop, if there is one; the last one if there are two.
    pub fn next_hop(&self) -> Option<NextHop> {
        self.next_hops().last
    }

    /// The next hops: two if the text of the route gave two.
    pub fn next_hops(&self) -> NextHops {
        // They follow ORIGIN and AS_PATH.
        let mut hops = self.list.iter().take(4).filter_map(|one| match one {
            Attribute::NextHop(hop) => Some(hop.get()),
            _ => None,
        });
        let first = hops.next();
        NextHops {
            first,
            last: hops.next().or(first),
        }
    }

    /// The error that the set was received with.
    pub fn error(&self) -> Option<&UpdateError> {
        self.more.get()?.error.as_ref()
    }

    /// A hash of the attributes. Equal sets have equal hashes within a process.
    pub const fn hash_value(&self) -> u64 {
        self.hash
    }

    /// The members of the `attribute` object in JSON events, without braces: `"origin": "igp", "med": 50`.
    pub fn json(&self) -> &str {
        self.more().json.get_or_init(|| {
            let mut w = JsonWriter::with_capacity(JSON);
            self.json_with(&mut w, |attribute, w| attribute.json(w));
            w.into_string().into()
        })
    }

    /// Appends what [`json`](Self::json) returns. It is cached when it is written for the second time.
    pub(crate) fn write_json(&self, w: &mut JsonWriter) {
        if self.written.replace(true) {
            w.raw(self.json());
        } else {
            self.json_with(w, |attribute, w| attribute.json(w));
        }
    }

    /// Appends the members that [`json`](Self::json) returns, each attribute's written by `write`.
    pub(crate) fn json_with(
        &self,
        w: &mut JsonWriter,
        mut write: impl FnMut(&Attribute, &mut JsonWriter),
    ) {
        let mut separator = "";
        for attribute in self.shown() {
            w.raw(separator);
            write(attribute, w);
            separator = ", ";
        }
        if let Some(error) = self.error() {
            w.raw(separator).key("error").string(&error_marker(error));
        }
    }

    /// The attributes in text events, each preceded by a space: ` origin igp med 50`.
    pub fn text(&self) -> &str {
        self.more().text.get_or_init(|| {
            let mut out = String::new();
            self.text_with(&mut out, Attribute::text);
            out.into()
        })
    }

    /// Appends the text that [`text`](Self::text) returns, each attribute's written by `write`.
    pub(crate) fn text_with(&self, out: &mut String, write: impl Fn(&Attribute, &mut String)) {
        for attribute in self.shown() {
            out.push(' ');
            write(attribute, out);
        }
        if let Some(error) = self.error() {
            out.push_str(" error ");
            out.push_str(&error_marker(error));
        }
    }

    /// Returns `true` if UPDATE events contain an `attribute` member, which is empty if NEXT_HOP is the only
    /// attribute.
    pub(crate) fn is_shown(&self) -> bool {
        self.error().is_some() || self.next_hop().is_some() || self.shown().next().is_some()
    }

    /// The attributes shown in events: not NEXT_HOP, which is shown with the routes, and not unknown non-transitive
    /// attributes.
    fn shown(&self) -> impl Iterator<Item = &Attribute> {
        self.list.iter().filter(|attribute| attribute.is_shown())
    }
}

/// Sorts `list` by type code. Of several attributes with the same code the first is kept.
fn sort(list: &mut Vec<Attribute>) {
    // Most speakers send them in this order.
    if !list.is_sorted_by(|one, next| one.code() < next.code()) {
        list.sort_by_key(Attribute::code);
        list.dedup_by_key(|attribute| attribute.code());
    }
}

/// ExaBGP's text for an error that did not reset the session.
fn error_marker(error: &UpdateError) -> String {
    match error.attribute {
        _ if error.severity == Severity::Discard => "discard".to_owned(),
        Some(code) if error.empty => format!("treat-as-withdraw due to {}", error_name(code)),
        _ => "treat-as-withdraw".to_owned(),
    }
}

/// ExaBGP's name for an attribute in that text, which may differ from the name in events.
fn error_name(code: u8) -> Cow<'static, str> {
    Cow::Borrowed(match code {
        codes::MP_REACH_NLRI => "mp-reach-nlri",
        codes::MP_UNREACH_NLRI => "mp-unreach-nlri",
        codes::AS4_AGGREGATOR => "as4-aggregator",
        codes::PMSI_TUNNEL => "pmsi-tunnel",
        codes::TUNNEL_ENCAPSULATION => "tunnel-encaps",
        // ExaBGP does not know OTC.
        codes::ONLY_TO_CUSTOMER => return format!("unknown-attribute-{code:#x}").into(),
        code => match Attribute::name_of(code) {
            Some(name) => name,
            None => return format!("unknown-attribute-{code:#x}").into(),
        },
    })
}

impl PartialEq for AttributeSet {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.list == other.list && self.error() == other.error()
    }
}

impl Eq for AttributeSet {}

impl Hash for AttributeSet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bgp::attribute::med::Med;

    #[test]
    fn a_set_is_small() {
        // With the counters of an `Rc` and the header of an allocation it takes 64 bytes.
        assert!(size_of::<AttributeSet>() <= 40);
    }

    #[test]
    fn json_is_the_same_before_and_after_it_is_cached() {
        let set = AttributeSet::new(vec![Attribute::Med(Med(7))]);
        for _ in 0..3 {
            let mut w = JsonWriter::new();
            set.write_json(&mut w);
            assert_eq!(w.as_str(), "\"med\": 7");
        }
        assert_eq!(set.json(), "\"med\": 7");
    }
}
