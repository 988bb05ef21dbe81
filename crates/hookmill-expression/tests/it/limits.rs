//! Limits: at one below, exactly at, and one above.

use hookmill_expression::{Condition, ErrorKind, Limits, Template};
use hookmill_model::Value;

use crate::evaluate_within;

/// Evaluates with a limit of that size; gives the kind of the error.
fn outcome(text: &str, context: &Value, limits: Limits) -> Option<ErrorKind> {
    evaluate_within(text, context, limits).err().map(|error| error.kind)
}

/// `text` needs exactly `need` of what `limits` bounds.
fn check(text: &str, context: &Value, need: usize, limits: impl Fn(usize) -> Limits) {
    assert_eq!(outcome(text, context, limits(need - 1)), Some(ErrorKind::LimitExceeded), "{text} within {}", need - 1);
    assert_eq!(outcome(text, context, limits(need)), None, "{text} within {need}");
    assert_eq!(outcome(text, context, limits(need + 1)), None, "{text} within {}", need + 1);
}

fn bytes(max: usize) -> Limits {
    Limits { result_bytes_max: max, ..Limits::DEFAULT }
}

fn elements(max: usize) -> Limits {
    Limits { elements_max: max, ..Limits::DEFAULT }
}

fn depth(max: usize) -> Limits {
    Limits { depth_max: max, ..Limits::DEFAULT }
}

#[test]
fn texts_are_bounded() {
    let context = Value::from_json(br#"{"variables": {"v": {"a": ["b", 1.5, null]}, "t": "0123456789"}}"#).unwrap();
    for (text, need) in [
        ("@concat(variables('t'), variables('t'))", 20),
        ("@{variables('t')}-@{variables('t')}", 21),
        ("@string(variables('v'))", r#"{"a":["b",1.5,null]}"#.len()),
        ("@join(createArray(1, variables('v'), true), ', ')", r#"1, {"a":["b",1.5,null]}, True"#.len()),
        ("@replace(variables('t'), '5', 'abc')", 12),
        ("@base64(variables('t'))", 16),
        ("@base64ToBinary('YWJj')", "application/octet-stream".len() + 4),
        ("@binary(variables('t'))", "application/octet-stream".len() + 16),
        ("@dataUri('abc')", "text/plain;charset=utf-8".len() + 4),
        ("@uriComponent('a b')", 5),
        ("@encodeXmlValue('<')", 4),
        ("@encodeXmlName('a b')", 9),
        ("@formatNumber(1234567, '#,##0.00')", 12),
        ("@formatNumber(7, 'D20')", 20),
    ] {
        check(text, &context, need, bytes);
    }
}

#[test]
fn arrays_are_bounded() {
    for (text, need) in [
        ("@range(0, 10)", 10),
        ("@split('a,b,c,d', ',')", 4),
        ("@chunk('abcdefg', 2)", 4),
        ("@union(createArray(1, 2), createArray(2, 3))", 3),
        ("@xpath(xml('<a><b/><b/></a>'), '//node()')", 4),
        ("@xml('<a x=\"1\"><b/>t</a>')", 5),
    ] {
        check(text, &Value::Null, need, elements);
    }
}

#[test]
fn values_nest_within_bounds() {
    let nested = |depth: usize| format!(r#"{{"variables": {{"v": {}1{}}}}}"#, "[".repeat(depth), "]".repeat(depth));
    let context = Value::from_json(nested(9).as_bytes()).unwrap();
    for text in [
        "@array(variables('v'))",
        "@createArray(0, variables('v'))",
        "@addProperty(json('{}'), 'a', variables('v'))",
        "@setProperty(json('{}'), 'a', variables('v'))",
        "@chunk(variables('v'), 1)",
    ] {
        check(text, &context, 10, depth);
    }
    let wrapped = Value::object([("a", Value::array(vec!["@variables('v')".into()]))]);
    let outcome = |max| {
        let context =
            hookmill_expression::case::Context::new(&context, hookmill_model::Timestamp::default(), 1, depth(max));
        hookmill_expression::case::evaluate(&wrapped, &context).map_err(|error| error.kind)
    };
    assert_eq!(outcome(10), Err(ErrorKind::LimitExceeded));
    assert!(outcome(11).is_ok());
}

#[test]
fn expressions_are_bounded_in_length_and_depth() {
    let outcome = |text: &str, limits: &Limits| Template::parse_within(text, limits).err().map(|error| error.kind);
    // `concat('')` has ten characters without the text.
    let long = |chars: usize| format!("@concat('{}')", "ä".repeat(chars - 10));
    for (chars, expected) in [(8_191, None), (8_192, None), (8_193, Some(ErrorKind::ParseError))] {
        assert_eq!(outcome(&long(chars), &Limits::DEFAULT), expected, "{chars} characters");
    }
    let deep = |levels: usize| format!("@{}1{}", "array(".repeat(levels - 1), ")".repeat(levels - 1));
    for (levels, expected) in [(99, None), (100, None), (101, Some(ErrorKind::ParseError))] {
        assert_eq!(outcome(&deep(levels), &Limits::DEFAULT), expected, "{levels} levels");
    }
    assert_eq!(outcome(&format!("@{}", "array(".repeat(1_300)), &Limits::DEFAULT), Some(ErrorKind::ParseError));
    assert_eq!(
        outcome("@add(1, 2)", &Limits { expression_chars_max: 8, ..Limits::DEFAULT }),
        Some(ErrorKind::ParseError)
    );
}

#[test]
fn conditions_are_bounded_in_depth() {
    let mut condition = Value::Bool(true);
    for _ in 0..50 {
        condition = Value::object([("not", condition)]);
    }
    assert!(Condition::new(&condition).is_ok());
    assert!(Condition::new(&Value::object([("not", condition)])).is_err());
}

#[test]
fn one_evaluation_has_one_budget() {
    let context = Value::object([("variables", Value::object([("t", "x".repeat(1_000))]))]);
    let work = |max| Limits { work_max: max, ..Limits::DEFAULT };
    let one = "toLower(variables('t'))";
    let many = format!("@concat({})", vec![one; 20].join(","));
    assert_eq!(outcome(&format!("@{one}"), &context, work(2_000)), None);
    assert_eq!(outcome(&many, &context, work(10_000)), Some(ErrorKind::LimitExceeded));
    assert_eq!(outcome(&many, &context, work(100_000)), None);
}

#[test]
fn one_evaluation_makes_a_bounded_number_of_bytes() {
    let context = Value::object([("variables", Value::object([("t", "x".repeat(1_000))]))]);
    let made = |max| Limits { made_bytes_max: max, ..Limits::DEFAULT };
    let error = |text: &str, max| evaluate_within(text, &context, made(max)).unwrap_err();
    // What an evaluation drops on the way counts too: the bound holds while it goes on.
    for (text, need) in [
        ("@concat(variables('t'), variables('t'))", 2_000),
        ("@length(concat(toUpper(variables('t')), toLower(variables('t'))))", 4_000),
        ("@length(createArray(concat(variables('t'), 'a'), concat(variables('t'), 'b')))", 2_050),
        ("@{variables('t')}@{variables('t')}", 2_000),
    ] {
        assert_eq!(outcome(text, &context, made(need)), None, "{text} within {need}");
        let refused = error(text, need - 1);
        assert_eq!(refused.kind, ErrorKind::LimitExceeded, "{text}");
        assert!(refused.is_of_memory, "{text}: {refused}");
    }
    let nested = format!("@json('[{}1]')", "[],".repeat(1_000));
    assert!(error(&nested, 10_000).is_of_memory);
    assert!(!evaluate_within("@range(0, 100)", &context, elements(9)).unwrap_err().is_of_memory);
    // All templates of one value share the budget.
    let value = Value::array(vec!["@concat(variables('t'), 'a')".into(); 10]);
    let scope =
        |max| hookmill_expression::case::Context::new(&context, hookmill_model::Timestamp::default(), 1, made(max));
    assert!(hookmill_expression::case::evaluate(&value, &scope(10_010)).is_ok());
    assert!(hookmill_expression::case::evaluate(&value, &scope(10_009)).unwrap_err().is_of_memory);
}

#[test]
fn an_evaluation_ends_when_nobody_waits() {
    let context = Value::object([("variables", Value::object([("t", "x".repeat(1_000_000))]))]);
    let asked = std::cell::Cell::new(0);
    let wanted = || {
        asked.set(asked.get() + 1);
        asked.get() < 2
    };
    let scope = hookmill_expression::case::Context::new(
        &context,
        hookmill_model::Timestamp::default(),
        1,
        Limits { made_bytes_max: usize::MAX, ..Limits::DEFAULT },
    )
    .while_wanted(&wanted);
    let text = format!("@length(concat({}))", vec!["toLower(variables('t'))"; 30].join(","));
    let error = hookmill_expression::case::evaluate(&text.as_str().into(), &scope).unwrap_err();
    assert!(error.message.contains("was stopped"), "{error}");
    assert_eq!(asked.get(), 2);
}

/// Expressions that would be slow or large, were nothing bounded. Each must end soon, well or not.
#[test]
fn hostile_expressions_end_soon() {
    let deep_xml = format!("{}{}", "<a>".repeat(150), "</a>".repeat(150));
    let wide_xml = format!("<r>{}</r>", "<a><b/></a>".repeat(20_000));
    let context = Value::object([(
        "variables",
        Value::object([
            ("t", Value::from("x".repeat(1_000_000))),
            ("deep", deep_xml.into()),
            ("wide", wide_xml.into()),
            ("attributes", format!("<a {}/>", (0..20_000).map(|n| format!("a{n}='' ")).collect::<String>()).into()),
            ("bomb", "<!DOCTYPE a [<!ENTITY b 'x'><!ENTITY c '&b;&b;'>]><a>&c;</a>".into()),
            ("same", Value::array((0..50_000).map(|n| Value::object([("id", Value::Integer(n))])).collect())),
        ]),
    )]);
    let doubled = (0..6).fold("variables('t')".to_owned(), |text, _| format!("concat({text},{text},{text})"));
    let begun = std::time::Instant::now();
    for text in [
        "@length(union(variables('same'), variables('same')))".to_owned(),
        "@length(intersection(variables('same'), variables('same')))".to_owned(),
        "@length(string(xpath(xml(variables('deep')), '//a//a//a//a//a//a//a')))".to_owned(),
        "@xpath(xml(variables('wide')), 'count(//a[count(//a[count(//b) > 1]) > 1])')".to_owned(),
        "@xpath(xml(variables('wide')), 'count(//b/preceding::*/following::*)')".to_owned(),
        "@xpath(xml('<a/>'), 'string-length(concat(\"ab\",\"cd\"))')".to_owned(),
        "@xml(variables('attributes'))".to_owned(),
        "@xml(variables('bomb'))".to_owned(),
        format!("@{doubled}"),
        "@join(range(0,100000), variables('t'))".to_owned(),
        "@replace(variables('t'), 'x', variables('t'))".to_owned(),
        "@base64(base64(base64(base64(base64(variables('t'))))))".to_owned(),
        "@nthIndexOf(variables('t'), 'xxxxxxxx', -5)".to_owned(),
        "@formatNumber(1, variables('t'))".to_owned(),
        "@formatDateTime('2024-01-01', variables('t'))".to_owned(),
        "@chunk(variables('t'), 1)".to_owned(),
        "@formatNumber(1e300, '#,##0.000')".to_owned(),
    ] {
        let _ = evaluate_within(&text, &context, Limits { work_max: 200_000_000, ..Limits::DEFAULT });
    }
    assert!(begun.elapsed().as_secs() < 60, "the expressions took {:?}", begun.elapsed());
}
