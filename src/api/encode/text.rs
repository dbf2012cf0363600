//! The text events of ExaBGP, to the byte. Each event ends with an empty line, since the event brings its own line end and
//! the transport adds one.

use super::head::EventHead;
use super::json_v4::each_hop;
use super::style::{Form, Version};
use super::v42;
use crate::api::event::{Direction, Event, Message, Raw};
use crate::bgp::AttributeSet;
use crate::bgp::family::Family;
use crate::bgp::message::update::{self, Field};
use crate::json::JsonWriter;

/// Appends the lines of `event`; nothing for those that text does not have.
pub(super) fn encode(
    (form, version): (Form, Version),
    head: &EventHead,
    event: &Event<'_>,
    raw: Raw<'_>,
    w: &mut JsonWriter,
) {
    match event {
        Event::Connected => {
            w.raw(head.text()).raw("connected");
        }
        Event::Up => {
            w.raw(head.text()).raw("up");
        }
        Event::Down { reason } => {
            w.raw(head.text()).raw("down - ");
            printable(reason, w);
        }
        Event::Fsm { .. } | Event::Signal { .. } | Event::Negotiated => return,
        Event::Message(direction, message) => match form {
            Form::Packets => packets(head, *direction, message.kind().0, raw, w),
            Form::Parsed => self::message((head, version), *direction, message, Raw::default(), w),
            Form::Consolidated => self::message((head, version), *direction, message, raw, w),
        },
        Event::Undecoded(direction, kind) => {
            if form != Form::Packets {
                return;
            }
            packets(head, *direction, kind.0, raw, w);
        }
    }
    // The event of an operational message is the one that brings no line end of its own.
    let operational =
        matches!(event, Event::Message(_, Message::Operational(_))) && form != Form::Packets;
    w.raw(if operational { "\n" } else { "\n\n" });
}

fn packets(head: &EventHead, direction: Direction, category: u8, raw: Raw<'_>, w: &mut JsonWriter) {
    w.raw(head.text())
        .raw(direction.name())
        .raw(" ")
        .number(category);
    raw_text(raw, w);
}

fn message(
    (head, version): (&EventHead, Version),
    direction: Direction,
    message: &Message<'_>,
    raw: Raw<'_>,
    w: &mut JsonWriter,
) {
    match message {
        Message::Update(attributes, fields) => {
            return update_text((head, version), direction, (*attributes, *fields), raw, w);
        }
        Message::EndOfRib(family) => return end_of_rib(head, direction, *family, raw, w),
        _ => w.raw(head.text()).raw(direction.name()).raw(" "),
    };
    match message {
        Message::Open(open) => {
            let mut text = String::new();
            open.text(direction, &mut text);
            printable(&text, w);
        }
        Message::Notification(notification) => notification.text(direction, w.buffer()),
        Message::Refresh(refresh) => refresh.text(w.buffer()),
        Message::Operational(operational) => operational.text(w.buffer()),
        Message::Keepalive | Message::Update(..) | Message::EndOfRib(_) => {
            w.raw("keepalive");
        }
    }
    raw_text(raw, w);
}

/// ` header 0xFF… body 0x…`.
fn raw_text(raw: Raw<'_>, w: &mut JsonWriter) {
    if !raw.header.is_empty() {
        w.raw(" header 0x").hex(raw.header);
    }
    if !raw.body.is_empty() {
        w.raw(" body 0x").hex(raw.body);
    }
}

fn update_text(
    (head, version): (&EventHead, Version),
    direction: Direction,
    (attributes, fields): (&AttributeSet, &[Field<'_>]),
    raw: Raw<'_>,
    w: &mut JsonWriter,
) {
    let lead = |w: &mut JsonWriter, what: &str| {
        w.raw(head.text())
            .raw(direction.name())
            .raw(" update ")
            .raw(what);
    };
    lead(w, "start\n");
    for Field {
        direction,
        next_hop,
        routes,
    } in fields
    {
        let lines = routes
            .flatten()
            .flat_map(|nlri| each_hop(*next_hop).map(move |hop| (hop, nlri)));
        for (hop, nlri) in lines {
            let announced = *direction == update::Direction::Announce;
            lead(
                w,
                if announced {
                    "announced "
                } else {
                    "withdrawn "
                },
            );
            nlri.text(hop, w.buffer());
            match version {
                _ if !announced => {}
                Version::V4 => v42::text(attributes, w.buffer()),
                _ => drop(w.raw(attributes.text())),
            }
            w.raw("\n");
        }
    }
    end(head, direction, raw, w);
}

fn end_of_rib(
    head: &EventHead,
    direction: Direction,
    family: Family,
    raw: Raw<'_>,
    w: &mut JsonWriter,
) {
    w.raw(head.text())
        .raw(direction.name())
        .raw(" update start\n");
    w.raw(head.text()).raw(direction.name());
    w.format(format_args!(
        " update route eor {}/{} ({family})\n",
        family.afi.0, family.safi.0
    ));
    end(head, direction, raw, w);
}

/// The raw form has a line of its own, before the last.
fn end(head: &EventHead, direction: Direction, raw: Raw<'_>, w: &mut JsonWriter) {
    if !raw.header.is_empty() {
        raw_text(raw, w);
        w.raw("\n");
    }
    w.raw(head.text()).raw(direction.name()).raw(" update end");
}

/// Appends text that a peer or a file supplied; what can't be printed becomes `\x0a`, so that no line is forged.
fn printable(text: &str, w: &mut JsonWriter) {
    for character in text.chars() {
        if character.is_control() {
            w.format(format_args!("\\x{:02x}", u32::from(character)));
        } else {
            w.buffer().push(character);
        }
    }
}
