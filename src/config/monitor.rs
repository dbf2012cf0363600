//! The model of archives and monitoring stations: what `mrt` and `bmp` sections say.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::bgp::message::MessageType;
use crate::mrt::file_name::FileName;

/// The archives of a daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MrtConfig {
    /// Archives of messages and states.
    pub updates: Vec<MrtUpdates>,
    /// Archives of tables.
    pub tables: Vec<MrtTable>,
}

/// An archive of the messages of sessions and the changes of their states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MrtUpdates {
    /// Its files.
    pub file: FileName,
    /// Seconds after which a new file is begun, at full multiples; 0 for never.
    pub rotate: u32,
    /// Messages that are received.
    pub received: bool,
    /// Messages that are sent.
    pub sent: bool,
    /// The types of messages.
    pub types: Vec<MessageType>,
    /// State changes, too.
    pub states: bool,
    /// Compress the files with gzip.
    pub gzip: bool,
    /// Only what libbgpstream reads.
    pub portable: bool,
    /// Which neighbors.
    pub neighbors: Monitored,
    /// Most bytes that wait for the disk, in MiB; what comes beyond is lost.
    pub buffer: u32,
}

/// An archive of the routes of all neighbors at certain times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MrtTable {
    /// Its files.
    pub file: FileName,
    /// Seconds between two of them, at full multiples; 0 for only on request.
    pub every: u32,
    /// Which table.
    pub table: MrtSide,
    /// Compress the files with gzip.
    pub gzip: bool,
    /// Only what libbgpstream reads.
    pub portable: bool,
    /// Which neighbors.
    pub neighbors: Monitored,
}

/// The table of an archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MrtSide {
    /// What peers have sent.
    #[default]
    AdjRibIn,
    /// What they were sent.
    AdjRibOut,
}

impl MrtSide {
    /// The word of the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AdjRibIn => "adj-rib-in",
            Self::AdjRibOut => "adj-rib-out",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::AdjRibIn, Self::AdjRibOut]
            .into_iter()
            .find(|side| side.name() == word)
    }
}

/// A monitoring station, or several that connect to the same address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BmpConfig {
    /// Its name in the file, unique there.
    pub name: String,
    /// Where to connect to.
    pub connect: Option<SocketAddr>,
    /// Where stations connect to us.
    pub listen: Option<SocketAddr>,
    /// Our address on connections to the station.
    pub local_address: Option<IpAddr>,
    /// Report what peers send (Adj-RIB-In, before policy).
    pub rib_in: bool,
    /// Report what they are sent (Adj-RIB-Out, after policy; RFC 8671).
    pub rib_out: bool,
    /// Which neighbors.
    pub neighbors: Monitored,
    /// Seconds between Statistics Reports; 0 for none.
    pub stats: u32,
    /// Most MiB that wait for the station; when there are more, the connection is closed and begun again.
    pub buffer: u32,
    /// Seconds until a connection is tried again, at first and at most.
    pub retry: (u32, u32),
    /// sysName; the host's name if it is `None`.
    pub system_name: Option<String>,
    /// sysDescr; the program and its version if it is `None`.
    pub description: Option<String>,
}

/// Which neighbors a section is about: those with an address in one of the networks, or all if there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Monitored(Vec<IpNet>);

impl Monitored {
    /// Returns `true` if a peer with that address is selected.
    pub fn selects(&self, address: IpAddr) -> bool {
        self.0.is_empty() || self.0.iter().any(|network| network.contains(&address))
    }

    /// Creates it from networks; none for all neighbors.
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// The networks.
    pub fn networks(&self) -> &[IpNet] {
        &self.0
    }

    /// Returns `true` if the neighbor of that address, or a part of the range of that length, is selected.
    pub fn concerns(&self, address: IpAddr, bits: u8) -> bool {
        let own = IpNet::new(address, bits);
        self.selects(address)
            || own.is_ok_and(|own| {
                let own = own.trunc();
                self.0.iter().any(|network| own.contains(network))
            })
    }

    /// The networks as words of the file: an address alone for one that is whole.
    pub fn words(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|network| {
            if network.prefix_len() == network.max_prefix_len() {
                network.addr().to_string()
            } else {
                network.to_string()
            }
        })
    }
}
