//! Declarations of well-known services, by name. They are data: `presets.json`.

use std::sync::LazyLock;

use hookmill_model::{Object, Pointer, Str, Timestamp, Value};

use crate::declaration::Declarations;
use crate::request::{Known, Reading, Request};
use crate::template::{Scope, Selector};

/// A well-known service.
#[derive(Clone, Debug)]
pub struct Preset {
    /// As declarations write it.
    pub name: Str,
    /// The service, for people.
    pub title: Str,
    /// Which secret signs its requests and where a person finds it; `None` where nothing is signed with one.
    pub secret: Option<Str>,
    /// Parameters that a person must give, and what they are.
    pub parameters: Vec<(Str, Str)>,
    /// What a request of it looks like.
    recognised: Option<Selector>,
    /// A form with this single field is the JSON in it.
    pub form_field: Option<Str>,
    /// Its extensions as they could stand in a connector.
    pub extensions: Object,
    /// The same as types.
    pub declarations: Declarations,
}

static PRESETS: LazyLock<Vec<Preset>> = LazyLock::new(|| {
    let file = Value::from_json(include_bytes!("preset/presets.json")).unwrap_or_default();
    let members = file.as_object().cloned().unwrap_or_default();
    members.iter().filter_map(|(name, preset)| made(name, preset.as_object()?)).collect()
});

fn made(name: &Str, members: &Object) -> Option<Preset> {
    let text = |member: &str| members.get(member).and_then(Value::as_str).map(Str::from);
    let extensions: Object = members
        .iter()
        .filter(|(name, _)| name.starts_with("x-hookmill-"))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    let parameters = members.get("parameters").and_then(Value::as_object).into_iter().flat_map(Object::iter);
    Some(Preset {
        name: name.clone(),
        title: text("title")?,
        secret: text("secret"),
        parameters: parameters.filter_map(|(name, about)| Some((name.clone(), about.as_str()?.into()))).collect(),
        recognised: text("recognised").and_then(|text| Selector::parse(&text).ok()),
        form_field: text("formField"),
        extensions,
        declarations: Declarations::default(),
    })
}

/// The raw extensions of a preset, for `read`, which must not ask for finished declarations.
pub(crate) fn raw(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| *preset.name == *name)
}

/// The names of all presets.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|preset| &*preset.name)
}

static READ: LazyLock<Vec<Preset>> = LazyLock::new(|| {
    let whole = |preset: &Preset| {
        let mut members = Object::new();
        members.insert("x-hookmill-preset", preset.name.clone());
        let declarations = crate::read(&[(&members, Pointer::root())], &mut Vec::new());
        Preset { declarations, ..preset.clone() }
    };
    PRESETS.iter().map(whole).collect()
});

/// The preset of this name.
#[must_use]
pub fn preset(name: &str) -> Option<&'static Preset> {
    READ.iter().find(|preset| *preset.name == *name)
}

/// All presets, by name.
#[must_use]
pub fn presets() -> &'static [Preset] {
    &READ
}

/// The preset of the service that a request seems to come from. Nothing is proven by that.
#[must_use]
pub fn recognised(request: Request<'_>, body_bytes_max: usize) -> Option<&'static Preset> {
    let reading = Reading::new(request, body_bytes_max);
    let (empty, fetched) = (Object::new(), |_: &str| None);
    let known = Known {
        now: Timestamp::default(),
        secrets: &[],
        parameters: &empty,
        inputs: &empty,
        connection: &empty,
        registered: None,
        kept: &empty,
        fetched: &fetched,
        asked: None,
    };
    let scope = Scope::new(&reading, &known);
    let seems = |preset: &&Preset| preset.recognised.as_ref().is_some_and(|own| !own.values(&scope).is_empty());
    // Headers say more than members of a body that other services may have too.
    let by_header = |preset: &&Preset| matches!(preset.recognised, Some(Selector::Header(_)));
    let found: Vec<_> = READ.iter().filter(seems).collect();
    found.iter().copied().find(by_header).or_else(|| found.first().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_reads_without_findings() {
        for preset in presets() {
            let mut members = Object::new();
            members.insert("x-hookmill-preset", preset.name.clone());
            let mut findings = Vec::new();
            let declarations = crate::read(&[(&members, Pointer::root())], &mut findings);
            assert!(findings.is_empty(), "{}: {findings:?}", preset.name);
            assert!(!declarations.is_empty() && declarations.reply.is_some(), "{}", preset.name);
            let by_handshake = declarations.handshake.iter().any(|own| own.keep.iter().any(|(n, _)| **n == *"secret"));
            let asked = declarations.needs_secret() && !by_handshake;
            assert!(preset.secret.is_some() || !asked, "{}: a person must know which secret", preset.name);
        }
        assert!(presets().len() > 50);
    }

    #[test]
    fn services_are_recognised_by_their_requests() {
        let named = |headers: &[(&str, &str)], body: &str| {
            let headers: Vec<_> = headers.iter().map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec())).collect();
            let request = Request { method: "POST", url: "/", headers: &headers, body: body.as_bytes() };
            recognised(request, 1_000).map(|preset| &*preset.name)
        };
        assert_eq!(named(&[("x-github-event", "push")], "{}"), Some("github"));
        assert_eq!(named(&[("stripe-signature", "t=1")], r#"{"signature":{"token":"x"}}"#), Some("stripe"));
        assert_eq!(named(&[], r#"{"signature":{"token":"x"}}"#), Some("mailgun"));
        assert_eq!(named(&[("content-type", "application/json")], r#"{"a":1}"#), None);
    }
}
