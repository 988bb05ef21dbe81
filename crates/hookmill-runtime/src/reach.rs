//! Calling this server by its public address, to learn whether services could.

use std::net::IpAddr;
use std::time::Duration;

use hookmill_http::{
    AddressPolicy, Client, ClientConfig, HeaderValue, Method, Redirects, Request, SendErrorKind, Url, addresses_of,
    header, is_public,
};

use crate::Error;

/// Long enough for a slow proxy, short enough for a person who waits.
const WAIT: Duration = Duration::from_secs(10);

/// Where an address leads.
#[derive(Clone, Debug)]
pub struct Leads {
    /// The host that was looked up.
    pub host: String,
    /// Its addresses, or why there are none.
    pub addresses: Result<Vec<IpAddr>, String>,
}

impl Leads {
    /// Whether it leads to addresses of the internet only.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.addresses.as_ref().is_ok_and(|found| found.iter().all(|one| is_public(*one)))
    }
}

/// Looks up where an address leads.
///
/// # Errors
/// It is not an address with a host.
pub async fn leads(url: &str) -> Result<Leads, Error> {
    let wrong = || Error::NotPossible("The public address begins with https:// or http:// and has a host.".to_owned());
    let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https")).ok_or_else(wrong)?;
    let host = url.host_str().ok_or_else(wrong)?.to_owned();
    let addresses = addresses_of(&host).await;
    Ok(Leads { host, addresses })
}

/// What came of a call.
#[derive(Clone, Debug)]
pub enum Knock {
    /// Somebody answered.
    Answered {
        /// With this status,
        status: u16,
        /// this body,
        body: String,
        /// and this address to go to instead.
        location: Option<String>,
    },
    /// Nobody could be asked without trusting a stranger.
    NotTrusted(String),
    /// There was no answer.
    Failed(String),
}

/// Posts to an address as a service would: no redirects, no trust but the usual one. The address may be one of this
/// network, since it is the server's own; those that only networks hand out stay closed.
pub async fn knock(url: &str, leads: &Leads, body: String) -> Knock {
    let allowed: Vec<String> = leads.addresses.iter().flatten().filter(|one| is_callable(**one)).map(entry).collect();
    let policy = AddressPolicy::new(&allowed, &[], false).unwrap_or_default();
    let client = match Client::new(ClientConfig { policy, ..ClientConfig::default() }) {
        Ok(client) => client,
        Err(error) => return Knock::Failed(error.to_string()),
    };
    let request = Request::new(Method::POST, url)
        .with_header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .with_body(body)
        .with_timeout(WAIT)
        .with_redirects(Redirects::None);
    match client.send(request).await {
        Ok(answer) => Knock::Answered {
            status: answer.status.as_u16(),
            body: String::from_utf8_lossy(&answer.body).into_owned(),
            location: answer.headers.get(header::LOCATION).and_then(|to| to.to_str().ok()).map(ToOwned::to_owned),
        },
        Err(error) if error.kind == SendErrorKind::Tls => Knock::NotTrusted(error.message),
        Err(error) => Knock::Failed(error.message),
    }
}

fn entry(address: &IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// Whether a server could listen there for others: not where clouds hand out keys.
fn is_callable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !address.is_link_local() && !address.is_unspecified() && !address.is_multicast(),
        IpAddr::V6(address) => !address.is_unicast_link_local() && !address.is_unspecified() && !address.is_multicast(),
    }
}
