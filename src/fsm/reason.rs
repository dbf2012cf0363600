//! Why a session ends. The texts are those of ExaBGP's `down` events, to the byte: helpers match on them.

use std::fmt;

use crate::bgp::message::notification::Notification;

/// Why the owner stops a peer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cease {
    /// The program ends: NOTIFICATION 6/2 with this text (RFC 9003, at most 255 bytes are sent), or a silent close when both
    /// sides negotiated graceful restart.
    Shutdown(String),
    /// The neighbor left the configuration: NOTIFICATION 6/3.
    Removed,
    /// The neighbor is replaced by one of the same address with other parameters: NOTIFICATION 6/6.
    Replaced,
    /// There are more sessions than there may be: NOTIFICATION 6/8.
    TooMany,
    /// A helper that the neighbor depends on is gone: NOTIFICATION 6/2 without text.
    ProcessProblem,
}

impl Cease {
    /// The reason that goes with it.
    pub const fn reason(&self) -> CloseReason {
        match self {
            Self::Shutdown(_) => CloseReason::ShuttingDown,
            Self::Removed | Self::Replaced | Self::TooMany => CloseReason::Removed,
            Self::ProcessProblem => CloseReason::ProcessProblem,
        }
    }
}

/// Why a session ended. `Display` is the reason of ExaBGP's `down` event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer sent this.
    NotificationReceived(Notification),
    /// We sent this.
    NotificationSent(Notification),
    /// TCP was lost, or closed by the peer without a NOTIFICATION.
    ConnectionLost,
    /// The operator bounced a session that can restart gracefully.
    GracefulRestart,
    /// Our connection lost a collision against the peer's.
    OutgoingCollision,
    /// The peer's connection lost a collision against ours, or against a newer one of the peer's.
    IncomingCollision,
    /// The program ends.
    ShuttingDown,
    /// The neighbor left the configuration.
    Removed,
    /// A helper is gone.
    ProcessProblem,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotificationReceived(n) => {
                write!(f, "notification received ({},{})", n.code, n.subcode)
            }
            Self::NotificationSent(n) => write!(f, "notification sent ({},{})", n.code, n.subcode),
            Self::ConnectionLost => f.write_str("closing connection"),
            Self::GracefulRestart => f.write_str(
                "graceful restarted negotiated, closing without sending any notification",
            ),
            Self::OutgoingCollision => f.write_str(
                "closing outgoing connection as we have another incoming on with higher router-id",
            ),
            Self::IncomingCollision => f.write_str(
                "closing incoming connection as we have another outgoing on with higher router-id",
            ),
            Self::ShuttingDown => f.write_str("stop, message [shutting down]"),
            Self::Removed => f.write_str("stop, message [removed]"),
            Self::ProcessProblem => f.write_str("process problem"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_the_words_that_helpers_match() {
        for (reason, text) in [
            (
                CloseReason::NotificationReceived(Notification::new(6, 2, Vec::new())),
                "notification received (6,2)",
            ),
            (
                CloseReason::NotificationSent(Notification::new(6, 6, Vec::new())),
                "notification sent (6,6)",
            ),
            (CloseReason::ConnectionLost, "closing connection"),
            (
                Cease::Shutdown(String::new()).reason(),
                "stop, message [shutting down]",
            ),
            (Cease::Removed.reason(), "stop, message [removed]"),
            (Cease::ProcessProblem.reason(), "process problem"),
        ] {
            assert_eq!(reason.to_string(), text);
        }
    }
}
