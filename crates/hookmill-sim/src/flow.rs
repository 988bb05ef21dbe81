//! Random definitions: nested scopes, conditions, switches and loops, calls with retries and timeouts, delays.

use hookmill_model::{Object, Value};

use crate::Random;

const DEPTH_MAX: u64 = 3;

struct Maker<'a> {
    random: &'a mut Random,
    names: u64,
    has_terminate: bool,
}

/// Makes a definition. Its conditions and items are constants, so that a second interpreter needs no expressions.
pub fn make(random: &mut Random) -> Value {
    let mut maker = Maker { random, names: 0, has_terminate: false };
    let actions = maker.group(0, false);
    Value::object([
        ("triggers", Value::object([("manual", Value::object([("type", "Request")]))])),
        ("actions", actions),
    ])
}

impl Maker<'_> {
    fn group(&mut self, depth: u64, in_loop: bool) -> Value {
        let count = 1 + self.random.below(if depth == 0 { 6 } else { 3 });
        let mut names: Vec<String> = Vec::new();
        let mut actions = Object::new();
        for _ in 0..count {
            self.names += 1;
            let name = format!("a{}", self.names);
            let mut action = self.action(depth, in_loop);
            let after = self.run_after(&names);
            if let Some(members) = action.as_object_mut() {
                members.insert("runAfter", after);
            }
            actions.insert(name.clone(), action);
            names.push(name);
        }
        actions.into()
    }

    fn run_after(&mut self, before: &[String]) -> Value {
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
        after.into()
    }

    fn object(members: Vec<(&str, Value)>) -> Value {
        Value::object(members)
    }

    fn action(&mut self, depth: u64, in_loop: bool) -> Value {
        let kind = self.random.below(if depth < DEPTH_MAX { 12 } else { 7 });
        match kind {
            0 | 1 => Self::object(vec![("type", "Compose".into()), ("inputs", "x".into())]),
            2..=4 => self.http(),
            5 => {
                let count = i64::try_from(self.random.below(50)).unwrap_or(0);
                let interval = Self::object(vec![("count", Value::Integer(count)), ("unit", "Second".into())]);
                Self::object(vec![("type", "Wait".into()), ("inputs", Self::object(vec![("interval", interval)]))])
            }
            6 if !in_loop && depth == 0 && self.random.once_in(8) => {
                self.has_terminate = true;
                let inputs = Self::object(vec![("runStatus", "Failed".into())]);
                Self::object(vec![("type", "Terminate".into()), ("inputs", inputs)])
            }
            6 => Self::object(vec![("type", "Compose".into()), ("inputs", "@div(1,0)".into())]),
            7 | 8 => Self::object(vec![("type", "Scope".into()), ("actions", self.group(depth + 1, in_loop))]),
            9 => {
                let condition: Value =
                    if self.random.once_in(2) { "@equals(1,1)".into() } else { "@equals(1,2)".into() };
                let other = Self::object(vec![("actions", self.group(depth + 1, in_loop))]);
                Self::object(vec![
                    ("type", "If".into()),
                    ("expression", condition),
                    ("actions", self.group(depth + 1, in_loop)),
                    ("else", other),
                ])
            }
            10 => {
                let items = (0..self.random.below(4)).map(|index| Value::Integer(i64::try_from(index).unwrap_or(0)));
                let items = Value::array(items.collect());
                let repetitions = i64::try_from(1 + self.random.below(3)).unwrap_or(1);
                let concurrency = Self::object(vec![("repetitions", Value::Integer(repetitions))]);
                Self::object(vec![
                    ("type", "Foreach".into()),
                    ("foreach", items),
                    ("runtimeConfiguration", Self::object(vec![("concurrency", concurrency)])),
                    ("actions", self.group(depth + 1, true)),
                ])
            }
            _ => {
                let count = i64::try_from(1 + self.random.below(3)).unwrap_or(1);
                let limit = Self::object(vec![("count", Value::Integer(count)), ("timeout", "P10D".into())]);
                Self::object(vec![
                    ("type", "Until".into()),
                    ("expression", "@equals(1,2)".into()),
                    ("limit", limit),
                    ("actions", self.group(depth + 1, true)),
                ])
            }
        }
    }

    fn http(&mut self) -> Value {
        let policy = if self.random.once_in(2) {
            Self::object(vec![("type", "none".into())])
        } else {
            let count = i64::try_from(1 + self.random.below(3)).unwrap_or(1);
            Self::object(vec![("type", "fixed".into()), ("count", Value::Integer(count)), ("interval", "PT7S".into())])
        };
        let inputs = Self::object(vec![
            ("method", "POST".into()),
            ("uri", "https://service.test/x".into()),
            ("retryPolicy", policy),
        ]);
        Self::object(vec![("type", "Http".into()), ("inputs", inputs)])
    }
}
