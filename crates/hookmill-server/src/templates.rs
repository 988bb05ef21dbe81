//! Flows to start from. Each is a file in `templates/` with titles, the connections that it needs, a whole definition,
//! and test cases in the form that `hookmill flow test` runs; the tests of this file run them all.

use std::sync::LazyLock;

use hookmill_model::Value;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::account::Caller;
use crate::extract::Json;
use crate::list::Page;

/// The files in the order of the gallery.
const FILES: &[&str] = &[
    include_str!("../templates/push-to-phone.json"),
    include_str!("../templates/push-to-chat.json"),
    include_str!("../templates/issue-to-mail.json"),
    include_str!("../templates/form-approval.json"),
    include_str!("../templates/payment-to-sheet.json"),
    include_str!("../templates/daily-digest.json"),
    include_str!("../templates/watch-page.json"),
    include_str!("../templates/health-check.json"),
    include_str!("../templates/reminder.json"),
    include_str!("../templates/escalation.json"),
    include_str!("../templates/request-response-api.json"),
    include_str!("../templates/csv-export.json"),
    include_str!("../templates/check-and-forward.json"),
    include_str!("../templates/read-all-pages.json"),
    include_str!("../templates/webhook-adapter.json"),
    include_str!("../templates/one-run-per-event.json"),
    include_str!("../templates/fan-out.json"),
    include_str!("../templates/wait-for-job.json"),
    include_str!("../templates/error-catcher.json"),
    include_str!("../templates/deduplicating-receiver.json"),
    include_str!("../templates/deploy-gate.json"),
    include_str!("../templates/time-zones.json"),
];

/// A text in the languages of the interface.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[schema(as = TemplateText)]
pub struct Words {
    en: String,
    de: String,
}

/// A whole flow to start from.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[schema(as = FlowTemplate)]
pub struct Template {
    id: String,
    title: Words,
    description: Words,
    /// What it is about: `notification`, `mail`, `chat`, `code`, `api`, `data`, `timetable`, `pattern`, `errors`, `payment`.
    tags: Vec<String>,
    /// The connectors to which it needs a connection, by the key in the definition.
    connections: Vec<String>,
    /// The workflow definition; the defaults of its parameters are to be replaced.
    #[schema(value_type = Object)]
    definition: Value,
}

static TEMPLATES: LazyLock<Vec<Template>> = LazyLock::new(|| {
    // The tests read every file, so that none is left out here.
    FILES.iter().filter_map(|file| serde_json::from_str(file).ok()).collect()
});

/// The flows to start from, in the order of the gallery
#[utoipa::path(get, path = "/api/templates", tag = "flows", responses((status = 200, body = Page<Template>)))]
pub async fn templates(_: Caller) -> Json<Page<Template>> {
    Json(Page::whole(TEMPLATES.iter().cloned()))
}

#[cfg(test)]
mod tests;
