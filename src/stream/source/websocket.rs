//! The WebSocket client of RIS Live: <https://ris-live.ripe.net/manual/>.

use std::fmt;
use std::io;
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use serde::Serialize;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};

use crate::stream::decoder::Detection;
use crate::stream::record::Origin;

use super::arrival::{Arrival, Live};
use super::lines::PROJECT;
use super::rislive::RisLive;

/// RIPE's server.
pub const RIS_LIVE: &str = "wss://ris-live.ripe.net/v1/ws/?client=oxabgp";

/// Messages that wait for the reader of the stream at most.
const WAITING: usize = 1_024;

/// Largest message that is read, in bytes.
const LARGEST: usize = 2 << 20;

/// First and longest wait before another connection is tried.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What is asked of the server; what is left out is not restricted.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// Collector: `rrc21`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Kind of message: `UPDATE`, `RIS_PEER_STATE`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Address of a peer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// AS numbers in the path, in the server's form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Prefix; more specific ones match as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Whether less specific prefixes match as well.
    pub less_specific: bool,
    /// What the server adds to messages.
    pub socket_options: SocketOptions,
}

/// What the server adds to messages.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SocketOptions {
    /// The BGP message itself, in hexadecimal: without it only some of its attributes are known.
    pub include_raw: bool,
}

impl Default for Subscription {
    fn default() -> Self {
        Self {
            host: None,
            kind: None,
            peer: None,
            path: None,
            prefix: None,
            less_specific: false,
            socket_options: SocketOptions { include_raw: true },
        }
    }
}

/// Why the server can't be used.
#[derive(Debug)]
pub struct RisLiveError(Box<tungstenite::Error>);

impl fmt::Display for RisLiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for RisLiveError {}

impl From<tungstenite::Error> for RisLiveError {
    fn from(error: tungstenite::Error) -> Self {
        Self(Box::new(error))
    }
}

impl From<io::Error> for RisLiveError {
    fn from(error: io::Error) -> Self {
        tungstenite::Error::from(error).into()
    }
}

type Socket = WebSocket<MaybeTlsStream<TcpStream>>;

/// A connection to a server of RIS Live.
#[derive(Debug)]
pub struct RisLiveClient {
    url: String,
    subscriptions: Vec<Subscription>,
    socket: Socket,
}

impl RisLiveClient {
    /// Connects and subscribes; without a subscription to everything.
    ///
    /// # Errors
    /// When there is no connection.
    pub fn connect(url: &str, subscriptions: &[Subscription]) -> Result<Self, RisLiveError> {
        let subscriptions = if subscriptions.is_empty() {
            vec![Subscription::default()]
        } else {
            subscriptions.to_vec()
        };
        Ok(Self {
            url: url.to_owned(),
            socket: open(url, &subscriptions)?,
            subscriptions,
        })
    }

    /// The messages as a feed for [`Builder::live`](crate::stream::Builder::live). A connection that is lost is made
    /// again; the gap is a corrupted record.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(self, detection: Detection) -> Result<Live, RisLiveError> {
        let (sender, receiver): (_, Receiver<Arrival>) = sync_channel(WAITING);
        std::thread::Builder::new()
            .name("ris live".into())
            .spawn(move || self.run(&sender))?;
        Ok(Live::new(receiver, detection))
    }

    fn run(mut self, sender: &SyncSender<Arrival>) {
        let mut messages = RisLive::new(Origin {
            project: PROJECT.to_owned(),
            name: self.url.clone(),
            ..Origin::default()
        });
        loop {
            let error = loop {
                let arrival = match self.socket.read() {
                    Ok(Message::Text(text)) => messages.read(text.as_bytes()),
                    Ok(Message::Binary(bytes)) => messages.read(&bytes),
                    // Pings are answered by the library.
                    Ok(_) => None,
                    Err(error) => break error,
                };
                if let Some(arrival) = arrival
                    && sender.send(arrival).is_err()
                {
                    let _ = self.socket.close(None);
                    return;
                }
            };
            let reason = format!("the connection is lost: {error}");
            if sender.send(messages.damaged(&[], reason)).is_err() {
                return;
            }
            self.socket = reopen(&self.url, &self.subscriptions);
        }
    }
}

fn reopen(url: &str, subscriptions: &[Subscription]) -> Socket {
    let (mut pause, longest) = PAUSES;
    loop {
        std::thread::sleep(pause);
        if let Ok(socket) = open(url, subscriptions) {
            return socket;
        }
        pause = (pause * 2).min(longest);
    }
}

fn open(url: &str, subscriptions: &[Subscription]) -> Result<Socket, tungstenite::Error> {
    let config = tungstenite::protocol::WebSocketConfig::default()
        .max_message_size(Some(LARGEST))
        .max_frame_size(Some(LARGEST));
    let (mut socket, _) = tungstenite::client::connect_with_config(url, Some(config), 3)?;
    for subscription in subscriptions {
        let text = serde_json::json!({ "type": "ris_subscribe", "data": subscription });
        socket.send(Message::text(text.to_string()))?;
    }
    Ok(socket)
}
