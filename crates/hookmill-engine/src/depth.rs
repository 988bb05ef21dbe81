//! How many runs called each other before this one: what keeps flows that call themselves from doing so without end.

use hookmill_model::Object;

/// The header that calls of the server to its own addresses carry: how many runs called each other before.
pub const DEPTH_HEADER: &str = "hookmill-depth";

/// What the header says; 0 where there is none or it is no number.
#[must_use]
pub fn depth_of(headers: &Object) -> u32 {
    let own = hookmill_expression::member(headers, DEPTH_HEADER);
    own.and_then(|depth| depth.as_str()?.trim().parse().ok()).unwrap_or(0)
}
