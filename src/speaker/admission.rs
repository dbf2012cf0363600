//! How many connections hosts may make that are no configured neighbors.
//!
//! The kernel accepts a connection before its address is looked at, so a crowd of strangers could cost descriptors, log lines
//! and time. Each source, and all of them together, have a bucket of connections that fills slowly; one that finds it empty
//! is reset at once: no NOTIFICATION, nothing is kept. What remains is refused in the usual way, or becomes a dynamic neighbor,
//! of which only so many may be without a session. Configured neighbors are exempt: each has at most two connections anyway.
//!
//! A source is an IPv4 address or an IPv6 /64, since whoever has an address of such a network has them all; but one address of
//! a network that is expected, whose hosts are neighbors.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Connections that one source may make at once, and how long it takes until it may make one more.
const SOURCE: Rate = Rate {
    burst: 10,
    refill: Duration::from_secs(1),
};
/// The same for all sources together.
const ALL: Rate = Rate {
    burst: 512,
    refill: Duration::from_millis(4),
};
/// The same for lines of the log about refused connections.
const LINES: Rate = Rate {
    burst: 20,
    refill: Duration::from_secs(1),
};
/// Most sources that are remembered.
const SOURCES: usize = 4096;
/// Most dynamic neighbors without an established session.
const HALF_OPEN: usize = 256;
/// Most of them that one source may have.
const HALF_OPEN_OF_SOURCE: usize = 16;
/// How long a dynamic neighbor may take to send its OPEN, in place of the large timer that configured neighbors have
/// (RFC 4271 8.2.2): whoever connects sends it at once.
pub(crate) const OPEN_WAIT: Duration = Duration::from_secs(15);

#[derive(Clone, Copy)]
struct Rate {
    burst: u32,
    refill: Duration,
}

/// How much of a rate is used up: the time at which all of it will be back.
#[derive(Clone, Copy)]
struct Bucket(Instant);

impl Bucket {
    /// Takes one; `false` if there is none.
    fn take(&mut self, rate: Rate, now: Instant) -> bool {
        let full_at = self.0.max(now) + rate.refill;
        if full_at > now + rate.refill * rate.burst {
            return false;
        }
        self.0 = full_at;
        true
    }
}

/// Why a connection is reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Excess {
    /// Its source makes too many.
    Source,
    /// All sources together make too many.
    All,
    /// Too many dynamic neighbors have no session yet.
    HalfOpen,
}

impl Excess {
    /// For the log.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Source => "too many connections from this address",
            Self::All => "too many connections from addresses without a neighbor",
            Self::HalfOpen => "too many dynamic neighbors have no session yet",
        }
    }
}

/// Dynamic neighbors without an established session.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HalfOpen {
    /// In all.
    pub(super) all: usize,
    /// Of the source in question.
    pub(super) of_source: usize,
}

/// Judges connections of hosts that are no configured neighbors.
#[derive(Default)]
pub(super) struct Admission {
    sources: HashMap<IpAddr, Bucket>,
    all: Option<Bucket>,
    pub(super) reports: Reports,
}

impl Admission {
    /// Judges a connection of a [source](source_of). What is `half_open` is counted only if the rates allow it.
    ///
    /// # Errors
    /// Why it must be reset.
    pub(super) fn arrive(
        &mut self,
        now: Instant,
        source: IpAddr,
        half_open: impl FnOnce() -> HalfOpen,
    ) -> Result<(), Excess> {
        if self.sources.len() >= SOURCES && !self.sources.contains_key(&source) {
            self.sources.retain(|_, bucket| bucket.0 > now);
            if self.sources.len() >= SOURCES {
                return Err(Excess::All);
            }
        }
        let bucket = self.sources.entry(source).or_insert(Bucket(now));
        if !bucket.take(SOURCE, now) {
            return Err(Excess::Source);
        }
        if !self.all.get_or_insert(Bucket(now)).take(ALL, now) {
            return Err(Excess::All);
        }
        let half_open = half_open();
        if half_open.all >= HALF_OPEN || half_open.of_source >= HALF_OPEN_OF_SOURCE {
            return Err(Excess::HalfOpen);
        }
        Ok(())
    }
}

/// The source that an address belongs to.
pub(super) fn source_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        IpAddr::V4(_) => address,
    }
}

/// How many lines about refused connections the log gets.
#[derive(Default)]
pub(crate) struct Reports {
    bucket: Option<Bucket>,
    suppressed: u64,
}

impl Reports {
    /// Whether there is a line for this connection: with the number of those before it that got none.
    pub(crate) fn next(&mut self, now: Instant) -> Option<u64> {
        if self.bucket.get_or_insert(Bucket(now)).take(LINES, now) {
            return Some(std::mem::take(&mut self.suppressed));
        }
        self.suppressed += 1;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::from((0x0A00_0000 + number).to_be_bytes())
    }

    fn admitted(admission: &mut Admission, now: Instant, sources: &[IpAddr]) -> usize {
        let judge = |source: &&IpAddr| {
            let verdict = admission.arrive(now, source_of(**source), HalfOpen::default);
            verdict.is_ok()
        };
        sources.iter().filter(judge).count()
    }

    #[test]
    fn a_source_gets_its_burst_and_then_one_for_each_second() {
        let (mut admission, start) = (Admission::default(), Instant::now());
        let many = [address(1); 100];
        assert_eq!(admitted(&mut admission, start, &many), 10);
        assert_eq!(
            admission.arrive(start, address(1), HalfOpen::default),
            Err(Excess::Source)
        );
        // Others are not affected.
        assert_eq!(admitted(&mut admission, start, &[address(2)]), 1);
        let later = start + Duration::from_secs(3);
        assert_eq!(admitted(&mut admission, later, &many), 3);
        let much_later = start + Duration::from_secs(3600);
        assert_eq!(admitted(&mut admission, much_later, &many), 10);
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_source() {
        let (mut admission, now) = (Admission::default(), Instant::now());
        let of = |network: u16, host: u16| {
            IpAddr::V6(Ipv6Addr::new(0x2001, 0xDB8, 0, network, 0, 0, 0, host))
        };
        let many: Vec<IpAddr> = (0..100).map(|host| of(1, host)).collect();
        assert_eq!(admitted(&mut admission, now, &many), 10);
        assert_eq!(admitted(&mut admission, now, &[of(2, 1)]), 1);
    }

    #[test]
    fn ten_thousand_strangers_are_limited_together_and_forgotten() {
        let (mut admission, start) = (Admission::default(), Instant::now());
        let crowd: Vec<IpAddr> = (0..10_000).map(address).collect();
        assert_eq!(admitted(&mut admission, start, &crowd), 512);
        assert!(admission.sources.len() <= SOURCES);
        // A second later all have been forgotten that came once, and there is room for a quarter of a thousand.
        let later = start + Duration::from_secs(1);
        assert_eq!(admitted(&mut admission, later, &crowd), 250);
        assert!(admission.sources.len() <= SOURCES);
    }

    #[test]
    fn neighbors_without_a_session_are_limited() {
        let (mut admission, now) = (Admission::default(), Instant::now());
        for (all, of_source, wanted) in [
            (HALF_OPEN - 1, HALF_OPEN_OF_SOURCE - 1, Ok(())),
            (HALF_OPEN, 0, Err(Excess::HalfOpen)),
            (20, HALF_OPEN_OF_SOURCE, Err(Excess::HalfOpen)),
        ] {
            let half_open = HalfOpen { all, of_source };
            assert_eq!(admission.arrive(now, address(1), || half_open), wanted);
        }
    }

    #[test]
    fn lines_that_are_left_out_are_counted() {
        let (mut reports, start) = (Reports::default(), Instant::now());
        let lines = (0..1000).filter_map(|_| reports.next(start)).count();
        assert_eq!(lines, 20);
        assert_eq!(reports.next(start + Duration::from_secs(1)), Some(980));
    }
}
