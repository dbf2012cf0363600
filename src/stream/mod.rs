//! The stream reader: records and elems of BGP archives, filtered, merged by time. All of pybgpstream, without its broker.
//!
//! ```no_run
//! use oxabgp::stream::Stream;
//!
//! let stream = Stream::builder()
//!     .path("updates.20150401.0000.gz")?
//!     .filter("prefix more 192.0.2.0/24 and aspath _64500_")?
//!     .build()?;
//! for elem in stream.elems() {
//!     println!("{} {} {:?} {:?}", elem.collector(), elem.kind, elem.prefix(), elem.as_path());
//! }
//! # Ok::<(), oxabgp::stream::Error>(())
//! ```
//!
//! Iterating a [`Stream`] gives [`Record`]s that own their data; [`Stream::visit`] lends records and blocks of routes without
//! copying anything, which is several times as fast.
//!
//! # pybgpstream, side by side
//!
//! | pybgpstream | here |
//! |---|---|
//! | `BGPStream(from_time, until_time)`, `add_interval_filter` | [`Builder::between`] with texts, [`Builder::interval`] with numbers |
//! | `until_time` left out, `add_interval_filter(start, 0)` | [`Builder::since`] |
//! | `add_recent_interval_filter("3 h", live)` | [`Builder::recent`]; without an end if there is a live feed |
//! | `BGPStream(filter=…)`, `parse_filter_string` | [`Builder::filter`]; several add alternatives to a term, as there |
//! | `add_filter("peer-asn", "1")` | `.filter("peer 1")`; [`Expression::of_term`] for a term and values of their own; a [`filter::Test`] by [`Builder::expression`] |
//! | `add_filter("not-peer-asn", "1")` | `.filter("not peer 1")` |
//! | `add_filter("prefix-exact", p)`, `-more`, `-less`, `-any` | `.filter("prefix exact P")`, `more`, `less`, `any` |
//! | `add_filter("community", "2914:*")`, `aspath`, `ipversion`, `elemtype` | `.filter("community 2914:*")`, … |
//! | `add_filter("router", …)` (C only), `resource-type` | `.filter("router NAME")`; `resourcetype` is read and ignored |
//! | `add_filter("project", …)`, `collector`, `record-type` | `.filter("project ris and collector rrc06 and type ribs")` |
//! | `add_rib_period_filter(seconds)` | [`Builder::rib_period`] |
//! | `set_data_interface("singlefile")` with `rib-file`, `upd-file` | [`Builder::path`]; the type of a file is found out |
//! | `set_data_interface("csvfile")` with `csv-file` | [`Builder::list`] |
//! | `get_data_interfaces`, `get_data_interface_options`, `set_data_interface_option` | the methods of [`Builder`] |
//! | data interfaces `broker`, `sqlite` | (none): fetch the files, or name them in a list |
//! | `kafka` with `brokers`, `topic`, `offset`, `project`, `collector` | `source::Kafka`, with the feature `kafka`: a topic or a pattern, `offset` also as a time |
//! | `kafka` with `group` | `Kafka::group`: resumes and commits offsets; partitions are not shared out among processes |
//! | `kafka` with `data-type` | found out by the first bytes of each message: `bmp` (OpenBMP's headers included), `mrt`, `ris-live` |
//! | `upd-type`, `rib-type`: `mrt`, `bmp`, `ris-live` | found out by the first bytes |
//! | `set_live_mode()` | [`Builder::live`] with a [`source::Live`] feed, or [`Builder::stdin`] |
//! | `project="ris-live"` | `RisLiveClient`, with the feature `ris-live`; its JSON lines with [`Builder::path`] |
//! | (none) | [`source::BmpListener`]: routers that send BMP; `Sessions`: BGP sessions of your own; `Daemon`: those of a running daemon |
//! | `start()` | [`Builder::build`] |
//! | `get_next_record()`, `.records()` | [`Iterator::next`] of [`Stream`] |
//! | `get_next_elem()` | [`Record::elems`] |
//! | `for elem in stream` | [`Stream::elems`], which gives a [`SourcedElem`] each |
//! | `elem.project`, `collector`, `router`, `router_ip`, `dump_time` | [`SourcedElem::project`], [`collector`](SourcedElem::collector), [`router`](SourcedElem::router), [`router_ip`](SourcedElem::router_ip), [`dump_time`](SourcedElem::dump_time) |
//! | `elem.record_type`, `dump_position` | [`SourcedElem::record_kind`], [`dump_position`](SourcedElem::dump_position); only valid records have elems |
//! | `rec.project`, `collector`, `router`, `router_ip`, `dump_time` | [`Record::origin`]: [`record::Origin`] |
//! | `rec.type`, `time`, `status`, `dump_position` | [`Record::kind`], [`time`](Record::time), [`status`](Record::status), [`position`](Record::position) |
//! | `str(rec)`, `str(elem)` | `Display` of [`Record`] and [`SourcedElem`]; [`Record::display`] |
//! | (none) | [`serde::Serialize`](https://docs.rs/serde) of [`Record`], [`SourcedElem`] and [`Elem`], with pybgpstream's names as keys |
//! | `elem.type`, `peer_asn`, `peer_address`, `orig_time` | [`Elem::kind`], [`peer_asn`](Elem::peer_asn), [`peer_address`](Elem::peer_address), [`originated`](Elem::originated) |
//! | `elem.fields["prefix"]`, `next-hop`, `as-path` | [`Elem::prefix`], [`Elem::next_hop`], [`Elem::as_path`] |
//! | `elem.fields["communities"]` | [`Elem::community_texts`]; [`Elem::communities`] as values, in the order of the wire |
//! | `elem.fields["old-state"]`, `new-state` | [`Elem::old_state`], [`Elem::new_state`] |
//! | C: origin, MED, local preference, aggregator | [`Elem::origin`], [`Elem::med`], [`Elem::local_pref`], [`Elem::aggregator`], [`Elem::atomic_aggregate`] |
//! | (none) | [`Elem::path_id`], [`Elem::large_communities`], [`Elem::ext_communities`], [`Elem::otc`], [`Elem::attribute_set`], … |
//! | (none) | [`Elem::rib`], [`Elem::distinguisher`], [`Elem::direction`], [`Elem::notes`], [`Elem::attributes`] with the bytes on the wire |
//! | AS path, segment iterator, origin segment, length | [`aspath::Path`]: [`segments`](aspath::Path::segments), [`origin`](aspath::Path::origin), [`len`](aspath::Path::len) |
//! | community set, match with a mask | [`filter::CommunityPattern`], which reads `2914:*` |
//! | patricia tree: insert, remove, exact, more, less, minimum coverage, overlap; IP counter | [`prefixes::PrefixSet`] |
//! | patricia tree with the user's data | [`prefixes::PrefixTree`] |
//! | address and prefix: parse, print, hash, compare, contains | [`std::net::IpAddr`], [`ipnet::IpNet`] |
//! | peer signature map, sets of ids, texts, addresses | [`std::collections::HashMap`] and `HashSet`, or `BTreeMap`: addresses, prefixes, AS numbers, paths and communities can be keys |
//! | an asynchronous program | `Stream::into_async`, with the feature `speaker` |
//!
//! [`tutorial`] has pybgpstream's tutorial, example by example.
//!
//! Words and letters: [`ElemKind::as_str`] gives `announcement`, its `Display` `A`; the same for kinds, states and positions.
//!
//! # Where this is not bgpreader
//!
//! Damage costs one record, with its own time, instead of a whole buffer. Records that lie in the interval are given even if one
//! after its end came first. The record lines that bgpreader mixes into the elems of a table are left out. Files merge by
//! microseconds. All subtypes have elems.

mod address;
pub mod aspath;
pub mod attributes;
pub mod block;
pub mod builder;
pub mod decoder;
pub mod elem;
pub mod expr;
pub mod filter;
pub mod format;
#[cfg(feature = "speaker")]
mod live;
mod merge;
pub mod names;
mod needles;
pub mod paths;
pub mod pattern;
pub mod prefixes;
pub mod record;
mod serialize;
pub mod source;
pub mod sourced;
mod terms;
pub mod tutorial;

use std::ops::ControlFlow;

use crate::mrt::Content;
pub use crate::mrt::bgp4mp::Direction;
pub use attributes::Notes;
pub use block::{Block, ElemKind, RibView, Route, Routes, View};
pub use builder::{Builder, Error, Sent};
pub use decoder::{Decoder, Detection};
pub use elem::Elem;
pub use filter::{Expression, Filter, Verdict};
#[cfg(feature = "speaker")]
pub use live::AsyncStream;
pub use record::{Position, Reason, Record, RecordKind, RecordRef, Status};
pub use sourced::SourcedElem;

use merge::Merge;

/// Records of one or more sources, in the order of time.
pub struct Stream {
    merge: Merge,
    filter: Option<Filter>,
    interval: Option<(u32, u32)>,
    sent: Sent,
    /// Of which sources a record was given.
    given: Vec<bool>,
    /// Where to go after the end of a source was reported.
    pending: Option<Option<usize>>,
}

/// What is done with records and blocks that are lent.
pub trait Visitor {
    /// Whether it matters where in its dump a record stands. Finding that out may wait for the source.
    fn wants_position(&self) -> bool {
        false
    }

    /// Whether blocks matter at all.
    fn wants_elems(&self) -> bool {
        true
    }

    /// Whether [`end`](Self::end) has to report what is odd about records of which no route can pass the filter. Otherwise
    /// those are not decoded.
    fn wants_notes(&self) -> bool {
        false
    }

    /// Whether records of which no route can pass the filter matter, beyond their number. If not,
    /// [`ruled_out`](Self::ruled_out) may be called instead of [`record`](Self::record) and [`end`](Self::end).
    fn wants_ruled_out(&self) -> bool {
        true
    }

    /// Counts a valid record of which no route can pass the filter. `Break` ends the visit.
    fn ruled_out(&mut self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// A record, before its blocks. `Break` ends the visit.
    fn record(&mut self, record: &RecordRef<'_>, position: Position) -> ControlFlow<()>;

    /// Routes of a block that pass the filter, or its state change.
    fn block<'b>(
        &mut self,
        record: &RecordRef<'_>,
        block: &Block<'_>,
        routes: impl Iterator<Item = Route<'b>>,
    );

    /// A record after its blocks, with what was odd about it.
    fn end(&mut self, _record: &RecordRef<'_>, _notes: Notes) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl Stream {
    /// Starts to build one.
    pub fn builder() -> Builder {
        Builder::default()
    }

    const fn new(
        merge: Merge,
        filter: Option<Filter>,
        interval: Option<(u32, u32)>,
        sent: Sent,
    ) -> Self {
        Self {
            merge,
            filter,
            interval,
            sent,
            given: Vec::new(),
            pending: None,
        }
    }

    /// All elems that pass the filter, with what their records tell.
    pub fn elems(self) -> impl Iterator<Item = SourcedElem> {
        self.flat_map(SourcedElem::of_record)
    }

    /// Runs the stream on a thread of its own, for asynchronous programs.
    ///
    /// # Errors
    /// When there can be no thread.
    #[cfg(feature = "speaker")]
    pub fn into_async(self) -> std::io::Result<AsyncStream> {
        AsyncStream::start(self)
    }

    /// Lends each record and its blocks to a visitor until it breaks, or the sources end.
    pub fn visit(&mut self, visitor: &mut impl Visitor) {
        while let Some(next) = self.step() {
            let flow = match next {
                Next::Record(index) => self.lend(index, visitor),
                Next::Filtered(index) => {
                    let mut flow = ControlFlow::Continue(());
                    self.merge.source(index).filtered(&mut |record| {
                        flow = visitor.record(record, Position::End);
                        if flow.is_continue() {
                            flow = visitor.end(record, Notes::NONE);
                        }
                    });
                    flow
                }
            };
            if flow.is_break() {
                return;
            }
        }
    }

    fn lend(&mut self, index: usize, visitor: &mut impl Visitor) -> ControlFlow<()> {
        let wants = visitor.wants_position();
        let source = self.merge.source(index);
        let last = wants && source.is_last();
        if let Some(filter) = &self.filter
            && filter.may_rule_out()
            && visitor.wants_elems()
            && !visitor.wants_notes()
            && !visitor.wants_ruled_out()
            && source.rule_out(filter)
        {
            return visitor.ruled_out();
        }
        let Some((record, decoder)) = source.current() else {
            return ControlFlow::Continue(());
        };
        visitor.record(&record, position(&record, last))?;
        let mut notes = record.notes;
        if record.status == Status::Valid && visitor.wants_elems() {
            let (filter, sent) = (&mut self.filter, self.sent);
            decoder.view = record.view;
            if !visitor.wants_notes()
                && filter
                    .as_ref()
                    .is_some_and(|filter| filter.rules_out(record.body))
            {
                if let Content::Message(message) = &record.content {
                    decoder.observe(message);
                }
                return visitor.end(&record, notes);
            }
            let found = decoder.blocks(&record.content, &mut |block| {
                if sent == Sent::Include || block.is_received() {
                    offer(filter.as_mut(), &record, block, visitor);
                }
            });
            notes.add(found);
        }
        visitor.end(&record, notes)
    }

    /// Goes to the next record in the interval, or to the end of a source that had none there.
    fn step(&mut self) -> Option<Next> {
        loop {
            let next = match self.pending.take() {
                Some(next) => next,
                None => {
                    let (next, ended) = self.merge.advance();
                    if let Some(ended) = ended
                        && !self.given.get(ended).copied().unwrap_or_default()
                    {
                        self.pending = Some(next);
                        return Some(Next::Filtered(ended));
                    }
                    next
                }
            };
            let index = next?;
            let source = self.merge.source(index);
            if let Some((from, until)) = self.interval
                && !source.is_told()
                && let Some((time, _)) = source.time()
                && !(from..=until).contains(&time.seconds)
            {
                // What it shows of its session counts for the records in the interval.
                if let Some((record, decoder)) = source.current()
                    && let Content::Message(message) = &record.content
                {
                    decoder.view = record.view;
                    decoder.observe(message);
                }
                continue;
            }
            if self.given.len() <= index {
                self.given.resize(index + 1, false);
            }
            self.given[index] = true;
            return Some(Next::Record(index));
        }
    }
}

/// Where a stream went.
enum Next {
    /// To a record of this source.
    Record(usize),
    /// To the end of this source, of which no record lay in the interval.
    Filtered(usize),
}

fn position(record: &RecordRef<'_>, last: bool) -> Position {
    if last {
        Position::End
    } else if record.index == 0 {
        Position::Start
    } else {
        Position::Middle
    }
}

/// Hands a block to the visitor, as far as the filter lets it pass.
fn offer(
    filter: Option<&mut Filter>,
    record: &RecordRef<'_>,
    block: &Block<'_>,
    visitor: &mut impl Visitor,
) {
    let Some(filter) = filter else {
        visitor.block(record, block, block.routes);
        return;
    };
    match filter.judge(record, block) {
        Verdict::Nothing => {}
        Verdict::All => visitor.block(record, block, block.routes),
        Verdict::Each => {
            let mut routes = block
                .routes
                .filter(|route| filter.passes(record, block, route))
                .peekable();
            if routes.peek().is_some() {
                visitor.block(record, block, routes);
            }
        }
    }
}

/// Copies one record and its elems.
#[derive(Default)]
struct Copy {
    record: Option<Record>,
    elems: Vec<Elem>,
}

impl Visitor for Copy {
    fn wants_position(&self) -> bool {
        true
    }

    fn wants_notes(&self) -> bool {
        true
    }

    fn record(&mut self, record: &RecordRef<'_>, position: Position) -> ControlFlow<()> {
        if self.record.is_none() {
            self.record = Some(Record::new(record, position));
        }
        ControlFlow::Continue(())
    }

    fn block<'b>(
        &mut self,
        record: &RecordRef<'_>,
        block: &Block<'_>,
        mut routes: impl Iterator<Item = Route<'b>>,
    ) {
        self.elems
            .extend(Elem::of_routes(record.time, block, &mut routes));
    }

    fn end(&mut self, _: &RecordRef<'_>, notes: Notes) -> ControlFlow<()> {
        if let Some(record) = &mut self.record {
            record.notes = notes;
        }
        ControlFlow::Break(())
    }
}

impl Iterator for Stream {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let mut copy = Copy::default();
        self.visit(&mut copy);
        let mut record = copy.record?;
        record.set_elems(copy.elems);
        Some(record)
    }
}
