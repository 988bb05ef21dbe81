//! Schemas of OpenAPI 3 in the words of 2.0.

use hookmill_model::{Object, Value};

use super::{DEPTH_MAX, HOISTED_MAX, Mapping};

impl Mapping<'_> {
    /// A schema in the words of 2.0: references rewritten, `null` taken out of types, `const` and `examples` mapped.
    pub(super) fn schema(&self, written: &Value, depth: usize) -> Value {
        let Some(members) = written.as_object() else {
            return match written {
                // 3.1 allows `true` and `false` as schemas.
                Value::Bool(_) => Object::new().into(),
                other => other.clone(),
            };
        };
        if depth > DEPTH_MAX || self.left.get() == 0 {
            return Object::new().into();
        }
        self.left.set(self.left.get() - 1);
        let mut out = Object::with_capacity(members.len());
        for (name, member) in members.iter() {
            match (&**name, member) {
                ("$ref", Value::String(reference)) => {
                    out.insert("$ref", self.rewritten(reference));
                }
                ("type", Value::Array(types)) => {
                    let mut named = types.iter().filter(|one| one.as_str() != Some("null"));
                    // Several types are any type to 2.0.
                    match (named.next(), named.next()) {
                        (Some(only), None) => {
                            out.insert("type", only.clone());
                        }
                        (None, _) => {
                            out.insert("type", "object");
                        }
                        _ => {}
                    }
                    if types.iter().any(|one| one.as_str() == Some("null")) {
                        out.insert("x-nullable", true);
                    }
                }
                ("nullable", truth) => {
                    out.insert("x-nullable", truth.clone());
                }
                ("const", value) => {
                    out.insert("enum", Value::array(vec![value.clone()]));
                }
                ("examples", Value::Array(examples)) => {
                    if let Some(first) = examples.first() {
                        out.insert("example", first.clone());
                    }
                }
                ("properties" | "patternProperties" | "$defs" | "definitions", Value::Object(all)) => {
                    let below: Object =
                        all.iter().map(|(name, one)| (name.clone(), self.schema(one, depth + 1))).collect();
                    out.insert(name.clone(), below);
                }
                ("items" | "additionalProperties" | "not", Value::Object(_)) => {
                    out.insert(name.clone(), self.schema(member, depth + 1));
                }
                ("allOf" | "anyOf" | "oneOf", Value::Array(parts)) => {
                    let parts = parts.iter().filter(|part| part.get("type").and_then(Value::as_str) != Some("null"));
                    out.insert(name.clone(), Value::array(parts.map(|part| self.schema(part, depth + 1)).collect()));
                }
                _ => {
                    out.insert(name.clone(), member.clone());
                }
            }
        }
        out.into()
    }

    /// A reference to a schema as 2.0 has it. One that leads nowhere stays as it is, so that it is found.
    fn rewritten(&self, reference: &str) -> String {
        if let Some(rest) = reference.strip_prefix("#/components/schemas/") {
            return format!("#/definitions/{rest}");
        }
        let mut hoisted = self.hoisted.borrow_mut();
        if self.target(reference).is_none() || hoisted.len() >= HOISTED_MAX {
            return reference.to_owned();
        }
        let next = format!("referred-{}", hoisted.len() + 1);
        let name = hoisted.entry(reference.to_owned()).or_insert(next);
        format!("#/definitions/{name}")
    }
}
