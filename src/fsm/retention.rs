//! What becomes of the peer's routes when its session is lost: the receiving speaker of graceful restart (RFC 4724 section
//! 4.2), over a NOTIFICATION (RFC 8538), and long-lived (RFC 9494 section 4.2); and while the peer sends all of them again on
//! the same session (RFC 7313 section 4.2).
//!
//! The owner of the Adj-RIB-In reports what happened and does what is returned; no route is held here.
//!
//! ```text
//!            lost                 restart time            long-lived time
//!   fresh ──────────> stale ─────────────────> long-lived ───────────────> dropped
//!     ^                 │  (dropped, if the peer       │
//!     │  End-of-RIB     │   offered no more)           │
//!     └───── up ────────┴──────────────────────────────┘   what was not sent again is dropped
//! ```

use std::time::{Duration, Instant};

use super::reason::CloseReason;
use super::timer::after;
use crate::bgp::attribute::PathAttribute;
use crate::bgp::attribute::community::{Communities, Community};
use crate::bgp::capability::llgr::LongLived;
use crate::bgp::capability::{Capability, GracefulRestart};
use crate::bgp::family::Family;
use crate::bgp::message::notification::Notification;
use crate::bgp::negotiated::Negotiated;
use crate::bgp::{Attribute, AttributeSet};

/// How long a peer that is back may take to send its routes again, unless configured: what FRR waits.
const STALE_PATH_TIME: Duration = Duration::from_secs(360);

/// What is to be done with the routes of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// Mark all of them as stale.
    Keep(Family),
    /// Those that are stale become long-lived: they carry the LLGR_STALE community from now on and are the last choice;
    /// those with NO_LLGR are dropped.
    LongLived(Family),
    /// Drop those that are stale.
    DropStale(Family),
    /// Drop all of them.
    Drop(Family),
}

/// The families of one peer whose routes are kept without a session, or until the peer has sent them again.
#[derive(Clone, Debug)]
pub struct Retention {
    kept: Vec<Kept>,
    /// Families whose End-of-RIB a peer with graceful restart has not sent on this session.
    awaited: Vec<Family>,
    stale_path_time: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Clone, Debug)]
struct Kept {
    family: Family,
    /// When the stage ends.
    until: Instant,
    /// What the peer offered after this stage, in seconds; 0 in the long-lived stage.
    long_lived: u32,
    stage: Stage,
    /// When the peer, which is back, must have sent its long-lived routes again.
    synchronised: Option<Instant>,
}

impl Kept {
    /// When something is due.
    fn due(&self) -> Instant {
        self.synchronised
            .map_or(self.until, |at| at.min(self.until))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The restart time runs.
    Restarting,
    /// The long-lived time runs.
    LongLived,
    /// The peer is back and announces its routes.
    Synchronising,
    /// The peer sends its routes again, on the session on which it sent them before.
    Refreshing,
}

/// A family whose routes are kept, as data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFamily {
    /// The family.
    pub family: Family,
    /// How much is left of its stage.
    pub left: Duration,
    /// What the peer offered after this stage, in seconds.
    pub long_lived: u32,
    /// The stage, as a number of this module's.
    pub stage: u8,
    /// How long the peer, which is back, has to send its long-lived routes again.
    pub synchronised: Option<Duration>,
}

impl Retention {
    /// What is kept, as data.
    pub fn export(&self, now: Instant) -> Vec<KeptFamily> {
        let left = |at: Instant| at.saturating_duration_since(now);
        let kept = self.kept.iter().map(|kept| KeptFamily {
            family: kept.family,
            left: left(kept.until),
            long_lived: kept.long_lived,
            stage: kept.stage as u8,
            synchronised: kept.synchronised.map(left),
        });
        kept.collect()
    }

    /// Continues with what [`export`](Self::export) returned.
    pub fn import(&mut self, now: Instant, kept: &[KeptFamily]) {
        let stages = [
            Stage::Restarting,
            Stage::LongLived,
            Stage::Synchronising,
            Stage::Refreshing,
        ];
        let kept = kept.iter().filter_map(|kept| {
            Some(Kept {
                family: kept.family,
                until: after(now, kept.left),
                long_lived: kept.long_lived,
                stage: stages
                    .into_iter()
                    .find(|stage| *stage as u8 == kept.stage)?,
                synchronised: kept.synchronised.map(|left| after(now, left)),
            })
        });
        self.kept = kept.collect();
    }

    /// Families whose End-of-RIB a peer with graceful restart has not sent on this session.
    pub fn awaited(&self) -> &[Family] {
        &self.awaited
    }

    /// Continues with a session on which the peer has not sent these End-of-RIB markers.
    pub fn wait_for(&mut self, families: &[Family]) {
        self.awaited = families.to_vec();
    }

    /// Nothing is kept.
    pub const fn new() -> Self {
        Self {
            kept: Vec::new(),
            awaited: Vec::new(),
            stale_path_time: STALE_PATH_TIME,
        }
    }

    /// Sets how long a peer that is back may take to send its routes again: what it has not sent by then is dropped, with or
    /// without End-of-RIB. RFC 4724 4.2: "To put an upper bound on the amount of time a router retains the stale routes, an
    /// implementation MAY support a (configurable) timer that imposes this upper bound."
    pub const fn set_stale_path_time(&mut self, time: Duration) {
        self.stale_path_time = time;
    }

    /// A session that was up has ended.
    pub fn lost(&mut self, now: Instant, session: &Negotiated, reason: &CloseReason) -> Vec<Fate> {
        let mut fates = Vec::new();
        let restart = session
            .peer_restart()
            .filter(|_| session.graceful_restart() && retains(session, reason));
        let Some(restart) = restart else {
            self.kept.clear();
            return session.families.iter().copied().map(Fate::Drop).collect();
        };
        for &family in &session.families {
            if !restart.families.iter().any(|(listed, _)| *listed == family) {
                self.forget(family);
                fates.push(Fate::Drop(family));
                continue;
            }
            match self.kept.iter().position(|kept| kept.family == family) {
                // RFC 9494 4.2: a long-lived timer that runs "MUST NOT be updated […] until the peer has established and
                // synchronized a new session". What came on the session in between is in for the same time.
                Some(at) if self.kept[at].stage == Stage::LongLived => {
                    self.kept[at].synchronised = None;
                    fates.extend([Fate::Keep(family), Fate::LongLived(family)]);
                    continue;
                }
                // What was not refreshed yet is as good as the rest.
                Some(at) if self.kept[at].stage == Stage::Refreshing => {
                    self.kept.remove(at);
                }
                // RFC 4724 4.2: "To deal with possible consecutive restarts, a route (from the peer) previously marked as
                // stale MUST be deleted."
                Some(at) => {
                    self.kept.remove(at);
                    fates.push(Fate::DropStale(family));
                }
                None => {}
            }
            fates.push(Fate::Keep(family));
            self.kept.push(Kept {
                family,
                until: now + Duration::from_secs(restart.time.into()),
                long_lived: offer(session, family).map_or(0, |offer| offer.time),
                stage: Stage::Restarting,
                synchronised: None,
            });
        }
        fates.extend(self.expire(now));
        fates
    }

    /// A session is up again.
    pub fn up(&mut self, now: Instant, session: &Negotiated) -> Vec<Fate> {
        let ends = session.peer_restart().is_some();
        let families = session.families.iter().filter(|_| ends);
        self.awaited = families.copied().collect();
        let mut fates = Vec::new();
        self.kept.retain_mut(|kept| {
            // RFC 4724 4.2: "if the Forwarding State bit for a specific AFI/SAFI is not set in the newly received Graceful
            // Restart Capability, or if a specific AFI/SAFI is not included […], then the Receiving Speaker MUST
            // immediately remove all the stale routes"; RFC 9494 4.2 has the same for its capability.
            let forwarding = match kept.stage {
                Stage::LongLived => offer(session, kept.family).map(|offer| offer.flags),
                _ => session.peer_restart().and_then(|restart| {
                    let listed = restart.families.iter();
                    listed
                        .rev()
                        .find(|(family, _)| *family == kept.family)
                        .map(|(_, flags)| *flags)
                }),
            };
            let stays = session.graceful_restart()
                && session.families.contains(&kept.family)
                && forwarding.is_some_and(|flags| flags & GracefulRestart::FORWARDING != 0);
            if !stays {
                fates.push(Fate::DropStale(kept.family));
            } else if kept.stage == Stage::LongLived {
                // The long-lived timer goes on, should the session be lost again before End-of-RIB.
                kept.synchronised = Some(after(now, self.stale_path_time));
            } else {
                kept.stage = Stage::Synchronising;
                kept.until = after(now, self.stale_path_time);
            }
            stays
        });
        fates
    }

    /// The peer has sent all routes of `family`.
    pub fn end_of_rib(&mut self, family: Family) -> Option<Fate> {
        self.awaited.retain(|awaited| *awaited != family);
        // A peer may send one after any batch of routes: those of a refresh end with EoRR.
        if self.stage(family) == Some(Stage::Refreshing) {
            return None;
        }
        self.forget(family).then_some(Fate::DropStale(family))
    }

    /// BoRR: the peer begins to send all routes of `family` again.
    pub fn refresh_begins(&mut self, now: Instant, family: Family) -> Option<Fate> {
        // RFC 7313 4: "A BGP speaker that has received the Graceful Restart Capability from its neighbor MUST ignore any BoRRs for
        // an <AFI, SAFI> from the neighbor before the speaker receives the EoR for the given <AFI, SAFI>". What it sends before
        // that cannot shorten the life of what it has not sent yet.
        let waits = matches!(self.stage(family), Some(stage) if stage != Stage::Refreshing);
        if waits || self.awaited.contains(&family) {
            return None;
        }
        self.forget(family);
        self.kept.push(Kept {
            family,
            until: after(now, self.stale_path_time),
            long_lived: 0,
            stage: Stage::Refreshing,
            synchronised: None,
        });
        Some(Fate::Keep(family))
    }

    /// EoRR: the peer has announced all routes of `family` again.
    pub fn refresh_ends(&mut self, family: Family) -> Option<Fate> {
        (self.stage(family) == Some(Stage::Refreshing) && self.forget(family))
            .then_some(Fate::DropStale(family))
    }

    /// Forgets what is kept: the table it is about is emptied.
    pub fn clear(&mut self) {
        self.kept.clear();
    }

    /// Serves what is due.
    pub fn expire(&mut self, now: Instant) -> Vec<Fate> {
        let mut fates = Vec::new();
        self.kept.retain_mut(|kept| {
            if kept.due() > now {
                return true;
            }
            if kept.stage == Stage::Restarting && kept.long_lived > 0 {
                fates.push(Fate::LongLived(kept.family));
                kept.stage = Stage::LongLived;
                kept.until = now + Duration::from_secs(kept.long_lived.into());
                return true;
            }
            fates.push(Fate::DropStale(kept.family));
            false
        });
        fates
    }

    /// When to call [`expire`](Self::expire).
    pub fn timeout(&self) -> Option<Instant> {
        self.kept.iter().map(Kept::due).min()
    }

    /// Returns `true` if routes are kept that the peer has not sent again.
    pub const fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    fn stage(&self, family: Family) -> Option<Stage> {
        let kept = self.kept.iter().find(|kept| kept.family == family)?;
        Some(kept.stage)
    }

    /// Forgets a family; whether it was kept.
    fn forget(&mut self, family: Family) -> bool {
        let before = self.kept.len();
        self.kept.retain(|kept| kept.family != family);
        self.kept.len() != before
    }
}

/// Whether routes outlive a session that ends like this.
fn retains(session: &Negotiated, reason: &CloseReason) -> bool {
    match reason {
        CloseReason::ConnectionLost | CloseReason::GracefulRestart => true,
        // RFC 8538 4: with the N bit of both a NOTIFICATION is like a loss of TCP, unless it is a hard reset.
        CloseReason::NotificationReceived(notification)
        | CloseReason::NotificationSent(notification) => {
            let hard = notification.code == Notification::CEASE
                && notification.subcode == Notification::HARD_RESET;
            session.graceful_notification() && !hard
        }
        _ => false,
    }
}

/// The attributes of a route that becomes long-lived: those with the LLGR_STALE community; `None` for one with NO_LLGR,
/// which is to be dropped (RFC 9494 section 4.2).
pub fn long_lived(attributes: &AttributeSet) -> Option<AttributeSet> {
    let mut communities = attributes.communities().to_vec();
    if communities.contains(&Community::NO_LLGR) {
        return None;
    }
    if !communities.contains(&Community::LLGR_STALE) {
        communities.push(Community::LLGR_STALE);
    }
    let others = attributes.list().iter().cloned();
    let list = others
        .filter(|one| one.code() != Communities::CODE)
        .chain([Attribute::Communities(Communities::new(communities))]);
    let error = attributes.error().cloned();
    Some(AttributeSet::with_error(list.collect(), error))
}

/// What the peer offers for `family` after graceful restart, if both sides offer that (RFC 9494 section 4.1).
fn offer(session: &Negotiated, family: Family) -> Option<LongLived> {
    let last = |capabilities: &[Capability]| {
        capabilities.iter().rev().find_map(|one| match one {
            Capability::LongLivedGracefulRestart(families) => Some(families.0.clone()),
            _ => None,
        })
    };
    last(&session.local.capabilities)?;
    last(&session.remote.capabilities)?
        .into_iter()
        .find(|offer| offer.family == family)
}
