//! Reading a definition: what was understood, and everything that is wrong with it.

use hookmill_model::{Diagnostic, Pointer, Severity, Value};

use crate::connector::Connector;
use crate::diagnose::diagnose;
use crate::document::{read_json, text};
use crate::openapi3;
use crate::settings::Settings;

/// The result of reading a definition. Reading never stops at the first fault.
#[derive(Clone, Debug)]
pub struct Import {
    /// The connector, where the file is an OpenAPI document at all. It may have errors: see `diagnostics`.
    pub connector: Option<Connector>,
    /// `info.title`, empty where there is none.
    pub title: String,
    /// Findings in order of the document, errors of the whole file first.
    pub diagnostics: Vec<Diagnostic>,
}

impl Import {
    /// Whether the file can be used: it is an OpenAPI document and nothing in it must be mended first.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.connector.is_some() && self.diagnostics.iter().all(|one| one.severity != Severity::Error)
    }

    fn refused(title: String, diagnostic: Diagnostic) -> Self {
        Self { connector: None, title, diagnostics: vec![diagnostic] }
    }
}

impl Connector {
    /// Reads an OpenAPI document from bytes, with the bytes of its `apiProperties.json` where there are some. Never
    /// panics. A properties file that is not JSON is left out with a warning.
    #[must_use]
    pub fn import(document: &[u8], properties: Option<&[u8]>, settings: Settings) -> Import {
        let mut found = Vec::new();
        let properties = properties.and_then(|bytes| match read_json(bytes) {
            Ok(value) if value.as_object().is_some() => Some(value),
            Ok(_) => {
                found.push(
                    Diagnostic::warning(
                        "properties_not_json",
                        Pointer::root(),
                        "apiProperties.json is not a JSON object.",
                    )
                    .with_hint("Its connection parameters and policies are left out."),
                );
                None
            }
            Err(error) => {
                found.push(
                    Diagnostic::warning(
                        "properties_not_json",
                        Pointer::root(),
                        format!("apiProperties.json: {}", error.message),
                    )
                    .with_hint("Its connection parameters and policies are left out. Mend it and import again."),
                );
                None
            }
        });
        let mut import = match read_json(document) {
            Ok(value) => Self::import_value(&value, properties.as_ref(), settings),
            Err(error) => Import::refused(String::new(), error),
        };
        import.diagnostics.extend(found);
        import
    }

    /// Reads an OpenAPI document that is JSON already. Versions 3.0 and 3.1 are mapped onto 2.0.
    #[must_use]
    pub fn import_value(document: &Value, properties: Option<&Value>, settings: Settings) -> Import {
        let not_openapi = |pointer: Pointer, message: String, hint: &str| {
            let title = document.get("info").map(|info| text(info, "title")).unwrap_or_default();
            Import::refused(title, Diagnostic::error("not_openapi", pointer, message).with_hint(hint))
        };
        if document.as_object().is_none() {
            return not_openapi(
                Pointer::root(),
                format!("This is JSON, but {} instead of an object.", a_type(document)),
                "An OpenAPI 2.0 document begins with {\"swagger\": \"2.0\", …}.",
            );
        }
        let (swagger, openapi) = (text_or_number(document, "swagger"), text_or_number(document, "openapi"));
        let mut found = Vec::new();
        let document = if openapi.starts_with('3') {
            openapi3::to_2(document, &mut found)
        } else if swagger.starts_with('2') {
            document.clone()
        } else if document.get("info").and_then(|info| info.get("_postman_id")).is_some()
            || document.pointer("/info/schema").and_then(Value::as_str).is_some_and(|text| text.contains("postman"))
        {
            return not_openapi(
                Pointer::root(),
                "This is a Postman collection.".to_owned(),
                "Import it with Import from Postman.",
            );
        } else if document.get("paths").and_then(Value::as_object).is_some() && swagger.is_empty() && openapi.is_empty()
        {
            found.push(
                Diagnostic::warning("version_missing", Pointer::root(), "The document does not say its version.")
                    .with_hint("It is read as OpenAPI 2.0: add \"swagger\": \"2.0\"."),
            );
            document.clone()
        } else {
            let version = [swagger, openapi].into_iter().find(|one| !one.is_empty());
            return match version {
                Some(version) => not_openapi(
                    Pointer::root().child("swagger"),
                    format!("OpenAPI version \"{version}\" is not known."),
                    "Versions 2.0, 3.0 and 3.1 can be imported.",
                ),
                None => not_openapi(
                    Pointer::root(),
                    "This is JSON, but not an OpenAPI document: neither \"swagger\" nor \"openapi\" is there."
                        .to_owned(),
                    "Choose the file that holds the API's paths, often swagger.json or openapi.json.",
                ),
            };
        };
        if document.get("paths").and_then(Value::as_object).is_none() {
            return not_openapi(
                Pointer::root().child("paths"),
                "The document has no paths.".to_owned(),
                "\"paths\" must be an object, if only an empty one.",
            );
        }
        let connector = Self::build(document, properties.cloned(), settings);
        found.extend(diagnose(&connector));
        let title = connector.document().get("info").map(|info| text(info, "title")).unwrap_or_default();
        Import { connector: Some(connector), title, diagnostics: found }
    }
}

fn a_type(value: &Value) -> &'static str {
    match value.type_name() {
        "array" => "a list",
        "string" => "a text",
        "number" => "a number",
        "boolean" => "a truth value",
        _ => "nothing",
    }
}

fn text_or_number(value: &Value, name: &str) -> String {
    match value.get(name) {
        Some(Value::String(text)) => text.to_string(),
        Some(number @ (Value::Integer(_) | Value::Float(_))) => number.to_string(),
        _ => String::new(),
    }
}
