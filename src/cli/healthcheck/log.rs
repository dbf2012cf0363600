//! The log of a health check: `LEVEL[healthcheck] message` on standard error, and syslog.
//!
//! It is separate from the daemon's log because it has its own options: an installation may use `--syslog-facility
//! local3` here and a file there. If syslog is unavailable, lines are lost, but nothing else happens.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::os::unix::net::UnixDatagram;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::options::HealthcheckArgs;
use crate::cli::log::Printable;

/// The socket of syslog on Linux.
const SYSLOG: &str = "/dev/log";

/// Syslog facilities with their numbers (RFC 3164), named as in Python.
const FACILITIES: &[(&str, u8)] = &[
    ("kern", 0),
    ("user", 1),
    ("mail", 2),
    ("daemon", 3),
    ("auth", 4),
    ("syslog", 5),
    ("lpr", 6),
    ("news", 7),
    ("uucp", 8),
    ("cron", 9),
    ("authpriv", 10),
    ("ftp", 11),
    ("ntp", 12),
    ("security", 13),
    ("console", 14),
    ("solcron", 15),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

/// Starts logging.
///
/// # Errors
/// Returns an error if the facility does not exist.
pub(super) fn start(options: &HealthcheckArgs) -> Result<(), String> {
    let syslog = match options.facility() {
        Some(facility) => Some(Syslog::new(facility, options.name.as_deref())?),
        None => None,
    };
    let lines = Lines {
        console: !options.silent,
        syslog,
    };
    let level = match options.debug {
        true => LevelFilter::DEBUG,
        false => LevelFilter::INFO,
    };
    // A second call, as in tests, has no effect.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(level))
        .try_init();
    Ok(())
}

struct Lines {
    console: bool,
    syslog: Option<Syslog>,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message::default();
        event.record(&mut message);
        let (name, severity) = match *event.metadata().level() {
            Level::ERROR => ("ERROR", 3),
            Level::WARN => ("WARNING", 4),
            Level::INFO => ("INFO", 6),
            _ => ("DEBUG", 7),
        };
        if let Some(syslog) = &self.syslog {
            syslog.send(severity, &message.0);
        }
        if self.console {
            // If standard error is closed, the message is dropped.
            let line = format!("{name}[healthcheck] {}\n", message.0);
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }
}

/// The text of an event.
#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Errors have a second line with help.
        let mut out = Printable::lines(&mut self.0);
        // Writing to a String cannot fail.
        let _ = match field.name() {
            "message" => write!(out, "{value:?}"),
            name => write!(out, " {name}={value:?}"),
        };
    }
}

/// The local syslog: one datagram per line.
struct Syslog {
    socket: Option<UnixDatagram>,
    facility: u8,
    tag: String,
}

impl Syslog {
    fn new(facility: &str, name: Option<&str>) -> Result<Self, String> {
        let known = FACILITIES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(facility));
        let Some((_, facility)) = known else {
            let names: Vec<&str> = FACILITIES.iter().map(|(name, _)| *name).collect();
            return Err(format!(
                "unknown syslog facility `{facility}`\nhelp: the facilities are {}",
                names.join(", ")
            ));
        };
        let socket = UnixDatagram::unbound()
            .and_then(|socket| socket.set_nonblocking(true).map(|()| socket))
            .ok();
        let tag = match name.filter(|name| !name.is_empty()) {
            Some(name) => format!("healthcheck-{name}[{}]", std::process::id()),
            None => format!("healthcheck[{}]", std::process::id()),
        };
        Ok(Self {
            socket,
            facility: *facility,
            tag,
        })
    }

    fn send(&self, severity: u8, message: &str) {
        if let Some(socket) = &self.socket {
            let datagram = self.datagram(severity, message);
            let _ = socket.send_to(datagram.as_bytes(), SYSLOG);
        }
    }

    fn datagram(&self, severity: u8, message: &str) -> String {
        let priority = self.facility * 8 + severity;
        format!("<{priority}>{}: {message}", self.tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_syslog_names_the_check() {
        let pid = std::process::id();
        let syslog = Syslog::new("LOCAL3", Some("web")).expect("a known facility");
        assert_eq!(
            syslog.datagram(6, "up"),
            format!("<158>healthcheck-web[{pid}]: up")
        );
        let syslog = Syslog::new("daemon", None).expect("a known facility");
        assert_eq!(
            syslog.datagram(4, "x"),
            format!("<28>healthcheck[{pid}]: x")
        );
        assert!(Syslog::new("local9", None).is_err());
    }
}
