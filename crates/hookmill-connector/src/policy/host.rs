//! Hosts by policy: which part of an address a value may name, and which origins credentials may go to.

use hookmill_model::Str;
use url::Url;

use super::expression::{Expression, Piece, Scope, Template};
use crate::draft::Base;
use crate::plan_error::PlanError;
use crate::serialise::{climbs, encoded, text};

/// Endings under which anybody can have a name, beside those of two letters and a common word such as `.co.uk`.
const SHARED: [&str; 22] = [
    "github.io",
    "gitlab.io",
    "herokuapp.com",
    "azurewebsites.net",
    "azurefd.net",
    "cloudapp.net",
    "cloudfront.net",
    "amazonaws.com",
    "appspot.com",
    "web.app",
    "firebaseapp.com",
    "run.app",
    "vercel.app",
    "netlify.app",
    "pages.dev",
    "workers.dev",
    "ngrok.io",
    "ngrok.app",
    "onrender.com",
    "fly.dev",
    "trafficmanager.net",
    "blogspot.com",
];
/// The second label of endings such as `.co.uk` and `.com.au`.
const COMMON: [&str; 10] = ["co", "com", "org", "net", "gov", "edu", "ac", "or", "ne", "mil"];

/// The base address that a template gives.
///
/// # Errors
/// A value is missing, holds what a host cannot hold, or comes from the flow and names an origin that is neither
/// `own` (the definition's) nor among `confirmed`.
pub(super) fn base(
    template: &Template,
    name: &str,
    scope: &Scope<'_>,
    own: &str,
    confirmed: &[Str],
) -> Result<Base, PlanError> {
    let wrong = |reason: String| PlanError::Policy { template: name.to_owned(), reason };
    let parts = authority(template);
    let mixed = parts.has_text || parts.calls > 1;
    let mut written = String::new();
    // The flow's call that names the whole authority, or a label that nothing of the connector's own follows.
    let mut by_flow: Option<&Expression> = None;
    for (index, piece) in template.0.iter().enumerate() {
        let call = match piece {
            Piece::Text(text) => {
                written.push_str(text);
                continue;
            }
            Piece::Call(call) => call,
        };
        let value = scope.value(call).map(|value| text(&value).trim().to_owned()).filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| PlanError::NoValue { template: name.to_owned(), what: call.shown() })?;
        if index >= parts.end {
            // Behind the authority: the flow's values are one segment, the owner's may be several.
            written.push_str(&if call.is_of_connection() { value } else { encoded(&value) });
            continue;
        }
        if parts.is_scheme(index) {
            if !matches!(&*value, "https" | "http") {
                return Err(wrong(format!("the value of {} is neither https nor http", call.shown())));
            }
            written.push_str(&value);
            continue;
        }
        if mixed && !value.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.')) {
            return Err(wrong(format!("the value of {} cannot be a part of a host", call.shown())));
        }
        if mixed && parts.ports.contains(&index) && !value.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong(format!("the value of {} is not a port", call.shown())));
        }
        if !call.is_of_connection() && !(mixed && (parts.ports.contains(&index) || parts.is_anchored(index, template)))
        {
            by_flow = Some(call);
        }
        if !mixed && value.contains("://") {
            // A value that says its own scheme overrules the template's.
            written.clear();
        }
        written.push_str(&value);
    }
    let written = written.trim();
    let whole = if written.contains("://") { written.to_owned() } else { format!("https://{written}") };
    let refused = || wrong(format!("\"{whole}\" is not an address of a host"));
    let url = Url::parse(&whole).map_err(|_| refused())?;
    let is_plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.host_str().is_some_and(|host| !host.is_empty())
        && !whole.contains(['\\', ' ']);
    if !is_plain || !matches!(url.scheme(), "https" | "http") {
        return Err(refused());
    }
    let after = whole.split_once("://").map_or("", |(_, after)| after);
    let path = after.split_once('/').map_or("", |(_, path)| path).trim_matches('/');
    if path.split('/').any(climbs) {
        return Err(refused());
    }
    let origin = url.origin().ascii_serialization();
    if let Some(call) = by_flow
        && origin != own
        && !confirmed.iter().any(|host| same_origin(host, &origin))
    {
        return Err(PlanError::Host { host: origin, what: call.shown() });
    }
    Ok(Base { origin, path: if path.is_empty() { String::new() } else { format!("/{path}") } })
}

/// Whether an address that a person confirmed is of this origin.
pub(crate) fn same_origin(address: &str, origin: &str) -> bool {
    Url::parse(address.trim()).is_ok_and(|url| url.origin().ascii_serialization() == origin)
}

/// Which pieces of a template stand in the authority.
struct Authority {
    /// The index behind the last of them.
    end: usize,
    /// Whether the template has text of its own there.
    has_text: bool,
    calls: usize,
    /// Indexes of calls that stand behind a colon.
    ports: Vec<usize>,
    /// Whether the first piece is a value that names the scheme.
    has_scheme: bool,
}

fn authority(template: &Template) -> Authority {
    let has_scheme = matches!(&template.0[..], [Piece::Call(_), Piece::Text(text), ..] if text.starts_with("://"));
    let mut found = Authority { end: template.0.len(), has_text: false, calls: 0, ports: Vec::new(), has_scheme };
    let mut before = "";
    for (index, piece) in template.0.iter().enumerate().skip(usize::from(has_scheme)) {
        match piece {
            Piece::Text(text) => {
                let text = if index == 0 { text.trim_start() } else { text };
                let text = text.split_once("://").map_or(text, |(_, after)| after);
                let own = text.split('/').next().unwrap_or_default();
                found.has_text |= !own.is_empty();
                before = own;
                // A slash ends the authority, unless it is one of those behind the scheme.
                if text.contains('/') {
                    found.end = index;
                    return found;
                }
            }
            Piece::Call(_) => {
                found.calls += 1;
                if before.ends_with(':') {
                    found.ports.push(index);
                }
                before = "";
            }
        }
    }
    found
}

impl Authority {
    const fn is_scheme(&self, index: usize) -> bool {
        self.has_scheme && index == 0
    }

    /// Whether text of the template behind a value holds a domain that belongs to somebody: `.example.org`.
    fn is_anchored(&self, index: usize, template: &Template) -> bool {
        let Some(Piece::Text(text)) = template.0.get(index + 1) else { return false };
        let own = text.split(['/', ':']).next().unwrap_or_default().to_ascii_lowercase();
        let Some(domain) = own.strip_prefix('.') else { return false };
        let labels: Vec<&str> = domain.split('.').collect();
        let ends_the_host = text.contains(['/', ':']) || index + 2 >= template.0.len();
        let is_shared = match labels[..] {
            [second, top] => SHARED.contains(&domain) || (top.len() == 2 && COMMON.contains(&second)),
            _ => SHARED.contains(&domain),
        };
        ends_the_host && labels.len() >= 2 && labels.iter().all(|label| !label.is_empty()) && !is_shared
    }
}

#[cfg(test)]
mod tests;
