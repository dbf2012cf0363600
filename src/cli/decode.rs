//! `oxabgp decode`: decodes messages and prints them as the JSON that helpers receive.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;

use bytes::BytesMut;

use super::{DecodeArgs, REFUSED};
use crate::api::encode::{Encoder, Form, Style};
use crate::api::event::{Direction, Event, EventHead, Identity, Message, Raw, Stamp};
use crate::bgp::attribute::decode::DecodeEach;
use crate::bgp::message::notification::Notification;
use crate::bgp::message::open::Open;
use crate::bgp::message::refresh::RouteRefresh;
use crate::bgp::message::update::Update;
use crate::bgp::message::{self, MAX_EXTENDED, MessageType, RawMessage};
use crate::bgp::nlri::Routes;
use crate::bgp::{Afi, Asn, Codec, Family, FamilySet, Safi, Spelling};
use crate::config::Config;
use crate::daemon::identity;
use crate::json::JsonWriter;

/// Maximum size of the hexadecimal text on standard input, in bytes.
const MOST: u64 = 256 << 20;

/// The session parameters that the message is decoded with.
struct Session {
    identity: Identity,
    spelling: Spelling,
    codec: Codec,
    families: Vec<Family>,
}

pub(super) fn run(args: &DecodeArgs, env_file: Option<PathBuf>) -> ExitCode {
    match decode(args, env_file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            // The errors of a configuration are already introduced as such.
            let reason = reason.trim_end();
            match reason.starts_with("error: ") {
                true => errln!("{reason}"),
                false => errln!("error: {reason}"),
            }
            outln!("invalid payload");
            ExitCode::from(REFUSED)
        }
    }
}

fn decode(args: &DecodeArgs, env_file: Option<PathBuf>) -> Result<(), String> {
    super::warn_without_effect(&[(args.debug, "--debug"), (args.pdb, "--pdb")]);
    let strings = payload(args)?;
    let body = match args.open {
        true => Body::Open,
        false => Body::Update,
    };
    for session in sessions(args, env_file)? {
        for bytes in &strings {
            if args.nlri {
                nlri(&session, bytes)?;
            } else {
                messages(&session, bytes, body)?;
            }
        }
    }
    Ok(())
}

/// The byte strings in the arguments or on standard input.
fn payload(args: &DecodeArgs) -> Result<Vec<Vec<u8>>, String> {
    let mut text = args.payload.join(" ");
    if text.is_empty() || text == "-" {
        text.clear();
        std::io::stdin()
            .take(MOST)
            .read_to_string(&mut text)
            .map_err(|cause| format!("cannot read standard input: {cause}"))?;
    }
    super::dump::read(&text)
}

/// The sessions to decode with: ExaBGP's synthetic one, or those of a configuration.
fn sessions(args: &DecodeArgs, env_file: Option<PathBuf>) -> Result<Vec<Session>, String> {
    let chosen = args.family.as_deref().map(families).transpose()?;
    let all = || chosen.clone().unwrap_or_else(|| Family::KNOWN.to_vec());
    let Some(path) = &args.configuration else {
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let identity = Identity {
            local_address: Some(local),
            peer_address: local,
            zone: None,
            local_as: Some(Asn(65533)),
            peer_as: Some(Asn(65533)),
            router_id: Some(Ipv4Addr::new(10, 0, 0, 2)),
        };
        return Ok(vec![Session {
            identity,
            spelling: Spelling::USUAL,
            codec: codec(&all(), args.path_information, true),
            families: all(),
        }]);
    };
    let env = super::settings(env_file).map_err(|_| "invalid settings".to_owned())?;
    let (config, _) = Config::load(path, &env).map_err(|errors| errors.to_string())?;
    let sessions = config.neighbors.iter().map(|neighbor| {
        let session = &neighbor.session;
        let families = chosen.clone().unwrap_or_else(|| session.families.clone());
        let ibgp = session.local_as == session.peer_as;
        let mut codec = codec(&families, args.path_information, ibgp);
        codec.asn4 = session.capabilities.asn4;
        codec.aigp |= session.capabilities.aigp;
        if session.capabilities.add_path.receive {
            codec.add_path_receive = session
                .capabilities
                .add_path_families
                .iter()
                .copied()
                .collect();
        }
        Session {
            identity: identity(session),
            spelling: session.spelling.clone(),
            codec,
            families,
        }
    });
    Ok(sessions.collect())
}

/// `"ipv4 unicast ipv6 unicast"`.
fn families(text: &str) -> Result<Vec<Family>, String> {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    if words.is_empty() || !words.len().is_multiple_of(2) {
        return Err(
            "families provided are invalid: they are pairs such as `ipv4 unicast`".to_owned(),
        );
    }
    let mut families = Vec::new();
    for pair in words.chunks_exact(2) {
        let (Some(afi), Some(safi)) = (Afi::from_name(pair[0]), Safi::from_name(pair[1])) else {
            return Err(format!("unknown family `{} {}`", pair[0], pair[1]));
        };
        families.push(Family { afi, safi });
    }
    families.sort();
    Ok(families)
}

fn codec(families: &[Family], add_path: bool, ibgp: bool) -> Codec {
    let set: FamilySet = families.iter().copied().collect();
    Codec {
        asn4: true,
        extended_message: true,
        families: set,
        add_path_receive: if add_path { set } else { FamilySet::EMPTY },
        extended_nexthop: set,
        ipv4_nexthop: set,
        aigp: true,
        ibgp,
        ..Codec::default()
    }
}

/// Prints one JSON object for each NLRI.
fn nlri(session: &Session, bytes: &[u8]) -> Result<(), String> {
    let family = session
        .families
        .first()
        .copied()
        .unwrap_or(Family::IPV4_UNICAST);
    for nlri in Routes::new(
        family,
        session.codec.add_path_receive.contains(family),
        bytes,
    ) {
        let nlri = nlri.map_err(|error| format!("invalid NLRI of {family}: {error}"))?;
        let mut out = JsonWriter::new();
        nlri.json(None, &mut out);
        outln!("{}", out.as_str());
    }
    Ok(())
}

/// What a message without a header is.
#[derive(Clone, Copy)]
enum Body {
    Update,
    /// An OPEN; but what can only be an UPDATE is one, because ExaBGP ignores the option `--open`.
    Open,
}

impl Body {
    fn kind(self, bytes: &[u8]) -> MessageType {
        match self {
            Self::Open if Open::decode(bytes).is_ok() || Update::new(bytes).is_err() => {
                MessageType::OPEN
            }
            Self::Open | Self::Update => MessageType::UPDATE,
        }
    }
}

/// Prints one JSON line for each message.
fn messages(session: &Session, bytes: &[u8], body: Body) -> Result<(), String> {
    let mut teller = Teller::new(session);
    if !bytes.starts_with(&[0xFF; 16]) {
        let kind = body.kind(bytes);
        let mut whole = Vec::new();
        message::encode(&mut whole, kind, |w| w.bytes(bytes));
        return teller.message(session, kind, &whole);
    }
    let mut buffer = BytesMut::from(bytes);
    while !buffer.is_empty() {
        match message::frame(&mut buffer, MAX_EXTENDED) {
            Ok(Some(raw)) => teller.message(session, raw.kind, &raw.bytes)?,
            Ok(None) => {
                return Err(format!(
                    "the last message is incomplete: {} bytes are left over",
                    buffer.len()
                ));
            }
            Err(notification) => return Err(format!("invalid header: {notification}")),
        }
    }
    Ok(())
}

/// Prints events.
struct Teller {
    head: EventHead,
    stamp: Stamp,
}

impl Teller {
    fn new(session: &Session) -> Self {
        let host = nix::unistd::gethostname()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let parent = u32::try_from(nix::unistd::getppid().as_raw()).unwrap_or_default();
        let mut stamp = Stamp::new(host, std::process::id(), parent);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        stamp.set_time(now.map_or(0.0, |since| since.as_secs_f64()));
        Self {
            head: EventHead::new(session.identity).spelled(session.spelling.clone()),
            stamp,
        }
    }

    fn message(
        &mut self,
        session: &Session,
        kind: MessageType,
        bytes: &[u8],
    ) -> Result<(), String> {
        let body = bytes.get(message::HEADER..).unwrap_or_default();
        match kind {
            MessageType::OPEN => {
                let open = Open::decode(body).map_err(|error| format!("invalid OPEN: {error}"))?;
                self.print(Message::Open(&open), bytes);
            }
            MessageType::UPDATE => {
                let update =
                    Update::new(body).map_err(|error| format!("invalid UPDATE: {error}"))?;
                if let Some(family) = update.end_of_rib() {
                    self.print(Message::EndOfRib(family), bytes);
                    return Ok(());
                }
                let content = update
                    .content(&session.codec, &mut DecodeEach)
                    .map_err(|error| format!("this UPDATE would reset the session: {error}"))?;
                self.print(Message::update(&content), bytes);
            }
            MessageType::NOTIFICATION => {
                self.print(Message::Notification(&Notification::decode(body)), bytes);
            }
            MessageType::ROUTE_REFRESH => {
                let raw = RawMessage {
                    kind,
                    bytes: bytes.to_vec().into(),
                };
                let refresh = RouteRefresh::decode(&raw)
                    .map_err(|error| format!("invalid ROUTE-REFRESH: {error}"))?;
                self.print(Message::Refresh(&refresh), bytes);
            }
            MessageType::KEEPALIVE => self.print(Message::Keepalive, bytes),
            kind => return Err(format!("unknown message type {}", kind.0)),
        }
        Ok(())
    }

    fn print(&mut self, message: Message<'_>, bytes: &[u8]) {
        let style = Style {
            encoder: Encoder::JSON,
            form: Form::Parsed,
            negotiated: false,
        };
        let mut out = JsonWriter::new();
        let event = Event::Message(Direction::Receive, message);
        style.encode(
            &mut self.head,
            &event,
            Raw::new(bytes),
            &mut self.stamp,
            &mut out,
        );
        // ExaBGP's decoder calls the direction `in`. The key precedes everything that comes from the message.
        let line = out
            .as_str()
            .replacen("\"direction\": \"receive\"", "\"direction\": \"in\"", 1);
        out!("{line}");
    }
}
