//! The `bmp` section: a station that our sessions are reported to by the BGP Monitoring Protocol (RFC 7854).

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use super::context::{Claim, Context};
use super::diagnostic::Diagnostic;
use super::monitor::{BmpConfig, Monitored};
use super::mrt::buffer;
use super::schema::{self, Keyword};
use super::section::{self, Section};
use super::tree::Statement;
use crate::text::{Cursor, SyntaxError, value};

/// The default of `stats`, in seconds.
pub(crate) const STATS: u32 = 60;
/// The default of `buffer`, in MiB.
pub(crate) const BUFFER: u32 = 64;
/// The default of `retry`, in seconds (RFC 7854 section 3.2).
pub(crate) const RETRY: (u32, u32) = (30, 720);

/// The settings of the section.
pub(crate) const KEYWORDS: &[Keyword<BmpConfig>] = &[
    Keyword {
        word: "connect",
        value: "<address> port <port>",
        doc: "connect to the station there. ExaBGP has no such section",
        read: |config, c, _| socket(c).map(|socket| config.connect = Some(socket)),
    },
    Keyword {
        word: "listen",
        value: "<address> port <port>",
        doc: "let stations connect there, at most 8 at a time; whoever can connect sees all routes",
        read: |config, c, _| socket(c).map(|socket| config.listen = Some(socket)),
    },
    Keyword {
        word: "local-address",
        value: "<address>",
        doc: "our address on connections to the station; the system's choice unless set",
        read: |config, c, _| {
            c.value("an IP address", value::ip)
                .map(|address| config.local_address = Some(address))
        },
    },
    Keyword {
        word: "monitor",
        value: "[ rib-in rib-out ]",
        doc: "report what peers send (Adj-RIB-In, pre-policy), what they are sent (Adj-RIB-Out, post-policy, RFC 8671), or both; both unless set. `rib-in` turns `adj-rib-in` on",
        read: |config, c, _| {
            let (mut rib_in, mut rib_out) = (false, false);
            c.comma_list(|c| {
                let side = c.value("`rib-in` or `rib-out`", |word| match word {
                    "rib-in" => Some(&mut rib_in),
                    "rib-out" => Some(&mut rib_out),
                    _ => None,
                })?;
                *side = true;
                Ok(())
            })?;
            (config.rib_in, config.rib_out) = (rib_in, rib_out);
            Ok(())
        },
    },
    Keyword {
        word: "neighbors",
        value: "[ <address> … ]",
        doc: "only these neighbors, by address or range; all unless set",
        read: |config, c, _| section::monitored(c).map(|value| config.neighbors = value),
    },
    Keyword {
        word: "stats",
        value: "<seconds>",
        doc: "send Statistics Reports this often; 60 unless set, 0 for none",
        read: |config, c, _| number(c, 0..=65_535).map(|value| config.stats = value),
    },
    Keyword {
        word: "buffer",
        value: "<MiB>",
        doc: "what may wait for a slow station before its connection is begun again; 64 unless set",
        read: |config, c, _| buffer(c).map(|value| config.buffer = value),
    },
    Keyword {
        word: "retry",
        value: "<seconds> [<seconds>]",
        doc: "how long to wait before connecting again, at first and at most; 30 and 720 unless set",
        read: |config, c, _| {
            let first = number(c, 1..=86_400)?;
            let most = match c.is_empty() {
                true => first.max(RETRY.1),
                false => number(c, first..=86_400)?,
            };
            config.retry = (first, most);
            Ok(())
        },
    },
    Keyword {
        word: "name",
        value: "<text>",
        doc: "our name in the Initiation (sysName); the host's name unless set",
        read: |config, c, _| text(c).map(|text| config.system_name = Some(text)),
    },
    Keyword {
        word: "description",
        value: "<text>",
        doc: "our description in the Initiation (sysDescr); the program and its version unless set",
        read: |config, c, _| text(c).map(|text| config.description = Some(text)),
    },
];

fn socket(c: &mut Cursor<'_>) -> Result<SocketAddr, SyntaxError> {
    let address = c.value("an IP address", value::ip)?;
    c.expect("port").map_err(|error| {
        error.with_help("BMP has no port of its own: write `port 1790`, or what the station uses")
    })?;
    let port = c.value("a port, 1 to 65535", |word| {
        value::u16(word).filter(|port| *port > 0)
    })?;
    Ok(SocketAddr::new(address, port))
}

fn number(c: &mut Cursor<'_>, range: RangeInclusive<u32>) -> Result<u32, SyntaxError> {
    let expected = format!("a number of seconds, {} to {}", range.start(), range.end());
    c.value(&expected, |word| {
        value::u32(word).filter(|number| range.contains(number))
    })
}

fn text(c: &mut Cursor<'_>) -> Result<String, SyntaxError> {
    c.value("a text of at most 255 bytes", |word| {
        (!word.is_empty() && word.len() <= 255).then(|| word.to_owned())
    })
}

/// Reads `bmp NAME { … }`.
pub(crate) fn read(cx: &mut Context<'_>, statement: &Statement, all: &mut Vec<BmpConfig>) {
    let errors = cx.report.errors;
    let words = cx.tree.words(statement);
    let (_, mut c) = words.cursor();
    let Some(word) = c.next_token() else {
        cx.report.add(
            Diagnostic::error(statement.span(), "the station has no name")
                .with_help("write `bmp NAME { … }`"),
        );
        return;
    };
    let (name, span) = (word.text.clone().into_owned(), word.span);
    schema::spare(&c, &mut cx.report);
    let mut config = BmpConfig {
        name,
        connect: None,
        listen: None,
        local_address: None,
        rib_in: true,
        rib_out: true,
        neighbors: Monitored::default(),
        stats: STATS,
        buffer: BUFFER,
        retry: RETRY,
        system_name: None,
        description: None,
    };
    section::read(cx, statement, &SECTION, &mut config);
    cx.claims.push(Claim {
        who: format!("`bmp {}`", config.name),
        span,
        neighbors: config.neighbors.clone(),
        adj_rib_in: config.rib_in,
    });
    if cx.report.errors > errors {
        return;
    }
    if config.connect.is_none() && config.listen.is_none() {
        cx.report.add(
            Diagnostic::error(
                span,
                format!("the station `{}` has no address", config.name),
            )
            .with_help("add `connect ADDRESS port PORT;` or `listen ADDRESS port PORT;`"),
        );
        return;
    }
    if let (Some(ours), Some(theirs)) = (config.local_address, config.connect)
        && ours.is_ipv4() != theirs.is_ipv4()
    {
        let text = "`local-address` and `connect` have addresses of different families";
        cx.report.add(Diagnostic::error(span, text));
        return;
    }
    let listens = |other: &BmpConfig| other.listen.is_some() && other.listen == config.listen;
    if all.iter().any(|other| other.name == config.name) {
        let text = format!("the station `{}` is already defined", config.name);
        cx.report.add(Diagnostic::error(span, text));
    } else if all.iter().any(listens) {
        let text = "another station listens at the same address and port";
        cx.report.add(Diagnostic::error(span, text));
    } else {
        all.push(config);
    }
}

const SECTION: Section<BmpConfig> = Section {
    name: "bmp",
    place: "a `bmp` section",
    table: KEYWORDS,
};
