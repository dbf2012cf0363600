//! Reads an uncompressed MRT archive from standard input and prints a line for each elem, as bgpkit-parser reads it:
//! `kind|microseconds|peer AS|peer|prefix|path identifier|next hop|AS path|origin|LOCAL_PREF|MED|communities|large|atomic|aggregator`.

use std::fmt::Display;
use std::io::{self, BufReader, BufWriter, Write};

use bgpkit_parser::BgpkitParser;
use bgpkit_parser::models::{Community, ElemType, MetaCommunity};

fn main() -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for elem in BgpkitParser::from_reader(BufReader::new(io::stdin().lock())) {
        let announced = elem.elem_type == ElemType::ANNOUNCE;
        let (mut plain, mut large) = (Vec::new(), Vec::new());
        for community in elem.communities.into_iter().flatten() {
            match community {
                MetaCommunity::Plain(Community::NoExport) => plain.push("65535:65281".to_owned()),
                MetaCommunity::Plain(Community::NoAdvertise) => {
                    plain.push("65535:65282".to_owned())
                }
                MetaCommunity::Plain(Community::NoExportSubConfed) => {
                    plain.push("65535:65283".to_owned())
                }
                MetaCommunity::Plain(Community::Custom(asn, value)) => {
                    plain.push(format!("{}:{value}", asn.to_u32()))
                }
                MetaCommunity::Large(one) => {
                    large.push(format!(
                        "{}:{}:{}",
                        one.global_admin, one.local_data[0], one.local_data[1]
                    ));
                }
                MetaCommunity::Extended(_) | MetaCommunity::Ipv6Extended(_) => {}
            }
        }
        let aggregator = match (elem.aggr_asn, elem.aggr_ip) {
            (Some(asn), Some(address)) => format!("{} {address}", asn.to_u32()),
            _ => String::new(),
        };
        let fields = [
            if announced { "A" } else { "W" }.to_owned(),
            format!("{:.0}", elem.timestamp * 1e6),
            elem.peer_asn.to_u32().to_string(),
            elem.peer_ip.to_string(),
            elem.prefix.prefix.to_string(),
            text(elem.prefix.path_id),
            text(elem.next_hop),
            text(elem.as_path),
            text(elem.origin),
            text(elem.local_pref),
            text(elem.med),
            plain.join(" "),
            large.join(" "),
            if elem.atomic { "1" } else { "" }.to_owned(),
            aggregator,
        ];
        writeln!(out, "{}", fields.join("|"))?;
    }
    out.flush()
}

fn text<T: Display>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}
