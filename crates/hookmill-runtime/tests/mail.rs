//! *Send me an email notification*: from the action over the settings to a mail server.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod world;

use hookmill_model::{Object, RunStatus, Timestamp, Value};
use hookmill_store::{Accounts as _, Change, Lane, Role, Store as _, Unit, User};
use world::{World, create, eventually, flow_runs, mail_settings, post_office, service, world};

async fn owner(world: &World) {
    let user = User {
        id: world.owner,
        name: "Ada".to_owned(),
        email: "ada@example.org".to_owned(),
        password_hash: String::new(),
        role: Role::Owner,
        created_at: Timestamp::default(),
        updated_at: Timestamp::default(),
    };
    world.store.commit(Unit::from(Change::PutUser(user)), Lane::Work).await.unwrap();
}

fn mail_action(extra: &str) -> String {
    format!(
        r#"{{"Mail":{{"type":"OpenApiConnection","inputs":{{"host":{{"connectionName":"shared_flowpush","operationId":"SendEmailNotification","apiId":"/providers/Microsoft.PowerApps/apis/shared_flowpush"}},
            "parameters":{{"NotificationEmailDefinition/notificationSubject":"Push to @{{triggerBody()['repo']}}",
                "NotificationEmailDefinition/notificationBody":"<p>Look at <b>it</b></p>"}},
            "retryPolicy":{{"type":"fixed","count":2,"interval":"PT5S"}}{extra}}}}}}}"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_reaches_the_owner() {
    let (address, _) = service(false, false).await;
    let world = world(&address).await;
    owner(&world).await;
    let (port, mut told) = post_office(0).await;
    world.runtime.save_settings(mail_settings(port), Some("word-of-the-test")).await.unwrap();
    let (flow, _) = create(&world, r#"{"type":"Request"}"#, &mail_action("")).await;
    let body = Value::object([("repo", "mill")]);
    world.runtime.run_now(world.owner, flow, body, Object::new()).await.unwrap();
    let told = told.recv().await.unwrap();
    for part in ["RCPT TO:<ada@example.org>", "Subject: Push to mill", "<p>Look at <b>it</b></p>", "\nLook at it"] {
        assert!(told.contains(part), "{part} in {told}");
    }
    eventually(async || flow_runs(&world).await[0].status == RunStatus::Succeeded).await;
    let kept = world.store.setting("server").await.unwrap().unwrap();
    assert!(!String::from_utf8_lossy(&kept).contains("word-of-the-test"), "the password is sealed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_not_taken_says_why() {
    let (address, _) = service(false, false).await;
    let world = world(&address).await;
    owner(&world).await;
    let (flow, _) = create(&world, r#"{"type":"Request"}"#, &mail_action("")).await;
    let body = Value::object([("repo", "mill")]);
    let begun = std::time::Instant::now();
    let run = world.runtime.run_now(world.owner, flow, body.clone(), Object::new()).await.unwrap();
    eventually(async || flow_runs(&world).await[0].status == RunStatus::Failed).await;
    assert!(begun.elapsed().as_secs() < 4, "what cannot pass is not tried again");
    let history = world.runtime.run_view(world.owner, run).await.unwrap().history.unwrap();
    let error = history.run_of("Mail", &[]).unwrap().error.clone().unwrap();
    assert_eq!(&*error.code, "MailNotSent");
    assert!(error.message.contains("No mail server is set"), "{}", error.message);
    // A server that is busy is asked again, and gets the same message.
    let (port, mut told) = post_office(1).await;
    world.runtime.save_settings(mail_settings(port), Some("word-of-the-test")).await.unwrap();
    world.runtime.run_now(world.owner, flow, body, Object::new()).await.unwrap();
    assert!(!told.recv().await.unwrap().contains("Subject:"));
    let second = tokio::time::timeout(std::time::Duration::from_secs(15), told.recv()).await.unwrap().unwrap();
    assert!(second.contains("Subject: Push to mill"), "{second}");
}
