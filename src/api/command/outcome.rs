//! The outcome of a line, and its answer.

use super::call::Reply;
use super::dump::Dump;
use super::error::CommandError;
use super::later::{Later, Preview};
use super::listing::Listing;
use super::notice::Notice;
use super::source::Source;
use super::special::{SetListing, Watch};
use super::staging::SetPlan;
use super::upgrade::Deferred;
use crate::api::reply::Answer;
use crate::rib::PeerSet;

/// The outcome of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was carried out.
    Done,
    /// It was carried out; its answer is written only when everything before it was written to the sockets of these peers.
    Synced(PeerSet),
    /// It was carried out; the rest of the answer is long and is requested piece by piece.
    Listed(Box<Listing>),
    /// It was carried out; its answer is the status of the daemon, followed by this text.
    Status(String),
    /// It was carried out; the source receives events from now on.
    Watch(Box<Watch>),
    /// A set, or a key of one, is to be applied; the answer says what that has changed.
    Set(Box<SetPlan>),
    /// Sets are to be listed, followed by this text.
    Sets(SetListing, String),
    /// Routes that end by themselves are to be listed, followed by this text.
    Leases {
        /// As JSON.
        json: bool,
        /// The text at the end.
        end: String,
    },
    /// Tables are to be written to files; the answer depends on whether that succeeds.
    Dump(Box<Dump>),
    /// The daemon is to continue as another version of its program; the answer depends on whether that succeeds.
    Upgrade(Box<Deferred>),
    /// It has requested something of the daemon as a whole; the answer depends on the result.
    Requested(Box<Later>),
    /// What a reload would change is to be found out; the answer follows it.
    Preview(Box<Preview>),
    /// It was not carried out, and changed nothing.
    Failed(CommandError),
}

/// Makes the answer to a command whose result is not known yet.
pub(super) fn later(
    result: Result<Reply, CommandError>,
    id: Option<&str>,
    (source, notice): (&mut Source, Option<Notice>),
) -> Later {
    let (acks, mut done) = (source.acks, String::new());
    finish(result, id, (source, notice), &mut done);
    let id = id.map(str::to_owned);
    Later { acks, id, done }
}

/// Writes the answer.
pub(super) fn finish(
    result: Result<Reply, CommandError>,
    id: Option<&str>,
    (source, notice): (&mut Source, Option<Notice>),
    out: &mut String,
) -> Outcome {
    match result {
        Ok(reply) => {
            if reply == Reply::Always || reply == Reply::Done && source.acks.enabled {
                let answer = notice.as_ref().map_or(Answer::Done, Notice::answer);
                source.acks.write(answer, id, out);
            }
            Outcome::Done
        }
        Err(error) => {
            if let Some(batch) = &mut source.batch {
                batch.fail(&error);
            }
            if let Some(staging) = &mut source.staging {
                staging.fail(&error);
            }
            if source.acks.enabled {
                source
                    .acks
                    .write(Answer::Error(&error.to_string()), id, out);
            }
            Outcome::Failed(error)
        }
    }
}
