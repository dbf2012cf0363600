//! The route sentence: one grammar for configuration files and helper commands, so that neither needs to know the other.
//!
//! | module | contents |
//! |---|---|
//! | [`route`] | a prefix, or several, with attributes: unicast, multicast, labelled, VPN |
//! | [`family`] | a route of any other family |
//! | [`flow`] | FlowSpec routes |
//! | [`operational`] | operational messages |
//! | [`selector`] | which neighbors a command is for |

mod builder;
pub mod family;
pub mod flow;
pub mod operational;
pub mod prefix;
mod quick_tail;
mod raw;
pub mod route;
mod route_list;
mod route_text;
pub mod selector;
mod tail;

pub use builder::TailBuilder;
pub use family::sentence;
pub use operational::Operational;
pub use prefix::Prefix;
pub use route_list::{Piece, RouteList, RunOfRoutes};
pub use route_text::{Place, RouteText, Verb};
pub use selector::Selector;
pub use tail::{Kept, Repeated, Tail};
