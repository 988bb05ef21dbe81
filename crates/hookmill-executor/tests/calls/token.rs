//! Token endpoints, which differ more than their standard.

use std::time::Duration;

use hookmill_executor::{TokenAnswer, TokenGrant, TokenRefusal, TokenRequest};

use crate::service::{Service, executor, header, reply};

fn wanted(service: &Service, grant: TokenGrant) -> TokenRequest {
    TokenRequest {
        url: service.url("/token"),
        client_id: "c1".to_owned(),
        client_secret: "canary+secret".to_owned(),
        grant,
        timeout: Duration::from_secs(5),
    }
}

fn refresh() -> TokenGrant {
    TokenGrant::Refresh { token: "canary-refresh".to_owned() }
}

/// What is made of one answer to a refresh.
async fn read(status: u16, headers: &'static str, body: &'static str) -> Result<TokenAnswer, TokenRefusal> {
    let service = Service::start(move |_| Some(reply(status, headers, body))).await;
    executor().token(&wanted(&service, refresh())).await
}

const JSON: &str = "Content-Type: application/json\n";

#[tokio::test]
async fn a_code_is_exchanged_with_its_verifier() {
    let service = Service::start(|_| Some(reply(200, JSON, r#"{"access_token":"a","refresh_token":"r"}"#))).await;
    let grant = TokenGrant::Code {
        code: "c/1".to_owned(),
        redirect_url: "https://me.test/oauth/callback".to_owned(),
        verifier: "v".to_owned(),
    };
    let answer = executor().token(&wanted(&service, grant)).await.ok().unwrap();
    assert_eq!((answer.access_token.as_str(), answer.refresh_token.as_deref()), ("a", Some("r")));
    assert_eq!(answer.usable_for, None);
    let told = service.only();
    assert_eq!(header(&told, "accept"), Some("application/json"));
    assert!(
        told.ends_with(
            "\r\n\r\ngrant_type=authorization_code&client_id=c1&client_secret=canary%2Bsecret&code=c%2F1\
             &redirect_uri=https%3A%2F%2Fme.test%2Foauth%2Fcallback&code_verifier=v"
        ),
        "{told}"
    );
}

#[tokio::test]
async fn answers_are_read_as_services_write_them() {
    let span = |answer: Result<TokenAnswer, TokenRefusal>| answer.ok().unwrap().usable_for.unwrap().as_secs();
    let minutes = |seconds: u64| (seconds - 121)..=(seconds - 120);
    assert!(minutes(3_600).contains(&span(read(200, JSON, r#"{"access_token":"a","expires_in":3600}"#).await)));
    assert!(minutes(3_600).contains(&span(read(201, JSON, r#"{"access_token":"a","expires_in":"3600.5"}"#).await)));
    assert!((70..=75).contains(&span(read(200, JSON, r#"{"access_token":"a","expires_in":100}"#).await)));
    let unsaid = read(200, JSON, r#"{"access_token":"a","expires_in":0}"#).await.ok().unwrap();
    assert_eq!((unsaid.usable_for, unsaid.refresh_token), (None, None));
    let form = read(200, "Content-Type: text/plain\n", "access_token=a%2Fb&scope=&token_type=bearer").await;
    assert_eq!(form.ok().unwrap().access_token, "a/b");
}

#[tokio::test]
async fn refusals_are_told_apart_and_hold_no_secret() {
    let refused = |answer: Result<TokenAnswer, TokenRefusal>| answer.err().unwrap();
    let ended = refused(
        read(400, JSON, r#"{"error":"invalid_grant","error_description":"canary-refresh\nof canary+secret is gone"}"#)
            .await,
    );
    assert_eq!((ended.error.as_str(), ended.retryable, ended.is_about_client()), ("invalid_grant", false, false));
    assert!(ended.message.contains("answered 400 invalid_grant [secret: token request]of"), "{}", ended.message);
    assert!(!ended.message.contains("canary"), "{}", ended.message);
    let with_200 = refused(read(200, JSON, r#"{"error":"bad_refresh_token"}"#).await);
    assert_eq!((with_200.error.as_str(), with_200.retryable), ("bad_refresh_token", false));
    let empty = refused(read(200, JSON, "{}").await);
    assert!(empty.message.ends_with("answered 200 without an access token"), "{}", empty.message);
    for (status, body) in [(503, "busy"), (500, r#"{"error":"server_error"}"#), (429, r#"{"error":"slow_down"}"#)] {
        assert!(refused(read(status, "", body).await).retryable, "{status}");
    }
    assert!(refused(read(401, "", "").await).is_about_client());
    assert!(!refused(read(404, "", "<html>").await).retryable);
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_may_be_tried_again() {
    let mut request = wanted(&Service::silent().await, refresh());
    // A port that was free a moment ago.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    request.url = format!("http://{gone}/token");
    let refusal = executor().token(&request).await.err().unwrap();
    assert!(refusal.retryable && refusal.error.is_empty(), "{refusal:?}");
    request.url = "http://10.0.0.1/token".to_owned();
    let refusal = executor().token(&request).await.err().unwrap();
    assert!(!refusal.retryable, "an address that is not allowed stays so: {refusal:?}");
}

#[tokio::test]
async fn the_secret_goes_into_the_header_where_the_body_is_refused() {
    let service = Service::start(|request| {
        Some(match header(request, "authorization") {
            Some("Basic YzE6Y2FuYXJ5JTJCc2VjcmV0") => reply(200, JSON, r#"{"access_token":"a"}"#),
            _ => reply(401, JSON, r#"{"error":"invalid_client"}"#),
        })
    })
    .await;
    let client = TokenGrant::Client { scope: "all".to_owned(), resource: String::new() };
    assert_eq!(executor().token(&wanted(&service, client)).await.ok().unwrap().access_token, "a");
    let told = service.told();
    assert!(told[1].ends_with("\r\n\r\ngrant_type=client_credentials&scope=all"), "{told:#?}");
}
