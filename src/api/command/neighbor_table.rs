//! `show neighbor table`: all neighbors in a table of at most 80 columns, for people. Columns are as wide as they have to be;
//! the tables of ExaBGP have fixed ones, which scripts cut.

use std::fmt::Write as _;

use crate::api::control::NeighborStatus;

/// The width of a terminal.
const WIDTH: usize = 80;
/// The titles, and whether a column is aligned to the right. `Recv` and `Sent` are UPDATE messages of the session.
const COLUMNS: [(&str, bool); 6] = [
    ("Neighbor", false),
    ("AS", true),
    ("State", false),
    ("For", true),
    ("Recv", true),
    ("Sent", true),
];

/// One line.
pub(super) type Cells = [String; COLUMNS.len()];

/// The line of a neighbor.
pub(super) fn cells(status: &NeighborStatus<'_>) -> Cells {
    let messages = &status.messages;
    [
        status.address(),
        status
            .peer_as
            .map_or_else(|| "auto".to_owned(), |asn| asn.0.to_string()),
        status.state.to_lowercase(),
        age(status.seconds),
        count(messages.received.update),
        count(messages.sent.update),
    ]
}

/// Writes the table.
pub(super) fn write(rows: &[Cells], out: &mut String) {
    let titles = COLUMNS.map(|(title, _)| title.to_owned());
    let mut widths = [0; COLUMNS.len()];
    for row in std::iter::once(&titles).chain(rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let cells: usize = widths.iter().sum();
    let gaps = COLUMNS.len() - 1;
    let gap = if cells + 2 * gaps <= WIDTH { 2 } else { 1 };
    // An address with a long zone has a line of its own.
    let excess = (cells + gap * gaps).saturating_sub(WIDTH);
    widths[0] = widths[0].saturating_sub(excess);
    for row in std::iter::once(&titles).chain(rows) {
        line(row, &widths, gap, out);
    }
}

fn line(row: &Cells, widths: &[usize; COLUMNS.len()], gap: usize, out: &mut String) {
    for (at, (cell, width)) in row.iter().zip(widths).enumerate() {
        let pad = width.saturating_sub(cell.chars().count());
        let (_, is_right) = COLUMNS[at];
        let (before, after) = if is_right { (pad, 0) } else { (0, pad) };
        // Writing to a String cannot fail.
        let _ = write!(out, "{:before$}{cell}{:after$}", "", "");
        if at + 1 == row.len() {
            out.push('\n');
        } else if cell.chars().count() > *width {
            let _ = write!(out, "\n{:indent$}", "", indent = width + gap);
        } else {
            let _ = write!(out, "{:gap$}", "");
        }
    }
}

/// A time in at most six characters: `42s`, `12m03s`, `23h59m`, `12d03h`, `4711d`.
fn age(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (100.., ..) => format!("{days}d"),
        (1.., ..) => format!("{days}d{:02}h", hours % 24),
        (_, 1.., _) => format!("{hours}h{:02}m", minutes % 60),
        (_, _, 1..) => format!("{minutes}m{:02}s", seconds % 60),
        _ => format!("{seconds}s"),
    }
}

/// A number in at most four characters: `999`, `9.9k`, `123k`, `1.2M`.
fn count(number: u64) -> String {
    const UNITS: [char; 6] = ['k', 'M', 'G', 'T', 'P', 'E'];
    if number < 1_000 {
        return number.to_string();
    }
    let (mut unit, mut value) = (0, number);
    while value >= 1_000_000 {
        value /= 1_000;
        unit += 1;
    }
    let (whole, tenth) = (value / 1_000, value / 100 % 10);
    match whole {
        ..10 => format!("{whole}.{tenth}{}", UNITS[unit]),
        _ => format!("{whole}{}", UNITS[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (number, wanted) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1.0k"),
            (9_999, "9.9k"),
            (10_000, "10k"),
            (999_999, "999k"),
            (1_250_000, "1.2M"),
            (u64::MAX, "18E"),
        ] {
            assert_eq!(count(number), wanted);
        }
        for (seconds, wanted) in [
            (0, "0s"),
            (59, "59s"),
            (723, "12m03s"),
            (86_399, "23h59m"),
            (86_400, "1d00h"),
            (8_639_999, "99d23h"),
            (8_640_000, "100d"),
        ] {
            assert_eq!(age(seconds), wanted);
        }
    }

    #[test]
    fn the_widest_lines_fit() {
        let row = |address: &str| {
            let cells = [
                address,
                "4294967295",
                "established",
                "99d23h",
                "999k",
                "999M",
            ];
            cells.map(str::to_owned)
        };
        let longest = "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff";
        let mut out = String::new();
        write(&[row(longest), row("10.0.0.1")], &mut out);
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines.len(), 3, "{out}");
        assert!(lines.iter().all(|line| line.len() <= WIDTH), "{out}");
        // Longer ones have lines of their own, and the columns stay where they are.
        let zoned = "fe80::ffff:ffff:ffff:ffff%enp123s0f0np0.1234";
        out.clear();
        write(&[row(zoned), row(longest)], &mut out);
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines.len(), 4, "{out}");
        assert_eq!(lines[1], zoned);
        assert!(lines.iter().all(|line| line.len() <= WIDTH), "{out}");
        let rest = lines[3].strip_prefix(longest).unwrap_or_default();
        assert_eq!(lines[2].trim_start(), rest.trim_start());
    }
}
