//! Which helpers want which events of a neighbor, and in which form.
//!
//! Helpers that want an event in the same [`Style`] form a group: the event is printed once for all of them. The groups of
//! each kind of event are built when the configuration is read, so that checking whether a kind of event is wanted, which
//! decides whether it is decoded at all, is a look at one bit.
//!
//! Unlike in ExaBGP, what a helper receives depends on its own wishes, not on those of others with the same neighbor. Only one
//! that names messages and no form receives them in the form that others ask for: with ExaBGP, such files work because of that.

use super::encode::{Encoder, EventHead, Form, Printer, Style};
use super::event::{Direction, Event, Raw};
use crate::bgp::message::MessageType;

/// A helper process, identified by a number that the caller chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HelperId(pub u32);

/// What one `api` block of a neighbor asks for on behalf of one helper.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// The helper.
    pub helper: HelperId,
    /// How it reads events.
    pub encoder: Encoder,
    /// `state` events: connected, up, down.
    pub neighbor_changes: bool,
    /// `negotiated` events, and that object in others.
    pub negotiated: bool,
    /// `fsm` events.
    pub fsm: bool,
    /// `signal` events.
    pub signal: bool,
    /// What we send.
    pub send: MessageWish,
    /// What the peer sends.
    pub receive: MessageWish,
}

/// What one `send` or `receive` block asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageWish {
    /// Decoded.
    pub parsed: bool,
    /// Raw.
    pub packets: bool,
    /// Decoded and raw in one event; overrides the two others.
    pub consolidate: bool,
    /// Which types of messages.
    pub kinds: MessageKinds,
}

/// A set of the types of messages that events report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MessageKinds(u8);

impl MessageKinds {
    /// Adds a type.
    #[must_use]
    pub const fn with(self, kind: MessageType) -> Self {
        match slot(kind) {
            Some(slot) => Self(self.0 | 1 << slot),
            None => self,
        }
    }

    /// Returns `true` if the type is a member.
    pub const fn contains(self, kind: MessageType) -> bool {
        match slot(kind) {
            Some(slot) => self.0 & 1 << slot != 0,
            None => false,
        }
    }
}

/// A kind of events that a helper can subscribe to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Connected, up, down.
    State,
    /// Negotiated.
    Negotiated,
    /// The state machine.
    Fsm,
    /// Signals.
    Signal,
    /// Messages of a type.
    Message(Direction, MessageType),
}

impl Kind {
    const COUNT: usize = 4 + 2 * MESSAGES;

    const fn index(self) -> Option<usize> {
        Some(match self {
            Self::State => 0,
            Self::Negotiated => 1,
            Self::Fsm => 2,
            Self::Signal => 3,
            Self::Message(direction, kind) => match (slot(kind), direction) {
                (Some(slot), Direction::Send) => 4 + slot,
                (Some(slot), Direction::Receive) => 4 + MESSAGES + slot,
                (None, _) => return None,
            },
        })
    }
}

impl Event<'_> {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Connected | Self::Up | Self::Down { .. } => Kind::State,
            Self::Fsm { .. } => Kind::Fsm,
            Self::Signal { .. } => Kind::Signal,
            Self::Negotiated => Kind::Negotiated,
            Self::Message(direction, message) => Kind::Message(*direction, message.kind()),
            Self::Undecoded(direction, kind) => Kind::Message(*direction, *kind),
        }
    }
}

/// The types of messages that events report: OPEN (1) to OPERATIONAL (6).
const MESSAGES: usize = 6;

const fn slot(kind: MessageType) -> Option<usize> {
    match kind.0 {
        1..=6 => Some(kind.0 as usize - 1),
        _ => None,
    }
}

/// Helpers that want the same text.
#[derive(Clone, Debug)]
struct Group {
    style: Style,
    helpers: Vec<HelperId>,
}

/// The subscriptions to the events of one neighbor.
#[derive(Clone, Debug, Default)]
pub struct Subscriptions {
    /// The [`Kind`]s that are wanted, a bit each: most of thousands of neighbors have none.
    kinds: u16,
    /// The groups by the index of their kind; those of one kind in the order of printing.
    groups: Vec<(usize, Group)>,
}

const _: () = assert!(Kind::COUNT <= u16::BITS as usize);

impl Subscriptions {
    /// Groups `wishes`. A helper that is named by several receives what any of them asks for, each event once in each form.
    pub fn new(wishes: &[Wish]) -> Self {
        let mut all = Self::default();
        let send = MessageWish::forms_of(wishes.iter().map(|wish| wish.send));
        let receive = MessageWish::forms_of(wishes.iter().map(|wish| wish.receive));
        for wish in wishes {
            let plain = [
                (wish.neighbor_changes, Kind::State),
                (wish.negotiated, Kind::Negotiated),
                (wish.fsm, Kind::Fsm),
                (wish.signal, Kind::Signal),
            ];
            for (_, kind) in plain.into_iter().filter(|(wanted, _)| *wanted) {
                all.add(wish, kind, Form::Parsed);
            }
            for (direction, messages) in [
                (Direction::Send, wish.send.or_form(send)),
                (Direction::Receive, wish.receive.or_form(receive)),
            ] {
                for number in 1..=6 {
                    let kind = MessageType(number);
                    if messages.kinds.contains(kind) {
                        messages
                            .forms(direction)
                            .for_each(|form| all.add(wish, Kind::Message(direction, kind), form));
                    }
                }
            }
        }
        all
    }

    fn add(&mut self, wish: &Wish, kind: Kind, form: Form) {
        let Some(kind) = kind.index() else {
            return;
        };
        let style = Style {
            encoder: wish.encoder,
            form,
            negotiated: wish.negotiated,
        };
        let known = self
            .groups
            .iter_mut()
            .find(|(other, group)| *other == kind && group.style == style);
        match known {
            Some((_, group)) if group.helpers.contains(&wish.helper) => {}
            Some((_, group)) => group.helpers.push(wish.helper),
            None => {
                // Packets come before the decoded event of the same message.
                let at = self.groups.partition_point(|(other, group)| {
                    let before = form != Form::Packets || group.style.form == Form::Packets;
                    *other < kind || *other == kind && before
                });
                let helpers = vec![wish.helper];
                self.groups.insert(at, (kind, Group { style, helpers }));
                self.kinds |= 1 << kind;
            }
        }
    }

    /// The groups that want events of that kind, in the order of printing.
    fn of(&self, kind: Kind) -> impl Iterator<Item = &Group> {
        let index = kind.index().filter(|_| self.wants(kind));
        let groups = index.map(|index| {
            let groups = self.groups.iter().filter(move |(other, _)| *other == index);
            groups.map(|(_, group)| group)
        });
        groups.into_iter().flatten()
    }

    /// Returns `true` if any helper wants events of that kind.
    pub fn wants(&self, kind: Kind) -> bool {
        kind.index()
            .is_some_and(|index| self.kinds & 1 << index != 0)
    }

    /// Returns `true` if any helper wants events of that kind decoded.
    pub fn wants_decoded(&self, kind: Kind) -> bool {
        self.of(kind).any(|group| group.style.form != Form::Packets)
    }

    /// Prints `event` once for each group of helpers and hands the lines to `send`. `raw` is the message as it is on the
    /// wire, for helpers that want that.
    pub fn publish(
        &self,
        head: &mut EventHead,
        event: &Event<'_>,
        raw: Raw<'_>,
        Printer { stamp, buffer }: &mut Printer,
        mut send: impl FnMut(&[HelperId], &str),
    ) {
        for group in self.of(event.kind()) {
            buffer.clear();
            group.style.encode(head, event, raw, stamp, buffer);
            if !buffer.is_empty() {
                send(&group.helpers, buffer.as_str());
            }
        }
    }
}

impl MessageWish {
    /// The forms that any of `all` asks for.
    fn forms_of(all: impl Iterator<Item = Self>) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            parsed: sum.parsed | one.parsed,
            packets: sum.packets | one.packets,
            consolidate: sum.consolidate | one.consolidate,
            ..sum
        })
    }

    /// The same messages, in the form of `others` if it names none itself. Raw messages alone are only for those who ask.
    fn or_form(self, others: Self) -> Self {
        if self.parsed || self.packets || self.consolidate {
            return self;
        }
        Self {
            parsed: others.parsed,
            packets: others.packets && others.consolidate,
            consolidate: others.consolidate,
            ..self
        }
    }

    /// The forms it leads to. ExaBGP's `consolidate` shows the bytes of what we send only together with `packets`.
    fn forms(self, direction: Direction) -> impl Iterator<Item = Form> {
        let (first, second) = if self.consolidate {
            let bytes = direction == Direction::Receive || self.packets;
            (
                Some(if bytes {
                    Form::Consolidated
                } else {
                    Form::Parsed
                }),
                None,
            )
        } else {
            (
                self.packets.then_some(Form::Packets),
                self.parsed.then_some(Form::Parsed),
            )
        };
        first.into_iter().chain(second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(helper: u32, receive: MessageWish) -> Wish {
        Wish {
            helper: HelperId(helper),
            encoder: Encoder::TEXT,
            neighbor_changes: false,
            negotiated: false,
            fsm: false,
            signal: false,
            send: MessageWish::default(),
            receive,
        }
    }

    #[test]
    fn without_a_form_the_one_of_other_subscriptions_is_used() {
        let update = MessageKinds::default().with(MessageType::UPDATE);
        let formless = MessageWish {
            kinds: update,
            ..MessageWish::default()
        };
        let kind = Kind::Message(Direction::Receive, MessageType::UPDATE);
        let helpers = |wishes: &[Wish]| -> Vec<(Form, Vec<u32>)> {
            let all = Subscriptions::new(wishes);
            all.of(kind)
                .map(|group| {
                    (
                        group.style.form,
                        group.helpers.iter().map(|id| id.0).collect(),
                    )
                })
                .collect()
        };
        assert!(helpers(&[wish(1, formless)]).is_empty());
        let parsed = MessageWish {
            parsed: true,
            ..formless
        };
        assert_eq!(
            helpers(&[wish(1, formless), wish(2, parsed)]),
            [(Form::Parsed, vec![1, 2])]
        );
        let packets = MessageWish {
            packets: true,
            ..formless
        };
        assert_eq!(
            helpers(&[wish(1, formless), wish(2, packets)]),
            [(Form::Packets, vec![2])]
        );
    }
}
