//! What commands print and how they end: text for people, JSON for programs, findings in one form.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::Result;
use hookmill_model::{Diagnostic, Severity, Value};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Fine,
    /// There are findings or failures, and they have been printed.
    Findings,
}

pub fn exit_code(outcome: Result<Verdict>) -> ExitCode {
    match outcome {
        Ok(Verdict::Fine) => ExitCode::SUCCESS,
        Ok(Verdict::Findings) => ExitCode::from(1),
        Err(error) => {
            // A reader that closed the pipe has seen enough.
            let closed = error.chain().any(|cause| {
                cause
                    .downcast_ref::<std::io::Error>()
                    .is_some_and(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
            });
            if closed {
                return ExitCode::SUCCESS;
            }
            let _ = writeln!(
                std::io::stderr(),
                "{}: {error:#}",
                style("error", Style::Error, std::io::stderr().is_terminal())
            );
            ExitCode::from(1)
        }
    }
}

/// The end of a command that was used wrongly.
pub fn wrong_usage(error: &anyhow::Error) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{}: {error:#}", style("error", Style::Error, std::io::stderr().is_terminal()));
    ExitCode::from(2)
}

/// Prints a line to standard output.
pub fn line(text: impl std::fmt::Display) -> Result<()> {
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}

/// One thing that was looked at: what it is, and what is fine or wrong about it.
pub struct Look {
    pub what: &'static str,
    pub found: std::result::Result<String, String>,
}

/// Prints what was looked at, a line each or one JSON object; anything wrong is a finding.
pub fn looks(looks: &[Look], is_json: bool) -> Result<Verdict> {
    let is_well = looks.iter().all(|look| look.found.is_ok());
    if is_json {
        let checks: Vec<serde_json::Value> = looks
            .iter()
            .map(|look| {
                let (Ok(detail) | Err(detail)) = &look.found;
                serde_json::json!({"check": look.what, "ok": look.found.is_ok(), "detail": detail})
            })
            .collect();
        line(serde_json::json!({"ok": is_well, "checks": checks}))?;
    } else {
        for look in looks {
            let (word, detail) = match &look.found {
                Ok(detail) => ("ok   ", detail),
                Err(detail) => ("WRONG", detail),
            };
            line(format_args!("{word}  {}: {detail}", look.what))?;
        }
    }
    Ok(if is_well { Verdict::Fine } else { Verdict::Findings })
}

/// Prints text to standard output as it is.
pub fn text(text: &str) -> Result<()> {
    write!(std::io::stdout(), "{text}")?;
    Ok(())
}

/// Prints a line to standard error.
pub fn note(text: impl std::fmt::Display) -> Result<()> {
    writeln!(std::io::stderr(), "{text}")?;
    Ok(())
}

#[derive(Clone, Copy)]
pub enum Style {
    Error,
    Warning,
}

/// Colours only for a terminal, and not where the user does not want them.
pub fn style(text: &str, style: Style, is_terminal: bool) -> String {
    if !is_terminal || std::env::var_os("NO_COLOR").is_some() {
        return text.to_owned();
    }
    let code = match style {
        Style::Error => 31,
        Style::Warning => 33,
    };
    format!("\u{1b}[1;{code}m{text}\u{1b}[0m")
}

/// Anything that can be serialized, as a value.
pub fn to_value(source: &impl serde::Serialize) -> Result<Value> {
    Ok(Value::from(serde_json::to_value(source)?))
}

/// The sum of a test run, as the last line or the last object.
pub fn sum(passed: usize, failed: usize) -> Result<Verdict> {
    line(format_args!("{passed} passed, {failed} failed"))?;
    Ok(if failed == 0 { Verdict::Fine } else { Verdict::Findings })
}

/// One test case.
pub fn case(id: &str, failure: Option<&str>, json: bool) -> Result<()> {
    if json {
        let mut members = vec![("id", Value::from(id)), ("pass", Value::Bool(failure.is_none()))];
        if let Some(failure) = failure {
            members.push(("failure", failure.into()));
        }
        return line(Value::object(members));
    }
    match failure {
        None => Ok(()),
        Some(failure) => line(format_args!("FAILED {id}: {failure}")),
    }
}

/// Findings as text, one block each.
pub fn diagnostics(file: &str, findings: &[Diagnostic]) -> Result<()> {
    let terminal = std::io::stdout().is_terminal();
    for finding in findings {
        let severity = match finding.severity {
            Severity::Error => style("error", Style::Error, terminal),
            Severity::Warning => style("warning", Style::Warning, terminal),
            Severity::Information => "information".to_owned(),
        };
        line(format_args!("{file}{}: {severity}[{}]: {}", shown(finding), finding.code, finding.message))?;
        if let Some(hint) = &finding.hint {
            line(format_args!("  hint: {hint}"))?;
        }
    }
    Ok(())
}

fn shown(finding: &Diagnostic) -> String {
    match finding.pointer.as_str() {
        "" => String::new(),
        pointer => format!("#{pointer}"),
    }
}
