//! Partitions and their offsets: fetches messages when none is left, and makes records of them.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::arrival::{Arrival, Produce};
use super::batch::RecordSet;
use super::cluster::{Cluster, Owned, Unavailable};
use super::contents::Contents;
use super::error::KafkaError;
use super::group::Group;
use super::partition::{EARLIEST, LATEST, Partition, State, Window, by_topic};
use super::protocol::{
    self, Api, FetchLimits, OFFSET_OUT_OF_RANGE, ask_messages, ask_offsets, meaning,
};

/// Bytes of messages that are fetched at once from all brokers, and of one partition.
const FETCH: (u32, u32) = (4 << 20, 512 << 10);

/// Fewest bytes that are fetched from a broker.
const LEAST: u32 = 64 << 10;

/// How long a broker waits for messages; shorter if there are several, since the slowest is waited for.
const WAIT: (Duration, Duration) = (Duration::from_millis(500), Duration::from_millis(200));

/// Shortest time for a round in which nothing came, if brokers answer at once that they have nothing, or are tried again.
const ROUND: Duration = Duration::from_millis(100);

/// Time between two looks for new topics and leaders; shorter when a partition can't be read.
const REFRESH: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(1));

/// How long a partition may fail until that is reported: leaders change.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a partition may fail when its interval is over.
const GIVE_UP: Duration = Duration::from_secs(60);

/// Most partitions that are read.
const MOST: usize = 1 << 14;

/// Reads partitions.
pub(super) struct Consumer {
    cluster: Cluster,
    group: Option<Group>,
    window: Window,
    partitions: Vec<Partition>,
    numbers: HashMap<(Arc<str>, i32), usize>,
    /// What was fetched and is still to be read.
    fetched: VecDeque<(usize, RecordSet)>,
    /// Whether nothing that was fetched was a message yet.
    fruitless: bool,
    /// The partition of the message whose records are given, and when it was stored.
    current: Option<(usize, i64)>,
    contents: Contents,
    ready: VecDeque<Arrival>,
    /// When to look for new topics and leaders, and whether the last look failed.
    refresh: (Instant, bool),
}

impl Consumer {
    /// Finds topics, partitions and offsets.
    pub(super) fn start(
        cluster: Cluster,
        group: Option<Group>,
        window: Window,
        contents: Contents,
    ) -> Result<Self, KafkaError> {
        let mut consumer = Self {
            cluster,
            group,
            window,
            partitions: Vec::new(),
            numbers: HashMap::new(),
            fetched: VecDeque::new(),
            fruitless: false,
            current: None,
            contents,
            ready: VecDeque::new(),
            refresh: (Instant::now() + REFRESH.0, false),
        };
        consumer.look(window.start)?;
        consumer.resume()?;
        let begun = Instant::now();
        while let Some((at, reason)) = consumer.find() {
            // Leaders of new topics take a moment.
            if begun.elapsed() > PATIENCE {
                let topic = consumer.partitions[at].topic.to_string();
                let failure = consumer.ready.pop_front().and_then(|one| one.damage);
                let reason = failure.unwrap_or(reason);
                return Err(KafkaError::Topic(topic, reason));
            }
            std::thread::sleep(ROUND);
            consumer.look(window.start)?;
        }
        Ok(consumer)
    }

    /// Learns of leaders and new partitions, which begin at `start`.
    fn look(&mut self, start: i64) -> Result<(), KafkaError> {
        for topic in self.cluster.topics()? {
            let name: Arc<str> = topic.name.into();
            for (number, leader) in topic.partitions {
                let known = self.numbers.get(&(name.clone(), number));
                if let Some(partition) = known.and_then(|at| self.partitions.get_mut(*at)) {
                    partition.leader = leader;
                } else if self.partitions.len() < MOST {
                    let at = self.partitions.len();
                    self.numbers.insert((name.clone(), number), at);
                    let place = (number, leader);
                    self.partitions
                        .push(Partition::new(name.clone(), place, start));
                }
            }
        }
        Ok(())
    }

    /// Begins at the offsets that the group has committed.
    fn resume(&mut self) -> Result<(), KafkaError> {
        let Some(group) = &mut self.group else {
            return Ok(());
        };
        let list = by_topic(&self.partitions, |_| Some(0));
        for answer in group.committed(&self.cluster, &list)? {
            if let Some(at) = self.numbers.get(&(answer.topic.into(), answer.partition))
                && answer.offset >= 0
            {
                let partition = &mut self.partitions[*at];
                partition.state = State::At(answer.offset);
                partition.committed = Some(answer.offset);
            }
        }
        Ok(())
    }

    /// Asks leaders of partitions, and returns their answers with the numbers of the partitions.
    fn ask(
        &mut self,
        api: Api,
        value: fn(&Partition) -> Option<i64>,
        read: fn(&[u8]) -> Result<Vec<protocol::Answer<'_>>, crate::wire::WireError>,
    ) -> Vec<(usize, Owned)> {
        let mut leaders = BTreeMap::new();
        for partition in self.partitions.iter().filter(|one| value(one).is_some()) {
            *leaders.entry(partition.leader).or_insert(0) += 1;
        }
        let several = leaders.len() > 1;
        let wait = if several { WAIT.1 } else { WAIT.0 };
        let share = FETCH.0 / u32::try_from(leaders.len().max(1)).unwrap_or(u32::MAX);
        let limits = FetchLimits {
            wait_ms: u32::try_from(wait.as_millis()).unwrap_or_default(),
            bytes: share.max(LEAST),
            partition_bytes: FETCH.1,
        };
        let mut asked = Vec::new();
        for leader in leaders.into_keys() {
            let list = by_topic(&self.partitions, |one| {
                value(one).filter(|_| one.leader == leader)
            });
            let sent = self.cluster.send(leader, api, &|w| match api {
                Api::FETCH => ask_messages(w, &list, limits),
                _ => ask_offsets(w, &list),
            });
            match sent {
                Ok(()) => asked.push(leader),
                Err(error) => self.unavailable(error),
            }
        }
        let mut found = Vec::new();
        for leader in asked {
            match self.cluster.receive(leader, read) {
                Ok(answers) => found.extend(answers),
                Err(error) => self.unavailable(error),
            }
        }
        let number = |answer: Owned| {
            let key = (Arc::from(&*answer.topic), answer.partition);
            self.numbers.get(&key).map(|at| (*at, answer))
        };
        found.into_iter().filter_map(number).collect()
    }

    /// Finds offsets. Returns a partition whose offset could not be found, and why.
    fn find(&mut self) -> Option<(usize, String)> {
        let wanted = |one: &Partition| match one.state {
            State::Find(time) => Some(time),
            _ => None,
        };
        if self.partitions.iter().all(|one| wanted(one).is_none()) {
            return None;
        }
        let mut refused = None;
        for (at, answer) in self.ask(Api::LIST_OFFSETS, wanted, protocol::offsets) {
            if answer.error == 0 {
                self.found(at, answer.offset);
            } else {
                refused = Some((at, meaning(answer.error)));
            }
        }
        let missing = self
            .partitions
            .iter()
            .position(|one| wanted(one).is_some())?;
        Some(refused.unwrap_or_else(|| (missing, "its leader does not answer".to_owned())))
    }

    /// Takes the offset that was found for a partition.
    fn found(&mut self, at: usize, offset: i64) {
        let partition = &mut self.partitions[at];
        let State::Find(time) = partition.state else {
            return;
        };
        partition.answered = true;
        if offset < 0 {
            // Nothing is as new as that.
            partition.state = State::Find(LATEST);
            return;
        }
        let Some(lost) = partition.lost else {
            partition.state = State::At(offset);
            return;
        };
        if time == EARLIEST && offset <= lost {
            // It lies behind the last message, not before the first.
            partition.state = State::Find(LATEST);
            return;
        }
        partition.state = State::At(offset);
        partition.lost = None;
        let reason = format!("the offset {lost} is not stored; reading goes on at {offset}");
        self.report(at, &reason);
    }

    /// Fetches messages.
    fn round(&mut self) {
        if std::mem::take(&mut self.fruitless) {
            // Not as fast as a broker can answer with what is no news.
            std::thread::sleep(ROUND);
        }
        let begun = Instant::now();
        self.refresh_if_due();
        for partition in &mut self.partitions {
            partition.answered = false;
        }
        if let Some((at, reason)) = self.find() {
            self.failing(at, reason);
        }
        let wanted = |one: &Partition| match one.state {
            State::At(offset) => Some(offset),
            _ => None,
        };
        let over = self.window.is_over();
        for (at, answer) in self.ask(Api::FETCH, wanted, protocol::messages) {
            self.take(at, answer, over);
        }
        self.check_answers(over);
        if self.fetched.is_empty() && self.ready.is_empty() {
            std::thread::sleep(ROUND.saturating_sub(begun.elapsed()));
        }
    }

    /// Takes what was fetched of a partition.
    fn take(&mut self, at: usize, answer: Owned, over: bool) {
        let partition = &mut self.partitions[at];
        let State::At(offset) = partition.state else {
            return;
        };
        match answer.error {
            0 => {
                partition.answered = true;
                if over {
                    partition.end.get_or_insert(answer.offset);
                }
                if !answer.records.is_empty() {
                    self.fruitless = true;
                    self.fetched
                        .push_back((at, RecordSet::new(answer.records, offset)));
                } else if partition.end.is_some_and(|end| offset >= end) {
                    partition.state = State::Done;
                }
            }
            OFFSET_OUT_OF_RANGE => {
                partition.lost = Some(offset);
                partition.state = State::Find(EARLIEST);
            }
            error => self.failing(at, meaning(error)),
        }
    }

    /// Notes why a partition can't be read now, and looks for its leader anew.
    fn failing(&mut self, at: usize, reason: String) {
        self.refresh.0 = self.refresh.0.min(Instant::now() + REFRESH.1);
        let partition = &mut self.partitions[at];
        let since = partition.failing.take().map(|(since, _)| since);
        partition.failing = Some((since.unwrap_or_else(Instant::now), reason));
    }

    /// Reports partitions that can't be read for some time. After the interval they are given up.
    fn check_answers(&mut self, over: bool) {
        for at in 0..self.partitions.len() {
            let partition = &mut self.partitions[at];
            if partition.answered || partition.state == State::Done {
                (partition.failing, partition.reported) = (None, false);
                continue;
            }
            let (since, reason) = partition
                .failing
                .get_or_insert_with(|| (Instant::now(), "its leader does not answer".into()));
            let (elapsed, reason) = (since.elapsed(), reason.clone());
            if over && elapsed > GIVE_UP {
                partition.state = State::Done;
                let text = format!("{}: {reason}; it is given up", partition.place());
                self.ready.push_back(self.contents.unreadable(text));
            } else if elapsed > PATIENCE && !partition.reported {
                partition.reported = true;
                self.report(at, &reason);
            }
        }
    }

    fn unavailable(&mut self, error: Unavailable) {
        self.refresh.0 = self.refresh.0.min(Instant::now() + REFRESH.1);
        if let Unavailable::Failed(reason) = error {
            let reason = format!("{reason}; it is tried again, and no message is skipped");
            self.ready.push_back(self.contents.damaged(reason));
        }
    }

    fn report(&mut self, at: usize, reason: &str) {
        let text = format!("{}: {reason}", self.partitions[at].place());
        self.ready.push_back(self.contents.damaged(text));
    }

    fn refresh_if_due(&mut self) {
        let (at, failing) = self.refresh;
        if Instant::now() < at {
            return;
        }
        let found = self.look(EARLIEST);
        let pause = if found.is_ok() { REFRESH.0 } else { PATIENCE };
        self.refresh = (Instant::now() + pause, found.is_err());
        if let Err(error) = found
            && !failing
        {
            self.ready
                .push_back(self.contents.damaged(error.to_string()));
        }
    }

    /// Begins the next message that was fetched. Returns `false` if there is none.
    fn next_message(&mut self) -> bool {
        while let Some((at, set)) = self.fetched.front_mut() {
            let (at, found) = (*at, set.next());
            self.fruitless &= found.is_none();
            let partition = &mut self.partitions[at];
            if partition.state != State::Done {
                partition.state = State::At(set.next_offset());
            }
            match found {
                None => {
                    self.fetched.pop_front();
                }
                // The rest of a partition whose interval is over.
                Some(_) if partition.state == State::Done => {
                    self.fetched.pop_front();
                }
                Some(Ok(message)) => {
                    self.current = Some((at, message.time));
                    let place = (at, partition.topic.clone());
                    self.contents.begin(place, message.time, message.value);
                    return true;
                }
                Some(Err(damage)) => {
                    let (from, next) = (damage.from, damage.next);
                    let reason = format!("offsets {from} to {}: {}", next - 1, damage.reason);
                    self.report(at, &reason);
                    return true;
                }
            }
        }
        false
    }

    /// Notes that all records of a message were given.
    fn end_message(&mut self) {
        let Some((at, stored)) = self.current.take() else {
            return;
        };
        let partition = &mut self.partitions[at];
        if let State::At(next) = partition.state {
            partition.given = Some(next);
            // Both clocks have to agree: those of routers may be wrong, and archives are published again.
            let stored = match stored {
                0.. => u32::try_from(stored / 1_000).unwrap_or(u32::MAX),
                _ => u32::MAX,
            };
            let time = self.contents.own_time().map(|own| own.min(stored));
            let late = time.is_some_and(|time| self.window.ends_before(time));
            if late || partition.end.is_some_and(|end| next >= end) {
                partition.state = State::Done;
            }
        }
    }

    /// Commits what was given.
    fn commit(&mut self) {
        let Some(group) = &mut self.group else {
            return;
        };
        let list = by_topic(&self.partitions, |one| {
            one.given.filter(|_| one.given != one.committed)
        });
        if list.is_empty() {
            return;
        }
        match group.commit(&self.cluster, &list) {
            Ok(true) => {
                for partition in &mut self.partitions {
                    partition.committed = partition.given.or(partition.committed);
                }
            }
            Ok(false) => {}
            Err(error) => {
                let reason = format!("what was read can't be committed: {error}");
                self.ready.push_back(self.contents.damaged(reason));
            }
        }
    }
}

impl Produce for Consumer {
    fn produce(&mut self) -> Option<Arrival> {
        loop {
            if let Some(arrival) = self.ready.pop_front() {
                return Some(arrival);
            }
            if !self.contents.is_empty() {
                self.contents.step(&mut self.ready);
                continue;
            }
            self.end_message();
            if self.group.as_ref().is_some_and(Group::is_due) {
                self.commit();
            }
            if self.next_message() || !self.ready.is_empty() {
                continue;
            }
            if self.partitions.iter().all(|one| one.state == State::Done) {
                return None;
            }
            self.round();
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        if self.ready.is_empty() && self.contents.is_empty() {
            self.end_message();
        }
        self.commit();
    }
}
