//! Certificates that services publish: which addresses are believed, and the key in one.

use hookmill_model::Str;
use url::Url;
use x509_parser::prelude::FromDer as _;
use x509_parser::{certificate::X509Certificate, pem::Pem, x509::SubjectPublicKeyInfo};

use super::{Fetch, FetchKind};
use crate::template::{Scope, Selector, matches};

/// Where the certificate of a signature is.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// Where its address stands in the request.
    pub from: Selector,
    /// Hosts that it may have; `*` is one label or a part of one.
    pub hosts: Vec<Str>,
    /// The pattern of its path.
    pub path: Str,
}

/// Why there is no key.
pub enum Trouble {
    /// Address or certificate is not what it must be.
    Wrong(&'static str),
    /// The certificate has to be fetched first.
    Fetch(Fetch),
}

use Trouble::Wrong;

impl Certificate {
    /// The public key as the scheme wants it.
    pub fn key(&self, scope: &Scope<'_>) -> Result<Vec<u8>, Trouble> {
        let url = self.from.text(scope).ok_or(Wrong("the address of the certificate is missing"))?;
        let url = std::str::from_utf8(&url).map_err(|_| Wrong("the address of the certificate is not text"))?;
        let believed = address(url, &self.hosts).filter(|url| matches(self.path.as_bytes(), url.path().as_bytes()));
        let url = believed.ok_or(Wrong("the address of the certificate is not one of the service"))?;
        let Some(document) = (scope.known.fetched)(url.as_str()) else {
            return Err(Trouble::Fetch(Fetch { url: url.into(), kind: FetchKind::Certificate }));
        };
        let pem = Pem::iter_from_buffer(document.as_bytes()).next().and_then(Result::ok);
        let pem = pem.ok_or(Wrong("the certificate is not PEM"))?;
        let certificate = pem.parse_x509().map_err(|_| Wrong("the certificate cannot be read"))?;
        let (from, until) = (certificate.validity().not_before, certificate.validity().not_after);
        let now = scope.known.now.as_millis().div_euclid(1_000);
        if now < from.timestamp() || now > until.timestamp() {
            return Err(Wrong("the certificate is not valid at this time"));
        }
        Ok(public_key(&certificate))
    }
}

fn public_key(certificate: &X509Certificate<'_>) -> Vec<u8> {
    certificate.public_key().subject_public_key.data.to_vec()
}

/// The key in a `SubjectPublicKeyInfo`; `None` where it is none.
pub fn key_of_spki(der: &[u8]) -> Option<Vec<u8>> {
    match SubjectPublicKeyInfo::from_der(der) {
        Ok(([], info)) => Some(info.subject_public_key.data.to_vec()),
        _ => None,
    }
}

/// An address of one of these hosts: `https`, no user, no port, no fragment.
pub fn address(text: &str, hosts: &[Str]) -> Option<Url> {
    // A parser of addresses drops a default port, an empty user and blanks, and turns \ around. None belongs there.
    let written = text.strip_prefix("https://")?.split(['/', '?', '#']).next()?;
    if written.contains(['@', ':']) || !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let plain = url.scheme() == "https"
        && url.username().is_empty()
        && url.password().is_none()
        && url.port().is_none()
        && url.fragment().is_none();
    let host = url.host_str()?;
    let fits = |pattern: &Str| {
        let (own, wanted): (Vec<_>, Vec<_>) = (host.split('.').collect(), pattern.split('.').collect());
        own.len() == wanted.len()
            && own
                .iter()
                .zip(&wanted)
                .all(|(own, wanted)| !own.is_empty() && matches(wanted.as_bytes(), own.as_bytes()))
    };
    (plain && hosts.iter().any(fits)).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_addresses_of_the_service_are_believed() {
        let hosts: [Str; 1] = ["sns.*.amazonaws.com".into()];
        assert!(address("https://sns.eu-west-1.amazonaws.com/x.pem", &hosts).is_some());
        for wrong in [
            "http://sns.eu-west-1.amazonaws.com/x.pem",
            "https://sns.eu-west-1.amazonaws.com.evil.example/x.pem",
            "https://sns.a.b.amazonaws.com/x.pem",
            "https://sns..amazonaws.com/x.pem",
            "https://user@sns.eu-west-1.amazonaws.com/x.pem",
            "https://sns.eu-west-1.amazonaws.com:8443/x.pem",
            "https://sns.eu-west-1.amazonaws.com:443/x.pem",
            "https://@sns.eu-west-1.amazonaws.com/x.pem",
            "https://sns.eu-west-1.amazonaws.com\\x.pem",
            "https:/sns.eu-west-1.amazonaws.com/x.pem",
            "https://sns.eu-west-1.amazonaws.com/x.pem#",
            " https://sns.eu-west-1.amazonaws.com/x.pem",
            "https://sns.eu-west-1.amazonaws.com/x\t.pem",
            "https://sns.eu-west-1.amazonaws.com/x.pem#y",
            "https://evil.example/?sns.eu-west-1.amazonaws.com",
            "sns.eu-west-1.amazonaws.com",
        ] {
            assert!(address(wrong, &hosts).is_none(), "{wrong}");
        }
    }
}
