//! Prints the index of the gallery from a copy of the public collection: `gallery FOLDER`. Lines are ordered by title.
#![allow(clippy::print_stdout, clippy::disallowed_methods)] // It is a program that reads files and prints.

use std::path::{Path, PathBuf};

use hookmill_connector::{CollectedFiles, index_line};

fn main() -> std::io::Result<()> {
    let root = PathBuf::from(
        std::env::args().nth(1).ok_or_else(|| std::io::Error::other("name the folder of the collection"))?,
    );
    let mut definitions = Vec::new();
    for part in ["certified-connectors", "custom-connectors", "independent-publisher-connectors"] {
        find(&root.join(part), &mut definitions)?;
    }
    let mut lines = Vec::new();
    for path in definitions {
        let Some(folder) = path.parent() else { continue };
        let properties = files(folder)?.into_iter().find(|own| is_named(own, "apiproperties.json"));
        let read = properties.as_ref().map(std::fs::read).transpose()?;
        let relative = |path: &Path| path.strip_prefix(&root).unwrap_or(path).to_string_lossy().replace('\\', "/");
        let (own, beside, place) = (relative(&path), properties.as_deref().map(relative), relative(folder));
        let files = CollectedFiles {
            folder: &place,
            definition: (&own, &std::fs::read(&path)?),
            properties: beside.as_deref().zip(read.as_deref()),
        };
        lines.push(index_line(&files));
    }
    lines.sort_by_key(|line| line.split('\t').nth(1).unwrap_or_default().to_lowercase());
    for line in lines {
        println!("{line}");
    }
    Ok(())
}

fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|own| own.path())).collect::<Result<_, _>>()?;
    found.sort();
    Ok(found)
}

fn is_named(path: &Path, name: &str) -> bool {
    path.file_name().is_some_and(|own| own.to_string_lossy().eq_ignore_ascii_case(name))
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for path in files(folder)? {
        if path.is_dir() {
            find(&path, found)?;
        } else if is_named(&path, "apiDefinition.swagger.json") {
            found.push(path);
        }
    }
    Ok(())
}
