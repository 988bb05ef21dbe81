//! Whom the client trusts, and with which certificate it shows itself. There is no switch to trust everybody.

use std::fmt;
use std::sync::Arc;

use hookmill_model::{Code, Explain, Fault};
use p12_keystore::Pkcs12Archive;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ClientConfig, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ConfigBuilder, RootCertStore, client::WantsClientCert};

/// The largest file of a certificate; with a long chain they have some ten thousand bytes.
const PKCS12_BYTES_MAX: usize = 256 * 1024;

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

    /// From a PKCS#12 file (`.pfx`, `.p12`) and its password: the first private key with its certificate, then the
    /// other certificates. The file says how much work its password is, so call this away from the threads that serve
    /// requests.
    ///
    /// # Errors
    /// Where the password is wrong, or a part is missing, unreadable or of an unknown kind.
    pub fn from_pkcs12(file: &[u8], password: &str) -> Result<Self, IdentityError> {
        if file.len() > PKCS12_BYTES_MAX {
            return Err(IdentityError(format!("the file is larger than {PKCS12_BYTES_MAX} bytes")));
        }
        let mut archive = Pkcs12Archive::from_pkcs12(file, password).map_err(|error| match error {
            p12_keystore::error::Error::MacError(_) => IdentityError("the password is wrong".to_owned()),
            other => IdentityError(format!("it is not a PKCS#12 file that can be read here ({other})")),
        })?;
        let Some(bag) = archive.keys.first() else {
            return Err(IdentityError("there is no private key in it".to_owned()));
        };
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(bag.key.as_der().to_vec()));
        // The service looks at the first certificate; it must be the one of the key.
        let own = bag
            .local_key_id
            .as_ref()
            .and_then(|id| archive.certs.iter().position(|one| one.local_key_id.as_deref() == Some(id.0.as_slice())));
        if let Some(own) = own {
            archive.certs[..=own].rotate_right(1);
        }
        let chain = archive.certs.iter().map(|one| CertificateDer::from(one.cert.as_der().to_vec())).collect();
        Self::checked(chain, key)
    }

    fn checked(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, IdentityError> {
        if chain.is_empty() {
            return Err(IdentityError("there is no certificate in it".to_owned()));
        }
        let signing = rustls::crypto::ring::sign::any_supported_type(&key)
            .map_err(|error| IdentityError(format!("its private key is of an unknown kind ({error})")))?;
        let fits = rustls::sign::CertifiedKey::new(chain.clone(), signing).keys_match();
        if matches!(fits, Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch))) {
            return Err(IdentityError("its private key belongs to another certificate".to_owned()));
        }
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
        match identity {
            None => Ok(builder.with_no_client_auth()),
            Some(one) => builder
                .with_client_auth_cert(one.chain.clone(), one.key.clone_key())
                .map_err(|error| format!("the client certificate does not fit its key ({error})")),
        }
    }

    fn builder(&self) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, rustls::Error> {
        Ok(ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&self.verifier)))
    }
}
