//! Several servers on one store: which of them looks after which flows, and what they say to each other.
//!
//! Flows are spread over [`SHARDS`] shards. A shard belongs to one node at a time, for as long as its lease holds. The
//! owner runs its flows from memory, as a server that is alone does; every other node hands on to it what must be done
//! there. What an owner writes names the shard ([`crate::Unit::owned`]); a store with several nodes refuses it with
//! [`StoreError::NotOwner`] once the shard belongs to somebody else, however late the writer is.
//!
//! A store for one process owns everything for good: the provided methods of [`Nodes`] say so, and cost nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use hookmill_model::{FlowId, Id as _, Timestamp};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::StoreError;

/// How many shards there are.
pub const SHARDS: usize = 256;
/// The epoch of a store that only one process works with.
pub const EPOCH_ALONE: u64 = 1;
/// Nothing is begun in the last part of a lease: what is begun then could go on when the lease has ended.
const BEGIN_MARGIN: Duration = Duration::from_secs(2);
/// A lease that does not end.
const FOR_GOOD: u64 = u64::MAX;

/// A share of all flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(u8);

impl Shard {
    /// The shard of a flow: the last byte of its identifier, which is random. A database can compute it, too.
    #[must_use]
    pub fn of(flow: FlowId) -> Self {
        Self::of_bits(flow.to_bits())
    }

    /// The shard of anything else that one node at a time looks after.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the last byte is what counts")]
    pub const fn of_bits(bits: u128) -> Self {
        Self(bits as u8)
    }

    /// The shard with a number.
    #[must_use]
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The place of the shard in a list of all.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// All shards.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).map(Self)
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What a node holds at this moment. The store changes it, the runtime looks at it. Time is monotonic and of this
/// process: no clock of another machine is compared with ours.
#[derive(Debug)]
pub struct Leases {
    began: Instant,
    /// The epoch of each shard; 0 where it is not held.
    epochs: [AtomicU64; SHARDS],
    /// Shards that are to be given up once nothing is under way there.
    leaving: [AtomicBool; SHARDS],
    /// Milliseconds after `began` at which all leases end.
    until_ms: AtomicU64,
    changed: watch::Sender<u64>,
}

impl Leases {
    /// Every shard, for good.
    #[must_use]
    pub fn alone() -> Arc<Self> {
        Self::with(EPOCH_ALONE, FOR_GOOD)
    }

    /// No shard.
    #[must_use]
    pub fn none() -> Arc<Self> {
        Self::with(0, 0)
    }

    fn with(epoch: u64, until_ms: u64) -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            epochs: std::array::from_fn(|_| AtomicU64::new(epoch)),
            leaving: std::array::from_fn(|_| AtomicBool::new(false)),
            until_ms: AtomicU64::new(until_ms),
            changed: watch::channel(0).0,
        })
    }

    /// The epoch under which a shard is held; `None` where it is not. One whose lease has ended stays ours until the store
    /// says that somebody else has it: what was under way may still be written then, and nothing new is begun.
    #[must_use]
    pub fn epoch(&self, shard: Shard) -> Option<u64> {
        Some(self.epochs[shard.index()].load(Ordering::Acquire)).filter(|epoch| *epoch != 0)
    }

    /// Whether something may be begun for a shard that others can see: its lease holds for a while, and it is not to be
    /// given up.
    #[must_use]
    pub fn may_begin(&self, shard: Shard) -> bool {
        self.may_go_on(shard) && !self.leaving[shard.index()].load(Ordering::Acquire)
    }

    /// Whether what was begun for a shard may go on with something that others can see: its lease holds for a while.
    #[must_use]
    pub fn may_go_on(&self, shard: Shard) -> bool {
        self.epochs[shard.index()].load(Ordering::Acquire) != 0 && self.holds_for(BEGIN_MARGIN)
    }

    /// Whether a shard is to be given up.
    #[must_use]
    pub fn is_leaving(&self, shard: Shard) -> bool {
        self.leaving[shard.index()].load(Ordering::Acquire)
    }

    /// Whether all leases end at this moment or before, `margin` taken off.
    fn holds_for(&self, margin: Duration) -> bool {
        let until = self.until_ms.load(Ordering::Acquire);
        until == FOR_GOOD || self.began.elapsed() + margin < Duration::from_millis(until)
    }

    /// How long the leases hold from now on; `None` for good.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        match self.until_ms.load(Ordering::Acquire) {
            FOR_GOOD => None,
            until => Some(Duration::from_millis(until).saturating_sub(self.began.elapsed())),
        }
    }

    /// The shards that are held.
    #[must_use]
    pub fn held(&self) -> Vec<Shard> {
        Shard::all().filter(|shard| self.epoch(*shard).is_some()).collect()
    }

    /// Says that the leases hold until so long after `asked`, the moment before the store was asked.
    pub fn renew(&self, asked: Instant, span: Duration) {
        let until = (asked.duration_since(self.began) + span).as_millis();
        self.until_ms.store(u64::try_from(until).unwrap_or(FOR_GOOD - 1), Ordering::Release);
    }

    /// As [`Leases::renew`], but never later than they hold already: for what was taken besides.
    pub fn renew_at_most(&self, asked: Instant, span: Duration) {
        if !self.holds_for(Duration::ZERO) {
            self.renew(asked, span);
        }
    }

    /// A shard was acquired.
    pub fn take(&self, shard: Shard, epoch: u64) {
        self.leaving[shard.index()].store(false, Ordering::Release);
        self.epochs[shard.index()].store(epoch, Ordering::Release);
        self.change();
    }

    /// A shard is to be given up.
    pub fn leave(&self, shard: Shard) {
        if !self.leaving[shard.index()].swap(true, Ordering::AcqRel) {
            self.change();
        }
    }

    /// A shard is not held any more.
    pub fn lose(&self, shard: Shard) {
        self.epochs[shard.index()].store(0, Ordering::Release);
        self.leaving[shard.index()].store(false, Ordering::Release);
        self.change();
    }

    /// Hears of every change.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn change(&self) {
        self.changed.send_modify(|count| *count += 1);
    }
}

/// Something that another node asks the owner of a shard to do.
#[derive(Debug)]
pub struct Asked {
    /// The shard.
    pub shard: Shard,
    /// What, in the words of the runtime.
    pub body: Bytes,
    /// Takes the answer; where it is dropped, who asked hears nothing, and asks again or gives up.
    pub answer: oneshot::Sender<Bytes>,
}

/// A server that works with a store, or did a moment ago.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its identifier, in hexadecimal; another one after each start.
    pub id: String,
    /// Its machine, and where it listens.
    pub name: String,
    /// Its release.
    pub version: String,
    /// The shards it owns.
    pub shards: usize,
    /// Whether it gives up its shards and takes no others.
    pub drains: bool,
    /// How long it has been there, in seconds of the database's clock.
    pub age_s: u64,
    /// How long ago it last said that it lives, in the same seconds.
    pub silent_s: u64,
    /// Whether this process is it.
    pub is_this: bool,
}

/// How the servers that share a store divide the work. The provided methods are those of a store with one server.
#[async_trait]
pub trait Nodes: Send + Sync {
    /// What this node holds.
    fn leases(&self) -> Arc<Leases>;

    /// Nothing of these shards is under way here any more: they are free for others. `orderly` says that no call was cut
    /// off.
    async fn let_go(&self, _shards: &[Shard], _orderly: bool) -> Result<(), StoreError> {
        Ok(())
    }

    /// Takes no further shards, and marks those that are held as to be given up.
    async fn drain(&self) {}

    /// What the store's own clock shows, for nodes whose clocks must agree; `None` where there is only one.
    async fn clock(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(None)
    }

    /// Whether calls may have been under way in a shard when this node took it over.
    fn was_orderly(&self, _shard: Shard) -> Option<bool> {
        None
    }

    /// Whether other nodes work with the store.
    fn has_others(&self) -> bool {
        false
    }

    /// Tells all other nodes something, soon and at most once: what is lost must be found in another way as well.
    fn tell_others(&self, _notice: String) {}

    /// What other nodes tell. A lag, or a reconnection, is seen as [`broadcast::error::RecvError::Lagged`] or an empty
    /// notice: anything may have been missed then.
    fn notices(&self) -> Option<broadcast::Receiver<String>> {
        None
    }

    /// Asks the owner of a shard to do something; its answer. The owner may change meanwhile: then the new one is asked.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where there is no answer in time; it may have been done nevertheless.
    async fn ask(&self, shard: Shard, _body: Bytes, _wait: Duration) -> Result<Bytes, StoreError> {
        Err(StoreError::NotOwner { shard: shard.number() })
    }

    /// What others ask this node; taken once.
    fn asked(&self) -> Option<mpsc::Receiver<Asked>> {
        None
    }

    /// Takes a name for itself for a while, across all nodes; `false` where another node has it.
    async fn hold(&self, _name: &str, _span: Duration) -> Result<bool, StoreError> {
        Ok(true)
    }

    /// Gives a name back.
    async fn give_back(&self, _name: &str) -> Result<(), StoreError> {
        Ok(())
    }

    /// The nodes; empty for a store that only one process works with.
    async fn nodes(&self) -> Result<Vec<Node>, StoreError> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_alone_holds_everything_for_good() {
        let leases = Leases::alone();
        assert_eq!(leases.held().len(), SHARDS);
        assert_eq!((leases.epoch(Shard::new(7)), leases.left()), (Some(EPOCH_ALONE), None));
        assert!(leases.may_begin(Shard::new(7)));
    }

    #[test]
    fn a_lease_ends_by_itself_and_nothing_is_begun_shortly_before() {
        let leases = Leases::none();
        let shard = Shard::new(3);
        leases.take(shard, 5);
        assert!(!leases.may_begin(shard), "no lease was confirmed yet");
        leases.renew(Instant::now(), Duration::from_secs(3_600));
        assert_eq!((leases.epoch(shard), leases.may_begin(shard)), (Some(5), true));
        leases.renew(Instant::now(), Duration::from_secs(1));
        assert_eq!((leases.epoch(shard), leases.may_begin(shard)), (Some(5), false));
        leases.renew(Instant::now(), Duration::ZERO);
        assert_eq!(
            (leases.epoch(shard), leases.may_begin(shard)),
            (Some(5), false),
            "nobody else has it, as far as is known"
        );
        leases.renew(Instant::now(), Duration::from_secs(3_600));
        leases.leave(shard);
        assert_eq!((leases.epoch(shard), leases.may_begin(shard)), (Some(5), false));
        assert!(leases.may_go_on(shard), "what was begun ends");
        leases.lose(shard);
        assert!(!leases.may_go_on(shard));
        assert!(leases.epoch(shard).is_none() && !leases.is_leaving(shard));
    }

    #[test]
    fn the_shard_of_a_flow_is_the_last_byte_of_its_identifier() {
        assert_eq!(Shard::of(FlowId::from_bits(0x1234)).number(), 0x34);
        assert_eq!(Shard::all().count(), SHARDS);
    }
}
