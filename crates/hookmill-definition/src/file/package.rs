//! Exported packages and solutions: zip archives, read within bounds that are checked before and while unpacking.
//!
//! An archive may say anything about itself, so nothing that it says is believed: bytes are counted as they come out.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use hookmill_model::{Diagnostic, Value};
use zip::ZipArchive;

use super::{FORMS, FlowFile, HEAP_BYTES_MAX, TEXTS_MAX, parse, read_document, refused};
use crate::limits::Profile;

/// Entries of an archive.
const ENTRIES_MAX: usize = 2_000;
/// Bytes of one unpacked entry; flows are far smaller.
const ENTRY_BYTES_MAX: usize = 20 * 1_024 * 1_024;
/// Bytes of all entries that are unpacked.
const BYTES_MAX: usize = 64 * 1_024 * 1_024;
/// How many times larger than its packed form an entry may be, beyond a megabyte.
const RATIO_MAX: u64 = 100;
/// An entry up to this size may be packed as tightly as it can.
const RATIO_FREE_BYTES: u64 = 1_024 * 1_024;
/// Bytes that are unpacked between two looks whether somebody still waits.
const PIECE_BYTES: usize = 256 * 1_024;
/// Bytes of the name of an entry.
const NAME_BYTES_MAX: usize = 1_024;
/// The record at the end of an archive, without its comment.
const END_BYTES: usize = 22;
/// The longest comment at the end of an archive.
const COMMENT_BYTES_MAX: usize = 65_535;

/// The code of all faults about bounds.
const LIMIT: &str = "limit_package";

type Result<T> = std::result::Result<T, Box<Diagnostic>>;

fn broken(why: impl std::fmt::Display) -> Box<Diagnostic> {
    Box::new(refused("package_broken", format!("The package cannot be unpacked: {why}."), "Export it again."))
}

fn too_large(why: impl std::fmt::Display) -> Box<Diagnostic> {
    let hint = "Export the flow alone, without the other parts of the solution.";
    Box::new(refused(LIMIT, format!("The package is too large: {why}."), hint))
}

fn cancelled() -> Box<Diagnostic> {
    Box::new(refused("cancelled", "Reading was stopped, since nobody waits for it.", "Send the file again."))
}

/// The number of entries that the end of the archive names, before anything is made of them; `None` for archives in
/// the 64-bit form, which no flow needs.
fn entries(bytes: &[u8]) -> Option<usize> {
    let from = bytes.len().saturating_sub(END_BYTES + COMMENT_BYTES_MAX);
    let tail = bytes.get(from..)?;
    let at = tail.windows(4).rposition(|window| window == b"PK\x05\x06")?;
    let count = tail.get(at + 10..at + 12)?;
    let count = u16::from_le_bytes([count[0], count[1]]);
    (count != u16::MAX).then_some(count.into())
}

/// The name of an entry as a path below the archive.
///
/// # Errors
/// A path that could lead out of the archive.
fn path(name: &str) -> Result<String> {
    // Some exports separate with backslashes.
    let path = name.replace('\\', "/");
    let is_plain = path.len() <= NAME_BYTES_MAX
        && !path.starts_with('/')
        && !path.contains(['\0', ':'])
        && path.split('/').all(|part| part != "..");
    if is_plain {
        return Ok(path);
    }
    let shown: String = name.chars().take(80).map(|c| if c.is_control() { '?' } else { c }).collect();
    Err(broken(format!("the name of the entry '{shown}' is not a path inside of it")))
}

/// An archive, and how many bytes it may still give.
struct Package<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    left: usize,
    wanted: &'a dyn Fn() -> bool,
}

impl<'a> Package<'a> {
    /// `left`: how many bytes it may give.
    fn open(bytes: &'a [u8], left: usize, wanted: &'a dyn Fn() -> bool) -> Result<Self> {
        match entries(bytes) {
            None => return Err(broken("its list of entries has no end, or is of the 64-bit form")),
            Some(count) if count > ENTRIES_MAX => {
                return Err(too_large(format!("it has {count} entries; at most {ENTRIES_MAX} are allowed")));
            }
            Some(_) => {}
        }
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
        if archive.len() > ENTRIES_MAX {
            return Err(too_large(format!("it has more than {ENTRIES_MAX} entries")));
        }
        if archive.has_overlapping_entries().map_err(broken)? {
            return Err(broken("entries share bytes, which no exporting system does"));
        }
        Ok(Self { archive, left, wanted })
    }

    /// The bytes of an entry.
    fn unpack(&mut self, index: usize, name: &str) -> Result<Vec<u8>> {
        let mut entry = self.archive.by_index(index).map_err(broken)?;
        if entry.is_symlink() {
            return Err(broken(format!("the entry '{name}' is a link")));
        }
        let packed = entry.compressed_size();
        let allowed = packed.saturating_mul(RATIO_MAX).max(RATIO_FREE_BYTES);
        let mut bytes = Vec::new();
        loop {
            if !(self.wanted)() {
                return Err(cancelled());
            }
            let piece = u64::try_from(PIECE_BYTES).unwrap_or(u64::MAX);
            let read = entry.by_ref().take(piece).read_to_end(&mut bytes).map_err(broken)?;
            if read == 0 {
                return Ok(bytes);
            }
            if bytes.len() > ENTRY_BYTES_MAX {
                return Err(too_large(format!("{name} has more than {} MiB", ENTRY_BYTES_MAX >> 20)));
            }
            if u64::try_from(bytes.len()).is_ok_and(|bytes| bytes > allowed) {
                return Err(too_large(format!("{name} is more than {RATIO_MAX} times larger than its packed form")));
            }
            self.left = self
                .left
                .checked_sub(read)
                .ok_or_else(|| too_large(format!("its files have more than {} MiB together", BYTES_MAX >> 20)))?;
        }
    }
}

/// What an entry is to a package of flows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// A flow.
    Flow,
    /// The list of what is in the package.
    Manifest,
    /// The titles of a solution's flows.
    Customizations,
}

fn part(name: &str) -> Option<Part> {
    let lower = name.to_ascii_lowercase();
    // Packed by hand, everything may stand in a folder.
    let below = |folder: &str| lower.starts_with(folder) || lower.contains(&format!("/{folder}"));
    let is_definition = below("microsoft.flow/flows/") && lower.ends_with("/definition.json");
    let is_client_data = below("workflows/") && lower.ends_with(".json");
    if is_definition || is_client_data {
        return Some(Part::Flow);
    }
    if lower == "manifest.json" || lower.ends_with("/manifest.json") && !below("microsoft.flow/") {
        return Some(Part::Manifest);
    }
    let is_customization = lower == "customizations.xml" || lower.ends_with("/customizations.xml");
    is_customization.then_some(Part::Customizations)
}

/// What a file may still take, all of its packages together.
struct Left {
    bytes: usize,
    heap: usize,
}

/// Reads all flows of a package, or of a file of packages as it is written for several flows at once.
pub(super) fn read(bytes: &[u8], wanted: &dyn Fn() -> bool) -> Result<Vec<FlowFile>> {
    read_within(bytes, &mut Left { bytes: BYTES_MAX, heap: HEAP_BYTES_MAX }, true, wanted)
}

/// `outer`: packages inside of it are read as well, but none inside of those.
fn read_within(bytes: &[u8], left: &mut Left, outer: bool, wanted: &dyn Fn() -> bool) -> Result<Vec<FlowFile>> {
    let mut package = Package::open(bytes, left.bytes, wanted)?;
    let mut flows = Vec::new();
    let mut first_fault = None;
    let mut manifest = None;
    let mut customizations = String::new();
    for index in 0..package.archive.len() {
        let name = package.archive.by_index_raw(index).map_err(broken)?.name().map_err(broken)?.into_owned();
        let name = path(&name)?;
        if outer && is_package(&name) {
            let inner = package.unpack(index, &name)?;
            left.bytes = package.left;
            match read_within(&inner, left, false, wanted) {
                Ok(found) => flows.extend(found.into_iter().map(|flow| inside(&name, flow))),
                Err(fault) if fault.code == LIMIT => return Err(fault),
                Err(fault) => {
                    first_fault.get_or_insert(fault);
                }
            }
            package.left = left.bytes;
            continue;
        }
        let Some(part) = part(&name) else { continue };
        let text = package.unpack(index, &name)?;
        if part == Part::Customizations {
            customizations = String::from_utf8_lossy(&text).into_owned();
            continue;
        }
        let document = match parse(&text, Some(&name)) {
            Ok(document) => document,
            Err(fault) => {
                first_fault.get_or_insert(fault);
                continue;
            }
        };
        if part == Part::Manifest {
            manifest = manifest.or(Some(document));
            continue;
        }
        left.heap = left.heap.checked_sub(document.heap_bytes()).ok_or_else(|| {
            too_large(format!("its flows would take more than {} MiB of memory", HEAP_BYTES_MAX >> 20))
        })?;
        match read_document(&document, Some(&name), TEXTS_MAX) {
            Ok(mut found) => {
                for flow in &mut found {
                    flow.profile = Profile::PowerAutomate;
                }
                flows.extend(found);
            }
            Err(fault) => {
                first_fault.get_or_insert(Box::new(fault));
            }
        }
    }
    left.bytes = package.left;
    let names = display_names(&customizations);
    for flow in flows.iter_mut().filter(|flow| flow.name.is_none()) {
        let Some(entry) = flow.entry.as_deref().filter(|entry| entry.to_ascii_lowercase().contains("workflows/"))
        else {
            continue;
        };
        let file = entry.rsplit('/').next().unwrap_or(entry);
        flow.name = Some(names.get(file).cloned().unwrap_or_else(|| solution_name(entry)));
    }
    if let [flow] = &mut flows[..]
        && flow.name.is_none()
    {
        let name =
            manifest.as_ref().and_then(|manifest| manifest.pointer("/details/displayName")).and_then(Value::as_str);
        flow.name = name.map(ToOwned::to_owned);
    }
    if flows.is_empty() {
        return Err(first_fault
            .unwrap_or_else(|| Box::new(refused("package_empty", "There is no flow in the package.", FORMS))));
    }
    Ok(flows)
}

/// Whether an entry is a package by itself.
fn is_package(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(".zip")
}

/// A flow of a package inside of another file.
fn inside(package: &str, mut flow: FlowFile) -> FlowFile {
    flow.entry = Some(flow.entry.map_or_else(|| package.to_owned(), |entry| format!("{package}/{entry}")));
    flow
}

/// The titles that a solution's list of flows gives to files, by the file's name:
/// `<Workflow Name="…">…<JsonFileName>/Workflows/….json<`.
fn display_names(customizations: &str) -> BTreeMap<&str, String> {
    let mut names = BTreeMap::new();
    for part in customizations.split("<Workflow ").skip(1) {
        let Some((path, _)) = part.split_once("<JsonFileName>").and_then(|(_, rest)| rest.split_once('<')) else {
            continue;
        };
        let Some((attributes, _)) = part.split_once('>') else { continue };
        let Some(at) = attributes.strip_prefix("Name=\"").or_else(|| Some(attributes.split_once(" Name=\"")?.1)) else {
            continue;
        };
        let Some((name, _)) = at.split_once('"') else { continue };
        let plain = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")]
            .into_iter()
            .fold(name.to_owned(), |text, (mark, plain)| text.replace(mark, plain));
        if !plain.trim().is_empty() {
            let file = path.trim().rsplit(['/', '\\']).next().unwrap_or_default();
            names.entry(file).or_insert(plain);
        }
    }
    names
}

/// `Name` of `Workflows/Name-<guid>.json`.
fn solution_name(entry: &str) -> String {
    let file = entry.rsplit('/').next().unwrap_or(entry).trim_end_matches(".json");
    let is_guid = |text: &str| text.len() == 36 && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    match file.len().checked_sub(37).and_then(|at| Some((file.get(..at)?, file.get(at + 1..)?))) {
        Some((name, guid)) if is_guid(guid) => name.to_owned(),
        _ => file.to_owned(),
    }
}
