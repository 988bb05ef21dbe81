//! Evaluation of XPath 1.0, within bounds.

mod function;
mod syntax;

use std::collections::HashSet;

use super::document::{Document, Id, Kind, ROOT};
use super::{Fault, Result};
use crate::work::Work;
use syntax::{Axis, Expression, Operator, Step, Test};

/// What looking at a node costs, in bytes that could be copied in that time.
const NODE_COST: usize = 32;

/// What a path finds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found {
    /// Nodes in document order, each once.
    Nodes(Vec<Id>),
    Number(f64),
    Text(String),
    Truth(bool),
}

impl Found {
    fn is_true(&self) -> bool {
        match self {
            Self::Nodes(nodes) => !nodes.is_empty(),
            Self::Number(number) => *number != 0.0 && !number.is_nan(),
            Self::Text(text) => !text.is_empty(),
            Self::Truth(truth) => *truth,
        }
    }
}

/// Where an expression is evaluated.
struct Place {
    node: Id,
    position: usize,
    size: usize,
}

/// Evaluates a path at the root of a document.
pub(crate) fn evaluate(document: &Document, path: &str, work: &Work<'_>, text_max: usize) -> Result<Found> {
    let refuse =
        |detail: String| Fault::Invalid(format!("'{}' is not a valid XPath: {detail}", crate::syntax::shown(path)));
    let expression = syntax::parse(path).map_err(refuse)?;
    let evaluator = Evaluator { document, work, text_max };
    evaluator.expression(&expression, &Place { node: ROOT, position: 1, size: 1 })
}

struct Evaluator<'a> {
    document: &'a Document,
    work: &'a Work<'a>,
    text_max: usize,
}

/// The number that a text is; only digits, a point and a minus in front make one.
fn number_of(text: &str) -> f64 {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && digits.bytes().any(|byte| byte.is_ascii_digit());
    if plain { text.parse().unwrap_or(f64::NAN) } else { f64::NAN }
}

fn number_text(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if number == 0.0 { "0".to_owned() } else { number.to_string() }
}

/// The text of a value that is not made of nodes; the nodes of one that is.
fn text_of(found: &Found) -> std::result::Result<String, Vec<Id>> {
    match found {
        Found::Nodes(nodes) => Err(nodes.clone()),
        Found::Number(number) => Ok(number_text(*number)),
        Found::Text(text) => Ok(text.clone()),
        Found::Truth(truth) => Ok(truth.to_string()),
    }
}

impl Evaluator<'_> {
    fn spend(&self, amount: usize) -> Result<()> {
        self.work.spend(amount).map_err(Fault::Exhausted)
    }

    /// Refuses texts above the limit.
    fn within(&self, bytes: usize) -> Result<()> {
        if bytes > self.text_max {
            return Err(Fault::TooMuch(format!("the XPath would make a text of more than {} bytes", self.text_max)));
        }
        self.spend(bytes)?;
        self.work.make(bytes).map_err(Fault::Exhausted)
    }

    /// The text that a node stands for.
    fn string(&self, node: Id) -> Result<String> {
        let mut text = String::new();
        let count = self.document.push_string(node, &mut text);
        self.spend(count * NODE_COST + text.len())?;
        Ok(text)
    }

    fn text(&self, found: Found) -> Result<String> {
        match found {
            Found::Text(text) => Ok(text),
            Found::Nodes(nodes) => nodes.first().map_or(Ok(String::new()), |first| self.string(*first)),
            other => Ok(text_of(&other).unwrap_or_default()),
        }
    }

    fn number(&self, found: Found) -> Result<f64> {
        Ok(match found {
            Found::Number(number) => number,
            Found::Truth(truth) => f64::from(u8::from(truth)),
            other => number_of(&self.text(other)?),
        })
    }

    fn expression(&self, expression: &Expression, place: &Place) -> Result<Found> {
        self.spend(NODE_COST)?;
        match expression {
            Expression::Chain(first, more) => self.chain(first, more, place),
            Expression::Negated(inner) => {
                let inner = self.expression(inner, place)?;
                Ok(Found::Number(-self.number(inner)?))
            }
            Expression::Union(paths) => {
                let mut all = Vec::new();
                for path in paths {
                    match self.expression(path, place)? {
                        Found::Nodes(nodes) => all.extend(nodes),
                        _ => return Err("only nodes can be united".into()),
                    }
                }
                Ok(Found::Nodes(self.ordered(all)?))
            }
            Expression::Path { absolute, steps } => {
                self.steps(vec![if *absolute { ROOT } else { place.node }], steps).map(Found::Nodes)
            }
            Expression::Filter { base, predicates, steps } => match self.expression(base, place)? {
                Found::Nodes(nodes) => self.steps(self.filtered(nodes, predicates)?, steps).map(Found::Nodes),
                _ => Err("only nodes can be filtered".into()),
            },
            Expression::Literal(text) => {
                self.spend(text.len())?;
                Ok(Found::Text(text.clone()))
            }
            Expression::Number(number) => Ok(Found::Number(*number)),
            Expression::Call(function, arguments) => {
                let arguments =
                    arguments.iter().map(|argument| self.expression(argument, place)).collect::<Result<Vec<_>>>()?;
                (function.evaluate)(self, place, arguments)
            }
        }
    }

    fn chain(&self, first: &Expression, more: &[(Operator, Expression)], place: &Place) -> Result<Found> {
        let mut left = self.expression(first, place)?;
        for (operator, right) in more {
            // `and` and `or` look at their right side only where it matters.
            match operator {
                Operator::Or if left.is_true() => {
                    left = Found::Truth(true);
                    continue;
                }
                Operator::And if !left.is_true() => {
                    left = Found::Truth(false);
                    continue;
                }
                _ => {}
            }
            let right = self.expression(right, place)?;
            left = match operator {
                Operator::Or | Operator::And => Found::Truth(right.is_true()),
                Operator::Plus => Found::Number(self.number(left)? + self.number(right)?),
                Operator::Minus => Found::Number(self.number(left)? - self.number(right)?),
                Operator::Times => Found::Number(self.number(left)? * self.number(right)?),
                Operator::Divide => Found::Number(self.number(left)? / self.number(right)?),
                Operator::Modulo => Found::Number(self.number(left)? % self.number(right)?),
                comparison => Found::Truth(self.compare(left, *comparison, right)?),
            };
        }
        Ok(match left {
            // A chain of `and` or `or` that was decided by its last member is still a truth value.
            left if matches!(more.last(), Some((Operator::And | Operator::Or, _))) => Found::Truth(left.is_true()),
            left => left,
        })
    }

    /// Comparison; of several nodes, one that fulfils it is enough.
    fn compare(&self, left: Found, operator: Operator, right: Found) -> Result<bool> {
        let equality = matches!(operator, Operator::Equal | Operator::NotEqual);
        match (left, right) {
            (Found::Nodes(left), Found::Nodes(right)) => {
                if equality {
                    let left = left.into_iter().map(|node| self.string(node)).collect::<Result<HashSet<_>>>()?;
                    let right = right.into_iter().map(|node| self.string(node)).collect::<Result<HashSet<_>>>()?;
                    let same = !left.is_disjoint(&right);
                    let differ = !left.is_empty() && !right.is_empty() && (left.len() > 1 || right.len() > 1 || !same);
                    return Ok(if operator == Operator::Equal { same } else { differ });
                }
                let numbers = |nodes: Vec<Id>| -> Result<Vec<f64>> {
                    let numbers =
                        nodes.into_iter().map(|node| Ok(number_of(&self.string(node)?))).collect::<Result<Vec<_>>>()?;
                    Ok(numbers.into_iter().filter(|number| !number.is_nan()).collect())
                };
                let (left, right) = (numbers(left)?, numbers(right)?);
                let least = |numbers: &[f64]| numbers.iter().copied().fold(f64::NAN, f64::min);
                let most = |numbers: &[f64]| numbers.iter().copied().fold(f64::NAN, f64::max);
                Ok(match operator {
                    Operator::Less | Operator::LessOrEqual => holds(least(&left), operator, most(&right)),
                    _ => holds(most(&left), operator, least(&right)),
                })
            }
            (Found::Nodes(nodes), Found::Truth(truth)) => {
                Ok(holds(f64::from(u8::from(!nodes.is_empty())), operator, f64::from(u8::from(truth))))
            }
            (Found::Truth(truth), Found::Nodes(nodes)) => {
                Ok(holds(f64::from(u8::from(truth)), operator, f64::from(u8::from(!nodes.is_empty()))))
            }
            (Found::Nodes(nodes), other) => self.any(nodes, |node| self.compare(node, operator, other.clone())),
            (other, Found::Nodes(nodes)) => self.any(nodes, |node| self.compare(other.clone(), operator, node)),
            (left, right) if equality => {
                let same = if matches!(left, Found::Truth(_)) || matches!(right, Found::Truth(_)) {
                    left.is_true() == right.is_true()
                } else if matches!(left, Found::Number(_)) || matches!(right, Found::Number(_)) {
                    self.number(left)? == self.number(right)?
                } else {
                    left == right
                };
                Ok(same == (operator == Operator::Equal))
            }
            (left, right) => Ok(holds(self.number(left)?, operator, self.number(right)?)),
        }
    }

    fn any(&self, nodes: Vec<Id>, test: impl Fn(Found) -> Result<bool>) -> Result<bool> {
        for node in nodes {
            if test(Found::Text(self.string(node)?))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn ordered(&self, mut nodes: Vec<Id>) -> Result<Vec<Id>> {
        self.spend(nodes.len() * NODE_COST)?;
        nodes.sort_unstable();
        nodes.dedup();
        Ok(nodes)
    }

    fn steps(&self, mut nodes: Vec<Id>, steps: &[Step]) -> Result<Vec<Id>> {
        for step in steps {
            let mut found = Vec::new();
            for node in nodes {
                let mut candidates = self.axis(node, step.axis)?;
                self.spend(candidates.len() * NODE_COST)?;
                candidates.retain(|candidate| self.passes(*candidate, step));
                found.extend(self.filtered(candidates, &step.predicates)?);
                // Nodes that are found again and again must not pile up.
                if found.len() > 4 * self.document.len() {
                    found = self.ordered(found)?;
                }
            }
            nodes = self.ordered(found)?;
        }
        Ok(nodes)
    }

    /// The nodes that fulfil all predicates, in the order they came.
    fn filtered(&self, mut nodes: Vec<Id>, predicates: &[Expression]) -> Result<Vec<Id>> {
        for predicate in predicates {
            let size = nodes.len();
            let mut kept = Vec::with_capacity(size);
            for (index, node) in nodes.into_iter().enumerate() {
                let position = index + 1;
                #[allow(clippy::cast_precision_loss)]
                let fulfilled = match self.expression(predicate, &Place { node, position, size })? {
                    Found::Number(number) => number == position as f64,
                    other => other.is_true(),
                };
                if fulfilled {
                    kept.push(node);
                }
            }
            nodes = kept;
        }
        Ok(nodes)
    }

    fn passes(&self, node: Id, step: &Step) -> bool {
        let kind = &self.document.node(node).kind;
        let name = match (step.axis, kind) {
            (Axis::Attribute, Kind::Attribute(name, _)) => Some(name),
            (Axis::Attribute, _) => None,
            (_, Kind::Element(name)) => Some(name),
            _ => None,
        };
        match &step.test {
            Test::Node => true,
            Test::Text => matches!(kind, Kind::Text(..)),
            Test::Comment => matches!(kind, Kind::Comment(_)),
            Test::Instruction(target) => match kind {
                Kind::Instruction(own, _) => target.as_ref().is_none_or(|target| target == own),
                _ => false,
            },
            Test::Any => name.is_some(),
            Test::Name(wanted) => name.is_some_and(|name| name.namespace.is_empty() && name.written == *wanted),
            Test::Xml(wanted) => {
                name.is_some_and(|name| name.prefix() == "xml" && (wanted == "*" || name.local() == wanted))
            }
        }
    }

    /// The nodes of an axis, nearest first.
    fn axis(&self, id: Id, axis: Axis) -> Result<Vec<Id>> {
        let node = self.document.node(id);
        let is_attribute = matches!(node.kind, Kind::Attribute(..));
        let visible =
            |id: &Id| !matches!(self.document.node(*id).kind, Kind::Attribute(..)) && !self.document.continues(*id);
        let parent = (id != ROOT).then_some(node.parent);
        let ancestors = || std::iter::successors(parent, |at| (*at != ROOT).then(|| self.document.node(*at).parent));
        let siblings = || {
            parent.filter(|_| !is_attribute).map(|parent| &self.document.node(parent).children[..]).unwrap_or_default()
        };
        // Axes that go through much of the document pay for what they skip, too.
        let nodes: Vec<Id> = match axis {
            Axis::Itself => vec![id],
            Axis::Parent => parent.into_iter().collect(),
            Axis::Ancestor => ancestors().collect(),
            Axis::AncestorOrSelf => std::iter::once(id).chain(ancestors()).collect(),
            Axis::Attribute => {
                let plain = |id: &Id| !matches!(&self.document.node(*id).kind, Kind::Attribute(name, _) if name.is_declaration());
                node.attributes.iter().copied().filter(plain).collect()
            }
            Axis::Namespace => Vec::new(),
            Axis::Child => node.children.iter().copied().filter(visible).collect(),
            Axis::Descendant | Axis::DescendantOrSelf => {
                self.spend((node.end - id) * NODE_COST)?;
                let own = (axis == Axis::DescendantOrSelf).then_some(id);
                own.into_iter().chain((id + 1..node.end).filter(visible)).collect()
            }
            Axis::Following => {
                self.spend((self.document.len() - node.end) * NODE_COST)?;
                (node.end..self.document.len()).filter(visible).collect()
            }
            Axis::Preceding => {
                self.spend(id * NODE_COST)?;
                let around: HashSet<Id> = ancestors().collect();
                (0..id).rev().filter(|id| visible(id) && !around.contains(id)).collect()
            }
            Axis::FollowingSibling | Axis::PrecedingSibling => {
                let siblings = siblings();
                self.spend(siblings.len() * NODE_COST)?;
                let at = siblings.binary_search(&id).unwrap_or(siblings.len());
                if axis == Axis::FollowingSibling {
                    siblings.get(at + 1..).unwrap_or_default().iter().copied().filter(visible).collect()
                } else {
                    siblings[..at].iter().rev().copied().filter(visible).collect()
                }
            }
        };
        Ok(nodes)
    }
}

/// Whether a comparison of two numbers holds; never with one that is none.
fn holds(left: f64, operator: Operator, right: f64) -> bool {
    match operator {
        Operator::Less => left < right,
        Operator::LessOrEqual => left <= right,
        Operator::Greater => left > right,
        Operator::GreaterOrEqual => left >= right,
        Operator::NotEqual => left != right,
        _ => left == right,
    }
}
