//! Checks of https URLs. The certificate in `tests/data/tls` is for www.example.net and 127.0.0.1.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::Health;

const UP: &str = "neighbor * announce route 192.0.2.1/32 next-hop self med 100";
const DOWN: &str = "neighbor * announce route 192.0.2.1/32 next-hop self med 1000";

fn data(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls");
    root.join(name).to_str().expect("UTF-8").to_owned()
}

/// A server that answers every request over TLS; its port, and the names that clients send.
fn server() -> (u16, mpsc::Receiver<Option<String>>) {
    let certificate = CertificateDer::from_pem_file(data("server.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(data("server.key")).expect("a key");
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a key of the certificate");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (sender, names) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(serve(listener, TlsAcceptor::from(Arc::new(config)), sender));
    });
    (port, names)
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, names: mpsc::Sender<Option<String>>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    listener.set_nonblocking(true).expect("a mode");
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
    while let Ok((stream, _)) = listener.accept().await {
        let Ok(mut stream) = acceptor.accept(stream).await else {
            continue;
        };
        let name = stream.get_ref().1.server_name().map(str::to_owned);
        let _ = names.send(name);
        let mut buffer = [0; 4096];
        let _ = stream.read(&mut buffer).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nsafe")
            .await;
        let _ = stream.shutdown().await;
    }
}

/// The first command of a check with these options.
fn first(port: u16, more: &[&str]) -> String {
    let url = format!("https://127.0.0.1:{port}/");
    let options = format!("--ip 192.0.2.1/32 --rise 1 --fall 1 --timeout 60 --http {url}");
    Health::start(&options, more).command()
}

#[test]
fn certificates_are_verified() {
    let (port, names) = server();
    let ca = data("ca.pem");
    assert_eq!(first(port, &["--ca", &ca, "--http-body", "safe"]), UP);
    // An address is not sent as a name (RFC 6066 section 3).
    assert_eq!(names.recv().expect("a client"), None);
    let host = ["--ca", &ca, "--http-header", "Host: www.example.net"];
    assert_eq!(first(port, &host), UP);
    // The checks before may have connected more than once.
    let name = names.iter().flatten().next();
    assert_eq!(name.as_deref(), Some("www.example.net"));
    let other = ["--ca", &ca, "--http-header", "Host: mail.example.net"];
    assert_eq!(first(port, &other), DOWN);
    // The system does not know the authority.
    assert_eq!(first(port, &[]), DOWN);
    assert_eq!(first(port, &["--no-verify"]), UP);
    assert_eq!(first(port, &["--ca", "/nowhere/ca.pem"]), DOWN);
}

#[test]
fn a_server_without_tls_is_down() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    assert_eq!(first(port, &["--no-verify"]), DOWN);
}
