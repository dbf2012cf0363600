//! Writes the journal anew when most of it is of the past, and after a fault.

use std::rc::Rc;
use std::time::Duration;

use super::{Copy, Recorded, now};
use crate::daemon::core::Core;
use crate::daemon::lease_table;
use crate::rib::Leased;

/// Routes in one turn.
const STEP: usize = 4_096;
/// The first and the longest pause after a fault.
const PAUSE: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(60);

/// Keeps the file short as long as the daemon runs.
pub(crate) async fn run(core: &Rc<Core>) {
    let mut pause = PAUSE;
    loop {
        if compact(core).await {
            pause = PAUSE;
        } else {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
        }
        core.journal.due(|| core.leases.recorded()).await;
    }
}

/// Writes a new file. Changes that are made meanwhile are appended to both. Returns `false` if it can't be written.
async fn compact(core: &Core) -> bool {
    let journal = &core.journal;
    if !journal.begin().await {
        return false;
    }
    let mut copy = Copy::of(core.leases.recorded());
    for (set, declared) in core.sets.declared() {
        copy.frame.revision((&set, &declared.speaker), None);
        copy.seal();
    }
    core.routes.switches(&mut |peer, name, switch| {
        let peers = std::iter::once(peer).collect();
        copy.numbers
            .switch(&core.neighbors, (&peers, name), switch, &mut copy.frame);
        copy.seal();
    });
    let mut from = Some(0);
    while let Some(at) = from {
        let (wall, boot) = (now(), lease_table::now());
        from = core.leases.visit(at, STEP, &mut |leased| {
            add(core, &leased, (wall, boot), &mut copy);
        });
        if from.is_none() {
            // After the routes: a file whose end is lost must not claim what it lacks.
            for (set, declared) in core.sets.declared() {
                copy.frame
                    .revision((&set, &declared.speaker), declared.revision);
                copy.seal();
            }
        }
        if !journal.copy(&mut copy).await {
            return false;
        }
        tokio::task::yield_now().await;
    }
    journal.replace(&copy).await
}

fn add(core: &Core, leased: &Leased<'_>, (wall, boot): (u64, Duration), copy: &mut Copy) {
    if let Some(route) = Recorded::of(leased, boot) {
        copy.numbers
            .announce(&core.neighbors, &route, wall, &mut copy.frame);
        copy.added();
    }
}
