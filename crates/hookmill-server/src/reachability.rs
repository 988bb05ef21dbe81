//! Whether services can reach the callbacks: where the name leads, and whether a call through it arrives here.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hookmill_runtime::{Knock, Leads, knock, leads};
use hookmill_vault as vault;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::account::Caller;
use crate::extract::Json;
use crate::{Problem, ServerState, settings};

/// What the capability of a probe begins with; no real one holds a dot.
const PROBE: &str = "probe.";

/// Calls of this server to itself that are under way: capability → whether its body arrived as it was sent.
#[derive(Default)]
pub(crate) struct Probes(Mutex<HashMap<String, (String, Option<bool>)>>);

impl Probes {
    fn map(&self) -> std::sync::MutexGuard<'_, HashMap<String, (String, Option<bool>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a call of the callback door that is a probe; nothing for all others.
    pub(crate) fn answer(&self, capability: &str, body: &[u8]) -> Option<Response> {
        if !capability.starts_with(PROBE) {
            return None;
        }
        let mut map = self.map();
        let (sent, arrived) = map.get_mut(capability)?;
        *arrived = Some(sent.as_bytes() == body);
        Some((StatusCode::OK, sent.clone()).into_response())
    }
}

/// Whether services can reach the callbacks.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReachabilityVerdict)]
pub enum Verdict {
    /// A call arrived through an address of the internet.
    Public,
    /// A call arrived, but through an address of this machine or network.
    Local,
    /// No call arrived.
    Unreachable,
}

/// How one thing that was looked at is.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReachabilityFinding)]
pub enum Finding {
    /// As it should be.
    Good,
    /// It works, and should be known.
    Notice,
    /// It keeps services from reaching the server.
    Bad,
}

/// One thing that was looked at.
#[derive(Serialize, ToSchema)]
pub struct ReachabilityCheck {
    finding: Finding,
    /// What was found, as a name that stays: pages say it in their language.
    code: &'static str,
    /// The values that the sentence names, in its order.
    values: Vec<String>,
    /// What was found.
    detail: String,
}

/// Whether services can reach the callbacks, as far as that can be told from here.
#[derive(Serialize, ToSchema)]
pub struct Reachability {
    /// The address that was tried.
    url: String,
    verdict: Verdict,
    checks: Vec<ReachabilityCheck>,
    /// What to try.
    #[schema(required)]
    hint: Option<&'static str>,
    /// What cannot be told from here.
    unknown: &'static str,
}

/// Which address to try.
#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReachabilityForm {
    /// One that is not in use yet; the one in use where not said.
    url: Option<String>,
}

const UNKNOWN: &str = "The call came from this machine. Whether a firewall, a name server or a router treats calls \
                       from elsewhere differently can only be seen from elsewhere: the first notification of a \
                       service shows it.";

/// What was found. `detail` has a `{}` for each value.
fn check<const N: usize>(finding: Finding, code: &'static str, detail: &str, values: [String; N]) -> ReachabilityCheck {
    let mut said = String::new();
    let mut parts = detail.split("{}");
    said.push_str(parts.next().unwrap_or_default());
    for (value, part) in values.iter().zip(parts) {
        said.push_str(value);
        said.push_str(part);
    }
    ReachabilityCheck { finding, code, values: values.into(), detail: said }
}

/// Whether services can reach the callbacks, as far as that can be told from here: the server calls itself
#[utoipa::path(post, path = "/api/settings/public-url-check", tag = "settings", request_body = Option<ReachabilityForm>, responses((status = 200, body = Reachability)))]
pub async fn public_url_check(
    caller: Caller,
    State(state): State<ServerState>,
    form: Option<Json<ReachabilityForm>>,
) -> Result<Json<Reachability>, Problem> {
    settings::owner(&state, &caller).await?;
    let given = form.and_then(|Json(form)| form.url).filter(|url| !url.trim().is_empty());
    let url = given.as_deref().map_or(state.runtime.config().hooks_url(), str::trim).trim_end_matches('/').to_owned();
    let wrong = |_| Problem::bad("settings_invalid", "The public address begins with https:// or http://.").at("/url");
    let leads = leads(&url).await.map_err(wrong)?;
    let mut checks = vec![encrypted(&url), named(&leads)];
    if leads.addresses.is_err() {
        let hint = Some("Check the name, and whether its name server knows an address for it.");
        return Ok(Json(Reachability { url, verdict: Verdict::Unreachable, checks, hint, unknown: UNKNOWN }));
    }
    let secret = vault::make_capability().map_err(|error| Problem::explain(&error))?;
    let (capability, body) = (format!("{PROBE}{}", &secret[..16]), format!("{{\"probe\":\"{}\"}}", &secret[16..]));
    state.probes.map().insert(capability.clone(), (body.clone(), None));
    let knocked = knock(&format!("{url}/callback/{capability}"), &leads, body.clone()).await;
    let arrived = state.probes.map().remove(&capability).and_then(|(_, arrived)| arrived);
    let (found, hint) = arrival(&knocked, arrived, &body);
    let is_here = matches!(found.finding, Finding::Good);
    checks.push(found);
    let (verdict, hint) = match (is_here, leads.is_public()) {
        (true, true) => (Verdict::Public, None),
        (true, false) => (
            Verdict::Local,
            Some(
                "For services on the internet the server needs a public address: a reverse proxy or a tunnel in \
                 front of it, and --public-url https://… or this setting.",
            ),
        ),
        (false, _) => (Verdict::Unreachable, hint),
    };
    Ok(Json(Reachability { url, verdict, checks, hint, unknown: UNKNOWN }))
}

fn encrypted(url: &str) -> ReachabilityCheck {
    if url.starts_with("https://") {
        return check(Finding::Good, "encrypted", "The address is encrypted (https).", []);
    }
    check(
        Finding::Notice,
        "not_encrypted",
        "The address is not encrypted (http): what services send can be read on the way, some services refuse such \
         addresses, and phones get no push notifications from it.",
        [],
    )
}

fn named(leads: &Leads) -> ReachabilityCheck {
    let (host, leads_outside) = (leads.host.trim_matches(['[', ']']).to_owned(), leads.is_public());
    match &leads.addresses {
        Err(why) => check(Finding::Bad, "no_address", "The name {} has no address: {}.", [host, why.to_string()]),
        Ok(found) => {
            let list = found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            // An address that is written as such leads nowhere but to itself.
            let leads = if *host == list { host } else { format!("{host} → {list}") };
            if leads_outside {
                check(Finding::Good, "on_the_internet", "{} is on the internet.", [leads])
            } else if found.iter().all(std::net::IpAddr::is_loopback) {
                let detail = "{} is this machine itself: only programs on it can call it.";
                check(Finding::Notice, "this_machine", detail, [leads])
            } else {
                check(
                    Finding::Notice,
                    "this_network",
                    "{} is in this network: only programs there can call it.",
                    [leads],
                )
            }
        }
    }
}

/// What came of the call, and what to try where it did not arrive.
fn arrival(knocked: &Knock, arrived: Option<bool>, body: &str) -> (ReachabilityCheck, Option<&'static str>) {
    let proxy = Some("Check where the name leads, and the reverse proxy: it must pass /callback/… on as it is.");
    match (knocked, arrived) {
        (Knock::Answered { status: 200, body: answer, .. }, Some(true)) if answer == body => {
            let detail = "A call through the address arrived at this server, and its answer came back.";
            (check(Finding::Good, "arrived", detail, []), None)
        }
        (_, Some(false)) => {
            let detail =
                "A call arrived at this server, but not with the body that was sent: signatures would not fit.";
            (
                check(Finding::Bad, "body_changed", detail, []),
                Some("Let the reverse proxy pass bodies on byte by byte."),
            )
        }
        (Knock::Answered { status, .. }, Some(true)) => {
            let detail = "A call arrived at this server, but its answer did not come back: {} came.";
            (
                check(Finding::Bad, "answer_changed", detail, [status.to_string()]),
                Some("Let the reverse proxy pass answers on as they are."),
            )
        }
        (Knock::Answered { status, location: Some(to), .. }, None) if (300..400).contains(status) => {
            let detail = "The address answers {} and leads to {}; services do not follow such answers.";
            let values = [status.to_string(), to.clone()];
            let hint = "Use the address that it leads to as the public address.";
            (check(Finding::Bad, "leads_elsewhere", detail, values), Some(hint))
        }
        (Knock::Answered { status, .. }, None) => {
            let detail = "Something else answers there, with {}: the call did not arrive here.";
            (check(Finding::Bad, "another_answers", detail, [status.to_string()]), proxy)
        }
        (Knock::NotTrusted(why), _) => (
            check(Finding::Bad, "not_trusted", "The certificate is not trusted: {}.", [why.clone()]),
            Some("Services refuse it as well. Renew the certificate, or check that it is for this name and whole."),
        ),
        (Knock::Failed(why), _) => (
            check(Finding::Bad, "no_answer", "There was no answer: {}.", [why.clone()]),
            Some(
                "Check the firewall and the reverse proxy. Some routers do not let a network call its own public \
                 address: then try from a phone without Wi-Fi.",
            ),
        ),
    }
}
