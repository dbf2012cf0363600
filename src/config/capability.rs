//! The `capability` section: the capabilities of the OPEN besides families.

use super::diagnostic::{Diagnostic, Report};
use super::schema::{Keyword, boolean, disabled, plain_boolean};
use super::session::AddPath;
use crate::text::{Cursor, SyntaxError, value};

/// The section as written; absent settings are `None`.
#[derive(Clone, Debug, Default)]
pub(crate) struct CapabilityDraft {
    pub(crate) asn4: Option<bool>,
    pub(crate) route_refresh: Option<bool>,
    pub(crate) graceful_restart: Option<Restart>,
    pub(crate) restart_notification: Option<bool>,
    /// `Some(None)` is `disable`.
    pub(crate) long_lived: Option<Option<u32>>,
    pub(crate) add_path: Option<AddPath>,
    pub(crate) nexthop: Option<bool>,
    pub(crate) extended_message: Option<bool>,
    pub(crate) software_version: Option<bool>,
    pub(crate) multi_session: Option<bool>,
    pub(crate) operational: Option<bool>,
    pub(crate) aigp: Option<bool>,
    pub(crate) link_local_nexthop: Option<bool>,
    pub(crate) link_local_prefer: Option<bool>,
    pub(crate) role: Option<u8>,
    pub(crate) role_strict: bool,
}

/// The `graceful-restart` setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restart {
    /// Not offered.
    Off,
    /// With the hold time as restart time.
    HoldTime,
    /// With this restart time in seconds.
    Seconds(u16),
}

/// The settings of the section.
pub(crate) const KEYWORDS: &[Keyword<CapabilityDraft>] = &[
    Keyword {
        word: "asn4",
        value: "<true|false>",
        doc: "four-octet AS numbers (RFC 6793); on unless disabled",
        read: |draft, c, _| boolean(c, true).map(|value| draft.asn4 = Some(value)),
    },
    Keyword {
        word: "route-refresh",
        value: "<true|false>",
        doc: "route refresh, plain and enhanced (RFC 2918, 7313); keeps the Adj-RIB-Out",
        read: |draft, c, _| boolean(c, true).map(|value| draft.route_refresh = Some(value)),
    },
    Keyword {
        word: "graceful-restart",
        value: "<seconds>|disable",
        doc: "graceful restart (RFC 4724) with this restart time; without one, or with 0, the hold time",
        read: |draft, c, report| {
            graceful_restart(c, report).map(|value| draft.graceful_restart = Some(value))
        },
    },
    Keyword {
        word: "graceful-restart-notification",
        value: "<true|false>",
        doc: "keep routes after a NOTIFICATION as well (RFC 8538); ExaBGP has no such setting",
        read: |draft, c, _| boolean(c, true).map(|value| draft.restart_notification = Some(value)),
    },
    Keyword {
        word: "long-lived-graceful-restart",
        value: "<seconds>|disable",
        doc: "long-lived graceful restart (RFC 9494): how long stale routes may be kept; ExaBGP has no such setting",
        read: |draft, c, _| {
            draft.long_lived = Some(if disabled(c) {
                None
            } else {
                // RFC 9494 3.1: "Long-Lived Stale Time […] 24 bits"
                let time = c.value("0 to 16777215 seconds, or `disable`", |word| {
                    value::u32(word).filter(|time| *time < 1 << 24)
                })?;
                Some(time)
            });
            Ok(())
        },
    },
    Keyword {
        word: "add-path",
        value: "<send|receive|send/receive|disable>",
        doc: "several paths for a prefix (RFC 7911)",
        read: |draft, c, _| add_path(c).map(|value| draft.add_path = Some(value)),
    },
    Keyword {
        word: "nexthop",
        value: "<true|false>",
        doc: "IPv6 next hops of IPv4 routes (RFC 8950); on with a `nexthop` section, unless disabled",
        read: |draft, c, _| boolean(c, true).map(|value| draft.nexthop = Some(value)),
    },
    Keyword {
        word: "extended-message",
        value: "<true|false>",
        doc: "messages up to 65,535 octets (RFC 8654); on unless disabled",
        read: |draft, c, _| boolean(c, true).map(|value| draft.extended_message = Some(value)),
    },
    Keyword {
        word: "software-version",
        value: "<true|false>",
        doc: "advertise our name and version (draft-abraitis-bgp-version-capability)",
        read: |draft, c, report| {
            plain_boolean(c, report).map(|value| draft.software_version = Some(value))
        },
    },
    Keyword {
        word: "multi-session",
        value: "<true|false>",
        doc: "multi-session (draft-ietf-idr-bgp-multisession)",
        read: |draft, c, _| boolean(c, true).map(|value| draft.multi_session = Some(value)),
    },
    Keyword {
        word: "operational",
        value: "<true|false>",
        doc: "operational messages (draft-ietf-idr-operational-message)",
        read: |draft, c, _| boolean(c, true).map(|value| draft.operational = Some(value)),
    },
    Keyword {
        word: "aigp",
        value: "<true|false>",
        doc: "send and accept AIGP (RFC 7311) also on external sessions; no capability is advertised",
        read: |draft, c, _| boolean(c, true).map(|value| draft.aigp = Some(value)),
    },
    Keyword {
        word: "link-local-nexthop",
        value: "<true|false>",
        doc: "link-local addresses alone as IPv6 next hops (draft-ietf-idr-linklocal-capability); since ExaBGP 6.0",
        read: |draft, c, _| boolean(c, true).map(|value| draft.link_local_nexthop = Some(value)),
    },
    Keyword {
        word: "link-local-prefer",
        value: "<true|false>",
        doc: "accepted for ExaBGP 6.0, where it has no effect either: next hops with both addresses are sent and shown with both",
        read: |draft, c, _| boolean(c, true).map(|value| draft.link_local_prefer = Some(value)),
    },
    Keyword {
        word: "role",
        value: "<provider|rs|rs-client|customer|peer> [strict]",
        doc: "our BGP role (RFC 9234); `strict` rejects peers that do not announce one and treats leaked routes as withdrawn; ExaBGP has no such setting",
        read: |draft, c, _| {
            draft.role =
                Some(c.value("`provider`, `rs`, `rs-client`, `customer` or `peer`", role)?);
            draft.role_strict = c.accept("strict");
            Ok(())
        },
    },
];

/// RFC 9234 section 4.1, table 1.
fn role(word: &str) -> Option<u8> {
    ["provider", "rs", "rs-client", "customer", "peer"]
        .iter()
        .zip(0..)
        .find(|(name, _)| **name == word)
        .map(|(_, code)| code)
}

fn graceful_restart(c: &mut Cursor<'_>, report: &mut Report) -> Result<Restart, SyntaxError> {
    if c.is_empty() {
        return Ok(Restart::HoldTime);
    }
    if disabled(c) {
        return Ok(Restart::Off);
    }
    let seconds = c.value(
        "a restart time, 0 to 65535 seconds, or `disable`",
        value::u16,
    )?;
    // RFC 4724 3: "Restart Time […] 12 bits"
    if seconds > 4095 {
        report.add(Diagnostic::warning(
            c.last_span(),
            "the message has room for 4095 seconds, which is what will be sent",
        ));
    }
    Ok(match seconds {
        0 => Restart::HoldTime,
        _ => Restart::Seconds(seconds.min(4095)),
    })
}

fn add_path(c: &mut Cursor<'_>) -> Result<AddPath, SyntaxError> {
    c.value("`send`, `receive`, `send/receive` or `disable`", |word| {
        let (receive, send) = match word.to_ascii_lowercase().as_str() {
            "disable" | "disabled" => (false, false),
            "receive" => (true, false),
            "send" => (false, true),
            "send/receive" | "receive/send" => (true, true),
            _ => return None,
        };
        Some(AddPath { receive, send })
    })
}
