//! A neighbor as written, and the table of its settings.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::announce_limit::AnnounceLimit;
use super::capability::CapabilityDraft;
use super::family::FamilyList;
use super::model::PrefixLimit;
use super::peer_address;
use super::placed_routes::PlacedRoutes;
use super::schema::{Keyword, boolean, disabled, plain_boolean};
use super::session::{Base64, TcpAo};
use super::subscription::SubscriptionDraft;
use crate::bgp::spelling::{self, Word};
use crate::bgp::zone::{self, Zone};
use crate::bgp::{Afi, Asn, Family};
use crate::grammar::Operational;
use crate::text::{Cursor, Span, SyntaxError, value};

/// A neighbor as written.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) peer: Option<(IpAddr, u8)>,
    pub(crate) peer_zone: Option<Zone>,
    pub(crate) local_zone: Option<Zone>,
    /// How the address of the peer is written.
    pub(crate) peer_word: Option<Word>,
    /// How our address is written.
    pub(crate) local_word: Option<Word>,
    /// `local-address auto`.
    pub(crate) local_auto: bool,
    pub(crate) peer_span: Span,
    pub(crate) local_address: Option<IpAddr>,
    pub(crate) local_link_local: Option<Ipv6Addr>,
    pub(crate) router_id: Option<Ipv4Addr>,
    /// `Some(None)` is `auto`.
    pub(crate) local_as: Option<Option<Asn>>,
    /// `Some(None)` is `auto`.
    pub(crate) peer_as: Option<Option<Asn>>,
    pub(crate) description: Option<String>,
    pub(crate) host_name: Option<String>,
    pub(crate) domain_name: Option<String>,
    pub(crate) hold_time: Option<u16>,
    pub(crate) rate_limit: Option<u32>,
    pub(crate) prefix_limit: Option<PrefixLimit>,
    pub(crate) announce_limit: AnnounceLimit,
    pub(crate) dynamic_limit: Option<u32>,
    pub(crate) stale_path_time: Option<u16>,
    pub(crate) passive: Option<bool>,
    pub(crate) listen: u16,
    pub(crate) connect: u16,
    pub(crate) source_interface: Option<String>,
    pub(crate) outgoing_ttl: Option<u8>,
    pub(crate) incoming_ttl: Option<u8>,
    pub(crate) md5_password: Option<(String, Span)>,
    pub(crate) md5_base64: Base64,
    pub(crate) md5_ip: Option<IpAddr>,
    pub(crate) tcp_ao: Option<TcpAo>,
    pub(crate) group_updates: Option<bool>,
    pub(crate) auto_flush: Option<bool>,
    pub(crate) adj_rib_in: Option<bool>,
    pub(crate) adj_rib_out: Option<bool>,
    pub(crate) manual_eor: Option<bool>,
    pub(crate) eor_deferral: Option<u16>,
    pub(crate) inherit: Vec<(String, Span)>,
    pub(crate) families: FamilyList,
    pub(crate) add_path: FamilyList,
    pub(crate) paths_limit: Vec<(Family, u16)>,
    /// `Some` when there is a `nexthop` section.
    pub(crate) nexthops: Option<Vec<(Family, Afi)>>,
    pub(crate) capability: CapabilityDraft,
    pub(crate) subscriptions: Vec<SubscriptionDraft>,
    /// Routes by their section, in the order of [`announce::SECTIONS`]; of each the neighbor's own, then those of its
    /// templates; each with the place of its first word.
    pub(crate) routes: [[PlacedRoutes; 2]; 4],
    pub(crate) operational: Vec<(Operational, Span)>,
}

/// The settings that a neighbor may have.
pub(crate) const KEYWORDS: &[Keyword<Draft>] = &[
    Keyword {
        word: "description",
        value: "\"<text>\"",
        doc: "a free-text description",
        read: |draft, c, _| {
            draft.description = Some(c.next_token().map(text).unwrap_or_default());
            Ok(())
        },
    },
    Keyword {
        word: "peer-address",
        value: "<address>[/<length>]",
        doc: "the peer's address, instead of the one of the section",
        read: |draft, c, report| {
            draft.peer_span = c.span();
            peer_address::read(c, report).map(|value| draft.meet(value))
        },
    },
    Keyword {
        word: "local-address",
        value: "<address>[%<interface>]|auto",
        doc: "our address; with `auto`, or without this setting, the one that the system chooses",
        read: |draft, c, _| {
            let (address, zone, word) = c.value("an address or `auto`", |word| {
                if word == "auto" {
                    return Some((None, None, None));
                }
                let (text, zone) = zone::split(word)?;
                let address = value::ip(text)?;
                let word = spelling::word(address, text);
                peer_address::may_have(address, zone).then_some((Some(address), zone, word))
            })?;
            draft.local_address = address;
            draft.local_word = word;
            draft.local_auto = address.is_none();
            draft.local_zone = zone;
            Ok(())
        },
    },
    Keyword {
        word: "local-link-local",
        value: "<fe80::…>",
        doc: "our link-local address, for next hops that carry both; since ExaBGP 6.0",
        read: |draft, c, _| {
            c.value("a link-local IPv6 address", |word| {
                value::ipv6(word).filter(|address| address.segments()[0] & 0xFFC0 == 0xFE80)
            })
            .map(|value| draft.local_link_local = Some(value))
        },
    },
    Keyword {
        word: "router-id",
        value: "<IPv4 address>",
        doc: "our BGP identifier; needed with an IPv6 peer or without `local-address`",
        read: |draft, c, _| {
            c.value("an IPv4 address", value::ipv4)
                .map(|value| draft.router_id = Some(value))
        },
    },
    Keyword {
        word: "local-as",
        value: "<number>|auto",
        doc: "our AS; with `auto` the peer's",
        read: |draft, c, _| asn(c).map(|value| draft.local_as = Some(value)),
    },
    Keyword {
        word: "peer-as",
        value: "<number>|auto",
        doc: "the peer's AS; with `auto` any",
        read: |draft, c, _| asn(c).map(|value| draft.peer_as = Some(value)),
    },
    Keyword {
        word: "host-name",
        value: "<name>",
        doc: "our host name, sent in the OPEN (draft-walton-bgp-hostname-capability)",
        read: |draft, c, _| host(c).map(|value| draft.host_name = Some(value)),
    },
    Keyword {
        word: "domain-name",
        value: "<name>",
        doc: "our domain name, sent with the host name",
        read: |draft, c, _| host(c).map(|value| draft.domain_name = Some(value)),
    },
    Keyword {
        word: "hold-time",
        value: "<seconds>",
        doc: "proposed hold time: 0, or 3 to 65535",
        read: |draft, c, _| {
            c.value("0, or 3 to 65535 seconds", |word| {
                value::u16(word).filter(|seconds| !matches!(seconds, 1 | 2))
            })
            .map(|value| draft.hold_time = Some(value))
        },
    },
    Keyword {
        word: "rate-limit",
        value: "<messages per second>|disable",
        doc: "the most UPDATE messages a second",
        read: |draft, c, _| {
            draft.rate_limit = if disabled(c) {
                None
            } else {
                let rate = c.value("a number from 1, or `disable`", |word| {
                    value::u32(word).filter(|rate| *rate > 0)
                })?;
                Some(rate)
            };
            Ok(())
        },
    },
    Keyword {
        word: "prefix-limit",
        value: "<routes> [warning-only]|disable",
        doc: "the most routes that the peer may have in its Adj-RIB-In before the session is reset; with `warning-only` the excess is only logged; ExaBGP has no such setting",
        read: |draft, c, _| {
            draft.prefix_limit = if disabled(c) {
                None
            } else {
                let routes = c.value("a number of routes, or `disable`", value::u32)?;
                let warning_only = c.accept("warning-only");
                Some(PrefixLimit {
                    routes,
                    warning_only,
                })
            };
            Ok(())
        },
    },
    Keyword {
        word: "dynamic-limit",
        value: "<neighbors>",
        doc: "the most neighbors of a range of addresses at a time; 1000 unless set; ExaBGP has no such setting",
        read: |draft, c, _| {
            c.value("a number of neighbors, 1 or more", |word| {
                value::u32(word).filter(|most| *most > 0)
            })
            .map(|most| draft.dynamic_limit = Some(most))
        },
    },
    Keyword {
        word: "passive",
        value: "<true|false>",
        doc: "wait for the peer to connect",
        read: |draft, c, _| boolean(c, true).map(|value| draft.passive = Some(value)),
    },
    Keyword {
        word: "listen",
        value: "<port>",
        doc: "listen on this port at `md5-ip`, or `local-address`, too",
        read: |draft, c, _| port(c).map(|value| draft.listen = value),
    },
    Keyword {
        word: "connect",
        value: "<port>",
        doc: "the port to connect to; `tcp.port` of the environment unless set",
        read: |draft, c, _| port(c).map(|value| draft.connect = value),
    },
    Keyword {
        word: "source-interface",
        value: "<interface>",
        doc: "the interface that outgoing connections are bound to",
        read: |draft, c, _| {
            let name = c.next_token().map(text).unwrap_or_default();
            // IFNAMSIZ of Linux is 16, with the final NUL.
            if name.len() > 15 {
                return Err(SyntaxError::new(
                    c.last_span(),
                    "an interface's name has at most 15 characters",
                ));
            }
            draft.source_interface = (!name.is_empty()).then_some(name);
            Ok(())
        },
    },
    Keyword {
        word: "outgoing-ttl",
        value: "<0-255>|disable",
        doc: "the TTL or hop limit of what we send; 255 with `incoming-ttl`",
        read: |draft, c, _| ttl(c).map(|value| draft.outgoing_ttl = value),
    },
    Keyword {
        word: "incoming-ttl",
        value: "<0-255>|disable",
        doc: "the lowest TTL or hop limit that we accept (RFC 5082)",
        read: |draft, c, _| ttl(c).map(|value| draft.incoming_ttl = value),
    },
    Keyword {
        word: "md5-password",
        value: "\"<key>\"",
        doc: "the key of TCP MD5 signatures (RFC 2385)",
        read: |draft, c, _| {
            let span = c.span();
            let key = c.word("a key, in quotes if it has spaces or punctuation")?;
            draft.md5_password = Some((key.to_owned(), span));
            Ok(())
        },
    },
    Keyword {
        word: "md5-base64",
        value: "<true|false|auto>",
        doc: "whether the key is written in base64",
        read: |draft, c, report| {
            draft.md5_base64 = if c.accept("auto") {
                Base64::Auto
            } else if plain_boolean(c, report)? {
                Base64::Yes
            } else {
                Base64::No
            };
            Ok(())
        },
    },
    Keyword {
        word: "md5-ip",
        value: "<address>",
        doc: "the address that outgoing connections come from and `listen` binds, if not `local-address`",
        read: |draft, c, _| {
            c.value("an address", value::ip)
                .map(|value| draft.md5_ip = Some(value))
        },
    },
    Keyword {
        word: "group-updates",
        value: "<true|false>",
        doc: "several routes in one UPDATE; on unless disabled",
        read: |draft, c, _| boolean(c, true).map(|value| draft.group_updates = Some(value)),
    },
    Keyword {
        word: "auto-flush",
        value: "<true|false>",
        doc: "accepted for old files, without effect: routes are always sent immediately",
        read: |draft, c, _| boolean(c, true).map(|value| draft.auto_flush = Some(value)),
    },
    Keyword {
        word: "adj-rib-in",
        value: "<true|false>",
        doc: "keep the routes that the peer sent, for `show adj-rib in`; on unless disabled",
        read: |draft, c, report| {
            plain_boolean(c, report).map(|value| draft.adj_rib_in = Some(value))
        },
    },
    Keyword {
        word: "adj-rib-out",
        value: "<true|false>",
        doc: "keep the routes that we sent, to send them again; on unless disabled",
        read: |draft, c, report| {
            plain_boolean(c, report).map(|value| draft.adj_rib_out = Some(value))
        },
    },
    Keyword {
        word: "eor-deferral",
        value: "<seconds>|disable",
        doc: "after we restart, wait this long for the helpers to send End-of-RIB; ExaBGP has no such setting",
        read: |draft, c, _| {
            draft.eor_deferral = if disabled(c) {
                None
            } else {
                Some(c.value("1 to 65535 seconds, or `disable`", |word| {
                    value::u16(word).filter(|seconds| *seconds > 0)
                })?)
            };
            Ok(())
        },
    },
    Keyword {
        word: "stale-path-time",
        value: "<seconds>",
        doc: "after a graceful restart of the peer, drop the routes that it has not sent again within this time, even without End-of-RIB; 360 unless set; ExaBGP has no such setting",
        read: |draft, c, _| {
            let seconds = c.value("1 to 65535 seconds", |word| {
                value::u16(word).filter(|seconds| *seconds > 0)
            })?;
            draft.stale_path_time = Some(seconds);
            Ok(())
        },
    },
    Keyword {
        word: "manual-eor",
        value: "<true|false>",
        doc: "send End-of-RIB only when a helper requests it",
        read: |draft, c, report| {
            plain_boolean(c, report).map(|value| draft.manual_eor = Some(value))
        },
    },
    Keyword {
        word: "inherit",
        value: "<template>|[ <template> … ]",
        doc: "inherit the settings of a template; lists are merged, the neighbor's own settings take precedence",
        read: |draft, c, _| {
            let names = c.comma_list(|c| {
                let span = c.span();
                c.word("the name of a template")
                    .map(|name| (name.to_owned(), span))
            })?;
            if names.is_empty() {
                return Err(c.error("the name of a template"));
            }
            draft.inherit.extend(names);
            Ok(())
        },
    },
];

impl Draft {
    /// Takes the peer's address.
    pub(crate) fn meet(&mut self, peer: peer_address::Peer) {
        self.peer = Some((peer.address, peer.bits));
        self.peer_zone = peer.zone;
        self.peer_word = peer.word;
    }
}

fn text(token: &crate::text::Token<'_>) -> String {
    token.text.clone().into_owned()
}

fn asn(c: &mut Cursor<'_>) -> Result<Option<Asn>, SyntaxError> {
    let asn = c.value(
        "an AS number, up to 4294967295 or as `1.10`, or `auto`",
        |word| {
            if word == "auto" {
                return Some(None);
            }
            value::asn(word).map(|asn| Some(Asn(asn)))
        },
    )?;
    // RFC 7607 2: no OPEN may have it, and a peer that sends it is refused.
    match asn {
        Some(Asn(0)) => {
            let error = SyntaxError::new(c.last_span(), "AS 0 cannot have a session (RFC 7607)");
            Err(error.with_help("write the number of the AS, or `auto`"))
        }
        asn => Ok(asn),
    }
}

fn host(c: &mut Cursor<'_>) -> Result<String, SyntaxError> {
    c.value("a name of letters, digits, `-` and `.`", |word| {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        (edge(word.chars().next())
            && edge(word.chars().last())
            && word.chars().all(inner)
            && !word.contains("..")
            && word.len() <= 255)
            .then(|| word.to_owned())
    })
}

fn port(c: &mut Cursor<'_>) -> Result<u16, SyntaxError> {
    c.value("a port, 1 to 65535", value::u16)
}

/// A TTL; 0 and the words for "off" are `None`.
fn ttl(c: &mut Cursor<'_>) -> Result<Option<u8>, SyntaxError> {
    if disabled(c) || c.accept("false") {
        return Ok(None);
    }
    c.value("0 to 255, or `disable`", value::u8)
        .map(|ttl| (ttl > 0).then_some(ttl))
}

#[cfg(test)]
mod tests {
    use super::KEYWORDS;
    use crate::config::vocabulary::SETTINGS;

    #[test]
    fn the_vocabulary_names_every_setting() {
        let words: Vec<&str> = KEYWORDS.iter().map(|keyword| keyword.word).collect();
        assert_eq!(words, SETTINGS);
    }
}
