//! The configuration file of `hookmill serve`: flags by name, for those who write no command lines.
//!
//! What a file says is only a default: the environment comes before it, and a flag before that.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The flag and the variable that name the file.
const FLAG: &str = "--config";
const VARIABLE: &str = "HOOKMILL_CONFIG";

/// The file that the arguments or the environment name.
fn named(arguments: &[OsString]) -> Option<PathBuf> {
    let mut rest = arguments.iter().skip(1);
    if rest.next().is_none_or(|command| command != "serve") {
        return None;
    }
    while let Some(argument) = rest.next() {
        if argument == FLAG {
            return rest.next().map(PathBuf::from);
        }
        if let Some(path) = argument.to_str().and_then(|text| text.strip_prefix(FLAG)?.strip_prefix('=')) {
            return Some(path.into());
        }
    }
    std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Gives the flags of `serve` the values of the file as their defaults.
pub fn apply(command: clap::Command, arguments: &[OsString]) -> Result<clap::Command> {
    let Some(path) = named(arguments) else { return Ok(command) };
    let values = read(&path)?;
    let serve = command.find_subcommand("serve").context("the command line has no serve")?;
    let flags: Vec<(String, String)> = serve
        .get_arguments()
        .filter_map(|flag| Some((flag.get_long()?.to_owned(), flag.get_id().to_string())))
        .filter(|(long, _)| !matches!(long.as_str(), "config" | "help"))
        .collect();
    let mut defaults = Vec::new();
    for (key, values) in values {
        let wanted = key.replace('_', "-");
        let Some((_, id)) = flags.iter().find(|(long, _)| *long == wanted) else {
            let known: Vec<String> = flags.iter().map(|(long, _)| long.replace('-', "_")).collect();
            bail!("{}: there is no setting \"{key}\"; there are {}", path.display(), known.join(", "));
        };
        defaults.push((id.clone(), values));
    }
    Ok(command.mut_subcommand("serve", |serve| {
        defaults.into_iter().fold(serve, |serve, (id, values)| serve.mut_arg(id, |flag| flag.default_values(values)))
    }))
}

fn read(path: &Path) -> Result<Vec<(String, Vec<String>)>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let table: toml::Table = text.parse().with_context(|| format!("{} is not TOML", path.display()))?;
    let word = |value: &toml::Value| match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(choice) => Some(choice.to_string()),
        _ => None,
    };
    let mut values = Vec::new();
    for (key, value) in &table {
        let words = match value {
            toml::Value::Array(list) => list.iter().map(word).collect(),
            single => word(single).map(|word| vec![word]),
        };
        let words: Option<Vec<String>> = words;
        let words = words.with_context(|| format!("{}: \"{key}\" is no text, number or list", path.display()))?;
        if !words.is_empty() {
            values.push((key.clone(), words));
        }
    }
    Ok(values)
}
