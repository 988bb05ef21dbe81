//! Random schemas and values: the planned body is what the schema demands, an inferred schema takes its samples, and a path
//! keeps its shape whatever is put into it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

use hookmill_connector::{Call, Connector, Plan, PlannedRequest, Settings, infer_schema};
use hookmill_model::Value;
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

/// A schema with a value that fits it and one as a person types it: numbers and truth values as texts.
#[derive(Clone, Debug)]
struct Sample {
    schema: Json,
    fits: Json,
    typed: Json,
}

fn scalar() -> BoxedStrategy<Sample> {
    let sample = |kind: &str, fits: Json, typed: Json| Sample { schema: json!({"type": kind}), fits, typed };
    prop_oneof![
        "[a-z ]{0,6}".prop_map(move |text| sample("string", json!(text), json!(text))),
        any::<i32>().prop_map(move |number| sample("integer", json!(number), json!(number.to_string()))),
        (-1000..1000_i32).prop_map(move |number| {
            let number = f64::from(number) / 4.0;
            sample("number", json!(number), json!(number.to_string()))
        }),
        any::<bool>().prop_map(move |truth| sample("boolean", json!(truth), json!(truth.to_string()))),
    ]
    .boxed()
}

/// How a property is described and given.
#[derive(Clone, Copy, Debug)]
enum Given {
    Required,
    Optional,
    LeftOut,
    ByDefault,
    Hidden,
}

fn schema() -> BoxedStrategy<Sample> {
    scalar()
        .prop_recursive(3, 24, 4, |inner| {
            let given = prop_oneof![
                Just(Given::Required),
                Just(Given::Optional),
                Just(Given::LeftOut),
                Just(Given::ByDefault),
                Just(Given::Hidden)
            ];
            let members = proptest::collection::btree_map("[a-z]{1,4}", (inner.clone(), given), 1..4);
            prop_oneof![
                members.prop_map(object),
                proptest::collection::vec(inner, 1..3).prop_map(|items| {
                    let first = items[0].clone();
                    Sample {
                        schema: json!({"type": "array", "items": first.schema}),
                        fits: json!([first.fits, first.fits]),
                        typed: json!([first.typed, first.typed]),
                    }
                }),
            ]
        })
        .boxed()
}

fn object(members: std::collections::BTreeMap<String, (Sample, Given)>) -> Sample {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    let (mut fits, mut typed) = (Map::new(), Map::new());
    for (name, (own, given)) in members {
        let mut schema = own.schema.clone();
        match given {
            Given::Required => required.push(json!(name)),
            Given::ByDefault => {
                schema["default"] = own.fits.clone();
                required.push(json!(name));
            }
            Given::Hidden => {
                schema["default"] = own.fits.clone();
                schema["x-ms-visibility"] = json!("internal");
                required.push(json!(name));
            }
            Given::Optional | Given::LeftOut => {}
        }
        if matches!(given, Given::Required | Given::Optional) {
            fits.insert(name.clone(), own.fits);
            typed.insert(name.clone(), own.typed);
        }
        properties.insert(name, schema);
    }
    Sample {
        schema: json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false}),
        fits: fits.into(),
        typed: typed.into(),
    }
}

fn plan(document: &Json, parameters: &Json) -> Result<PlannedRequest, String> {
    let import = Connector::import(document.to_string().as_bytes(), None, &Settings::default());
    let connector = import.connector.unwrap();
    let parameters = Value::from_json(parameters.to_string().as_bytes()).unwrap();
    let call = Call { parameters: Some(&parameters), ..Call::default() };
    match connector.plan_request(connector.operation("A").unwrap(), &call) {
        Ok(Plan::Request(planned)) => Ok(planned),
        Ok(Plan::Lookup(_)) => Err("a call before".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn document(path: &str, parameters: Json) -> Json {
    json!({"swagger": "2.0", "info": {"title": "T", "version": "1"}, "host": "a.example", "paths": {
        path: {"post": {"operationId": "A", "parameters": parameters, "responses": {"200": {"description": "it"}}}}}})
}

/// The keys of a flow: objects are taken apart down to some depth.
fn keys(prefix: &str, value: &Json, depth: usize, found: &mut Map<String, Json>) {
    match value.as_object().filter(|members| depth > 0 && !members.is_empty()) {
        Some(members) => {
            members.iter().for_each(|(name, value)| keys(&format!("{prefix}/{name}"), value, depth - 1, found))
        }
        None => {
            found.insert(prefix.to_owned(), value.clone());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_planned_body_conforms_to_its_schema(own in schema(), depth in 0_usize..4) {
        let document = document("/a", json!([{"name": "item", "in": "body", "required": true, "schema": own.schema}]));
        let mut parameters = Map::new();
        keys("item", &own.typed, depth, &mut parameters);
        let planned = plan(&document, &parameters.into());
        let validator = jsonschema::validator_for(&own.schema).unwrap();
        match planned {
            Ok(planned) => {
                let body: Json = serde_json::from_str(&planned.body.to_json()).unwrap();
                // A bare text goes out as JSON text.
                let body = match (own.schema["type"].as_str(), body) {
                    (Some("string"), Json::String(text)) => serde_json::from_str(&text).unwrap_or(Json::String(text)),
                    (_, body) => body,
                };
                let faults: Vec<String> = validator.iter_errors(&body).map(|fault| fault.to_string()).collect();
                prop_assert!(faults.is_empty(), "{faults:?} in {body} by {}", own.schema);
            }
            Err(message) => prop_assert!(false, "{message} for {}", own.schema),
        }
    }

    #[test]
    fn an_inferred_schema_takes_its_samples(samples in proptest::collection::vec(schema(), 1..4)) {
        let values: Vec<Value> = samples.iter().map(|own| Value::from_json(own.fits.to_string().as_bytes()).unwrap()).collect();
        let inferred: Json = serde_json::from_str(&infer_schema(&values).to_json()).unwrap();
        let validator = jsonschema::validator_for(&inferred).unwrap();
        for own in &samples {
            prop_assert!(validator.is_valid(&own.fits), "{} is refused by {inferred}", own.fits);
        }
    }

    #[test]
    fn a_path_keeps_its_shape_and_its_value(text in "\\PC{1,12}", other in "[./\\\\%a-z]{1,6}") {
        let parameters = json!([{"name": "a", "in": "path", "required": true, "type": "string"}, {"name": "b", "in": "path", "required": true, "type": "string"}]);
        let document = document("/x/{a}/y({b})/z", parameters);
        let given = json!({"a": text, "b": other});
        let first = plan(&document, &given);
        prop_assert_eq!(&first, &plan(&document, &given), "two plans of one input are equal");
        if let Ok(planned) = first {
            let url = url::Url::parse(&planned.url).unwrap();
            prop_assert_eq!(url.as_str(), &*planned.url, "nothing in it is read otherwise by others");
            let segments: Vec<&str> = url.path_segments().unwrap().collect();
            prop_assert_eq!(segments.len(), 4);
            prop_assert_eq!((segments[0], segments[3]), ("x", "z"));
            let decoded = percent_encoding::percent_decode_str(segments[1]).decode_utf8().unwrap().into_owned();
            prop_assert_eq!(decoded, text);
        }
    }
}
