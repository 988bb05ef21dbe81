//! The functions of XPath 1.0.

use super::{Evaluator, Found, Place, Result, number_of, text_of};
use crate::xml::document::Kind;

/// A function: its name, how many arguments it takes, what it does.
pub(super) struct Function {
    name: &'static str,
    pub least: usize,
    pub most: usize,
    pub evaluate: fn(&Evaluator, &Place, Vec<Found>) -> Result<Found>,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

const fn row(
    name: &'static str,
    least: usize,
    most: usize,
    evaluate: fn(&Evaluator, &Place, Vec<Found>) -> Result<Found>,
) -> Function {
    Function { name, least, most, evaluate }
}

static FUNCTIONS: &[Function] = &[
    row("last", 0, 0, |_, place, _| count(place.size)),
    row("position", 0, 0, |_, place, _| count(place.position)),
    row("count", 1, 1, |_, _, arguments| count(nodes(arguments, "count")?.len())),
    // Identifiers are declared by document type definitions, which are not read.
    row("id", 1, 1, |_, _, _| Ok(Found::Nodes(Vec::new()))),
    row("local-name", 0, 1, |at, place, arguments| named(at, place, arguments, |name| name.local().to_owned())),
    row("namespace-uri", 0, 1, |at, place, arguments| named(at, place, arguments, |name| name.namespace.clone())),
    row("name", 0, 1, |at, place, arguments| named(at, place, arguments, |name| name.written.clone())),
    row("string", 0, 1, |at, place, arguments| text(at, place, arguments).map(Found::Text)),
    row("concat", 2, usize::MAX, concat),
    row("starts-with", 2, 2, |at, _, arguments| {
        let [text, start] = texts(at, arguments)?;
        Ok(Found::Truth(text.starts_with(&start)))
    }),
    row("contains", 2, 2, |at, _, arguments| {
        let [text, part] = texts(at, arguments)?;
        Ok(Found::Truth(text.contains(&part)))
    }),
    row("substring-before", 2, 2, |at, _, arguments| {
        let [text, mark] = texts(at, arguments)?;
        Ok(Found::Text(text.split_once(&mark).map_or("", |(before, _)| before).to_owned()))
    }),
    row("substring-after", 2, 2, |at, _, arguments| {
        let [text, mark] = texts(at, arguments)?;
        Ok(Found::Text(text.split_once(&mark).map_or("", |(_, after)| after).to_owned()))
    }),
    row("substring", 2, 3, substring),
    row("string-length", 0, 1, |at, place, arguments| count(text(at, place, arguments)?.encode_utf16().count())),
    row("normalize-space", 0, 1, |at, place, arguments| {
        let text = text(at, place, arguments)?;
        Ok(Found::Text(
            text.split([' ', '\t', '\r', '\n']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "),
        ))
    }),
    row("translate", 3, 3, translate),
    row("boolean", 1, 1, |_, _, arguments| Ok(Found::Truth(only(arguments).is_true()))),
    row("not", 1, 1, |_, _, arguments| Ok(Found::Truth(!only(arguments).is_true()))),
    row("true", 0, 0, |_, _, _| Ok(Found::Truth(true))),
    row("false", 0, 0, |_, _, _| Ok(Found::Truth(false))),
    row("lang", 1, 1, lang),
    row("number", 0, 1, |at, place, arguments| match arguments.is_empty() {
        true => Ok(Found::Number(number_of(&text(at, place, arguments)?))),
        false => at.number(only(arguments)).map(Found::Number),
    }),
    row("sum", 1, 1, |at, _, arguments| {
        let mut sum = 0.0;
        for node in nodes(arguments, "sum")? {
            sum += number_of(&at.string(node)?);
        }
        Ok(Found::Number(sum))
    }),
    row("floor", 1, 1, |at, _, arguments| at.number(only(arguments)).map(|number| Found::Number(number.floor()))),
    row("ceiling", 1, 1, |at, _, arguments| at.number(only(arguments)).map(|number| Found::Number(number.ceil()))),
    row("round", 1, 1, |at, _, arguments| at.number(only(arguments)).map(|number| Found::Number(round(number)))),
];

/// Rounds halves up, as XPath does.
fn round(number: f64) -> f64 {
    (number + 0.5).floor()
}

fn count(count: usize) -> Result<Found> {
    #[allow(clippy::cast_precision_loss)]
    Ok(Found::Number(count as f64))
}

fn only(arguments: Vec<Found>) -> Found {
    arguments.into_iter().next().unwrap_or(Found::Nodes(Vec::new()))
}

fn nodes(arguments: Vec<Found>, function: &str) -> Result<Vec<usize>> {
    match only(arguments) {
        Found::Nodes(nodes) => Ok(nodes),
        _ => Err(format!("the function '{function}' needs nodes").into()),
    }
}

/// The text of the only argument, or of the node at hand.
fn text(at: &Evaluator, place: &Place, arguments: Vec<Found>) -> Result<String> {
    if arguments.is_empty() { at.string(place.node) } else { at.text(only(arguments)) }
}

fn texts<const N: usize>(at: &Evaluator, arguments: Vec<Found>) -> Result<[String; N]> {
    let texts = arguments.into_iter().map(|argument| at.text(argument)).collect::<Result<Vec<_>>>()?;
    texts.try_into().map_err(|_| "the number of arguments is wrong".into())
}

fn named(
    at: &Evaluator,
    place: &Place,
    arguments: Vec<Found>,
    part: fn(&crate::xml::document::Name) -> String,
) -> Result<Found> {
    let node = if arguments.is_empty() { Some(place.node) } else { nodes(arguments, "name")?.first().copied() };
    Ok(Found::Text(match node.map(|node| &at.document.node(node).kind) {
        Some(Kind::Element(name) | Kind::Attribute(name, _)) => part(name),
        // The target of an instruction is its name; it is in no namespace.
        Some(Kind::Instruction(target, _)) => {
            part(&crate::xml::document::Name { written: target.clone(), namespace: String::new() })
        }
        _ => String::new(),
    }))
}

fn concat(at: &Evaluator, _: &Place, arguments: Vec<Found>) -> Result<Found> {
    let mut text = String::new();
    for argument in arguments {
        text.push_str(&at.text(argument)?);
        at.within(text.len())?;
    }
    Ok(Found::Text(text))
}

fn substring(at: &Evaluator, _: &Place, arguments: Vec<Found>) -> Result<Found> {
    let mut arguments = arguments.into_iter();
    let mut next = || arguments.next();
    let text = at.text(next().unwrap_or(Found::Text(String::new())))?;
    let begin = round(at.number(next().unwrap_or(Found::Number(1.0)))?);
    let end = match next() {
        Some(length) => begin + round(at.number(length)?),
        None => f64::INFINITY,
    };
    // Comparisons with a number that is none are false, so that nothing is taken.
    let mut place = 0.0;
    let units: Vec<u16> = text
        .encode_utf16()
        .filter(|_| {
            place += 1.0;
            place >= begin && place < end
        })
        .collect();
    Ok(Found::Text(String::from_utf16_lossy(&units)))
}

fn translate(at: &Evaluator, _: &Place, arguments: Vec<Found>) -> Result<Found> {
    let [text, from, to] = texts(at, arguments)?;
    let mut table = std::collections::HashMap::new();
    let mut to = to.chars();
    for c in from.chars() {
        let other = to.next();
        table.entry(c).or_insert(other);
    }
    Ok(Found::Text(text.chars().filter_map(|c| table.get(&c).copied().unwrap_or(Some(c))).collect()))
}

fn lang(at: &Evaluator, place: &Place, arguments: Vec<Found>) -> Result<Found> {
    let wanted = text_of(&only(arguments)).map_or_else(|nodes| at.text(Found::Nodes(nodes)), Ok)?.to_lowercase();
    let mut node = place.node;
    loop {
        for attribute in &at.document.node(node).attributes {
            if let Kind::Attribute(name, value) = &at.document.node(*attribute).kind
                && name.written == "xml:lang"
            {
                let value = value.to_lowercase();
                let below = value.strip_prefix(&wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
                return Ok(Found::Truth(below));
            }
        }
        if node == crate::xml::document::ROOT {
            return Ok(Found::Truth(false));
        }
        node = at.document.node(node).parent;
    }
}
