//! The names of events in log lines as JSON.
//!
//! A name stays the same when the message is worded differently; several messages may have one name.

/// The names, and how the messages begin that have them: what follows is nothing, or goes on after `:`, `,` or `;`, unless the
/// words end in a space.
pub(crate) const EVENTS: &[(&str, &str)] = &[
    ("daemon.started", "oxabgp "),
    ("daemon.signal", "received a signal"),
    ("daemon.stopping", "shutting down"),
    ("daemon.listening", "listening"),
    (
        "daemon.ending",
        "every neighbor has used up its connection attempts",
    ),
    ("daemon.ending", "too many deaths of a helper"),
    (
        "daemon.ending",
        "a helper could not be started and `api.terminate` is set",
    ),
    ("daemon.ending", "a second signal"),
    ("daemon.background", "not going to the background"),
    ("daemon.privileges-dropped", "dropped privileges"),
    ("daemon.pid-file", "wrote the pid file"),
    ("daemon.pid-file-left", "the pid file could not be removed"),
    (
        "daemon.delayed",
        "no peer is contacted before the next full multiple of `tcp.delay` minutes",
    ),
    ("daemon.listening-failed", "could not listen"),
    ("daemon.listening-ended", "stopped listening"),
    ("daemon.several-ended", "a daemon has ended"),
    ("daemon.several-lost", "a daemon is lost"),
    (
        "daemon.several-signal-failed",
        "the signal could not be passed on",
    ),
    ("configuration.reading", "reading the configuration again"),
    ("configuration.reloaded", "the configuration is reloaded"),
    (
        "configuration.refused",
        "the configuration has errors, nothing is changed",
    ),
    (
        "configuration.refused",
        "the configuration has errors, nothing was started",
    ),
    (
        "configuration.unconfirmed",
        "the reload was not confirmed in time",
    ),
    ("configuration.confirmed", "the reload is confirmed"),
    ("configuration.returned", "the former configuration is back"),
    (
        "configuration.missing",
        "there is no configuration file to reload",
    ),
    (
        "configuration.to-be-confirmed",
        "the reload has to be confirmed",
    ),
    (
        "configuration.not-covered",
        "routes announced before are not covered by `on-death` and `max-routes` until they are announced again",
    ),
    (
        "configuration.unconfirmed-on-disk",
        "the file still has the configuration that was not confirmed",
    ),
    (
        "configuration.later",
        "the `state` section has changed, which applies from the next start on",
    ),
    ("neighbor.added", "the neighbor is new"),
    ("neighbor.removed", "the neighbor is removed"),
    ("neighbor.failed", "the neighbor could not be added"),
    ("neighbor.failed", "the neighbor could not be changed"),
    ("neighbor.failed", "the neighbor could not be removed"),
    ("neighbor.failed", "the range could not be changed"),
    ("neighbor.failed", "the range could not be forgotten"),
    ("neighbor.command", "a command adds the neighbor"),
    ("neighbor.dynamic", "a dynamic neighbor connects"),
    ("session.state", "state"),
    ("session.closed", "session closed"),
    ("session.connect-failed", "cannot connect"),
    ("session.gave-up", "no more attempts to connect"),
    ("session.notification-sent", "NOTIFICATION sent"),
    ("session.notification-received", "NOTIFICATION received"),
    ("session.reset", "the session is reset"),
    (
        "session.prefix-limit",
        "the peer has sent more routes than `prefix-limit` allows",
    ),
    ("session.update-error", "an UPDATE had an error"),
    ("session.paused", "reading is paused"),
    ("session.resumed", "reading goes on"),
    ("session.closed-by-reload", "the session is closed"),
    ("session.kept", "the session is kept"),
    ("session.reset-failed", "the session could not be reset"),
    (
        "session.prefix-limit-over",
        "the peer is within `prefix-limit` again",
    ),
    (
        "session.unexpected-family",
        "the peer sends routes of a family that was not negotiated",
    ),
    ("session.message-dropped", "a message is dropped"),
    ("session.refresh-not-sent", "no route refresh is sent"),
    ("session.eor-not-sent", "no End-of-RIB is sent"),
    (
        "session.eor-deferred",
        "End-of-RIB waits for the routes of the journal",
    ),
    (
        "session.eor-deferred",
        "End-of-RIB waits for a helper to announce it",
    ),
    (
        "session.eor-not-announced",
        "no helper announced End-of-RIB in time",
    ),
    (
        "session.restarting",
        "the peer's routes are kept for its restart",
    ),
    ("session.stale-routes-dropped", "stale routes are dropped"),
    (
        "session.stale-routes-long-lived",
        "stale routes are long-lived from now on",
    ),
    (
        "session.open-shortened",
        "the peer refused the extended form of OPEN (RFC 9072)",
    ),
    ("session.no-answer", "no answer to a connection with "),
    ("session.statistics", "statistics of the session"),
    (
        "session.refresh-unanswered",
        "no routes followed the route refresh",
    ),
    ("session.plugin-panicked", "a neighbor's plugin panicked"),
    ("process.started", "the helper is started"),
    ("process.ended", "the helper ended"),
    ("process.failed", "the helper could not be started"),
    (
        "process.respawn-limit",
        "the helper died more than 5 times within 64 seconds",
    ),
    (
        "process.killed",
        "the helper does not read its events and is killed",
    ),
    (
        "process.killed",
        "the helper did not end within 2 seconds and is killed",
    ),
    ("process.restarted", "the helper is started again"),
    (
        "process.restarted",
        "the helper is started again after a while",
    ),
    ("process.not-restarted", "the helper is not started again"),
    (
        "process.half-line",
        "the helper ended in the middle of a line, which is dropped",
    ),
    (
        "process.oversized-command",
        "the helper wrote an oversized command",
    ),
    (
        "process.deaf",
        "the helper closed its stdin and gets no more events",
    ),
    ("process.removed", "the helper is removed"),
    ("process.restarted-by-reload", "the helper is restarted"),
    ("check.up", "the service is up"),
    ("check.down", "the service is down"),
    ("check.disabled", "the service is disabled"),
    ("check.failed", "the check failed"),
    ("check.held", "a change of the service is held back"),
    ("check.refused", "routes of the check are refused"),
    ("check.command-failed", "a command of the check failed"),
    ("check.added", "the check is new"),
    ("check.changed", "the check has changed"),
    ("check.removed", "the check is removed"),
    ("check.draining", "routes of checks are withdrawn and drain"),
    ("check.command-lost", "a command of a check is lost"),
    (
        "check.process-left",
        "the check left a process behind that keeps its output open, which is killed",
    ),
    ("command.refused", "the command is refused"),
    ("command.without-effect", "the command has no effect"),
    (
        "command.watchdog-ignored",
        "`withdraw` has no effect without `watchdog`",
    ),
    ("command.as-zero", "AS 0 in "),
    ("command.debug", "debug info"),
    ("command.no-family", "no selected neighbor has this family"),
    ("command.more-refused", "and more such lines"),
    ("route.no-family", "no neighbor has this family"),
    ("route.unsendable", "the route can't be sent"),
    (
        "route.kept",
        "helpers announce another version of configured routes, which stays",
    ),
    ("metrics.serving", "serving metrics"),
    ("metrics.failed", "metrics can't be served here"),
    (
        "metrics.connection-failed",
        "a connection for metrics could not be accepted",
    ),
    ("connection.refused", "a connection is refused"),
    (
        "connection.refused",
        "a connection of no neighbor is refused",
    ),
    ("connection.dropped", "a connection is dropped"),
    ("connection.reset", "a connection is reset"),
    ("connection.unprotected", "cannot protect a connection"),
    ("connection.failed", "cannot accept a connection"),
    ("connection.key-left", "a guard stays"),
    (
        "connection.panicked",
        "who decides about unknown connections panicked",
    ),
    (
        "guard.tightened",
        "the new guard refuses routes that are announced",
    ),
    ("guard.max-routes-near", "`max-routes` is nearly reached"),
    ("announce-limit.near", "`announce-limit` is nearly reached"),
    ("announce-limit.over", "well within `announce-limit` again"),
    ("announce-limit.refused", "the route is not announced"),
    ("lease.ended", "leases have ended"),
    ("set.applied", "a set is applied"),
    ("set.refused", "the set is refused"),
    ("journal.restored", "routes of the journal are announced"),
    (
        "journal.claimed",
        "routes of the journal were not announced again, and stay",
    ),
    (
        "journal.unclaimed",
        "routes of the journal were not announced again, and are withdrawn",
    ),
    (
        "journal.unclaimed-watchdog",
        "a watchdog of the journal was not announced again, and is withdrawn",
    ),
    ("journal.refused", "routes of the journal are not allowed"),
    ("journal.unreadable", "the journal can't be read"),
    (
        "journal.damaged",
        "the journal is damaged, and what follows is lost",
    ),
    ("journal.damaged-kept", "the damaged journal is kept there"),
    (
        "journal.not-understood",
        "records of the journal are not understood and are ignored",
    ),
    ("journal.failed", "the journal can't be written"),
    (
        "journal.removed",
        "the journal was removed or replaced while it was open",
    ),
    ("journal.complete", "the journal is complete"),
    (
        "journal.route-lost",
        "the route can't be recorded in the journal",
    ),
    ("upgrade.started", "continuing as another process"),
    ("upgrade.refused", "the daemon is not upgraded"),
    ("upgrade.listening", "still listening"),
    (
        "upgrade.sessions",
        "the sessions of the process before are continued",
    ),
    ("upgrade.neighbor-gone", "the neighbor is not continued"),
    ("upgrade.session-lost", "the session can't be continued"),
    (
        "upgrade.client-lost",
        "a client of the control socket is lost",
    ),
    (
        "upgrade.helper-lost",
        "the helper is lost, and started again",
    ),
    (
        "upgrade.incomplete",
        "the upgraded daemon goes on without a part of its configuration",
    ),
    (
        "upgrade.descriptor-left",
        "a descriptor stays open for helpers",
    ),
    ("upgrade.signals-blocked", "signals stay blocked"),
    ("bmp.connected", "connected to the monitoring station"),
    ("bmp.connected", "a monitoring station has connected"),
    (
        "bmp.unreachable",
        "the monitoring station cannot be reached",
    ),
    ("bmp.listening", "listening for monitoring stations"),
    (
        "bmp.listening-failed",
        "could not listen for monitoring stations",
    ),
    ("bmp.refused", "a monitoring station is refused"),
    (
        "bmp.connection-failed",
        "a monitoring station could not be accepted",
    ),
    (
        "bmp.lost",
        "the connection to the monitoring station is lost",
    ),
    (
        "bmp.lost",
        "the monitoring station has closed the connection",
    ),
    ("bmp.too-slow", "the monitoring station is too slow"),
    ("bmp.changed", "the monitoring station is begun again"),
    ("bmp.removed", "the monitoring station is no longer served"),
    ("mrt.failed", "the archive cannot be written"),
    ("mrt.closed", "the archive is closed"),
    ("mrt.dropping", "records are dropped"),
    ("mrt.losing", "records cannot be written and are lost"),
    ("mrt.writing", "records are written again"),
    ("mrt.incomplete", "an archive is not complete"),
    ("mrt.cut-back", "the end of a file is cut off"),
    ("mrt.table", "a table is written"),
    ("mrt.table-failed", "a table cannot be written"),
    ("mrt.reader-refused", "a reader of records is refused"),
    ("mrt.reader-too-slow", "a reader of records is too slow"),
    ("control.open", "the control socket is open"),
    ("control.failed", "another daemon has the control socket"),
    ("control.failed", "the control socket can't be created here"),
    ("control.failed", "there is no control socket"),
    (
        "control.created-again",
        "the control socket is created again",
    ),
    ("control.left", "the control socket could not be removed"),
    ("control.mode", "the mode of the directory could not be set"),
    (
        "control.owner",
        "the owner could not be changed to the user that the daemon becomes",
    ),
    ("control.unknown-user", "there is no such user or group"),
    (
        "control.client-failed",
        "a client of the control socket could not be accepted",
    ),
    (
        "control.client-refused",
        "a client of the control socket is refused",
    ),
    (
        "control.client-disconnected",
        "a client of the control socket is disconnected",
    ),
    (
        "control.half-command",
        "a client of the control socket left in the middle of a command, which is dropped",
    ),
    (
        "control.half-command",
        "a client of the named pipes left in the middle of a command, which is dropped",
    ),
    (
        "control.pipes-failed",
        "the named pipes for the cli can no longer be used",
    ),
    (
        "control.oversized-command",
        "received a command larger than 1048576 bytes from the named pipe",
    ),
    ("pipe.complete", "all of the input is on the wire"),
    (
        "pipe.incomplete",
        "what could be read of the input is on the wire",
    ),
    (
        "pipe.incomplete",
        "all of the input but the refused commands is on the wire",
    ),
    (
        "pipe.failed",
        "the input ended before `commit` or `set NAME end`",
    ),
    (
        "pipe.failed",
        "the standard input cannot be read to its end",
    ),
    ("pipe.failed", "the standard output cannot be written"),
    ("pipe.failed", "a command of more than 1 MiB is dropped"),
    (
        "pipe.failed",
        "the session was down for longer than `--timeout` allows",
    ),
    ("pipe.reader-left", "the standard output is closed"),
];

/// The name of an event with that message.
pub(super) fn name(message: &str) -> Option<&'static str> {
    // `the helper is started again` and others that go on after the words of a row are not the event.
    EVENTS
        .iter()
        .find(|(_, words)| {
            message.strip_prefix(words).is_some_and(|rest| {
                words.ends_with(' ') || rest.is_empty() || rest.starts_with([':', ',', ';'])
            })
        })
        .map(|(name, _)| *name)
}
