//! Files with OAuth 2.0, as they are found: what is read, what is asked for, what is written again.

use hookmill_model::{Severity, Value};

use super::*;
use crate::{Authentication, Connector, Import, Settings};

fn value(text: &str) -> Value {
    Value::from_json(text.as_bytes()).unwrap()
}

fn import(scheme: &str, settings: Option<&str>) -> Import {
    let scheme = if scheme.is_empty() { String::new() } else { format!(r#","securityDefinitions":{{"o":{scheme}}}"#) };
    let document = value(&format!(r#"{{"swagger":"2.0","host":"a.test","paths":{{}}{scheme}}}"#));
    let properties = settings.map(|settings| {
        value(&format!(
            r#"{{"properties":{{"connectionParameters":{{"token":{{"type":"oauthSetting","oAuthSettings":{settings}}}}}}}}}"#
        ))
    });
    Connector::import_value(&document, properties.as_ref(), &Settings::default())
}

fn oauth(import: &Import) -> Oauth2 {
    import.connector.as_ref().unwrap().authentication.oauth2().unwrap().clone()
}

fn codes(import: &Import) -> Vec<&str> {
    import.diagnostics.iter().map(|finding| finding.code.as_str()).filter(|code| code.starts_with("oauth")).collect()
}

const CODE: &str = r#"{"type":"oauth2","flow":"accessCode","authorizationUrl":"https://a.test/authorize","tokenUrl":"https://a.test/token","scopes":{"read":"","write":""}}"#;

#[test]
fn flows_of_a_file_become_grants() {
    let read = oauth(&import(CODE, None));
    assert_eq!(read.grant, Grant::AuthorizationCode);
    assert_eq!(read.scope(), "read write");
    assert_eq!(read.renewal_url(), Some("https://a.test/token"));
    assert_eq!(read.missing(), ["client id"]);
    let application = import(r#"{"type":"oauth2","flow":"application","tokenUrl":"https://a.test/token"}"#, None);
    assert_eq!(oauth(&application).grant, Grant::ClientCredentials);
    assert_eq!(codes(&application), Vec::<&str>::new());
    let implicit = import(r#"{"type":"oauth2","flow":"implicit","authorizationUrl":"https://a.test/a"}"#, None);
    assert_eq!(oauth(&implicit).grant, Grant::AuthorizationCode);
    assert_eq!(codes(&implicit), ["oauth_flow_replaced", "oauth_address_missing"]);
    let password = import(r#"{"type":"oauth2","flow":"password","tokenUrl":"https://a.test/token"}"#, None);
    assert_eq!(codes(&password), ["oauth_flow_replaced", "oauth_address_missing"]);
    assert!(password.is_valid());
}

#[test]
fn settings_of_the_properties_file_come_before_the_scheme() {
    let settings = r#"{"identityProvider":"oauth2","clientId":"abc","scopes":["x"],"customParameters":{
        "AuthorizationUrl":{"value":"https://b.test/auth"},"tokenUrl":{"value":"https://b.test/token"},"refreshUrl":{"value":"https://b.test/token"}}}"#;
    let read = oauth(&import(CODE, Some(settings)));
    assert_eq!((&*read.client_id, read.scope().as_str()), ("abc", "x"));
    assert_eq!(read.authorization_url.as_deref(), Some("https://b.test/auth"));
    assert_eq!(read.refresh_url, None, "the same as the token URL");
    let bare = oauth(&import(CODE, Some(r#"{"identityProvider":"oauth2","clientId":"<<Enter your client ID>>"}"#)));
    assert_eq!((&*bare.client_id, bare.token_url.as_deref()), ("", Some("https://a.test/token")));
}

#[test]
fn templates_keep_their_constants_and_lose_their_places() {
    let settings = r#"{"identityProvider":"oauth2generic","scopes":["a","b"],"customParameters":{
        "authorizationUrlTemplate":{"value":"https://b.test/auth"},
        "authorizationUrlQueryStringTemplate":{"value":"?client_id={ClientId}&response_type=code&redirect_uri={RedirectUrl}&access_type=offline&prompt=consent&state={State}"},
        "tokenUrlTemplate":{"value":"https://b.test/token"},"refreshUrlTemplate":{"value":null},"scopeListDelimiter":{"value":","}}}"#;
    let read = oauth(&import("", Some(settings)));
    assert_eq!(read.authorization_url.as_deref(), Some("https://b.test/auth?access_type=offline&prompt=consent"));
    assert_eq!(read.scope(), "a,b");
    assert_eq!(codes(&import("", Some(settings))), [""; 0]);
    let more = r#"{"identityProvider":"oauth2generic","clientId":"c","customParameters":{
        "authorizationUrlTemplate":{"value":"https://b.test/auth"},"tokenUrlTemplate":{"value":"https://b.test/token"},
        "authorizationUrlQueryStringTemplate":{"value":"?client_id={ClientId}&prompt=login&acr_values=tenantName:{OrgName}"},
        "tokenBodyTemplate":{"value":"grant_type=authorization_code&code={Code}&audience=https://b.test"}}}"#;
    let told = import("", Some(more));
    assert_eq!(codes(&told), ["oauth_template"]);
    let told =
        told.diagnostics.iter().find(|finding| finding.code == "oauth_template").map(|finding| &*finding.message);
    let told = told.unwrap_or_default();
    assert!(
        told.ends_with("'acr_values' of authorizationUrlQueryStringTemplate, 'audience' of tokenBodyTemplate"),
        "{told}"
    );
    let filled = r#"{"identityProvider":"oauth2generic","customParameters":{
        "authorizationUrlTemplate":{"value":"https://accounts.zoho{CustomHost}/auth"},"tokenUrlTemplate":{"value":"{env}/token"}}}"#;
    let read = import("", Some(filled));
    assert_eq!(oauth(&read).missing(), ["client id", "authorization URL", "token URL"]);
    assert_eq!(codes(&read), ["oauth_address_missing"]);
    assert!(read.diagnostics.iter().all(|finding| finding.severity == Severity::Warning));
}

#[test]
fn well_known_providers_have_their_addresses() {
    let of = |settings: &str| oauth(&import("", Some(settings)));
    let graph = of(r#"{"identityProvider":"aad","clientId":"c","scopes":[],"customParameters":{
        "loginUri":{"value":"https://login.windows.net"},"tenantId":{"value":"common"},"resourceUri":{"value":"https://graph.microsoft.com"}}}"#);
    let base = "https://login.microsoftonline.com/common/oauth2/v2.0";
    assert_eq!(graph.authorization_url, Some(format!("{base}/authorize").into()));
    assert_eq!(graph.token_url, Some(format!("{base}/token").into()));
    assert_eq!(graph.scope(), "https://graph.microsoft.com/.default offline_access");
    let named = of(
        r#"{"identityProvider":"aad","scopes":["User.Read"],"customParameters":{"resourceUri":{"value":"[[DUMMY]]"}}}"#,
    );
    assert_eq!(named.scope(), "User.Read offline_access");
    assert_eq!(of(r#"{"identityProvider":"github"}"#).missing(), ["client id"]);
    assert_eq!(of(r#"{"identityProvider":"google"}"#).missing(), ["client id"]);
    let certificate = import("", Some(r#"{"identityProvider":"aadcertificate"}"#));
    assert_eq!(codes(&certificate), ["oauth_certificate"]);
    assert_eq!(codes(&import("", Some(r#"{"identityProvider":"facebook"}"#))), ["oauth_address_missing"]);
}

#[test]
fn a_consent_address_is_complete_and_says_each_thing_once() {
    let own = Oauth2 {
        client_id: "my client".into(),
        authorization_url: Some("https://a.test/auth?prompt=consent&state=theirs".into()),
        scopes: vec!["repo".into(), "admin:hook".into()],
        ..Oauth2::default()
    };
    assert_eq!(
        own.consent_url("https://me.test/oauth/callback", "s1", "c1").unwrap(),
        "https://a.test/auth?prompt=consent&response_type=code&client_id=my+client\
         &redirect_uri=https%3A%2F%2Fme.test%2Foauth%2Fcallback&scope=repo+admin%3Ahook&state=s1\
         &code_challenge=c1&code_challenge_method=S256"
    );
    assert_eq!(Oauth2::default().consent_url("https://me.test", "s", "c"), None);
}

#[test]
fn an_address_that_a_person_wrote_wrong_is_an_error() {
    let chosen = Oauth2 { token_url: Some("a.test/token".into()), ..Oauth2::default() };
    let settings = Settings { authentication: Some(Authentication::Oauth2(chosen)), ..Settings::default() };
    let import = Connector::import(br#"{"swagger":"2.0","host":"a.test","paths":{}}"#, None, &settings);
    assert!(!import.is_valid());
    assert_eq!(codes(&import), ["oauth_address_missing", "oauth_address_invalid"]);
    assert_eq!(import.diagnostics.last().unwrap().pointer.as_str(), "/settings/authentication/token_url");
}

#[test]
fn what_is_written_is_read_the_same_and_holds_no_secret() {
    let mut properties = value(
        r#"{"properties":{"connectionParameters":{"token":{"type":"oauthSetting","oAuthSettings":{"identityProvider":"oauth2","clientId":"c","clientSecret":"s3cret"}}},
            "connectionParameterSets":{"values":[{"parameters":{"token":{"oAuthSettings":{"ClientSecret":"[[DUMMY]]"}}}}]}}}"#,
    );
    assert_eq!(take_client_secret(&mut properties).as_deref(), Some("s3cret"));
    assert!(!properties.to_json().to_lowercase().contains("secret"), "{}", properties.to_json());
    assert_eq!(take_client_secret(&mut properties), None);

    let chosen = Oauth2 {
        grant: Grant::ClientCredentials,
        client_id: "c2".into(),
        token_url: Some("https://b.test/token".into()),
        scopes: vec!["all".into()],
        scope_separator: Some(",".into()),
        ..Oauth2::default()
    };
    let document = value(r#"{"swagger":"2.0","host":"a.test","paths":{}}"#);
    for given in [None, Some(&properties)] {
        let settings = Settings { authentication: Some(Authentication::Oauth2(chosen.clone())), ..Settings::default() };
        let connector = Connector::import_value(&document, given, &settings).connector.unwrap();
        let written = connector.exported_properties("https://me.test/oauth/callback");
        let place = "/properties/connectionParameters/token/oAuthSettings/redirectUrl";
        assert_eq!(written.pointer(place).and_then(Value::as_str), Some("https://me.test/oauth/callback"));
        let again = Connector::import_value(&document, Some(&written), &Settings::default()).connector.unwrap();
        assert_eq!(again.authentication.oauth2(), Some(&chosen));
        assert_eq!(again.exported_properties("https://other.test"), written, "what holds is left alone");
    }
}

#[test]
fn a_connection_may_bring_tenant_client_and_audience() {
    let values = |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| (*name, *value)).collect::<Object>();
    let url = |tenant: &str| Some(Str::from(format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token")));
    let own = Oauth2 {
        token_url: url("common"),
        authorization_url: Some("https://a.test/authorize".into()),
        client_id: "shared".into(),
        scopes: vec!["https://a.test/.default".into(), "offline_access".into()],
        ..Oauth2::default()
    };
    let made = own.of_connection(&values(&[
        ("token:TenantId", " 1b2c.example.org "),
        ("token:clientId", "mine"),
        ("token:resourceUri", "https://b.test/"),
    ]));
    assert_eq!(made.token_url, url("1b2c.example.org"));
    assert_eq!(made.authorization_url, own.authorization_url, "no address of Microsoft Entra");
    assert_eq!((&*made.client_id, &*made.scope()), ("mine", "https://b.test/.default offline_access"));
    for tenant in ["", "..", "a/b", "a?b", "@evil.test"] {
        assert_eq!(own.of_connection(&values(&[("token:tenantId", tenant)])).token_url, own.token_url, "{tenant}");
    }
    assert_eq!(Oauth2::own_client_secret(&values(&[("token:ClientSecret", "s")])).as_deref(), Some("s"));
}
