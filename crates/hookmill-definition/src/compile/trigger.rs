//! Triggers of a definition.

use std::time::Duration;

use hookmill_expression::Compiled;
use hookmill_model::{Object, Pointer, Value};

use super::constant::{Count, Fixed};
use super::{Compiler, Place, RETRY_TYPES, article, shown};
use crate::duration;
use crate::language;
use crate::limits::{Profile, RETRY_COUNTS, RETRY_INTERVALS};
use crate::plan::{CallInputs, Concurrency, ConnectorInputs, OperationInputs, Trigger, TriggerKind};
use crate::recurrence::Recurrence;
use crate::schema::{Schema, SchemaError};

/// Values that the run history shows of a run.
const RUN_SUMMARY_MAX: usize = 3;
/// A definition may be kept without a trigger, and cannot run.
const NO_TRIGGER: &str = "There is no trigger: the flow can be kept, but nothing starts it.";

impl Compiler<'_> {
    pub(super) fn triggers(&mut self, triggers: Option<&Value>) {
        let root = Pointer::root().child("triggers");
        let triggers = match triggers {
            None | Some(Value::Null) => {
                return self.warning("trigger_missing", root, NO_TRIGGER);
            }
            Some(Value::Object(triggers)) => triggers,
            Some(other) => {
                let message = format!("'triggers' is an object of triggers by name, not {}.", article(other));
                return self.error("definition_malformed", root, message);
            }
        };
        if triggers.is_empty() {
            self.warning("trigger_missing", root.clone(), NO_TRIGGER);
        }
        // An exported flow of Power Automate has exactly one.
        let most = if self.profile == Profile::PowerAutomate { 1 } else { self.limits.triggers_max };
        if triggers.len() > most {
            let message = format!("The definition has {} triggers; at most {most} are allowed.", triggers.len());
            self.error("limit_triggers", root.clone(), message);
        }
        for (name, trigger) in triggers.iter().take(most) {
            let pointer = root.child(name);
            self.name(name, &pointer);
            if trigger.as_object().is_none() {
                let message = format!("A trigger is an object, not {}.", article(trigger));
                self.error("definition_malformed", pointer, message);
                continue;
            }
            let made = self.trigger(name, trigger, &pointer);
            self.plan.triggers.push(made);
        }
    }

    fn trigger(&mut self, name: &str, source: &Value, pointer: &Pointer) -> Trigger {
        let type_name = self.type_of(source, pointer);
        self.description(source, pointer);
        let empty = Value::Object(std::sync::Arc::new(Object::new()));
        let inputs = source.get("inputs").unwrap_or(&empty);
        let at = pointer.child("inputs");
        let options = self.operation_options(source, pointer);
        let has = |wanted: &str| options.iter().any(|option| option == wanted);
        if let Some(row) = language::trigger_type(&type_name) {
            self.check_step(row, language::TRIGGER_MEMBERS, source, pointer);
        }
        let mut recurrence = source.get("recurrence").and_then(|recurrence| self.recurrence(recurrence, pointer));
        let kind = self.trigger_kind(&type_name, source, inputs, &at);
        let needs_recurrence = matches!(
            kind,
            TriggerKind::Recurrence
                | TriggerKind::SlidingWindow { .. }
                | TriggerKind::HttpPolling(_)
                | TriggerKind::ConnectorPolling(_)
        );
        if needs_recurrence && source.get("recurrence").is_none() {
            if matches!(kind, TriggerKind::ConnectorPolling(_)) {
                // Exports leave out what follows from the plan that the maker pays for.
                let message = "There is no 'recurrence': the service is asked every five minutes.";
                self.warning("recurrence_missing", pointer.clone(), message);
                recurrence = Recurrence::new(&Value::object([
                    ("frequency", Value::from("Minute")),
                    ("interval", Value::Integer(5)),
                ]))
                .ok();
            } else {
                self.missing(pointer, "recurrence");
            }
        }
        let conditions = source.get("conditions").and_then(Value::as_array).unwrap_or_default();
        let conditions = conditions
            .iter()
            .enumerate()
            .map(|(index, condition)| {
                let below = pointer.child("conditions").child(index);
                match condition.get("expression") {
                    Some(expression) => self.condition(expression, &below.child("expression"), Place::Trigger),
                    None => {
                        self.missing(&below, "expression");
                        hookmill_expression::Condition::never()
                    }
                }
            })
            .collect();
        let split_on = match source.get("splitOn") {
            None | Some(Value::Null) => None,
            Some(split) => Some(self.template(split, &pointer.child("splitOn"), Place::Trigger)),
        };
        let configuration = source.get("runtimeConfiguration");
        let concurrency =
            configuration.and_then(|configuration| configuration.get("concurrency")).and_then(|concurrency| {
                let below = pointer.child("runtimeConfiguration").child("concurrency");
                let runs = self.trigger_count(concurrency.get("runs")?, &below.child("runs"))?;
                let waiting = match concurrency.get("maximumWaitingRuns") {
                    None => (10 + runs).min(100),
                    Some(waiting) => self.trigger_count(waiting, &below.child("maximumWaitingRuns")).unwrap_or(10),
                };
                Some(Concurrency { runs, waiting })
            });
        let single_instance = has("singleinstance");
        if single_instance && concurrency.is_some() {
            self.error(
                "options_exclusive",
                pointer.child("operationOptions"),
                "'SingleInstance' and 'concurrency.runs' exclude each other.",
            );
        }
        let tracking_id = source
            .get("splitOnConfiguration")
            .and_then(|split| split.get("correlation"))
            .map(|correlation| (correlation, pointer.child("splitOnConfiguration").child("correlation")))
            .or_else(|| source.get("correlation").map(|correlation| (correlation, pointer.child("correlation"))))
            .and_then(|(correlation, below)| self.member(correlation, "clientTrackingId", &below, Place::Trigger));
        let run_summary = self.run_summary(source, pointer);
        let schema = matches!(kind, TriggerKind::Request { .. })
            .then(|| inputs.get("schema"))
            .flatten()
            .filter(|schema| schema.as_object().is_some_and(|members| !members.is_empty()))
            .and_then(|schema| self.schema(schema, &at.child("schema"), has("enableschemavalidation")));
        Trigger {
            name: name.into(),
            conditions,
            split_on,
            tracking_id,
            concurrency,
            single_instance,
            validate_schema: has("enableschemavalidation"),
            schema,
            keep_authorization: has("includeauthorizationheadersinoutputs"),
            no_workflow_headers: has("suppressworkflowheadersonresponse"),
            recurrence,
            run_summary,
            secure_outputs: secured(source, "outputs"),
            secure_inputs: secured(source, "inputs"),
            inputs: Compiled::new(inputs).unwrap_or_else(|_| Compiled::literal(inputs.clone())),
            kind,
        }
    }

    /// The timetable of a trigger; its members may use parameters.
    fn recurrence(&mut self, source: &Value, pointer: &Pointer) -> Option<Recurrence> {
        let below = pointer.child("recurrence");
        let value = match self.fixed(source, &below, Place::Trigger) {
            Fixed::Value(value) => value,
            Fixed::Faulty => return None,
            Fixed::InRun(_) => {
                let message = "A timetable is fixed when the flow is saved: only parameters can be used in it.";
                self.error("recurrence_invalid", below, message);
                return None;
            }
        };
        match Recurrence::new(&value) {
            Ok(made) => Some(made),
            Err(faults) => {
                for (inside, message) in faults {
                    self.error("recurrence_invalid", below.join(&inside), message);
                }
                None
            }
        }
    }

    /// A count of a trigger's runs.
    fn trigger_count(&mut self, source: &Value, pointer: &Pointer) -> Option<u32> {
        let name = pointer.as_str().rsplit('/').next().unwrap_or_default();
        let words = format!("'{name}' is a number from 1 to 100.");
        match self.count(source, pointer, Place::Trigger, ("concurrency_range", &words), 1..=100)? {
            Count::Number(number) => u32::try_from(number).ok(),
            Count::InRun(_) => {
                let message = format!("{words} It is fixed when the flow is saved: only parameters can be used in it.");
                self.error("concurrency_range", pointer.clone(), message);
                None
            }
        }
    }

    /// What the run history shows of a run: `metadata.runSummary`, which other products keep and do not read.
    fn run_summary(&mut self, source: &Value, pointer: &Pointer) -> Vec<Compiled> {
        let Some(chosen) = source.get("metadata").and_then(|metadata| metadata.get("runSummary")) else {
            return Vec::new();
        };
        let below = pointer.child("metadata").child("runSummary");
        let Some(chosen) = chosen.as_array() else {
            let message = format!("'runSummary' is a list of texts, not {}.", article(chosen));
            self.error("run_summary_invalid", below, message);
            return Vec::new();
        };
        if chosen.len() > RUN_SUMMARY_MAX {
            let message =
                format!("The run history shows at most {RUN_SUMMARY_MAX} values of a run, not {}.", chosen.len());
            self.error("run_summary_invalid", below.clone(), message);
        }
        let parts = chosen.iter().take(RUN_SUMMARY_MAX).enumerate();
        parts.map(|(index, part)| self.template(part, &below.child(index), Place::Trigger)).collect()
    }

    /// A schema; where it only helps the designer, faults are warnings.
    pub(super) fn schema(&mut self, source: &Value, pointer: &Pointer, is_needed: bool) -> Option<Schema> {
        match Schema::new(source) {
            Ok(schema) => Some(schema),
            Err(error) => {
                // What is no schema checks nothing; that is odd, but other services take it.
                let (code, message, refused) = match error {
                    SchemaError::NotSupported(keyword) => (
                        "schema_not_supported",
                        format!("The keyword '{keyword}' cannot be used in the schema of a flow."),
                        is_needed,
                    ),
                    SchemaError::Invalid(message) => {
                        ("schema_invalid", format!("This is not a JSON Schema, and checks nothing: {message}"), false)
                    }
                };
                if refused {
                    self.error(code, pointer.clone(), message)
                } else {
                    self.warning(code, pointer.clone(), message)
                }
                None
            }
        }
    }

    fn trigger_kind(&mut self, type_name: &str, source: &Value, inputs: &Value, at: &Pointer) -> TriggerKind {
        let place = Place::Trigger;
        match type_name.to_ascii_lowercase().as_str() {
            "request" | "manual" => {
                let method = inputs.get("method").and_then(Value::as_str).filter(|method| !method.is_empty());
                let relative_path = inputs.get("relativePath").and_then(Value::as_str).filter(|path| !path.is_empty());
                if relative_path.is_some() && method.is_none() {
                    self.error("property_missing", at.clone(), "'relativePath' needs a 'method'.");
                }
                TriggerKind::Request {
                    kind: source.get("kind").and_then(Value::as_str).unwrap_or("Http").into(),
                    method: method.map(|method| method.to_ascii_uppercase().into()),
                    relative_path: relative_path.map(Into::into),
                }
            }
            "recurrence" => TriggerKind::Recurrence,
            "slidingwindow" => {
                let delay = inputs.get("delay").filter(|delay| !delay.is_null());
                let delay = delay
                    .map_or(Fixed::Value("PT0S".into()), |delay| self.fixed(delay, &at.child("delay"), Place::Trigger));
                let delay = match delay {
                    Fixed::Value(value) => value.as_str().and_then(duration::parse).unwrap_or_else(|| {
                        let message = format!("'{}' is not a duration like PT5M.", shown(&value));
                        self.error("duration_invalid", at.child("delay"), message);
                        Duration::ZERO
                    }),
                    Fixed::Faulty => Duration::ZERO,
                    Fixed::InRun(_) => {
                        let message = "A delay is fixed when the flow is saved: only parameters can be used in it.";
                        self.error("duration_invalid", at.child("delay"), message);
                        Duration::ZERO
                    }
                };
                TriggerKind::SlidingWindow { delay }
            }
            "http" => TriggerKind::HttpPolling(self.call_inputs(inputs, at, place)),
            "apiconnection" | "openapiconnection" => {
                TriggerKind::ConnectorPolling(self.connector_inputs(type_name, inputs, at, place))
            }
            "httpwebhook" => {
                let subscribe = self.required(inputs, "subscribe", at, place);
                let unsubscribe = self.member(inputs, "unsubscribe", at, place);
                TriggerKind::HttpWebhook { subscribe, unsubscribe }
            }
            "apiconnectionwebhook" | "openapiconnectionwebhook" => {
                TriggerKind::ConnectorWebhook(self.connector_inputs(type_name, inputs, at, place))
            }
            "" => TriggerKind::Unsupported { kind: "".into() },
            _ => {
                let message =
                    format!("Hookmill has no trigger of the type '{type_name}'; the flow can only be kept as a draft.");
                self.warning("trigger_type_unsupported", at.clone(), message);
                TriggerKind::Unsupported { kind: type_name.into() }
            }
        }
    }

    pub(super) fn call_inputs(&mut self, inputs: &Value, at: &Pointer, place: Place) -> CallInputs {
        for name in ["method", "uri"] {
            if inputs.get(name).is_none_or(Value::is_null) {
                self.missing(at, name);
            }
        }
        let retry = self.member(inputs, "retryPolicy", at, place);
        self.check_retry(inputs.get("retryPolicy"), &at.child("retryPolicy"));
        CallInputs { request: self.template(&without(inputs, &["retryPolicy"]), at, place), retry }
    }

    /// Checks what is constant in a retry policy.
    pub(super) fn check_retry(&mut self, policy: Option<&Value>, at: &Pointer) {
        let Some(policy) = policy.filter(|policy| policy.as_object().is_some()) else { return };
        let is_template = |value: &Value| value.as_str().is_some_and(|text| text.contains('@'));
        if let Some(kind) = policy.get("type").filter(|kind| !is_template(kind)) {
            let known = kind.as_str().is_some_and(|kind| RETRY_TYPES.contains(&kind.to_ascii_lowercase().as_str()));
            if !known {
                let message = format!("'{}' is not one of {}.", shown(kind), RETRY_TYPES.join(", "));
                self.error("retry_policy_invalid", at.child("type"), message);
            }
        }
        if let Some(count) = policy.get("count").filter(|count| !is_template(count)) {
            let count = count.as_i64().or_else(|| count.as_str().and_then(|text| text.parse().ok()));
            if !count.is_some_and(|count| RETRY_COUNTS.contains(&count)) {
                self.error("retry_policy_invalid", at.child("count"), "'count' is a number from 1 to 90.");
            }
        }
        for name in ["interval", "minimumInterval", "maximumInterval"] {
            let Some(interval) = policy.get(name).filter(|interval| !is_template(interval)) else { continue };
            let span = interval.as_str().and_then(duration::parse);
            if span.is_none() {
                let message = format!("'{}' is not a duration like PT20S.", shown(interval));
                self.error("retry_policy_invalid", at.child(name), message);
            }
            if name == "interval" && span.is_some_and(|span| !RETRY_INTERVALS.contains(&span)) {
                let message = format!("The interval '{}' is not one from PT5S to P1D.", shown(interval));
                self.error("retry_policy_invalid", at.child(name), message);
            }
        }
    }

    pub(super) fn connector_inputs(
        &mut self,
        type_name: &str,
        inputs: &Value,
        at: &Pointer,
        place: Place,
    ) -> ConnectorInputs {
        let host = inputs.get("host").cloned().unwrap_or_default();
        if host.as_object().is_none() {
            self.missing(at, "host");
        }
        let connection = host.get("connection");
        let named = text(host.get("connectionName"))
            .or_else(|| text(host.get("connectionReferenceName")))
            .or_else(|| text(connection.and_then(|connection| connection.get("referenceName"))));
        let named = named.map(|name| connection_key(name).unwrap_or_else(|| name.to_owned()));
        let key: Option<String> = named.or_else(|| {
            // Some files hold the expression itself, others an object around it.
            let name = text(connection).or_else(|| {
                text(connection.and_then(|connection| connection.get("name").or_else(|| connection.get("id"))))
            })?;
            Some(connection_key(name).unwrap_or_else(|| name.to_owned()))
        });
        if key.is_none() && host.as_object().is_some() {
            self.missing(&at.child("host"), "connectionName");
        }
        let api = text(host.get("apiId")).or_else(|| text(host.get("api").and_then(|api| api.get("id"))));
        let api = api.and_then(|api| api.rsplit('/').next()).map(Into::into);
        let retry = self.member(inputs, "retryPolicy", at, place);
        self.check_retry(inputs.get("retryPolicy"), &at.child("retryPolicy"));
        let by_id = type_name.to_ascii_lowercase().starts_with("openapi") || text(host.get("operationId")).is_some();
        let operation = if by_id {
            let operation_id = text(host.get("operationId")).unwrap_or_default().to_owned();
            if operation_id.is_empty() {
                self.missing(&at.child("host"), "operationId");
            }
            let parameters = inputs.get("parameters").cloned().unwrap_or_else(|| Object::new().into());
            if parameters.as_object().is_none() {
                let message = format!("'parameters' is an object of values by name, not {}.", article(&parameters));
                self.error("property_type", at.child("parameters"), message);
            }
            let parameters = self.template(&parameters, &at.child("parameters"), place);
            OperationInputs::ById { operation_id: operation_id.into(), parameters }
        } else {
            if inputs.get("path").is_none() {
                self.missing(at, "path");
            }
            let request = without(inputs, &["host", "retryPolicy", "authentication"]);
            OperationInputs::ByPath(self.template(&request, at, place))
        };
        ConnectorInputs { connection: key.unwrap_or_default().into(), api, operation, retry }
    }
}

/// A text that is not empty.
fn text(value: Option<&Value>) -> Option<&str> {
    value.and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The key of a connection in an expression: `x` of `@parameters('$connections')['x']['connectionId']`, and of the
/// form that reads the connections of whoever started the flow,
/// `@json(decodeBase64(triggerOutputs().headers['X-MS-APIM-Tokens']))['$connections']['x']['connectionId']`.
fn connection_key(expression: &str) -> Option<String> {
    let mark = expression.to_ascii_lowercase().find("$connections")?;
    let rest = expression.get(mark + "$connections".len()..)?;
    let rest = rest.trim_start().strip_prefix(['\'', '"']).unwrap_or(rest);
    let rest = rest.trim_start_matches([' ', ')', ']', '?']);
    if let Some(rest) = rest.strip_prefix('.') {
        let end = rest.find(['.', '[', '?', '}', ' ', ')']).unwrap_or(rest.len());
        return Some(rest[..end].to_owned()).filter(|key| !key.is_empty());
    }
    let quoted = rest.strip_prefix('[')?.trim_start().strip_prefix('\'')?;
    // A quote inside of the key is doubled.
    let mut key = String::new();
    let mut signs = quoted.chars().peekable();
    while let Some(sign) = signs.next() {
        if sign == '\'' && signs.next_if_eq(&'\'').is_none() {
            return Some(key).filter(|key| !key.is_empty());
        }
        key.push(sign);
    }
    None
}

/// The object without some members.
pub(super) fn without(of: &Value, names: &[&str]) -> Value {
    match of {
        Value::Object(members) if names.iter().any(|name| members.contains_key(name)) => {
            let kept = members.iter().filter(|(name, _)| !names.contains(&&***name));
            Value::object(kept.map(|(name, value)| (name.clone(), value.clone())))
        }
        other => other.clone(),
    }
}

/// Whether `runtimeConfiguration.secureData.properties` names the part.
pub(super) fn secured(source: &Value, part: &str) -> bool {
    let properties = source.pointer("/runtimeConfiguration/secureData/properties").and_then(Value::as_array);
    properties.is_some_and(|properties| properties.iter().any(|property| property.as_str() == Some(part)))
}
