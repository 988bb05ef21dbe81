//! The server's own settings: mail, retention, addresses. One value in the store; the mail password in it is sealed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookmill_http::SendErrorKind;
use hookmill_push::mail::{self, Mail, MailError, SmtpSecurity, SmtpSettings};
use hookmill_store::{Change, Lane, Retention, Shard, Store, Unit};
use serde::{Deserialize, Serialize};

use crate::{Error, Runtime};

/// The name in the store.
const NAME: &str = "server";
/// Binds the sealed password to its place.
const MAIL_PASSWORD: &str = "mail password";
/// Ended runs are kept so long unless the settings say otherwise.
const RETENTION_DAYS: u32 = 90;
/// Mails that the mail server is given at a time; others wait for their turn, as long as a service may take.
pub(crate) const MAILS_MAX: usize = 8;
/// How often what is old is forgotten.
const FORGET_INTERVAL: Duration = Duration::from_secs(3_600);
/// Rows that one step of forgetting removes at most.
const FORGET_ROWS: usize = 2_000;

/// What the owner can set while the server runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Where services and browsers reach the server; used from the next start on, unless a flag says otherwise.
    pub public_url: Option<String>,
    /// Ended runs are forgotten after so many days.
    pub retention_days: u32,
    /// The time zone that new schedules begin with.
    pub time_zone: String,
    /// The server that takes mail; `None` for no mail.
    pub mail: Option<MailSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { public_url: None, retention_days: RETENTION_DAYS, time_zone: "UTC".to_owned(), mail: None }
    }
}

/// The server that takes mail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MailSettings {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// `tls`, `starttls` or `none`.
    pub security: String,
    /// The user name; empty for none.
    pub username: String,
    /// The password, sealed.
    pub sealed_password: Option<String>,
    /// The sender.
    pub from: String,
}

impl MailSettings {
    /// Whether a password goes to the same server in the same way.
    #[must_use]
    pub fn leads_to(&self, other: &Self) -> bool {
        self.host.eq_ignore_ascii_case(&other.host) && self.port == other.port && self.security == other.security
    }
}

/// The settings that a store holds, before a runtime works on it.
///
/// # Errors
/// The store cannot be read, or the settings in it.
pub async fn stored_settings(store: &dyn Store) -> Result<Settings, Error> {
    match store.setting(NAME).await? {
        Some(bytes) => {
            Ok(hookmill_store::read("the server's settings", &bytes, |bytes| serde_json::from_slice(bytes))?)
        }
        None => Ok(Settings::default()),
    }
}

impl Runtime {
    /// The settings.
    ///
    /// # Errors
    /// The store cannot be read, or the settings in it.
    pub async fn settings(&self) -> Result<Settings, Error> {
        let settings = stored_settings(&**self.0.store).await;
        match &settings {
            Ok(_) => self.0.damages.forget_settings(),
            Err(Error::Damaged(damaged)) => self.0.damages.note_setting(damaged),
            Err(_) => {}
        }
        settings
    }

    /// Stores the settings. A mail password that is given is sealed; without one the stored one stays, for the server and
    /// the way to it for which it was given.
    ///
    /// # Errors
    /// The vault or the store refused; the stored password was to stay and cannot be read.
    pub async fn save_settings(&self, mut settings: Settings, mail_password: Option<&str>) -> Result<(), Error> {
        if let Some(mail) = &mut settings.mail {
            mail.sealed_password = match mail_password {
                Some(password) => {
                    let sealed = self.0.vault.seal(MAIL_PASSWORD, password.as_bytes());
                    Some(STANDARD.encode(sealed.map_err(|error| Error::Internal(error.to_string()))?))
                }
                None if mail.username.is_empty() => None,
                None => {
                    let before = self.settings().await?.mail.filter(|before| mail.leads_to(before));
                    before.and_then(|before| before.sealed_password)
                }
            };
        }
        let bytes = serde_json::to_vec(&settings).map_err(|error| Error::Internal(error.to_string()))?;
        self.0.store.commit(Unit::from(Change::PutSetting(NAME.to_owned(), bytes.into())), Lane::Work).await?;
        self.0.damages.forget_settings();
        Ok(())
    }

    /// Sends a message with the mail server of the settings.
    ///
    /// # Errors
    /// There is none, or it did not take the message.
    pub async fn send_mail(&self, message: &Mail) -> Result<(), Error> {
        let turn = tokio::time::timeout(self.0.config.service_wait, self.0.mails.acquire()).await;
        let Ok(Ok(_place)) = turn else {
            return Err(Error::ServiceUnreachable {
                message: format!("{MAILS_MAX} mails are under way, and the mail server does not take them."),
            });
        };
        let Some(mail) = self.settings().await?.mail.filter(|mail| !mail.host.is_empty()) else {
            return Err(Error::NotPossible(
                "No mail server is set. The owner sets one under Settings → Mail.".to_owned(),
            ));
        };
        let password = match &mail.sealed_password {
            Some(sealed) => {
                let unreadable = || Error::Credentials { name: "mail".to_owned() };
                let sealed = STANDARD.decode(sealed).map_err(|_| unreadable())?;
                let plain = self.0.vault.unseal(MAIL_PASSWORD, &sealed).map_err(|_| unreadable())?;
                String::from_utf8_lossy(&plain).into_owned()
            }
            None => String::new(),
        };
        let port = if mail.port == 0 { 587 } else { mail.port };
        let addresses = self.0.client.policy().mail_addresses(&mail.host, port).await;
        let addresses = addresses.map_err(|error| {
            let (server, reason) = (format!("{}:{port}", mail.host), error.message);
            match error.kind {
                SendErrorKind::AddressNotAllowed => MailError::NotAllowed { server, reason },
                _ => MailError::Unreachable { server, reason },
            }
        })?;
        let smtp = SmtpSettings {
            host: mail.host,
            port,
            addresses,
            security: match mail.security.as_str() {
                "tls" => SmtpSecurity::Tls,
                "none" => SmtpSecurity::None,
                _ => SmtpSecurity::StartTls,
            },
            credentials: (!mail.username.is_empty()).then(|| (mail.username, password.into())),
            from: mail.from,
            timeout: self.0.config.service_wait,
        };
        Ok(mail::send(&smtp, message).await?)
    }

    /// Forgets what is older than the settings say, a little at a time.
    pub(crate) async fn forget_old(self) {
        let mut stopped = self.stopped();
        loop {
            // What cannot be read says nothing about how long runs are to be kept: nothing is forgotten then.
            // Of several servers one forgets.
            if self.0.shards.holds(Shard::new(0))
                && let Ok(settings) = self.settings().await
            {
                let now = self.now();
                let span = i64::from(settings.retention_days.max(1)) * 86_400_000_000;
                let before = hookmill_model::Timestamp::from_micros(now.as_micros().saturating_sub(span));
                while let Ok(purged) = self.0.store.purge(Retention { now, before, rows_max: FORGET_ROWS }).await {
                    if !purged.more || *stopped.borrow() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                if let Err(error) = self.forget_received(before).await {
                    tracing::warn!(%error, "old notes of calls cannot be forgotten; it is tried again");
                }
            }
            tokio::select! {
                _ = stopped.changed() => return,
                () = tokio::time::sleep(FORGET_INTERVAL) => {}
            }
        }
    }
}
