//! A helper: a queue that is read at its own pace, and what its events add up to.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde_json::Value;
use tokio::time::{Instant, sleep, sleep_until};

use super::model::Table;
use crate::daemon::executor::Executor;
use crate::daemon::process::{Commands, Process};

/// What the helper knows.
#[derive(Default)]
pub(super) struct Helper {
    /// What each neighbor has announced, by the events.
    pub(super) tables: RefCell<BTreeMap<IpAddr, Table>>,
    /// What was read of a line.
    input: RefCell<Vec<u8>>,
    /// Lines received.
    pub(super) lines: Cell<u64>,
    /// Commands sent, and answers received.
    pub(super) sent: Cell<u64>,
    pub(super) answered: Cell<u64>,
    /// Commands without an answer yet.
    waiting: RefCell<VecDeque<String>>,
    /// Answers other than `done`, with their commands.
    pub(super) refused: RefCell<Vec<String>>,
    /// Until when nothing is read.
    pub(super) busy_until: Cell<Option<Instant>>,
}

impl Helper {
    /// Writes commands as the daemon reads them.
    pub(super) fn text(&self, lines: &[String]) -> String {
        // The lines of a set have no answers of their own.
        let answered = lines.iter().filter(|line| !line.starts_with("route "));
        answered.for_each(|line| self.expect(line));
        lines.join("\n") + "\n"
    }

    /// Expects an answer to a command.
    pub(super) fn expect(&self, line: &str) {
        self.waiting.borrow_mut().push_back(line.to_owned());
        self.sent.set(self.sent.get() + 1);
    }

    /// Reads events and answers as long as the daemon runs.
    pub(super) async fn read(&self, executor: &Executor, process: &Process) {
        loop {
            if let Some(until) = self.busy_until.get() {
                sleep_until(until).await;
            }
            if process.is_gone() {
                return;
            }
            if process.queue.is_empty() {
                process.queue.filled.notified().await;
                continue;
            }
            let paused = !process.queue.has_room();
            let written = process.queue.write(|slices| {
                let slice = &slices[0];
                let count = slice.len().min(4096);
                self.input.borrow_mut().extend_from_slice(&slice[..count]);
                Ok(count)
            });
            written.expect("the reader never fails");
            if paused && process.queue.has_room() {
                executor.room(process);
            }
            while let Some(line) = self.next_line() {
                self.line(std::str::from_utf8(&line).expect("text").trim_end());
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    fn next_line(&self) -> Option<Vec<u8>> {
        let mut input = self.input.borrow_mut();
        let end = input.iter().position(|octet| *octet == b'\n')?;
        Some(input.drain(..=end).collect())
    }

    fn line(&self, line: &str) {
        self.lines.set(self.lines.get() + 1);
        if !line.starts_with('{') {
            self.answered.set(self.answered.get() + 1);
            let command = self.waiting.borrow_mut().pop_front();
            if line != "done" && !line.starts_with("done added ") {
                self.refused
                    .borrow_mut()
                    .push(format!("{command:?}: {line}"));
            }
            return;
        }
        let event: Value = serde_json::from_str(line).expect("an event in JSON");
        let neighbor = &event["neighbor"];
        let Some(peer) = neighbor["address"]["peer"].as_str() else {
            return;
        };
        let peer: IpAddr = peer.parse().expect("an address");
        let mut tables = self.tables.borrow_mut();
        let table = tables.entry(peer).or_default();
        match event["type"].as_str() {
            Some("state") if neighbor["state"] == "down" => table.clear(),
            Some("update") => update(&neighbor["message"]["update"], table),
            _ => {}
        }
    }
}

fn update(update: &Value, table: &mut Table) {
    let prefix = |route: &Value| -> IpNet {
        let text = route["nlri"].as_str().expect("a prefix");
        text.parse().expect("a prefix")
    };
    for routes in update["withdraw"]
        .as_object()
        .into_iter()
        .flat_map(|all| all.values())
    {
        for route in routes.as_array().into_iter().flatten() {
            table.remove(&prefix(route));
        }
    }
    let families = update["announce"].as_object();
    for next_hops in families.into_iter().flat_map(|all| all.values()) {
        for routes in next_hops
            .as_object()
            .into_iter()
            .flat_map(|all| all.values())
        {
            for route in routes.as_array().into_iter().flatten() {
                // An End-of-RIB has none.
                if route["nlri"].is_string() {
                    let med = update["attribute"]["med"].as_u64().expect("a MED");
                    table.insert(prefix(route), u32::try_from(med).expect("32 bits"));
                }
            }
        }
    }
}
