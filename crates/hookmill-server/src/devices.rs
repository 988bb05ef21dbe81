//! Cookies: of the session, and of a browser that has signed in to an account before.
//!
//! The mark of a known browser is a random text with its keyed hash over the account, so nothing is stored for it. It
//! opens nothing; guesses from that browser are only counted apart from those of strangers, who therefore cannot keep the
//! owner of an account out by guessing.
//!
//! Under https the names begin with `__Host-`: browsers take such cookies only from this host itself, over https, for
//! every path, so a neighbour under the same domain cannot plant one.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use hookmill_model::UserId;
use hookmill_vault as vault;

use crate::ServerState;

/// A cookie of this server.
#[derive(Clone, Copy)]
pub(crate) enum Cookie {
    /// The session's secret.
    Session,
    /// The mark of a known browser.
    Device,
}

/// A browser stays known for so long.
const DEVICE: Duration = Duration::from_secs(180 * 24 * 3_600);
/// The purpose of the key.
const PURPOSE: &str = "known devices";
/// Characters of the random part of a mark.
const MARK_CHARS: usize = 22;

impl ServerState {
    /// Whether browsers reach the server over https.
    pub(crate) fn is_https(&self) -> bool {
        self.config.public_url.starts_with("https:")
    }

    fn cookie_name(&self, cookie: Cookie) -> &'static str {
        match (cookie, self.is_https()) {
            (Cookie::Session, true) => "__Host-hookmill_session",
            (Cookie::Session, false) => "hookmill_session",
            (Cookie::Device, true) => "__Host-hookmill_device",
            (Cookie::Device, false) => "hookmill_device",
        }
    }

    /// The value of a cookie that a request carries.
    pub(crate) fn cookie<'a>(&self, cookie: Cookie, headers: &'a HeaderMap) -> Option<&'a str> {
        let name = self.cookie_name(cookie);
        let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        all.flat_map(|line| line.split(';')).find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
    }

    /// The header that sets a cookie; with no time it is taken away.
    pub(crate) fn set_cookie(&self, cookie: Cookie, value: &str, lasts: Duration) -> Option<HeaderValue> {
        let secure = if self.is_https() { "; Secure" } else { "" };
        let name = self.cookie_name(cookie);
        let line = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}{secure}", lasts.as_secs());
        HeaderValue::from_str(&line).ok()
    }

    fn device_seal(&self, user: UserId, mark: &str) -> String {
        hookmill_model::hex(&self.runtime.vault().lookup(PURPOSE, &format!("{user}\n{mark}")))
    }

    /// The mark of a browser that has signed in to this account before.
    pub(crate) fn known_device(&self, user: UserId, headers: &HeaderMap) -> Option<String> {
        let (mark, seal) = self.cookie(Cookie::Device, headers)?.split_once('.')?;
        let is_ours = vault::same(seal.as_bytes(), self.device_seal(user, mark).as_bytes());
        is_ours.then(|| mark.to_owned())
    }

    /// The cookie that makes a browser known for this account.
    pub(crate) fn device_cookie(&self, user: UserId) -> Option<HeaderValue> {
        let secret = vault::make_capability().ok()?;
        let mark = secret.get(..MARK_CHARS)?;
        self.set_cookie(Cookie::Device, &format!("{mark}.{}", self.device_seal(user, mark)), DEVICE)
    }
}
