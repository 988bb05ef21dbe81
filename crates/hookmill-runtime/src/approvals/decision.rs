//! Decisions of approvals, and the runs that wait for them: the one that asked, and any number of actions *Wait for an
//! approval*, which may come when it is decided already. Each is told once; who is not there any more is left out.

use std::time::Duration;

use hookmill_engine::{Input, Performed};
use hookmill_model::{ApprovalId, Object, RunId, Value, hex};
use hookmill_store::{Approval, ApprovalState, Change, Expect, Lane, StoreError, Unit};

use super::record::Waiting;
use super::{ApprovalSeen, TRIES_MAX, named_reply, path, people_of};
use crate::perform::{Call, failed, refused};
use crate::{Error, Runtime};

/// Decisions that are handed on before the store is asked for more.
const DECISIONS_MAX: usize = 100;
/// How long a decision waits at first, and at most, that could not be handed on.
const WAIT: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(60);

impl Runtime {
    /// Has a run told of the decision of an approval that flows of its owner made: when there is one, or at once.
    pub(super) async fn await_decision(&self, own: &Call, id: ApprovalId, token: &str) -> Performed {
        let mark = hex(&self.approval_mark("approval wait", own));
        for _ in 0..TRIES_MAX {
            let seen = match self.seen(id).await {
                Ok(seen) => seen.filter(|seen| seen.approval.owner == own.flow.owner),
                Err(error) => return failed("InternalServerError", &error),
            };
            let Some(ApprovalSeen { mut approval, mut record }) = seen else {
                let message = format!("There is no approval {id} that your flows made, or it was forgotten.");
                return refused("ApprovalNotFound", message);
            };
            if approval.state == ApprovalState::Cancelled {
                let why = record.withdrawn.unwrap_or_default();
                return refused("ApprovalCancelled", format!("The approval {id} was taken back. {why}"));
            }
            let waiting = Waiting { run: own.effect.run, mark: mark.clone(), token: token.to_owned() };
            if let Err(message) = record.wait(waiting) {
                return refused("TooManyRequests", message);
            }
            let expected = approval.etag;
            approval.etag += 1;
            if approval.state == ApprovalState::Ended {
                approval.state = ApprovalState::Decided;
            }
            approval.record = match self.sealed_record(id, &record) {
                Ok(sealed) => sealed,
                Err(error) => return failed("InternalServerError", &error),
            };
            let is_open = approval.state == ApprovalState::Open;
            let unit = Unit::from(Change::PutApproval(approval, people_of(&record, is_open)));
            match self.0.store.commit(unit.expect(Expect::ApprovalEtag(id, expected)), Lane::Work).await {
                Ok(_) => {
                    if !is_open {
                        self.0.decided.notify_one();
                    }
                    return named_reply(201, format!("{}/waits/{mark}", path(id)), id);
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return failed("InternalServerError", &error.into()),
            }
        }
        refused("ServiceUnavailable", "Others change the approval at the same moment.")
    }

    /// One action waits for an approval no more.
    pub(super) async fn forget_wait(&self, id: ApprovalId, mark: &str) -> Result<(), Error> {
        for _ in 0..TRIES_MAX {
            let Some(ApprovalSeen { mut approval, mut record }) = self.seen(id).await? else { return Ok(()) };
            let before = record.waits.len();
            record.waits.retain(|waiting| waiting.mark != mark);
            if record.waits.len() == before {
                return Ok(());
            }
            let expected = approval.etag;
            approval.etag += 1;
            approval.record = self.sealed_record(id, &record)?;
            let people = people_of(&record, approval.state == ApprovalState::Open);
            let unit = Unit::from(Change::PutApproval(approval, people));
            match self.0.store.commit(unit.expect(Expect::ApprovalEtag(id, expected)), Lane::Work).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::NotPossible("Others change the approval at the same moment.".to_owned()))
    }

    /// Tells runs what was decided, until the server stops; after a start first what an earlier process left.
    pub(crate) async fn hand_on_decisions(self) {
        let mut stopped = self.stopped();
        let mut wait = WAIT;
        loop {
            let left = match self.hand_on_some().await {
                Ok(left) => left,
                Err(error) => {
                    self.0.health.refused(&error, || "a decision cannot be handed on now".to_owned());
                    true
                }
            };
            let pause = async {
                if left {
                    tokio::time::sleep(wait).await;
                } else {
                    self.0.decided.notified().await;
                }
            };
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return,
                () = pause => {}
            }
            wait = if left { (wait * 2).min(WAIT_MAX) } else { WAIT };
        }
    }

    /// Hands on what is decided; whether some must be tried again.
    async fn hand_on_some(&self) -> Result<bool, Error> {
        let decided = self.0.store.approvals_decided(DECISIONS_MAX).await?;
        let mut left = decided.len() >= DECISIONS_MAX;
        for approval in decided {
            let id = approval.id;
            match self.hand_on(approval).await {
                Ok(is_done) => left |= !is_done,
                Err(Error::Store(error)) if error.is_retryable() || error.is_unknown() => return Err(error.into()),
                Err(error) => {
                    tracing::error!(approval = %id, %error, "a decision cannot be handed on to its run");
                    left = true;
                }
            }
        }
        Ok(left)
    }

    /// Tells all that wait of one decision; whether that is done with.
    async fn hand_on(&self, approval: Approval) -> Result<bool, Error> {
        let mut record = self.read_record(&approval)?;
        let ended_at = approval.ended_at.unwrap_or_else(|| self.now());
        let body = record.outputs(approval.id, approval.created_at, ended_at);
        let has_asker = !record.token.is_empty();
        let mut heard = !has_asker;
        if has_asker {
            heard |= self.tell_decision(approval.run, &record.token, &body).await?;
        }
        for waiting in &record.waits {
            heard |= self.tell_decision(waiting.run, &waiting.token, &body).await?;
        }
        if *self.0.stopped.borrow() {
            return Ok(false);
        }
        record.token.clear();
        record.waits.clear();
        if heard {
            return self.put_end(approval, record, ApprovalState::Ended).await;
        }
        record.withdrawn = Some("The run had ended before this was decided.".to_owned());
        self.put_end(approval, record, ApprovalState::Cancelled).await
    }

    /// Tells one run of a decision; whether it knows it now.
    async fn tell_decision(&self, run: RunId, token: &str, body: &Value) -> Result<bool, Error> {
        let mut outputs = Object::new();
        outputs.insert("headers", Object::new());
        outputs.insert("body", body.clone());
        let input = Input::CallbackReceived { token: token.into(), outputs: outputs.into() };
        // The run may know it from before a crash.
        Ok(self.tell(run, input).await? == Some(true) || self.was_called_back(run, token).await?)
    }
}
