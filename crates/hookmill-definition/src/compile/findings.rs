//! The findings of one definition, bounded in number and in length.

use hookmill_model::{Diagnostic, Pointer, Severity};

/// Further findings are not listed.
const FINDINGS_MAX: usize = 1_000;
/// Further warnings are not listed, so that there is room for errors.
const WARNINGS_MAX: usize = 500;
/// Findings are listed until they have so many bytes together.
const BYTES_MAX: usize = 1_024 * 1_024;
/// Longer messages and hints are cut.
const MESSAGE_CHARS_MAX: usize = 2_000;
/// From so many findings on nothing is suggested.
const MANY: usize = 100;

#[derive(Default)]
pub(super) struct Findings {
    listed: Vec<Diagnostic>,
    bytes: usize,
    errors: usize,
    /// What is found now is no reason to refuse the definition: errors become warnings.
    pub only_warn: bool,
}

impl Findings {
    pub fn push(&mut self, mut finding: Diagnostic) {
        if self.only_warn {
            finding.severity = Severity::Warning;
        }
        let is_error = finding.severity == Severity::Error;
        self.errors += usize::from(is_error);
        if self.is_full() || !is_error && self.listed.len() >= WARNINGS_MAX {
            return;
        }
        cut(&mut finding.message);
        if let Some(hint) = &mut finding.hint {
            cut(hint);
        }
        self.bytes += finding.message.len() + finding.pointer.as_str().len();
        // The same finding about the same place is made twice where two parts read it.
        if self.listed.last() != Some(&finding) {
            self.listed.push(finding);
        }
    }

    fn is_full(&self) -> bool {
        self.listed.len() >= FINDINGS_MAX || self.bytes > BYTES_MAX
    }

    /// Whether looking further is in vain: the definition cannot be used, and nothing more would be listed.
    pub fn end(&self) -> bool {
        self.errors > 0 && self.is_full()
    }

    pub fn are_many(&self) -> bool {
        self.listed.len() >= MANY
    }

    /// The list, with a note where it is not whole; and whether nothing in it is an error.
    pub fn into_list(mut self) -> (Vec<Diagnostic>, bool) {
        if self.is_full() || self.listed.len() >= WARNINGS_MAX {
            let message =
                format!("The list of findings ends after the first {}; there may be more.", self.listed.len());
            let note = Diagnostic::warning("limit_findings", Pointer::root(), message)
                .with_hint("Mend these first, then check again.");
            self.listed.push(note);
        }
        (self.listed, self.errors == 0)
    }
}

fn cut(text: &mut String) {
    if text.len() > MESSAGE_CHARS_MAX
        && let Some((end, _)) = text.char_indices().nth(MESSAGE_CHARS_MAX)
    {
        text.truncate(end);
        text.push('…');
    }
}
