//! The offsets of a consumer group: kept by one of the brokers, so that reading goes on where it stopped.

use std::io;
use std::time::{Duration, Instant};

use super::cluster::{Cluster, Owned, Refusal};
use super::connection::Connection;
use super::error::KafkaError;
use super::protocol::{self, Api, ByTopic, is_temporary, meaning};

/// Time between two commits.
const EVERY: Duration = Duration::from_secs(5);

/// How long a new cluster may take until it has a broker for groups.
const PATIENCE: Duration = Duration::from_secs(15);

/// Time between two tries in the meantime.
const PAUSE: Duration = Duration::from_millis(250);

/// A consumer group.
#[derive(Debug)]
pub(super) struct Group {
    name: String,
    connection: Option<Connection>,
    due: Instant,
    /// Whether the last commit failed, which was reported.
    failing: bool,
}

impl Group {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            connection: None,
            due: Instant::now() + EVERY,
            failing: false,
        }
    }

    /// Returns `true` if it is time to commit.
    pub(super) fn is_due(&self) -> bool {
        Instant::now() >= self.due
    }

    /// The committed offsets of these partitions; -1 for one without. Waits for a cluster that is not ready.
    pub(super) fn committed(
        &mut self,
        cluster: &Cluster,
        list: &ByTopic<'_>,
    ) -> Result<Vec<Owned>, KafkaError> {
        let begun = Instant::now();
        loop {
            match self.ask_committed(cluster, list) {
                Err(Refusal::Code(code)) if is_temporary(code) && begun.elapsed() < PATIENCE => {
                    std::thread::sleep(PAUSE);
                }
                found => return found.map_err(|refusal| self.error(refusal)),
            }
        }
    }

    fn error(&self, refusal: Refusal) -> KafkaError {
        let reason = match refusal {
            Refusal::Code(code) => meaning(code),
            Refusal::Connection(error) => return error,
            Refusal::Answer(error) => error.to_string(),
        };
        KafkaError::Group(self.name.clone(), reason)
    }

    fn ask_committed(
        &mut self,
        cluster: &Cluster,
        list: &ByTopic<'_>,
    ) -> Result<Vec<Owned>, Refusal> {
        let (name, connection) = self.connect(cluster)?;
        let ask = connection
            .send(Api::OFFSET_FETCH, &|w| {
                protocol::ask_committed(w, name, list);
            })
            .and_then(|()| own(connection, protocol::committed));
        self.checked(ask)
    }

    /// Commits offsets. Returns `false` if that fails as it did the last time, which was an error.
    pub(super) fn commit(
        &mut self,
        cluster: &Cluster,
        list: &ByTopic<'_>,
    ) -> Result<bool, KafkaError> {
        self.due = Instant::now() + EVERY;
        let done = self.ask_commit(cluster, list);
        let before = std::mem::replace(&mut self.failing, done.is_err());
        match done {
            Ok(()) => Ok(true),
            Err(_) if before => Ok(false),
            Err(refusal) => Err(self.error(refusal)),
        }
    }

    fn ask_commit(&mut self, cluster: &Cluster, list: &ByTopic<'_>) -> Result<(), Refusal> {
        let (name, connection) = self.connect(cluster)?;
        let ask = connection
            .send(Api::OFFSET_COMMIT, &|w| protocol::ask_commit(w, name, list))
            .and_then(|()| own(connection, protocol::commit));
        self.checked(ask).map(drop)
    }

    fn connect(&mut self, cluster: &Cluster) -> Result<(&str, &mut Connection), Refusal> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => cluster.coordinator(&self.name)?,
        };
        Ok((&self.name, self.connection.insert(connection)))
    }

    /// Looks for errors; after one the coordinator is looked for again.
    fn checked(&mut self, answers: io::Result<Vec<Owned>>) -> Result<Vec<Owned>, Refusal> {
        let checked = match answers {
            Err(error) => Err(Refusal::Answer(error)),
            Ok(answers) => match answers.iter().find(|answer| answer.error != 0) {
                Some(answer) => Err(Refusal::Code(answer.error)),
                None => Ok(answers),
            },
        };
        if checked.is_err() {
            self.connection = None;
        }
        checked
    }
}

/// Receives an answer that owns its bytes.
fn own(
    connection: &mut Connection,
    read: fn(&[u8]) -> Result<Vec<protocol::Answer<'_>>, crate::wire::WireError>,
) -> io::Result<Vec<Owned>> {
    let answers = read(connection.receive()?).map_err(super::connection::wrong)?;
    Ok(answers.into_iter().map(Owned::from).collect())
}
