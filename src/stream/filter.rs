//! Filters: what is asked of a record's blocks and routes.
//!
//! An expression is decided by block wherever it can be: of a block whose peer does not match, no route is looked at. Tests are
//! ordered by their cost, and the costly ones (paths, communities) are asked at most once per block, and only when a cheaper
//! one, or a prefix, has not decided.

use std::mem::discriminant;

use crate::bgp::family::Afi;
use crate::mrt::bgp4mp::Message;

use super::address::masked;
use super::attributes::Attributes;
use super::block::{Block, ElemKind, RibView, Route, family_bits};
use super::needles::{self, Needles};
use super::pattern::{Memo, PathPattern};
use super::prefixes::PrefixSet;
use super::record::{Origin, RecordKind, RecordRef};

/// Numbers, as ranges that include both ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers(pub Vec<(u32, u32)>);

impl Numbers {
    fn contains(&self, number: u32) -> bool {
        self.0
            .iter()
            .any(|(from, to)| (*from..=*to).contains(&number))
    }
}

/// A community with wildcards.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CommunityPattern {
    /// `A:B`; either may be `*`.
    Plain(Option<u16>, Option<u16>),
    /// `lc:A:B:C` (RFC 8092).
    Large([Option<u32>; 3]),
    /// An extended community (RFC 4360).
    Extended([u8; 8]),
}

impl CommunityPattern {
    /// Returns `true` if a route has a community that matches.
    pub fn is_match(&self, attributes: &Attributes<'_>) -> bool {
        match self {
            Self::Plain(high, low) => attributes
                .communities()
                .any(|(a, b)| high.is_none_or(|high| high == a) && low.is_none_or(|low| low == b)),
            Self::Large(parts) => attributes.large_communities().any(|one| {
                parts
                    .iter()
                    .zip(one)
                    .all(|(part, one)| part.is_none_or(|part| part == one))
            }),
            Self::Extended(wanted) => attributes.ext_communities().any(|one| one == *wanted),
        }
    }
}

/// One test.
#[derive(Clone, Debug)]
pub enum Test {
    /// One of these projects.
    Project(Vec<String>),
    /// One of these collectors.
    Collector(Vec<String>),
    /// One of these routers.
    Router(Vec<String>),
    /// Records of one of these kinds.
    Kind(Vec<RecordKind>),
    /// One of these AS numbers is the peer's.
    Peer(Numbers),
    /// One of these AS numbers originated the route.
    Origin(Numbers),
    /// The prefix matches one of these.
    Prefix(Box<PrefixSet>),
    /// One of these communities.
    Community(Vec<CommunityPattern>),
    /// The AS path matches.
    Path(Box<PathPattern>),
    /// One of these IP versions, 4 and 6.
    IpVersion(Vec<u8>),
    /// Elems of one of these kinds.
    Elem(Vec<ElemKind>),
    /// About one of these tables of a router.
    Rib(Vec<RibView>),
}

impl Test {
    /// A rank by cost.
    const fn cost(&self) -> u8 {
        match self {
            Self::Project(_) | Self::Collector(_) | Self::Router(_) | Self::Kind(_) => 0,
            Self::Peer(_) | Self::IpVersion(_) | Self::Elem(_) | Self::Rib(_) => 1,
            Self::Prefix(_) => 2,
            Self::Origin(_) => 3,
            Self::Community(_) => 4,
            Self::Path(_) => 5,
        }
    }

    /// Returns `true` if both are of one term whose values are alternatives. Patterns of paths are none, and extended communities
    /// have a term of their own.
    fn is_same_term(&self, other: &Self) -> bool {
        let extended = |list: &[CommunityPattern]| {
            let mut list = list.iter();
            list.all(|one| matches!(one, CommunityPattern::Extended(_)))
        };
        match (self, other) {
            (Self::Path(_), _) => false,
            (Self::Community(own), Self::Community(more)) => extended(own) == extended(more),
            _ => discriminant(self) == discriminant(other),
        }
    }

    /// Takes the values of a test of the same term as alternatives.
    fn widen(&mut self, other: Self) {
        match (self, other) {
            (Self::Project(own), Self::Project(more))
            | (Self::Collector(own), Self::Collector(more))
            | (Self::Router(own), Self::Router(more)) => own.extend(more),
            (Self::Kind(own), Self::Kind(more)) => own.extend(more),
            (Self::Peer(own), Self::Peer(more)) | (Self::Origin(own), Self::Origin(more)) => {
                own.0.extend(more.0);
            }
            (Self::Prefix(own), Self::Prefix(more)) => own.extend(*more),
            (Self::Community(own), Self::Community(more)) => own.extend(more),
            (Self::IpVersion(own), Self::IpVersion(more)) => own.extend(more),
            (Self::Elem(own), Self::Elem(more)) => own.extend(more),
            (Self::Rib(own), Self::Rib(more)) => own.extend(more),
            // Tests of several terms are no alternatives.
            _ => {}
        }
    }

    /// Tests that need a route or are costly wait until a route is asked for.
    const fn waits(&self) -> bool {
        self.cost() >= 2
    }
}

/// Tests that are added one by one, as libbgpstream takes them: the values of a term are alternatives.
#[derive(Clone, Debug, Default)]
pub(super) struct Terms(Vec<Test>);

impl Terms {
    pub(super) fn add(&mut self, test: Test) {
        match self.0.iter_mut().find(|own| own.is_same_term(&test)) {
            Some(own) => own.widen(test),
            None => self.0.push(test),
        }
    }
}

impl From<Terms> for Expression {
    fn from(terms: Terms) -> Self {
        Self::And(terms.0.into_iter().map(Self::Test).collect())
    }
}

/// An expression of tests.
#[derive(Clone, Debug)]
pub enum Expression {
    /// All of them; none is true.
    And(Vec<Self>),
    /// One of them.
    Or(Vec<Self>),
    /// The opposite.
    Not(Box<Self>),
    /// A test.
    Test(Test),
}

impl Default for Expression {
    fn default() -> Self {
        Self::And(Vec::new())
    }
}

impl Expression {
    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::And(mut all), Self::And(more)) => {
                all.extend(more);
                Self::And(all)
            }
            (Self::And(mut all), one) => {
                all.push(one);
                Self::And(all)
            }
            (one, other) => Self::And(vec![one, other]),
        }
    }

    /// The tests of a filter that bgpreader has as well: tests that all have to pass, none with the term of another one.
    pub(crate) fn plain(&self) -> Option<Vec<&Test>> {
        let all = match self {
            Self::And(all) => all.as_slice(),
            one => std::slice::from_ref(one),
        };
        let mut tests: Vec<&Test> = Vec::new();
        for one in all {
            match one {
                Self::Test(test) if !tests.iter().any(|own| own.is_same_term(test)) => {
                    tests.push(test);
                }
                one if one.is_empty() => {}
                _ => return None,
            }
        }
        Some(tests)
    }

    /// Returns `true` if everything passes.
    pub const fn is_empty(&self) -> bool {
        matches!(self, Self::And(all) if all.is_empty())
    }

    /// The same without tests of project, collector and type, which pass, negated or not: for sources that tell none of them.
    #[must_use]
    pub fn without_origin(self) -> Self {
        self.with_origin(true)
    }

    /// The same with this answer of the tests of project, collector and type.
    fn with_origin(self, answer: bool) -> Self {
        let each = |all: Vec<Self>| all.into_iter().map(|one| one.with_origin(answer)).collect();
        match self {
            Self::And(all) => Self::And(each(all)),
            Self::Or(all) => Self::Or(each(all)),
            Self::Not(one) => Self::Not(Box::new(one.with_origin(!answer))),
            Self::Test(Test::Project(_) | Test::Collector(_) | Test::Kind(_)) => match answer {
                true => Self::And(Vec::new()),
                false => Self::Or(Vec::new()),
            },
            test @ Self::Test(_) => test,
        }
    }

    /// Returns `true` if it passes nothing of this project and collector, whatever that is.
    pub(super) fn excludes(&self, origin: &Origin) -> bool {
        let has = |list: &[String], name: &str| list.iter().any(|one| one == name);
        let mut tests = Vec::new();
        let node = node(self.clone(), &mut tests);
        let passes = evaluate(&node, &mut |index| match &tests[index] {
            Test::Project(list) => Some(has(list, &origin.project)),
            Test::Collector(list) => Some(has(list, &origin.collector)),
            _ => None,
        });
        passes == Some(false)
    }

    fn cost(&self) -> u8 {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().map(Self::cost).max().unwrap_or_default(),
            Self::Not(one) => one.cost(),
            Self::Test(test) => test.cost(),
        }
    }
}

/// What is known of a block after a filter saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All of its routes pass.
    All,
    /// None does.
    Nothing,
    /// [`Filter::passes`] decides for each route.
    Each,
}

/// An expression ready to be asked.
#[derive(Clone, Debug)]
pub struct Filter {
    nodes: Node,
    tests: Vec<Test>,
    /// Answers of the tests about the block, once they are known.
    answers: Vec<Option<bool>>,
    room: Room,
    needles: Needles,
    /// Of each test of the peer that must pass, what it accepts.
    peers: Vec<Numbers>,
    /// Whether the tests of kinds that must pass accept any elem of a BGP message.
    messages: bool,
}

/// What tests of paths use again.
#[derive(Clone, Debug, Default)]
struct Room {
    text: Vec<u8>,
    /// By the number of the test.
    memos: Vec<Memo>,
}

impl Room {
    fn matches(
        &mut self,
        index: usize,
        pattern: &PathPattern,
        attributes: &Attributes<'_>,
    ) -> bool {
        if self.memos.len() <= index {
            self.memos.resize_with(index + 1, Memo::default);
        }
        pattern.matches(attributes, &mut self.text, &mut self.memos[index])
    }
}

#[derive(Clone, Debug)]
enum Node {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Test(usize),
}

impl Filter {
    /// Prepares an expression.
    pub fn new(expression: Expression) -> Self {
        let mut tests = Vec::new();
        let mut filter = Self {
            nodes: Node::And(Vec::new()),
            tests: Vec::new(),
            answers: Vec::new(),
            room: Room::default(),
            needles: Needles::default(),
            peers: Vec::new(),
            messages: true,
        };
        filter.demand(&expression);
        let nodes = node(expression, &mut tests);
        Self {
            nodes,
            answers: vec![None; tests.len()],
            tests,
            ..filter
        }
    }

    /// Notes what the record of an elem must be like for the elem to pass.
    fn demand(&mut self, expression: &Expression) {
        match expression {
            Expression::And(all) => all.iter().for_each(|one| self.demand(one)),
            Expression::Test(Test::Peer(numbers)) => self.peers.push(numbers.clone()),
            Expression::Test(Test::Kind(list)) => {
                self.messages &= list.contains(&RecordKind::Update);
            }
            Expression::Test(Test::Elem(list)) => {
                self.messages &= list
                    .iter()
                    .any(|kind| matches!(kind, ElemKind::Announcement | ElemKind::Withdrawal));
            }
            Expression::Test(test) => needles_of(test, &mut self.needles),
            Expression::Or(_) | Expression::Not(_) => {}
        }
    }

    /// Returns `true` if there are records that can be ruled out.
    #[inline]
    pub const fn may_rule_out(&self) -> bool {
        !self.messages || !self.peers.is_empty() || !self.needles.is_empty()
    }

    /// Returns `true` if no elem of this message can pass, whatever its bytes.
    #[inline]
    pub fn rules_out_message(&self, message: &Message<'_>) -> bool {
        let asn = message.session.peer_asn;
        !self.messages || self.peers.iter().any(|peers| !peers.contains(asn))
    }

    /// Returns `true` if no elem of a record with these bytes can pass, without decoding them. The bytes have to be all of the record,
    /// or at least its BGP message.
    #[inline]
    pub fn rules_out(&self, bytes: &[u8]) -> bool {
        !self.needles.is_empty() && !self.needles.may_be_in(bytes)
    }

    /// Judges a block as far as it can be judged without its routes. To be called before [`passes`](Self::passes).
    pub fn judge(&mut self, record: &RecordRef<'_>, block: &Block<'_>) -> Verdict {
        self.answers.fill(None);
        let (nodes, tests, answers, room) =
            (&self.nodes, &self.tests, &mut self.answers, &mut self.room);
        let has_route =
            tests.iter().any(|test| matches!(test, Test::Prefix(_))) && block.states.is_none();
        let known = evaluate(nodes, &mut |index| {
            let test = &tests[index];
            if has_route && test.waits() {
                return None;
            }
            let answer = ask((index, test), record, block, None, room);
            answers[index] = Some(answer);
            Some(answer)
        });
        match known {
            Some(true) => Verdict::All,
            Some(false) => Verdict::Nothing,
            None => Verdict::Each,
        }
    }

    /// Returns `true` if a route of the block that was judged last passes.
    pub fn passes(&mut self, record: &RecordRef<'_>, block: &Block<'_>, route: &Route<'_>) -> bool {
        let (nodes, tests, answers, room) =
            (&self.nodes, &self.tests, &mut self.answers, &mut self.room);
        evaluate(nodes, &mut |index| {
            if let Some(answer) = answers[index] {
                return Some(answer);
            }
            let test = &tests[index];
            let answer = ask((index, test), record, block, Some(route), room);
            if !matches!(test, Test::Prefix(_)) {
                answers[index] = Some(answer);
            }
            Some(answer)
        }) == Some(true)
    }
}

/// What the bytes of a record must contain for one of its elems to pass a test.
fn needles_of(test: &Test, needles: &mut Needles) {
    match test {
        Test::Prefix(set) => {
            if let Some(any) = set.leading_bytes() {
                needles.demand(&any);
            }
        }
        Test::Origin(Numbers(ranges)) => {
            let single: Option<Vec<_>> = ranges
                .iter()
                .map(|(from, to)| (from == to).then(|| needles::asn(*from)))
                .collect();
            if let Some(any) = single {
                needles.demand(&any);
            }
        }
        Test::Path(pattern) => {
            for number in pattern.numbers() {
                needles.demand(&[needles::asn(*number)]);
            }
        }
        _ => {}
    }
}

/// Gathers the tests; the cheap ones of a list come first.
fn node(expression: Expression, tests: &mut Vec<Test>) -> Node {
    let mut list = |mut all: Vec<Expression>| {
        all.sort_by_key(Expression::cost);
        all.into_iter().map(|one| node(one, tests)).collect()
    };
    match expression {
        Expression::And(all) => Node::And(list(all)),
        Expression::Or(all) => Node::Or(list(all)),
        Expression::Not(one) => Node::Not(Box::new(node(*one, tests))),
        Expression::Test(test) => {
            tests.push(test);
            Node::Test(tests.len() - 1)
        }
    }
}

/// Evaluates with three values; `None` is unknown.
fn evaluate(node: &Node, ask: &mut dyn FnMut(usize) -> Option<bool>) -> Option<bool> {
    let (all, decides) = match node {
        Node::Test(index) => return ask(*index),
        Node::Not(one) => return evaluate(one, ask).map(|known| !known),
        Node::And(all) => (all, false),
        Node::Or(all) => (all, true),
    };
    let mut known = Some(!decides);
    for one in all {
        match evaluate(one, ask) {
            Some(answer) if answer == decides => return Some(decides),
            Some(_) => {}
            None => known = None,
        }
    }
    known
}

/// Answers a test. An elem that cannot have what is asked for fails.
fn ask(
    (index, test): (usize, &Test),
    record: &RecordRef<'_>,
    block: &Block<'_>,
    route: Option<&Route<'_>>,
    room: &mut Room,
) -> bool {
    let has = |list: &[String], name: &str| list.iter().any(|one| one == name);
    match test {
        Test::Project(list) => has(list, &record.origin.project),
        Test::Collector(list) => has(list, &record.origin.collector),
        Test::Router(list) => has(list, &record.origin.router),
        Test::Kind(list) => list.contains(&record.kind),
        Test::Peer(numbers) => numbers.contains(block.peer_asn),
        Test::Elem(list) => list.contains(&block.kind),
        Test::Rib(list) => list.contains(&block.rib),
        Test::IpVersion(versions) => {
            block.states.is_none()
                && match block.family.afi {
                    Afi::IPV4 => versions.contains(&4),
                    Afi::IPV6 => versions.contains(&6),
                    _ => false,
                }
        }
        Test::Prefix(set) => route.is_some_and(|route| prefix(set, block, route)),
        Test::Origin(numbers) => block
            .attributes
            .and_then(|attributes| attributes.path()?.origin())
            .is_some_and(|asn| numbers.contains(asn)),
        Test::Community(list) => block
            .attributes
            .is_some_and(|attributes| list.iter().any(|one| one.is_match(attributes))),
        Test::Path(pattern) => block
            .attributes
            .is_some_and(|attributes| room.matches(index, pattern, attributes)),
    }
}

fn prefix(set: &PrefixSet, block: &Block<'_>, route: &Route<'_>) -> bool {
    match family_bits(block.family) {
        Some(32) => {
            let (address, length) = masked::<4>(route.nlri);
            set.matches_bits(u128::from(u32::from_be_bytes(address)) << 96, length, false)
        }
        Some(_) => {
            let (address, length) = masked::<16>(route.nlri);
            set.matches_bits(u128::from_be_bytes(address), length, true)
        }
        None => false,
    }
}
