//! *Start and wait for an approval*: people are asked, the run waits, and goes on with what they answered.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod world;

use std::collections::BTreeMap;

use hookmill_definition::Profile;
use hookmill_model::{FlowId, Object, RunId, RunStatus, Timestamp, UserId, Value};
use hookmill_runtime::{ApprovalSeen, RuntimeConfig};
use hookmill_store::{
    ApprovalFilter, ApprovalState, Approvals as _, Change, Inbox as _, Lane, List, NotificationFilter, Role,
    Store as _, Unit, User,
};
use world::{World, create, eventually, flow_runs, mail_settings, post_office, service, world};

async fn user(world: &World, number: u8, name: &str) -> UserId {
    let id = if number == 1 { world.owner } else { hookmill_model::Id::make(Timestamp::from_millis(1), [number; 10]) };
    let user = User {
        id,
        name: name.to_owned(),
        email: format!("{}@example.org", name.to_lowercase()),
        password_hash: String::new(),
        role: Role::Member,
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
    };
    world.store.commit(Unit::from(Change::PutUser(user)), Lane::Work).await.unwrap();
    id
}

/// A flow that asks `people`, and then makes a value of the answer.
async fn asking(world: &World, kind: &str, people: &str, extra: &str) -> FlowId {
    let actions = format!(
        r#"{{"Ask":{{"type":"OpenApiConnectionWebhook","inputs":{{"host":{{"apiId":"/providers/Microsoft.PowerApps/apis/shared_approvals","connectionName":"shared_approvals","operationId":"StartAndWaitForAnApproval"}},
            "parameters":{{"approvalType":"{kind}","WebhookApprovalCreationInput/title":"Order @{{triggerBody()?['number']}}","WebhookApprovalCreationInput/assignedTo":"{people}",
                "WebhookApprovalCreationInput/responseOptions":["Today","Tomorrow"],"WebhookApprovalCreationInput/details":"Much & more"}},"retryPolicy":{{"type":"none"}}}}{extra}}},
          "Said":{{"type":"Compose","runAfter":{{"Ask":["Succeeded"]}},"inputs":"@{{body('Ask')?['outcome']}} by @{{first(body('Ask')?['responses'])?['responder']?['email']}}: @{{last(body('Ask')?['responses'])?['comments']}}"}}}}"#
    );
    create(world, r#"{"type":"Request"}"#, &actions).await.0
}

async fn begun(world: &World, flow: FlowId) -> RunId {
    let body = Value::object([("number", Value::Integer(7))]);
    world.runtime.run_now(world.owner, flow, body, Object::new()).await.unwrap()
}

/// The newest approval that flows of the owner asked, once there is one in this state.
async fn asked(world: &World, state: ApprovalState) -> ApprovalSeen {
    let filter = ApprovalFilter::Sent { owner: world.owner, is_open: false };
    eventually(async || {
        let page = world.runtime.approvals(filter, List::first(1)).await.unwrap();
        page.items.first().is_some_and(|seen| seen.approval.state == state)
    })
    .await;
    world.runtime.approvals(filter, List::first(1)).await.unwrap().items.remove(0)
}

async fn said(world: &World, run: RunId) -> String {
    eventually(async || flow_runs(world).await.last().is_some_and(|run| run.status.is_final())).await;
    let history = world.runtime.run_view(world.owner, run).await.unwrap().history.unwrap();
    let outputs = history.run_of("Said", &[]).and_then(|said| said.outputs.clone());
    outputs.map(|outputs| outputs.to_json()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_answers_in_the_inbox() {
    let world = world(&service(false, false).await.0).await;
    let (ada, bob) = (user(&world, 1, "Ada").await, user(&world, 2, "Bob").await);
    let run = begun(&world, asking(&world, "BasicAwaitAll", "ada@example.org;BOB@example.org", "").await).await;
    let seen = asked(&world, ApprovalState::Open).await;
    let id = seen.approval.id;
    eventually(async || world.store.unread_count(bob).await.unwrap() == 1).await;
    let notices = world.store.notifications(&NotificationFilter::of(bob), List::first(9)).await.unwrap().items;
    assert_eq!((&*notices[0].title, notices[0].run), ("Approval: Order 7", None), "the run is the owner's business");
    assert_eq!(notices[0].link.as_ref().map(|link| link.uri.clone()), Some(format!("/approvals/{id}")));

    let answered = world.runtime.answer_approval(ada, id, "approve", "fine").await.unwrap();
    assert_eq!((answered.approval.state, answered.record.outcome), (ApprovalState::Open, None));
    let twice = world.runtime.answer_approval(ada, id, "Reject", "").await.unwrap_err().to_string();
    assert!(twice.contains("answered already, with 'Approve'"), "{twice}");
    let stranger = hookmill_model::Id::make(Timestamp::from_millis(1), [9; 10]);
    assert!(world.runtime.answer_approval(stranger, id, "Approve", "").await.is_err());
    assert!(world.runtime.approval_of(stranger, id).await.is_err());
    assert_eq!(flow_runs(&world).await[0].status, RunStatus::Running);

    world.runtime.answer_approval(bob, id, "Approve", "go").await.unwrap();
    assert_eq!(said(&world, run).await, r#""Approve by ada@example.org: go""#);
    let ended = asked(&world, ApprovalState::Ended).await;
    assert_eq!(ended.record.outcome.as_deref(), Some("Approve"));
    assert!(world.runtime.answer_approval(bob, id, "Approve", "").await.unwrap_err().to_string().contains("decided"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_in_a_mail_answers_once_without_signing_in() {
    let world = world(&service(false, false).await.0).await;
    user(&world, 1, "Ada").await;
    let (port, mut told) = post_office(0).await;
    world.runtime.save_settings(mail_settings(port), Some("word-of-the-test")).await.unwrap();
    let run = begun(&world, asking(&world, "CustomResponse", "kim@outside.test", "").await).await;
    let mail = told.recv().await.unwrap().replace("=\n", "").replace("=3D", "=");
    assert!(mail.contains("RCPT TO:<kim@outside.test>") && mail.contains("Subject: Approval: Order 7"), "{mail}");
    assert!(mail.contains("Much &amp; more"), "{mail}");
    let begin = mail.find("https://me.test/approve/").unwrap() + "https://me.test/approve/".len();
    let link: String = mail[begin..].chars().take_while(|letter| !"?\"\n\r ".contains(*letter)).collect();
    let seen = world.runtime.approval_at(&link).await.unwrap().0;
    assert_eq!((seen.approval.state, seen.record.options.len()), (ApprovalState::Open, 2), "looking changes nothing");
    // A link for another place, or with another signature, is none.
    for wrong in [link.replacen(".0.", ".1.", 1), format!("{link}x"), link[..link.len() - 1].to_owned(), String::new()]
    {
        assert!(world.runtime.answer_approval_at(&wrong, "Today", "").await.is_err(), "{wrong}");
    }
    assert!(world.runtime.answer_approval_at(&link, "Approve", "").await.is_err(), "it is none of the responses");
    world.runtime.answer_approval_at(&link, "Tomorrow", "late").await.unwrap();
    assert!(world.runtime.answer_approval_at(&link, "Today", "").await.is_err());
    assert_eq!(said(&world, run).await, r#""Tomorrow by kim@outside.test: late""#);
}

/// A way to the post office on which nobody gets through before the door is opened.
async fn shut(port: u16) -> (u16, tokio::sync::watch::Sender<bool>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (own, (door, opened)) = (listener.local_addr().unwrap().port(), tokio::sync::watch::channel(false));
    tokio::spawn(async move {
        while let Ok((mut caller, _)) = listener.accept().await {
            let mut opened = opened.clone();
            tokio::spawn(async move {
                opened.wait_for(|is_open| *is_open).await.unwrap();
                let mut office = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut caller, &mut office).await;
            });
        }
    });
    (own, door)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_counts_that_comes_before_all_are_told() {
    let world = world(&service(false, false).await.0).await;
    let ada = user(&world, 1, "Ada").await;
    let (port, _told) = post_office(0).await;
    let (port, door) = shut(port).await;
    world.runtime.save_settings(mail_settings(port), Some("word-of-the-test")).await.unwrap();
    let flow = asking(&world, "CustomResponse", "ada@example.org; kim@outside.test", "").await;
    let run = begun(&world, flow).await;
    let approval = asked(&world, ApprovalState::Open).await.approval.id;
    world.runtime.answer_approval(ada, approval, "Today", "soon").await.unwrap();
    asked(&world, ApprovalState::Ended).await;
    door.send_replace(true);
    assert_eq!(said(&world, run).await, r#""Today by ada@example.org: soon""#);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_cannot_be_asked_is_named() {
    let world = world(&service(false, false).await.0).await;
    user(&world, 1, "Ada").await;
    for (people, told) in [
        ("kim@outside.test", "only mail reaches them. No mail server is set"),
        ("kim", "'kim' is neither a mail address nor a user of this server"),
        (" ; ", "names nobody"),
    ] {
        let run = begun(&world, asking(&world, "Basic", people, "").await).await;
        assert_eq!(said(&world, run).await, "");
        let history = world.runtime.run_view(world.owner, run).await.unwrap().history.unwrap();
        let message = history.run_of("Ask", &[]).unwrap().error.clone().unwrap().message;
        assert!(message.contains(told), "{message}");
    }
    // What was asked of the first is taken back, so nobody answers into the void.
    assert_eq!(
        asked(&world, ApprovalState::Cancelled).await.record.withdrawn.unwrap(),
        "Not all who are asked could be told."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_whose_time_is_over_is_taken_back() {
    let world = world(&service(false, false).await.0).await;
    let ada = user(&world, 1, "Ada").await;
    let run = begun(&world, asking(&world, "Basic", "ada@example.org", r#","limit":{"timeout":"PT1S"}"#).await).await;
    let seen = asked(&world, ApprovalState::Cancelled).await;
    let late = world.runtime.answer_approval(ada, seen.approval.id, "Approve", "").await.unwrap_err().to_string();
    assert!(late.contains("does not wait"), "{late}");
    assert_eq!(said(&world, run).await, "");
    assert_eq!(world.store.approvals_awaited(ada).await.unwrap(), 0);
}

const HOST: &str =
    r#""apiId":"/providers/Microsoft.PowerApps/apis/shared_approvals","connectionName":"shared_approvals""#;

/// An action that asks and goes on.
fn creates(title: &str) -> String {
    format!(
        r#""Create":{{"type":"OpenApiConnection","inputs":{{"host":{{{HOST},"operationId":"CreateAnApproval"}},
            "parameters":{{"approvalType":"Basic","ApprovalCreationInput/title":"{title}","ApprovalCreationInput/assignedTo":"ada@example.org;","ApprovalCreationInput/enableReassignment":true}}}}}}"#
    )
}

/// An action that waits for an approval, and what runs after it.
fn waits(name: &str, after: &str, approval: &str, extra: &str) -> String {
    format!(
        r#""{name}":{{"type":"OpenApiConnectionWebhook","runAfter":{after},"inputs":{{"host":{{{HOST},"operationId":"WaitForAnApproval"}},"parameters":{{"approvalName":"{approval}"}},"retryPolicy":{{"type":"none"}}}}{extra}}}"#
    )
}

const CREATED: &str = "@outputs('Create')?['body/name']";

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_made_first_and_waited_for_again_and_again() {
    let mut world = world(&service(false, false).await.0).await;
    let ada = user(&world, 1, "Ada").await;
    // Two wait at the same time, the first gives up, a third waits for what is decided already.
    let actions = format!(
        r#"{{{},{},{},{},"Said":{{"type":"Compose","runAfter":{{"Late":["Succeeded"]}},"inputs":{{"link":"@body('Create')['respondLink']","asked":"@body('Create')['assignedTo']","outcomes":["@body('Wait')['outcome']","@body('Late')['responseSummary']"]}}}}}}"#,
        creates("Order 8"),
        waits("Hasty", r#"{"Create":["Succeeded"]}"#, CREATED, r#","limit":{"timeout":"PT1S"}"#),
        waits("Wait", r#"{"Create":["Succeeded"]}"#, CREATED, ""),
        waits("Late", r#"{"Wait":["Succeeded"],"Hasty":["TimedOut"]}"#, CREATED, ""),
    );
    let run = begun(&world, create(&world, r#"{"type":"Request"}"#, &actions).await.0).await;
    let id = asked(&world, ApprovalState::Open).await.approval.id;
    let status = async |world: &World, name: &str| {
        let history = world.runtime.run_view(world.owner, run).await.unwrap().history.unwrap();
        history.run_of(name, &[]).map(|action| action.status)
    };
    eventually(async || status(&world, "Hasty").await == Some(hookmill_model::ActionStatus::TimedOut)).await;
    assert_eq!(asked(&world, ApprovalState::Open).await.approval.id, id, "others wait for it still");
    world.runtime.stop(std::time::Duration::from_secs(5)).await;
    world.store.reopen();
    world.runtime = world::start_with(&world.store, &world.vault, RuntimeConfig::default()).await;
    world.runtime.answer_approval(ada, id, "Approve", "go").await.unwrap();
    let told = format!(
        r#"{{"link":"https://me.test/approvals/{id}","asked":"ada@example.org","outcomes":["Approve","Ada: Approve: go"]}}"#
    );
    assert_eq!(said(&world, run).await, told);
    asked(&world, ApprovalState::Ended).await;

    // Another flow waits for it by name; whoever names none, or another owner's, is told so.
    let other = format!(
        r#"{{{},"Said":{{"type":"Compose","runAfter":{{"Wait":["Succeeded"]}},"inputs":"@body('Wait')['outcome']"}}}}"#,
        waits("Wait", "{}", "@triggerBody()['id']", "")
    );
    let other = create(&world, r#"{"type":"Request"}"#, &other).await.0;
    let stranger: hookmill_model::ApprovalId = hookmill_model::Id::make(Timestamp::from_millis(1), [9; 10]);
    for (name, told) in [
        (id.to_string(), r#""Approve""#),
        (stranger.to_string(), "There is no approval"),
        ("Order 8".to_owned(), "'Order 8' is no approval of this server"),
        (String::new(), "'Approval ID' is empty"),
    ] {
        let body = Value::object([("id", name)]);
        let run = world.runtime.run_now(world.owner, other, body, Object::new()).await.unwrap();
        let ended = async || {
            let view = world.runtime.run_view(world.owner, run).await.unwrap();
            view.history.is_some_and(|history| history.run_of("Wait", &[]).is_some_and(|wait| wait.status.is_final()))
        };
        eventually(ended).await;
        let answer = said(&world, run).await;
        let history = world.runtime.run_view(world.owner, run).await.unwrap().history.unwrap();
        let error = history.run_of("Wait", &[]).unwrap().error.clone().map(|error| error.message.to_string());
        assert!(error.unwrap_or(answer).contains(told), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_that_are_not_there_are_refused_at_save() {
    let world = world(&service(false, false).await.0).await;
    for (kind, operation, told) in [
        ("OpenApiConnection", "WaitForAnApproval", "waits for an answer: the type of its action is"),
        ("OpenApiConnectionWebhook", "CreateAnApproval", "does not wait: the type of its action is"),
        ("OpenApiConnection", "CancelApproval", "has no operation 'CancelApproval'"),
    ] {
        let definition = format!(
            r#"{{"triggers":{{"a":{{"type":"Request"}}}},"actions":{{"Ask":{{"type":"{kind}","inputs":{{"host":{{{HOST},"operationId":"{operation}"}},"parameters":{{}}}}}}}}}}"#
        );
        let definition = Value::from_json(definition.as_bytes()).unwrap();
        let (profile, none) = (Profile::default(), BTreeMap::new());
        let findings = world.runtime.check_flow(world.owner, &definition, &Value::Null, profile, &none).await;
        assert!(findings.iter().any(|one| one.message.contains(told)), "{findings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_and_decisions_outlive_the_process() {
    let mut world = world(&service(false, false).await.0).await;
    let ada = user(&world, 1, "Ada").await;
    let flow = asking(&world, "Basic", "ada@example.org", "").await;
    let run = begun(&world, flow).await;
    let id = asked(&world, ApprovalState::Open).await.approval.id;
    // The process ends between the decision and the run's hearing of it.
    world.runtime.begin_to_stop();
    world.runtime.answer_approval(ada, id, "Reject", "no").await.unwrap();
    world.runtime.stop(std::time::Duration::from_secs(5)).await;
    world.store.reopen();
    world.runtime = world::start_with(&world.store, &world.vault, RuntimeConfig::default()).await;
    assert_eq!(said(&world, run).await, r#""Reject by ada@example.org: no""#);
    assert_eq!(asked(&world, ApprovalState::Ended).await.approval.id, id);
}
