//! Peers that record everything they receive, and a helper whose pipes are held by the test.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use oxabgp::bgp::capability::Offer;
use oxabgp::bgp::message::MessageType;
use oxabgp::bgp::message::open::Open;
use oxabgp::bgp::{Asn, Family, Notification};
use serde_json::Value;

use super::model::{Prefix, Version};
use crate::support::daemon::{Lab, PATIENCE};
use crate::support::peer::{RawPeer, encode, open};

/// Something that one thread writes and another waits for.
pub(super) struct Tape<T>(Arc<(Mutex<T>, Condvar)>);

impl<T> Clone for Tape<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Default> Tape<T> {
    fn new() -> Self {
        Self(Arc::new((Mutex::default(), Condvar::new())))
    }

    pub(super) fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let changed = change(&mut self.0.0.lock().expect("no panic while it is held"));
        self.0.1.notify_all();
        changed
    }

    /// Waits until `enough` holds.
    pub(super) fn until(&self, what: &str, mut enough: impl FnMut(&T) -> bool) {
        let held = self.0.0.lock().expect("no panic while it is held");
        let waited = self
            .0
            .1
            .wait_timeout_while(held, PATIENCE, |tape| !enough(tape));
        let (_tape, waited) = waited.expect("no panic while it is held");
        assert!(!waited.timed_out(), "waited too long for {what}");
    }
}

/// What was received on a session.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Routes and withdrawals, in order.
    pub(super) routes: Vec<(Prefix, Option<Version>)>,
    /// The reply to a route refresh, which is not a change.
    pub(super) again: Vec<(Prefix, Version)>,
    /// End-of-RIB markers: IPv4, IPv6.
    pub(super) ends: [usize; 2],
    refreshing: bool,
    /// Refreshes that were answered.
    pub(super) refreshed: usize,
    /// How it was closed.
    pub(super) over: Option<Option<Notification>>,
}

/// One session.
pub(super) struct Session {
    pub(super) recorded: Tape<Seen>,
    writer: TcpStream,
}

impl Session {
    /// Accepts a daemon's connection, and records what it sends from then on.
    pub(super) fn accept(listener: &TcpListener) -> Self {
        let mut peer = RawPeer::accept(listener);
        peer.establish(&Open {
            capabilities: Offer {
                families: vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST],
                asn4: Some(Asn(65001)),
                route_refresh: true,
                ..Offer::default()
            }
            .capabilities(),
            hold_time: 0,
            ..open(65001, [10, 0, 0, 2])
        });
        let stream = peer.stream();
        stream.set_read_timeout(None).expect("no limit");
        let writer = stream.try_clone().expect("a second handle");
        writer
            .set_write_timeout(Some(PATIENCE))
            .expect("a limit for writing");
        let recorded = Tape::new();
        let tape = recorded.clone();
        std::thread::spawn(move || listen(peer, &tape));
        Self { recorded, writer }
    }

    /// Announces or withdraws a route.
    pub(super) fn submit(&mut self, prefix: Prefix, version: Option<Version>) {
        let wire = prefix.wire();
        let length = |bytes: &[u8]| u16::try_from(bytes.len()).expect("short").to_be_bytes();
        let body = match version {
            Some(Version(med)) => {
                let mut attributes = vec![0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xFD, 0xE9];
                attributes.extend([0x40, 3, 4, 192, 0, 2, 1, 0x80, 4, 4]);
                attributes.extend(med.to_be_bytes());
                [&[0, 0][..], &length(&attributes), &attributes, &wire].concat()
            }
            None => [&length(&wire)[..], &wire, &[0, 0]].concat(),
        };
        self.send(MessageType::UPDATE, &body);
    }

    /// Requests the routes of a family.
    pub(super) fn refresh(&mut self, afi: u8) {
        self.send(MessageType::ROUTE_REFRESH, &[0, afi, 0, 1]);
    }

    fn send(&mut self, kind: MessageType, body: &[u8]) {
        let message = encode(kind, body);
        self.writer.write_all(&message).expect("a session");
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Ends the thread that listens.
        let _ = self.writer.shutdown(std::net::Shutdown::Both);
    }
}

fn listen(mut peer: RawPeer, tape: &Tape<Seen>) {
    loop {
        let message = peer.receive();
        let more = tape.change(|recorded| match message {
            Some((MessageType::UPDATE, body)) => {
                recorded.update(&body);
                true
            }
            // RFC 7313: BoRR, EoRR.
            Some((MessageType::ROUTE_REFRESH, body)) => {
                recorded.refreshing = body[2] == 1;
                recorded.refreshed += usize::from(body[2] == 2);
                true
            }
            Some((MessageType::NOTIFICATION, body)) => {
                recorded.over = Some(Some(Notification::decode(&body)));
                true
            }
            Some(_) => true,
            None => {
                recorded.over.get_or_insert(None);
                false
            }
        });
        if !more {
            return;
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> usize {
    usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]))
}

impl Seen {
    /// A decoder that shares no code with the one under test.
    fn update(&mut self, body: &[u8]) {
        let withdrawn = &body[2..2 + u16_at(body, 0)];
        let at = 2 + withdrawn.len();
        let mut attributes = &body[at + 2..at + 2 + u16_at(body, at)];
        let nlri = &body[at + 2 + attributes.len()..];
        if withdrawn.is_empty() && attributes.is_empty() && nlri.is_empty() {
            self.ends[0] += 1;
            return;
        }
        let (mut med, mut reach, mut unreach): (_, &[u8], _) = (None, &[], None);
        while !attributes.is_empty() {
            let (length, head) = if attributes[0] & 0x10 == 0 {
                (usize::from(attributes[2]), 3)
            } else {
                (u16_at(attributes, 2), 4)
            };
            let value = &attributes[head..head + length];
            match attributes[1] {
                4 => med = Some(u32::from_be_bytes(value.try_into().expect("four bytes"))),
                14 => reach = &value[5 + usize::from(value[3])..],
                15 => unreach = Some(&value[3..]),
                _ => {}
            }
            attributes = &attributes[head + length..];
        }
        if unreach.is_some_and(<[u8]>::is_empty) {
            self.ends[1] += 1;
            return;
        }
        self.routes(false, withdrawn, None);
        self.routes(true, unreach.unwrap_or_default(), None);
        self.routes(false, nlri, med);
        self.routes(true, reach, med);
    }

    fn routes(&mut self, v6: bool, mut bytes: &[u8], med: Option<u32>) {
        while !bytes.is_empty() {
            let (prefix, length) = Prefix::read(v6, bytes);
            bytes = &bytes[length..];
            let version = med.map(Version);
            match version.filter(|_| self.refreshing) {
                Some(version) => self.again.push((prefix, version)),
                None => self.routes.push((prefix, version)),
            }
        }
    }
}

/// What the helper received.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// `done` lines.
    pub(super) done: usize,
    /// The peer, and what it announced or withdrew.
    pub(super) events: Vec<(String, Prefix, Option<Version>)>,
}

/// A helper that forwards the test's commands, and what it receives.
pub(super) struct Helper {
    commands: File,
    pub(super) reported: Tape<Sent>,
    sent: usize,
}

impl Helper {
    /// The program, and the named pipes that it copies from and to.
    pub(super) fn program(lab: &Lab) -> String {
        let [commands, answers] = ["commands", "answers"].map(|name| {
            let path = lab.path(name);
            let made = Command::new("mkfifo").arg(&path).status();
            assert!(made.expect("mkfifo runs").success());
            path
        });
        lab.script(
            "main.sh",
            &format!(
                "exec 3<&0\ncat <&3 > {} &\nexec cat {}",
                answers.display(),
                commands.display()
            ),
        )
    }

    /// Opens the other ends of its pipes once it is running.
    pub(super) fn meet(lab: &Lab) -> Self {
        let answers = File::open(lab.path("answers")).expect("a pipe to read");
        let reported: Tape<Sent> = Tape::new();
        let tape = reported.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(answers).lines() {
                let line = line.expect("text");
                tape.change(|reported| reported.feed(&line));
            }
        });
        let commands = OpenOptions::new().write(true).open(lab.path("commands"));
        Self {
            commands: commands.expect("a pipe to write"),
            reported,
            sent: 0,
        }
    }

    /// Sends whole lines.
    pub(super) fn submit(&mut self, lines: &str) {
        self.sent += lines.lines().count();
        self.commands
            .write_all(lines.as_bytes())
            .expect("a helper that reads");
    }

    /// Waits until all commands are answered.
    pub(super) fn answered(&self) {
        self.reported
            .until("answers", |reported| reported.done == self.sent);
    }
}

impl Sent {
    fn feed(&mut self, line: &str) {
        match line {
            "done" => return self.done += 1,
            "reload in progress" => return,
            _ => {}
        }
        let event: Value = serde_json::from_str(line).expect(line);
        let Some(peer) = event["neighbor"]["address"]["peer"].as_str() else {
            assert_eq!(event["notification"], "shutdown", "{line}");
            return;
        };
        let update = &event["neighbor"]["message"]["update"];
        let family = "ipv4 unicast";
        let med = update["attribute"]["med"].as_u64();
        let version = med.map(|med| Version(u32::try_from(med).expect("a MED")));
        let mut push = |list: &Value, version: Option<Version>| {
            for route in list.as_array().into_iter().flatten() {
                let text = route["nlri"].as_str().expect(line);
                let prefix = Prefix::parse(text);
                self.events.push((peer.to_owned(), prefix, version));
            }
        };
        push(&update["withdraw"][family], None);
        push(&update["announce"][family]["192.0.2.1"], version);
    }
}

/// A datagram socket in systemd's place.
pub(super) struct Notices(std::os::unix::net::UnixDatagram);

impl Notices {
    pub(super) fn new(lab: &Lab) -> Self {
        let socket = std::os::unix::net::UnixDatagram::bind(lab.path("notify"));
        let socket = socket.expect("a socket");
        let limit: Option<Duration> = Some(PATIENCE);
        socket.set_read_timeout(limit).expect("a limit");
        Self(socket)
    }

    /// Waits until the daemon reports that it is ready, for the first time or again.
    pub(super) fn ready(&self) {
        let mut buffer = [0; 256];
        loop {
            let length = self.0.recv(&mut buffer).expect("a notice in time");
            if buffer[..length].starts_with(b"READY=1") {
                return;
            }
        }
    }
}
