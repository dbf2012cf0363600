//! The metrics of archives and monitoring stations, and their tables on the status page.

use std::fmt::Write as _;

use super::encoder::{Encoder, Format, Kind};
use super::text::Escaped;
use crate::daemon::bmp::station;
use crate::daemon::core::Core;
use crate::daemon::mrt::archive;
use crate::daemon::status::snapshot::clean;

/// Name, kind, help and number of each, for stations.
type StationRow = (&'static str, Kind, &'static str, fn(&station::Shown) -> u64);

#[rustfmt::skip]
const STATIONS: &[StationRow] = &[
    ("oxabgp_bmp_up", Kind::Gauge, "Whether the monitoring station is connected.", |station| u64::from(station.links > 0)),
    ("oxabgp_bmp_connections_total", Kind::Counter, "Connections of the monitoring station.", |station| station.connections),
    ("oxabgp_bmp_messages_total", Kind::Counter, "BMP messages for the monitoring station.", |station| station.messages),
    ("oxabgp_bmp_overflows_total", Kind::Counter, "Connections that were closed because the monitoring station was too slow.", |station| station.overflows),
];

/// The same for archives of messages.
type ArchiveRow = (&'static str, Kind, &'static str, fn(&archive::Shown) -> u64);

#[rustfmt::skip]
const ARCHIVES: &[ArchiveRow] = &[
    ("oxabgp_mrt_records_total", Kind::Counter, "Records for the archive, lost ones included.", |archive| archive.records),
    ("oxabgp_mrt_lost_records_total", Kind::Counter, "Records that were lost: the disk was too slow, full or failed.", |archive| archive.lost),
    ("oxabgp_mrt_queue_bytes", Kind::Gauge, "What waits to be written to the archive.", |archive| archive.waiting as u64),
];

/// Writes them, if there are archives or stations.
pub(super) fn write(core: &Core, format: Format, out: &mut String) {
    let stations = core.taps.shown_stations();
    for (name, kind, help, number) in STATIONS.iter().filter(|_| !stations.is_empty()) {
        let mut encoder = Encoder::new(out, format, name);
        encoder.head(*kind, help);
        for station in &stations {
            encoder.sample(&[("station", &clean(&station.name))], number(station));
        }
    }
    let archives = core.taps.shown_archives();
    for (name, kind, help, number) in ARCHIVES.iter().filter(|_| !archives.is_empty()) {
        let mut encoder = Encoder::new(out, format, name);
        encoder.head(*kind, help);
        for archive in &archives {
            encoder.sample(&[("archive", &clean(&archive.file))], number(archive));
        }
    }
}

/// The tables of the status page. Writing to a string cannot fail.
pub(super) fn tables(core: &Core, out: &mut String) {
    let stations = core.taps.shown_stations();
    if !stations.is_empty() {
        out.push_str("<h2>Monitoring stations</h2>\n<div class=\"scroll\"><table id=\"stations\">\n<thead><tr><th>Station</th><th>State</th><th class=\"n\">Connections</th><th class=\"n\">Messages</th><th class=\"n\">Too slow</th></tr></thead>\n<tbody>\n");
        for station in stations {
            let state = match station.links {
                0 => "<span class=\"down\">not connected</span>",
                _ => "<span class=\"up\">connected</span>",
            };
            let _ = writeln!(
                out,
                "<tr><td class=\"t\">{}</td><td class=\"t\">{state}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                Escaped(&clean(&station.name)),
                station.connections,
                station.messages,
                station.overflows
            );
        }
        out.push_str("</tbody></table></div>\n");
    }
    let archives = core.taps.shown_archives();
    if !archives.is_empty() {
        out.push_str("<h2>Archives</h2>\n<div class=\"scroll\"><table id=\"archives\">\n<thead><tr><th>Archive</th><th class=\"n\">Records</th><th class=\"n\">Lost</th><th class=\"n\">Bytes that wait</th></tr></thead>\n<tbody>\n");
        for archive in archives {
            let _ = writeln!(
                out,
                "<tr><td class=\"e\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                Escaped(&clean(&archive.file)),
                archive.records,
                archive.lost,
                archive.waiting
            );
        }
        out.push_str("</tbody></table></div>\n");
    }
}
