//! What a command may do to the daemon: the only interface between the helper protocol and everything else.
//!
//! The daemon implements [`Control`] once for each source of commands, since what a command may reach depends on who
//! sends it; tests implement it with a record of calls. Every call takes effect at once or returns why not; a command makes its
//! calls only after its whole line was parsed, so that a line with an error changes nothing.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::Duration;

use super::changes::Changes;
use super::command::CommandError;
use crate::bgp::message::open::Open;
use crate::bgp::message::operational::Operational;
use crate::bgp::negotiated::Negotiated;
use crate::bgp::next_hop_rule::{NextHopError, NextHops};
use crate::bgp::nlri::NlriRef;
use crate::bgp::spelling::Shown;
use crate::bgp::{Afi, Asn, AttributeSet, Family, NextHop, Safi, Spelling, Zone};
use crate::grammar::{Selector, Verb};
use crate::json::hex;
use crate::rib::{PeerId, PeerSet, Run};
use crate::text::value;

/// Among which neighbors a selector selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Among {
    /// Those whose `api` blocks name the source of the command; all, if that is an operator (command line, control socket).
    Own,
    /// Those of [`Among::Own`] with an established session.
    OwnEstablished,
    /// For commands that change routes: those of [`Among::Own`], and if there are any, those whose routes are kept although a
    /// reload that waits for its confirmation has removed them.
    OwnRoutes,
    /// Only those whose routes are kept so.
    OwnAside,
    /// All.
    All,
}

/// An action of the daemon as a whole, performed once the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// End.
    Shutdown,
    /// Read the configuration again and apply the difference.
    Reload,
    /// Read the configuration again, reset every session, restart every helper.
    Restart,
}

/// What is done about a reload that has to be confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadStep {
    /// Read the configuration again, and return to the one in force unless that is confirmed within this many seconds.
    Within(u32),
    /// Confirm it.
    Confirm,
    /// Return to the former configuration now.
    Cancel,
    /// Report how long it still waits.
    Status,
}

/// One of the two tables of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RibSide {
    /// The Adj-RIB-In: received routes.
    In,
    /// The Adj-RIB-Out: announced routes.
    Out,
}

/// What a command sends, which determines the sessions that can carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sending<'a> {
    /// A route of this family, announced or withdrawn.
    Route(Family),
    /// The End-of-RIB marker of this family.
    EndOfRib(Family),
    /// A ROUTE-REFRESH request for this family.
    RouteRefresh(Family),
    /// An operational message.
    Operational,
    /// The configured routes with this watchdog name.
    Watchdog(&'a str),
}

/// A health check of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct CheckStatus<'a> {
    /// Its name.
    pub name: &'a str,
    /// `http`, `tcp`, `dns` or `command`.
    pub kind: &'a str,
    /// What it checks, in words of the file.
    pub target: &'a str,
    /// Its state in capitals: `UP`.
    pub state: &'a str,
    /// What its routes are: `up`, `down`, or nothing as long as its state is not known.
    pub side: Option<&'a str>,
    /// What keeps a change back.
    pub held: Option<&'a str>,
    /// Its group.
    pub group: Option<&'a str>,
    /// How long it has had its state.
    pub since: Option<Duration>,
    /// How long ago it was carried out.
    pub last: Option<Duration>,
    /// How long that took.
    pub took: Duration,
    /// Why it failed, if it did.
    pub reason: Option<&'a str>,
    /// Why its routes are not announced.
    pub refused: Option<&'a str>,
    /// Number of routes that it announces now.
    pub routes: usize,
    /// Number of successful checks.
    pub good: u64,
    /// Number of failed checks by cause.
    pub failures: &'a [(&'a str, u64)],
    /// How often its routes have changed.
    pub changes: u64,
    /// How often a change was held back.
    pub holds: u64,
}

/// What a command may do. Neighbors are identified by [`PeerId`].
pub trait Control {
    /// A number that changes whenever the same selector may select other neighbors: after a reload, or when a dynamic
    /// neighbor comes or goes. [`Among::OwnEstablished`] is evaluated each time and needs no change.
    fn epoch(&self) -> u64;

    /// The neighbors that were removed since [`epoch`](Self::epoch) had that value. Another neighbor may have the number of one
    /// of them by now, so that peers selected before are not valid any more.
    fn removed_since(&self, _epoch: u64) -> PeerSet {
        PeerSet::new()
    }

    /// The neighbors that `selector` selects; an empty selector selects all of `among`.
    fn select(&mut self, selector: &Selector, among: Among) -> PeerSet;

    /// Returns the shared instance of equal attribute sets. Called once for a text that is not cached.
    fn intern(&mut self, attributes: Rc<AttributeSet>) -> Rc<AttributeSet> {
        attributes
    }

    /// Resolves the next hops of a route for at least one of the peers
    /// ([`resolve`](crate::bgp::next_hop_rule::resolve)). Called only where that
    /// [depends on the session](crate::bgp::next_hop_rule::depends_on_session).
    ///
    /// # Errors
    /// When the route can be sent to none of them.
    fn check_next_hop(
        &self,
        peers: &PeerSet,
        family: Family,
        hops: NextHops,
    ) -> Result<(), NextHopError>;

    /// Applies all of `changes`, in order, and leaves the list empty; or none of them, and leaves the list as it is. Of changes
    /// without a lifetime, leases are only renewed.
    ///
    /// # Errors
    /// When one of them can be sent to none of its peers whatever happens: `next-hop self` of the wrong address family.
    fn apply(&mut self, changes: &mut Changes) -> Result<(), CommandError>;

    /// Returns `true` if the selectors of changes are to be given to [`apply`](Self::apply).
    fn keeps_selectors(&self) -> bool {
        false
    }

    /// Applies a run as [`apply`](Self::apply) would apply its changes. Returns `false`, with nothing changed, if they must be
    /// applied one by one, because one of them may be refused or needs a remark in the log; always so by default.
    fn apply_run(&mut self, _run: &Run<'_>) -> bool {
        false
    }

    /// Reserves a set for its speaker, as long as the returned value is held.
    ///
    /// # Errors
    /// When another speaker declares it at the moment.
    fn open_set(&mut self, _name: &str) -> Result<Rc<()>, CommandError> {
        Ok(Rc::default())
    }

    /// Returns `true` if there is a set of that name; always so by default.
    fn has_set(&self, _name: &str) -> bool {
        true
    }

    /// Compares a revision with that of the set.
    ///
    /// # Errors
    /// When the set has a higher one.
    fn check_revision(&self, _name: &str, _revision: u64) -> Result<(), CommandError> {
        Ok(())
    }

    /// Returns `true` if the log may have another line about the commands of this source; each call counts as one. Always so by
    /// default.
    fn may_remark(&self) -> bool {
        true
    }

    /// Sends the End-of-RIB marker of `family`, after all that was applied before.
    fn end_of_rib(&mut self, peers: &PeerSet, family: Family);

    /// Returns `false` if none of `peers` can be sent this, whether now or once its session comes up: then the command
    /// has no effect, which is reported to operators.
    fn can_send(&self, peers: &PeerSet, what: Sending<'_>) -> bool {
        let _ = (peers, what);
        true
    }

    /// Asks the peers for their routes again (ROUTE-REFRESH).
    fn refresh(&mut self, peers: &PeerSet, family: Family);

    /// Sends an operational message. The router identifier `0.0.0.0` is replaced by ours on the session.
    fn operational(&mut self, peers: &PeerSet, message: &Operational);

    /// Announces or withdraws all configured routes with `watchdog NAME`, or none of them.
    ///
    /// # Errors
    /// When a guard or the limit of a neighbor does not allow one of them.
    fn watchdog(&mut self, peers: &PeerSet, name: &str, verb: Verb) -> Result<(), CommandError>;

    /// Ends the sessions with NOTIFICATION 6/`subcode`.
    fn teardown(&mut self, peers: &PeerSet, subcode: u8);

    /// Sends the Adj-RIB-Out again.
    fn flush(&mut self, peers: &PeerSet);

    /// Withdraws and clears the announced routes, or clears the received ones.
    fn clear(&mut self, peers: &PeerSet, side: RibSide);

    /// Adds a neighbor. It stays until it is deleted or the daemon exits; a reload does not touch it.
    ///
    /// # Errors
    /// When its statements are not a valid neighbor, or there is one of that name.
    fn create(&mut self, peer: &NewPeer) -> Result<(), CommandError>;

    /// Removes neighbors that [`create`](Self::create) added.
    ///
    /// # Errors
    /// When one of them is in the configuration file: then none is removed.
    fn delete(&mut self, peers: &PeerSet) -> Result<(), CommandError>;

    /// Takes a step of a reload. Returns what is reported, lines ended by newlines.
    ///
    /// # Errors
    /// When there is nothing to confirm or to return to; always by default.
    fn reload_step(&mut self, _step: ReloadStep) -> Result<String, CommandError> {
        let message = "this daemon has no configuration file";
        Err(CommandError::new(
            super::command::ErrorKind::Refused,
            message,
        ))
    }

    /// Calls `out` for each neighbor, in the order of the configuration, dynamic ones after their template.
    fn neighbors(&self, out: &mut dyn FnMut(&NeighborStatus<'_>));

    /// Calls `out` for each health check, in the order of the configuration; for none by default.
    fn checks(&self, _out: &mut dyn FnMut(&CheckStatus<'_>)) {}

    /// The configuration of a neighbor as a file would have it, lines ended by newlines, passwords left out.
    fn configuration(&self, peer: PeerId) -> String;

    /// Calls `out` for some of the routes of one side for these peers, peer by peer and family by family: those from a place on,
    /// the default one to begin with. Returns where to continue; `None` at the end.
    fn routes(
        &self,
        side: RibSide,
        peers: &PeerSet,
        from: RoutePlace,
        out: &mut dyn FnMut(&ListedRoute<'_>),
    ) -> Option<RoutePlace>;

    /// Calls `out` for the routes with that index that are announced to these peers.
    fn find_route(
        &self,
        peers: &PeerSet,
        index: &RouteIndex,
        out: &mut dyn FnMut(&ListedRoute<'_>),
    ) {
        self.every_route(RibSide::Out, peers, &mut |route| {
            if RouteIndex::of(route.nlri) == *index {
                out(route);
            }
        });
    }

    /// The same as [`routes`](Self::routes) for all of them at once.
    fn every_route(&self, side: RibSide, peers: &PeerSet, out: &mut dyn FnMut(&ListedRoute<'_>)) {
        let mut from = RoutePlace::default();
        while let Some(next) = self.routes(side, peers, from, out) {
            from = next;
        }
    }

    /// Requests an action of the daemon as a whole; carried out after the answer is sent.
    fn request(&mut self, request: Request);

    /// The state that `daemon status` shows.
    fn status(&self) -> DaemonStatus;

    /// Calls `out` with the name, lines and bytes queued for each helper, which `system queue-status` shows.
    fn queues(&self, out: &mut dyn FnMut(&str, usize, usize));
}

/// What identifies a route among those of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteIndex {
    /// Its family.
    pub family: Family,
    /// Its path identifier.
    pub path_id: Option<u32>,
    /// The key of its NLRI.
    pub key: Vec<u8>,
}

impl RouteIndex {
    /// That of a route.
    pub fn of(nlri: NlriRef<'_>) -> Self {
        Self {
            family: nlri.family,
            path_id: nlri.path_id,
            key: nlri.key().to_vec(),
        }
    }

    /// Reads hexadecimal digits as [`Display`](fmt::Display) writes them. They are ambiguous for one path identifier.
    pub fn parse(text: &str) -> Vec<Self> {
        let Some(bytes) = value::hex(text) else {
            return Vec::new();
        };
        let Some((&[afi0, afi1, safi, p0, p1, p2, p3], key)) = bytes.split_first_chunk() else {
            return Vec::new();
        };
        let path = [p0, p1, p2, p3];
        let none = (path == NO_PATH).then_some(None);
        let paths = none.into_iter().chain([Some(u32::from_be_bytes(path))]);
        paths
            .map(|path_id| Self {
                family: Family {
                    afi: Afi(u16::from_be_bytes([afi0, afi1])),
                    safi: Safi(safi),
                },
                path_id,
                key: key.to_vec(),
            })
            .collect()
    }
}

/// What is written for a route without a path identifier.
const NO_PATH: [u8; 4] = *b"none";

/// Hexadecimal digits: family, path identifier, key.
impl fmt::Display for RouteIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path_id.map_or(NO_PATH, u32::to_be_bytes);
        write!(
            f,
            "{:04X}{:02X}{}{}",
            self.family.afi.0,
            self.family.safi.0,
            hex(&path),
            hex(&self.key)
        )
    }
}

/// A place among the routes of some peers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoutePlace {
    /// Whose routes; `None`: of the first.
    pub peer: Option<PeerId>,
    /// Of which family; `None`: of the first.
    pub family: Option<Family>,
    /// A place in the table.
    pub slot: u32,
}

/// A route of one of the two tables.
#[derive(Clone, Copy, Debug)]
pub struct ListedRoute<'a> {
    /// Whose table it is in.
    pub peer: PeerId,
    /// The route.
    pub nlri: NlriRef<'a>,
    /// Its next hop: that of a received route of a family other than IPv4 unicast is not among its attributes.
    pub next_hop: Option<NextHop>,
    /// Its attributes.
    pub attributes: &'a AttributeSet,
    /// Received on an earlier session, and not yet again (RFC 4724).
    pub stale: bool,
}

/// A neighbor to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPeer {
    /// The peer's address.
    pub address: IpAddr,
    /// Statements of a `neighbor` block: plain words, and our semicolons and braces.
    pub statements: String,
    /// The helpers that may send commands for it. If there are none: the helper that creates it, or only operators.
    pub helpers: Vec<String>,
}

/// The state of the daemon.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DaemonStatus {
    /// A text that identifies this run of the daemon.
    pub uuid: String,
    /// Our process number.
    pub pid: u32,
    /// Seconds since the start.
    pub uptime: u64,
    /// When it started, in seconds since 1970.
    pub start_time: f64,
    /// The name that its control socket shares with others, if it runs for one of several configurations.
    pub socket_group: Option<String>,
}

/// The state of a neighbor, borrowed from the daemon.
#[derive(Clone, Debug)]
pub struct NeighborStatus<'a> {
    /// Its number.
    pub peer: PeerId,
    /// Its name: `neighbor 192.0.2.1 local-ip … family-allowed in-open`.
    pub name: &'a str,
    /// The peer's address.
    pub peer_address: IpAddr,
    /// The interface of the link-local addresses among both.
    pub zone: Option<Zone>,
    /// How the configuration writes both addresses.
    pub spelling: Spelling,
    /// When the next connection attempt is due, in seconds; `None` while there is a connection, and when none will be made.
    pub retry: Option<u64>,
    /// Failed attempts, and sessions that were too short, since the last stable session.
    pub failures: u32,
    /// Our address; `None` as long as it is chosen by the kernel and there is no connection.
    pub local_address: Option<IpAddr>,
    /// Our AS; `None` while it mirrors a peer that has not sent an OPEN.
    pub local_as: Option<Asn>,
    /// The peer's AS; `None` while any is accepted and none was received.
    pub peer_as: Option<Asn>,
    /// Our BGP identifier.
    pub router_id: Option<Ipv4Addr>,
    /// Hold time of the configuration, in seconds.
    pub hold_time: u16,
    /// The state in capitals: `ESTABLISHED`.
    pub state: &'static str,
    /// Whether the session is established.
    pub up: bool,
    /// For how many seconds it is up, or down.
    pub seconds: u64,
    /// Families of the configuration.
    pub families: &'a [Family],
    /// Families that ADD-PATH is configured for.
    pub add_path: &'a [Family],
    /// The OPEN we sent, or would send.
    pub local: &'a Open,
    /// What was negotiated, while there is a session.
    pub negotiated: Option<&'a Negotiated>,
    /// Messages sent and received on this session.
    pub messages: MessageCounts,
    /// The history of its sessions and attempts.
    pub history: &'a SessionHistory,
}

/// The history of the sessions of a neighbor, and of its connection attempts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionHistory {
    /// Sessions that were established.
    pub established: u64,
    /// Those of them that have ended.
    pub lost: u64,
    /// Why the last connection ended.
    pub closed: Option<Occurrence>,
    /// The last NOTIFICATION that we sent.
    pub notification_sent: Option<Occurrence>,
    /// The last NOTIFICATION that the peer sent.
    pub notification_received: Option<Occurrence>,
    /// Why the last attempt to connect failed.
    pub connect_failed: Option<Occurrence>,
}

impl SessionHistory {
    /// Returns `true` if anything happened besides a session that is up or was never attempted.
    pub const fn is_eventful(&self) -> bool {
        self.closed.is_some()
            || self.notification_sent.is_some()
            || self.notification_received.is_some()
            || self.connect_failed.is_some()
    }

    /// The last occurrence of each kind, by name.
    pub fn occurrences(&self) -> impl Iterator<Item = (&'static str, &Occurrence)> {
        [
            ("closed", &self.closed),
            ("notification-sent", &self.notification_sent),
            ("notification-received", &self.notification_received),
            ("connect-failed", &self.connect_failed),
        ]
        .into_iter()
        .filter_map(|(name, one)| one.as_ref().map(|one| (name, one)))
    }
}

/// Something that happened to a neighbor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// What: `Cease / Administrative Shutdown / … (6,2)`.
    pub text: String,
    /// How many seconds ago, the last time.
    pub seconds: u64,
    /// How often in a row.
    pub count: u64,
}

impl NeighborStatus<'_> {
    /// The peer's address or, for neighbors of a range that no peer has connected from yet, the range: `192.0.2.0/24`.
    pub fn address(&self) -> String {
        let word = self.name.split(' ').nth(1);
        match word.filter(|word| word.contains('/')) {
            Some(range) => range.to_owned(),
            None => self.shown_peer().to_string(),
        }
    }

    /// The peer's address as it is shown.
    pub fn shown_peer(&self) -> Shown<'_> {
        self.spelling.peer(self.peer_address, self.zone)
    }

    /// Our address as it is shown, if it is known.
    pub fn shown_local(&self) -> Option<Shown<'_>> {
        let address = self.local_address?;
        Some(self.spelling.local(address, self.zone))
    }
}

/// Messages counted by direction and type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageCounts {
    /// Sent.
    pub sent: Counts,
    /// Received.
    pub received: Counts,
}

/// Messages counted by type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// OPEN.
    pub open: u64,
    /// NOTIFICATION.
    pub notification: u64,
    /// KEEPALIVE.
    pub keepalive: u64,
    /// UPDATE.
    pub update: u64,
    /// ROUTE-REFRESH.
    pub refresh: u64,
}

impl Counts {
    /// All.
    pub const fn total(&self) -> u64 {
        self.open + self.notification + self.keepalive + self.update + self.refresh
    }
}
