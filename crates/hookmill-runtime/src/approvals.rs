//! Approvals: people are asked in their inbox, on their phones and by mail. *Start and wait for an approval* waits for their
//! answers at its callback address, as a run does for any service; *Create an approval* goes on, and any number of
//! actions *Wait for an approval* hear of the decision, also of one that was made before.
//!
//! An approval is one record in the store. An answer is written where nobody wrote in between; one that decides makes
//! the approval *decided*, and [`Runtime::hand_on_decisions`] tells the run, again after a crash until it knows.
//! Nothing is remembered here, so a restart changes nothing. Links in mails are signed, not stored: they name an
//! approval and a place in it, and an answer is given once.

mod decision;
mod record;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookmill_engine::{ConnectorRequest, EffectId, OperationRequest, Outcome, Performed};
use hookmill_executor::{CREATE_APPROVAL, START_APPROVAL, WAIT_FOR_APPROVAL};
use hookmill_model::{ApprovalId, Id as _, NotificationId, Object, UserId, Value, hex};
use hookmill_push::mail::Mail;
use hookmill_store::{
    Approval, ApprovalFilter, ApprovalPerson, ApprovalState, Change, Expect, Lane, Link, List, Page, StoreError, Unit,
};

use crate::live::LiveKind;
use crate::perform::{Call, failed, refused};
use crate::{Error, Runtime};

use record::Asked;
pub use record::{ApprovalLink, ApprovalRecord, ApprovalRule, AskedPerson, GivenAnswer};

/// Under this label links are signed.
const LINK: &str = "approval link";
/// How often an answer is written anew since somebody else answered in between.
const TRIES_MAX: usize = 60;
/// So much of the details stands in a notification, in characters.
const NOTICE_CHARS_MAX: usize = 300;

/// An approval with what is kept of it.
#[derive(Clone, Debug)]
pub struct ApprovalSeen {
    /// The row.
    pub approval: Approval,
    /// What is asked of whom, and what they answered.
    pub record: ApprovalRecord,
}

fn context(id: ApprovalId) -> String {
    format!("approval/{id}")
}

/// The path below which the engine finds what ends an approval.
fn path(id: ApprovalId) -> String {
    format!("/approvals/{id}")
}

fn people_of(record: &ApprovalRecord, is_open: bool) -> Vec<ApprovalPerson> {
    let asked = record.people.iter().filter_map(|person| {
        let user = person.user?;
        Some(ApprovalPerson { user, is_awaited: is_open && person.answer.is_none() })
    });
    asked.collect()
}

const fn is_answered(state: ApprovalState) -> bool {
    matches!(state, ApprovalState::Decided | ApprovalState::Ended)
}

/// Text for a page of HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// What the service answers. `location` is what the engine follows when it waits no more.
fn reply(status: u16, location: Option<String>, body: Value) -> Performed {
    let mut headers = Object::new();
    if let Some(location) = location {
        headers.insert("Location", location);
    }
    Performed { outcome: Outcome::Replied { status, headers, body: Some(body) }, request: Value::Null }
}

/// The answer to what asks or waits: the approval by name.
fn named_reply(status: u16, location: String, id: ApprovalId) -> Performed {
    reply(status, Some(location), Value::object([("name", id.to_string())]))
}

impl Runtime {
    /// Performs what an action asks of the connector *Approvals*: a question, a wait for its answer, or the end of it.
    pub(crate) async fn approval(&self, own: &Call, call: &ConnectorRequest) -> Performed {
        match &call.operation {
            OperationRequest::ById { operation_id, parameters } => {
                let is = |name: &str| operation_id.eq_ignore_ascii_case(name);
                let token = call.callback_url.as_deref().map(|url| url.rsplit('/').next().unwrap_or_default());
                if is(CREATE_APPROVAL) {
                    return match Asked::read(parameters) {
                        Ok(_) if token.is_some() => {
                            refused("BadRequest", "The action does not wait: its type is OpenApiConnection.")
                        }
                        Ok(asked) => self.ask_people(own, asked, None).await,
                        Err(message) => refused("BadRequest", message),
                    };
                }
                if !is(START_APPROVAL) && !is(WAIT_FOR_APPROVAL) {
                    let message = format!("The connector Approvals has no operation '{operation_id}'.");
                    return refused("ApiOperationNotFound", message);
                }
                let Some(token) = token else {
                    let message = "The action waits for an answer: its type is OpenApiConnectionWebhook.";
                    return refused("BadRequest", message);
                };
                if is(WAIT_FOR_APPROVAL) {
                    return match record::named(parameters) {
                        Ok(id) => self.await_decision(own, id, token).await,
                        Err(message) => refused("BadRequest", message),
                    };
                }
                match Asked::read(parameters) {
                    Ok(asked) => self.ask_people(own, asked, Some(token)).await,
                    Err(message) => refused("BadRequest", message),
                }
            }
            OperationRequest::Follow { uri, .. } => self.wait_no_more(uri).await,
            OperationRequest::ByPath { .. } => refused("BadRequest", "The connector Approvals is called by operation."),
        }
    }

    /// Ends what an action waits for: its own question is taken back; a question that was made by another action stays.
    async fn wait_no_more(&self, uri: &str) -> Performed {
        let mut parts = uri.split('/').skip_while(|part| *part != "approvals").skip(1);
        let id = parts.next().and_then(|id| id.parse::<ApprovalId>().ok());
        let Some(id) = id else { return refused("BadRequest", "This is no approval.") };
        let done = match (parts.next(), parts.next()) {
            (Some("waits"), Some(mark)) => self.forget_wait(id, mark).await,
            _ => self.withdraw(id, "The run does not wait for an answer any more.").await,
        };
        match done {
            Ok(()) => named_reply(200, path(id), id),
            Err(error) => failed("InternalServerError", &error),
        }
    }

    /// Whether somebody has answered while others were still being told: those need not be asked any more.
    async fn was_answered(&self, id: ApprovalId) -> bool {
        self.seen(id).await.ok().flatten().is_some_and(|seen| is_answered(seen.approval.state))
    }

    /// Asks people. The identifier is made of the effect, so that they are asked once, however often it is performed.
    /// `token` is where the action waits for their decision, if it does.
    async fn ask_people(&self, own: &Call, asked: Asked, token: Option<&str>) -> Performed {
        let id = ApprovalId::make(own.effect.run.made_at(), self.approval_mark("approval", own));
        let made = match self.made(own, id, &asked, token.unwrap_or_default()).await {
            Ok(made) => made,
            Err(performed) => return *performed,
        };
        for place in 0..made.record.people.len() {
            if made.record.people[place].is_told || is_answered(made.approval.state) {
                continue;
            }
            if let Err(performed) = self.tell_person(own, &made, place, asked.by_mail).await {
                if self.was_answered(id).await {
                    break;
                }
                // Who was told already finds that the question was taken back; another try asks it anew.
                let why = "Not all who are asked could be told.";
                return match self.withdraw(id, why).await {
                    Ok(()) => *performed,
                    Err(error) => failed("InternalServerError", &error),
                };
            }
            let told = self.changed(id, |record| {
                record.people[place].is_told = true;
                Ok(())
            });
            if let Err(error) = told.await {
                if self.was_answered(id).await {
                    break;
                }
                return failed("InternalServerError", &error);
            }
        }
        self.publish(&made);
        if token.is_some() {
            return named_reply(201, path(id), id);
        }
        let respond_link = format!("{}{}", self.0.config.public_url, path(id));
        reply(201, None, made.record.question(id, made.approval.created_at, respond_link))
    }

    /// Ten bytes that all tries of one action have in common.
    fn approval_mark(&self, purpose: &str, own: &Call) -> [u8; 10] {
        self.mark(purpose, &EffectId { attempt: 0, ..own.effect.clone() })
    }

    /// The approval, stored: it may be there from an earlier try.
    async fn made(
        &self,
        own: &Call,
        id: ApprovalId,
        asked: &Asked,
        token: &str,
    ) -> Result<ApprovalSeen, Box<Performed>> {
        let not_stored = |error: &Error| Box::new(failed("InternalServerError", error));
        let known = self.seen(id).await.map_err(|error| not_stored(&error))?;
        let mut before = None;
        if let Some(known) = known {
            if known.approval.state != ApprovalState::Cancelled {
                return Ok(known);
            }
            before = Some(known.approval);
        }
        let flow = &own.flow;
        let owner = self.0.store.user(flow.owner).await.map_err(|error| not_stored(&error.into()))?;
        let mut people = Vec::with_capacity(asked.people.len());
        for address in &asked.people {
            let user = match address.parse::<UserId>() {
                Ok(id) => self.0.store.user(id).await,
                Err(_) => self.0.store.user_by_email(address).await,
            };
            let user = user.map_err(|error| not_stored(&error.into()))?;
            if user.is_none() && !address.contains('@') {
                let message = format!("'{address}' is neither a mail address nor a user of this server.");
                return Err(Box::new(refused("BadRequest", message)));
            }
            let name = user.as_ref().map(|user| user.name.clone()).filter(|name| !name.trim().is_empty());
            people.push(AskedPerson {
                email: user.as_ref().map_or_else(|| address.clone(), |user| user.email.clone()),
                name: name.unwrap_or_else(|| address.clone()),
                user: user.map(|user| user.id),
                answer: None,
                is_told: false,
            });
        }
        let record = ApprovalRecord {
            title: asked.title.clone(),
            details: asked.details.clone(),
            link: asked.link.clone().filter(|link| crate::leads_on(&link.uri)),
            flow_name: flow.name.clone(),
            requestor: owner
                .map(|owner| if owner.name.is_empty() { owner.email } else { owner.name })
                .unwrap_or_default(),
            options: asked.options(),
            rule: asked.rule,
            people,
            outcome: None,
            withdrawn: None,
            token: token.to_owned(),
            waits: Vec::new(),
        };
        let approval = Approval {
            id,
            owner: flow.owner,
            flow: flow.id,
            run: own.effect.run,
            state: ApprovalState::Open,
            etag: before.as_ref().map_or(1, |before| before.etag + 1),
            record: self.sealed_record(id, &record).map_err(|error| not_stored(&error))?,
            created_at: before.as_ref().map_or_else(|| self.now(), |before| before.created_at),
            ended_at: None,
        };
        let mut unit = Unit::from(Change::PutApproval(approval.clone(), people_of(&record, true)));
        if let Some(before) = before {
            unit = unit.expect(Expect::ApprovalEtag(id, before.etag));
        }
        self.0.store.commit(unit, Lane::Work).await.map_err(|error| not_stored(&error.into()))?;
        Ok(ApprovalSeen { approval, record })
    }

    /// Tells one who is asked: in the inbox and by mail, or by mail alone.
    async fn tell_person(
        &self,
        own: &Call,
        made: &ApprovalSeen,
        place: usize,
        by_mail: bool,
    ) -> Result<(), Box<Performed>> {
        let ApprovalSeen { approval, record } = made;
        let person = &record.people[place];
        let effect = EffectId { attempt: u32::try_from(place).unwrap_or(0), ..own.effect.clone() };
        if let Some(user) = person.user {
            let id = NotificationId::make(approval.created_at, self.mark("approval notice", &effect));
            let title = format!("Approval: {}", record.title);
            let mut text: String = record.details.chars().take(NOTICE_CHARS_MAX).collect();
            if text.is_empty() {
                text = format!("{} asks for your answer.", record.flow_name);
            }
            let link = Link { uri: path(approval.id), label: "Answer".to_owned() };
            let put = self.put_notification(
                id,
                user,
                &title,
                &text,
                Some(link),
                Some(approval.run).filter(|_| user == approval.owner),
                Some(approval.flow).filter(|_| user == approval.owner),
            );
            put.await.map_err(|error| Box::new(failed("InternalServerError", &error)))?;
        }
        let has_server = match self.settings().await {
            Ok(settings) => settings.mail.is_some_and(|mail| !mail.host.is_empty()),
            Err(error) => return Err(Box::new(failed("InternalServerError", &error))),
        };
        if person.user.is_some() && !(by_mail && has_server) {
            return Ok(());
        }
        let mark = hex(&self.mark("approval mail", &effect));
        match (self.send_mail(&self.letter(made, place, mark)).await, person.user) {
            (Ok(()), _) => Ok(()),
            // The inbox has it, and the phone.
            (Err(error), Some(_)) => {
                tracing::warn!(approval = %approval.id, %error, "a mail about an approval was not sent");
                Ok(())
            }
            (Err(Error::Mail(error)), None) => {
                let outcome = Outcome::NoReply {
                    code: "MailNotSent".into(),
                    message: format!("{} cannot be asked: {error}", person.email).into(),
                    maybe_sent: error.maybe_sent(),
                    retryable: error.retryable(),
                };
                Err(Box::new(Performed { outcome, request: Value::Null }))
            }
            (Err(error @ (Error::Store(_) | Error::ServiceUnreachable { .. })), None) => {
                Err(Box::new(failed("MailNotSent", &error)))
            }
            (Err(error), None) => {
                let message = format!("{} is no user of this server, so only mail reaches them. {error}", person.email);
                Err(Box::new(refused("MailNotSent", message)))
            }
        }
    }

    fn letter(&self, made: &ApprovalSeen, place: usize, mark: String) -> Mail {
        let ApprovalSeen { approval, record } = made;
        let base = format!("{}/approve/{}", self.0.config.public_url, self.approval_link(approval.id, place));
        let about = record.link.as_ref().map(|link| {
            let label = if link.label.is_empty() { &link.uri } else { &link.label };
            (link.uri.as_str(), label.as_str())
        });
        let asks = format!("{} asks for your answer (flow \"{}\").", record.requestor, record.flow_name);
        let mut text = format!("{}\n\n{asks}\n\n", record.title);
        let mut html = format!("<h2>{}</h2><p>{}</p>", escaped(&record.title), escaped(&asks));
        if !record.details.is_empty() {
            text.push_str(&format!("{}\n\n", record.details));
            html.push_str(&format!("<p style=\"white-space:pre-wrap\">{}</p>", escaped(&record.details)));
        }
        if let Some((uri, label)) = about {
            text.push_str(&format!("{label}: {uri}\n\n"));
            html.push_str(&format!("<p><a href=\"{}\">{}</a></p>", escaped(uri), escaped(label)));
        }
        html.push_str("<p>");
        for option in &record.options {
            let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("response", option).finish();
            text.push_str(&format!("{option}: {base}?{query}\n"));
            html.push_str(&format!(
                "<a href=\"{base}?{query}\" style=\"display:inline-block;margin:0 8px 8px 0;padding:10px 18px;border-radius:4px;background:#0f6cbd;color:#fff;text-decoration:none\">{}</a>",
                escaped(option)
            ));
        }
        let once = "The page that opens asks once more before anything is sent. The link is yours alone: whoever has it can answer in your place, once.";
        text.push_str(&format!("\n{once}\n"));
        html.push_str(&format!("</p><p>{once}</p>"));
        Mail {
            mark,
            to: record.people[place].email.clone(),
            subject: format!("Approval: {}", record.title),
            text,
            html: Some(html),
            ..Mail::default()
        }
    }

    /// The last part of the address where one person answers without signing in.
    pub(crate) fn approval_link(&self, id: ApprovalId, place: usize) -> String {
        let signature = self.0.vault.lookup(LINK, &format!("{id}/{place}"));
        format!("{id}.{place}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Reads a link: which approval, and which of those who are asked.
    ///
    /// # Errors
    /// The link is not one that this server made.
    fn read_link(&self, link: &str) -> Result<(ApprovalId, usize), Error> {
        let wrong = || Error::not_found("approval", "at this address");
        let mut parts = link.splitn(3, '.');
        let id: ApprovalId = parts.next().and_then(|id| id.parse().ok()).ok_or_else(wrong)?;
        let place: usize = parts.next().and_then(|place| place.parse().ok()).ok_or_else(wrong)?;
        if !hookmill_vault::same(self.approval_link(id, place).as_bytes(), link.as_bytes()) {
            return Err(wrong());
        }
        Ok((id, place))
    }

    fn sealed_record(&self, id: ApprovalId, record: &ApprovalRecord) -> Result<bytes::Bytes, Error> {
        let plain = serde_json::to_vec(record).map_err(|error| Error::Internal(error.to_string()))?;
        let sealed =
            self.0.vault.seal_long(&context(id), &plain).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(sealed.into())
    }

    fn read_record(&self, approval: &Approval) -> Result<ApprovalRecord, Error> {
        let what = format!("the approval {}", approval.id);
        let opened = self.0.vault.unseal_long(&context(approval.id), &approval.record);
        let opened =
            opened.map_err(|error| StoreError::Damaged { detail: format!("{what} cannot be opened: {error}") })?;
        Ok(hookmill_store::read(&what, &opened, |bytes| serde_json::from_slice(bytes))?)
    }

    async fn seen(&self, id: ApprovalId) -> Result<Option<ApprovalSeen>, Error> {
        let Some(approval) = self.0.store.approval(id).await? else { return Ok(None) };
        let record = self.read_record(&approval)?;
        Ok(Some(ApprovalSeen { approval, record }))
    }

    /// Changes the record of an open approval, whatever others change at the same time.
    ///
    /// # Errors
    /// The change is refused, the approval is not open, or the store refused.
    async fn changed(
        &self,
        id: ApprovalId,
        change: impl Fn(&mut ApprovalRecord) -> Result<(), String>,
    ) -> Result<ApprovalSeen, Error> {
        for _ in 0..TRIES_MAX {
            let ApprovalSeen { mut approval, mut record } =
                self.seen(id).await?.ok_or_else(|| Error::not_found("approval", id))?;
            match (approval.state, &record.outcome, &record.withdrawn) {
                (ApprovalState::Open, ..) => {}
                (ApprovalState::Cancelled, _, why) => {
                    let why = why.clone().unwrap_or_else(|| "Nobody waits for an answer any more.".to_owned());
                    return Err(Error::NotPossible(why));
                }
                (_, outcome, _) => {
                    let outcome = outcome.as_deref().unwrap_or_default();
                    return Err(Error::NotPossible(format!("This is decided already: {outcome}.")));
                }
            }
            change(&mut record).map_err(Error::NotPossible)?;
            let expected = approval.etag;
            approval.etag += 1;
            if record.outcome.is_some() {
                (approval.state, approval.ended_at) = (ApprovalState::Decided, Some(self.now()));
            }
            approval.record = self.sealed_record(id, &record)?;
            let people = people_of(&record, approval.state == ApprovalState::Open);
            let unit = Unit::from(Change::PutApproval(approval.clone(), people));
            match self.0.store.commit(unit.expect(Expect::ApprovalEtag(id, expected)), Lane::Work).await {
                Ok(_) => return Ok(ApprovalSeen { approval, record }),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::NotPossible("Others answer at the same moment. Try again.".to_owned()))
    }

    fn publish(&self, seen: &ApprovalSeen) {
        let id = seen.approval.id.to_string();
        let mut users: Vec<UserId> = seen.record.people.iter().filter_map(|person| person.user).collect();
        users.push(seen.approval.owner);
        users.sort_unstable();
        users.dedup();
        for user in users {
            self.0.live.publish(user, LiveKind::Approval, id.clone(), None, None);
        }
    }

    /// Approvals of a person, newest first.
    ///
    /// # Errors
    /// The store cannot be read, or one of them.
    pub async fn approvals(
        &self,
        filter: ApprovalFilter,
        list: List<ApprovalId>,
    ) -> Result<Page<ApprovalSeen, ApprovalId>, Error> {
        let page = self.0.store.approvals(filter, list).await?;
        let read = page.items.into_iter().map(|approval| {
            let record = self.read_record(&approval)?;
            Ok(ApprovalSeen { approval, record })
        });
        Ok(Page { items: read.collect::<Result<_, Error>>()?, next: page.next, looked_at: page.looked_at })
    }

    /// One approval, for its sender or one who is asked.
    ///
    /// # Errors
    /// There is none, or it is none of this user's business.
    pub async fn approval_of(&self, user: UserId, id: ApprovalId) -> Result<ApprovalSeen, Error> {
        let concerns = |seen: &ApprovalSeen| {
            seen.approval.owner == user || seen.record.people.iter().any(|person| person.user == Some(user))
        };
        self.seen(id).await?.filter(concerns).ok_or_else(|| Error::not_found("approval", id))
    }

    /// What a link of a mail leads to, and the place of the person in it.
    ///
    /// # Errors
    /// The link is wrong, or what it leads to was forgotten.
    pub async fn approval_at(&self, link: &str) -> Result<(ApprovalSeen, usize), Error> {
        let (id, place) = self.read_link(link)?;
        let seen = self.seen(id).await?.filter(|seen| place < seen.record.people.len());
        Ok((seen.ok_or_else(|| Error::not_found("approval", "at this address"))?, place))
    }

    /// A user answers.
    ///
    /// # Errors
    /// The user is not asked, answered before, or the answer is none of the options; the approval is decided.
    pub async fn answer_approval(
        &self,
        user: UserId,
        id: ApprovalId,
        option: &str,
        comments: &str,
    ) -> Result<ApprovalSeen, Error> {
        self.approval_of(user, id).await?;
        self.answer(id, |record| record.people.iter().position(|person| person.user == Some(user)), option, comments)
            .await
    }

    /// Somebody answers by the link of a mail.
    ///
    /// # Errors
    /// As [`Runtime::answer_approval`]; the link is wrong.
    pub async fn answer_approval_at(&self, link: &str, option: &str, comments: &str) -> Result<ApprovalSeen, Error> {
        let (id, place) = self.read_link(link)?;
        self.answer(id, |_| Some(place), option, comments).await
    }

    async fn answer(
        &self,
        id: ApprovalId,
        place: impl Fn(&ApprovalRecord) -> Option<usize>,
        option: &str,
        comments: &str,
    ) -> Result<ApprovalSeen, Error> {
        let now = self.now();
        let seen = self.changed(id, |record| {
            let place = place(record).ok_or("You are not asked.")?;
            record.take(place, option, comments, now)
        });
        let seen = seen.await?;
        self.publish(&seen);
        self.0.decided.notify_one();
        Ok(seen)
    }

    /// Takes an approval back that is open; one that is not stays as it is.
    async fn withdraw(&self, id: ApprovalId, why: &str) -> Result<(), Error> {
        for _ in 0..TRIES_MAX {
            let Some(ApprovalSeen { approval, mut record }) = self.seen(id).await? else { return Ok(()) };
            if approval.state != ApprovalState::Open {
                return Ok(());
            }
            record.withdrawn = Some(why.to_owned());
            if self.put_end(approval, record, ApprovalState::Cancelled).await? {
                return Ok(());
            }
        }
        Err(Error::NotPossible("The approval is being answered at this moment.".to_owned()))
    }

    /// Stores how an approval ends, unless it was changed in between.
    async fn put_end(&self, before: Approval, record: ApprovalRecord, state: ApprovalState) -> Result<bool, Error> {
        let approval = Approval {
            state,
            etag: before.etag + 1,
            record: self.sealed_record(before.id, &record)?,
            ended_at: before.ended_at.or_else(|| Some(self.now())),
            ..before
        };
        let change = Change::PutApproval(approval.clone(), people_of(&record, false));
        let unit = Unit::from(change).expect(Expect::ApprovalEtag(approval.id, before.etag));
        match self.0.store.commit(unit, Lane::Work).await {
            Ok(_) => {
                self.publish(&ApprovalSeen { approval, record });
                Ok(true)
            }
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// What a phone needs to answer from the notification itself: the link of the person, and the answers.
    pub(crate) async fn approval_for_push(
        &self,
        notice: &hookmill_store::Notification,
    ) -> Option<(String, Vec<String>)> {
        let id = notice.link.as_ref()?.uri.strip_prefix("/approvals/")?.parse::<ApprovalId>().ok()?;
        let seen = self.seen(id).await.ok()??;
        let place = seen.record.people.iter().position(|person| person.user == Some(notice.owner))?;
        let is_open = seen.approval.state == ApprovalState::Open && seen.record.people[place].answer.is_none();
        // A notification has two buttons at most.
        let fits = seen.record.options.len() <= 2;
        (is_open && fits).then(|| (self.approval_link(id, place), seen.record.options))
    }
}
