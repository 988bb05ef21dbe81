//! The jobs: what a notification sets off, as a flow of Hookmill and as a path of the hand-written receiver.

use clap::ValueEnum;
use serde_json::{Value, json};

/// One kind of work that a notification sets off. All look at the branch and make a text of three fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Job {
    /// The sender is answered at once; then the run posts the text to a service.
    #[value(name = "a")]
    Answered,
    /// The run makes the text and calls nobody.
    #[value(name = "b")]
    Recorded,
    /// The run posts the text to a service, and the sender is answered when that is done.
    #[value(name = "c")]
    Awaited,
    /// As `a`, but the notification comes to the callback address of a webhook.
    #[value(name = "door")]
    Door,
}

impl Job {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 4] = [Self::Answered, Self::Recorded, Self::Awaited, Self::Door];

    /// The letter or word of the command line and the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "a",
            Self::Recorded => "b",
            Self::Awaited => "c",
            Self::Door => "door",
        }
    }

    /// What the table says about it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Answered => "(a) answer at once, then one call",
            Self::Recorded => "(b) no call, recorded",
            Self::Awaited => "(c) answer when finished",
            Self::Door => "(a) at the door of a webhook",
        }
    }

    /// Whether the run calls the service, so that its end is seen there.
    pub fn calls(self) -> bool {
        self != Self::Recorded
    }

    /// The path of the hand-written receiver that does the same.
    pub fn ideal_path(self) -> &'static str {
        match self {
            Self::Answered | Self::Door => "/a",
            Self::Recorded => "/b",
            Self::Awaited => "/c",
        }
    }

    /// The definition of the flow: trigger → condition → text of three fields → what the job adds.
    pub fn definition(self, sink: &str) -> Value {
        self.calling(sink, &format!("{sink}/text"))
    }

    /// The same, with another address to post the text to.
    pub fn definition_calling(self, address: &str) -> Value {
        self.calling(address, address)
    }

    fn calling(self, sink: &str, address: &str) -> Value {
        let text = "@{triggerBody()?['pusher']?['name']} pushed to @{triggerBody()?['repository']?['full_name']}: \
                    @{triggerBody()?['head_commit']?['message']}";
        let mut inside = json!({"Text": {"type": "Compose", "inputs": text, "runAfter": {}}});
        if self.calls() {
            inside["Post"] = json!({
                "type": "Http",
                "inputs": {"method": "POST", "uri": address, "body": {"text": "@{outputs('Text')}"},
                           "retryPolicy": {"type": "none"}},
                "runAfter": {"Text": ["Succeeded"]}
            });
        }
        let mut actions = json!({
            "Is_main": {
                "type": "If",
                "expression": {"and": [{"equals": ["@triggerBody()?['ref']", "refs/heads/main"]}]},
                "actions": inside,
                "else": {"actions": {}},
                "runAfter": {}
            }
        });
        if self == Self::Awaited {
            actions["Answer"] = json!({
                "type": "Response", "kind": "Http", "inputs": {"statusCode": 200, "body": "done"},
                "runAfter": {"Is_main": ["Succeeded"]}
            });
        }
        let trigger = if self == Self::Door {
            json!({"type": "HttpWebhook", "inputs": {
                "subscribe": {"method": "POST", "uri": format!("{sink}/hooks"), "body": {"url": "@{listCallbackUrl()}"}},
                "unsubscribe": {"method": "DELETE", "uri": format!("{sink}/hooks/1")}}})
        } else {
            json!({"type": "Request", "kind": "Http", "inputs": {"schema": {}}})
        };
        json!({
            "$schema": "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#",
            "contentVersion": "1.0.0.0",
            "triggers": {"manual": trigger},
            "actions": actions
        })
    }
}

/// The mark in the notification's text that tells one sending from the other; the digits after it are the number.
pub const MARK: &str = "Change ";
/// How many digits the number has.
pub const DIGITS: usize = 9;

/// A notification of the shape and size (about 7.7 KB) of a push to a repository.
pub fn notification() -> Value {
    let url = |rest: &str| format!("https://api.example.org/repos/acme/rocket{rest}");
    let links: Value = (0..88)
        .map(|index| (format!("link_{index:02}_url"), Value::from(url(&format!("/resource/{index:02}{{/id}}")))))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let commit = json!({
        "id": "6113728f27ae82c7b1a177c8d03f9e96e0adf246", "message": format!("{MARK}{}", "0".repeat(DIGITS)),
        "timestamp": "2026-03-05T11:58:00Z", "url": url("/commit/6113728f27ae82c7b1a177c8d03f9e96e0adf246"),
        "author": {"name": "Ada", "email": "ada@example.org", "username": "ada"},
        "added": [], "removed": [], "modified": ["README.md", "src/fairing.rs"]
    });
    json!({
        "ref": "refs/heads/main", "before": "0".repeat(40), "after": "6113728f27ae82c7b1a177c8d03f9e96e0adf246",
        "repository": {"id": 186_853_002, "name": "rocket", "full_name": "acme/rocket", "private": false, "links": links,
            "owner": {"name": "acme", "email": null, "id": 1, "site_admin": false}},
        "pusher": {"name": "ada", "email": "ada@example.org"}, "sender": {"login": "ada", "id": 2, "type": "User"},
        "created": false, "deleted": false, "forced": false, "compare": url("/compare/0...6"),
        "commits": [commit.clone()], "head_commit": commit
    })
}
