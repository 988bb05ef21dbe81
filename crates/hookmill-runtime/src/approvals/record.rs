//! What is asked of whom, who answered what, and when that is a decision. Pure: times are arguments.
//!
//! The names of parameters and outputs are those of the connector *Approvals* of Power Automate, so that a flow that was
//! made there runs here as it is.

use hookmill_expression::{content, date_text};
use hookmill_model::{ApprovalId, Object, RunId, Timestamp, UserId, Value};
use serde::{Deserialize, Serialize};

/// The objects of the requests that all parameters but the type are members of: of *Start and wait*, and of *Create*.
const OBJECTS: [&str; 2] = ["WebhookApprovalCreationInput", "ApprovalCreationInput"];
/// So many actions may wait for one approval at the same time.
const WAITS_MAX: usize = 100;
/// One approval asks at most so many people.
const PEOPLE_MAX: usize = 50;
/// One approval offers at most so many answers.
const OPTIONS_MAX: usize = 20;
/// Longer titles and answers are refused, in characters.
const TITLE_CHARS_MAX: usize = 300;
const OPTION_CHARS_MAX: usize = 100;
/// Longer details and comments are refused, in bytes.
const DETAILS_BYTES_MAX: usize = 64 * 1_024;
const COMMENTS_BYTES_MAX: usize = 16 * 1_024;

/// The two answers where the flow offers none of its own.
pub(crate) const APPROVE: &str = "Approve";
pub(crate) const REJECT: &str = "Reject";

/// When there is a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalRule {
    /// The first answer decides.
    First,
    /// All must answer. Where approving is asked for, the first *Reject* ends it.
    Everyone,
}

/// What a flow asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub title: String,
    pub details: String,
    pub link: Option<ApprovalLink>,
    /// Addresses and identifiers as the flow gives them, each once.
    pub people: Vec<String>,
    /// The answers of the flow's own; empty for *Approve* and *Reject*.
    pub own_options: Vec<String>,
    pub rule: ApprovalRule,
    /// Whether people are told by mail, where the server can send any.
    pub by_mail: bool,
}

/// Where more about it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalLink {
    /// The address.
    pub uri: String,
    /// What to call it; empty for the address itself.
    pub label: String,
}

/// One who is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedPerson {
    /// The mail address.
    pub email: String,
    /// How to call the person; the address where nothing else is known.
    pub name: String,
    /// The user of this server; `None` for somebody who is asked by mail.
    pub user: Option<UserId>,
    /// The answer, once there is one.
    pub answer: Option<GivenAnswer>,
    /// The person was told: by the inbox, by mail, or by both.
    #[serde(default)]
    pub is_told: bool,
}

/// What one person answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenAnswer {
    /// One of the options.
    pub option: String,
    /// What the person wrote beside it.
    pub comments: String,
    /// When.
    pub at: Timestamp,
}

/// What is kept of an approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRecord {
    /// What it is about, in one line.
    pub title: String,
    /// The details, as the flow wrote them.
    pub details: String,
    /// Where more about it is.
    pub link: Option<ApprovalLink>,
    /// The name of the flow.
    pub flow_name: String,
    /// The name of the flow's owner.
    pub requestor: String,
    /// The answers to choose from.
    pub options: Vec<String>,
    /// When there is a decision.
    pub rule: ApprovalRule,
    /// Who is asked.
    pub people: Vec<AskedPerson>,
    /// The decision, once there is one.
    pub outcome: Option<String>,
    /// Why nobody waits for it any more.
    #[serde(default)]
    pub withdrawn: Option<String>,
    /// The part of the callback address that the action waits at which asked; empty where it does not wait.
    pub(crate) token: String,
    /// The actions that wait beside it.
    #[serde(default)]
    pub(crate) waits: Vec<Waiting>,
}

/// An action *Wait for an approval*.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    /// Its run.
    pub run: RunId,
    /// What all tries of this action have in common.
    pub mark: String,
    /// The part of the callback address that it waits at.
    pub token: String,
}

fn parameter<'a>(parameters: &'a Value, name: &str) -> Option<&'a Value> {
    let within = |object: &str| {
        let found = parameters.pointer(&format!("/{object}~1{name}"));
        found.or_else(|| parameters.pointer(&format!("/{object}/{name}")))
    };
    OBJECTS.into_iter().find_map(within).or_else(|| parameters.get(name)).filter(|value| !value.is_null())
}

fn text(parameters: &Value, name: &str) -> String {
    parameter(parameters, name).map(|value| content::to_text(value).trim().to_owned()).unwrap_or_default()
}

/// The approval that *Wait for an approval* names: what *Create an approval* gave as `name`.
///
/// # Errors
/// What is missing or wrong, for the maker of the flow.
pub(crate) fn named(parameters: &Value) -> Result<ApprovalId, String> {
    let name = text(parameters, "approvalName");
    if name.is_empty() {
        return Err("'Approval ID' is empty. Use the Approval ID that 'Create an approval' gives.".to_owned());
    }
    name.rsplit('/').next().and_then(|id| id.parse().ok()).ok_or_else(|| {
        format!("'{name}' is no approval of this server. Use the Approval ID that 'Create an approval' gives.")
    })
}

/// The texts of an array, or of one text that is divided at `;` and, for addresses, at `,`.
fn texts(value: Option<&Value>, separators: &[char]) -> Vec<String> {
    let all: Vec<String> = match value {
        Some(Value::Array(elements)) => elements.iter().map(|one| content::to_text(one).to_string()).collect(),
        Some(value) => content::to_text(value).split(separators).map(ToOwned::to_owned).collect(),
        None => Vec::new(),
    };
    let mut each_once: Vec<String> = Vec::new();
    for one in all.iter().map(|one| one.trim()).filter(|one| !one.is_empty()) {
        if !each_once.iter().any(|known| known.eq_ignore_ascii_case(one)) {
            each_once.push(one.to_owned());
        }
    }
    each_once
}

impl Asked {
    /// Reads the parameters of the action.
    ///
    /// # Errors
    /// What is missing or too much, for the maker of the flow.
    pub fn read(parameters: &Value) -> Result<Self, String> {
        let kind = parameters.get("approvalType").map(|kind| content::to_text(kind).to_string()).unwrap_or_default();
        let (is_custom, rule) = match kind.to_ascii_lowercase().as_str() {
            "" | "basic" => (false, ApprovalRule::First),
            "basicawaitall" => (false, ApprovalRule::Everyone),
            "customresponse" => (true, ApprovalRule::First),
            "customresponseawaitall" => (true, ApprovalRule::Everyone),
            _ => {
                return Err(format!(
                    "'{kind}' is not one of the types of approvals: Basic, BasicAwaitAll, CustomResponse, \
                     CustomResponseAwaitAll."
                ));
            }
        };
        let asked = Self {
            title: text(parameters, "title"),
            details: text(parameters, "details"),
            link: match text(parameters, "itemLink") {
                uri if uri.is_empty() => None,
                uri => Some(ApprovalLink { uri, label: text(parameters, "itemLinkDescription") }),
            },
            people: texts(parameter(parameters, "assignedTo"), &[';', ',']),
            own_options: match is_custom {
                true => texts(parameter(parameters, "responseOptions"), &[';']),
                false => Vec::new(),
            },
            rule,
            by_mail: parameter(parameters, "enableNotifications").is_none_or(|on| *on != Value::Bool(false)),
        };
        let chars = |text: &str| text.chars().count();
        if asked.title.is_empty() {
            return Err("The approval has no title.".to_owned());
        }
        if chars(&asked.title) > TITLE_CHARS_MAX {
            return Err(format!("The title of an approval has at most {TITLE_CHARS_MAX} characters."));
        }
        if asked.details.len() > DETAILS_BYTES_MAX {
            return Err(format!("The details of an approval have at most {DETAILS_BYTES_MAX} bytes."));
        }
        if asked.people.is_empty() {
            return Err("'Assigned to' names nobody. Give one or more mail addresses, separated by ';'.".to_owned());
        }
        if asked.people.len() > PEOPLE_MAX {
            return Err(format!("An approval asks at most {PEOPLE_MAX} people, not {}.", asked.people.len()));
        }
        if is_custom && asked.own_options.is_empty() {
            return Err("An approval with custom responses needs at least one response option.".to_owned());
        }
        if asked.own_options.len() > OPTIONS_MAX {
            return Err(format!(
                "An approval offers at most {OPTIONS_MAX} responses, not {}.",
                asked.own_options.len()
            ));
        }
        if let Some(long) = asked.own_options.iter().find(|option| chars(option) > OPTION_CHARS_MAX) {
            return Err(format!("A response has at most {OPTION_CHARS_MAX} characters, not {}.", chars(long)));
        }
        Ok(asked)
    }

    /// The answers to choose from.
    pub fn options(&self) -> Vec<String> {
        if self.own_options.is_empty() {
            return vec![APPROVE.to_owned(), REJECT.to_owned()];
        }
        self.own_options.clone()
    }
}

impl ApprovalRecord {
    /// Writes down what one person answers, and the outcome where that decides.
    ///
    /// # Errors
    /// Why it cannot be taken, for that person.
    pub(crate) fn take(&mut self, place: usize, option: &str, comments: &str, at: Timestamp) -> Result<(), String> {
        if comments.len() > COMMENTS_BYTES_MAX {
            return Err(format!("Comments have at most {COMMENTS_BYTES_MAX} bytes."));
        }
        let Some(option) = self.options.iter().find(|own| own.eq_ignore_ascii_case(option.trim())).cloned() else {
            return Err(format!("'{option}' is not one of the responses: {}.", self.options.join(", ")));
        };
        let person = self.people.get_mut(place).ok_or("You are not asked.")?;
        if let Some(before) = &person.answer {
            return Err(format!("This was answered already, with '{}'. An answer is given once.", before.option));
        }
        person.answer = Some(GivenAnswer { option, comments: comments.trim().to_owned(), at });
        self.outcome = self.decision();
        Ok(())
    }

    /// The outcome that the answers so far make.
    fn decision(&self) -> Option<String> {
        let answers = || self.people.iter().filter_map(|person| person.answer.as_ref());
        let is_own = self.options != [APPROVE, REJECT];
        match self.rule {
            ApprovalRule::First => answers().next().map(|answer| answer.option.clone()),
            ApprovalRule::Everyone => {
                if !is_own && answers().any(|answer| answer.option == REJECT) {
                    return Some(REJECT.to_owned());
                }
                if answers().count() < self.people.len() {
                    return None;
                }
                let given: Vec<&str> = answers().map(|answer| &*answer.option).collect();
                Some(if is_own { given.join(", ") } else { APPROVE.to_owned() })
            }
        }
    }

    /// Has one more action told of the decision. One that waits already stays as it is.
    ///
    /// # Errors
    /// Too many wait.
    pub(crate) fn wait(&mut self, waiting: Waiting) -> Result<(), String> {
        if self.waits.iter().any(|known| known.mark == waiting.mark) {
            return Ok(());
        }
        if self.waits.len() >= WAITS_MAX {
            return Err(format!("{WAITS_MAX} actions wait for this approval already."));
        }
        self.waits.push(waiting);
        Ok(())
    }

    /// What *Create an approval* gives: the body of its outputs. `respond_link` is the page where users answer.
    pub(crate) fn question(&self, id: ApprovalId, asked_at: Timestamp, respond_link: String) -> Value {
        let mut body = self.asked(id, asked_at);
        let people: Vec<&str> = self.people.iter().map(|person| &*person.email).collect();
        body.insert("assignedTo", people.join(";"));
        body.insert("respondLink", respond_link);
        let options = self.options.iter().map(|option| Value::from(&**option));
        body.insert("responseOptions", Value::array(options.collect()));
        body.into()
    }

    /// What is asked, as all outputs begin.
    fn asked(&self, id: ApprovalId, asked_at: Timestamp) -> Object {
        let mut body = Object::new();
        body.insert("name", id.to_string());
        body.insert("title", &*self.title);
        body.insert("details", &*self.details);
        if let Some(link) = &self.link {
            body.insert("itemLink", &*link.uri);
            body.insert("itemLinkDescription", &*link.label);
        }
        body.insert("requestDate", Value::from(date_text(asked_at)));
        body.insert("requestor", Value::object([("displayName", Value::from(&*self.requestor))]));
        body
    }

    /// What an action gives that waited: the body of its outputs.
    pub(crate) fn outputs(&self, id: ApprovalId, asked_at: Timestamp, ended_at: Timestamp) -> Value {
        let text = |text: &str| Value::from(text);
        let responses = self.people.iter().filter_map(|person| {
            let answer = person.answer.as_ref()?;
            let responder = Value::object([
                ("id", person.user.map_or_else(|| text(&person.email), |user| text(&user.to_string()))),
                ("displayName", text(&person.name)),
                ("email", text(&person.email)),
                ("userPrincipalName", text(&person.email)),
            ]);
            Some(Value::object([
                ("responder", responder),
                ("requestDate", date_text(asked_at).into()),
                ("responseDate", date_text(answer.at).into()),
                ("approverResponse", text(&answer.option)),
                ("comments", text(&answer.comments)),
            ]))
        });
        let mut body = self.asked(id, asked_at);
        body.insert("completionDate", Value::from(date_text(ended_at)));
        body.insert("outcome", text(self.outcome.as_deref().unwrap_or_default()));
        body.insert("responses", Value::array(responses.collect()));
        body.insert("responseSummary", text(&self.summary()));
        body.into()
    }

    /// Who answered what, in lines.
    fn summary(&self) -> String {
        let lines = self.people.iter().filter_map(|person| {
            let answer = person.answer.as_ref()?;
            let comments = if answer.comments.is_empty() { String::new() } else { format!(": {}", answer.comments) };
            Some(format!("{}: {}{comments}", person.name, answer.option))
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // Tests may stop at once.
mod tests {
    use super::*;

    fn parameters(json: &str) -> Value {
        Value::from_json(json.as_bytes()).unwrap()
    }

    fn record(options: &[&str], rule: ApprovalRule, people: usize) -> ApprovalRecord {
        let person = |number: usize| AskedPerson {
            email: format!("{number}@example.com"),
            name: format!("Person {number}"),
            user: None,
            answer: None,
            is_told: true,
        };
        ApprovalRecord {
            title: "Order 7".to_owned(),
            details: String::new(),
            link: None,
            flow_name: "Orders".to_owned(),
            requestor: "Ada".to_owned(),
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            rule,
            people: (0..people).map(person).collect(),
            outcome: None,
            withdrawn: None,
            token: String::new(),
            waits: Vec::new(),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn the_parameters_of_power_automate_are_read() {
        let asked = Asked::read(&parameters(
            r#"{"approvalType":"CustomResponseAwaitAll","WebhookApprovalCreationInput/title":" Order 7 ",
                "WebhookApprovalCreationInput/assignedTo":"ada@example.com; BOB@example.com;ada@example.com;",
                "WebhookApprovalCreationInput/details":"**Much**","WebhookApprovalCreationInput/itemLink":"https://x.example/7",
                "WebhookApprovalCreationInput/responseOptions":["Today","Later"],
                "WebhookApprovalCreationInput/enableNotifications":false,"WebhookApprovalCreationInput/enableReassignment":true}"#,
        ))
        .unwrap();
        assert_eq!(asked.people, ["ada@example.com", "BOB@example.com"]);
        assert_eq!((&*asked.title, asked.rule, asked.by_mail), ("Order 7", ApprovalRule::Everyone, false));
        assert_eq!(asked.options(), ["Today", "Later"]);
        assert_eq!(asked.link.unwrap().uri, "https://x.example/7");
        let nested = r#"{"WebhookApprovalCreationInput":{"title":"T","assignedTo":["a@example.com"]}}"#;
        let asked = Asked::read(&parameters(nested)).unwrap();
        assert_eq!((asked.options(), asked.by_mail), (vec![APPROVE.to_owned(), REJECT.to_owned()], true));
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        let many = (0..=PEOPLE_MAX).map(|number| format!("{number}@example.com;")).collect::<String>();
        let long = "x".repeat(TITLE_CHARS_MAX + 1);
        for (json, told) in [
            (r#"{"assignedTo":"a@example.com"}"#.to_owned(), "no title"),
            (r#"{"title":"T"}"#.to_owned(), "names nobody"),
            (r#"{"title":"T","assignedTo":" ; "}"#.to_owned(), "names nobody"),
            (format!(r#"{{"title":"T","assignedTo":"{many}"}}"#), "at most 50 people"),
            (format!(r#"{{"title":"{long}","assignedTo":"a@example.com"}}"#), "at most 300 characters"),
            (r#"{"title":"T","assignedTo":"a@b","approvalType":"Sometimes"}"#.to_owned(), "'Sometimes' is not one"),
            (r#"{"title":"T","assignedTo":"a@b","approvalType":"CustomResponse"}"#.to_owned(), "at least one response"),
        ] {
            let error = Asked::read(&parameters(&json)).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn the_rule_says_when_there_is_a_decision() {
        let basic = [APPROVE, REJECT];
        /// Options, rule, answers by place → outcome after each answer.
        type Case<'a> = (&'a [&'a str], ApprovalRule, &'a [&'a str], &'a [Option<&'a str>]);
        let cases: [Case<'_>; 5] = [
            (&basic, ApprovalRule::First, &["approve"], &[Some("Approve")]),
            (&basic, ApprovalRule::Everyone, &["Approve", "Approve", "Approve"], &[None, None, Some("Approve")]),
            (&basic, ApprovalRule::Everyone, &["Approve", "Reject"], &[None, Some("Reject")]),
            (&["Yes", "No"], ApprovalRule::First, &["No"], &[Some("No")]),
            (
                &["Yes", "Reject"],
                ApprovalRule::Everyone,
                &["Reject", "Yes", "Yes"],
                &[None, None, Some("Reject, Yes, Yes")],
            ),
        ];
        for (options, rule, answers, outcomes) in cases {
            let mut record = record(options, rule, 3);
            for (place, (answer, outcome)) in answers.iter().zip(outcomes).enumerate() {
                record.take(place, answer, "", at(1)).unwrap();
                assert_eq!(record.outcome.as_deref(), *outcome, "{options:?} {answers:?}");
            }
        }
    }

    #[test]
    fn an_answer_is_one_of_the_options_and_given_once() {
        let mut record = record(&[APPROVE, REJECT], ApprovalRule::Everyone, 2);
        let before = record.clone();
        assert!(record.take(0, "Perhaps", "", at(1)).unwrap_err().contains("Approve, Reject"));
        assert!(record.take(9, APPROVE, "", at(1)).is_err());
        assert!(record.take(0, APPROVE, &"x".repeat(COMMENTS_BYTES_MAX + 1), at(1)).is_err());
        assert_eq!(record, before, "what is refused changes nothing");
        record.take(0, APPROVE, " fine ", at(1)).unwrap();
        assert!(record.take(0, REJECT, "", at(2)).unwrap_err().contains("'Approve'"));
        record.take(1, APPROVE, "", at(3)).unwrap();
        let outputs = record.outputs(hookmill_model::Id::from_bits(1), at(0), at(3));
        let at = |pointer: &str| outputs.pointer(pointer).map(|value| content::to_text(value).to_string());
        assert_eq!(at("/outcome").as_deref(), Some("Approve"));
        assert_eq!(at("/responses/0/comments").as_deref(), Some("fine"));
        assert_eq!(at("/responses/1/responder/email").as_deref(), Some("1@example.com"));
        assert_eq!(at("/responses/1/approverResponse").as_deref(), Some("Approve"));
        assert_eq!(at("/responseSummary").as_deref(), Some("Person 0: Approve: fine\nPerson 1: Approve"));
    }
}
