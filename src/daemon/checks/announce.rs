//! Makes the routes of a check what its state wants them to be.

use std::collections::HashMap;
use std::rc::Rc;

use tracing::warn;

use super::Check;
use crate::api::control::Control;
use crate::bgp::nlri::NlriId;
use crate::bgp::{AttributeSet, Nlri};
use crate::config::CheckConfig;
use crate::daemon::backend::ApiBackend;
use crate::daemon::core::Core;
use crate::health::Side;
use crate::rib::{Action, Change, PeerSet};

type Routes = Vec<(Nlri, Rc<AttributeSet>)>;

/// Announces and withdraws what the state of a check wants. Does nothing if that is done already.
pub(super) fn sync(core: &Rc<Core>, check: &Check) {
    let Some(side) = check.side.get() else {
        return;
    };
    let config = check.config();
    let epoch = core.neighbors.epoch();
    let peers = peers(core, &config);
    let wanted = match side {
        Side::Up => config.routes.clone(),
        Side::Down => config.down_routes(),
    };
    let known = check.sent.borrow().epoch == epoch && check.sent.borrow().peers == peers;
    let (gone, new) = difference(core, check, (&wanted, &peers), known);
    if gone.is_empty() && new.is_empty() {
        return;
    }
    let owner = &check.owner;
    // Withdrawals always pass: they are not one step with what may be refused.
    let withdrawn = ApiBackend::of_check(core, owner).apply(&mut gone.into());
    let announced = ApiBackend::of_check(core, owner).apply(&mut new.into());
    core.journal.flush();
    core.wake_neighbors();
    let mut sent = check.sent.borrow_mut();
    (sent.peers, sent.epoch) = (peers, epoch);
    match withdrawn.and(announced) {
        Ok(()) => {
            sent.routes = wanted;
            check.refused.replace(None);
        }
        Err(error) => {
            let reason = error.to_string();
            // What is announced is what both have: the rest is tried again at the next result.
            sent.routes.retain(|(nlri, attributes)| {
                wanted
                    .iter()
                    .any(|(other, same)| other == nlri && same == attributes)
            });
            if check.refused.borrow().as_ref() != Some(&reason) {
                warn!(check = %check.name, "routes of the check are refused: {reason}");
                check.refused.replace(Some(reason));
            }
        }
    }
}

/// Withdraws all routes of a check.
pub(super) fn withdraw(core: &Rc<Core>, check: &Check) {
    let mut sent = check.sent.take();
    sent.peers
        .subtract(&core.neighbors.removed_since(sent.epoch));
    let changes: Vec<Change> = sent
        .routes
        .into_iter()
        .map(|(nlri, _)| withdrawal(nlri, &sent.peers))
        .collect();
    if !changes.is_empty() {
        // Nothing judges withdrawals.
        let _ = ApiBackend::of_check(core, &check.owner).apply(&mut changes.into());
        core.journal.flush();
        core.wake_neighbors();
    }
}

/// The neighbors that are sent the routes of a check.
fn peers(core: &Core, config: &CheckConfig) -> PeerSet {
    core.neighbors.select(|listed| {
        let session = listed.neighbor.config.borrow().session.peer_address;
        let is_gone = listed.leaving.get() && !listed.aside.get();
        !is_gone && config.neighbors.selects(session)
    })
}

fn withdrawal(nlri: Nlri, peers: &PeerSet) -> Change {
    Change {
        nlri,
        action: Action::Withdraw(None),
        peers: peers.clone(),
    }
}

/// The withdrawals and announcements that lead from what was announced to what is wanted. Unless the neighbors are known to be
/// the same, all is announced again, which sends nothing to those who have it.
fn difference(
    core: &Core,
    check: &Check,
    (wanted, peers): (&Routes, &PeerSet),
    known: bool,
) -> (Vec<Change>, Vec<Change>) {
    let sent = check.sent.borrow();
    let mut sent_to = sent.peers.clone();
    sent_to.subtract(&core.neighbors.removed_since(sent.epoch));
    let before: HashMap<NlriId, &Rc<AttributeSet>> = sent
        .routes
        .iter()
        .map(|(nlri, attributes)| (nlri.as_ref().id(), attributes))
        .collect();
    let after: HashMap<NlriId, ()> = wanted
        .iter()
        .map(|(nlri, _)| (nlri.as_ref().id(), ()))
        .collect();
    let mut lost = sent_to.clone();
    lost.subtract(peers);
    let mut gone = Vec::new();
    for (nlri, _) in &sent.routes {
        match after.contains_key(&nlri.as_ref().id()) {
            false => gone.push(withdrawal(nlri.clone(), &sent_to)),
            true if !lost.is_empty() => gone.push(withdrawal(nlri.clone(), &lost)),
            true => {}
        }
    }
    if sent.routes.is_empty() && core.journal.is_kept() {
        // What an earlier run of the daemon has announced.
        let config = check.config();
        let restored = config.routes.iter().map(|(nlri, _)| nlri).filter(|nlri| {
            core.leases.holds(&check.owner, nlri.as_ref())
                && !after.contains_key(&nlri.as_ref().id())
        });
        gone.extend(restored.map(|nlri| withdrawal(nlri.clone(), peers)));
    }
    gone.retain(|change| !change.peers.is_empty());
    let mut new = Vec::new();
    for (nlri, attributes) in wanted {
        let same = before.get(&nlri.as_ref().id()) == Some(&attributes);
        if !(peers.is_empty() || known && same) {
            new.push(Change {
                nlri: nlri.clone(),
                action: Action::Announce(core.routes.intern(Rc::clone(attributes))),
                peers: peers.clone(),
            });
        }
    }
    (gone, new)
}
