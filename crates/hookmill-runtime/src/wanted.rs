//! Whether somebody still waits for what is being computed.
//!
//! The edge answers that for each request ([`while_wanted`]). Long computations on behalf of a request ask it every few
//! milliseconds ([`wanted`]) and end soon after the answer has become no; what they had made until then is dropped.

use std::sync::Arc;

/// Whether somebody still waits. Once it says no, it says no for good.
pub type Wanted = Arc<dyn Fn() -> bool + Send + Sync>;

tokio::task_local! {
    static WANTED: Wanted;
}

/// Performs work that ends early where `wanted` says that nobody waits for it any more.
pub async fn while_wanted<T>(wanted: Wanted, work: impl Future<Output = T>) -> T {
    WANTED.scope(wanted, work).await
}

/// Whether somebody waits for the request under way; outside of requests somebody always does.
#[must_use]
pub fn wanted() -> Wanted {
    WANTED.try_with(Arc::clone).unwrap_or_else(|_| Arc::new(|| true))
}
