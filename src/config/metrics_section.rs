//! The `metrics` section.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::context::Context;
use super::diagnostic::Diagnostic;
use super::metrics::{HttpPlace, MetricsConfig};
use super::schema::{Keyword, boolean};
use super::settings::Settings;
use super::tree::Statement;
use crate::grammar::Prefix;
use crate::text::value;

/// The port of metrics: that of the exporters for ExaBGP.
const PORT: u16 = 9576;
/// The most prefixes with a series of their own.
const MAX_ROUTES: usize = 10_000;

/// The settings of the section.
pub(crate) const KEYWORDS: &[Keyword<MetricsConfig>] = &[
    Keyword {
        word: "listen",
        value: "<address> [port <port>] | unix <path>",
        doc: "serve HTTP there: `/metrics` for Prometheus and the status page `/`; may be repeated. Port 9576 unless set, and 127.0.0.1 without any `listen`",
        read: |metrics, c, report| {
            let span = c.span();
            let place = if c.accept("unix") {
                c.value("an absolute path", |word| {
                    word.starts_with('/').then(|| HttpPlace::Unix(word.into()))
                })?
            } else {
                let address = c.value("an address, or `unix` and a path", value::ip)?;
                let port = match c.accept("port") {
                    true => c.value("a port, 1 to 65535", |word| {
                        value::u16(word).filter(|port| *port > 0)
                    })?,
                    false => PORT,
                };
                HttpPlace::Tcp(SocketAddr::new(address, port))
            };
            if metrics.listen.contains(&place) {
                report.add(Diagnostic::warning(span, "this is served already"));
            } else {
                metrics.listen.push(place);
            }
            Ok(())
        },
    },
    Keyword {
        word: "routes",
        value: "[ <prefix> … ]",
        doc: "a series for each of these prefixes: to how many neighbors it is announced",
        read: |metrics, c, report| {
            let routes = c.comma_list(|c| {
                let span = c.span();
                Prefix::parse(c.word("a prefix")?, span)
            })?;
            for prefix in routes {
                if !metrics.routes.contains(&prefix) {
                    metrics.routes.push(prefix);
                }
            }
            if metrics.routes.len() > MAX_ROUTES {
                metrics.routes.truncate(MAX_ROUTES);
                report.add(Diagnostic::error(
                    c.last_span(),
                    format!("no more than {MAX_ROUTES} prefixes may have a series each"),
                ));
            }
            Ok(())
        },
    },
    Keyword {
        word: "page",
        value: "<enable|disable>",
        doc: "serve the status page as well: `/` for people, `/status.json` for programs; on unless disabled",
        read: |metrics, c, _| boolean(c, true).map(|value| metrics.page = value),
    },
    Keyword {
        word: "compat",
        value: "exabgp-exporter",
        doc: "add series with the names of exabgp_exporter, for dashboards and alerts that were made for it; of at most 10,000 routes",
        read: |metrics, c, _| {
            c.expect("exabgp-exporter")
                .map(|()| metrics.exabgp_exporter = true)
        },
    },
];

/// The section.
const SECTION: Settings<MetricsConfig> = Settings {
    section: "metrics",
    shown: "a `metrics` section",
    keywords: KEYWORDS,
    lists: &["listen", "routes"],
    is_outermost: true,
};

/// Reads `metrics { … }` into `metrics`, which has the sections before it.
pub(crate) fn read(cx: &mut Context<'_>, section: &Statement, metrics: &mut MetricsConfig) {
    SECTION.read(cx, section, metrics);
}

/// Fills in what was left out.
pub(crate) fn finish(metrics: &mut MetricsConfig) {
    if metrics.listen.is_empty() {
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let place = HttpPlace::Tcp(SocketAddr::new(address, PORT));
        metrics.listen.push(place);
    }
}
