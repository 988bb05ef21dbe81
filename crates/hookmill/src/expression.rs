//! `hookmill expression`: try an expression, run test cases, print the reference.

use anyhow::Result;
use clap::Subcommand;
use hookmill_expression::{Limits, case};
use hookmill_model::Value;

use crate::output::Verdict;
use crate::{input, output};

#[derive(Subcommand)]
pub enum Command {
    /// Evaluate one expression and print its value as JSON
    #[command(
        after_help = "Examples:\n  hookmill expression eval \"@add(1, 2)\"\n  hookmill expression eval \"Hello @{triggerBody()?['name']}\" --context context.json\n\nThe context is a JSON object with any of: parameters, variables, triggerOutputs, trigger, outputs, actions,\nitem, items, iterationIndexes, results, action, workflow, callbackUrl, now."
    )]
    Eval {
        /// The text as it stands in a definition
        #[arg(allow_hyphen_values = true)]
        expression: String,
        /// What the expression can see, as a JSON file; `-` for standard input
        #[arg(long, value_name = "FILE")]
        context: Option<String>,
        /// JSON for programs, also of an error
        #[arg(long)]
        json: bool,
    },
    /// Run test cases
    #[command(after_help = "Each case is {\"id\", \"expression\", \"context\"?, \"expected\" | \"error\"}.")]
    Test {
        /// Files with an array of cases
        #[arg(required = true, value_name = "FILE")]
        files: Vec<String>,
        /// One JSON object per case
        #[arg(long)]
        json: bool,
    },
    /// Print the reference of all functions as Markdown
    Reference,
}

pub fn run(command: Command) -> Result<Verdict> {
    match command {
        Command::Eval { expression, context, json } => eval(&expression, context.as_deref(), json),
        Command::Test { files, json } => test(&files, json),
        Command::Reference => {
            output::text(&hookmill_expression::reference_page())?;
            Ok(Verdict::Fine)
        }
    }
}

fn eval(expression: &str, context: Option<&str>, json: bool) -> Result<Verdict> {
    let context = context.map(input::json).transpose()?.unwrap_or_default();
    let now = input::now();
    let seed = u64::from_ne_bytes(now.as_micros().to_ne_bytes());
    let context = case::Context::new(&context, now, seed, Limits::default());
    match case::evaluate(&expression.into(), &context) {
        Ok(value) => {
            output::line(value)?;
            Ok(Verdict::Fine)
        }
        Err(error) if json => {
            output::line(Value::object([
                ("error", Value::from(error.kind.as_str())),
                ("message", error.message.clone().into()),
                ("byte", Value::Integer(i64::try_from(error.position.byte)?)),
                ("line", Value::Integer(i64::try_from(error.position.line)?)),
                ("column", Value::Integer(i64::try_from(error.position.column)?)),
                ("function", error.function.clone().map(Value::from).unwrap_or_default()),
                ("suggestion", error.suggestion.clone().map(Value::from).unwrap_or_default()),
                ("offered", error.offered.iter().cloned().map(Value::from).collect::<Vec<_>>().into()),
            ]))?;
            Ok(Verdict::Findings)
        }
        Err(error) => {
            output::note(error.explained(expression))?;
            Ok(Verdict::Findings)
        }
    }
}

fn test(files: &[String], json: bool) -> Result<Verdict> {
    let (mut passed, mut failed) = (0, 0);
    for file in files {
        for one in input::cases(file)? {
            let verdict = case::run(&one, input::now());
            output::case(&verdict.id, verdict.failure.as_deref(), json)?;
            if verdict.failure.is_none() { passed += 1 } else { failed += 1 }
        }
    }
    output::sum(passed, failed)
}
