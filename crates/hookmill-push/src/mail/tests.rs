//! A mail server of the test, and what is said when it misbehaves.

use super::*;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

/// How the server behaves.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Kind,
    RefusesPassword,
    RefusesReceiver,
    Greylists,
    HangsUpAfterData,
    SilentAfterData,
}

/// Serves one connection and gives back what it was told.
async fn server(mood: Mood) -> (u16, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        let mut told = String::new();
        let mut in_data = false;
        write.write_all(b"220 mail.test ready\r\n").await.unwrap();
        while let Ok(Some(line)) = lines.next_line().await {
            told.push_str(&line);
            told.push('\n');
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
            let answer = if in_data {
                if line != "." {
                    continue;
                }
                in_data = false;
                match mood {
                    Mood::HangsUpAfterData => break,
                    Mood::SilentAfterData => continue,
                    _ => "250 2.0.0 taken",
                }
            } else {
                match verb.as_str() {
                    "EHLO" => "250-mail.test\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN",
                    "AUTH" if mood == Mood::RefusesPassword => "535 5.7.8 wrong password",
                    "AUTH" => "235 welcome",
                    "RCPT" if mood == Mood::RefusesReceiver => "550 5.1.1 no such user",
                    "RCPT" if mood == Mood::Greylists => "451 4.7.1 come back later",
                    "DATA" => {
                        in_data = true;
                        "354 go on"
                    }
                    "QUIT" => "221 bye",
                    _ => "250 ok",
                }
            };
            if write.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
                break;
            }
        }
        told
    });
    (port, serving)
}

fn settings(port: u16) -> SmtpSettings {
    SmtpSettings {
        host: "127.0.0.1".to_owned(),
        port,
        addresses: vec![([127, 0, 0, 1], port).into()],
        security: SmtpSecurity::None,
        credentials: Some(("user".to_owned(), Zeroizing::new("word".to_owned()))),
        from: "Hookmill <flows@example.com>".to_owned(),
        timeout: Duration::from_millis(800),
    }
}

fn mail() -> Mail {
    Mail {
        mark: "4f2a".to_owned(),
        to: "a@example.com; \"B, Bert\" <b@example.com>".to_owned(),
        bcc: "hidden@example.com".to_owned(),
        subject: "Build\r\nBcc: evil@example.com ✓".to_owned(),
        text: "Line one\n.\nline ü".to_owned(),
        html: Some("<p>Line</p>".to_owned()),
        ..Mail::default()
    }
}

async fn outcome(mood: Mood) -> (Result<(), MailError>, String) {
    let (port, serving) = server(mood).await;
    let ended = send(&settings(port), &mail()).await;
    (ended, serving.await.unwrap())
}

#[tokio::test]
async fn a_message_arrives_with_all_receivers_and_one_subject() {
    let (ended, told) = outcome(Mood::Kind).await;
    ended.unwrap();
    for part in [
        "EHLO example.com",
        "MAIL FROM:<flows@example.com>",
        "RCPT TO:<b@example.com>",
        "RCPT TO:<hidden@example.com>",
        "Message-ID: <4f2a@example.com>",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert!(told.contains("multipart/alternative"));
    assert!(!told.contains("\nBcc:"), "{told}");
    assert!(told.contains("QUIT"));
}

#[tokio::test]
async fn every_step_has_its_own_words() {
    let (ended, _) = outcome(Mood::RefusesPassword).await;
    assert_eq!(ended.as_ref().unwrap_err().code(), "mail_authentication_refused", "{ended:?}");
    let (ended, _) = outcome(Mood::RefusesReceiver).await;
    let error = ended.unwrap_err();
    assert!(
        matches!(&error, MailError::Refused { later: false, reason, .. } if reason.contains("no such user")),
        "{error}"
    );
    let (ended, _) = outcome(Mood::Greylists).await;
    let error = ended.unwrap_err();
    assert!(error.retryable() && !error.maybe_sent(), "{error}");
    for mood in [Mood::HangsUpAfterData, Mood::SilentAfterData] {
        let (port, serving) = server(mood).await;
        let error = send(&settings(port), &mail()).await.unwrap_err();
        assert!(error.maybe_sent() && error.retryable(), "{error:?}");
        serving.abort();
    }
}

#[tokio::test]
async fn an_unprotected_server_gets_no_password() {
    let (port, serving) = server(Mood::Kind).await;
    let starttls = SmtpSettings { security: SmtpSecurity::StartTls, ..settings(port) };
    let error = send(&starttls, &mail()).await.unwrap_err();
    assert_eq!(error.code(), "mail_server_tls_failed", "{error}");
    assert!(!serving.await.unwrap().contains("AUTH"));
    let (port, serving) = server(Mood::Kind).await;
    let error = send(&SmtpSettings { security: SmtpSecurity::Tls, ..settings(port) }, &mail()).await.unwrap_err();
    assert!(!error.maybe_sent(), "{error}");
    serving.abort();
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let error = send(&settings(free), &mail()).await.unwrap_err();
    assert_eq!(error.code(), "mail_server_unreachable", "{error}");
}

#[tokio::test]
async fn wrong_addresses_are_named_before_anything_is_sent() {
    let wrong = Mail { cc: "not an address".to_owned(), ..mail() };
    let error = send(&settings(1), &wrong).await.unwrap_err();
    assert_eq!(error, MailError::AddressInvalid { field: "cc", address: "not an address".to_owned() });
    let nobody = Mail { to: " ; ".to_owned(), bcc: String::new(), ..mail() };
    assert_eq!(send(&settings(1), &nobody).await.unwrap_err(), MailError::NoReceiver);
    assert!(!format!("{:?}", settings(1)).contains("word"));
}
