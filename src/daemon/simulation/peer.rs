//! A naive BGP speaker with a wire format of its own: what it holds is what the daemon has sent.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::ops::Deref;
use std::rc::Rc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use super::held::Held;
use super::model::{Facts, Restart, Table};
use super::network::Line;
use super::wire::{end_of_rib, field, graceful_restart, prefixes, take, update};

/// How a peer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    Full,
    /// Half a kilobyte each 20 ms.
    Slow,
    Nothing,
}

/// One peer.
pub(super) struct Peer {
    pub(super) facts: Facts,
    pub(super) line: Rc<Line>,
    /// What the daemon has announced.
    pub(super) held: RefCell<Held>,
    /// The daemon's offer of graceful restart: its N bit, and the F bits of the families.
    offer: Cell<Option<(bool, [bool; 2])>>,
    /// Whether a NOTIFICATION ends the session after which nothing is kept.
    is_final: Cell<bool>,
    /// What the peer announces.
    pub(super) own: RefCell<Table>,
    pub(super) established: Cell<bool>,
    /// Messages received other than KEEPALIVE, and connections.
    heard: Cell<u64>,
    started: Instant,
    /// Sessions that were lost although nothing was done that may end one, and late KEEPALIVEs.
    pub(super) faults: RefCell<Vec<String>>,
    /// What the peer received last, for a report.
    pub(super) history: RefCell<VecDeque<(Instant, String)>>,
    /// Hash of everything that was noted, and when.
    digest: RefCell<DefaultHasher>,
    /// Until when the end of a session has a reason.
    excused_until: Cell<Instant>,
    /// Until when messages may be late.
    disturbed_until: Cell<Instant>,
    pace: Cell<(Pace, Instant)>,
    /// Until when it may read nothing, and so notices no end of a connection.
    blind_until: Cell<Instant>,
    /// The hold time of the session.
    hold: Cell<Duration>,
    output: RefCell<VecDeque<Vec<u8>>>,
    written: Notify,
    hang_up: Notify,
}

impl Deref for Peer {
    type Target = Facts;

    fn deref(&self) -> &Facts {
        &self.facts
    }
}

impl Peer {
    pub(super) fn new(facts: Facts, line: Rc<Line>) -> Rc<Self> {
        let now = Instant::now();
        Rc::new(Self {
            facts,
            line,
            held: RefCell::default(),
            offer: Cell::default(),
            is_final: Cell::default(),
            own: RefCell::default(),
            established: Cell::new(false),
            heard: Cell::default(),
            started: now,
            faults: RefCell::default(),
            history: RefCell::default(),
            digest: RefCell::default(),
            excused_until: Cell::new(now),
            disturbed_until: Cell::new(now),
            pace: Cell::new((Pace::Full, now)),
            blind_until: Cell::new(now),
            hold: Cell::new(Duration::from_secs(9)),
            output: RefCell::default(),
            written: Notify::new(),
            hang_up: Notify::new(),
        })
    }

    /// The end of a session within this time has a reason.
    pub(super) fn excuse(&self, time: Duration) {
        let until = Instant::now() + time;
        self.excused_until.set(self.excused_until.get().max(until));
        self.disturb(time);
    }

    /// Messages within this time may be late.
    pub(super) fn disturb(&self, time: Duration) {
        let until = Instant::now() + time;
        self.disturbed_until
            .set(self.disturbed_until.get().max(until));
    }

    pub(super) fn read_at(&self, pace: Pace, time: Duration) {
        let until = Instant::now() + time;
        self.pace.set((pace, until));
        if pace == Pace::Nothing {
            self.blind_until.set(self.blind_until.get().max(until));
            if !self.established.get() {
                // It does not answer an OPEN in time.
                self.excuse(time + Duration::from_secs(10));
            }
        }
        // What waits meanwhile has to be read first.
        self.disturb(time * 2 + Duration::from_secs(10));
    }

    /// How long it may still read nothing. A pause lasts for its whole time, whatever pace is set meanwhile.
    pub(super) fn blind(&self) -> Duration {
        let until = self.blind_until.get();
        until.saturating_duration_since(Instant::now())
    }

    /// How many messages other than KEEPALIVE it has received, and connections it had.
    pub(super) fn heard(&self) -> u64 {
        self.heard.get()
    }

    pub(super) fn hang_up(&self) {
        self.hang_up.notify_waiters();
    }

    fn send(&self, kind: u8, body: &[u8]) {
        let length = u16::try_from(19 + body.len()).expect("a short message");
        let mut message = vec![0xff; 16];
        message.extend(length.to_be_bytes());
        message.push(kind);
        message.extend(body);
        self.output.borrow_mut().push_back(message);
        self.written.notify_one();
    }

    /// Announces a route, now or in the next session.
    pub(super) fn announce(&self, prefix: IpNet, med: u32) {
        self.own.borrow_mut().insert(prefix, med);
        if self.established.get() {
            self.send(2, &update(self.asn, &[prefix], Some(med)));
        }
    }

    pub(super) fn withdraw(&self, prefix: IpNet) {
        if self.own.borrow_mut().remove(&prefix).is_some() && self.established.get() {
            self.send(2, &update(self.asn, &[prefix], None));
        }
    }

    /// Asks for the routes of a family again (RFC 2918).
    pub(super) fn refresh(&self, afi: u8) {
        if self.established.get() {
            self.send(5, &[0, afi, 0, 1]);
        }
    }

    /// Ends the session with a NOTIFICATION.
    pub(super) fn cease(&self) {
        if self.established.get() {
            self.notified(&[6, 4]);
            self.send(3, &[6, 4]);
        }
    }

    /// Serves one connection until its end.
    pub(super) async fn serve(&self, stream: DuplexStream) {
        self.heard.set(self.heard.get() + 1);
        let (reader, writer) = tokio::io::split(stream);
        self.output.borrow_mut().clear();
        // Who reads nothing does not answer an OPEN in time.
        let unread = self.pace.get().1.saturating_duration_since(Instant::now());
        if !unread.is_zero() {
            self.excuse(unread + Duration::from_secs(10));
        }
        let [high, low] = u16::try_from(self.asn)
            .expect("a short AS number")
            .to_be_bytes();
        let IpAddr::V4(address) = self.address else {
            return;
        };
        let mut open = vec![4, high, low, 0, 30];
        open.extend(address.octets());
        // Multiprotocol for IPv4 and IPv6 unicast, route refresh, four-octet AS numbers.
        let mut capabilities = vec![1, 4, 0, 1, 0, 1, 1, 4, 0, 2, 0, 1, 2, 0, 65, 4];
        capabilities.extend(self.asn.to_be_bytes());
        if self.takes_paths {
            // ADD-PATH, to receive, for both families.
            capabilities.extend([69, 8, 0, 1, 1, 1, 0, 2, 1, 1]);
        }
        if self.restart != Restart::None {
            // Not restarted, or it would wait for the daemon's End-of-RIB; routes are kept for two minutes.
            let flags = [0, 0x40][usize::from(self.restart == Restart::OverNotification)];
            capabilities.extend([64, 10, flags, 120, 0, 1, 1, 0x80, 0, 2, 1, 0x80]);
        }
        let length = u8::try_from(capabilities.len()).expect("short");
        open.extend([length + 2, 2, length]);
        open.extend(capabilities);
        self.send(1, &open);
        self.is_final.set(false);
        tokio::select! {
            () = self.write(writer) => {}
            reason = self.read(reader) => self.ended(reason),
            () = self.keep_alive() => {}
            () = self.hang_up.notified() => {}
        }
        self.note("closed".to_owned());
        if self.established.replace(false) {
            let keeps = self.keeps() && !self.is_final.get();
            self.held.borrow_mut().lost(keeps);
        }
    }

    /// Whether both ends restart gracefully.
    fn keeps(&self) -> bool {
        self.restart != Restart::None && self.offer.get().is_some()
    }

    /// Notes a NOTIFICATION of either end.
    fn notified(&self, error: &[u8]) {
        let n_bits = matches!(self.offer.get(), Some((true, _)));
        let survives = self.restart == Restart::OverNotification && n_bits;
        // Cease, hard reset.
        self.is_final.set(!survives || error.starts_with(&[6, 9]));
    }

    /// A hash of what the peer received and when, the same for each run of a seed that is repeated exactly.
    pub(super) fn digest(&self) -> u64 {
        self.digest.borrow().finish()
    }

    fn note(&self, what: String) {
        (self.started.elapsed(), &what).hash(&mut *self.digest.borrow_mut());
        let mut history = self.history.borrow_mut();
        history.push_back((Instant::now(), what));
        if history.len() > 4_000 {
            history.pop_front();
        }
    }

    fn ended(&self, reason: String) {
        self.note(format!("end of the session: {reason}"));
        if self.established.get() && Instant::now() > self.excused_until.get() {
            let at = self.started.elapsed();
            let fault = format!("{}: after {at:?}: {reason}", self.address);
            self.faults.borrow_mut().push(fault);
        }
    }

    async fn write(&self, mut writer: WriteHalf<DuplexStream>) {
        loop {
            let next = self.output.borrow_mut().pop_front();
            let Some(message) = next else {
                self.written.notified().await;
                continue;
            };
            if writer.write_all(&message).await.is_err() {
                // The reader reports the end.
                std::future::pending::<()>().await;
            }
            if message[18] == 3 {
                return;
            }
        }
    }

    /// Sends KEEPALIVEs, also while nothing is read.
    async fn keep_alive(&self) {
        let mut sent = Instant::now();
        loop {
            sleep(Duration::from_secs(1)).await;
            if self.established.get() && sent.elapsed() >= self.hold.get() / 3 {
                self.send(4, &[]);
                sent = Instant::now();
            }
        }
    }

    async fn paced(&self) -> usize {
        loop {
            let (pace, until) = self.pace.get();
            if until <= Instant::now() {
                return 64 * 1024;
            }
            match pace {
                Pace::Full => return 64 * 1024,
                Pace::Slow => {
                    sleep(Duration::from_millis(20)).await;
                    return 512;
                }
                Pace::Nothing => sleep_until(until).await,
            }
        }
    }

    /// Reads until the end of the connection. Returns the reason.
    async fn read(&self, mut reader: ReadHalf<DuplexStream>) -> String {
        let mut input = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        let mut heard = Instant::now();
        let mut hold = Duration::from_secs(60);
        loop {
            let most = self.paced().await;
            let wait = Duration::from_secs(1);
            match tokio::time::timeout(wait, reader.read(&mut buffer[..most])).await {
                Ok(Ok(count @ 1..)) => input.extend_from_slice(&buffer[..count]),
                Ok(_) => return "the daemon has closed the connection".to_owned(),
                Err(_) => {}
            }
            while let Some(message) = take(&mut input) {
                self.note_gap(heard, hold);
                heard = Instant::now();
                if message[18] != 4 {
                    self.heard.set(self.heard.get() + 1);
                }
                match message[18] {
                    1 => {
                        let theirs = u64::from(u16::from_be_bytes([message[22], message[23]]));
                        hold = Duration::from_secs(theirs.min(30));
                        self.hold.set(hold);
                        self.offer.set(graceful_restart(&message[19..]));
                        self.send(4, &[]);
                    }
                    4 if !self.established.replace(true) => self.greet(),
                    2 => self.update(&message[19..]),
                    3 => {
                        self.notified(&message[19..]);
                        return format!("NOTIFICATION {},{}", message[19], message[20]);
                    }
                    _ => {}
                }
            }
            if heard.elapsed() > hold && Instant::now() > self.disturbed_until.get() {
                return format!("the daemon was silent for {:?}", heard.elapsed());
            }
        }
    }

    /// The interval of KEEPALIVEs is a third of the hold time (RFC 4271 section 10); anything later is a fault.
    fn note_gap(&self, heard: Instant, hold: Duration) {
        let gap = heard.elapsed();
        let allowed = hold / 3 + Duration::from_secs(1);
        if self.established.get() && heard > self.disturbed_until.get() && gap > allowed {
            let at = self.started.elapsed();
            let fault = format!(
                "{}: after {at:?}: nothing for {gap:?}, hold time {hold:?}",
                self.address
            );
            self.faults.borrow_mut().push(fault);
        }
    }

    /// Announces everything at the beginning of a session.
    fn greet(&self) {
        self.note("established".to_owned());
        let kept = self.offer.get().map_or([false; 2], |(_, kept)| kept);
        self.held.borrow_mut().begin(kept);
        let own = self.own.borrow().clone();
        for (prefix, med) in own {
            self.send(2, &update(self.asn, &[prefix], Some(med)));
        }
        self.send(2, &[0, 0, 0, 0]);
        self.send(2, &[0, 0, 0, 6, 0x80, 15, 3, 0, 2, 1]);
    }

    fn update(&self, body: &[u8]) {
        let mut held = self.held.borrow_mut();
        if let Some(family) = end_of_rib(body) {
            self.note(format!("end of RIB {family}"));
            return held.end_of_rib(family);
        }
        let (withdrawn, rest) = field(body);
        let (attributes, announced) = field(rest);
        let paths = self.takes_paths;
        let mut gone = prefixes(withdrawn, (false, paths));
        let mut new = prefixes(announced, (false, paths));
        let mut med = None;
        let mut left = attributes;
        while let [flags, kind, ..] = *left {
            let (value, rest) = if flags & 0x10 == 0 {
                left[3..].split_at(usize::from(left[2]))
            } else {
                field(&left[2..])
            };
            left = rest;
            match kind {
                4 => med = Some(u32::from_be_bytes(value.try_into().expect("four octets"))),
                14 => new.extend(prefixes(&value[5 + usize::from(value[3])..], (true, paths))),
                15 => gone.extend(prefixes(&value[3..], (true, paths))),
                _ => {}
            }
        }
        for (prefix, id) in gone {
            self.note(format!("withdrawn: {prefix} path {id}"));
            held.withdraw((prefix, id));
        }
        for (prefix, id) in new {
            self.note(format!("announced: {prefix} path {id} med {med:?}"));
            let med = med.expect("a MULTI_EXIT_DISC");
            if let Err(fault) = held.announce((prefix, id), med) {
                let at = self.started.elapsed();
                let fault = format!("{}: after {at:?}: {fault}", self.address);
                self.faults.borrow_mut().push(fault);
            }
        }
    }
}
