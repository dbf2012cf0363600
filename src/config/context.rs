//! What the readers of sections share.

use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

use foldhash::fast::RandomState;

use super::diagnostic::Report;
use super::env::Env;
use super::guard::GuardConfig;
use super::model::ProcessConfig;
use super::monitor::Monitored;
use super::tree::{Statement, Tree};
use crate::bgp::AttributeSet;
use crate::grammar::{Place, Prefix, RouteText, Tail};
use crate::text::{Span, SyntaxError};

/// What the readers of sections share.
pub(crate) struct Context<'a> {
    pub(crate) tree: &'a Tree<'a>,
    pub(crate) text: &'a str,
    /// The directory of the file, where `run` looks for programs.
    pub(crate) directory: PathBuf,
    pub(crate) env: &'a Env,
    pub(crate) report: Report,
    /// The processes of the file, with the place of their names.
    pub(crate) processes: Vec<(String, Span)>,
    /// The guards of those that have one.
    pub(crate) guards: Vec<(String, GuardConfig)>,
    /// Processes defined within neighbors (ExaBGP 3.4).
    pub(crate) inner_processes: Vec<ProcessConfig>,
    /// What archives and stations need of neighbors.
    pub(crate) claims: Vec<Claim>,
    pub(crate) templates: HashMap<String, &'a Statement>,
    /// A brace is missing or superfluous: what a section lacks may be somewhere else.
    pub(crate) lost: bool,
    /// Where the last part of a route ended that was found outside of one.
    pub(crate) last_piece: usize,
    /// Tails by their text: the same attributes are read once, and shared.
    pub(crate) tails: HashMap<(Form, &'a str), KnownTail, RandomState>,
}

/// How a route is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// In one line.
    Line(Place),
    /// With a section of `route`.
    Block,
}

/// A tail that was read before.
pub(crate) enum KnownTail {
    /// It has nothing else: a file may have many of these.
    Attributes(Rc<AttributeSet>),
    /// Any other.
    Tail(Rc<Tail>),
}

impl KnownTail {
    /// Keeps what the routes of `tail` are made of.
    pub(crate) fn of(tail: &Rc<Tail>) -> Self {
        if tail.has_only_attributes() {
            Self::Attributes(Rc::clone(&tail.attributes))
        } else {
            Self::Tail(Rc::clone(tail))
        }
    }

    /// The routes of `prefix`, which stands at `span`.
    pub(crate) fn apply(&self, prefix: Prefix, span: Span) -> Result<RouteText, SyntaxError> {
        match self {
            Self::Attributes(attributes) => {
                Tail::of_attributes(Rc::clone(attributes)).apply(prefix, span)
            }
            Self::Tail(tail) => tail.apply(prefix, span),
        }
    }
}

/// What a section for archives or monitoring needs of the neighbors that it is about.
pub(crate) struct Claim {
    /// What the section is called in texts.
    pub(crate) who: String,
    pub(crate) span: Span,
    pub(crate) neighbors: Monitored,
    /// It reads what peers have sent.
    pub(crate) adj_rib_in: bool,
}
