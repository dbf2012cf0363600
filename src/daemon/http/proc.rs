//! What the kernel reports about this process: the metrics that every program is expected to have.

use std::fs;

use nix::unistd::{SysconfVar, sysconf};

/// Memory of the process, in bytes.
pub(super) struct Memory {
    pub(super) resident: u64,
    pub(super) total: u64,
}

/// CPU time of user and system, in seconds.
pub(super) fn cpu_seconds() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field, the name of the program, may contain blanks.
    let (_, fields) = text.rsplit_once(") ")?;
    let ticks: Vec<u32> = fields
        .split(' ')
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse().ok())
        .collect();
    let [user, system] = ticks[..] else {
        return None;
    };
    let rate = u32::try_from(sysconf(SysconfVar::CLK_TCK).ok()??).ok()?;
    Some((f64::from(user) + f64::from(system)) / f64::from(rate.max(1)))
}

/// Resident and virtual memory.
pub(super) fn memory() -> Option<Memory> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = text.split(' ').map(str::parse::<u64>);
    let (total, resident) = (pages.next()?.ok()?, pages.next()?.ok()?);
    let size = u64::try_from(sysconf(SysconfVar::PAGE_SIZE).ok()??).ok()?;
    Some(Memory {
        resident: resident * size,
        total: total * size,
    })
}

/// Number of open file descriptors.
pub(super) fn open_files() -> Option<usize> {
    // The directory that is being read is one of them.
    Some(
        fs::read_dir("/proc/self/fd")
            .ok()?
            .count()
            .saturating_sub(1),
    )
}

/// The most file descriptors that may be open.
pub(super) fn most_files() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/limits").ok()?;
    let line = text
        .lines()
        .find(|line| line.starts_with("Max open files"))?;
    line.split_ascii_whitespace().nth(3)?.parse().ok()
}
