//! Whom the client trusts, and with which certificate it shows itself. There is no switch to trust everybody.

use std::fmt;
use std::sync::Arc;

use hookmill_model::{Code, Explain, Fault};
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ClientConfig, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ConfigBuilder, RootCertStore, client::WantsClientCert};

/// A certificate with its private key, for services that ask for one.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

/// A certificate or key that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the certificate cannot be used: {0}")]
pub struct IdentityError(pub String);

impl Explain for IdentityError {
    fn code(&self) -> Code {
        "client_certificate_invalid"
    }

    fn fault(&self) -> Fault {
        Fault::Author
    }

    fn hint(&self) -> Option<String> {
        Some("Give a certificate together with its private key, and the password it was saved with.".to_owned())
    }
}

impl Identity {
    /// From PEM: the certificate, those that signed it, and the private key, in any order.
    ///
    /// # Errors
    /// Where a certificate or the key is missing, unreadable or of an unknown kind.
    pub fn from_pem(pem: &[u8]) -> Result<Self, IdentityError> {
        let chain = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| IdentityError(format!("it is not PEM ({error})")))?;
        let key = PrivateKeyDer::from_pem_slice(pem)
            .map_err(|error| IdentityError(format!("there is no private key in it ({error})")))?;
        Self::checked(chain, key)
    }

    fn checked(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, IdentityError> {
        if chain.is_empty() {
            return Err(IdentityError("there is no certificate in it".to_owned()));
        }
        rustls::crypto::ring::sign::any_supported_type(&key)
            .map_err(|error| IdentityError(format!("its private key is of an unknown kind ({error})")))?;
        Ok(Self { chain, key })
    }
}

/// What all connections have in common.
pub(crate) struct Trust {
    verifier: Arc<dyn ServerCertVerifier>,
    provider: Arc<CryptoProvider>,
}

impl Trust {
    /// Trusts what the machine trusts (the authorities that browsers trust, where the machine has none) and `extra`,
    /// certificates in PEM.
    pub(crate) fn new(extra: &[u8]) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let extra = CertificateDer::pem_slice_iter(extra)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| format!("the file of extra certificate authorities is not PEM ({error})"))?;
        let platform =
            rustls_platform_verifier::Verifier::new_with_extra_roots(extra.iter().cloned(), Arc::clone(&provider));
        let has_own = rustls_platform_verifier::Verifier::new(Arc::clone(&provider)).is_ok();
        let verifier: Arc<dyn ServerCertVerifier> = match platform {
            Ok(verifier) if has_own => Arc::new(verifier),
            _ => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
                for one in extra {
                    roots
                        .add(one)
                        .map_err(|error| format!("an extra certificate authority is unreadable ({error})"))?;
                }
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                    .build()
                    .map_err(|error| format!("no certificate authority can be trusted ({error})"))?
            }
        };
        Ok(Self { verifier, provider })
    }

    pub(crate) fn config(&self, identity: Option<&Identity>) -> Result<ClientConfig, String> {
        let builder = self.builder().map_err(|error| error.to_string())?;
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(one) => builder
                .with_client_auth_cert(one.chain.clone(), one.key.clone_key())
                .map_err(|error| format!("the client certificate does not fit its key ({error})"))?,
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    fn builder(&self) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, rustls::Error> {
        Ok(ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&self.verifier)))
    }
}
