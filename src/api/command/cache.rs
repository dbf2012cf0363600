//! Caches: parsed tails of routes and the neighbors that selectors select, both by their text.
//!
//! Both are bounded.

use std::rc::Rc;

use tracing::warn;

use crate::api::control::{Among, Control};
use crate::bgp::Family;
use crate::grammar::{Place, Selector, Tail, Verb};
use crate::rib::{ParseCache, ParseCacheLimits, PeerSet};
use crate::text::SyntaxError;

/// Routes are for the neighbors of the source. [The fast path](super::fast_path) looks up what the other handlers cached.
pub(super) const SCOPE: Among = Among::OwnRoutes;
/// The longest selector that is cached, in bytes.
const LONGEST: usize = 2048;
/// The most selectors cached for a source.
const SELECTIONS: usize = 1024;

/// Parsed tails by their text.
#[derive(Debug)]
pub(super) struct Tails(ParseCache<Rc<Tail>>);

impl Default for Tails {
    fn default() -> Self {
        Self(ParseCache::new(ParseCacheLimits::default()))
    }
}

/// Logs what is suspicious in a sentence but carried out anyway, as in ExaBGP.
pub(super) fn warn_of(tail: &Tail, verb: Verb, control: &dyn Control) {
    let log = |text: &str| {
        if control.may_remark() {
            warn!("{text}");
        }
    };
    for repeated in &tail.repeated {
        log(&repeated.message());
    }
    if let Some(word) = tail.attributes.with_as_zero()
        && verb == Verb::Announce
    {
        log(&format!(
            "AS 0 in `{word}`: peers do not accept that (RFC 7607)"
        ));
    }
    if verb == Verb::Announce && tail.withdraw && tail.watchdog.is_none() {
        log("`withdraw` has no effect without `watchdog`: the route is announced");
    }
}

impl Tails {
    /// The tail that `text` denotes; `base` is its position in the line, for errors.
    pub(super) fn get(
        &mut self,
        text: &str,
        (verb, place): (Verb, Place),
        base: usize,
        control: &mut dyn Control,
    ) -> Result<Rc<Tail>, SyntaxError> {
        let tag = tag(verb, place);
        if let Some(tail) = self.0.get(tag, text.as_bytes()) {
            return Ok(Rc::clone(tail));
        }
        let mut tail = Tail::from_text(text, base, verb, place)?;
        warn_of(&tail, verb, control);
        tail.attributes = control.intern(tail.attributes);
        let tail = Rc::new(tail);
        let (key, weight) = (text.as_bytes(), text.len() + size_of::<Tail>());
        // What was logged must not be logged again.
        let has_as_zero = tail.attributes.with_as_zero().is_some();
        let is_unusual =
            !tail.repeated.is_empty() || tail.withdraw || !tail.is_plain() || has_as_zero;
        if is_unusual {
            self.0.insert(tag, key, Rc::clone(&tail), weight);
        } else {
            self.0.offer(tag, key, Rc::clone(&tail), weight);
        }
        Ok(tail)
    }
}

/// What a tail depends on besides its text, as a number.
fn tag(verb: Verb, place: Place) -> u32 {
    let family = match place {
        Place::Route => Family::new(0, 0),
        Place::Family(family) => family,
    };
    u32::from(verb == Verb::Withdraw) << 24
        | u32::from(family.afi.0) << 8
        | u32::from(family.safi.0)
}

/// Buffers that are kept between runs, and lines that no run takes.
#[derive(Debug, Default)]
pub(super) struct RunState {
    pub(super) prefixes: Vec<u8>,
    /// Number of the next lines that were already tried.
    pub(super) skip: u64,
}

/// The neighbors that the selectors of a source select.
#[derive(Debug, Default)]
pub(super) struct Selections {
    epoch: u64,
    known: hashbrown::HashMap<Box<str>, PeerSet, foldhash::fast::RandomState>,
}

impl Selections {
    /// The neighbors that `text` selects: a selector that was split off a line, or an empty text for all.
    pub(super) fn select(
        &mut self,
        text: &str,
        among: Among,
        control: &mut dyn Control,
    ) -> Result<PeerSet, SyntaxError> {
        if among == SCOPE
            && let Some(peers) = self.find(text, control)
        {
            return Ok(peers.clone());
        }
        let (selector, _) = Selector::split(text)?;
        let peers = control.select(&selector, among);
        if among == SCOPE && text.len() <= LONGEST {
            if self.known.len() >= SELECTIONS {
                self.known.clear();
            }
            self.known.insert(text.into(), peers.clone());
        }
        Ok(peers)
    }

    /// The same for [`SCOPE`], only if it is known.
    pub(super) fn find(&mut self, text: &str, control: &dyn Control) -> Option<&PeerSet> {
        let epoch = control.epoch();
        if self.epoch != epoch {
            self.epoch = epoch;
            self.known.clear();
        }
        self.known.get(text)
    }
}
