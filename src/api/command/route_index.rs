//! `routes list` of ExaBGP 6.0: routes as JSON, each with the index that `routes remove index` takes.

use std::collections::HashMap;

use crate::api::control::{ListedRoute, RouteIndex};
use crate::bgp::{Afi, Safi};
use crate::json::JsonWriter;
use crate::rib::PeerId;

/// How the array of routes is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Indexed {
    /// Only routes of these.
    family: (Option<Afi>, Option<Safi>),
    /// The names of the neighbors.
    names: HashMap<PeerId, String>,
    begun: bool,
}

impl Indexed {
    pub(super) const fn new(
        family: (Option<Afi>, Option<Safi>),
        names: HashMap<PeerId, String>,
    ) -> Self {
        Self {
            family,
            names,
            begun: false,
        }
    }

    /// Appends a route.
    pub(super) fn route(&mut self, route: &ListedRoute<'_>, w: &mut JsonWriter) {
        let nlri = route.nlri;
        let (afi, safi) = self.family;
        if afi.is_some_and(|afi| afi != nlri.family.afi)
            || safi.is_some_and(|safi| safi != nlri.family.safi)
        {
            return;
        }
        let mut text = String::new();
        nlri.show(route.attributes.next_hop(), &mut text);
        text.push_str(route.attributes.text());
        w.raw(if self.begun { ", " } else { "[" });
        self.begun = true;
        let name = self.names.get(&route.peer).map_or("", String::as_str);
        w.raw("{\"index\": ")
            .string(&RouteIndex::of(nlri).to_string())
            .raw(", \"route\": ")
            .string(&text);
        w.raw(", \"neighbor\": ").string(name).raw("}");
    }

    /// Appends what follows the last route.
    pub(super) fn end(&mut self, w: &mut JsonWriter) {
        w.raw(if self.begun { "]\n" } else { "[]\n" });
    }
}
