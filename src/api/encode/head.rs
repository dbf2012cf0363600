//! What events have in common, printed once: that of a neighbor, and that of a moment.

use std::cell::OnceCell;
use std::rc::Rc;

use super::negotiated;
use super::style::Version;
use crate::api::event::Identity;
use crate::bgp::negotiated::Negotiated;
use crate::bgp::{Asn, Spelling};
use crate::json::JsonWriter;

/// The texts that every event of one neighbor has in common, and the neighbor's counter of events. They are printed when
/// they are needed: most of thousands of neighbors have no helper.
#[derive(Clone, Debug)]
pub struct EventHead {
    identity: Identity,
    spelling: Spelling,
    counter: u64,
    negotiated: Option<Rc<Negotiated>>,
    texts: OnceCell<Box<Texts>>,
}

#[derive(Clone, Debug)]
struct Texts {
    /// `"neighbor": { "address": … "router-id": "10.0.0.1" ` up to the direction.
    json: String,
    /// The part of it that 4.2 has: without the identifier.
    short: usize,
    /// All between the counter and the content of an UPDATE that was received, by far the most frequent event.
    update: OnceCell<String>,
    /// `neighbor 127.0.0.1 `.
    text: String,
    /// `, "negotiated": { … } `.
    negotiated_json: OnceCell<String>,
    /// The same as 4.2 spaces it.
    negotiated_v42: OnceCell<String>,
}

impl EventHead {
    /// For the neighbor with that identity; nothing negotiated, no event yet.
    pub const fn new(identity: Identity) -> Self {
        Self {
            identity,
            spelling: Spelling::USUAL,
            counter: 0,
            negotiated: None,
            texts: OnceCell::new(),
        }
    }

    /// The same, with the notation of its addresses.
    pub fn spelled(mut self, spelling: Spelling) -> Self {
        self.spelling = spelling;
        self.texts.take();
        self
    }

    /// Updates the notation of its addresses.
    pub fn spell(&mut self, spelling: &Spelling) {
        if self.spelling != *spelling {
            self.spelling = spelling.clone();
            self.texts.take();
        }
    }

    /// Who the neighbor is.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Updates what is known, for instance an address from a connection or an AS from an OPEN.
    pub fn identify(&mut self, identity: Identity) {
        if self.identity != identity {
            self.identity = identity;
            self.texts.take();
        }
    }

    /// Updates the negotiated parameters of later events; `None`, as at the start of each connection, is shown as zeros.
    pub fn negotiate(&mut self, negotiated: Option<&Rc<Negotiated>>) {
        self.negotiated = negotiated.map(Rc::clone);
        if let Some(texts) = self.texts.get_mut() {
            texts.negotiated_json.take();
            texts.negotiated_v42.take();
        }
    }

    /// `"neighbor": { "address": … "router-id": "10.0.0.1" ` up to the direction.
    pub(super) fn json(&self) -> &str {
        &self.texts().json
    }

    /// The part of [`json`](Self::json) that 4.2 has: without the identifier.
    pub(super) fn short_json(&self) -> &str {
        let texts = self.texts();
        &texts.json[..texts.short]
    }

    /// `neighbor 127.0.0.1 `.
    pub(super) fn text(&self) -> &str {
        &self.texts().text
    }

    /// `, "negotiated": { … } ` as `version` spaces it.
    pub(super) fn negotiated(&self, version: Version) -> &str {
        let (texts, negotiated) = (self.texts(), self.negotiated.as_deref());
        if version == Version::V4 {
            texts
                .negotiated_v42
                .get_or_init(|| printed(|w| negotiated::json_v42(negotiated, w)))
        } else {
            texts
                .negotiated_json
                .get_or_init(|| printed(|w| negotiated::json(negotiated, w)))
        }
    }

    /// All between the counter and the content of an UPDATE that was received.
    pub(super) fn update(&self) -> &str {
        let texts = self.texts();
        texts.update.get_or_init(|| {
            format!(
                ", \"type\": \"update\", {}, \"direction\": \"receive\", \"message\": {{ \"update\": {{ ",
                texts.json
            )
        })
    }

    /// The number of events so far.
    pub const fn counted(&self) -> u64 {
        self.counter
    }

    /// Continues to count from a number of events.
    pub const fn continue_at(&mut self, counter: u64) {
        self.counter = counter;
    }

    /// The number of the next event.
    pub(super) const fn count(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn texts(&self) -> &Texts {
        self.texts
            .get_or_init(|| Box::new(Texts::new(&self.identity, &self.spelling)))
    }
}

impl Texts {
    fn new(identity: &Identity, spelling: &Spelling) -> Self {
        let mut w = JsonWriter::new();
        let short = neighbor(identity, spelling, &mut w);
        let peer = spelling.peer(identity.peer_address, identity.zone);
        let mut json = w.into_string();
        json.shrink_to_fit();
        Self {
            json,
            short,
            update: OnceCell::new(),
            text: format!("neighbor {peer} "),
            negotiated_json: OnceCell::new(),
            negotiated_v42: OnceCell::new(),
        }
    }
}

/// What `write` appends.
fn printed(write: impl FnOnce(&mut JsonWriter)) -> String {
    let mut w = JsonWriter::new();
    write(&mut w);
    w.into_string()
}

/// How the start of a line ends.
const COUNTER: &str = ", \"counter\": ";

/// What the events of one moment have in common: time, host and process numbers.
#[derive(Clone, Debug)]
pub struct Stamp {
    host: String,
    pid: u32,
    parent: u32,
    time: f64,
    /// The start of a line up to `"counter": ` for each [`Version`]; empty until it is asked for.
    starts: [String; Version::COUNT],
}

impl Stamp {
    /// For the program on `host` with the process number `pid`, started by `parent`; time 0.
    pub fn new(host: impl Into<String>, pid: u32, parent: u32) -> Self {
        Self {
            host: host.into(),
            pid,
            parent,
            time: 0.0,
            starts: Default::default(),
        }
    }

    /// Sets the time, in seconds since 1970.
    pub fn set_time(&mut self, seconds: f64) {
        if self.time.to_bits() != seconds.to_bits() {
            self.time = seconds;
            self.starts.iter_mut().for_each(String::clear);
        }
    }

    /// Our process number.
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// The process number of the program that started us.
    pub const fn parent(&self) -> u32 {
        self.parent
    }

    /// The start of a JSON line that has no counter, up to `"ppid" : 2, `.
    pub(super) fn start_uncounted(&mut self, version: Version) -> &str {
        let start = self.start(version);
        &start[..start.len() - COUNTER.len() + 2]
    }

    /// The start of a JSON line, up to `"counter": `.
    pub(super) fn start(&mut self, version: Version) -> &str {
        let start = &mut self.starts[version.index()];
        if start.is_empty() {
            let mut w = JsonWriter::new();
            // `{:?}` of a float is the shortest text that reads back as the same value, as in Python.
            w.raw("{ \"exabgp\": \"")
                .raw(version.text())
                .format(format_args!("\", \"time\": {:?}", self.time));
            w.raw(", \"host\" : ")
                .string(&self.host)
                .raw(", \"pid\" : ")
                .number(self.pid);
            w.raw(", \"ppid\" : ").number(self.parent).raw(COUNTER);
            *start = w.into_string();
        }
        start
    }
}

/// Appends what every event of a neighbor has in common, up to the direction. Returns how much of it is not about our
/// identifier.
fn neighbor(identity: &Identity, spelling: &Spelling, w: &mut JsonWriter) -> usize {
    w.raw("\"neighbor\": { \"address\": { \"local\": ");
    match identity.local_address {
        Some(address) => w.display(spelling.local(address, identity.zone)),
        None => w.raw("null"),
    };
    w.raw(", \"peer\": ")
        .display(spelling.peer(identity.peer_address, identity.zone))
        .raw(" }, \"asn\": { \"local\": ");
    let asn = |asn: Option<Asn>, w: &mut JsonWriter| {
        match asn {
            Some(asn) => w.number(asn.0),
            None => w.raw("null"),
        };
    };
    asn(identity.local_as, w);
    w.raw(", \"peer\": ");
    asn(identity.peer_as, w);
    w.raw(" }");
    let short = w.len();
    if let Some(router_id) = identity.router_id {
        w.raw(", \"router-id\": ").display(router_id);
    }
    w.raw(" ");
    short
}
