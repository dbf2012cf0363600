//! Writing MRT: messages and states as they pass, snapshots of tables, and the files they go to.
//!
//! [`Records`] appends records to a buffer and knows no file; `Rotation` (feature `stream`) writes files under temporary names,
//! compressed by gzip, and renames them when they are whole.

use std::net::{IpAddr, Ipv4Addr};

use crate::bgp::Asn;
use crate::bgp::attribute::{flags, mp_reach, mp_unreach};
use crate::bgp::family::{Afi, Family, Safi};
use crate::bgp::message::update::Update;
use crate::wire::{Reader, WireError, Writer};

use super::bgp4mp::{Direction, Session};
use super::content::attribute;
use super::table_dump::{self, Peer};
use super::{Header, Timestamp, kind};

/// Most entries of a RIB record, and most peers of a table.
const MOST: usize = 65_535;

/// Longest record that libbgpstream reads, in bytes: its buffer.
const LONGEST_PORTABLE: usize = 1 << 20;

/// What other readers can take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Portability {
    /// All of RFC 6396 and RFC 8050.
    #[default]
    Full,
    /// Messages with routes and states only, no path identifiers, no RIB_GENERIC, no next hop of the other family (RFC 8950), no
    /// record above 1 MiB: what libbgpstream reads without losing the records around. A message with one such route is left out as
    /// a whole.
    Portable,
}

/// A route of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Index of the peer in the table written before.
    pub peer: u16,
    /// When the route was received, in seconds since 1970.
    pub originated: u32,
    /// Path identifier (RFC 7911).
    pub path_id: Option<u32>,
    /// Attributes as in an UPDATE, with four-octet AS numbers; MP_REACH_NLRI is abbreviated here, MP_UNREACH_NLRI, AS4_PATH and
    /// AS4_AGGREGATOR are left out.
    pub attributes: &'a [u8],
}

/// Appends MRT records to a buffer.
#[derive(Clone, Debug, Default)]
pub struct Records {
    portability: Portability,
    sequence: u32,
    /// Routes that were left out for portability.
    left_out: u64,
}

impl Records {
    /// A writer at sequence number 0.
    pub fn new(portability: Portability) -> Self {
        Self {
            portability,
            ..Self::default()
        }
    }

    /// Routes and messages that were left out for portability.
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Appends a message as BGP4MP_ET, subtype MESSAGE or MESSAGE_AS4 or their LOCAL and ADDPATH relatives (RFC 6396 section
    /// 4.4, RFC 8050 section 3).
    ///
    /// # Errors
    /// When the message is longer than a record can hold.
    pub fn message(
        &mut self,
        out: &mut Vec<u8>,
        time: Timestamp,
        session: &Session,
        what: Sent<'_>,
    ) -> Result<(), WireError> {
        let update = what.message.get(18) == Some(&2);
        if self.portability == Portability::Portable
            && (what.add_path || !update || announces_other_hop(what.message))
        {
            self.left_out += u64::from(update);
            return Ok(());
        }
        let subtype = match (what.direction, what.add_path, what.asn4) {
            (Direction::Received | Direction::Mirrored, false, false) => 1,
            (Direction::Received | Direction::Mirrored, false, true) => 4,
            (Direction::Sent, false, false) => 6,
            (Direction::Sent, false, true) => 7,
            (Direction::Received | Direction::Mirrored, true, false) => 8,
            (Direction::Received | Direction::Mirrored, true, true) => 9,
            (Direction::Sent, true, false) => 10,
            (Direction::Sent, true, true) => 11,
        };
        record(out, time, (kind::BGP4MP_ET, subtype), |w| {
            head(w, session, what.asn4);
            w.bytes(what.message);
        })
    }

    /// Appends a state change as BGP4MP_ET, subtype STATE_CHANGE_AS4. States are 1 to 6 (RFC 6396 section 4.4.1).
    ///
    /// # Errors
    /// Never, in practice.
    pub fn state(
        &mut self,
        out: &mut Vec<u8>,
        time: Timestamp,
        session: &Session,
        (old, new): (u16, u16),
    ) -> Result<(), WireError> {
        record(out, time, (kind::BGP4MP_ET, 5), |w| {
            head(w, session, true);
            w.u16(old);
            w.u16(new);
        })
    }

    /// Appends an I_AM_DEAD record (RFC 6396 appendix A), which ends a stream of records: its text says why.
    pub fn farewell(&mut self, out: &mut Vec<u8>, time: Timestamp, reason: &str) {
        // The record is short.
        let _ = record(out, time, (kind::I_AM_DEAD, 0), |w| {
            w.bytes(reason.as_bytes());
        });
    }

    /// Appends a PEER_INDEX_TABLE, and begins to count sequence numbers again. Peers beyond the 65,535th can't be written.
    ///
    /// # Errors
    /// When there are too many peers, or the view's name is longer than 253 bytes.
    pub fn peers(
        &mut self,
        out: &mut Vec<u8>,
        time: Timestamp,
        (collector, view): (Ipv4Addr, &str),
        peers: &[Peer],
    ) -> Result<(), WireError> {
        let count = u16::try_from(peers.len())
            .ok()
            .filter(|_| view.len() < 254)
            .ok_or(WireError {
                what: "at most 65,535 peers and a short name of the view",
                offset: 0,
            })?;
        self.sequence = 0;
        record(out, time, (kind::TABLE_DUMP_V2, 1), |w| {
            w.bytes(&collector.octets());
            w.len16(|w| w.bytes(view.as_bytes()));
            w.u16(count);
            for peer in peers {
                w.u8(2 | u8::from(peer.address.is_ipv6()));
                w.bytes(&peer.id.octets());
                address(w, peer.address);
                w.u32(peer.asn);
            }
        })
    }

    /// Appends the routes to one NLRI; several records if they are too many for one.
    ///
    /// # Errors
    /// When attributes are longer than 65,535 bytes.
    pub fn rib(
        &mut self,
        out: &mut Vec<u8>,
        time: Timestamp,
        (family, nlri): (Family, &[u8]),
        entries: &[Entry<'_>],
    ) -> Result<(), WireError> {
        let add_path = entries.iter().any(|entry| entry.path_id.is_some());
        let plain = match (family.afi, family.safi) {
            (Afi::IPV4, Safi::UNICAST) => Some(2),
            (Afi::IPV4, Safi::MULTICAST) => Some(3),
            (Afi::IPV6, Safi::UNICAST) => Some(4),
            (Afi::IPV6, Safi::MULTICAST) => Some(5),
            _ => None,
        };
        let portable = self.portability == Portability::Portable;
        if portable && (family.safi != Safi::UNICAST || plain.is_none()) {
            self.left_out += entries.len() as u64;
            return Ok(());
        }
        let ids = add_path && !portable;
        let mut kept: Vec<(&Entry<'_>, Vec<u8>)> = Vec::with_capacity(entries.len().min(MOST));
        for entry in entries {
            let attributes = abbreviated(entry.attributes);
            if portable
                && (entry.path_id.is_some_and(|id| id != 0) || has_other_hop(family, &attributes))
            {
                self.left_out += 1;
                continue;
            }
            kept.push((entry, attributes));
        }
        let subtype = plain.unwrap_or(6) + if ids { 6 } else { 0 };
        let mut rest = &kept[..];
        while !rest.is_empty() {
            let count = if portable {
                portable_count(nlri, rest)
            } else {
                rest.len()
            };
            let chunk;
            (chunk, rest) = rest.split_at(count.clamp(1, MOST));
            let sequence = self.sequence;
            self.sequence = sequence.wrapping_add(1);
            record(out, time, (kind::TABLE_DUMP_V2, subtype), |w| {
                w.u32(sequence);
                if plain.is_none() {
                    w.u16(family.afi.0);
                    w.u8(family.safi.0);
                }
                w.bytes(nlri);
                w.u16(u16::try_from(chunk.len()).unwrap_or(u16::MAX));
                for (entry, attributes) in chunk {
                    w.u16(entry.peer);
                    w.u32(entry.originated);
                    if ids {
                        w.u32(entry.path_id.unwrap_or_default());
                    }
                    w.len16(|w| w.bytes(attributes));
                }
            })?;
        }
        Ok(())
    }
}

/// A message and what is known about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent<'a> {
    /// Whose message it is.
    pub direction: Direction,
    /// Whether its NLRI carry path identifiers.
    pub add_path: bool,
    /// Whether its AS_PATH and AGGREGATOR have four-octet AS numbers.
    pub asn4: bool,
    /// The whole message, header included.
    pub message: &'a [u8],
}

/// Appends a record; its length is filled in afterwards.
fn record(
    out: &mut Vec<u8>,
    time: Timestamp,
    (kind, subtype): (u16, u16),
    body: impl FnOnce(&mut Writer<'_>),
) -> Result<(), WireError> {
    let start = out.len();
    let header = |length| Header {
        seconds: time.seconds,
        kind,
        subtype,
        length,
    };
    out.extend_from_slice(&header(0).to_bytes());
    let mut w = Writer::new(out);
    if kind == kind::BGP4MP_ET {
        w.u32(time.micros);
    }
    body(&mut w);
    let done = w.finish();
    let length = u32::try_from(out.len() - start - Header::SIZE).unwrap_or(u32::MAX);
    if let Err(error) = done {
        out.truncate(start);
        return Err(error);
    }
    if length > header(0).most() {
        out.truncate(start);
        return Err(WireError {
            what: "a message that fits a record",
            offset: 0,
        });
    }
    out[start..start + Header::SIZE].copy_from_slice(&header(length).to_bytes());
    Ok(())
}

/// Appends AS numbers, interface and addresses of a session. The two addresses have one family.
fn head(w: &mut Writer<'_>, session: &Session, asn4: bool) {
    for asn in [session.peer_asn, session.local_asn] {
        if asn4 {
            w.u32(asn);
        } else {
            w.u16(Asn(asn).to_u16());
        }
    }
    w.u16(session.interface);
    let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let peer = session.peer.or(session.local).unwrap_or(unknown);
    let local = session.local.unwrap_or(unknown);
    w.u16(if peer.is_ipv6() { 2 } else { 1 });
    match session.peer {
        Some(peer) => address(w, peer),
        None => w.bytes(&[0; 16][..if peer.is_ipv6() { 16 } else { 4 }]),
    }
    if peer.is_ipv6() == local.is_ipv6() {
        address(w, local);
    } else {
        w.bytes(&[0; 16][..if peer.is_ipv6() { 16 } else { 4 }]);
    }
}

fn address(w: &mut Writer<'_>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => w.bytes(&address.octets()),
        IpAddr::V6(address) => w.bytes(&address.octets()),
    }
}

/// Attributes as TABLE_DUMP_V2 has them (RFC 6396 section 4.3.4): of MP_REACH_NLRI only the next hop.
fn abbreviated(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut r = Reader::new(raw);
    let mut w = Writer::new(&mut out);
    while let Ok(one) = attribute(&mut r) {
        match one.code {
            mp_unreach::CODE | 17 | 18 => {}
            mp_reach::CODE => {
                // AFI and SAFI precede length and next hop; an abbreviated one stays.
                let next_hop = match (table_dump::abbreviated_hop(one.value), one.value) {
                    (Some(next_hop), _) => next_hop,
                    (None, [_, _, _, length, rest @ ..]) => {
                        rest.get(..usize::from(*length)).unwrap_or_default()
                    }
                    _ => &[],
                };
                crate::bgp::attribute::encode(&mut w, flags::OPTIONAL, mp_reach::CODE, |w| {
                    w.len8(|w| w.bytes(next_hop));
                });
            }
            code => crate::bgp::attribute::encode(&mut w, one.flags, code, |w| w.bytes(one.value)),
        }
    }
    out
}

/// How many of the entries fit a record that other readers can take.
fn portable_count(nlri: &[u8], entries: &[(&Entry<'_>, Vec<u8>)]) -> usize {
    // Header, sequence number, NLRI and count; peer, time and length of each entry.
    let mut size = Header::SIZE + 4 + nlri.len() + 2;
    let fits = |(_, attributes): &&(&Entry<'_>, Vec<u8>)| {
        size += 8 + attributes.len();
        size <= LONGEST_PORTABLE
    };
    entries.iter().take_while(fits).count()
}

/// Whether a next hop of this length is not one of the family, nor, for IPv6, two.
const fn is_other_hop(afi: Afi, length: u8) -> bool {
    match afi {
        Afi::IPV4 => length != 4,
        Afi::IPV6 => !matches!(length, 16 | 32),
        _ => false,
    }
}

/// Whether an UPDATE has routes of a family that other readers know with a next hop that is not of the family.
fn announces_other_hop(message: &[u8]) -> bool {
    let Some(Ok(update)) = message.get(19..).map(Update::new) else {
        return false;
    };
    let mut r = Reader::new(update.attributes);
    while let Ok(one) = attribute(&mut r) {
        if one.code == mp_reach::CODE
            && let [a, b, safi, length, ..] = *one.value
            && matches!(Safi(safi), Safi::UNICAST | Safi::MULTICAST)
        {
            return is_other_hop(Afi(u16::from_be_bytes([a, b])), length);
        }
    }
    false
}

/// Whether the next hop is not of the family, as RFC 8950 allows.
fn has_other_hop(family: Family, abbreviated: &[u8]) -> bool {
    let mut r = Reader::new(abbreviated);
    while let Ok(one) = attribute(&mut r) {
        if one.code == mp_reach::CODE {
            let length = one.value.first().copied().unwrap_or_default();
            return is_other_hop(family.afi, length);
        }
    }
    false
}

#[cfg(feature = "stream")]
pub use rotation::{Naming, Rotation};

#[cfg(feature = "stream")]
mod rotation {
    use std::fs::{self, File};
    use std::io::{self, Read as _, Seek as _, Write};
    use std::path::{Path, PathBuf};

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use crate::mrt::whole;

    /// What files are called.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Naming {
        /// The folder.
        pub folder: PathBuf,
        /// What precedes the time: `updates`, `bview`, `rib`.
        pub prefix: String,
        /// Seconds that a file covers; the name has the first.
        pub period: u32,
    }

    impl Naming {
        /// The name of the file that holds `seconds`, as RIS and RouteViews name theirs: `updates.20150401.0005.gz`.
        pub fn path(&self, seconds: u32) -> PathBuf {
            let start = seconds - seconds % self.period.max(1);
            let (year, month, day) = super::super::civil(start / 86_400);
            let minutes = start % 86_400 / 60;
            self.folder.join(format!(
                "{}.{year:04}{month:02}{day:02}.{:02}{:02}.gz",
                self.prefix,
                minutes / 60,
                minutes % 60
            ))
        }
    }

    /// Writes files that each cover a period, under temporary names until they are whole.
    #[derive(Debug)]
    pub struct Rotation {
        naming: Naming,
        open: Option<Open>,
    }

    #[derive(Debug)]
    struct Open {
        path: PathBuf,
        temporary: PathBuf,
        encoder: GzEncoder<File>,
    }

    impl Rotation {
        /// Begins no file yet.
        pub const fn new(naming: Naming) -> Self {
            Self { naming, open: None }
        }

        /// Appends records of a time. The file of an earlier period is finished and named before.
        ///
        /// # Errors
        /// When a file can't be made, written or renamed.
        pub fn write(&mut self, seconds: u32, records: &[u8]) -> io::Result<()> {
            let path = self.naming.path(seconds);
            if self.open.as_ref().is_some_and(|open| open.path != path) {
                self.finish()?;
            }
            if self.open.is_none() {
                self.open = Some(Open::new(path)?);
            }
            match &mut self.open {
                Some(open) => open.encoder.write_all(records),
                None => Ok(()),
            }
        }

        /// Finishes and names the current file. Returns its path.
        ///
        /// # Errors
        /// When it can't be written or renamed.
        pub fn finish(&mut self) -> io::Result<Option<PathBuf>> {
            let Some(open) = self.open.take() else {
                return Ok(None);
            };
            let mut file = open.encoder.finish()?;
            file.flush()?;
            fs::rename(&open.temporary, &open.path)?;
            Ok(Some(open.path))
        }
    }

    impl Open {
        fn new(path: PathBuf) -> io::Result<Self> {
            let temporary = temporary(&path);
            let mut file = File::create(&temporary)?;
            // After a restart within the period, the earlier part comes first: a file may have several gzip members.
            // What a loss of power has left half written would hide what follows.
            if let Ok(mut earlier) = File::open(&path) {
                let end = whole::end(&earlier)?;
                earlier.rewind()?;
                io::copy(&mut earlier.take(end), &mut file)?;
            }
            Ok(Self {
                encoder: GzEncoder::new(file, Compression::default()),
                path,
                temporary,
            })
        }
    }

    fn temporary(path: &Path) -> PathBuf {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".tmp");
        path.with_file_name(name)
    }
}
