//! Messages to people: Web Push for browsers and phones, e-mail by SMTP.
//!
//! Web Push is prepared here and sent by whoever owns the HTTP client: the encryption (RFC 8291 in the coding of RFC
//! 8188), the proof of sender (RFC 8292) and the meaning of the answer, all pure. E-mail speaks its own protocol and is
//! sent here.
//!
//! | file | noun |
//! |---|---|
//! | `subscription` | [`Subscription`]: one browser's address and keys |
//! | `vapid` | [`VapidKey`]: the server's signature |
//! | `encryption` | the message only that browser can read |
//! | `webpush` | [`prepare`]: the request to the push service; [`outcome`]: what its answer means |
//! | `mail` | [`mail::send`]: one message through one SMTP server |

mod encryption;
pub mod mail;
mod subscription;
mod vapid;
mod webpush;

pub use encryption::{PAYLOAD_BYTES_MAX, Randomness};
pub use subscription::{PushError, Subscription, is_known_push_service};
pub use vapid::VapidKey;
pub use webpush::{Message, PushOutcome, PushRequest, Urgency, outcome, prepare};
