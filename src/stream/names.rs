//! Times and names: dates, and what a file's name tells of its project, collector and time.

use std::path::Path;

use crate::mrt::civil;

use super::record::RecordKind;

/// Seconds since 1970 of a date and time, UTC; `None` if there is no such date between 1970 and 2105.
pub(crate) fn seconds(date: [u32; 3], time: [u32; 3]) -> Option<u32> {
    let [year, month, day] = date;
    let [hour, minute, second] = time;
    if !(1970..=2105).contains(&year) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let guess = (year - 1970) * 365 + (year - 1969) / 4;
    // The guess is at most a month early or late for the first of January; at most 400 days are walked.
    let first = guess.saturating_sub(31);
    let days = (first..first + 430).find(|days| civil(*days) == (year, month, day))?;
    days.checked_mul(86_400)?
        .checked_add(hour * 3600 + minute * 60 + second)
}

/// Reads a time: seconds since 1970, or `YYYY-MM-DD[ HH:MM[:SS]]` in UTC; `T` may stand between date and time, `Z` at the
/// end.
pub fn time(text: &str) -> Option<u32> {
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, clock) = text.split_once([' ', 'T']).unwrap_or((text, "00:00:00"));
    let mut date = date.split('-').map(|part| part.parse().ok());
    let day = [date.next()??, date.next()??, date.next()??];
    let mut parts = clock.split(':').map(|part| part.parse().ok());
    let clock = [
        parts.next()??,
        parts.next()??,
        parts.next().unwrap_or(Some(0))?,
    ];
    if date.next().is_some() || parts.next().is_some() {
        return None;
    }
    seconds(day, clock)
}

/// Reads a span such as `3 h`, `90s`, `1 d`: seconds.
pub fn span(text: &str) -> Option<u32> {
    let text = text.trim();
    let at = text.find(|one: char| !one.is_ascii_digit())?;
    let count: u32 = text[..at].parse().ok()?;
    let unit = match text[at..].trim_start() {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    count.checked_mul(unit)
}

/// What a path tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Project; empty if unknown.
    pub project: String,
    /// Collector; empty if unknown.
    pub collector: String,
    /// Of tables or updates.
    pub kind: Option<RecordKind>,
    /// When the dump was begun.
    pub time: Option<u32>,
}

impl Named {
    /// Understands the names of RIS (`rrc06/2015.04/updates.20150401.0000.gz`), RouteViews
    /// (`route-views.sg/bgpdata/2020.05/RIBS/rib.20200501.0000.bz2`) and of CAIDA's mirrors and caches
    /// (`ris.rrc06.updates.1427846400.gz`).
    pub fn of(path: &Path) -> Self {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let parts: Vec<&str> = name.split('.').collect();
        let mut named = Self::default();
        let kind_at = parts.iter().position(|part| kind(part).is_some());
        if let Some(at) = kind_at {
            named.kind = kind(parts[at]);
            named.time = when(&parts[at + 1..]);
            if let [project, collector @ ..] = &parts[..at]
                && !collector.is_empty()
            {
                named.project = (*project).to_owned();
                named.collector = collector.join(".");
            }
        }
        if named.collector.is_empty() && kind_at.is_some() {
            named.read_folders(path);
        }
        named
    }

    fn read_folders(&mut self, path: &Path) {
        // The folder that tells may be the one that a relative path starts from.
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let folders = absolute.parent().into_iter().flat_map(Path::iter);
        let mut bgpdata = false;
        let mut above = String::new();
        for folder in folders.map(|folder| folder.to_string_lossy()) {
            let rrc = folder.strip_prefix("rrc").is_some_and(|rest| {
                !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit())
            });
            if rrc {
                self.project = "ris".to_owned();
                self.collector = folder.to_string();
            } else if folder.starts_with("route-views") {
                self.project = "routeviews".to_owned();
                self.collector = folder.to_string();
            } else if folder == "bgpdata" {
                bgpdata = true;
                if is_exchange(&above) {
                    self.project = "routeviews".to_owned();
                    self.collector.clone_from(&above);
                }
            }
            above = folder.into_owned();
        }
        if self.collector.is_empty() && bgpdata {
            // The oldest collector's files lie at the top.
            self.project = "routeviews".to_owned();
            self.collector = "route-views2".to_owned();
        }
    }
}

/// Whether a folder has the name of one of RouteViews' newer collectors: an exchange and the code of its airport, as in
/// `amsix.ams`.
fn is_exchange(folder: &str) -> bool {
    const HOSTS: [&str; 5] = ["com", "edu", "gov", "net", "org"];
    folder.rsplit_once('.').is_some_and(|(exchange, airport)| {
        !exchange.is_empty()
            && airport.len() == 3
            && airport.bytes().all(|byte| byte.is_ascii_lowercase())
            && !HOSTS.contains(&airport)
    })
}

fn kind(word: &str) -> Option<RecordKind> {
    match word {
        "updates" => Some(RecordKind::Update),
        "ribs" | "rib" | "bview" => Some(RecordKind::Rib),
        _ => None,
    }
}

/// The time in the words after the type: `1427846400`, or `20150401.0000`.
fn when(parts: &[&str]) -> Option<u32> {
    let first = *parts.first()?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(first) {
        return None;
    }
    if let (8, Some(clock)) = (first.len(), parts.get(1))
        && clock.len() == 4
        && digits(clock)
    {
        let part = |from: usize, to: usize| first[from..to].parse().ok();
        let (hour, minute) = clock.split_at(2);
        return seconds(
            [part(0, 4)?, part(4, 6)?, part(6, 8)?],
            [hour.parse().ok()?, minute.parse().ok()?, 0],
        );
    }
    first.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        for (text, wanted) in [
            ("1427846400", Some(1_427_846_400)),
            ("2015-04-01", Some(1_427_846_400)),
            ("2015-04-01 00:05", Some(1_427_846_700)),
            ("2015-04-01T00:05:01Z", Some(1_427_846_701)),
            ("2000-02-29 00:00", Some(951_782_400)),
            ("1970-01-01", Some(0)),
            ("2105-12-31 23:59:59", Some(4_291_747_199)),
            ("2015-02-29", None),
            ("soon", None),
            ("2015-04-01 24:00", None),
        ] {
            assert_eq!(time(text), wanted, "{text}");
        }
        assert_eq!(span("3 h"), Some(10_800));
        assert_eq!(span("90s"), Some(90));
        assert_eq!(span("3 hours"), None);
        assert_eq!(span("h"), None);
    }

    #[test]
    fn names_are_understood() {
        for (path, project, collector, kind, time) in [
            (
                "x/ris.rrc06.updates.1427846400.gz",
                "ris",
                "rrc06",
                "update",
                1_427_846_400,
            ),
            (
                "rrc06/2015.04/updates.20150401.0000.gz",
                "ris",
                "rrc06",
                "update",
                1_427_846_400,
            ),
            (
                "rrc00/2015.04/bview.20150401.0000.gz",
                "ris",
                "rrc00",
                "rib",
                1_427_846_400,
            ),
            (
                "route-views.sg/bgpdata/2020.05/RIBS/rib.20200501.0000.bz2",
                "routeviews",
                "route-views.sg",
                "rib",
                1_588_291_200,
            ),
            (
                "bgpdata/2020.05/UPDATES/updates.20200501.0000.bz2",
                "routeviews",
                "route-views2",
                "update",
                1_588_291_200,
            ),
            (
                "rv/amsix.ams/bgpdata/2024.05/UPDATES/updates.20200501.0000.bz2",
                "routeviews",
                "amsix.ams",
                "update",
                1_588_291_200,
            ),
            (
                "archive.routeviews.org/bgpdata/2020.05/UPDATES/updates.20200501.0000.bz2",
                "routeviews",
                "route-views2",
                "update",
                1_588_291_200,
            ),
            (
                "routeviews.route-views.jinx.ribs.1427846400.bz2",
                "routeviews",
                "route-views.jinx",
                "rib",
                1_427_846_400,
            ),
            ("updates.20071015.1505.gz", "", "", "update", 1_192_460_700),
        ] {
            let named = Named::of(Path::new(path));
            assert_eq!(
                (named.project.as_str(), named.collector.as_str()),
                (project, collector),
                "{path}"
            );
            assert_eq!(named.kind.map(RecordKind::as_str), Some(kind), "{path}");
            assert_eq!(named.time, Some(time), "{path}");
        }
        assert_eq!(Named::of(Path::new("dump.mrt")), Named::default());
    }
}
