//! Which credential goes where: by the schemes of the file, or by the one that the connector's maker chose.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookmill_model::Str;

use crate::authentication::KeyPlace;
use crate::connection::{ConnectionField, Credentials, FieldKind, ParameterSet};
use crate::connector::Connector;
use crate::draft::{Draft, Query};
use crate::oauth::Oauth2;
use crate::operation::Operation;
use crate::planned::PlannedRequest;
use crate::schemes::{Scheme, alternatives};
use crate::serialise::{decoded, encoded};

fn plain(text: &str) -> String {
    text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl Connector {
    /// The fields of a chosen parameter set; of a connector with one set, that one.
    #[must_use]
    pub fn set(&self, name: &str) -> Option<&ParameterSet> {
        match &self.sets[..] {
            [only] => Some(only),
            sets => sets.iter().find(|set| set.name.eq_ignore_ascii_case(name)),
        }
    }

    /// Whether the maker has chosen how connections show who calls, whatever the file says.
    pub(crate) const fn is_authentication_chosen(&self) -> bool {
        self.schemes.is_chosen
    }

    /// How the connections with a parameter set come to tokens; `None` where they have none.
    #[must_use]
    pub fn oauth2_of(&self, set: &str) -> Option<&Oauth2> {
        let has_none =
            self.sets.len() > 1 && !self.schemes.is_chosen && !self.set(set).is_some_and(ParameterSet::has_oauth);
        self.authentication.oauth2().filter(|_| !has_none)
    }

    /// The values of a connection that nobody may see.
    pub(crate) fn secret_values(&self, credentials: &Credentials) -> impl Iterator<Item = Str> {
        let set = self.set(&credentials.set);
        credentials.parameters.iter().filter_map(move |(name, value)| {
            // A user name is no secret, whatever type the file gives it.
            let is_secret = match set.and_then(|set| set.field(name)) {
                _ if name.eq_ignore_ascii_case("username") => false,
                Some(field) => field.kind == FieldKind::Secret,
                None => true,
            };
            value.as_str().filter(|_| is_secret).map(Str::from)
        })
    }

    /// Whether an alternative needs one key only, which may then have any name in the connection.
    fn has_one_key(&self, choice: &[Str]) -> bool {
        let keys =
            choice.iter().filter(|name| matches!(self.schemes.scheme(name), Scheme::Key { .. } | Scheme::Bearer));
        keys.count() == 1
    }

    /// Puts the credentials in, before policies run.
    pub(crate) fn sign(
        &self,
        operation: Option<&Operation>,
        draft: &mut Draft,
        credentials: &Credentials,
        secrets: &mut Secrets,
    ) {
        let own = operation.and_then(|operation| alternatives(&operation.source));
        if own.as_ref().is_some_and(Vec::is_empty) {
            return;
        }
        let set = self.set(&credentials.set);
        let signer = Signer { connector: self, credentials, set };
        let by_file = own.filter(|_| !self.schemes.is_chosen).or_else(|| self.schemes.root.clone());
        let mut choices = by_file
            .filter(|choices| !choices.is_empty())
            .unwrap_or_else(|| self.schemes.named.iter().map(|(name, _)| vec![name.clone()]).collect());
        // An alternative without schemes is for callers who have nothing to show.
        choices.sort_by_key(Vec::is_empty);
        let takes_token = !credentials.access_token.is_empty()
            && (set.is_some_and(ParameterSet::has_oauth)
                || self.authentication.oauth2().is_some()
                || self.schemes.named.iter().any(|(_, scheme)| *scheme == Scheme::Oauth2));
        if takes_token {
            put_header(draft, "Authorization", &format!("Bearer {}", credentials.access_token), secrets);
            // Keys that are needed beside the token.
            let is_beside = |choice: &&Vec<Str>| {
                choice.len() > 1 && choice.iter().any(|name| *self.schemes.scheme(name) == Scheme::Oauth2)
            };
            if let Some(choice) = choices.iter().find(is_beside) {
                for name in choice.iter().filter(|name| matches!(self.schemes.scheme(name), Scheme::Key { .. })) {
                    signer.put(name, self.has_one_key(choice), draft, secrets);
                }
            }
            return;
        }
        let served =
            choices.iter().find(|choice| choice.iter().all(|name| signer.can_serve(name, self.has_one_key(choice))));
        match served {
            Some(choice) => choice.iter().for_each(|name| signer.put(name, self.has_one_key(choice), draft, secrets)),
            None => {
                let has_key_scheme = self
                    .schemes
                    .named
                    .iter()
                    .any(|(_, scheme)| matches!(scheme, Scheme::Key { .. } | Scheme::Bearer | Scheme::Basic));
                if !has_key_scheme && !self.schemes.is_chosen {
                    signer.put_basic(draft, secrets);
                }
            }
        }
    }
}

struct Signer<'a> {
    connector: &'a Connector,
    credentials: &'a Credentials,
    set: Option<&'a ParameterSet>,
}

impl Signer<'_> {
    fn can_serve(&self, name: &str, is_alone: bool) -> bool {
        match self.connector.schemes.scheme(name) {
            Scheme::Basic => {
                self.credentials.value("username").or_else(|| self.credentials.value("password")).is_some()
            }
            Scheme::Key { name: key, .. } => self.key(name, key, is_alone).is_some(),
            Scheme::Bearer => self.key(name, "Authorization", is_alone).is_some(),
            Scheme::Oauth2 | Scheme::Other => false,
        }
    }

    /// The value of the field that is a scheme's key: named like the scheme or its header; of a single key also
    /// `api_key`, or the only secret there is.
    fn key(&self, scheme: &str, header: &str, is_alone: bool) -> Option<String> {
        let wanted = [plain(scheme), plain(header)];
        let named = self.credentials.parameters.keys().find(|own| wanted.contains(&plain(own)));
        let found = named.and_then(|name| self.credentials.text(name));
        found.or_else(|| {
            if !is_alone {
                return None;
            }
            self.credentials.text("api_key").or_else(|| self.credentials.text("apiKey")).or_else(|| {
                let is_key = |field: &&ConnectionField| field.kind == FieldKind::Secret && !field.signs_webhooks;
                let mut secrets = self.set?.fields.iter().filter(is_key);
                match (secrets.next(), secrets.next()) {
                    (Some(only), None) => self.credentials.text(&only.name),
                    _ => None,
                }
            })
        })
    }

    fn put(&self, name: &str, is_alone: bool, draft: &mut Draft, secrets: &mut Secrets) {
        match self.connector.schemes.scheme(name) {
            Scheme::Basic => self.put_basic(draft, secrets),
            Scheme::Bearer => {
                if let Some(key) = self.key(name, "Authorization", is_alone) {
                    let is_typed = key.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("bearer "));
                    let text = if is_typed { key } else { format!("Bearer {key}") };
                    put_header(draft, "Authorization", &text, secrets);
                }
            }
            Scheme::Key { place, name: place_name } => {
                let Some(key) = self.key(name, place_name, is_alone) else { return };
                secrets.add(&key);
                match place {
                    KeyPlace::Header => put_header(draft, place_name, &key, secrets),
                    KeyPlace::Query => {
                        draft.queries.retain(|own| decoded(&own.name) != **place_name);
                        draft.queries.push(Query::new(place_name, &key));
                        secrets.queries.push(place_name.clone());
                    }
                    KeyPlace::Cookie => {
                        let own = draft.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case("cookie"));
                        let before = own.map(|(_, text)| format!("{text}; ")).unwrap_or_default();
                        put_header(draft, "Cookie", &format!("{before}{place_name}={key}"), secrets);
                    }
                }
            }
            Scheme::Oauth2 | Scheme::Other => {}
        }
    }

    fn put_basic(&self, draft: &mut Draft, secrets: &mut Secrets) {
        let (username, password) = (self.credentials.text("username"), self.credentials.text("password"));
        if username.is_none() && password.is_none() {
            return;
        }
        let pair = STANDARD.encode(format!("{}:{}", username.unwrap_or_default(), password.unwrap_or_default()));
        secrets.texts.push(pair.as_str().into());
        put_header(draft, "Authorization", &format!("Basic {pair}"), secrets);
    }
}

fn put_header(draft: &mut Draft, name: &str, text: &str, secrets: &mut Secrets) {
    draft.headers.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
    draft.headers.push((name.into(), text.into()));
    secrets.headers.push(name.into());
}

/// What must not be seen of a request.
#[derive(Default)]
pub(crate) struct Secrets {
    pub texts: Vec<Str>,
    pub headers: Vec<Str>,
    pub queries: Vec<Str>,
}

impl Secrets {
    /// Notes the secret values of a connection, also as they stand in addresses.
    pub(crate) fn know(&mut self, connector: &Connector, credentials: &Credentials) {
        let own = connector.secret_values(credentials).map(|text| text.to_string());
        let further = credentials.hidden.iter().chain([&credentials.access_token]).map(|text| text.to_string());
        for text in own.chain(further).filter(|text| !text.is_empty()) {
            self.add(&text);
        }
    }

    pub(crate) fn add(&mut self, text: &str) {
        let in_address = encoded(text);
        if in_address != text {
            self.texts.push(in_address.into());
        }
        self.texts.push(text.into());
    }

    /// Writes into a request what is secret in it; policies may have moved credentials to other headers and pairs.
    pub(crate) fn mark(self, planned: &mut PlannedRequest) {
        let holds = |text: &str| self.texts.iter().any(|secret| text.contains(&**secret));
        planned.secret_headers = self.headers;
        for (name, text) in &planned.headers {
            if holds(text) && !planned.secret_headers.iter().any(|own| own.eq_ignore_ascii_case(name)) {
                planned.secret_headers.push(name.clone());
            }
        }
        planned.secret_queries = self.queries;
        let query = planned.url.split_once('?').map_or("", |(_, query)| query);
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name: Str = decoded(name).into();
            if holds(value) && !planned.secret_queries.contains(&name) {
                planned.secret_queries.push(name);
            }
        }
        planned.secrets = self.texts;
    }
}
