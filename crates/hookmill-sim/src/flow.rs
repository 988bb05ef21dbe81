//! Random definitions: nested scopes, conditions, switches and loops, calls with retries and timeouts, webhooks that are
//! waited for, delays, variables, a response, ends in between.

use hookmill_model::{Object, Value};

use crate::Random;

const DEPTH_MAX: u64 = 3;
/// Half seconds, so that a timeout and an answer never fall on the same moment.
const TIMEOUTS: &[&str] = &["PT3.5S", "PT12.5S", "PT30.5S", "PT2M0.5S", "PT10M0.5S"];
/// What subscribes is waited for so long; the service calls sooner, or never.
const WEBHOOK_TIMEOUT: &str = "PT20M0.5S";

struct Maker<'a> {
    random: &'a mut Random,
    names: u64,
    responds: bool,
}

/// Makes a definition. Its conditions and items are constants, so that a second interpreter needs no expressions.
pub fn make(random: &mut Random) -> Value {
    let mut maker = Maker { random, names: 0, responds: false };
    let mut actions = Object::new();
    let variable = object(&[("name", "n".into()), ("type", "integer".into()), ("value", Value::Integer(0))]);
    let inputs = object(&[("variables", Value::array(vec![variable]))]);
    actions.insert("count", object(&[("type", "InitializeVariable".into()), ("inputs", inputs)]));
    maker.group(&mut actions, vec!["count".to_owned()], 0, false);
    Value::object([
        ("triggers", Value::object([("manual", Value::object([("type", "Request")]))])),
        ("actions", actions.into()),
    ])
}

fn object(members: &[(&'static str, Value)]) -> Value {
    Value::object(members.iter().map(|(name, value)| (*name, value.clone())))
}

fn number(value: u64) -> Value {
    Value::Integer(i64::try_from(value).unwrap_or(0))
}

impl Maker<'_> {
    fn actions(&mut self, depth: u64, in_loop: bool) -> Value {
        let mut actions = Object::new();
        self.group(&mut actions, Vec::new(), depth, in_loop);
        actions.into()
    }

    fn group(&mut self, actions: &mut Object, mut names: Vec<String>, depth: u64, in_loop: bool) {
        let count = 1 + self.random.below(if depth == 0 { 6 } else { 3 });
        for _ in 0..count {
            self.names += 1;
            let name = format!("a{}", self.names);
            let mut action = self.action(depth, in_loop);
            let after = self.run_after(&names, depth);
            if let Some(members) = action.as_object_mut() {
                members.insert("runAfter", after);
            }
            actions.insert(name.clone(), action);
            names.push(name);
        }
    }

    fn run_after(&mut self, before: &[String], depth: u64) -> Value {
        let mut after = Object::new();
        for name in before {
            if self.random.once_in(2) {
                continue;
            }
            let mut statuses = Vec::new();
            for status in ["Succeeded", "Failed", "Skipped", "TimedOut"] {
                if self.random.once_in(if status == "Succeeded" { 1 } else { 4 }) {
                    statuses.push(Value::from(status));
                }
            }
            if self.random.once_in(5) {
                statuses = vec!["Failed".into(), "TimedOut".into()];
            }
            after.insert(name.as_str(), Value::array(statuses));
        }
        // Everything comes after the variable was made.
        if depth == 0 && after.is_empty() {
            after.insert("count", Value::array(vec!["Succeeded".into()]));
        }
        after.into()
    }

    fn action(&mut self, depth: u64, in_loop: bool) -> Value {
        match self.random.below(if depth < DEPTH_MAX { 16 } else { 10 }) {
            0 => object(&[("type", "Compose".into()), ("inputs", "x".into())]),
            1 => object(&[("type", "IncrementVariable".into()), ("inputs", object(&[("name", "n".into())]))]),
            2..=5 => self.http(),
            6 => self.webhook(),
            7 => {
                let interval = object(&[("count", number(self.random.below(50))), ("unit", "Second".into())]);
                object(&[("type", "Wait".into()), ("inputs", object(&[("interval", interval)]))])
            }
            8 if !in_loop && depth <= 1 && self.random.once_in(6) => {
                let status = ["Failed", "Succeeded", "Cancelled"][usize::from(self.random.once_in(2))];
                object(&[("type", "Terminate".into()), ("inputs", object(&[("runStatus", status.into())]))])
            }
            8 if depth == 0 && !self.responds => {
                self.responds = true;
                object(&[("type", "Response".into()), ("inputs", object(&[("statusCode", Value::Integer(200))]))])
            }
            8 | 9 => object(&[("type", "Compose".into()), ("inputs", "@div(1,0)".into())]),
            10 | 11 => object(&[("type", "Scope".into()), ("actions", self.actions(depth + 1, in_loop))]),
            12 => {
                let condition = if self.random.once_in(2) { "@equals(1,1)" } else { "@equals(1,2)" };
                object(&[
                    ("type", "If".into()),
                    ("expression", condition.into()),
                    ("actions", self.actions(depth + 1, in_loop)),
                    ("else", object(&[("actions", self.actions(depth + 1, in_loop))])),
                ])
            }
            13 => {
                let on = ["k1", "k2", "other"][usize::try_from(self.random.below(3)).unwrap_or(0)];
                let case = |own: &mut Self, name: &str| {
                    let actions = own.actions(depth + 1, in_loop);
                    object(&[("case", name.into()), ("actions", actions)])
                };
                let cases = object(&[("One", case(self, "k1")), ("Two", case(self, "k2"))]);
                let default = object(&[("actions", self.actions(depth + 1, in_loop))]);
                object(&[("type", "Switch".into()), ("expression", on.into()), ("cases", cases), ("default", default)])
            }
            14 => {
                let items = Value::array((0..self.random.below(4)).map(number).collect());
                let concurrency = object(&[("repetitions", number(1 + self.random.below(3)))]);
                object(&[
                    ("type", "Foreach".into()),
                    ("foreach", items),
                    ("runtimeConfiguration", object(&[("concurrency", concurrency)])),
                    ("actions", self.actions(depth + 1, true)),
                ])
            }
            _ => {
                let limit = object(&[("count", number(1 + self.random.below(3))), ("timeout", "P10D".into())]);
                object(&[
                    ("type", "Until".into()),
                    ("expression", "@equals(1,2)".into()),
                    ("limit", limit),
                    ("actions", self.actions(depth + 1, true)),
                ])
            }
        }
    }

    fn http(&mut self) -> Value {
        let policy = if self.random.once_in(2) {
            object(&[("type", "none".into())])
        } else {
            let count = number(1 + self.random.below(3));
            object(&[("type", "fixed".into()), ("count", count), ("interval", "PT7S".into())])
        };
        let inputs =
            object(&[("method", "POST".into()), ("uri", "https://service.test/x".into()), ("retryPolicy", policy)]);
        let mut members = vec![("type", "Http".into()), ("inputs", inputs)];
        if self.random.once_in(2) {
            let chosen = usize::try_from(self.random.below(TIMEOUTS.len() as u64)).unwrap_or(0);
            members.push(("limit", object(&[("timeout", TIMEOUTS[chosen].into())])));
        }
        object(&members)
    }

    fn webhook(&self) -> Value {
        let subscribe = object(&[
            ("method", "POST".into()),
            ("uri", "https://service.test/subscribe".into()),
            ("body", "@listCallbackUrl()".into()),
            ("retryPolicy", object(&[("type", "none".into())])),
        ]);
        let unsubscribe = object(&[("method", "DELETE".into()), ("uri", "https://service.test/subscription".into())]);
        object(&[
            ("type", "HttpWebhook".into()),
            ("inputs", object(&[("subscribe", subscribe), ("unsubscribe", unsubscribe)])),
            ("limit", object(&[("timeout", WEBHOOK_TIMEOUT.into())])),
        ])
    }
}
