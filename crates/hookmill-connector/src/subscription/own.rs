//! The delete operation that is a webhook's own: by its path, or by the name that its connector gives it.

use hookmill_model::{Object, Str};
use url::Url;

use super::answer::plain;
use super::{Creation, DeletionRule};
use crate::connector::Connector;
use crate::operation::{Operation, Visibility};
use crate::place::given;
use crate::place::{Place, path_names};
use crate::policy::Kind;
use crate::policy::expression::Piece;
use crate::request::matches;
use crate::serialise::decoded;

/// Words that name the registration of a webhook.
const KINDS: [&str; 6] = ["hook", "subscri", "trigger", "callback", "listener", "regist"];

/// A delete operation with what is known of its values.
pub(super) struct Own<'a> {
    pub delete: &'a Operation,
    /// The parameter that takes the webhook's identifier.
    pub open: &'a str,
    pub rule: DeletionRule,
    values: Values<'a>,
}

/// Where the other values come from.
enum Values<'a> {
    /// By position from the segments of the creation's path: names of the operation's path, and how many segments the
    /// creation has.
    ByPosition { template: String, names: Vec<&'a str>, segments: usize },
    /// By name from the trigger's inputs.
    ByName(Vec<(&'a str, &'a Operation)>),
}

/// A path with its names left empty, without a slash at its end.
fn shape(path: &str) -> String {
    let mut written = path.trim_end_matches('/').to_owned();
    for name in path_names(path) {
        written = written.replacen(&format!("{{{name}}}"), "{}", 1);
    }
    written
}

fn segments(path: &str) -> Vec<&str> {
    path.split('/').filter(|part| !part.is_empty()).collect()
}

/// The path before the last parameter and that parameter: `/x/{id}`, `/x({id})`, `/x('{id}')`.
fn without_last(path: &str) -> Option<(&str, &str)> {
    let path = path.trim_end_matches('/');
    let begin = path.rfind('{')?;
    let end = begin + path[begin..].find('}')?;
    let (before, name, after) = (&path[..begin], &path[begin + 1..end], &path[end + 1..]);
    let bare = match after {
        "" => before.strip_suffix('/'),
        ")" => before.strip_suffix('('),
        "')" => before.strip_suffix("('"),
        _ => None,
    };
    bare.filter(|bare| !bare.is_empty()).map(|bare| (bare, name))
}

fn has_kind(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    KINDS.iter().any(|kind| text.contains(kind))
}

fn needs_body(operation: &Operation) -> bool {
    operation.declared.iter().any(|own| own.required && matches!(own.place, Place::Body | Place::Form))
}

/// Required values outside of path and body that have no default.
fn required_values(operation: &Operation) -> impl Iterator<Item = &Str> {
    operation
        .declared
        .iter()
        .filter(|own| own.required && matches!(own.place, Place::Query | Place::Header | Place::Cookie))
        .filter(|own| own.source.get("default").is_none())
        .map(|own| &own.name)
}

/// The one element; nothing where there are more.
fn single<T>(mut found: Vec<T>) -> Option<T> {
    if found.len() == 1 { found.pop() } else { None }
}

impl Connector {
    /// The delete operation that is certainly that of the webhook which an operation creates. Two that fit alike are
    /// none.
    pub(super) fn own_delete<'a>(&'a self, creation: &'a Operation) -> Option<Own<'a>> {
        let creations: Vec<String> =
            self.routed_path(creation).into_iter().chain([creation.path.to_string()]).collect();
        let deletes = || self.operations.iter().filter(|own| &*own.method == "DELETE" && !needs_body(own));
        let mut by_path = Vec::new();
        let mut above = Vec::new();
        for delete in deletes().filter(|own| required_values(own).next().is_none()) {
            let Some((before, open)) = without_last(&delete.path) else { continue };
            let is_literal = segments(before).iter().any(|part| !part.contains('{'));
            let own_shape = shape(before);
            let found = |template: &String, rule| Own {
                delete,
                open,
                rule,
                values: Values::ByPosition {
                    template: before.to_owned(),
                    names: path_names(before),
                    segments: segments(template).len(),
                },
            };
            if !is_literal {
                continue;
            }
            if let Some(template) = creations.iter().find(|template| shape(template) == own_shape) {
                by_path.push(found(template, DeletionRule::OwnPath));
            }
            let is_collection = segments(before).last().is_some_and(|last| !last.contains('{') && has_kind(last));
            let begins = |template: &&String| {
                let (whole, own) = (shape(template), format!("{own_shape}/"));
                whole.starts_with(&own)
            };
            if let Some(template) = creations.iter().find(begins).filter(|_| is_collection) {
                above.push(found(template, DeletionRule::CollectionAbove));
            }
        }
        if !by_path.is_empty() {
            return single(by_path);
        }
        if !above.is_empty() {
            return single(above);
        }
        single(deletes().filter_map(|delete| self.named_for_it(delete, creation)).collect())
    }

    /// An internal delete operation with a name that says what it is, which leaves one value open.
    fn named_for_it<'a>(&'a self, delete: &'a Operation, creation: &'a Operation) -> Option<Own<'a>> {
        if delete.visibility != Visibility::Internal {
            return None;
        }
        let literal: Vec<String> = segments(&delete.path)
            .into_iter()
            .map(|part| {
                path_names(part).iter().fold(part.to_owned(), |text, name| text.replace(&format!("{{{name}}}"), ""))
            })
            .filter(|part| !part.is_empty())
            .collect();
        if literal.is_empty() || !(has_kind(&delete.operation_id) || literal.iter().any(|part| has_kind(part))) {
            return None;
        }
        let needed = path_names(&delete.path).into_iter().chain(required_values(delete).map(|name| &**name));
        let of_trigger = |name: &str| {
            let has_input = |own: &crate::place::Declared| {
                own.place != Place::Body && own.place != Place::Form && plain(&own.name) == plain(name)
            };
            creation.declared.iter().any(has_input)
                || path_names(&creation.path).iter().any(|own| plain(own) == plain(name))
        };
        let (known, open): (Vec<&str>, Vec<&str>) = needed.partition(|name| of_trigger(name));
        let [open] = open[..] else { return None };
        let values = Values::ByName(known.into_iter().map(|name| (name, creation)).collect());
        Some(Own { delete, open, rule: DeletionRule::NamedOperation, values })
    }

    /// The path that a policy sends a creation to, with `{}` for its expressions.
    fn routed_path(&self, creation: &Operation) -> Option<String> {
        let routes = self.policies.iter().filter(|policy| policy.concerns(Some(&creation.operation_id)));
        let mut route = routes.filter_map(|policy| match &policy.kind {
            Ok(Kind::Route { to, .. }) => Some(to),
            _ => None,
        });
        let route = route.next_back()?;
        let mut written = String::new();
        for piece in &route.path.0 {
            match piece {
                Piece::Text(text) => written.push_str(text),
                Piece::Call(_) => written.push_str("{}"),
            }
        }
        Some(if written.starts_with('/') { written } else { format!("/{written}") })
    }
}

impl Own<'_> {
    /// The values of all parameters but the open one; `None` where one is not known.
    pub(super) fn known(&self, creation: &Creation<'_>, created: &Url) -> Option<Object> {
        let mut found = Object::new();
        match &self.values {
            Values::ByPosition { template, names, segments: count } => {
                let path: Vec<&str> = segments(created.path());
                let own = path.get(path.len().checked_sub(*count)?..)?;
                let own = own.get(..segments(template).len())?.join("/");
                let values = matches(template, &own)?;
                for name in names {
                    let (_, value) = values.iter().find(|(own, _)| own == name)?;
                    found.insert(*name, decoded(value));
                }
            }
            Values::ByName(names) => {
                for (name, creator) in names {
                    let declared = creator.declared.iter().find(|own| plain(&own.name) == plain(name));
                    let own = declared.map_or(*name, |own| &*own.name);
                    let value = given(creation.parameters, own)
                        .cloned()
                        .or_else(|| declared.and_then(|own| crate::schema::default_of(&own.source)))?;
                    found.insert(*name, value);
                }
            }
        }
        Some(found)
    }

    /// The open value in a path of this operation.
    pub(super) fn id_in(&self, path: &str) -> Option<String> {
        let count = segments(&self.delete.path).len();
        let path: Vec<&str> = segments(path);
        let own = path.get(path.len().checked_sub(count)?..)?.join("/");
        let values = matches(&self.delete.path, &own)?;
        let (_, value) = values.into_iter().find(|(name, _)| *name == self.open)?;
        Some(decoded(value)).filter(|value| !crate::serialise::climbs(value))
    }
}
