//! A bounded run of the fuzz targets on the stable toolchain.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once, and read the clock.

#[path = "../../hookmill-definition/fuzz/seeded.rs"]
mod seeded;
#[path = "../fuzz/targets.rs"]
mod targets;

/// Inputs of each target.
const STEPS: usize = 600;

const TWO: &str = r##"{"swagger":"2.0","info":{"title":"Forge","version":"1"},"host":"forge.example.org","basePath":"/v1","schemes":["https"],
 "securityDefinitions":{"b":{"type":"basic"},"o":{"type":"oauth2","flow":"accessCode","authorizationUrl":"https://f/a","tokenUrl":"https://f/t","scopes":{"s":"x"}}},
 "definitions":{"A":{"type":"object","allOf":[{"$ref":"#/definitions/B"}],"properties":{"a":{"$ref":"#/definitions/A"},"n":{"type":"integer","default":1,"enum":[1,2]}}},"B":{"type":"object","required":["c"],"properties":{"c":{"type":"array","items":{"$ref":"#/definitions/A"}}}}},
 "paths":{"/{owner}/hooks":{"x-ms-notification-content":{"schema":{"$ref":"#/definitions/A"}},"post":{"operationId":"hook","x-ms-trigger":"single","x-hookmill-preset":"github",
   "parameters":[{"name":"owner","in":"path","required":true,"type":"string"},{"name":"body","in":"body","schema":{"type":"object","properties":{"config":{"type":"object","properties":{"url":{"type":"string","x-ms-notification-url":true,"x-ms-visibility":"internal"}}}}}}],"responses":{"201":{"description":"x"}}}},
  "/{owner}/hooks/{id}":{"delete":{"operationId":"unhook","parameters":[{"name":"owner","in":"path","required":true,"type":"string"},{"name":"id","in":"path","required":true,"type":"string"}],"responses":{"204":{"description":"x"}}}},
  "/items":{"get":{"operationId":"items","x-ms-pageable":{"nextLinkName":"next"},"parameters":[{"name":"q","in":"query","type":"array","collectionFormat":"multi","items":{"type":"string"},"x-ms-dynamic-values":{"operationId":"items","value-path":"id"}}],"responses":{"200":{"description":"x","schema":{"$ref":"#/definitions/B"}}}}}}}"##;

const THREE: &str = r##"{"openapi":"3.0.3","info":{"title":"Forge","version":"1"},"servers":[{"url":"https://{region}.example.org/v2","variables":{"region":{"default":"eu","enum":["eu","us"]}}}],
 "components":{"schemas":{"P":{"oneOf":[{"$ref":"#/components/schemas/Q"},{"type":"null"}]},"Q":{"type":"object","properties":{"p":{"$ref":"#/components/schemas/P"}},"nullable":true}},"parameters":{"id":{"name":"id","in":"path","required":true,"schema":{"type":"string"}}},"securitySchemes":{"k":{"type":"apiKey","in":"cookie","name":"s"},"b":{"type":"http","scheme":"bearer"}}},
 "security":[{"k":[]},{"b":[]}],
 "paths":{"/p/{id}":{"parameters":[{"$ref":"#/components/parameters/id"}],"put":{"operationId":"put","requestBody":{"content":{"multipart/form-data":{"schema":{"type":"object","properties":{"f":{"type":"string","format":"binary"}}}}}},"callbacks":{"on":{"{$request.body#/url}":{"post":{"responses":{}}}}},"responses":{"200":{"description":"x","content":{"application/json":{"schema":{"$ref":"#/components/schemas/P"}}}}}}}}}"##;

const YAML: &str = "openapi: 3.0.0\ninfo: {title: &t Forge, version: '1'}\nservers:\n  - url: https://forge.example.org\npaths:\n  /a/{b}:\n    get:\n      operationId: *t\n      parameters:\n        - {name: b, in: path, required: true, schema: {type: string}}\n      responses:\n        '200':\n          description: |\n            many\n            lines\n";

const COLLECTION: &str = r#"{"info":{"name":"Forge","schema":"https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},"variable":[{"key":"base","value":"https://forge.example.org"}],"auth":{"type":"bearer","bearer":[{"key":"token","value":"x"}]},
 "item":[{"name":"folder","item":[{"name":"one","request":{"method":"POST","url":{"raw":"{{base}}/a/:id?x=1","host":["{{base}}"],"path":["a",":id"],"query":[{"key":"x","value":"1"}]},"header":[{"key":"X-A","value":"b"}],"body":{"mode":"raw","raw":"{\"a\":[1]}"}}}]}]}"#;

const PROPERTIES: &str = r#"{"properties":{"connectionParameters":{"api_key":{"type":"securestring"},"token":{"type":"oauthSetting","oAuthSettings":{"identityProvider":"oauth2","clientId":"a","scopes":["s"],"customParameters":{"tokenUrl":{"value":"https://f/t"},"authorizationUrl":{"value":"https://f/a"}}}}},
 "connectionParameterSets":{"uiDefinition":{},"values":[{"name":"one","parameters":{"username":{"type":"string"},"password":{"type":"securestring"}}}]},
 "policyTemplateInstances":[{"templateId":"dynamichosturl","title":"h","parameters":{"x-ms-apimTemplateParameter.urlTemplate":"https://@connectionParameters('host','a.example.org')/x"}},{"templateId":"setheader","title":"s","parameters":{"x-ms-apimTemplateParameter.name":"X-A","x-ms-apimTemplateParameter.value":"@headers('X-B')","x-ms-apimTemplateParameter.existsAction":"override","x-ms-apimTemplate-policySection":"Request","x-ms-apimTemplate-operationName":["one"]}},{"templateId":"routerequesttoendpoint","title":"r","parameters":{"x-ms-apimTemplateParameter.newPath":"/x/@path('b')","x-ms-apimTemplateParameter.httpMethod":"@Request.OriginalHTTPMethod"}}]}}"#;

/// Pieces that readers look for.
const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "null",
    "1e999",
    "-1",
    "\n",
    "  ",
    "- ",
    "&a ",
    "*a",
    "<<: *a",
    "!!binary ",
    "|",
    "$ref",
    "\"$ref\":\"#\",",
    "\"$ref\":\"#/definitions/A\",",
    "\"allOf\":[",
    "x-ms-trigger",
    "x-ms-notification-url",
    "{id}",
    "/../",
    "%2e%2e",
    "@connectionParameters('a')",
    "\u{feff}",
    "ä",
    "\u{0}",
    "https://",
    "://",
    "?",
    "#",
];

fn documents() -> Vec<Vec<u8>> {
    let wide = [0xFF, 0xFE].into_iter().chain(TWO.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    vec![TWO.into(), THREE.into(), YAML.into(), COLLECTION.into(), wide]
}

#[test]
fn documents_of_connectors() {
    seeded::run(targets::document, &documents(), WORDS, STEPS);
}

#[test]
fn properties_of_connectors() {
    seeded::run(targets::properties, &[PROPERTIES.into()], WORDS, STEPS);
}

/// A caller who leaves stops the reading, wherever it is; and one who stays gets the same as ever.
#[test]
fn a_reading_stops_when_nobody_waits() {
    for document in documents().into_iter().take(2) {
        let asked = std::cell::Cell::new(0);
        let read = |most: usize| {
            asked.set(0);
            let wanted = || {
                asked.set(asked.get() + 1);
                asked.get() <= most
            };
            hookmill_connector::Connector::import_while(
                &document,
                None,
                &hookmill_connector::Settings::default(),
                &wanted,
            )
        };
        let whole = read(usize::MAX);
        let times = asked.get();
        assert!(whole.connector.is_some() && times > 1, "asked {times} times");
        for most in 0..times {
            let stopped = read(most);
            assert!(stopped.connector.is_none() && stopped.document.is_none(), "stopped after {most} of {times}");
            assert_eq!(&*stopped.diagnostics[0].code, "took_too_long");
            assert!(asked.get() <= most + 4, "it went on and asked {} times", asked.get());
        }
        assert_eq!(read(times).connector.unwrap().operations, whole.connector.unwrap().operations);
    }
}

#[test]
fn schemas_that_refer_to_each_other_many_times_are_read_in_time() {
    let mut definitions: Vec<String> = Vec::new();
    for level in 0..40 {
        let next = format!(r##"{{"$ref":"#/definitions/d{}"}}"##, (level + 1) % 40);
        let all = vec![next.clone(); 200].join(",");
        definitions
            .push(format!(r#""d{level}":{{"type":"object","allOf":[{all}],"properties":{{"a":{next},"b":{next}}}}}"#));
    }
    let document = format!(
        r##"{{"swagger":"2.0","info":{{"title":"a","version":"1"}},"host":"a.example.org","definitions":{{{}}},
        "paths":{{"/a":{{"post":{{"operationId":"a","parameters":[{{"name":"body","in":"body","schema":{{"$ref":"#/definitions/d0"}}}}],"responses":{{"200":{{"description":"x","schema":{{"$ref":"#/definitions/d0"}}}}}}}}}}}}}}"##,
        definitions.join(",")
    );
    targets::document(document.as_bytes());
}
