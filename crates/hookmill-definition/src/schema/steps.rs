//! How much work a schema makes of a value, counted before the work: references that are used twice at each level double
//! it with every level, and a reference to itself never ends.

use hookmill_model::{Object, Value};

/// Checks of one part of a schema against one part of a value, all together.
pub(super) const STEPS_MAX: usize = 2_000_000;
/// Schemas inside of schemas and references, one in the other.
const DEPTH_MAX: usize = 400;

/// Keywords that hold one schema for the same part of the value.
const SAME: &[&str] = &["not", "if", "then", "else"];
/// Keywords that hold a list of schemas for the same part of the value.
const SAME_LISTS: &[&str] = &["allOf", "anyOf", "oneOf"];
/// Keywords that hold one schema for every member or element.
const EACH: &[&str] =
    &["additionalProperties", "unevaluatedProperties", "additionalItems", "unevaluatedItems", "contains"];

/// Whether checking a value takes no more than [`STEPS_MAX`] steps.
pub(super) fn are_bounded(schema: &Value, value: &Value) -> bool {
    let mut walk = Walk { root: schema, left: STEPS_MAX };
    walk.at(schema, value, DEPTH_MAX)
}

struct Walk<'a> {
    root: &'a Value,
    left: usize,
}

impl Walk<'_> {
    fn at(&mut self, schema: &Value, value: &Value, depth: usize) -> bool {
        let Some(left) = self.left.checked_sub(1).filter(|_| depth > 0) else { return false };
        self.left = left;
        let Some(members) = schema.as_object() else { return true };
        let depth = depth - 1;
        for (keyword, inner) in members.iter() {
            let is_bounded = match &**keyword {
                "$ref" => match inner.as_str().and_then(|reference| target(self.root, reference)) {
                    Some(target) => self.at(target, value, depth),
                    None => true,
                },
                "$recursiveRef" => {
                    let root = self.root;
                    self.at(root, value, depth)
                }
                same if SAME.contains(&same) => self.at(inner, value, depth),
                list if SAME_LISTS.contains(&list) => {
                    inner.as_array().is_none_or(|list| list.iter().all(|one| self.at(one, value, depth)))
                }
                "dependentSchemas" | "dependencies" => {
                    inner.as_object().is_none_or(|named| named.values().all(|one| self.at(one, value, depth)))
                }
                "properties" => match (inner.as_object(), value.as_object()) {
                    (Some(named), Some(own)) => self.properties(named, own, depth),
                    _ => true,
                },
                "propertyNames" => value
                    .as_object()
                    .is_none_or(|own| own.keys().all(|name| self.at(inner, &Value::String(name.clone()), depth))),
                "items" | "prefixItems" => match (inner.as_array(), value.as_array()) {
                    (Some(schemas), Some(own)) => {
                        schemas.iter().zip(own.iter()).all(|(schema, one)| self.at(schema, one, depth))
                    }
                    (None, Some(own)) => own.iter().all(|one| self.at(inner, one, depth)),
                    _ => true,
                },
                each if EACH.contains(&each) => match value {
                    Value::Array(own) => own.iter().all(|one| self.at(inner, one, depth)),
                    Value::Object(own) => own.values().all(|one| self.at(inner, one, depth)),
                    _ => true,
                },
                _ => true,
            };
            if !is_bounded {
                return false;
            }
        }
        true
    }

    fn properties(&mut self, named: &Object, own: &Object, depth: usize) -> bool {
        // Whichever is shorter: the schema names thousands, or the value has them.
        if named.len() < own.len() {
            named.iter().all(|(name, schema)| own.get(name).is_none_or(|value| self.at(schema, value, depth)))
        } else {
            own.iter().all(|(name, value)| named.get(name).is_none_or(|schema| self.at(schema, value, depth)))
        }
    }
}

/// What `#/definitions/name` names. Others were refused when the schema was compiled.
fn target<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let fragment = reference.strip_prefix('#')?;
    let pointer = percent_decoded(fragment)?;
    root.pointer(&pointer)
}

fn percent_decoded(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        match (first, after) {
            (b'%', [high, low, ..]) => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                bytes.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
                rest = &after[2..];
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::super::{Schema, SchemaError};
    use super::*;

    fn value(text: &str) -> Value {
        Value::from_json(text.as_bytes()).unwrap()
    }

    /// Each definition uses the next one twice.
    fn doubling(levels: usize) -> Value {
        let mut definitions = String::new();
        for level in 0..levels {
            let next = level + 1;
            definitions += &format!(
                r##""d{level}":{{"allOf":[{{"$ref":"#/definitions/d{next}"}},{{"$ref":"#/definitions/d{next}"}}]}},"##
            );
        }
        value(&format!(
            r##"{{"definitions":{{{definitions}"d{levels}":{{"type":"string"}}}},"$ref":"#/definitions/d0"}}"##
        ))
    }

    #[test]
    fn references_that_double_are_refused_before_they_are_followed() {
        assert!(are_bounded(&doubling(10), &value("1")));
        assert!(!are_bounded(&doubling(40), &value("1")));
        let small = Schema::new(&doubling(10)).unwrap();
        assert_eq!(small.violations(&value(r#""text""#)).len(), 0);
        let large = Schema::new(&doubling(40)).unwrap();
        let found = large.violations(&value(r#""text""#));
        assert_eq!((found.len(), found[0].error_type), (1, "limit"), "{found:?}");
    }

    #[test]
    fn a_reference_to_itself_ends() {
        for text in [
            r##"{"$ref":"#"}"##,
            r##"{"definitions":{"a":{"$ref":"#/definitions/b"},"b":{"$ref":"#/definitions/a"}},"allOf":[{"$ref":"#/definitions/a"}]}"##,
            r##"{"anyOf":[{"$ref":"#"},{"type":"string"}]}"##,
        ] {
            match Schema::new(&value(text)) {
                Ok(schema) => assert_eq!(schema.violations(&value("1"))[0].error_type, "limit", "{text}"),
                Err(SchemaError::Invalid(_)) => {}
                Err(other) => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn trees_and_long_lists_are_what_they_are() {
        let tree =
            value(r##"{"type":"object","properties":{"l":{"$ref":"#"},"r":{"$ref":"#"},"n":{"type":"integer"}}}"##);
        let mut text = r#"{"n":1}"#.to_owned();
        for _ in 0..12 {
            text = format!(r#"{{"l":{text},"r":{text}}}"#);
        }
        assert!(are_bounded(&tree, &value(&text)));
        let list = value(
            r##"{"type":"array","items":{"$ref":"#/definitions/a%62"},"definitions":{"ab":{"type":"integer"}}}"##,
        );
        let long = Value::array((0..100_000).map(Value::Integer).collect());
        assert!(are_bounded(&list, &long));
        assert!(Schema::new(&list).unwrap().violations(&long).is_empty());
        // Several paths to the same part of the value, at every level.
        let both = value(r##"{"properties":{"l":{"allOf":[{"$ref":"#"},{"$ref":"#"}]}}}"##);
        let mut deep = "1".to_owned();
        for _ in 0..60 {
            deep = format!(r#"{{"l":{deep}}}"#);
        }
        assert!(!are_bounded(&both, &value(&deep)));
    }
}
