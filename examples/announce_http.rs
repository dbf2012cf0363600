//! `PUT /routes/203.0.113.0/24` announces a prefix, `DELETE` withdraws it:
//! `cargo run --example announce_http -- 127.0.0.1:8080 LOCAL-AS PEER`

use axum::extract::{Path, State};
use axum::{Router, http::Method, http::StatusCode, routing::any};
use oxabgp::bgp::Asn;
use oxabgp::speaker::{Attributes, ChannelPlugin, PeerCommands, PeerConfig, Server};

type Prefix = Path<String>;

async fn route(peer: State<PeerCommands>, method: Method, prefix: Prefix) -> (StatusCode, String) {
    let Ok(prefix) = prefix.parse::<ipnet::IpNet>() else {
        return (StatusCode::BAD_REQUEST, "not a prefix".to_owned());
    };
    let done = match method {
        Method::DELETE => peer.withdraw(prefix),
        _ => peer.announce(prefix, &Attributes::new()),
    };
    match done {
        Ok(()) => (StatusCode::OK, format!("{prefix}")),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}

pub(crate) fn app(peer: PeerCommands) -> Router {
    let routes = Router::new().route("/routes/{*prefix}", any(route));
    routes.with_state(peer)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let peer = PeerConfig::new(arguments[3].parse()?, Asn(arguments[2].parse()?));
    let (plugin, _events, commands) = ChannelPlugin::new(64);
    let server = Server::spawn([192, 0, 2, 1].into())?;
    server.add_peer(peer, move || plugin).await?;
    let listener = tokio::net::TcpListener::bind(&arguments[1]).await?;
    Ok(axum::serve(listener, app(commands)).await?)
}
