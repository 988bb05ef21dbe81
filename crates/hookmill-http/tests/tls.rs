//! Whom the client trusts, and how it shows itself.

// Helpers of tests may unwrap as tests may.
#![allow(clippy::unwrap_used)]

mod service;

use std::sync::Arc;

use hookmill_http::{ClientConfig, Identity, Method, Redirects, Request, SendErrorKind};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use service::{Service, Turn, client, client_with, led_to, ok};
use tokio_rustls::TlsAcceptor;

const AUTHORITY: &[u8] = include_bytes!("../test_data/authority.pem");
const SERVER: &[u8] = include_bytes!("../test_data/server.pem");
const CLIENT: &[u8] = include_bytes!("../test_data/client.pem");

fn acceptor(asks_for_certificate: bool) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let builder = if asks_for_certificate {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(AUTHORITY).unwrap()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let chain = vec![CertificateDer::from_pem_slice(SERVER).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(SERVER).unwrap();
    TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).unwrap()))
}

fn trusting(config: &mut ClientConfig) {
    config.extra_roots_pem = AUTHORITY.to_vec();
}

fn get(service: &Service, host: &str) -> Request {
    Request::new(Method::GET, format!("https://{host}:{}/", service.port))
}

#[tokio::test]
async fn an_added_authority_is_trusted_and_no_other() {
    let service = Service::start_with(|_| Turn::Say(ok("private")), Some(acceptor(false))).await;
    for host in ["localhost", "127.0.0.1"] {
        let response = client_with(trusting).send(get(&service, host)).await.unwrap();
        assert_eq!(&response.body[..], b"private");
    }
    let error = client().send(get(&service, "localhost")).await.unwrap_err();
    assert_eq!((error.kind, error.maybe_sent), (SendErrorKind::Tls, false), "{error}");
    assert!(error.message.contains("not signed by an authority"), "{error}");
    assert_eq!(service.told().len(), 2, "nothing is told to whom is not trusted");
}

#[tokio::test]
async fn a_certificate_for_another_name_and_plain_text_are_said() {
    let service = Service::start_with(|_| Turn::Say(ok("")), Some(acceptor(false))).await;
    let policy = hookmill_http::AddressPolicy::new(&["127.0.0.0/8"], &[], false).unwrap();
    let client = client_with(|config| {
        trusting(config);
        config.policy = policy;
    });
    let error = client.send(get(&service, "127.0.0.1")).await.map(|_| ()).map_err(|error| error.kind);
    assert_eq!(error, Ok(()));
    let other = tokio::net::TcpListener::bind("127.0.0.2:0").await.unwrap();
    let port = other.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = other.accept().await.unwrap();
        let _ = acceptor(false).accept(stream).await;
    });
    let error = client.send(Request::new(Method::GET, format!("https://127.0.0.2:{port}/"))).await.unwrap_err();
    assert!(error.kind == SendErrorKind::Tls && error.message.contains("another name"), "{error}");

    // What TLS sends first is no request, so a plain service answers in its own words.
    let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = plain.local_addr().unwrap().port();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut stream, _) = plain.accept().await.unwrap();
        let mut bytes = [0; 64];
        let _ = stream.read(&mut bytes).await;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    let error = client.send(Request::new(Method::GET, format!("https://127.0.0.1:{port}/"))).await.unwrap_err();
    assert!(error.kind == SendErrorKind::Tls && error.message.contains("does not speak TLS"), "{error}");
}

#[tokio::test]
async fn a_certificate_is_shown_to_its_own_origin_only() {
    let strict = Service::start_with(|_| Turn::Say(ok("known")), Some(acceptor(true))).await;
    let client = client_with(trusting);
    let identity = Arc::new(Identity::from_pem(CLIENT).unwrap());
    let mut request = get(&strict, "localhost");
    request.identity = Some(Arc::clone(&identity));
    assert_eq!(&client.send(request).await.unwrap().body[..], b"known");
    client.send(get(&strict, "localhost")).await.unwrap_err();
    for file in [&include_bytes!("../test_data/client.pfx")[..], include_bytes!("../test_data/client_legacy.pfx")] {
        let mut request = get(&strict, "localhost");
        request.identity = Some(Arc::new(Identity::from_pkcs12(file, "correct-word").unwrap()));
        assert_eq!(client.send(request).await.unwrap().status, 200);
    }

    let there = format!("https://localhost:{}/", strict.port);
    let leads = Service::start_with(move |_| Turn::Say(led_to(302, &there)), Some(acceptor(false))).await;
    let mut request = get(&leads, "localhost").with_redirects(Redirects::Any);
    request.identity = Some(identity);
    client.send(request).await.unwrap_err();
    assert_eq!(strict.told().len(), 3);
}

#[tokio::test]
async fn https_is_never_left_for_http() {
    let plain = Service::start(|_| Turn::Say(ok(""))).await;
    let there = plain.url("/");
    let secure = Service::start_with(move |_| Turn::Say(led_to(302, &there)), Some(acceptor(false))).await;
    let request = get(&secure, "localhost").with_redirects(Redirects::Any);
    assert_eq!(client_with(trusting).send(request).await.unwrap().status, 302);
    assert_eq!(plain.connections(), 0);
}

#[test]
fn certificates_without_their_parts_are_named() {
    assert!(Identity::from_pem(b"").is_err());
    assert!(Identity::from_pem(AUTHORITY).unwrap_err().to_string().contains("no private key"));
    let mixed = [SERVER, AUTHORITY].concat();
    assert!(Identity::from_pem(&mixed).is_ok());
    let mixed = [AUTHORITY, SERVER].concat();
    assert!(Identity::from_pem(&mixed).unwrap_err().to_string().contains("another certificate"));
    let file = include_bytes!("../test_data/client.pfx");
    assert!(Identity::from_pkcs12(file, "wrong-word").unwrap_err().to_string().contains("password is wrong"));
    for cut in (0..file.len()).step_by(37) {
        assert!(Identity::from_pkcs12(&file[..cut], "correct-word").is_err(), "{cut}");
    }
    assert!(Identity::from_pem(b"-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n").is_err());
}
