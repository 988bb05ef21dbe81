//! Work that takes a processor for long, away from the threads that answer requests: some of it at a time, a short
//! queue, and a time limit.
//!
//! The server has two pools: one for hashes of passwords, whose memory is what must be bounded, and one for requests that
//! read, check or evaluate what makers send. Such a request has a turn while it computes, and none while it waits for the
//! store or a service. A caller who leaves gives up its place in the queue; what was begun stops at its next pause.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::task::AtomicWaker;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::REQUEST_ID;
use crate::{Problem, ServerState};

/// So long a request waits for its turn.
const TURN_WAIT: Duration = Duration::from_secs(15);

/// So long heavy work may take a processor, all its parts together.
const HEAVY_TIME_MAX: Duration = Duration::from_secs(20);

/// A bounded number of threads with a bounded queue.
pub(crate) struct Pool {
    turns: Arc<Semaphore>,
    /// Turns and places in the queue.
    places: Arc<Semaphore>,
}

fn busy() -> Problem {
    let detail = "The server has as much work as it can queue.";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail).retry_after(2)
}

impl Pool {
    /// With `turns` threads, and a queue of `waiting`.
    pub fn new(turns: usize, waiting: usize) -> Self {
        Self { turns: Arc::new(Semaphore::new(turns)), places: Arc::new(Semaphore::new(turns + waiting)) }
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy())
    }

    async fn turn(&self, wait: Duration) -> Result<OwnedSemaphorePermit, Problem> {
        let turn = tokio::time::timeout(wait, Arc::clone(&self.turns).acquire_owned()).await;
        turn.map_err(|_| busy())?.map_err(|error| Problem::internal(&error))
    }

    /// Performs what takes a processor, when it is its turn.
    ///
    /// # Errors
    /// `overloaded` where the queue is full or moves too slowly; nothing was done then.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let place = self.place()?;
        let turn = self.turn(TURN_WAIT).await?;
        let done = tokio::task::spawn_blocking(move || {
            let _held = (place, turn);
            work()
        });
        done.await.map_err(|error| Problem::internal(&error))
    }

    /// Performs a future that takes a processor between its pauses, each part in a turn of its own.
    ///
    /// # Errors
    /// `overloaded` as for [`Pool::run`], only before it has begun. `took_too_long` where all parts together took more
    /// than `limit`; it is given up at a pause then.
    pub async fn perform<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Problem> {
        let mut place = Some(self.place()?);
        let mut work: Pin<Box<dyn Future<Output = T> + Send>> = Box::pin(work);
        let signal = Arc::<Signal>::default();
        let waker = Waker::from(Arc::clone(&signal));
        let (mut taken, mut wait) = (Duration::ZERO, TURN_WAIT);
        loop {
            let held = (place.take(), self.turn(wait).await?);
            // What has begun is not refused for want of a turn any more.
            wait = Duration::MAX;
            let waker = waker.clone();
            let part = tokio::task::spawn_blocking(move || {
                let _held = held;
                let begin = Instant::now();
                let polled = work.as_mut().poll(&mut Context::from_waker(&waker));
                (polled, work, begin.elapsed())
            });
            let (polled, back, took) = part.await.map_err(|error| Problem::internal(&error))?;
            if let Poll::Ready(done) = polled {
                return Ok(done);
            }
            work = back;
            taken += took;
            if taken > limit {
                let detail = format!("The work was given up after {} seconds.", limit.as_secs());
                return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "took_too_long", detail)
                    .hint("Send less at a time: a smaller definition, fewer runs, a shorter expression."));
            }
            signal.woken().await;
        }
    }
}

/// Remembers that a future can go on.
#[derive(Default)]
struct Signal {
    is_woken: AtomicBool,
    waiting: AtomicWaker,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.waiting.wake();
    }
}

impl Signal {
    async fn woken(&self) {
        poll_fn(|context| {
            self.waiting.register(context.waker());
            if self.is_woken.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// Whether a request makes the server read, check or evaluate what a maker wrote.
fn is_heavy(method: &Method, path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').skip(1).take(5).collect();
    match parts.as_slice() {
        ["api", "expressions" | "authoring", ..] => *method == Method::POST,
        ["api", "catalog"] => true,
        // Lists and icons only read rows; everything about one thing reads its definition.
        ["api", "flows" | "connectors"] => *method != Method::GET,
        ["api", "connectors", _, "icon"] => *method == Method::PUT,
        ["api", "flows" | "connectors", ..] => true,
        _ => false,
    }
}

/// Gives heavy requests their turns.
pub(crate) async fn paced(State(state): State<ServerState>, request: Request, next: Next) -> Response {
    if !is_heavy(request.method(), request.uri().path()) {
        return next.run(request).await;
    }
    let id = REQUEST_ID.try_with(Clone::clone).unwrap_or_default();
    let answer = REQUEST_ID.scope(id, next.run(request));
    state.heavy.perform(HEAVY_TIME_MAX, answer).await.unwrap_or_else(IntoResponse::into_response)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_more_at_a_time_and_no_more_in_the_queue() {
        let pool = Arc::new(Pool::new(2, 3));
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (release, held) = std::sync::mpsc::channel::<()>();
        let held = Arc::new(std::sync::Mutex::new(held));
        let all: Vec<_> = (0..10)
            .map(|_| {
                let (pool, running, most, held) =
                    (Arc::clone(&pool), Arc::clone(&running), Arc::clone(&most), Arc::clone(&held));
                tokio::spawn(async move {
                    pool.run(move || {
                        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        let _ = held.lock().unwrap().recv();
                        running.fetch_sub(1, Ordering::SeqCst);
                    })
                    .await
                    .is_ok()
                })
            })
            .collect();
        while all.iter().filter(|one| one.is_finished()).count() < 5 || running.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        for _ in 0..5 {
            release.send(()).unwrap();
        }
        let mut done = 0;
        for one in all {
            done += usize::from(one.await.unwrap());
        }
        assert_eq!((done, most.load(Ordering::SeqCst)), (5, 2));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_future_has_its_turn_only_while_it_computes() {
        let pool = Arc::new(Pool::new(1, 1));
        let (release, held) = tokio::sync::oneshot::channel::<u32>();
        let waiting = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move { pool.perform(Duration::from_secs(60), held).await.ok() }
        });
        // The only turn is free while the other one waits.
        for _ in 0..100 {
            pool.perform(Duration::from_secs(60), tokio::task::yield_now()).await.unwrap();
        }
        release.send(7).unwrap();
        assert_eq!(waiting.await.unwrap(), Some(Ok(7)));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn work_ends_with_its_caller_and_with_its_time() {
        struct Ended(Arc<AtomicBool>);
        impl Drop for Ended {
            fn drop(&mut self) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let pool = Arc::new(Pool::new(1, 1));
        let long = async {
            loop {
                std::thread::sleep(Duration::from_millis(2));
                tokio::task::yield_now().await;
            }
        };
        assert!(pool.perform::<()>(Duration::from_millis(10), long).await.is_err());
        let ended = Arc::new(AtomicBool::new(false));
        let caller = tokio::spawn({
            let (pool, mark) = (Arc::clone(&pool), Ended(Arc::clone(&ended)));
            let work = async move {
                let _mark = mark;
                std::future::pending::<()>().await;
            };
            async move { pool.perform(Duration::from_secs(3_600), work).await.is_ok() }
        });
        tokio::task::yield_now().await;
        caller.abort();
        assert!(caller.await.is_err());
        while !ended.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        assert_eq!(pool.perform(Duration::from_secs(5), async { 7 }).await.ok(), Some(7));
    }

    #[test]
    fn heavy_requests_are_known() {
        for (method, path, heavy) in [
            (Method::POST, "/api/flows/check", true),
            (Method::POST, "/api/flows", true),
            (Method::GET, "/api/flows", false),
            (Method::GET, "/api/flows/flw_1", true),
            (Method::POST, "/api/flows/flw_1/backtest", true),
            (Method::POST, "/api/connectors", true),
            (Method::GET, "/api/connectors/con_1/icon", false),
            (Method::POST, "/api/expressions/evaluate", true),
            (Method::GET, "/api/events", false),
            (Method::POST, "/api/session", false),
            (Method::POST, "/callback/x", false),
            (Method::GET, "/health/live", false),
        ] {
            assert_eq!(is_heavy(&method, path), heavy, "{method} {path}");
        }
    }
}
