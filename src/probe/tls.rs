//! TLS for checks of `https` URLs.
//!
//! Certificates are verified unless the check says otherwise, by the authorities of the system or those of a file. Both are
//! read on a thread of their own, and again when the file changes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use crate::health::{Cause, Failure, Host, HttpCheck, Tls};

/// Where systems keep the certificates of authorities, in PEM form.
const SYSTEM: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// The most settings that are remembered.
const MOST: usize = 64;

/// Settings that were read, with the time of their file.
type Known = (Tls, Option<SystemTime>, Arc<ClientConfig>);

static KNOWN: Mutex<Vec<Known>> = Mutex::new(Vec::new());

/// Begins TLS on a connection.
pub(super) async fn start(
    stream: TcpStream,
    check: &HttpCheck,
) -> Result<TlsStream<TcpStream>, Failure> {
    let failed = |reason: String| Failure::new(Cause::Tls, reason);
    let server = server(check)?;
    let tls = check.tls.clone();
    let config = tokio::task::spawn_blocking(move || config(&tls))
        .await
        .map_err(|cause| failed(cause.to_string()))?
        .map_err(failed)?;
    TlsConnector::from(config)
        .connect(server, stream)
        .await
        .map_err(|cause| failed(format!("no TLS with {}: {cause}", check.url)))
}

/// The name that is sent to the server (SNI) and that its certificate must have: that of the `Host` field, as for the
/// request itself.
fn server(check: &HttpCheck) -> Result<ServerName<'static>, Failure> {
    let field = check
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("host"));
    let named = field.and_then(|(_, value)| {
        let url: Result<crate::health::Url, _> = format!("http://{value}/").parse();
        url.ok().map(|url| url.host)
    });
    match named.as_ref().unwrap_or(&check.url.host) {
        Host::Address(address) => Ok(ServerName::IpAddress((*address).into())),
        Host::Name(name) => ServerName::try_from(name.trim_end_matches('.').to_owned())
            .map_err(|cause| Failure::new(Cause::Tls, format!("{name}: {cause}"))),
    }
}

/// The settings for a check, which may have been read before.
fn config(tls: &Tls) -> Result<Arc<ClientConfig>, String> {
    let path = match &tls.ca {
        Some(path) => Some(path.clone()),
        None if tls.unverified => None,
        None => Some(
            system()
                .ok_or("this system has no certificates of authorities: name a file with `ca`")?,
        ),
    };
    let time = path
        .as_deref()
        .and_then(|path| std::fs::metadata(path).ok()?.modified().ok());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.retain(|(other, at, _)| other != tls || *at == time);
    if let Some((_, _, config)) = known.iter().find(|(other, ..)| other == tls) {
        return Ok(Arc::clone(config));
    }
    let config = Arc::new(build(tls, path.as_deref())?);
    if known.len() >= MOST {
        known.remove(0);
    }
    known.push((tls.clone(), time, Arc::clone(&config)));
    Ok(config)
}

fn system() -> Option<PathBuf> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    named.or_else(|| SYSTEM.iter().map(PathBuf::from).find(|path| path.exists()))
}

fn build(tls: &Tls, path: Option<&Path>) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|cause| cause.to_string())?;
    let builder = match path.filter(|_| !tls.unverified) {
        Some(path) => builder.with_root_certificates(authorities(path)?),
        None => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Unverified(provider))),
    };
    Ok(builder.with_no_client_auth())
}

fn authorities(path: &Path) -> Result<RootCertStore, String> {
    let shown = path.display();
    let unreadable = |cause: &dyn std::fmt::Display| {
        format!("the certificates of `{shown}` cannot be read: {cause}")
    };
    // A reload reads it, too: a pipe would block every session.
    if std::fs::metadata(path).is_ok_and(|facts| !facts.is_file()) {
        return Err(unreadable(&"it is not a regular file"));
    }
    let pem = std::fs::read(path).map_err(|cause: io::Error| unreadable(&cause))?;
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|cause| unreadable(&cause))?;
        // A bundle may have some that are not understood.
        let _ = store.add(certificate);
    }
    if store.is_empty() {
        return Err(format!("`{shown}` has no certificate in PEM form"));
    }
    Ok(store)
}

/// Accepts every certificate.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
