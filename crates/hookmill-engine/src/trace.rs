//! The trace that a notification belongs to, as the W3C writes it (Trace Context): whoever passes it on lets people follow
//! one matter through all services that it touches.
//!
//! A run belongs to the trace that its trigger received in the header `traceparent`. Each of its requests is a span of
//! that trace, whose identifier is made from the attempt: one that is sent again after a crash is the same span. The run
//! is a span too, made from its identifier.

use hookmill_model::{Id as _, Object, RunId};

use crate::command::EffectId;

/// The header that names trace and span.
pub const TRACE_HEADER: &str = "traceparent";
/// What the systems of a trace tell each other beside it; passed on as it is.
pub const TRACE_STATE_HEADER: &str = "tracestate";
/// A longer state is not passed on; the W3C wants at least so many characters to be.
const STATE_BYTES_MAX: usize = 512;
/// The flags that are known: sampled, and made at random.
const FLAGS: u8 = 0b11;
/// Somebody keeps the spans of this trace.
const SAMPLED: u8 = 0b01;

/// A trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    id: String,
    /// The span that the notification was sent by, 16 digits.
    parent: Option<String>,
    flags: u8,
    state: Option<String>,
}

/// So many digits of a number in hexadecimal, in lower case.
fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit))
}

fn is_id(text: &str, digits: usize) -> bool {
    is_hex(text, digits) && text.bytes().any(|digit| digit != b'0')
}

impl Trace {
    /// The trace that headers name; `None` where they name none, or in another form than the W3C's.
    #[must_use]
    pub fn of(headers: &Object) -> Option<Self> {
        let header = |name| hookmill_expression::member(headers, name)?.as_str().map(str::trim);
        let mut parts = header(TRACE_HEADER)?.split('-');
        let (version, id, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // Later versions may say more behind it.
        let is_known = is_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
        if !is_known || !is_id(id, 32) || !is_id(span, 16) || !is_hex(flags, 2) {
            return None;
        }
        let flags = u8::from_str_radix(flags, 16).ok()? & FLAGS;
        let state = header(TRACE_STATE_HEADER).filter(|state| {
            (1..=STATE_BYTES_MAX).contains(&state.len()) && state.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        });
        let parent = Some(span.to_owned());
        Some(Self { id: id.to_owned(), parent, flags, state: state.map(ToOwned::to_owned) })
    }

    /// The trace that a run begins which received none.
    #[must_use]
    pub fn begun_by(run: RunId) -> Self {
        Self { id: format!("{:032x}", run.to_bits().max(1)), parent: None, flags: SAMPLED, state: None }
    }

    /// Its identifier, 32 digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The span that the run is a part of, 16 digits.
    #[must_use]
    pub fn parent(&self) -> Option<&str> {
        self.parent.as_deref()
    }

    /// Whether whoever began the trace keeps its spans.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The header [`TRACE_HEADER`] of a request.
    #[must_use]
    pub fn header(&self, effect: &EffectId) -> String {
        format!("00-{}-{}-{:02x}", self.id, request_span(effect), self.flags)
    }

    /// The header [`TRACE_STATE_HEADER`] of a request.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

/// The span of a run, 16 digits.
#[must_use]
pub fn run_span(run: RunId) -> String {
    span(&run.to_string())
}

/// The span of a request of a run, 16 digits.
#[must_use]
pub fn request_span(effect: &EffectId) -> String {
    span(&effect.to_string())
}

/// The identifier of a span: the FNV-1a hash of its name, which is never 0 in a span.
fn span(name: &str) -> String {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    format!("{:016x}", hash.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::ActionPath;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn trace(parent: &str, state: Option<&str>) -> Option<Trace> {
        let mut headers = Object::new();
        headers.insert("Traceparent", parent);
        if let Some(state) = state {
            headers.insert("TraceState", state);
        }
        Trace::of(&headers)
    }

    #[test]
    fn requests_are_spans_of_the_trace_that_came_in() {
        let trace = trace(&format!("00-{ID}-00f067aa0ba902b7-01"), Some("rojo=00f067aa0ba902b7")).unwrap();
        let effect = |attempt| EffectId {
            run: RunId::from_bits(7),
            path: ActionPath { action: "Call".into(), indexes: vec![2] },
            attempt,
        };
        let header = trace.header(&effect(1));
        assert!(header.starts_with(&format!("00-{ID}-")) && header.ends_with("-01") && header.len() == 55, "{header}");
        assert_eq!(header, trace.header(&effect(1)), "the same one when it is handed out again");
        assert_ne!(header, trace.header(&effect(2)), "another one for another attempt");
        assert_eq!((trace.id(), trace.state()), (ID, Some("rojo=00f067aa0ba902b7")));
        assert_eq!((trace.parent(), trace.is_sampled()), (Some("00f067aa0ba902b7"), true));
        let own = Trace::begun_by(RunId::from_bits(7));
        assert_eq!((own.id().len(), own.parent(), own.is_sampled()), (32, None, true));
    }

    #[test]
    fn what_is_no_trace_of_the_w3c_is_none() {
        let span = "00f067aa0ba902b7";
        for wrong in [
            String::new(),
            "00".to_owned(),
            format!("00-{ID}-{span}"),
            format!("ff-{ID}-{span}-01"),
            format!("00-{ID}-{span}-01-more"),
            format!("00-{}-{span}-01", "0".repeat(32)),
            format!("00-{ID}-{}-01", "0".repeat(16)),
            format!("00-{}-{span}-01", ID.to_uppercase()),
            format!("00-{ID}-{span}-1"),
            format!("00-{}é-{span}-01", &ID[..30]),
        ] {
            assert_eq!(trace(&wrong, None), None, "{wrong}");
        }
        // A later version may say more; unknown flags are not passed on.
        let later = trace(&format!("cc-{ID}-{span}-ff-more"), Some("é")).unwrap();
        assert_eq!((later.flags, later.state()), (FLAGS, None));
        assert_eq!(Trace::of(&Object::new()), None);
    }
}
