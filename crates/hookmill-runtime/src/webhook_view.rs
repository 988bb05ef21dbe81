//! What is shown of the webhook of a flow.

use hookmill_model::{Explain as _, Value};
use hookmill_store::Subscription;

use crate::flow_view::{Problem, WebhookView};
use crate::record::Record;
use crate::{Error, Runtime};

impl Runtime {
    /// The view of a generation; where its record cannot be read, `error` says so.
    pub(crate) fn webhook_view(
        &self,
        generation: &Subscription,
        definition: &Value,
        proof: Option<crate::WebhookProof>,
    ) -> WebhookView {
        let view = WebhookView {
            state: generation.state,
            generation: generation.generation,
            location: None,
            callback_url: None,
            created_at: generation.created_at,
            warning: None,
            error: None,
            retry_at: None,
            expires_at: None,
            proof,
        };
        let record = match Record::of(generation) {
            Ok(record) => record,
            Err(damaged) => {
                let error = Error::Damaged(damaged);
                let (code, message, hint) = (error.code().to_owned(), error.sentence(), error.hint());
                return WebhookView { error: Some(Problem { code, message, hint }), ..view };
            }
        };
        let url =
            record.life().address.as_ref().and_then(|address| address.get("url")?.as_str().map(ToOwned::to_owned));
        let is_local = record.is_local();
        WebhookView {
            location: url.filter(|address| !address.is_empty()),
            callback_url: match is_local {
                // A person enters it at the service.
                true if record.is_by_hand => self.callback_url(generation, &record).ok(),
                true => self.trigger_url(generation.flow, generation.id, definition),
                false => None,
            },
            warning: record.warning(),
            error: record.life().refusal.as_ref().map(|refusal| Problem {
                code: refusal.code.to_string(),
                message: refusal.message.to_string(),
                hint: refusal.hint.as_ref().map(|hint| hint.to_string()),
            }),
            retry_at: record.life().retry_at,
            expires_at: record.life().upkeep.expires_at,
            ..view
        }
    }
}
