//! Socket options that neither std nor socket2 knows: TCP MD5 signatures (RFC 2385), the TCP authentication option
//! (RFC 5925), the smallest TTL that is accepted (GTSM, RFC 5082), TTLs, interfaces.
//!
//! The one file with unsafe code: each block is one `setsockopt` or `getsockopt` on a live descriptor with a pointer to a
//! local value and that value's size, takes over a descriptor of the process before us, or gives back pages that the
//! kernel reads again. Security options are read back where the kernel lets us, so that one which was ignored is an error
//! and not a hole. Rejected: nix, which has neither of the options that matter.
//!
//! ```text
//! struct tcp_md5sig                              linux/tcp.h
//! +--------------------------+
//! | address (128 bytes)      |  sockaddr_storage, port ignored
//! | flags (1), prefix (1)    |  1: the prefix counts
//! | key length (2)           |  0: delete the key
//! | interface index (4)      |
//! | key (80)                 |
//! +--------------------------+
//!
//! struct tcp_ao_add                              the same file, Linux 6.7
//! +--------------------------+
//! | address (128 bytes)      |
//! | algorithm (64)           |  a name of the kernel's crypto API
//! | interface index (4)      |
//! | flags (4), reserved (2)  |  1: current key, 2: ask for it with RNextKeyID
//! | prefix, send id, receive |
//! | id, mac length, key      |
//! | flags, key length (1 each)|
//! | key (80)                 |
//! +--------------------------+
//! ```
#![expect(
    unsafe_code,
    reason = "setsockopt and getsockopt for options that std lacks; descriptors that are inherited"
)]

use std::ffi::c_int;
use std::io;
use std::mem::{size_of, size_of_val};
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};
#[cfg(feature = "daemon")]
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use socket2::SockRef;

use super::config::TcpAoKey;

/// Longest MD5 key in bytes (`TCP_MD5SIG_MAXKEYLEN`).
pub const MAX_MD5_KEY: usize = 80;

const TCP_MD5SIG: c_int = 14;
const TCP_MD5SIG_EXT: c_int = 32;
const TCP_MD5SIG_FLAG_PREFIX: u8 = 1;
const TCP_AO_ADD_KEY: c_int = 38;
const TCP_AO_DEL_KEY: c_int = 39;
/// Flags of `tcp_ao_add`: the key is the current one, and the one that we ask for.
const TCP_AO_SET_CURRENT_AND_NEXT: u32 = 3;
const TCP_SAVE_SYN: c_int = 27;
const TCP_SAVED_SYN: c_int = 28;
const IP_MINTTL: c_int = 21;
const IPV6_MINHOPCOUNT: c_int = 73;
/// `IP_TTL` and `IPV6_UNICAST_HOPS` take this for the system's default.
const DEFAULT_TTL: c_int = -1;

/// `struct tcp_md5sig` of Linux.
#[repr(C)]
struct TcpMd5Sig {
    address: [u8; 128],
    flags: u8,
    prefix_length: u8,
    key_length: u16,
    interface: c_int,
    key: [u8; MAX_MD5_KEY],
}

/// Signs segments to and from `address`/`prefix` with `key`; an empty key deletes what was set for it.
///
/// # Errors
/// `InvalidInput` for a key over [`MAX_MD5_KEY`] bytes; the kernel's for one without MD5 support.
pub fn set_md5(
    socket: BorrowedFd<'_>,
    address: IpAddr,
    prefix: Option<u8>,
    key: &[u8],
) -> io::Result<()> {
    let too_long = || io::Error::new(io::ErrorKind::InvalidInput, "md5 key over 80 bytes");
    let mut option = TcpMd5Sig {
        address: sockaddr(address),
        flags: 0,
        prefix_length: 0,
        key_length: u16::try_from(key.len()).map_err(|_| too_long())?,
        interface: 0,
        key: [0; MAX_MD5_KEY],
    };
    option
        .key
        .get_mut(..key.len())
        .ok_or_else(too_long)?
        .copy_from_slice(key);
    let mut name = TCP_MD5SIG;
    if let Some(prefix) = prefix {
        name = TCP_MD5SIG_EXT;
        option.flags = TCP_MD5SIG_FLAG_PREFIX;
        option.prefix_length = prefix;
    }
    set(socket, libc::IPPROTO_TCP, name, &option)
}

/// `struct tcp_ao_add` of Linux.
#[repr(C, align(8))]
struct TcpAoAdd {
    address: [u8; 128],
    algorithm: [u8; 64],
    interface: i32,
    flags: u32,
    reserved: u16,
    prefix_length: u8,
    send_id: u8,
    receive_id: u8,
    mac_length: u8,
    key_flags: u8,
    key_length: u8,
    key: [u8; MAX_MD5_KEY],
}

/// `struct tcp_ao_del` of Linux.
#[repr(C, align(8))]
struct TcpAoDel {
    address: [u8; 128],
    interface: i32,
    flags: u32,
    reserved: u16,
    prefix_length: u8,
    send_id: u8,
    receive_id: u8,
    current_key: u8,
    next_key: u8,
    key_flags: u8,
}

/// What a key of the TCP authentication option is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AoUsage {
    /// Segments are signed with it, and the peer is asked to do the same. Not for a listening socket, which has no such key.
    Current,
    /// It is used once the peer asks for it (RFC 5925 7.5.2).
    Next,
}

/// Adds a key to sign segments to and from `address`/`prefix` with (RFC 5925).
///
/// # Errors
/// `InvalidInput` for a key over 80 bytes; `Unsupported` where the kernel lacks the option (before Linux 6.7, or built
/// without it); others of the kernel.
pub fn set_ao(
    socket: BorrowedFd<'_>,
    address: IpAddr,
    prefix: Option<u8>,
    (key, usage): (&TcpAoKey, AoUsage),
) -> io::Result<()> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "tcp-ao key over 80 bytes");
    let mut option = TcpAoAdd {
        address: sockaddr(address),
        algorithm: [0; 64],
        interface: 0,
        flags: 0,
        reserved: 0,
        prefix_length: prefix.unwrap_or_else(|| host_prefix(address)),
        send_id: key.key_id,
        receive_id: key.key_id,
        // The default: 96 bits (RFC 5926).
        mac_length: 0,
        key_flags: 0,
        key_length: u8::try_from(key.key.len()).map_err(|_| invalid())?,
        key: [0; MAX_MD5_KEY],
    };
    let name = key.algorithm.kernel_name().as_bytes();
    option.algorithm[..name.len()].copy_from_slice(name);
    option
        .key
        .get_mut(..key.key.len())
        .ok_or_else(invalid)?
        .copy_from_slice(&key.key);
    if usage == AoUsage::Current {
        option.flags = TCP_AO_SET_CURRENT_AND_NEXT;
    }
    set(socket, libc::IPPROTO_TCP, TCP_AO_ADD_KEY, &option).map_err(|error| match error.raw_os_error() {
        Some(libc::ENOPROTOOPT) => io::Error::new(
            io::ErrorKind::Unsupported,
            "this kernel has no TCP authentication option: `tcp-ao` needs Linux 6.7 or later, built with CONFIG_TCP_AO",
        ),
        _ => error,
    })
}

/// Takes back [`set_ao`].
///
/// # Errors
/// The kernel's.
pub fn delete_ao(
    socket: BorrowedFd<'_>,
    address: IpAddr,
    prefix: Option<u8>,
    key: &TcpAoKey,
) -> io::Result<()> {
    let option = TcpAoDel {
        address: sockaddr(address),
        interface: 0,
        flags: 0,
        reserved: 0,
        prefix_length: prefix.unwrap_or_else(|| host_prefix(address)),
        send_id: key.key_id,
        receive_id: key.key_id,
        current_key: 0,
        next_key: 0,
        key_flags: 0,
    };
    set(socket, libc::IPPROTO_TCP, TCP_AO_DEL_KEY, &option)
}

const fn host_prefix(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// A `sockaddr_in` or `sockaddr_in6` with port 0, in the room of a `sockaddr_storage`.
fn sockaddr(address: IpAddr) -> [u8; 128] {
    let mut out = [0; 128];
    let family = match address {
        IpAddr::V4(address) => {
            out[4..8].copy_from_slice(&address.octets());
            libc::AF_INET
        }
        IpAddr::V6(address) => {
            out[8..24].copy_from_slice(&address.octets());
            libc::AF_INET6
        }
    };
    // AF_INET is 2 and AF_INET6 is 10: they fit.
    #[expect(clippy::cast_possible_truncation, reason = "address families fit")]
    out[..2].copy_from_slice(&(family as u16).to_ne_bytes());
    out
}

/// The TTL or hop limit of what is sent; `None`: the system's default.
///
/// # Errors
/// The kernel's.
pub fn set_ttl(socket: BorrowedFd<'_>, address: IpAddr, ttl: Option<u8>) -> io::Result<()> {
    let value = ttl.map_or(DEFAULT_TTL, c_int::from);
    match address {
        IpAddr::V4(_) => set(socket, libc::IPPROTO_IP, libc::IP_TTL, &value),
        IpAddr::V6(_) => set(socket, libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS, &value),
    }
}

/// The TTL or hop limit of what is sent.
///
/// # Errors
/// The kernel's.
pub fn ttl(socket: BorrowedFd<'_>, address: IpAddr) -> io::Result<c_int> {
    match address {
        IpAddr::V4(_) => get(socket, libc::IPPROTO_IP, libc::IP_TTL),
        IpAddr::V6(_) => get(socket, libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS),
    }
}

/// Drops what arrives with a TTL or hop limit below `ttl` (RFC 5082), and reads the option back.
///
/// # Errors
/// The kernel's; `Unsupported` when the kernel took the option and did not keep it.
pub fn set_min_ttl(socket: BorrowedFd<'_>, address: IpAddr, ttl: u8) -> io::Result<()> {
    let (level, name) = min_ttl_option(address);
    set(socket, level, name, &c_int::from(ttl))?;
    if min_ttl(socket, address)? == c_int::from(ttl) {
        Ok(())
    } else {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "the kernel ignores the smallest ttl",
        ))
    }
}

/// The smallest TTL or hop limit that is accepted; 0: any.
///
/// # Errors
/// The kernel's.
pub fn min_ttl(socket: BorrowedFd<'_>, address: IpAddr) -> io::Result<c_int> {
    let (level, name) = min_ttl_option(address);
    get(socket, level, name)
}

const fn min_ttl_option(address: IpAddr) -> (c_int, c_int) {
    match address {
        IpAddr::V4(_) => (libc::IPPROTO_IP, IP_MINTTL),
        IpAddr::V6(_) => (libc::IPPROTO_IPV6, IPV6_MINHOPCOUNT),
    }
}

/// Keeps the headers of SYNs on a listening socket, for [`syn_ttl`].
///
/// # Errors
/// The kernel's.
pub fn keep_syns(socket: BorrowedFd<'_>, keep: bool) -> io::Result<()> {
    set(socket, libc::IPPROTO_TCP, TCP_SAVE_SYN, &c_int::from(keep))
}

/// The TTL or hop limit that the SYN of an accepted connection came with; `None` if it was not kept, or was read before.
///
/// # Errors
/// The kernel's.
pub fn syn_ttl(socket: BorrowedFd<'_>) -> io::Result<Option<u8>> {
    // IPv6 extension headers have room, too.
    let mut headers = [0; 512];
    let length = read(socket, libc::IPPROTO_TCP, TCP_SAVED_SYN, &mut headers)?;
    let headers = headers.get(..length).unwrap_or_default();
    Ok(match headers.first().map(|first| first >> 4) {
        // RFC 791 section 3.1, RFC 8200 section 3.
        Some(4) => headers.get(8).copied(),
        Some(6) => headers.get(7).copied(),
        _ => None,
    })
}

/// Binds the socket to the interface `name` (`SO_BINDTODEVICE`).
///
/// # Errors
/// The kernel's: no such interface, not permitted.
pub fn bind_interface(socket: BorrowedFd<'_>, name: &str) -> io::Result<()> {
    SockRef::from(&socket).bind_device(Some(name.as_bytes()))
}

/// The number of the interface `name`, which addresses that mean something only there carry as their scope.
///
/// # Errors
/// The kernel's: no such interface; `InvalidInput` for a name that cannot be one.
pub fn interface_index(name: &str) -> io::Result<u32> {
    let name =
        std::ffi::CString::new(name).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: the pointer is to a string with its end mark, which lives until the call returns.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(io::Error::last_os_error()),
        index => Ok(index),
    }
}

/// The name of an interface.
///
/// # Errors
/// There is no interface with this index.
pub fn interface_name(index: u32) -> io::Result<String> {
    let mut name = [0u8; libc::IF_NAMESIZE];
    // SAFETY: the buffer has the size that the call asks for, and lives until it returns.
    let found = unsafe { libc::if_indextoname(index, name.as_mut_ptr().cast()) };
    if found.is_null() {
        return Err(io::Error::last_os_error());
    }
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(name).into_owned())
}

/// Descriptors that are looked at where the kernel does not list them: those that the usual limit allows.
#[cfg(feature = "daemon")]
const FIRST_DESCRIPTORS: c_int = 1024;

/// Keeps the descriptors that this process was started with from the programs that it starts, but for 0, 1 and 2. All that we
/// open ourselves is closed on exec anyway.
#[cfg(feature = "daemon")]
pub(crate) fn close_inherited_on_exec() {
    let numbers: Vec<c_int> = match std::fs::read_dir("/proc/self/fd") {
        Ok(list) => list
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|number| *number > 2)
            .collect(),
        // There is no `/proc`, in a chroot for example.
        Err(_) => (3..FIRST_DESCRIPTORS).collect(),
    };
    for number in numbers {
        // One that is no longer open is no concern.
        let _ = inheritable(number, Inherit::No);
    }
}

/// Takes a descriptor that the process before us has left open over `execve`, and closes it on the next one.
///
/// # Errors
/// When it is not open.
#[cfg(feature = "daemon")]
pub(crate) fn inherit(number: RawFd) -> io::Result<OwnedFd> {
    inheritable(number, Inherit::No)?;
    // SAFETY: it is open, as the call above has shown, and nothing in this process owns it: the caller has its number from the
    // process before us, and takes each number once.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Whether a descriptor stays open over `execve`.
#[cfg(feature = "daemon")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inherit {
    /// It does.
    Yes,
    /// It is closed.
    No,
}

/// Sets whether a descriptor stays open over `execve`.
///
/// # Errors
/// When it is not open.
#[cfg(feature = "daemon")]
pub(crate) fn inheritable(number: RawFd, inherit: Inherit) -> io::Result<()> {
    let flags = match inherit {
        Inherit::Yes => 0,
        Inherit::No => libc::FD_CLOEXEC,
    };
    // SAFETY: a plain system call on a number; only that flag changes.
    match unsafe { libc::fcntl(number, libc::F_SETFD, flags) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Sends bytes on a connection whose owner does nothing at the moment, without waiting. Returns how many were taken.
///
/// # Errors
/// When none can be taken now, or the connection is broken.
#[cfg(feature = "daemon")]
pub(crate) fn send(number: RawFd, bytes: &[u8]) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the kernel reads as many bytes as the slice has, and checks the number.
    let sent = unsafe { libc::send(number, bytes.as_ptr().cast(), bytes.len(), flags) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Gives back the pages of the program and its libraries that are as in their files: most are code that only the start
/// runs. Those that are needed again come from the page cache. Does nothing in a process with several threads.
#[cfg(feature = "daemon")]
pub(crate) fn release_unchanged_pages() {
    let alone = std::fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1);
    if !alone {
        return;
    }
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap_or_default();
    for pages in unchanged_pages(&maps) {
        // SAFETY: they belong to a private mapping of a file that can't be written, none of them has a copy of its own,
        // and there is no other thread that could change that since: what is read there next are the same bytes.
        unsafe {
            libc::madvise(
                std::ptr::with_exposed_provenance_mut(pages.start),
                pages.len(),
                libc::MADV_DONTNEED,
            )
        };
    }
}

/// The mappings of `maps` (smaps of proc(5)) whose pages are all as in their files, and can't be written.
#[cfg(feature = "daemon")]
fn unchanged_pages(maps: &str) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let (mut pages, mut own) = (None, None);
    for line in maps.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words[..] {
            // Pages that have been written to, in memory or in the swap area, and pages that can't be given back.
            ["Anonymous:" | "Swap:" | "Locked:", kilobytes, "kB"] => {
                own = own
                    .zip(kilobytes.parse::<u64>().ok())
                    .map(|(own, more)| own + more);
            }
            // The last line of each.
            ["VmFlags:", ..] if own == Some(0) => found.extend(pages.take()),
            [range, mode, _, _, inode, ..] if !range.ends_with(':') => {
                let is_read = mode.starts_with("r-") && mode.ends_with('p') && inode != "0";
                pages = range
                    .split_once('-')
                    .filter(|_| is_read)
                    .and_then(|(from, to)| {
                        let [from, to] = [from, to].map(|at| usize::from_str_radix(at, 16));
                        Some(from.ok()?..to.ok()?)
                    });
                own = Some(0);
            }
            _ => {}
        }
    }
    found
}

fn set<T>(socket: BorrowedFd<'_>, level: c_int, name: c_int, value: &T) -> io::Result<()> {
    let size = libc::socklen_t::try_from(size_of_val(value))
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: the descriptor is borrowed for the call; the pointer and the size are those of `value`, which the kernel
    // only reads.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(value).cast(),
            size,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn get(socket: BorrowedFd<'_>, level: c_int, name: c_int) -> io::Result<c_int> {
    let mut value = [0; size_of::<c_int>()];
    read(socket, level, name, &mut value)?;
    Ok(c_int::from_ne_bytes(value))
}

/// Reads an option into `value`. Returns its length.
fn read(socket: BorrowedFd<'_>, level: c_int, name: c_int, value: &mut [u8]) -> io::Result<usize> {
    let mut size = libc::socklen_t::try_from(value.len())
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: the descriptor is borrowed for the call; the pointers are to `value`, which is as long as `size` says and may be
    // any bytes, and to a local.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            name,
            value.as_mut_ptr().cast(),
            &raw mut size,
        )
    };
    if result == 0 {
        Ok(usize::try_from(size).unwrap_or_default())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn the_wire_form_of_an_address_is_the_kernels() {
        let bytes = sockaddr(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
        assert_eq!(bytes[..8], [2, 0, 0, 0, 192, 0, 2, 1]);
        assert_eq!(size_of::<TcpMd5Sig>(), 128 + 8 + 80);
        assert_eq!(size_of::<TcpAoAdd>(), 128 + 64 + 16 + 80);
        assert_eq!(size_of::<TcpAoDel>(), 128 + 16);
    }

    #[cfg(feature = "daemon")]
    #[test]
    fn only_pages_that_are_as_in_their_files_are_given_back() {
        let mapping = |header: &str, own: [u32; 3]| {
            let [anonymous, swap, locked] = own;
            format!(
                "{header}\nSize: 8 kB\nRss: 8 kB\nAnonymous: {anonymous} kB\nSwap: {swap} kB\nLocked: {locked} kB\nVmFlags: rd\n"
            )
        };
        let maps = [
            mapping("1000-3000 r-xp 00001000 fe:00 7    /usr/bin/oxabgp", [0; 3]),
            mapping(
                "3000-5000 r--p 00003000 fe:00 7    /usr/bin/oxabgp",
                [4, 0, 0],
            ),
            mapping(
                "5000-7000 r--p 00005000 fe:00 7    /usr/bin/oxabgp",
                [0, 4, 0],
            ),
            mapping(
                "7000-9000 r-xp 00007000 fe:00 7    /usr/bin/oxabgp",
                [0, 0, 8],
            ),
            mapping("9000-b000 rw-p 00009000 fe:00 7    /usr/bin/oxabgp", [0; 3]),
            mapping("b000-d000 r--s 0000b000 fe:00 8    /dev/shm/shared", [0; 3]),
            mapping("d000-f000 r-xp 00000000 00:00 0    [vdso]", [0; 3]),
            mapping("f000-11000 r--p 0000d000 fe:00 7   /usr/lib/a name", [0; 3]),
            "11000-13000 r-xp 0000d000 fe:00 7   /usr/bin/cut\nAnonymous: 0 kB\n".to_owned(),
        ];
        assert_eq!(
            unchanged_pages(&maps.concat()),
            [0x1000..0x3000, 0xF000..0x11000]
        );
    }
}
