//! Members that are fixed when a flow is saved, and constants that cannot be right: both are read by the rows of
//! [`crate::language`].

use hookmill_expression::case::Context;
use hookmill_expression::{Category, Compiled, Limits, ReferenceTarget, find_function, parse_date, time_zone};
use hookmill_model::{Object, Pointer, Timestamp, Value};

use super::{Compiler, Place, article, shown};
use crate::duration;
use crate::language::{Field, FieldKind, StepType};

/// What a member of a step is worth when the flow is saved.
pub(super) enum Fixed {
    /// It is a constant, or follows from parameters.
    Value(Value),
    /// Only a run knows it.
    InRun(Compiled),
    /// It has a fault, which is reported.
    Faulty,
}

/// What the evaluation of one constant may read and make, in bytes: a definition can have some thousands of constants,
/// and each takes less than a millisecond then.
const CONSTANT_WORK_MAX: usize = 500_000;
/// Functions whose result is another in each run.
const OF_RUNS: &[&str] =
    &["utcNow", "guid", "rand", "getFutureTime", "getPastTime", "workflow", "listCallbackUrl", "action"];
/// Types of `authentication`.
const AUTHENTICATION: &[&str] =
    &["None", "Basic", "ClientCertificate", "ActiveDirectoryOAuth", "Raw", "ManagedServiceIdentity"];
/// Fields whose constants are checked where they are compiled.
const CHECKED_ELSEWHERE: &[&str] =
    &["inputs/runStatus", "inputs/format", "limit/count", "limit/timeout", "inputs/delay"];

/// What a condition must be.
pub(super) const CONDITION_EXPECTED: &str =
    "A condition is an expression that gives true or false, or an object of 'and', 'or', 'not' and functions.";

/// Whether a text is put together from pieces, so that it is a text whatever they are.
fn is_put_together(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains("@{") && (!text.starts_with('@') || text.starts_with("@{")))
}

/// Whether a text is read as an expression.
pub(super) fn is_template(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| (text.starts_with('@') && text.len() > 1 && !text.starts_with("@@")) || text.contains("@{"))
}

impl Compiler<'_> {
    /// The value of a member that may use parameters when the flow is saved.
    pub(super) fn fixed(&mut self, source: &Value, pointer: &Pointer, place: Place) -> Fixed {
        if let Err(faults) = Compiled::new(source) {
            self.expression_faults(pointer, faults);
            return Fixed::Faulty;
        }
        let compiled = self.template(source, pointer, place);
        let templates = compiled.templates();
        let is_of_run = templates.iter().any(|(_, template)| {
            let parameters = |target: &ReferenceTarget| matches!(target, ReferenceTarget::Parameter(_));
            template.references().iter().any(|reference| !parameters(&reference.target))
                || template.functions().iter().any(|function| OF_RUNS.contains(function))
        });
        if is_of_run {
            return Fixed::InRun(compiled);
        }
        let mut parameters = Object::new();
        for (lower, parameter) in &self.plan.parameters {
            let supplied = hookmill_expression::member(&self.supplied, lower).cloned();
            let value = supplied.or_else(|| parameter.default.clone()).unwrap_or_default();
            parameters.insert(parameter.name.clone(), value);
        }
        let context = Value::object([("parameters", parameters)]);
        let limits = Limits { work_max: CONSTANT_WORK_MAX, made_bytes_max: CONSTANT_WORK_MAX, ..Limits::default() };
        let scope = Context::new(&context, Timestamp::default(), 0, limits).while_wanted(self.wanted);
        match compiled.evaluate(&scope) {
            Ok(value) => Fixed::Value(value),
            // A parameter that is not declared is reported with the other references.
            Err((_, fault)) if fault.kind == hookmill_expression::ErrorKind::ReferenceNotFound => Fixed::Faulty,
            Err(fault) => {
                self.expression_faults(pointer, vec![fault]);
                Fixed::Faulty
            }
        }
    }

    /// What an expression gives in every run, since nothing in it is of a run or a parameter.
    pub(super) fn always(&self, source: &Value) -> Option<Value> {
        let compiled = Compiled::new(source).ok()?;
        let is_open = compiled.templates().iter().any(|(_, template)| {
            let of_run = |name: &&str| {
                OF_RUNS.contains(name)
                    || find_function(name).is_none_or(|function| function.category == Category::Reference)
            };
            template.functions().iter().any(of_run)
        });
        if is_open {
            return None;
        }
        let limits = Limits { work_max: CONSTANT_WORK_MAX, made_bytes_max: CONSTANT_WORK_MAX, ..Limits::default() };
        let scope = Context::new(&Value::Null, Timestamp::default(), 0, limits).while_wanted(self.wanted);
        compiled.evaluate(&scope).ok()
    }

    /// A whole number in a range, as a number, a text or an expression of parameters.
    pub(super) fn count(
        &mut self,
        source: &Value,
        pointer: &Pointer,
        place: Place,
        (code, words): (&str, &str),
        range: std::ops::RangeInclusive<i64>,
    ) -> Option<Count> {
        match self.fixed(source, pointer, place) {
            Fixed::Faulty => None,
            Fixed::InRun(compiled) => Some(Count::InRun(compiled)),
            Fixed::Value(value) => {
                let number = value.as_i64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
                match number.filter(|number| range.contains(number)) {
                    Some(number) => Some(Count::Number(number)),
                    None => {
                        self.error(code, pointer.clone(), words);
                        None
                    }
                }
            }
        }
    }

    /// Reports constants that no run could use, and members that mean nothing.
    pub(super) fn check_step(&mut self, row: &StepType, members: &[&str], source: &Value, at: &Pointer) {
        let fields: Vec<&Field> = match source.get("kind").and_then(Value::as_str).and_then(|kind| row.kind(kind)) {
            Some(kind) => kind.arguments.iter().map(|(field, _)| field).collect(),
            None => row.fields.iter().collect(),
        };
        for field in fields {
            let mut pointer = at.clone();
            let value = field.path.split('/').try_fold(source, |value, member| {
                pointer = pointer.child(member);
                value.get(member)
            });
            // Nothing can be a list of nothing; elsewhere null is as good as left out.
            if let Some(value) = value.filter(|value| !value.is_null() || field.kind == FieldKind::Array) {
                self.check_constant(field, value, pointer);
            }
        }
        let own = row.fields.iter().filter_map(|field| field.path.split('/').next());
        let known: Vec<&str> = members.iter().copied().chain(own).collect();
        self.check_members(source, &known, at);
        let inputs: Vec<&str> = row.input_members().collect();
        if !inputs.is_empty()
            && let Some(value) = source.get("inputs")
        {
            self.check_members(value, &inputs, &at.child("inputs"));
        }
        self.check_settings(row, source, at);
    }

    /// Members that mean nothing where they stand: what was meant is not done.
    pub(super) fn check_members(&mut self, source: &Value, known: &[&str], at: &Pointer) {
        for name in source.as_object().into_iter().flat_map(Object::keys) {
            if known.contains(&&**name) || name.starts_with('$') || name.starts_with("x-hookmill-") {
                continue;
            }
            let hint = hookmill_expression::closest(name, known.iter().copied());
            let hint = hint.map_or_else(
                || "It is kept, and has no effect.".to_owned(),
                |hint| format!("It is kept, and has no effect. Did you mean '{hint}'?"),
            );
            let message = format!("'{name}' has no meaning here.");
            let finding = hookmill_model::Diagnostic::warning("member_unknown", at.child(name), message);
            self.findings.push(finding.with_hint(hint));
        }
    }

    /// Options and settings that are accepted and have no effect on this type of steps.
    fn check_settings(&mut self, row: &StepType, source: &Value, at: &Pointer) {
        let not_applied = |name: &str| format!("'{name}' has no effect on steps of the type '{}'.", row.name);
        for option in source.get("operationOptions").and_then(Value::as_str).unwrap_or_default().split(',') {
            let option = option.trim();
            let applied = row.options.iter().any(|own| own.eq_ignore_ascii_case(option));
            if !option.is_empty() && !applied {
                self.warning("option_not_applied", at.child("operationOptions"), not_applied(option));
            }
        }
        let below = at.child("runtimeConfiguration");
        let settings = source.get("runtimeConfiguration").and_then(Value::as_object).cloned().unwrap_or_default();
        for (name, setting) in settings.iter() {
            let pointer = below.child(name);
            if !row.settings.contains(&&**name) {
                self.warning("setting_not_applied", pointer, not_applied(name));
                continue;
            }
            let members: &[&str] = match &**name {
                "concurrency" if row.name == "Foreach" => &["repetitions"],
                "concurrency" => &["runs", "maximumWaitingRuns"],
                "paginationPolicy" => &["minimumItemCount"],
                "contentTransfer" => &["transferMode", "uploadChunkSizeInMB", "downloadChunkSizeInMB"],
                "staticResult" => &["name", "staticResultOptions"],
                _ => &["properties"],
            };
            self.check_members(setting, members, &pointer);
            if &**name == "secureData" {
                let parts = setting.get("properties").and_then(Value::as_array).unwrap_or_default();
                for (number, part) in parts.iter().enumerate() {
                    let is_known = part.as_str().is_some_and(|part| {
                        part.eq_ignore_ascii_case("inputs") || part.eq_ignore_ascii_case("outputs")
                    });
                    if !is_known {
                        let message = format!("'{}' is not one of inputs, outputs: it hides nothing.", shown(part));
                        self.warning("setting_not_applied", pointer.child("properties").child(number), message);
                    }
                }
            }
        }
    }

    fn check_constant(&mut self, field: &Field, value: &Value, pointer: Pointer) {
        // A value that a deployment would fill in has a finding of its own.
        let is_open = value.as_str().is_some_and(|text| text.starts_with('['));
        if is_open || CHECKED_ELSEWHERE.contains(&field.path) {
            return;
        }
        // What an expression or null comes to is told by the run, and real flows have it in steps that no run reaches.
        self.findings.only_warn = is_template(value) || value.is_null();
        self.check_written(field, value, pointer);
        self.findings.only_warn = false;
    }

    fn check_written(&mut self, field: &Field, value: &Value, pointer: Pointer) {
        let always;
        let value = if is_template(value) {
            if field.kind == FieldKind::Array && is_put_together(value) {
                let message = "An array is needed here, and what is put together with '@{…}' is a text.";
                self.error_with(
                    "array_expected",
                    pointer,
                    message,
                    "Write one expression, without braces: @triggerBody().",
                );
                return;
            }
            let Some(known) = self.always(value) else { return };
            always = known;
            &always
        } else {
            value
        };
        let text = value.as_str();
        match field.kind {
            FieldKind::Select => {
                // Units may be written in the plural.
                let is_known = text.is_some_and(|text| {
                    let single = if field.path.to_ascii_lowercase().ends_with("unit") {
                        text.trim_end_matches('s')
                    } else {
                        text
                    };
                    field.options.iter().any(|option| option.eq_ignore_ascii_case(single.trim()))
                });
                if !is_known {
                    let message = format!("'{}' is not one of {}.", shown(value), field.options.join(", "));
                    self.error("value_unknown", pointer, message);
                }
            }
            FieldKind::Array if value.as_array().is_none() => {
                let message = format!("An array is needed here, not {}.", article(value));
                self.error_with("array_expected", pointer, message, "Give an array, or an expression that gives one.");
            }
            FieldKind::Number => {
                let is_number = value.as_i64().is_some() || text.is_some_and(|text| text.trim().parse::<i64>().is_ok());
                if !is_number {
                    self.error(
                        "number_expected",
                        pointer,
                        format!("A whole number is needed here, not '{}'.", shown(value)),
                    );
                    return;
                }
                let number = value.as_i64().or_else(|| text.and_then(|text| text.trim().parse().ok())).unwrap_or(0);
                if field.path == "inputs/interval/count" && number < 0 {
                    self.warning("number_range", pointer, format!("A delay is not shorter than nothing: {number}."));
                } else if field.path == "inputs/statusCode" && !matches!(number, 200..=299 | 400..=599) {
                    let message = format!("The status of a Response is one of 2xx, 4xx and 5xx, not {number}.");
                    self.warning("number_range", pointer, message);
                }
            }
            FieldKind::Map if value.as_object().is_none() && text != Some("") => {
                let message = format!("An object of values by name is needed here, not {}.", article(value));
                self.error("object_expected", pointer, message);
            }
            FieldKind::Address => {
                let lower = text.map(|text| text.trim().to_ascii_lowercase()).unwrap_or_default();
                let rest = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"));
                let has_host =
                    rest.is_some_and(|rest| rest.starts_with(|sign: char| sign.is_alphanumeric() || sign == '['));
                if !has_host {
                    let message = format!("'{}' is not an address that begins with https:// or http://.", shown(value));
                    self.error("address_invalid", pointer, message);
                }
            }
            FieldKind::Timestamp if text.and_then(parse_date).is_none() => {
                self.error(
                    "time_invalid",
                    pointer,
                    format!("'{}' is not a time like 2026-01-31T09:00:00Z.", shown(value)),
                );
            }
            FieldKind::Duration if text.and_then(duration::parse).is_none() => {
                self.error("duration_invalid", pointer, format!("'{}' is not a duration like PT1H.", shown(value)));
            }
            FieldKind::TimeZone if text.and_then(time_zone).is_none() => {
                self.error("time_zone_unknown", pointer, format!("'{}' is not a known time zone.", shown(value)));
            }
            FieldKind::Authentication => {
                let Some(kind) = value.get("type").filter(|kind| !is_template(kind)) else { return };
                if !kind.as_str().is_some_and(|kind| AUTHENTICATION.iter().any(|own| own.eq_ignore_ascii_case(kind))) {
                    let message = format!("'{}' is not one of {}.", shown(kind), AUTHENTICATION.join(", "));
                    self.error("authentication_unknown", pointer.child("type"), message);
                }
            }
            _ => {}
        }
    }
}

/// A number that is known when the flow is saved, or only in a run.
pub(super) enum Count {
    Number(i64),
    InRun(Compiled),
}
