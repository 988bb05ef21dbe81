//! Bounds of a document that are checked before anything is made of it: one walk that allocates nothing and stops early.
//!
//! Findings and operations keep the place of what they are about, so long names that stand above many others, or many
//! parameters of one path, would make gigabytes of a short file.

use hookmill_model::{Diagnostic, Object, Pointer, Value};

/// Bytes of the name of a member, the paths of operations among them.
const NAME_BYTES_MAX: usize = 4_096;
/// Bytes of the JSON pointers of all objects, lists and texts together.
const POINTERS_BYTES_MAX: usize = 256 * 1_024 * 1_024;
/// Parameters in one path.
const PATH_PARAMETERS_MAX: usize = 100;
/// Parameters of one operation, or of one path.
pub(crate) const PARAMETERS_MAX: usize = 1_000;
/// Ways to prove who calls, and lists of them.
const SECURITY_MAX: usize = 200;

/// The code of all faults about bounds.
const LIMIT: &str = "limit_document";
const HINT: &str = "Describe the service in several files, one for each part of its API.";

fn beyond(at: Pointer, message: String) -> Diagnostic {
    Diagnostic::error(LIMIT, at, message).with_hint(HINT)
}

/// The first characters of a name, for messages.
fn shown(name: &str) -> String {
    name.chars().take(60).collect()
}

/// What a walk has counted.
struct Extent {
    pointer_bytes: usize,
}

impl Extent {
    /// `path`: bytes of the pointer to the value.
    fn add(&mut self, value: &Value, path: usize) -> Result<(), Diagnostic> {
        if matches!(value, Value::Object(_) | Value::Array(_) | Value::String(_)) {
            self.pointer_bytes += path;
        }
        if self.pointer_bytes > POINTERS_BYTES_MAX {
            let message = "the names in the file are too long for how deep and how often they nest";
            return Err(beyond(Pointer::root(), message.to_owned()));
        }
        match value {
            Value::Array(elements) => elements
                .iter()
                .enumerate()
                .try_for_each(|(index, own)| self.add(own, path + 2 + index.checked_ilog10().unwrap_or(0) as usize)),
            Value::Object(members) => members.iter().try_for_each(|(name, own)| {
                if name.len() > NAME_BYTES_MAX {
                    let message = format!("the name \"{}…\" has more than {NAME_BYTES_MAX} bytes", shown(name));
                    return Err(beyond(Pointer::root(), message));
                }
                self.add(own, path + 1 + name.len())
            }),
            _ => Ok(()),
        }
    }
}

fn members<'a>(of: &'a Value, name: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    of.get(name).and_then(Value::as_object).into_iter().flat_map(Object::iter).map(|(name, value)| (&**name, value))
}

fn count(value: Option<&Value>) -> usize {
    match value {
        Some(Value::Array(elements)) => elements.len(),
        Some(Value::Object(members)) => members.len(),
        _ => 0,
    }
}

/// Whether a document is within the bounds.
///
/// # Errors
/// The finding that says what is too long or too many.
pub(crate) fn check(document: &Value) -> Result<(), Diagnostic> {
    Extent { pointer_bytes: 0 }.add(document, 0)?;
    let root = Pointer::root();
    let components = document.get("components");
    let schemes = [document.get("securityDefinitions"), components.and_then(|own| own.get("securitySchemes"))];
    for (name, many) in [("securityDefinitions", count(schemes[0])), ("components", count(schemes[1]))] {
        if many > SECURITY_MAX {
            let message = format!("the file describes {many} ways to prove who calls; at most {SECURITY_MAX} are read");
            return Err(beyond(root.child(name), message));
        }
    }
    of_security(document, &root)?;
    for (path, item) in members(document, "paths") {
        let at = root.child("paths").child(path);
        if path.matches('{').count() > PATH_PARAMETERS_MAX {
            let message = format!("the path \"{}…\" has more than {PATH_PARAMETERS_MAX} parameters", shown(path));
            return Err(beyond(at, message));
        }
        for own in std::iter::once(item).chain(item.as_object().into_iter().flat_map(Object::values)) {
            let many = count(own.get("parameters"));
            if many > PARAMETERS_MAX {
                let message = format!("there are {many} parameters; at most {PARAMETERS_MAX} are read");
                return Err(beyond(at, message));
            }
            of_security(own, &at)?;
        }
    }
    Ok(())
}

/// `security` of the document or of an operation: a list of objects.
fn of_security(own: &Value, at: &Pointer) -> Result<(), Diagnostic> {
    let listed = own.get("security").and_then(Value::as_array).unwrap_or_default();
    let many = listed.len().max(listed.iter().map(|way| count(Some(way))).max().unwrap_or(0));
    if many > SECURITY_MAX {
        let message = format!("\"security\" has {many} entries; at most {SECURITY_MAX} are read");
        return Err(beyond(at.child("security"), message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(document: &str) -> Option<String> {
        check(&Value::from_json(document.as_bytes()).unwrap()).err().map(|finding| finding.code)
    }

    fn list(count: usize, one: impl Fn(usize) -> String) -> String {
        (0..count).map(one).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn parts_are_counted_before_they_are_read() {
        let parameters = |count| {
            let all = list(count, |n| format!(r#"{{"name":"q{n}","in":"query","type":"string"}}"#));
            format!(r#"{{"paths":{{"/a":{{"get":{{"parameters":[{all}]}}}}}}}}"#)
        };
        let path = |count| format!(r#"{{"paths":{{"/{}":{{"get":{{}}}}}}}}"#, list(count, |n| format!("{{p{n}}}")));
        let schemes =
            |count| format!(r#"{{"securityDefinitions":{{{}}}}}"#, list(count, |n| format!(r#""s{n}":{{}}"#)));
        let ways = |count| format!(r#"{{"security":[{}]}}"#, list(count, |n| format!(r#"{{"s{n}":[]}}"#)));
        for (most, within, beyond) in [
            (PARAMETERS_MAX, parameters(PARAMETERS_MAX), parameters(PARAMETERS_MAX + 1)),
            (PATH_PARAMETERS_MAX, path(PATH_PARAMETERS_MAX), path(PATH_PARAMETERS_MAX + 1)),
            (SECURITY_MAX, schemes(SECURITY_MAX), schemes(SECURITY_MAX + 1)),
            (SECURITY_MAX, ways(SECURITY_MAX), ways(SECURITY_MAX + 1)),
        ] {
            assert_eq!(code(&within), None, "{most}");
            assert_eq!(code(&beyond).as_deref(), Some(LIMIT), "{most}");
        }
    }

    #[test]
    fn long_names_above_many_parts_are_refused() {
        let named = |bytes: usize| format!(r#"{{"definitions":{{"{}":{{}}}}}}"#, "n".repeat(bytes));
        assert_eq!(code(&named(NAME_BYTES_MAX)), None);
        assert_eq!(code(&named(NAME_BYTES_MAX + 1)).as_deref(), Some(LIMIT));
        let above = |many: usize| {
            format!(r#"{{"definitions":{{"{}":[{}]}}}}"#, "n".repeat(4_000), list(many, |_| "{}".to_owned()))
        };
        assert_eq!(code(&above(1_000)), None);
        assert_eq!(code(&above(100_000)).as_deref(), Some(LIMIT));
    }
}
