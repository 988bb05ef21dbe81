//! One policy of the file, read: its template, its section, and the parameters that the template needs.

use hookmill_model::{Object, Str, Value};

use super::expression::{Expression, From, Piece, PropertyPath, Template, read_path};
use super::{Compiled, Exists, Kind, Policy, Route, Section, Source, Target, named_operations};
use crate::connection::ParameterSet;
use crate::serialise::text;

/// The word by which makers keep the method of the request.
const SAME_METHOD: &str = "@Request.OriginalHTTPMethod";

pub(super) fn compile(policy: &Policy, written: Str, sets: &[ParameterSet]) -> Compiled {
    let section = policy.parameters.get("x-ms-apimTemplate-policySection").and_then(Value::as_str).map(str::trim);
    let (section, unknown) = match section.map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "request") => (Section::Request, None),
        Some("response") => (Section::Response, None),
        Some("failure") => (Section::Failure, None),
        Some(other) => (Section::Request, Some(format!("its section \"{other}\" is not known"))),
    };
    let section = match &*policy.template {
        // These have no section, whatever is written.
        "dynamichosturl"
        | "dynamicsubdomain"
        | "routerequesttoendpoint"
        | "setqueryparameter"
        | "pollingtrigger"
        | "updatenextlink"
        | "setvaluefromurl"
        | "setconnectionstatustounauthenticated" => Section::Request,
        _ => section,
    };
    let kind = match unknown {
        Some(reason) => Err(reason),
        None => Reader { policy, sets }.kind(),
    };
    Compiled { template: written, operations: named_operations(&policy.parameters), section, kind }
}

struct Reader<'a> {
    policy: &'a Policy,
    sets: &'a [ParameterSet],
}

impl Reader<'_> {
    fn kind(&self) -> Result<Kind, String> {
        Ok(match &*self.policy.template {
            "setheader" => {
                let name = self.constant("name")?;
                if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':') {
                    return Err(format!("\"{name}\" is not the name of a header"));
                }
                Kind::Set {
                    target: Target::Header(name.into()),
                    value: self.template("value")?,
                    exists: self.exists()?,
                }
            }
            "setqueryparameter" => Kind::Set {
                target: Target::Query(self.constant("name")?.into()),
                value: self.template("value")?,
                exists: self.exists()?,
            },
            "dynamichosturl" | "dynamicsubdomain" => {
                let template = self.template("urlTemplate")?;
                let literal = template.0.iter().filter_map(|piece| match piece {
                    Piece::Text(text) => Some(text),
                    Piece::Call(_) => None,
                });
                if literal.into_iter().any(|text| text.contains(['?', '#'])) {
                    return Err("its address has a query".to_owned());
                }
                if template.0.is_empty() {
                    return Err("its address is empty".to_owned());
                }
                Kind::Host(template)
            }
            "routerequesttoendpoint" => Kind::Route { to: self.route("newPath")?, method: self.method()? },
            "setvaluefromurl" => {
                let target = match &self.template("parameterTemplate")?.0[..] {
                    [Piece::Call(Expression::Header { name, .. })] => Target::Header(name.clone()),
                    [Piece::Call(Expression::Query { name, .. })] => Target::Query(name.clone()),
                    _ => return Err("its parameter is neither @headers('…') nor @queryParameters('…')".to_owned()),
                };
                let written = self.text("parameterValueUrl")?;
                if written.contains("://") {
                    return Err("its address is not below the connector's own".to_owned());
                }
                let value = match self.path("parameterValuePathTemplate")? {
                    PropertyPath { from: From::Root | From::Parent, path } => path,
                    PropertyPath { from: From::Item, .. } => return Err("its value is not below @body()".to_owned()),
                };
                let method = self.method()?.unwrap_or_else(|| "GET".into());
                Kind::ValueFromUrl { target, method, at: self.route("parameterValueUrl")?, value }
            }
            "setproperty" => {
                let written = match self.parameter("propertyValuePathTemplate") {
                    Some(object @ Value::Object(_)) => object.to_json(),
                    _ => self.text("propertyValuePathTemplate")?,
                };
                let value = Template::read_property(&written)?;
                Kind::SetProperty {
                    parent: self.path("newPropertyParentPathTemplate")?,
                    sub: self.optional_path("newPropertySubPathTemplate")?,
                    value,
                }
            }
            "convertarraytoobject" => Kind::ArrayToObject {
                from: self.source("propertyParentPath", "propertySubPath")?,
                to: self.path("newPropertyPath")?,
                key: self.path("keyWithinCollectionPath")?,
                keeps_key: self.flag("retainKey", true)?,
            },
            "convertobjecttoarray" => Kind::ObjectToArray {
                from: self.source("propertyParentPath", "propertySubPath")?,
                to: self.path("newPropertyPath")?,
                key: self.text("keyName")?.into(),
                value: self.text("valueName")?.into(),
            },
            "stringtoarray" => Kind::TextToArray {
                from: self.source("propertyParentPath", "propertySubPath")?,
                to: self.path("newPropertyPath")?,
                delimiters: self.text("delimiterList")?,
                member: self.text("childPropertyName")?.into(),
            },
            "stringreplace" => {
                let search = self.text("sourceString")?;
                if search.is_empty() {
                    return Err("it does not say which text it replaces".to_owned());
                }
                Kind::Replace {
                    from: self.source("propertyParentPath", "propertySubPath")?,
                    to: self.path("newPropertyPath")?,
                    search,
                    with: self.text("replacementString")?,
                }
            }
            "encodepropertyvalue" => Kind::Encode {
                from: self.source("propertyParentPath", "propertySubPath")?,
                to: self.path("newPropertyPath")?,
            },
            "moveproperties" => Kind::Move {
                from: self.source("srcParentPath", "srcSubPath")?,
                to: self.source("dstParentPath", "dstSubPath")?,
                members_only: self.flag("copyOnlySubProperties", false)?,
            },
            "pollingtrigger" => self.polling()?,
            "updatenextlink" => Kind::NextLink,
            "setconnectionstatustounauthenticated" => Kind::Unauthenticated,
            _ => return Err("this template is not known".to_owned()),
        })
    }

    fn parameter(&self, name: &str) -> Option<&Value> {
        self.policy.parameter(name).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Result<String, String> {
        match self.parameter(name) {
            None => Err(format!("it has no \"{name}\"")),
            Some(Value::Object(_)) => Err(format!("its \"{name}\" is an object")),
            Some(value) => Ok(text(value)),
        }
    }

    fn template(&self, name: &str) -> Result<Template, String> {
        let template = Template::read(&self.text(name)?)?;
        self.check(&template)?;
        Ok(template)
    }

    /// Refuses connection parameters that nothing declares, and functions that only other templates have.
    fn check(&self, template: &Template) -> Result<(), String> {
        for call in template.calls() {
            match call {
                Expression::Connection { name, default: None }
                    if !self.sets.iter().any(|set| set.field(name).is_some()) =>
                {
                    return Err(format!("the connection parameter '{name}' is not declared"));
                }
                Expression::TriggerBody(_) => return Err("@triggerBody() is for polling triggers".to_owned()),
                _ => {}
            }
        }
        Ok(())
    }

    fn constant(&self, name: &str) -> Result<String, String> {
        let written = self.template(name)?.constant().map(|text| text.trim().to_owned());
        let found = written.ok_or_else(|| format!("its \"{name}\" is an expression"))?;
        if found.is_empty() { Err(format!("its \"{name}\" is empty")) } else { Ok(found) }
    }

    fn exists(&self) -> Result<Exists, String> {
        match self.parameter("existsAction").map(text).unwrap_or_default().to_ascii_lowercase().as_str() {
            "" | "override" => Ok(Exists::Override),
            "append" => Ok(Exists::Append),
            "skip" => Ok(Exists::Skip),
            other => Err(format!("its \"existsAction\" {other} is not known")),
        }
    }

    fn method(&self) -> Result<Option<Str>, String> {
        let written = self.parameter("httpMethod").map(text).unwrap_or_default();
        let written = written.trim();
        if written.is_empty() || written.eq_ignore_ascii_case(SAME_METHOD) {
            return Ok(None);
        }
        if !written.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Err(format!("\"{written}\" is not a method"));
        }
        Ok(Some(written.to_ascii_uppercase().into()))
    }

    fn flag(&self, name: &str, usual: bool) -> Result<bool, String> {
        match self.parameter(name).map(text).unwrap_or_default().to_ascii_lowercase().as_str() {
            "" => Ok(usual),
            "true" => Ok(true),
            "false" => Ok(false),
            other => Err(format!("its \"{name}\" {other} is neither true nor false")),
        }
    }

    fn path(&self, name: &str) -> Result<PropertyPath, String> {
        read_path(&self.text(name)?)
    }

    /// A path that may be left out, for the parent itself.
    fn optional_path(&self, name: &str) -> Result<PropertyPath, String> {
        if self.parameter(name).is_none() { read_path("") } else { self.path(name) }
    }

    fn source(&self, parent: &str, sub: &str) -> Result<Source, String> {
        Ok(Source { parent: self.path(parent)?, sub: self.optional_path(sub)? })
    }

    /// A path with its query; the query begins at the first question mark of the text.
    fn route(&self, name: &str) -> Result<Route, String> {
        let mut path = Vec::new();
        let mut query: Option<Vec<Piece>> = None;
        for piece in self.template(name)?.0 {
            match (piece, &mut query) {
                (piece, Some(query)) => query.push(piece),
                (Piece::Text(text), None) => match text.split_once('?') {
                    Some((before, after)) => {
                        path.push(Piece::Text(before.to_owned()));
                        query = Some(vec![Piece::Text(after.to_owned())]);
                    }
                    None => path.push(Piece::Text(text)),
                },
                (call, None) => path.push(call),
            }
        }
        path.retain(|piece| *piece != Piece::Text(String::new()));
        if path.is_empty() && query.is_none() {
            return Err(format!("its \"{name}\" is empty"));
        }
        Ok(Route { path: Template(path), query: query.map(pairs).unwrap_or_default() })
    }

    fn polling(&self) -> Result<Kind, String> {
        let wrong = || "its \"triggerConfig\" is not an object".to_owned();
        let config = match self.parameter("triggerConfig") {
            None => Value::from(Object::new()),
            // Some files hold the object as text.
            Some(Value::String(written)) => Value::from_json(written.as_bytes()).map_err(|_| wrong())?,
            Some(other) => other.clone(),
        };
        let config = config.as_object().ok_or_else(wrong)?;
        let (mut constants, mut state) = (Vec::new(), Vec::new());
        for (name, value) in config.iter() {
            let template = Template::read(&text(value))?;
            match template.constant() {
                Some(constant) => constants.push((name.clone(), Str::from(constant))),
                None if template.calls().all(|call| matches!(call, Expression::TriggerBody(_))) => {
                    state.push((name.clone(), template));
                }
                None => return Err(format!("its \"{name}\" is not made of @triggerBody()")),
            }
        }
        let data = match self.parameter("triggerDataPath") {
            None => None,
            Some(written) => match &Template::read(&text(written))?.0[..] {
                [Piece::Call(Expression::TriggerBody(path))] => Some(path.clone()),
                _ => return Err("its \"triggerDataPath\" is not @triggerBody()…".to_owned()),
            },
        };
        if !state.is_empty() && data.is_none() {
            return Err("it has no \"triggerDataPath\"".to_owned());
        }
        Ok(Kind::Polling { constants, state, data })
    }
}

/// The pairs of a query: divided at `&` and `=` of the text, never inside of an expression.
fn pairs(query: Vec<Piece>) -> Vec<(String, Template)> {
    let mut found: Vec<(String, Template)> = Vec::new();
    let mut name: Option<String> = None;
    let mut value = Vec::new();
    let mut end = |name: &mut Option<String>, value: &mut Vec<Piece>| {
        if let Some(name) = name.take().filter(|name| !name.is_empty()) {
            found.push((name, Template(std::mem::take(value))));
        }
        value.clear();
    };
    for piece in query {
        match piece {
            Piece::Text(text) => {
                for (index, part) in text.split('&').enumerate() {
                    if index > 0 {
                        end(&mut name, &mut value);
                    }
                    match (&name, part.split_once('=')) {
                        (None, Some((own, rest))) => {
                            name = Some(own.to_owned());
                            value.extend((!rest.is_empty()).then(|| Piece::Text(rest.to_owned())));
                        }
                        (None, None) => name = Some(part.to_owned()),
                        (Some(_), _) => value.extend((!part.is_empty()).then(|| Piece::Text(part.to_owned()))),
                    }
                }
            }
            call => value.push(call),
        }
    }
    end(&mut name, &mut value);
    found
}
