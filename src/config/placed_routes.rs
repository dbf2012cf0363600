//! Routes with their places in the file, in little memory.

use super::tree::ShortSpan;
use crate::grammar::{RouteList, RouteText};
use crate::text::Span;

/// Routes, each with the place of its first word.
#[derive(Debug, Default)]
pub(crate) struct PlacedRoutes {
    /// The routes.
    pub(crate) routes: RouteList,
    places: Vec<ShortSpan>,
}

impl PlacedRoutes {
    /// Appends a route.
    pub(crate) fn push(&mut self, route: RouteText, place: Span) {
        self.routes.push(route);
        self.places.push(place.into());
    }

    /// The place of the route with that index; that of the file's beginning if there is none.
    pub(crate) fn place(&self, index: usize) -> Span {
        self.places
            .get(index)
            .map_or(Span::new(0, 0), |place| Span::from(*place))
    }

    /// The routes with their places, in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (RouteText, Span)> {
        let places = self.places.iter().map(|place| Span::from(*place));
        self.routes.iter().zip(places)
    }
}
