//! What an error says: kind, place, function, what there is instead, what was probably meant.

use expect_test::{Expect, expect};
use hookmill_model::Value;

use crate::evaluate;

fn check(text: &str, expected: Expect) {
    let context = Value::from_json(
        br#"{
            "triggerOutputs": {"body": {"repository": {"name": "mill"}, "commits": [], "ref": "refs/heads/main"}},
            "variables": {"count": 3},
            "parameters": {"region": "eu"},
            "outputs": {"Get_user": {"body": {"id": 5}}},
            "items": {"For_each": 1}
        }"#,
    )
    .unwrap();
    let error = evaluate(text, &context).unwrap_err();
    expected.assert_eq(&error.explained(text));
}

#[test]
fn parse_errors_point_at_the_place() {
    check(
        "@concat('a' 'b')",
        expect![[r#"
        ParseError: The template language expression 'concat('a' 'b')' is not valid: expected ',' or ')', found '''.
          at line 1, column 13 (byte 12)
          | @concat('a' 'b')
          |             ^"#]],
    );
    check(
        "Hällo @{concat('a'} du",
        expect![[r#"
        ParseError: The template language expression 'concat('a'' is not valid: a closing ')' is missing.
          at line 1, column 19 (byte 19)
          | Hällo @{concat('a'} du
          |                   ^"#]],
    );
    check(
        "first\nsecond @{add(1,)}",
        expect![[r#"
        ParseError: The template language expression 'add(1,)' is not valid: unexpected ')'.
          at line 2, column 16 (byte 21)
          | second @{add(1,)}
          |                ^"#]],
    );
    check(
        "@concat('a', 'b",
        expect![[r#"
        ParseError: The template language expression 'concat('a', 'b' is not valid: the text that begins here has no closing quote.
          at line 1, column 14 (byte 13)
          | @concat('a', 'b
          |              ^"#]],
    );
    check(
        "@concat(\"a\")",
        expect![[r#"
        ParseError: The template language expression 'concat("a")' is not valid: text stands in single quotes, not in double quotes.
          at line 1, column 9 (byte 8)
          | @concat("a")
          |         ^"#]],
    );
    check(
        "@triggerBody()?",
        expect![[r#"
        ParseError: The template language expression 'triggerBody()?' is not valid: '?' must be followed by '.' or '['.
          at line 1, column 16 (byte 15)
          | @triggerBody()?
          |                ^"#]],
    );
    check(
        "x @{add(1,2)",
        expect![[r#"
        ParseError: The template 'x @{add(1,2)' has '@{' without a closing '}'.
          at line 1, column 3 (byte 2)
          | x @{add(1,2)
          |   ^"#]],
    );
}

#[test]
fn unknown_functions_suggest_the_likely_one() {
    check(
        "@tolowr('A')",
        expect![[r#"
        UnknownFunction: The template function 'tolowr' is not defined or not valid. Did you mean 'toLower'?
          at line 1, column 2 (byte 1), function 'tolowr'
          | @tolowr('A')
          |  ^"#]],
    );
    check(
        "@concat('a', formatDatetme('2024-01-01'))",
        expect![[r#"
        UnknownFunction: The template function 'formatDatetme' is not defined or not valid. Did you mean 'formatDateTime'?
          at line 1, column 14 (byte 13), function 'formatDatetme'
          | @concat('a', formatDatetme('2024-01-01'))
          |              ^"#]],
    );
    check(
        "@frobnicate()",
        expect![[r#"
        UnknownFunction: The template function 'frobnicate' is not defined or not valid.
          at line 1, column 2 (byte 1), function 'frobnicate'
          | @frobnicate()
          |  ^"#]],
    );
}

#[test]
fn argument_counts_say_what_is_expected() {
    check(
        "@add(1)",
        expect![[r#"
        ArgumentCount: The template function 'add' expects 2 arguments; it was given 1.
          at line 1, column 2 (byte 1), function 'add'
          | @add(1)
          |  ^"#]],
    );
    check(
        "@substring('a', 1, 2, 3)",
        expect![[r#"
        ArgumentCount: The template function 'substring' expects 2 to 3 arguments; it was given 4.
          at line 1, column 2 (byte 1), function 'substring'
          | @substring('a', 1, 2, 3)
          |  ^"#]],
    );
    check(
        "@createArray()",
        expect![[r#"
        ArgumentCount: The template function 'createArray' expects at least 1 argument; it was given 0.
          at line 1, column 2 (byte 1), function 'createArray'
          | @createArray()
          |  ^"#]],
    );
}

#[test]
fn arguments_say_place_and_type() {
    check(
        "@concat('a', toLower(5))",
        expect![[r#"
        InvalidArgument: The template language function 'toLower' expects its first parameter to be a string. The provided value is of type 'Integer'.
          at line 1, column 14 (byte 13), function 'toLower'
          | @concat('a', toLower(5))
          |              ^"#]],
    );
    check(
        "@add(1, 'x')",
        expect![[r#"
        InvalidArgument: The template language function 'add' expects its second parameter to be an integer or a decimal number. The provided value is of type 'String'.
          at line 1, column 2 (byte 1), function 'add'
          | @add(1, 'x')
          |  ^"#]],
    );
    check(
        "@formatDateTime('soon', 'yyyy')",
        expect![[r#"
        InvalidArgument: In function 'formatDateTime', the value provided for date time string 'soon' was not valid. The datetime string must match ISO 8601 format.
          at line 1, column 2 (byte 1), function 'formatDateTime'
          | @formatDateTime('soon', 'yyyy')
          |  ^"#]],
    );
    check(
        "@div(1, 0)",
        expect![[r#"
        DivideByZero: Attempt to divide an integral or decimal value by zero in function 'div'.
          at line 1, column 2 (byte 1), function 'div'
          | @div(1, 0)
          |  ^"#]],
    );
    check(
        "@if('yes', 1, 2)",
        expect![[r#"
        InvalidArgument: The template language function 'if' expects its parameter to be a boolean. The provided value is of type 'String'.
          at line 1, column 2 (byte 1), function 'if'
          | @if('yes', 1, 2)
          |  ^"#]],
    );
}

#[test]
fn missing_properties_name_what_there_is() {
    check(
        "@triggerBody()['repositry']",
        expect![[r#"
        PropertyNotFound: The template language expression 'triggerBody()['repositry']' cannot be evaluated because property 'repositry' doesn't exist, available properties are 'repository, commits, ref'. Did you mean 'repository'?
          at line 1, column 15 (byte 14), function 'triggerBody'
          | @triggerBody()['repositry']
          |               ^
          there is: repository, commits, ref"#]],
    );
    check(
        "@triggerBody()?['repository']['owner']",
        expect![[r#"
        PropertyNotFound: The template language expression 'triggerBody()?['repository']['owner']' cannot be evaluated because property 'owner' doesn't exist, available properties are 'name'.
          at line 1, column 30 (byte 29), function 'triggerBody'
          | @triggerBody()?['repository']['owner']
          |                              ^
          there is: name"#]],
    );
    check(
        "@triggerBody()['commits'][0]",
        expect![[r#"
        IndexOutOfRange: The template language expression 'triggerBody()['commits'][0]' cannot be evaluated because array index '0' cannot be selected from empty array.
          at line 1, column 26 (byte 25), function 'triggerBody'
          | @triggerBody()['commits'][0]
          |                          ^"#]],
    );
    check(
        "@createArray(1, 2)[2]",
        expect![[r#"
        IndexOutOfRange: The template language expression 'createArray(1, 2)[2]' cannot be evaluated because array index '2' is outside bounds (0, 1) of array.
          at line 1, column 19 (byte 18), function 'createArray'
          | @createArray(1, 2)[2]
          |                   ^"#]],
    );
    check(
        "@triggerBody()?['ref']['name']",
        expect![[r#"
        PropertyNotSelectable: The template language expression 'triggerBody()?['ref']['name']' cannot be evaluated because property 'name' cannot be selected. Property selection is not supported on values of type 'String'.
          at line 1, column 23 (byte 22), function 'triggerBody'
          | @triggerBody()?['ref']['name']
          |                       ^"#]],
    );
    check(
        "@triggerBody()?['commits']?['id']",
        expect![[r#"
        PropertyNotSelectable: The template language expression 'triggerBody()?['commits']?['id']' cannot be evaluated because property 'id' cannot be selected. Array elements can only be selected using an integer index.
          at line 1, column 27 (byte 26), function 'triggerBody'
          | @triggerBody()?['commits']?['id']
          |                           ^"#]],
    );
    check(
        "@triggerBody()?['none']['id']",
        expect![[r#"
        PropertyNotSelectable: The template language expression 'triggerBody()?['none']['id']' cannot be evaluated because property 'id' cannot be selected. Property selection is not supported on values of type 'Null'.
          at line 1, column 24 (byte 23), function 'triggerBody'
          | @triggerBody()?['none']['id']
          |                        ^"#]],
    );
}

#[test]
fn missing_names_suggest_the_likely_one() {
    check(
        "@body('Get_usr')",
        expect![[r#"
        ReferenceNotFound: The action 'Get_usr' that the function 'body' refers to does not exist. Did you mean 'Get_user'?
          at line 1, column 2 (byte 1), function 'body'
          | @body('Get_usr')
          |  ^
          there is: Get_user"#]],
    );
    check(
        "@variables('cuont')",
        expect![[r#"
            ReferenceNotFound: The variable 'cuont' that the function 'variables' refers to does not exist. Did you mean 'count'?
              at line 1, column 2 (byte 1), function 'variables'
              | @variables('cuont')
              |  ^
              there is: count"#]],
    );
    check(
        "@parameters('regoin')",
        expect![[r#"
        ReferenceNotFound: The parameter 'regoin' that the function 'parameters' refers to does not exist. Did you mean 'region'?
          at line 1, column 2 (byte 1), function 'parameters'
          | @parameters('regoin')
          |  ^
          there is: region"#]],
    );
    check(
        "@items('For_ech')",
        expect![[r#"
        ReferenceNotFound: The loop 'For_ech' that the function 'items' refers to does not exist. Did you mean 'For_each'?
          at line 1, column 2 (byte 1), function 'items'
          | @items('For_ech')
          |  ^
          there is: For_each"#]],
    );
    check(
        "@result('Nowhere')",
        expect![[r#"
        ReferenceNotFound: The scope 'Nowhere' that the function 'result' refers to does not exist.
          at line 1, column 2 (byte 1), function 'result'
          | @result('Nowhere')
          |  ^
          there is: Get_user"#]],
    );
    check(
        "@item()",
        expect![[r#"
        ReferenceNotFound: The function 'item' is used outside of a loop or data operation.
          at line 1, column 2 (byte 1), function 'item'
          | @item()
          |  ^"#]],
    );
}

#[test]
fn long_texts_are_cut() {
    let text = format!("@toLower(concat('{}', 1)['{}'])", "x".repeat(300), "y".repeat(3_000));
    let error = evaluate(&text, &Value::Null).unwrap_err();
    assert!(error.message.chars().count() <= 2_001);
    assert!(error.explained(&text).len() < 2_500);
}
