//! The `authentication` object of an action: what it adds to a request, and which secrets it holds.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookmill_expression::content;
use hookmill_http::Identity;
use hookmill_model::{Object, Str, Value};

use crate::oauth::DirectoryClient;
use crate::refusal::Refusal;

/// Where tokens come from, unless the action says so.
const PUBLIC_CLOUD: &str = "https://login.microsoftonline.com";

/// How an action shows who it is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Authentication {
    None,
    /// The value of the header `Authorization`.
    Header(String),
    /// A certificate in base64 of PKCS#12 and its password.
    Certificate {
        pfx: Str,
        password: Str,
    },
    /// A token that has to be asked for.
    Token(DirectoryClient),
}

/// What was read from the object.
pub(crate) struct Read {
    pub kind: Authentication,
    /// Texts that must not be seen.
    pub secrets: Vec<String>,
}

/// Reads the evaluated object of an action. An empty one, as `$authentication` is without a connection, means none.
pub(crate) fn read(value: &Value) -> Result<Read, Refusal> {
    let none = Read { kind: Authentication::None, secrets: Vec::new() };
    let members = match value {
        Value::Null => return Ok(none),
        Value::Object(members) if members.is_empty() => return Ok(none),
        Value::Object(members) => members,
        other => return Err(unsupported(&format!("a value of type {}", other.type_name()))),
    };
    let text = |name: &str| member(members, name).map(content::to_text).unwrap_or_default();
    let need = |name: &str| {
        let found = text(name);
        if found.is_empty() {
            return Err(Refusal::bad_request(format!("The authentication of the action has no {name}")));
        }
        Ok(found)
    };
    let kind = text("type");
    match kind.to_ascii_lowercase().as_str() {
        "none" => Ok(none),
        "basic" => {
            let (username, password) = (text("username"), text("password"));
            let pair = STANDARD.encode(format!("{username}:{password}"));
            let secrets = vec![password.to_string(), pair.clone()];
            Ok(Read { kind: Authentication::Header(format!("Basic {pair}")), secrets })
        }
        "raw" => {
            let value = need("value")?;
            let mut secrets = vec![value.to_string()];
            // What comes behind the scheme may stand alone elsewhere.
            secrets.extend(value.split_once(' ').map(|(_, rest)| rest.trim().to_owned()));
            Ok(Read { kind: Authentication::Header(value.to_string()), secrets })
        }
        "clientcertificate" => {
            let password = text("password");
            let secrets = vec![password.to_string()];
            Ok(Read { kind: Authentication::Certificate { pfx: need("pfx")?, password }, secrets })
        }
        "activedirectoryoauth" => {
            if text("credentialType").eq_ignore_ascii_case("certificate") {
                return Err(unsupported("ActiveDirectoryOAuth with a certificate; give a secret"));
            }
            let authority = text("authority");
            let authority = if authority.is_empty() { PUBLIC_CLOUD } else { authority.trim_end_matches('/') };
            let request = DirectoryClient {
                authority: authority.to_owned(),
                tenant: need("tenant")?.to_string(),
                audience: need("audience")?.to_string(),
                client_id: need("clientId")?.to_string(),
                secret: need("secret")?.to_string(),
            };
            let secrets = vec![request.secret.clone()];
            Ok(Read { kind: Authentication::Token(request), secrets })
        }
        "managedserviceidentity" => {
            Err(unsupported("ManagedServiceIdentity, which exists in Microsoft's cloud only; use a connection"))
        }
        "" => Err(unsupported("an object without a type")),
        _ => Err(unsupported(&format!("\"{kind}\""))),
    }
}

fn unsupported(words: &str) -> Refusal {
    Refusal::new(
        "WorkflowAuthenticationTypeNotSupported",
        format!("The authentication of the action is not supported: {words}"),
    )
}

/// The member of this name, in any case.
fn member<'a>(members: &'a Object, name: &str) -> Option<&'a Value> {
    members
        .get(name)
        .or_else(|| members.iter().find_map(|(own, value)| own.eq_ignore_ascii_case(name).then_some(value)))
}

/// Opens a certificate, away from the threads that serve requests.
pub(crate) async fn identity(pfx: &str, password: &str) -> Result<Arc<Identity>, Refusal> {
    let packed: String = pfx.chars().filter(|letter| !letter.is_whitespace()).collect();
    let file = STANDARD
        .decode(packed)
        .map_err(|_| Refusal::bad_request("The client certificate (pfx) of the action is not base64"))?;
    let password = password.to_owned();
    let opened = tokio::task::spawn_blocking(move || Identity::from_pkcs12(&file, &password)).await;
    match opened {
        Ok(Ok(identity)) => Ok(Arc::new(identity)),
        Ok(Err(error)) => Err(Refusal::bad_request(format!("The client certificate of the action: {error}"))),
        Err(_) => Err(Refusal::bad_request("The client certificate of the action could not be opened")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Read, Refusal> {
        read(&Value::from_json(text.as_bytes()).unwrap())
    }

    #[test]
    fn kinds_are_told_apart() {
        assert!(matches!(read_text("null").unwrap().kind, Authentication::None));
        assert!(matches!(read_text("{}").unwrap().kind, Authentication::None));
        let basic = read_text(r#"{"type":"basic","Username":"Aladdin","password":"open sesame"}"#).unwrap();
        assert!(basic.kind == Authentication::Header("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==".to_owned()));
        let raw = read_text(r#"{"type":"Raw","value":"Bearer tokentoken"}"#).unwrap();
        assert_eq!(raw.secrets, ["Bearer tokentoken", "tokentoken"]);
        let token = r#"{"type":"ActiveDirectoryOAuth","tenant":"t","audience":"a","clientId":"c","secret":"s3cret"}"#;
        let Authentication::Token(request) = read_text(token).unwrap().kind else { panic!() };
        assert_eq!(request.authority, PUBLIC_CLOUD);
    }

    #[test]
    fn what_is_missing_or_unknown_is_said() {
        let code = |text: &str| read_text(text).err().map(|refusal| (refusal.code, refusal.message)).unwrap();
        assert_eq!(code(r#"{"type":"Raw"}"#).1, "The authentication of the action has no value");
        assert_eq!(code(r#"{"type":"ClientCertificate","pfx":""}"#).0, "BadRequest");
        for text in [r#"{"type":"ManagedServiceIdentity"}"#, r#"{"type":"Magic"}"#, r#"{"a":1}"#, "\"x\""] {
            assert_eq!(code(text).0, "WorkflowAuthenticationTypeNotSupported", "{text}");
        }
    }
}
