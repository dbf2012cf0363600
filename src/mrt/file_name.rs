//! Names of archive files with the time in them: `updates.%Y%m%d.%H%M.mrt`.

use std::fmt::Write as _;

use super::civil;

/// A file name with fields of the time, as `strftime` has them: `%Y`, `%y`, `%m`, `%d`, `%H`, `%M`, `%S`, `%s` (seconds
/// since 1970) and `%%`. Times are UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FileName(String);

impl FileName {
    /// Checks a pattern.
    ///
    /// # Errors
    /// The first field that is not known, as it is written.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let mut rest = pattern;
        while let Some((_, after)) = rest.split_once('%') {
            let field = after.chars().next();
            match field {
                Some('Y' | 'y' | 'm' | 'd' | 'H' | 'M' | 'S' | 's' | '%') => {
                    rest = &after[1..];
                }
                field => return Err(format!("%{}", field.map_or_else(String::new, String::from))),
            }
        }
        Ok(Self(pattern.to_owned()))
    }

    /// The pattern.
    pub fn pattern(&self) -> &str {
        &self.0
    }

    /// The name at a time, in seconds since 1970.
    pub fn at(&self, seconds: u32) -> String {
        let (year, month, day) = civil(seconds / 86_400);
        let of_day = seconds % 86_400;
        let mut out = String::with_capacity(self.0.len() + 8);
        let mut rest = self.0.as_str();
        while let Some((before, after)) = rest.split_once('%') {
            out.push_str(before);
            // Writing to a String cannot fail, and `new` has checked the fields.
            let _ = match after.as_bytes().first() {
                Some(b'Y') => write!(out, "{year:04}"),
                Some(b'y') => write!(out, "{:02}", year % 100),
                Some(b'm') => write!(out, "{month:02}"),
                Some(b'd') => write!(out, "{day:02}"),
                Some(b'H') => write!(out, "{:02}", of_day / 3_600),
                Some(b'M') => write!(out, "{:02}", of_day / 60 % 60),
                Some(b'S') => write!(out, "{:02}", of_day % 60),
                Some(b's') => write!(out, "{seconds}"),
                _ => write!(out, "%"),
            };
            rest = after.get(1..).unwrap_or_default();
        }
        out.push_str(rest);
        out
    }

    /// Returns `true` if files that begin `period` seconds apart have different names. Those of a day apart at the least differ
    /// if the day is in the name, and so on.
    pub fn distinguishes(&self, period: u32) -> bool {
        // Periods that begin at full multiples, over the change of an hour, a day, a month and a year.
        let starts = [1_451_606_400, 1_456_617_600, 1_456_703_900, 1_483_228_000];
        starts.into_iter().all(|start| {
            let start: u32 = start - start % period.max(1);
            self.at(start) != self.at(start.saturating_add(period))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_filled_in() {
        let name = FileName::new("/a/%Y.%m/u.%y%m%d.%H%M%S-%s%%").expect("good");
        assert_eq!(
            name.at(1_427_846_705),
            "/a/2015.04/u.150401.000505-1427846705%"
        );
        assert_eq!(FileName::new("a%q"), Err("%q".to_owned()));
        assert_eq!(FileName::new("a%"), Err("%".to_owned()));
    }

    #[test]
    fn a_name_without_the_minute_does_not_do_for_minutes() {
        let of =
            |pattern: &str, period| FileName::new(pattern).expect("good").distinguishes(period);
        assert!(of("u.%Y%m%d.%H%M", 60));
        assert!(of("u.%s", 1));
        assert!(!of("u.%Y%m%d.%H%M", 30));
        assert!(!of("u.%Y%m%d.%H", 900));
        assert!(of("u.%Y%m%d", 86_400));
        assert!(!of("u", 900));
    }
}
