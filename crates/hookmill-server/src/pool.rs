//! Work that takes a processor for long, away from the threads that answer requests: some of it at a time, a short
//! queue, and a time limit.
//!
//! The server has two pools: one for hashes of passwords, whose memory is what must be bounded, and one for requests that
//! read, check or evaluate what makers send. Such a request has a turn while it computes, and none while it waits for the
//! store or a service. A caller who leaves gives up its place in the queue; what was begun stops at its next pause, or
//! where it asks whether it is still wanted.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use axum::extract::{FromRequestParts as _, Request, State as Extracted};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::task::AtomicWaker;
use hookmill_model::Id as _;
use tokio::sync::oneshot;

use crate::account;
use crate::problem::REQUEST_ID;
use crate::{Problem, ServerState};

/// So long a request waits for its turn.
const TURN_WAIT: Duration = Duration::from_secs(15);

/// So long heavy work may take a processor, all its parts together.
const HEAVY_TIME_MAX: Duration = Duration::from_secs(20);

/// A bounded number of threads with a bounded queue. Where several callers wait, each has its turn in rotation: nobody
/// who asks for much keeps the others waiting for all of it.
pub(crate) struct Pool {
    state: Mutex<State>,
    /// Work that waits, of all callers together.
    waiting_max: usize,
    /// Work that waits, of one caller.
    waiting_each_max: usize,
}

/// Who asks for work.
pub(crate) type Who = u128;

struct State {
    free: usize,
    waiting: HashMap<Who, VecDeque<oneshot::Sender<Turn>>>,
    /// Callers that wait; the first one has the next turn.
    order: VecDeque<Who>,
}

/// A turn; the next one gets it when this is dropped.
struct Turn(Option<Arc<Pool>>);

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(pool) = self.0.take() {
            Pool::hand_on(&pool);
        }
    }
}

fn busy() -> Problem {
    let detail = "The server has as much work as it can queue.";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail).retry_after(2)
}

fn too_long(limit: Duration) -> Problem {
    let detail = format!("The work was given up after {} seconds.", limit.as_secs());
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "took_too_long", detail)
        .hint("Send less at a time: a smaller definition, fewer runs, a shorter expression.")
}

impl State {
    /// Forgets who has gone away; gives how many wait.
    fn waiting(&mut self) -> usize {
        self.waiting.retain(|_, own| {
            own.retain(|sender| !sender.is_closed());
            !own.is_empty()
        });
        self.order.retain(|who| self.waiting.contains_key(who));
        self.waiting.values().map(VecDeque::len).sum()
    }
}

impl Pool {
    /// With `turns` threads, and a queue of `waiting`, of which one caller may take `each`.
    pub fn new(turns: usize, waiting: usize, each: usize) -> Arc<Self> {
        let state = State { free: turns, waiting: HashMap::new(), order: VecDeque::new() };
        Arc::new(Self { state: Mutex::new(state), waiting_max: waiting, waiting_each_max: each })
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `has_begun`: it is not refused for want of a place, however long it waits.
    async fn turn(self: &Arc<Self>, who: Who, has_begun: bool) -> Result<Turn, Problem> {
        let turn = {
            let mut state = self.locked();
            let waiting = state.waiting();
            if state.free > 0 && waiting == 0 {
                state.free -= 1;
                return Ok(Turn(Some(Arc::clone(self))));
            }
            let own = state.waiting.entry(who).or_default();
            if !has_begun && (waiting >= self.waiting_max || own.len() >= self.waiting_each_max) {
                if own.is_empty() {
                    state.waiting.remove(&who);
                }
                return Err(busy());
            }
            let (sender, turn) = oneshot::channel();
            own.push_back(sender);
            if own.len() == 1 {
                state.order.push_back(who);
            }
            turn
        };
        let wait = if has_begun { Duration::MAX } else { TURN_WAIT };
        let turn = tokio::time::timeout(wait, turn).await;
        turn.map_err(|_| busy())?.map_err(|error| Problem::internal(&error))
    }

    fn hand_on(pool: &Arc<Self>) {
        loop {
            let next = {
                let mut state = pool.locked();
                let Some(who) = state.order.pop_front() else {
                    state.free += 1;
                    return;
                };
                let next = state.waiting.get_mut(&who).and_then(VecDeque::pop_front);
                if state.waiting.get(&who).is_some_and(|own| !own.is_empty()) {
                    state.order.push_back(who);
                } else {
                    state.waiting.remove(&who);
                }
                next
            };
            match next.map(|next| next.send(Turn(Some(Arc::clone(pool))))) {
                Some(Ok(())) => return,
                // It went away: the next one gets its turn.
                Some(Err(mut turn)) => turn.0 = None,
                None => {}
            }
        }
    }

    /// Performs what takes a processor, when it is its turn.
    ///
    /// # Errors
    /// `overloaded` where the queue is full or moves too slowly; nothing was done then.
    pub async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = self.turn(0, false).await?;
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        done.await.map_err(|error| Problem::internal(&error))
    }

    /// Performs a future that takes a processor between its pauses, each part in a turn of its own. Its computations may
    /// ask [`hookmill_runtime::wanted`] whether to go on.
    ///
    /// # Errors
    /// `overloaded` as for [`Pool::run`], only before it has begun. `took_too_long` where all parts together took more
    /// than `limit`; what was under way then was told to stop.
    pub async fn perform<T: Send + 'static>(
        self: &Arc<Self>,
        who: Who,
        limit: Duration,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Problem> {
        let caller = Caller(Arc::new(Interest::default()));
        let interest = Arc::clone(&caller.0);
        let asked = Arc::clone(&interest);
        let work = hookmill_runtime::while_wanted(Arc::new(move || asked.is_there()), work);
        let mut work: Pin<Box<dyn Future<Output = T> + Send>> = Box::pin(work);
        let signal = Arc::<Signal>::default();
        let waker = Waker::from(Arc::clone(&signal));
        let (mut taken, mut has_begun) = (Duration::ZERO, false);
        loop {
            let turn = self.turn(who, has_begun).await?;
            has_begun = true;
            let (waker, interest, left) = (waker.clone(), Arc::clone(&interest), limit.saturating_sub(taken));
            let part = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                let begin = Instant::now();
                interest.ends_at(begin + left);
                let polled = work.as_mut().poll(&mut Context::from_waker(&waker));
                (polled, work, begin.elapsed())
            });
            let (polled, back, took) = part.await.map_err(|error| Problem::internal(&error))?;
            // What was told to stop has no answer of its own.
            if caller.0.was_refused.load(Ordering::Acquire) {
                return Err(too_long(limit));
            }
            if let Poll::Ready(done) = polled {
                return Ok(done);
            }
            work = back;
            taken += took;
            if taken > limit {
                return Err(too_long(limit));
            }
            signal.woken().await;
        }
    }
}

/// Whether work is still wanted: its caller is there, and its time is not over.
#[derive(Default)]
struct Interest {
    has_left: AtomicBool,
    /// When the time of the part under way is over.
    ends_at: Mutex<Option<Instant>>,
    /// Something was told to stop.
    was_refused: AtomicBool,
}

impl Interest {
    fn ends_at(&self, end: Instant) {
        *self.ends_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
    }

    fn is_there(&self) -> bool {
        let is_over = || {
            let end = *self.ends_at.lock().unwrap_or_else(PoisonError::into_inner);
            end.is_some_and(|end| Instant::now() >= end)
        };
        let is_wanted =
            !self.was_refused.load(Ordering::Acquire) && !self.has_left.load(Ordering::Acquire) && !is_over();
        if !is_wanted {
            self.was_refused.store(true, Ordering::Release);
        }
        is_wanted
    }
}

/// A caller; work is not wanted any more once this is dropped.
struct Caller(Arc<Interest>);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.has_left.store(true, Ordering::Release);
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
pub(crate) fn is_heavy(method: &Method, path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').skip(1).take(5).collect();
    match parts.as_slice() {
        ["api", "expressions" | "authoring", ..] => *method == Method::POST,
        ["api", "catalog" | "flow-packages"] => true,
        // Lists and icons only read rows; everything about one thing reads its definition.
        ["api", "flows" | "connectors"] => *method != Method::GET,
        ["api", "connectors", _, "icon"] => *method == Method::PUT,
        // A run that begins decides beside the threads that answer, for as long as its expressions may take; and one that
        // goes wrong can be stopped whatever else is computed.
        ["api", "flows", _, "run"] | ["api", "runs", _, "cancel" | "resubmit" | "resume"] => false,
        ["api", "runs"] | ["api", "runs", "causes"] => false,
        ["api", "runs", ..] => true,
        ["api", "flows" | "connectors", ..] => true,
        _ => false,
    }
}

/// Gives heavy requests their turns.
pub(crate) async fn paced(Extracted(state): Extracted<ServerState>, request: Request, next: Next) -> Response {
    if !is_heavy(request.method(), request.uri().path()) {
        return next.run(request).await;
    }
    // Strangers take no place in the queue.
    let (mut parts, body) = request.into_parts();
    let caller = match account::Caller::from_request_parts(&mut parts, &state).await {
        Ok(caller) => caller,
        Err(refused) => return refused.into_response(),
    };
    let who = caller.user.to_bits();
    parts.extensions.insert(caller);
    let id = REQUEST_ID.try_with(Clone::clone).unwrap_or_default();
    let answer = REQUEST_ID.scope(id, next.run(Request::from_parts(parts, body)));
    state.heavy.perform(who, HEAVY_TIME_MAX, answer).await.unwrap_or_else(IntoResponse::into_response)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_more_at_a_time_and_no_more_in_the_queue() {
        let pool = Pool::new(2, 3, 3);
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
        let pool = Pool::new(1, 1, 1);
        let (release, held) = tokio::sync::oneshot::channel::<u32>();
        let waiting = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move { pool.perform(0, Duration::from_secs(60), held).await.ok() }
        });
        // The only turn is free while the other one waits.
        for _ in 0..100 {
            pool.perform(0, Duration::from_secs(60), tokio::task::yield_now()).await.unwrap();
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
        let pool = Pool::new(1, 1, 1);
        let long = async {
            loop {
                std::thread::sleep(Duration::from_millis(2));
                tokio::task::yield_now().await;
            }
        };
        assert!(pool.perform::<()>(0, Duration::from_millis(10), long).await.is_err());
        let ended = Arc::new(AtomicBool::new(false));
        let caller = tokio::spawn({
            let (pool, mark) = (Arc::clone(&pool), Ended(Arc::clone(&ended)));
            let work = async move {
                let _mark = mark;
                std::future::pending::<()>().await;
            };
            async move { pool.perform(0, Duration::from_secs(3_600), work).await.is_ok() }
        });
        tokio::task::yield_now().await;
        caller.abort();
        assert!(caller.await.is_err());
        while !ended.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        assert_eq!(pool.perform(0, Duration::from_secs(5), async { 7 }).await.ok(), Some(7));
    }

    /// Computes until it is told to stop; says when it begins.
    async fn computed(begun: Arc<AtomicBool>) {
        let wanted = hookmill_runtime::wanted();
        begun.store(true, Ordering::SeqCst);
        while wanted() {
            std::thread::yield_now();
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_computation_without_pauses_ends_with_its_time() {
        let pool = Pool::new(1, 1, 1);
        let refused = pool.perform(0, Duration::from_millis(10), computed(Arc::default())).await.unwrap_err();
        assert_eq!(refused.code(), "took_too_long");
        assert_eq!(pool.perform(0, Duration::from_secs(5), async { 7 }).await.ok(), Some(7), "the turn is free again");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_computation_without_pauses_ends_with_its_caller() {
        let pool = Pool::new(1, 1, 1);
        let begun = Arc::<AtomicBool>::default();
        let caller = tokio::spawn({
            let (pool, work) = (Arc::clone(&pool), computed(Arc::clone(&begun)));
            async move { pool.perform(0, Duration::from_secs(3_600), work).await.is_ok() }
        });
        while !begun.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        caller.abort();
        assert!(caller.await.is_err());
        assert_eq!(pool.perform(0, Duration::from_secs(5), async { 7 }).await.ok(), Some(7), "the turn is free again");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn callers_have_their_turns_in_rotation_and_few_places_each() {
        let pool = Pool::new(1, 8, 4);
        let held = pool.turn(1, false).await.unwrap();
        let order: Arc<Mutex<Vec<Who>>> = Arc::default();
        let mut tasks = Vec::new();
        for who in [1, 1, 1, 1, 1, 2, 3] {
            let (own, order, seen) = (Arc::clone(&pool), Arc::clone(&order), pool.locked().waiting());
            tasks.push(tokio::spawn(async move {
                let turn = own.turn(who, false).await.ok();
                if turn.is_some() {
                    order.lock().unwrap().push(who);
                }
                turn.is_some()
            }));
            // The fifth of one caller is refused at once, all others wait.
            while pool.locked().waiting() == seen && !tasks.last().unwrap().is_finished() {
                tokio::task::yield_now().await;
            }
        }
        drop(held);
        let mut given = Vec::new();
        for task in tasks {
            given.push(task.await.unwrap());
        }
        assert_eq!(given, [true, true, true, true, false, true, true]);
        assert_eq!(*order.lock().unwrap(), [1, 2, 3, 1, 1, 1]);
        assert!(pool.turn(9, false).await.is_ok(), "the turn is free again");
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
            (Method::GET, "/api/runs", false),
            (Method::GET, "/api/runs/causes", false),
            (Method::POST, "/api/run-batches", false),
            (Method::GET, "/api/flow-packages", true),
            (Method::GET, "/api/runs/run_1", true),
            (Method::GET, "/api/runs/run_1/actions/A/outputs", true),
            (Method::POST, "/api/runs/run_1/resubmit", false),
            (Method::POST, "/api/flows/flw_1/run", false),
            (Method::POST, "/api/runs/run_1/cancel", false),
            (Method::GET, "/api/events", false),
            (Method::POST, "/api/session", false),
            (Method::POST, "/callback/x", false),
            (Method::GET, "/health/live", false),
        ] {
            assert_eq!(is_heavy(&method, path), heavy, "{method} {path}");
        }
    }
}
