//! The daily digest: once a day each person who wants it is told what their flows did, in the inbox and by mail.

use std::collections::BTreeMap;
use std::time::Duration;

use hookmill_definition::recurrence::Recurrence;
use hookmill_model::{FlowId, Id as _, NotificationId, RunKind, RunStatus, Timestamp, UserId, Value, hex};
use hookmill_push::mail::Mail;
use hookmill_store::{Change, Lane, Link, List, RunFilter, Shard, Unit};
use serde::{Deserialize, Serialize};

use crate::{Error, Runtime};

/// What the names of settings begin with; the person follows.
const SETTING: &str = "digest ";
/// How often it is looked whether somebody's time has come.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// So many runs are counted at most; beyond that the digest says "more than".
const RUNS_MAX: usize = 20_000;
/// So many flows that failed are named.
const FLOWS_MAX: usize = 5;

/// Whether and when a person gets the digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Digest {
    /// Whether the person wants it.
    pub is_on: bool,
    /// By mail, too.
    pub by_mail: bool,
    /// At this hour, 0 to 23.
    pub hour: u8,
    /// The time zone of the hour, by any name that definitions take.
    pub time_zone: String,
    /// When it came last; when it was turned on, before the first.
    pub last_at: Option<Timestamp>,
}

impl Default for Digest {
    fn default() -> Self {
        Self { is_on: false, by_mail: false, hour: 8, time_zone: "UTC".to_owned(), last_at: None }
    }
}

impl Digest {
    fn timetable(&self) -> Result<Recurrence, Error> {
        let hour = Value::array(vec![Value::Integer(i64::from(self.hour))]);
        let minute = Value::array(vec![Value::Integer(0)]);
        let source = Value::object([
            ("frequency", Value::from("Day")),
            ("interval", Value::Integer(1)),
            ("timeZone", Value::from(&*self.time_zone)),
            ("schedule", Value::object([("hours", hour), ("minutes", minute)])),
        ]);
        Recurrence::new(&source).map_err(|faults| {
            let why = faults.first().map(|(_, message)| message.to_string()).unwrap_or_default();
            Error::Inputs(format!("The digest cannot come then: {why}"))
        })
    }

    /// When it is due next.
    fn next(&self) -> Option<Timestamp> {
        let last = self.last_at.filter(|_| self.is_on)?;
        let timetable = self.timetable().ok()?;
        let first = timetable.first(last)?;
        if first > last { Some(first) } else { timetable.next(first, last) }
    }
}

fn setting(user: UserId) -> String {
    format!("{SETTING}{user}")
}

/// What happened in a day.
#[derive(Default)]
struct Counts {
    succeeded: usize,
    failed: BTreeMap<FlowId, usize>,
    others: usize,
    and_more: bool,
}

fn said(counts: &Counts, names: &[(String, usize)], approvals: u64) -> String {
    let failed: usize = counts.failed.values().sum();
    let all = counts.succeeded + failed + counts.others;
    let more = if counts.and_more { "more than " } else { "" };
    let mut text = match all {
        0 => "No flow ran in the last 24 hours.".to_owned(),
        _ => format!("In the last 24 hours: {more}{all} runs, {} succeeded, {failed} failed.", counts.succeeded),
    };
    if !names.is_empty() {
        let listed: Vec<String> = names.iter().map(|(name, count)| format!("{name} ({count})")).collect();
        let rest = if counts.failed.len() > names.len() { " and others" } else { "" };
        text.push_str(&format!(" Failed: {}{rest}.", listed.join(", ")));
    }
    match approvals {
        0 => {}
        1 => text.push_str(" One approval waits for you."),
        many => text.push_str(&format!(" {many} approvals wait for you.")),
    }
    text
}

impl Runtime {
    /// Whether and when a person gets the digest.
    ///
    /// # Errors
    /// The store cannot be read, or the setting in it.
    pub async fn digest(&self, user: UserId) -> Result<Digest, Error> {
        match self.0.store.setting(&setting(user)).await? {
            Some(bytes) => {
                Ok(hookmill_store::read("a person's digest", &bytes, |bytes| serde_json::from_slice(bytes))?)
            }
            None => Ok(Digest::default()),
        }
    }

    /// Sets whether and when a person gets the digest.
    ///
    /// # Errors
    /// The time does not exist, or the store refused.
    pub async fn set_digest(&self, user: UserId, wanted: Digest) -> Result<Digest, Error> {
        let digest = Digest { last_at: Some(self.now()), ..wanted };
        digest.timetable()?;
        let bytes = serde_json::to_vec(&digest).map_err(|error| Error::Internal(error.to_string()))?;
        self.0.store.commit(Unit::from(Change::PutSetting(setting(user), bytes.into())), Lane::Work).await?;
        Ok(digest)
    }

    /// Sends digests when they are due, until the server stops.
    pub(crate) async fn send_digests(self) {
        let mut stopped = self.stopped();
        loop {
            // Of several servers one sends.
            if self.0.shards.holds(Shard::new(0))
                && let Err(error) = self.send_due_digests().await
            {
                self.0.health.refused(&error, || "the daily digest waits".to_owned());
            }
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return,
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
        }
    }

    /// Sends the digests whose time has come, each once.
    ///
    /// # Errors
    /// The store refused.
    pub async fn send_due_digests(&self) -> Result<(), Error> {
        let now = self.now();
        for (name, bytes) in self.0.store.settings(SETTING).await? {
            let read = hookmill_store::read(&name, &bytes, |bytes| serde_json::from_slice::<Digest>(bytes));
            let digest = match read {
                Ok(digest) => digest,
                Err(damaged) => {
                    self.0.damages.note_setting(&damaged);
                    continue;
                }
            };
            let Some(due) = digest.next().filter(|due| *due <= now) else { continue };
            let user = name[SETTING.len()..].parse::<UserId>().ok();
            let user = match user {
                Some(user) => self.0.store.user(user).await?,
                None => None,
            };
            let Some(user) = user else {
                self.0.store.commit(Unit::from(Change::DeleteSetting(name)), Lane::Work).await?;
                continue;
            };
            self.send_digest(user.id, &user.email, &digest, due, now).await?;
            // What was missed while the server was off comes once, not for each day.
            let sent = Digest { last_at: Some(now), ..digest };
            let bytes = serde_json::to_vec(&sent).map_err(|error| Error::Internal(error.to_string()))?;
            self.0.store.commit(Unit::from(Change::PutSetting(name, bytes.into())), Lane::Work).await?;
        }
        Ok(())
    }

    async fn send_digest(
        &self,
        user: UserId,
        email: &str,
        digest: &Digest,
        due: Timestamp,
        now: Timestamp,
    ) -> Result<(), Error> {
        let counts = self.counts_of_a_day(user, now).await?;
        let mut worst: Vec<(FlowId, usize)> = counts.failed.iter().map(|(flow, count)| (*flow, *count)).collect();
        worst.sort_by_key(|(flow, count)| (std::cmp::Reverse(*count), *flow));
        let mut names = Vec::new();
        for (flow, count) in worst.into_iter().take(FLOWS_MAX) {
            if let Some(flow) = self.0.store.flow(flow).await? {
                names.push((flow.name, count));
            }
        }
        let text = said(&counts, &names, self.0.store.approvals_awaited(user).await?);
        // The same one again after a crash in between.
        let mark = self.0.vault.lookup("digest", &format!("{user}/{due}"));
        let mut random = [0; 10];
        random.copy_from_slice(&mark[..10]);
        let id = NotificationId::make(due, random);
        let link = Link { uri: "/".to_owned(), label: "Open Hookmill".to_owned() };
        self.put_notification(id, user, "Your flows today", &text, Some(link), None, None).await?;
        if digest.by_mail {
            let mail = Mail {
                mark: hex(&mark),
                to: email.to_owned(),
                subject: "Your flows today".to_owned(),
                text: format!("{text}\n\n{}/\n", self.0.config.public_url),
                ..Mail::default()
            };
            if let Err(error) = self.send_mail(&mail).await {
                tracing::warn!(%user, %error, "the mail of a daily digest was not sent");
            }
        }
        Ok(())
    }

    async fn counts_of_a_day(&self, user: UserId, now: Timestamp) -> Result<Counts, Error> {
        let micros = i64::try_from(DAY.as_micros()).unwrap_or(i64::MAX);
        let from = Timestamp::from_micros(now.as_micros().saturating_sub(micros));
        let filter = RunFilter { kind: Some(RunKind::Flow), from: Some(from), ..RunFilter::of(user) };
        let mut counts = Counts::default();
        let (mut list, mut looked) = (List::first(List::<hookmill_model::RunId>::LIMIT_MAX), 0);
        loop {
            let page = self.0.store.runs(&filter, list).await?;
            looked += page.items.len();
            for listed in page.items {
                match listed.run.status {
                    RunStatus::Succeeded => counts.succeeded += 1,
                    RunStatus::Failed | RunStatus::TimedOut | RunStatus::Faulted => {
                        *counts.failed.entry(listed.run.flow).or_default() += 1;
                    }
                    _ => counts.others += 1,
                }
            }
            match page.next {
                Some(next) if looked < RUNS_MAX => list = List::after(List::<hookmill_model::RunId>::LIMIT_MAX, next),
                next => {
                    counts.and_more = next.is_some();
                    return Ok(counts);
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // Tests may stop at once.
mod tests {
    use super::*;

    #[test]
    fn it_comes_at_its_hour_each_day_and_once_for_what_was_missed() {
        // 2025-01-01T00:00:00Z is midnight in London and one o'clock in Berlin.
        let midnight = Timestamp::from_millis(1_735_689_600_000);
        let hour = |hours: u64| midnight.plus(Duration::from_secs(hours * 3_600));
        let digest = |last: Timestamp, zone: &str| Digest {
            is_on: true,
            hour: 8,
            time_zone: zone.to_owned(),
            last_at: Some(last),
            ..Digest::default()
        };
        // Last, zone → next.
        for (last, zone, next) in [
            (midnight, "UTC", hour(8)),
            (hour(8), "UTC", hour(32)),
            (hour(9), "UTC", hour(32)),
            (midnight, "W. Europe Standard Time", hour(7)),
            (hour(7), "W. Europe Standard Time", hour(31)),
            (hour(100), "UTC", hour(104)),
        ] {
            assert_eq!(digest(last, zone).next(), Some(next), "{last} {zone}");
        }
        assert_eq!(Digest { is_on: false, ..digest(midnight, "UTC") }.next(), None);
        assert!(digest(midnight, "Nowhere").timetable().is_err());
        assert!(Digest { hour: 24, ..digest(midnight, "UTC") }.timetable().is_err());
    }

    #[test]
    fn it_says_what_happened_in_words() {
        let flow: FlowId = hookmill_model::Id::from_bits(1);
        let counts = Counts { succeeded: 7, failed: BTreeMap::from([(flow, 2)]), others: 1, and_more: false };
        let text = said(&counts, &[("Orders".to_owned(), 2)], 1);
        assert_eq!(
            text,
            "In the last 24 hours: 10 runs, 7 succeeded, 2 failed. Failed: Orders (2). One approval waits for you."
        );
        assert_eq!(said(&Counts::default(), &[], 0), "No flow ran in the last 24 hours.");
    }
}
