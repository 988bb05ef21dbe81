//! What saving refuses, what it only finds odd, and what it must not mind: code and place of each finding.
#![allow(clippy::unwrap_used)] // Tests may stop at once.

mod constants;

use hookmill_definition::{Limits, Profile, compile};
use hookmill_model::{Severity, Value};

const REQUEST: &str = r#"{"manual":{"type":"Request","inputs":{}}}"#;

fn findings(definition: &str, profile: Profile, limits: &Limits) -> Vec<(Severity, String, String)> {
    let definition = Value::from_json(definition.as_bytes()).unwrap_or_else(|error| panic!("{error}: {definition}"));
    let found = compile(&definition, &Value::Null, profile, limits);
    for finding in &found.diagnostics {
        assert!(finding.message.contains(' '), "{} is no sentence", finding.message);
    }
    found.diagnostics.into_iter().map(|own| (own.severity, own.code.to_string(), own.pointer.to_string())).collect()
}

fn check(definition: &str, severity: Severity, expected: &[(&str, &str)]) {
    let found = findings(definition, Profile::LogicApps, &Limits::default());
    let found: Vec<(&str, &str)> =
        found.iter().filter(|own| own.0 == severity).map(|(_, code, at)| (code.as_str(), at.as_str())).collect();
    assert_eq!(found, expected, "{definition}");
}

fn actions(actions: &str) -> String {
    format!(r#"{{"triggers":{REQUEST},"actions":{actions}}}"#)
}

fn triggers(triggers: &str) -> String {
    format!(r#"{{"triggers":{triggers},"actions":{{}}}}"#)
}

#[test]
fn actions_that_are_refused() {
    let http = r#""method":"GET","uri":"https://a.test""#;
    for (text, code, at) in [
        (r#"{"A":5}"#.to_owned(), "definition_malformed", "/actions/A"),
        (r#"{"A":{"inputs":1}}"#.to_owned(), "property_missing", "/actions/A"),
        (r#"{"A":{"type":5}}"#.to_owned(), "property_type", "/actions/A/type"),
        (r#"{"A":{"type":"Http","inputs":{"uri":"https://a.test"}}}"#.to_owned(), "property_missing", "/actions/A/inputs"),
        (r#"{"A":{"type":"Compose"}}"#.to_owned(), "property_missing", "/actions/A"),
        (r#"{"A":{"type":"Compose","inputs":1,"runAfter":["B"]}}"#.to_owned(), "run_after_invalid", "/actions/A/runAfter"),
        (r#"{"A":{"type":"Compose","inputs":1},"B":{"type":"Compose","inputs":1,"runAfter":{"A":["Done"]}}}"#.to_owned(), "run_after_status", "/actions/B/runAfter/A/0"),
        (r#"{"A":{"type":"Compose","inputs":1,"runAfter":{"A":["Succeeded"]}}}"#.to_owned(), "run_after_cycle", "/actions/A/runAfter/A"),
        (format!(r#"{{"A":{{"type":"Http","inputs":{{{http},"retryPolicy":{{"type":"linear"}}}}}}}}"#), "retry_policy_invalid", "/actions/A/inputs/retryPolicy/type"),
        (format!(r#"{{"A":{{"type":"Http","inputs":{{{http},"retryPolicy":{{"type":"fixed","count":91,"interval":"PT5S"}}}}}}}}"#), "retry_policy_invalid", "/actions/A/inputs/retryPolicy/count"),
        (format!(r#"{{"A":{{"type":"Http","inputs":{{{http},"retryPolicy":{{"type":"fixed","count":2,"interval":"PT4S"}}}}}}}}"#), "retry_policy_invalid", "/actions/A/inputs/retryPolicy/interval"),
        (format!(r#"{{"A":{{"type":"Http","inputs":{{{http}}},"limit":{{"timeout":"1 hour"}}}}}}"#), "duration_invalid", "/actions/A/limit/timeout"),
        (format!(r#"{{"A":{{"type":"Http","inputs":{{{http}}},"runtimeConfiguration":{{"staticResult":{{"name":"X","staticResultOptions":"Enabled"}}}}}}}}"#), "static_result_unknown", "/actions/A/runtimeConfiguration/staticResult/name"),
        (r#"{"A":{"type":"Scope","actions":[]}}"#.to_owned(), "definition_malformed", "/actions/A/actions"),
        (r#"{"A":{"type":"If","actions":{}}}"#.to_owned(), "property_missing", "/actions/A"),
        (r#"{"A":{"type":"Switch","expression":"x","cases":{"a":{"case":true,"actions":{}}}}}"#.to_owned(), "case_value", "/actions/A/cases/a/case"),
        (r#"{"A":{"type":"Switch","expression":"x","cases":{"a":{"case":1,"actions":{}},"b":{"case":1,"actions":{}}}}}"#.to_owned(), "case_twice", "/actions/A/cases/b/case"),
        (r#"{"A":{"type":"Foreach","foreach":[],"actions":{},"runtimeConfiguration":{"concurrency":{"repetitions":51}}}}"#.to_owned(), "concurrency_range", "/actions/A/runtimeConfiguration/concurrency/repetitions"),
        (r#"{"A":{"type":"Foreach","foreach":[],"actions":{},"operationOptions":"Sequential","runtimeConfiguration":{"concurrency":{"repetitions":2}}}}"#.to_owned(), "options_exclusive", "/actions/A/runtimeConfiguration/concurrency/repetitions"),
        (r#"{"A":{"type":"Until","expression":"@true","actions":{},"limit":{"count":5001}}}"#.to_owned(), "until_limit", "/actions/A/limit/count"),
        (r#"{"A":{"type":"Until","expression":"@true","actions":{},"limit":{"timeout":"soon"}}}"#.to_owned(), "duration_invalid", "/actions/A/limit/timeout"),
        (r#"{"L":{"type":"Foreach","foreach":[],"actions":{"T":{"type":"Terminate","inputs":{}}}}}"#.to_owned(), "terminate_in_loop", "/actions/L/actions/T"),
        (r#"{"T":{"type":"Terminate","inputs":{"runStatus":"Done"}}}"#.to_owned(), "terminate_status", "/actions/T/inputs/runStatus"),
        (r#"{"L":{"type":"Foreach","foreach":[],"actions":{"R":{"type":"Response","inputs":{}}}}}"#.to_owned(), "response_in_loop", "/actions/L/actions/R"),
        (r#"{"S":{"type":"Scope","actions":{"I":{"type":"InitializeVariable","inputs":{"variables":[{"name":"v","type":"string"}]}}}}}"#.to_owned(), "variable_not_at_top", "/actions/S/actions/I"),
        (r#"{"I":{"type":"InitializeVariable","inputs":{"variables":[{"name":"v","type":"text"}]}}}"#.to_owned(), "variable_type", "/actions/I/inputs/variables/0/type"),
        (r#"{"A":{"type":"Compose","inputs":"@result('B')","runAfter":{"B":["Succeeded"]}},"B":{"type":"Compose","inputs":1}}"#.to_owned(), "reference_kind", "/actions/A/inputs"),
        (r#"{"A":{"type":"Compose","inputs":"@outputs('A')"}}"#.to_owned(), "reference_not_before", "/actions/A/inputs"),
        (r#"{"A":{"type":"Compose","inputs":"@outputs(concat('A'))"}}"#.to_owned(), "reference_not_constant", "/actions/A/inputs"),
        (r#"{"A":{"type":"Compose","inputs":"@items('L')"},"L":{"type":"Foreach","foreach":[],"actions":{}}}"#.to_owned(), "reference_loop", "/actions/A/inputs"),
        (r#"{"A":{"type":"Compose","inputs":"@parameters('p')"}}"#.to_owned(), "parameter_unknown", "/actions/A/inputs"),
        (r#"{"A":{"type":"Compose","inputs":"@listCallbackUrl()"}}"#.to_owned(), "reference_callback", "/actions/A/inputs"),
        (r#"{"A":{"type":"Table","inputs":{"from":[],"format":"XLS"}}}"#.to_owned(), "table_format", "/actions/A/inputs/format"),
        (r#"{"A":{"type":"ParseJson","inputs":{"content":"1","schema":{"properties":{"a":{"pattern":"x"}}}}}}"#.to_owned(), "schema_not_supported", "/actions/A/inputs/schema"),
        (r#"{"A":{"type":"OpenApiConnection","inputs":{"host":{"connectionName":"c"},"parameters":{}}}}"#.to_owned(), "property_missing", "/actions/A/inputs/host"),
        (r#"{"A":{"type":"Compose","inputs":1,"operationOptions":["x"]}}"#.to_owned(), "property_type", "/actions/A/operationOptions"),
    ] {
        check(&actions(&text), Severity::Error, &[(code, at)]);
    }
}

#[test]
fn triggers_that_are_refused() {
    for (text, code, at) in [
        (r#"{"t":{"type":"Recurrence"}}"#, "property_missing", "/triggers/t"),
        (
            r#"{"t":{"type":"Recurrence","recurrence":{"frequency":"Fortnight","interval":1}}}"#,
            "recurrence_invalid",
            "/triggers/t/recurrence/frequency",
        ),
        (
            r#"{"t":{"type":"Recurrence","recurrence":{"frequency":"Month","interval":17}}}"#,
            "recurrence_invalid",
            "/triggers/t/recurrence/interval",
        ),
        (
            r#"{"t":{"type":"Recurrence","recurrence":{"frequency":"Day","interval":1,"timeZone":"Middle Earth"}}}"#,
            "recurrence_invalid",
            "/triggers/t/recurrence/timeZone",
        ),
        (
            r#"{"t":{"type":"Recurrence","recurrence":{"frequency":"Day","interval":1,"schedule":{"hours":[24]}}}}"#,
            "recurrence_invalid",
            "/triggers/t/recurrence/schedule/hours",
        ),
        (r#"{"t":{"type":"HttpWebhook","inputs":{}}}"#, "property_missing", "/triggers/t/inputs"),
        (r#"{"t":{"type":"Request","inputs":{"relativePath":"a/{b}"}}}"#, "property_missing", "/triggers/t/inputs"),
        (r#"{"t":{"type":"Request","conditions":[{}]}}"#, "property_missing", "/triggers/t/conditions/0"),
        (
            r#"{"t":{"type":"Request","conditions":[{"expression":"@outputs('A')"}]}}"#,
            "reference_unknown",
            "/triggers/t/conditions/0/expression",
        ),
        (
            r#"{"t":{"type":"Request","runtimeConfiguration":{"concurrency":{"runs":101}}}}"#,
            "concurrency_range",
            "/triggers/t/runtimeConfiguration/concurrency/runs",
        ),
        (
            r#"{"t":{"type":"Recurrence","recurrence":{"frequency":"Day","interval":1},"operationOptions":"SingleInstance","runtimeConfiguration":{"concurrency":{"runs":1}}}}"#,
            "options_exclusive",
            "/triggers/t/operationOptions",
        ),
    ] {
        check(&triggers(text), Severity::Error, &[(code, at)]);
    }
    let split = r#"{"triggers":{"t":{"type":"Request","splitOn":"@triggerBody()"}},"actions":{"R":{"type":"Response","inputs":{}}}}"#;
    check(split, Severity::Error, &[("response_with_split", "/actions/R")]);
    let timed = r#"{"triggers":{"t":{"type":"Recurrence","recurrence":{"frequency":"Day","interval":1}}},"actions":{"R":{"type":"Response","inputs":{}}}}"#;
    check(timed, Severity::Error, &[("response_without_caller", "/actions/R")]);
}

#[test]
fn parameters_and_outputs_that_are_refused() {
    for (text, code, at) in [
        (r#"{"parameters":{"p":{"type":"text"}}"#, "parameter_type_unknown", "/parameters/p/type"),
        (r#"{"parameters":{"p":{}}"#, "property_missing", "/parameters/p"),
        (r#"{"parameters":{"p":{"type":"int","defaultValue":"x"}}"#, "parameter_value", "/parameters/p/defaultValue"),
        (
            r#"{"parameters":{"p":{"type":"String","defaultValue":"x","allowedValues":["a"]}}"#,
            "parameter_value",
            "/parameters/p/defaultValue",
        ),
        (r#"{"outputs":{"o":{"type":"string"}}"#, "property_missing", "/outputs/o"),
    ] {
        check(&format!(r#"{text},"triggers":{REQUEST},"actions":{{}}}}"#), Severity::Error, &[(code, at)]);
    }
}

#[test]
fn what_is_only_odd() {
    for (text, code, at) in [
        (actions(r#"{"A":{"type":"Xslt","inputs":{}}}"#), "action_type_unsupported", "/actions/A/type"),
        (actions(r#"{"A":{"type":"Brew","inputs":{}}}"#), "action_type_unsupported", "/actions/A/type"),
        (triggers(r#"{"t":{"type":"Batch","inputs":{}}}"#), "trigger_type_unsupported", "/triggers/t/inputs"),
        (triggers("{}"), "trigger_missing", "/triggers"),
        (actions(r#"{"A":{"type":"Compose","inputs":1,"extra":[1]}}"#), "member_unknown", "/actions/A/extra"),
        (
            actions(r#"{"A":{"type":"Http","inputs":{"method":"GET","uri":"https://a.test","header":{}}}}"#),
            "member_unknown",
            "/actions/A/inputs/header",
        ),
        (
            actions(r#"{"A":{"type":"Compose","inputs":1,"operationOptions":"DisableAsyncPattern"}}"#),
            "option_not_applied",
            "/actions/A/operationOptions",
        ),
        (
            actions(
                r#"{"A":{"type":"Compose","inputs":1,"runtimeConfiguration":{"paginationPolicy":{"minimumItemCount":5}}}}"#,
            ),
            "setting_not_applied",
            "/actions/A/runtimeConfiguration/paginationPolicy",
        ),
        (
            actions(
                r#"{"A":{"type":"Http","inputs":{"method":"GET","uri":"https://a.test"},"runtimeConfiguration":{"paginationPolicy":{"minimumItems":5}}}}"#,
            ),
            "member_unknown",
            "/actions/A/runtimeConfiguration/paginationPolicy/minimumItems",
        ),
        (
            actions(r#"{"A":{"type":"Foreach","foreach":"@{triggerBody()}","actions":{}}}"#),
            "array_expected",
            "/actions/A/foreach",
        ),
        (
            actions(r#"{"A":{"type":"Join","inputs":{"from":"a@{1}","joinWith":","}}}"#),
            "array_expected",
            "/actions/A/inputs/from",
        ),
        (
            actions(
                r#"{"A":{"type":"Compose","inputs":1,"runtimeConfiguration":{"secureData":{"properties":["inputs","body"]}}}}"#,
            ),
            "setting_not_applied",
            "/actions/A/runtimeConfiguration/secureData/properties/1",
        ),
        (
            triggers(
                r#"{"t":{"type":"OpenApiConnection","inputs":{"host":{"connectionName":"c","operationId":"o"},"parameters":{}}}}"#,
            ),
            "recurrence_missing",
            "/triggers/t",
        ),
        (
            actions(
                r#"{"I":{"type":"InitializeVariable","inputs":{"variables":[{"name":"v","type":"integer","value":"x"}]}}}"#,
            ),
            "variable_value",
            "/actions/I/inputs/variables/0/value",
        ),
        (
            actions(r#"{"P":{"type":"ParseJson","inputs":{"content":"1","schema":{"type":"whatever"}}}}"#),
            "schema_invalid",
            "/actions/P/inputs/schema",
        ),
        (
            actions(r#"{"R":{"type":"Response","inputs":{}},"Q":{"type":"Response","inputs":{}}}"#),
            "response_parallel",
            "/actions/Q",
        ),
        (
            actions(&format!(r#"{{"A":{{"type":"Compose","inputs":1,"description":"{}"}}}}"#, "d".repeat(257))),
            "description_length",
            "/actions/A/description",
        ),
        (
            format!(r#"{{"$schema":"http://json-schema.org/draft-07/schema#","triggers":{REQUEST},"actions":{{}}}}"#),
            "schema_unknown",
            "/$schema",
        ),
    ] {
        check(&text, Severity::Warning, &[(code, at)]);
        check(&text, Severity::Error, &[]);
    }
}

#[test]
fn what_is_fine() {
    for text in [
        r#"{"If":{"type":"If","expression":"@true","actions":{"R":{"type":"Response","inputs":{}}},"else":{"actions":{"Q":{"type":"Response","inputs":{}}}}}}"#,
        r#"{"R":{"type":"Response","inputs":{}},"Q":{"type":"Response","inputs":{},"runAfter":{"R":["Failed"]}}}"#,
        r#"{"A":{"type":"compose","inputs":"","runAfter":{}},"B":{"type":"Compose","inputs":"@outputs('a')","runAfter":{"A":["SUCCEEDED","Skipped","TIMEDOUT"]}}}"#,
        r#"{"L":{"type":"Foreach","foreach":"@triggerBody()","actions":{"A":{"type":"Compose","inputs":"@items('L')"}},"runtimeConfiguration":{"concurrency":{"repetitions":"5"}}},"B":{"type":"Compose","inputs":"@outputs('A')","runAfter":{"L":["Succeeded"]}}}"#,
        r#"{"U":{"type":"Until","expression":"@equals(outputs('A'),iterationIndexes('U'))","limit":{"count":60,"timeout":"PT1H"},"actions":{"A":{"type":"Compose","inputs":1}}}}"#,
        r#"{"T":{"type":"Scope","actions":{"A":{"type":"Compose","inputs":1}}},"C":{"type":"Compose","inputs":"@{result('T')}@{actions('A')}","runAfter":{"T":["Failed"]}}}"#,
        r#"{"A":{"type":"Select","inputs":{"from":"@triggerBody()","select":{"x":"@item()?['y']"}}},"unknown member":{"type":"Compose","inputs":1,"metadata":{"a":1}}}"#,
        r#"{"A":{"type":"Wait","inputs":{"until":{"timestamp":"@addDays(utcNow(),1)"}}}}"#,
        r#"{"L":{"type":"Foreach","foreach":"@range(1,3)","actions":{"A":{"type":"Query","inputs":{"from":"@split('a,b',',')","where":"@equals(item(),'a')"}}}}}"#,
        r#"{"L":{"type":"Foreach","foreach":"@coalesce(triggerBody(),'x')","actions":{"W":{"type":"Wait","inputs":{"interval":{"count":"@length(items('L'))","unit":"@if(true,'Day','Hour')"}}}}}}"#,
        r#"{"A":{"type":"If","expression":"@true","actions":{}},"R":{"type":"Response","inputs":{"statusCode":"@if(empty(triggerBody()),404,200)"}}}"#,
        r#"{"A":{"type":"ApiConnection","inputs":{"host":{"api":{"runtimeUrl":"https://x"},"connection":{"name":"@parameters('$connections')['shared_x']['connectionId']"}},"method":"get","path":"/a"}}}"#,
    ] {
        assert_eq!(findings(&actions(text), Profile::LogicApps, &Limits::default()), [], "{text}");
    }
}

/// Each limit holds at its value and not beyond, and is one of the configuration.
#[test]
fn limits_are_enforced_and_can_be_set() {
    let many = |count: usize, each: &dyn Fn(usize) -> String| (0..count).map(each).collect::<Vec<_>>().join(",");
    let compose = |index: usize| format!(r#""a{index}":{{"type":"Compose","inputs":1}}"#);
    let nested = |depth: usize| {
        let (open, close) =
            ((0..depth).map(|level| format!(r#"{{"s{level}":{{"type":"Scope","actions":"#)), "}}".repeat(depth));
        actions(&format!(r#"{}{{"x":{{"type":"Compose","inputs":1}}}}{close}"#, open.collect::<String>()))
    };
    let case = |index: usize| format!(r#""c{index}":{{"case":{index},"actions":{{}}}}"#);
    let variable = |index: usize| format!(r#"{{"name":"v{index}","type":"integer"}}"#);
    /// Code, default, a definition of such a size, limits with another value.
    type Limit<'a> = (&'a str, usize, &'a dyn Fn(usize) -> String, &'a dyn Fn(usize) -> Limits);
    let made: [Limit<'_>; 9] = [
        ("limit_actions", 500, &|count| actions(&format!("{{{}}}", many(count, &compose))), &|most| Limits {
            actions_max: most,
            ..Limits::default()
        }),
        ("limit_nesting", 8, &nested, &|most| Limits { nesting_max: most, ..Limits::default() }),
        (
            "limit_cases",
            25,
            &|count| {
                actions(&format!(r#"{{"S":{{"type":"Switch","expression":"x","cases":{{{}}}}}}}"#, many(count, &case)))
            },
            &|most| Limits { cases_max: most, ..Limits::default() },
        ),
        (
            "limit_variables",
            250,
            &|count| {
                actions(&format!(
                    r#"{{"I":{{"type":"InitializeVariable","inputs":{{"variables":[{}]}}}}}}"#,
                    many(count, &variable)
                ))
            },
            &|most| Limits { variables_max: most, ..Limits::default() },
        ),
        (
            "limit_triggers",
            10,
            &|count| triggers(&format!("{{{}}}", many(count, &|index| format!(r#""t{index}":{{"type":"Request"}}"#)))),
            &|most| Limits { triggers_max: most, ..Limits::default() },
        ),
        (
            "limit_parameters",
            50,
            &|count| {
                format!(
                    r#"{{"parameters":{{{}}},"triggers":{REQUEST},"actions":{{}}}}"#,
                    many(count, &|index| format!(r#""p{index}":{{"type":"int"}}"#))
                )
            },
            &|most| Limits { parameters_max: most, ..Limits::default() },
        ),
        (
            "limit_outputs",
            10,
            &|count| {
                format!(
                    r#"{{"outputs":{{{}}},"triggers":{REQUEST},"actions":{{}}}}"#,
                    many(count, &|index| format!(r#""o{index}":{{"type":"int","value":1}}"#))
                )
            },
            &|most| Limits { outputs_max: most, ..Limits::default() },
        ),
        (
            "name_length",
            80,
            &|count| actions(&format!(r#"{{"{}":{{"type":"Compose","inputs":1}}}}"#, "n".repeat(count))),
            &|most| Limits { name_chars_max: most, ..Limits::default() },
        ),
        (
            "until_limit",
            5_000,
            &|count| {
                actions(&format!(
                    r#"{{"U":{{"type":"Until","expression":"@true","limit":{{"count":{count}}},"actions":{{}}}}}}"#
                ))
            },
            &|most| Limits { until_count_max: u32::try_from(most).unwrap(), ..Limits::default() },
        ),
    ];
    for (code, most, definition, limits) in made {
        let has = |count: usize, limits: &Limits| {
            findings(&definition(count), Profile::LogicApps, limits).iter().any(|(_, found, _)| found == code)
        };
        assert!(!has(most, &Limits::default()), "{code} is found at {most}");
        assert!(has(most + 1, &Limits::default()), "{code} is not found at {}", most + 1);
        assert!(!has(most + 1, &limits(most + 1)), "{code} cannot be raised");
        assert!(has(3, &limits(2)), "{code} cannot be lowered");
    }
    let two = triggers(r#"{"a":{"type":"Request"},"b":{"type":"Request"}}"#);
    let found = findings(&two, Profile::PowerAutomate, &Limits::default());
    assert_eq!(found[0].1, "limit_triggers", "a flow of Power Automate has one trigger");
    let long = actions(&format!(r#"{{"A":{{"type":"Compose","inputs":"@concat('{}')"}}}}"#, "x".repeat(8_190)));
    assert_eq!(findings(&long, Profile::LogicApps, &Limits::default())[0].1, "expression_invalid");
}

#[test]
fn a_thousand_actions_in_a_chain_compile() {
    let each = |index: usize| {
        let after = if index == 0 { "{}".to_owned() } else { format!(r#"{{"Action {}":["Succeeded"]}}"#, index - 1) };
        format!(r#""Action_{index}":{{"type":"Compose","inputs":"@outputs('Action_0')","runAfter":{after}}}"#)
    };
    let chain: Vec<String> = (0..1_000).map(each).collect();
    let limits = Limits { actions_max: 1_000, ..Limits::default() };
    let found = findings(&actions(&format!("{{{}}}", chain.join(","))), Profile::LogicApps, &limits);
    // The first one refers to itself; each other one comes after it.
    assert_eq!(found.len(), 1);
}

/// The connection is the key, however the file writes it.
#[test]
fn connections_are_known_by_their_key() {
    for host in [
        r#"{"connectionName":"shared_x","operationId":"o"}"#,
        r#"{"connectionReferenceName":"shared_x","operationId":"o"}"#,
        r#"{"connection":{"referenceName":"shared_x"},"operationId":"o"}"#,
        r#"{"connection":{"name":"@parameters('$connections')['shared_x']['connectionId']"},"operationId":"o"}"#,
        r#"{"connection":{"name":"@{parameters('$connections')?['shared_x']?['connectionId']}"},"operationId":"o"}"#,
        r#"{"connection":{"name":"@parameters('$connections').shared_x.connectionId"},"operationId":"o"}"#,
        r#"{"connection":{"name":"@json(decodeBase64(triggerOutputs().headers['X-MS-APIM-Tokens']))['$connections']['shared_x']['connectionId']"},"operationId":"o"}"#,
        r#"{"connection":{"name":"@json(decodeBase64(triggerOutputs()?['headers']?['X-MS-APIM-Tokens']))?['$connections']?['shared_x']?['connectionId']"},"operationId":"o"}"#,
        r#"{"connection":{"name":"@{json(decodeBase64(triggerOutputs().headers['X-MS-APIM-Tokens']))['$connections']['shared_x']['connectionId']}"},"operationId":"o"}"#,
        r#"{"connection":{"name":"@json(base64ToString(triggerOutputs()['headers']['x-ms-apim-tokens']))['$connections'].shared_x.connectionId"},"operationId":"o"}"#,
        r#"{"connection":{"name":"@json(decodeBase64(trigger().outputs.headers['X-MS-APIM-Tokens']))['$connections']['shared_x']['connectionId']"},"operationId":"o"}"#,
        r#"{"connection":{"name":"@PARAMETERS('$CONNECTIONS')['shared_x']['ConnectionId']"},"operationId":"o"}"#,
        r#"{"connection":{"name":"@parameters('$connections')[ 'shared_x' ][ 'connectionId' ]"},"operationId":"o"}"#,
        r#"{"connection":{"name":"@parameters('$connections')['shared_x']['name']"},"operationId":"o"}"#,
        r#"{"connection":"@parameters('$connections')['shared_x']['connectionId']","operationId":"o"}"#,
        r#"{"connectionName":"@parameters('$connections')['shared_x']['connectionId']","operationId":"o"}"#,
    ] {
        let definition =
            actions(&format!(r#"{{"A":{{"type":"OpenApiConnection","inputs":{{"host":{host},"parameters":{{}}}}}}}}"#));
        let definition = Value::from_json(definition.as_bytes()).unwrap();
        let plan = compile(&definition, &Value::Null, Profile::PowerAutomate, &Limits::default()).plan.unwrap();
        let keys: Vec<&str> = plan.connector_calls().map(|(_, _, call)| &*call.connection).collect();
        assert_eq!(keys, ["shared_x"], "{host}");
    }
}
