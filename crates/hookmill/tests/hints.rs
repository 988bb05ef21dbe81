//! Every command and flag that a message, a help text or a page names exists.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may read files and stop at once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The help text of each command, by its words.
#[derive(Default)]
struct Helps(BTreeMap<Vec<String>, Option<String>>);

impl Helps {
    fn of(&mut self, words: &[String]) -> Option<&str> {
        let known = self.0.entry(words.to_vec()).or_insert_with(|| {
            let run = Command::new(env!("CARGO_BIN_EXE_hookmill")).args(words).arg("--help").output().unwrap();
            run.status.success().then(|| String::from_utf8(run.stdout).unwrap())
        });
        known.as_deref()
    }

    fn has_command(&mut self, words: &[String], next: &str) -> bool {
        let Some(help) = self.of(words) else { return false };
        let listed = help.split("Commands:").nth(1).unwrap_or_default();
        listed.lines().take_while(|line| !line.starts_with("Options:")).any(|line| {
            line.starts_with("  ") && !line.starts_with("   ") && line.split_whitespace().next() == Some(next)
        })
    }
}

/// The flags of all commands, each with its two dashes.
fn all_flags(helps: &mut Helps, command: &[String], found: &mut BTreeSet<String>) {
    let Some(help) = helps.of(command).map(ToOwned::to_owned) else { return };
    found.extend(help.split([' ', ',', '[', ']']).filter(|word| word.starts_with("--")).map(ToOwned::to_owned));
    let listed = help.split("\nCommands:\n").nth(1).unwrap_or_default();
    for line in listed.lines().take_while(|line| line.starts_with("  ")) {
        if let Some(name) = line.strip_prefix("  ").filter(|line| !line.starts_with(' '))
            && let Some(name) = name.split_whitespace().next().filter(|name| *name != "help")
        {
            all_flags(helps, &[command, &[name.to_owned()]].concat(), found);
        }
    }
}

/// The flags that sentences of a source name by themselves: in texts with spaces, outside of commands.
fn bare_flags(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let texts = code.split('"').skip(1).step_by(2).filter(|text| text.contains(' ') && !text.contains('\n'));
    let words = texts.flat_map(|text| text.split([' ', '\'', '(', ')', '=', ',', '.', ';', ':', '\\', '`']));
    let is_flag = |word: &&str| {
        word.starts_with("--") && word.len() > 3 && word[2..].starts_with(|sign: char| sign.is_ascii_lowercase())
    };
    words.filter(is_flag).map(ToOwned::to_owned).collect()
}

fn files(folder: &Path, ends: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !["target", "node_modules", "tests", "fuzz"].contains(&name.as_str()) {
            files(&path, ends, found);
        } else if name.ends_with(ends) {
            found.push(path);
        }
    }
}

/// The words behind each `hookmill` that is written as a command, up to what ends it, and whether it is quoted as one.
fn mentions(text: &str) -> Vec<(bool, Vec<String>)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("hookmill ") {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|sign| sign.is_alphanumeric() || "-_/.".contains(sign)) {
            continue;
        }
        let rest = text[at + "hookmill ".len()..].replace("\\n", "\n");
        let end = rest.find(['\n', '`', '"', '\'', ';', '|', '#', '(', ')', '\\']).unwrap_or(rest.len());
        let words = rest[..end].split_whitespace().map(|word| word.trim_end_matches([',', '.', ':', ']']).to_owned());
        found.push((matches!(before, Some('`' | '\'')), words.collect()));
    }
    found
}

#[test]
fn what_is_named_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut sources = vec![root.join("README.md")];
    files(&root.join("docs"), ".md", &mut sources);
    files(&root.join("crates"), ".rs", &mut sources);
    let mut helps = Helps::default();
    let (mut checked, mut wrong) = (BTreeSet::new(), Vec::new());
    for source in sources {
        let text = std::fs::read_to_string(&source).unwrap();
        for (is_quoted, words) in mentions(&text) {
            let mut command: Vec<String> = Vec::new();
            let mut rest = words.iter();
            for word in rest.by_ref() {
                let is_name =
                    word.chars().all(|sign| sign.is_ascii_lowercase() || sign == '-') && !word.starts_with('-');
                // `run show|cancel` and `NAME` are no names; after a command without commands come its values.
                if !is_name || !helps.has_command(&command, word) {
                    if is_name && is_quoted && command.is_empty() {
                        wrong.push(format!("{}: there is no command {word:?}", source.display()));
                    }
                    break;
                }
                command.push(word.clone());
            }
            if command.is_empty() {
                continue;
            }
            let help = helps.of(&command).unwrap().to_owned();
            for flag in words.iter().filter(|word| word.starts_with("--") && word.len() > 2) {
                let flag = flag.trim_start_matches('[').split(['=', '…', '[']).next().unwrap();
                if flag != "--help" && !help.contains(flag) {
                    wrong.push(format!("{}: {command:?} has no {flag}", source.display()));
                }
                checked.insert((command.clone(), flag.to_owned()));
            }
            checked.insert((command, String::new()));
        }
    }
    let mut known = BTreeSet::new();
    all_flags(&mut helps, &[], &mut known);
    let mut messages = Vec::new();
    for part in
        ["hookmill", "hookmill-push", "hookmill-runtime", "hookmill-server", "hookmill-store", "hookmill-webhook"]
    {
        files(&root.join("crates").join(part).join("src"), ".rs", &mut messages);
    }
    let mut bare = 0;
    for source in messages {
        for flag in bare_flags(&std::fs::read_to_string(&source).unwrap()) {
            bare += 1;
            if !known.contains(&flag) {
                wrong.push(format!("{}: no command has {flag}", source.display()));
            }
        }
    }
    assert!(bare > 8, "only {bare} flags were found in messages");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked.len() > 20, "only {} mentions were found", checked.len());
    // The ways out that the hint of a faulty flow names.
    for command in ["create", "update", "import"] {
        let words = ["flow".to_owned(), command.to_owned()];
        assert!(helps.of(&words).unwrap().contains("--draft"), "{command}");
    }
}
