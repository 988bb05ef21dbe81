//! Signed addresses: of Request triggers, and of answers that a caller asks for later.
//!
//! What may be done (`sp`) and the version of the rules (`sv`) stand in the query, and `sig` covers both together with
//! the generation that the address was made for. So nothing secret is stored, and a new generation ends the old address.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookmill_model::{FlowId, Object, RunId, Str, SubscriptionId, Value};

use crate::Runtime;

/// The rules of the signature.
const SIGNATURE_VERSION: &str = "1.0";
/// What callers of such addresses send; it is not looked at.
const API_VERSION: &str = "2016-10-01";
/// Query parameters that belong to the address, not to the flow.
const OWN_QUERIES: [&str; 4] = ["api-version", "sp", "sv", "sig"];
/// The purpose of the key.
const PURPOSE: &str = "signed addresses";

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

impl Runtime {
    fn signature(&self, generation: SubscriptionId, permission: &str) -> [u8; 32] {
        self.0.vault.lookup(PURPOSE, &format!("{generation}\n{permission}\n{SIGNATURE_VERSION}"))
    }

    fn signed(&self, path: &str, generation: SubscriptionId, permission: &str) -> String {
        let signature = URL_SAFE_NO_PAD.encode(self.signature(generation, permission));
        format!(
            "{}/{path}?api-version={API_VERSION}&sp={}&sv={SIGNATURE_VERSION}&sig={signature}",
            self.0.config.hooks_url(),
            encoded(permission)
        )
    }

    /// The address of a flow's Request trigger. Names in the relative path are left for the caller to fill in.
    pub(crate) fn trigger_url(&self, flow: FlowId, generation: SubscriptionId, definition: &Value) -> Option<String> {
        let (name, trigger) = definition.get("triggers")?.as_object()?.at(0)?;
        let below = trigger.pointer("/inputs/relativePath").and_then(Value::as_str).unwrap_or_default();
        let mut path = format!("workflows/{flow}/triggers/{}/paths/invoke", encoded(name));
        for segment in below.split('/').filter(|segment| !segment.is_empty()) {
            path.push('/');
            let is_name = segment.starts_with('{') && segment.ends_with('}');
            path.push_str(&if is_name { segment.to_owned() } else { encoded(segment) });
        }
        Some(self.signed(&path, generation, &trigger_permission(name)))
    }

    /// The address of a call of a Request trigger, without its query; `below` is percent-encoded already.
    pub(crate) fn invoked(&self, flow: FlowId, trigger: &str, below: &str) -> String {
        let below = if below.is_empty() { String::new() } else { format!("/{below}") };
        let origin = self.0.config.hooks_url();
        format!("{origin}/workflows/{flow}/triggers/{}/paths/invoke{below}", encoded(trigger))
    }

    /// Where the caller of an asynchronous Response asks for the answer.
    pub(crate) fn answer_url(&self, flow: FlowId, generation: SubscriptionId, run: RunId) -> String {
        self.signed(&format!("workflows/{flow}/runs/{run}/response"), generation, &answer_permission(run))
    }

    /// Whether the query of a call holds the signature for what is asked.
    pub(crate) fn is_signed(&self, generation: SubscriptionId, permission: &str, query: &Object) -> bool {
        let text = |name: &str| query.get(name).and_then(Value::as_str).unwrap_or_default();
        let given = URL_SAFE_NO_PAD.decode(text("sig").trim_end_matches('=')).unwrap_or_default();
        let is_same = hookmill_vault::same(&given, &self.signature(generation, permission));
        is_same && text("sp") == permission && text("sv") == SIGNATURE_VERSION
    }
}

/// What the signature of a trigger's address permits.
pub(crate) fn trigger_permission(trigger: &str) -> String {
    format!("/triggers/{trigger}/run")
}

/// What the signature of an answer's address permits.
pub(crate) fn answer_permission(run: RunId) -> String {
    format!("/runs/{run}/response/read")
}

/// The caller's own query.
pub(crate) fn own_query(query: &Object) -> Object {
    let own = query.iter().filter(|(name, _)| !OWN_QUERIES.contains(&&***name));
    own.map(|(name, value): (&Str, &Value)| (name.clone(), value.clone())).collect()
}
