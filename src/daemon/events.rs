//! Dispatches events to helpers: which helper receives which events of a neighbor, and the queues they are appended to.
//!
//! The `api` blocks of the configuration become subscriptions of `api::subscription`, which prints each event once for all
//! helpers with the same format. This module has the clock and the queues.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use crate::api::command::Watch;
use crate::api::encode::{CheckChange, Encoder, LeaseEnd, Printer, Version};
use crate::api::event::{Event, EventHead, Raw, Stamp};
use crate::api::subscription::{HelperId, MessageKinds, MessageWish, Subscriptions, Wish};
use crate::bgp::message::MessageType;
use crate::config::{self, Messages, Subscription};
use crate::grammar::Selector;
use crate::health::State;
use crate::json::JsonWriter;

use super::clock::Clock;
use super::process::Process;
use super::queue::Queue;

/// The helpers of the daemon, by number. Numbers are not used again, since a reload may remove a helper that subscriptions
/// still name.
#[derive(Default)]
pub(crate) struct Helpers {
    list: RefCell<Vec<Rc<Process>>>,
}

impl Helpers {
    /// Adds a helper.
    pub(crate) fn add(&self, process: Rc<Process>) {
        self.list.borrow_mut().push(process);
    }

    /// The helper of that name and its number.
    pub(crate) fn find(&self, name: &str) -> Option<(HelperId, Rc<Process>)> {
        let list = self.list.borrow();
        // The newest of that name: an older one may be stopping.
        let (index, process) = list
            .iter()
            .enumerate()
            .rev()
            .find(|(_, process)| *process.name == *name)?;
        Some((HelperId(u32::try_from(index).ok()?), Rc::clone(process)))
    }

    /// The helpers that were not stopped.
    pub(crate) fn active(&self) -> Vec<Rc<Process>> {
        self.all()
            .into_iter()
            .filter(|process| !process.is_stopped())
            .collect()
    }

    /// All helpers, including those that have exited.
    pub(crate) fn all(&self) -> Vec<Rc<Process>> {
        self.list.borrow().clone()
    }
}

/// The bit of the numbers of operators who watch events; those of helpers do not have it.
const WATCHERS: u32 = 1 << 31;

/// An operator who watches events.
struct Watcher {
    id: HelperId,
    watch: Watch,
    queue: Weak<Queue>,
}

#[derive(Default)]
struct Watchers {
    list: Vec<Watcher>,
    /// The last number that was given.
    last: u32,
}

impl Watchers {
    fn event(&self, id: HelperId, text: &str) {
        let watcher = self.list.iter().find(|watcher| watcher.id == id);
        if let Some(queue) = watcher.and_then(|watcher| watcher.queue.upgrade()) {
            queue.event(text.as_bytes());
        }
    }
}

/// Prints events and appends them to the queues of helpers.
pub(crate) struct EventDispatcher {
    helpers: Helpers,
    watchers: RefCell<Watchers>,
    clock: Clock,
    printer: RefCell<Printer>,
    compact: bool,
}

impl EventDispatcher {
    /// A dispatcher for this process and host. `compact` is the setting `api.compact`.
    pub(crate) fn new(compact: bool) -> Self {
        let host = nix::unistd::gethostname()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let parent = u32::try_from(nix::unistd::getppid().as_raw()).unwrap_or_default();
        Self {
            helpers: Helpers::default(),
            watchers: RefCell::default(),
            clock: Clock::default(),
            printer: RefCell::new(Printer::new(Stamp::new(host, std::process::id(), parent))),
            compact,
        }
    }

    /// The helpers.
    pub(crate) const fn helpers(&self) -> &Helpers {
        &self.helpers
    }

    /// The event format of a helper.
    pub(crate) fn encoder(&self, process: &Process) -> Encoder {
        let version = match process.config().api_version {
            config::ApiVersion::V4 => Version::V4,
            config::ApiVersion::V5 => Version::V5,
            config::ApiVersion::V6 => Version::V6,
        };
        match process.config().encoder {
            config::Encoder::Json => Encoder::Json {
                version,
                compact: self.compact,
            },
            config::Encoder::Text => Encoder::Text { version },
        }
    }

    /// The subscriptions of a neighbor's `api` blocks and of the operators whose selectors match it, and the helpers that the
    /// blocks name.
    pub(crate) fn subscribe(
        &self,
        matches: impl Fn(&Selector) -> bool,
        blocks: &[Subscription],
    ) -> (Subscriptions, Vec<Rc<Process>>) {
        let mut wishes = Vec::new();
        for watcher in self.watchers.borrow().list.iter() {
            if matches(&watcher.watch.selector) {
                wishes.push(self.wish(watcher));
            }
        }
        let mut fed: Vec<Rc<Process>> = Vec::new();
        for block in blocks {
            for name in &block.processes {
                let Some((helper, process)) = self.helpers.find(name) else {
                    continue;
                };
                wishes.push(Wish {
                    helper,
                    encoder: self.encoder(&process),
                    neighbor_changes: block.neighbor_changes,
                    negotiated: block.negotiated,
                    fsm: block.fsm,
                    signal: block.signal,
                    send: message_wish(block.send),
                    receive: message_wish(block.receive),
                });
                if !fed.iter().any(|known| Rc::ptr_eq(known, &process)) {
                    fed.push(process);
                }
            }
        }
        (Subscriptions::new(&wishes), fed)
    }

    /// Adds an operator who watches events.
    pub(crate) fn watch(&self, watch: Watch, queue: &Rc<Queue>) {
        let mut watchers = self.watchers.borrow_mut();
        watchers.last += 1;
        let id = HelperId(WATCHERS | (watchers.last % WATCHERS));
        queue.drop_when_full();
        watchers.list.push(Watcher {
            id,
            watch,
            queue: Rc::downgrade(queue),
        });
    }

    /// Removes an operator. Returns `true` if it watched events.
    pub(crate) fn unwatch(&self, queue: &Rc<Queue>) -> bool {
        let mut watchers = self.watchers.borrow_mut();
        let before = watchers.list.len();
        watchers
            .list
            .retain(|watcher| !std::ptr::eq(watcher.queue.as_ptr(), Rc::as_ptr(queue)));
        watchers.list.len() < before
    }

    /// Returns `true` if an operator watches events.
    pub(crate) fn is_watching(&self, queue: &Rc<Queue>) -> bool {
        let watchers = self.watchers.borrow();
        let mut queues = watchers.list.iter().map(|watcher| watcher.queue.as_ptr());
        queues.any(|watching| std::ptr::eq(watching, Rc::as_ptr(queue)))
    }

    /// Number of operators who watch events.
    pub(crate) fn watchers(&self) -> usize {
        self.watchers.borrow().list.len()
    }

    /// The events that an operator watches.
    fn wish(&self, watcher: &Watcher) -> Wish {
        let version = Version::V5;
        let encoder = match watcher.watch.json {
            true => Encoder::Json {
                version,
                compact: self.compact,
            },
            false => Encoder::Text { version },
        };
        let kinds = MessageKinds::default().with(MessageType::NOTIFICATION);
        let kinds = match watcher.watch.updates {
            true => kinds
                .with(MessageType::UPDATE)
                .with(MessageType::ROUTE_REFRESH),
            false => kinds,
        };
        let messages = MessageWish {
            parsed: true,
            packets: false,
            consolidate: false,
            kinds,
        };
        Wish {
            helper: watcher.id,
            encoder,
            neighbor_changes: true,
            negotiated: false,
            fsm: false,
            signal: false,
            send: messages,
            receive: messages,
        }
    }

    /// Reports an event to the helpers of a neighbor.
    pub(crate) fn report(
        &self,
        subscriptions: &Subscriptions,
        head: &mut EventHead,
        event: &Event<'_>,
        raw: Raw<'_>,
    ) {
        if !subscriptions.wants(event.kind()) {
            return;
        }
        let printer = &mut *self.printer.borrow_mut();
        printer.stamp.set_time(self.clock.seconds());
        let list = self.helpers.list.borrow();
        for process in list.iter() {
            if let Some(count) = process.queue.take_lost() {
                let mut line = JsonWriter::new();
                self.encoder(process)
                    .lost(count, &mut printer.stamp, &mut line);
                process.queue.event(line.as_str().as_bytes());
            }
        }
        subscriptions.publish(head, event, raw, printer, |helpers, text| {
            for helper in helpers {
                if helper.0 & WATCHERS != 0 {
                    self.watchers.borrow().event(*helper, text);
                } else if let Some(process) = list.get(helper.0 as usize) {
                    process.queue.event(text.as_bytes());
                    if process.queue.is_hopeless() {
                        process.kill_unread();
                    }
                }
            }
        });
    }

    /// Reports to a helper that the lease of a route has ended, unless it does not read its events.
    pub(crate) fn report_lease(&self, process: &Process, end: &LeaseEnd<'_>) {
        if process.queue.is_over() {
            return;
        }
        let stamp = &mut self.printer.borrow_mut().stamp;
        stamp.set_time(self.clock.seconds());
        let mut line = JsonWriter::new();
        self.encoder(process).lease(end, stamp, &mut line);
        process.queue.event(line.as_str().as_bytes());
    }

    /// Reports a change of a health check to operators who watch the events of all neighbors.
    pub(crate) fn report_check(&self, name: &str, (state, held): (State, bool), reason: &str) {
        let watchers = self.watchers.borrow();
        let all = watchers.list.iter();
        for watcher in all.filter(|watcher| watcher.watch.selector == Selector::default()) {
            let stamp = &mut self.printer.borrow_mut().stamp;
            stamp.set_time(self.clock.seconds());
            let mut line = JsonWriter::new();
            let change = CheckChange {
                name,
                state: &state.to_string(),
                held,
                reason,
            };
            self.wish(watcher).encoder.check(&change, stamp, &mut line);
            watchers.event(watcher.id, line.as_str());
        }
    }

    /// Reports to a helper that the daemon stops.
    pub(crate) fn report_shutdown(&self, process: &Process) {
        let stamp = &mut self.printer.borrow_mut().stamp;
        stamp.set_time(self.clock.seconds());
        let mut line = JsonWriter::new();
        self.encoder(process).shutdown(stamp, &mut line);
        process.queue.event(line.as_str().as_bytes());
    }
}

fn message_wish(messages: Messages) -> MessageWish {
    let kinds = [
        (messages.open, MessageType::OPEN),
        (messages.update, MessageType::UPDATE),
        (messages.notification, MessageType::NOTIFICATION),
        (messages.keepalive, MessageType::KEEPALIVE),
        (messages.refresh, MessageType::ROUTE_REFRESH),
        (messages.operational, MessageType::OPERATIONAL),
    ];
    MessageWish {
        parsed: messages.parsed,
        packets: messages.packets,
        consolidate: messages.consolidate,
        kinds: kinds
            .into_iter()
            .filter(|(wanted, _)| *wanted)
            .fold(MessageKinds::default(), |kinds, (_, kind)| kinds.with(kind)),
    }
}
