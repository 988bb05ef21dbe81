//! `hookmill webhook`: check a signature, run test cases of signatures and of the door, list the known services.

use anyhow::{Context, Result, bail};
use clap::Subcommand;
use hookmill_model::{Object, Str, Timestamp, Value};
use hookmill_webhook::{case, presets};

use crate::output::Verdict;
use crate::{input, output};

#[derive(Subcommand)]
pub enum Command {
    /// Check whether a request proves its sender
    #[command(
        after_help = "Examples:\n  hookmill webhook verify --scheme github --secret s3cret --request delivery.json\n  hookmill webhook verify --scheme stripe --secret whsec_new --secret whsec_old --now 2026-01-31T12:00:00Z --request -\n  hookmill webhook verify --scheme custom --verification sign.json --secret s3cret --request delivery.json\n\nFILE is {\"method\"?, \"url\"?, \"headers\": {…}, \"body\" | \"bodyBase64\"}; url is the callback address as the service\nknows it. Exit code 0: proven; 1: not proven, with the reasons."
    )]
    Verify {
        /// A preset (`hookmill webhook presets` lists them), or `custom` with --verification
        #[arg(long, value_name = "NAME")]
        scheme: String,
        /// An active secret; may be repeated
        #[arg(long, value_name = "SECRET")]
        secret: Vec<String>,
        /// A parameter of the declaration, such as topicArn or certificate (PEM); may be repeated
        #[arg(long, value_name = "NAME=VALUE")]
        parameter: Vec<String>,
        /// The declaration of the scheme `custom`, as a JSON file
        #[arg(long, value_name = "FILE")]
        verification: Option<String>,
        /// The moment of the request; now where it is left out
        #[arg(long, value_name = "RFC3339")]
        now: Option<Timestamp>,
        /// The request as a JSON file; `-` for standard input
        #[arg(long, value_name = "FILE")]
        request: String,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Run test cases of signatures and of the door
    #[command(
        after_help = "Example:\n  hookmill webhook test signatures.json door.json\n\nEach case is {\"id\", \"scheme\", \"secret\", \"now\", \"request\", \"valid\"} or {\"id\", \"preset\" | \"declarations\", \"steps\"}."
    )]
    Test {
        /// Files with an array of cases
        #[arg(required = true, value_name = "FILE")]
        files: Vec<String>,
        /// One JSON object per case
        #[arg(long)]
        json: bool,
    },
    /// List the services that Hookmill knows by name, and the secret of each
    #[command(after_help = "Example:\n  hookmill webhook presets")]
    Presets {
        /// One JSON object per preset
        #[arg(long)]
        json: bool,
    },
}

pub fn run(command: Command) -> Result<Verdict> {
    match command {
        Command::Verify { scheme, secret, parameter, verification, now, request, json } => {
            let secrets: Vec<Str> = secret.into_iter().map(Str::from).collect();
            let parameters = parameter.iter().map(|pair| named(pair)).collect::<Result<Object>>()?;
            let verification = verification.as_deref().map(input::json).transpose()?;
            if (scheme == "custom") != verification.is_some() {
                bail!("--scheme custom and --verification FILE belong together");
            }
            if scheme != "custom" && hookmill_webhook::preset(&scheme).is_none() {
                bail!("there is no scheme {scheme}; `hookmill webhook presets` lists them");
            }
            let request = input::json(&request)?;
            let now = now.unwrap_or_else(input::now);
            let checked = case::check(&scheme, verification.as_ref(), &secrets, &parameters, now, &request);
            verdict(checked, json)
        }
        Command::Test { files, json } => test(&files, json),
        Command::Presets { json } => list(json),
    }
}

fn named(pair: &str) -> Result<(String, String)> {
    let (name, value) = pair.split_once('=').with_context(|| format!("--parameter {pair} is not NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

fn verdict(checked: Result<(), Vec<String>>, json: bool) -> Result<Verdict> {
    let reasons = checked.err().unwrap_or_default();
    let valid = reasons.is_empty();
    if json {
        let reasons: Vec<Value> = reasons.into_iter().map(Value::from).collect();
        output::line(Value::object([("valid", Value::Bool(valid)), ("reasons", reasons.into())]))?;
    } else if valid {
        output::line("proven: the request comes from who knows the secret")?;
    } else {
        output::line("not proven:")?;
        reasons.iter().try_for_each(|reason| output::line(format!("  {reason}")))?;
    }
    Ok(if valid { Verdict::Fine } else { Verdict::Findings })
}

fn test(files: &[String], json: bool) -> Result<Verdict> {
    let (mut passed, mut failed) = (0, 0);
    for file in files {
        for one in input::cases(file)? {
            let verdict = case::run(&one);
            let failure = (!verdict.failures.is_empty()).then(|| verdict.failures.join("; "));
            output::case(&verdict.id, failure.as_deref(), json)?;
            if failure.is_none() { passed += 1 } else { failed += 1 }
        }
    }
    output::sum(passed, failed)
}

fn list(json: bool) -> Result<Verdict> {
    for preset in presets() {
        if json {
            let secret = preset.secret.clone().map(Value::from).unwrap_or_default();
            output::line(Value::object([
                ("name", Value::from(preset.name.clone())),
                ("title", preset.title.clone().into()),
                ("secret", secret),
            ]))?;
        } else {
            let secret = preset.secret.as_deref().unwrap_or("no secret: the address is the only proof");
            output::line(format!("{:<18} {}\n{:<18} {secret}", preset.name, preset.title, ""))?;
        }
    }
    Ok(Verdict::Fine)
}
