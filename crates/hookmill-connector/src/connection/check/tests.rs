//! What is entered for connections, and what is wrong with it.

use super::*;
use crate::Settings;

fn json(text: &str) -> Value {
    Value::from_json(text.as_bytes()).unwrap_or_else(|error| panic!("{error} in {text}"))
}

fn connector(document: &str, properties: Option<&str>) -> Connector {
    let import = Connector::import(document.as_bytes(), properties.map(str::as_bytes), &Settings::default());
    import.connector.unwrap_or_else(|| panic!("{:?}", import.diagnostics))
}

const PLAIN: &str = r#"{"swagger":"2.0","host":"a.test","paths":{"/x":{"get":{"operationId":"X"}}}}"#;

/// What is found, as pointers.
fn pointers(connector: &Connector, set: &str, values: &str, hosts: &[&str]) -> Vec<String> {
    let hosts: Vec<Str> = hosts.iter().map(|host| (*host).into()).collect();
    let checked = connector.checked_connection(set, json(values).as_object().unwrap(), &hosts);
    checked.err().unwrap_or_default().into_iter().map(|finding| finding.pointer.as_str().to_owned()).collect()
}

fn values(connector: &Connector, set: &str, entered: &str) -> (String, Value) {
    let (set, values) = connector.checked_connection(set, json(entered).as_object().unwrap(), &[]).unwrap();
    (set.to_string(), values.into())
}

#[test]
fn fields_have_types_defaults_choices_and_names() {
    let properties = r#"{"properties":{"connectionParameters":{
        "token:TenantId":{"type":"string","uiDefinition":{"displayName":"Tenant","constraints":{"required":"true","tabIndex":1}}},
        "region":{"type":"string","defaultValue":"eu","uiDefinition":{"constraints":{"required":"true","tabIndex":2,"allowedValues":[{"text":"Europe","value":"eu"},{"text":"America","value":"us"}]}}},
        "port":{"type":"int","uiDefinition":{"constraints":{"required":"false"}}},
        "rate":{"type":"number","uiDefinition":{"constraints":{"required":false}}},
        "test":{"type":"bool","uiDefinition":{"constraints":{"required":"false"}}},
        "key":{"type":"securestring","uiDefinition":{"constraints":{"required":"true"}}}}}}"#;
    let connector = connector(PLAIN, Some(properties));
    let given = r#"{"TOKEN:tenantid":"t","region":"us","port":" 8080 ","rate":"0.5","test":"TRUE","api_key":"k"}"#;
    let typed = json(r#"{"token:TenantId":"t","region":"us","port":8080,"rate":0.5,"test":true,"key":"k"}"#);
    assert_eq!(values(&connector, "", given), (String::new(), typed));
    let least = values(&connector, "", r#"{"token:TenantId":"t","key":"k"}"#).1;
    assert!(least.get("region").is_none(), "defaults are not stored, so a later file may change them");
    let whole = connector.with_field_defaults("", least.as_object().unwrap().clone());
    assert_eq!(whole.get("region"), Some(&"eu".into()));
    for (entered, wrong) in [
        (r#"{"key":"k"}"#, "/parameters/token:TenantId"),
        (r#"{"token:TenantId":"","key":"k"}"#, "/parameters/token:TenantId"),
        (r#"{"token:TenantId":"t"}"#, "/parameters/key"),
        (r#"{"token:TenantId":"t","key":"k","region":"asia"}"#, "/parameters/region"),
        (r#"{"token:TenantId":"t","key":"k","port":"80a"}"#, "/parameters/port"),
        (r#"{"token:TenantId":"t","key":"k","port":1.5}"#, "/parameters/port"),
        (r#"{"token:TenantId":"t","key":"k","rate":"fast"}"#, "/parameters/rate"),
        (r#"{"token:TenantId":"t","key":"k","test":"maybe"}"#, "/parameters/test"),
        (r#"{"token:TenantId":{},"key":"k"}"#, "/parameters/token:TenantId"),
        (r#"{"token:TenantId":"t","key":"k","regoin":"eu"}"#, "/parameters/regoin"),
        (r#"{"token:TenantId":"t","key":"k","username":"u"}"#, "/username"),
    ] {
        assert!(pointers(&connector, "", entered, &[]).contains(&wrong.to_owned()), "{entered}");
    }
    let long = format!(r#"{{"token:TenantId":"t","key":"{}"}}"#, "k".repeat(VALUE_BYTES_MAX + 1));
    assert_eq!(pointers(&connector, "", &long, &[])[0], "/parameters/key");
}

#[test]
fn a_file_that_says_nothing_takes_a_login_unless_the_maker_chose_none() {
    let silent = connector(PLAIN, None);
    let login = r#"{"username":"u","password":"p"}"#;
    assert_eq!(values(&silent, "", login).1, json(login));
    assert_eq!(pointers(&silent, "", r#"{"api_key":"k"}"#, &[]), ["/api_key"]);
    let settings = Settings { authentication: Some(crate::Authentication::None), ..Settings::default() };
    let document = PLAIN.replace("\"host\"", r#""securityDefinitions":{"u":{"type":"basic"}},"host""#);
    let chosen = Connector::import(document.as_bytes(), None, &settings).connector.unwrap();
    assert_eq!(pointers(&chosen, "", login, &[]), ["/username", "/password"]);
}

#[test]
fn hosts_are_origins() {
    let connector = connector(PLAIN, None);
    assert_eq!(pointers(&connector, "", "{}", &["https://eu.example.org", "http://10.0.0.1:8080/"]), [""; 0]);
    for host in ["eu.example.org", "https://a.test/path", "ftp://a.test", "https://u@a.test", "https://a.test?x", ""] {
        assert_eq!(pointers(&connector, "", "{}", &[host]), ["/hosts/0"], "{host}");
    }
    assert_eq!(pointers(&connector, "", "{}", &["https://a.test"; 21]), ["/hosts"]);
}

#[test]
fn of_several_sets_one_is_chosen_or_fits() {
    let properties = r#"{"properties":{"connectionParameterSets":{"values":[
        {"name":"key","parameters":{"api_key":{"type":"securestring"}}},
        {"name":"login","uiDefinition":{"displayName":"Log in"},"parameters":{"username":{"type":"string"},"password":{"type":"securestring"}}}]}}}"#;
    let connector = connector(PLAIN, Some(properties));
    assert_eq!(values(&connector, "LOGIN", r#"{"username":"u","password":"p"}"#).0, "login");
    assert_eq!(values(&connector, "", r#"{"username":"u","password":"p"}"#).0, "login");
    assert_eq!(values(&connector, "", r#"{"api_key":"k"}"#).0, "key");
    assert_eq!(pointers(&connector, "other", "{}", &[]), ["/parameter_set"]);
    assert_eq!(pointers(&connector, "", "{}", &[]), ["/parameter_set"]);
    assert_eq!(pointers(&connector, "key", r#"{"username":"u"}"#, &[]), ["/username", "/api_key"]);
}

#[test]
fn a_file_without_properties_asks_for_what_its_schemes_need() {
    let document = |schemes: &str, security: &str| {
        connector(
            &format!(
                r#"{{"openapi":"3.0.0","info":{{}},"servers":[{{"url":"https://a.test"}}],"security":{security},
                "components":{{"securitySchemes":{schemes}}},"paths":{{"/x":{{"get":{{"operationId":"X"}}}}}}}}"#
            ),
            None,
        )
    };
    let key = r#""k":{"type":"apiKey","in":"header","name":"X-Key"}"#;
    let app = r#""app":{"type":"apiKey","in":"cookie","name":"app"}"#;
    let bearer = r#""b":{"type":"http","scheme":"bearer"}"#;
    let basic = r#""u":{"type":"http","scheme":"basic"}"#;
    let sets = |connector: &Connector| {
        let of = |set: &ParameterSet| {
            let names: Vec<&str> = set.fields.iter().map(|field| &*field.name).collect();
            format!("{}: {}", set.name, names.join(" "))
        };
        connector.sets.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(sets(&document(&format!("{{{key}}}"), r#"[{"k":[]}]"#)), [": api_key"]);
    assert_eq!(sets(&document(&format!("{{{bearer}}}"), r#"[{"b":[]}]"#)), [": api_key"]);
    assert_eq!(sets(&document(&format!("{{{key},{app}}}"), r#"[{"k":[],"app":[]}]"#)), [": k app"]);
    let either = document(&format!("{{{key},{app},{basic}}}"), r#"[{"u":[]},{"k":[],"app":[]}]"#);
    assert_eq!(sets(&either), ["u: username password", "k+app: k app"]);
    assert_eq!(values(&either, "", r#"{"k":"1","app":"2"}"#).0, "k+app");
    assert_eq!(pointers(&either, "k+app", r#"{"k":"1"}"#, &[]), ["/parameters/app"]);
}

#[test]
fn variables_of_servers_are_fields() {
    let connector = connector(
        r#"{"openapi":"3.0.0","info":{},"servers":[{"url":"{scheme}://{region}.a.test:{port}/{base}","variables":{
            "scheme":{"default":"https","enum":["https","http"]},
            "region":{"default":"eu","enum":["eu","us"],"description":"Where the data is"},
            "port":{"default":"443"},"base":{"default":"v1"}}}],
            "paths":{"/x":{"get":{"operationId":"X"}},"/up":{"servers":[{"url":"https://up.a.test/v2"}],"post":{"operationId":"Up"}},
            "/rel":{"get":{"operationId":"Rel","servers":[{"url":"/old"}]}}}}"#,
        None,
    );
    let fields: Vec<&str> = connector.sets[0].fields.iter().map(|field| &*field.name).collect();
    assert_eq!(fields, ["scheme", "region", "port", "base"]);
    assert_eq!(pointers(&connector, "", r#"{"region":"asia"}"#, &[]), ["/parameters/region"]);
    let url = |operation: &str, values: &str| {
        let credentials =
            crate::Credentials { parameters: json(values).as_object().unwrap().clone(), ..Default::default() };
        let call = crate::Call { credentials: Some(&credentials), ..Default::default() };
        match connector.plan_request(connector.operation(operation).unwrap(), &call) {
            Ok(crate::Plan::Request(planned)) => planned.url.to_string(),
            other => format!("{other:?}"),
        }
    };
    assert_eq!(url("X", "{}"), "https://eu.a.test/v1/x");
    assert_eq!(url("X", r#"{"region":"us","base":"v2/beta","port":"8443"}"#), "https://us.a.test:8443/v2/beta/x");
    assert_eq!(url("X", r#"{"scheme":"http","port":"80"}"#), "http://eu.a.test/v1/x");
    assert_eq!(url("Up", "{}"), "https://up.a.test/v2/up");
    assert_eq!(url("Rel", r#"{"region":"us"}"#), "https://us.a.test/old/rel");
    for evil in
        [r#"{"region":"a.evil.test/"}"#, r#"{"port":"80@evil.test"}"#, r#"{"scheme":"file"}"#, r#"{"base":"../x"}"#]
    {
        assert!(url("X", evil).contains("server"), "{evil}");
    }
}

#[test]
fn a_secret_that_only_a_person_can_bring_is_a_field() {
    let document = |extensions: &str| {
        format!(
            r#"{{"swagger":"2.0","host":"a.test",{extensions},"paths":{{"/hooks":{{"x-ms-notification-content":{{"schema":{{}}}},
            "post":{{"operationId":"T","x-ms-trigger":"single","parameters":[{{"name":"body","in":"body","schema":{{"type":"object",
            "properties":{{"url":{{"type":"string","x-ms-notification-url":true}}}}}}}}]}}}}}}}}"#
        )
    };
    let fields = |extensions: &str| {
        let connector = connector(&document(extensions), None);
        let own = connector.sets[0].fields.iter().filter(|field| field.signs_webhooks);
        own.map(|field| format!("{} {}", field.name, field.required)).collect::<Vec<_>>()
    };
    assert_eq!(fields(r#""x-hookmill-preset":"slack""#), ["webhookSecret false"]);
    assert_eq!(fields(r#""x-hookmill-preset":"github""#), [""; 0]);
    assert_eq!(fields(r#""x-hookmill-preset":"stripe""#), [""; 0]);
    let named = r#""x-hookmill-preset":"stripe","x-hookmill-registration":{"secret":{"connection":"signing"}}"#;
    assert_eq!(fields(named), ["signing false"]);
}

#[test]
fn settings_that_repeat_the_file_change_nothing() {
    let document = r#"{"openapi":"3.0.0","info":{},"servers":[{"url":"https://{region}.a.test/v1","variables":{"region":{"default":"eu"}}}],
        "components":{"securitySchemes":{"k":{"type":"apiKey","in":"header","name":"X"},"u":{"type":"http","scheme":"basic"}}},
        "security":[{"k":[]},{"u":[]}],"paths":{"/x":{"get":{"operationId":"X"}}}}"#;
    let plain = connector(document, None);
    let repeated = Settings {
        host: Some(plain.host.clone()),
        scheme: Some(plain.scheme.clone()),
        base_path: Some(plain.base_path.clone()),
        authentication: Some(plain.authentication.clone()),
        ..Settings::default()
    };
    let again = Connector::import(document.as_bytes(), None, &repeated).connector.unwrap();
    assert_eq!(again.sets, plain.sets);
    assert_eq!(again.sets.len(), 2);
    assert!(again.sets[0].field("region").is_some());
    let moved = Settings { host: Some("own.test".into()), ..repeated };
    let moved = Connector::import(document.as_bytes(), None, &moved).connector.unwrap();
    assert!(moved.sets[0].field("region").is_none(), "the maker's host has no parts");
}
