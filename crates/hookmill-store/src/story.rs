//! The story that every store must pass: the same calls, the same answers, whatever keeps the data.
//!
//! Each chapter begins with an empty store. Chapters assert what they see and hand on what the store refuses
//! unexpectedly, so a failure names the line of the chapter. Nothing here waits or reads a clock.

mod accounts;
mod approvals;
mod connectors;
mod events;
mod flows;
mod inbox;
mod reseal;
mod retention;
mod runs;
mod subscriptions;
mod together;
pub mod world;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use crate::Store;

/// Why a chapter could not be told to its end.
pub type Problem = Box<dyn std::error::Error + Send + Sync>;

/// The end of a chapter.
pub type Told = Result<(), Problem>;

/// Tells all chapters, each on a store that `open` makes anew.
///
/// # Errors
/// The first refusal that a chapter did not expect.
///
/// # Panics
/// When a store answers anything else than the contract says.
pub async fn tell<F, O>(open: F) -> Told
where
    F: Fn() -> O,
    O: Future<Output = Result<Arc<dyn Store>, Problem>>,
{
    events::accepted_events_queue_up(&*open().await?).await?;
    events::a_delivery_is_stored_once(&*open().await?).await?;
    events::bytes_come_back(&*open().await?).await?;
    runs::a_run_from_begin_to_end(&*open().await?).await?;
    runs::facts_are_fenced(&*open().await?).await?;
    runs::a_resumed_run_is_active_again(&*open().await?).await?;
    runs::lists_filter_and_page(&*open().await?).await?;
    runs::timers_fire_in_order(&*open().await?).await?;
    flows::a_flow_and_its_versions(&*open().await?).await?;
    flows::versions_come_by_page(&*open().await?).await?;
    flows::lists_filter_and_page(&*open().await?).await?;
    flows::stats_follow_the_runs(&*open().await?).await?;
    flows::failures_in_a_row_are_counted(&*open().await?).await?;
    subscriptions::generations(&*open().await?).await?;
    subscriptions::what_is_stuck_comes_by_page(&*open().await?).await?;
    connectors::a_connector_with_document_and_icon(&*open().await?).await?;
    connectors::a_version_stays_as_long_as_a_flow_refers_to_it(&*open().await?).await?;
    connectors::what_is_used_stays(&*open().await?).await?;
    inbox::notifications_are_read(&*open().await?).await?;
    inbox::deliveries_are_queued(&*open().await?).await?;
    approvals::approvals_are_asked_and_answered(&*open().await?).await?;
    accounts::users_sessions_tokens(&*open().await?).await?;
    accounts::settings_by_name(&*open().await?).await?;
    reseal::the_same_in_another_form(&*open().await?).await?;
    together::all_or_nothing(&*open().await?).await?;
    together::one_of_many_wins(&*open().await?).await?;
    together::many_at_once(&*open().await?).await?;
    together::after_the_end(&*open().await?).await?;
    retention::the_old_goes_the_unfinished_stays(&*open().await?).await?;
    Ok(())
}

/// Polls all futures until each is done; answers in their order.
async fn all<T>(mut futures: Vec<Pin<Box<dyn Future<Output = T> + Send + '_>>>) -> Vec<T> {
    let mut done: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, slot) in futures.iter_mut().zip(&mut done) {
            if slot.is_none()
                && let Poll::Ready(value) = future.as_mut().poll(context)
            {
                *slot = Some(value);
            }
        }
        if done.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}
