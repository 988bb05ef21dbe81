//! OAuth 2.0 as a connector declares it: who asks, for what, and at which addresses. They come from the file's security
//! scheme, from `oAuthSettings` of `apiProperties.json`, or are known of the identity provider that it names.
//!
//! Not here: asking for tokens (`hookmill-executor`), keeping them (`hookmill-runtime`). The client's secret is never
//! part of a connector.

use hookmill_model::{Diagnostic, Object, Pointer, Str, Value};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use url::Url;
use utoipa::ToSchema;

use crate::document::{elements, members, text};

/// Microsoft's directory, unless the file names another cloud.
const MICROSOFT: &str = "https://login.microsoftonline.com";
/// Its older name, which files still hold.
const MICROSOFT_BEFORE: &str = "https://login.windows.net";
/// What the authorization address says of each sign-in itself.
const OWN_QUERIES: [&str; 7] =
    ["response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method"];

/// How a connection comes to its token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// A person signs in at the service and agrees (RFC 6749, 4.1), with PKCE (RFC 7636).
    #[default]
    AuthorizationCode,
    /// The client asks for itself (RFC 6749, 4.4).
    ClientCredentials,
}

/// How tokens are asked for. The client's secret is kept apart and never shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Oauth2 {
    /// How a connection comes to its token.
    pub grant: Grant,
    /// The identifier that the service gave to this server.
    #[schema(value_type = String)]
    pub client_id: Str,
    /// Where people agree; queries that it has are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub authorization_url: Option<Str>,
    /// Where codes become tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub token_url: Option<Str>,
    /// Where tokens are renewed; at the token URL where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub refresh_url: Option<Str>,
    /// What is asked for.
    #[schema(value_type = Vec<String>)]
    pub scopes: Vec<Str>,
    /// What stands between scopes; a space where not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub scope_separator: Option<Str>,
}

/// Reads [`Oauth2`] and refuses members that it does not have. (The derived refusal would close the schema of the part,
/// and with it that of the whole, which has a `type` beside it.)
pub(crate) fn strict<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Oauth2, D::Error> {
    const MEMBERS: &[&str] =
        &["grant", "client_id", "authorization_url", "token_url", "refresh_url", "scopes", "scope_separator"];
    let members = serde_json::Map::deserialize(deserializer)?;
    if let Some(unknown) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
        return Err(D::Error::unknown_field(unknown, MEMBERS));
    }
    serde_json::from_value(members.into()).map_err(D::Error::custom)
}

impl Oauth2 {
    /// Whether a person has to sign in.
    #[must_use]
    pub fn needs_sign_in(&self) -> bool {
        self.grant == Grant::AuthorizationCode
    }

    /// The members without which no token can be asked for.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let mut missing = self.missing_addresses();
        if self.client_id.trim().is_empty() {
            missing.insert(0, "client id");
        }
        missing
    }

    fn missing_addresses(&self) -> Vec<&'static str> {
        let given = |address: &Option<Str>| address.as_deref().is_some_and(|text| !text.trim().is_empty());
        let mut missing = Vec::new();
        if self.needs_sign_in() && !given(&self.authorization_url) {
            missing.push("authorization URL");
        }
        if !given(&self.token_url) {
            missing.push("token URL");
        }
        missing
    }

    /// The value of the parameter `scope`; empty for none.
    #[must_use]
    pub fn scope(&self) -> String {
        let separator = self.scope_separator.as_deref().unwrap_or(" ");
        self.scopes
            .iter()
            .map(|scope| scope.trim())
            .filter(|scope| !scope.is_empty())
            .collect::<Vec<_>>()
            .join(separator)
    }

    /// Where tokens are renewed.
    #[must_use]
    pub fn renewal_url(&self) -> Option<&str> {
        let own = self.refresh_url.as_deref().map(str::trim).filter(|address| !address.is_empty());
        own.or(self.token_url.as_deref().map(str::trim))
    }

    /// The address where a person agrees. `challenge` is the SHA-256 of a verifier, in base64url.
    #[must_use]
    pub fn consent_url(&self, redirect_url: &str, state: &str, challenge: &str) -> Option<String> {
        let mut url = Url::parse(self.authorization_url.as_deref()?.trim()).ok()?;
        let kept: Vec<(String, String)> = url
            .query_pairs()
            .filter(|(name, _)| !OWN_QUERIES.contains(&&**name))
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let scope = self.scope();
        {
            let mut query = url.query_pairs_mut();
            query.clear().extend_pairs(kept);
            query.append_pair("response_type", "code").append_pair("client_id", self.client_id.trim());
            query.append_pair("redirect_uri", redirect_url);
            if !scope.is_empty() {
                query.append_pair("scope", &scope);
            }
            query.append_pair("state", state);
            query.append_pair("code_challenge", challenge).append_pair("code_challenge_method", "S256");
        }
        Some(url.into())
    }

    /// The same with what the owner of a connection entered for it: fields such as `token:TenantId` and `token:clientId`
    /// belong to the sign-in at Microsoft Entra. A tenant is a name or an identifier, never a path.
    #[must_use]
    pub fn of_connection(&self, values: &Object) -> Self {
        let mut own = self.clone();
        if let Some(client) = token_value(values, "clientId") {
            own.client_id = client;
        }
        let is_name =
            |tenant: &Str| tenant.chars().all(|letter| letter.is_ascii_alphanumeric() || "-._".contains(letter));
        if let Some(tenant) =
            token_value(values, "tenantId").filter(|tenant| is_name(tenant) && !tenant.starts_with('.'))
        {
            for address in [&mut own.authorization_url, &mut own.token_url, &mut own.refresh_url].into_iter().flatten()
            {
                *address = of_tenant(address, &tenant).unwrap_or_else(|| address.clone());
            }
        }
        if let Some(audience) = token_value(values, "resourceUri") {
            own.scopes.retain(|scope| !scope.ends_with("/.default"));
            own.scopes.insert(0, format!("{}/.default", audience.trim_end_matches('/')).into());
        }
        own
    }

    /// The client secret that the owner of a connection entered for it.
    #[must_use]
    pub fn own_client_secret(values: &Object) -> Option<Str> {
        token_value(values, "clientSecret")
    }

    /// What a security scheme of the file declares.
    pub(crate) fn of_scheme(scheme: &Value, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let flow = text(scheme, "flow").unwrap_or_default().to_ascii_lowercase();
        let place = Pointer::root().child("securityDefinitions");
        let not_done = match flow.as_str() {
            "implicit" => Some("the implicit flow, which shows tokens to browsers"),
            "password" => Some("the password flow, which gives the password of a person to this server"),
            _ => None,
        };
        if let Some(what) = not_done {
            let message = format!("the file asks for {what}; people sign in with an authorization code instead");
            diagnostics.push(
                Diagnostic::warning("oauth_flow_replaced", place, message)
                    .with_hint("Check the addresses in the connector's security settings."),
            );
        }
        Self {
            grant: if flow == "application" { Grant::ClientCredentials } else { Grant::AuthorizationCode },
            authorization_url: usable(text(scheme, "authorizationUrl")),
            token_url: usable(text(scheme, "tokenUrl")),
            refresh_url: usable(text(scheme, "refreshUrl")),
            scopes: members(scheme, "scopes").map(|(name, _)| name.clone()).collect(),
            ..Self::default()
        }
    }

    /// What `oAuthSettings` say; what they leave out is as the file has it.
    pub(crate) fn of_settings(settings: &Value, of_file: Option<Self>, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let provider = text(settings, "identityProvider").unwrap_or_default().to_ascii_lowercase();
        let of_file = of_file.unwrap_or_default();
        let scopes: Vec<Str> = elements(settings, "scopes").iter().filter_map(Value::as_str).map(Str::from).collect();
        let mut own = Self {
            grant: match custom(settings, "grantType").as_deref() {
                Some("client_credentials") => Grant::ClientCredentials,
                Some(_) => Grant::AuthorizationCode,
                None => of_file.grant,
            },
            client_id: text(settings, "clientId").filter(|id| !is_placeholder(id)).unwrap_or_default(),
            authorization_url: authorization_of(settings),
            token_url: usable(custom(settings, "tokenUrl").or_else(|| custom(settings, "tokenUrlTemplate"))),
            refresh_url: usable(custom(settings, "refreshUrl").or_else(|| custom(settings, "refreshUrlTemplate"))),
            scopes: if scopes.is_empty() { of_file.scopes } else { scopes },
            scope_separator: custom(settings, "scopeListDelimiter").filter(|separator| &**separator != " "),
        };
        let known = |own: &mut Self, authorization: &str, token: &str| {
            own.authorization_url.get_or_insert_with(|| authorization.into());
            own.token_url.get_or_insert_with(|| token.into());
        };
        match provider.as_str() {
            "aad" => own.of_microsoft(settings),
            "aadcertificate" => {
                own.of_microsoft(settings);
                let message = "the file shows who calls by a certificate; here it is a client secret";
                diagnostics.push(
                    Diagnostic::warning("oauth_certificate", Pointer::root().child("properties"), message)
                        .with_hint("Make a client secret for the application in Microsoft Entra."),
                );
            }
            "github" => known(
                &mut own,
                "https://github.com/login/oauth/authorize",
                "https://github.com/login/oauth/access_token",
            ),
            // Without these two, Google gives a refresh token the first time only.
            "google" => known(
                &mut own,
                "https://accounts.google.com/o/oauth2/v2/auth?access_type=offline&prompt=consent",
                "https://oauth2.googleapis.com/token",
            ),
            _ => {}
        }
        let lost = not_sent(settings);
        if !lost.is_empty() {
            let message =
                format!("what the file's templates ask for beside the standard is not sent: {}", lost.join(", "));
            diagnostics.push(
                Diagnostic::warning("oauth_template", Pointer::root().child("properties"), message)
                    .with_hint("Write constants into the query of the authorization URL or the token URL."),
            );
        }
        own.authorization_url = own.authorization_url.or(of_file.authorization_url);
        own.token_url = own.token_url.or(of_file.token_url);
        own.refresh_url = own.refresh_url.or(of_file.refresh_url).filter(|url| Some(url) != own.token_url.as_ref());
        own
    }

    /// Microsoft Entra, second version of its endpoints: an audience is the scope `<audience>/.default`.
    fn of_microsoft(&mut self, settings: &Value) {
        let plain = |name: &str| custom(settings, name).filter(|value| !is_placeholder(value));
        let login = plain("loginUri").or_else(|| plain("loginUriAAD")).unwrap_or_else(|| MICROSOFT.into());
        let login = login.trim_end_matches('/');
        let login = if login.eq_ignore_ascii_case(MICROSOFT_BEFORE) { MICROSOFT } else { login };
        let tenant = plain("tenantId").unwrap_or_else(|| "common".into());
        let base = format!("{login}/{tenant}/oauth2/v2.0");
        self.authorization_url = Some(format!("{base}/authorize").into());
        self.token_url = Some(format!("{base}/token").into());
        self.refresh_url = None;
        if (self.scopes.is_empty() || self.grant == Grant::ClientCredentials)
            && let Some(audience) = plain("resourceUri")
        {
            self.scopes = vec![format!("{audience}/.default").into()];
        }
        let has_offline = self.scopes.iter().any(|scopes| scopes.split(' ').any(|scope| scope == "offline_access"));
        if self.grant == Grant::AuthorizationCode && !has_offline {
            self.scopes.push("offline_access".into());
        }
    }

    /// What is missing, and what is wrong in what a person wrote.
    pub(crate) fn check(&self, is_chosen: bool, diagnostics: &mut Vec<Diagnostic>) {
        let place = Pointer::parse(if is_chosen { "/settings/authentication" } else { "/securityDefinitions" });
        let missing = self.missing_addresses();
        if !missing.is_empty() {
            let message = format!("OAuth 2.0 without {}: nobody can sign in yet", missing.join(" and "));
            diagnostics.push(Diagnostic::warning("oauth_address_missing", place.clone(), message).with_hint(
                "The service's documentation for developers names it. Enter it in the connector's security settings.",
            ));
        }
        let addresses = [
            ("authorization_url", &self.authorization_url),
            ("token_url", &self.token_url),
            ("refresh_url", &self.refresh_url),
        ];
        for (member, address) in addresses {
            let Some(address) = address.as_ref().filter(|address| !address.trim().is_empty()) else { continue };
            if usable(Some(address.clone())).is_none() {
                let message = format!("\"{address}\" is not an address that begins with https://");
                diagnostics.push(
                    Diagnostic::error("oauth_address_invalid", place.child(member), message)
                        .with_hint("Copy the whole address from the service's documentation."),
                );
            }
        }
    }

    /// The same as `oAuthSettings`, without the secret.
    pub(crate) fn to_settings(&self, redirect_url: &str) -> Value {
        let value = |text: &str| Value::object([("value", text)]);
        let suffix = if self.scope_separator.is_some() { "Template" } else { "" };
        let mut custom = Object::new();
        let addresses = [
            ("authorizationUrl", self.authorization_url.as_deref()),
            ("tokenUrl", self.token_url.as_deref()),
            ("refreshUrl", self.renewal_url()),
        ];
        for (name, address) in addresses {
            custom.insert(format!("{name}{suffix}"), value(address.unwrap_or_default()));
        }
        if let Some(separator) = &self.scope_separator {
            custom.insert("scopeListDelimiter", value(separator));
        }
        if self.grant == Grant::ClientCredentials {
            custom.insert("grantType", value("client_credentials"));
        }
        Value::object([
            ("identityProvider", Value::from(if suffix.is_empty() { "oauth2" } else { "oauth2generic" })),
            ("clientId", self.client_id.clone().into()),
            ("scopes", Value::array(self.scopes.iter().cloned().map(Value::from).collect())),
            ("redirectMode", "Global".into()),
            ("redirectUrl", redirect_url.into()),
            ("properties", Value::object([("IsFirstParty", "False")])),
            ("customParameters", custom.into()),
        ])
    }
}

/// The value of a field `token:<name>`, in any case.
fn token_value(values: &Object, name: &str) -> Option<Str> {
    let is_it = |own: &Str| own.split_once(':').is_some_and(|(_, own)| own.eq_ignore_ascii_case(name));
    let (_, value) = values.iter().find(|(own, _)| is_it(own))?;
    value.as_str().map(str::trim).filter(|value| !value.is_empty()).map(Str::from)
}

/// An address of Microsoft Entra with another tenant; `None` for any other address.
fn of_tenant(address: &str, tenant: &str) -> Option<Str> {
    let mut url = Url::parse(address).ok()?;
    let rest = url.path().strip_prefix('/')?.split_once('/')?.1.to_owned();
    if !rest.starts_with("oauth2/") {
        return None;
    }
    url.set_path(&format!("/{tenant}/{rest}"));
    Some(url.as_str().into())
}

/// `oAuthSettings` of the connection's fields.
pub(crate) fn settings_of(fields: &Value) -> Option<&Value> {
    let is_oauth = |field: &&Value| text(field, "type").is_some_and(|kind| kind.eq_ignore_ascii_case("oauthSetting"));
    let field = fields.as_object()?.values().find(is_oauth)?;
    let settings = field.as_object()?.iter().find(|(name, _)| name.eq_ignore_ascii_case("oAuthSettings"));
    Some(settings.map_or(field, |(_, settings)| settings))
}

/// Takes the client's secret out of a properties file, wherever it stands. A placeholder counts as none.
#[must_use]
pub fn take_client_secret(properties: &mut Value) -> Option<Str> {
    let mut found = Vec::new();
    take_secrets(properties, &mut found);
    found.into_iter().find(|secret| !is_placeholder(secret))
}

fn take_secrets(value: &mut Value, found: &mut Vec<Str>) {
    if let Value::Array(elements) = value {
        let mut elements = elements.to_vec();
        elements.iter_mut().for_each(|element| take_secrets(element, found));
        *value = Value::array(elements);
        return;
    }
    let Some(members) = value.as_object_mut() else { return };
    let names: Vec<Str> = members.keys().cloned().collect();
    for name in names {
        let Some(member) = members.get_mut(&name) else { continue };
        if name.eq_ignore_ascii_case("oAuthSettings")
            && let Some(settings) = member.as_object_mut()
        {
            let secrets: Vec<Str> =
                settings.keys().filter(|own| own.eq_ignore_ascii_case("clientSecret")).cloned().collect();
            let taken = secrets.into_iter().filter_map(|secret| settings.remove(&secret));
            found.extend(taken.filter_map(|secret| secret.as_str().map(Str::from)));
        }
        take_secrets(member, found);
    }
}

/// A custom parameter, in any spelling.
fn custom(settings: &Value, name: &str) -> Option<Str> {
    let (_, parameter) = members(settings, "customParameters").find(|(own, _)| own.eq_ignore_ascii_case(name))?;
    text(parameter, "value").filter(|value| !value.is_empty())
}

/// The authorization address with what its query template holds beside the usual parameters.
fn authorization_of(settings: &Value) -> Option<Str> {
    let address = custom(settings, "authorizationUrl").or_else(|| custom(settings, "authorizationUrlTemplate"));
    let address = usable(address)?;
    let template = custom(settings, "authorizationUrlQueryStringTemplate").unwrap_or_default();
    let constants: Vec<&str> = template
        .trim_start_matches('?')
        .split('&')
        .filter(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            !name.is_empty() && !value.contains('{') && !OWN_QUERIES.contains(&name)
        })
        .collect();
    if constants.is_empty() {
        return Some(address);
    }
    let sign = if address.contains('?') { '&' } else { '?' };
    Some(format!("{address}{sign}{}", constants.join("&")).into())
}

/// Templates of requests, and whether their constants are sent.
const TEMPLATES: [(&str, bool); 5] = [
    ("authorizationUrlQueryStringTemplate", true),
    ("tokenUrlQueryStringTemplate", false),
    ("refreshUrlQueryStringTemplate", false),
    ("tokenBodyTemplate", false),
    ("refreshBodyTemplate", false),
];
/// What a request to a token endpoint or for a consent holds by the standard.
const STANDARD: [&str; 9] = [
    "client_id",
    "client_secret",
    "redirect_uri",
    "response_type",
    "grant_type",
    "code",
    "refresh_token",
    "scope",
    "state",
];

/// The parts of templates that no request of ours has, each with the name of its template.
fn not_sent(settings: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (name, has_constants) in TEMPLATES {
        let template = custom(settings, name).unwrap_or_default();
        let query = template.split_once('?').map_or(&*template, |(_, query)| query);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (own, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !STANDARD.contains(&own) && (value.contains('{') || !has_constants) {
                found.push(format!("'{own}' of {name}"));
            }
        }
    }
    found
}

/// An address that can be asked; those with places to fill in cannot.
fn usable(address: Option<Str>) -> Option<Str> {
    let address = address?;
    let url = Url::parse(address.trim()).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https") && url.host().is_some();
    (is_web && !is_placeholder(address.trim())).then(|| address.trim().into())
}

/// What authors of files write where everybody has to write something else: `<<client id>>`, `{{clientId}}`, `[null]`.
fn is_placeholder(text: &str) -> bool {
    text.trim().is_empty() || text.contains(['<', '>', '{', '}', '[', ']', ' '])
}

#[cfg(test)]
mod tests;
