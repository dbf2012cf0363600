//! The JSON events of ExaBGP 4.2 and 5.0, to the byte: key order and the irregular spaces are what helpers parse.
//!
//! `{ "exabgp": "5.0.0", "time": …, "host" : …, "pid" : …, "ppid" : …, "counter": …, "type": …, "neighbor": { … } }`
//!
//! Kept: the shapes, including apparent errors (`"direction": "receive"  } }`). Not kept, since it is not JSON: `None`
//! for an AS that is not known is `null` here.

use smallvec::SmallVec;

use super::head::{EventHead, Stamp};
use super::style::{Form, Style, Version};
use super::{v42, v60};
use crate::api::event::{Direction, Event, Message, Raw};
use crate::bgp::AttributeSet;
use crate::bgp::family::{Afi, Family, Safi};
use crate::bgp::message::notification::Notification;
use crate::bgp::message::update::{self, Field};
use crate::bgp::nexthop::NextHop;
use crate::bgp::nlri::inet::push_ipv4;
use crate::bgp::nlri::{NlriRef, Routes};
use crate::json::JsonWriter;

/// A line being written.
pub(super) struct Line<'a> {
    pub(super) style: &'a Style,
    pub(super) version: Version,
    pub(super) compact: bool,
    pub(super) raw: Raw<'a>,
}

impl Line<'_> {
    pub(super) fn encode(
        &self,
        head: &mut EventHead,
        event: &Event<'_>,
        stamp: &mut Stamp,
        w: &mut JsonWriter,
    ) {
        match event {
            Event::Message(direction, message) => match self.style.form {
                Form::Packets => {
                    let kind = message.kind();
                    self.start(head, stamp, kind.name(), Some(*direction), w);
                    self.packets(kind.0, w);
                    self.end(head, w);
                }
                Form::Parsed | Form::Consolidated => {
                    self.message(*direction, message, head, stamp, w)
                }
            },
            Event::Undecoded(direction, kind) => {
                if self.style.form == Form::Packets {
                    self.start(head, stamp, kind.name(), Some(*direction), w);
                    self.packets(kind.0, w);
                    self.end(head, w);
                }
            }
            other => self.state(other, head, stamp, w),
        }
    }

    /// Events that are not messages.
    fn state(
        &self,
        event: &Event<'_>,
        head: &mut EventHead,
        stamp: &mut Stamp,
        w: &mut JsonWriter,
    ) {
        let kind = match event {
            Event::Fsm { .. } => "fsm",
            Event::Signal { .. } => "signal",
            Event::Negotiated => "negotiated",
            _ => "state",
        };
        self.start(head, stamp, kind, None, w);
        match event {
            Event::Connected => w.raw(", \"state\": \"connected\""),
            Event::Up => w.raw(", \"state\": \"up\""),
            Event::Down { reason } => w.raw(", \"state\": \"down\", \"reason\": ").string(reason),
            Event::Fsm { state } => w.raw(", \"state\": ").string(state),
            Event::Signal { code, name } => w
                .raw(", \"code\": ")
                .display(code)
                .raw(", \"name\": ")
                .string(name),
            Event::Negotiated => w.raw(self.negotiated(head)),
            Event::Message(..) | Event::Undecoded(..) => w,
        };
        w.raw(" } }\n");
    }

    fn message(
        &self,
        direction: Direction,
        message: &Message<'_>,
        head: &mut EventHead,
        stamp: &mut Stamp,
        w: &mut JsonWriter,
    ) {
        if let (Message::Update(attributes, fields), Direction::Receive) = (message, direction)
            && self.style.form == Form::Parsed
            && self.version != Version::V4
        {
            w.raw(stamp.start(self.version))
                .number(head.count())
                .raw(head.update());
            return self.update_event(attributes, fields, head, w);
        }
        let kind = match message {
            Message::Refresh(_) => "refresh",
            other => other.kind().name(),
        };
        self.start(head, stamp, kind, Some(direction), w);
        match message {
            Message::Open(open) => {
                w.raw(", \"open\": ");
                match self.version {
                    Version::V6 => v60::open(open, direction, w),
                    _ => open.json(direction, w),
                }
            }
            Message::Update(attributes, fields) => {
                w.raw(", \"message\": { \"update\": { ");
                return self.update_event(attributes, fields, head, w);
            }
            Message::EndOfRib(family) => {
                end_of_rib(*family, w);
                return self.end(head, w);
            }
            Message::Notification(notification) => {
                w.raw(", \"notification\": ");
                self.notification(direction, notification, w);
                w.raw(" ");
            }
            Message::Keepalive => {
                w.raw(" ");
            }
            Message::Refresh(refresh) => {
                w.raw(", \"route-refresh\": ");
                refresh.json(w);
            }
            Message::Operational(operational) => {
                w.raw(", \"operational\": ");
                operational.json(w);
            }
        }
        w.raw(" } }\n");
    }

    /// The content of an UPDATE and the end of the line.
    fn update_event(
        &self,
        attributes: &AttributeSet,
        fields: &[Field<'_>],
        head: &EventHead,
        w: &mut JsonWriter,
    ) {
        self.update(attributes, fields, w);
        w.raw(" } }");
        if self.version == Version::V6 && !self.style.negotiated {
            w.raw(self.negotiated(head));
        }
        self.end(head, w);
    }

    /// All up to where the content of the `neighbor` object starts.
    fn start(
        &self,
        head: &mut EventHead,
        stamp: &mut Stamp,
        kind: &str,
        direction: Option<Direction>,
        w: &mut JsonWriter,
    ) {
        w.raw(stamp.start(self.version)).number(head.count());
        w.raw(", \"type\": \"").raw(kind).raw("\", ");
        if self.style.form == Form::Consolidated && direction.is_some() {
            if !self.raw.header.is_empty() {
                w.raw("\"header\": \"0x").hex(self.raw.header).raw("\", ");
            }
            if !self.raw.body.is_empty() {
                w.raw("\"body\": \"0x").hex(self.raw.body).raw("\", ");
            }
        }
        if self.version == Version::V4 {
            w.raw(head.short_json()).raw(" ");
        } else {
            w.raw(head.json());
        }
        match direction {
            Some(Direction::Send) => w.raw(", \"direction\": \"send\""),
            Some(Direction::Receive) => w.raw(", \"direction\": \"receive\""),
            None => w,
        };
    }

    /// The end of UPDATE and packets events, with the negotiated parameters if the helper asked for them.
    fn end(&self, head: &EventHead, w: &mut JsonWriter) {
        if self.style.negotiated {
            w.raw(self.negotiated(head));
        }
        w.raw(" } }\n");
    }

    fn negotiated<'h>(&self, head: &'h EventHead) -> &'h str {
        head.negotiated(self.version)
    }

    fn notification(&self, direction: Direction, notification: &Notification, w: &mut JsonWriter) {
        if self.version != Version::V4 {
            return notification.json(direction, w);
        }
        w.raw("{ \"code\": ")
            .number(notification.code)
            .raw(", \"subcode\": ")
            .number(notification.subcode);
        w.raw(", \"data\": \"0x")
            .hex(&notification.shown(direction))
            .raw("\" }");
    }

    fn packets(&self, category: u8, w: &mut JsonWriter) {
        w.raw(", \"message\": { \"category\": ").number(category);
        w.raw(", \"header\": \"0x")
            .hex(self.raw.header)
            .raw("\", \"body\": \"0x")
            .hex(self.raw.body)
            .raw("\" } ");
    }

    fn update(&self, attributes: &AttributeSet, fields: &[Field<'_>], w: &mut JsonWriter) {
        let of = |direction| {
            fields
                .iter()
                .filter(move |field| field.direction == direction)
        };
        let (announced, withdrawn) = (
            of(update::Direction::Announce),
            of(update::Direction::Withdraw),
        );
        let mut separator = "";
        if attributes.is_shown() {
            w.raw("\"attribute\": { ");
            match self.version {
                Version::V4 => v42::attributes(attributes, w),
                Version::V5 => attributes.write_json(w),
                Version::V6 => v60::attributes(attributes, w),
            }
            w.raw(" }");
            separator = ", ";
        }
        // Nearly all UPDATEs have one field with one next hop.
        match fields {
            [only] if only.direction == update::Direction::Announce && !has_two_hops(only) => {
                w.raw(separator).raw("\"announce\": { ");
                family_key(only.routes.family, w);
                w.raw("{ ");
                hop_key(only.next_hop, w);
                w.list(only.routes.flatten(), |w, nlri| {
                    self.nlri(nlri, only.next_hop, w)
                });
                w.raw(" ] } }");
                return;
            }
            _ => {}
        }
        if announced.clone().next().is_some() {
            w.raw(separator).raw("\"announce\": { ");
            self.announced(announced, w);
            w.raw(" }");
            separator = ", ";
        }
        if withdrawn.clone().next().is_some() {
            w.raw(separator).raw("\"withdraw\": { ");
            self.withdrawn(withdrawn, w);
            w.raw(" }");
        }
    }

    /// One member for each family, in it one for each next hop. Routes of one family may come in two fields.
    fn announced<'f>(&self, fields: impl Iterator<Item = &'f Field<'f>>, w: &mut JsonWriter) {
        families(fields, w, |fields, w| {
            w.raw("{ ");
            let hops: SmallVec<[(Option<NextHop>, Routes<'_>); 4]> = fields
                .iter()
                .flat_map(|field| each_hop(field.next_hop).map(|hop| (hop, field.routes)))
                .collect();
            let mut comma = "";
            for (at, (hop, _)) in hops.iter().enumerate() {
                if hops[..at].iter().any(|(other, _)| other == hop) {
                    continue;
                }
                w.raw(comma);
                comma = ", ";
                hop_key(*hop, w);
                let routes = hops.iter().filter(|(other, _)| other == hop);
                w.list(
                    routes.flat_map(|(_, routes)| *routes).flatten(),
                    |w, nlri| {
                        self.nlri(nlri, *hop, w);
                    },
                );
                w.raw(" ]");
            }
            w.raw(" }");
        });
    }

    fn withdrawn<'f>(&self, fields: impl Iterator<Item = &'f Field<'f>>, w: &mut JsonWriter) {
        families(fields, w, |fields, w| {
            w.raw("[ ");
            // Routes that an error withdrew keep their next hop, which some families show inside.
            let routes = fields.iter().flat_map(|field| {
                let routes = field.routes.flatten();
                routes.map(|nlri| (nlri, field.next_hop))
            });
            w.list(routes, |w, (nlri, hop)| self.nlri(nlri, hop, w));
            w.raw(" ]");
        });
    }

    fn nlri(&self, nlri: NlriRef<'_>, hop: Option<NextHop>, w: &mut JsonWriter) {
        let plain = matches!(nlri.family.afi, Afi::IPV4 | Afi::IPV6)
            && matches!(nlri.family.safi, Safi::UNICAST | Safi::MULTICAST)
            && nlri.path_id.is_none();
        if self.compact && plain {
            w.display(nlri);
        } else if self.version == Version::V6 {
            v60::nlri(nlri, hop, w);
        } else {
            nlri.json(hop, w);
        }
    }
}

/// One member for each family, in the order of their first fields.
fn families<'c, 'm: 'c>(
    fields: impl Iterator<Item = &'c Field<'m>>,
    w: &mut JsonWriter,
    mut write: impl FnMut(&[&'c Field<'m>], &mut JsonWriter),
) {
    let mut left: SmallVec<[&Field<'_>; 4]> = fields.collect();
    let mut comma = "";
    while let Some(first) = left.first() {
        let family = first.routes.family;
        let (same, other): (SmallVec<[_; 4]>, SmallVec<[_; 4]>) = left
            .into_iter()
            .partition(|field| field.routes.family == family);
        w.raw(comma);
        family_key(family, w);
        comma = ", ";
        write(&same, w);
        left = other;
    }
}

/// Appends `"ipv4 unicast": `.
fn family_key(family: Family, w: &mut JsonWriter) {
    if family == Family::IPV4_UNICAST {
        w.raw("\"ipv4 unicast\": ");
        return;
    }
    w.raw("\"");
    match (family.afi.name(), family.safi.name()) {
        (Some(afi), Some(safi)) => w.raw(afi).raw(" ").raw(safi),
        _ => w.format(format_args!("{family}")),
    };
    w.raw("\": ");
}

/// Appends `"192.0.2.1": [ `.
fn hop_key(hop: Option<NextHop>, w: &mut JsonWriter) {
    w.raw("\"");
    match hop {
        Some(NextHop::V4(address)) => push_ipv4(address, w.buffer()),
        Some(hop) => {
            w.format(format_args!("{hop}"));
        }
        None => {
            w.raw("no-nexthop");
        }
    }
    w.raw("\": [ ");
}

/// Returns `true` if events show the routes twice, under a global and a link-local address.
const fn has_two_hops(field: &Field<'_>) -> bool {
    matches!(field.next_hop, Some(NextHop::V6LinkLocal(..)))
}

/// The next hops under which events show a route: one, or the global and the link-local address.
pub(super) fn each_hop(hop: Option<NextHop>) -> impl Iterator<Item = Option<NextHop>> {
    let (first, second) = match hop {
        Some(NextHop::V6LinkLocal(global, local)) => {
            (Some(NextHop::V6(global)), Some(Some(NextHop::V6(local))))
        }
        other => (other, None),
    };
    std::iter::once(first).chain(second)
}

fn end_of_rib(family: Family, w: &mut JsonWriter) {
    w.raw(", \"message\": { \"eor\": { \"afi\" : ")
        .display(family.afi);
    w.raw(", \"safi\" : ").display(family.safi).raw(" } }");
}
