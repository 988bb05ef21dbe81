//! Each code of an error has its page, and each page its code.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::world::{Who, owned_world};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|own| own == "rs") {
            found.push(path);
        }
    }
}

/// The codes that the sources name: those of errors that explain themselves, and those of problem documents.
fn codes() -> BTreeSet<String> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    for entry in std::fs::read_dir(crates).unwrap() {
        let source = entry.unwrap().path().join("src");
        if source.is_dir() {
            sources(&source, &mut files);
        }
    }
    let explained = Regex::new(r"(?s)fn code\([^)]*\)[^{]*\{(.*?)\n    \}").unwrap();
    let problem = Regex::new(r#"(?s)Problem::(?:bad\(|found\(|new\(\s*[\w:]+,)\s*"(\w+)""#).unwrap();
    let refusal =
        Regex::new(r#"code: (?:"(\w+)"\.(?:into|to_owned)\(\)|"((?:Workflow)?Trigger\w+)")|_CODE: &str = "(\w+)""#)
            .unwrap();
    let quoted = Regex::new(r#""(\w+)""#).unwrap();
    let mut codes = BTreeSet::new();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        if text.contains("Explain for ") {
            for body in explained.captures_iter(text) {
                codes.extend(quoted.captures_iter(&body[1]).map(|code| code[1].to_owned()));
            }
        }
        if path.to_string_lossy().contains("hookmill-server") {
            codes.extend(problem.captures_iter(text).map(|code| code[1].to_owned()));
        }
        // Webhooks that were refused and callers that are: these travel through the API too.
        let of_webhooks = [
            "subscription.rs",
            "creation.rs",
            "deletion.rs",
            "intake.rs",
            "paths.rs",
            "perform.rs",
            "run.rs",
            "memory.rs",
        ];
        if of_webhooks.iter().any(|name| path.ends_with(name)) {
            let found = refusal.captures_iter(text).filter_map(|code| code.get(1).or(code.get(2)).or(code.get(3)));
            codes.extend(found.map(|code| code.as_str().to_owned()));
        }
    }
    // Codes of actions belong to the definition language and are described with it.
    for action in ["BadRequest", "InternalServerError", "MailNotSent"] {
        codes.remove(action);
    }
    codes
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    let pages: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let codes = codes();
    assert!(codes.len() > 80, "only {} codes were found", codes.len());
    let without: Vec<_> = codes.difference(&pages).collect();
    let unknown: Vec<_> = pages.difference(&codes).collect();
    assert!(
        without.is_empty() && unknown.is_empty(),
        "codes without a page: {without:?}; pages without a code: {unknown:?}"
    );
}

#[test]
fn every_page_says_what_happened_whose_move_it_is_and_what_to_try() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let (code, text) = (path.file_stem().unwrap().to_string_lossy(), std::fs::read_to_string(&path).unwrap());
        assert!(text.starts_with(&format!("# {code}\n")), "{code}");
        for part in ["**What happened.** ", "**Whose move.** ", "**What to try.** "] {
            assert!(text.contains(part), "{code}: {part}");
        }
    }
}

#[tokio::test]
async fn a_problem_leads_to_its_page() {
    let (world, owner) = owned_world().await;
    let problem = world.get(&owner, "/api/flows/nothing").await;
    problem.expect(404);
    let page = world.get(&Who::Nobody, &problem.text("/type")).await;
    page.expect(200);
    let text = String::from_utf8(page.bytes).unwrap();
    assert!(text.contains("<h1>not_found</h1>") && text.contains("What to try."), "{text}");
    for wrong in ["/docs/errors/nothing", "/docs/errors/..%2F..%2FCargo"] {
        world.get(&Who::Nobody, wrong).await.expect(404);
    }
}
