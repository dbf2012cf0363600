//! States and events of RFC 4271 section 8, by the RFC's names and numbers.
//!
//! Optional session attributes of section 8.1 and what became of them:
//!
//! | attribute | here |
//! |---|---|
//! | AllowAutomaticStart, IdleHoldTimer, DampPeerOscillations | always: the back-off schedule of [`Config`](super::Config) |
//! | AllowAutomaticStop | the owner's [`Input::Reset`](super::Input::Reset) |
//! | PassiveTcpEstablishment | [`Config::passive`](super::Config::passive) |
//! | TrackTcpState | never: the kernel hands over complete connections only |
//! | DelayOpen | only as ExaBGP's `local-as auto`, without a timer of its own (open-wait ends it) |
//! | SendNOTIFICATIONwithoutOPEN | always: a collision or a refused connection is reported with a NOTIFICATION |
//! | CollisionDetectEstablishedState | only with graceful restart (RFC 4724 section 5) |

use std::fmt;

/// The state of a connection (RFC 4271 section 8.2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Nothing is wanted, or a back-off runs.
    #[default]
    Idle,
    /// TCP is being established; with `local-as auto` also: TCP is up, the peer's OPEN is awaited before ours.
    Connect,
    /// Waiting for the peer to connect, or for the next dial.
    Active,
    /// Our OPEN was sent.
    OpenSent,
    /// The peer's OPEN was accepted.
    OpenConfirm,
    /// The session is up.
    Established,
}

impl State {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::Idle,
        Self::Connect,
        Self::Active,
        Self::OpenSent,
        Self::OpenConfirm,
        Self::Established,
    ];

    /// The RFC's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "Idle",
            Self::Connect => "Connect",
            Self::Active => "Active",
            Self::OpenSent => "OpenSent",
            Self::OpenConfirm => "OpenConfirm",
            Self::Established => "Established",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The events of RFC 4271 section 8.1, with the RFC's numbers, and those of later RFCs.
///
/// Left out: 6 and 7 (start with damping: damping is no way to start here, it is what IdleHoldTimer, event 13, does),
/// 12 (DelayOpenTimer_Expires: there is no such timer, open-wait is a hold timer), 14 and 15 (TcpConnection_Valid,
/// Tcp_CR_Invalid: accepted connections are complete, and one that fits no neighbor never reaches a peer).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// 1.
    ManualStart,
    /// 2.
    ManualStop,
    /// 3.
    AutomaticStart,
    /// 4.
    ManualStartPassive,
    /// 5.
    AutomaticStartPassive,
    /// 8: the owner resets the session.
    AutomaticStop,
    /// 9.
    ConnectRetryTimerExpires,
    /// 10: the hold timer, which before the peer's OPEN is the open-wait timer.
    HoldTimerExpires,
    /// 11.
    KeepaliveTimerExpires,
    /// 13.
    IdleHoldTimerExpires,
    /// 16: our connection is up.
    TcpCrAcked,
    /// 17: the peer's connection is up.
    TcpConnectionConfirmed,
    /// 18.
    TcpConnectionFails,
    /// 19.
    BgpOpen,
    /// 20: the peer's OPEN came before ours was sent, which `local-as auto` waits for.
    BgpOpenWithDelayOpen,
    /// 21.
    BgpHeaderErr,
    /// 22.
    BgpOpenMsgErr,
    /// 23.
    OpenCollisionDump,
    /// 24: NOTIFICATION 2/1.
    NotifMsgVerErr,
    /// 25.
    NotifMsg,
    /// 26.
    KeepAliveMsg,
    /// 27: an UPDATE (also: ROUTE-REFRESH, OPERATIONAL).
    UpdateMsg,
    /// 28: the owner found an error in a message.
    UpdateMsgErr,
    /// 29 (RFC 9687).
    SendHoldTimerExpires,
}

impl Event {
    /// All events, in the order of their numbers.
    pub const ALL: [Self; 24] = [
        Self::ManualStart,
        Self::ManualStop,
        Self::AutomaticStart,
        Self::ManualStartPassive,
        Self::AutomaticStartPassive,
        Self::AutomaticStop,
        Self::ConnectRetryTimerExpires,
        Self::HoldTimerExpires,
        Self::KeepaliveTimerExpires,
        Self::IdleHoldTimerExpires,
        Self::TcpCrAcked,
        Self::TcpConnectionConfirmed,
        Self::TcpConnectionFails,
        Self::BgpOpen,
        Self::BgpOpenWithDelayOpen,
        Self::BgpHeaderErr,
        Self::BgpOpenMsgErr,
        Self::OpenCollisionDump,
        Self::NotifMsgVerErr,
        Self::NotifMsg,
        Self::KeepAliveMsg,
        Self::UpdateMsg,
        Self::UpdateMsgErr,
        Self::SendHoldTimerExpires,
    ];

    /// The RFC's number.
    pub const fn number(self) -> u8 {
        match self {
            Self::ManualStart => 1,
            Self::ManualStop => 2,
            Self::AutomaticStart => 3,
            Self::ManualStartPassive => 4,
            Self::AutomaticStartPassive => 5,
            Self::AutomaticStop => 8,
            Self::ConnectRetryTimerExpires => 9,
            Self::HoldTimerExpires => 10,
            Self::KeepaliveTimerExpires => 11,
            Self::IdleHoldTimerExpires => 13,
            Self::TcpCrAcked => 16,
            Self::TcpConnectionConfirmed => 17,
            Self::TcpConnectionFails => 18,
            Self::BgpOpen => 19,
            Self::BgpOpenWithDelayOpen => 20,
            Self::BgpHeaderErr => 21,
            Self::BgpOpenMsgErr => 22,
            Self::OpenCollisionDump => 23,
            Self::NotifMsgVerErr => 24,
            Self::NotifMsg => 25,
            Self::KeepAliveMsg => 26,
            Self::UpdateMsg => 27,
            Self::UpdateMsgErr => 28,
            Self::SendHoldTimerExpires => 29,
        }
    }

    /// The RFC's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ManualStart => "ManualStart",
            Self::ManualStop => "ManualStop",
            Self::AutomaticStart => "AutomaticStart",
            Self::ManualStartPassive => "ManualStart_with_PassiveTcpEstablishment",
            Self::AutomaticStartPassive => "AutomaticStart_with_PassiveTcpEstablishment",
            Self::AutomaticStop => "AutomaticStop",
            Self::ConnectRetryTimerExpires => "ConnectRetryTimer_Expires",
            Self::HoldTimerExpires => "HoldTimer_Expires",
            Self::KeepaliveTimerExpires => "KeepaliveTimer_Expires",
            Self::IdleHoldTimerExpires => "IdleHoldTimer_Expires",
            Self::TcpCrAcked => "Tcp_CR_Acked",
            Self::TcpConnectionConfirmed => "TcpConnectionConfirmed",
            Self::TcpConnectionFails => "TcpConnectionFails",
            Self::BgpOpen => "BGPOpen",
            Self::BgpOpenWithDelayOpen => "BGPOpen_with_DelayOpenTimer_running",
            Self::BgpHeaderErr => "BGPHeaderErr",
            Self::BgpOpenMsgErr => "BGPOpenMsgErr",
            Self::OpenCollisionDump => "OpenCollisionDump",
            Self::NotifMsgVerErr => "NotifMsgVerErr",
            Self::NotifMsg => "NotifMsg",
            Self::KeepAliveMsg => "KeepAliveMsg",
            Self::UpdateMsg => "UpdateMsg",
            Self::UpdateMsgErr => "UpdateMsgErr",
            Self::SendHoldTimerExpires => "SendHoldTimer_Expires",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
