//! No circle of files: what one file names of another one, that one does not name of it, however many lie between.
//!
//! Looked at are paths that begin with `crate`, `super`, `self` or a child's name, outside of tests. What a file takes
//! from its own module's folder, or a child from its parent, is no circle: they are one noun. A name that a file only
//! hands on (`pub use`) belongs to the file that has it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

/// Crates whose files are looked at, and the files of each that may be one circle.
const CRATES: [(&str, &[&str]); 5] = [
    ("hookmill-connector", &[]),
    ("hookmill-server", &[]),
    ("hookmill-store-sqlite", &[]),
    // The table has the functions, the parser knows them by it, and the evaluator calls them.
    ("hookmill-expression", EXPRESSION),
    ("hookmill-runtime", &[]),
];
const EXPRESSION: &[&str] = &["arguments", "evaluate", "selection", "syntax", "table"];

/// A file as the path of its module below the crate.
type Module = Vec<String>;

/// The files of one crate, and what they name.
#[derive(Default)]
struct Files {
    /// Without comments, texts and tests.
    sources: BTreeMap<Module, String>,
    /// What a file hands on: name → path.
    handed_on: BTreeMap<(Module, String), Module>,
}

/// Reports each circle that is not among those allowed.
pub(super) fn check(root: &Path, sources: &[PathBuf], breaches: &mut Vec<String>) -> Result<()> {
    for (name, allowed) in CRATES {
        let folder = root.join("crates").join(name).join("src");
        let mut files = Files::default();
        for path in sources {
            if let Ok(below) = path.strip_prefix(&folder) {
                files.add(&below.with_extension("").to_string_lossy(), &fs::read_to_string(path)?);
            }
        }
        for circle in circles(&files.edges()) {
            if !circle.iter().all(|file| allowed.contains(&file.as_str())) {
                breaches.push(format!("{name}: these files are a circle: {}", circle.join(", ")));
            }
        }
    }
    Ok(())
}

impl Files {
    fn add(&mut self, below: &str, text: &str) {
        let mut module: Module = below.split('/').map(str::to_owned).collect();
        if module.iter().any(|part| part == "tests") || below == "main" {
            return;
        }
        if below == "lib" {
            module.clear();
        }
        let (source, handed_on) = taken_apart(text);
        for path in handed_on {
            if let Some(last) = path.last().cloned() {
                self.handed_on.insert((module.clone(), last), path);
            }
        }
        self.sources.insert(module, source);
    }

    /// The file that a path leads to; `None` for names of other crates.
    fn target(&self, from: &Module, path: &[String], depth: usize) -> Option<Module> {
        let (first, mut rest) = path.split_first()?;
        let mut here = from.clone();
        match first.as_str() {
            "crate" => here.clear(),
            "self" => {}
            "super" => {
                here.pop()?;
                while let Some(("super", after)) = rest.split_first().map(|(first, after)| (first.as_str(), after)) {
                    here.pop()?;
                    rest = after;
                }
            }
            _ => rest = path,
        }
        let is_relative = rest.len() == path.len();
        let mut is_found = !is_relative;
        while let Some((next, after)) = rest.split_first() {
            let below: Module = here.iter().chain([next]).cloned().collect();
            if !self.sources.contains_key(&below) {
                break;
            }
            (here, rest, is_found) = (below, after, true);
        }
        if let Some((name, after)) = rest.split_first()
            && is_found
            && depth > 0
            && let Some(path) = self.handed_on.get(&(here.clone(), name.clone()))
        {
            let path: Vec<String> = path.iter().chain(after).cloned().collect();
            if let Some(target) = self.target(&here, &path, depth - 1) {
                return Some(target);
            }
        }
        is_found.then_some(here)
    }

    /// Which file names something of which others.
    fn edges(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut edges = BTreeMap::new();
        for (module, source) in &self.sources {
            let targets = paths(source).into_iter().filter_map(|path| self.target(module, &path, 6));
            let apart = |other: &Module| !other.starts_with(module) && !module.starts_with(other);
            edges.insert(module.join("/"), targets.filter(apart).map(|other| other.join("/")).collect());
        }
        edges
    }
}

/// A source without comments, texts and tests, and the paths that it hands on.
fn taken_apart(text: &str) -> (String, Vec<Module>) {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    let mut plain = "\n".to_owned();
    for line in code.lines() {
        // A text of one line has no path in it; where an odd number of marks stands, the line is kept.
        let line = line.split("//").next().unwrap_or_default();
        let parts: Vec<&str> = line.split('"').collect();
        match parts.len() % 2 {
            1 => plain.extend(parts.iter().step_by(2).copied()),
            _ => plain.push_str(line),
        }
        plain.push('\n');
    }
    let (mut source, mut handed_on) = (String::new(), Vec::new());
    for statement in plain.split_inclusive(';') {
        let is_public = statement.rfind(" use ").and_then(|at| {
            let before = statement[..at].rsplit('\n').next().unwrap_or_default().trim();
            before.starts_with("pub").then_some(at)
        });
        match is_public {
            Some(at) => {
                handed_on.extend(tree(statement[at + 5..].trim_end_matches(';')));
                source.push_str(&statement[..at]);
            }
            None => source.push_str(statement),
        }
    }
    (source, handed_on)
}

/// The paths of a tree such as `crate::a::{B, c::D}`.
fn tree(text: &str) -> Vec<Module> {
    let Some((before, inner)) = text.split_once('{') else {
        let path = text.split(" as ").next().unwrap_or_default();
        return vec![path.split("::").map(|part| part.trim().to_owned()).collect()];
    };
    let inner = inner.rsplit_once('}').map_or(inner, |(inner, _)| inner);
    let (mut depth, mut parts, mut part) = (0_usize, Vec::new(), String::new());
    for letter in inner.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if letter == ',' && depth == 0 {
            parts.push(std::mem::take(&mut part));
        } else {
            part.push(letter);
        }
    }
    parts.push(part);
    parts.iter().filter(|part| !part.trim().is_empty()).flat_map(|part| tree(&format!("{before}{part}"))).collect()
}

/// All paths of two parts and more.
fn paths(source: &str) -> Vec<Module> {
    let mut found = Vec::new();
    for statement in source.split(';') {
        if let Some((_, used)) = statement.rsplit_once("\nuse ") {
            found.extend(tree(used));
        }
    }
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    for word in source.split(|letter: char| !is_word(letter)) {
        if word.contains("::") && !word.starts_with(':') {
            found.push(word.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect());
        }
    }
    found
}

/// Files that reach each other, each circle once, in the order of names.
fn circles(edges: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<String>> {
    let reached: BTreeMap<&String, BTreeSet<&String>> = edges
        .keys()
        .map(|from| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
            while let Some(next) = open.pop() {
                open.extend(edges.get(next).into_iter().flatten().filter(|other| seen.insert(*other)));
            }
            (from, seen)
        })
        .collect();
    let mut found = BTreeSet::new();
    for (from, all) in reached.iter().filter(|(from, all)| all.contains(**from)) {
        let own = all.iter().filter(|other| reached.get(**other).is_some_and(|back| back.contains(*from)));
        found.insert(own.map(|other| (*other).clone()).collect::<Vec<_>>());
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let mut all = Files::default();
        files.iter().for_each(|(name, text)| all.add(name, text));
        circles(&all.edges())
    }

    #[test]
    fn circles_of_files_are_found() {
        let one = ("a", "use crate::b::B;\n");
        assert_eq!(found(&[one, ("b", "use crate::{c::{C, D}, e};\n"), ("c", "fn f() { crate::a::g(); }\n")]).len(), 1);
        assert_eq!(
            found(&[one, ("b", "// crate::a::A\nfn f() -> &str { \"crate::a::A\" }\n")]),
            Vec::<Vec<String>>::new()
        );
        let tests = "fn f() {}\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}\n";
        assert!(found(&[one, ("b", tests)]).is_empty(), "tests may look at everything");
    }

    #[test]
    fn what_is_handed_on_belongs_to_its_file() {
        let lib = ("lib", "mod a;\nmod b;\npub use a::A;\npub(crate) use b::{B, C};\n");
        assert_eq!(found(&[lib, ("a", "use crate::C;\n"), ("b", "use crate::{A, x};\n")]), [["a", "b"]]);
        assert!(found(&[lib, ("a", "use crate::C;\n"), ("b", "use crate::x;\n")]).is_empty());
    }

    #[test]
    fn a_parent_and_its_child_are_one_noun() {
        assert!(found(&[("a", "mod b;\nuse b::B;\n"), ("a/b", "use super::A;\n")]).is_empty());
        let through = [("a", "use crate::c::C;\n"), ("c", "use crate::a::b::B;\n"), ("a/b", "use super::A;\n")];
        assert!(found(&through).is_empty());
    }
}
