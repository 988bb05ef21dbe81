//! Evaluation: arguments from left to right, laziness where the language has it.

use crate::arguments::{Arguments, Result};
use crate::error::Error;
use crate::item::Item;
use crate::scope::Scope;
use crate::selection::{Site, step};
use crate::syntax::{Call, Node};
use crate::table::{Evaluator, Function};
use crate::work::Work;

/// One evaluation: what it sees, and how much it may still do.
pub(crate) struct Evaluation<'a> {
    pub scope: &'a dyn Scope,
    pub work: Work<'a>,
}

impl<'a> Evaluation<'a> {
    pub fn new(scope: &'a dyn Scope) -> Self {
        Self { scope, work: Work::new(scope) }
    }

    /// Evaluates a node.
    pub fn node(&self, node: &Node) -> Result<Item> {
        match node {
            Node::Literal(value) => Ok(Item::Value(value.clone())),
            Node::Call(call) => {
                let mut item = self.invoke(call).map_err(|error| named(error, call.function))?;
                for (index, selection) in call.selections.iter().enumerate() {
                    item = self.select(item, &Site { call, index, selection })?;
                }
                Ok(item)
            }
        }
    }

    fn invoke(&self, call: &Call) -> Result<Item> {
        match call.function.evaluator {
            Evaluator::Lazy(evaluate) => evaluate(call, self),
            Evaluator::Strict(evaluate) => {
                let items = call.arguments.iter().map(|argument| self.node(argument)).collect::<Result<Vec<_>>>()?;
                self.call(call.function, call.at, items, evaluate)
            }
        }
    }

    /// Calls a function with evaluated arguments.
    pub fn call(
        &self,
        function: &'static Function,
        at: usize,
        items: Vec<Item>,
        evaluate: fn(&Arguments) -> Result<Item>,
    ) -> Result<Item> {
        let arguments = Arguments { function, at, items, scope: self.scope, work: &self.work };
        arguments.spend(arguments.items.iter().map(Item::extent).sum())?;
        evaluate(&arguments)
    }

    fn select(&self, item: Item, site: &Site) -> Result<Item> {
        let key = match &site.selection.key {
            Node::Literal(value) => value.clone(),
            computed => self.node(computed)?.into_value(),
        };
        let Item::Value(value) = item else {
            return Err(site.not_selectable(&item.into_value(), &key));
        };
        step(&value, &key, site).map(Item::Value)
    }
}

/// Notes which function failed, where that is not known yet.
pub(crate) fn named(mut error: Box<Error>, function: &Function) -> Box<Error> {
    error.function.get_or_insert_with(|| function.name.into());
    error
}
