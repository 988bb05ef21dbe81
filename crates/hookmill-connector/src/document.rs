//! The OpenAPI document as text and as a tree: reading with limits, and following `$ref` without ever going in circles.

use std::collections::BTreeSet;

use hookmill_model::{Diagnostic, Object, Pointer, Str, Value};

use crate::yaml::{self, VALUES_MAX};

/// The longest document that is read, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 20 * 1024 * 1024;
/// The longest chain of `$ref` to `$ref`.
const MAX_HOPS: usize = 32;

static NULL: Value = Value::Null;

/// Reads JSON or YAML, tolerating a byte order mark.
pub(crate) fn read_json(bytes: &[u8], code: &str, what: &str) -> Result<Value, Diagnostic> {
    if bytes.len() > MAX_DOCUMENT_BYTES {
        let message = format!("the {what} has more than {} MiB", MAX_DOCUMENT_BYTES / (1024 * 1024));
        return Err(Diagnostic::error("document_too_large", Pointer::root(), message)
            .with_hint("Remove examples and operations that are not needed."));
    }
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if let Some(line) = line_of_too_many(text) {
        let message = format!("the {what} has more than {VALUES_MAX} values (line {line})");
        return Err(Diagnostic::error("document_too_large", Pointer::root(), message)
            .with_hint("Remove examples and operations that are not needed."));
    }
    let error = match Value::from_json(text) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let begins_as_json = text.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| b"{[".contains(byte));
    if let Ok(written) = std::str::from_utf8(text)
        && !begins_as_json
        && looks_like_yaml(written)
    {
        return yaml::read(written).map_err(|error| {
            let message = format!("the {what} is not YAML: {} (line {})", error.reason, error.line);
            Diagnostic::error(code, Pointer::root(), message)
                .with_hint("Mend the text at that line; indentation and quotation marks are the usual cause.")
        });
    }
    let message =
        format!("the {what} is not JSON: {} (line {}, column {})", reason(&error), error.line(), error.column());
    let hint = if text.starts_with(b"PK") {
        "This is an archive. Unpack it and import the file that is inside."
    } else if text.is_empty() {
        "The file is empty."
    } else {
        "Mend the text at that place; commas, quotation marks and brackets are the usual cause."
    };
    Err(Diagnostic::error(code, Pointer::root(), message).with_hint(hint))
}

/// The line in which a JSON text passes the most values, counted by what begins one, before memory is taken for any.
fn line_of_too_many(text: &[u8]) -> Option<usize> {
    let (mut values, mut line, mut is_text, mut is_escaped) = (0_usize, 1_usize, false, false);
    for byte in text {
        match byte {
            b'\n' => line += 1,
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b',' | b'[' | b'{' if !is_text => values += 1,
            _ => {}
        }
        if values > VALUES_MAX {
            return Some(line);
        }
    }
    None
}

/// The parser's words without its own position, which is told separately.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rfind(" at line ").map_or(text.clone(), |at| text[..at].to_owned())
}

/// Whether a line of the text is a key at its beginning, as YAML has it and no other format that people try.
fn looks_like_yaml(text: &str) -> bool {
    let is_key = |line: &str| {
        let name = line.split_once(':').map_or("", |(name, _)| name);
        let name = name.trim_matches(['"', '\'']);
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_$".contains(&byte))
    };
    let mut lines = text.lines().map(str::trim_end);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with(['#', '%']) && !line.starts_with("---"));
    first.is_some_and(is_key)
}

/// The search for references that lead nowhere.
struct References<'a> {
    /// How many values may still be looked at.
    left: usize,
    /// What was looked up already.
    seen: BTreeSet<&'a str>,
    wanted: &'a dyn Fn() -> bool,
}

/// After so many values it is asked whether somebody still waits.
const ASKED_EVERY: usize = 4_096;

/// The whole document, and the way from a `$ref` to what it names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Document {
    root: Value,
}

impl Document {
    pub(crate) const fn new(root: Value) -> Self {
        Self { root }
    }

    pub(crate) const fn root(&self) -> &Value {
        &self.root
    }

    /// What `reference` names inside of this document.
    pub(crate) fn target(&self, reference: &str) -> Option<&Value> {
        let pointer = reference.strip_prefix('#')?;
        if let Some(found) = self.root.pointer(pointer) {
            return Some(found);
        }
        let decoded = percent_encoding::percent_decode_str(pointer).decode_utf8().ok()?;
        self.root.pointer(&decoded)
    }

    /// The value with every `$ref` at its top followed; `null` where that leads nowhere.
    pub(crate) fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let mut here = value;
        for _ in 0..MAX_HOPS {
            match reference(here) {
                None => return here,
                Some(text) => match self.target(text) {
                    Some(next) => here = next,
                    None => return &NULL,
                },
            }
        }
        &NULL
    }

    /// Finds every `$ref` that leads nowhere, outside or to itself: of each target one finding, where it is named first.
    /// Ends early once `wanted` says that nobody waits for it.
    pub(crate) fn check_references(&self, diagnostics: &mut Vec<Diagnostic>, wanted: &dyn Fn() -> bool) {
        let mut search = References { left: VALUES_MAX, seen: BTreeSet::new(), wanted };
        self.check_below(&self.root, &Pointer::root(), &mut search, diagnostics);
        if search.left == 0 {
            diagnostics.push(Diagnostic::error(
                "document_too_large",
                Pointer::root(),
                format!("the document has more than {VALUES_MAX} values"),
            ));
        }
    }

    fn check_below<'a>(
        &'a self,
        value: &'a Value,
        at: &Pointer,
        search: &mut References<'a>,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        if search.left == 0 {
            return;
        }
        search.left -= 1;
        if search.left.is_multiple_of(ASKED_EVERY) && !(search.wanted)() {
            search.left = 0;
            return;
        }
        match value {
            Value::Object(members) => {
                // Of each target there is one finding, where it is named first.
                if let Some(text) = reference(value).filter(|text| search.seen.insert(text)) {
                    self.check_reference(text, &at.child("$ref"), diagnostics);
                }
                for (name, member) in members.iter() {
                    if is_container(member) && !is_sample(name) && !is_foreign(name) {
                        self.check_below(member, &at.child(name), search, diagnostics);
                    }
                }
            }
            Value::Array(elements) => {
                for (index, element) in elements.iter().enumerate().filter(|(_, element)| is_container(element)) {
                    self.check_below(element, &at.child(index), search, diagnostics);
                }
            }
            _ => {}
        }
    }

    fn check_reference(&self, text: &str, at: &Pointer, diagnostics: &mut Vec<Diagnostic>) {
        if !text.starts_with('#') {
            diagnostics.push(
                Diagnostic::error("reference_outside", at.clone(), format!("\"{text}\" is outside of this document"))
                    .with_hint("Only references inside the file are followed. Copy the part into \"definitions\"."),
            );
            return;
        }
        let mut here = match self.target(text) {
            Some(found) => found,
            None => {
                diagnostics.push(
                    Diagnostic::error("reference_dangling", at.clone(), format!("\"{text}\" is not in this document"))
                        .with_hint(self.similar(text)),
                );
                return;
            }
        };
        for _ in 0..MAX_HOPS {
            match reference(here).map(|next| self.target(next)) {
                Some(Some(next)) => here = next,
                // The last link has its own finding where it leads nowhere.
                Some(None) | None => return,
            }
        }
        diagnostics.push(
            Diagnostic::error("reference_circular", at.clone(), format!("\"{text}\" leads back to itself"))
                .with_hint("Give one of the definitions in this circle a content of its own."),
        );
    }

    fn similar(&self, text: &str) -> String {
        let (folder, name) = text.rsplit_once('/').unwrap_or(("", text));
        let near = self.target(folder).and_then(Value::as_object).and_then(|members| {
            members
                .keys()
                .find(|key| key.eq_ignore_ascii_case(name) || key.starts_with(name) || name.starts_with(&***key))
        });
        match near {
            Some(near) => format!("Did you mean \"{folder}/{near}\"?"),
            None => format!("Add \"{name}\" under \"{}\", or mend the reference.", folder.trim_start_matches("#/")),
        }
    }
}

/// The text of `$ref` where the value is a reference.
pub(crate) fn reference(value: &Value) -> Option<&str> {
    value.get("$ref").and_then(Value::as_str)
}

/// The text of a member, without white space around it, where it is there and not empty.
pub(crate) fn text(value: &Value, name: &str) -> Option<Str> {
    value.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty()).map(Str::from)
}

/// Whether a member is `true`; people also write it as text.
pub(crate) fn truth(value: &Value, name: &str) -> bool {
    match value.get(name) {
        Some(Value::Bool(truth)) => *truth,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

/// The members of an object member; none where it is absent or something else.
pub(crate) fn members<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = (&'a Str, &'a Value)> {
    value.get(name).and_then(Value::as_object).into_iter().flat_map(Object::iter)
}

/// The elements of an array member; none where it is absent or something else.
pub(crate) fn elements<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).unwrap_or_default()
}

const fn is_container(value: &Value) -> bool {
    matches!(value, Value::Object(_) | Value::Array(_))
}

/// Extensions that nothing here reads; what is inside of them may be written in words of their own.
fn is_foreign(name: &str) -> bool {
    name.starts_with("x-") && !name.starts_with("x-ms-") && !name.starts_with("x-hookmill-")
}

/// Members that hold data of the service, in which `$ref` means nothing.
fn is_sample(name: &str) -> bool {
    matches!(name, "example" | "examples" | "x-ms-examples" | "default" | "enum" | "x-example")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_inside_of_foreign_extensions_are_not_followed() {
        let document = Value::from_json(
            br##"{"x-webhooks":{"a":{"$ref":"#/components/x"}},"x-ms-paths":{"b":{"$ref":"#/y"}},"paths":{"/c":{"$ref":"#/z"}}}"##,
        )
        .unwrap();
        let mut found = Vec::new();
        Document::new(document).check_references(&mut found, &|| true);
        let places: Vec<_> = found.iter().map(|finding| finding.pointer.as_str()).collect();
        assert_eq!(places, ["/x-ms-paths/b/$ref", "/paths/~1c/$ref"]);
    }
}
