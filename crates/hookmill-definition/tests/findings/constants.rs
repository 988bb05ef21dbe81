//! Constants that no run could use, and members that parameters fill in.

use hookmill_definition::{Limits, Profile, compile};
use hookmill_model::{Severity, Value};

use super::{actions, check, triggers};

/// Constants that no run could use.
#[test]
fn constants_that_cannot_be_right_are_refused() {
    for (text, code, at) in [
        (
            r#"{"A":{"type":"Http","inputs":{"method":"FETCH","uri":"https://a.test"}}}"#,
            "value_unknown",
            "/actions/A/inputs/method",
        ),
        (
            r#"{"A":{"type":"Http","inputs":{"method":"GET","uri":"a.test/x"}}}"#,
            "address_invalid",
            "/actions/A/inputs/uri",
        ),
        (
            r#"{"A":{"type":"Http","inputs":{"method":"GET","uri":"ftp://a.test"}}}"#,
            "address_invalid",
            "/actions/A/inputs/uri",
        ),
        (
            r#"{"A":{"type":"Http","inputs":{"method":"GET","uri":"https://"}}}"#,
            "address_invalid",
            "/actions/A/inputs/uri",
        ),
        (
            r#"{"A":{"type":"Http","inputs":{"method":"GET","uri":"https://a.test","headers":["a"]}}}"#,
            "object_expected",
            "/actions/A/inputs/headers",
        ),
        (
            r#"{"A":{"type":"Http","inputs":{"method":"GET","uri":"https://a.test","authentication":{"type":"Digest"}}}}"#,
            "authentication_unknown",
            "/actions/A/inputs/authentication/type",
        ),
        (
            r#"{"A":{"type":"HttpWebhook","inputs":{"subscribe":{"method":"POST","uri":"nowhere"}}}}"#,
            "address_invalid",
            "/actions/A/inputs/subscribe/uri",
        ),
        (r#"{"A":{"type":"Foreach","foreach":"a, b","actions":{}}}"#, "array_expected", "/actions/A/foreach"),
        (r#"{"A":{"type":"Foreach","foreach":{"a":1},"actions":{}}}"#, "array_expected", "/actions/A/foreach"),
        (r#"{"A":{"type":"Query","inputs":{"from":"x","where":"@true"}}}"#, "array_expected", "/actions/A/inputs/from"),
        (r#"{"A":{"type":"Select","inputs":{"from":{},"select":1}}}"#, "array_expected", "/actions/A/inputs/from"),
        (r#"{"A":{"type":"Join","inputs":{"from":5,"joinWith":","}}}"#, "array_expected", "/actions/A/inputs/from"),
        (r#"{"A":{"type":"Table","inputs":{"from":true,"format":"CSV"}}}"#, "array_expected", "/actions/A/inputs/from"),
        (r#"{"A":{"type":"Table","inputs":{"from":[],"format":"XML"}}}"#, "table_format", "/actions/A/inputs/format"),
        (
            r#"{"A":{"type":"Wait","inputs":{"interval":{"count":1,"unit":"Fortnight"}}}}"#,
            "value_unknown",
            "/actions/A/inputs/interval/unit",
        ),
        (
            r#"{"A":{"type":"Wait","inputs":{"interval":{"count":"soon","unit":"Day"}}}}"#,
            "number_expected",
            "/actions/A/inputs/interval/count",
        ),
        (
            r#"{"A":{"type":"Wait","inputs":{"until":{"timestamp":"tomorrow"}}}}"#,
            "time_invalid",
            "/actions/A/inputs/until/timestamp",
        ),
        (r#"{"A":{"type":"Expression","kind":"Multiply","inputs":{}}}"#, "expression_kind_unknown", "/actions/A/kind"),
        (
            r#"{"A":{"type":"Expression","kind":"AddToTime","inputs":{"baseTime":"2026-01-01","interval":1}}}"#,
            "property_missing",
            "/actions/A/inputs",
        ),
        (
            r#"{"A":{"type":"Expression","kind":"AddToTime","inputs":{"baseTime":"2026-01-01","interval":1,"timeUnit":"Age"}}}"#,
            "value_unknown",
            "/actions/A/inputs/timeUnit",
        ),
        (
            r#"{"A":{"type":"Expression","kind":"ConvertTimeZone","inputs":{"baseTime":"2026-01-01","sourceTimeZone":"UTC","destinationTimeZone":"Mars"}}}"#,
            "time_zone_unknown",
            "/actions/A/inputs/destinationTimeZone",
        ),
        (
            r#"{"A":{"type":"Http","inputs":{"method":"GET","uri":"https://a.test"},"runtimeConfiguration":{"paginationPolicy":{"minimumItemCount":0}}}}"#,
            "pagination_invalid",
            "/actions/A/runtimeConfiguration/paginationPolicy/minimumItemCount",
        ),
        (r#"{"A":{"type":"Compose","inputs":{"@type":1}}}"#, "expression_invalid", "/actions/A/inputs/@type"),
        (
            r#"{"A":{"type":"ParseJson","inputs":{"content":1,"schema":{"properties":{"@type":{}}}}}}"#,
            "expression_invalid",
            "/actions/A/inputs/schema/properties/@type",
        ),
    ] {
        check(&actions(text), Severity::Error, &[(code, at)]);
    }
    // The run says so when it comes there; flows that never do are saved.
    for (text, code, at) in [
        (r#"{"A":{"type":"Foreach","foreach":null,"actions":{}}}"#, "array_expected", "/actions/A/foreach"),
        (r#"{"A":{"type":"Foreach","foreach":"@null","actions":{}}}"#, "array_expected", "/actions/A/foreach"),
        (
            r#"{"A":{"type":"Select","inputs":{"from":"@add(1,2)","select":1}}}"#,
            "array_expected",
            "/actions/A/inputs/from",
        ),
        (
            r#"{"A":{"type":"Query","inputs":{"from":[],"where":"yes"}}}"#,
            "condition_expected",
            "/actions/A/inputs/where",
        ),
        (
            r#"{"A":{"type":"If","expression":"@string(1)","actions":{}}}"#,
            "condition_expected",
            "/actions/A/expression",
        ),
        (r#"{"A":{"type":"Until","expression":"","actions":{}}}"#, "condition_expected", "/actions/A/expression"),
        (
            r#"{"A":{"type":"Wait","inputs":{"interval":{"count":-1,"unit":"Day"}}}}"#,
            "number_range",
            "/actions/A/inputs/interval/count",
        ),
        (
            r#"{"A":{"type":"Wait","inputs":{"interval":{"count":"@sub(1,2)","unit":"Day"}}}}"#,
            "number_range",
            "/actions/A/inputs/interval/count",
        ),
        (r#"{"A":{"type":"Response","inputs":{"statusCode":302}}}"#, "number_range", "/actions/A/inputs/statusCode"),
        (
            r#"{"A":{"type":"Http","inputs":{"method":"@concat('F')","uri":"https://a.test"}}}"#,
            "value_unknown",
            "/actions/A/inputs/method",
        ),
    ] {
        check(&actions(text), Severity::Warning, &[(code, at)]);
    }
    for (text, code, at) in [
        (
            r#"{"t":{"type":"Recurrence","recurrence":{"frequency":"Week","interval":1,"weekDays":["Monday"]}}}"#,
            "recurrence_invalid",
            "/triggers/t/recurrence/weekDays",
        ),
        (
            r#"{"t":{"type":"Recurrence","recurrence":{"frequency":"Week","interval":1,"timezone":"UTC"}}}"#,
            "recurrence_invalid",
            "/triggers/t/recurrence/timezone",
        ),
        (
            r#"{"t":{"type":"Recurrence","recurrence":{"frequency":"Day","interval":1,"schedule":{"hour":[1]}}}}"#,
            "recurrence_invalid",
            "/triggers/t/recurrence/schedule/hour",
        ),
        (r#"{"t":{"type":"Recurrence","recurrence":"daily"}}"#, "recurrence_invalid", "/triggers/t/recurrence"),
        (
            r#"{"t":{"type":"Recurrence","recurrence":{"frequency":"Day","interval":1,"startTime":"@utcNow()"}}}"#,
            "recurrence_invalid",
            "/triggers/t/recurrence",
        ),
        (r#"{"t":{"type":"Request","inputs":{"method":"FETCH"}}}"#, "value_unknown", "/triggers/t/inputs/method"),
        (
            r#"{"t":{"type":"Http","inputs":{"method":"GET","uri":"x"},"recurrence":{"frequency":"Day","interval":1}}}"#,
            "address_invalid",
            "/triggers/t/inputs/uri",
        ),
    ] {
        check(&triggers(text), Severity::Error, &[(code, at)]);
    }
}

/// Timetables, counts and formats may come from parameters.
#[test]
fn constants_may_come_from_parameters() {
    let definition = r#"{
        "parameters":{"i":{"type":"Int","defaultValue":5},"f":{"type":"String","defaultValue":"Hour"},"z":{"type":"String","defaultValue":"W. Europe Standard Time"},
            "s":{"type":"String","defaultValue":"2026-01-01T00:00:00"},"h":{"type":"Array","defaultValue":[8]},"n":{"type":"Int","defaultValue":3}},
        "triggers":{"t":{"type":"Recurrence","recurrence":{"frequency":"@parameters('f')","interval":"@parameters('i')","timeZone":"@{parameters('z')}","startTime":"@parameters('s')"},
            "runtimeConfiguration":{"concurrency":{"runs":"@parameters('n')","maximumWaitingRuns":"@{parameters('n')}"}}}},
        "actions":{}}"#;
    check(definition, Severity::Error, &[]);
    let compiled = compile(
        &Value::from_json(definition.as_bytes()).unwrap(),
        &Value::Null,
        Profile::LogicApps,
        &Limits::default(),
    );
    let plan = compiled.plan.unwrap();
    let recurrence = plan.triggers[0].recurrence.as_ref().unwrap();
    assert_eq!((recurrence.frequency, recurrence.interval), (hookmill_definition::recurrence::Frequency::Hour, 5));
    assert_eq!(plan.triggers[0].concurrency.map(|own| (own.runs, own.waiting)), Some((3, 3)));
    // A value that is supplied counts, and is checked.
    let supplied = Value::from_json(br#"{"i":0}"#).unwrap();
    let compiled =
        compile(&Value::from_json(definition.as_bytes()).unwrap(), &supplied, Profile::LogicApps, &Limits::default());
    assert_eq!(compiled.diagnostics[0].pointer.as_str(), "/triggers/t/recurrence/interval");
}
