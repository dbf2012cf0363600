//! Routing tables: TABLE_DUMP (RFC 6396 section 4.2) and TABLE_DUMP_V2 (section 4.3, RFC 8050 section 4).

use std::net::{IpAddr, Ipv4Addr};

use crate::bgp::family::Family;
use crate::bgp::nlri;
use crate::wire::{Reader, WireError};

/// A peer of a PEER_INDEX_TABLE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peer {
    /// BGP identifier.
    pub id: Ipv4Addr,
    /// Address.
    pub address: IpAddr,
    /// AS number.
    pub asn: u32,
}

/// PEER_INDEX_TABLE: the peers that the entries after it refer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerTable {
    /// BGP identifier of the collector.
    pub collector: Ipv4Addr,
    /// Name of the view; mostly empty.
    pub view: String,
    /// Peers in the order of their index.
    pub peers: Vec<Peer>,
}

impl PeerTable {
    /// Reads a table. The memory needed is bounded by `body`.
    ///
    /// # Errors
    /// When a peer runs past the end of the record.
    pub fn parse(body: &[u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(body);
        let collector = r.array::<4>("the collector's BGP identifier")?.into();
        let length = r.u16("the length of the view name")?;
        let view = r.take(length.into(), "the view name")?;
        let count = usize::from(r.u16("a count of peers")?);
        let mut peers = Vec::with_capacity(count.min(r.remaining() / 11));
        for _ in 0..count {
            let kind = r.u8("a peer type")?;
            let id = r.array::<4>("a peer's BGP identifier")?.into();
            let address = if kind & 1 == 0 {
                r.array::<4>("a peer's IPv4 address")?.into()
            } else {
                r.array::<16>("a peer's IPv6 address")?.into()
            };
            let asn = if kind & 2 == 0 {
                r.u16("a peer's AS number")?.into()
            } else {
                r.u32("a peer's AS number")?
            };
            peers.push(Peer { id, address, asn });
        }
        Ok(Self {
            collector,
            view: String::from_utf8_lossy(view).into_owned(),
            peers,
        })
    }

    /// Where the last peer ends.
    ///
    /// # Errors
    /// When a peer runs past the end of the record.
    pub(super) fn end(body: &[u8]) -> Result<usize, WireError> {
        let mut r = Reader::new(body);
        r.array::<4>("the collector's BGP identifier")?;
        let length = r.u16("the length of the view name")?;
        r.take(length.into(), "the view name")?;
        for _ in 0..r.u16("a count of peers")? {
            let kind = usize::from(r.u8("a peer type")?);
            r.take(10 + 12 * (kind & 1) + (kind & 2), "a peer")?;
        }
        Ok(r.offset())
    }
}

/// A RIB record of TABLE_DUMP_V2: one NLRI and the routes to it.
#[derive(Clone, Copy, Debug)]
pub struct Rib<'a> {
    /// Sequence number.
    pub sequence: u32,
    /// Family of the NLRI.
    pub family: Family,
    /// The NLRI.
    pub nlri: &'a [u8],
    /// The routes.
    pub entries: Entries<'a>,
}

impl<'a> Rib<'a> {
    /// Reads the record up to its entries.
    ///
    /// # Errors
    /// When the NLRI can't be framed or is of a family without a codec.
    pub fn parse(subtype: u16, body: &'a [u8]) -> Result<Self, WireError> {
        let mut r = Reader::new(body);
        let sequence = r.u32("a sequence number")?;
        let family = match subtype {
            2 | 8 => Family::IPV4_UNICAST,
            3 | 9 => Family::IPV4_MULTICAST,
            4 | 10 => Family::IPV6_UNICAST,
            5 | 11 => Family::IPV6_MULTICAST,
            _ => Family::new(r.u16("an AFI")?, r.u8("a SAFI")?),
        };
        if !nlri::is_known(family) {
            return Err(r.error("a family with a codec"));
        }
        let nlri = nlri::frame(family, &mut r)?;
        let count = r.u16("a count of entries")?;
        Ok(Self {
            sequence,
            family,
            nlri,
            entries: Entries {
                reader: r,
                left: count,
                add_path: subtype >= 8,
            },
        })
    }
}

/// Where the last entry of a RIB record ends. All records are asked, so those of prefixes take a quick way.
///
/// # Errors
/// When an entry runs past the end of the record, or the NLRI can't be framed.
pub(super) fn rib_end(subtype: u16, body: &[u8]) -> Result<usize, WireError> {
    let (mut at, count) = match entries_of_prefix(subtype, body) {
        Some(found) => found,
        None => {
            let entries = Rib::parse(subtype, body)?.entries;
            (entries.reader.offset(), entries.left)
        }
    };
    // Peer, time and path identifier precede the length of the attributes.
    let skip = if subtype >= 8 { 10 } else { 6 };
    for _ in 0..count {
        let length = body.get(at + skip..).and_then(<[u8]>::first_chunk);
        let end = length.map(|length| at + skip + 2 + usize::from(u16::from_be_bytes(*length)));
        match end {
            Some(end) if end <= body.len() => at = end,
            _ => {
                return Err(WireError {
                    what: "a whole entry",
                    offset: at,
                });
            }
        }
    }
    Ok(at)
}

/// Where the entries of a prefix begin, and how many they are; `None` if the NLRI is something else.
fn entries_of_prefix(subtype: u16, body: &[u8]) -> Option<(usize, u16)> {
    let most = match subtype {
        2 | 3 | 8 | 9 => 32,
        4 | 5 | 10 | 11 => 128,
        _ => return None,
    };
    let bits = *body.get(4).filter(|bits| **bits <= most)?;
    let at = 5 + usize::from(bits).div_ceil(8);
    let count = body.get(at..)?.first_chunk()?;
    Some((at + 2, u16::from_be_bytes(*count)))
}

/// Returns `false` if a RIB_GENERIC is about a family without a codec, whose NLRI cannot be framed.
pub(super) fn is_family_known(body: &[u8]) -> bool {
    match body.get(4..).and_then(<[u8]>::first_chunk) {
        Some([high, low, safi]) => {
            nlri::is_known(Family::new(u16::from_be_bytes([*high, *low]), *safi))
        }
        None => true,
    }
}

/// A route of a [`Rib`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RibEntry<'a> {
    /// Index into the [`PeerTable`].
    pub peer: u16,
    /// When the route was received.
    pub originated: u32,
    /// Path identifier (RFC 8050).
    pub path_id: Option<u32>,
    /// The attributes; MP_REACH_NLRI is abbreviated or whole.
    pub attributes: &'a [u8],
}

/// The entries of a [`Rib`].
#[derive(Clone, Copy, Debug)]
pub struct Entries<'a> {
    reader: Reader<'a>,
    left: u16,
    add_path: bool,
}

impl Entries<'_> {
    /// Whether entries carry path identifiers.
    pub const fn add_path(&self) -> bool {
        self.add_path
    }

    /// Bytes that were not read yet; after the last entry there should be none.
    pub const fn remaining(&self) -> usize {
        self.reader.remaining()
    }
}

impl<'a> Entries<'a> {
    #[inline]
    fn read(&mut self) -> Result<RibEntry<'a>, WireError> {
        let r = &mut self.reader;
        // Fixed fields in one piece take a fraction of the time.
        if !self.add_path
            && let [p0, p1, t0, t1, t2, t3, l0, l1, ..] = *r.peek()
            && let size = 8 + usize::from(u16::from_be_bytes([l0, l1]))
            && r.remaining() >= size
        {
            let bytes = r.take(size, "an entry")?;
            return Ok(RibEntry {
                peer: u16::from_be_bytes([p0, p1]),
                originated: u32::from_be_bytes([t0, t1, t2, t3]),
                path_id: None,
                attributes: bytes.get(8..).unwrap_or_default(),
            });
        }
        Ok(RibEntry {
            peer: r.u16("a peer index")?,
            originated: r.u32("a time")?,
            path_id: if self.add_path {
                Some(r.u32("a path identifier")?)
            } else {
                None
            },
            attributes: {
                let length = r.u16("the length of the attributes")?;
                r.take(length.into(), "the attributes")?
            },
        })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<RibEntry<'a>, WireError>;

    /// The next entry; the walk ends after an error.
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let entry = self.read();
        if entry.is_err() {
            self.left = 0;
        }
        Some(entry)
    }
}

/// The next hop of an MP_REACH_NLRI in a table that is abbreviated to it (RFC 6396 section 4.3.4), whatever follows: some writers
/// append the reserved octet, or NLRI. `None` if the attribute is whole, as many write it.
pub fn abbreviated_hop(value: &[u8]) -> Option<&[u8]> {
    /// The first octet of the AFI of BGP-LS. Those of other AFIs are zero.
    const BGP_LS: usize = 0x40;
    let (length, rest) = value.split_first()?;
    match usize::from(*length) {
        length @ (4 | 12 | 16 | 24 | 32 | 48) => rest.get(..length),
        BGP_LS => None,
        length => (rest.len() == length).then_some(rest),
    }
}

/// A record of TABLE_DUMP: one route, or many in the batches of 1999 and 2000.
#[derive(Clone, Copy, Debug)]
pub struct TableDump<'a> {
    subtype: u16,
    reader: Reader<'a>,
}

/// A route of a [`TableDump`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableDumpEntry<'a> {
    /// Family of the prefix.
    pub family: Family,
    /// Address of the prefix, host bits as written.
    pub address: IpAddr,
    /// Length of the prefix in bits.
    pub length: u8,
    /// When the route was received.
    pub originated: u32,
    /// Address of the peer.
    pub peer: IpAddr,
    /// AS number of the peer.
    pub peer_asn: u32,
    /// The attributes.
    pub attributes: &'a [u8],
}

impl<'a> TableDump<'a> {
    /// Reads view and sequence number.
    ///
    /// # Errors
    /// When they are not there.
    pub fn parse(subtype: u16, body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(body);
        reader.u16("a view number")?;
        reader.u16("a sequence number")?;
        Ok(Self { subtype, reader })
    }

    /// Whether AS numbers have four octets.
    pub const fn asn4(&self) -> bool {
        self.subtype >= 3
    }

    /// Walks all entries to the end of the record.
    ///
    /// # Errors
    /// When one runs past it.
    pub(super) fn check(mut self) -> Result<(), WireError> {
        while !self.reader.is_empty() {
            self.read()?;
        }
        Ok(())
    }

    fn read(&mut self) -> Result<TableDumpEntry<'a>, WireError> {
        let six = matches!(self.subtype, 2 | 4);
        let r = &mut self.reader;
        let address = |r: &mut Reader<'_>, what| -> Result<IpAddr, WireError> {
            Ok(if six {
                r.array::<16>(what)?.into()
            } else {
                r.array::<4>(what)?.into()
            })
        };
        let prefix = address(r, "a prefix")?;
        let length = r.u8("a prefix length")?;
        r.u8("a status")?;
        if length > if six { 128 } else { 32 } {
            return Err(r.error("a prefix length of the family"));
        }
        let originated = r.u32("a time")?;
        let peer = address(r, "the peer's address")?;
        let peer_asn = if self.subtype >= 3 {
            r.u32("the peer's AS number")?
        } else {
            r.u16("the peer's AS number")?.into()
        };
        let count = r.u16("the length of the attributes")?;
        Ok(TableDumpEntry {
            family: if six {
                Family::IPV6_UNICAST
            } else {
                Family::IPV4_UNICAST
            },
            address: prefix,
            length,
            originated,
            peer,
            peer_asn,
            attributes: r.take(count.into(), "the attributes")?,
        })
    }
}

impl<'a> Iterator for TableDump<'a> {
    type Item = Result<TableDumpEntry<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let entry = self.read();
        if entry.is_err() {
            self.reader.rest();
        }
        Some(entry)
    }
}

/// Where the first entry of a TABLE_DUMP record ends.
///
/// # Errors
/// When it runs past the end of the record.
pub(super) fn end(subtype: u16, body: &[u8]) -> Result<usize, WireError> {
    let (address, asn) = match subtype {
        1 => (4, 2),
        2 => (16, 2),
        3 => (4, 4),
        _ => (16, 4),
    };
    // View, sequence number and prefix; length, status and time; the peer.
    let at = 4 + address + 6 + address + asn;
    let length = body.get(at..).and_then(<[u8]>::first_chunk);
    let end = length.map(|length| at + 2 + usize::from(u16::from_be_bytes(*length)));
    end.filter(|end| *end <= body.len()).ok_or(WireError {
        what: "a whole entry",
        offset: 0,
    })
}

/// Checks that `body`, four bytes longer than the length in the header, is a batch of TABLE_DUMP entries as RIPE's rrc00 wrote
/// them until 2000: its length does not count view and sequence number.
///
/// # Errors
/// With the place up to which it is one.
pub(super) fn check_batch(subtype: u16, body: &[u8]) -> Result<(), WireError> {
    let short = body.len().saturating_sub(4);
    let mut walk = TableDump::parse(subtype, body)?;
    while !walk.reader.is_empty() {
        walk.read()?;
        if walk.reader.offset() == short {
            return Err(walk.reader.error("an entry that goes on"));
        }
    }
    Ok(())
}
