//! A copy of tables that another thread can sort and write: TABLE_DUMP_V2 (RFC 6396 section 4.3, RFC 8050 section 4).
//!
//! Tables belong to the reactor, whose attributes cannot leave its thread. So what is copied is bytes: each attribute set once,
//! and about thirty bytes a route. Sorting, which would be a long turn, happens on the other thread. Routes are sorted, so that
//! equal tables give equal files.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::bgp::{Family, NlriRef, Safi};
use crate::daemon::privilege;
use crate::mrt::Timestamp;
use crate::mrt::table_dump::Peer;
use crate::mrt::writer::{Entry, Records};

use super::archive::{may_replace, temporary};
use super::updates::portability;

/// A copy of the routes of some peers.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) time: Timestamp,
    /// Our BGP identifier.
    pub(crate) collector: Ipv4Addr,
    /// The name of the view.
    pub(crate) view: &'static str,
    pub(crate) peers: Vec<Peer>,
    routes: Vec<Route>,
    /// The bytes of all NLRI.
    nlri: Vec<u8>,
    attributes: Vec<Box<[u8]>>,
    families: Vec<Family>,
}

/// A route, as places in the lists above.
#[derive(Clone, Copy, Debug)]
struct Route {
    family: u16,
    peer: u16,
    length: u16,
    has_id: bool,
    path_id: u32,
    nlri: u32,
    attributes: u32,
    originated: u32,
}

/// Where a snapshot is written, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) path: PathBuf,
    pub(crate) gzip: bool,
    pub(crate) portable: bool,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) peers: usize,
    pub(crate) routes: usize,
    /// Routes that were left out for portability.
    pub(crate) left_out: u64,
}

impl Snapshot {
    /// A snapshot without routes.
    pub(crate) const fn new(
        time: Timestamp,
        (collector, view): (Ipv4Addr, &'static str),
        peers: Vec<Peer>,
    ) -> Self {
        Self {
            time,
            collector,
            view,
            peers,
            routes: Vec::new(),
            nlri: Vec::new(),
            attributes: Vec::new(),
            families: Vec::new(),
        }
    }

    /// Adds an attribute set. Returns its number.
    pub(crate) fn attributes(&mut self, bytes: &[u8]) -> u32 {
        self.attributes.push(bytes.into());
        u32::try_from(self.attributes.len() - 1).unwrap_or(u32::MAX)
    }

    /// Adds a route. Those beyond four gigabytes of NLRI are left out, which is more than a table can have.
    pub(crate) fn route(
        &mut self,
        peer: u16,
        nlri: NlriRef<'_>,
        (attributes, originated): (u32, u32),
    ) {
        let family = self.family(nlri.family);
        let (Ok(start), Ok(length)) = (
            u32::try_from(self.nlri.len()),
            u16::try_from(nlri.bytes.len()),
        ) else {
            return;
        };
        self.nlri.extend_from_slice(nlri.bytes);
        self.routes.push(Route {
            family,
            peer,
            length,
            has_id: nlri.path_id.is_some(),
            path_id: nlri.path_id.unwrap_or_default(),
            nlri: start,
            attributes,
            originated,
        });
    }

    /// The number of a family. The list is short.
    fn family(&mut self, family: Family) -> u16 {
        let known = self.families.iter().position(|known| *known == family);
        let at = known.unwrap_or_else(|| {
            self.families.push(family);
            self.families.len() - 1
        });
        u16::try_from(at).unwrap_or(u16::MAX)
    }

    fn bytes(&self, route: &Route) -> &[u8] {
        let start = route.nlri as usize;
        self.nlri
            .get(start..start + usize::from(route.length))
            .unwrap_or_default()
    }

    /// What routes are sorted by: prefixes by their address, then by their length.
    fn key(&self, route: &Route) -> (Family, &[u8], &[u8], u16, u32) {
        let family = self.families[usize::from(route.family)];
        let bytes = self.bytes(route);
        let (first, second) = match (family.safi, bytes) {
            (Safi::UNICAST | Safi::MULTICAST, [_, address @ ..]) => (address, &bytes[..1]),
            _ => (bytes, &[][..]),
        };
        (family, first, second, route.peer, route.path_id)
    }

    /// Sorts the routes and writes them to a file, under a temporary name until it is whole.
    ///
    /// # Errors
    /// When the file can't be written, or something other than a regular file has its name, or there are more peers than the
    /// format allows.
    pub(crate) fn write(mut self, target: &Target) -> io::Result<Written> {
        let temporary = temporary(&target.path);
        may_replace(&target.path)?;
        may_replace(&temporary)?;
        let mut routes = std::mem::take(&mut self.routes);
        routes.sort_unstable_by(|left, right| self.key(left).cmp(&self.key(right)));
        if let Some(folder) = target.path.parent() {
            privilege::create_directories(folder)?;
        }
        if temporary.exists() {
            fs::remove_file(&temporary)?;
        }
        let written = self.write_to(&routes, target, &temporary);
        let done = written.and_then(|written| {
            fs::rename(&temporary, &target.path)?;
            Ok(written)
        });
        if done.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        done
    }

    fn write_to(&self, routes: &[Route], target: &Target, path: &Path) -> io::Result<Written> {
        let file = BufWriter::with_capacity(256 << 10, File::create_new(path)?);
        let left_out = if target.gzip {
            let mut out = GzEncoder::new(file, Compression::default());
            let left_out = self.records(routes, target, &mut out)?;
            out.finish()?.flush()?;
            left_out
        } else {
            let mut out = file;
            let left_out = self.records(routes, target, &mut out)?;
            out.flush()?;
            left_out
        };
        Ok(Written {
            peers: self.peers.len(),
            routes: routes.len(),
            left_out,
        })
    }

    fn records(&self, routes: &[Route], target: &Target, out: &mut impl Write) -> io::Result<u64> {
        let invalid = |error: crate::wire::WireError| io::Error::other(error.to_string());
        let mut records = Records::new(portability(target.portable));
        let mut buffer = Vec::with_capacity(64 << 10);
        let about = (self.collector, self.view);
        records
            .peers(&mut buffer, self.time, about, &self.peers)
            .map_err(invalid)?;
        let same = |left: &Route, right: &Route| {
            left.family == right.family && self.bytes(left) == self.bytes(right)
        };
        let mut entries = Vec::new();
        for group in routes.chunk_by(same) {
            entries.clear();
            entries.extend(group.iter().map(|route| Entry {
                peer: route.peer,
                originated: route.originated,
                path_id: route.has_id.then_some(route.path_id),
                attributes: &self.attributes[route.attributes as usize],
            }));
            let family = self.families[usize::from(group[0].family)];
            let nlri = (family, self.bytes(&group[0]));
            records
                .rib(&mut buffer, self.time, nlri, &entries)
                .map_err(invalid)?;
            if buffer.len() >= 32 << 10 {
                out.write_all(&buffer)?;
                buffer.clear();
            }
        }
        out.write_all(&buffer)?;
        Ok(records.left_out())
    }
}

/// Numbers that attribute sets have in a snapshot.
pub(crate) type Known<K> = HashMap<K, u32, foldhash::fast::RandomState>;
