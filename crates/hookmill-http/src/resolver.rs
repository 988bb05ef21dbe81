//! Names to addresses. What the policy refuses is dropped here, and the connection goes to what is left: there is no
//! second look-up that could answer otherwise.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

use crate::AddressPolicy;

/// Every address of the name is refused.
#[derive(Debug)]
pub(crate) struct NothingAllowed(pub(crate) Vec<IpAddr>);

impl fmt::Display for NothingAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its name leads to ")?;
        for (index, address) in self.0.iter().take(4).enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{address}")?;
        }
        f.write_str(", which the address policy refuses")
    }
}

impl std::error::Error for NothingAllowed {}

/// The name has no address, or the name server does not answer.
#[derive(Debug)]
pub(crate) struct NameNotFound(String);

impl fmt::Display for NameNotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NameNotFound {}

/// The resolver for one port, since exceptions may be bound to a port.
#[derive(Clone)]
pub(crate) struct PolicyResolver {
    pub(crate) policy: Arc<AddressPolicy>,
    pub(crate) port: u16,
}

impl Service<Name> for PolicyResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Self { policy, port } = self.clone();
        Box::pin(async move {
            let host = name.as_str();
            let found: Vec<SocketAddr> = match tokio::net::lookup_host((host, port)).await {
                Ok(addresses) => addresses.collect(),
                Err(error) => return Err(NameNotFound(error.to_string()).into()),
            };
            if found.is_empty() {
                return Err(NameNotFound("the name server knows no address".to_owned()).into());
            }
            let allowed = sift(&policy, host, port, &found)?;
            Ok(allowed.into_iter())
        })
    }
}

/// The addresses that may be connected to.
pub(crate) fn sift(
    policy: &AddressPolicy,
    host: &str,
    port: u16,
    found: &[SocketAddr],
) -> Result<Vec<SocketAddr>, NothingAllowed> {
    let allowed: Vec<SocketAddr> =
        found.iter().copied().filter(|one| policy.allows_address(host, one.ip(), port)).collect();
    if allowed.is_empty() { Err(NothingAllowed(found.iter().map(SocketAddr::ip).collect())) } else { Ok(allowed) }
}

/// The addresses of a host, whatever a policy says: for telling people where a name leads.
///
/// # Errors
/// The name has no address, or the name server does not answer.
pub async fn addresses_of(host: &str) -> Result<Vec<IpAddr>, String> {
    let host = host.trim_matches(['[', ']']);
    let found = tokio::net::lookup_host((host, 0)).await.map_err(|error| error.to_string())?;
    let mut addresses: Vec<IpAddr> = found.map(|one| one.ip().to_canonical()).collect();
    addresses.dedup();
    if addresses.is_empty() { Err("the name server knows no address".to_owned()) } else { Ok(addresses) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_addresses_are_dropped_and_public_ones_kept() {
        let policy = AddressPolicy::default();
        let found: Vec<SocketAddr> =
            ["127.0.0.1:443", "93.184.216.34:443", "[::1]:443"].iter().map(|one| one.parse().unwrap()).collect();
        assert_eq!(sift(&policy, "mixed.example", 443, &found).unwrap(), ["93.184.216.34:443".parse().unwrap()]);
        let refused = sift(&policy, "rebound.example", 443, &found[..1]).unwrap_err();
        assert!(refused.to_string().contains("127.0.0.1"), "{refused}");
    }
}
