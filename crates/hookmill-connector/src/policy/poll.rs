//! Polls that go on where the one before ended (`pollingtrigger`): what an answer leaves for the next poll.
//!
//! Templates of the policy are evaluated on the last answer that had data; those that name nothing below the data are
//! read from every answer. A template whose value is not there leaves what was left before.

use hookmill_model::{Object, Value};

use super::Kind;
use super::expression::{Expression, Piece, Template, at, inside_text};
use crate::connector::Connector;

/// What an answer to a poll means.
#[derive(Clone, Debug, PartialEq)]
pub struct PollEnded {
    /// Whether there is data in it.
    pub has_data: bool,
    /// What the next poll begins with: query name → text.
    pub left: Object,
    /// Whether the policy keeps anything from one poll to the next.
    pub has_state: bool,
}

impl Connector {
    /// What an answer to a poll leaves, where a policy lets polls go on where the one before ended; `None` where none
    /// does. `before` is what the polls before left.
    #[must_use]
    pub fn poll_ended(&self, operation_id: &str, before: &Object, body: &Value) -> Option<PollEnded> {
        let own = self.policies.iter().filter(|policy| policy.concerns(Some(operation_id)));
        let mut found: Option<PollEnded> = None;
        for policy in own {
            let Ok(Kind::Polling { state, data: Some(data), .. }) = &policy.kind else { continue };
            let has_data = match at(body, data) {
                None | Some(Value::Null) => false,
                Some(Value::Array(elements)) => !elements.is_empty(),
                Some(_) => true,
            };
            let ended =
                found.get_or_insert_with(|| PollEnded { has_data: false, left: before.clone(), has_state: false });
            ended.has_data |= has_data;
            ended.has_state |= !state.is_empty();
            for (name, template) in state {
                let is_below = template.calls().any(|call| match call {
                    Expression::TriggerBody(path) => path.starts_with(data),
                    _ => false,
                });
                if let Some(text) = evaluated(template, body).filter(|_| has_data || !is_below) {
                    ended.left.insert(name.clone(), text);
                }
            }
        }
        found
    }
}

/// The text of a template; `None` where one of its values is not there.
fn evaluated(template: &Template, body: &Value) -> Option<String> {
    let mut written = String::new();
    for piece in &template.0 {
        match piece {
            Piece::Text(text) => written.push_str(text),
            Piece::Call(Expression::TriggerBody(path)) => {
                written.push_str(&inside_text(Some(at(body, path).filter(|value| !value.is_null())?)));
            }
            Piece::Call(_) => return None,
        }
    }
    Some(written)
}

#[cfg(test)]
mod tests {
    use hookmill_model::{Object, Value};

    use crate::{Connector, Settings};

    fn json(text: &str) -> Value {
        Value::from_json(text.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn the_last_answer_with_data_says_where_the_next_poll_begins() {
        let document = r#"{"swagger":"2.0","info":{"title":"T","version":"1"},"host":"api.example.com","paths":{"/trigger/x":{"get":{"operationId":"OnX","x-ms-trigger":"batch","responses":{"200":{"description":"OK"}}}}}}"#;
        let properties = r#"{"properties":{"policyTemplateInstances":[{"templateId":"pollingtrigger","parameters":{"x-ms-apimTemplateParameter.triggerConfig":{"per_page":"1","since":"@{triggerBody().items[0].at}","seen":"t @{triggerBody().now}"},"x-ms-apimTemplateParameter.triggerDataPath":"@triggerBody().items"}}]}}"#;
        let import = Connector::import(document.as_bytes(), Some(properties.as_bytes()), &Settings::default());
        let connector = import.connector.unwrap();
        let ended = |before: &str, body: &str| {
            let before = json(before).as_object().cloned().unwrap_or_default();
            let ended = connector.poll_ended("OnX", &before, &json(body)).unwrap();
            (ended.has_data, Value::from(ended.left).to_json())
        };
        assert_eq!(
            ended("{}", r#"{"items":[{"at":7}],"now":"a"}"#),
            (true, r#"{"since":"7","seen":"t a"}"#.to_owned())
        );
        let before = r#"{"since":"7","seen":"t a"}"#;
        assert_eq!(ended(before, r#"{"items":[],"now":"b"}"#), (false, r#"{"since":"7","seen":"t b"}"#.to_owned()));
        assert_eq!(ended(before, r#"{"items":[{}]}"#), (true, before.to_owned()));
        assert_eq!(connector.poll_ended("Other", &Object::new(), &json("{}")).map(|own| own.has_data), Some(false));
    }
}
