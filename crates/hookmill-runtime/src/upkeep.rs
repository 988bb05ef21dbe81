//! The upkeep of live webhooks: their renewal before they expire, and asking services for what they could not deliver.
//!
//! Level-triggered as the rest of `subscriptions`: each look at a flow sees what is due for its live generation and does
//! it. A renewal in place is one request that may be sent twice. Where the webhook is replaced, the old generation is
//! marked as outdated and takes calls until the new one is live; only then it is deleted.
//!
//! What was missed is known by gaps: the time between the last sign of life of the process before and this start, the
//! time between the end of a webhook and its successor, or the service's own word. The service lists its deliveries; those
//! of the gap that it could never deliver are delivered again at its own request, by the same identifiers, so what did
//! arrive begins no second run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hookmill_connector::{Lookup, Plan};
use hookmill_engine::subscription::{Input, Upkept};
use hookmill_engine::{Outcome, Performed};
use hookmill_executor::CallContext;
use hookmill_model::{
    FlowId, FlowState, Id as _, Object, Str, SubscriptionId, SubscriptionState, Timestamp, UserId, Value,
};
use hookmill_store::{Change, Flow, Lane, Subscription, TimerKey, Unit};
use hookmill_webhook::{
    Asked, Declarations, Find, Gone, LifecycleAction, OperationCall, Recovery, Registered, Renewal, RenewalBy, Secret,
    Values,
};

use crate::door::{Webhook, registered};
use crate::record::Record;
use crate::search::{next_page, next_target};
use crate::{Error, Runtime};

/// Deliveries of a service that one recovery looks at, and those that it has delivered again.
const DELIVERIES_MAX: usize = 1_000;
/// Pages of a list of deliveries.
const PAGES_MAX: usize = 20;
/// How often the process leaves a sign of life.
const ALIVE_EVERY: Duration = Duration::from_secs(20);
/// A shorter outage is one that senders wait for.
const OUTAGE_MIN: Duration = Duration::from_secs(60);
/// The name of the sign of life among the server's own values.
const ALIVE: &str = "server.alive";
/// A service that does not show the secret of a webhook is asked again after this time.
const SECRET_LOOK: Duration = Duration::from_secs(60);
/// A renewal is looked for at least so often where its moment is not known yet.
const EXPIRY_LOOK: Duration = Duration::from_secs(60);

/// What came of the upkeep of a generation.
pub(crate) struct Tended {
    pub generation: Subscription,
    pub record: Record,
    /// When it is looked at again.
    pub again: Option<Timestamp>,
}

/// From 0 to 100, the same for a generation at each look.
fn spread(id: SubscriptionId) -> u8 {
    u8::try_from(id.to_bits() % 101).unwrap_or(0)
}

impl Runtime {
    fn values<'a>(
        &self,
        record: &'a Record,
        (url, kept, registered): (&'a str, &'a Object, Option<&'a Registered>),
        empty: &'a Object,
    ) -> Values<'a> {
        let inputs = record.parameters.as_object().unwrap_or(empty);
        Values { now: self.now(), url, inputs, registered, kept, item: None }
    }

    /// Does what is due for a live generation: learns when it expires, renews it, asks for what it missed.
    pub(crate) async fn tend(&self, flow: &Flow, generation: Subscription, record: Record) -> Result<Tended, Error> {
        let mut tended = Tended { generation, record, again: None };
        if tended.record.is_local() || tended.record.described_in.is_some() {
            return Ok(tended);
        }
        let declared = self.declared(flow, &tended.record).await?;
        if let Some(Secret::Asked { call, from }) = declared.registration.as_ref().and_then(|own| own.secret.as_ref()) {
            tended = Box::pin(self.ask_for_secret(flow, tended, call, from)).await?;
        }
        if let Some(renewal) = &declared.renewal {
            tended = Box::pin(self.renew_webhook(flow, tended, renewal)).await?;
        }
        if let Some(recovery) = &declared.recovery {
            tended = Box::pin(self.recover_missed(flow, tended, recovery)).await?;
        }
        let upkeep = &tended.record.life().upkeep;
        self.0.damages.note_renewal(flow, upkeep.trouble.as_deref());
        Ok(tended)
    }

    async fn told(&self, mut tended: Tended, input: Upkept) -> Result<Tended, Error> {
        let facts = tended.record.decide(self.now(), Input::Upkeep(input))?;
        if !facts.is_empty() {
            let unit = Unit::new().owned(tended.generation.flow);
            tended.generation = self.put(tended.generation, &tended.record, unit).await?;
        }
        Ok(tended)
    }

    /// Asks the service for the secret of a webhook, where it shows it by a second call. Until then its calls are put off.
    async fn ask_for_secret(
        &self,
        flow: &Flow,
        mut tended: Tended,
        call: &OperationCall,
        from: &str,
    ) -> Result<Tended, Error> {
        let mut kept = self.kept_secrets(&tended.generation, &tended.record)?;
        if kept.contains_key("secret") {
            return Ok(tended);
        }
        let later = Some(self.now().plus(SECRET_LOOK));
        let Some(call) = self.filled(&tended, call)? else { return Ok(Tended { again: later, ..tended }) };
        let performed = self.ask_operation(flow, &tended.record, &call).await?;
        let secret = match &performed.outcome {
            Outcome::Replied { status: 200..=299, body: Some(body), .. } => {
                body.pointer(from).and_then(Value::as_str).filter(|secret| !secret.is_empty()).map(Str::from)
            }
            _ => None,
        };
        let Some(secret) = secret else {
            tracing::warn!(flow = %flow.id, operation = %call.operation, "the service did not show the secret; it is asked again");
            return Ok(Tended { again: later, ..tended });
        };
        kept.insert("secret", secret);
        tended.record.kept = Some(self.seal_kept(&tended.generation, kept)?);
        tended.generation = self.put(tended.generation, &tended.record, Unit::new().owned(flow.id)).await?;
        Ok(tended)
    }

    async fn renew_webhook(&self, flow: &Flow, mut tended: Tended, renewal: &Renewal) -> Result<Tended, Error> {
        let now = self.now();
        if tended.record.life().upkeep.expires_at.is_none() {
            let is_demanded = tended.record.life().upkeep.renew_at.is_some();
            if let Some(at) = self.expiry_of(&tended.generation, &tended.record, renewal)? {
                let spread = spread(tended.generation.id);
                tended = self.told(tended, Upkept::Expires { at, before: renewal.before, spread }).await?;
                if is_demanded {
                    tended = self.told(tended, Upkept::Demanded).await?;
                }
            } else if !is_demanded {
                // A handshake may say so later, and sets the flow's timer then.
                return Ok(tended);
            }
        }
        let upkeep = tended.record.life().upkeep.clone();
        if let Some(due) = upkeep.renew_at.filter(|due| *due > now) {
            tended.again = [tended.again, Some(due)].into_iter().flatten().min();
            return Ok(tended);
        }
        let is_expired = upkeep.expires_at.is_some_and(|at| at <= now);
        let call = match &renewal.by {
            RenewalBy::Operation(call) if !is_expired => self.filled(&tended, call)?,
            _ => None,
        };
        let Some(call) = call else {
            if is_expired && let Some(since) = upkeep.expires_at {
                tended = self.told(tended, Upkept::Missed { since }).await?;
            }
            return self.told(tended, Upkept::Outdated).await;
        };
        let performed = self.ask_operation(flow, &tended.record, &call).await?;
        tended = match &performed.outcome {
            Outcome::Replied { status: 404 | 410, .. } if renewal.on_gone == Gone::Recreate => {
                let since = upkeep.expires_at.map_or(now, |at| at.min(now));
                tended = self.told(tended, Upkept::Missed { since }).await?;
                return self.told(tended, Upkept::Outdated).await;
            }
            Outcome::Replied { status: 200..=299, headers, body } => {
                let answer = Registered { headers: headers.clone(), body: body.clone().unwrap_or_default() };
                // An answer without the new moment: the life is as long as it was at the creation.
                let told =
                    self.expiry((&tended.generation, &tended.record), renewal, Some(&answer))?.filter(|at| *at > now);
                let first = self.first_life(&tended, renewal)?;
                match told.or_else(|| first.map(|life| now.plus(life))) {
                    Some(at) => {
                        let spread = spread(tended.generation.id);
                        self.told(tended, Upkept::Expires { at, before: renewal.before, spread }).await?
                    }
                    None => self.told(tended, Upkept::Failed(performed)).await?,
                }
            }
            _ => self.told(tended, Upkept::Failed(performed)).await?,
        };
        tended.again = [tended.again, tended.record.life().upkeep.renew_at].into_iter().flatten().min();
        Ok(tended)
    }

    /// When an answer of the service says that the webhook expires.
    fn expiry(
        &self,
        (generation, record): (&Subscription, &Record),
        renewal: &Renewal,
        answer: Option<&Registered>,
    ) -> Result<Option<Timestamp>, Error> {
        let empty = Object::new();
        let kept = self.kept_secrets(generation, record)?;
        let values = self.values(record, ("", &kept, answer), &empty);
        Ok(renewal.expiry(record.life().sent_at.unwrap_or(generation.created_at), &values))
    }

    /// The same of the answer to the creation.
    pub(crate) fn expiry_of(
        &self,
        generation: &Subscription,
        record: &Record,
        renewal: &Renewal,
    ) -> Result<Option<Timestamp>, Error> {
        self.expiry((generation, record), renewal, registered(record).as_ref())
    }

    /// How long the service keeps a webhook, by what it said at the creation.
    fn first_life(&self, tended: &Tended, renewal: &Renewal) -> Result<Option<Duration>, Error> {
        let sent = tended.record.life().sent_at.unwrap_or(tended.generation.created_at);
        let at = self.expiry_of(&tended.generation, &tended.record, renewal)?;
        Ok(at.map(|at| at.since(sent)).filter(|life| !life.is_zero()))
    }

    /// A call with the values of a webhook; `None` where one of them is not known.
    pub(crate) fn filled(&self, tended: &Tended, call: &OperationCall) -> Result<Option<Asked>, Error> {
        let (record, empty) = (&tended.record, Object::new());
        let kept = self.kept_secrets(&tended.generation, record)?;
        let (url, answer) = (self.callback_url(&tended.generation, record)?, registered(record));
        Ok(call.with(&self.values(record, (&url, &kept, answer.as_ref()), &empty)))
    }

    /// What the service lists of webhooks by the declared operation; `None` where a value of the question is not known.
    /// The inner error is the exchange that gave no list.
    pub(crate) async fn listed(
        &self,
        flow: &Flow,
        generation: &Subscription,
        record: &Record,
        find: &Find,
    ) -> Result<Option<Result<(Performed, Vec<Value>), Performed>>, Error> {
        let (empty, kept, answer) = (Object::new(), self.kept_secrets(generation, record)?, registered(record));
        let url = self.callback_url(generation, record)?;
        let Some(call) = find.call.with(&self.values(record, (&url, &kept, answer.as_ref()), &empty)) else {
            return Ok(None);
        };
        let performed = self.ask_operation(flow, record, &call).await?;
        let Outcome::Replied { status: 200..=299, headers, body: Some(body) } = &performed.outcome else {
            return Ok(Some(Err(performed)));
        };
        // What stands on further pages is not known.
        let has_more = next_target(headers).is_some();
        let Some(items) = find.items(body).filter(|_| !has_more).map(<[Value]>::to_vec) else {
            return Ok(Some(Err(performed)));
        };
        Ok(Some(Ok((performed, items))))
    }

    /// Whether a listed webhook is that of a generation.
    pub(crate) fn is_listed_as(
        &self,
        find: &Find,
        item: &Value,
        generation: &Subscription,
        record: &Record,
    ) -> Result<bool, Error> {
        let (empty, kept, answer) = (Object::new(), self.kept_secrets(generation, record)?, registered(record));
        let url = self.callback_url(generation, record)?;
        Ok(find.is_ours(item, &self.values(record, (&url, &kept, answer.as_ref()), &empty)))
    }

    /// Why a creation would not lead to anything, by what its connector declares: the service could not call the address,
    /// or has the only webhook that there can be. A person is told before anything is sent.
    pub(crate) async fn unfit(
        &self,
        flow: &Flow,
        generation: &Subscription,
        record: &Record,
        declared: &Declarations,
    ) -> Result<Option<String>, Error> {
        let Some(registration) = &declared.registration else { return Ok(None) };
        let own = self.0.config.hooks_url();
        if registration.callback.https && !own.starts_with("https://") {
            return Ok(Some(format!(
                "The service calls only addresses that begin with https://, and this server is reached at {own}. Start it with --public-url https://…"
            )));
        }
        if registration.callback.public && !crate::reach::leads(own).await.is_ok_and(|leads| leads.is_public()) {
            return Ok(Some(format!(
                "The service calls from the internet, and {own} leads to no address of it. Start the server with a --public-url that does."
            )));
        }
        let (Some(of), Some(find)) = (&registration.exclusive, &registration.find) else { return Ok(None) };
        let Some(Ok((_, items))) = self.listed(flow, generation, record, find).await? else { return Ok(None) };
        let is_ours = |place: &&str| place.starts_with(&format!("{own}/callback/"));
        let other = items.iter().filter_map(|item| find.leads_to(item)).find(|place| !is_ours(place));
        Ok(other.map(|place| {
            let shown = place.split(['?', '#']).next().unwrap_or_default();
            format!(
                "There can be one webhook for each {of} only, and the service has one that leads to {shown}. It is not replaced: delete it at the service, then try again."
            )
        }))
    }

    /// Puts into a creation what it asks for about the life of the webhook.
    pub(crate) fn ask_for_life(&self, declarations: &Declarations, body: &mut Value) {
        for (place, span) in declarations.renewal.iter().flat_map(|renewal| &renewal.ask) {
            place.put(body, &self.now().plus(*span).to_string());
        }
    }

    /// Does what a service says about a webhook of its own accord. It is on disk when this returns.
    pub(crate) async fn lifecycle(&self, generation: &Subscription, action: LifecycleAction) -> Result<(), Error> {
        let _alone = self.subscription_guard(generation.flow).await;
        let newest = self.0.store.subscription(generation.id).await?;
        let Some(newest) = newest.filter(|own| own.state == SubscriptionState::Live) else { return Ok(()) };
        let mut record = self.opened_record(&newest)?;
        let input = match action {
            LifecycleAction::Renew => Upkept::Demanded,
            LifecycleAction::Recreate => Upkept::Outdated,
            // The service does not say since when; what it still lists is looked at.
            LifecycleAction::Recover => Upkept::Missed { since: newest.created_at },
        };
        record.decide(self.now(), Input::Upkeep(input))?;
        let flow = newest.flow;
        self.put(newest, &record, Unit::new()).await?;
        self.set_timer(TimerKey::Flow(flow), Some(self.now())).await
    }

    /// Asks the service of a flow's webhook for deliveries that it could not make since a moment.
    ///
    /// # Errors
    /// There is no such flow of this owner, or its connector does not say how the service is asked.
    pub async fn recover_deliveries(&self, owner: UserId, id: FlowId, since: Timestamp) -> Result<(), Error> {
        let flow = self.own_flow(owner, id).await?;
        {
            let _alone = self.subscription_guard(id).await;
            let nothing = || {
                Error::NotPossible(
                    "The connector does not say how the service is asked for deliveries that it could not make."
                        .to_owned(),
                )
            };
            let all = self.0.store.subscriptions_of(id).await?;
            let live = all.into_iter().find(|own| own.state == SubscriptionState::Live).ok_or_else(nothing)?;
            let mut record = self.opened_record(&live)?;
            if record.is_local() || self.declared(&flow, &record).await?.recovery.is_none() {
                return Err(nothing());
            }
            record.decide(self.now(), Input::Upkeep(Upkept::Missed { since }))?;
            self.put(live, &record, Unit::new()).await?;
        }
        self.look_anywhere(id).await.map(drop)
    }

    /// Asks for what was missed, where something may have been.
    async fn recover_missed(&self, flow: &Flow, mut tended: Tended, recovery: &Recovery) -> Result<Tended, Error> {
        let upkeep = tended.record.life().upkeep.clone();
        let Some(since) = upkeep.missed_since else { return Ok(tended) };
        if let Some(due) = upkeep.recover_at.filter(|due| *due > self.now()) {
            tended.again = [tended.again, Some(due)].into_iter().flatten().min();
            return Ok(tended);
        }
        let asked = match self.filled(&tended, &recovery.list.call)? {
            Some(call) => self.undelivered(flow, &tended.record, recovery, &call, since).await?,
            None => Ok(Vec::new()),
        };
        let done = match asked {
            Ok(items) => self.redeliver(flow, &tended, recovery, &items).await?,
            Err(performed) => Err(performed),
        };
        tended = match done {
            Ok(count) => {
                tracing::info!(flow = %flow.id, count, "the service was asked to deliver again what had not arrived");
                self.told(tended, Upkept::Recovered).await?
            }
            Err(performed) => self.told(tended, Upkept::NotRecovered(performed)).await?,
        };
        let due = tended.record.life().upkeep.recover_at;
        tended.again = [tended.again, due].into_iter().flatten().min();
        Ok(tended)
    }

    /// Deliveries since a moment of which no try arrived, oldest first. The inner error is the exchange that failed.
    async fn undelivered(
        &self,
        flow: &Flow,
        record: &Record,
        recovery: &Recovery,
        call: &Asked,
        since: Timestamp,
    ) -> Result<Result<Vec<Value>, Performed>, Error> {
        let bound = match self.bound_record(flow, record).await {
            Ok(bound) => bound,
            Err(Error::Store(error)) => return Err(error.into()),
            Err(error) => return Ok(Err(crate::tokens::not_made(&error))),
        };
        let parameters = Value::from(call.parameters.clone());
        let first = std::sync::Mutex::new(String::new());
        let mut page: Option<String> = None;
        let (mut arrived, mut failed, mut seen) = (BTreeSet::new(), BTreeMap::<String, Value>::new(), 0);
        for _ in 0..PAGES_MAX {
            let plan = |bound: &crate::plans::Bound, lookups: &[Lookup]| {
                let mut planned = Self::planned_operation(bound, &call.operation, &parameters, lookups)?;
                if let Plan::Request(planned) = &mut planned {
                    match &page {
                        Some(next) => planned.url = next.as_str().into(),
                        None => *crate::locked(&first) = planned.url.to_string(),
                    }
                }
                Ok::<_, String>(planned)
            };
            let wait = self.0.config.service_wait;
            let sent = self.send_through(&bound, wait, &CallContext::outside_runs(), plan).await;
            let performed = sent.unwrap_or_else(|message| crate::exchange::not_sent(&message));
            let Outcome::Replied { status: 200..=299, headers, body: Some(body) } = &performed.outcome else {
                return Ok(Err(performed));
            };
            let Some(items) = recovery.items(body) else { return Ok(Err(performed)) };
            let mut is_over = items.is_empty();
            for item in items {
                seen += 1;
                // Lists are newest first; an item whose time cannot be read is looked at.
                if recovery.time(item).is_some_and(|at| at < since) || seen > DELIVERIES_MAX {
                    is_over = true;
                    break;
                }
                let Some(key) = recovery.key(item) else { continue };
                if !recovery.is_failed(item) {
                    arrived.insert(key);
                } else {
                    failed.entry(key).or_insert_with(|| item.clone());
                }
            }
            let here = page.clone().unwrap_or_else(|| crate::locked(&first).clone());
            page = if is_over { None } else { next_page(&here, headers) };
            if page.is_none() {
                break;
            }
        }
        failed.retain(|key, _| !arrived.contains(key));
        let mut items: Vec<Value> = failed.into_values().collect();
        items.sort_by_key(|item| recovery.time(item));
        Ok(Ok(items))
    }

    /// Has deliveries made again; says how many. The inner error is the exchange that failed.
    async fn redeliver(
        &self,
        flow: &Flow,
        tended: &Tended,
        recovery: &Recovery,
        items: &[Value],
    ) -> Result<Result<usize, Performed>, Error> {
        let (record, empty) = (&tended.record, Object::new());
        let kept = self.kept_secrets(&tended.generation, record)?;
        let (url, answer) = (self.callback_url(&tended.generation, record)?, registered(record));
        let values = self.values(record, (&url, &kept, answer.as_ref()), &empty);
        let mut count = 0;
        for item in items {
            let Some(call) = recovery.redeliver.with(&Values { item: Some(item), ..values }) else { continue };
            if let Some(key) = recovery.key(item) {
                self.0.door.expect_again(tended.generation.id, key);
            }
            let performed = self.ask_operation(flow, record, &call).await?;
            match &performed.outcome {
                Outcome::Replied { status: 200..=299, .. } => count += 1,
                // The service has forgotten it, or never lets it be delivered again.
                Outcome::Replied { status: 400 | 404 | 409 | 410 | 422, .. } => {}
                _ => return Ok(Err(performed)),
            }
        }
        Ok(Ok(count))
    }

    /// Leaves signs of life; after an outage, live webhooks whose services can be asked have missed something.
    pub(crate) async fn watch_upkeep(self) {
        let mut stopped = self.stopped();
        if let Err(error) = self.take_up_upkeep().await {
            tracing::warn!(%error, "what earlier processes left to do for live webhooks is not known");
        }
        if let Err(error) = self.note_outage().await {
            tracing::warn!(%error, "how long the server was away is not known; services are not asked for what was missed");
        }
        loop {
            let alive = Change::PutSetting(ALIVE.to_owned(), self.now().to_string().into_bytes().into());
            if let Err(error) = self.0.store.commit(Unit::from(alive), Lane::Work).await {
                tracing::debug!(%error, "the sign of life was not stored");
            }
            tokio::select! {
                _ = stopped.changed() => return,
                () = tokio::time::sleep(ALIVE_EVERY) => {}
            }
        }
    }

    /// What earlier processes knew of live webhooks: why they are not renewed, and calls after handshakes.
    async fn take_up_upkeep(&self) -> Result<(), Error> {
        let states = [SubscriptionState::Creating, SubscriptionState::Live];
        let generations = self.0.store.subscriptions_in(None, &states).await?;
        for generation in generations.iter().filter(|own| self.0.shards.owns(own.flow)) {
            // A damaged record is told where its flow is looked at.
            let Ok(record) = Record::of(generation) else { continue };
            let Some(trouble) = record.life().upkeep.trouble.as_deref() else { continue };
            let flow = self.0.store.flow(generation.flow).await?;
            if let Some(flow) = flow.filter(|flow| flow.state == FlowState::On && flow.deleted_at.is_none()) {
                self.0.damages.note_renewal(&flow, Some(trouble));
            }
        }
        self.make_owed_calls(&generations);
        Ok(())
    }

    async fn note_outage(&self) -> Result<(), Error> {
        let Some(stored) = self.0.store.setting(ALIVE).await? else { return Ok(()) };
        let alive: Timestamp = hookmill_store::read("the last sign of life", &stored, |bytes| {
            std::str::from_utf8(bytes)
                .map_err(|error| error.to_string())?
                .parse()
                .map_err(|_| "it is no time".to_owned())
        })?;
        if self.now().since(alive) < OUTAGE_MIN {
            return Ok(());
        }
        for generation in self.0.store.subscriptions_in(None, &[SubscriptionState::Live]).await? {
            if *self.stopped().borrow() {
                return Ok(());
            }
            if let Err(error) = self.note_missed(&generation, alive).await {
                tracing::warn!(webhook = %generation.id, %error, "its service is not asked for what was missed");
            }
        }
        Ok(())
    }

    async fn note_missed(&self, generation: &Subscription, since: Timestamp) -> Result<(), Error> {
        let Some(flow) = self.0.store.flow(generation.flow).await? else { return Ok(()) };
        let mut record = self.opened_record(generation)?;
        if flow.state != FlowState::On || record.is_local() || self.declared(&flow, &record).await?.recovery.is_none() {
            return Ok(());
        }
        let _alone = self.subscription_guard(flow.id).await;
        let Some(newest) = self.0.store.subscription(generation.id).await? else { return Ok(()) };
        if newest.state != SubscriptionState::Live {
            return Ok(());
        }
        if newest.etag != generation.etag {
            record = self.opened_record(&newest)?;
        }
        record.decide(self.now(), Input::Upkeep(Upkept::Missed { since }))?;
        self.put(newest, &record, Unit::new()).await?;
        self.set_timer(TimerKey::Flow(flow.id), Some(self.now())).await
    }

    /// When a webhook that a handshake told about is looked at, so that its life is known.
    pub(crate) async fn look_after_handshake(&self, flow: FlowId, webhook: &Webhook) -> Result<(), Error> {
        if webhook.declarations.renewal.is_none() {
            return Ok(());
        }
        // The creation may be under way yet.
        self.set_timer(TimerKey::Flow(flow), Some(self.now().plus(EXPIRY_LOOK))).await
    }
}
